// SPDX-License-Identifier: Apache-2.0
#include "gateway/http_upstream.h"

#include "gateway/gateway_testing.h"

namespace sluice {
namespace {

using testing_client::event;
using testing_client::last_chunk;
using testing_client::response;
using testing_client::stream_head;
using testing_fronts::count_of;
using testing_fronts::initialize_request;
using testing_fronts::legacy_request;
using testing_gateway::TestPeer;

constexpr Bytes accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

class HttpUpstreamTest : public testing_gateway::GatewayTest {
 protected:
  // The connection on which a request holding `words` arrived last; null when there is none.
  TestPeer* asked(Bytes words) {
    for (auto peer = far.peers.rbegin(); peer != far.peers.rend(); ++peer)
      if (!(*peer)->closed() && (*peer)->received.find(words) != std::string::npos) return peer->get();
    return nullptr;
  }
  // Answers the request that holds `words`, and forgets it.
  void answer(Bytes words, Bytes text) {
    TestPeer* peer = asked(words);
    ASSERT_NE(peer, nullptr) << words;
    peer->take();
    peer->send(text);
    world.settle();
  }
  std::string result(int id) {
    return make_response(std::to_string(id), R"({"resultType":"complete","content":[]})");
  }

  // A session of ours, with one at the upstream; its initialized note is not answered yet.
  Fields initialize() {
    auto client = post({}, initialize_request());
    answer("\"initialize\"",
           response(200, "application/json",
                    make_response("1", R"({"protocolVersion":"2025-11-25","capabilities":{},)"
                                       R"("serverInfo":{"name":"s","version":"1"}})"),
                    "Mcp-Session-Id: theirs\r\n"));
    Fields fields{{"Mcp-Session-Id", answer_of(*client).field("Mcp-Session-Id")}};
    post(fields, make_notification("notifications/initialized"));
    return fields;
  }
  Fields open_session() {
    Fields fields = initialize();
    answer("notifications/initialized", accepted);
    answer("GET /mcp", stream_head);
    return fields;
  }
};

TEST_F(HttpUpstreamTest, AModernCallIsOnePostAndIsCountedOnce) {
  start(http_config());
  for (const bool as_stream : {false, true}) {
    auto client = post_modern("tools/call", "add");
    TestPeer* upstream = asked("Mcp-Method: tools/call\r\nMcp-Name: add\r\n");
    ASSERT_NE(upstream, nullptr);
    answer("tools/call", as_stream ? stream_head + event(result(7)) +
                                         event(R"({"jsonrpc":"2.0","method":"x"})") + last_chunk
                                   : response(200, "application/json", result(7)));
    EXPECT_EQ(answer_of(*client).body, result(7));
    world.advance(seconds(1));
  }
  EXPECT_EQ(metric(R"(sluice_calls_total{upstream="up",method="tools/call",tool="add",status="ok"})"), 2U);
  EXPECT_EQ(metrics->prometheus_text().find("status=\"lost\""), std::string::npos)
      << metrics->prometheus_text();
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
  EXPECT_EQ(count_of(sink.text, "\"call\""), 2U) << sink.text;
}

TEST_F(HttpUpstreamTest, AReplyWithoutAnAnswerIsLost) {
  start(http_config());
  auto client = post_modern("tools/call", "add");
  answer("tools/call", stream_head + last_chunk);
  EXPECT_NE(answer_of(*client).body.find("without answering"), std::string::npos);
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
}

// A legacy server may close a reply's stream and have its client come back for the rest (SEP-1699).
TEST_F(HttpUpstreamTest, AReplyThatBreaksAfterAnEventIdIsTakenUpAgain) {
  start(http_config(EraSetting::legacy));
  const Fields fields = open_session();
  auto client = post(fields, legacy_request(3, "tools/call", R"({"name":"x"})"));
  answer("tools/call", stream_head + testing_client::chunk("id: e1\nretry: 200\ndata: \n\n") + last_chunk);
  EXPECT_EQ(client->received, "");
  world.advance(milliseconds(250));
  TestPeer* again = asked("Last-Event-ID: e1");
  ASSERT_NE(again, nullptr);
  EXPECT_NE(again->received.find("Mcp-Session-Id: theirs"), std::string::npos) << again->received;
  answer("Last-Event-ID: e1", stream_head + event(result(3), "id: e2\n") + last_chunk);
  EXPECT_NE(answer_of(*client).body.find(R"("id":3)"), std::string::npos) << client->received;
}

TEST_F(HttpUpstreamTest, AnAnswerToWhatWasNeverAskedIsNotTheAnswer) {
  start(http_config());
  auto client = post_modern("tools/call", "add");
  answer("tools/call", stream_head + event(make_response("\"never given\"", "{}")) +
                           event(make_error_response("12", -32603, "not yours")) + event(result(7)) +
                           last_chunk);
  EXPECT_EQ(answer_of(*client).body.find("never given"), std::string::npos) << client->received;
  EXPECT_NE(client->received.find(R"("id":7)"), std::string::npos) << client->received;
  EXPECT_NE(sink.text.find("answered what it was not asked"), std::string::npos);
}

TEST_F(HttpUpstreamTest, ProgressThatNobodyAskedForIsToldToNobody) {
  start(http_config(EraSetting::legacy));
  const Fields fields = open_session();
  auto client =
      post(fields, legacy_request(3, "tools/call", R"({"name":"x","_meta":{"progressToken":"p"}})"));
  answer("tools/call",
         stream_head +
             event(make_notification("notifications/progress",
                                     R"({"progressToken":"never given","progress":1})")) +
             event(make_notification("notifications/progress", R"({"progressToken":"p","progress":2})")) +
             event(result(3)) + last_chunk);
  EXPECT_EQ(client->received.find("never given"), std::string::npos) << client->received;
  EXPECT_NE(client->received.find(R"("progress":2)"), std::string::npos) << client->received;
}

// The client of a modern server insists on it; what a server says is otherwise passed on as it is.
TEST_F(HttpUpstreamTest, AModernResultThatDoesNotSayWhatItIsIsComplete) {
  start(http_config());
  auto client = post_modern("tools/call", "add");
  answer("tools/call", response(200, "application/json", make_response("7", R"({"n":9007199254740993})")));
  EXPECT_EQ(answer_of(*client).body, make_response("7", R"({"resultType":"complete","n":9007199254740993})"));
}

TEST_F(HttpUpstreamTest, AClientThatLeavesClosesItsPost) {
  start(http_config());
  auto client = post_modern("tools/call", "add");
  ASSERT_NE(asked("tools/call"), nullptr);
  client->close();
  world.settle();
  EXPECT_EQ(asked("tools/call"), nullptr);
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
}

TEST_F(HttpUpstreamTest, SubscriptionsTakeNoConnectionOfThePool) {
  start(http_config());
  std::vector<std::unique_ptr<TestPeer>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(post_modern("subscriptions/listen"));
  EXPECT_EQ(far.open(), 3U);
  for (const auto& peer : far.peers) peer->send(stream_head);
  world.settle();
  gateway->drain([] {});
  world.advance(seconds(1));
  EXPECT_EQ(far.open(), 0U) << "a drain ends them";
}

TEST_F(HttpUpstreamTest, CallsWaitForTheHandshakeAndTheStreamInTheirOrder) {
  start(http_config());
  const Fields fields = initialize();
  auto first = post(fields, legacy_request(2, "tools/call", R"({"name":"first"})"));
  auto second = post(fields, legacy_request(3, "tools/call", R"({"name":"second"})"));
  EXPECT_EQ(asked("tools/call"), nullptr) << "not before initialized was taken";
  answer("notifications/initialized", accepted);
  EXPECT_EQ(asked("tools/call"), nullptr) << "not before the stream is open";
  answer("GET /mcp", stream_head);
  ASSERT_NE(asked("\"first\""), nullptr);
  ASSERT_NE(asked("\"second\""), nullptr);
  answer("\"second\"", response(200, "application/json", result(3)));
  answer("\"first\"", response(200, "application/json", result(2)));
  EXPECT_EQ(answer_of(*first).body, result(2));
  EXPECT_EQ(answer_of(*second).body, result(3));
}

TEST_F(HttpUpstreamTest, AnUpstreamWithoutAStreamOpensTheGateToo) {
  for (const bool silent : {false, true}) {
    far.peers.clear();
    start(http_config());
    const Fields fields = initialize();
    auto call = post(fields, legacy_request(2, "tools/call", R"({"name":"x"})"));
    answer("notifications/initialized", accepted);
    if (silent) {
      world.advance(seconds(3));
    } else {
      answer("GET /mcp", response(405, "text/plain", "no"));
    }
    EXPECT_NE(asked("\"tools/call\""), nullptr) << silent;
    gateway.reset();
  }
}

TEST_F(HttpUpstreamTest, OnlyAStreamThatWasOpenIsMissedWith404) {
  start(http_config());
  const Fields fields = initialize();
  answer("notifications/initialized", accepted);
  answer("GET /mcp", response(404, "text/plain", "no such page"));
  auto call = post(fields, legacy_request(2, "tools/call", R"({"name":"x"})"));
  answer("\"tools/call\"", response(200, "application/json", result(2)));
  EXPECT_EQ(answer_of(*call).body, result(2)) << "the session goes on without";

  const Fields others = initialize();
  answer("notifications/initialized", accepted);
  answer("GET /mcp", stream_head + last_chunk);
  world.advance(seconds(2));
  answer("GET /mcp", response(404, "text/plain", "who?"));
  EXPECT_EQ(answer_of(*post(others, legacy_request(3, "ping"))).status, 404);
}

TEST_F(HttpUpstreamTest, ACallThatIsCancelledBehindTheGateIsNeverSent) {
  start(http_config());
  const Fields fields = initialize();
  auto call = post(fields, legacy_request(2, "tools/call", R"({"name":"x"})"));
  post(fields, make_notification("notifications/cancelled", R"({"requestId":2})"));
  answer("notifications/initialized", accepted);
  answer("GET /mcp", stream_head);
  world.advance(seconds(3));
  EXPECT_EQ(asked("\"tools/call\""), nullptr);
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
}

TEST_F(HttpUpstreamTest, AnInitializedThatIsNotAnsweredHoldsNothingForGood) {
  start(http_config());
  const Fields fields = initialize();
  world.advance(seconds(40));
  EXPECT_NE(asked("GET /mcp"), nullptr) << sink.text;
  EXPECT_EQ(asked("notifications/initialized"), nullptr);
}

TEST_F(HttpUpstreamTest, ASessionThatTheUpstreamForgotEndsWithAllItsCallsAndEachIsCountedOnce) {
  start(http_config());
  const Fields fields = open_session();
  auto first = post(fields, legacy_request(2, "tools/call", R"({"name":"first"})"));
  auto second = post(fields, legacy_request(3, "tools/call", R"({"name":"second"})"));
  EXPECT_EQ(metric("sluice_calls_in_flight"), 2U);
  answer("\"first\"", response(404, "text/plain", "who?"));
  EXPECT_EQ(answer_of(*first).status, 404);
  EXPECT_NE(answer_of(*second).body.find("no longer knows the session"), std::string::npos);
  world.advance(seconds(1));
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
  EXPECT_EQ(count_of(sink.text, "\"lost\""), 2U) << sink.text;
  EXPECT_EQ(answer_of(*post(fields, legacy_request(4, "ping"))).status, 404);
}

// Nothing says which call it is asked for: all of them may wait for a person now.
TEST_F(HttpUpstreamTest, AQuestionOnTheStreamTakesTheCallsOfItsSessionOutOfThePool) {
  start(http_config());
  const Fields fields = open_session();
  std::vector<std::unique_ptr<TestPeer>> calls;
  for (std::size_t i = 0; i < UpstreamLimits{}.connections_max; ++i)
    calls.push_back(post(fields, legacy_request(100 + static_cast<int>(i), "tools/call", R"({"name":"t"})")));
  auto late = post({}, initialize_request());
  EXPECT_EQ(asked("\"initialize\""), nullptr) << "the pool is full";
  post(fields, make_response("\"x\"", R"({"action":"accept"})"));
  EXPECT_NE(asked("\"accept\""), nullptr) << "an answer does not wait for calls";
  TestPeer* stream = far.peers[1].get();
  stream->send(event(make_request("\"q\"", "elicitation/create", "{}")));
  world.settle();
  EXPECT_NE(asked("\"initialize\""), nullptr);
}

TEST_F(HttpUpstreamTest, ANoteThatGets404EndsTheSessionToo) {
  start(http_config());
  const Fields fields = initialize();
  auto held = post(fields, legacy_request(2, "tools/call", R"({"name":"x"})"));
  answer("notifications/initialized", response(404, "text/plain", "who?"));
  EXPECT_NE(answer_of(*held).body.find("no longer knows the session"), std::string::npos);
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
  EXPECT_EQ(answer_of(*post(fields, legacy_request(4, "ping"))).status, 404);
}

TEST_F(HttpUpstreamTest, A404OfAServerWithoutSessionsIsNoLostSession) {
  start(http_config(EraSetting::legacy));
  auto client = post({}, initialize_request());
  answer("\"initialize\"", response(200, "application/json",
                                    make_response("1", R"({"protocolVersion":"2025-11-25","capabilities":{},)"
                                                       R"("serverInfo":{"name":"s","version":"1"}})")));
  const Fields fields{{"Mcp-Session-Id", answer_of(*client).field("Mcp-Session-Id")}};
  post(fields, make_notification("notifications/initialized"));
  answer("notifications/initialized", accepted);
  answer("GET /mcp", response(405, "text/plain", ""));
  auto call = post(fields, legacy_request(2, "tools/list"));
  answer("tools/list", response(404, "text/plain", "no such page"));
  EXPECT_EQ(answer_of(*call).status, 502) << answer_of(*call).body;
  // The session goes on.
  auto next = post(fields, legacy_request(3, "tools/list"));
  answer("tools/list", response(200, "application/json", result(3)));
  EXPECT_EQ(answer_of(*next).body, result(3));
}

TEST_F(HttpUpstreamTest, AnAnswerThatCannotBePassedOnEndsTheSessionInsteadOfGettingLost) {
  start(http_config(EraSetting::legacy));
  const Fields fields = open_session();
  const std::size_t notes_max = world.reactor().limits().upstream.notes_max;
  std::vector<std::unique_ptr<TestPeer>> notes;
  for (std::size_t i = 0; i < notes_max; ++i)
    notes.push_back(post(fields, make_notification("notifications/roots/list_changed")));
  post(fields, make_notification("notifications/roots/list_changed"));  // news may be lost
  auto call = post(fields, legacy_request(2, "tools/list"));
  EXPECT_EQ(call->received, "");
  post(fields, make_response("9", R"({"roots":[]})"));
  EXPECT_NE(answer_of(*call).body.find("does not take what it is sent"), std::string::npos)
      << answer_of(*call).body;
  EXPECT_EQ(answer_of(*post(fields, legacy_request(4, "ping"))).status, 404);
}

TEST_F(HttpUpstreamTest, ADrainEndsTheSessionsAtTheUpstreamBeforeItIsDone) {
  start(http_config());
  open_session();
  bool done = false;
  gateway->drain([&] { done = true; });
  world.settle();
  world.advance(milliseconds(100));
  TestPeer* upstream = asked("DELETE /mcp");
  ASSERT_NE(upstream, nullptr);
  EXPECT_NE(upstream->received.find("Mcp-Session-Id: theirs\r\n"), std::string::npos);
  EXPECT_FALSE(done);
  answer("DELETE", "HTTP/1.1 204 No Content\r\n\r\n");
  world.advance(milliseconds(100));
  EXPECT_TRUE(done);
}

TEST_F(HttpUpstreamTest, AReloadEndsTheSessionsAtTheOldUpstream) {
  start(http_config());
  open_session();
  UpstreamConfig other = http_config();
  other.headers = {{"X", "y"}};
  ASSERT_TRUE(gateway->reload(config_of(other)).ok());
  world.advance(seconds(1));
  ASSERT_NE(asked("DELETE /mcp"), nullptr);
}

TEST_F(HttpUpstreamTest, AFailureMakesItUnreadyForAWhileAndNotForEver) {
  start(http_config());
  const auto ready = [this] {
    auto peer = connect();
    peer->send(request_text("GET", {}, {}, "/ready"));
    world.settle();
    return answer_of(*peer).status;
  };
  EXPECT_EQ(ready(), 200);
  far.refuses = true;
  auto call = post_modern("tools/list");
  EXPECT_NE(answer_of(*call).body.find("not_sent"), std::string::npos) << call->received;
  EXPECT_EQ(ready(), 503);
  world.advance(seconds(11));
  EXPECT_EQ(ready(), 200) << "or a balancer would never send the call that finds out";
}

TEST_F(HttpUpstreamTest, NoHeaderOfTheConfigurationReachesALogOrAClient) {
  UpstreamConfig config = http_config();
  config.headers = {{"Authorization", "Bearer very-secret"}};
  start(config);
  auto client = post_modern("tools/call", "add");
  answer("very-secret", response(401, "text/plain", "no"));
  EXPECT_NE(answer_of(*client).body.find("refused the gateway's credentials"), std::string::npos);
  EXPECT_EQ((sink.text + client->received + state()).find("very-secret"), std::string::npos);
}

}  // namespace
}  // namespace sluice
