// SPDX-License-Identifier: Apache-2.0
#pragma once
// Request states: what a modern server gives away with `input_required` and gets back, unread and unchanged,
// with the retry.
//
// A state is sealed for one purpose, one principal and one request: method, name or uri, and the arguments in
// canonical form (RFC 8785); `_meta`, inputResponses and requestState do not count, as a retry changes them.
// It expires, and it is bounded in size. Who tampers, comes late, is somebody else or asks for something else
// gets an error, never a silent re-run. Time is an argument. One thread (the sealer's). Spec: 2026-07-28
// basic/patterns/mrtr; ledger C7, D6.7.

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/time.h"
#include "codec/json.h"
#include "codec/json_scan.h"
#include "crypto/digest.h"
#include "crypto/seal.h"
#include "mcp/principal.h"

namespace sluice {

// What a state is bound to.
struct StateScope {
  std::string_view purpose;  // a short constant: "ask", "park"
  Principal principal;
  Digest request{};  // from request_digest()
};

// Absent arguments count as an empty object.
[[nodiscard]] Digest request_digest(std::string_view method, std::string_view name_or_uri,
                                    const Json& arguments);
// The same from a scanned request; an error when its arguments cannot be read.
[[nodiscard]] Result<Digest> request_digest(const Envelope& envelope);

class RequestStates {
 public:
  RequestStates(Sealer sealer, const McpLimits& limits);

  // Errc::too_large, with a sentence that names the cap, when the text would exceed it.
  [[nodiscard]] Result<std::string> seal(const StateScope& scope, Bytes payload, WallTime now);
  // The payload. An error is a protocol error -32602 for the peer; expired ones say so.
  [[nodiscard]] Result<std::string> open(const StateScope& scope, Bytes state, WallTime now);

 private:
  Sealer sealer_;
  std::size_t bytes_max_;
  milliseconds age_max_;
};

}  // namespace sluice
