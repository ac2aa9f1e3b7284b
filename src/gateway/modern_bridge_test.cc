// SPDX-License-Identifier: Apache-2.0
#include "gateway/modern_bridge.h"

#include "gateway/modern_bridge_testing.h"

namespace sluice {
namespace {

using testing_modern_bridge::Asker;
using testing_modern_bridge::ModernBridgeTest;
using testing_modern_bridge::parsed;

// ---- Sessions

TEST_F(ModernBridgeTest, OpensASessionWithTheFirstRequestAndLendsItToTheNext) {
  auto first =
      send("tools/call", call_params, R"("io.modelcontextprotocol/clientInfo":{"name":"c","version":"3"})");
  ASSERT_EQ(old.hellos.size(), 1U);
  EXPECT_NE(old.hellos[0].find(R"("protocolVersion":"2025-11-25")"), std::string::npos);
  EXPECT_NE(old.hellos[0].find(R"({"name":"c","version":"3"})"), std::string::npos);
  ASSERT_FALSE(old.told.empty());
  EXPECT_EQ(old.told[0], make_notification("notifications/initialized"));
  old.answer(old.last(), R"({"content":[]})");
  EXPECT_EQ(first->result()["resultType"].string_or(""), "complete");
  auto second = send("prompts/list");
  EXPECT_EQ(old.hellos.size(), 1U);
  EXPECT_EQ(bridge->sessions(), 1U);
  EXPECT_EQ(bridge->calls(), 1U);
  old.answer(old.last(), R"({"prompts":[]})");
  EXPECT_EQ(bridge->calls(), 0U);
  EXPECT_EQ(second->result()["cacheScope"].string_or(""), "private");
  EXPECT_EQ(second->result()["_meta"]["io.modelcontextprotocol/serverInfo"]["name"].string_or(""), "old");
}

TEST_F(ModernBridgeTest, KeepsPrincipalsAndCapabilityClassesApart) {
  auto ann = send("server/discover");
  auto bob = send("server/discover", {}, {}, "{}", "bob");
  auto asks = send("server/discover", {}, {}, elicits);
  EXPECT_EQ(bridge->sessions(), 3U);
  EXPECT_NE(old.hellos[2].find(R"({"elicitation":{"form":{}}})"), std::string::npos);
  EXPECT_EQ(old.hellos[0].find("elicitation"), std::string::npos);
}

TEST_F(ModernBridgeTest, EndsTheSessionThatAPrincipalUsedLeastWhenItNeedsAFifth) {
  for (const char* capabilities : {R"({})", R"({"roots":{}})", R"({"sampling":{}})", elicits})
    send("server/discover", {}, {}, capabilities);
  EXPECT_EQ(bridge->sessions(), 4U);
  send("server/discover");  // used again: the second is now the oldest
  send("server/discover", {}, {}, R"({"roots":{},"sampling":{}})");
  EXPECT_EQ(bridge->sessions(), 4U);
  wait(milliseconds(1));
  EXPECT_EQ(old.endings, 1);
  send("server/discover");
  EXPECT_EQ(old.hellos.size(), 5U);
}

TEST_F(ModernBridgeTest, RefusesAFifthClassWhileFourAreBusy) {
  std::vector<std::unique_ptr<Asker>> busy;
  for (const char* capabilities : {R"({})", R"({"roots":{}})", R"({"sampling":{}})", elicits})
    busy.push_back(send("tools/list", {}, {}, capabilities));
  auto fifth = send("tools/list", {}, {}, R"({"roots":{},"sampling":{}})");
  ASSERT_TRUE(fifth->refused);
  EXPECT_EQ(fifth->refused->http_status, 503);
  for (auto& client : busy) gone(std::move(client));
}

// A full upstream has a place for the new session only when the old one has left.
TEST_F(ModernBridgeTest, SaysFarewellToASessionThatMakesRoomBeforeItOpensTheNext) {
  config.pool.max = 1;
  start();
  EXPECT_TRUE(send("server/discover")->answer);
  auto next = make("server/discover", {}, {}, "{}", "bob");
  bridge->open(*next);
  EXPECT_EQ(old.order, "h") << "not while the old one may be on the stack";
  reactor->turn();
  wait(milliseconds(1));
  EXPECT_EQ(old.order, "hfh");
  EXPECT_TRUE(next->answer);
  EXPECT_EQ(bridge->sessions(), 1U);
}

TEST_F(ModernBridgeTest, EndsASessionThatWasIdle) {
  send("server/discover");
  wait(limits.bridge.session_idle - milliseconds(10));
  EXPECT_EQ(bridge->sessions(), 1U);
  wait(milliseconds(20));
  EXPECT_EQ(bridge->sessions(), 0U);
  EXPECT_EQ(old.endings, 1);
}

TEST_F(ModernBridgeTest, HoldsRequestsUntilTheHandshakeIsDone) {
  const std::string hello = std::exchange(old.hello, {});
  auto first = send("tools/list");
  auto second = send("server/discover");
  auto third = send("tools/list");
  EXPECT_EQ(old.pending.size(), 1U);
  gone(std::move(third));
  old.answer(old.last(), hello);
  EXPECT_TRUE(second->over());
  EXPECT_EQ(old.pending.size(), 1U);
  EXPECT_NE(old.last_text().find("tools/list"), std::string::npos);
  gone(std::move(first));
}

TEST_F(ModernBridgeTest, TellsThoseWhoWaitWhenTheHandshakeFailsAndTriesAgainForTheNext) {
  const std::string hello = std::exchange(old.hello, {});
  auto first = send("tools/list");
  old.sessions.clear();  // it refuses the session
  old.fail(old.last(), -32000, "not today");
  ASSERT_TRUE(first->refused);
  EXPECT_EQ(first->refused->http_status, 502);
  EXPECT_NE(first->refused->message.find("not today"), std::string::npos);
  EXPECT_EQ(bridge->sessions(), 0U);
  old.hello = hello;
  EXPECT_TRUE(send("server/discover")->answer);
}

TEST_F(ModernBridgeTest, GivesUpAHandshakeThatTakesTooLong) {
  old.hello.clear();
  auto client = send("tools/list");
  wait(config.start_timeout + milliseconds(5));
  ASSERT_TRUE(client->refused);
  EXPECT_EQ(client->refused->http_status, 504);
  EXPECT_EQ(old.endings, 1);
}

TEST_F(ModernBridgeTest, OpensAnotherSessionWhenTheServerDied) {
  auto client = send("tools/list");
  old.die(*old.sessions.back());
  ASSERT_TRUE(client->refused);
  EXPECT_EQ(bridge->sessions(), 0U);
  EXPECT_EQ(bridge->calls(), 0U);
  EXPECT_TRUE(send("server/discover")->answer);
  EXPECT_EQ(old.hellos.size(), 2U);
  EXPECT_EQ(old.endings, 0);
}

TEST_F(ModernBridgeTest, SendsACallAgainOnANewSessionWhenTheOldOneIsForgotten) {
  auto client = send("tools/call", call_params);
  old.forget(*old.sessions[0]);
  reactor->turn();
  EXPECT_EQ(old.hellos.size(), 2U);
  ASSERT_EQ(old.pending.size(), 1U);
  EXPECT_FALSE(client->over());
  old.forget(*old.sessions[0]);
  ASSERT_TRUE(client->refused) << "once is enough";
  EXPECT_EQ(client->refused->http_status, 502);
  EXPECT_EQ(bridge->calls(), 0U);
}

// ---- Requests and answers

TEST_F(ModernBridgeTest, AnswersDiscoverFromTheHandshake) {
  auto client = send("server/discover");
  const Json result = client->result();
  EXPECT_EQ(result["supportedVersions"].items().size(), 1U);
  EXPECT_FALSE(result["capabilities"].contains("tasks"));
  EXPECT_EQ(result["ttlMs"].int64_or(-1), 0);
  EXPECT_TRUE(old.pending.empty());
  EXPECT_EQ(metric(R"(sluice_calls_total{upstream="up",method="server/discover",tool="",status="ok"})"), 1U);
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
}

TEST_F(ModernBridgeTest, MintsTokensSoThatTwoClientsNeverShareOne) {
  auto first = call("ann", R"("progressToken":"p")");
  Exchange& one = old.last();
  auto second = call("ann", R"("progressToken":"p","vendor/x":1)");
  Exchange& two = old.last();
  const Json sent_one = parsed(one.request().message.text()), sent_two = parsed(two.request().message.text());
  EXPECT_FALSE(sent_one["params"]["_meta"]["progressToken"] == sent_two["params"]["_meta"]["progressToken"]);
  EXPECT_EQ(sent_two["params"]["_meta"]["vendor/x"].int64_or(0), 1);
  EXPECT_FALSE(sent_two["params"]["_meta"].contains("io.modelcontextprotocol/protocolVersion"));
  const std::string token = sent_two["params"]["_meta"]["progressToken"].dump();
  two.notify(
      make_notification("notifications/progress", R"({"progressToken":)" + token + R"(,"progress":1})"));
  two.notify(make_notification("notifications/progress", R"({"progressToken":"p","progress":2})"));
  // The standalone stream is as good.
  old.sessions[0]->send(
      make_notification("notifications/progress", R"({"progressToken":)" + token + R"(,"progress":3})"));
  ASSERT_EQ(second->heard.size(), 2U);
  EXPECT_EQ(second->heard[0],
            make_notification("notifications/progress", R"({"progressToken":"p","progress":1})"));
  EXPECT_TRUE(first->heard.empty());
  gone(std::move(first));
  gone(std::move(second));
}

TEST_F(ModernBridgeTest, RefusesWhatTheLegacyRevisionDoesNotKnow) {
  auto client = send("tasks/get", R"("taskId":"x")");
  ASSERT_TRUE(client->refused);
  EXPECT_EQ(client->refused->http_status, 404);
  EXPECT_EQ(client->refused->code, rpc::method_not_found);
  auto unknown = send("vendor/own");
  old.fail(old.last(), rpc::method_not_found, "no");
  ASSERT_TRUE(unknown->refused);
  EXPECT_EQ(unknown->refused->http_status, 404);
}

TEST_F(ModernBridgeTest, WhatWaitedForAHandshakeThatBrokeWasNotSent) {
  old.hello.clear();
  auto client = call();
  old.die(*old.sessions[0]);
  ASSERT_TRUE(client->refused);
  EXPECT_EQ(client->refused->message, "it died");
  EXPECT_NE(client->refused->data_json.find("not_sent"), std::string::npos) << client->refused->data_json;
}

TEST_F(ModernBridgeTest, TranslatesResourcesThatAreNotThere) {
  auto client = send("resources/read", R"("uri":"a:b")");
  old.fail(old.last(), rpc::resource_not_found, "none");
  EXPECT_EQ(client->error()["code"].int64_or(0), rpc::invalid_params);
  EXPECT_EQ(client->error()["data"]["uri"].string_or(""), "a:b");
}

TEST_F(ModernBridgeTest, CancelsAtTheUpstreamWhenTheClientCloses) {
  auto client = call();
  gone(std::move(client), CancelReason::peer_gone);
  ASSERT_EQ(old.cancels.size(), 1U);
  EXPECT_EQ(old.cancels[0], CancelReason::client) << "the session stays, so the upstream must be told";
  EXPECT_EQ(bridge->calls(), 0U);
}

TEST_F(ModernBridgeTest, PassesRoomOnBothWays) {
  auto client = call("ann", R"("progressToken":1)");
  client->room = 0;
  Exchange& inner = old.last();
  const std::string token = parsed(inner.request().message.text())["params"]["_meta"]["progressToken"].dump();
  EXPECT_EQ(inner.notify(make_notification("notifications/progress",
                                           R"({"progressToken":)" + token + R"(,"progress":1})")),
            0U);
  bridge->drained(*client);
  EXPECT_EQ(old.drains.size(), 1U);
  gone(std::move(client));
}

// ---- Logs

TEST_F(ModernBridgeTest, GivesEachRequestOnlyTheLogLinesItAskedFor) {
  auto quiet = call();
  Exchange& inner_quiet = old.last();
  auto loud = call("ann", R"("io.modelcontextprotocol/logLevel":"warning")");
  Exchange& inner_loud = old.last();
  ASSERT_EQ(old.levels.size(), 1U);
  EXPECT_NE(old.levels[0].find("warning"), std::string::npos);
  const auto line = [](Bytes level) {
    return make_notification("notifications/message",
                             R"({"level":")" + std::string(level) + R"(","data":1})");
  };
  inner_quiet.notify(line("error"));
  inner_loud.notify(line("info"));
  inner_loud.notify(line("error"));
  old.sessions[0]->send(line("emergency"));
  EXPECT_TRUE(quiet->heard.empty());
  ASSERT_EQ(loud->heard.size(), 1U);
  EXPECT_EQ(loud->heard[0], line("error"));
  auto less = call("ann", R"("io.modelcontextprotocol/logLevel":"error")");
  EXPECT_EQ(old.levels.size(), 1U);
  auto more = call("ann", R"("io.modelcontextprotocol/logLevel":"debug")");
  EXPECT_EQ(old.levels.size(), 2U);
  for (auto* client : {&quiet, &loud, &less, &more}) gone(std::move(*client));
}

TEST_F(ModernBridgeTest, CallsOnlyWhenTheLevelIsSet) {
  old.levels_at_once = false;
  auto client = call("ann", R"("io.modelcontextprotocol/logLevel":"info")");
  EXPECT_NE(old.last_text().find("logging/setLevel"), std::string::npos);
  old.fail(old.last(), -32601, "no");
  EXPECT_NE(old.last_text().find("tools/call"), std::string::npos);
  gone(std::move(client));
}

// ---- Headers

TEST_F(ModernBridgeTest, HoldsHeadersAgainstTheToolListWhichItReadsFirst) {
  auto client = make("tools/call", R"("name":"weather","arguments":{"region":"eu"})");
  auto& request = const_cast<ClientRequest&>(client->request());
  request.over_http = true;
  bridge->open(*client);
  EXPECT_NE(old.last_text().find("tools/list"), std::string::npos);
  const std::string tools = R"({"tools":[{"name":"weather","inputSchema":{"type":"object","properties":{)"
                            R"("region":{"type":"string","x-mcp-header":"Region"}}}}]})";
  old.answer(old.last(), tools);
  ASSERT_TRUE(client->refused);
  EXPECT_EQ(client->refused->code, rpc::header_mismatch);
  EXPECT_EQ(client->refused->http_status, 400);

  auto right = make("tools/call", R"("name":"weather","arguments":{"region":"eu"})");
  auto& with_header = const_cast<ClientRequest&>(right->request());
  with_header.over_http = true;
  with_header.param_headers = {{"Mcp-Param-Region", "eu"}};
  bridge->open(*right);
  EXPECT_NE(old.last_text().find("tools/call"), std::string::npos);
  // A change makes the next one read it again.
  old.last().notify(make_notification("notifications/tools/list_changed"));
  auto again = make("tools/call", R"("name":"weather","arguments":{})");
  const_cast<ClientRequest&>(again->request()).over_http = true;
  bridge->open(*again);
  EXPECT_NE(old.last_text().find("tools/list"), std::string::npos);
  gone(std::move(again));
  gone(std::move(right));
}

// ---- Subscriptions

TEST_F(ModernBridgeTest, AcknowledgesWhatTheUpstreamCanAndFansChangesOut) {
  auto client =
      send("subscriptions/listen", R"("notifications":{"toolsListChanged":true,"promptsListChanged":true,)"
                                   R"("resourceSubscriptions":["a:b","c:d"]})");
  EXPECT_TRUE(client->heard.empty());
  ASSERT_EQ(old.pending.size(), 2U);
  old.answer(*old.pending[0], "{}");
  old.fail(old.last(), -32602, "no such");
  ASSERT_EQ(client->heard.size(), 1U);
  const Json ack = parsed(client->heard[0])["params"];
  EXPECT_EQ(ack["notifications"].dump(), R"({"toolsListChanged":true,"resourceSubscriptions":["a:b"]})");

  // Another one wants the same resource: the upstream is not asked again.
  auto second = send("subscriptions/listen", R"("notifications":{"resourceSubscriptions":["a:b"]})");
  EXPECT_TRUE(old.pending.empty());
  ASSERT_EQ(second->heard.size(), 1U);

  old.sessions[0]->send(make_notification("notifications/resources/updated", R"({"uri":"a:b"})"));
  old.sessions[0]->send(make_notification("notifications/prompts/list_changed"));
  auto other = call();
  auto same = send("tools/call", call_params);
  old.last().notify(make_notification("notifications/tools/list_changed"));
  ASSERT_EQ(client->heard.size(), 3U);
  EXPECT_EQ(
      parsed(client->heard[1])["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"].string_or(""),
      "c1");
  EXPECT_EQ(second->heard.size(), 2U);
  EXPECT_TRUE(same->heard.empty());
  gone(std::move(other));
  gone(std::move(same));

  gone(std::move(client));
  EXPECT_TRUE(old.pending.empty());
  gone(std::move(second));
  ASSERT_EQ(old.pending.size(), 1U);
  EXPECT_NE(old.last_text().find("resources/unsubscribe"), std::string::npos);
  old.answer(old.last(), "{}");
}

// A message may be as large as it can be before another era adds to it.
class SmallMessagesTest : public ModernBridgeTest {
 protected:
  void SetUp() override {
    limits.json.message_bytes_max = 3'000;
    reactor->set_limits(limits);
    start(CapabilitySetting::superset);
  }
  static void expect_too_large(const Asker& client, int code) {
    ASSERT_TRUE(client.refused) << (client.answer ? *client.answer : "open");
    EXPECT_EQ(client.refused->code, code);
    EXPECT_NE(client.refused->message.find("too large"), std::string::npos) << client.refused->message;
  }
};

TEST_F(SmallMessagesTest, RefusesAHandshakeThatOutgrowsTheBound) {
  const std::string name(2'900, 'n');
  auto client = send("tools/list", {},
                     R"("io.modelcontextprotocol/clientInfo":{"name":")" + name + R"(","version":"1"})");
  expect_too_large(*client, rpc::invalid_params);
  EXPECT_TRUE(old.hellos.empty());
  auto next = send("prompts/list");
  old.answer(old.last(), R"({"prompts":[]})");
  EXPECT_TRUE(next->answer) << "the next client is served";
}

TEST_F(SmallMessagesTest, RefusesACallThatOutgrowsTheBoundAndGoesOn) {
  auto large = send("tools/call", R"("name":"t","arguments":{"a":")" + std::string(3'000, 'a') + R"("})");
  expect_too_large(*large, rpc::invalid_params);
  EXPECT_EQ(bridge->calls(), 0U);
  wait(limits.bridge.session_idle + seconds(1));
  EXPECT_EQ(bridge->sessions(), 0U) << "the session rests after it as after any call";
}

TEST_F(SmallMessagesTest, RefusesDiscoverWhenWhatTheServerSaysOfItselfOutgrowsTheBound) {
  old.hello.pop_back();
  old.hello += R"(,"instructions":")";
  old.hello += std::string(2'930 - old.hello.size(), 'i') + R"("})";
  auto client = send("server/discover");
  ASSERT_EQ(old.sessions.size(), 1U) << "the handshake itself is within the bound";
  expect_too_large(*client, rpc::internal_error);
}

TEST_F(SmallMessagesTest, TellsTheServerWhenAnAnswerOutgrowsTheBound) {
  auto client = call();
  Exchange& inner = old.last();
  ask(inner, R"("a-question-with-a-long-name")");
  wait(limits.bridge.coalesce + milliseconds(1));
  ASSERT_TRUE(client->is_asked());
  auto again = retry(client->state(),
                     R"({"ask-1":{"action":"accept","content":{"a":")" + std::string(2'990, 'a') + R"("}}})");
  EXPECT_TRUE(was_told(R"("id":"a-question-with-a-long-name","error")"));
  EXPECT_TRUE(was_told("too large to be carried on"));
  old.answer(inner, R"({"content":[]})");
  EXPECT_EQ(again->result()["resultType"].string_or(""), "complete");
}

TEST_F(ModernBridgeTest, EndsSubscriptionsWithAResultWhenItStops) {
  auto client = send("subscriptions/listen", R"("notifications":{"toolsListChanged":true})");
  bridge->stop();
  EXPECT_EQ(client->result()["resultType"].string_or(""), "complete");
  EXPECT_EQ(old.endings, 1);
  auto late = send("server/discover");
  ASSERT_TRUE(late->refused);
  EXPECT_EQ(late->refused->http_status, 503);
}

TEST_F(ModernBridgeTest, EndsSubscriptionsWhenTheServerDies) {
  auto client = send("subscriptions/listen", R"("notifications":{"toolsListChanged":true})");
  old.die(*old.sessions[0]);
  ASSERT_TRUE(client->refused);
  EXPECT_EQ(client->refused->http_status, 502);
}

TEST_F(ModernBridgeTest, OpensNoSessionAfterSessionForSubscriptionsAtAServerThatLosesEach) {
  const auto subscribe = [&] {
    auto listener = send("subscriptions/listen", R"("notifications":{"toolsListChanged":true})");
    if (!listener->refused) {
      EXPECT_EQ(listener->heard.size(), 1U) << "acknowledged";
      old.die(*old.sessions.back());
      wait(milliseconds(1));
      EXPECT_TRUE(listener->refused);
      return true;
    }
    EXPECT_NE(listener->refused->message.find("soon after they were opened; subscribe again in"),
              std::string::npos)
        << listener->refused->message;
    EXPECT_NE(listener->refused->data_json.find("not_sent"), std::string::npos);
    return false;
  };
  std::size_t opened = 0;
  for (int time = 0; time < 1'000; ++time) {  // 100 s
    opened += subscribe() ? 1U : 0U;
    wait(milliseconds(99));
  }
  EXPECT_GE(opened, 5U);
  EXPECT_LE(opened, 12U);
  EXPECT_EQ(old.hellos.size(), opened);
  auto other = call();  // calls are served all the same
  EXPECT_EQ(old.pending.size(), 1U);
  old.answer(old.last(), R"({"content":[]})");

  wait(seconds(31));
  auto steady = send("subscriptions/listen", R"("notifications":{"toolsListChanged":true})");
  EXPECT_FALSE(steady->refused);
  wait(seconds(11));
  old.die(*old.sessions.back());
  EXPECT_TRUE(subscribe());
  EXPECT_TRUE(subscribe()) << "what was before is forgotten";
}

}  // namespace
}  // namespace sluice
