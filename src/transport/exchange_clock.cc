// SPDX-License-Identifier: Apache-2.0
#include "transport/exchange_clock.h"

#include <algorithm>

#include "codec/jsonrpc.h"
#include "mcp/methods.h"

namespace sluice {

ExchangeKind exchange_kind(Bytes method) {
  if (method == "initialize") return ExchangeKind::initialize;
  if (method == "subscriptions/listen") return ExchangeKind::listen;
  // tasks/result of 2025-11-25 blocks until the task is done.
  return method == "tasks/result" ? ExchangeKind::waiting : ExchangeKind::request;
}

void ExchangeClock::sign(LifeSign why) {
  is_with_person_ = why == LifeSign::person;
  last_sign_ = reactor_.now();
  arm();
}

void ExchangeClock::asked() {
  ++asks_open_;
  sign();
}

void ExchangeClock::answered() {
  if (asks_open_ > 0) --asks_open_;
  sign();
}

void ExchangeClock::arm() {
  if (kind_ == ExchangeKind::initialize) {
    reactor_.arm(timer_, opened_ + limits_.initialize);
    return;
  }
  if (kind_ == ExchangeKind::listen || !limits_.tool_timer) return;
  const Instant cap = opened_ + limits_.tool_absolute;
  const Instant silence = last_sign_ + (asks_open_ > 0 || is_with_person_ ? limits_.ask : limits_.tool);
  reactor_.arm(timer_, kind_ == ExchangeKind::waiting ? cap : std::min(cap, silence));
}

void OpenAsks::asked(Bytes message, const JsonLimits& limits, const std::vector<ExchangeClock*>& clocks) {
  if (clocks.empty() || message.find("\"id\"") == Bytes::npos) return;
  Envelope ask;
  const PaddedString text(message);
  if (!scan_message(text.padded(), limits, ask) || ask.kind != MessageKind::request) return;
  const auto id = RpcId::from_raw(ask.view(ask.id));
  std::string name;
  if (!decode_json_string(ask.view(ask.method_span), name)) return;
  const Method* method = find_method(name);
  if (!id || (method != nullptr && !method->is_ask)) return;
  const JsonSpan mode = ask.params ? json_member(ask.text, ask.params, "mode") : JsonSpan{};
  const bool is_page =
      method != nullptr && method->id == MethodId::elicitation_create && mode && ask.view(mode) == "\"url\"";
  asks_[id->canonical()] = Ask{clocks, is_page};
  for (ExchangeClock* clock : clocks) clock->asked();
}

void OpenAsks::answered(const Envelope& answer) {
  const auto id = RpcId::from_raw(answer.view(answer.id));
  const auto found = id ? asks_.find(id->canonical()) : asks_.end();
  if (found == asks_.end()) return;
  const Ask ask = std::move(found->second);
  asks_.erase(found);
  // To accept is to go there, not to be back (D6.10).
  const JsonSpan action = ask.is_page && answer.kind == MessageKind::response
                              ? json_member(answer.text, answer.result, "action")
                              : JsonSpan{};
  const bool is_away = action && answer.view(action) == "\"accept\"";
  for (ExchangeClock* clock : ask.clocks) {
    clock->answered();
    if (is_away) clock->sign(LifeSign::person);
  }
}

void OpenAsks::closed(const ExchangeClock& clock) {
  for (auto ask = asks_.begin(); ask != asks_.end();) {
    std::erase(ask->second.clocks, &clock);
    ask = ask->second.clocks.empty() ? asks_.erase(ask) : std::next(ask);
  }
}

bool may_be_asked_during(const Envelope& request) {
  const Method* method = find_method(request.method);
  return method != nullptr && method->may_ask;
}

}  // namespace sluice
