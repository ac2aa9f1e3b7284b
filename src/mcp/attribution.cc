// SPDX-License-Identifier: Apache-2.0
#include "mcp/attribution.h"

#include <algorithm>
#include <utility>

#include "mcp/methods.h"

namespace sluice {

namespace {

constexpr Place nowhere{Place::Where::nowhere, 0};
constexpr Place standalone{Place::Where::standalone, 0};

Place exchange(ClientRef ref) { return {Place::Where::exchange, ref}; }

// One spelling for an id or token, so that "1" and "\u0031" are one; empty for none.
std::string canonical(const Envelope& envelope, JsonSpan span) {
  if (!span) return {};
  const auto id = RpcId::from_raw(envelope.view(span));
  return id ? id->canonical() : std::string();
}

}  // namespace

Attribution::Attribution(const McpLimits& limits)
    : asks_max_(limits.asks_per_exchange_max * limits.exchanges_per_session_max) {}

void Attribution::opened(ClientRef ref, const RpcId& id, const RpcId& progress_token) {
  open_.push_back({ref, id.canonical(), progress_token ? progress_token.canonical() : std::string()});
}

void Attribution::closed(ClientRef ref) {
  open_.erase(std::remove_if(open_.begin(), open_.end(), [ref](const Open& open) { return open.ref == ref; }),
              open_.end());
  // The upstream still waits, perhaps for another exchange than we guessed: the client's answer must reach
  // it.
  for (auto& [ask, place] : asks_)
    if (place.where == Place::Where::exchange && place.ref == ref) place = standalone;
}

Place Attribution::only_one() const { return open_.size() == 1 ? exchange(open_.front().ref) : standalone; }

Place Attribution::place(const Envelope& envelope) {
  switch (envelope.kind) {
    case MessageKind::response:
    case MessageKind::error_response: {
      const std::string id = canonical(envelope, envelope.id);
      for (const Open& open : open_)
        if (!id.empty() && open.id == id) return exchange(open.ref);
      return nowhere;
    }
    case MessageKind::request: return place_ask(envelope);
    case MessageKind::notification: return place_notification(envelope);
    case MessageKind::batch:
    case MessageKind::invalid: break;
  }
  return nowhere;
}

Place Attribution::place_ask(const Envelope& envelope) {
  if (asks_.size() >= asks_max_) return nowhere;
  const Place place = open_.empty() ? standalone : exchange(open_.back().ref);
  asks_[canonical(envelope, envelope.id)] = place;
  return place;
}

Place Attribution::place_notification(const Envelope& envelope) {
  const Method* method = find_method(envelope.method);
  if (method == nullptr) return only_one();
  switch (method->id) {
    case MethodId::notify_progress: {
      const std::string token = canonical(envelope, envelope.progress_token);
      for (const Open& open : open_)
        if (!token.empty() && open.token == token) return exchange(open.ref);
      return nowhere;
    }
    case MethodId::notify_cancelled: {
      const auto ask = asks_.find(canonical(envelope, envelope.request_id));
      if (ask == asks_.end()) return nowhere;
      const Place place = ask->second;
      asks_.erase(ask);
      return place;
    }
    case MethodId::notify_message: return only_one();
    default: return standalone;
  }
}

Place Attribution::answered(const RpcId& ask) {
  const auto known = asks_.find(ask.canonical());
  if (known == asks_.end()) return nowhere;
  const Place place = known->second;
  asks_.erase(known);
  return place;
}

}  // namespace sluice
