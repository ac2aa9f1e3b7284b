// SPDX-License-Identifier: Apache-2.0
#pragma once
// A ModernBridge between clients and a legacy upstream of which a test says every word. For *_test.cc only.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/json.h"
#include "codec/jsonrpc.h"
#include "gateway/modern_bridge.h"
#include "net/reactor.h"
#include "observe/log.h"
#include "observe/metrics.h"

namespace sluice::testing_modern_bridge {

inline Json parsed(Bytes text) {
  auto json = Json::parse(text);
  EXPECT_TRUE(json) << text;
  return json ? *std::move(json) : Json();
}

// What a client sees of one request. Given away by its test when it is over, as fronts do.
class Asker final : public Exchange {
 public:
  explicit Asker(ClientRequest request) : Exchange(std::move(request), nullptr) {}

  std::size_t notify(Bytes message) override {
    EXPECT_FALSE(over());
    heard.emplace_back(message);
    return room;
  }
  std::size_t ask(Bytes) override {
    ADD_FAILURE() << "a modern client is asked by a request";
    return room;
  }
  void sign(LifeSign why) override {
    EXPECT_FALSE(over());
    signs.push_back(why);
  }
  void finish(Bytes response) override {
    EXPECT_FALSE(over()) << response;
    answer = std::string(response);
  }
  void refuse(int http_status, int code, std::string_view sentence, std::string_view data) override {
    EXPECT_FALSE(over()) << sentence;
    refused = Refusal{http_status, code, std::string(sentence), std::string(data)};
  }

  [[nodiscard]] bool over() const { return answer || refused; }
  [[nodiscard]] Json result() const { return answer ? parsed(*answer)["result"] : Json(); }
  [[nodiscard]] Json error() const { return answer ? parsed(*answer)["error"] : Json(); }
  [[nodiscard]] std::string state() const { return std::string(result()["requestState"].string_or("")); }
  [[nodiscard]] bool is_asked() const { return result()["resultType"].string_or("") == "input_required"; }

  std::vector<std::string> heard;
  std::vector<LifeSign> signs;
  std::optional<std::string> answer;
  std::optional<Refusal> refused;
  std::size_t room = 1000;
};

// The legacy upstream: shakes hands by itself, and answers nothing else.
class OldServer final : public Service {
 public:
  void open(Exchange& exchange) override {
    const Bytes method = exchange.request().message.envelope().method;
    if (method == "initialize") {
      hellos.emplace_back(exchange.request().message.text());
      order += 'h';
      sessions.push_back(exchange.session());
      if (hello.empty()) {
        pending.push_back(&exchange);
      } else {
        exchange.finish(make_response(exchange.request().message.id(), hello));
      }
      return;
    }
    if (method == "logging/setLevel" && levels_at_once) {
      levels.emplace_back(exchange.request().message.text());
      exchange.finish(make_response(exchange.request().message.id(), "{}"));
      return;
    }
    pending.push_back(&exchange);
  }
  void cancelled(Exchange& exchange, CancelReason reason) override {
    EXPECT_EQ(std::erase(pending, &exchange), 1U) << "cancelled what is not open";
    cancels.push_back(reason);
  }
  void drained(Exchange& exchange) override { drains.push_back(&exchange); }
  void message(Session&, ClientMessage message) override { told.emplace_back(message.text()); }
  void ended(Session& session) override {
    EXPECT_EQ(std::erase(sessions, &session), 1U);
    ++endings;
    order += 'f';
  }
  [[nodiscard]] std::vector<Revision> revisions() const override { return {latest_legacy}; }

  // The request that came last, which is open.
  [[nodiscard]] Exchange& last() {
    EXPECT_FALSE(pending.empty());
    return *pending.back();
  }
  [[nodiscard]] std::string last_text() { return std::string(last().request().message.text()); }
  void answer(Exchange& exchange, Bytes result) {
    std::erase(pending, &exchange);
    exchange.finish(make_response(exchange.request().message.id(), result));
  }
  void fail(Exchange& exchange, int code, Bytes sentence, Bytes data = {}) {
    std::erase(pending, &exchange);
    exchange.finish(make_error_response(exchange.request().message.id(), code, sentence, data));
  }
  // Dies as a child does: everything open is refused, then the session ends.
  void die(Session& session) {
    for (Exchange* exchange : std::exchange(pending, {})) exchange->refuse(502, -32603, "it died", {});
    std::erase(sessions, &session);
    session.end("it died");
  }

  // Forgets the session as an HTTP server does: an open call is refused with 404, then the session ends.
  void forget(Session& session) {
    for (Exchange* exchange : std::exchange(pending, {}))
      exchange->refuse(404, -32001, "Session not found", {});
    std::erase(sessions, &session);
    session.end("it no longer knows the session");
  }

  std::string hello =
      R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"prompts":{},)"
      R"("resources":{"subscribe":true,"listChanged":true},"logging":{},"tasks":{}},)"
      R"("serverInfo":{"name":"old","version":"1"}})";
  bool levels_at_once = true;
  std::vector<std::string> hellos;
  std::vector<std::string> levels;
  std::vector<Session*> sessions;
  std::vector<Exchange*> pending;
  std::vector<std::string> told;  // notifications and answers
  std::vector<CancelReason> cancels;
  std::vector<Exchange*> drains;
  int endings = 0;
  std::string order;  // of hellos and farewells
};

class ModernBridgeTest : public ::testing::Test {
 protected:
  void SetUp() override { start(); }
  void TearDown() override {
    bridge.reset();
    EXPECT_TRUE(old.pending.empty()) << "an exchange was left open";
    EXPECT_TRUE(old.sessions.empty()) << "a session was left open";
    // Whatever began has ended: the gauge is back at zero.
  }

  void start(CapabilitySetting capabilities = CapabilitySetting::mirror, bool is_child = false) {
    bridge.reset();
    config.name = "up";
    config.capabilities = capabilities;
    config.command.clear();
    config.url.clear();
    if (is_child) {
      config.command = {"server"};
    } else {
      config.url = "http://far/mcp";
    }
    bridge = std::make_unique<ModernBridge>(
        BridgeParts{*reactor, log, calls, config, old,
                    [this](std::span<std::byte> out) {
                      for (std::byte& byte : out) byte = static_cast<std::byte>(++drawn);
                    },
                    [](Bytes label) {
                      KeyRing ring;
                      EXPECT_TRUE(ring.add(1, std::string(seal_key_bytes, 'k')).ok());
                      return Sealer(ring.derive(label), SealOrigin{}, Sealer::Salt{});
                    }});
  }

  // `params` are members beside `_meta`, `meta` members beside the required ones.
  std::unique_ptr<Asker> make(Bytes method, const std::string& params = {}, const std::string& meta = {},
                              const std::string& capabilities = "{}", const std::string& principal = "ann") {
    std::string text = R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                       R"("io.modelcontextprotocol/clientCapabilities":)" +
                       capabilities;
    if (!meta.empty()) text += "," + meta;
    text += "}";
    if (!params.empty()) text += "," + params;
    ClientRequest request;
    MessageScanner scanner{JsonLimits{}};
    const std::string id = "\"c" + std::to_string(++next_id) + "\"";
    EXPECT_TRUE(request.message.take(scanner, PaddedString(make_request(id, method, text + "}"))).ok());
    request.era = Era::modern;
    request.revision = latest_modern;
    request.principal = Principal{principal};
    request.opened = reactor->now();
    request.kept_headers = kept_headers;
    return std::make_unique<Asker>(std::move(request));
  }
  std::unique_ptr<Asker> send(Bytes method, const std::string& params = {}, const std::string& meta = {},
                              const std::string& capabilities = "{}", const std::string& principal = "ann") {
    auto client = make(method, params, meta, capabilities, principal);
    bridge->open(*client);
    reactor->turn();
    return client;
  }
  static constexpr const char* elicits = R"({"elicitation":{"form":{}}})";
  static constexpr const char* call_params = R"("name":"t","arguments":{"a":1})";
  // A tool call of a client that can be asked, and a question of the upstream in it, told to the client.
  std::unique_ptr<Asker> call(const std::string& principal = "ann", const std::string& meta = {}) {
    return send("tools/call", call_params, meta, elicits, principal);
  }
  void ask(Exchange& inner, Bytes id, Bytes message = "m") {
    inner.ask(make_request(id, "elicitation/create",
                           R"({"message":")" + std::string(message) + R"(","requestedSchema":{}})"));
  }
  void wait(milliseconds time) { reactor->advance(time); }
  std::unique_ptr<Asker> retry(const std::string& state, const std::string& answers,
                               const std::string& meta = {}, const std::string& principal = "ann",
                               const std::string& params = call_params) {
    return send("tools/call", params + R"(,"requestState":")" + state + R"(","inputResponses":)" + answers,
                meta, elicits, principal);
  }
  void gone(std::unique_ptr<Asker> client, CancelReason reason = CancelReason::client) {
    bridge->cancelled(*client, reason);
    client.reset();
    reactor->turn();
    reactor->advance(milliseconds(1));
  }
  [[nodiscard]] bool was_told(Bytes part) const {
    for (const std::string& text : old.told)
      if (text.find(part) != std::string::npos) return true;
    return false;
  }
  [[nodiscard]] std::size_t metric(const std::string& line) const {
    const std::string page = metrics.prometheus_text();
    const std::size_t at = page.find("\n" + line + " ");
    return at == std::string::npos ? 0 : std::stoul(page.substr(at + line.size() + 2));
  }

  Limits limits;
  std::unique_ptr<Reactor> reactor = Reactor::simulated(limits, Instant{}, WallTime(milliseconds(1'000)));
  StringSink sink;
  Log log{sink, *reactor, ObserveLimits{}};
  Metrics metrics{ObserveLimits{}};
  CallLog calls{*reactor, log, metrics};
  UpstreamConfig config;
  OldServer old;
  std::unique_ptr<ModernBridge> bridge;
  std::vector<HeaderPair> kept_headers;  // of the clients to come
  int next_id = 0;
  std::uint8_t drawn = 0;
};

}  // namespace sluice::testing_modern_bridge
