// SPDX-License-Identifier: Apache-2.0
#include "mcp/tool_headers.h"

#include <gtest/gtest.h>

#include "codec/jsonrpc.h"

namespace sluice {
namespace {

constexpr const char* page = R"({"tools":[
  {"name":"plain","inputSchema":{"type":"object","properties":{"a":{"type":"string"}}}},
  {"name":"weather","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}},
  {"name":"broken","inputSchema":{"type":"object","properties":{"x":{"type":"number","x-mcp-header":"X"}}}}]})";

ClientRequest call(const std::string& tool, const std::string& arguments, std::vector<HeaderPair> headers) {
  ClientRequest request;
  MessageScanner scanner{JsonLimits{}};
  EXPECT_TRUE(request.message
                  .take(scanner, PaddedString(make_request(
                                     "1", "tools/call",
                                     R"({"name":")" + tool + R"(","arguments":)" + arguments + "}")))
                  .ok());
  request.param_headers = std::move(headers);
  return request;
}

TEST(ToolHeaders, HoldsCallsAgainstTheAnnotationsOfTheList) {
  ToolHeaders headers;
  headers.begin();
  EXPECT_FALSE(headers.take_page(*Json::parse(page)));
  EXPECT_EQ(headers.state(), ToolHeaders::State::fresh);

  EXPECT_FALSE(headers.check(call("plain", R"({"a":"b"})", {})));
  EXPECT_FALSE(headers.check(call("weather", R"({"region":"eu"})", {{"Mcp-Param-Region", "eu"}})));
  EXPECT_FALSE(headers.check(call("weather", "{}", {})));
  const auto missing = headers.check(call("weather", R"({"region":"eu"})", {}));
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->code, rpc::header_mismatch);
  const auto other = headers.check(call("weather", R"({"region":"eu"})", {{"Mcp-Param-Region", "us"}}));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->http_status, 400);
  EXPECT_TRUE(headers.check(call("broken", R"({"x":1})", {})));
}

TEST(ToolHeaders, FollowsPagesAndForgetsOldOnes) {
  ToolHeaders headers;
  headers.begin();
  EXPECT_EQ(headers.take_page(*Json::parse(R"({"tools":[],"nextCursor":""})")), "");  // "" is a valid cursor
  EXPECT_EQ(headers.state(), ToolHeaders::State::loading);
  headers.take_page(*Json::parse(page));
  headers.begin();
  headers.take_page(*Json::parse(R"({"tools":[]})"));
  EXPECT_FALSE(headers.check(call("broken", "{}", {})));
}

TEST(ToolHeaders, RemembersNoMoreToolsThanItMay) {
  ToolHeaders headers(1);
  headers.begin();
  headers.take_page(*Json::parse(page));
  EXPECT_EQ(headers.size(), 1U);
  EXPECT_EQ(headers.state(), ToolHeaders::State::fresh);
}

TEST(WithoutBrokenTools, DropsOnlyThoseAndOnlyIfThereAreAny) {
  MessageScanner scanner{JsonLimits{}};
  ClientMessage message;
  ASSERT_TRUE(message.take(scanner, PaddedString(make_response("1", page))).ok());
  const auto kept = without_broken_tools(message.envelope());
  ASSERT_TRUE(kept);
  const auto json = Json::parse(*kept);
  ASSERT_TRUE(json);
  ASSERT_EQ((*json)["result"]["tools"].size(), 2U);
  EXPECT_EQ((*json)["result"]["tools"][1]["name"].string_or(""), "weather");

  ASSERT_TRUE(message.take(scanner, PaddedString(*kept)).ok());
  EXPECT_FALSE(without_broken_tools(message.envelope()));
}

TEST(ToolHeaders, WritesTheHeadersOfACallToAToolItKnows) {
  ToolHeaders headers;
  headers.begin();
  headers.take_page(*Json::parse(page));
  const Json arguments = Json::object({{"region", "us"}, {"a", "x"}});
  const auto written = headers.headers_for("weather", arguments);
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].name, "Mcp-Param-Region");
  EXPECT_EQ(written[0].value, "us");
  EXPECT_TRUE(headers.headers_for("plain", arguments).empty());
  EXPECT_TRUE(headers.headers_for("unheard-of", arguments).empty());
}

}  // namespace
}  // namespace sluice
