// SPDX-License-Identifier: Apache-2.0
#include "gateway/legacy_bridge_listen.h"

#include "gateway/legacy_bridge_testing.h"

namespace sluice::testing_legacy_bridge {
namespace {

class LegacyBridgeListening : public LegacyBridgeTest {
 protected:
  FakeExchange& subscribe(Session& session, Bytes uri) {
    return request(session, "resources/subscribe", R"({"uri":")" + std::string(uri) + "\"}");
  }
  FakeExchange& unsubscribe(Session& session, Bytes uri) {
    return request(session, "resources/unsubscribe", R"({"uri":")" + std::string(uri) + "\"}");
  }
  [[nodiscard]] std::size_t listen() const { return far.find("subscriptions/listen"); }
  [[nodiscard]] std::size_t listens() const { return far.count("subscriptions/listen"); }
  [[nodiscard]] const Json& wanted() const { return far.requests[listen()]["params"]["notifications"]; }
  std::size_t updated(std::size_t at, Bytes uri) {
    return far.notify(
        at, "notifications/resources/updated",
        R"({"uri":")" + std::string(uri) + R"(","_meta":{"io.modelcontextprotocol/subscriptionId":2}})");
  }
};

constexpr const char* only_resources = R"({"capabilities":{"resources":{"subscribe":true}}})";

TEST_F(LegacyBridgeListening, ListensForWhatTheServerSaysMayChange) {
  FakeSession& session = connect();
  EXPECT_EQ(listens(), 0U);
  initialized(session);
  initialized(session);
  ASSERT_EQ(listens(), 1U);
  EXPECT_EQ(wanted(), *Json::parse(R"({"toolsListChanged":true,"promptsListChanged":true,)"
                                   R"("resourcesListChanged":true})"));
  EXPECT_EQ(far.opened[listen()]->request().principal.name, "me");
  far.acknowledge(listen());
  EXPECT_TRUE(session.sent.empty());
  for (const Bytes method : {"notifications/tools/list_changed", "notifications/prompts/list_changed",
                             "notifications/resources/list_changed"}) {
    far.notify(listen(), method, R"({"_meta":{"io.modelcontextprotocol/subscriptionId":2}})");
    EXPECT_EQ(session.sent.back(), make_notification(method));
  }
  far.notify(listen(), "notifications/message", "{}");
  EXPECT_EQ(session.sent.size(), 3U);
}

TEST_F(LegacyBridgeListening, DoesNotListenWhereNothingChanges) {
  initialized(connect(latest_legacy, "{}", R"({"capabilities":{"tools":{}}})"));
  EXPECT_EQ(listens(), 0U);
}

TEST_F(LegacyBridgeListening, PausesTheServerForAClientThatDoesNotRead) {
  FakeSession& session = connect();
  initialized(session);
  far.acknowledge(listen());
  session.room = 0;
  EXPECT_EQ(far.notify(listen(), "notifications/tools/list_changed", "{}"), 0U);
  bridge->drained(static_cast<Session&>(session));
  EXPECT_EQ(far.drains, 1U);
}

TEST_F(LegacyBridgeListening, EndsWithTheSession) {
  FakeSession& session = connect();
  initialized(session);
  const std::size_t at = listen();
  end(session);
  EXPECT_FALSE(far.is_open(at));
  EXPECT_EQ(bridge->sessions(), 0U);
}

TEST_F(LegacyBridgeListening, AnswersASubscribeWhenTheServerNamesTheResource) {
  FakeSession& session = connect(latest_legacy, "{}", only_resources);
  initialized(session);
  FakeExchange& one = subscribe(session, "a://1");
  ASSERT_EQ(listens(), 1U);
  EXPECT_EQ(wanted(), *Json::parse(R"({"resourceSubscriptions":["a://1"]})"));
  EXPECT_FALSE(one.over());
  far.acknowledge(listen());
  EXPECT_EQ(one.result(), Json::object());
  updated(listen(), "a://1");
  ASSERT_EQ(session.sent.size(), 1U);
  EXPECT_EQ(session.sent[0], make_notification("notifications/resources/updated", R"({"uri":"a://1"})"));
  // A second subscribe to it changes nothing.
  EXPECT_EQ(subscribe(session, "a://1").result(), Json::object());
  EXPECT_EQ(listens(), 1U);
}

TEST_F(LegacyBridgeListening, OpensTheUnionBeforeItDropsWhatItHas) {
  FakeSession& session = connect(latest_legacy, "{}", only_resources);
  subscribe(session, "a://1");
  const std::size_t first = listen();
  far.acknowledge(first);
  FakeExchange& two = subscribe(session, "a://2");
  FakeExchange& three = subscribe(session, "a://3");  // waits for the round after
  const std::size_t second = listen();
  EXPECT_EQ(wanted()["resourceSubscriptions"], *Json::parse(R"(["a://1","a://2"])"));
  EXPECT_TRUE(far.is_open(first));
  updated(first, "a://1");
  EXPECT_EQ(session.sent.size(), 1U);
  far.acknowledge(second);
  EXPECT_FALSE(far.is_open(first));
  EXPECT_TRUE(two.over());
  EXPECT_FALSE(three.over());
  EXPECT_EQ(wanted()["resourceSubscriptions"], *Json::parse(R"(["a://1","a://2","a://3"])"));
  far.acknowledge(listen());
  EXPECT_TRUE(three.over());
  EXPECT_EQ(listens(), 3U);
}

TEST_F(LegacyBridgeListening, RefusesWhatTheServerDoesNotWatch) {
  FakeSession& session = connect(latest_legacy, "{}", only_resources);
  FakeExchange& one = subscribe(session, "a://1");
  far.notify(listen(), "notifications/subscriptions/acknowledged", R"({"notifications":{}})");
  EXPECT_EQ(one.code, -32002);
  EXPECT_EQ(one.data, R"({"uri":"a://1"})");
  subscribe(session, "a://2");
  EXPECT_EQ(wanted()["resourceSubscriptions"], *Json::parse(R"(["a://2"])"));
}

TEST_F(LegacyBridgeListening, RefusesASubscribeThatTheServerRefuses) {
  FakeSession& session = connect(latest_legacy, "{}", only_resources);
  FakeExchange& one = subscribe(session, "a://1");
  far.fail(listen(), -32602, "no such thing", R"({"uri":"a://1"})");
  EXPECT_EQ(one.code, -32002);
  EXPECT_EQ(one.sentence, "no such thing");
  FakeExchange& two = subscribe(session, "a://2");
  far.refuse(listen(), 404, -32601, "Method not found");
  EXPECT_EQ(two.code, -32601);
  EXPECT_EQ(two.http_status, 200);
  pass(seconds(60));
  EXPECT_EQ(listens(), 2U);
  EXPECT_EQ(subscribe(session, "").code, -32602);
}

TEST_F(LegacyBridgeListening, DoesNotWaitForAnAcknowledgementForEver) {
  FakeSession& session = connect(latest_legacy, "{}", only_resources);
  FakeExchange& one = subscribe(session, "a://1");
  const std::size_t at = listen();
  pass(seconds(11));
  EXPECT_EQ(one.http_status, 504);
  EXPECT_FALSE(far.is_open(at));
}

TEST_F(LegacyBridgeListening, TellsNothingOfWhatWasGivenUp) {
  FakeSession& session = connect(latest_legacy, "{}", only_resources);
  subscribe(session, "a://1");
  far.acknowledge(listen());
  subscribe(session, "a://2");
  const std::size_t both = listen();
  far.acknowledge(both);
  EXPECT_EQ(unsubscribe(session, "a://1").result(), Json::object());
  updated(both, "a://1");
  EXPECT_TRUE(session.sent.empty());
  updated(both, "a://2/below");
  EXPECT_EQ(session.sent.size(), 1U);
  EXPECT_EQ(wanted()["resourceSubscriptions"], *Json::parse(R"(["a://2"])"));
  far.acknowledge(listen());
  EXPECT_FALSE(far.is_open(both));
  unsubscribe(session, "a://2");
  EXPECT_FALSE(far.is_open(listen()));
  EXPECT_EQ(unsubscribe(session, "a://never").result(), Json::object());
  EXPECT_EQ(unsubscribe(session, "").code, -32602);
}

TEST_F(LegacyBridgeListening, ForgetsASubscribeThatIsCancelled) {
  FakeSession& session = connect(latest_legacy, "{}", only_resources);
  cancel(subscribe(session, "a://1"));
  FakeExchange& again = subscribe(session, "a://1");
  const std::size_t at = listen();
  far.acknowledge(at);
  EXPECT_TRUE(again.over());
  updated(at, "a://1");
  EXPECT_EQ(session.sent.size(), 1U);
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
}

TEST_F(LegacyBridgeListening, EndsWithItsSessionInTheMiddleOfASubscribe) {
  FakeSession& session = connect(latest_legacy, "{}", only_resources);
  FakeExchange& one = subscribe(session, "a://1");
  const std::size_t at = listen();
  cancel(one, CancelReason::peer_gone);
  end(session);
  EXPECT_FALSE(far.is_open(at));
}

TEST_F(LegacyBridgeListening, ListensAgainWithBackOff) {
  FakeSession& session = connect();
  subscribe(session, "a://1");
  far.acknowledge(listen());
  initialized(session);
  far.acknowledge(listen());
  std::size_t opened = listens();
  const auto lose = [&] { far.refuse(listen(), 502, -32603, "gone"); };
  lose();
  pass(milliseconds(200));
  EXPECT_EQ(listens(), opened);
  pass(milliseconds(100));
  EXPECT_EQ(listens(), ++opened);
  EXPECT_EQ(wanted()["resourceSubscriptions"], *Json::parse(R"(["a://1"])"));
  lose();
  pass(milliseconds(300));
  EXPECT_EQ(listens(), opened);
  pass(milliseconds(300));
  EXPECT_EQ(listens(), ++opened);
  far.acknowledge(listen());
  pass(seconds(20));
  far.finish(listen(), "{}");  // a server that goes down gently
  pass(milliseconds(300));
  EXPECT_EQ(listens(), ++opened);
}

TEST_F(LegacyBridgeListening, ConfirmsNothingThatTheNextSubscriptionWillNotHave) {
  FakeSession& session = connect();
  initialized(session);
  far.acknowledge(listen());
  subscribe(session, "a://1");
  unsubscribe(session, "a://1");
  far.acknowledge(listen());
  const std::size_t without = listen();
  EXPECT_EQ(wanted()["resourceSubscriptions"].size(), 0U);
  FakeExchange& again = subscribe(session, "a://1");
  EXPECT_FALSE(again.over());
  far.acknowledge(without);
  EXPECT_FALSE(again.over());
  EXPECT_EQ(wanted()["resourceSubscriptions"], *Json::parse(R"(["a://1"])"));
  far.acknowledge(listen());
  EXPECT_EQ(again.result(), Json::object());
  updated(listen(), "a://1");
  EXPECT_EQ(session.sent.size(), 1U);
}

TEST_F(LegacyBridgeListening, TellsWhatMayHaveChangedWhileThereWasNoSubscription) {
  FakeSession& session = connect();
  initialized(session);
  far.acknowledge(listen());
  for (const Bytes uri : {"a://1", "a://2"}) {
    subscribe(session, uri);
    far.acknowledge(listen());
  }
  unsubscribe(session, "a://2");
  far.acknowledge(listen());
  far.finish(listen(), "{}");
  pass(milliseconds(300));
  EXPECT_TRUE(session.sent.empty());
  far.acknowledge(listen());
  const std::vector<std::string> all{
      make_notification("notifications/tools/list_changed"),
      make_notification("notifications/prompts/list_changed"),
      make_notification("notifications/resources/list_changed"),
      make_notification("notifications/resources/updated", R"({"uri":"a://1"})")};
  EXPECT_EQ(session.sent, all);
  subscribe(session, "a://3");
  far.acknowledge(listen());
  EXPECT_EQ(session.sent.size(), all.size()) << "nothing is missed when one follows the other";
}

TEST_F(LegacyBridgeListening, FreesASubscriptionThatItDropsOnlyWhenTheServersCallHasUnwound) {
  struct Mark final : Attachment {
    explicit Mark(bool& at) : is_freed(at) {}
    ~Mark() override { is_freed = true; }
    bool& is_freed;
  };
  FakeSession& session = connect(latest_legacy, "{}", only_resources);
  subscribe(session, "a://1");
  unsubscribe(session, "a://1");
  bool is_freed = false;
  far.opened[listen()]->attachment = std::make_unique<Mark>(is_freed);
  far.acknowledge(listen());
  EXPECT_FALSE(far.is_open(listen()));
  EXPECT_FALSE(is_freed);
  pass(milliseconds(1));
  EXPECT_TRUE(is_freed);
}

TEST_F(LegacyBridgeListening, BoundsWhatASessionSubscribesTo) {
  limits.mcp.subscriptions_max = 1;
  restart();
  FakeSession& session = connect();
  subscribe(session, "a://1");
  EXPECT_EQ(subscribe(session, "a://2").code, -32603);
}

}  // namespace
}  // namespace sluice::testing_legacy_bridge
