// SPDX-License-Identifier: Apache-2.0
#pragma once
// A federation between a client whose every exchange the test makes and three upstreams that do what the test
// says. For *_test.cc only.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "codec/json.h"
#include "codec/jsonrpc.h"
#include "gateway/federation.h"
#include "mcp/federated_names.h"
#include "transport/front_testing.h"

namespace sluice::testing_federation {

// A server: lists its pages, answers as it is told, holds what it is told to hold.
class FakeUpstream final : public Service {
 public:
  using Answer = std::function<std::string(const Envelope&)>;  // JSON of a result

  void open(Exchange& exchange) override {
    const Envelope& envelope = exchange.request().message.envelope();
    const std::string method(envelope.method);
    seen.push_back(method);
    texts.emplace_back(exchange.request().message.text());
    if (exchange.session() != nullptr) sessions.insert(exchange.session());
    if (is_dead) return exchange.refuse(502, rpc::internal_error, "it is down", "");
    if (holds.contains(method)) return held.push_back(&exchange);
    const std::string result = result_of(method, envelope);
    const Bytes id = exchange.request().message.id();
    if (result.empty())
      return exchange.finish(make_error_response(id, rpc::method_not_found, "Method not found"));
    if (result.front() == '-')
      return exchange.finish(make_error_response(id, std::stoi(result), "no", R"({"uri":"x:1"})"));
    exchange.finish(make_response(id, result));
  }
  void cancelled(Exchange& exchange, CancelReason reason) override {
    cancels.push_back(reason);
    std::erase(held, &exchange);
  }
  void drained(Exchange&) override { ++drains; }
  void drained(Session&) override { ++session_drains; }
  void message(Session& session, ClientMessage message) override {
    EXPECT_TRUE(sessions.contains(&session));
    messages.emplace_back(message.text());
  }
  void ended(Session& session) override {
    ++sessions_ended;
    sessions.erase(&session);
  }
  [[nodiscard]] std::vector<Revision> revisions() const override { return {latest_modern, latest_legacy}; }

  // Takes what it holds first.
  Exchange& take() {
    Exchange* exchange = held.at(0);
    held.erase(held.begin());
    return *exchange;
  }
  void finish(Bytes result) {
    Exchange& exchange = take();
    exchange.finish(make_response(exchange.request().message.id(), result));
  }
  [[nodiscard]] std::size_t count(Bytes method) const {
    return static_cast<std::size_t>(std::count(seen.begin(), seen.end(), method));
  }
  [[nodiscard]] Json last() const { return *Json::parse(texts.back()); }

  std::map<std::string, Answer> answers;
  std::map<std::string, std::vector<std::string>> pages;  // of lists: texts of their items
  std::string hello = R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},)"
                      R"("resources":{},"logging":{}},"serverInfo":{"name":"x","version":"1"}})";
  std::set<std::string> holds;
  bool is_dead = false;

  std::vector<Exchange*> held;
  std::vector<std::string> seen;
  std::vector<std::string> texts;
  std::vector<CancelReason> cancels;
  std::vector<std::string> messages;
  std::set<Session*> sessions;
  int drains = 0, session_drains = 0, sessions_ended = 0;

 private:
  // The cursor of the second page is empty, that of the third "p2".
  std::string result_of(const std::string& method, const Envelope& envelope) {
    if (const auto answer = answers.find(method); answer != answers.end()) return answer->second(envelope);
    if (method == "initialize") return hello;
    if (method == "logging/setLevel") return "{}";
    const auto list = pages.find(method);
    if (list == pages.end()) return "";
    std::size_t page = 0;
    if (envelope.cursor) {
      const Bytes cursor = envelope.view(envelope.cursor);
      if (cursor != "\"\"" && !cursor.starts_with("\"p")) return "-32602";
      page = cursor == "\"\"" ? 1 : static_cast<std::size_t>(cursor[2] - '0');
    }
    const std::string items =
        method == "resources/templates/list" ? "resourceTemplates" : method.substr(0, method.find('/'));
    std::string result = "{\"" + items + "\":[" + list->second.at(page) + "]";
    if (page + 1 < list->second.size())
      result += page == 0 ? R"(,"nextCursor":"")" : ",\"nextCursor\":\"p" + std::to_string(page + 1) + "\"";
    return result + R"(,"ttlMs":60000,"cacheScope":"public"})";
  }
};

// As strict as a front may be: what is attached goes within finish().
class ClientExchange final : public Exchange {
 public:
  ClientExchange(ClientRequest request, Session* session) : Exchange(std::move(request), session) {}

  std::size_t notify(Bytes message) override {
    notes.emplace_back(message);
    return room;
  }
  std::size_t ask(Bytes message) override {
    asks.emplace_back(message);
    return room;
  }
  void sign(LifeSign why) override { signs.push_back(why); }
  void finish(Bytes response) override {
    EXPECT_FALSE(is_over);
    is_over = true;
    answer = response;
    attachment.reset();
  }
  void refuse(int http_status, int code, std::string_view sentence, std::string_view data) override {
    EXPECT_FALSE(is_over);
    is_over = true;
    status = http_status;
    answer = make_error_response(request().message.id(), code, sentence, data);
    // A session that is not established goes with its first exchange.
    if (request().message.envelope().method == "initialize") session()->attachment.reset();
    attachment.reset();
  }

  [[nodiscard]] Json result() const { return answer.empty() ? Json() : (*Json::parse(answer))["result"]; }
  [[nodiscard]] std::int64_t code() const {
    return answer.empty() ? 0 : (*Json::parse(answer))["error"]["code"].int64_or(0);
  }

  std::size_t room = 1'000;
  bool is_over = false;
  int status = 200;
  std::string answer;
  std::vector<std::string> notes;
  std::vector<std::string> asks;
  std::vector<LifeSign> signs;
};

class ClientSession final : public Session {
 public:
  ClientSession() : Session(Principal{"me"}, latest_legacy) {}
  std::size_t send(Bytes message) override {
    sent.emplace_back(message);
    return 1'000;
  }
  void end(std::string_view) override { ADD_FAILURE() << "the client's session was ended"; }
  std::vector<std::string> sent;
};

class FederationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(ring.add(1, std::string(seal_key_bytes, 'k')));
    federate({{"files", files, seconds(5)}, {"git", git, seconds(5)}, {"web", web, seconds(3)}});
  }
  void federate(std::vector<FederatedUpstream> upstreams) {
    federation = std::make_unique<Federation>(
        FederationParts{world.reactor(), log, calls, metrics, "/mcp",
                        [this](Bytes label) { return Sealer(ring.derive(label), SealOrigin{}, {}); },
                        std::make_shared<const ToolPins>(pins), finds_tools},
        std::move(upstreams));
  }
  void TearDown() override {
    exchanges.clear();
    session.attachment.reset();
    world.settle();
    federation.reset();
  }

  // A modern request; `members` are those of params beside _meta.
  ClientExchange& request(Bytes method, Bytes members = {}, Bytes id = "7", Bytes principal = "me") {
    const std::string params =
        R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":"t"})" +
        (members.empty() ? std::string() : "," + std::string(members)) + "}";
    return open(make_request(id, method, params), Era::modern, nullptr, principal);
  }
  ClientExchange& legacy(Bytes method, Bytes params = "{}", Bytes id = "7") {
    return open(make_request(id, method, params), Era::legacy, &session, "me");
  }
  ClientExchange& open(const std::string& text, Era era, Session* of, Bytes principal) {
    ClientRequest request;
    EXPECT_TRUE(request.message.take(scanner, PaddedString(text))) << text;
    request.era = era;
    request.revision = era == Era::modern ? latest_modern : latest_legacy;
    request.principal.name = principal;
    request.opened = world.reactor().now();
    request.kept_headers = kept_headers;
    exchanges.push_back(std::make_unique<ClientExchange>(std::move(request), of));
    ClientExchange& exchange = *exchanges.back();
    federation->open(exchange);
    world.settle();
    return exchange;
  }
  ClientExchange& initialize() {
    ClientExchange& exchange =
        legacy("initialize", R"({"protocolVersion":"2025-06-18","capabilities":{"roots":{}}})", "0");
    tell(make_notification("notifications/initialized"));
    return exchange;
  }
  // A notification or an answer of the legacy client.
  void tell(const std::string& text) {
    ClientMessage message;
    ASSERT_TRUE(message.take(scanner, PaddedString(text)));
    federation->message(session, std::move(message));
    world.settle();
  }
  void cancel(ClientExchange& exchange) {
    federation->cancelled(exchange, CancelReason::client);
    exchange.is_over = true;
    exchange.attachment.reset();
    world.settle();
  }
  // Bounds other than the usual ones, of the federation that is there.
  template <typename Change>
  void limit(const Change& change) {
    Limits limits = world.reactor().limits();
    change(limits);
    world.reactor().set_limits(limits);
  }
  static std::vector<std::string> names(const Json& result, Bytes list, Bytes key = "name") {
    std::vector<std::string> out;
    for (const Json& item : result[list].items()) out.emplace_back(item[key].string_or("?"));
    return out;
  }
  static std::string tool(Bytes name) { return R"({"name":")" + std::string(name) + "\"}"; }

  testing_fronts::World world;
  StringSink sink;
  Log log{sink, world.reactor(), ObserveLimits{}};
  Metrics metrics{ObserveLimits{}};
  CallLog calls{world.reactor(), log, metrics};
  KeyRing ring;
  ToolPins pins;
  bool finds_tools = false;
  MessageScanner scanner{JsonLimits{}};
  FakeUpstream files, git, web;
  std::unique_ptr<Federation> federation;
  ClientSession session;
  std::vector<std::unique_ptr<ClientExchange>> exchanges;
  std::vector<HeaderPair> kept_headers;  // of the requests to come
};

}  // namespace sluice::testing_federation
