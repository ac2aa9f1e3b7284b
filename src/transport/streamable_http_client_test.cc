// SPDX-License-Identifier: Apache-2.0
#include "transport/streamable_http_client.h"

#include <gtest/gtest.h>

#include <functional>

#include "transport/http_client_testing.h"

namespace sluice {
namespace {

using testing_client::chunk;
using testing_client::event;
using testing_client::FarServer;
using testing_client::last_chunk;
using testing_client::response;
using testing_client::stream_head;
using testing_fronts::count_of;
using testing_fronts::TestPeer;
using testing_fronts::World;

constexpr Bytes answer_text = R"({"jsonrpc":"2.0","id":1,"result":{}})";
constexpr Bytes note_text = R"({"jsonrpc":"2.0","method":"notifications/message","params":{}})";

// Writes down what a post is told.
struct Poster final : UpstreamPostHandler {
  void on_session_id(Bytes id) override {
    log += 's';
    session = id;
    if (at_session) at_session();
  }
  void on_message(ClientMessage message) override {
    log += 'm';
    texts.emplace_back(message.text());
    if (at_message) at_message();
  }
  void on_done() override { ended('d'); }
  void on_refused(const HttpAnswer& told) override {
    answer = told;
    ended('r');
  }
  void on_failed(const Error& why, Outcome what) override {
    error = why;
    outcome = what;
    ended('f');
  }
  void ended(char how) {
    log += how;
    if (at_end) at_end();
  }

  std::unique_ptr<UpstreamPost> post;
  std::string log;  // s session id, m message, d done, r refused, f failed
  std::string session;
  std::vector<std::string> texts;
  HttpAnswer answer;
  Error error;
  Outcome outcome = Outcome::not_sent;
  std::function<void()> at_session, at_message, at_end;
};

struct ListenerHandler final : UpstreamListenHandler {
  void on_opened() override { log += 'o'; }
  void on_message(ClientMessage message) override {
    log += 'm';
    texts.emplace_back(message.text());
    if (at_message) at_message();
  }
  void on_unavailable(int code) override {
    log += 'u';
    status = code;
    if (at_end) at_end();
  }
  std::unique_ptr<UpstreamListen> listen;
  std::string log;  // o opened, m message, u unavailable
  std::vector<std::string> texts;
  int status = 0;
  std::function<void()> at_message, at_end;
};

class StreamableHttpClientTest : public ::testing::Test {
 protected:
  void SetUp() override { start({}); }
  void start(const Limits& limits, StreamableHttpClientOptions options = {}) {
    client.reset();
    far.reset();
    world = std::make_unique<World>(limits);
    far = std::make_unique<FarServer>(world->reactor());
    options.http.http.body_bytes_max = SIZE_MAX;
    options.http.start_connect = far->door();
    client = *StreamableHttpClient::open(world->reactor(), "http://far:81/mcp?a=b", std::move(options));
  }
  void post(Poster& poster, Bytes message = R"({"jsonrpc":"2.0","id":1,"method":"ping"})",
            PostOptions options = {}) {
    poster.post = client->post(std::string(message), {{"Mcp-Session-Id", "S"}}, poster, options);
    world->settle();
  }
  void listen(ListenerHandler& handler) {
    handler.listen = client->listen(session_fields, handler);
    world->settle();
  }
  TestPeer& last() { return *far->peers.back(); }
  void say(Bytes bytes) {
    last().send(bytes);
    world->settle();
  }

  const SessionFields session_fields =
      std::make_shared<const std::vector<HeaderPair>>(std::vector<HeaderPair>{{"Mcp-Session-Id", "S"}});
  std::unique_ptr<World> world;
  std::unique_ptr<FarServer> far;
  std::unique_ptr<StreamableHttpClient> client;
};

TEST_F(StreamableHttpClientTest, PostsAMessageWithItsFields) {
  StreamableHttpClientOptions options;
  options.fields = {{"Authorization", "Bearer x"}};
  start({}, std::move(options));
  Poster poster;
  post(poster, "{}");
  EXPECT_EQ(last().received,
            "POST /mcp?a=b HTTP/1.1\r\nHost: far:81\r\nContent-Length: 2\r\nMcp-Session-Id: S\r\n"
            "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
            "Authorization: Bearer x\r\n\r\n{}");
}

TEST_F(StreamableHttpClientTest, RefusesAnHttpsUrlAndGarbage) {
  EXPECT_FALSE(StreamableHttpClient::open(world->reactor(), "https://far/mcp", {}));
  EXPECT_FALSE(StreamableHttpClient::open(world->reactor(), "not a url", {}));
  EXPECT_FALSE(StreamableHttpClient::open(world->reactor(), "http:///mcp", {}));
}

TEST_F(StreamableHttpClientTest, GivesAJsonReplyAtEverySplit) {
  const std::string text =
      response(200, "application/json; charset=utf-8", answer_text, "Mcp-Session-Id: new\r\n");
  for (std::size_t split = 0; split <= text.size(); ++split) {
    Poster poster;
    post(poster);
    say(Bytes(text).substr(0, split));
    say(Bytes(text).substr(split));
    ASSERT_EQ(poster.log, "smd") << split;
    ASSERT_EQ(poster.session, "new");
    ASSERT_EQ(poster.texts[0], answer_text);
  }
  EXPECT_EQ(client->http().counters().connects, 1U);
}

TEST_F(StreamableHttpClientTest, GivesAnEventStreamAtEverySplit) {
  const std::string text = stream_head + chunk("id: 1\nretry: 10\n\n: comment\n\n") + event(note_text) +
                           event(answer_text, "event: message\n") + event("x", "event: other\n") + last_chunk;
  for (std::size_t split = 0; split <= text.size(); ++split) {
    Poster poster;
    post(poster);
    say(Bytes(text).substr(0, split));
    say(Bytes(text).substr(split));
    ASSERT_EQ(poster.log, "mmd") << split;
    ASSERT_EQ(poster.texts[0], note_text);
    ASSERT_EQ(poster.texts[1], answer_text);
  }
}

TEST_F(StreamableHttpClientTest, WhoLeavesAtTheAnswerKeepsTheConnectionForTheNextPost) {
  const std::string text = stream_head + event(note_text) + event(answer_text) + last_chunk;
  const std::size_t answered = text.size() - last_chunk.size();
  for (std::size_t split = 0; split <= text.size(); ++split) {
    Poster poster;
    poster.at_message = [&poster] {
      if (poster.log == "mm") poster.post.reset();
    };
    post(poster);
    say(Bytes(text).substr(0, split));
    say(Bytes(text).substr(split));
    ASSERT_EQ(poster.log, "mm") << split;
    ASSERT_EQ(client->http().idle_connections(), 1U) << split;
  }
  EXPECT_EQ(client->http().counters().connects, 1U);
  // Before the answer, leaving is how a call is cancelled: the server must see it.
  Poster poster;
  post(poster);
  say(Bytes(text).substr(0, answered / 2));
  poster.post.reset();
  world->settle();
  EXPECT_TRUE(last().closed());
}

TEST_F(StreamableHttpClientTest, An202IsDoneWithoutAMessage) {
  Poster poster;
  post(poster);
  say("HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nyes");
  EXPECT_EQ(poster.log, "d");
}

TEST_F(StreamableHttpClientTest, ARefusalIsToldWithItsBodyCutAtTheBound) {
  StreamableHttpClientOptions options;
  options.refusal_bytes_max = 100;
  start({}, std::move(options));
  Poster poster;
  post(poster);
  say(response(401, "text/plain", std::string(1'000, 'n'), "WWW-Authenticate: Bearer realm=\"x\"\r\n"));
  EXPECT_EQ(poster.log, "r");
  EXPECT_EQ(poster.answer.status, 401);
  EXPECT_EQ(poster.answer.body.size(), 100U);
  EXPECT_EQ(poster.answer.www_authenticate, "Bearer realm=\"x\"");
}

TEST_F(StreamableHttpClientTest, ARepliesThatIsNoMcpFails) {
  const std::string texts[] = {
      response(200, "text/html", "<html>"),
      response(200, "application/json", "{\"jsonrpc\":"),
      response(200, "application/json", ""),
      response(200, "application/json", "[" + std::string(answer_text) + "]"),
      stream_head + event("not json") + last_chunk,
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
  };
  for (const std::string& text : texts) {
    Poster poster;
    post(poster);
    say(text);
    ASSERT_EQ(poster.log, "f") << text;
    EXPECT_EQ(poster.error.code, Errc::invalid);
    EXPECT_EQ(poster.outcome, Outcome::answered);
  }
}

TEST_F(StreamableHttpClientTest, AReplyBeyondTheMessageBoundFails) {
  for (const bool as_stream : {false, true}) {
    StreamableHttpClientOptions options;
    options.json.message_bytes_max = 1'000;
    options.sse.event_bytes_max = 1'000;
    start({}, std::move(options));
    Poster poster;
    post(poster);
    const std::string big(2'000, 'x');
    say(as_stream ? stream_head + event(big) : response(200, "application/json", big));
    EXPECT_EQ(poster.log, "f");
    EXPECT_EQ(poster.error.code, Errc::too_large);
    EXPECT_EQ(client->http().connections(), 0U);
  }
}

TEST_F(StreamableHttpClientTest, AReplyForWhichNoMemoryIsLeftFailsAndGivesItBack) {
  for (const bool as_stream : {false, true}) {
    Limits limits;
    limits.worker_bytes_max = 100'000;
    start(limits);
    {
      Poster poster;
      post(poster);
      const std::string big(300'000, 'x');
      last().send(as_stream ? stream_head + chunk("data: " + big) : response(200, "application/json", big));
      world->settle();
      EXPECT_EQ(poster.log, "f") << as_stream;
      EXPECT_EQ(poster.error.code, Errc::exhausted);
    }
    client.reset();
    EXPECT_EQ(world->reactor().budget().bytes_used(), 0U);
  }
}

TEST_F(StreamableHttpClientTest, AStreamThatIsCutMayHaveRunAndIsNotPostedAgain) {
  Poster poster;
  post(poster);
  say(stream_head + event(note_text));
  last().close();
  world->settle();
  world->advance(seconds(60));
  EXPECT_EQ(poster.log, "mf");
  EXPECT_EQ(poster.outcome, Outcome::sent_unknown);
  EXPECT_EQ(far->requests(), 1U);
}

TEST_F(StreamableHttpClientTest, MayBeDroppedInEveryCallback) {
  const std::string json = response(200, "application/json", answer_text, "Mcp-Session-Id: new\r\n");
  const std::string stream = stream_head + event(note_text) + event(answer_text) + last_chunk;
  const std::string bad = response(200, "application/json", "garbage");
  for (const std::string& text : {json, stream, bad}) {
    for (const char where : {'s', 'm', 'e'}) {
      auto poster = std::make_unique<Poster>();
      const auto drop = [&] { poster->post.reset(); };
      if (where == 's') poster->at_session = drop;
      if (where == 'm') poster->at_message = drop;
      if (where == 'e') poster->at_end = drop;
      post(*poster);
      say(text);
      ASSERT_FALSE(poster->log.empty());
      poster.reset();
      world->advance(seconds(60));
      ASSERT_EQ(client->http().connections(), 0U);
    }
  }
}

TEST_F(StreamableHttpClientTest, APausedPostStopsTheServerAndLosesNothing) {
  Poster poster;
  post(poster);
  std::string events;
  const std::size_t count = 3'000;
  const std::string note = R"({"jsonrpc":"2.0","method":"notifications/message","params":{"x":")" +
                           std::string(1'000, 'n') + "\"}}";
  for (std::size_t i = 0; i < count; ++i) events += event(note);
  bool paused = false;
  poster.at_message = [&] {
    if (!paused) poster.post->pause();
    paused = true;
  };
  last().send(stream_head + events + event(answer_text) + last_chunk);
  world->settle();
  EXPECT_GT(last().stream().unsent(), 2'000'000U);
  EXPECT_LT(poster.texts.size(), 200U);
  poster.post->resume();
  world->settle();
  EXPECT_EQ(poster.texts.size(), count + 1);
  EXPECT_EQ(poster.log.back(), 'd');
}

// ---- The standalone stream

TEST_F(StreamableHttpClientTest, AListenGivesItsMessages) {
  ListenerHandler handler;
  listen(handler);
  EXPECT_NE(last().received.find("GET /mcp?a=b HTTP/1.1\r\n"), std::string::npos);
  EXPECT_NE(last().received.find("Accept: text/event-stream\r\n"), std::string::npos);
  EXPECT_EQ(last().received.find("Last-Event-ID"), std::string::npos);
  say(stream_head + event(note_text) + event("garbage") + event(note_text));
  EXPECT_EQ(handler.log, "omm");
}

TEST_F(StreamableHttpClientTest, AListenComesBackWithTheLastEventIdAfterTheServersWait) {
  ListenerHandler handler;
  listen(handler);
  say(stream_head + event(note_text, "id: e7\nretry: 3000\n"));
  last().close();
  world->settle();
  world->advance(milliseconds(2'900));
  EXPECT_EQ(far->peers.size(), 1U);
  world->advance(milliseconds(200));
  ASSERT_EQ(far->peers.size(), 2U);
  EXPECT_NE(last().received.find("Last-Event-ID: e7\r\n"), std::string::npos);
  say(stream_head + event(note_text));
  EXPECT_EQ(handler.log, "omom");
}

TEST_F(StreamableHttpClientTest, AListenThatFailsComesBackWithGrowingBoundedWaits) {
  ListenerHandler handler;
  far->refuses = true;
  listen(handler);
  world->advance(std::chrono::minutes(10));
  EXPECT_EQ(handler.log, "");
  const std::uint64_t tries = client->http().counters().connects;
  EXPECT_GT(tries, 10'000 / 150U);
  EXPECT_LT(tries, 400U);
  far->refuses = false;
  world->advance(seconds(10));
  ASSERT_EQ(far->peers.size(), 1U);
  say(stream_head);
  EXPECT_EQ(handler.log, "o");
}

TEST_F(StreamableHttpClientTest, AServerThatAsksForNoWaitIsNotAskedInALoop) {
  ListenerHandler handler;
  listen(handler);
  std::size_t answered = 0;
  for (int i = 0; i < 200; ++i) {
    for (; answered < far->peers.size(); ++answered) {
      far->peers[answered]->send(stream_head + chunk("retry: 0\n\n") + last_chunk);
      world->settle();
    }
    world->advance(milliseconds(5));
  }
  EXPECT_LT(far->peers.size(), 30U) << "within a second";
}

TEST_F(StreamableHttpClientTest, AListenThatIsRefusedForGoodSaysSoAndStays) {
  for (const int status : {405, 404, 400, 401, 501, 204, 301}) {
    ListenerHandler handler;
    handler.at_end = [&] { handler.listen.reset(); };
    listen(handler);
    say(status == 204 ? "HTTP/1.1 204 No Content\r\n\r\n" : response(status, "text/plain", "no"));
    EXPECT_EQ(handler.log, "u") << status;
    EXPECT_EQ(handler.status, status);
  }
  ListenerHandler html;
  listen(html);
  say(response(200, "text/html", "<html>"));
  EXPECT_EQ(html.log, "u");
}

TEST_F(StreamableHttpClientTest, AListenThatIsRefusedForNowComesBack) {
  for (const int status : {503, 429, 408}) {
    start({});
    ListenerHandler handler;
    listen(handler);
    say(response(status, "text/plain", "later"));
    world->advance(seconds(10));
    EXPECT_EQ(handler.log, "");
    EXPECT_EQ(far->requests(), 2U);
  }
}

TEST_F(StreamableHttpClientTest, AnEventThatIsTooLargeBreaksTheStreamAndItComesBack) {
  StreamableHttpClientOptions options;
  options.sse.event_bytes_max = 1'000;
  start({}, std::move(options));
  ListenerHandler handler;
  listen(handler);
  say(stream_head + event(note_text, "id: 1\n") + event(std::string(2'000, 'x')));
  world->advance(seconds(10));
  EXPECT_EQ(far->peers.size(), 2U);
  EXPECT_TRUE(far->peers[0]->closed());
}

TEST_F(StreamableHttpClientTest, AnEventThatIsTooLargeIsNotAskedForAgainAndTheFourthIsTheLast) {
  StreamableHttpClientOptions options;
  options.sse.event_bytes_max = 1'000;
  start({}, std::move(options));
  ListenerHandler handler;
  handler.at_end = [&] { handler.listen.reset(); };
  listen(handler);
  for (std::size_t round = 1; round <= 4; ++round) {
    ASSERT_EQ(far->peers.size(), round);
    EXPECT_EQ(count_of(last().received, "Last-Event-ID"), 0U) << "it would come again";
    say(stream_head + event(note_text, "id: 1\n") + event(std::string(2'000, 'x'), "id: 2\n"));
    world->advance(seconds(10));
  }
  EXPECT_EQ(handler.log, "omomomomu");
  EXPECT_EQ(far->peers.size(), 4U);
}

TEST_F(StreamableHttpClientTest, AListenThatEndsAsItOpensIsAskedForLessAndLess) {
  ListenerHandler handler;
  listen(handler);
  std::size_t answered = 0;
  for (int i = 0; i < 600; ++i) {
    for (; answered < far->peers.size(); ++answered) {
      far->peers[answered]->send(stream_head + last_chunk);
      world->settle();
    }
    world->advance(milliseconds(100));
  }
  EXPECT_GT(far->peers.size(), 6U);
  EXPECT_LT(far->peers.size(), 40U) << "within a minute";
}

TEST_F(StreamableHttpClientTest, WhatAListenHoldsIsChargedAndGivenBack) {
  Limits limits;
  limits.worker_bytes_max = 100'000;
  start(limits);
  {
    ListenerHandler handler;
    listen(handler);
    const std::size_t idle = world->reactor().budget().bytes_used();
    say(stream_head + event(note_text, "id: 1\n") + chunk("data: " + std::string(20'000, 'x')));
    EXPECT_GE(world->reactor().budget().bytes_used(), idle + 20'000);
    say(chunk(std::string(200'000, 'x')));
    EXPECT_TRUE(far->peers[0]->closed());
    EXPECT_EQ(world->reactor().budget().bytes_used(), idle);
    world->advance(seconds(10));
    ASSERT_EQ(far->peers.size(), 2U) << "it comes back, from where it was";
    EXPECT_EQ(count_of(last().received, "Last-Event-ID: 1\r\n"), 1U);
  }
  client.reset();
  EXPECT_EQ(world->reactor().budget().bytes_used(), 0U);
}

TEST_F(StreamableHttpClientTest, AnEventIdThatNoFieldCanCarryIsNotSentBack) {
  ListenerHandler handler;
  listen(handler);
  say(stream_head + event(note_text, "id: 1\n") + event(note_text, "id: 2\x01\n") + last_chunk);
  world->advance(seconds(10));
  ASSERT_EQ(far->peers.size(), 2U);
  EXPECT_EQ(count_of(last().received, "Last-Event-ID: 1\r\n"), 1U);
  say(stream_head);
  EXPECT_EQ(handler.log, "ommo");
}

TEST_F(StreamableHttpClientTest, AListenMayBeDroppedInItsMessages) {
  ListenerHandler handler;
  handler.at_message = [&] { handler.listen.reset(); };
  listen(handler);
  say(stream_head + event(note_text) + event(note_text));
  EXPECT_EQ(handler.log, "om");
  EXPECT_EQ(client->http().connections(), 0U);
}

TEST_F(StreamableHttpClientTest, APausedListenStaysPausedWhenItComesBack) {
  ListenerHandler handler;
  listen(handler);
  handler.listen->pause();
  break_stream(last().stream());
  world->settle();
  world->advance(seconds(10));
  ASSERT_EQ(far->peers.size(), 2U);
  say(stream_head + event(note_text));
  EXPECT_EQ(handler.texts.size(), 0U);
  handler.listen->resume();
  world->settle();
  EXPECT_EQ(handler.texts.size(), 1U);
}

TEST_F(StreamableHttpClientTest, OpenStreamsLeaveThePoolToTheCalls) {
  StreamableHttpClientOptions options;
  options.http.connections_max = 1;
  start({}, std::move(options));
  ListenerHandler handlers[3];
  for (ListenerHandler& handler : handlers) {
    listen(handler);
    say(stream_head);
  }
  Poster poster;
  post(poster);
  say(response(200, "application/json", answer_text));
  EXPECT_EQ(poster.log, "md");
}

// ---- Farewells

TEST_F(StreamableHttpClientTest, AFarewellIsADeleteThatNobodyWaitsFor) {
  client->end_session({{"Mcp-Session-Id", "S"}});
  world->settle();
  EXPECT_EQ(last().received.find("DELETE /mcp?a=b HTTP/1.1\r\n"), 0U);
  EXPECT_EQ(client->farewells(), 1U);
  say("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(client->farewells(), 0U);
}

TEST_F(StreamableHttpClientTest, AFarewellThatIsNotAnsweredDoesNotHoldItsConnectionForGood) {
  StreamableHttpClientOptions options;
  options.http.connections_max = 1;
  start({}, std::move(options));
  client->end_session({{"Mcp-Session-Id", "S"}});
  world->settle();
  Poster poster;
  post(poster);
  world->advance(seconds(20));
  EXPECT_EQ(client->farewells(), 0U);
  say(response(200, "application/json", answer_text));
  EXPECT_EQ(poster.log, "md");
}

TEST_F(StreamableHttpClientTest, FarewellsUnderWayDieWithTheClient) {
  far->refuses = true;
  for (int i = 0; i < 10; ++i) client->end_session({});
  client.reset();
  world->settle();
}

// ---- Credentials

// Has a token that changes when the test says so.
struct Keeper final : Authorizer {
  void lay_on(Bytes method, std::vector<HeaderPair>& fields) override {
    methods += std::string(method) + " ";
    if (!token.empty()) fields.push_back(HeaderPair{"Authorization", "Bearer " + token});
  }
  std::shared_ptr<void> challenged(const AuthChallenge& challenge,
                                   std::function<void(Status)> done) override {
    challenges.push_back(challenge);
    auto waiting = std::make_shared<std::function<void(Status)>>(std::move(done));
    pending = waiting;
    return waiting;
  }
  void answer(Status status) {
    const auto waiting = pending.lock();
    ASSERT_TRUE(waiting);
    (*waiting)(std::move(status));
  }

  std::string token;
  std::string methods;
  std::vector<AuthChallenge> challenges;
  std::weak_ptr<std::function<void(Status)>> pending;
};

class StreamableHttpClientCredentials : public StreamableHttpClientTest {
 protected:
  void SetUp() override {
    StreamableHttpClientOptions options;
    options.authorizer = &keeper;
    start({}, std::move(options));
  }
  void refuse(int status, Bytes challenge) {
    say(response(status, "text/plain", "no", "WWW-Authenticate: " + std::string(challenge) + "\r\n"));
  }

  Keeper keeper;
};

TEST_F(StreamableHttpClientCredentials, ARefusedRequestIsSentAgainWithWhatTheAuthorizerGot) {
  Poster poster;
  post(poster, "{}");
  EXPECT_EQ(count_of(last().received, "Authorization"), 0U);
  refuse(401, "Bearer resource_metadata=\"https://far/meta\", scope=\"a\"");
  ASSERT_EQ(keeper.challenges.size(), 1U);
  EXPECT_EQ(keeper.challenges[0].status, 401);
  EXPECT_EQ(keeper.challenges[0].www_authenticate,
            std::vector<std::string>{"Bearer resource_metadata=\"https://far/meta\", scope=\"a\""});
  EXPECT_TRUE(keeper.challenges[0].refused.empty());
  EXPECT_EQ(poster.log, "");
  keeper.token = "new";
  keeper.answer({});
  world->settle();
  EXPECT_EQ(far->requests(), 2U);
  EXPECT_EQ(count_of(last().received, "Authorization: Bearer new\r\n"), 1U);
  EXPECT_EQ(last().received.substr(last().received.size() - 2), "{}");
  say(response(200, "application/json", answer_text));
  EXPECT_EQ(poster.log, "md");
}

TEST_F(StreamableHttpClientCredentials, AStepUpTellsWhatWasRefusedAndTheAttempt) {
  keeper.token = "weak";
  Poster poster;
  post(poster);
  refuse(401, "Bearer");
  keeper.answer({});
  world->settle();
  refuse(403, "Bearer error=\"insufficient_scope\", scope=\"a b\"");
  ASSERT_EQ(keeper.challenges.size(), 2U);
  EXPECT_EQ(keeper.challenges[1].status, 403);
  EXPECT_EQ(keeper.challenges[1].attempt, 2);
  ASSERT_EQ(keeper.challenges[1].refused.size(), 1U);
  EXPECT_EQ(keeper.challenges[1].refused[0].value, "Bearer weak");
}

TEST_F(StreamableHttpClientCredentials, WithoutNewCredentialsTheRequestFailsAsNotSent) {
  Poster poster;
  post(poster);
  refuse(401, "Bearer");
  keeper.answer(Error(Errc::denied, "the person closed the browser"));
  EXPECT_EQ(poster.log, "f");
  EXPECT_EQ(poster.error.message, "the person closed the browser");
  EXPECT_EQ(poster.outcome, Outcome::not_sent);
}

TEST_F(StreamableHttpClientCredentials, ARequestThatIsRefusedOverAndOverEndsWithTheRefusal) {
  Poster poster;
  post(poster);
  for (int attempt = 1; attempt <= ClientLimits{}.authorizations_max; ++attempt) {
    refuse(401, "Bearer");
    keeper.answer({});
    world->settle();
  }
  refuse(401, "Bearer");
  EXPECT_EQ(poster.log, "r");
  EXPECT_EQ(poster.answer.status, 401);
}

TEST_F(StreamableHttpClientCredentials, DroppingAPostDropsItsWaitForCredentials) {
  Poster poster;
  post(poster);
  refuse(401, "Bearer");
  poster.post.reset();
  EXPECT_TRUE(keeper.pending.expired());
}

TEST_F(StreamableHttpClientCredentials, TheStandaloneStreamAndTheFarewellCarryThemToo) {
  ListenerHandler handler;
  listen(handler);
  refuse(401, "Bearer");
  keeper.token = "new";
  keeper.answer({});
  world->settle();
  EXPECT_EQ(count_of(last().received, "Authorization: Bearer new\r\n"), 1U);
  say(stream_head + event(note_text));
  EXPECT_EQ(handler.log, "om");
  client->end_session({});
  world->settle();
  EXPECT_EQ(keeper.methods, "GET GET DELETE ");
}

// ---- Replies that break off

TEST_F(StreamableHttpClientTest, AReplyThatBreaksOffIsTakenUpAgainWhereItsEventsHaveIds) {
  PostOptions options;
  options.resumes_with = session_fields;
  Poster poster;
  post(poster, "{}", options);
  say(stream_head + chunk("id: e1\nretry: 500\ndata: \n\n") + event(note_text, "id: e2\n") + last_chunk);
  EXPECT_EQ(poster.log, "m");
  world->advance(milliseconds(499));
  EXPECT_EQ(far->requests(), 1U);
  world->advance(milliseconds(2));
  EXPECT_EQ(far->requests(), 2U);
  EXPECT_EQ(count_of(last().received, "GET /mcp?a=b HTTP/1.1\r\n"), 1U);
  EXPECT_EQ(count_of(last().received, "Last-Event-ID: e2\r\n"), 1U);
  EXPECT_EQ(count_of(last().received, "Mcp-Session-Id: S\r\n"), 1U);
  say(stream_head + event(answer_text, "id: e3\n") + last_chunk);
  EXPECT_EQ(poster.log, "mmd");
}

TEST_F(StreamableHttpClientTest, ABrokenConnectionIsTriedAgainWithAGrowingWait) {
  PostOptions options;
  options.resumes_with = session_fields;
  Poster poster;
  post(poster, "{}", options);
  say(stream_head + chunk("id: e1\ndata: \n\n"));
  far->refuses = true;
  last().close();
  world->settle();
  EXPECT_EQ(poster.log, "");
  world->advance(seconds(60));
  const auto tries = client->http().counters().connect_failures;
  EXPECT_GT(tries, 5U);
  EXPECT_LT(tries, 60U);
  EXPECT_EQ(poster.log, "");
  far->refuses = false;
  world->advance(seconds(8));
  say(stream_head + event(answer_text) + last_chunk);
  EXPECT_EQ(poster.log, "md");
}

TEST_F(StreamableHttpClientTest, AServerThatDoesNotResumeEndsThePostAsOneThatMayHaveRun) {
  PostOptions options;
  options.resumes_with = session_fields;
  Poster poster;
  post(poster, "{}", options);
  say(stream_head + chunk("id: e1\ndata: \n\n") + last_chunk);
  world->advance(seconds(1));
  say(response(405, "text/plain", "no"));
  EXPECT_EQ(poster.log, "f");
  EXPECT_EQ(poster.outcome, Outcome::sent_unknown);
}

TEST_F(StreamableHttpClientCredentials, ACallWhoseResumingIsRefusedCredentialsMayHaveRun) {
  PostOptions options;
  options.resumes_with = session_fields;
  Poster poster;
  post(poster, "{}", options);
  say(stream_head + chunk("id: e1\ndata: \n\n") + last_chunk);
  world->advance(seconds(1));
  refuse(401, "Bearer");
  keeper.answer(Error(Errc::denied, "the person closed the browser"));
  EXPECT_EQ(poster.log, "f");
  EXPECT_EQ(poster.outcome, Outcome::sent_unknown);
}

TEST_F(StreamableHttpClientTest, AReplyThatRestsKeepsNothingOfItsRequestNorOfWhatItBrought) {
  PostOptions options;
  options.resumes_with = session_fields;
  const std::size_t before = world->reactor().budget().bytes_used();
  Poster poster;
  post(poster, "{}", options);
  const std::string note =
      R"({"jsonrpc":"2.0","method":"notifications/x","params":{"a":")" + std::string(10'000, 'x') + "\"}}";
  say(stream_head + event(note, "id: e1\n"));
  EXPECT_EQ(poster.log, "m");
  EXPECT_LT(world->reactor().budget().bytes_used(), before + 100);
  EXPECT_EQ(session_fields.use_count(), 3) << "of its session, this test's options and the reply";
}

TEST_F(StreamableHttpClientTest, AReplyWithoutIdsIsNotTakenUpAgain) {
  PostOptions options;
  options.resumes_with = session_fields;
  Poster poster;
  post(poster, "{}", options);
  say(stream_head + event(note_text) + last_chunk);
  EXPECT_EQ(poster.log, "md");
  world->advance(seconds(60));
  EXPECT_EQ(far->requests(), 1U);
}

}  // namespace
}  // namespace sluice
