// SPDX-License-Identifier: Apache-2.0
#include "codec/headers.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice {
namespace {

std::vector<std::string> elements_of(Bytes value, char separator = ',') {
  std::vector<std::string> elements;
  ListReader list(value, separator);
  while (const auto element = list.next()) elements.emplace_back(*element);
  return elements;
}

int quality(std::initializer_list<Bytes> values, Bytes type, Bytes subtype) {
  std::vector<HeaderField> fields = {{"Host", "a"}};
  for (const Bytes value : values) fields.push_back({"accept", value});
  return accept_quality(fields, type, subtype);
}

TEST(Headers, FindsNamesWithoutRegardToCase) {
  const std::vector<HeaderField> fields = {{"Host", "a"}, {"X-One", "1"}, {"x-one", "2"}};
  EXPECT_EQ(header_value(fields, "hOST"), "a");
  EXPECT_EQ(header_value(fields, "x-one"), "1");
  EXPECT_EQ(count_headers(fields, "X-ONE"), 2U);
  EXPECT_EQ(find_header(fields, "x-two"), nullptr);
  EXPECT_EQ(header_value(fields, "x-two"), "");
  EXPECT_FALSE(equals_ignoring_case("@", "`"));
  EXPECT_FALSE(equals_ignoring_case("[", "{"));
  // At every place of texts of every length: eight bytes are compared at once.
  for (std::size_t size = 1; size <= 20; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      const std::string plain(size, 'a');
      const auto with = [&](char c) { return std::string(plain).replace(at, 1, 1, c); };
      EXPECT_TRUE(equals_ignoring_case(plain, with('A')));
      EXPECT_FALSE(equals_ignoring_case(plain, with('b')));
      EXPECT_FALSE(equals_ignoring_case(with('@'), with('`')));
      EXPECT_FALSE(equals_ignoring_case(with('['), with('{')));
      EXPECT_FALSE(equals_ignoring_case(with('\xC1'), with('\xE1')));
    }
  }
}

TEST(Headers, KnowsEveryTokenCharacter) {
  const Bytes tchars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (int c = 0; c < 256; ++c) {
    const char text[] = {static_cast<char>(c)};
    EXPECT_EQ(is_token(Bytes(text, 1)), tchars.find(text[0]) != Bytes::npos) << c;
  }
  EXPECT_FALSE(is_token(""));
  EXPECT_FALSE(is_token("a b"));
}

TEST(Headers, FindsAControlAtEveryPlaceOfAValue) {
  for (int c = 0; c < 256; ++c) {
    for (std::size_t size = 1; size < 20; ++size) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, 'x');
        text[at] = static_cast<char>(c);
        const bool control = (c < 0x20 && c != '\t') || c == 0x7F;
        ASSERT_EQ(has_field_control(text), control) << c << " at " << at << " of " << size;
      }
    }
  }
  EXPECT_FALSE(has_field_control("\t\t\t\t\t\t\t\t\t"));
  EXPECT_TRUE(has_field_control("\t\t\t\t\t\t\t\r\t"));
}

TEST(Headers, JudgesFieldValues) {
  for (const Bytes good : {"", "a", "a b", "a\tb", "caf\xC3\xA9", "\xFF", "\"quoted, text\""})
    EXPECT_TRUE(is_field_value(good)) << good;
  for (const Bytes bad : {" a", "a ", "\ta", "a\t", "a\rb", "a\nb", "a\r\nb: c", "\x7F", "\x01", " "})
    EXPECT_FALSE(is_field_value(bad)) << bad;
  EXPECT_FALSE(is_field_value(Bytes("a\0b", 3)));
  EXPECT_EQ(trim_blanks(" \t a b\t "), "a b");
  EXPECT_EQ(trim_blanks(" \t "), "");
}

TEST(Headers, SplitsLists) {
  using Strings = std::vector<std::string>;
  EXPECT_EQ(elements_of(""), Strings{});
  EXPECT_EQ(elements_of(" , ,, "), Strings{});
  EXPECT_EQ(elements_of("a"), Strings{"a"});
  EXPECT_EQ(elements_of("a, b ,\tc"), (Strings{"a", "b", "c"}));
  EXPECT_EQ(elements_of(",a,"), Strings{"a"});
  EXPECT_EQ(elements_of("a=\"x,y\", b"), (Strings{"a=\"x,y\"", "b"}));
  EXPECT_EQ(elements_of("a=\"x\\\",y\", b"), (Strings{"a=\"x\\\",y\"", "b"}));
  EXPECT_EQ(elements_of("a=\"open, b"), Strings{"a=\"open, b"});
  EXPECT_EQ(elements_of("a;b ; c", ';'), (Strings{"a", "b", "c"}));

  const std::vector<HeaderField> fields = {{"Connection", "keep-alive, Upgrade"}, {"connection", "TE"}};
  EXPECT_TRUE(header_lists(fields, "connection", "upgrade"));
  EXPECT_TRUE(header_lists(fields, "connection", "te"));
  EXPECT_FALSE(header_lists(fields, "connection", "keep"));
  EXPECT_FALSE(header_lists(fields, "upgrade", "upgrade"));
}

TEST(Headers, ParsesMediaTypes) {
  const auto media = parse_media_type("Application/JSON ; charset=\"utf-8\";x=1;e=\"a\\\"b\"");
  ASSERT_TRUE(media);
  EXPECT_TRUE(media->is("application", "json"));
  EXPECT_FALSE(media->is("application", "jsonl"));
  EXPECT_EQ(media->parameter("CHARSET"), "utf-8");
  EXPECT_EQ(media->parameter("x"), "1");
  EXPECT_EQ(media->parameter("e"), "\"a\\\"b\"");
  EXPECT_EQ(media->parameter("none").data(), nullptr);
  EXPECT_TRUE(parse_media_type("text/event-stream"));
  EXPECT_TRUE(parse_media_type("text/event-stream;"));
  EXPECT_TRUE(parse_media_type("text/event-stream;;a=b;"));
  for (const Bytes bad :
       {"", "json", "/", "application/", "/json", "application/json/x", "a b/c", "a/b c", "a/b;x", "a/b;=1",
        "a/b;x=", "a/b;x=\"open", "a/b;x=\"1\"2", "a/b;x y=1", "a /b", "a/b, c/d"})
    EXPECT_FALSE(parse_media_type(bad)) << bad;
}

TEST(Headers, WeighsAccept) {
  struct Case {
    std::initializer_list<Bytes> accept;
    int json;
    int events;
  };
  const Case cases[] = {
      {{}, 1000, 1000},
      {{""}, 0, 0},
      {{"*/*"}, 1000, 1000},
      {{"application/json, text/event-stream"}, 1000, 1000},
      {{"application/json", "text/event-stream"}, 1000, 1000},
      {{"application/json"}, 1000, 0},
      {{"text/*"}, 0, 1000},
      {{"application/*;q=0.5, */*;q=0.1"}, 500, 100},
      {{"*/*, application/json;q=0"}, 0, 1000},
      {{"application/json;q=0, */*"}, 0, 1000},
      {{"APPLICATION/JSON;Q=0.25"}, 250, 0},
      {{"application/json;q=1.000"}, 1000, 0},
      {{"application/json; q=0.333 , text/event-stream ; q=0.9"}, 333, 900},
      {{"application/json;q=1.001"}, 0, 0},
      {{"application/json;q=2"}, 0, 0},
      {{"application/json;q=0.1234"}, 0, 0},
      {{"application/json;q=.5"}, 0, 0},
      {{"application/json;q=0,5"}, 0, 0},
      {{"application/json;q=\"\""}, 0, 0},
      {{"application/json;q=0.x"}, 0, 0},
      {{"application/json;q=1x"}, 0, 0},
      {{"garbage, application/json"}, 1000, 0},
      {{"application/json;q=0.2, application/json;q=0.4"}, 400, 0},
      {{"*"}, 0, 0},
      {{"text/html;x=\"a,b\", text/event-stream"}, 0, 1000},
  };
  for (const Case& c : cases) {
    const Bytes shown = c.accept.size() == 0 ? Bytes("(none)") : *c.accept.begin();
    EXPECT_EQ(quality(c.accept, "application", "json"), c.json) << shown;
    EXPECT_EQ(quality(c.accept, "text", "event-stream"), c.events) << shown;
  }
  EXPECT_TRUE(accepts(HeaderFields(), "a", "b"));
}

TEST(Headers, MirrorsPlainValuesPlainly) {
  for (const Bytes plain : {"", "get_weather", "with inner  spaces", "a=b?c", "=?base64?", "=?base64?=", "?=",
                            "=?BASE64?eA==?=", "=?base64?eA==", "eA==?=", "x=?base64?eA==?="}) {
    EXPECT_EQ(encode_mirrored(plain), plain);
    EXPECT_EQ(decode_mirrored(plain), std::string(plain));
  }
}

TEST(Headers, MirrorsAllOtherValuesAsBase64) {
  for (const Bytes text : {" a", "a ", "\ta", "a\tb", "a\nb", "caf\xC3\xA9", "\x7F", "=?base64?eA==?=",
                           "=?base64?"
                           "?=",
                           "=?base64?not base64?="}) {
    const std::string value = encode_mirrored(text);
    EXPECT_TRUE(value.starts_with("=?base64?") && value.ends_with("?=")) << text;
    EXPECT_TRUE(is_field_value(value)) << text;
    EXPECT_EQ(decode_mirrored(value), std::string(text));
  }
  EXPECT_EQ(encode_mirrored("\xE2\x82\xAC"), "=?base64?4oKs?=");
  EXPECT_EQ(decode_mirrored("=?base64?"
                            "?="),
            "");
}

TEST(Headers, RefusesASentinelAroundAnythingButStrictBase64OfUtf8) {
  for (const Bytes bad : {"=?base64?eA?=", "=?base64?eA=?=", "=?base64?eB==?=", "=?base64? eA==?=",
                          "=?base64?e-_=?=", "=?base64?/w==?=", "=?base64?4oI=?=", "=?base64?eA==?=?="})
    EXPECT_FALSE(decode_mirrored(bad)) << bad;
}

}  // namespace
}  // namespace sluice
