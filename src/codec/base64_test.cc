// SPDX-License-Identifier: Apache-2.0
#include "codec/base64.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice {
namespace {

TEST(Base64, EncodesAndDecodesTheVectorsOfRfc4648) {
  const std::vector<std::pair<Bytes, Bytes>> vectors = {{"", ""},
                                                        {"f", "Zg=="},
                                                        {"fo", "Zm8="},
                                                        {"foo", "Zm9v"},
                                                        {"foob", "Zm9vYg=="},
                                                        {"fooba", "Zm9vYmE="},
                                                        {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(base64_encode(plain), coded);
    EXPECT_EQ(base64_decode(coded), std::string(plain));
    const Bytes unpadded = coded.substr(0, coded.find('='));
    EXPECT_EQ(base64url_encode(plain), unpadded);
    EXPECT_EQ(base64url_decode(unpadded), std::string(plain));
  }
}

TEST(Base64, RefusesEverySecondSpelling) {
  for (const Bytes text : {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm8", "Z", "====", "=", "Zg==Zg==", "Zm 8=",
                           "Zm8=\n", "\nZm8=", "Zm-_", "Zm8=AAAA", "Z===", "Zm9v====", "Zm9vYg=A"})
    EXPECT_FALSE(base64_decode(text)) << text;
  for (const Bytes text : {"Zg==", "Zm8=", "Z", "Zh", "Zm9", "Zm+/", "Zm 8", "Zm8\r\n", "ZmZmZ"})
    EXPECT_FALSE(base64url_decode(text)) << text;
}

TEST(Base64, ComesBackForAllLengthsAndBytes) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
    EXPECT_EQ(base64url_decode(base64url_encode(bytes)), bytes);
    bytes.push_back(static_cast<char>(i * 37));
  }
  EXPECT_EQ(base64_encode("\xFB\xFF\xFE"), "+//+");
  EXPECT_EQ(base64url_encode("\xFB\xFF\xFE"), "-__-");
}

}  // namespace
}  // namespace sluice
