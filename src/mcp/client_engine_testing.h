// SPDX-License-Identifier: Apache-2.0
#pragma once
// A ClientEngine with the time in a test's hands, and everything it ordered and told to look at.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "codec/jsonrpc.h"
#include "mcp/client_engine.h"

namespace sluice {

inline constexpr Instant begun = Instant(std::chrono::hours(1));
inline constexpr Bytes discovery =
    R"({"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},)"
    R"("instructions":"be kind","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"far","version":"2"}}})";
inline constexpr Bytes welcome =
    R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{},"logging":{}},"serverInfo":{"name":"old","version":"1"}})";

inline ClientCapabilities every_capability() {
  ClientCapabilities can;
  can.elicitation_form = can.elicitation_url = can.sampling = can.roots = true;
  return can;
}

// An engine, the time, and everything it ordered and told.
class EngineDriver {
 public:
  explicit EngineDriver(ClientEngineOptions options = {}) : engine(std::move(options)) {}

  void settle() {
    for (int turns = 0;; ++turns) {
      ASSERT_LT(turns, 10'000) << "it is due again and again";
      if (auto order = engine.next_order()) {
        orders.push_back(std::move(*order));
      } else if (auto event = engine.next_event()) {
        events.push_back(std::move(*event));
      } else if (engine.due() <= now) {
        engine.tick(now);
      } else {
        return;
      }
    }
  }
  void start() {
    engine.start(now);
    settle();
  }
  void pass(milliseconds time) {
    const Instant until = now + time;
    while (engine.due() <= until) {
      now = std::max(now, engine.due());
      settle();
      ASSERT_GT(engine.due(), now) << "it is due again and again";
    }
    now = until;
    settle();
  }
  void hear(Bytes text, ClientSendId id = 0) {
    ClientMessage message;
    MessageScanner scanner{JsonLimits{}};
    ASSERT_TRUE(message.take(scanner, PaddedString(text)).ok()) << text;
    engine.heard(id, message, now);
    settle();
  }
  // Answers the sending as its own POST would.
  void reply(const ClientOrder& order, Bytes result) {
    hear(make_response(std::to_string(order.id), result), order.id);
    engine.ended(order.id, now);
    settle();
  }
  void reply_error(const ClientOrder& order, int code, Bytes data = {}) {
    hear(make_error_response(std::to_string(order.id), code, "no", data), order.id);
  }
  void refuse(const ClientOrder& order, int status, Bytes body = {}) {
    engine.refused(order.id, status, body, now);
    settle();
  }
  ClientCallId call(std::string method, std::string params = {}, bool progress = false) {
    ClientCallSpec spec;
    spec.method = std::move(method);
    spec.params_json = std::move(params);
    spec.wants_progress = progress;
    const ClientCallId id = engine.call(std::move(spec), now);
    settle();
    return id;
  }
  void answer(Result<std::string> result) {
    engine.answer(last_event(ClientEvent::Kind::asked).ask, result, now);
    settle();
  }

  // Orders that send, as methods; answers and errors of ours as `=`.
  [[nodiscard]] std::string sent() const {
    std::string all;
    for (const ClientOrder& order : orders) {
      if (!all.empty()) all += ' ';
      const auto json = Json::parse(order.text.empty() ? "{}" : order.text);
      if (order.kind == ClientOrder::Kind::send)
        all += (*json)["method"].string_or("=");
      else if (order.kind == ClientOrder::Kind::drop)
        all += "drop";
      else
        all += order.kind == ClientOrder::Kind::open_stream    ? "open"
               : order.kind == ClientOrder::Kind::close_stream ? "shut"
               : order.kind == ClientOrder::Kind::end_session  ? "end"
                                                               : "restart";
    }
    return all;
  }
  [[nodiscard]] std::string field(std::string_view name) const {
    for (const HeaderPair& field : orders.back().fields)
      if (field.name == name) return field.value;
    return "(none)";
  }
  [[nodiscard]] Json body() const { return *Json::parse(orders.back().text); }
  [[nodiscard]] const ClientOrder& last_send(std::string_view method) const {
    for (auto order = orders.rbegin(); order != orders.rend(); ++order)
      if (order->text.find("\"" + std::string(method) + "\"") != std::string::npos) return *order;
    ADD_FAILURE() << method << " was not sent: " << sent();
    return orders.front();
  }
  [[nodiscard]] ClientEvent last_event(ClientEvent::Kind kind) const {
    for (auto event = events.rbegin(); event != events.rend(); ++event)
      if (event->kind == kind) return *event;
    ADD_FAILURE() << "no such event";
    return {};
  }
  [[nodiscard]] std::size_t count(ClientEvent::Kind kind) const {
    return static_cast<std::size_t>(std::count_if(
        events.begin(), events.end(), [kind](const ClientEvent& event) { return event.kind == kind; }));
  }

  Instant now = begun;
  ClientEngine engine;
  std::deque<ClientOrder> orders;  // references into it hold
  std::deque<ClientEvent> events;
};

inline ClientEngineOptions options(std::optional<Era> era, bool over_http = true,
                                   ClientCapabilities can = {}) {
  ClientEngineOptions made;
  made.era = era;
  made.over_http = over_http;
  made.capabilities = std::move(can);
  return made;
}

// A client that has a legacy session over HTTP.
inline std::unique_ptr<EngineDriver> in_session(ClientCapabilities can = {}, Bytes says = welcome) {
  auto client = std::make_unique<EngineDriver>(options(Era::legacy, true, std::move(can)));
  client->start();
  client->engine.session_given(client->orders[0].id, "S");
  client->reply(client->orders[0], says);
  client->engine.ended(client->last_send("notifications/initialized").id, client->now);
  client->settle();
  client->engine.stream_opened(client->now);
  client->settle();
  EXPECT_TRUE(client->engine.is_ready());
  client->orders.clear();
  return client;
}

// And one over lines, where nothing says to which call something belongs.
inline std::unique_ptr<EngineDriver> in_legacy_lines(ClientCapabilities can = {}) {
  auto client = std::make_unique<EngineDriver>(options(Era::legacy, false, std::move(can)));
  client->start();
  client->reply(client->orders[0], welcome);
  EXPECT_TRUE(client->engine.is_ready());
  client->orders.clear();
  return client;
}

inline std::unique_ptr<EngineDriver> in_modern(bool over_http = true, ClientCapabilities can = {}) {
  auto client = std::make_unique<EngineDriver>(options(Era::modern, over_http, std::move(can)));
  client->start();
  EXPECT_TRUE(client->engine.is_ready());
  return client;
}

}  // namespace sluice
