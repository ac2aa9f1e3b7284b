// SPDX-License-Identifier: Apache-2.0
#include "mcp/to_legacy.h"

#include <gtest/gtest.h>

#include <string>

#include "codec/json.h"
#include "codec/jsonrpc.h"
#include "mcp/exchange.h"

namespace sluice {
namespace {

ClientMessage take(const std::string& text) {
  MessageScanner scanner{JsonLimits{}};
  ClientMessage message;
  EXPECT_TRUE(message.take(scanner, PaddedString(text)).ok()) << text;
  return message;
}

constexpr const char* claims =
    R"("io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{})";

ModernReply reply(Bytes method, Bytes uri = {}) {
  return ModernReply{R"("c1")", method, uri, R"({"name":"old","version":"1"})"};
}

std::string modern(const std::string& response, Bytes method, Bytes uri = {}) {
  const ClientMessage message = take(response);
  const auto text = modern_response(message.envelope(), reply(method, uri));
  return text ? *text : text.error().message;
}

TEST(ToLegacy, TakesTheModernKeysOutOfARequestAndLeavesTheRest) {
  const ClientMessage message = take(
      R"({"jsonrpc": "2.0", "id":"x","method":"tools/call","params":{"name":"t","arguments":{"n": 1.0},)"
      R"("_meta":{)" +
      std::string(claims) +
      R"(,"vendor/key":[1, 2],"io.modelcontextprotocol\/logLevel":"info","traceparent":"00-a","progressToken":"p"},)"
      R"("requestState":"s","inputResponses":{}}})");
  EXPECT_EQ(legacy_request(message.envelope(), "7"),
            R"({"jsonrpc": "2.0", "id":7,"method":"tools/call","params":{"name":"t","arguments":{"n": 1.0},)"
            R"("_meta":{"vendor/key":[1, 2],"traceparent":"00-a","progressToken":7}}})");
}

TEST(ToLegacy, LeavesNoEmptyMeta) {
  const ClientMessage message =
      take(make_request("1", "tools/list", R"({"_meta":{)" + std::string(claims) + "}}"));
  EXPECT_EQ(legacy_request(message.envelope(), "2"), make_request("2", "tools/list", "{}"));
}

TEST(ToLegacy, OffersTheLatestLegacyRevisionInTheClientsName) {
  ClientCapabilities capabilities;
  capabilities.elicitation_form = true;
  EXPECT_EQ(legacy_initialize("1", capabilities, R"({"name":"c","version":"2"})"),
            make_request("1", "initialize",
                         R"({"protocolVersion":"2025-11-25","capabilities":{"elicitation":{"form":{}}},)"
                         R"("clientInfo":{"name":"c","version":"2"}})"));
  EXPECT_NE(legacy_initialize("1", {}, R"({"name":3})").find(R"("name":"sluice")"), std::string::npos);
}

TEST(ToLegacy, ReadsTheHandshakeAndMakesDiscoverOfIt) {
  const ClientMessage message = take(make_response(
      "1",
      R"({"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true},"tasks":{"list":{}},)"
      R"("resources":{"subscribe":true},"logging":{}},"serverInfo":{"name":"old","version":"1"},)"
      R"("instructions":"Be \u006bind"})"));
  const auto server = read_legacy_server(message.envelope());
  ASSERT_TRUE(server);
  EXPECT_EQ(server->revision, Revision::r2025_06_18);
  EXPECT_TRUE(server->tools && server->tools_changed && server->subscribe && server->logging);
  EXPECT_FALSE(server->prompts_changed || server->resources_changed);
  EXPECT_EQ(server->discover_result,
            R"({"resultType":"complete","supportedVersions":["2026-07-28"],)"
            R"("capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true},"logging":{}},)"
            R"("instructions":"Be \u006bind","ttlMs":0,"cacheScope":"private",)"
            R"("_meta":{"io.modelcontextprotocol/serverInfo":{"name":"old","version":"1"}}})");

  const ClientMessage odd = take(make_response("1", R"({"protocolVersion":"2026-07-28","capabilities":{}})"));
  EXPECT_FALSE(read_legacy_server(odd.envelope()));
}

TEST(ToLegacy, CompletesResults) {
  EXPECT_EQ(modern(R"({"jsonrpc":"2.0","id":7,"result":{"content":[],"isError":true}})", "tools/call"),
            R"({"jsonrpc":"2.0","id":"c1","result":{"_meta":{"io.modelcontextprotocol/serverInfo":)"
            R"({"name":"old","version":"1"}},"resultType":"complete","content":[],"isError":true}})");
  const auto read = Json::parse(
      modern(make_response("7", R"({"contents":[],"_meta":{"a":1},"ttlMs":5})"), "resources/read"));
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)["result"]["ttlMs"].int64_or(-1), 0);
  EXPECT_EQ((*read)["result"]["cacheScope"].string_or(""), "private");
  EXPECT_EQ((*read)["result"]["_meta"]["a"].int64_or(0), 1);
  EXPECT_TRUE((*read)["result"]["_meta"].contains("io.modelcontextprotocol/serverInfo"));
  EXPECT_NE(modern(R"({"jsonrpc":"2.0","id":7,"result":3})", "tools/call").find("no object"),
            std::string::npos);
}

TEST(ToLegacy, TakesExecutionFromTools) {
  const auto list = Json::parse(modern(
      make_response(
          "7",
          R"({"tools":[{"name":"a","execution":{"taskSupport":"optional"},"inputSchema":{}},{"name":"b"}]})"),
      "tools/list"));
  ASSERT_TRUE(list);
  EXPECT_FALSE((*list)["result"]["tools"][0].contains("execution"));
  EXPECT_EQ((*list)["result"]["tools"][1]["name"].string_or(""), "b");
}

TEST(ToLegacy, SaysResourceNotFoundInTheModernWayAndLeavesOtherErrors) {
  EXPECT_EQ(
      modern(R"({"jsonrpc":"2.0","id":7,"error":{"code":-32002,"message":"no such"}})", "resources/read",
             "a:b"),
      R"({"jsonrpc":"2.0","id":"c1","error":{"code":-32602,"message":"no such","data":{"uri":"a:b"}}})");
  EXPECT_EQ(modern(R"({"jsonrpc":"2.0","id":7,"error":{"code": -5,"message":"x","data":[ ]}})", "tools/call"),
            R"({"jsonrpc":"2.0","id":"c1","error":{"code": -5,"message":"x","data":[ ]}})");
}

TEST(ToLegacy, MakesInputRequestsOfQuestions) {
  const ClientMessage ask = take(make_request(
      "3", "elicitation/create",
      R"({"mode":"url","url":"https://a","message":"m","elicitationId":"e","_meta":{"progressToken":1}})"));
  EXPECT_EQ(input_request(ask.envelope()),
            R"({"method":"elicitation/create","params":{"mode":"url","url":"https://a","message":"m"}})");
  EXPECT_EQ(input_request(take(make_request("3", "roots/list")).envelope()),
            R"({"method":"roots/list","params":{}})");
  EXPECT_EQ(
      input_required_response(reply("tools/call"), {{"ask-1", "{}"}}, "st"),
      R"({"jsonrpc":"2.0","id":"c1","result":{"resultType":"input_required","inputRequests":{"ask-1":{}},)"
      R"("requestState":"st","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"old","version":"1"}}}})");
}

TEST(ToLegacy, MakesInputRequestsOfUrlsToVisit) {
  const ClientMessage error = take(make_error_response(
      "1", -32042, "go",
      R"({"elicitations":[{"mode":"url","elicitationId":"e","url":"https://a","message":"m"}]})"));
  const auto requests = url_input_requests(error.envelope());
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].key, "ask-1");
  EXPECT_EQ(requests[0].request,
            R"({"method":"elicitation/create","params":{"mode":"url","url":"https://a","message":"m"}})");
}

TEST(ToLegacy, ReadsInputResponses) {
  const auto read = [](const std::string& params) {
    const ClientMessage message = take(make_request("1", "tools/call", params));
    return read_input_responses(message.envelope());
  };
  const auto some = read(R"({"inputResponses":{"a":{"action": "accept"},"b":{}}})");
  ASSERT_TRUE(some);
  ASSERT_EQ(some->size(), 2U);
  EXPECT_EQ((*some)[0].second, R"({"action": "accept"})");
  EXPECT_TRUE(read("{}")->empty());
  EXPECT_FALSE(read(R"({"inputResponses":[]})"));
  EXPECT_FALSE(read(R"({"inputResponses":{"a":1}})"));
}

TEST(ToLegacy, RewritesNotifications) {
  const ClientMessage progress =
      take(make_notification("notifications/progress", R"({"progressToken":7,"progress":0.5})"));
  EXPECT_EQ(with_progress_token(progress.envelope(), R"("p")"),
            make_notification("notifications/progress", R"({"progressToken":"p","progress":0.5})"));
  EXPECT_EQ(progress_value(progress.envelope()), 0.5);
  EXPECT_EQ(log_level_rank("\"warning\""), 3U);
  EXPECT_FALSE(log_level_rank("\"loud\""));
}

TEST(ToLegacy, FiltersAcknowledgesAndTagsSubscriptions) {
  const ClientMessage request = take(make_request(
      "4", "subscriptions/listen",
      R"({"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:b","a:b","c:d"]}})"));
  const auto filter = read_listen_filter(request.envelope());
  ASSERT_TRUE(filter);
  EXPECT_TRUE(filter->tools);
  EXPECT_EQ(filter->uris.size(), 2U);
  EXPECT_EQ(listen_acknowledged(*filter, "4"),
            R"({"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{)"
            R"("io.modelcontextprotocol/subscriptionId":4},"notifications":{"toolsListChanged":true,)"
            R"("resourceSubscriptions":["a:b","c:d"]}}})");
  EXPECT_EQ(with_subscription_id(take(make_notification("notifications/tools/list_changed")).envelope(), "4"),
            R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{)"
            R"("io.modelcontextprotocol/subscriptionId":4}}})");
  EXPECT_EQ(
      with_subscription_id(
          take(make_notification("notifications/resources/updated", R"({"uri":"a:b"})")).envelope(), "4"),
      R"({"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{)"
      R"("io.modelcontextprotocol/subscriptionId":4},"uri":"a:b"}})");
  EXPECT_TRUE(is_within("f:///a/b", "f:///a"));
  EXPECT_FALSE(is_within("f:///ab", "f:///a"));
}

}  // namespace
}  // namespace sluice
