// SPDX-License-Identifier: Apache-2.0
#include "crypto/hmac.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace sluice {
namespace {

// The bytes first, first + 1, ... (count of them).
std::string counting(unsigned first, std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<char>(first + i));
  return bytes;
}

std::string hex(Bytes bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    text.push_back(digits[byte >> 4]);
    text.push_back(digits[byte & 15]);
  }
  return text;
}

void check_hmac(Bytes key, Bytes message, std::string_view expected) {
  EXPECT_EQ(digest_hex(hmac_sha256(key, message)).substr(0, expected.size()), expected);
}

TEST(Hmac, MatchesTheVectorsOfRfc4231) {
  check_hmac(std::string(20, '\x0b'), "Hi There",
             "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  check_hmac("Jefe", "what do ya want for nothing?",
             "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  check_hmac(std::string(20, '\xaa'), std::string(50, '\xdd'),
             "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  check_hmac(counting(1, 25), std::string(50, '\xcd'),
             "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
  check_hmac(std::string(20, '\x0c'), "Test With Truncation", "a3b6167473100ee06e0c796c2955552b");
  check_hmac(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
             "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  check_hmac(
      std::string(131, '\xaa'),
      "This is a test using a larger than block-size key and a larger than block-size data. The key needs "
      "to be hashed before being used by the HMAC algorithm.",
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

TEST(Hmac, TakesAnEmptyKeyAndMessageAfterAnotherKey) {
  check_hmac("another key", "x", "");
  check_hmac("", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

void check_hkdf(Bytes material, Bytes salt, Bytes info, std::string_view extracted,
                std::string_view expanded) {
  const Digest key = hkdf_extract(salt, material);
  EXPECT_EQ(digest_hex(key), extracted);
  EXPECT_EQ(hex(hkdf_expand(digest_view(key), info, expanded.size() / 2)), expanded);
}

TEST(Hkdf, MatchesTheVectorsOfRfc5869) {
  check_hkdf(std::string(22, '\x0b'), counting(0, 13), counting(0xf0, 10),
             "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
             "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  check_hkdf(
      counting(0, 80), counting(0x60, 80), counting(0xb0, 80),
      "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da32"
      "75600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
  check_hkdf(std::string(22, '\x0b'), "", "",
             "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
             "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(Hkdf, GivesAsManyBytesAsAskedFor) {
  const std::string longest = hkdf_expand("key", "info", 255 * digest_bytes);
  EXPECT_EQ(longest.size(), 255 * digest_bytes);
  for (const std::size_t size : {0U, 1U, 31U, 32U, 33U, 64U}) {
    EXPECT_EQ(hkdf_expand("key", "info", size), longest.substr(0, size));
  }
}

}  // namespace
}  // namespace sluice
