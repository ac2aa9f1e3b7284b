// SPDX-License-Identifier: Apache-2.0
#include "gateway/bridged_call.h"

#include <algorithm>
#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "gateway/leased_session.h"
#include "mcp/task_state.h"
#include "mcp/tool_headers.h"

namespace sluice {

namespace {

std::string decoded(const Envelope& envelope, JsonSpan span) {
  std::string text;
  if (!span || !decode_json_string(envelope.view(span), text)) text.clear();
  return text;
}

ClientCapabilities capabilities_of(const Exchange& exchange) {
  const Envelope& envelope = exchange.request().message.envelope();
  const auto json = Json::parse(envelope.view(envelope.meta_client_capabilities));
  if (!json) return {};
  auto capabilities = parse_client_capabilities(*json, latest_modern);
  return capabilities ? *std::move(capabilities) : ClientCapabilities();
}

std::optional<std::size_t> level_of(const Exchange& exchange) {
  const Envelope& envelope = exchange.request().message.envelope();
  return envelope.meta_log_level ? log_level_rank(envelope.view(envelope.meta_log_level)) : std::nullopt;
}

Bytes token_of(const Exchange& exchange) {
  const Envelope& envelope = exchange.request().message.envelope();
  return envelope.meta_progress_token ? envelope.view(envelope.meta_progress_token) : Bytes();
}

void refuse_with(Exchange& exchange, const Refusal& refusal) {
  exchange.refuse(refusal.http_status, refusal.code, refusal.message, refusal.data_json);
}

// Whether one of these answers is a person's consent to go to a page, where the upstream waits for it.
bool sends_away(const std::vector<ParkedCall::Ask>& asks, const BridgedCall::Answers& answers) {
  return std::any_of(asks.begin(), asks.end(), [&answers](const ParkedCall::Ask& ask) {
    if (ask.request.find("\"url\"") == std::string::npos) return false;
    const auto request = Json::parse(ask.request);
    if (!request || (*request)["params"]["mode"].string_or("") != "url") return false;
    return std::any_of(answers.begin(), answers.end(), [&ask](const auto& answer) {
      const auto said = answer.first == ask.key ? Json::parse(answer.second) : Result<Json>(Json());
      return said && (*said)["action"].string_or("") == "accept";
    });
  });
}

}  // namespace

BridgedCall::Watched::Watched(BridgedCall& call)
    : timer([](void* owner) { static_cast<BridgedCall*>(owner)->beat(); }, &call) {}

void BridgedCall::Watched::drop(Bytes id) {
  std::erase_if(asks, [id](const auto& ask) { return ask.first == id; });
}

BridgedCall::Followed::Followed(BridgedCall& call, std::string task, milliseconds interval)
    : id(std::move(task)),
      look_every(interval),
      timer([](void* owner) { static_cast<BridgedCall*>(owner)->look(); }, &call) {}

// ---- Beginning and end

void BridgedCall::start(ModernBridge& bridge, LeasedSession& session, Exchange& exchange, bool as_task) {
  auto owned = std::make_unique<BridgedCall>(bridge, session, exchange);
  BridgedCall& call = *owned;
  const std::string text =
      legacy_request(exchange.request().message.envelope(), std::to_string(call.number_), as_task);
  call.as_task_ = as_task;
  call.inner_ = session.make_exchange(text, call, exchange.request().correlation_id);
  if (!call.inner_) {
    --bridge.running_;
    bridge.refuse(exchange, too_large_to_carry_on());
    return session.closed(call);
  }
  bridge.calls_.emplace(call.number_, std::move(owned));
  session.opened(call);
  call.attach(exchange);
  const std::uint64_t number = call.number_;
  bridge.parts_.upstream.open(*call.inner_);
  // It may be over by now, and gone with its session at the end of this turn.
  if (bridge.find_call(number) == &call && call.session_ != nullptr) call.session_->sent(call);
}

BridgedCall::BridgedCall(ModernBridge& bridge, LeasedSession& session, const Exchange& exchange)
    : bridge_(bridge),
      session_(&session),
      number_(bridge.next_number_++),
      principal_(exchange.request().principal),
      capabilities_(bridge.parts_.config.shared ? ClientCapabilities() : capabilities_of(exchange)),
      method_(find_method(exchange.request().message.envelope().method)),
      what_(ModernBridge::what_of(exchange.request().message.envelope())),
      server_(session.server()),
      rounds_(static_cast<const OuterTie&>(*exchange.attachment).rounds),
      machine_(bridge.parts_.reactor.limits().mcp),
      charge_(bridge.parts_.reactor.budget()),
      timer_([](void* self) { static_cast<BridgedCall*>(self)->on_timer(); }, this) {
  ++bridge_.running_;
}

BridgedCall::~BridgedCall() = default;

Bytes BridgedCall::method_text() const { return Bytes(what_).substr(0, what_.find('\n')); }

void BridgedCall::inner_over() {
  watched_.reset();
  if (followed_) followed_->timer.cancel();
  if (!inner_) return;
  --bridge_.running_;
  bridge_.bury(std::move(inner_));
  LeasedSession* session = std::exchange(session_, nullptr);
  if (session != nullptr) session->closed(*this);
}

void BridgedCall::cancel_inner(CancelReason reason) {
  watched_.reset();
  if (followed_) followed_->timer.cancel();
  if (!inner_) return;
  --bridge_.running_;
  bridge_.cancel_later(std::move(inner_), reason);
  if (session_ != nullptr && followed_) session_->cancel_task(followed_->id);
  LeasedSession* session = std::exchange(session_, nullptr);
  if (session != nullptr) session->closed(*this);
}

void BridgedCall::settle(Ending ending) {
  switch (machine_.outcome()) {
    case ParkedCall::OutcomeVerdict::drop: return;
    case ParkedCall::OutcomeVerdict::keep:
      ending_ = std::move(ending);
      return bridge_.tasks_.call_answered(number_);
    case ParkedCall::OutcomeVerdict::deliver: break;
  }
  ending_ = std::move(ending);
  for (Exchange* exchange : std::exchange(outers_, {})) answer(*exchange);
  linger();
}

// Only a call that was parked can be asked for once more.
void BridgedCall::linger() {
  if (machine_.generation() == 0 || bridge_.stopped_ || !charge_kept() || !bridge_.hold(*this))
    return vanish();
  bridge_.parts_.reactor.arm_after(timer_, bridge_.limits_.result_kept);
}

// Whoever is attached has a charge for its request; what is kept for nobody has this one.
bool BridgedCall::charge_kept() {
  std::size_t bytes = inner_ ? inner_->request().message.text().size() : 0;
  if (const auto* message = std::get_if<std::unique_ptr<ClientMessage>>(&ending_))
    bytes += (*message)->text().size();
  return charge_.resize(bytes);
}

void BridgedCall::vanish() {
  timer_.cancel();
  watched_.reset();
  bridge_.drop_call(*this);
}

void BridgedCall::lost(const Refusal& refusal) {
  session_ = nullptr;  // it lists its calls no more
  inner_over();
  Refusal unknown = refusals::upstream_lost(Outcome::sent_unknown);
  unknown.message = refusal.message;
  settle(unknown);
}

void BridgedCall::give_up(const char* why, const Refusal& refusal) {
  if (why != nullptr)
    bridge_.parts_.log.warning("a parked call was given up")
        .field("upstream", bridge_.parts_.config.name)
        .field("method", method_text())
        .field("why", why);
  if (machine_.abandon()) cancel_inner(CancelReason::shutdown);
  for (Exchange* exchange : std::exchange(outers_, {})) refuse_with(*exchange, refusal);
  vanish();
  bridge_.tasks_.call_given_up(number_, refusal);
}

// ---- The client's side

void BridgedCall::attach(Exchange& exchange) {
  OuterTie& tie = OuterTie::of(exchange);
  tie.session = nullptr;
  tie.call = this;
  outers_.push_back(&exchange);
}

void BridgedCall::left(Exchange& exchange, CancelReason reason) {
  if (std::erase(outers_, &exchange) == 0) return;
  if (!machine_.leave()) return drained();
  cancel_inner(reason);
  vanish();
}

void BridgedCall::drained() {
  if (inner_ && std::exchange(paused_, false)) bridge_.parts_.upstream.drained(*inner_);
}

void BridgedCall::retry(Exchange& exchange, std::size_t generation, const Answers& answers) {
  if (machine_.phase() == ParkedCall::Phase::attached && outers_.size() >= bridge_.limits_.attached_max)
    return bridge_.refuse(exchange, refusals::overloaded("this call is retried too often at once"));
  std::vector<std::string> keys;
  keys.reserve(answers.size());
  for (const auto& [key, result] : answers) keys.push_back(key);
  const bool is_away = sends_away(machine_.asks(), answers);
  const ParkedCall::Retry verdict = machine_.retry(generation, keys);
  switch (verdict.kind) {
    case ParkedCall::RetryKind::stale:
    case ParkedCall::RetryKind::gone:
      return bridge_.refuse(exchange,
                            refusals::invalid_params("requestState belongs to a round that is over; send the "
                                                     "request again without it"));
    case ParkedCall::RetryKind::repeat: return answer(exchange);
    case ParkedCall::RetryKind::ask_again: return tell_asks(exchange);
    case ParkedCall::RetryKind::attach: return attach(exchange);
    case ParkedCall::RetryKind::deliver:
      catch_up(exchange);
      answer(exchange);
      return linger();
    case ParkedCall::RetryKind::resume: break;
  }
  bridge_.release(*this);
  charge_.release();
  timer_.cancel();
  attach(exchange);
  if (is_away) exchange.sign(LifeSign::person);
  catch_up(exchange);
  resume(verdict, answers);
}

void BridgedCall::resume(const ParkedCall::Retry& retry, const Answers& answers) {
  for (const auto& [id, index] : retry.answers) {
    if (watched_) watched_->drop(id);
    // The upstream may end the call, or its session, at any answer.
    if (session_ != nullptr) session_->respond(id, answers[index].second);
  }
  if (machine_.phase() != ParkedCall::Phase::attached) return;
  if (retry.incomplete) return park_now();
  if (retry.more) bridge_.parts_.reactor.arm_after(timer_, bridge_.limits_.coalesce);
}

// What came while nobody was attached.
void BridgedCall::catch_up(Exchange& exchange) {
  const std::unique_ptr<Kept> kept = std::move(kept_);
  if (!kept) return;
  ClientMessage message;
  if (!kept->progress.empty() && !token_of(exchange).empty() &&
      message.take(bridge_.scanner_, PaddedString(kept->progress)).ok())
    exchange.notify(with_progress_token(message.envelope(), token_of(exchange)));
  const auto wanted = level_of(exchange);
  for (const std::string& line : kept->logs) {
    if (!wanted || !message.take(bridge_.scanner_, PaddedString(line)).ok()) continue;
    const auto level = log_level_rank(message.envelope().view(message.envelope().level));
    if (level && *level >= *wanted) exchange.notify(line);
  }
}

ModernReply BridgedCall::reply_for(const Exchange& exchange) const {
  const Envelope& asked = exchange.request().message.envelope();
  return ModernReply{exchange.request().message.id(), asked.method, asked.uri, server_->server_info};
}

void BridgedCall::answer(Exchange& exchange) {
  if (const auto* refusal = std::get_if<std::unique_ptr<Refusal>>(&ending_); refusal != nullptr)
    return refuse_with(exchange, **refusal);
  if (const auto* response = std::get_if<std::unique_ptr<ClientMessage>>(&ending_); response != nullptr)
    return answer_response(exchange, **response);
  refuse_with(exchange, refusals::internal_error("the call has no outcome"));
}

void BridgedCall::answer_response(Exchange& exchange, const ClientMessage& response) {
  const Envelope& envelope = response.envelope();
  const int code = error_code(envelope);
  if (code == rpc::url_elicitation_required) return ask_to_visit(exchange, envelope);
  if (code == rpc::method_not_found) {
    const std::string data = envelope.error_data ? std::string(envelope.view(envelope.error_data)) : "";
    return exchange.refuse(404, code, decoded(envelope, envelope.error_message), data);
  }
  const auto text = modern_response(envelope, reply_for(exchange));
  if (!text) {
    Refusal refusal = refusals::upstream_lost(Outcome::answered);
    refusal.message = "upstream '" + bridge_.parts_.config.name + "': " + text.error().message;
    return refuse_with(exchange, refusal);
  }
  if (exchange.request().over_http && method_ != nullptr && method_->id == MethodId::tools_list) {
    ClientMessage list;
    if (list.take(bridge_.scanner_, PaddedString(*text)).ok())
      if (const auto kept = without_broken_tools(list.envelope())) return exchange.finish(*kept);
  }
  exchange.finish(*text);
}

// The upstream wants a URL visited first: nothing is parked, the retry sends the call again.
void BridgedCall::ask_to_visit(Exchange& exchange, const Envelope& error) {
  const std::vector<InputQuestion> requests = url_input_requests(error);
  if (!capabilities_.elicitation_url)
    return refuse_with(exchange, refusals::missing_capability(R"({"elicitation":{"url":{}}})"));
  const bool may_ask = method_ != nullptr && method_->may_ask && !requests.empty();
  if (!may_ask || rounds_ >= bridge_.parts_.reactor.limits().mcp.ask_rounds_max)
    return refuse_with(exchange, refusals::internal_error("the upstream wants a URL visited: " +
                                                          decoded(error, error.error_message)));
  const auto state = bridge_.seal(exchange, "send " + std::to_string(rounds_ + 1));
  if (!state) return refuse_with(exchange, refusals::internal_error(state.error().message));
  exchange.finish(input_required_response(reply_for(exchange), requests, *state));
}

// ---- Parking

void BridgedCall::on_timer() {
  if (machine_.phase() == ParkedCall::Phase::attached) return park_now();
  if (machine_.expire()) {
    bridge_.parts_.log.warning("a parked call expired")
        .field("upstream", bridge_.parts_.config.name)
        .field("method", method_text());
    cancel_inner(CancelReason::timed_out);
  }
  vanish();
}

void BridgedCall::park_now() {
  if (!machine_.park()) return;
  timer_.cancel();
  const std::vector<Exchange*> outers = std::exchange(outers_, {});
  if (!charge_kept() || !bridge_.hold(*this)) {
    if (machine_.abandon()) cancel_inner(CancelReason::shutdown);
    for (Exchange* exchange : outers)
      refuse_with(*exchange, refusals::overloaded("too many calls wait for their clients"));
    return vanish();
  }
  bridge_.parts_.reactor.arm_after(timer_, bridge_.parts_.reactor.limits().mcp.request_state_age_max);
  for (Exchange* exchange : outers) tell_asks(*exchange);
  drained();
}

void BridgedCall::tell_asks(Exchange& exchange) {
  const auto state = bridge_.seal(exchange, bridge_.park_payload(number_, machine_.generation()));
  if (!state) return refuse_with(exchange, refusals::internal_error(state.error().message));
  std::vector<InputQuestion> requests;
  for (const ParkedCall::Ask& ask : machine_.asks())
    if (ask.round != 0) requests.push_back(InputQuestion{ask.key, ask.request});
  exchange.finish(input_required_response(reply_for(exchange), requests, *state));
}

// ---- The upstream's side

std::size_t BridgedCall::on_notify(Bytes text) {
  ClientMessage message;
  if (!message.take(bridge_.scanner_, PaddedString(text)).ok()) return all_room;
  const Envelope& envelope = message.envelope();
  if (envelope.kind != MessageKind::notification) return all_room;
  const Method* method = find_method(envelope.method);
  if (method == nullptr) return broadcast(envelope);
  switch (method->id) {
    case MethodId::notify_message: return log_line(envelope);
    case MethodId::notify_progress:
      if (envelope.view(envelope.progress_token) == std::to_string(number_)) take_progress(envelope);
      return paused_ ? 0 : all_room;
    default: break;
  }
  // Whatever is left is about the session, whichever stream it chose.
  if (session_ != nullptr) session_->take_loose(message);
  return all_room;
}

std::size_t BridgedCall::broadcast(const Envelope& message) {
  std::size_t room = all_room;
  for (Exchange* exchange : outers_) room = std::min(room, exchange->notify(message.text));
  if (room == 0) paused_ = true;
  return room;
}

void BridgedCall::take_progress(const Envelope& progress) {
  const auto value = progress_value(progress);
  if (!value || (progress_ && *value <= *progress_)) return;
  progress_ = value;
  if (machine_.phase() == ParkedCall::Phase::parked) {
    if (!kept_) kept_ = std::make_unique<Kept>();
    kept_->progress = std::string(progress.text);
    return;
  }
  for (Exchange* exchange : outers_)
    if (!token_of(*exchange).empty() &&
        exchange->notify(with_progress_token(progress, token_of(*exchange))) == 0)
      paused_ = true;
}

std::size_t BridgedCall::log_line(const Envelope& message) {
  const auto level = log_level_rank(message.view(message.level));
  if (!level) return all_room;
  if (machine_.phase() == ParkedCall::Phase::parked) {
    if (!kept_) kept_ = std::make_unique<Kept>();
    std::vector<std::string>& logs = kept_->logs;
    logs.emplace_back(message.text);
    kept_->log_bytes += message.text.size();
    while (logs.size() > bridge_.limits_.parked_logs_max ||
           kept_->log_bytes > bridge_.limits_.parked_log_bytes_max) {
      kept_->log_bytes -= logs.front().size();
      logs.erase(logs.begin());
    }
    return all_room;
  }
  std::size_t room = all_room;
  for (Exchange* exchange : outers_) {
    const auto wanted = level_of(*exchange);
    if (wanted && *level >= *wanted) room = std::min(room, exchange->notify(message.text));
  }
  if (room == 0) paused_ = true;
  return room;
}

std::size_t BridgedCall::on_ask(Bytes text) {
  ClientMessage message;
  if (session_ == nullptr || !message.take(bridge_.scanner_, PaddedString(text)).ok()) return all_room;
  const Envelope& envelope = message.envelope();
  const Method* method = find_method(envelope.method);
  const bool is_ask = method != nullptr && method->is_ask;
  // A child's questions do not say whose they are: the stream they came on was a guess.
  if (!is_ask || !bridge_.parts_.config.command.empty()) {
    session_->take_loose(message);
  } else if (!is_bindable()) {
    session_->respond_error(message.id(), rpc::invalid_params,
                            "the client cannot be asked during " + std::string(method_text().substr(0, 64)));
  } else {
    take_ask(envelope);
  }
  return all_room;
}

void BridgedCall::take_ask(const Envelope& ask) {
  const Bytes id = ask.view(ask.id);
  Json params;
  if (ask.params)
    if (auto parsed = Json::parse(ask.view(ask.params))) params = *std::move(parsed);
  if (const auto missing = missing_capability_for(capabilities_, ask.method, params)) {
    session_->respond_error(id, rpc::method_not_found, "Method not found: the client lacks " + *missing);
    if (bridge_.parts_.config.capabilities != CapabilitySetting::superset) return;
    cancel_inner(CancelReason::client);
    return settle(refusals::missing_capability(*missing));
  }
  switch (machine_.ask(id, input_request(ask))) {
    case ParkedCall::AskVerdict::begin_window:
      bridge_.parts_.reactor.arm_after(timer_, bridge_.limits_.coalesce);
      return watch(ask);
    case ParkedCall::AskVerdict::hold: return watch(ask);
    case ParkedCall::AskVerdict::refuse_bound:
      return session_->respond_error(id, rpc::internal_error, "the client was asked too often in this call");
    case ParkedCall::AskVerdict::refuse_closed:
      return session_->respond_error(id, rpc::invalid_request, "a question with this id is open already");
  }
}

// An upstream that wants signs of life while its question waits gets them.
void BridgedCall::watch(const Envelope& ask) {
  if (!ask.meta_progress_token) return;
  if (!watched_) watched_ = std::make_unique<Watched>(*this);
  watched_->drop(ask.view(ask.id));
  watched_->asks.emplace_back(ask.view(ask.id), ask.view(ask.meta_progress_token));
  if (!watched_->timer.armed())
    bridge_.parts_.reactor.arm_after(watched_->timer, bridge_.limits_.ask_progress);
}

void BridgedCall::beat() {
  const auto& asks = machine_.asks();
  std::erase_if(watched_->asks, [&](const auto& watched) {
    return std::none_of(asks.begin(), asks.end(),
                        [&](const ParkedCall::Ask& ask) { return ask.id == watched.first; });
  });
  if (watched_->asks.empty() || session_ == nullptr) return;
  const std::size_t beat = ++watched_->beats;
  bridge_.parts_.reactor.arm_after(watched_->timer, bridge_.limits_.ask_progress);
  const auto watched = watched_->asks;
  for (const auto& [id, token] : watched) {
    std::string params;
    JsonWriter(params)
        .begin_object()
        .raw_member("progressToken", token)
        .member("progress", beat)
        .end_object();
    if (session_ != nullptr) session_->tell(make_notification("notifications/progress", params));
  }
}

void BridgedCall::on_finish(Bytes response) {
  ClientMessage message;
  const bool ok = message.take(bridge_.scanner_, PaddedString(response)).ok();
  if (ok && follow(message.envelope())) return;
  inner_over();
  if (ok) return settle(std::make_unique<ClientMessage>(std::move(message)));
  settle(refusals::internal_error("the upstream's answer cannot be read"));
}

bool BridgedCall::follow(const Envelope& response) {
  if (!std::exchange(as_task_, false) || session_ == nullptr) return false;
  if (response.kind != MessageKind::response) return false;
  const auto result = Json::parse(response.view(response.result));
  const auto task = result ? parse_created_task(*result, Era::legacy) : result.error();
  if (!task || !*task) return false;
  const milliseconds wish((*task)->poll_ms.value_or(bridge_.parts_.reactor.limits().mcp.task_poll.count()));
  followed_ = std::make_unique<Followed>(
      *this, (*task)->id, std::clamp(wish, bridge_.limits_.task_poll_least, bridge_.limits_.task_poll_most));
  const std::string text =
      make_request(std::to_string(number_), "tasks/result", Json::object({{"taskId", followed_->id}}).dump());
  auto next = session_->make_exchange(text, *this, inner_->request().correlation_id);
  if (next == nullptr) return false;
  bridge_.bury(std::exchange(inner_, std::move(next)));
  bridge_.parts_.reactor.arm_after(followed_->timer, followed_->look_every);
  bridge_.parts_.upstream.open(*inner_);
  return true;
}

void BridgedCall::look() {
  if (session_ == nullptr) return;
  session_->look_at_task(followed_->id,
                         [&bridge = bridge_, number = number_](const std::optional<TaskState>& task) {
                           if (BridgedCall* call = bridge.find_call(number); call != nullptr)
                             call->looked(task);
                         });
}

void BridgedCall::looked(const std::optional<TaskState>& task) {
  if (!inner_) return;
  bridge_.parts_.reactor.arm_after(followed_->timer, followed_->look_every);
  if (!task || is_over(task->status)) return;
  for (Exchange* exchange : outers_) exchange->sign(LifeSign::work);
}

void BridgedCall::on_refuse(const Refusal& refusal) {
  LeasedSession* session = session_;
  inner_over();
  // A forgotten session: the request was not taken, and a new session serves it.
  const bool is_movable = machine_.generation() == 0 && outers_.size() == 1 && !followed_;
  if (refusal.http_status != 404 || session == nullptr) return settle(refusal);
  session->forgotten();
  if (is_movable && !OuterTie::of(*outers_.front()).moved) return move();
  settle(refusals::upstream_lost(Outcome::not_sent));
}

void BridgedCall::move() {
  Exchange& exchange = *std::exchange(outers_, {}).front();
  machine_.abandon();
  vanish();
  OuterTie& tie = OuterTie::of(exchange);
  tie.call = nullptr;
  tie.moved = true;
  bridge_.lease(exchange, rounds_);
}

}  // namespace sluice
