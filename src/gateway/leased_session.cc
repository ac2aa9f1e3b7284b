// SPDX-License-Identifier: Apache-2.0
#include "gateway/leased_session.h"

#include <algorithm>
#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "gateway/bridged_call.h"
#include "mcp/methods.h"

namespace sluice {

struct LeasedSession::OwnRequest final : LeasedExchange::Handler {
  OwnRequest(LeasedSession& owner, OwnDone when_done)
      : session(owner),
        done(std::move(when_done)),
        timer([](void* self) { static_cast<OwnRequest*>(self)->on_timeout(); }, this) {}

  std::size_t on_notify(Bytes message) override { return session.on_send(message); }
  std::size_t on_ask(Bytes message) override { return session.on_send(message); }
  void on_finish(Bytes response) override {
    session.bridge_.bury(std::move(inner));
    ClientMessage message;
    if (message.take(session.bridge_.scanner_, PaddedString(response)).ok())
      return session.own_done(*this, &message, nullptr);
    const Refusal refusal = refusals::internal_error("an answer of the upstream cannot be read");
    session.own_done(*this, nullptr, &refusal);
  }
  void on_refuse(const Refusal& refusal) override {
    session.bridge_.bury(std::move(inner));
    session.own_done(*this, nullptr, &refusal);
  }
  void on_timeout() {
    session.bridge_.cancel_later(std::move(inner), CancelReason::timed_out);
    Refusal refusal = refusals::timed_out(Outcome::not_sent);
    refusal.message = "upstream '" + session.bridge_.parts_.config.name + "' did not answer in time";
    session.own_done(*this, nullptr, &refusal);
  }

  LeasedSession& session;
  OwnDone done;
  std::unique_ptr<LeasedExchange> inner;
  Timer timer;
};

LeasedSession::LeasedSession(ModernBridge& bridge, std::string key, std::string owner,
                             const Principal& principal, const ClientCapabilities& capabilities)
    : bridge_(bridge),
      key_(std::move(key)),
      owner_(std::move(owner)),
      capabilities_(capabilities),
      inner_(principal, latest_legacy, *this),
      listens_(
          [this](const std::string& uri, std::function<void(bool)> done) {
            std::string params;
            JsonWriter(params).begin_object().member("uri", uri).end_object();
            request_own("resources/subscribe", params,
                        [done = std::move(done)](const ClientMessage* response, const Refusal*) {
                          done(response != nullptr && response->envelope().kind == MessageKind::response);
                        });
          },
          [this](const std::string& uri) {
            std::string params;
            JsonWriter(params).begin_object().member("uri", uri).end_object();
            if (phase_ == Phase::open) request_own("resources/unsubscribe", params, {});
          }),
      tools_(bridge.parts_.reactor.limits().upstream.tools_max),
      tool_tasks_(bridge.parts_.reactor.limits().upstream.tools_max),
      idle_(
          [](void* self) {
            auto* session = static_cast<LeasedSession*>(self);
            if (session->is_idle()) session->shut(refusals::shutting_down());
          },
          this) {}

LeasedSession::~LeasedSession() = default;

// ---- The handshake and our own requests

void LeasedSession::introduce(const ClientRequest& first) {
  correlation_id_ = first.correlation_id;
  const Envelope& envelope = first.message.envelope();
  if (envelope.meta_client_info) client_info_ = envelope.view(envelope.meta_client_info);
}

void LeasedSession::connect() {
  upstream_knows_ = true;
  const std::uint64_t number = bridge_.next_number_++;
  send_own(legacy_initialize(std::to_string(number), capabilities_, std::exchange(client_info_, {})),
           bridge_.parts_.config.start_timeout,
           [this](const ClientMessage* response, const Refusal* refusal) { shaken(response, refusal); });
}

std::unique_ptr<LeasedExchange> LeasedSession::make_exchange(const std::string& text,
                                                             LeasedExchange::Handler& handler,
                                                             const std::string& correlation_id) {
  ClientRequest request;
  if (!request.message.take(bridge_.scanner_, PaddedString(text)).ok()) return nullptr;
  request.era = Era::legacy;
  request.revision = inner_.revision();
  request.principal = inner_.principal();
  request.correlation_id = correlation_id;
  request.opened = bridge_.parts_.reactor.precise_now();
  return std::make_unique<LeasedExchange>(std::move(request), &inner_, handler);
}

void LeasedSession::request_own(Bytes method, Bytes params, OwnDone done) {
  const std::uint64_t number = bridge_.next_number_++;
  send_own(make_request(std::to_string(number), method, params), bridge_.limits_.own_wait, std::move(done));
}

void LeasedSession::send_own(const std::string& text, milliseconds wait, OwnDone done) {
  own_.push_back(std::make_unique<OwnRequest>(*this, std::move(done)));
  OwnRequest& own = *own_.back();
  own.inner = make_exchange(text, own, correlation_id_);
  if (!own.inner) {
    const Refusal refusal = too_large_to_carry_on();
    return own_done(own, nullptr, &refusal);
  }
  bridge_.parts_.reactor.arm_after(own.timer, wait);
  bridge_.parts_.upstream.open(*own.inner);
}

void LeasedSession::own_done(OwnRequest& own, const ClientMessage* response, const Refusal* refusal) {
  const auto at =
      std::find_if(own_.begin(), own_.end(), [&](const auto& each) { return each.get() == &own; });
  if (at == own_.end()) return;
  const std::unique_ptr<OwnRequest> ended = std::move(*at);
  own_.erase(at);
  if (ended->done) ended->done(response, refusal);
  rest();
}

void LeasedSession::shaken(const ClientMessage* response, const Refusal* refusal) {
  const std::string who = "upstream '" + bridge_.parts_.config.name + "'";
  if (refusal != nullptr) {
    upstream_knows_ = refusal->http_status == 504;  // we gave up, it did not refuse
    if (refusal->http_status != 404 && refusal->http_status != 502) return fail(*refusal);
    // What became of the handshake says nothing of the requests behind it: they were not sent.
    Refusal unopened = refusals::upstream_lost(Outcome::not_sent);
    unopened.message =
        refusal->http_status == 502 ? refusal->message : who + " answered initialize with HTTP status 404";
    return fail(unopened);
  }
  auto server = read_legacy_server(response->envelope());
  if (!server) {
    Refusal lost = refusals::upstream_lost(Outcome::not_sent);
    lost.message = who + ": " + server.error().message;
    if (response->envelope().kind == MessageKind::error_response) {
      upstream_knows_ = false;
      const Envelope& said = response->envelope();
      std::string why;
      if (decode_json_string(said.view(said.error_message), why))
        lost.message = who + " refused to initialize: " + why;
    }
    return fail(lost);
  }
  server_ = std::make_shared<const LegacyServer>(*std::move(server));
  inner_.negotiated(server_->revision);
  phase_ = Phase::open;
  opened_at_ = bridge_.parts_.reactor.now();
  tell(make_notification("notifications/initialized"));
  if (phase_ == Phase::open) dispatch_waiting();
}

void LeasedSession::fail(const Refusal& refusal) {
  if (phase_ == Phase::dead) return;
  phase_ = Phase::dead;
  idle_.cancel();
  dead_because_ = refusal;
  if (has_listens()) bridge_.lost_listens(*this);
  // Gone at the end of this turn; those that wait are told, and the next request opens another.
  bridge_.drop_session(*this);
  for (const std::unique_ptr<OwnRequest>& own : std::exchange(own_, {}))
    if (own->inner) bridge_.bury(std::move(own->inner));
  for (BridgedCall* call : std::exchange(calls_, {})) call->lost(refusal);
  refuse_waiting(refusal);
  for (Exchange* exchange : listens_.take_all()) bridge_.refuse(*exchange, refusal, CallStatus::lost);
}

void LeasedSession::on_end(std::string_view why) {
  upstream_knows_ = false;
  Refusal refusal = refusals::upstream_lost(Outcome::not_sent);
  refusal.message = why;
  fail(refusal);
}

void LeasedSession::shut(const Refusal& refusal) {
  if (phase_ == Phase::dead) return;
  for (const std::unique_ptr<OwnRequest>& own : std::exchange(own_, {}))
    if (own->inner) bridge_.cancel_later(std::move(own->inner), CancelReason::shutdown);
  for (BridgedCall* call : std::vector<BridgedCall*>(calls_)) call->give_up(nullptr, refusal);
  for (Exchange* exchange : listens_.take_all())
    bridge_.answer(*exchange, listen_response(exchange->request().message.id()));
  fail(refusal);
}

void LeasedSession::farewell() {
  if (std::exchange(upstream_knows_, false)) bridge_.parts_.upstream.ended(inner_);
}

// ---- Requests of clients

bool LeasedSession::is_idle() const {
  return waiting_.empty() && own_.empty() && calls_.empty() && listens_.size() == 0;
}

bool LeasedSession::only_waits() const {
  return waiting_.empty() && own_.empty() && listens_.size() == 0 &&
         std::all_of(calls_.begin(), calls_.end(),
                     [](const BridgedCall* call) { return call->phase() == ParkedCall::Phase::parked; });
}

void LeasedSession::rest() {
  if (phase_ == Phase::dead || !is_idle()) return;
  bridge_.parts_.reactor.arm_after(idle_, bridge_.parts_.config.pool.idle);
}

void LeasedSession::closed(BridgedCall& call) {
  std::erase(calls_, &call);
  rest();
}

void LeasedSession::hold(Exchange& exchange) {
  if (waiting_.size() >= bridge_.limits_.session_waiting_max)
    return bridge_.refuse(exchange, refusals::overloaded("too many calls wait for upstream '" +
                                                         bridge_.parts_.config.name + "'"));
  OuterTie::of(exchange).session = this;
  waiting_.push_back(&exchange);
}

void LeasedSession::dispatch_waiting() {
  // Those that have to wait again line up behind.
  for (std::size_t due = waiting_.size(); due != 0 && !waiting_.empty() && phase_ == Phase::open; --due) {
    Exchange* exchange = waiting_.front();
    waiting_.pop_front();
    OuterTie::of(*exchange).session = nullptr;
    serve(*exchange);
  }
}

void LeasedSession::refuse_waiting(const Refusal& refusal) {
  for (Exchange* exchange : std::exchange(waiting_, {})) bridge_.refuse(*exchange, refusal, CallStatus::lost);
}

std::optional<Refusal> LeasedSession::check_method(const Envelope& envelope) const {
  const Method* method = find_method(envelope.method);
  if (method == nullptr) return std::nullopt;  // the upstream's own, perhaps
  if (standing(*method, Sender::client, latest_modern) == Standing::core &&
      standing(*method, Sender::client, server_->revision) == Standing::core)
    return std::nullopt;
  return refusals::method_not_found(envelope.method, Era::modern);
}

void LeasedSession::serve(Exchange& exchange) {
  last_use_ = bridge_.next_use_++;
  idle_.cancel();
  if (phase_ == Phase::dead) return bridge_.refuse(exchange, dead_because_, CallStatus::lost);
  if (phase_ == Phase::opening) return hold(exchange);
  const Envelope& envelope = exchange.request().message.envelope();
  if (envelope.method == "server/discover") {
    bridge_.answer(exchange, make_response(exchange.request().message.id(), server_->discover_result));
    return rest();
  }
  if (envelope.method == "subscriptions/listen") return listen(exchange);
  if (const Method* method = find_method(envelope.method);
      server_->tasks && method != nullptr && method->extension == Extension::tasks &&
      standing(*method, Sender::client, latest_modern) == Standing::extension) {
    bridge_.tasks_.open(exchange, server_->server_info);
    return rest();
  }
  if (const auto refusal = check_method(envelope)) {
    bridge_.refuse(exchange, *refusal);
    return rest();
  }
  if (!headers_ready(exchange) || !level_ready(exchange)) return;
  const ClientRequest& request = exchange.request();
  if (request.over_http && envelope.method == "tools/call")
    if (const auto refusal = tools_.check(request)) {
      bridge_.refuse(exchange, *refusal);
      return rest();
    }
  const bool is_tool = envelope.method == "tools/call" && server_->tasks;
  const ToolTask task = is_tool ? tool_tasks_.of(envelope.name) : ToolTask::forbidden;
  if (task != ToolTask::forbidden && !ModernTasks::is_ours(exchange) && declares_tasks(envelope)) {
    bridge_.tasks_.create(exchange, server_->server_info);
    return rest();
  }
  BridgedCall::start(bridge_, *this, exchange, task == ToolTask::required);
}

void LeasedSession::left(Exchange& exchange, CancelReason reason) {
  bridge_.parts_.calls.opened(exchange);
  bridge_.ends_.cancelled(exchange, reason);
  std::erase(waiting_, &exchange);
  listens_.drop(exchange);
  rest();
}

bool LeasedSession::headers_ready(Exchange& exchange) {
  const ClientRequest& request = exchange.request();
  if (!request.over_http && !server_->tasks) return true;
  if (request.message.envelope().method != "tools/call") return true;
  if (tools_.state() == ToolHeaders::State::fresh) return true;
  if (!server_->tools) {
    tools_.give_up();
    return true;
  }
  hold(exchange);
  if (tools_.state() == ToolHeaders::State::loading) return false;
  tools_.begin();
  tool_tasks_.begin();
  pages_ = 0;
  fetch_tools(std::nullopt);
  return false;
}

void LeasedSession::fetch_tools(const std::optional<std::string>& cursor) {
  std::string params = "{}";
  if (cursor) {
    params.clear();
    JsonWriter(params).begin_object().member("cursor", *cursor).end_object();
  }
  request_own("tools/list", params,
              [this](const ClientMessage* response, const Refusal*) { take_tools(response); });
}

void LeasedSession::take_tools(const ClientMessage* response) {
  std::optional<std::string> cursor;
  if (response != nullptr && response->envelope().kind == MessageKind::response) {
    if (const auto result = Json::parse(response->envelope().view(response->envelope().result))) {
      cursor = tools_.take_page(*result);
      tool_tasks_.take_page(*result);
    }
    if (cursor && ++pages_ < bridge_.parts_.reactor.limits().upstream.tool_pages_max)
      return fetch_tools(cursor);
  }
  if (tools_.state() != ToolHeaders::State::fresh) tools_.give_up();
  dispatch_waiting();
}

bool LeasedSession::level_ready(Exchange& exchange) {
  const Envelope& envelope = exchange.request().message.envelope();
  if (!envelope.meta_log_level || !server_->logging) return true;
  const auto wanted = log_level_rank(envelope.view(envelope.meta_log_level));
  if (!wanted || (level_ && *level_ <= *wanted && !setting_level_)) return true;
  if (level_ && setting_level_) {
    hold(exchange);
    return false;
  }
  level_ = wanted;
  setting_level_ = true;
  const std::string params = R"({"level":)" + std::string(envelope.view(envelope.meta_log_level)) + "}";
  hold(exchange);
  request_own("logging/setLevel", params, [this](const ClientMessage*, const Refusal*) {
    setting_level_ = false;  // whether it took it or not: it logs what it logs
    dispatch_waiting();
  });
  return false;
}

void LeasedSession::listen(Exchange& exchange) {
  auto filter = read_listen_filter(exchange.request().message.envelope());
  const McpLimits& limits = bridge_.parts_.reactor.limits().mcp;
  if (filter && std::max(filter->uris.size(), filter->task_ids.size()) > limits.subscriptions_max)
    filter = protocol_error(rpc::invalid_params,
                            "Invalid params: resourceSubscriptions or taskIds names too many");
  if (!filter) {
    Refusal refusal = refusals::invalid_params({});
    refusal.message = filter.error().message;
    bridge_.refuse(exchange, refusal);
    return rest();
  }
  if (listens_.size() >= limits.listens_per_principal_max) {
    bridge_.refuse(exchange, refusals::overloaded("too many subscriptions are open"));
    return rest();
  }
  filter->tools = filter->tools && server_->tools_changed;
  filter->prompts = filter->prompts && server_->prompts_changed;
  filter->resources = filter->resources && server_->resources_changed;
  if (!server_->subscribe) filter->uris.clear();
  const ClientRequest& request = exchange.request();
  const bool has_tasks = server_->tasks && declares_tasks(request.message.envelope());
  std::erase_if(filter->task_ids, [&](const std::string& id) {
    return !has_tasks || !bridge_.tasks_.knows(request.principal, id);
  });
  OuterTie::of(exchange).session = this;
  listens_.add(exchange, *filter);
}

// ---- From the upstream, on no call's stream

bool LeasedSession::tell(const std::string& text) {
  ClientMessage message;
  if (!message.take(bridge_.scanner_, PaddedString(text)).ok()) return false;
  bridge_.parts_.upstream.message(inner_, std::move(message));
  return true;
}

void LeasedSession::respond(Bytes id, Bytes result) {
  if (phase_ != Phase::dead && !tell(make_response(id, result)))
    respond_error(id, rpc::internal_error, "the client's answer is too large to be carried on");
}

void LeasedSession::respond_error(Bytes id, int code, std::string_view sentence) {
  if (phase_ != Phase::dead) tell(make_error_response(id, code, sentence));
}

void LeasedSession::cancel_task(const std::string& id) {
  if (phase_ == Phase::open) request_own("tasks/cancel", Json::object({{"taskId", id}}).dump(), {});
}

void LeasedSession::look_at_task(const std::string& id,
                                 std::function<void(const std::optional<TaskState>&)> tell) {
  request_own("tasks/get", Json::object({{"taskId", id}}).dump(),
              [tell = std::move(tell)](const ClientMessage* response, const Refusal*) {
                std::optional<TaskState> seen;
                if (response != nullptr && response->envelope().kind == MessageKind::response) {
                  const auto json = Json::parse(response->envelope().view(response->envelope().result));
                  if (auto task = json ? parse_task(*json, Era::legacy) : json.error())
                    seen = *std::move(task);
                }
                tell(seen);
              });
}

std::size_t LeasedSession::on_send(Bytes text) {
  ClientMessage message;
  if (phase_ != Phase::dead && message.take(bridge_.scanner_, PaddedString(text)).ok()) take_loose(message);
  return all_room;
}

void LeasedSession::take_loose(const ClientMessage& message) {
  const Envelope& envelope = message.envelope();
  if (envelope.kind == MessageKind::request) return loose_request(envelope);
  if (envelope.kind == MessageKind::notification) loose_notification(message);
}

BridgedCall* LeasedSession::only_bindable() const {
  BridgedCall* only = nullptr;
  for (BridgedCall* call : calls_) {
    if (!call->is_bindable()) continue;
    if (only != nullptr) return nullptr;
    only = call;
  }
  return only;
}

// A child's calls that wait for a person are sure to be in the way; others only where somebody is known to
// ask.
bool LeasedSession::has_place_for(const std::string& what) const {
  const bool asks = bridge_.is_asker(what);
  const bool is_child = !bridge_.parts_.config.command.empty();
  const auto is_asker = [&](const Exchange* held) {
    return bridge_.is_asker(ModernBridge::what_of(held->request().message.envelope()));
  };
  if (asks ? !waiting_.empty() : std::any_of(waiting_.begin(), waiting_.end(), is_asker)) return false;
  return std::none_of(calls_.begin(), calls_.end(), [&](const BridgedCall* call) {
    if (!call->is_bindable()) return false;
    return asks || bridge_.is_asker(call->what()) || (is_child && call->phase() == ParkedCall::Phase::parked);
  });
}

// Many servers ask for the roots as soon as the handshake is done.
bool LeasedSession::keep_early(const Envelope& ask) {
  const std::size_t most = bridge_.parts_.reactor.limits().mcp.asks_per_exchange_max;
  if (had_call_ || capabilities_.capability_class() == 0 || early_.size() >= most) return false;
  early_.emplace_back(ask.text);
  return true;
}

void LeasedSession::sent(BridgedCall& call) {
  if (!call.is_bindable()) return;
  had_call_ = true;
  for (const std::string& text : std::exchange(early_, {})) {
    ClientMessage ask;
    if (!ask.take(bridge_.scanner_, PaddedString(text)).ok()) continue;
    if (call.is_bindable()) {
      call.take_ask(ask.envelope());
    } else {
      respond_error(ask.id(), rpc::invalid_params, "the call that could be asked in is over");
    }
  }
}

void LeasedSession::loose_request(const Envelope& ask) {
  const Bytes id = ask.view(ask.id);
  const Method* method = find_method(ask.method);
  if (method != nullptr && method->id == MethodId::ping) return respond(id, "{}");
  if (method == nullptr || !method->is_ask)
    return respond_error(id, rpc::method_not_found, "Method not found");
  for (const BridgedCall* call : calls_)
    if (call->is_bindable()) bridge_.remember_asker(call->what());
  if (BridgedCall* call = only_bindable(); call != nullptr) return call->take_ask(ask);
  if (keep_early(ask)) return;
  bridge_.parts_.calls.refused_question(bridge_.parts_.config.name, ask.method);
  respond_error(id, rpc::invalid_params,
                "the client can be asked only during a call of its own, and while that is the only one");
}

void LeasedSession::loose_notification(const ClientMessage& message) {
  const Envelope& envelope = message.envelope();
  const Method* method = find_method(envelope.method);
  if (method == nullptr) return;
  switch (method->id) {
    case MethodId::notify_tools_changed: tools_.invalidate(); return listens_.changed(envelope);
    case MethodId::notify_prompts_changed:
    case MethodId::notify_resources_changed:
    case MethodId::notify_resources_updated: return listens_.changed(envelope);
    case MethodId::notify_cancelled:
      std::erase_if(early_, [&](const std::string& text) {
        ClientMessage ask;
        return ask.take(bridge_.scanner_, PaddedString(text)).ok() &&
               ask.id() == envelope.view(envelope.request_id);
      });
      for (BridgedCall* call : calls_) call->withdraw(envelope.view(envelope.request_id));
      return;
    case MethodId::notify_progress:
      for (BridgedCall* call : calls_)
        if (envelope.view(envelope.progress_token) == std::to_string(call->number()))
          return call->take_progress(envelope);
      return;
    default: return;  // log lines of nobody in particular, ends of visits, tasks
  }
}

}  // namespace sluice
