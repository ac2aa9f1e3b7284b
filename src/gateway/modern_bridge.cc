// SPDX-License-Identifier: Apache-2.0
#include "gateway/modern_bridge.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include "codec/headers.h"
#include "codec/jsonrpc.h"
#include "gateway/bridged_call.h"
#include "gateway/leased_session.h"
#include "mcp/methods.h"

namespace sluice {

namespace {

constexpr std::string_view purpose = "park";

// What a state of ours says: a call to go on with, or how often a URL was visited.
struct StatePayload {
  bool is_call = false;
  std::uint64_t instance = 0;
  std::uint64_t number = 0;  // of the call; of rounds
  std::uint64_t generation = 0;
};

bool take_number(Bytes& text, std::uint64_t& number) {
  if (text.empty() || text.front() != ' ') return false;
  text.remove_prefix(1);
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  return true;
}

std::optional<StatePayload> read_payload(Bytes text) {
  StatePayload payload;
  payload.is_call = text.starts_with("call");
  if (!payload.is_call && !text.starts_with("send")) return std::nullopt;
  text.remove_prefix(4);
  if (payload.is_call && !take_number(text, payload.instance)) return std::nullopt;
  if (!take_number(text, payload.number)) return std::nullopt;
  if (payload.is_call && !take_number(text, payload.generation)) return std::nullopt;
  return text.empty() ? std::optional<StatePayload>(payload) : std::nullopt;
}

Refusal refusal_of(const Error& error) {
  Refusal refusal = refusals::invalid_params(error.message, error.data);
  if (error.code == Errc::protocol) {
    refusal.code = error.number;
    refusal.message = error.message;
  }
  return refusal;
}

// Whether a question can be asked at all is decided when it comes.
ClientCapabilities everything() {
  ClientCapabilities all;
  all.elicitation_form = all.elicitation_url = true;
  all.sampling = all.sampling_tools = all.sampling_context = true;
  all.roots = true;
  return all;
}

}  // namespace

ModernBridge::ModernBridge(BridgeParts parts)
    : parts_(std::move(parts)),
      ends_(parts_.calls, parts_.config.name),
      limits_(parts_.reactor.limits().bridge),
      scanner_(parts_.reactor.limits().json),
      states_(parts_.make_sealer("request states of the bridge"), parts_.reactor.limits().mcp),
      tasks_(*this, parts_.make_sealer("task ids of the bridge")),
      timer_([](void* self) { static_cast<ModernBridge*>(self)->run_later(); }, this) {
  parts_.entropy(std::as_writable_bytes(std::span(&instance_, 1)));
}

ModernBridge::~ModernBridge() { stop(); }

void ModernBridge::open(Exchange& exchange) {
  if (stopped_) return refuse(exchange, refusals::shutting_down());
  const Envelope& envelope = exchange.request().message.envelope();
  const Method* method = find_method(envelope.method);
  const bool of_tasks = method != nullptr && method->extension == Extension::tasks;
  if (!of_tasks && (envelope.request_state || envelope.input_responses)) return resume(exchange);
  lease(exchange, 0);
}

void ModernBridge::resume(Exchange& exchange) {
  const Envelope& envelope = exchange.request().message.envelope();
  const Method* method = find_method(envelope.method);
  if (method == nullptr || !method->may_ask)
    return refuse(exchange, refusals::invalid_params(std::string(envelope.method.substr(0, 64)) +
                                                     " takes no inputResponses and no requestState"));
  if (!envelope.request_state)
    return refuse(exchange, refusals::invalid_params("inputResponses without the requestState they answer"));
  std::string state;
  if (!decode_json_string(envelope.view(envelope.request_state), state))
    return refuse(exchange, refusals::invalid_params("requestState must be a string"));
  auto answers = read_input_responses(envelope);
  if (!answers) return refuse(exchange, refusal_of(answers.error()));
  const auto digest = request_digest(envelope);
  if (!digest) return refuse(exchange, refusal_of(digest.error()));
  const auto opened =
      states_.open(StateScope{purpose, exchange.request().principal, *digest}, state, parts_.reactor.wall());
  if (!opened) return refuse(exchange, refusal_of(opened.error()));
  const auto payload = read_payload(*opened);
  if (!payload) return refuse(exchange, refusals::invalid_params("requestState is of another version"));
  if (!payload->is_call) return lease(exchange, static_cast<std::size_t>(payload->number));
  BridgedCall* call = payload->instance == instance_ ? find_call(payload->number) : nullptr;
  if (call == nullptr)
    return refuse(exchange,
                  refusals::invalid_params("the call that requestState belongs to is no longer held; "
                                           "send the request again without it"));
  call->retry(exchange, static_cast<std::size_t>(payload->generation), *answers);
}

std::optional<std::uint64_t> ModernBridge::parked_under(const ClientRequest& request, Bytes state) {
  const auto digest = request_digest(request.message.envelope());
  if (!digest) return std::nullopt;
  const auto opened =
      states_.open(StateScope{purpose, request.principal, *digest}, state, parts_.reactor.wall());
  const auto payload = opened ? read_payload(*opened) : std::nullopt;
  if (!payload || !payload->is_call || payload->instance != instance_) return std::nullopt;
  return payload->number;
}

void ModernBridge::abandon(const ClientRequest& request, Bytes state) {
  const auto number = parked_under(request, state);
  BridgedCall* call = number ? find_call(*number) : nullptr;
  if (call != nullptr) call->give_up(nullptr, refusals::shutting_down());
}

void ModernBridge::task_changed(const std::string& params) {
  if (std::none_of(sessions_.begin(), sessions_.end(),
                   [](const auto& session) { return session.second->has_listens(); }))
    return;
  ClientMessage note;
  if (!note.take(scanner_, PaddedString(make_notification("notifications/tasks", params))).ok()) return;
  for (const auto& [key, session] : sessions_) session->task_changed(note.envelope());
}

void ModernBridge::lease(Exchange& exchange, std::size_t rounds) {
  const Envelope& envelope = exchange.request().message.envelope();
  if (!unsteady_.empty() && envelope.method == "subscriptions/listen")
    if (const auto refusal = unsteady(owner_of(exchange.request())))
      return refuse(exchange, *refusal, CallStatus::lost);
  auto json = Json::parse(envelope.meta_client_capabilities ? envelope.view(envelope.meta_client_capabilities)
                                                            : Bytes("{}"));
  if (!json) return refuse(exchange, refusals::malformed_meta(json.error().message));
  const auto capabilities = parse_client_capabilities(*json, latest_modern);
  if (!capabilities) return refuse(exchange, refusals::malformed_meta(capabilities.error().message));
  const bool superset = parts_.config.capabilities == CapabilitySetting::superset;
  const ClientCapabilities shown = parts_.config.shared ? ClientCapabilities()
                                   : superset           ? everything()
                                                        : *capabilities;
  LeasedSession* session = session_for(exchange, shown);
  if (session == nullptr)
    return refuse(exchange, refusals::overloaded("upstream '" + parts_.config.name +
                                                 "' has no session left for this client; wait for a call "
                                                 "to end"));
  OuterTie::of(exchange).rounds = rounds;
  session->serve(exchange);
}

std::string ModernBridge::what_of(const Envelope& envelope) {
  return std::string(envelope.method) + "\n" +
         std::string(envelope.name.empty() ? envelope.uri : envelope.name);
}

bool ModernBridge::is_asker(const std::string& what) const {
  if (!parts_.config.asks) return askers_.contains(what);
  const Method* method = find_method(Bytes(what).substr(0, what.find('\n')));
  return method != nullptr && method->may_ask;
}

void ModernBridge::remember_asker(const std::string& what) {
  if (askers_.size() < limits_.askers_max) askers_.insert(what);
}

std::string ModernBridge::owner_of(const ClientRequest& request) const {
  if (parts_.config.shared) return {};
  std::string owner = request.principal.name;
  if (parts_.config.affinity != Affinity::header) return owner;
  for (const HeaderPair& header : request.kept_headers)
    if (equals_ignoring_case(header.name, parts_.config.affinity_header)) owner += '\t' + header.value;
  return owner;
}

LeasedSession* ModernBridge::session_for(Exchange& exchange, const ClientCapabilities& capabilities) {
  const ClientRequest& request = exchange.request();
  const Method* method = find_method(request.message.envelope().method);
  const bool may_be_asked = capabilities.capability_class() != 0 && method != nullptr && method->may_ask;
  const std::string what = what_of(request.message.envelope());
  const std::string owner = owner_of(request);
  const std::string first = owner + "\n" + std::to_string(capabilities.capability_class());
  std::string key = first;
  LeasedSession* least = nullptr;  // of those that would do
  for (std::size_t number = 1;; key = first + "\n" + std::to_string(number++)) {
    const auto at = sessions_.find(key);
    if (at == sessions_.end()) break;
    LeasedSession& session = *at->second;
    if (!may_be_asked || session.has_place_for(what)) {
      if (!parts_.config.stateless || session.load() == 0) return &session;
      if (least == nullptr || session.load() < least->load()) least = &session;
    }
    // Rather a question that is refused than a call.
    if (number == limits_.sessions_per_class_max)
      return least != nullptr ? least : sessions_.find(first)->second.get();
  }
  const Principal principal = parts_.config.shared ? Principal() : request.principal;
  if (!make_room(owner, principal, key != first)) return least;
  ClientCapabilities offered = capabilities;
  offered.roots_list_changed = offered.tasks = false;
  offered.extensions.clear();
  auto session = std::make_unique<LeasedSession>(*this, key, owner, principal, offered);
  LeasedSession& opened = *session;
  sessions_.emplace(key, std::move(session));
  connect(opened, request);
  // The handshake may have failed at once; then there is nobody to serve it, but one that says so.
  return &opened;
}

void ModernBridge::lost_listens(const LeasedSession& session) {
  const UpstreamLimits& limits = parts_.reactor.limits().upstream;
  const Instant now = parts_.reactor.now();
  const bool was_steady = now - session.opened_at() >= limits.steady_after;
  std::erase_if(unsteady_, [&](const auto& one) {
    return now - one.second.until >= limits.steady_after || (was_steady && one.first == session.owner());
  });
  if (was_steady || unsteady_.size() >= limits_.sessions_max) return;
  Unsteady& one = unsteady_[session.owner()];
  milliseconds wait(0);  // a server that was restarted is not to blame
  if (++one.losses > 1) wait = limits.restart_backoff_first;
  for (std::size_t i = 2; i < one.losses && wait < limits.restart_backoff_max; ++i) wait *= 2;
  one.until = now + std::min(wait, limits.restart_backoff_max);
}

std::optional<Refusal> ModernBridge::unsteady(const std::string& owner) const {
  const auto at = unsteady_.find(owner);
  const Instant now = parts_.reactor.now();
  if (at == unsteady_.end() || at->second.until <= now) return std::nullopt;
  const auto wait = std::chrono::ceil<seconds>(at->second.until - now);
  Refusal refusal = refusals::upstream_lost(Outcome::not_sent);
  refusal.message =
      "upstream '" + parts_.config.name + "' lost the last " + std::to_string(at->second.losses) +
      " sessions soon after they were opened; subscribe again in " + std::to_string(wait.count()) + " s";
  return refusal;
}

std::size_t ModernBridge::sessions_max() const {
  const UpstreamConfig& config = parts_.config;
  if (!config.command.empty()) return config.children_max;
  return config.pool.max != 0 ? config.pool.max : limits_.sessions_max;
}

template <class Which>
bool ModernBridge::end_oldest(Which which) {
  LeasedSession* oldest = nullptr;
  for (const auto& [key, session] : sessions_)
    if (which(*session) && (oldest == nullptr || session->last_use() < oldest->last_use()))
      oldest = session.get();
  if (oldest == nullptr) return false;
  oldest->shut(refusals::shutting_down());
  return true;
}

// What is idle goes first. A principal's own calls that wait for its answers are no reason to refuse it
// others.
bool ModernBridge::make_room(const std::string& owner, const Principal& principal, bool extra) {
  std::size_t classes = 0;
  std::size_t of_principal = 0;
  for (const auto& [key, session] : sessions_) {
    if (session->owner() == owner && key.find('\n', owner.size() + 1) == std::string::npos) ++classes;
    if (session->principal() == principal) ++of_principal;
  }
  const auto idle_of_owner = [&](const LeasedSession& s) { return s.is_idle() && s.owner() == owner; };
  const auto parked_of_owner = [&](const LeasedSession& s) { return s.only_waits() && s.owner() == owner; };
  const auto idle_of_principal = [&](const LeasedSession& s) {
    return s.is_idle() && s.principal() == principal;
  };
  if (!extra && classes >= limits_.classes_per_principal_max && !end_oldest(idle_of_owner) &&
      !end_oldest(parked_of_owner))
    return false;
  if (of_principal >= limits_.sessions_per_principal_max && !parts_.config.shared &&
      !end_oldest(idle_of_principal))
    return false;
  return sessions_.size() < sessions_max() || end_idle();
}

bool ModernBridge::end_idle() {
  return end_oldest([](const LeasedSession& session) { return session.is_idle(); });
}

void ModernBridge::cancelled(Exchange& exchange, CancelReason reason) {
  if (!exchange.attachment) return;
  // At the upstream the session stays whatever becomes of this client's connection.
  const CancelReason told = reason == CancelReason::peer_gone ? CancelReason::client : reason;
  const OuterTie& own = OuterTie::of(exchange);
  if (own.call != nullptr) return own.call->left(exchange, told);
  if (own.session != nullptr) own.session->left(exchange, told);
}

void ModernBridge::drained(Exchange& exchange) {
  if (exchange.attachment && OuterTie::of(exchange).call != nullptr) OuterTie::of(exchange).call->drained();
}

void ModernBridge::stop() {
  stopped_ = true;
  tasks_.stop();
  while (!calls_.empty()) {
    const auto at = calls_.begin();
    at->second->give_up(nullptr, refusals::shutting_down());
  }
  while (!sessions_.empty()) sessions_.begin()->second->shut(refusals::shutting_down());
  run_later();
}

std::size_t ModernBridge::parked() const {
  return static_cast<std::size_t>(std::count_if(calls_.begin(), calls_.end(), [](const auto& call) {
    return call.second->phase() == ParkedCall::Phase::parked;
  }));
}

void ModernBridge::answer(Exchange& exchange, const std::string& response) {
  ClientMessage message;
  // What the upstream says of itself may be as large as a message can be, before anything is added to it.
  if (!message.take(scanner_, PaddedString(response)).ok())
    return refuse(exchange, refusals::internal_error("an answer of upstream '" + parts_.config.name +
                                                     "' is too large to be carried on"));
  parts_.calls.opened(exchange);
  ends_.finish(exchange, message.envelope());
}

void ModernBridge::refuse(Exchange& exchange, const Refusal& refusal, CallStatus status) {
  parts_.calls.opened(exchange);
  ends_.refuse(exchange, refusal, status);
}

Result<std::string> ModernBridge::seal(const Exchange& exchange, const std::string& payload) {
  const auto digest = request_digest(exchange.request().message.envelope());
  if (!digest) return digest.error();
  return states_.seal(StateScope{purpose, exchange.request().principal, *digest}, payload,
                      parts_.reactor.wall());
}

std::string ModernBridge::park_payload(std::uint64_t number, std::size_t generation) const {
  return "call " + std::to_string(instance_) + " " + std::to_string(number) + " " +
         std::to_string(generation);
}

BridgedCall* ModernBridge::find_call(std::uint64_t number) const {
  const auto at = calls_.find(number);
  return at == calls_.end() ? nullptr : at->second.get();
}

bool ModernBridge::hold(BridgedCall& call) {
  if (call.held_) return true;
  const std::string principal = call.principal().name;
  const auto list = held_of_.find(principal);
  const std::size_t most =
      call.principal() == Principal() ? limits_.parked_anonymous_max : limits_.parked_per_principal_max;
  if (list != held_of_.end() && list->second.size() >= most) {
    // A result that waits for a second retry goes before a call that waits for its first.
    const std::vector<BridgedCall*>& calls = list->second;
    const auto done = std::find_if(calls.begin(), calls.end(), [](const BridgedCall* held) {
      return held->phase() == ParkedCall::Phase::done;
    });
    BridgedCall& oldest = **(done == calls.end() ? calls.begin() : done);
    oldest.give_up("its principal has too many calls parked",
                   refusals::overloaded("too many calls wait for the answers of their client; this one, the "
                                        "oldest, was given up"));
  }
  if (held_ >= limits_.parked_max) return false;
  held_of_[principal].push_back(&call);
  call.held_ = true;
  ++held_;
  return true;
}

void ModernBridge::release(BridgedCall& call) {
  if (!std::exchange(call.held_, false)) return;
  --held_;
  const auto list = held_of_.find(call.principal().name);
  if (list == held_of_.end()) return;
  std::erase(list->second, &call);
  if (list->second.empty()) held_of_.erase(list);
}

void ModernBridge::later() {
  if (!timer_.armed()) parts_.reactor.arm_after(timer_, Duration(0));
}

void ModernBridge::bury(std::unique_ptr<LeasedExchange> exchange) {
  exchange->forget();
  dead_exchanges_.push_back(std::move(exchange));
  later();
}

void ModernBridge::cancel_later(std::unique_ptr<LeasedExchange> exchange, CancelReason reason) {
  exchange->forget();
  doomed_.push_back(Doomed{std::move(exchange), reason});
  later();
}

void ModernBridge::drop_call(BridgedCall& call) {
  release(call);
  const auto at = calls_.find(call.number());
  if (at == calls_.end()) return;
  dead_calls_.push_back(std::move(at->second));
  calls_.erase(at);
  later();
}

void ModernBridge::drop_session(LeasedSession& session) {
  const auto at = sessions_.find(session.key());
  if (at == sessions_.end() || at->second.get() != &session) return;
  dead_sessions_.push_back(std::move(at->second));
  sessions_.erase(at);
  std::erase(connecting_, &session);
  later();
}

void ModernBridge::connect(LeasedSession& session, const ClientRequest& first) {
  session.introduce(first);
  if (dead_sessions_.empty()) return session.connect();
  connecting_.push_back(&session);
  later();
}

void ModernBridge::run_later() {
  timer_.cancel();
  for (Doomed& doomed : std::exchange(doomed_, {})) {
    if (!doomed.exchange->over()) parts_.upstream.cancelled(*doomed.exchange, doomed.reason);
    doomed.exchange.reset();
  }
  dead_exchanges_.clear();
  dead_calls_.clear();
  for (const auto& session : std::exchange(dead_sessions_, {})) session->farewell();
  while (!connecting_.empty()) {
    LeasedSession* session = connecting_.front();
    connecting_.pop_front();
    session->connect();
  }
}

}  // namespace sluice
