// SPDX-License-Identifier: Apache-2.0
#include "sdk/client_core.h"

#include <algorithm>
#include <exception>

#include "base/check.h"
#include "codec/jsonrpc.h"
#include "mcp/methods.h"
#include "net/entropy.h"
#include "transport/streamable_http_client.h"

namespace sluice::client_detail {

namespace {

milliseconds in_milliseconds(std::chrono::nanoseconds time) {
  return std::max(milliseconds(1), std::chrono::ceil<milliseconds>(time));
}

}  // namespace

std::uint64_t fresh_seed() {
  std::uint64_t seed = 0;
  entropy(std::as_writable_bytes(std::span(&seed, 1)));
  return seed;
}

StreamableHttpClientOptions http_options(const ClientOptions& options) {
  StreamableHttpClientOptions http;
  for (const auto& field : options.headers) http.fields.push_back(HeaderPair{field.first, field.second});
  http.authorizer = options.authorizer;
  http.jitter_seed = fresh_seed();
  return http;
}

// ---- Loop

Loop::Loop() {
  auto reactor = Reactor::open(Limits{});
  CHECK(reactor.ok());  // no descriptor is left in the process
  reactor_ = std::move(*reactor);
}

Loop::Loop(std::unique_ptr<Reactor> simulated) : reactor_(std::move(simulated)), simulated_(true) {}

void Loop::drive_until(const std::function<bool()>& done) {
  CHECK(!turning_);  // wait() inside a coroutine of the loop would never end: co_await there
  forget_finished();
  turning_ = true;
  constexpr auto step = milliseconds(5);
  while (!done()) {
    if (!simulated_) {
      reactor_->run();
    } else if (!reactor_->turn()) {
      reactor_->advance(step);
    }
  }
  turning_ = false;
  forget_finished();
}

void Loop::bury(std::unique_ptr<ClientConnection> connection) {
  connection->close();
  ending_.push_back(std::move(connection));
}

void Loop::forget_finished() {
  std::erase_if(ending_, [](const auto& connection) { return connection->is_finished(); });
}

void Loop::drive_for(Duration time) {
  if (simulated_) {
    CHECK(!turning_);
    turning_ = true;
    reactor_->advance(time);
    turning_ = false;
    return forget_finished();
  }
  bool over = false;
  struct Context {
    Loop* loop;
    bool* over;
  } context{this, &over};
  Timer timer(
      [](void* given) {
        auto* waiting = static_cast<Context*>(given);
        *waiting->over = true;
        waiting->loop->poke();
      },
      &context);
  reactor_->arm_after(timer, time);
  drive_until([&over] { return over; });
}

void Loop::poke() {
  if (turning_ && !simulated_) reactor_->stop();
}

// ---- Calls

CallBase::CallBase(const std::shared_ptr<Core>& core, std::string_view method, Json params)
    : state_(std::make_shared<CallState>()) {
  state_->core = core;
  state_->is_connect = method.empty();
  state_->spec.method = method;
  state_->spec.params_json = params.dump();
  core->start(state_);
}

CallBase::CallBase(const std::shared_ptr<Core>& core, std::string_view method, Json params,
                   const TaskWish& wish)
    : CallBase(core, method, std::move(params)) {
  if (wish.start) state_->spec.tasks = ClientTasks::start;
  state_->spec.task_ttl = wish.ttl;
  state_->spec.task_id = wish.id;
}

CallBase::CallBase(const std::shared_ptr<Core>& core, Result<Json> settled)
    : state_(std::make_shared<CallState>()) {
  state_->core = core;
  state_->result = std::move(settled);
}

CallBase::~CallBase() {
  if (!state_) return;
  state_->waiter = {};
  if (const auto core = state_->core.lock(); core && !state_->result) core->drop(*state_);
}

void CallBase::set_timeout(std::chrono::nanoseconds time, bool absolute) {
  (absolute ? state_->spec.absolute : state_->spec.timeout) = in_milliseconds(time);
}

void CallBase::set_progress(std::function<void(const Progress&)> show) {
  state_->show = kept(std::move(show));
  state_->spec.wants_progress = true;
}

bool CallBase::await_ready() const { return state_->result.has_value(); }

void CallBase::await_suspend(std::coroutine_handle<> waiter) { state_->waiter = waiter; }

Result<Json> CallBase::take() {
  CHECK(state_->result.has_value());
  return *std::exchange(state_->result, Result<Json>(Error(Errc::closed, "the result was taken already")));
}

void CallBase::run() {
  const auto core = state_->core.lock();
  if (!core) {
    state_->result = Error(Errc::closed, "the client is gone");
    return;
  }
  core->loop->drive_until([this] { return state_->result.has_value(); });
}

// ---- Core

Core::Core(std::shared_ptr<Loop> turned_by, ClientOptions given, MakeWire make)
    : loop(std::move(turned_by)), options(std::move(given)), make_wire_(std::move(make)) {}

Core::~Core() = default;

void Core::start(const std::shared_ptr<CallState>& state) {
  loop->reactor().defer([weak = std::weak_ptr<CallState>(state)] {
    const auto still = weak.lock();
    const auto core = still ? still->core.lock() : nullptr;
    if (core) core->send(still);
  });
}

void Core::send(const std::shared_ptr<CallState>& state) {
  if (closed_) return settle(state, Error(Errc::closed, "the client was closed"));
  if (failure_ && connection_) loop->bury(std::move(connection_));  // what failed is tried anew by every call
  failure_.reset();
  connect();
  if (failure_) return settle(state, *failure_);
  if (state->is_connect) {
    if (connection_->is_ready()) return settle(state, Json());
    return await_handshake(state);
  }
  state->id = connection_->call(state->spec);
  if (!state->result) calls_[state->id] = state;
}

// Until the client is ready, or for as long as the call may take. There is nothing that restarts that time.
void Core::await_handshake(const std::shared_ptr<CallState>& state) {
  connecting_.push_back(state);
  const ClientCallSpec& spec = state->spec;
  milliseconds most = spec.absolute.count() > 0 ? spec.absolute : spec.timeout;
  if (spec.timeout.count() > 0) most = std::min(most, spec.timeout);
  if (most.count() == 0) return;
  state->patience.emplace(
      [](void* self) {
        const auto* waiting = static_cast<CallState*>(self);
        if (const auto core = waiting->core.lock()) core->stop_waiting(*waiting);
      },
      state.get());
  loop->reactor().arm_after(*state->patience, most);
}

void Core::stop_waiting(const CallState& state) {
  for (auto one = connecting_.begin(); one != connecting_.end(); ++one) {
    const auto waiting = one->lock();
    if (waiting.get() != &state) continue;
    connecting_.erase(one);
    return settle(waiting, Error(Errc::timed_out, "the server did not complete the handshake in time"));
  }
}

void Core::drop(CallState& state) {
  if (state.id == 0 || !connection_) return;
  calls_.erase(state.id);
  connection_->cancel(state.id);
}

void Core::settle(const std::shared_ptr<CallState>& state, Result<Json> result) {
  state->result = std::move(result);
  state->patience.reset();
  loop->poke();
  if (!state->waiter) return;
  loop->reactor().defer([weak = std::weak_ptr<CallState>(state)] {
    const auto still = weak.lock();
    if (!still || !still->waiter) return;
    const auto core = still->core.lock();
    const auto turned_by = core ? core->loop : nullptr;
    std::exchange(still->waiter, {}).resume();
    if (turned_by) turned_by->poke();
  });
}

ClientCapabilities Core::declared() const {
  ClientCapabilities can;
  can.elicitation_form = !forms.empty();
  can.elicitation_url = answerers.contains("link");
  can.sampling = answerers.contains("sample");
  can.roots = can.roots_list_changed = roots.has_value();
  if (options.tasks) can.extensions.emplace_back(extension_text(Extension::tasks));
  return can;
}

void Core::connect() {
  if (connection_) return;
  auto wire = make_wire_(loop->reactor());
  if (!wire) {
    failure_ = wire.error();
    return;
  }
  ClientEngineOptions engine;
  engine.info_json = Json::object({{"name", options.name}, {"version", options.version}}).dump();
  engine.era = options.era;
  engine.offer = offer;
  engine.log_level = options.log_level;
  engine.capabilities = capabilities.value_or(declared());
  engine.jitter_seed = fresh_seed();
  ++connections_;
  connection_ = std::make_unique<ClientConnection>(loop->reactor(), std::move(engine), std::move(*wire),
                                                   static_cast<ClientConnectionHandler&>(*this));
  if (const Status started = connection_->start(); !started) failure_ = started.error();
  watch();
}

void Core::close() {
  if (std::exchange(closed_, true)) return;
  drop_answers();
  const Error why(Errc::closed, "the client was closed");
  for (const auto& one : std::exchange(calls_, {}))
    if (const auto state = one.second.lock()) settle(state, why);
  for (const auto& one : std::exchange(connecting_, {}))
    if (const auto state = one.lock()) settle(state, why);
  if (!connection_) return;
  if (loop->is_turning()) return loop->bury(std::move(connection_));
  connection_->close();
  constexpr auto look = milliseconds(5);
  const Instant until = loop->reactor().precise_now() + UpstreamLimits{}.stop_grace;
  while (!connection_->is_finished() && loop->reactor().precise_now() < until) loop->drive_for(look);
  connection_.reset();
}

// Nobody waits for them any more. One of them may be running just now.
void Core::drop_answers() {
  loop->reactor().defer([gone = std::make_shared<decltype(answering_)>(std::move(answering_))] {});
  answering_.clear();
}

void Core::subscribe(const std::string& uri, std::function<void(std::string_view)> changed) {
  subscriptions_[uri] = kept(std::move(changed));
  watch();
}

void Core::unsubscribe(std::string_view uri) {
  if (const auto found = subscriptions_.find(uri); found != subscriptions_.end()) subscriptions_.erase(found);
  watch();
}

void Core::watch() {
  if (!connection_) return;
  ListenFilter wanted;
  wanted.tools = static_cast<bool>(tools_changed);
  wanted.prompts = static_cast<bool>(prompts_changed);
  wanted.resources = static_cast<bool>(resources_changed);
  for (const auto& one : subscriptions_) wanted.uris.push_back(one.first);
  connection_->watch(std::move(wanted));
}

void Core::notify(std::string_view method) {
  if (connection_) connection_->notify(method, {});
}

ServerInfo Core::server() const {
  ServerInfo info;
  if (!connection_) return info;
  const ServerIntroduction& said = connection_->server();
  info.name = said.info["name"].string_or("");
  info.version = said.info["version"].string_or("");
  info.revision = said.revision;
  info.capabilities = said.capabilities;
  info.instructions = said.instructions;
  return info;
}

// ---- Events

void Core::on_event(ClientEvent event) {
  switch (event.kind) {
    case ClientEvent::Kind::ready:
      for (const auto& one : std::exchange(connecting_, {}))
        if (const auto state = one.lock()) settle(state, Json());
      return;
    case ClientEvent::Kind::failed:
      failure_ = event.error;
      drop_answers();
      for (const auto& one : std::exchange(connecting_, {}))
        if (const auto state = one.lock()) settle(state, *failure_);
      return loop->poke();
    case ClientEvent::Kind::answered: {
      const auto found = calls_.find(event.call);
      if (found == calls_.end()) return;
      const auto state = found->second.lock();
      calls_.erase(found);
      if (!state) return;
      return settle(state, event.is_error ? Result<Json>(event.error) : Json::parse(event.json));
    }
    case ClientEvent::Kind::progress: {
      const auto found = calls_.find(event.call);
      const auto state = found == calls_.end() ? nullptr : found->second.lock();
      const auto json = Json::parse(event.json);
      if (!state || !state->show || !json) return;
      Progress progress;
      progress.done = (*json)["progress"].double_or(0);
      progress.total = (*json)["total"].double_or(0);
      progress.message = (*json)["message"].string_or("");
      const auto show = state->show;
      return show(progress);
    }
    case ClientEvent::Kind::asked: return on_asked(event.ask, event.text, event.json);
    case ClientEvent::Kind::withdrawn:
      loop->reactor().defer([weak = weak_from_this(), ask = AskName(connections_, event.ask)] {
        if (const auto core = weak.lock()) core->answering_.erase(ask);
      });
      return;
    case ClientEvent::Kind::told: return on_told(event.text, event.json);
  }
}

const Answerer* Core::answerer_for(const std::string& method, const Json& params) const {
  std::string kind = method == "sampling/createMessage" ? "sample" : "roots";
  if (method == "elicitation/create") kind = params["mode"].string_or("") == "url" ? "link" : "form";
  if (kind != "form") {
    const auto found = answerers.find(kind);
    return found == answerers.end() ? nullptr : &found->second;
  }
  for (const auto& [schema, answerer] : forms)
    if (schema.is_null() || is_form_of(params, schema)) return &answerer;
  return nullptr;
}

void Core::on_asked(ClientAskId ask, const std::string& method, const std::string& params) {
  const auto json = Json::parse(params);
  if (method == "roots/list" && roots) {
    Json list = Json::array();
    for (const Root& root : *roots) {
      Json one = Json::object({{"uri", root.uri}});
      if (!root.name.empty()) one.set("name", root.name);
      list.push_back(std::move(one));
    }
    return connection_->answer(ask, Json::object({{"roots", std::move(list)}}).dump());
  }
  const Answerer* answerer = json ? answerer_for(method, *json) : nullptr;
  if (answerer == nullptr) {
    // A form that no handler knows is declined, as a person would who does not understand it.
    if (method == "elicitation/create") return connection_->answer(ask, AskReply::decline().json().dump());
    return connection_->answer(ask, protocol_error(rpc::method_not_found, "nobody answers that here"));
  }
  const Answerer asked = *answerer;  // it may set others
  Task<Result<Json>> work = asked(*json);
  const AskName name(connections_, ask);
  answering_.emplace(name, answer(name, std::move(work)));
  loop->reactor().defer([weak = weak_from_this(), name] {
    const auto core = weak.lock();
    if (!core) return;
    if (const auto found = core->answering_.find(name); found != core->answering_.end())
      found->second.start();
  });
}

Task<void> Core::answer(AskName ask, Task<Result<Json>> work) {
  Result<Json> reply = protocol_error(rpc::internal_error, "the handler failed");
  try {
    reply = co_await work;
  } catch (const std::exception& thrown) {
    reply = protocol_error(rpc::internal_error, std::string("the handler failed: ") + thrown.what());
  } catch (...) {
    reply = protocol_error(rpc::internal_error, "the handler failed");
  }
  // This frame goes at the end of the turn, not while it runs.
  loop->reactor().defer([weak = weak_from_this(), ask] {
    if (const auto core = weak.lock()) core->answering_.erase(ask);
  });
  if (!connection_ || ask.first != connections_) co_return;  // who asked is gone
  if (reply) {
    connection_->answer(ask.second, reply->dump());
  } else {
    connection_->answer(ask.second, reply.error());
  }
}

void Core::on_told(const std::string& method, const std::string& params) {
  // Copies are called: a handler may set another in its own place.
  std::function<void()> changed;
  if (method == "notifications/tools/list_changed") changed = tools_changed;
  if (method == "notifications/prompts/list_changed") changed = prompts_changed;
  if (method == "notifications/resources/list_changed") changed = resources_changed;
  if (changed) return changed();
  const auto json = Json::parse(params);
  if (!json) return;
  if (const auto log = logged; method == "notifications/message" && log) return log(*json);
  if (method == "notifications/resources/updated") {
    const std::string uri((*json)["uri"].string_or(""));
    if (const auto found = subscriptions_.find(uri); found != subscriptions_.end()) {
      const auto updated = found->second;  // it may unsubscribe
      return updated(uri);
    }
  }
  if (const auto tell = notified) tell(method, *json);
}

}  // namespace sluice::client_detail
