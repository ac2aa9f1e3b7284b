// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a legacy client says, as a modern server gets it: its introduction laid on every request, and its
// answers to questions as the retry of the request that asked.
//
// Texts are spliced, so that numbers, blanks and the order of members stay the client's. The other direction
// is modern_results.h. Knows no session and no exchange. Pure, any thread. Spec: 2026-07-28 basic/lifecycle
// and basic/patterns/mrtr; ledger D1.

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/json_scan.h"
#include "mcp/capabilities.h"
#include "mcp/revision.h"

namespace sluice {

// What a legacy client said of itself in `initialize` and logging/setLevel.
struct Introduction {
  Revision revision = latest_legacy;  // as we answer it
  ClientCapabilities capabilities;
  std::string capabilities_json;  // for the modern era
  std::string info_json;          // clientInfo as it was sent; empty when it sent none
  std::string log_level_json;     // with its quotes; empty when none was set
};

// Errc::invalid, with a sentence for the client, when its capabilities break their schema.
[[nodiscard]] Result<Introduction> read_introduction(const Envelope& initialize);

// What a retry adds to the request; JSON texts, empty for none.
struct RetryParts {
  std::string input_responses;
  std::string request_state;
};

// The client's request under another id, with the envelope of the modern era. Its own keys of `_meta` stay,
// those of the protocol are ours; what the modern era has not (`task`) is left out.
[[nodiscard]] std::string to_modern_request(const Envelope& request, Bytes id, const Introduction& who,
                                            const RetryParts& retry = {});

// A request of our own in that client's name; `members` are JSON members of params, such as `"cursor":"x"`.
[[nodiscard]] std::string make_modern_request(Bytes id, Bytes method, const Introduction& who,
                                              Bytes members = {});

// The client's result of a question, as a value of inputResponses: without `_meta`, which has no place there.
[[nodiscard]] std::string to_input_response(const Envelope& answer);

}  // namespace sluice
