// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a modern client (2026-07-28) says, in the words of a legacy server, and back: text in, text out.
//
// Messages are spliced: what is not named here stays byte for byte. Envelopes come from texts with padding
// behind them (ClientMessage). Knows no session, no call and no timer; who asks keeps the tables of ids,
// tokens and states. Pure, any thread. Spec: 2025-11-25 and 2026-07-28 of every message; ledger D2.

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/json_scan.h"
#include "mcp/capabilities.h"
#include "mcp/revision.h"

namespace sluice {

// ---- Towards the upstream

// `initialize` with an offer of that revision. A client info that a legacy server might refuse is replaced by
// ours.
[[nodiscard]] std::string legacy_initialize(Bytes id, const ClientCapabilities& capabilities,
                                            Bytes client_info_json, Revision offer = latest_legacy);

// The request under another id, without what only the modern revision knows. Its progress token, if it has
// one, becomes the id, which no other request of the session has. `as_task`: a tools/call that is to become a
// task of 2025-11-25; what the client wrote about tasks is not what we say.
[[nodiscard]] std::string legacy_request(const Envelope& request, Bytes id, bool as_task = false);

// ---- The handshake's answer

struct LegacyServer {
  Revision revision = latest_legacy;
  std::string server_info;      // JSON text, `{}` when it told none
  std::string discover_result;  // for server/discover, JSON text
  bool tools = false;
  bool tools_changed = false;
  bool prompts_changed = false;
  bool resources_changed = false;
  bool subscribe = false;
  bool logging = false;
  bool tasks = false;  // it takes calls of tools as tasks
};
// An error, with a sentence, when it is no result of a revision we speak.
[[nodiscard]] Result<LegacyServer> read_legacy_server(const Envelope& response);

// ---- Back to the client

// Who asked for what, and who answers.
struct ModernReply {
  Bytes id;           // raw, of the client's request
  Bytes method;       // of the request
  Bytes uri;          // of the request, for resources that were not found
  Bytes server_info;  // JSON text
};
// A legacy response, result or error, as the modern answer. An error when it is neither.
[[nodiscard]] Result<std::string> modern_response(const Envelope& response, const ModernReply& reply);
// The code of an error response, 0 for other messages.
[[nodiscard]] int error_code(const Envelope& response);
// An error response as an Error of kind protocol, with its data.
[[nodiscard]] Error error_of(const Envelope& response);

// ---- Questions

struct InputQuestion {
  std::string key;
  std::string request;  // `{"method":…,"params":…}`
};
// A legacy server's question as one of `inputRequests`.
[[nodiscard]] std::string input_request(const Envelope& ask);
// Those of error -32042, without their ids; none when it names none.
[[nodiscard]] std::vector<InputQuestion> url_input_requests(const Envelope& error);
[[nodiscard]] std::string input_required_response(const ModernReply& reply,
                                                  const std::vector<InputQuestion>& requests, Bytes state);
// The members of `inputResponses`, by key; their JSON text answers a legacy question as it is. None when it
// is absent; -32602 when it is no object of objects.
[[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> read_input_responses(
    const Envelope& request);

// ---- Notifications

// Progress under another token, raw.
[[nodiscard]] std::string with_progress_token(const Envelope& progress, Bytes token);
// Nothing when it has no number.
[[nodiscard]] std::optional<double> progress_value(const Envelope& progress);
// How urgent a level is, 0 for debug to 7; nothing for what is none. `raw` is JSON text.
[[nodiscard]] std::optional<std::size_t> log_level_rank(Bytes raw);

// ---- Subscriptions

struct ListenFilter {
  bool tools = false;
  bool prompts = false;
  bool resources = false;
  std::vector<std::string> uris;
  std::vector<std::string> task_ids;  // of the tasks extension
};
// -32602 when `notifications` is missing or of a wrong shape.
[[nodiscard]] Result<ListenFilter> read_listen_filter(const Envelope& request);
// As its request and its acknowledgement say it: the object `notifications`.
[[nodiscard]] std::string listen_filter_json(const ListenFilter& filter);
// The first message of a subscription: what of it is honoured.
[[nodiscard]] std::string listen_acknowledged(const ListenFilter& honoured, Bytes subscription_id);
// A notification of the upstream for that subscription.
[[nodiscard]] std::string with_subscription_id(const Envelope& notification, Bytes subscription_id);
// Its last message.
[[nodiscard]] std::string listen_response(Bytes subscription_id);
// Is this resource the one subscribed to, or a part of it?
[[nodiscard]] bool is_within(Bytes uri, Bytes subscribed);

}  // namespace sluice
