// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a modern server says, as a legacy client gets it: results in the shapes of its revision, questions as
// requests of their own, errors under the codes it knows.
//
// Texts are spliced; what a revision cannot express becomes text or is left out. The other direction is
// to_modern.h. Knows no session and no exchange. Pure, any thread. Spec: ledger A (field deltas), D1.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/json_scan.h"
#include "mcp/capabilities.h"
#include "mcp/errors.h"
#include "mcp/revision.h"

namespace sluice {

// Of a server's capabilities, what somebody has to act upon.
struct ServerOffer {
  bool logging = false;
  bool subscribe = false;  // to resources
  bool tools_changed = false;
  bool prompts_changed = false;
  bool resources_changed = false;
  bool tasks = false;  // the extension, shown to clients of 2025-11-25 as the tasks that they know
};

// The answer to `initialize` made of the one to server/discover.
struct Welcome {
  ServerOffer offer;
  std::string result_json;
};
// `name` stands in where the server did not say who it is. An error when the server does not speak our modern
// revision, or the response is none.
[[nodiscard]] Result<Welcome> read_discovery(const Envelope& response, Revision revision,
                                             std::string_view name);

// Questions of one `input_required` result.
struct InputRequest {
  std::string key;
  std::string method;
  std::string params_json;  // empty for none
  std::string url;          // elicitation in url mode
};
struct InputRound {
  std::vector<InputRequest> requests;
  std::string request_state;  // as the server wrote it, with its quotes; empty for none
};
// An error, with a sentence, when it breaks its schema, asks more than `requests_max` at once, or asks what
// this client has not declared.
[[nodiscard]] Result<InputRound> read_input_required(const Envelope& response,
                                                     const ClientCapabilities& capabilities,
                                                     std::size_t requests_max);
// The same for what asks inside of another message: `said` is a part of `text`.
[[nodiscard]] Result<InputRound> read_input_required(Bytes text, JsonSpan said,
                                                     const ClientCapabilities& capabilities,
                                                     std::size_t requests_max);
// A question as a request to the client. `elicitation_id` is plain text, for url mode.
[[nodiscard]] std::string to_legacy_ask(const InputRequest& ask, Bytes id, Revision revision,
                                        Bytes elicitation_id);

// Whether a tool's output schema has to be wrapped for legacy clients, who want an object at its root.
[[nodiscard]] bool wraps_output(Bytes tool_text, JsonSpan tool);

// A response under the client's id. `wraps`: of a tools/call, the tool's output is wrapped; when that is not
// known, only what is no object is.
struct ResultShape {
  Bytes method;
  Revision revision = latest_legacy;
  bool wraps = false;
  bool tasks = false;  // of a tools/list: every tool may be called as a task
};
[[nodiscard]] std::string to_legacy_response(const Envelope& response, Bytes id, const ResultShape& shape);

// A tool's result that says what went wrong.
[[nodiscard]] std::string make_tool_error(Bytes id, std::string_view sentence);

// An error of the server or of the way to it, as a legacy client may get it: codes of the modern era are ours
// to answer for, and no HTTP status makes the client believe that its session is gone.
[[nodiscard]] Refusal to_legacy_refusal(Refusal refusal, Bytes method);

// A notification without what names the subscription it came by.
[[nodiscard]] std::string to_legacy_notification(const Envelope& notification);

}  // namespace sluice
