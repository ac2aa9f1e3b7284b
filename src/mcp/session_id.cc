// SPDX-License-Identifier: Apache-2.0
#include "mcp/session_id.h"

#include <algorithm>
#include <limits>

#include "base/limits.h"
#include "codec/base64.h"

namespace sluice {

namespace {

// format 1 | shard 1 | issued 8, big-endian milliseconds | random 16 | principal digest 32
constexpr char format = 1;
constexpr std::size_t issued_offset = 2;
constexpr std::size_t random_offset = issued_offset + 8;
constexpr std::size_t principal_offset = random_offset + session_random_bytes;
constexpr std::size_t plaintext_bytes = principal_offset + digest_bytes;
constexpr Bytes purpose = "mcp session id";

Error not_found() { return Error(Errc::not_found, "no such session"); }

}  // namespace

Digest principal_digest(const Principal& principal) { return sha256("sluice principal\n" + principal.name); }

std::string SessionIds::mint(std::uint8_t shard, const SessionRandom& random, const Principal& principal,
                             WallTime now) {
  std::string plain;
  plain.reserve(plaintext_bytes);
  plain.push_back(format);
  plain.push_back(static_cast<char>(shard));
  const auto issued = static_cast<std::uint64_t>(now.time_since_epoch().count());
  for (int shift = 56; shift >= 0; shift -= 8) plain.push_back(static_cast<char>((issued >> shift) & 0xff));
  plain.append(reinterpret_cast<const char*>(random.data()), random.size());
  const Digest owner = principal_digest(principal);
  plain.append(digest_view(owner));
  return base64url_encode(sealer_.seal(purpose, plain));
}

Result<SessionIdParts> SessionIds::open(Bytes id, const Principal& principal) {
  if (id.size() > McpLimits{}.session_id_bytes_max) return not_found();
  const auto sealed = base64url_decode(id);
  if (!sealed) return not_found();
  const auto opened = sealer_.open(purpose, *sealed);
  if (!opened) return not_found();
  const Bytes plain = opened->plaintext;
  if (plain.size() != plaintext_bytes || plain.front() != format) return not_found();
  const Digest owner = principal_digest(principal);
  if (!constant_time_equal(plain.substr(principal_offset), digest_view(owner))) return not_found();

  SessionIdParts parts;
  parts.shard = static_cast<std::uint8_t>(plain[1]);
  std::uint64_t issued = 0;
  for (std::size_t i = 0; i < 8; ++i)
    issued = issued << 8 | static_cast<std::uint8_t>(plain[issued_offset + i]);
  parts.issued = WallTime(WallTime::duration(static_cast<std::int64_t>(issued)));
  std::transform(plain.begin() + random_offset, plain.begin() + principal_offset, parts.random.begin(),
                 [](char c) { return static_cast<std::uint8_t>(c); });
  return parts;
}

}  // namespace sluice
