// SPDX-License-Identifier: Apache-2.0
#include "gateway/legacy_bridge_listen.h"

#include <algorithm>
#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "gateway/legacy_bridge.h"
#include "gateway/legacy_bridge_session.h"
#include "gateway/legacy_bridge_task.h"
#include "mcp/methods.h"
#include "mcp/to_legacy.h"

namespace sluice {

// A resources/subscribe that waits for an acknowledgement.
class LegacyBridgeSubscribe final : public LegacyBridgeWork {
 public:
  LegacyBridgeSubscribe(LegacyBridge& bridge, LegacyBridgeListen& listen, Exchange& exchange)
      : bridge_(bridge),
        listen_(&listen),
        exchange_(exchange),
        uri_(exchange.request().message.envelope().uri) {
    listen.waiting_.push_back(this);
  }
  LegacyBridgeSubscribe(const LegacyBridgeSubscribe&) = delete;
  LegacyBridgeSubscribe& operator=(const LegacyBridgeSubscribe&) = delete;
  ~LegacyBridgeSubscribe() override { leave(); }

  [[nodiscard]] const std::string& uri() const { return uri_; }
  [[nodiscard]] Exchange& exchange() const { return exchange_; }
  void leave() {
    if (LegacyBridgeListen* listen = std::exchange(listen_, nullptr)) std::erase(listen->waiting_, this);
  }

  // Who gave up is not told of changes, unless an earlier subscribe stands.
  void cancelled(CancelReason reason) override {
    bridge_.parts_.calls.opened(exchange_);
    bridge_.ends_.cancelled(exchange_, reason);
    LegacyBridgeListen* listen = listen_;
    leave();
    if (listen != nullptr) listen->gave_up(uri_);
  }

 private:
  LegacyBridge& bridge_;
  LegacyBridgeListen* listen_;
  Exchange& exchange_;
  std::string uri_;
};

class LegacyBridgeListen::Stream final : private LegacyBridgeRequestHandler {
 public:
  Stream(LegacyBridge& bridge, LegacyBridgeListen& listen, std::set<std::string> uris)
      : listen_(listen), request_(bridge, *this), uris_(std::move(uris)) {}

  [[nodiscard]] const std::set<std::string>& uris() const { return uris_; }
  void open(std::string text, LegacyBridgeRequest::Origin origin) {
    request_.open(std::move(text), std::move(origin));
  }
  void drained() { request_.drained(); }

 private:
  std::size_t on_notification(const ClientMessage& message) override { return listen_.heard(*this, message); }
  void on_refused(const Refusal& refusal) override { listen_.ended(*this, refusal); }
  void on_response(const ClientMessage& message) override {
    const Envelope& envelope = message.envelope();
    Refusal refusal = refusals::upstream_lost(Outcome::not_sent);
    refusal.message = "the server ended the subscription";
    if (envelope.kind == MessageKind::error_response) {
      refusal.code = envelope.view(envelope.error_code) == "-32601"   ? rpc::method_not_found
                     : envelope.view(envelope.error_code) == "-32602" ? rpc::invalid_params
                                                                      : rpc::internal_error;
      if (std::string said; decode_json_string(envelope.view(envelope.error_message), said))
        refusal.message = std::move(said);
      refusal.data_json = envelope.view(envelope.error_data);
    }
    listen_.ended(*this, refusal);
  }

  LegacyBridgeListen& listen_;
  LegacyBridgeRequest request_;
  std::set<std::string> uris_;
};

namespace {

std::set<std::string> named_uris(const Envelope& acknowledgement) {
  std::set<std::string> names;
  const Bytes text = acknowledgement.text;
  const JsonSpan honoured = acknowledgement.notifications;
  if (!honoured || text[honoured.begin] != '{') return names;
  const JsonSpan list = json_member(text, honoured, "resourceSubscriptions");
  if (!list || text[list.begin] != '[') return names;
  for (const JsonSpan item : json_children(text, list))
    if (std::string uri; decode_json_string(item.in(text), uri)) names.insert(std::move(uri));
  return names;
}

std::string uri_data(Bytes uri) {
  std::string data;
  JsonWriter(data).begin_object().member("uri", uri).end_object();
  return data;
}

}  // namespace

LegacyBridgeListen::LegacyBridgeListen(LegacyBridge& bridge, LegacyBridgeSession& session)
    : bridge_(bridge),
      session_(session),
      patience_([](void* self) { static_cast<LegacyBridgeListen*>(self)->on_patience(); }, this),
      restart_([](void* self) { static_cast<LegacyBridgeListen*>(self)->renew(); }, this) {}

LegacyBridgeListen::~LegacyBridgeListen() {
  while (!waiting_.empty()) waiting_.front()->leave();
}

void LegacyBridgeListen::start() {
  if (std::exchange(is_ready_, true)) return;
  renew();
}

void LegacyBridgeListen::drained() {
  if (current_) current_->drained();
}

bool LegacyBridgeListen::wants_anything() const {
  const ServerOffer& offer = session_.offer();
  return !wanted_.empty() ||
         (is_ready_ && (offer.tools_changed || offer.prompts_changed || offer.resources_changed));
}

void LegacyBridgeListen::renew() {
  if (next_) {
    is_dirty_ = true;
    return;
  }
  restart_.cancel();
  is_dirty_ = false;
  if (!wants_anything()) {
    current_.reset();
    served_.clear();
    lost_.clear();
    was_down_ = false;
    return;
  }
  const ServerOffer& offer = session_.offer();
  ListenFilter filter;
  filter.tools = is_ready_ && offer.tools_changed;
  filter.prompts = is_ready_ && offer.prompts_changed;
  filter.resources = is_ready_ && offer.resources_changed;
  filter.uris.assign(wanted_.begin(), wanted_.end());
  for (const auto& [id, task] : followed_) filter.task_ids.push_back(id);
  const std::string members = R"("notifications":)" + listen_filter_json(filter);
  bridge_.parts_.reactor.arm_after(patience_, bridge_.limits().bridge.listen_wait);
  next_ = std::make_unique<Stream>(bridge_, *this, wanted_);
  next_->open(make_modern_request(bridge_.next_id(), "subscriptions/listen", session_.who(), members),
              session_.origin());
}

void LegacyBridgeListen::subscribe(Exchange& exchange) {
  const Envelope& envelope = exchange.request().message.envelope();
  const std::string uri(envelope.uri);
  if (uri.empty())
    return bridge_.refuse(exchange, refusals::invalid_params("resources/subscribe needs a uri, a string"));
  // What is served may be left out of the next subscription, which takes over.
  if (served_.contains(uri) && current_ && (!next_ || next_->uris().contains(uri))) {
    wanted_.insert(uri);
    return bridge_.answer(exchange, "{}");
  }
  const std::size_t most = bridge_.limits().mcp.subscriptions_max;
  if (!wanted_.contains(uri) && wanted_.size() >= most)
    return bridge_.refuse(
        exchange, refusals::overloaded("a session may subscribe to " + std::to_string(most) + " resources"));
  exchange.attachment = std::make_unique<LegacyBridgeSubscribe>(bridge_, *this, exchange);
  wanted_.insert(uri);
  if (!next_ || !next_->uris().contains(uri)) renew();
}

void LegacyBridgeListen::unsubscribe(Exchange& exchange) {
  const Envelope& envelope = exchange.request().message.envelope();
  if (envelope.uri.empty())
    return bridge_.refuse(exchange, refusals::invalid_params("resources/unsubscribe needs a uri, a string"));
  const std::string uri(envelope.uri);
  bridge_.answer(exchange, "{}");
  served_.erase(uri);
  if (wanted_.erase(uri) != 0) renew();
}

// It is named from the next subscription on, and no longer in those behind its end.
void LegacyBridgeListen::follow(LegacyBridgeTask& task) {
  if (followed_.size() >= bridge_.limits().mcp.subscriptions_max) return;
  if (followed_.emplace(task.id(), &task).second && (current_ || next_)) renew();
}

void LegacyBridgeListen::unfollow(const LegacyBridgeTask& task) {
  const auto at = followed_.find(task.id());
  if (at != followed_.end() && at->second == &task) followed_.erase(at);
}

void LegacyBridgeListen::gave_up(const std::string& uri) {
  const bool is_waited_for = std::any_of(waiting_.begin(), waiting_.end(),
                                         [&](const auto* waiting) { return waiting->uri() == uri; });
  if (!is_waited_for && !served_.contains(uri)) wanted_.erase(uri);
}

std::size_t LegacyBridgeListen::heard(Stream& stream, const ClientMessage& message) {
  const Envelope& envelope = message.envelope();
  const Method* method = find_method(envelope.method);
  if (method == nullptr) return all_room;
  switch (method->id) {
    case MethodId::notify_subscriptions_acknowledged:
      if (&stream == next_.get()) acknowledged(envelope);
      return all_room;
    case MethodId::notify_tasks:
      if (const auto task = followed_.find(std::string(envelope.task_id)); task != followed_.end())
        task->second->heard(envelope);
      return all_room;
    case MethodId::notify_resources_updated:
      // It may name something below what was subscribed to, but nothing that was given up.
      if (wanted_.empty()) return all_room;
      if (std::string uri(envelope.uri); stream.uris().contains(uri) && !wanted_.contains(uri))
        return all_room;
      break;
    case MethodId::notify_tools_changed: bridge_.tools_.changed(session_.principal()); break;
    case MethodId::notify_prompts_changed:
    case MethodId::notify_resources_changed: break;
    default: return all_room;
  }
  if (&stream != current_.get()) return all_room;
  return session_.front().send(to_legacy_notification(envelope));
}

void LegacyBridgeListen::acknowledged(const Envelope& envelope) {
  patience_.cancel();
  // An end soon after is not taken for the end of something steady.
  current_since_ = bridge_.parts_.reactor.now();
  current_ = std::move(next_);
  const std::set<std::string> asked = current_->uris();
  served_ = named_uris(envelope);
  for (const std::string& uri : asked)
    if (!served_.contains(uri)) wanted_.erase(uri);
  settle(asked, std::set<std::string>(served_), refusals::invalid_params("the server does not watch it"));
  if (std::exchange(was_down_, false)) tell_all();
  if (is_dirty_) renew();
}

// Nobody said what changed while there was no subscription, so everything may have.
void LegacyBridgeListen::tell_all() {
  Session& front = session_.front();
  const ServerOffer& offer = session_.offer();
  bridge_.tools_.changed(session_.principal());
  const auto tell = [&](MethodId changed) { front.send(make_notification(method_of(changed).text)); };
  if (is_ready_ && offer.tools_changed) tell(MethodId::notify_tools_changed);
  if (is_ready_ && offer.prompts_changed) tell(MethodId::notify_prompts_changed);
  if (is_ready_ && offer.resources_changed) tell(MethodId::notify_resources_changed);
  for (const std::string& uri : std::exchange(lost_, {}))
    if (wanted_.contains(uri))
      front.send(make_notification(method_of(MethodId::notify_resources_updated).text, uri_data(uri)));
}

void LegacyBridgeListen::settle(const std::set<std::string>& asked, const std::set<std::string>& names,
                                const Refusal& refusal) {
  for (;;) {
    const auto at = std::find_if(waiting_.begin(), waiting_.end(),
                                 [&](const auto* waiting) { return asked.contains(waiting->uri()); });
    if (at == waiting_.end()) return;
    LegacyBridgeSubscribe& subscribe = **at;
    subscribe.leave();
    if (names.contains(subscribe.uri())) {
      bridge_.answer(subscribe.exchange(), "{}");
      continue;
    }
    Refusal told = refusal;
    if (told.data_json.empty()) told.data_json = uri_data(subscribe.uri());
    bridge_.refuse(subscribe.exchange(), to_legacy_refusal(std::move(told), "resources/subscribe"));
  }
}

void LegacyBridgeListen::ended(Stream& stream, const Refusal& refusal) {
  const bool was_current = &stream == current_.get();
  const std::unique_ptr<Stream> dead = std::move(was_current ? current_ : next_);
  if (refusal.code == rpc::method_not_found) is_unsupported_ = true;
  // Nobody says any more when lists change.
  bridge_.tools_.changed(session_.principal());
  was_down_ = was_down_ || !current_;
  if (was_current) {
    lost_.insert(served_.begin(), served_.end());
    const Duration lived = bridge_.parts_.reactor.now() - current_since_;
    if (lived >= bridge_.limits().upstream.steady_after) restarts_ = 0;
    if (!next_) back_off();
    return;
  }
  patience_.cancel();
  const bool has_current = current_ != nullptr;
  std::set<std::string> lost;  // what a subscribe still waits for
  for (const LegacyBridgeSubscribe* waiting : waiting_)
    if (is_unsupported_ || dead->uris().contains(waiting->uri())) lost.insert(waiting->uri());
  for (const std::string& uri : lost)
    if (!served_.contains(uri)) wanted_.erase(uri);
  settle(lost, {}, refusal);
  if (std::exchange(is_dirty_, false) && !next_ && !restart_.armed() && has_current) return renew();
  if (!current_ && !next_) back_off();
}

void LegacyBridgeListen::back_off() {
  if (is_unsupported_ || !wants_anything() || restart_.armed()) return;
  const UpstreamLimits& limits = bridge_.limits().upstream;
  milliseconds wait = limits.restart_backoff_first;
  for (std::size_t i = 0; i < restarts_ && wait < limits.restart_backoff_max; ++i) wait *= 2;
  ++restarts_;
  bridge_.parts_.reactor.arm_after(restart_, std::min(wait, limits.restart_backoff_max));
}

void LegacyBridgeListen::on_patience() {
  if (!next_) return;
  Refusal refusal = refusals::timed_out(Outcome::sent_unknown);
  refusal.message = "the server did not acknowledge the subscription in time";
  ended(*next_, refusal);
}

}  // namespace sluice
