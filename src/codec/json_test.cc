// SPDX-License-Identifier: Apache-2.0
#include "codec/json.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>

namespace sluice {
namespace {

Json parsed(Bytes text) {
  Result<Json> json = Json::parse(text);
  EXPECT_TRUE(json.ok()) << text;
  return json.ok() ? *std::move(json) : Json();
}

std::string refusal(Bytes text, const JsonParseOptions& options = {}) {
  const Result<Json> json = Json::parse(text, options);
  EXPECT_FALSE(json.ok()) << text;
  return json.ok() ? std::string() : json.error().message;
}

// Reads the text and writes it again.
void check_round(Bytes text, Bytes expected) { EXPECT_EQ(parsed(text).dump(), expected) << text; }

TEST(Json, IsMadeFromLiterals) {
  const Json json = Json::object({
      {"name", "add"},
      {"count", 3},
      {"ratio", 0.5},
      {"flags", Json::array({true, false, nullptr})},
      {"empty", Json::object()},
      {"big", std::numeric_limits<std::uint64_t>::max()},
      {"text", std::string("s")},
  });
  EXPECT_EQ(
      json.dump(),
      R"({"name":"add","count":3,"ratio":0.5,"flags":[true,false,null],"empty":{},"big":18446744073709551615,)"
      R"("text":"s"})");
  EXPECT_EQ(Json::object({{"a", 1}, {"a", 2}}).dump(), R"({"a":2})");
  EXPECT_EQ(Json::object({{"a", "b"}}).dump(), R"({"a":"b"})");
  EXPECT_EQ(Json::array({Json::array({1})}).dump(), "[[1]]");
}

TEST(Json, KeepsTheOrderOfMembers) {
  check_round(R"({"z":1,"a":2,"m":{"y":0,"b":0}})", R"({"z":1,"a":2,"m":{"y":0,"b":0}})");
}

TEST(Json, KeepsIntegersOf64BitsExactly) {
  check_round("[9007199254740993,-9007199254740993]", "[9007199254740993,-9007199254740993]");
  check_round("[9223372036854775807,-9223372036854775808]", "[9223372036854775807,-9223372036854775808]");
  check_round("[9223372036854775808,18446744073709551615]", "[9223372036854775808,18446744073709551615]");
  EXPECT_EQ(parsed("9223372036854775807").kind(), Json::Kind::integer);
  EXPECT_EQ(parsed("9223372036854775808").kind(), Json::Kind::unsigned_integer);
}

TEST(Json, ReadsOtherNumbersAsTheNearestDouble) {
  check_round("[1.0,-0,0.1,1e2,1E+2,18446744073709551616,-9223372036854775809]",
              "[1.0,-0.0,0.1,100.0,100.0,18446744073709551616.0,-9223372036854775808.0]");
  check_round("[5e-324,1.7976931348623157e308,1e-400,-1e-400]", "[5e-324,1.7976931348623157e+308,0.0,-0.0]");
  // Halfway cases that a sloppy reader gets wrong.
  EXPECT_EQ(parsed("9007199254740992.9999999999999999").as_double(), 9007199254740993.0);
  EXPECT_EQ(parsed("2.2250738585072011e-308").as_double(), 2.2250738585072011e-308);
}

TEST(Json, RefusesANumberBeyondEveryDouble) {
  EXPECT_NE(refusal("[1e400]").find("out of range"), std::string::npos);
  EXPECT_NE(refusal("[-1e309]").find("out of range"), std::string::npos);
  EXPECT_NE(refusal("1" + std::string(400, '0')).find("out of range"), std::string::npos);
  EXPECT_NE(refusal("0e1234567890").find("out of range"), std::string::npos);
  EXPECT_NE(refusal("1e-1234567890").find("out of range"), std::string::npos);
  EXPECT_EQ(parsed("1e-000000999999999").as_double(), 0.0);
  EXPECT_TRUE(parsed("0." + std::string(400, '0') + "1e400").is_number());
}

TEST(Json, RefusesAMemberThatOccursTwice) {
  EXPECT_NE(refusal(R"({"a":1,"b":{"c":1,"c":2}})").find("\"c\" occurs twice"), std::string::npos);
  EXPECT_NE(refusal(R"({"a":1,"\u0061":2})").find("\"a\" occurs twice"), std::string::npos);
  std::string many = "{";
  for (int i = 0; i < 40; ++i) many += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_NE(refusal(many + "\"k7\":1}").find("\"k7\" occurs twice"), std::string::npos);
  EXPECT_EQ(parsed(many + "\"k40\":1}").size(), 41U);
  EXPECT_EQ(parsed(R"({"a":1,"A":2})").size(), 2U);
}

TEST(Json, LetsTheLastMemberWinWhenAskedTo) {
  JsonParseOptions options;
  options.allow_duplicates = true;
  EXPECT_EQ(Json::parse(R"({"a":1,"b":2,"a":3})", options)->dump(), R"({"a":3,"b":2})");
}

TEST(Json, RefusesWhatIsNotUtf8) {
  for (const Bytes text :
       {"\"\xFF\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "{\"\x80\":1}"}) {
    EXPECT_NE(refusal(text).find("UTF-8"), std::string::npos) << refusal(text);
  }
  refusal(R"("\ud800")");
  refusal(R"("\udc00\ud800")");
  EXPECT_EQ(*parsed(R"("\ud83d\ude00\u00e9\u0000")").as_string(),
            std::string("\xF0\x9F\x98\x80\xC3\xA9\0", 7));
}

TEST(Json, RefusesWhatIsNoJsonAndSaysWhere) {
  EXPECT_EQ(refusal(R"({"a":1)"), "JSON: the text ends within a value at byte 6");
  EXPECT_EQ(refusal(R"({"a" 1})"), "JSON: a colon is expected after a member's name at byte 5");
  EXPECT_EQ(refusal("[1,]"), "JSON: a value is expected at byte 3");
  EXPECT_EQ(refusal("1 2"), "JSON: bytes after the end of the value at byte 2");
  EXPECT_EQ(refusal(""), "JSON: the text ends where a value is expected at byte 0");
  for (const Bytes text : {"\xEF\xBB\xBF{}", "nul", "NaN", "01", "+1", ".5", "1.", "1e", "'a'", "{a:1}",
                           "[1]x", "//\n1", "\"\t\"", "\"\\x\"", "-", "tru", "[", "{\"a\":}", "{,}"}) {
    refusal(text);
  }
}

TEST(Json, BoundsDepthAndTheNumberOfValues) {
  JsonParseOptions options;
  options.depth_max = 3;
  EXPECT_TRUE(Json::parse("[[[1]]]", options).ok());
  EXPECT_EQ(refusal("[[[[1]]]]", options), "JSON: nested too deeply at byte 3");
  options.depth_max = 1'000'000;
  EXPECT_FALSE(Json::parse(std::string(100'000, '['), options).ok());
  options.values_max = 3;
  EXPECT_TRUE(Json::parse("[1,2]", options).ok());
  const Result<Json> many = Json::parse("[1,2,3]", options);
  ASSERT_FALSE(many.ok());
  EXPECT_EQ(many.error().code, Errc::too_large);
}

TEST(Json, AnswersWhatItIsAndNothingElse) {
  const Json json = parsed(R"({"b":true,"i":-3,"r":2.5,"w":4.0,"s":"x","a":[1,2],"n":null})");
  EXPECT_EQ(json["b"].as_bool(), true);
  EXPECT_EQ(json["i"].as_int64(), -3);
  EXPECT_EQ(json["i"].as_uint64(), std::nullopt);
  EXPECT_EQ(json["i"].as_double(), -3.0);
  EXPECT_EQ(json["r"].as_int64(), std::nullopt);
  EXPECT_EQ(json["w"].as_int64(), 4);
  EXPECT_EQ(json["w"].as_uint64(), 4U);
  EXPECT_EQ(json["s"].as_int64(), std::nullopt);
  EXPECT_EQ(json["s"].as_bool(), std::nullopt);
  EXPECT_EQ(json["b"].as_double(), std::nullopt);
  EXPECT_EQ(json["i"].as_string(), nullptr);
  EXPECT_EQ(json["s"].string_or("none"), "x");
  EXPECT_EQ(json["none"].string_or("none"), "none");
  EXPECT_EQ(json["i"].int64_or(7), -3);
  EXPECT_EQ(json["s"].int64_or(7), 7);
  EXPECT_EQ(json["s"].double_or(0.5), 0.5);
  EXPECT_EQ(json["n"].bool_or(true), true);
  EXPECT_EQ(parsed("1e19").as_int64(), std::nullopt);
  EXPECT_EQ(parsed("1e19").as_uint64(), 10000000000000000000U);
  EXPECT_EQ(parsed("1e20").as_uint64(), std::nullopt);
  EXPECT_EQ(parsed("18446744073709551615").as_double(), 18446744073709551616.0);
}

TEST(Json, NeverFailsOnWhatIsNotThere) {
  const Json json = parsed(R"({"a":{"b":[10,{"c/d~e":11}]}})");
  EXPECT_EQ(json["a"]["b"][0].as_int64(), 10);
  EXPECT_TRUE(json["a"]["x"]["y"][5]["z"].is_null());
  EXPECT_TRUE(json[3].is_null());
  EXPECT_EQ(json.find("x"), nullptr);
  EXPECT_TRUE(json.contains("a"));
  EXPECT_EQ(json.at("/a/b/1/c~1d~0e")->as_int64(), 11);
  EXPECT_EQ(json.at("")->size(), 1U);
  for (const char* nowhere : {"a", "/b", "/a/b/2", "/a/b/01", "/a/b/-", "/a/b/1/c~2", "/a/b/0/x", "/a/b/"}) {
    EXPECT_EQ(json.at(nowhere), nullptr) << nowhere;
  }
  EXPECT_TRUE(json.require("a").ok());
  EXPECT_EQ(json.require("q").error().message, "the member \"q\" is missing");
  EXPECT_EQ(Json(1).require("q").error().code, Errc::invalid);
}

TEST(Json, IsChangedInPlace) {
  Json json;
  json.set("a", 1);
  json.set("list", Json::array()).push_back("x");
  json.set("a", 2);
  *json.find("list")->as_array()->front().as_string() += "y";
  EXPECT_EQ(json.dump(), R"({"a":2,"list":["xy"]})");
  EXPECT_TRUE(json.erase("a"));
  EXPECT_FALSE(json.erase("a"));
  EXPECT_FALSE(Json(1).erase("a"));
  json.set("self", json);
  EXPECT_EQ(json.dump(), R"({"list":["xy"],"self":{"list":["xy"]}})");
  json = json["self"];
  EXPECT_EQ(json.dump(), R"({"list":["xy"]})");
  json.push_back(1);
  EXPECT_EQ(json.dump(), "[1]");
}

TEST(Json, MovesLeaveNull) {
  Json from = Json::array({1});
  const Json to = std::move(from);
  EXPECT_TRUE(from.is_null());  // NOLINT: that is what is tested
  EXPECT_EQ(to.size(), 1U);
}

TEST(Json, IteratesOverItemsAndMembers) {
  std::string seen;
  for (const auto& [name, value] : parsed(R"({"a":1,"b":2})").members()) seen += name + value.dump();
  for (const Json& item : parsed("[3,4]").items()) seen += item.dump();
  for (const Json& item : Json(5).items()) seen += item.dump();
  EXPECT_EQ(seen, "a1b234");
}

TEST(Json, ComparesAsJson) {
  EXPECT_EQ(parsed("1"), parsed("1.0"));
  EXPECT_EQ(parsed("-0"), parsed("0"));
  EXPECT_NE(parsed("9007199254740993"), parsed("9007199254740992.0"));
  EXPECT_NE(parsed("18446744073709551615"), parsed("-1"));
  EXPECT_EQ(parsed("9223372036854775808"), parsed("9223372036854775808.0"));
  EXPECT_EQ(parsed(R"({"a":1,"b":[1,2]})"), parsed(R"({"b":[1,2],"a":1})"));
  EXPECT_NE(parsed(R"({"a":1})"), parsed(R"({"a":1,"b":1})"));
  EXPECT_NE(parsed("[1,2]"), parsed("[2,1]"));
  EXPECT_NE(parsed("null"), parsed("false"));
  EXPECT_NE(parsed("1"), parsed("\"1\""));
  EXPECT_EQ(parsed("null"), Json());
  EXPECT_NE(parsed("true"), parsed("false"));
}

TEST(Json, IsPrintedForPeople) {
  EXPECT_EQ(parsed(R"({"a":[1,{}],"b":{"c":null}})").pretty(),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": null\n  }\n}");
}

TEST(Json, WritesNoNumberThatIsNone) {
  EXPECT_TRUE(Json(std::numeric_limits<double>::infinity()).is_null());
  EXPECT_TRUE(Json(std::numeric_limits<double>::quiet_NaN()).is_null());
}

TEST(CanonicalJson, SortsByUtf16AsTheRfcShows) {
  // RFC 8785 §3.2.3.
  const Json json =
      parsed(R"({"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",)"
             R"("1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control",)"
             R"("\u00f6":"Latin Small Letter O With Diaeresis"})");
  std::string order;
  for (const auto& [name, value] : parsed(canonical_json(json)).members())
    order += value.string_or("").substr(0, 5);
  EXPECT_EQ(order,
            "CarriOne"
            "ContrLatinEuro Emoji"
            "Hebre");
}

TEST(CanonicalJson, WritesNumbersAsEcmascriptDoes) {
  // RFC 8785 appendix B, as decimal text.
  const std::pair<const char*, const char*> samples[] = {
      {"0.0", "0"},
      {"-0.0", "0"},
      {"5e-324", "5e-324"},
      {"-5e-324", "-5e-324"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"9007199254740992.0", "9007199254740992"},
      {"295147905179352830000.0", "295147905179352830000"},
      {"9.999999999999997e22", "9.999999999999997e+22"},
      {"1e23", "1e+23"},
      {"1.0000000000000001e23", "1.0000000000000001e+23"},
      {"999999999999999700000.0", "999999999999999700000"},
      {"999999999999999900000.0", "999999999999999900000"},
      {"1e21", "1e+21"},
      {"9.999999999999997e-7", "9.999999999999997e-7"},
      {"0.000001", "0.000001"},
      {"333333333.33333325", "333333333.33333325"},
      {"333333333.3333332", "333333333.3333332"},
      {"-0.0000033333333333333333", "-0.0000033333333333333333"},
      {"4.50", "4.5"},
      {"2e-3", "0.002"},
      {"1e30", "1e+30"},
      {"0.000000000000000000000000001", "1e-27"},
      {"100.0", "100"},
      {"12.5", "12.5"},
      {"9007199254740993", "9007199254740993"},
  };
  for (const auto& [text, expected] : samples) EXPECT_EQ(canonical_json(parsed(text)), expected) << text;
}

TEST(CanonicalJson, WritesTheStringsOfTheRfc) {
  // RFC 8785 §3.2.2, all of its example.
  const Json json = parsed(
      "{\"numbers\":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"
      R"("string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]})");
  EXPECT_EQ(canonical_json(json),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
            "\"string\":\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

}  // namespace
}  // namespace sluice
