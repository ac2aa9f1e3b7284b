// SPDX-License-Identifier: Apache-2.0
#include "observe/text.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(ObserveText, KnowsWellFormedCharactersFromOthers) {
  EXPECT_EQ(utf8_character_bytes(""), 0U);
  EXPECT_EQ(utf8_character_bytes("a"), 1U);
  EXPECT_EQ(utf8_character_bytes("\xc3\xa9"), 2U);
  EXPECT_EQ(utf8_character_bytes("\xe2\x82\xac"), 3U);
  EXPECT_EQ(utf8_character_bytes("\xf0\x9f\x98\x80"), 4U);
  for (const std::string_view broken :
       {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xe2\x82",
        "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xf0\x9f\x98"}) {
    EXPECT_EQ(utf8_character_bytes(broken), 0U);
  }
}

std::string well_formed(std::string_view text, std::size_t bytes_max) {
  std::string out;
  append_well_formed(out, text, bytes_max);
  return out;
}

TEST(ObserveText, ReplacesWhatIsNotText) {
  EXPECT_EQ(well_formed("a\xff\xc3\xa9\xc3", 100), "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd");
}

TEST(ObserveText, CutsBetweenCharacters) {
  EXPECT_EQ(well_formed("ab\xc3\xa9", 3), "ab");
  EXPECT_EQ(well_formed("ab\xc3\xa9", 4), "ab\xc3\xa9");
  EXPECT_EQ(well_formed("ab", 0), "");
}

TEST(ObserveText, EscapesWhatJsonForbids) {
  std::string out;
  EXPECT_TRUE(append_json_escaped(out, std::string_view("q\"b\\n\nr\rt\tz\0e\x1b\x7f", 15), 100));
  EXPECT_EQ(out, R"(q\"b\\n\nr\rt\tz\u0000e\u001b\u007f)");
}

TEST(ObserveText, NeverCutsAnEscapeInHalf) {
  for (std::size_t room = 0; room <= 6; ++room) {
    std::string out;
    EXPECT_EQ(append_json_escaped(out, std::string_view("\x01", 1), room), room >= 6);
    EXPECT_EQ(out, room >= 6 ? "\\u0001" : "");
  }
}

}  // namespace
}  // namespace sluice
