// SPDX-License-Identifier: Apache-2.0
#pragma once
// Base64, standard and URL alphabets, RFC 4648.
//
// Decoding is strict: no blanks or line ends, padding exactly as asked, and the bits left over in the last
// character must be zero (RFC 4648 3.5), so that every byte string has one spelling only and a signed or
// compared text cannot be varied. Knows nothing of what is encoded. Pure functions, any thread.

#include <optional>
#include <string>

#include "base/bytes.h"

namespace sluice {

// With "+" and "/", padded with "=" to a multiple of four characters.
[[nodiscard]] std::string base64_encode(Bytes bytes);
[[nodiscard]] std::optional<std::string> base64_decode(Bytes text);

// With "-" and "_", never padded: the form of JOSE (RFC 7515) and of our own tokens.
[[nodiscard]] std::string base64url_encode(Bytes bytes);
[[nodiscard]] std::optional<std::string> base64url_decode(Bytes text);

}  // namespace sluice
