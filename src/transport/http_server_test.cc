// SPDX-License-Identifier: Apache-2.0
#include "transport/http_server.h"

#include <gtest/gtest.h>

#include "transport/front_testing.h"

namespace sluice {
namespace {

using testing_fronts::count_of;
using testing_fronts::TestPeer;
using testing_fronts::wall_start;
using testing_fronts::World;

// Answers what the test says; by default "METHOD PATH BODY" at once.
class ScriptedHandler final : public HttpHandler {
 public:
  void on_head(HttpCall& call) override {
    ++heads;
    if (head) head(call);
  }
  void on_request(HttpCall& call, PaddedString body) override {
    ++requests;
    bodies += body.view().size();
    if (request) {
      request(call, body.view());
      return;
    }
    call.respond(200, "text/plain",
                 std::string(call.head().method) + " " + std::string(call.head().path) + " " +
                     std::string(body.view()));
  }
  void on_drained(HttpCall& call) override {
    ++drains;
    if (drained) drained(call);
  }
  void on_gone(HttpCall& call) override {
    ++gone;
    if (held == &call) held = nullptr;
  }

  std::function<void(HttpCall&)> head;
  std::function<void(HttpCall&, Bytes)> request;
  std::function<void(HttpCall&)> drained;
  HttpCall* held = nullptr;
  int heads = 0;
  int requests = 0;
  int drains = 0;
  int gone = 0;
  std::size_t bodies = 0;
};

class HttpServerTest : public ::testing::Test {
 protected:
  void start(const Limits& limits = {}) {
    world = std::make_unique<World>(limits);
    HttpServerOptions options;
    options.http = limits.http;
    options.net = limits.net;
    server = std::make_unique<HttpServer>(world->reactor(), handler, options);
  }
  std::unique_ptr<TestPeer> connect(const MemoryStreamOptions& options = {}) {
    StreamPair pair = make_stream_pair(world->reactor(), options);
    server->adopt(std::move(pair.near));
    auto peer = std::make_unique<TestPeer>(std::move(pair.far));
    world->settle();
    return peer;
  }
  std::string exchange(TestPeer& peer, Bytes bytes) {
    peer.send(bytes);
    world->settle();
    return peer.take();
  }
  void hold_requests() {
    handler.request = [this](HttpCall& call, Bytes) { handler.held = &call; };
  }

  ScriptedHandler handler;
  std::unique_ptr<World> world;
  std::unique_ptr<HttpServer> server;
};

constexpr Bytes get = "GET /a?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
constexpr Bytes post = "POST /b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
constexpr Bytes chunked =
    "POST /c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
    "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";

TEST_F(HttpServerTest, AnswersAndKeepsTheConnection) {
  start();
  auto peer = connect();
  EXPECT_EQ(exchange(*peer, get), "HTTP/1.1 200 OK\r\nDate: " + http_date(wall_start) +
                                      "\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nGET /a ");
  EXPECT_NE(exchange(*peer, post).find("\r\n\r\nPOST /b hello"), Bytes::npos);
  EXPECT_FALSE(peer->closed());
  EXPECT_EQ(server->counters().requests, 2u);
  EXPECT_EQ(server->counters().answers[2], 2u);
}

TEST_F(HttpServerTest, GivesTheSameAnswersAtEverySplit) {
  start();
  const std::string input = std::string(get) + std::string(post) + std::string(chunked) + std::string(get);
  auto whole = connect();
  const std::string expected = exchange(*whole, input);
  ASSERT_EQ(count_of(expected, "HTTP/1.1 200 OK"), 4u);
  for (std::size_t at = 1; at < input.size(); ++at) {
    auto peer = connect();
    peer->send(input.substr(0, at));
    world->settle();
    const std::string first = peer->take();
    EXPECT_EQ(first + exchange(*peer, input.substr(at)), expected) << "split at " << at;
    peer->close();
  }
  MemoryStreamOptions bytes;
  bytes.chunk_bytes_max = 1;
  EXPECT_EQ(exchange(*connect(bytes), input), expected);
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrderHoweverLate) {
  start();
  hold_requests();
  auto peer = connect();
  EXPECT_EQ(exchange(*peer, std::string(get) + std::string(post)), "");
  EXPECT_EQ(handler.requests, 1);
  handler.held->respond(200, "text/plain", "one");
  world->settle();
  EXPECT_EQ(handler.requests, 2);
  handler.held->respond(200, "text/plain", "two");
  world->settle();
  const std::string received = peer->take();
  EXPECT_LT(received.find("one"), received.find("two"));
  EXPECT_NE(received.find("two"), Bytes::npos);
}

TEST_F(HttpServerTest, AnswersAThousandPipelinedRequestsAShareATurn) {
  start();
  auto peer = connect();
  std::string input;
  for (int i = 0; i < 1000; ++i) input += get;
  EXPECT_EQ(count_of(exchange(*peer, input), "HTTP/1.1 200 OK"), 1000u);
}

TEST_F(HttpServerTest, StopsReadingAheadOfAHeldRequest) {
  start();
  hold_requests();
  auto peer = connect();
  std::string input;
  for (int i = 0; i < 20'000; ++i) input += get;
  exchange(*peer, input);
  EXPECT_GT(peer->stream().unsent(), 0u) << "the peer is to be stopped";
  EXPECT_LT(world->reactor().budget().bytes_used(), 128u * 1024);
}

TEST_F(HttpServerTest, SendsAHeadWithoutItsBody) {
  start();
  auto peer = connect();
  const std::string answer = exchange(*peer, "HEAD /a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_NE(answer.find("Content-Length: 8\r\n"), Bytes::npos);
  EXPECT_EQ(answer.substr(answer.size() - 4), "\r\n\r\n");
  EXPECT_NE(exchange(*peer, get).find("GET /a"), Bytes::npos);
}

TEST_F(HttpServerTest, ClosesWhenTheRequestSaysSo) {
  start();
  auto peer = connect();
  const std::string answer =
      exchange(*peer, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_NE(answer.find("Connection: close\r\n"), Bytes::npos);
  EXPECT_TRUE(peer->ended);
  peer->close();
  world->settle();
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(HttpServerTest, SpeaksHttp10) {
  start();
  auto peer = connect();
  EXPECT_NE(exchange(*peer, "GET / HTTP/1.0\r\n\r\n").find("Connection: close\r\n"), Bytes::npos);
  EXPECT_TRUE(peer->ended);
  auto keeper = connect();
  const Bytes keep = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_NE(exchange(*keeper, keep).find("Connection: keep-alive\r\n"), Bytes::npos);
  EXPECT_NE(exchange(*keeper, keep).find("GET /"), Bytes::npos);
  // A stream of unknown length ends with the connection.
  handler.request = [](HttpCall& call, Bytes) {
    call.start_stream(200, "text/plain");
    call.write("streamed");
    call.end();
  };
  const std::string answer = exchange(*keeper, keep);
  EXPECT_EQ(answer.find("chunked"), Bytes::npos);
  EXPECT_NE(answer.find("\r\n\r\nstreamed"), Bytes::npos);
  EXPECT_TRUE(keeper->ended);
}

TEST_F(HttpServerTest, ACallThatRestsKeepsNothingOfItsHeadAndGoesOnAsItWas) {
  start();
  handler.request = [this](HttpCall& call, Bytes) {
    call.start_stream(200, "text/event-stream");
    call.rest();
    handler.held = &call;
  };
  auto peer = connect();
  EXPECT_NE(exchange(*peer, get).find("Transfer-Encoding: chunked\r\n"), Bytes::npos);
  EXPECT_TRUE(handler.held->head().fields.empty());
  EXPECT_EQ(handler.held->head().fields.capacity(), 0U);
  EXPECT_EQ(handler.held->head().path, "");
  for (int i = 0; i < 2; ++i) {
    handler.held->write("late");
    world->settle();
    EXPECT_EQ(peer->take(), "4\r\nlate\r\n");
  }
  handler.held->end();
  world->settle();
  EXPECT_EQ(peer->take(), "0\r\n\r\n");
  EXPECT_NE(exchange(*peer, get).find("200 OK"), Bytes::npos) << "the connection serves on";
  EXPECT_TRUE(handler.held->head().fields.empty());
}

TEST_F(HttpServerTest, StreamsInChunks) {
  start();
  handler.request = [this](HttpCall& call, Bytes) {
    call.start_stream(200, "text/event-stream");
    handler.held = &call;
  };
  auto peer = connect();
  EXPECT_NE(exchange(*peer, get).find("Transfer-Encoding: chunked\r\n"), Bytes::npos);
  EXPECT_GT(handler.held->write("0123456789abcdef"), 0u);
  world->settle();
  EXPECT_EQ(peer->take(), "10\r\n0123456789abcdef\r\n");
  // Pieces are one chunk, however large they are.
  for (const std::size_t size : {std::size_t{4}, std::size_t{20'000}, std::size_t{300'000}}) {
    const std::string large(size, 'x');
    handler.held->write({"a", large, "z", large});
    world->settle();
    std::string chunk;
    write_chunk(chunk, "a" + large + "z" + large);
    EXPECT_EQ(peer->take(), chunk);
  }
  handler.held->end();
  world->settle();
  EXPECT_EQ(peer->take(), "0\r\n\r\n");
  handler.request = nullptr;
  EXPECT_NE(exchange(*peer, get).find("200 OK"), Bytes::npos);
}

TEST_F(HttpServerTest, AsksForTheBodyOfWhoExpectsIt) {
  start();
  auto peer = connect();
  const Bytes head =
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
  EXPECT_EQ(exchange(*peer, head), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_NE(exchange(*peer, "hello").find("POST / hello"), Bytes::npos);
  // An answer given before the body leaves open whether it comes, so the connection ends.
  handler.head = [](HttpCall& call) { call.respond(401, "text/plain", "no"); };
  const std::string refusal = exchange(*peer, head);
  EXPECT_EQ(refusal.find("100 Continue"), Bytes::npos);
  EXPECT_NE(refusal.find("Connection: close"), Bytes::npos);
  EXPECT_TRUE(peer->ended);
}

TEST_F(HttpServerTest, SkipsTheBodyOfARefusedRequest) {
  start();
  handler.head = [](HttpCall& call) {
    if (call.head().method == "POST") call.respond(403, "text/plain", "no");
  };
  for (const Bytes refused : {post, chunked}) {
    auto peer = connect();
    const std::string answers = exchange(*peer, std::string(refused) + std::string(get));
    EXPECT_NE(answers.find("403"), Bytes::npos);
    EXPECT_NE(answers.find("GET /a"), Bytes::npos);
  }
  EXPECT_EQ(handler.requests, 2) << "only the GETs";
}

TEST_F(HttpServerTest, ClosesInsteadOfSkippingALongBody) {
  start();
  handler.head = [](HttpCall& call) { call.respond(403, "text/plain", "no"); };
  auto peer = connect();
  const std::string answer =
      exchange(*peer, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\nabc");
  EXPECT_NE(answer.find("403"), Bytes::npos);
  EXPECT_NE(answer.find("Connection: close"), Bytes::npos);
  EXPECT_TRUE(peer->ended);
  // Its end is unknown beforehand in a chunked body: skipped up to the bound.
  auto endless = connect();
  exchange(*endless, "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  for (int i = 0; i < 17 && !endless->closed(); ++i) exchange(*endless, chunk);
  EXPECT_TRUE(endless->closed());
}

TEST_F(HttpServerTest, RefusesWhatIsTooLarge) {
  Limits limits;
  limits.http.body_bytes_max = 1000;
  start(limits);
  auto declared = connect();
  const std::string answer =
      exchange(*declared, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_NE(answer.find("413"), Bytes::npos);
  EXPECT_NE(answer.find("The body is too large."), Bytes::npos);
  auto found_out = connect();
  exchange(*found_out, "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_NE(exchange(*found_out, "400\r\n" + std::string(0x400, 'x') + "\r\n").find("413"), Bytes::npos);
  EXPECT_EQ(handler.requests, 0);
  EXPECT_EQ(handler.gone, 1) << "the handler saw the chunked request's head and is told";
}

TEST_F(HttpServerTest, RefusesMalformedRequests) {
  start();
  for (const Bytes bad :
       {Bytes("GET / HTTP/1.1\r\n\r\n"), Bytes("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Bytes("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")}) {
    auto peer = connect();
    const std::string answer = exchange(*peer, bad);
    EXPECT_NE(answer.find("HTTP/1.1 400 Bad Request"), Bytes::npos) << bad;
    EXPECT_NE(answer.find("Connection: close"), Bytes::npos);
    EXPECT_TRUE(peer->ended);
  }
  EXPECT_EQ(server->counters().refused, 3u);
}

TEST_F(HttpServerTest, Answers503WhenTheByteBudgetIsUsedUp) {
  Limits limits;
  limits.worker_bytes_max = 256 * 1024;
  start(limits);
  auto peer = connect();
  peer->send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n");
  for (int i = 0; i < 9 && !peer->closed(); ++i) {
    peer->send(std::string(100'000, 'x'));
    world->settle();
  }
  EXPECT_NE(peer->received.find("503 Service Unavailable"), Bytes::npos);
  EXPECT_NE(peer->received.find("Retry-After"), Bytes::npos);
  EXPECT_EQ(server->counters().budget_refusals, 1u);
  EXPECT_EQ(handler.gone, 1);
}

TEST_F(HttpServerTest, TakesABodyOf16Megabytes) {
  start();
  const std::string body(16 * 1024 * 1024, 'b');
  handler.request = [&](HttpCall& call, Bytes received) {
    EXPECT_EQ(received, body);
    call.respond(200, "text/plain", received);
  };
  auto peer = connect();
  peer->send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
             "\r\n\r\n");
  const std::string answer = exchange(*peer, body);
  ASSERT_GT(answer.size(), body.size());
  EXPECT_EQ(answer.substr(answer.size() - body.size()), body);
  peer->close();
  world->settle();
}

TEST_F(HttpServerTest, GivesTheBodysShareBackAfterTheCall) {
  start();
  auto peer = connect();
  exchange(*peer, post);
  EXPECT_EQ(world->reactor().budget().bytes_used(), 0u);
}

TEST_F(HttpServerTest, Answers408ToARequestThatDoesNotArrive) {
  start();
  auto peer = connect();
  exchange(*peer, "GET / HTTP/1.1\r\nHost: loc");
  world->advance(seconds(29));
  EXPECT_EQ(peer->received, "");
  world->advance(seconds(2));
  EXPECT_NE(peer->received.find("408 Request Timeout"), Bytes::npos);
  EXPECT_TRUE(peer->ended);

  auto sender = connect();
  exchange(*sender, post.substr(0, post.size() - 1));
  world->advance(seconds(31));
  EXPECT_NE(sender->received.find("408"), Bytes::npos);
  EXPECT_EQ(handler.gone, 1);
}

TEST_F(HttpServerTest, ClosesAnIdleConnectionAfterTheKeepAliveTime) {
  start();
  auto peer = connect();
  exchange(*peer, get);
  world->advance(seconds(64));
  EXPECT_FALSE(peer->closed());
  exchange(*peer, get);
  world->advance(seconds(64));
  EXPECT_FALSE(peer->closed());
  world->advance(seconds(2));
  EXPECT_TRUE(peer->closed());
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(HttpServerTest, HasNoTimerOnAnAnswerThatTakesLong) {
  start();
  hold_requests();
  auto peer = connect();
  exchange(*peer, get);
  world->advance(std::chrono::hours(2));
  ASSERT_NE(handler.held, nullptr);
  handler.held->respond(200, "text/plain", "at last");
  world->settle();
  EXPECT_NE(peer->received.find("at last"), Bytes::npos);
}

TEST_F(HttpServerTest, TellsWhenTheClientLeaves) {
  start();
  hold_requests();
  for (int way = 0; way < 3; ++way) {
    auto peer = connect();
    exchange(*peer, get);
    if (way == 0) peer->close();
    if (way == 1) peer->half_close();
    if (way == 2) break_stream(peer->stream());
    world->settle();
    EXPECT_EQ(handler.gone, way + 1);
    EXPECT_EQ(handler.held, nullptr);
    EXPECT_EQ(server->connections(), 0u);
  }
  EXPECT_EQ(server->counters().gone, 3u);
}

TEST_F(HttpServerTest, StillSendsTheAnswerToWhoHalfClosedAfterIt) {
  start();
  auto peer = connect();
  peer->send(get);
  peer->half_close();
  world->settle();
  world->advance(seconds(1));
  EXPECT_NE(peer->received.find("GET /a"), Bytes::npos);
  EXPECT_TRUE(peer->closed());
  EXPECT_EQ(handler.gone, 0);
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(HttpServerTest, PausesAWriterUntilTheReaderHasRead) {
  start();
  handler.request = [this](HttpCall& call, Bytes) {
    call.start_stream(200, "text/plain");
    handler.held = &call;
  };
  auto peer = connect();
  exchange(*peer, get);
  peer->pause();
  const std::string piece(10'000, 'p');
  int written = 0;
  while (handler.held->write(piece) > 0) {
    ++written;
    world->settle();
    ASSERT_LT(written, 1000);
  }
  world->settle();
  EXPECT_EQ(handler.drains, 0);
  peer->resume();
  world->settle();
  EXPECT_EQ(handler.drains, 1);
  EXPECT_GT(peer->received.size(), static_cast<std::size_t>(written) * piece.size());
  handler.held->end();
  world->settle();
}

TEST_F(HttpServerTest, ClosesAPeerThatNeverReads) {
  start();
  handler.request = [this](HttpCall& call, Bytes) {
    call.start_stream(200, "text/plain");
    handler.held = &call;
  };
  auto peer = connect();
  exchange(*peer, get);
  peer->pause();
  const std::string piece(100'000, 'p');
  for (int i = 0; i < 100 && handler.held != nullptr; ++i) {
    handler.held->write(piece);
    world->settle();
  }
  EXPECT_EQ(handler.held, nullptr);
  EXPECT_EQ(handler.gone, 1);
  EXPECT_EQ(server->counters().slow_readers, 1u);
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(HttpServerTest, LeavesOutFieldsThatCannotBeWritten) {
  start();
  handler.request = [](HttpCall& call, Bytes) {
    const HeaderField bad{"X-Bad", "a\r\nX-Smuggled: 1"};
    call.respond(200, "text/plain", "fine", HeaderFields(&bad, 1));
  };
  auto peer = connect();
  const std::string answer = exchange(*peer, get);
  EXPECT_EQ(answer.find("Smuggled"), Bytes::npos);
  EXPECT_NE(answer.find("fine"), Bytes::npos);
}

TEST_F(HttpServerTest, DrainsIdleConnectionsNowAndBusyOnesAfterTheirAnswer) {
  start();
  hold_requests();
  auto idle = connect();
  auto busy = connect();
  exchange(*busy, get);
  bool emptied = false;
  server->drain([&] { emptied = true; });
  world->settle();
  EXPECT_TRUE(idle->ended);
  EXPECT_FALSE(busy->ended);
  idle->close();
  handler.held->respond(200, "text/plain", "last");
  world->settle();
  EXPECT_NE(busy->received.find("Connection: close"), Bytes::npos);
  EXPECT_TRUE(busy->ended);
  EXPECT_FALSE(emptied);
  busy->close();
  world->settle();
  EXPECT_TRUE(emptied);
}

TEST_F(HttpServerTest, TellsOpenCallsWhenItIsDestroyed) {
  start();
  hold_requests();
  auto peer = connect();
  exchange(*peer, get);
  server.reset();
  EXPECT_EQ(handler.gone, 1);
  world->settle();
  EXPECT_TRUE(peer->closed());
}

TEST_F(HttpServerTest, HandsCallsToAnotherHandler) {
  start();
  ScriptedHandler other;
  handler.head = [&](HttpCall& call) {
    call.hand_to(other);
    other.on_head(call);
  };
  auto peer = connect();
  EXPECT_NE(exchange(*peer, post).find("POST /b hello"), Bytes::npos);
  EXPECT_EQ(other.requests, 1);
  EXPECT_EQ(handler.requests, 0);
}

TEST(HttpDate, IsWrittenAsRfc9110Wants) {
  EXPECT_EQ(http_date(WallTime(std::chrono::seconds(784'111'777))), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(HttpServerMemory, AnIdleConnectionIsSmall) { EXPECT_LE(HttpServer::idle_connection_bytes(), 192u); }

}  // namespace
}  // namespace sluice
