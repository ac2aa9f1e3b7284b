// SPDX-License-Identifier: Apache-2.0
#include "transport/http_client.h"

#include <gtest/gtest.h>

#include <functional>

#include "net/listener.h"
#include "support/reactor.h"
#include "transport/http_client_testing.h"

namespace sluice {
namespace {

using testing_client::chunk;
using testing_client::FarServer;
using testing_client::last_chunk;
using testing_client::response;
using testing_client::stream_head;
using testing_fronts::count_of;
using testing_fronts::TestPeer;
using testing_fronts::World;

// One fetch that writes down what it is told, and may do something about it.
struct Asker final : HttpFetchHandler {
  void on_head(const HttpHead& head) override {
    status = head.status;
    log += 'h';
    if (at_head) at_head();
  }
  void on_body(Bytes piece) override {
    body += piece;
    if (log.back() != 'b') log += 'b';
    if (at_body) at_body();
  }
  void on_complete() override {
    log += 'c';
    if (at_end) at_end();
  }
  void on_failed(const Error& why, Outcome what) override {
    log += 'f';
    error = why;
    outcome = what;
    if (at_end) at_end();
  }

  std::unique_ptr<HttpFetch> fetch;
  std::string log;  // h head, b body, c complete, f failed
  int status = 0;
  std::string body;
  Error error;
  Outcome outcome = Outcome::answered;
  std::function<void()> at_head, at_body, at_end;
};

class HttpClientTest : public ::testing::Test {
 protected:
  void SetUp() override { open({}); }
  void open(HttpClientOptions options) {
    client.reset();
    options.start_connect = far.door();
    client = std::make_unique<HttpClient>(world.reactor(), HttpOrigin{"far", 80, "far:80"}, options);
  }
  void ask(Asker& asker, Bytes target = "/", Bytes body = "{}") {
    HttpFetchRequest request;
    request.method = body.empty() ? "GET" : "POST";
    request.target = target;
    request.body = body;
    asker.fetch = client->start(std::move(request), asker);
  }
  TestPeer& peer(std::size_t i = 0) { return *far.peers.at(i); }
  void say(Bytes bytes, std::size_t i = 0) {
    peer(i).send(bytes);
    world.settle();
  }

  World world;
  FarServer far{world.reactor()};
  std::unique_ptr<HttpClient> client;
};

TEST_F(HttpClientTest, WritesARequestWithHostAndLength) {
  Asker asker;
  HttpFetchRequest request{"POST", "/mcp?x=1", {{"Accept", "text/plain"}}, "hello"};
  asker.fetch = client->start(std::move(request), asker);
  world.settle();
  EXPECT_EQ(peer().received,
            "POST /mcp?x=1 HTTP/1.1\r\nHost: far:80\r\nContent-Length: 5\r\nAccept: text/plain\r\n\r\nhello");
  say(response(200, "text/plain", "hi"));
  EXPECT_EQ(asker.log, "hbc");
  EXPECT_EQ(asker.body, "hi");
}

TEST_F(HttpClientTest, ReusesAConnectionAfterACompleteResponse) {
  for (int i = 0; i < 3; ++i) {
    Asker asker;
    ask(asker);
    world.settle();
    say(response(200, "text/plain", "hi"));
    EXPECT_EQ(asker.log, "hbc");
    EXPECT_EQ(client->idle_connections(), 1U);
  }
  EXPECT_EQ(client->counters().connects, 1U);
  EXPECT_EQ(far.requests(), 3U);
}

// A response whose last bytes nobody needs: the connection serves again once they have passed.
TEST_F(HttpClientTest, ReusesAConnectionWhoseResponseEndedUnheardAtEverySplit) {
  const std::string text = stream_head + chunk("heard") + chunk("unheard") + last_chunk;
  const std::size_t heard = stream_head.size() + chunk("heard").size();
  for (std::size_t split = heard; split <= text.size(); ++split) {
    Asker asker;
    asker.at_body = [&asker] {
      HttpFetch& fetch = *asker.fetch;
      fetch.finish_unheard();
    };
    ask(asker);
    world.settle();
    say(Bytes(text).substr(0, split));
    say(Bytes(text).substr(split));
    ASSERT_EQ(asker.log, "hb") << split;
    ASSERT_EQ(asker.body, "heard");
    ASSERT_EQ(client->idle_connections(), 1U) << split;
  }
  EXPECT_EQ(client->counters().connects, 1U);
}

TEST_F(HttpClientTest, WhatGoesUnheardIsBoundedInBytesAndTime) {
  for (const bool by_bytes : {true, false}) {
    Asker asker;
    ask(asker);
    world.settle();
    const std::size_t at = far.peers.size() - 1;
    say(stream_head + chunk("heard"), at);
    asker.fetch->finish_unheard();
    asker.fetch.reset();
    say(chunk("more"), at);
    EXPECT_FALSE(peer(at).closed());
    if (by_bytes) {
      say(chunk(std::string(UpstreamLimits{}.unheard_bytes_max, 'x')), at);
    } else {
      world.advance(UpstreamLimits{}.unheard + milliseconds(1));
    }
    EXPECT_TRUE(peer(at).closed()) << by_bytes;
    EXPECT_EQ(client->connections(), 0U);
  }
}

TEST_F(HttpClientTest, AResponseThatGoesUnheardAndBreaksClosesItsConnectionQuietly) {
  for (const Bytes rest : {Bytes("zz\r\n"), Bytes("0\r\n\r\nHTTP/1.1 200 OK\r\n")}) {
    Asker asker;
    ask(asker);
    world.settle();
    const std::size_t at = far.peers.size() - 1;
    say(stream_head + chunk("heard"), at);
    asker.fetch->finish_unheard();
    say(rest, at);
    EXPECT_TRUE(peer(at).closed());
    EXPECT_EQ(asker.log, "hb");
    EXPECT_EQ(client->connections(), 0U);
  }
}

TEST_F(HttpClientTest, DoesNotReuseAConnectionThatTheResponseCloses) {
  Asker asker;
  ask(asker);
  world.settle();
  say(response(200, "text/plain", "hi", "Connection: close\r\n"));
  EXPECT_EQ(asker.log, "hbc");
  EXPECT_EQ(client->connections(), 0U);
  EXPECT_TRUE(peer().closed());
}

TEST_F(HttpClientTest, GivesResponsesInAnyFramingAtEverySplit) {
  const std::string texts[] = {
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nA: b\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.0 200 OK\r\n\r\nhello",
  };
  for (const std::string& text : texts) {
    for (std::size_t split = 0; split <= text.size(); ++split) {
      Asker asker;
      ask(asker);
      world.settle();
      TestPeer& at = *far.peers.back();
      at.send(Bytes(text).substr(0, split));
      world.settle();
      at.send(Bytes(text).substr(split));
      at.half_close();
      world.settle();
      ASSERT_EQ(asker.log, "hbc") << text << " split at " << split;
      ASSERT_EQ(asker.body, "hello");
      ASSERT_EQ(client->connections(), 0U);
    }
  }
}

TEST_F(HttpClientTest, TellsNothingOfWhatFollowsACompleteResponse) {
  Asker asker, next;
  asker.at_end = [&] { ask(next); };
  ask(asker);
  world.settle();
  say(response(200, "text/plain", "hi") + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  EXPECT_EQ(asker.log, "hbc");
  EXPECT_EQ(next.log, "");
  ASSERT_EQ(far.peers.size(), 2U) << "the connection that said too much is not used again";
  EXPECT_TRUE(peer(0).closed());
  say(response(200, "text/plain", "good"), 1);
  EXPECT_EQ(next.body, "good");
}

TEST_F(HttpClientTest, ClosesAConnectionOnWhichTheServerSpeaksUnasked) {
  Asker asker;
  ask(asker);
  world.settle();
  say(response(200, "text/plain", "hi"));
  say("HTTP/1.1 408 Request Timeout\r\n\r\n");
  EXPECT_EQ(client->connections(), 0U);
}

TEST_F(HttpClientTest, DoesNotReuseAConnectionWhoseRequestIsNotAllSent) {
  Asker first, asker;
  ask(first);
  world.settle();
  say(response(200, "text/plain", "hi"));
  peer().pause();
  ask(asker, "/", std::string(1'000'000, 'x'));
  world.settle();
  say(response(413, "text/plain", "too large"));
  EXPECT_EQ(asker.log, "hbc");
  EXPECT_EQ(client->connections(), 0U);
}

TEST_F(HttpClientTest, ForgetsAnIdleConnectionThatTheServerCloses) {
  Asker asker, next;
  ask(asker);
  world.settle();
  say(response(200, "text/plain", "hi"));
  peer().close();
  world.settle();
  EXPECT_EQ(client->connections(), 0U);
  ask(next);
  world.settle();
  say(response(200, "text/plain", "again"), 1);
  EXPECT_EQ(next.body, "again");
}

TEST_F(HttpClientTest, ClosesAnIdleConnectionBeforeTheServerDoes) {
  Asker asker;
  ask(asker);
  world.settle();
  say(response(200, "text/plain", "hi", "Keep-Alive: timeout=5, max=100\r\n"));
  EXPECT_EQ(client->idle_connections(), 1U);
  world.advance(milliseconds(3'900));
  EXPECT_EQ(client->idle_connections(), 1U);
  world.advance(milliseconds(200));
  EXPECT_EQ(client->connections(), 0U);
}

TEST_F(HttpClientTest, ConnectsNoMoreThanThePoolHoldsAndKeepsTheOrder) {
  HttpClientOptions options;
  options.connections_max = 2;
  options.waiting_max = 3;
  open(options);
  Asker askers[6];
  for (int i = 0; i < 6; ++i) ask(askers[i], "/" + std::to_string(i));
  world.settle();
  EXPECT_EQ(client->connections(), 2U);
  EXPECT_EQ(askers[5].log, "f") << "one too many";
  EXPECT_EQ(askers[5].error.code, Errc::exhausted);
  EXPECT_EQ(askers[5].outcome, Outcome::not_sent);
  EXPECT_EQ(client->counters().refusals, 1U);
  for (int i = 0; i < 4; ++i) say(response(200, "text/plain", "hi"), 0);
  EXPECT_EQ(client->waiting(), 0U);
  const std::string& sent = peer(0).received;
  EXPECT_LT(sent.find("POST /0 "), sent.find("POST /2 "));
  EXPECT_LT(sent.find("POST /2 "), sent.find("POST /3 "));
  EXPECT_LT(sent.find("POST /3 "), sent.find("POST /4 "));
  EXPECT_NE(sent.find("POST /4 "), std::string::npos);
}

TEST_F(HttpClientTest, ANewRequestDoesNotOvertakeTheOnesThatWait) {
  HttpClientOptions options;
  options.connections_max = 1;
  open(options);
  Asker first, second, third;
  ask(first, "/first");
  ask(second, "/second");
  first.at_end = [&] { ask(third, "/third"); };
  world.settle();
  say(response(200, "text/plain", "hi"));
  EXPECT_NE(peer().received.find("/second"), std::string::npos);
  EXPECT_EQ(peer().received.find("/third"), std::string::npos);
  say(response(200, "text/plain", "hi"));
  EXPECT_NE(peer().received.find("/third"), std::string::npos);
}

TEST_F(HttpClientTest, ARequestThatIsDroppedWhileItWaitsIsNeverSent) {
  HttpClientOptions options;
  options.connections_max = 1;
  open(options);
  Asker first, second;
  ask(first, "/first");
  ask(second, "/second");
  second.fetch.reset();
  EXPECT_EQ(client->waiting(), 0U);
  world.settle();
  say(response(200, "text/plain", "hi"));
  EXPECT_EQ(far.requests(), 1U);
}

TEST_F(HttpClientTest, AFailedConnectWasNotSent) {
  far.refuses = true;
  Asker asker;
  ask(asker);
  EXPECT_EQ(asker.log, "") << "never from inside start";
  world.settle();
  EXPECT_EQ(asker.log, "f");
  EXPECT_EQ(asker.outcome, Outcome::not_sent);
  EXPECT_EQ(client->connections(), 0U);
  EXPECT_EQ(client->counters().connect_failures, 1U);
}

TEST_F(HttpClientTest, AFieldThatCannotBeWrittenWasNotSent) {
  Asker asker, next;
  HttpFetchRequest request{"POST", "/", {{"X", "a\r\nInjected: b"}}, "{}"};
  asker.fetch = client->start(std::move(request), asker);
  world.settle();
  EXPECT_EQ(asker.log, "f");
  EXPECT_EQ(asker.outcome, Outcome::not_sent);
  EXPECT_EQ(peer().received, "");
  ask(next);
  world.settle();
  say(response(200, "text/plain", "hi"));
  EXPECT_EQ(next.log, "hbc");
  world.advance(std::chrono::minutes(2));
  EXPECT_EQ(client->connections(), 0U) << "idle connections do not stay for good";
}

TEST_F(HttpClientTest, AStreamThatCannotBeAskedForLeavesNoConnectionToThePool) {
  Asker asker;
  HttpFetchRequest request{"GET", "/", {{"Last-Event-ID", "a\x01"}}, {}, true};
  asker.fetch = client->start(std::move(request), asker);
  world.settle();
  EXPECT_EQ(asker.log, "f");
  EXPECT_EQ(client->connections(), 0U);
  EXPECT_EQ(client->idle_connections(), 0U);
}

TEST_F(HttpClientTest, AnUnusedConnectionIsClosedAfterAWhileToo) {
  Asker asker;
  HttpFetchRequest request{"POST", "/", {{"X", "a\r\nInjected: b"}}, "{}"};
  asker.fetch = client->start(std::move(request), asker);
  world.settle();
  world.advance(std::chrono::minutes(2));
  EXPECT_EQ(client->connections(), 0U);
}

TEST_F(HttpClientTest, ACutResponseMayHaveRunAndIsNotSentAgain) {
  const std::string whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    Asker asker;
    ask(asker);
    world.settle();
    TestPeer& at = *far.peers.back();
    at.send(Bytes(whole).substr(0, cut));
    at.half_close();
    world.settle();
    ASSERT_EQ(asker.log.back(), 'f') << "cut at " << cut;
    ASSERT_EQ(asker.outcome, Outcome::sent_unknown);
    ASSERT_EQ(client->connections(), 0U);
  }
  EXPECT_EQ(far.requests(), whole.size());
}

TEST_F(HttpClientTest, AResetMayHaveRun) {
  Asker asker;
  ask(asker);
  world.settle();
  break_stream(peer().stream());
  world.settle();
  EXPECT_EQ(asker.log, "f");
  EXPECT_EQ(asker.outcome, Outcome::sent_unknown);
}

TEST_F(HttpClientTest, AMalformedResponseFailsAndCloses) {
  const Bytes texts[] = {
      "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "SSH-2.0-OpenSSH\r\n"};
  for (const Bytes text : texts) {
    Asker asker;
    ask(asker);
    world.settle();
    far.peers.back()->send(text);
    world.settle();
    ASSERT_EQ(asker.log.back(), 'f') << text;
    EXPECT_EQ(asker.error.code, Errc::invalid);
    EXPECT_EQ(client->connections(), 0U);
  }
}

TEST_F(HttpClientTest, MayBeDroppedInEveryCallback) {
  for (const char where : {'h', 'b', 'e', 'x'}) {
    Asker asker;
    const auto drop = [&asker] { asker.fetch.reset(); };
    if (where == 'h') asker.at_head = drop;
    if (where == 'b') asker.at_body = drop;
    if (where == 'e' || where == 'x') asker.at_end = drop;
    ask(asker);
    world.settle();
    far.peers.back()->send(where == 'x' ? Bytes("garbage\r\n\r\n")
                                        : Bytes("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntext"));
    world.settle();
    EXPECT_EQ(asker.log, where == 'h' ? "h" : where == 'b' ? "hb" : where == 'e' ? "hbc" : "f");
    EXPECT_EQ(client->connections(), where == 'e' ? 1U : 0U);
    world.advance(std::chrono::minutes(2));
  }
}

TEST_F(HttpClientTest, MayBeDroppedWhileItConnects) {
  Asker asker;
  ask(asker);
  asker.fetch.reset();
  world.settle();
  EXPECT_EQ(asker.log, "");
  EXPECT_EQ(client->connections(), 0U);
  EXPECT_EQ(far.peers.size(), 0U);
}

TEST_F(HttpClientTest, APauseStopsTheServerAndLosesNothing) {
  Asker asker;
  ask(asker);
  world.settle();
  const std::string body(3'000'000, 'z');
  asker.at_head = [&] { asker.fetch->pause(); };
  peer().send(response(200, "text/plain", body));
  world.settle();
  EXPECT_GT(peer().stream().unsent(), 2'000'000U) << "it is the server that holds it";
  EXPECT_EQ(asker.log, "h");
  for (int i = 0; i < 200 && asker.log.back() != 'c'; ++i) {
    asker.at_body = [&] { asker.fetch->pause(); };
    asker.fetch->resume();
    world.settle();
  }
  EXPECT_EQ(asker.log, "hbc");
  EXPECT_TRUE(asker.body == body);
}

TEST_F(HttpClientTest, APauseAtTheLastByteDoesNotLoseTheEnd) {
  for (const bool at_head : {true, false}) {
    Asker asker;
    (at_head ? asker.at_head : asker.at_body) = [&] { asker.fetch->pause(); };
    ask(asker);
    world.settle();
    say(response(200, "text/plain", at_head ? "" : "hi"), far.peers.size() - 1);
    EXPECT_EQ(asker.log, at_head ? "h" : "hb");
    asker.fetch->resume();
    world.settle();
    EXPECT_EQ(asker.log, at_head ? "hc" : "hbc");
    EXPECT_EQ(client->idle_connections(), 1U);
  }
}

TEST_F(HttpClientTest, APauseAndResumeWithinACallbackChangesNothing) {
  Asker asker;
  asker.at_head = asker.at_body = [&] {
    asker.fetch->pause();
    asker.fetch->resume();
  };
  ask(asker);
  world.settle();
  say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n");
  EXPECT_EQ(asker.log, "hbc");
  EXPECT_EQ(asker.body, "hello");
}

TEST_F(HttpClientTest, AnEndBehindAPauseIsToldAfterIt) {
  Asker asker;
  asker.at_head = [&] { asker.fetch->pause(); };
  ask(asker);
  world.settle();
  peer().send("HTTP/1.1 200 OK\r\n\r\nuntil close");
  peer().half_close();
  world.settle();
  EXPECT_EQ(asker.log, "h");
  // Resuming twice within the callbacks that the first one makes must not confuse the order.
  asker.at_body = [&] {
    asker.fetch->pause();
    asker.fetch->resume();
  };
  asker.fetch->resume();
  world.settle();
  EXPECT_EQ(asker.log, "hbc");
  EXPECT_EQ(asker.body, "until close");
}

TEST_F(HttpClientTest, APauseBeforeTheRequestIsSentHoldsTheServerToo) {
  HttpClientOptions options;
  options.connections_max = 1;
  open(options);
  Asker first, second;
  ask(first, "/first");
  ask(second, "/second");
  second.fetch->pause();  // while it waits for the connection
  world.settle();
  say(response(200, "text/plain", "hi"));
  peer().send(response(200, "text/plain", std::string(3'000'000, 'z')));
  world.settle();
  EXPECT_GT(peer().stream().unsent(), 2'000'000U);
  second.fetch->resume();
  world.settle();
  EXPECT_EQ(second.body.size(), 3'000'000U);
  EXPECT_EQ(second.log, "hbc");
}

TEST_F(HttpClientTest, RequestsThatStayOpenDoNotTakeThePoolFromTheOthers) {
  HttpClientOptions options;
  options.connections_max = 1;
  options.streams_max = 2;
  open(options);
  Asker streams[3], call;
  for (Asker& stream : streams) {
    HttpFetchRequest request{"GET", "/", {}, {}, true};
    stream.fetch = client->start(std::move(request), stream);
  }
  ask(call, "/call");
  world.settle();
  EXPECT_EQ(streams[2].log, "f") << "they have a bound of their own";
  EXPECT_EQ(streams[2].error.code, Errc::exhausted);
  ASSERT_EQ(far.peers.size(), 3U);
  say(response(200, "text/plain", "hi"), 2);
  EXPECT_EQ(call.log, "hbc");
  say(response(200, "text/plain", "end"), 0);
  EXPECT_EQ(streams[0].log, "hbc");
  EXPECT_EQ(client->connections(), 2U);
  EXPECT_EQ(client->idle_connections(), 1U) << "its connection does not join the pool";
  streams[1].fetch.reset();
  EXPECT_EQ(client->connections(), 1U);
}

TEST_F(HttpClientTest, ARequestThatLeavesThePoolMakesRoomInIt) {
  HttpClientOptions options;
  options.connections_max = 1;
  options.streams_max = 1;
  open(options);
  Asker slow, next, last;
  ask(slow, "/slow");
  ask(next, "/next");
  world.settle();
  EXPECT_EQ(far.peers.size(), 1U) << "the pool is full";
  slow.fetch->leave_pool();
  slow.fetch->leave_pool();  // it counts once
  world.settle();
  ASSERT_EQ(far.peers.size(), 2U);
  next.fetch->leave_pool();
  ask(last, "/last");
  world.settle();
  EXPECT_EQ(far.peers.size(), 2U) << "beside the pool there is room for one";
  say(response(200, "text/plain", "next"), 1);
  EXPECT_EQ(next.log, "hbc");
  say(response(200, "text/plain", "last"), 1);
  EXPECT_EQ(last.log, "hbc");
  say(response(200, "text/plain", "slow"), 0);
  EXPECT_EQ(slow.log, "hbc");
  EXPECT_EQ(client->connections(), 1U) << "what left does not come back";
}

TEST_F(HttpClientTest, AnUrgentRequestDoesNotWaitForThoseThatWaitForIt) {
  HttpClientOptions options;
  options.connections_max = 1;
  options.streams_max = 1;
  open(options);
  Asker call, next, answer, another;
  ask(call, "/call");
  ask(next, "/next");
  for (Asker* urgent : {&answer, &another}) {
    HttpFetchRequest request{"POST", "/answer", {}, {}};
    request.urgent = true;
    urgent->fetch = client->start(std::move(request), *urgent);
    world.settle();
  }
  ASSERT_EQ(far.peers.size(), 2U) << "beside the pool there is room for one";
  say(response(202, "text/plain", ""), 1);
  EXPECT_EQ(answer.log, "hc");
  EXPECT_EQ(client->connections(), 1U) << "and its connection is not the pool's";
  say(response(200, "text/plain", "call"), 0);
  say(response(200, "text/plain", "next"), 0);
  EXPECT_EQ(next.log, "hbc");
  say(response(202, "text/plain", ""), 0);
  EXPECT_EQ(another.log, "hc");
}

TEST_F(HttpClientTest, StartedFromACallbackOfAFailureItDoesNotSpin) {
  HttpClientOptions options;
  options.connections_max = 1;
  options.waiting_max = 0;
  open(options);
  Asker first, again;
  int tries = 0;
  ask(first);
  again.at_end = [&] {
    if (++tries < 5) ask(again);
  };
  ask(again);
  world.settle();
  EXPECT_EQ(tries, 5);
}

// Real sockets: the door that is used when none is given.
TEST(HttpClientOnSockets, AsksAServerOnLoopbackAndTellsARefusedConnect) {
  const auto reactor = testing::open_reactor();
  std::vector<StreamPtr> accepted;
  std::vector<std::unique_ptr<testing::Recorder>> recorders;
  auto listener = Listener::open(*reactor, *Address::parse("127.0.0.1:0"), {}, [&](StreamPtr stream) {
    recorders.push_back(std::make_unique<testing::Recorder>());
    stream->set_handler(recorders.back().get());
    recorders.back()->then = [&, i = accepted.size()](Bytes) {
      if (recorders[i]->bytes.find("\r\n\r\n") != std::string::npos)
        accepted[i]->write(response(200, "text/plain", "over tcp"));
    };
    accepted.push_back(std::move(stream));
  });
  ASSERT_TRUE(listener);
  const std::uint16_t port = (*listener)->local_address().port;
  HttpClient client(*reactor, HttpOrigin{"127.0.0.1", port, "far"}, {});
  {
    Asker asker;
    asker.fetch = client.start(HttpFetchRequest{"GET", "/", {}, {}}, asker);
    ASSERT_TRUE(testing::run_until(*reactor, [&] { return asker.log == "hbc"; }));
    EXPECT_EQ(asker.body, "over tcp");
  }
  accepted.clear();
  ASSERT_TRUE(testing::run_until(*reactor, [&] { return client.connections() == 0; }));
  listener->reset();
  Asker refused;
  refused.fetch = client.start(HttpFetchRequest{"GET", "/", {}, {}}, refused);
  ASSERT_TRUE(testing::run_until(*reactor, [&] { return refused.log == "f"; }));
  EXPECT_EQ(refused.outcome, Outcome::not_sent);
}

}  // namespace
}  // namespace sluice
