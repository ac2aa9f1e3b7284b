// SPDX-License-Identifier: Apache-2.0
// Codec and session layer over memory pipes: calls go in as bytes, a service answers at once, answers come
// out as bytes. Everything of a front but sockets and system calls. And what a client's engine costs, which
// has neither.
//
// A turn takes a batch of calls, as a busy connection gives them. An item is one message, and a call is two
// of them: the request and its answer.

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "codec/jsonrpc.h"
#include "crypto/seal.h"
#include "lab_messages.h"
#include "mcp/client_engine.h"
#include "mcp/event_log.h"
#include "mcp/exchange.h"
#include "mcp/session_id.h"
#include "net/memory_stream.h"
#include "net/reactor.h"
#include "transport/http_server.h"
#include "transport/stdio_server.h"
#include "transport/streamable_http_server.h"

namespace sluice {
namespace {

constexpr Instant start{std::chrono::hours(1)};
constexpr WallTime wall_start{std::chrono::seconds(1'790'000'000)};

class Answering final : public Service {
 public:
  void open(Exchange& exchange) override {
    const ClientRequest& request = exchange.request();
    out_.clear();
    const bool initialize = request.message.envelope().method == "initialize";
    append_response(out_, request.message.id(), initialize ? hello : result);
    exchange.finish(out_);
  }
  void cancelled(Exchange&, CancelReason) override {}
  void message(Session&, ClientMessage) override {}
  void ended(Session&) override {}
  [[nodiscard]] std::vector<Revision> revisions() const override {
    return {Revision::r2026_07_28, Revision::r2025_11_25};
  }

 private:
  static constexpr Bytes hello =
      R"({"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"bench","version":"1"}})";
  static constexpr Bytes result =
      R"({"resultType":"complete","content":[{"type":"text","text":"/srv/data/a.json\n/srv/data/b.json"}]})";
  std::string out_;
};

class Peer final : public StreamHandler {
 public:
  explicit Peer(StreamPtr stream) : stream_(std::move(stream)) { stream_->set_handler(this); }
  void on_bytes(PaddedBytes bytes) override { received.append(bytes.bytes); }
  void on_end() override {}
  void on_failed(const Error&) override {}
  void send(Bytes bytes) { stream_->write(bytes); }
  std::string received;

 private:
  StreamPtr stream_;
};

std::size_t count_of(Bytes text, Bytes part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != Bytes::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

std::string repeated(const std::string& text, std::int64_t times) {
  std::string all;
  for (std::int64_t i = 0; i < times; ++i) all += text;
  return all;
}

// Reactor and service, and a client that sends the same batch again and again.
class World {
 public:
  World() : reactor(Reactor::simulated(Limits{}, start, wall_start)) {}

  std::string ask(Bytes bytes) {
    peer->received.clear();
    peer->send(bytes);
    settle();
    return peer->received;
  }
  void measure(benchmark::State& state, const std::string& batch) {
    const auto calls = static_cast<std::size_t>(state.range(0));
    if (count_of(ask(batch), "/srv/data/b.json") != calls) state.SkipWithError("not every call was answered");
    std::size_t bytes = 0;
    for (auto _ : state) {
      peer->received.clear();
      peer->send(batch);
      settle();
      bytes += peer->received.size();
    }
    benchmark::DoNotOptimize(bytes);
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0) * 2);
  }
  void settle() {
    while (reactor->turn()) {}
  }

  std::unique_ptr<Reactor> reactor;
  Answering service;
  std::unique_ptr<Peer> peer;
};

void lines(benchmark::State& state, bool modern) {
  World world;
  StreamPair pair = make_stream_pair(*world.reactor);
  StdioServer server(*world.reactor, world.service, std::move(pair.near), StdioServerOptions{}, [] {});
  world.peer = std::make_unique<Peer>(std::move(pair.far));
  if (!modern) {
    world.ask(lab_initialize() + "\n");
    world.ask(R"({"jsonrpc":"2.0","method":"notifications/initialized"})"
              "\n");
  }
  // Ids of calls that are open at once must differ.
  std::string batch;
  const std::string call = modern ? lab_modern_call() : lab_call();
  const std::size_t id_at = call.find("4711");
  for (std::int64_t i = 0; i < state.range(0); ++i)
    batch += std::string(call).replace(id_at, 4, std::to_string(1000 + i)) + "\n";
  world.measure(state, batch);
}
BENCHMARK_CAPTURE(lines, legacy, false)->Arg(1)->Arg(16);
BENCHMARK_CAPTURE(lines, modern, true)->Arg(1)->Arg(16);

void http(benchmark::State& state, bool modern) {
  World world;
  KeyRing ring;
  CHECK(ring.add(1, std::string(seal_key_bytes, 'k')).ok());
  SessionIds ids(Sealer(std::move(ring), SealOrigin{}, Sealer::Salt{}));
  MemoryEventLog log(world.reactor->limits().mcp, world.reactor->budget());
  StreamableHttpServer front({*world.reactor, world.service, ids, log, [] { return SessionRandom{}; }},
                             StreamableHttpOptions{});
  HttpServer server(*world.reactor, front, HttpServerOptions{});
  StreamPair pair = make_stream_pair(*world.reactor);
  server.adopt(std::move(pair.near));
  world.peer = std::make_unique<Peer>(std::move(pair.far));

  const std::string common =
      "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json, text/event-stream\r\n"
      "Content-Type: application/json\r\n";
  const auto post = [&common](const std::string& fields, const std::string& body) {
    return common + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  std::string fields =
      "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: search_files\r\n";
  if (!modern) {
    const std::string hello = world.ask(post("", lab_initialize()));
    constexpr Bytes name = "Mcp-Session-Id: ";
    const std::size_t at = hello.find(name);
    CHECK(at != std::string::npos);
    fields = "MCP-Protocol-Version: 2025-11-25\r\n" + hello.substr(at, hello.find('\n', at) + 1 - at);
    world.ask(post(fields, R"({"jsonrpc":"2.0","method":"notifications/initialized"})"));
  }
  world.measure(state, repeated(post(fields, modern ? lab_modern_call() : lab_call()), state.range(0)));
}
BENCHMARK_CAPTURE(http, legacy, false)->Arg(1)->Arg(16);
BENCHMARK_CAPTURE(http, modern, true)->Arg(1)->Arg(16);

// The engine of a client: a call goes in, its message comes out, the answer's message goes in, its result
// comes out. `range` is the size of the text in the result.
void client(benchmark::State& state, Era era) {
  ClientEngineOptions options;
  options.era = era;
  options.over_http = false;
  ClientEngine engine(std::move(options));
  MessageScanner scanner{JsonLimits{}};
  const auto hear = [&](const std::string& text) {
    ClientMessage message;
    CHECK(message.take(scanner, PaddedString(text)).ok());
    engine.heard(0, message, start);
  };
  std::size_t bytes = 0;
  const auto drain = [&] {
    ClientSendId sent = 0;
    while (auto order = engine.next_order()) {
      sent = order->id;
      bytes += order->text.size();
    }
    while (const auto event = engine.next_event()) bytes += event->json.size();
    return sent;
  };
  engine.start(start);
  const ClientSendId hello = drain();
  if (era == Era::legacy)
    hear(make_response(std::to_string(hello),
                       R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{}},)"
                       R"("serverInfo":{"name":"bench","version":"1"}})"));
  drain();
  if (!engine.is_ready()) return state.SkipWithError("no handshake");
  const std::string result = R"({"resultType":"complete","content":[{"type":"text","text":")" +
                             std::string(static_cast<std::size_t>(state.range(0)), 'a') + R"("}]})";
  for (auto _ : state) {
    ClientCallSpec spec;
    spec.method = "tools/call";
    spec.params_json = R"({"name":"search_files","arguments":{"path":"/srv/data","pattern":"*.json"}})";
    engine.call(std::move(spec), start);
    const ClientSendId sent = drain();
    hear(make_response(std::to_string(sent), result));
    drain();
  }
  if (engine.open_calls() != 0) state.SkipWithError("not every call was answered");
  benchmark::DoNotOptimize(bytes);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * 2);
}
BENCHMARK_CAPTURE(client, legacy, Era::legacy)->Arg(100)->Arg(65'536);
BENCHMARK_CAPTURE(client, modern, Era::modern)->Arg(100)->Arg(65'536);

}  // namespace
}  // namespace sluice
