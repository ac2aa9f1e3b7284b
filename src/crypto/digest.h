// SPDX-License-Identifier: Apache-2.0
#pragma once
// SHA-256 (FIPS 180-4) and the comparison that leaks nothing.
//
// Knows nothing of what is hashed or why. Pure functions; any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace sluice {

inline constexpr std::size_t digest_bytes = 32;
using Digest = std::array<std::uint8_t, digest_bytes>;

[[nodiscard]] Digest sha256(Bytes bytes);

// The digest as a borrowed run of bytes; valid as long as `digest` is.
[[nodiscard]] inline Bytes digest_view(const Digest& digest) {
  return Bytes(reinterpret_cast<const char*>(digest.data()), digest.size());
}
Bytes digest_view(Digest&& digest) = delete;

// 64 lower-case hexadecimal digits.
[[nodiscard]] std::string digest_hex(const Digest& digest);

// Compares in a time that depends on the lengths only. Runs of different lengths differ.
[[nodiscard]] bool constant_time_equal(Bytes a, Bytes b);

}  // namespace sluice
