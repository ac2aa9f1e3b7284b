// SPDX-License-Identifier: Apache-2.0
#include "codec/utf8.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/feed.h"

namespace sluice {
namespace {

using test::Cuts;

// The verdict of the incremental validator, the same for every split.
bool valid_in_pieces(Bytes text) {
  return test::feed_every_split(text, [&](const Cuts& cuts) {
    Utf8Validator validator;
    test::feed_pieces(text, cuts, [&](Bytes piece, bool) { (void)validator.feed(piece); });
    return validator.complete();
  });
}

TEST(Utf8, TakesTheEdgesOfEveryLength) {
  for (const Bytes text : {"", "plain ASCII, longer than a word", "\x7F", "\xC2\x80", "\xDF\xBF",
                           "\xE0\xA0\x80", "\xEC\xBF\xBF", "\xED\x80\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF3\xBF\xBF\xBF", "\xF4\x8F\xBF\xBF",
                           "seven.. \xC3\xA9 and \xE2\x82\xAC and \xF0\x9F\x98\x80 behind ASCII"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
    EXPECT_TRUE(valid_in_pieces(text)) << text;
    EXPECT_EQ(utf8_valid_prefix(text), text.size());
  }
}

TEST(Utf8, RefusesOverlongsSurrogatesAndWhatIsOutOfRange) {
  for (const Bytes text : {"\x80",
                           "\xBF",
                           "\xC0\x80",
                           "\xC1\xBF",
                           "\xC2",
                           "\xC2\x41",
                           "\xC2\xC2",
                           "\xE0\x80\x80",
                           "\xE0\x9F\xBF",
                           "\xED\xA0\x80",
                           "\xED\xBF\xBF",
                           "\xE2\x82",
                           "\xF0\x80\x80\x80",
                           "\xF0\x8F\xBF\xBF",
                           "\xF4\x90\x80\x80",
                           "\xF5\x80\x80\x80",
                           "\xFE",
                           "\xFF",
                           "\xF0\x9F\x98",
                           "ASCII before it, more than eight \xC0\xAF"}) {
    EXPECT_FALSE(is_utf8(text)) << text;
    EXPECT_FALSE(valid_in_pieces(text)) << text;
    EXPECT_LT(utf8_valid_prefix(text), text.size());
  }
}

TEST(Utf8, FailsAtTheFirstByteThatCannotContinue) {
  Utf8Validator validator;
  EXPECT_TRUE(validator.feed("\xED"));
  EXPECT_FALSE(validator.complete());
  EXPECT_FALSE(validator.feed("\xA0"));
  EXPECT_FALSE(validator.feed("fine"));
  validator.reset();
  EXPECT_TRUE(validator.feed("fine"));
  EXPECT_EQ(utf8_valid_prefix("ab\xE2\x82"), 2U);
  EXPECT_EQ(utf8_valid_prefix("ab\xE2\x82\xACz\xFF"), 6U);
}

TEST(Utf8, AgreesWithTheDefinitionOnAllTwoAndThreeByteTexts) {
  // RFC 3629 section 3, the slow way: decode, then look whether the number needed that many bytes.
  const auto defined = [](unsigned a, unsigned b, unsigned c) {
    if (a >= 0x80)
      return a >= 0xC0 && a < 0xE0 && b >> 6 == 2 && ((a & 31) << 6 | (b & 63)) >= 0x80 && c < 0x80
                 ? true
                 : a >> 4 == 14 && b >> 6 == 2 && c >> 6 == 2 &&
                       ((a & 15) << 12 | (b & 63) << 6 | (c & 63)) >= 0x800 &&
                       ((a & 15) << 1 | (b & 63) >> 5) != 27;
    if (b < 0x80) return c < 0x80;
    return b >= 0xC0 && b < 0xE0 && c >> 6 == 2 && ((b & 31) << 6 | (c & 63)) >= 0x80;
  };
  int wrong = 0;
  for (unsigned i = 0; i < 1U << 24; i += 3) {  // Every third: prime to 256, so all bytes meet.
    const char text[] = {static_cast<char>(i >> 16), static_cast<char>(i >> 8), static_cast<char>(i)};
    wrong += is_utf8(Bytes(text, 3)) != defined(i >> 16, i >> 8 & 255, i & 255) ? 1 : 0;
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace sluice
