// SPDX-License-Identifier: Apache-2.0
#pragma once
// A LegacyBridge between a front and an upstream that are both the test's. For *_test.cc only.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "codec/json.h"
#include "codec/jsonrpc.h"
#include "gateway/legacy_bridge.h"
#include "observe/metrics.h"

namespace sluice::testing_legacy_bridge {

// The modern server, as a Service whose every answer the test says.
class ModernServerScript final : public Service {
 public:
  void open(Exchange& exchange) override {
    opened.push_back(&exchange);
    requests.push_back(*Json::parse(exchange.request().message.text()));
    texts.emplace_back(exchange.request().message.text());
    headers.push_back(exchange.request().param_headers);
    if (!refuses.empty()) exchange.refuse(502, -32603, refuses, {});
  }
  void cancelled(Exchange& exchange, CancelReason reason) override {
    cancels.push_back(reason);
    for (std::size_t i = 0; i < opened.size(); ++i)
      if (opened[i] == &exchange) {
        opened[i] = nullptr;
        cancelled_requests.push_back(i);
      }
  }
  void drained(Exchange&) override { ++drains; }
  void message(Session&, ClientMessage) override {}
  void ended(Session&) override {}
  [[nodiscard]] std::vector<Revision> revisions() const override { return {latest_modern}; }

  [[nodiscard]] const Json& last() const { return requests.back(); }
  [[nodiscard]] std::size_t count(std::string_view method) const {
    return static_cast<std::size_t>(std::count_if(requests.begin(), requests.end(), [&](const Json& request) {
      return request["method"].string_or("") == method;
    }));
  }
  // The last request with this method.
  [[nodiscard]] std::size_t find(std::string_view method) const {
    for (std::size_t i = requests.size(); i-- != 0;)
      if (requests[i]["method"].string_or("") == method) return i;
    ADD_FAILURE() << "no " << method << " came";
    return 0;
  }
  [[nodiscard]] bool is_open(std::size_t index) const { return opened.at(index) != nullptr; }
  void finish(std::size_t index, Bytes result) {
    Exchange* exchange = std::exchange(opened.at(index), nullptr);
    ASSERT_NE(exchange, nullptr);
    exchange->finish(make_response(requests[index]["id"].dump(), result));
  }
  void finish_last(Bytes result) { finish(requests.size() - 1, result); }
  void fail(std::size_t index, int code, Bytes sentence, Bytes data = {}) {
    Exchange* exchange = std::exchange(opened.at(index), nullptr);
    ASSERT_NE(exchange, nullptr);
    exchange->finish(make_error_response(requests[index]["id"].dump(), code, sentence, data));
  }
  void refuse(std::size_t index, int status, int code, Bytes sentence, Bytes data = {}) {
    Exchange* exchange = std::exchange(opened.at(index), nullptr);
    ASSERT_NE(exchange, nullptr);
    exchange->refuse(status, code, sentence, data);
  }
  std::size_t notify(std::size_t index, Bytes method, Bytes params) {
    return opened.at(index)->notify(make_notification(method, params));
  }
  void acknowledge(std::size_t index) {
    const Json& asked = requests.at(index)["params"]["notifications"];
    notify(index, "notifications/subscriptions/acknowledged",
           R"({"_meta":{"io.modelcontextprotocol/subscriptionId":)" + requests.at(index)["id"].dump() +
               R"(},"notifications":)" + asked.dump() + "}");
  }

  std::vector<Exchange*> opened;
  std::vector<Json> requests;
  std::vector<std::string> texts;
  std::vector<std::vector<HeaderPair>> headers;
  std::vector<CancelReason> cancels;
  std::vector<std::size_t> cancelled_requests;
  std::size_t drains = 0;
  std::string refuses;  // everything, while not empty
};

class FakeSession final : public Session {
 public:
  FakeSession(Principal principal, Revision revision) : Session(std::move(principal), revision) {}
  std::size_t send(Bytes message) override {
    sent.emplace_back(message);
    return room;
  }
  void end(std::string_view) override {}

  std::vector<std::string> sent;
  std::size_t room = 1000;
};

class FakeExchange final : public Exchange {
 public:
  FakeExchange(ClientRequest request, Session* session) : Exchange(std::move(request), session) {}
  std::size_t notify(Bytes message) override {
    EXPECT_FALSE(over());
    notified.emplace_back(message);
    return room;
  }
  std::size_t ask(Bytes message) override {
    EXPECT_FALSE(over());
    asks.push_back(*Json::parse(message));
    return room;
  }
  void sign(LifeSign why) override {
    EXPECT_FALSE(over());
    signs.push_back(why);
  }
  void finish(Bytes text) override {
    EXPECT_FALSE(over());
    response = text;
  }
  void refuse(int status, int error_code, std::string_view said, std::string_view data_json) override {
    EXPECT_FALSE(over());
    http_status = status;
    code = error_code;
    sentence = said;
    data = data_json;
  }
  [[nodiscard]] bool over() const { return !response.empty() || code != 0; }
  [[nodiscard]] Json result() const { return (*Json::parse(response))["result"]; }
  [[nodiscard]] Json error() const { return (*Json::parse(response))["error"]; }

  std::vector<std::string> notified;
  std::vector<Json> asks;
  std::vector<LifeSign> signs;
  std::string response;
  int http_status = 0;
  int code = 0;
  std::string sentence;
  std::string data;
  std::size_t room = 1000;
};

constexpr const char* everything =
    R"({"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"resources":)"
    R"({"subscribe":true,"listChanged":true},"prompts":{"listChanged":true},"logging":{},"completions":{},)"
    R"("extensions":{"io.modelcontextprotocol/ui":{}}},"instructions":"be kind","ttlMs":5,"cacheScope":)"
    R"("public","resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":)"
    R"({"name":"far","version":"3","title":"Far"}}})";
constexpr const char* all_capabilities =
    R"({"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{"listChanged":true}})";

class LegacyBridgeTest : public ::testing::Test {
 protected:
  void TearDown() override {
    // As fronts do: sessions end after their exchanges.
    for (auto& exchange : exchanges)
      if (!exchange->over() && exchange->attachment) bridge->cancelled(*exchange, CancelReason::peer_gone);
    exchanges.clear();
    for (auto& session : sessions) bridge->ended(*session);
    sessions.clear();
    EXPECT_EQ(bridge->calls(), 0U);
    EXPECT_EQ(bridge->sessions(), 0U);
    bridge.reset();
  }

  static UpstreamConfig config_named_up() {
    UpstreamConfig named;
    named.name = "up";
    return named;
  }
  void SetUp() override { restart(); }
  // With the limits as they are now.
  void restart() {
    bridge.reset();
    reactor = Reactor::simulated(limits, Instant{} + seconds(1000), WallTime{});
    log = std::make_unique<Log>(sink, *reactor, ObserveLimits{});
    metrics = std::make_unique<Metrics>(ObserveLimits{});
    calls = std::make_unique<CallLog>(*reactor, *log, *metrics);
    bridge = std::make_unique<LegacyBridge>(
        BridgeParts{*reactor, *log, *calls, config, far, [](std::span<std::byte>) {},
                    [](Bytes label) {
                      KeyRing ring;
                      EXPECT_TRUE(ring.add(1, std::string(seal_key_bytes, 'k')).ok());
                      return Sealer(ring.derive(label), SealOrigin{}, Sealer::Salt{});
                    }});
  }

  FakeExchange& open(Session& session, std::string text) {
    ClientRequest request;
    MessageScanner scanner{JsonLimits{}};
    EXPECT_TRUE(request.message.take(scanner, PaddedString(std::move(text))).ok());
    request.revision = session.revision();
    request.principal = session.principal();
    request.correlation_id = "corr";
    exchanges.push_back(std::make_unique<FakeExchange>(std::move(request), &session));
    FakeExchange& exchange = *exchanges.back();
    bridge->open(exchange);
    return exchange;
  }
  FakeExchange& request(Session& session, Bytes method, Bytes params = {}) {
    return open(session, make_request(std::to_string(next_id++), method, params));
  }
  void say(Session& session, std::string text) {
    ClientMessage message;
    MessageScanner scanner{JsonLimits{}};
    ASSERT_TRUE(message.take(scanner, PaddedString(std::move(text))).ok());
    bridge->message(session, std::move(message));
  }
  void answer(Session& session, const Json& ask, Bytes result) {
    say(session, make_response(ask["id"].dump(), result));
  }
  void cancel(FakeExchange& exchange, CancelReason reason = CancelReason::client) {
    bridge->cancelled(exchange, reason);
    std::erase_if(exchanges, [&](const auto& owned) { return owned.get() == &exchange; });
  }
  void end(FakeSession& session) {
    bridge->ended(session);
    std::erase_if(sessions, [&](const auto& owned) { return owned.get() == &session; });
  }

  FakeSession& session_of(std::string principal, Revision revision) {
    sessions.push_back(std::make_unique<FakeSession>(Principal{std::move(principal)}, revision));
    return *sessions.back();
  }
  static std::string initialize_params(Revision revision, Bytes capabilities) {
    return R"({"protocolVersion":")" + std::string(revision_text(revision)) + R"(","capabilities":)" +
           std::string(capabilities) + R"(,"clientInfo":{"name":"old","version":"1.0"}})";
  }
  FakeSession& connect(Revision revision = latest_legacy, Bytes capabilities = all_capabilities,
                       Bytes discovery = everything, std::string principal = "me") {
    FakeSession& session = session_of(std::move(principal), revision);
    const FakeExchange& hello = request(session, "initialize", initialize_params(revision, capabilities));
    far.finish_last(discovery);
    EXPECT_FALSE(hello.response.empty());
    return session;
  }
  void initialized(Session& session) { say(session, make_notification("notifications/initialized")); }
  // Answers the tool list that the first call of a tool waits for.
  void answer_tools(Bytes tools = "[]") {
    far.finish(far.find("tools/list"), R"({"tools":)" + std::string(tools) + "}");
  }
  FakeExchange& call_tool(Session& session, Bytes more = {}) {
    FakeExchange& call =
        request(session, "tools/call", R"({"name":"t","arguments":{})" + std::string(more) + "}");
    if (far.last()["method"].string_or("") == "tools/list") answer_tools();
    return call;
  }
  void pass(Duration time) { reactor->advance(time); }
  [[nodiscard]] std::size_t metric(const std::string& line) const {
    const std::string page = metrics->prometheus_text();
    const std::size_t at = page.find("\n" + line + " ");
    return at == std::string::npos ? 0 : std::stoul(page.substr(at + line.size() + 2));
  }

  Limits limits;
  std::unique_ptr<Reactor> reactor;
  StringSink sink;
  std::unique_ptr<Log> log;
  std::unique_ptr<Metrics> metrics;
  std::unique_ptr<CallLog> calls;
  UpstreamConfig config = config_named_up();
  ModernServerScript far;
  std::vector<std::unique_ptr<FakeSession>> sessions;
  std::vector<std::unique_ptr<FakeExchange>> exchanges;
  int next_id = 1;
  std::unique_ptr<LegacyBridge> bridge;
};

}  // namespace sluice::testing_legacy_bridge
