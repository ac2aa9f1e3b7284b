// SPDX-License-Identifier: Apache-2.0
#include "codec/json_writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "codec/json.h"

namespace sluice {
namespace {

std::string json_quoted(Bytes text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonWriter, EscapesExactlyWhatMustBe) {
  EXPECT_EQ(json_quoted("plain / \x7F"), "\"plain / \x7F\"");
  EXPECT_EQ(json_quoted("\"\\\b\f\n\r\t"), R"("\"\\\b\f\n\r\t")");
  EXPECT_EQ(json_quoted(Bytes("\0\x01\x1F", 3)), R"("\u0000\u0001\u001f")");
  EXPECT_EQ(json_quoted("\xC3\xA9\xF0\x9F\x98\x80"), "\"\xC3\xA9\xF0\x9F\x98\x80\"");
  EXPECT_EQ(json_quoted(""), "\"\"");
}

TEST(JsonWriter, ReplacesWhatIsNotUtf8) {
  constexpr const char* replacement = "\xEF\xBF\xBD";
  EXPECT_EQ(json_quoted("a\xFF"
                        "b"),
            std::string("\"a") + replacement + "b\"");
  EXPECT_EQ(json_quoted("\xE2\x82"), std::string("\"") + replacement + replacement + "\"");
}

TEST(JsonWriter, EveryByteReadsBackAsItself) {
  for (int byte = 0; byte < 0x80; ++byte) {
    const std::string text(3, static_cast<char>(byte));
    const Result<Json> read = Json::parse(json_quoted(text));
    ASSERT_TRUE(read.ok()) << byte;
    EXPECT_EQ(*read->as_string(), text);
  }
}

TEST(JsonWriter, WritesTheShortestNumbersThatReadBack) {
  const auto number = [](double value) {
    std::string out;
    append_json_double(out, value);
    return out;
  };
  EXPECT_EQ(number(0.1), "0.1");
  EXPECT_EQ(number(3), "3.0");
  EXPECT_EQ(number(-0.0), "-0.0");
  EXPECT_EQ(number(1e300), "1e+300");
  EXPECT_EQ(number(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(number(std::numeric_limits<double>::infinity()), "null");
  for (double value = 1e-310; value < 1e300; value *= 12345.678) {
    EXPECT_EQ(Json::parse(number(value))->as_double(), value);
  }
}

TEST(JsonWriter, PutsCommasWhereTheyBelong) {
  std::string out = "data: ";
  JsonWriter writer(out);
  writer.begin_object().member("a", 1).member("s", "x").key("list").begin_array();
  writer.value(true).value("[").value("{").value(std::string(":")).value(0.5).value(7U).null();
  writer.begin_object().end_object().begin_array().end_array().end_array();
  writer.raw_member("raw", "{\"x\":[]}").member("last", std::string("y")).end_object();
  EXPECT_EQ(out,
            R"(data: {"a":1,"s":"x","list":[true,"[","{",":",0.5,7,null,{},[]],"raw":{"x":[]},"last":"y"})");
}

}  // namespace
}  // namespace sluice
