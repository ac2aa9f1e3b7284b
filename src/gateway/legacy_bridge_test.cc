// SPDX-License-Identifier: Apache-2.0
#include "gateway/legacy_bridge.h"

#include "gateway/legacy_bridge_testing.h"

namespace sluice::testing_legacy_bridge {
namespace {

// ---- The handshake

TEST_F(LegacyBridgeTest, AnswersInitializeFromWhatTheServerSaysToDiscover) {
  FakeSession& session = session_of("me", latest_legacy);
  const FakeExchange& hello =
      request(session, "initialize", initialize_params(latest_legacy, all_capabilities));
  ASSERT_EQ(far.requests.size(), 1U);
  EXPECT_EQ(far.last()["method"].string_or(""), "server/discover");
  const Json& meta = far.last()["params"]["_meta"];
  EXPECT_EQ(meta["io.modelcontextprotocol/protocolVersion"].string_or(""), "2026-07-28");
  EXPECT_EQ(meta["io.modelcontextprotocol/clientInfo"]["name"].string_or(""), "old");
  EXPECT_TRUE(meta["io.modelcontextprotocol/clientCapabilities"].contains("sampling"));
  EXPECT_EQ(far.opened[0]->request().era, Era::modern);
  EXPECT_EQ(far.opened[0]->request().revision, latest_modern);
  EXPECT_EQ(far.opened[0]->request().principal.name, "me");
  EXPECT_EQ(far.opened[0]->request().correlation_id, "corr");
  EXPECT_EQ(far.opened[0]->session(), nullptr);

  far.finish_last(everything);
  const Json result = hello.result();
  EXPECT_EQ(result["protocolVersion"].string_or(""), "2025-11-25");
  EXPECT_FALSE(result["capabilities"].contains("extensions"));
  EXPECT_TRUE(result["capabilities"]["tools"]["listChanged"].bool_or(false));
  EXPECT_EQ(result["serverInfo"], *Json::parse(R"({"name":"far","version":"3","title":"Far"})"));
  EXPECT_EQ(result["instructions"].string_or(""), "be kind");
  EXPECT_EQ(bridge->sessions(), 1U);
}

TEST_F(LegacyBridgeTest, NegotiatesEveryLegacyRevision) {
  for (const Revision revision : bridge->revisions()) {
    connect(revision);
    EXPECT_EQ(exchanges.back()->result()["protocolVersion"].string_or(""), revision_text(revision));
  }
  EXPECT_EQ(bridge->revisions().size(), 4U);
}

TEST_F(LegacyBridgeTest, RefusesAHandshakeThatTheServerRefuses) {
  FakeSession& session = session_of("me", latest_legacy);
  const FakeExchange& lost = request(session, "initialize", initialize_params(latest_legacy, "{}"));
  far.refuse(0, 502, -32603, "upstream 'up' is not there");
  EXPECT_EQ(lost.code, -32603);
  EXPECT_EQ(lost.http_status, 502);
  EXPECT_EQ(lost.sentence, "upstream 'up' is not there");

  const FakeExchange& failed = request(session, "initialize", initialize_params(latest_legacy, "{}"));
  far.fail(1, -32022, "other versions", "{}");
  EXPECT_EQ(failed.error()["code"].int64_or(0), -32603);

  const FakeExchange& other = request(session, "initialize", initialize_params(latest_legacy, "{}"));
  far.finish(2, R"({"supportedVersions":["2030-01-01"]})");
  EXPECT_EQ(other.code, -32603);

  const FakeExchange& wrong =
      request(session, "initialize", initialize_params(latest_legacy, R"({"roots":1})"));
  EXPECT_EQ(wrong.code, -32602);
  EXPECT_EQ(far.requests.size(), 3U);
  EXPECT_EQ(bridge->sessions(), 0U);
  EXPECT_EQ(request(session, "tools/list").http_status, 400);
}

TEST_F(LegacyBridgeTest, GivesUpAHandshakeWithItsClient) {
  FakeSession& session = session_of("me", latest_legacy);
  cancel(request(session, "initialize", initialize_params(latest_legacy, "{}")), CancelReason::timed_out);
  EXPECT_EQ(far.cancels, std::vector{CancelReason::timed_out});
  EXPECT_FALSE(far.is_open(0));
}

// ---- What needs no server

TEST_F(LegacyBridgeTest, AnswersPingItself) {
  FakeSession& session = connect();
  EXPECT_EQ(request(session, "ping").response, R"({"jsonrpc":"2.0","id":2,"result":{}})");
  EXPECT_EQ(far.requests.size(), 1U);
  EXPECT_EQ(metric(R"(sluice_calls_total{upstream="up",method="ping",tool="",status="ok"})"), 1U);
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
}

TEST_F(LegacyBridgeTest, LaysTheLogLevelOnLaterRequests) {
  FakeSession& session = connect();
  request(session, "tools/list");
  EXPECT_FALSE(far.last()["params"]["_meta"].contains("io.modelcontextprotocol/logLevel"));
  EXPECT_EQ(request(session, "logging/setLevel", R"({"level":"warning"})").result(), Json::object());
  request(session, "tools/list");
  EXPECT_EQ(far.last()["params"]["_meta"]["io.modelcontextprotocol/logLevel"].string_or(""), "warning");
  EXPECT_EQ(request(session, "logging/setLevel", R"({"level":"loud"})").code, -32602);
  EXPECT_EQ(request(session, "logging/setLevel").code, -32602);
  // Another session is not touched by it.
  request(connect(), "tools/list");
  EXPECT_FALSE(far.last()["params"]["_meta"].contains("io.modelcontextprotocol/logLevel"));
}

TEST_F(LegacyBridgeTest, HasOnlyTheMethodsThatBothErasHave) {
  FakeSession& session = connect(latest_legacy, "{}", R"({"capabilities":{}})");
  const std::size_t before = far.requests.size();
  for (const Bytes method : {"logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/list",
                             "tasks/get", "server/discover", "subscriptions/listen", "roots/list"}) {
    const FakeExchange& refused = request(session, method, R"({"level":"info","uri":"a://b"})");
    EXPECT_EQ(refused.code, -32601) << method;
    EXPECT_EQ(refused.http_status, 200);
  }
  EXPECT_EQ(far.requests.size(), before);
  request(session, "vendor/own", R"({"a":1.0})");
  EXPECT_NE(far.texts.back().find(R"("a":1.0)"), std::string::npos);
  far.finish_last(R"({"resultType":"complete","b":2.0})");
  EXPECT_NE(exchanges.back()->response.find(R"({"b":2.0})"), std::string::npos);
}

TEST_F(LegacyBridgeTest, AbsorbsNotificationsThatTheModernEraLacks) {
  FakeSession& session = connect();
  const std::size_t before = far.requests.size();
  say(session, make_notification("notifications/roots/list_changed"));
  say(session, make_notification("notifications/progress", R"({"progressToken":1,"progress":1})"));
  say(session, make_response("\"sluice-ask-9\"", "{}"));
  EXPECT_EQ(far.requests.size(), before);
}

// ---- Requests

TEST_F(LegacyBridgeTest, AnswersEveryKindOfIdWithItself) {
  FakeSession& session = connect();
  for (const char* id : {"0", "-5", "9007199254740993", "123456789012345678901234567890", R"("")", R"("a")",
                         R"("\u0061\/")", R"("1")"}) {
    const FakeExchange& listing = open(session, make_request(id, "tools/list"));
    EXPECT_NE(far.last()["id"].dump(), id);
    far.finish_last(R"({"tools":[],"resultType":"complete","ttlMs":0,"cacheScope":"private"})");
    EXPECT_EQ(listing.response, std::string(R"({"jsonrpc":"2.0","id":)") + id + R"(,"result":{"tools":[]}})");
  }
}

TEST_F(LegacyBridgeTest, UsesNoIdTwice) {
  FakeSession& one = connect();
  FakeSession& two = connect();
  open(one, make_request("1", "tools/list"));
  open(two, make_request("1", "tools/list"));
  std::vector<std::string> ids;
  for (const Json& sent : far.requests) ids.push_back(sent["id"].dump());
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
}

TEST_F(LegacyBridgeTest, PassesProgressAndLogsWithTheClientsToken) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session, R"(,"_meta":{"progressToken":"mine"})");
  const std::size_t at = far.find("tools/call");
  EXPECT_EQ(far.requests[at]["params"]["_meta"]["progressToken"].string_or(""), "mine");
  call.room = 0;
  EXPECT_EQ(far.notify(at, "notifications/progress", R"({"progressToken":"mine","progress":1.0})"), 0U);
  call.room = 1000;
  bridge->drained(static_cast<Exchange&>(call));
  EXPECT_EQ(far.drains, 1U);
  far.notify(at, "notifications/message", R"({"level":"info","data":[1.50]})");
  far.notify(at, "notifications/tools/list_changed", "{}");
  ASSERT_EQ(call.notified.size(), 2U);
  EXPECT_EQ(call.notified[0],
            make_notification("notifications/progress", R"({"progressToken":"mine","progress":1.0})"));
  EXPECT_NE(call.notified[1].find("[1.50]"), std::string::npos);
  far.finish(at, R"({"content":[],"resultType":"complete"})");
  EXPECT_EQ(call.result(), *Json::parse(R"({"content":[]})"));
  EXPECT_EQ(bridge->calls(), 0U);
}

TEST_F(LegacyBridgeTest, CancelsTheServersRequestWithTheClients) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session);
  cancel(call);
  EXPECT_FALSE(far.is_open(far.find("tools/call")));
  EXPECT_EQ(far.cancels, std::vector{CancelReason::client});
  EXPECT_EQ(bridge->calls(), 0U);
}

TEST_F(LegacyBridgeTest, MapsErrorsAndNeverA404) {
  FakeSession& session = connect();
  const FakeExchange& read = request(session, "resources/read", R"({"uri":"a://b"})");
  far.fail(far.find("resources/read"), -32602, "no such thing", R"({"uri":"a://b"})");
  EXPECT_EQ(read.error(),
            *Json::parse(R"({"code":-32002,"message":"no such thing","data":{"uri":"a://b"}})"));

  const FakeExchange& refused = request(session, "vendor/own");
  far.refuse(far.find("vendor/own"), 404, -32601, "Method not found: vendor/own");
  EXPECT_EQ(refused.http_status, 200);
  EXPECT_EQ(refused.code, -32601);

  const FakeExchange& lost = request(session, "prompts/list");
  far.refuse(far.find("prompts/list"), 502, -32603, "gone", R"({"outcome":"sent_unknown"})");
  EXPECT_EQ(lost.http_status, 502);
  EXPECT_EQ(lost.data, R"({"outcome":"sent_unknown"})");

  const FakeExchange& gone = request(session, "resources/read", R"({"uri":"a://b"})");
  far.refuse(far.find("resources/read"), 400, -32602, "no", R"({"uri":"a://b"})");
  EXPECT_EQ(gone.code, -32002);
}

TEST_F(LegacyBridgeTest, SaysAMissingCapabilityAsTheToolsError) {
  FakeSession& session = connect();
  const FakeExchange& call = call_tool(session);
  far.refuse(far.find("tools/call"), 400, -32021, "needs sampling",
             R"({"requiredCapabilities":{"sampling":{}}})");
  EXPECT_TRUE(call.result()["isError"].bool_or(false));
  EXPECT_EQ(call.result()["content"][0]["text"].string_or(""), "needs sampling");
  const FakeExchange& again = call_tool(session);
  far.fail(far.find("tools/call"), -32021, "needs roots");
  EXPECT_EQ(again.result()["content"][0]["text"].string_or(""), "needs roots");
  const FakeExchange& prompt = request(session, "prompts/get", R"({"name":"p"})");
  far.fail(far.find("prompts/get"), -32021, "needs roots");
  EXPECT_EQ(prompt.error()["code"].int64_or(0), -32602);
}

TEST_F(LegacyBridgeTest, RefusesResultsOfAKindThatWasNotAgreed) {
  FakeSession& session = connect();
  const FakeExchange& call = call_tool(session);
  far.finish(far.find("tools/call"), R"({"resultType":"surprise","taskId":"1"})");
  EXPECT_TRUE(call.result()["isError"].bool_or(false));
  const FakeExchange& list = request(session, "prompts/list");
  far.finish_last(R"({"resultType":"surprise"})");
  EXPECT_EQ(list.code, -32603);
  EXPECT_EQ(list.http_status, 200);
}

TEST_F(LegacyBridgeTest, SurvivesAServerThatRefusesWhileItIsAsked) {
  FakeSession& session = connect();
  far.refuses = "too busy";
  EXPECT_EQ(request(session, "prompts/list").sentence, "too busy");
  EXPECT_EQ(request(session, "tools/call", R"({"name":"t"})").sentence, "too busy");
  EXPECT_EQ(request(session, "resources/subscribe", R"({"uri":"a://b"})").sentence, "too busy");
  initialized(session);
  pass(seconds(1));
  EXPECT_EQ(bridge->calls(), 0U);
}

TEST_F(LegacyBridgeTest, RefusesMoreCallsThanItMayHold) {
  limits.upstream.calls_in_flight_max = 1;
  restart();
  FakeSession& session = connect();
  request(session, "prompts/list");
  EXPECT_EQ(request(session, "prompts/list").http_status, 503);
}

// ---- Tools

constexpr const char* mirrored_tool =
    R"([{"name":"t","inputSchema":{"type":"object","properties":{"r":{"type":"string","x-mcp-header":"Region"}}},)"
    R"("outputSchema":{"anyOf":[{"type":"object"},{"type":"array"}]}}])";

TEST_F(LegacyBridgeTest, MirrorsArgumentsIntoHeadersByTheServersToolList) {
  FakeSession& session = connect();
  request(session, "tools/call", R"({"name":"t","arguments":{"r":"eu"}})");
  EXPECT_EQ(far.last()["method"].string_or(""), "tools/list");
  far.finish_last(R"({"tools":[],"nextCursor":"more"})");
  EXPECT_EQ(far.last()["params"]["cursor"].string_or(""), "more");
  far.finish_last(R"({"tools":)" + std::string(mirrored_tool) + "}");
  const FakeExchange& call = *exchanges.back();
  ASSERT_EQ(far.last()["method"].string_or(""), "tools/call");
  ASSERT_EQ(far.headers.back().size(), 1U);
  EXPECT_EQ(far.headers.back()[0].name, "Mcp-Param-Region");
  EXPECT_EQ(far.headers.back()[0].value, "eu");
  far.finish_last(R"({"content":[],"structuredContent":{"a":1}})");
  EXPECT_EQ(call.result()["structuredContent"], *Json::parse(R"({"result":{"a":1}})"));
  // The list is kept for the next call, of the same principal.
  call_tool(session);
  EXPECT_EQ(far.count("tools/list"), 2U);
  call_tool(connect(latest_legacy, all_capabilities, everything, "another"));
  EXPECT_EQ(far.count("tools/list"), 3U);
}

TEST_F(LegacyBridgeTest, ReadsTheToolListOnceForCallsThatComeTogether) {
  FakeSession& session = connect();
  request(session, "tools/call", R"({"name":"t"})");
  request(session, "tools/call", R"({"name":"t"})");
  FakeExchange& third = request(session, "tools/call", R"({"name":"t"})");
  cancel(third);
  EXPECT_EQ(far.count("tools/list"), 1U);
  EXPECT_EQ(
      metric(R"(sluice_calls_total{upstream="up",method="tools/call",tool="other",status="cancelled"})"), 1U);
  answer_tools();
  EXPECT_EQ(far.count("tools/call"), 2U);
}

TEST_F(LegacyBridgeTest, CallsWithoutAToolListThatCannotBeHad) {
  FakeSession& session = connect();
  request(session, "tools/call", R"({"name":"t"})");
  far.fail(far.find("tools/list"), -32601, "no tools here");
  EXPECT_EQ(far.count("tools/call"), 1U);
  call_tool(session);
  EXPECT_EQ(far.count("tools/list"), 1U);
  pass(seconds(31));
  request(session, "tools/call", R"({"name":"t"})");
  EXPECT_EQ(far.count("tools/list"), 2U);
  pass(seconds(10));  // and this time nothing comes
  EXPECT_EQ(far.count("tools/call"), 3U);
  EXPECT_EQ(far.cancels.size(), 1U);
}

TEST_F(LegacyBridgeTest, ReadsTheToolListAgainWhenItChangedOrGrewOld) {
  FakeSession& session = connect();
  initialized(session);
  const std::size_t listen = far.find("subscriptions/listen");
  far.acknowledge(listen);
  call_tool(session);
  far.notify(listen, "notifications/tools/list_changed",
             R"({"_meta":{"io.modelcontextprotocol/subscriptionId":2}})");
  call_tool(session);
  EXPECT_EQ(far.count("tools/list"), 2U);
  pass(std::chrono::minutes(6));
  call_tool(session);
  EXPECT_EQ(far.count("tools/list"), 3U);
}

TEST_F(LegacyBridgeTest, AsksAgainOnceAServerThatRefusesTheRevisionItNames) {
  constexpr const char* ours = R"({"supported":["2026-07-28"],"requested":"2026-07-28"})";
  FakeSession& session = session_of("me", latest_legacy);
  FakeExchange& hello = request(session, "initialize", initialize_params(latest_legacy, "{}"));
  far.fail(far.requests.size() - 1, -32022, "not now", ours);
  ASSERT_EQ(far.count("server/discover"), 2U);
  far.finish_last(everything);
  EXPECT_TRUE(hello.result().contains("protocolVersion"));

  FakeExchange& call = call_tool(session);
  far.fail(far.find("tools/call"), -32022, "not now", ours);
  ASSERT_EQ(far.count("tools/call"), 2U);
  far.finish(far.find("tools/call"), R"({"content":[]})");
  EXPECT_TRUE(call.result().contains("content"));

  FakeExchange& list = request(session, "prompts/list");
  for (int twice = 0; twice < 2; ++twice) far.fail(far.requests.size() - 1, -32022, "not now", ours);
  EXPECT_EQ(far.count("prompts/list"), 2U);
  EXPECT_EQ(list.code, -32603);
  EXPECT_EQ(list.sentence, "upstream 'up' takes no request of MCP 2026-07-28, and says that it speaks it");
  FakeExchange& other = request(session, "prompts/list");
  far.fail(far.requests.size() - 1, -32022, "never", R"({"supported":["2025-11-25"]})");
  EXPECT_EQ(far.count("prompts/list"), 3U) << "nothing would be another the second time";
  EXPECT_EQ(other.code, -32603);
  EXPECT_EQ(other.data, R"({"outcome":"not_sent","retryable":true})");
}

TEST_F(LegacyBridgeTest, ReadsTheToolListAgainOnceWhenAHeaderDoesNotFit) {
  FakeSession& session = connect();
  const FakeExchange& call = call_tool(session);
  far.refuse(far.find("tools/call"), 400, -32020, "Mcp-Param-Region is missing");
  EXPECT_EQ(far.count("tools/list"), 2U);
  answer_tools(mirrored_tool);
  EXPECT_EQ(far.count("tools/call"), 2U);
  EXPECT_FALSE(call.over());
  far.fail(far.find("tools/call"), -32020, "still missing");
  EXPECT_EQ(call.code, -32603);
  EXPECT_EQ(far.count("tools/call"), 2U);
}

TEST_F(LegacyBridgeTest, OffersNoToolsOverHttpWhoseHeadersAreBroken) {
  config.url = "http://far/mcp";
  FakeSession& session = connect();
  const FakeExchange& list = request(session, "tools/list");
  far.finish_last(
      R"({"tools":[{"name":"x","inputSchema":{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}},)"
      R"({"name":"y","inputSchema":{}}],"resultType":"complete"})");
  ASSERT_EQ(list.result()["tools"].size(), 1U);
  EXPECT_EQ(list.result()["tools"][0]["name"].string_or(""), "y");
  EXPECT_FALSE(list.result().contains("resultType"));
}

TEST_F(LegacyBridgeTest, EndsASessionInTheMiddleOfAWait) {
  FakeSession& session = connect();
  FakeExchange& call = request(session, "tools/call", R"({"name":"t"})");
  cancel(call, CancelReason::peer_gone);
  end(session);
  EXPECT_EQ(bridge->sessions(), 0U);
  answer_tools();
  EXPECT_EQ(far.count("tools/call"), 0U);
}

}  // namespace
}  // namespace sluice::testing_legacy_bridge
