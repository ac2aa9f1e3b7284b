// SPDX-License-Identifier: Apache-2.0
#include "mcp/hidden_text.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(HiddenText, IsFoundByKind) {
  const struct {
    const char* text;
    const char* says;  // null: nothing hidden
  } cases[] = {
      {"Reads a file.\n\tAnd more, näh: 文 🙂", nullptr},
      {"", nullptr},
      {"a\u202Eb", "direction U+202E"},
      {"a\u2066b\u2069", "direction U+2066"},
      {"\u200Fa", "direction U+200F"},
      {"\u061C", "direction U+061C"},
      {"a\u200Bb", "zero_width U+200B"},
      {"a\u200Db", "zero_width U+200D"},
      {"a\u200Cb", "zero_width U+200C"},
      {"\uFEFFa", "zero_width U+FEFF"},
      {"a\u2060b", "zero_width U+2060"},
      {"a\u2063b", "zero_width U+2063"},
      {"a\u00ADb", "zero_width U+00AD"},
      {"a\U000E0041\U000E0042", "tag U+E0041"},
      {"❤\uFE0F", nullptr},  // one selector
      {"a\uFE0F\uFE01\uFE02", "selectors U+FE01"},
      {"\uFE0F", "selectors U+FE0F"},
      {"x\U000E0100\U000E0101", "selectors U+E0101"},
      {"👩\u200D🚀", nullptr},  // joined to one picture
      {"❤\uFE0F\u200D🔥", nullptr},
      {"👩\u200Dx", "zero_width U+200D"},
      {"\u0645\u200C\u06CC", nullptr},        // between Arabic letters
      {"\u0915\u094D\u200D\u0937", nullptr},  // and Devanagari ones
      {"a\x01", "control U+0001"},
      {"a\x1b[2J", "control U+001B"},
      {"a\x7f", "control U+007F"},
      {"a\u0085", "control U+0085"},
      {"a\u2028", "control U+2028"},
      {"a\uFFF9", "control U+FFF9"},
      {"\u3164", "filler U+3164"},
      {"\u115F", "filler U+115F"},
  };
  for (const auto& one : cases) {
    const auto found = find_hidden_text(Bytes(one.text));
    EXPECT_EQ(found ? found->describe() : "", one.says == nullptr ? "" : one.says) << one.text;
  }
  EXPECT_TRUE(find_hidden_text(Bytes("a\0b", 3)));
}

TEST(HiddenText, IsFoundAnywhereInADefinition) {
  const Json definition = *Json::parse(
      R"({"name":"a","inputSchema":{"properties":{"p":{"enum":["x","y\u200b"]}}},"description":"plain"})");
  const auto found = find_hidden_text_in(definition);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->describe(), "zero_width U+200B at /inputSchema/properties/p/enum/1");
  EXPECT_TRUE(find_hidden_text_in(*Json::parse(R"({"na\u202eme":1})")));
  EXPECT_FALSE(find_hidden_text_in(*Json::parse(R"({"name":"a","description":"b"})")));
}

}  // namespace
}  // namespace sluice
