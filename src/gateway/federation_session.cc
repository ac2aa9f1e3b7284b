// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_session.h"

#include <algorithm>
#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "gateway/federation_call.h"
#include "gateway/federation_catalogue.h"
#include "gateway/federation_task.h"
#include "mcp/capabilities.h"

namespace sluice {

namespace {

std::uint8_t class_of(const Envelope& initialize, Revision revision) {
  if (!initialize.capabilities) return 0;
  const auto json = Json::parse(initialize.view(initialize.capabilities));
  if (!json) return 0;
  const auto capabilities = parse_client_capabilities(*json, revision);
  return capabilities ? capabilities->capability_class() : std::uint8_t{0};
}

std::string canonical(Bytes raw) {
  const auto id = RpcId::from_raw(raw);
  return id ? id->canonical() : std::string(raw);
}

}  // namespace

FederatedSession::FederatedSession(FederationState& state, Exchange& initialize)
    : state_(state), client_(*initialize.session()), slots_(state.upstreams.size()) {
  const ClientRequest& request = initialize.request();
  request_ = without_message(request);
  const Envelope& envelope = request.message.envelope();
  if (envelope.params) params_ = envelope.view(envelope.params);
  const Revision revision = negotiate_legacy(envelope.protocol_version);
  lists_ = state.catalogue->caller(
      CallerKey{request.principal.name, revision, class_of(envelope, revision), state.affinity_of(request)});
  lists_->speak_like(request);
  lists_->add(*this);
}

FederatedSession::~FederatedSession() { end(); }

FederatedSession* FederatedSession::of(Session* session) {
  return session == nullptr ? nullptr : static_cast<FederatedSession*>(session->attachment.get());
}

InnerSession* FederatedSession::opened(std::size_t upstream) const {
  const Slot& slot = slots_[upstream];
  return slot.phase == Phase::open ? slot.session.get() : nullptr;
}

// What the server said of a capability, by a path of members; empty for nothing.
Bytes FederatedSession::declared(std::size_t upstream, std::string_view path) const {
  const PaddedString& known = slots_[upstream].capabilities;
  JsonSpan at{0, 0, static_cast<std::uint32_t>(known.size())};
  while (!path.empty() && at) {
    const auto dot = std::min(path.find('.'), path.size());
    at = json_member(known.view(), at, path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return at ? at.in(known.view()) : Bytes();
}

bool FederatedSession::offers(std::size_t upstream, ServerCapability capability) const {
  if (slots_[upstream].capabilities.size() == 0) return true;
  const Bytes said = declared(upstream, server_capability_text(capability));
  return !said.empty() && said != "false";
}

const ClientMessage* FederatedSession::hello(std::size_t upstream) const {
  return slots_[upstream].hello ? &*slots_[upstream].hello : nullptr;
}

void FederatedSession::hellos_read() {
  hellos_are_wanted_ = false;
  for (Slot& slot : slots_) slot.hello.reset();
}

// --- Opening and closing ---

void FederatedSession::ready(std::size_t upstream, FederatedCall& call, std::uint64_t leg) {
  Slot& slot = slots_[upstream];
  if (slot.phase == Phase::open) return call.session_ready(leg, *slot.session);
  slot.waiters.push_back({&call, leg});
  if (slot.phase == Phase::closed) open_slot(upstream);
}

void FederatedSession::forget(const FederatedCall& call) {
  for (Slot& slot : slots_)
    std::erase_if(slot.waiters, [&call](const Waiter& waiter) { return waiter.call == &call; });
}

void FederatedSession::forget(const FederatedCall& call, std::uint64_t leg) {
  for (Slot& slot : slots_)
    std::erase_if(slot.waiters,
                  [&](const Waiter& waiter) { return waiter.call == &call && waiter.leg == leg; });
}

void FederatedSession::open_slot(std::size_t upstream) {
  Slot& slot = slots_[upstream];
  slot.phase = Phase::opening;
  slot.is_initialized = false;
  slot.to_restore.clear();
  slot.session = std::make_unique<InnerSession>(*this, upstream, client_.principal(), request_.revision);
  ask_upstream(upstream, make_request(state_.mint_id(), "initialize", params_));
}

// A request of ours on the session that is being opened.
void FederatedSession::ask_upstream(std::size_t upstream, std::string text) {
  Slot& slot = slots_[upstream];
  ClientRequest request = without_message(request_);
  request.opened = state_.parts.reactor.now();
  auto message = state_.scan(text);
  if (!message) return failed(upstream, "the request could not be written");
  request.message = *std::move(message);
  InnerOwner& owner = *this;
  slot.opening = std::make_unique<InnerExchange>(owner, state_.service(upstream), upstream, 0,
                                                 std::move(request), slot.session.get());
  const FederatedUpstream& config = state_.upstreams[upstream];
  slot.opening->limit(state_.parts.reactor, slot.phase == Phase::opening ? config.start : config.timeout);
  slot.opening->open();
}

std::size_t FederatedSession::on_notify(InnerExchange& inner, Bytes message) {
  const auto text = translate(inner.upstream(), nullptr, message);
  return text ? client_.send(*text) : all_room;
}

std::size_t FederatedSession::on_ask(InnerExchange& inner, Bytes message) {
  return on_notify(inner, message);
}

void FederatedSession::on_answer(InnerExchange& inner, Bytes response) {
  const std::size_t upstream = inner.upstream();
  Slot& slot = slots_[upstream];
  auto message = state_.scan(response);
  state_.bury(std::move(slot.opening));
  if (slot.phase == Phase::restoring) return restore(upstream);
  if (!message || message->envelope().kind != MessageKind::response)
    return failed(upstream, message ? message->envelope().view(message->envelope().error_message).empty()
                                          ? "it refused to initialize"
                                          : string_in(message->text(), message->envelope().error_message)
                                    : std::string("its answer is no message"));
  greeted(upstream, *std::move(message));
}

void FederatedSession::greeted(std::size_t upstream, ClientMessage response) {
  Slot& slot = slots_[upstream];
  const Envelope& envelope = response.envelope();
  const JsonSpan capabilities = json_member(envelope.text, envelope.result, "capabilities");
  slot.capabilities = PaddedString(capabilities ? envelope.view(capabilities) : Bytes("{}"));
  const JsonSpan version = json_member(envelope.text, envelope.result, "protocolVersion");
  if (const auto revision = parse_revision(string_in(envelope.text, version)))
    slot.session->negotiated(*revision);
  lists_->greeted(upstream, envelope.text);
  if (hellos_are_wanted_) slot.hello = std::move(response);
  if (initialized_.empty()) return settled(upstream);
  for (const std::string& uri : slot.subscriptions) {
    std::string params = "{\"uri\":";
    append_json_string(params, uri);
    slot.to_restore.push_back(make_request(state_.mint_id(), "resources/subscribe", params + "}"));
  }
  if (!level_.empty() && offers(upstream, ServerCapability::logging))
    slot.to_restore.push_back(
        make_request(state_.mint_id(), "logging/setLevel", R"({"level":)" + level_ + "}"));
  slot.phase = Phase::restoring;
  tell_initialized(slot, upstream);
  restore(upstream);
}

// One request after the other, whatever becomes of it.
void FederatedSession::restore(std::size_t upstream) {
  Slot& slot = slots_[upstream];
  if (slot.to_restore.empty()) return settled(upstream);
  std::string text = std::move(slot.to_restore.back());
  slot.to_restore.pop_back();
  ask_upstream(upstream, std::move(text));
}

void FederatedSession::subscribed(std::size_t upstream, const std::string& uri, bool on) {
  std::set<std::string>& subscriptions = slots_[upstream].subscriptions;
  if (!on) {
    subscriptions.erase(uri);
  } else if (subscriptions.size() < state_.limits().mcp.subscriptions_max &&
             uri.size() <= state_.limits().federation.uri_bytes_max) {
    subscriptions.insert(uri);
  }
}

void FederatedSession::settled(std::size_t upstream) {
  Slot& slot = slots_[upstream];
  slot.phase = Phase::open;
  if (!initialized_.empty()) tell_initialized(slot, upstream);
  // A waiter may end others, so each is looked up anew.
  const Lifetime::Watch watch(lifetime_);
  for (std::size_t due = slot.waiters.size(); due != 0 && watch.alive() && !slot.waiters.empty(); --due) {
    const Waiter waiter = slot.waiters.front();
    slot.waiters.erase(slot.waiters.begin());
    if (slot.phase == Phase::open) {
      waiter.call->session_ready(waiter.leg, *slot.session);
    } else {
      waiter.call->session_failed(waiter.leg, "its session ended");
    }
  }
}

void FederatedSession::on_refused(InnerExchange& inner, const Refusal& refusal) {
  const std::size_t upstream = inner.upstream();
  Slot& slot = slots_[upstream];
  state_.bury(std::move(slot.opening));
  if (slot.phase == Phase::restoring && !slot.session->over()) return restore(upstream);
  const std::string why = refusal.message;
  failed(upstream, why);
}

void FederatedSession::failed(std::size_t upstream, const std::string& why) {
  Slot& slot = slots_[upstream];
  close_slot(upstream);
  const Lifetime::Watch watch(lifetime_);
  for (std::size_t due = slot.waiters.size(); due != 0 && watch.alive() && !slot.waiters.empty(); --due) {
    const Waiter waiter = slot.waiters.front();
    slot.waiters.erase(slot.waiters.begin());
    waiter.call->session_failed(waiter.leg, why);
  }
}

void FederatedSession::close_slot(std::size_t upstream) {
  Slot& slot = slots_[upstream];
  slot.phase = Phase::closed;
  if (slot.opening) slot.opening->cancel(CancelReason::peer_gone);
  state_.bury(std::move(slot.opening));
  std::erase_if(asks_, [upstream](const auto& ask) { return ask.second.upstream == upstream; });
  if (!slot.session) return;
  heard_lists(upstream).source_lost(upstream);
  if (!slot.session->over()) state_.service(upstream).ended(*slot.session);
  state_.bury(std::move(slot.session));
}

void FederatedSession::on_ended(InnerSession& session, const std::string& why) {
  const std::size_t upstream = session.upstream();
  Slot& slot = slots_[upstream];
  if (slot.session.get() != &session) return;
  const bool was_open = slot.phase == Phase::open;
  state_.warn(upstream, "session", why);
  const Lifetime::Watch watch(lifetime_);
  failed(upstream, why);
  if (!watch.alive() || !was_open) return;
  part_lists(upstream);
  const auto tell = [&](ServerCapability capability, MethodId notice) {
    if (offers(upstream, capability)) tell_unchecked(ListChange{upstream, notice});
  };
  tell(ServerCapability::tools, MethodId::notify_tools_changed);
  tell(ServerCapability::prompts, MethodId::notify_prompts_changed);
  tell(ServerCapability::resources, MethodId::notify_resources_changed);
}

void FederatedSession::end() {
  if (!std::exchange(ended_, true)) {
    lists_->remove(*this);
    if (own_lists_) own_lists_->remove(*this);
    if (const auto passing = passing_lists_.lock()) passing->session_over(client_);
    state_.catalogue->session_over(request_.principal, client_);
  }
  for (std::size_t upstream = 0; upstream < slots_.size(); ++upstream) {
    slots_[upstream].waiters.clear();
    close_slot(upstream);
  }
  if (own_lists_) state_.catalogue->drop(own_lists_->key());
}

void FederatedSession::drained() {
  for (std::size_t upstream = 0; upstream < slots_.size(); ++upstream) {
    const Slot& slot = slots_[upstream];
    if (slot.session && !slot.session->over()) state_.service(upstream).drained(*slot.session);
  }
}

// --- From the upstreams to the client ---

std::size_t FederatedSession::on_message(InnerSession& session, Bytes message) {
  if (ended_) return all_room;
  const auto text = translate(session.upstream(), nullptr, message);
  return text ? client_.send(*text) : all_room;
}

std::optional<std::string> FederatedSession::translate(std::size_t upstream, const InnerExchange* from,
                                                       Bytes text) {
  auto message = state_.scan(text);
  if (!message) return std::nullopt;
  const Envelope& envelope = message->envelope();
  if (envelope.kind == MessageKind::request) return translate_ask(upstream, from, *message);
  const Method* method = find_method(envelope.method);
  if (method == nullptr) return std::string(text);
  if (is_list_change(method->id)) {
    list_changed(upstream, method->id);
    return std::nullopt;
  }
  Rewrite rewrite;
  rename_tasks(rewrite, upstream, envelope);
  if (method->id == MethodId::notify_resources_updated)
    rewrite.put_string(envelope.text, envelope.uri_span, state_.renames(upstream).uri);
  if (method->id == MethodId::notify_tasks_status)
    rewrite.put_string(envelope.text, envelope.task_id_span,
                       [this, upstream](Bytes id) { return shown_task_id(upstream, id); });
  if (method->id == MethodId::notify_cancelled) {
    const std::string id = canonical(envelope.view(envelope.request_id));
    const auto ask = std::find_if(asks_.begin(), asks_.end(), [&](const auto& entry) {
      return entry.second.upstream == upstream && canonical(entry.second.id_raw) == id;
    });
    if (ask == asks_.end()) return std::nullopt;
    rewrite.put(envelope.request_id, ask->first);
    asks_.erase(ask);
  }
  return rewrite.empty() ? std::string(text) : rewrite.apply(envelope.text, envelope.message);
}

// Each upstream has its share, so that who is never answered takes nobody else's. What was asked outside of
// any exchange is given up when a person would have answered.
bool FederatedSession::may_ask(std::size_t upstream) {
  const Limits& limits = state_.limits();
  const std::size_t share =
      std::max(limits.federation.asks_max / slots_.size(), limits.mcp.asks_per_exchange_max);
  const auto has_room = [&] {
    const auto open = std::count_if(asks_.begin(), asks_.end(),
                                    [upstream](const auto& ask) { return ask.second.upstream == upstream; });
    return static_cast<std::size_t>(open) < share;
  };
  if (has_room()) return true;
  const Instant now = state_.parts.reactor.now();
  std::erase_if(asks_, [&](const auto& ask) {
    return ask.second.from == nullptr && ask.second.asked + limits.mcp.ask <= now;
  });
  return has_room();
}

std::optional<std::string> FederatedSession::translate_ask(std::size_t upstream, const InnerExchange* from,
                                                           const ClientMessage& message) {
  const Envelope& envelope = message.envelope();
  if (envelope.method == method_of(MethodId::ping).text) {
    pass(upstream, make_response(message.id(), "{}"));
    return std::nullopt;
  }
  if (!may_ask(upstream)) {
    pass(upstream,
         make_error_response(message.id(), rpc::internal_error, "too many questions to the client are open"));
    return std::nullopt;
  }
  const std::string minted = "\"sluice/ask/" + std::to_string(next_ask_++) + "\"";
  Ask ask{upstream, std::string(message.id()), {}, from, state_.parts.reactor.now()};
  Rewrite rewrite;
  rename_tasks(rewrite, upstream, envelope);
  rewrite.put(envelope.id, minted);
  if (envelope.meta_progress_token) {
    ask.token_raw = envelope.view(envelope.meta_progress_token);
    rewrite.put(envelope.meta_progress_token, minted);
  }
  if (slots_.size() > 1)
    name_asker(rewrite, envelope.text, envelope.method, envelope.params, state_.upstreams[upstream].name);
  asks_.emplace(minted, std::move(ask));
  return rewrite.apply(envelope.text, envelope.message);
}

// --- Tasks ---

// Sealed once: the next seal of the same id is another text.
std::string FederatedSession::shown_task_id(std::size_t upstream, Bytes id) {
  const std::pair<std::size_t, std::string> key(upstream, id);
  if (const auto known = task_ids_.find(key); known != task_ids_.end()) return known->second;
  const auto sealed =
      state_.task_ids.seal(request_.principal, state_.upstreams[upstream].name + ":" + key.second);
  if (!sealed) return {};
  if (task_ids_.size() >= state_.limits().federation.task_names_max) task_ids_.clear();
  return task_ids_.emplace(key, *sealed).first->second;
}

// What belongs to a task of 2025-11-25 names it.
void FederatedSession::rename_tasks(Rewrite& rewrite, std::size_t upstream, const Envelope& message) {
  const JsonSpan related = message.meta_related_task;
  if (!related || message.text[related.begin] != '{') return;
  rewrite.put_string(message.text, json_member(message.text, related, "taskId"),
                     [this, upstream](Bytes id) { return shown_task_id(upstream, id); });
}

// --- Lists ---

std::shared_ptr<CallerLists> FederatedSession::lists(std::size_t upstream) {
  if (!own_.contains(upstream)) return lists_;
  if (own_lists_) return own_lists_;
  auto passing = passing_lists_.lock();
  if (!passing) passing = state_.catalogue->passing_caller(*lists_);
  passing_lists_ = passing;
  return passing;
}

CallerLists& FederatedSession::heard_lists(std::size_t upstream) const {
  return own_lists_ && own_.contains(upstream) ? *own_lists_ : *lists_;
}

// From now on what this session gets of the upstream may be other than what others like it get.
void FederatedSession::part_lists(std::size_t upstream) {
  if (!own_lists_) {
    own_lists_ = state_.catalogue->own_caller(*lists_);
    if (own_lists_) own_lists_->speak_like(*lists_);
    if (own_lists_) own_lists_->add(*this);
  }
  if (own_.insert(upstream).second && own_lists_) own_lists_->copy_from(*lists_, upstream);
}

// Where nothing is kept there is nothing to hold a change against.
void FederatedSession::tell_unchecked(ListChange change) {
  if (own_lists_) return own_lists_->changed(change, false);
  if (const auto passing = passing_lists_.lock()) passing->changed(change, false);
  const bool is_listed = !state_.parts.finds_tools || change.notice != MethodId::notify_tools_changed;
  if (is_listed) client_.send(make_notification(method_of(change.notice).text));
}

void FederatedSession::list_changed(std::size_t upstream, MethodId notice) {
  if (ended_) return;
  part_lists(upstream);
  if (!own_lists_) tell_unchecked(ListChange{upstream, notice});
  state_.catalogue->changed(request_.principal, ListChange{upstream, notice});
}

void FederatedSession::lists_changed(const CallerLists& caller, const std::vector<ListChange>& changes) {
  std::set<MethodId> told;
  for (const ListChange& change : changes)
    if (&heard_lists(change.upstream) == &caller && told.insert(change.notice).second)
      client_.send(make_notification(method_of(change.notice).text));
}

bool FederatedSession::notices(std::size_t upstream, MethodId notice) const {
  if (opened(upstream) == nullptr) return false;
  const Bytes path = notice == MethodId::notify_tools_changed     ? "tools.listChanged"
                     : notice == MethodId::notify_prompts_changed ? "prompts.listChanged"
                                                                  : "resources.listChanged";
  return declared(upstream, path) == "true";
}

void FederatedSession::exchange_over(const InnerExchange& inner) {
  if (asks_.empty()) return;
  std::erase_if(asks_, [&inner](const auto& ask) { return ask.second.from == &inner; });
}

// --- From the client to the upstreams ---

void FederatedSession::pass(std::size_t upstream, std::string text) {
  Slot& slot = slots_[upstream];
  if (!slot.session || slot.session->over()) return;
  auto message = state_.scan(text);
  if (message) state_.service(upstream).message(*slot.session, *std::move(message));
}

void FederatedSession::tell_initialized(Slot& slot, std::size_t upstream) {
  if (!std::exchange(slot.is_initialized, true)) pass(upstream, initialized_);
}

void FederatedSession::on_client_message(const ClientMessage& message) {
  const Envelope& envelope = message.envelope();
  const bool is_answer =
      envelope.kind == MessageKind::response || envelope.kind == MessageKind::error_response;
  const Method* method = is_answer ? nullptr : find_method(envelope.method);
  const bool is_progress = method != nullptr && method->id == MethodId::notify_progress;
  if (is_answer || is_progress) {
    const JsonSpan name = is_answer ? envelope.id : envelope.progress_token;
    if (!name) return;
    const auto found = asks_.find(canonical(envelope.view(name)));
    if (found == asks_.end()) return;
    const Ask ask = found->second;
    if (is_progress && ask.token_raw.empty()) return;
    if (is_answer) asks_.erase(found);
    Rewrite rewrite;
    rewrite.put(name, is_answer ? ask.id_raw : ask.token_raw);
    // An answer that belongs to a task says so.
    const JsonSpan related = envelope.meta_related_task;
    if (related && envelope.text[related.begin] == '{')
      rewrite.put_string(envelope.text, json_member(envelope.text, related, "taskId"), [this](Bytes id) {
        const auto meant = task_meaning(state_, request_.principal, id);
        return meant ? meant->id : std::string(id);
      });
    return pass(ask.upstream, rewrite.apply(envelope.text, envelope.message));
  }
  const bool is_initialized = method != nullptr && method->id == MethodId::notify_initialized;
  if (is_initialized) {
    const bool is_long = message.text().size() > state_.limits().mcp.introduction_bytes_max;
    initialized_ = is_long ? make_notification(envelope.method) : std::string(message.text());
  }
  for (std::size_t upstream = 0; upstream < slots_.size(); ++upstream) {
    Slot& slot = slots_[upstream];
    if (slot.phase != Phase::open) continue;
    if (is_initialized) {
      tell_initialized(slot, upstream);
    } else {
      pass(upstream, std::string(message.text()));
    }
  }
}

}  // namespace sluice
