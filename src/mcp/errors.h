// SPDX-License-Identifier: Apache-2.0
#pragma once
// What peers are told when Sluice itself refuses: one constructor for each refusal, one place that writes
// them.
//
// A refusal carries the JSON-RPC error and the HTTP status that goes with it where the front is HTTP and
// nothing has been sent yet; lines ignore the status. Errors of handlers and upstreams are not refusals: they
// stay in-band. Knows no transport. Pure, any thread. Spec: basic/transports of each revision; ledger C1, C2,
// M7.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/json_scan.h"
#include "mcp/exchange.h"
#include "mcp/revision.h"

namespace sluice {

struct Refusal {
  int http_status = 400;
  int code = 0;           // JSON-RPC
  std::string message;    // one sentence for people
  std::string data_json;  // JSON text, or empty
};

inline constexpr std::size_t refusal_message_bytes_max = 2 * 1024;
inline constexpr std::size_t refusal_data_bytes_max = 64 * 1024;

namespace refusals {

// Bodies.
[[nodiscard]] Refusal from_scan(const ScanResult& scan);           // -32700, -32600 or -32602, all 400
[[nodiscard]] Refusal invalid_request(std::string_view sentence);  // -32600, 400
[[nodiscard]] Refusal message_too_large(std::size_t bytes_max);    // -32600, 413
// -32601: 404 in the modern era, in-band in the legacy one.
[[nodiscard]] Refusal method_not_found(std::string_view method, Era era);
[[nodiscard]] Refusal invalid_params(std::string_view sentence,
                                     std::string_view data = {});  // -32602, in-band
[[nodiscard]] Refusal malformed_meta(
    std::string_view sentence);  // -32602, 400: the modern envelope is incomplete
// -32002 to a legacy client, -32602 to a modern one; both carry data.uri.
[[nodiscard]] Refusal resource_not_found(std::string_view uri, Era era);

// Modern headers, versions, capabilities; all 400.
[[nodiscard]] Refusal header_mismatch(std::string_view sentence);  // -32020
// -32021; `required` is the text of a ClientCapabilities object.
[[nodiscard]] Refusal missing_capability(std::string_view required);
[[nodiscard]] Refusal unsupported_version(std::span<const Revision> supported,
                                          std::string_view requested);  // -32022

// Legacy sessions.
[[nodiscard]] Refusal session_missing();                    // 400
[[nodiscard]] Refusal session_unknown();                    // 404: the client starts again with initialize
[[nodiscard]] Refusal not_initialized();                    // 400
[[nodiscard]] Refusal already_initialized();                // 400
[[nodiscard]] Refusal duplicate_id();                       // 400
[[nodiscard]] Refusal too_many_in_flight(std::size_t max);  // 429
[[nodiscard]] Refusal batch_not_allowed(std::string_view sentence);            // 400
[[nodiscard]] Refusal unsupported_legacy_version(std::string_view requested);  // 400

// HTTP itself.
[[nodiscard]] Refusal origin_forbidden();         // 403
[[nodiscard]] Refusal http_method_not_allowed();  // 405
[[nodiscard]] Refusal not_acceptable();           // 406
[[nodiscard]] Refusal unsupported_media_type();   // 415

// Operating failures.
[[nodiscard]] Refusal internal_error(std::string_view sentence);  // -32603, 500
[[nodiscard]] Refusal overloaded(
    std::string_view sentence);                    // -32603, 503: a budget or a table is full; retry later
[[nodiscard]] Refusal shutting_down();             // -32603, 503
[[nodiscard]] Refusal timed_out(Outcome outcome);  // -32603, 504; data says what is known of the call
// The upstream went away under the call. data.outcome says whether it may have run; data.retryable is true
// only when it surely did not.
[[nodiscard]] Refusal upstream_lost(Outcome outcome);  // -32603, 502

}  // namespace refusals

[[nodiscard]] std::string_view outcome_text(Outcome outcome);

// Is this an error we may send (M7)? A code other than 0, a message that is one line of UTF-8
// within the bound, data that is absent or one JSON value within its bound.
[[nodiscard]] Status validate(const Refusal& refusal);

// The JSON-RPC error response as one line without its end. What validate() would object to is repaired: the
// message is cut and its control characters become blanks, data that is no JSON is left out, a code out of
// range becomes -32603. `id_raw` is JSON text; empty says null.
[[nodiscard]] std::string render(const Refusal& refusal, Bytes id_raw);

}  // namespace sluice
