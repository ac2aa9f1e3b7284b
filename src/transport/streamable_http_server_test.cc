// SPDX-License-Identifier: Apache-2.0
// What both eras share and the modern one; the legacy one is in streamable_http_server_legacy_test.cc.
#include "transport/streamable_http_server.h"

#include <gtest/gtest.h>

#include "net/connect.h"
#include "net/listener.h"
#include "transport/streamable_http_front_testing.h"

namespace sluice {
namespace {

using namespace testing_fronts;

class ModernHttpTest : public StreamableHttpTest {};

TEST_F(ModernHttpTest, AnswersAsJsonWhenTheResponseComesFirst) {
  service.on_open = [](Exchange& exchange) {
    EXPECT_EQ(exchange.request().era, Era::modern);
    EXPECT_EQ(exchange.request().revision, Revision::r2026_07_28);
    EXPECT_EQ(exchange.session(), nullptr);
    EXPECT_TRUE(exchange.request().over_http);
    exchange.finish(make_response(exchange.request().message.id(), R"({"resultType":"complete"})"));
  };
  auto peer = connect();
  const TestAnswer answer = post_modern(*peer, "tools/call", "t", R"(,"name":"t")");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("Content-Type"), "application/json");
  EXPECT_EQ(answer.field("Mcp-Session-Id"), "");
  EXPECT_EQ(answer.body, R"({"jsonrpc":"2.0","id":7,"result":{"resultType":"complete"}})");
  EXPECT_EQ(front->in_flight(), 0u);
  // The connection is used again.
  EXPECT_EQ(post_modern(*peer, "tools/list").status, 200);
}

TEST_F(ModernHttpTest, BecomesAnEventStreamWhenANotificationComesFirst) {
  auto peer = connect();
  EXPECT_EQ(post_modern(*peer, "tools/call", "t", R"(,"name":"t")").status, 0) << "nothing is sent yet";
  ASSERT_EQ(service.held.size(), 1u);
  EXPECT_GT(service.held[0]->notify(make_notification("notifications/message", "{}")), 0u);
  world->settle();
  const TestAnswer head = parse_answer(peer->received);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("Content-Type"), "text/event-stream");
  EXPECT_EQ(head.field("X-Accel-Buffering"), "no");
  EXPECT_NE(head.field("Cache-Control").find("no-cache"), Bytes::npos);
  service.finish();
  world->settle();
  const TestAnswer answer = parse_answer(peer->take());
  EXPECT_EQ(count_of(answer.body, "data: "), 2u);
  EXPECT_EQ(count_of(answer.body, "id: "), 0u) << "modern streams cannot be resumed";
  EXPECT_LT(answer.body.find("notifications/message"), answer.body.find("\"result\""));
  EXPECT_FALSE(peer->closed());
}

TEST_F(ModernHttpTest, BecomesAnEventStreamWhenTheAnswerTakesLongAndIsKeptAlive) {
  options.tool_timer = false;
  start();
  auto peer = connect();
  post_modern(*peer, "tools/call", "t", R"(,"name":"t")");
  world->advance(seconds(14));
  EXPECT_EQ(peer->received, "");
  world->advance(seconds(2));
  EXPECT_EQ(parse_answer(peer->received).field("Content-Type"), "text/event-stream");
  EXPECT_EQ(count_of(peer->received, ":\n\n") + count_of(peer->received, ": \n\n"), 1u);
  world->advance(seconds(61));
  EXPECT_EQ(count_of(peer->received, ":\n\n") + count_of(peer->received, ": \n\n"), 3u);
}

TEST_F(ModernHttpTest, CancelsWhenTheClientCloses) {
  auto peer = connect();
  post_modern(*peer, "tools/call", "t", R"(,"name":"t")");
  peer->close();
  world->settle();
  ASSERT_EQ(service.cancels.size(), 1u);
  EXPECT_EQ(service.cancels[0].second, CancelReason::client);
  EXPECT_EQ(front->in_flight(), 0u);
}

TEST_F(ModernHttpTest, PassesMirroredParameterHeadersOn) {
  service.on_open = [](Exchange& exchange) {
    ASSERT_EQ(exchange.request().param_headers.size(), 1u);
    EXPECT_EQ(exchange.request().param_headers[0].name, "Mcp-Param-Region");
    EXPECT_EQ(exchange.request().param_headers[0].value, "eu");
    EXPECT_EQ(exchange.request().correlation_id, "mine");
    exchange.finish(make_response("7", "{}"));
  };
  Fields fields = modern_fields("tools/call", "t");
  fields.push_back({"Mcp-Param-Region", "eu"});
  fields.push_back({"X-Request-Id", "mine"});
  EXPECT_EQ(post(fields, legacy_request(7, "tools/call", modern_params(R"(,"name":"t")"))).status, 200);
}

struct Refused {
  const char* what;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  int status;
  const char* code;
};

TEST_F(ModernHttpTest, RefusesInTheOrderThatPeersExpect) {
  const std::string list = legacy_request(7, "tools/list", modern_params());
  const std::string call = legacy_request(7, "tools/call", modern_params(R"(,"name":"t")"));
  const std::vector<Refused> cases{
      {"bad JSON", {}, "{", 400, "-32700"},
      {"no message", {}, "{}", 400, "-32600"},
      {"a response under a modern header",
       {{"MCP-Protocol-Version", "2026-07-28"}},
       R"({"jsonrpc":"2.0","id":7,"result":{}})",
       400,
       "-32600"},
      {"a batch with a modern element", {}, "[" + list + "]", 400, "-32600"},
      {"header and body disagree",
       {{"MCP-Protocol-Version", "2025-11-25"}, {"Mcp-Method", "tools/list"}},
       list,
       400,
       "-32020"},
      {"another method in the header", modern_fields("tools/call"), list, 400, "-32020"},
      {"no envelope", modern_fields("tools/list"), legacy_request(7, "tools/list"), 400, "-32602"},
      {"unknown version",
       {{"MCP-Protocol-Version", "2099-01-01"}, {"Mcp-Method", "tools/list"}},
       legacy_request(7, "tools/list", modern_params({}, "2099-01-01")),
       400,
       "-32022"},
      {"no version header", {{"Mcp-Method", "tools/list"}}, list, 400, "-32020"},
      {"no method header", {{"MCP-Protocol-Version", "2026-07-28"}}, list, 400, "-32020"},
      {"no name header", modern_fields("tools/call"), call, 400, "-32020"},
      {"another name in the header", modern_fields("tools/call", "u"), call, 400, "-32020"},
      {"a method that was removed", modern_fields("initialize"),
       legacy_request(7, "initialize", modern_params()), 404, "-32601"},
      {"ping was removed", modern_fields("ping"), legacy_request(7, "ping", modern_params()), 404, "-32601"},
  };
  for (const Refused& refused : cases) {
    const TestAnswer answer = post(refused.fields, refused.body);
    EXPECT_EQ(answer.status, refused.status) << refused.what << ": " << answer.body;
    EXPECT_NE(answer.body.find("\"code\":" + std::string(refused.code)), Bytes::npos)
        << refused.what << ": " << answer.body;
    EXPECT_EQ(answer.field("Content-Type"), "application/json");
  }
  EXPECT_TRUE(service.opened.empty());
  const TestAnswer version = post(cases[7].fields, cases[7].body);
  EXPECT_NE(version.body.find("\"id\":7"), Bytes::npos) << "the request's id is echoed";
  EXPECT_NE(version.body.find("\"2026-07-28\""), Bytes::npos);
  EXPECT_NE(version.body.find("\"requested\":\"2099-01-01\""), Bytes::npos);
}

TEST_F(ModernHttpTest, RefusesUnknownMethodsWhenTheServiceKnowsAllOfThem) {
  options.unknown_methods = UnknownMethods::refuse;
  start();
  EXPECT_EQ(post(modern_fields("made/up"), legacy_request(7, "made/up", modern_params())).status, 404);
  options.unknown_methods = UnknownMethods::forward;
  start();
  auto peer = connect();
  EXPECT_EQ(
      ask(*peer, "POST", modern_fields("made/up"), legacy_request(7, "made/up", modern_params())).status, 0);
  EXPECT_EQ(service.held.size(), 1u);
}

TEST_F(ModernHttpTest, KeysTheStatusOnTheOriginOfAnError) {
  const auto answer_with = [&](int code) {
    service.on_open = [code](Exchange& exchange) {
      exchange.finish(make_error_response(exchange.request().message.id(), code, "upstream says so"));
    };
    auto peer = connect();
    return post_modern(*peer, "tools/list").status;
  };
  EXPECT_EQ(answer_with(-32602), 200);
  EXPECT_EQ(answer_with(-32020), 200) << "an upstream's, not ours";
  EXPECT_EQ(answer_with(-32021), 400) << "wherever it arises";

  service.on_open = [](Exchange& exchange) { exchange.refuse(503, -32603, "full", R"({"retryable":true})"); };
  auto peer = connect();
  const TestAnswer refused = post_modern(*peer, "tools/list");
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.body.find(R"("id":7)"), Bytes::npos);
  EXPECT_NE(refused.body.find(R"("data":{"retryable":true})"), Bytes::npos);

  service.on_open = [](Exchange& exchange) {
    exchange.notify(make_notification("notifications/message", "{}"));
    exchange.refuse(503, -32603, "lost", {});
  };
  auto late = connect();
  const TestAnswer in_band = post_modern(*late, "tools/list");
  EXPECT_EQ(in_band.status, 200);
  EXPECT_NE(in_band.body.find("\"code\":-32603"), Bytes::npos);
}

TEST_F(ModernHttpTest, TakesNotificationsWithoutAWord) {
  EXPECT_EQ(post(modern_fields("notifications/cancelled"),
                 make_notification("notifications/cancelled", modern_params(R"(,"requestId":1)")))
                .status,
            202);
}

TEST_F(ModernHttpTest, GivesAListenItsGracefulEndWhenDraining) {
  auto peer = connect();
  post_modern(*peer, "subscriptions/listen", {}, R"(,"notifications":{})");
  ASSERT_EQ(service.held.size(), 1u);
  service.held[0]->notify(make_notification("notifications/subscriptions/acknowledged", "{}"));
  world->advance(std::chrono::hours(3));
  ASSERT_EQ(service.held.size(), 1u) << "a listen has no timer";
  front->drain();
  world->settle();
  EXPECT_EQ(service.cancels.back().second, CancelReason::shutdown);
  const TestAnswer answer = parse_answer(peer->take());
  EXPECT_NE(answer.body.find(R"("resultType":"complete")"), Bytes::npos);
  EXPECT_NE(answer.body.find(R"("io.modelcontextprotocol/subscriptionId":7)"), Bytes::npos);
  const TestAnswer refused = post_modern(*peer, "tools/list");
  EXPECT_EQ(refused.status, 503);
}

TEST_F(ModernHttpTest, BoundsTheListensOfAPrincipal) {
  options.limits.mcp.listens_per_principal_max = 1;
  start();
  auto one = connect();
  post_modern(*one, "subscriptions/listen", {}, R"(,"notifications":{})");
  auto two = connect();
  EXPECT_EQ(post_modern(*two, "subscriptions/listen", {}, R"(,"notifications":{})").status, 429);
  one->close();
  world->settle();
  EXPECT_EQ(post_modern(*two, "subscriptions/listen", {}, R"(,"notifications":{})").status, 0);
}

TEST_F(ModernHttpTest, TellsTheServiceWhenASlowReaderHasRead) {
  auto peer = connect();
  post_modern(*peer, "tools/call", "t", R"(,"name":"t")");
  peer->pause();
  const std::string note = make_notification("notifications/message", "\"" + std::string(10'000, 'n') + "\"");
  for (int i = 0; i < 1000 && service.held[0]->notify(note) > 0; ++i) world->settle();
  world->settle();
  EXPECT_EQ(service.exchange_drains, 0);
  peer->resume();
  world->settle();
  EXPECT_EQ(service.exchange_drains, 1);
  service.finish();
  world->settle();
  EXPECT_NE(peer->received.find("\"result\""), Bytes::npos);
}

TEST_F(ModernHttpTest, EndsACallThatShowsNoProgress) {
  auto peer = connect();
  post_modern(*peer, "tools/call", "t", R"(,"name":"t")");
  world->advance(seconds(29));
  service.held[0]->notify(make_notification("notifications/progress", R"({"progressToken":1,"progress":1})"));
  world->advance(seconds(29));
  EXPECT_TRUE(service.cancels.empty()) << "progress restarts the timer";
  world->advance(seconds(2));
  ASSERT_EQ(service.cancels.size(), 1u);
  EXPECT_EQ(service.cancels[0].second, CancelReason::timed_out);
  EXPECT_NE(peer->received.find("\"code\":-32603"), Bytes::npos);
  EXPECT_EQ(front->counters().timed_out, 1u);
}

TEST_F(ModernHttpTest, HasAnAbsoluteCapOnACall) {
  options.limits.mcp.tool_absolute = seconds(100);
  start();
  auto peer = connect();
  post_modern(*peer, "tools/call", "t", R"(,"name":"t")");
  for (int i = 0; i < 9; ++i) {
    world->advance(seconds(11));
    ASSERT_FALSE(service.held.empty());
    service.held[0]->notify(
        make_notification("notifications/progress", R"({"progressToken":1,"progress":1})"));
  }
  world->advance(seconds(2));
  EXPECT_EQ(service.cancels.size(), 1u);
}

TEST_F(ModernHttpTest, CancelsWhatIsOpenWhenItIsDestroyed) {
  auto peer = connect();
  post_modern(*peer, "tools/call", "t", R"(,"name":"t")");
  http.reset();
  EXPECT_EQ(service.cancels.size(), 1u);
}

// ---- Checks of the head, both eras

class HttpFrontTest : public StreamableHttpTest {};

TEST_F(HttpFrontTest, ChecksHostAndOrigin) {
  const std::string body = initialize_request();
  EXPECT_EQ(post({{"Host", "evil.example.com"}}, body).status, 403);
  EXPECT_EQ(post({{"Origin", "http://evil.example.com"}}, body).status, 403);
  EXPECT_EQ(post({{"Origin", "null"}}, body).status, 403);
  EXPECT_EQ(post({{"Origin", "http://localhost:3000"}}, body).status, 200);
  EXPECT_EQ(post({{"Host", "127.0.0.1:9"}}, body).status, 200);
  EXPECT_EQ(post({{"Host", "[::1]:9"}}, body).status, 200);
}

TEST_F(HttpFrontTest, ChecksMethodTypeAndAccept) {
  EXPECT_EQ(ask("PUT", {}).status, 405);
  EXPECT_EQ(ask("PUT", {}).field("Allow"), "GET, POST, DELETE");
  const std::string body = initialize_request();
  EXPECT_EQ(post({{"Content-Type", "text/plain"}}, body).status, 415);
  EXPECT_EQ(post({{"Content-Type", ""}}, body).status, 415);
  EXPECT_EQ(post({{"Content-Type", "application/json; charset=utf-8"}}, body).status, 200);
  EXPECT_EQ(post({{"Accept", "application/json"}}, body).status, 406);
  EXPECT_EQ(post({{"Accept", "text/event-stream"}}, body).status, 406);
  EXPECT_EQ(post({{"Accept", "*/*"}}, body).status, 200);
  EXPECT_EQ(post({{"Accept", ""}}, body).status, 200);
  EXPECT_EQ(ask("GET", {{"Accept", "application/json"}}).status, 406);
}

TEST_F(HttpFrontTest, AsksWhoCallsBeforeTheBody) {
  const TestAnswer answer = post({{"X-User", "stranger"}}, "not even JSON");
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.field("WWW-Authenticate"), "Bearer");
  EXPECT_NE(answer.body.find("An API key is needed."), Bytes::npos);
}

TEST_F(HttpFrontTest, ServesOneEraOnlyWhenTheServiceDoes) {
  service = ScriptedService({Revision::r2026_07_28});
  start();
  EXPECT_EQ(ask("GET", {}).status, 405);
  EXPECT_EQ(ask("DELETE", {}).field("Allow"), "POST");
  const TestAnswer answer = post({}, initialize_request());
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find("-32022"), Bytes::npos);

  service = ScriptedService({Revision::r2025_11_25});
  start();
  const TestAnswer discover =
      post(modern_fields("server/discover"), legacy_request(7, "server/discover", modern_params()));
  EXPECT_EQ(discover.status, 400) << "a legacy server knows no envelope and misses the session";
  EXPECT_EQ(post({}, initialize_request()).status, 200);
}

TEST_F(HttpFrontTest, GivesTheSameAnswersAtEverySplit) {
  service.on_open = [](Exchange& exchange) {
    exchange.notify(make_notification("notifications/message", "{}"));
    exchange.finish(make_response(exchange.request().message.id(), "{}"));
  };
  const std::string text =
      request_text("POST", modern_fields("tools/list"), legacy_request(7, "tools/list", modern_params()));
  auto whole = connect();
  whole->send(text);
  world->settle();
  const std::string expected = whole->take();
  for (std::size_t at = 1; at < text.size(); ++at) {
    auto peer = connect();
    peer->send(text.substr(0, at));
    world->settle();
    peer->send(text.substr(at));
    world->settle();
    EXPECT_EQ(peer->take(), expected) << "split at " << at;
  }
}

TEST_F(HttpFrontTest, TakesAMessageOf16MegabytesAndRefusesALargerOne) {
  service.on_open = [](Exchange& exchange) {
    exchange.finish(make_response(exchange.request().message.id(),
                                  std::to_string(exchange.request().message.text().size())));
  };
  const std::string frame = legacy_request(7, "tools/list", modern_params(R"(,"pad":"")"));
  const std::size_t room = options.limits.json.message_bytes_max - frame.size();
  const auto padded = [](std::size_t bytes) {
    return legacy_request(7, "tools/list", modern_params(R"(,"pad":")" + std::string(bytes, 'x') + "\""));
  };
  EXPECT_NE(post(modern_fields("tools/list"), padded(room)).body.find("16777216"), Bytes::npos);
  EXPECT_EQ(post(modern_fields("tools/list"), padded(room + 1)).status, 413);
}

// ---- The same over real sockets

TEST(StreamableHttpOverSockets, AnswersARequest) {
  const Limits limits;
  auto opened = Reactor::open(limits);
  ASSERT_TRUE(opened.ok());
  Reactor& reactor = **opened;
  ScriptedService service;
  service.on_open = [](Exchange& exchange) {
    exchange.notify(make_notification("notifications/message", "{}"));
    exchange.finish(make_response(exchange.request().message.id(), "{}"));
  };
  MemoryEventLog log(limits.mcp, reactor.budget());
  SessionIds ids(Sealer(test_key_ring(), {}, Sealer::Salt{}));
  StreamableHttpServer front({reactor, service, ids, log, [] { return SessionRandom{}; }}, {});
  HttpServer http(reactor, front, {});
  const auto address = Address::parse("127.0.0.1:0");
  ASSERT_TRUE(address.ok());
  auto listener =
      Listener::open(reactor, *address, {}, [&](StreamPtr stream) { http.adopt(std::move(stream)); });
  ASSERT_TRUE(listener.ok());

  std::unique_ptr<TestPeer> peer;
  const auto connecting =
      connect_stream(reactor, (*listener)->local_address(), seconds(5), [&](Result<StreamPtr> stream) {
        ASSERT_TRUE(stream.ok());
        peer = std::make_unique<TestPeer>(std::move(*stream));
        const std::string body = legacy_request(7, "tools/list", modern_params());
        peer->send(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nMcp-Method: "
            "tools/list\r\n"
            "MCP-Protocol-Version: 2026-07-28\r\nConnection: close\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\n\r\n" + body);
      });
  const Instant deadline = reactor.precise_now() + seconds(10);
  while (!(peer && peer->closed()) && reactor.precise_now() < deadline) reactor.turn();
  ASSERT_TRUE(peer);
  const TestAnswer answer = parse_answer(peer->received);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(count_of(answer.body, "data: "), 2u);
  peer.reset();
}

}  // namespace
}  // namespace sluice
