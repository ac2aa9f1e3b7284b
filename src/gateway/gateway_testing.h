// SPDX-License-Identifier: Apache-2.0
#pragma once
// A whole gateway in a simulated world: its clients, children and HTTP upstreams are memory streams whose
// every byte the test says. For *_test.cc only.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/gateway.h"
#include "transport/http_client_testing.h"
#include "transport/streamable_http_front_testing.h"

namespace sluice::testing_gateway {

using testing_fronts::TestAnswer;
using testing_fronts::TestPeer;

// A child as its program sees itself.
struct FakeChild {
  std::unique_ptr<TestPeer> io;
  std::unique_ptr<TestPeer> errors;
  std::function<void(ChildExit)> on_exit;
  std::weak_ptr<void> process;

  // Nobody holds it any more: it was sent TERM, and KILL after that.
  [[nodiscard]] bool killed() const { return process.expired(); }
  // Its input ended.
  [[nodiscard]] bool told_to_end() const { return io->ended; }
  // Output stays readable for who holds the other end.
  void exit(int code) {
    io->half_close();
    errors->half_close();
    if (!killed()) on_exit(ChildExit{code, 0});
  }
  void say(Bytes line) { io->send(std::string(line) + "\n"); }
};

class GatewayTest : public ::testing::Test {
 protected:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  void TearDown() override {
    gateway.reset();
    world.settle();
  }

  static UpstreamConfig child_config(EraSetting era, std::string name = "up") {
    UpstreamConfig config;
    config.name = std::move(name);
    config.command = {"server"};
    config.era = era;
    return config;
  }
  static UpstreamConfig http_config(EraSetting era = EraSetting::automatic, std::string name = "up") {
    UpstreamConfig config;
    config.name = std::move(name);
    config.url = "http://far/mcp";
    config.era = era;
    return config;
  }
  static Config config_of(UpstreamConfig upstream) {
    Config config;
    config.routes = {RouteConfig{"/mcp", {upstream.name}}};
    config.upstreams = {std::move(upstream)};
    return config;
  }

  // An HTTP upstream whose era is not pinned is asked for it; here it answers in both.
  void answer_probe() {
    far.peers.at(0)->send(testing_client::response(
        200, "application/json",
        R"({"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"]}})"));
    world.settle();
    far.peers.at(0)->send(testing_client::response(
        200, "application/json", R"({"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}})",
        "Connection: close\r\n"));
    world.settle();
    far.peers.clear();
  }

  void start(UpstreamConfig upstream) {
    const bool is_probed = !upstream.url.empty() && upstream.era == EraSetting::automatic;
    gateway.reset();
    metrics = std::make_unique<Metrics>(ObserveLimits{});
    Gateway::Parts parts{world.reactor(), log, *metrics, testing_fronts::test_key_ring(),
                         SealOrigin{},    {},  {}};
    parts.doors.connect = far.door();
    parts.doors.entropy = [this](std::span<std::byte> out) {
      for (std::byte& byte : out) byte = static_cast<std::byte>(++drawn);
    };
    parts.doors.start_child = [this](Reactor& reactor, const ChildCommand&,
                                     std::function<void(ChildExit)> on_exit) -> Result<StartedChild> {
      StreamPair io = make_stream_pair(reactor), errors = make_stream_pair(reactor);
      auto process = std::make_shared<int>(static_cast<int>(children.size()) + 1);
      auto child = std::make_unique<FakeChild>();
      child->io = std::make_unique<TestPeer>(std::move(io.far));
      child->errors = std::make_unique<TestPeer>(std::move(errors.far));
      child->on_exit = std::move(on_exit);
      child->process = process;
      children.push_back(std::move(child));
      return StartedChild{std::move(io.near), std::move(errors.near), *process, process};
    };
    Config config = config_of(std::move(upstream));
    config.keys = keys;
    auto opened = Gateway::open(std::move(parts), std::move(config));
    ASSERT_TRUE(opened) << opened.error().message;
    gateway = *std::move(opened);
    world.settle();
    if (is_probed && answers_probe) answer_probe();
  }

  std::unique_ptr<TestPeer> connect() {
    StreamPair pair = make_stream_pair(world.reactor());
    gateway->adopt(std::move(pair.near));
    return std::make_unique<TestPeer>(std::move(pair.far));
  }
  static std::string request_text(Bytes method, const Fields& fields, Bytes body, Bytes path = "/mcp") {
    std::string text = std::string(method) + " " + std::string(path) +
                       " HTTP/1.1\r\nHost: localhost:8080\r\nAccept: application/json, text/event-stream\r\n"
                       "Content-Type: application/json\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n";
    for (const auto& [name, value] : fields) text += name + ": " + value + "\r\n";
    return text + "\r\n" + std::string(body);
  }
  // Sends a POST on a connection of its own and settles.
  std::unique_ptr<TestPeer> post(const Fields& fields, Bytes body) {
    auto peer = connect();
    peer->send(request_text("POST", fields, body));
    world.settle();
    return peer;
  }
  std::unique_ptr<TestPeer> post_modern(Bytes method, Bytes name = {}, const Fields& others = {}) {
    Fields fields{{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", std::string(method)}};
    fields.insert(fields.end(), others.begin(), others.end());
    std::string more;
    if (!name.empty()) {
      fields.emplace_back("Mcp-Name", name);
      more = R"(,"name":")" + std::string(name) + "\"";
    }
    return post(fields, testing_fronts::legacy_request(7, method, testing_fronts::modern_params(more)));
  }
  static TestAnswer answer_of(TestPeer& peer) { return testing_fronts::parse_answer(peer.received); }

  [[nodiscard]] std::size_t metric(const std::string& line) const {
    const std::string page = metrics->prometheus_text();
    const std::size_t at = page.find("\n" + line + " ");
    return at == std::string::npos ? 0 : std::stoul(page.substr(at + line.size() + 2));
  }
  [[nodiscard]] std::string state() {
    auto peer = connect();
    peer->send(request_text("GET", {}, {}, "/health"));
    world.settle();
    return answer_of(*peer).body;
  }

  testing_fronts::World world;
  StringSink sink;
  Log log{sink, world.reactor(), ObserveLimits{}};
  std::unique_ptr<Metrics> metrics;  // of the gateway started last
  testing_client::FarServer far{world.reactor()};
  bool answers_probe = true;  // of an HTTP upstream
  std::vector<std::unique_ptr<FakeChild>> children;
  ApiKeys keys;  // of the gateway that is started next
  std::unique_ptr<Gateway> gateway;
  std::uint8_t drawn = 0;
};

// With children that the test answers for by hand.
class ChildGatewayTest : public GatewayTest {
 protected:
  FakeChild& child(std::size_t i) { return *children.at(i); }
  FakeChild& last() { return *children.back(); }
  void say(FakeChild& at, Bytes line) {
    at.say(line);
    world.settle();
  }
  // The id of the last request for `method` that the child has read.
  static std::string id_of(const FakeChild& at, Bytes method) {
    const std::string& text = at.io->received;
    const std::size_t place = text.rfind("\"" + std::string(method) + "\"");
    if (place == std::string::npos) return {};
    const std::size_t line = text.rfind('\n', place) + 1;
    const std::size_t id = text.find("\"id\":", line) + 5;
    return text.substr(id, text.find_first_of(",}", id) - id);
  }
  void answer(FakeChild& at, Bytes method, Bytes result = R"({"content":[]})") {
    const std::string id = id_of(at, method);
    ASSERT_FALSE(id.empty()) << method << " in " << at.io->received;
    say(at, make_response(id, result));
  }
  // The newest child that was sent a request for `method`.
  FakeChild& asked(Bytes method) {
    for (auto child = children.rbegin(); child != children.rend(); ++child)
      if (!id_of(**child, method).empty()) return **child;
    ADD_FAILURE() << "no child was asked " << method;
    return last();
  }
  static constexpr Bytes is_modern =
      R"({"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"]}})";
  static constexpr Bytes is_legacy = R"({"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}})";
  Fields open_session() {
    auto client = post({}, testing_fronts::initialize_request());
    answer(asked("initialize"), "initialize",
           R"({"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}})");
    Fields fields{{"Mcp-Session-Id", answer_of(*client).field("Mcp-Session-Id")}};
    post(fields, make_notification("notifications/initialized"));
    return fields;
  }
};

}  // namespace sluice::testing_gateway
