// SPDX-License-Identifier: Apache-2.0
// Whose requests share a session or child of a legacy server: affinity, shared, stateless and the pool's
// bounds. In front of one upstream of which the test says every word, and through a whole gateway.

#include "gateway/gateway_testing.h"
#include "gateway/modern_bridge_testing.h"

namespace sluice {
namespace {

using testing_fronts::initialize_request;
using testing_fronts::legacy_request;
using testing_modern_bridge::Asker;

class PoolTest : public testing_modern_bridge::ModernBridgeTest {
 protected:
  std::unique_ptr<Asker> list(const std::string& principal = "ann", const std::string& capabilities = "{}") {
    return send("prompts/list", {}, {}, capabilities, principal);
  }
  void answer_all() {
    while (!old.pending.empty()) old.answer(old.last(), R"({"prompts":[]})");
    reactor->turn();
  }
};

TEST_F(PoolTest, AHeaderTellsWhoSharesASession) {
  config.affinity = Affinity::header;
  config.affinity_header = "X-Team";
  start();
  kept_headers = {{"x-team", "red"}};
  auto first = list(), second = list();
  EXPECT_EQ(bridge->sessions(), 1U);
  kept_headers = {{"X-Team", "blue"}};
  auto third = list();
  EXPECT_EQ(bridge->sessions(), 2U);
  auto fourth = list("bob");
  EXPECT_EQ(bridge->sessions(), 3U) << "a header never joins two principals";
  kept_headers.clear();
  auto fifth = list();
  EXPECT_EQ(bridge->sessions(), 4U);
  answer_all();
}

TEST_F(PoolTest, HeadersGiveNoPrincipalMoreThanItsShare) {
  config.affinity = Affinity::header;
  config.affinity_header = "X-Team";
  start();
  for (std::size_t i = 0; i < limits.bridge.sessions_per_principal_max + 5; ++i) {
    kept_headers = {{"X-Team", std::to_string(i)}};
    auto client = list();
    answer_all();
  }
  EXPECT_EQ(bridge->sessions(), limits.bridge.sessions_per_principal_max);
  auto other = list("bob");
  EXPECT_EQ(bridge->sessions(), limits.bridge.sessions_per_principal_max + 1);
  answer_all();
}

TEST_F(PoolTest, ASharedServerHasOneSessionForEverybodyAndIsToldOfNoCapabilities) {
  config.shared = true;
  start();
  auto ann = list("ann", elicits), bob = list("bob", R"({"roots":{},"sampling":{}})");
  EXPECT_EQ(bridge->sessions(), 1U);
  ASSERT_EQ(old.hellos.size(), 1U);
  EXPECT_NE(old.hellos[0].find(R"("capabilities":{})"), std::string::npos) << old.hellos[0];
  answer_all();
}

TEST_F(PoolTest, ASharedServerCanAskNobody) {
  config.shared = true;
  start();
  auto client = call();
  Exchange& inner = old.last();
  inner.ask(make_request("9", "roots/list", "{}"));
  EXPECT_FALSE(client->over());
  EXPECT_TRUE(was_told(R"("id":9,"error")"));
  old.answer(inner, R"({"content":[]})");
  EXPECT_EQ(client->result()["resultType"].string_or(""), "complete");
}

TEST_F(PoolTest, CallsOfAStatelessServerSpreadAndComeBack) {
  config.stateless = true;
  start();
  auto first = list(), second = list();
  EXPECT_EQ(bridge->sessions(), 2U) << "the first was busy";
  answer_all();
  auto third = list();
  EXPECT_EQ(bridge->sessions(), 2U);
  answer_all();
  std::vector<std::unique_ptr<Asker>> many;
  for (std::size_t i = 0; i < 2 * limits.bridge.sessions_per_class_max; ++i) many.push_back(list());
  EXPECT_EQ(bridge->sessions(), limits.bridge.sessions_per_class_max);
  EXPECT_EQ(old.pending.size(), many.size()) << "and then they share";
  answer_all();
}

TEST_F(PoolTest, AStatelessServersCallsShareWhenThePoolIsFull) {
  config.stateless = true;
  config.pool.max = 2;
  start();
  auto first = list(), second = list(), third = list();
  EXPECT_EQ(bridge->sessions(), 2U);
  EXPECT_EQ(old.pending.size(), 3U);
  answer_all();
}

TEST_F(PoolTest, AFullPoolEndsWhatIsIdleAndRefusesWhileNothingIs) {
  config.pool.max = 1;
  start();
  auto ann = list("ann");
  auto bob = list("bob");
  ASSERT_TRUE(bob->refused);
  EXPECT_EQ(bob->refused->http_status, 503);
  answer_all();
  auto again = list("bob");
  EXPECT_FALSE(again->refused);
  EXPECT_EQ(bridge->sessions(), 1U);
  wait(milliseconds(1));
  EXPECT_EQ(old.endings, 1) << "ann's was ended";
  answer_all();
}

TEST_F(PoolTest, ASessionIsEndedWhenItWasIdleForAsLongAsThePoolSays) {
  config.pool.idle = seconds(10);
  start();
  auto client = list();
  answer_all();
  wait(seconds(9));
  EXPECT_EQ(bridge->sessions(), 1U);
  wait(seconds(2));
  EXPECT_EQ(bridge->sessions(), 0U);
}

TEST_F(PoolTest, ARefusedSubscriptionDoesNotKeepASessionForEver) {
  config.pool.idle = seconds(10);
  start();
  auto client = list();
  answer_all();
  std::string uris;
  for (std::size_t i = 0; i <= limits.mcp.subscriptions_max; ++i)
    uris += (i == 0 ? "\"a:" : ",\"a:") + std::to_string(i) + "\"";
  auto listens = send("subscriptions/listen", R"("notifications":{"resourceSubscriptions":[)" + uris + "]}");
  ASSERT_TRUE(listens->refused);
  wait(seconds(11));
  EXPECT_EQ(bridge->sessions(), 0U);
}

// ---- Legacy clients, who have sessions of their own at the front

class PooledGatewayTest : public testing_gateway::ChildGatewayTest {
 protected:
  void start_pooled(UpstreamConfig config) {
    start(std::move(config));
    first = open();
    second = open();
  }
  Fields open(const Fields& more = {}) {
    auto client = post(more, initialize_request());
    if (!children.empty() && !id_of(last(), "initialize").empty() && client->received.empty())
      answer(last(), "initialize", R"({"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{}})");
    const TestAnswer answered = answer_of(*client);
    EXPECT_EQ(answered.status, 200) << answered.body;
    Fields fields{{"Mcp-Session-Id", answered.field("Mcp-Session-Id")}};
    fields.insert(fields.end(), more.begin(), more.end());
    post(fields, make_notification("notifications/initialized"));
    return fields;
  }
  using TestAnswer = testing_fronts::TestAnswer;
  Fields first, second;
};

TEST_F(PooledGatewayTest, OnePrincipalsLegacyClientsShareAChildAndNeverAnAnswer) {
  UpstreamConfig config = child_config(EraSetting::legacy);
  config.affinity = Affinity::principal;
  start_pooled(std::move(config));
  EXPECT_EQ(children.size(), 1U);
  auto ours = post(first, legacy_request(1, "prompts/get", R"({"name":"ours"})"));
  const std::string our_id = id_of(last(), "prompts/get");
  auto theirs = post(second, legacy_request(1, "prompts/get", R"({"name":"theirs"})"));
  const std::string their_id = id_of(last(), "prompts/get");
  EXPECT_NE(our_id, their_id);
  say(last(), make_response(their_id, R"({"messages":["theirs"]})"));
  EXPECT_EQ(answer_of(*theirs).body, make_response("1", R"({"messages":["theirs"]})"));
  EXPECT_EQ(ours->received, "");
  say(last(), make_response(our_id, R"({"messages":["ours"]})"));
  EXPECT_EQ(answer_of(*ours).body, make_response("1", R"({"messages":["ours"]})"));
}

TEST_F(PooledGatewayTest, TheChildOutlivesTheSessionsAndEndsWhenItWasIdle) {
  UpstreamConfig config = child_config(EraSetting::legacy);
  config.affinity = Affinity::principal;
  config.pool.idle = seconds(20);
  start_pooled(std::move(config));
  for (const Fields& fields : {first, second}) {
    auto peer = connect();
    peer->send(request_text("DELETE", fields, {}));
    world.settle();
  }
  EXPECT_FALSE(last().told_to_end());
  world.advance(seconds(21));
  EXPECT_TRUE(last().told_to_end());
}

// Its own test of the other kind of pool is above: there a session ends at once, here a process has to.
TEST_F(PooledGatewayTest, ChildrenThatRestMakeRoomForWhoeverNeedsOne) {
  UpstreamConfig config = child_config(EraSetting::legacy);
  config.children_max = 1;
  start(std::move(config));
  const auto serve_modern = [this](const std::string& capabilities) {
    const std::string more = R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                             R"("io.modelcontextprotocol/clientCapabilities":)" +
                             capabilities + "}";
    auto client = post({{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", "prompts/list"}},
                       legacy_request(7, "prompts/list", "{" + more + "}"));
    world.advance(milliseconds(1));
    answer(last(), "initialize",
           R"({"protocolVersion":"2025-11-25","capabilities":{"prompts":{}},"serverInfo":{}})");
    answer(last(), "prompts/list", R"({"prompts":[]})");
    EXPECT_EQ(answer_of(*client).status, 200) << answer_of(*client).body;
  };
  serve_modern("{}");
  serve_modern(R"({"elicitation":{"form":{}}})");  // of another class: a session of its own
  EXPECT_EQ(children.size(), 2U);
  EXPECT_TRUE(child(0).told_to_end());
  child(0).exit(0);
  // A legacy client, who has a session of its own at the front.
  auto client = post({}, initialize_request());
  world.advance(milliseconds(1));
  ASSERT_EQ(children.size(), 3U);
  EXPECT_TRUE(child(1).told_to_end());
  answer(last(), "initialize", R"({"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{}})");
  EXPECT_EQ(answer_of(*client).status, 200) << answer_of(*client).body;
  // Its child is in use: there is none to end.
  EXPECT_EQ(answer_of(*post({}, initialize_request())).status, 503);
}

// A laptop that was closed keeps its session for half an hour, and nobody out for as long.
TEST_F(PooledGatewayTest, ASessionThatIsIdleMakesRoomForWhoeverNeedsItsChild) {
  UpstreamConfig config = child_config(EraSetting::legacy);
  config.children_max = 2;
  config.pool.idle = seconds(60);
  start_pooled(std::move(config));
  ASSERT_EQ(children.size(), 2U);
  world.advance(seconds(40));
  auto used = post(first, legacy_request(1, "prompts/get", R"({"name":"x"})"));
  answer(child(0), "prompts/get", R"({"messages":[]})");
  world.advance(seconds(15));
  EXPECT_EQ(answer_of(*post({}, initialize_request())).status, 503) << "nobody was idle for long enough";
  world.advance(seconds(10));
  auto client = post({}, initialize_request());
  world.advance(milliseconds(20));
  ASSERT_EQ(children.size(), 3U);
  EXPECT_FALSE(child(0).told_to_end()) << "it was used since";
  EXPECT_TRUE(child(1).told_to_end());
  answer(last(), "initialize", R"({"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{}})");
  EXPECT_EQ(answer_of(*client).status, 200) << answer_of(*client).body;
  EXPECT_EQ(answer_of(*post(second, legacy_request(2, "ping"))).status, 404)
      << "which tells it to begin anew";
}

TEST_F(PooledGatewayTest, AHeaderOfTheClientChoosesItsChild) {
  UpstreamConfig config = child_config(EraSetting::legacy);
  config.affinity = Affinity::header;
  config.affinity_header = "X-Team";
  start(std::move(config));
  open({{"X-Team", "red"}});
  open({{"x-team", "red"}});
  EXPECT_EQ(children.size(), 1U);
  open({{"X-Team", "blue"}});
  EXPECT_EQ(children.size(), 2U);
}

TEST_F(PooledGatewayTest, WithoutAffinityASessionHasAChildForItself) {
  start_pooled(child_config(EraSetting::legacy));
  EXPECT_EQ(children.size(), 2U);
}

}  // namespace
}  // namespace sluice
