// SPDX-License-Identifier: Apache-2.0
// What a ClientEngine is told of: the one subscription of the modern era, resources one by one in the legacy
// one.

#include <algorithm>

#include "codec/jsonrpc.h"
#include "mcp/client_engine.h"

namespace sluice {

namespace {

bool wants_something(const ListenFilter& filter) {
  return filter.tools || filter.prompts || filter.resources || !filter.uris.empty();
}

std::string members_of(ListenFilter filter, std::vector<std::string> tasks) {
  filter.task_ids = std::move(tasks);
  return R"("notifications":)" + listen_filter_json(filter);
}

}  // namespace

bool ClientEngine::is_watching() const { return modern() && wants_something(wanted_); }

void ClientEngine::watch(ListenFilter wanted, Instant now) {
  wanted_ = std::move(wanted);
  listen_failures_ = 0;
  listen(now);
}

void ClientEngine::listen(Instant now) {
  listen_again_at_ = never;
  if (state_ != State::ready) return;
  if (!modern()) {
    std::set<std::string> uris(wanted_.uris.begin(), wanted_.uris.end());
    return subscribe_legacy(uris, now);
  }
  stop_listening(listening_next_);  // overtaken before it was acknowledged
  listen_deadline_ = never;
  if (!wants_something(wanted_)) {
    listen_missed_ = false;
    return stop_listening(listening_);
  }
  listening_next_ = next_id_++;
  listen_deadline_ = now + options_.limits.listen_wait;
  order(Purpose::listen,
        make_modern_request(std::to_string(listening_next_), "subscriptions/listen", who_,
                            members_of(wanted_, followed_tasks())),
        "subscriptions/listen", {}, 0, {}, listening_next_);
}

void ClientEngine::stop_listening(ClientSendId& id) {
  if (id == 0) return;
  sendings_.erase(id);
  if (options_.over_http) {
    orders_.push_back(ClientOrder{ClientOrder::Kind::drop, id, {}, {}, false, false});
  } else {
    send_note(make_notification("notifications/cancelled", R"({"requestId":)" + std::to_string(id) + "}"));
  }
  id = 0;
}

void ClientEngine::acknowledged(const Envelope& envelope, Instant now) {
  const Bytes raw = envelope.meta_subscription_id ? envelope.view(envelope.meta_subscription_id) : Bytes();
  if (listening_next_ == 0 || raw != std::to_string(listening_next_)) return;
  stop_listening(listening_);
  listening_ = std::exchange(listening_next_, 0);
  listen_deadline_ = never;
  listening_since_ = now;
  if (std::exchange(listen_missed_, false)) tell_missed();
}

// What we are told of, as it may have changed while nobody told us.
void ClientEngine::tell_missed() {
  const auto tell = [this](std::string_view method, Bytes params) {
    event(ClientEvent::Kind::told, 0, std::string(method), params);
  };
  if (wanted_.tools) {
    tools_.invalidate();
    tell("notifications/tools/list_changed", "{}");
  }
  if (wanted_.prompts) tell("notifications/prompts/list_changed", "{}");
  if (wanted_.resources) tell("notifications/resources/list_changed", "{}");
  for (const std::string& uri : wanted_.uris)
    tell("notifications/resources/updated", Json::object({{"uri", uri}}).dump());
}

void ClientEngine::listen_ended(ClientSendId id, bool for_good, Instant now) {
  if (id != listening_ && id != listening_next_) return;
  if (id == listening_next_) listen_deadline_ = never;
  // One that ends as soon as it is acknowledged is no better than one that never was.
  const bool was_steady = id == listening_ && now - listening_since_ >= options_.limits.listen_again_max;
  if (was_steady) listen_failures_ = 0;
  if (id == listening_) listen_missed_ = true;
  (id == listening_ ? listening_ : listening_next_) = 0;
  // The one that is open tells nothing of what was added since.
  if (for_good || listening_next_ != 0) return;
  milliseconds most = options_.limits.listen_again_first;
  for (int i = 0; i < listen_failures_ && most < options_.limits.listen_again_max; ++i) most *= 2;
  most = std::min(most, options_.limits.listen_again_max);
  ++listen_failures_;
  listen_again_at_ = now + milliseconds(random_.below(static_cast<std::uint64_t>(most.count()) + 1));
}

void ClientEngine::tick_listen(Instant now) {
  if (listen_deadline_ <= now) {
    listen_deadline_ = never;
    const ClientSendId silent = listening_next_;
    ClientSendId dropped = silent;
    listen_ended(silent, false, now);
    stop_listening(dropped);
  }
  if (listen_again_at_ <= now) listen(now);
}

void ClientEngine::subscribe_legacy(const std::set<std::string>& wanted, Instant) {
  const auto ask = [this](std::string_view method, const std::string& uri) {
    const ClientSendId id = next_id_++;
    const std::string params = Json::object({{"uri", uri}}).dump();
    order(Purpose::subscribe, make_request(std::to_string(id), method, params), {}, {}, 0, {}, id);
  };
  for (const std::string& uri : wanted)
    if (!subscribed_.contains(uri)) ask("resources/subscribe", uri);
  for (const std::string& uri : subscribed_)
    if (!wanted.contains(uri)) ask("resources/unsubscribe", uri);
  subscribed_ = wanted;
}

}  // namespace sluice
