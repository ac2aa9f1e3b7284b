// SPDX-License-Identifier: Apache-2.0
#pragma once
// HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869).
//
// Knows nothing of key rings or purposes: `seal.h` does. Pure functions; any thread.

#include <cstddef>
#include <string>

#include "base/bytes.h"
#include "crypto/digest.h"

namespace sluice {

[[nodiscard]] Digest hmac_sha256(Bytes key, Bytes message);

// RFC 5869 section 2.2: a uniform key from key material that may be longer or less even.
[[nodiscard]] Digest hkdf_extract(Bytes salt, Bytes key_material);

// RFC 5869 section 2.3: `size` bytes (at most 255 * 32) bound to `info`, from a uniform key.
[[nodiscard]] std::string hkdf_expand(Bytes key, Bytes info, std::size_t size);

}  // namespace sluice
