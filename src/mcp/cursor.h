// SPDX-License-Identifier: Apache-2.0
#pragma once
// Cursors: opaque sealed text that says where the next page of a list begins.
//
// A cursor belongs to one list, one principal and one generation of that list: when the list changed, the
// cursor is invalid and the client starts over. What is inside is the caller's (an index; an upstream and its
// own cursor). Whether a list has a next page is said by the presence of a cursor, never by its being empty:
// the payload may be "". The empty cursor is valid too; we never mint it, and it means the first page. One
// thread (the sealer's). Ledger M9, D5.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "crypto/seal.h"
#include "mcp/principal.h"

namespace sluice {

// What a cursor is bound to.
struct CursorScope {
  std::string_view list;  // the method, and the route where there are several
  Principal principal;
  std::uint64_t generation = 0;  // of the list
};

class Cursors {
 public:
  Cursors(Sealer sealer, const McpLimits& limits);

  // Errc::too_large when the cursor would be longer than any we accept.
  [[nodiscard]] Result<std::string> seal(const CursorScope& scope, Bytes payload);
  // The payload, nothing for the first page. An error is a protocol error -32602 for the peer.
  [[nodiscard]] Result<std::optional<std::string>> open(const CursorScope& scope, Bytes cursor);

 private:
  Sealer sealer_;
  std::size_t bytes_max_;
};

}  // namespace sluice
