// SPDX-License-Identifier: Apache-2.0
#include "transport/stdio_server.h"

#include <gtest/gtest.h>

#include "transport/streamable_http_front_testing.h"

namespace sluice {
namespace {

using namespace testing_fronts;

class StdioServerTest : public ::testing::Test {
 protected:
  void SetUp() override { start(); }
  void TearDown() override {
    server.reset();
    world->settle();
  }
  void start() {
    server.reset();
    peer.reset();
    world = std::make_unique<World>(options.limits);
    StreamPair pair = make_stream_pair(world->reactor());
    closed = false;
    server = std::make_unique<StdioServer>(world->reactor(), service, std::move(pair.near), options,
                                           [this] { closed = true; });
    peer = std::make_unique<TestPeer>(std::move(pair.far));
  }
  std::string say(Bytes line) {
    peer->send(std::string(line) + "\n");
    world->settle();
    return peer->take();
  }
  void initialize(Bytes version = "2025-11-25") {
    EXPECT_NE(say(initialize_request(version)).find(version), Bytes::npos);
    EXPECT_EQ(say(make_notification("notifications/initialized")), "");
  }

  StdioServerOptions options;
  ScriptedService service;
  std::unique_ptr<World> world;
  std::unique_ptr<TestPeer> peer;
  std::unique_ptr<StdioServer> server;
  bool closed = false;
};

std::string modern(int id, Bytes method, Bytes more = {}) {
  return legacy_request(id, method, modern_params(more));
}

TEST_F(StdioServerTest, IsLegacyAfterInitialize) {
  initialize();
  service.on_open = [](Exchange& exchange) {
    EXPECT_EQ(exchange.request().era, Era::legacy);
    EXPECT_NE(exchange.session(), nullptr);
    EXPECT_FALSE(exchange.request().over_http);
    exchange.notify(make_notification("notifications/message", "{}"));
    exchange.finish(make_response(exchange.request().message.id(), R"({"tools":[]})"));
  };
  EXPECT_EQ(say(legacy_request(2, "tools/list")), make_notification("notifications/message", "{}") + "\n" +
                                                      make_response("2", R"({"tools":[]})") + "\n");
  // Pinned: an envelope changes nothing any more.
  EXPECT_NE(say(modern(3, "tools/list")).find("\"id\":3"), Bytes::npos);
  service.last_session->send(make_notification("notifications/tools/list_changed"));
  world->settle();
  EXPECT_NE(peer->take().find("list_changed"), Bytes::npos);
}

TEST_F(StdioServerTest, IsModernAfterTheFirstEnvelopedRequest) {
  EXPECT_EQ(say(modern(1, "tools/call", R"(,"name":"t")")), "");
  ASSERT_EQ(service.held.size(), 1u);
  EXPECT_EQ(service.held[0]->request().era, Era::modern);
  EXPECT_EQ(service.held[0]->session(), nullptr);
  const std::string refusal = say(initialize_request());
  EXPECT_NE(refusal.find("-32022"), Bytes::npos);
  EXPECT_NE(refusal.find("2026-07-28"), Bytes::npos);
  EXPECT_NE(say(legacy_request(2, "tools/list")).find("-32602"), Bytes::npos) << "the envelope is missing";
  EXPECT_NE(say(modern(3, "ping")).find("-32601"), Bytes::npos);
  service.finish();
  world->settle();
  EXPECT_NE(peer->take().find("\"id\":1"), Bytes::npos);
}

TEST_F(StdioServerTest, DecidesNothingByDiscoverAlone) {
  service.on_open = [](Exchange& exchange) {
    exchange.finish(make_response(exchange.request().message.id(), "{}"));
  };
  EXPECT_NE(say(modern(1, "server/discover")).find("\"result\""), Bytes::npos);
  initialize();
  EXPECT_NE(say(legacy_request(2, "tools/list")).find("\"result\""), Bytes::npos);
}

TEST_F(StdioServerTest, RefusesRequestsBeforeAnybodySaidHello) {
  EXPECT_NE(say(legacy_request(1, "tools/list")).find("\"error\""), Bytes::npos);
  EXPECT_NE(say(legacy_request(2, "ping")).find("\"result\""), Bytes::npos) << "ping is always allowed";
  initialize();
}

TEST_F(StdioServerTest, MayTryTheHandshakeAgain) {
  service.answer_initialize = false;
  service.on_open = [](Exchange& exchange) { exchange.refuse(503, -32603, "not yet", {}); };
  EXPECT_NE(say(initialize_request()).find("not yet"), Bytes::npos);
  service.answer_initialize = true;
  initialize();
}

TEST_F(StdioServerTest, ServesOneEraOnlyWhenTheServiceDoes) {
  service = ScriptedService({Revision::r2025_11_25});
  start();
  EXPECT_NE(say(modern(1, "server/discover")).find("\"error\""), Bytes::npos);
  initialize();
  service = ScriptedService({Revision::r2026_07_28});
  start();
  EXPECT_NE(say(initialize_request()).find("-32022"), Bytes::npos);
}

TEST_F(StdioServerTest, CancelsById) {
  say(modern(1, "tools/call", R"(,"name":"t")"));
  say(modern(2, "tools/call", R"(,"name":"t")"));
  EXPECT_EQ(say(make_notification("notifications/cancelled", R"({"requestId":1})")), "");
  ASSERT_EQ(service.cancels.size(), 1u);
  EXPECT_EQ(service.held.size(), 1u);
  EXPECT_EQ(say(make_notification("notifications/cancelled", R"({"requestId":9})")), "");
  EXPECT_NE(say(modern(2, "tools/list")).find("\"error\""), Bytes::npos) << "the id is in use";
  EXPECT_EQ(server->in_flight(), 1u);
}

TEST_F(StdioServerTest, CancelsInALegacySession) {
  initialize();
  say(legacy_request(2, "tools/call"));
  EXPECT_EQ(say(make_notification("notifications/cancelled", R"({"requestId":2})")), "");
  EXPECT_EQ(service.cancels.size(), 1u);
}

TEST_F(StdioServerTest, CarriesAsksAndTheirAnswers) {
  initialize();
  say(legacy_request(2, "tools/call"));
  service.held[0]->ask(make_request("\"q\"", "roots/list"));
  world->settle();
  EXPECT_NE(peer->take().find("roots/list"), Bytes::npos);
  world->advance(seconds(100));
  EXPECT_TRUE(service.cancels.empty());
  say(make_response("\"q\"", R"({"roots":[]})"));
  EXPECT_NE(service.messages.back().find("roots"), Bytes::npos);
  world->advance(seconds(31));
  EXPECT_EQ(service.cancels.size(), 1u);
  EXPECT_NE(peer->take().find("-32603"), Bytes::npos);
}

TEST_F(StdioServerTest, WaitsForWhoAnswersOrWentToAPage) {
  initialize();
  say(legacy_request(2, "tools/call"));
  service.last_session->send(
      make_request("1", "elicitation/create", R"({"mode":"url","url":"https://pay"})"));
  world->advance(seconds(100));
  say(make_response("1", R"({"action":"accept"})"));
  world->advance(seconds(599));
  EXPECT_TRUE(service.cancels.empty());
  service.held[0]->sign(LifeSign::work);
  world->advance(seconds(31));
  EXPECT_EQ(service.cancels.size(), 1u);
}

TEST_F(StdioServerTest, EndsEverythingAtTheEnd) {
  initialize();
  say(legacy_request(2, "tools/call"));
  peer->half_close();
  world->settle();
  ASSERT_EQ(service.cancels.size(), 1u);
  EXPECT_EQ(service.cancels[0].second, CancelReason::peer_gone);
  EXPECT_EQ(service.sessions_ended, 1);
  world->advance(milliseconds(20));
  EXPECT_TRUE(closed);
  EXPECT_TRUE(peer->ended);
}

TEST_F(StdioServerTest, EndsEverythingWhenTheStreamBreaks) {
  say(modern(1, "tools/call", R"(,"name":"t")"));
  break_stream(peer->stream());
  world->settle();
  EXPECT_EQ(service.cancels.size(), 1u);
  EXPECT_TRUE(closed);
}

TEST_F(StdioServerTest, SaysItsLastWordsToWhoEnded) {
  service.on_open = [](Exchange& exchange) {
    exchange.finish(make_response(exchange.request().message.id(), "{}"));
  };
  peer->send(modern(1, "tools/list") + "\n");
  peer->half_close();
  world->advance(milliseconds(50));
  EXPECT_NE(peer->received.find("\"result\""), Bytes::npos);
  EXPECT_TRUE(closed);
}

TEST_F(StdioServerTest, ClosesWhenTheServiceEndsTheSession) {
  initialize();
  say(legacy_request(2, "tools/call"));
  service.last_session->end("The upstream died.");
  world->advance(milliseconds(50));
  EXPECT_NE(peer->received.find("The upstream died."), Bytes::npos);
  EXPECT_TRUE(closed);
  EXPECT_EQ(service.sessions_ended, 0);
}

TEST_F(StdioServerTest, AnswersGarbageAndGivesUpOnAFloodOfIt) {
  options.limits.upstream.bad_lines_max = 10;
  start();
  EXPECT_NE(say("garbage").find("-32700"), Bytes::npos);
  EXPECT_NE(say(R"({"jsonrpc":"2.0","id":5})").find("-32600"), Bytes::npos);
  for (int i = 0; i < 10; ++i) say("garbage");
  world->advance(milliseconds(50));
  EXPECT_TRUE(closed);
}

TEST_F(StdioServerTest, TakesBatchesIn20250326Only) {
  initialize("2025-03-26");
  const std::string batch = "[" + legacy_request(2, "ping") + "," + legacy_request(3, "ping") + "]";
  EXPECT_EQ(count_of(say(batch), "\"result\""), 2u);
  start();
  initialize("2025-11-25");
  EXPECT_NE(say(batch).find("-32600"), Bytes::npos);
}

TEST_F(StdioServerTest, PausesTheServiceForASlowReader) {
  say(modern(1, "tools/call", R"(,"name":"t")"));
  peer->pause();
  const std::string note = make_notification("notifications/message", "\"" + std::string(10'000, 'n') + "\"");
  while (service.held[0]->notify(note) > 0) world->settle();
  EXPECT_EQ(service.exchange_drains, 0);
  peer->resume();
  world->settle();
  EXPECT_EQ(service.exchange_drains, 1);
}

TEST_F(StdioServerTest, DrainsListensAtOnceAndCallsWhenTheyEnd) {
  say(modern(1, "subscriptions/listen", R"(,"notifications":{})"));
  say(modern(2, "tools/call", R"(,"name":"t")"));
  server->drain();
  world->settle();
  EXPECT_NE(peer->take().find(R"("io.modelcontextprotocol/subscriptionId":1)"), Bytes::npos);
  EXPECT_NE(say(modern(3, "tools/list")).find("\"error\""), Bytes::npos);
  EXPECT_FALSE(closed);
  service.finish();
  world->advance(milliseconds(50));
  EXPECT_NE(peer->take().find("\"id\":2"), Bytes::npos);
  EXPECT_TRUE(closed);
}

TEST_F(StdioServerTest, RefusesWhatTheByteBudgetHasNoRoomFor) {
  options.limits.worker_bytes_max = 64 * 1024;
  start();
  const std::string pad(20'000, 'x');
  std::string answers;
  for (int i = 1; i < 5; ++i) answers += say(modern(i, "tools/call", R"(,"name":"t","pad":")" + pad + "\""));
  EXPECT_NE(answers.find("-32603"), Bytes::npos);
  EXPECT_GE(service.held.size(), 1u);
}

TEST_F(StdioServerTest, CancelsWhatIsOpenWhenItIsDestroyed) {
  initialize();
  say(legacy_request(2, "tools/call"));
  server.reset();
  EXPECT_EQ(service.cancels.size(), 1u);
  EXPECT_EQ(service.cancels[0].second, CancelReason::shutdown);
  EXPECT_EQ(service.sessions_ended, 1);
}

}  // namespace
}  // namespace sluice
