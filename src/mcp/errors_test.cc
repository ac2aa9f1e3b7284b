// SPDX-License-Identifier: Apache-2.0
#include "mcp/errors.h"

#include <gtest/gtest.h>

#include <array>

#include "codec/json.h"

namespace sluice {
namespace {

Json parsed(const std::string& text) {
  auto json = Json::parse(text);
  EXPECT_TRUE(json.ok()) << text;
  return json ? std::move(*json) : Json();
}

TEST(Errors, HaveTheCodeAndStatusOfTheirRule) {
  struct Row {
    Refusal refusal;
    int http_status;
    int code;
  };
  const std::array supported{Revision::r2026_07_28};
  const Row rows[] = {
      {refusals::from_scan({-32700, "no value", 3}), 400, -32700},
      {refusals::from_scan({-32600, "no method", 0}), 400, -32600},
      {refusals::from_scan({-32602, "_meta", 0}), 400, -32602},
      {refusals::invalid_request("x"), 400, -32600},
      {refusals::message_too_large(16), 413, -32600},
      {refusals::method_not_found("x", Era::modern), 404, -32601},
      {refusals::method_not_found("x", Era::legacy), 200, -32601},
      {refusals::invalid_params("x"), 200, -32602},
      {refusals::malformed_meta("x"), 400, -32602},
      {refusals::resource_not_found("a://b", Era::legacy), 200, -32002},
      {refusals::resource_not_found("a://b", Era::modern), 200, -32602},
      {refusals::header_mismatch("x"), 400, -32020},
      {refusals::missing_capability("{}"), 400, -32021},
      {refusals::unsupported_version(supported, "1900"), 400, -32022},
      {refusals::session_missing(), 400, -32000},
      {refusals::session_unknown(), 404, -32001},
      {refusals::not_initialized(), 400, -32000},
      {refusals::already_initialized(), 400, -32600},
      {refusals::duplicate_id(), 400, -32600},
      {refusals::too_many_in_flight(4), 429, -32600},
      {refusals::batch_not_allowed("x"), 400, -32600},
      {refusals::unsupported_legacy_version("x"), 400, -32000},
      {refusals::origin_forbidden(), 403, -32000},
      {refusals::http_method_not_allowed(), 405, -32000},
      {refusals::not_acceptable(), 406, -32000},
      {refusals::unsupported_media_type(), 415, -32000},
      {refusals::internal_error("x"), 500, -32603},
      {refusals::overloaded("x"), 503, -32603},
      {refusals::shutting_down(), 503, -32603},
      {refusals::timed_out(Outcome::sent_unknown), 504, -32603},
      {refusals::upstream_lost(Outcome::not_sent), 502, -32603},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(row.refusal.http_status, row.http_status) << row.refusal.message;
    EXPECT_EQ(row.refusal.code, row.code) << row.refusal.message;
    EXPECT_TRUE(validate(row.refusal).ok()) << row.refusal.message;
  }
}

TEST(Errors, SayWhichVersionsAreSupportedAndWhichWasAskedFor) {
  const std::array supported{Revision::r2026_07_28, Revision::r2025_11_25};
  const Json json = parsed(render(refusals::unsupported_version(supported, "1999-01-01"), "\"a\""));
  EXPECT_EQ(json["id"].string_or(""), "a");
  EXPECT_EQ(json["error"]["data"].dump(),
            R"({"supported":["2026-07-28","2025-11-25"],"requested":"1999-01-01"})");
}

TEST(Errors, SayWhichCapabilityIsRequired) {
  const Json json = parsed(render(refusals::missing_capability(R"({"sampling":{}})"), "7"));
  EXPECT_EQ(json["error"]["data"].dump(), R"({"requiredCapabilities":{"sampling":{}}})");
  EXPECT_EQ(json["id"].int64_or(0), 7);
}

TEST(Errors, SayWhetherALostCallMayHaveRun) {
  EXPECT_EQ(refusals::upstream_lost(Outcome::not_sent).data_json,
            R"({"outcome":"not_sent","retryable":true})");
  EXPECT_EQ(refusals::upstream_lost(Outcome::sent_unknown).data_json,
            R"({"outcome":"sent_unknown","retryable":false})");
}

TEST(Errors, AnswerNothingInParticularWithNull) {
  EXPECT_TRUE(parsed(render(refusals::invalid_request("x"), ""))["id"].is_null());
}

TEST(Errors, KeepTheBytesOfTheId) {
  EXPECT_NE(render(refusals::duplicate_id(), R"("\u0061")").find(R"("id":"\u0061")"), std::string::npos);
  EXPECT_NE(render(refusals::duplicate_id(), "123456789012345678901234567890")
                .find("123456789012345678901234567890"),
            std::string::npos);
}

TEST(Errors, ThatBreakARuleAreNotValid) {
  EXPECT_FALSE(validate({400, 0, "x", ""}).ok());
  EXPECT_TRUE(validate({400, -40000, "x", ""}).ok());
  EXPECT_FALSE(validate({400, -32603, "", ""}).ok());
  EXPECT_FALSE(validate({400, -32603, "a\r\nb", ""}).ok());
  EXPECT_FALSE(validate({400, -32603, "\xff", ""}).ok());
  EXPECT_FALSE(validate({400, -32603, std::string(3000, 'x'), ""}).ok());
  EXPECT_FALSE(validate({400, -32603, "x", "{"}).ok());
  EXPECT_FALSE(validate({400, -32603, "x", "{\n}"}).ok());
  EXPECT_FALSE(validate({400, -32603, "x", "\"" + std::string(70000, 'x') + "\""}).ok());
}

TEST(Errors, ThatBreakARuleAreRepairedBeforeTheyLeave) {
  const std::string text = render({400, 0, "a\r\nb\xff" + std::string(3000, 'x'), "{\n \"a\": 1\r\n}"}, "1");
  EXPECT_EQ(text.find_first_of("\r\n"), std::string::npos);
  const Json json = parsed(text);
  EXPECT_EQ(json["error"]["code"].int64_or(0), -32603);
  EXPECT_EQ(json["error"]["message"].string_or(""), "a  b");
  EXPECT_EQ(json["error"]["data"].dump(), R"({"a":1})");
  EXPECT_FALSE(parsed(render({400, -1, "x", "{\"a\":"}, "1"))["error"].contains("data"));
  EXPECT_EQ(parsed(render({400, -1, "", ""}, "1"))["error"]["message"].string_or(""), "Error");
}

TEST(Errors, CutALongMessageBetweenCharacters) {
  std::string message(refusal_message_bytes_max - 1, 'x');
  message += "\xc3\xa9";
  const Json json = parsed(render({400, -1, message, ""}, "1"));
  EXPECT_EQ(json["error"]["message"].string_or("").size(), refusal_message_bytes_max - 1);
}

}  // namespace
}  // namespace sluice
