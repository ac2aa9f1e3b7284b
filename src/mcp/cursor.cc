// SPDX-License-Identifier: Apache-2.0
#include "mcp/cursor.h"

#include <utility>

#include "codec/base64.h"
#include "codec/jsonrpc.h"
#include "mcp/session_id.h"

namespace sluice {

namespace {

// Everything of fixed length first, so that no two scopes read the same.
std::string purpose_of(const CursorScope& scope) {
  std::string purpose = "mcp cursor\n";
  const Digest owner = principal_digest(scope.principal);
  purpose.append(digest_view(owner));
  for (int shift = 56; shift >= 0; shift -= 8)
    purpose.push_back(static_cast<char>((scope.generation >> shift) & 0xff));
  return purpose.append(scope.list);
}

Error invalid() {
  return protocol_error(rpc::invalid_params,
                        "Invalid params: the cursor is invalid; start the list over without one");
}

}  // namespace

Cursors::Cursors(Sealer sealer, const McpLimits& limits)
    : sealer_(std::move(sealer)), bytes_max_(limits.cursor_bytes_max) {}

Result<std::string> Cursors::seal(const CursorScope& scope, Bytes payload) {
  std::string cursor = base64url_encode(sealer_.seal(purpose_of(scope), payload));
  if (cursor.size() > bytes_max_)
    return Error(Errc::too_large, "a cursor would be longer than " + std::to_string(bytes_max_) + " bytes");
  return cursor;
}

Result<std::optional<std::string>> Cursors::open(const CursorScope& scope, Bytes cursor) {
  if (cursor.empty()) return std::optional<std::string>();
  if (cursor.size() > bytes_max_) return invalid();
  const auto sealed = base64url_decode(cursor);
  if (!sealed) return invalid();
  auto opened = sealer_.open(purpose_of(scope), *sealed);
  if (!opened) return invalid();
  return std::optional<std::string>(std::move(opened->plaintext));
}

}  // namespace sluice
