// SPDX-License-Identifier: Apache-2.0
// The legacy era over HTTP: sessions, event ids, the standalone stream, batches.
#include <gtest/gtest.h>

#include "transport/streamable_http_front_testing.h"

namespace sluice {
namespace {

using namespace testing_fronts;

class LegacyHttpTest : public StreamableHttpTest {
 protected:
  static Fields in_session(const std::string& id) {
    return {{"Mcp-Session-Id", id}, {"MCP-Protocol-Version", "2025-11-25"}};
  }
  std::unique_ptr<TestPeer> open_get(const std::string& id, Bytes last_event = {}) {
    auto peer = connect();
    Fields fields = in_session(id);
    fields.push_back({"Last-Event-ID", std::string(last_event)});
    fields.push_back({"Accept", "text/event-stream"});
    peer->send(request_text("GET", fields, {}));
    world->settle();
    return peer;
  }
  static std::string events(const TestPeer& peer) { return parse_answer(peer.received).body; }
  // The id of the last event.
  static std::string last_id(Bytes body) {
    const std::size_t at = body.rfind("id: ");
    return at == Bytes::npos ? "" : std::string(body.substr(at + 4, body.find('\n', at) - at - 4));
  }
};

TEST_F(LegacyHttpTest, MintsASessionWithTheInitializeResult) {
  const TestAnswer answer = post({}, initialize_request());
  EXPECT_EQ(answer.status, 200);
  const std::string id = answer.field("Mcp-Session-Id");
  EXPECT_FALSE(id.empty());
  EXPECT_LE(id.size(), 512u);
  EXPECT_EQ(front->sessions(), 1u);
  EXPECT_EQ(post(in_session(id), make_notification("notifications/initialized")).status, 202);
  EXPECT_EQ(service.messages.size(), 1u);
  service.on_open = [](Exchange& exchange) {
    EXPECT_EQ(exchange.request().era, Era::legacy);
    EXPECT_EQ(exchange.request().revision, Revision::r2025_11_25);
    ASSERT_NE(exchange.session(), nullptr);
    exchange.finish(make_response(exchange.request().message.id(), R"({"tools":[]})"));
  };
  const TestAnswer list = post(in_session(id), legacy_request(2, "tools/list"));
  EXPECT_EQ(list.status, 200);
  EXPECT_EQ(list.field("Content-Type"), "application/json");
  EXPECT_EQ(post(in_session(id), legacy_request(3, "ping")).body, R"({"jsonrpc":"2.0","id":3,"result":{}})");
}

TEST_F(LegacyHttpTest, NegotiatesTheRevisionOfTheSession) {
  for (const Bytes version : {"2025-03-26", "2025-06-18", "2025-11-25"}) {
    const std::string id = open_session(version);
    ASSERT_NE(service.last_session, nullptr);
    EXPECT_EQ(revision_text(service.last_session->revision()), version);
  }
  EXPECT_NE(post({}, initialize_request("1999-01-01")).body.find("2025-11-25"), Bytes::npos);
}

TEST_F(LegacyHttpTest, MintsNothingWhenTheServiceRefusesTheHandshake) {
  service.answer_initialize = false;
  service.on_open = [](Exchange& exchange) { exchange.refuse(503, -32603, "too many children", {}); };
  const TestAnswer answer = post({}, initialize_request());
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.field("Mcp-Session-Id"), "");
  EXPECT_EQ(front->sessions(), 0u);
  service.on_open = [](Exchange& exchange) { exchange.finish(make_error_response("1", -32602, "no")); };
  EXPECT_EQ(post({}, initialize_request()).status, 200);
  EXPECT_EQ(front->sessions(), 0u);
  EXPECT_EQ(service.sessions_ended, 0) << "it knows";
}

TEST_F(LegacyHttpTest, EndsAHandshakeThatTakesTooLong) {
  service.answer_initialize = false;
  auto peer = connect();
  ask(*peer, "POST", {}, initialize_request());
  world->advance(milliseconds(5100));
  EXPECT_EQ(parse_answer(peer->received).status, 504);
  ASSERT_EQ(service.cancels.size(), 1u);
  EXPECT_EQ(service.cancels[0].second, CancelReason::timed_out);
  EXPECT_EQ(service.sessions_ended, 1);
  EXPECT_EQ(front->sessions(), 0u);
}

TEST_F(LegacyHttpTest, EndsAHandshakeWhoseClientLeft) {
  service.answer_initialize = false;
  auto peer = connect();
  ask(*peer, "POST", {}, initialize_request());
  peer->close();
  world->settle();
  EXPECT_EQ(service.cancels.size(), 1u);
  EXPECT_EQ(service.sessions_ended, 1);
  EXPECT_EQ(front->sessions(), 0u);
}

TEST_F(LegacyHttpTest, WantsTheSessionAndKnowsOnlyItsOwn) {
  const std::string id = open_session();
  const std::string list = legacy_request(2, "tools/list");
  const TestAnswer missing = post({}, list);
  EXPECT_EQ(missing.status, 400);
  EXPECT_NE(missing.body.find("\"id\":2"), Bytes::npos);
  EXPECT_EQ(post({{"Mcp-Session-Id", "made-up"}}, list).status, 404);
  EXPECT_EQ(ask("GET", {}).status, 400);
  EXPECT_EQ(ask("GET", {{"Mcp-Session-Id", "made-up"}}).status, 404);
  EXPECT_EQ(ask("DELETE", {}).status, 400);
  EXPECT_EQ(ask("DELETE", {{"Mcp-Session-Id", "made-up"}}).status, 404);
  EXPECT_EQ(post({{"Mcp-Session-Id", id}, {"MCP-Protocol-Version", "1999-01-01"}}, list).status, 400);
  EXPECT_EQ(post(in_session(id), initialize_request()).status, 400) << "initialized already";
}

TEST_F(LegacyHttpTest, HidesSessionsFromOtherPrincipals) {
  const std::string id = open_session("2025-11-25", "ann");
  Fields bob = in_session(id);
  bob.push_back({"X-User", "bob"});
  EXPECT_EQ(post(bob, legacy_request(2, "ping")).status, 404);
  EXPECT_EQ(ask("GET", bob).status, 404);
  EXPECT_EQ(ask("DELETE", bob).status, 404);
  EXPECT_EQ(post(in_session(id), legacy_request(2, "ping")).status, 404)
      << "the anonymous principal is another one";
  Fields ann = in_session(id);
  ann.push_back({"X-User", "ann"});
  EXPECT_EQ(post(ann, legacy_request(2, "ping")).status, 200);
}

TEST_F(LegacyHttpTest, EndsASessionOnDelete) {
  const std::string id = open_session();
  auto waiting = connect();
  ask(*waiting, "POST", in_session(id), legacy_request(2, "tools/call"));
  auto get = open_get(id);
  EXPECT_EQ(ask("DELETE", in_session(id)).status, 204);
  EXPECT_EQ(service.cancels.size(), 1u);
  EXPECT_EQ(service.cancels[0].second, CancelReason::peer_gone);
  EXPECT_EQ(service.sessions_ended, 1);
  EXPECT_EQ(parse_answer(waiting->received).status, 404);
  EXPECT_NE(get->received.find("\r\n0\r\n\r\n"), Bytes::npos);
  EXPECT_EQ(post(in_session(id), legacy_request(3, "ping")).status, 404);
}

TEST_F(LegacyHttpTest, ExpiresIdleSessionsOnly) {
  const std::string idle = open_session();
  const std::string listening = open_session();
  auto get = open_get(listening);
  world->advance(std::chrono::minutes(31));
  EXPECT_EQ(service.sessions_ended, 1);
  EXPECT_EQ(post(in_session(idle), legacy_request(3, "ping")).status, 404);
  EXPECT_EQ(post(in_session(listening), legacy_request(3, "ping")).status, 200);
  get->close();
  world->advance(std::chrono::minutes(31));
  EXPECT_EQ(front->sessions(), 0u);
}

TEST_F(LegacyHttpTest, EndsASessionForTheService) {
  const std::string id = open_session();
  auto waiting = connect();
  ask(*waiting, "POST", in_session(id), legacy_request(2, "tools/call"));
  service.last_session->end("The upstream died.");
  world->settle();
  const TestAnswer answer = parse_answer(waiting->received);
  EXPECT_EQ(answer.status, 502);
  EXPECT_NE(answer.body.find("The upstream died."), Bytes::npos);
  EXPECT_EQ(service.sessions_ended, 0);
  EXPECT_EQ(post(in_session(id), legacy_request(3, "ping")).status, 404);
}

TEST_F(LegacyHttpTest, BoundsSessionsAndRequestsInFlight) {
  options.limits.mcp.sessions_max = 1;
  options.limits.mcp.exchanges_per_session_max = 2;
  start();
  const std::string id = open_session();
  EXPECT_EQ(post({}, initialize_request()).status, 503);
  auto one = connect();
  auto two = connect();
  ask(*one, "POST", in_session(id), legacy_request(2, "tools/call"));
  EXPECT_EQ(post(in_session(id), legacy_request(2, "tools/call")).status, 400) << "the id is in use";
  ask(*two, "POST", in_session(id), legacy_request(3, "tools/call"));
  EXPECT_EQ(post(in_session(id), legacy_request(4, "tools/call")).status, 429);
}

TEST_F(LegacyHttpTest, CancelsByNotificationOnly) {
  const std::string id = open_session();
  auto peer = connect();
  ask(*peer, "POST", in_session(id), legacy_request(2, "tools/call"));
  peer->close();
  world->settle();
  EXPECT_TRUE(service.cancels.empty()) << "a disconnect is no cancel";
  EXPECT_EQ(front->counters().detached, 1u);
  EXPECT_EQ(post(in_session(id), make_notification("notifications/cancelled", R"({"requestId":2})")).status,
            202);
  ASSERT_EQ(service.cancels.size(), 1u);
  EXPECT_EQ(service.cancels[0].second, CancelReason::client);

  auto reader = connect();
  ask(*reader, "POST", in_session(id), legacy_request(5, "tools/call"));
  post(in_session(id), make_notification("notifications/cancelled", R"({"requestId":5})"));
  world->settle();
  EXPECT_EQ(parse_answer(reader->received).status, 202) << "no response follows";
}

TEST_F(LegacyHttpTest, NumbersEventsAndReplaysThem) {
  const std::string id = open_session();
  auto peer = connect();
  ask(*peer, "POST", in_session(id), legacy_request(2, "tools/call"));
  service.held[0]->notify(make_notification("notifications/message", R"({"n":1})"));
  world->settle();
  const std::string first = events(*peer);
  EXPECT_EQ(count_of(first, "id: "), 2u) << "a priming event and the notification";
  EXPECT_NE(first.find("retry: 1000"), Bytes::npos);
  peer->close();
  world->settle();
  service.held[0]->notify(make_notification("notifications/message", R"({"n":2})"));
  world->settle();

  auto resumed = open_get(id, last_id(first));
  EXPECT_EQ(count_of(events(*resumed), "\"n\":2"), 1u);
  EXPECT_EQ(count_of(events(*resumed), "\"n\":1"), 0u);
  service.held[0]->notify(make_notification("notifications/message", R"({"n":3})"));
  service.finish();
  world->settle();
  EXPECT_EQ(count_of(events(*resumed), "\"n\":3"), 1u);
  EXPECT_EQ(count_of(events(*resumed), "\"result\""), 1u);
  EXPECT_NE(resumed->received.find("\r\n0\r\n\r\n"), Bytes::npos) << "after the response the stream ends";

  // The whole of it, from the priming event on, also when it is over.
  const std::size_t begin = first.find("id: ") + 4;
  auto again = open_get(id, first.substr(begin, first.find('\n', begin) - begin));
  EXPECT_EQ(count_of(events(*again), "data: {"), 4u);
  EXPECT_NE(again->received.find("\r\n0\r\n\r\n"), Bytes::npos);
  EXPECT_EQ(ask("GET", {{"Mcp-Session-Id", id}, {"Last-Event-ID", "made-up"}}).status, 400);
  const std::string other = open_session();
  EXPECT_EQ(ask("GET", {{"Mcp-Session-Id", other}, {"Last-Event-ID", last_id(first)}}).status, 400)
      << "event ids belong to their session";
}

TEST_F(LegacyHttpTest, PrimesNoStreamOfOlderRevisions) {
  const std::string id = open_session("2025-06-18");
  auto peer = connect();
  ask(*peer, "POST", {{"Mcp-Session-Id", id}}, legacy_request(2, "tools/call"));
  service.held[0]->notify(make_notification("notifications/message", "{}"));
  world->settle();
  EXPECT_EQ(count_of(events(*peer), "id: "), 1u);
  EXPECT_EQ(events(*peer).find("retry"), Bytes::npos);
}

TEST_F(LegacyHttpTest, GoesOnWithoutItsClientAndNeverWaitsForIt) {
  const std::string id = open_session();
  auto peer = connect();
  ask(*peer, "POST", in_session(id), legacy_request(2, "tools/call"));
  peer->pause();
  const std::string note = make_notification("notifications/message", "\"" + std::string(10'000, 'n') + "\"");
  while (service.held[0]->notify(note) > 0) world->settle();
  peer->close();
  world->settle();
  EXPECT_EQ(service.exchange_drains, 1) << "whoever waited for the reader goes on";
  EXPECT_GT(service.held[0]->notify(note), 0u);
  service.finish();
  EXPECT_EQ(front->in_flight(), 0u);
}

TEST_F(LegacyHttpTest, CarriesAsksAndTheirAnswers) {
  const std::string id = open_session();
  auto peer = connect();
  ask(*peer, "POST", in_session(id), legacy_request(2, "tools/call"));
  world->advance(seconds(20));
  service.held[0]->ask(make_request("\"q1\"", "elicitation/create", "{}"));
  world->settle();
  EXPECT_NE(events(*peer).find("elicitation/create"), Bytes::npos);
  world->advance(seconds(300));
  EXPECT_TRUE(service.cancels.empty()) << "an open question pauses the tool timer";
  EXPECT_EQ(post(in_session(id), make_response("\"q1\"", R"({"action":"accept"})")).status, 202);
  EXPECT_NE(service.messages.back().find("accept"), Bytes::npos);
  world->advance(seconds(29));
  EXPECT_TRUE(service.cancels.empty());
  world->advance(seconds(2));
  EXPECT_EQ(service.cancels.size(), 1u) << "answered, the clock runs again";
}

TEST_F(LegacyHttpTest, LetsAQuestionWaitOnlySoLong) {
  const std::string id = open_session();
  auto peer = connect();
  ask(*peer, "POST", in_session(id), legacy_request(2, "tools/call"));
  service.held[0]->ask(make_request("1", "elicitation/create", "{}"));
  world->advance(seconds(601));
  EXPECT_EQ(service.cancels.size(), 1u);
}

TEST_F(LegacyHttpTest, LetsAPersonWhoWentToAPageTakeTime) {
  const std::string id = open_session();
  auto peer = connect();
  ask(*peer, "POST", in_session(id), legacy_request(2, "tools/call"));
  const std::string page = R"({"mode":"url","url":"https://pay","message":"Pay","elicitationId":"e"})";
  service.held[0]->ask(make_request("1", "elicitation/create", page));
  post(in_session(id), make_response("1", R"({"action":"accept"})"));
  world->advance(seconds(599));
  EXPECT_TRUE(service.cancels.empty()) << "accepted is not done";
  service.held[0]->notify(make_notification("notifications/progress", R"({"progress":1})"));
  world->advance(seconds(31));
  EXPECT_EQ(service.cancels.size(), 1u) << "back from the page, the server is at work";
  ask(*peer, "POST", in_session(id), legacy_request(3, "tools/call"));
  service.held[0]->ask(make_request("2", "elicitation/create", page));
  post(in_session(id), make_response("2", R"({"action":"decline"})"));
  world->advance(seconds(31));
  EXPECT_EQ(service.cancels.size(), 2u);
}

TEST_F(LegacyHttpTest, TakesSignsOfLifeThatTellNothing) {
  const std::string id = open_session();
  auto peer = connect();
  ask(*peer, "POST", in_session(id), legacy_request(2, "tools/call"));
  for (int sign = 0; sign < 5; ++sign) {
    world->advance(seconds(20));
    service.held[0]->sign(LifeSign::work);
  }
  EXPECT_TRUE(service.cancels.empty());
  service.held[0]->sign(LifeSign::person);
  world->advance(seconds(599));
  EXPECT_TRUE(service.cancels.empty());
  world->advance(seconds(2));
  EXPECT_EQ(service.cancels.size(), 1u);
}

TEST_F(LegacyHttpTest, LetsAQuestionOfTheSessionHoldWhatItMayBelongTo) {
  const std::string id = open_session();
  auto caller = connect();
  auto lister = connect();
  ask(*caller, "POST", in_session(id), legacy_request(2, "tools/call"));
  ask(*lister, "POST", in_session(id), legacy_request(3, "tools/list"));
  service.last_session->send(make_request("1", "elicitation/create", "{}"));
  world->advance(seconds(31));
  ASSERT_EQ(service.cancels.size(), 1u) << "nobody asks during a list";
  world->advance(seconds(200));
  post(in_session(id), make_response("1", R"({"action":"accept"})"));
  EXPECT_EQ(service.cancels.size(), 1u);
  world->advance(seconds(31));
  EXPECT_EQ(service.cancels.size(), 2u);
}

TEST_F(LegacyHttpTest, HasOneStandaloneStreamASession) {
  const std::string id = open_session();
  auto get = open_get(id);
  const TestAnswer head = parse_answer(get->received);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("Content-Type"), "text/event-stream");
  EXPECT_EQ(ask("GET", in_session(id)).status, 409);
  service.last_session->send(make_notification("notifications/tools/list_changed"));
  world->settle();
  EXPECT_EQ(count_of(events(*get), "list_changed"), 1u);
  world->advance(seconds(61));
  EXPECT_EQ(count_of(events(*get), "\n:\n"), 2u) << events(*get);
  get->close();
  world->settle();
  EXPECT_EQ(parse_answer(open_get(id)->received).status, 200);
}

TEST_F(LegacyHttpTest, KeepsWhatIsSentWhileNobodyListens) {
  const std::string id = open_session();
  service.last_session->send(make_notification("notifications/message", R"({"n":1})"));
  auto get = open_get(id);
  EXPECT_EQ(count_of(events(*get), "\"n\":1"), 1u);
  service.last_session->send(make_notification("notifications/message", R"({"n":2})"));
  world->settle();
  const std::string seen = last_id(events(*get));
  get->close();
  world->settle();
  service.last_session->send(make_notification("notifications/message", R"({"n":3})"));
  // Whoever says nothing gets what was not written yet; whoever names an event gets what follows it.
  auto again = open_get(id);
  EXPECT_EQ(count_of(events(*again), "\"n\":2"), 0u);
  EXPECT_EQ(count_of(events(*again), "\"n\":3"), 1u);
  auto resumed = open_get(id, seen);
  EXPECT_EQ(count_of(events(*resumed), "\"n\":3"), 1u);
  EXPECT_NE(again->received.find("\r\n0\r\n\r\n"), Bytes::npos) << "the older stream gives way";
}

TEST_F(LegacyHttpTest, TellsTheServiceWhenTheStandaloneStreamDrained) {
  const std::string id = open_session();
  auto get = open_get(id);
  get->pause();
  const std::string note = make_notification("notifications/message", "\"" + std::string(10'000, 'n') + "\"");
  while (service.last_session->send(note) > 0) world->settle();
  get->resume();
  world->settle();
  EXPECT_EQ(service.session_drains, 1);
}

TEST_F(LegacyHttpTest, TakesBatchesIn20250326Only) {
  const std::string batch = "[" + legacy_request(2, "ping") + "," + make_notification("notifications/x") +
                            "," + legacy_request(3, "tools/list") + "]";
  EXPECT_EQ(post({{"Mcp-Session-Id", open_session("2025-06-18")}}, batch).status, 400);
  EXPECT_EQ(post({}, batch).status, 400) << "no session";
  const std::string id = open_session("2025-03-26");
  service.on_open = [](Exchange& exchange) {
    exchange.finish(make_response(exchange.request().message.id(), R"({"tools":[]})"));
  };
  const std::size_t messages = service.messages.size();
  const TestAnswer answer = post({{"Mcp-Session-Id", id}}, batch);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body,
            R"([{"jsonrpc":"2.0","id":2,"result":{}},{"jsonrpc":"2.0","id":3,"result":{"tools":[]}}])");
  EXPECT_EQ(service.messages.size(), messages + 1);
  EXPECT_EQ(post({{"Mcp-Session-Id", id}}, "[" + make_notification("notifications/x") + "]").status, 202);
  EXPECT_EQ(post({{"Mcp-Session-Id", id}}, "[]").status, 400);
  EXPECT_EQ(post({{"Mcp-Session-Id", id}}, "[" + initialize_request() + "]").status, 400);
}

TEST_F(LegacyHttpTest, StreamsABatchWhenANotificationComesFirst) {
  const std::string id = open_session("2025-03-26");
  auto peer = connect();
  ask(*peer, "POST", {{"Mcp-Session-Id", id}},
      "[" + legacy_request(2, "ping") + "," + legacy_request(3, "tools/call") + "]");
  service.held[0]->notify(make_notification("notifications/message", "{}"));
  service.finish();
  world->settle();
  const std::string body = events(*peer);
  EXPECT_EQ(count_of(body, "data: {"), 3u);
  EXPECT_NE(peer->received.find("\r\n0\r\n\r\n"), Bytes::npos);
}

TEST_F(LegacyHttpTest, MayFinishFromInsideAnAttachment) {
  // The service's own object ends the exchange it hangs on, and is used afterwards.
  struct Careless final : Attachment {
    explicit Careless(int& counter) : ended(counter) {}
    ~Careless() override { ++ended; }
    void finish(Exchange& exchange) {
      exchange.finish(make_response("2", "{}"));
      text += "still here";
    }
    std::string text;
    int& ended;
  };
  int ended = 0;
  service.on_open = [&](Exchange& exchange) {
    auto owned = std::make_unique<Careless>(ended);
    Careless& careless = *owned;
    exchange.attachment = std::move(owned);
    careless.finish(exchange);
    EXPECT_EQ(careless.text, "still here");
    EXPECT_EQ(ended, 0);
  };
  EXPECT_EQ(post(in_session(open_session()), legacy_request(2, "tools/call")).status, 200);
  world->advance(milliseconds(20));
  EXPECT_EQ(ended, 1);
}

TEST_F(LegacyHttpTest, LeavesNothingInTheBudgetWhenSessionsEnd) {
  for (int i = 0; i < 20; ++i) {
    const std::string id = open_session();
    service.last_session->send(make_notification("notifications/message", "{}"));
    ask("DELETE", in_session(id));
  }
  world->advance(seconds(3));
  EXPECT_EQ(log->sessions(), 0u);
  EXPECT_EQ(world->reactor().budget().bytes_used(), 0u);
}

}  // namespace
}  // namespace sluice
