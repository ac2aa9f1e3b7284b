// SPDX-License-Identifier: Apache-2.0
#pragma once
// Session ids: opaque sealed text that names a session's shard and belongs to one principal.
//
// Visible ASCII (base64url), 142 bytes, far below the bound of 512. Inside: format 1, shard, issue time, 16
// random bytes and the digest of the principal. An id says where a session would live, never that it does,
// and is no credential: with another principal it is simply not found. Draws no entropy. One thread (the
// sealer's). Spec: 2025-03-26 to 2025-11-25 basic/transports, session management;
// basic/security_best_practices, session hijacking.

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/digest.h"
#include "crypto/seal.h"
#include "mcp/principal.h"

namespace sluice {

inline constexpr std::size_t session_random_bytes = 16;
using SessionRandom = std::array<std::uint8_t, session_random_bytes>;

struct SessionIdParts {
  std::uint8_t shard = 0;
  SessionRandom random{};
  WallTime issued{};
};

class SessionIds {
 public:
  explicit SessionIds(Sealer sealer) : sealer_(std::move(sealer)) {}

  // `random` is fresh entropy.
  [[nodiscard]] std::string mint(std::uint8_t shard, const SessionRandom& random, const Principal& principal,
                                 WallTime now);
  // Errc::not_found, with one message for all, when it is no id of ours or not this principal's.
  [[nodiscard]] Result<SessionIdParts> open(Bytes id, const Principal& principal);

 private:
  Sealer sealer_;
};

// A digest that two principals share only if they are the same; domain-separated from other uses.
[[nodiscard]] Digest principal_digest(const Principal& principal);

}  // namespace sluice
