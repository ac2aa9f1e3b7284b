// SPDX-License-Identifier: Apache-2.0
#include "codec/lines.h"

#include <gtest/gtest.h>

#include <string>

#include "codec/json.h"
#include "support/feed.h"

namespace sluice {
namespace {

std::string drain(LineReader& reader) {
  std::string seen;
  for (;;) {
    PaddedBytes line;
    switch (reader.next(line)) {
      case LineReader::Step::line: seen.append("[").append(line.bytes).append("]"); break;
      case LineReader::Step::too_long: seen.append("<too long>"); break;
      case LineReader::Step::need_bytes: return seen;
    }
  }
}

// Feeds the bytes in every split and compares what came out.
void check(Bytes input, const std::string& expected, std::size_t line_bytes_max = 100) {
  const std::string seen = test::feed_every_split(input, [&](const test::Cuts& cuts) {
    LineReader reader(line_bytes_max);
    std::string out;
    test::feed_pieces(input, cuts, [&](Bytes piece, bool last) {
      reader.feed(piece);
      if (last) reader.finish();
      out += drain(reader);
    });
    EXPECT_EQ(reader.pending(), 0U);
    return out;
  });
  EXPECT_EQ(seen, expected) << input;
}

TEST(LineReader, CutsAtLineEnds) {
  check("{\"a\":1}\n[2]\n", "[{\"a\":1}][[2]]");
  check("one\r\ntwo\n", "[one][two]");
  check("a\rb\n", "[a\rb]");
}

TEST(LineReader, SkipsEmptyLines) { check("\n\r\n\n a \n\n\r\n", "[ a ]"); }

TEST(LineReader, YieldsAnUnfinishedLineOnlyAtTheEnd) {
  check("a\nlast", "[a][last]");
  check("a\nlast\r", "[a][last]");
  LineReader reader(10);
  reader.feed("half");
  EXPECT_EQ(drain(reader), "");
  EXPECT_EQ(reader.pending(), 4U);
}

TEST(LineReader, ReportsALongLineOnceAndGoesOn) {
  check("1234\n12345\n1\n", "[1234]<too long>[1]", 4);
  check("1234\r\n12345\r\n1\n", "[1234]<too long>[1]", 4);
  check("1234567890123456789\nok\n", "<too long>[ok]", 4);
  check("12345678901\n1234567890\nok", "<too long><too long>[ok]", 4);
  check("1234567", "<too long>", 4);
}

TEST(LineReader, HoldsNoMoreThanALineAndGivesMemoryBack) {
  LineReader reader(1000);
  for (int i = 0; i < 1000; ++i) {
    reader.feed(std::string(1000, 'x'));
    drain(reader);
  }
  EXPECT_LT(reader.bytes_held(), 10'000U);
  LineReader large(1'000'000);
  large.feed(std::string(900'000, 'x') + "\n");
  EXPECT_EQ(drain(large).size(), 900'002U);
  EXPECT_EQ(large.bytes_held(), 0U);
}

TEST(LineReader, PadsEveryLine) {
  LineReader reader(100);
  reader.feed("abc\n");
  PaddedBytes line;
  ASSERT_EQ(reader.next(line), LineReader::Step::line);
  volatile char last = line.data()[line.size() + padding_bytes - 1];
  static_cast<void>(last);
}

TEST(AppendLine, NeverWritesALineEndWithinAMessage) {
  std::string out = "x";
  append_line(out, "{\r\n  \"a\\n\": 1\n}\n");
  EXPECT_EQ(out, "x{  \"a\\n\": 1}\n");
  const Json json = Json::object({{"text", "two\nlines\r"}, {"list", Json::array({1, 2})}});
  out.clear();
  append_line(out, json.pretty());
  EXPECT_EQ(out.find_first_of("\r\n"), out.size() - 1);
  EXPECT_EQ(*Json::parse(out), json);
}

}  // namespace
}  // namespace sluice
