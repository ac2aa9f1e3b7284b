// SPDX-License-Identifier: Apache-2.0
#include "mcp/client_engine.h"

#include <algorithm>
#include <charconv>

#include "codec/headers.h"
#include "codec/jsonrpc.h"
#include "mcp/era_questions.h"
#include "mcp/methods.h"

namespace sluice {

namespace {

Introduction introduction_of(const ClientEngineOptions& options) {
  Introduction who;
  who.capabilities = options.capabilities;
  who.capabilities_json = capabilities_json(options.capabilities, latest_modern).dump();
  who.info_json = options.info_json;
  if (!options.log_level.empty()) who.log_level_json = Json(options.log_level).dump();
  return who;
}

ClientSendId number_of(Bytes raw_id) {
  ClientSendId id = 0;
  const auto read = std::from_chars(raw_id.data(), raw_id.data() + raw_id.size(), id);
  return read.ec == std::errc() && read.ptr == raw_id.data() + raw_id.size() ? id : 0;
}

// A refusal that says nothing of the server's era, nor of what it would do another time.
bool says_nothing(int status) {
  return status == 401 || status == 403 || status == 408 || status == 429 || status >= 500;
}

Error status_error(int status) {
  Errc code = Errc::failed;
  if (status == 401 || status == 403) code = Errc::denied;
  if (status == 404) code = Errc::not_found;
  if (status == 429 || status >= 500) code = Errc::unavailable;
  return Error(code, "the server answered with HTTP status " + std::to_string(status));
}

}  // namespace

ClientEngine::ClientEngine(ClientEngineOptions options)
    : options_(std::move(options)),
      who_(introduction_of(options_)),
      random_(options_.jitter_seed),
      scanner_(options_.json),
      tools_(options_.limits.tools_max) {}

bool ClientEngine::may_be_asked() const {
  const ClientCapabilities& can = options_.capabilities;
  return can.elicitation_form || can.elicitation_url || can.sampling || can.roots;
}

// ---- Orders and events

std::optional<ClientOrder> ClientEngine::next_order() {
  if (orders_.empty()) return std::nullopt;
  ClientOrder order = std::move(orders_.front());
  orders_.pop_front();
  return order;
}

std::optional<ClientEvent> ClientEngine::next_event() {
  if (events_.empty()) return std::nullopt;
  ClientEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

void ClientEngine::event(ClientEvent::Kind kind, ClientCallId call, std::string text, Bytes json) {
  ClientEvent event;
  event.kind = kind;
  event.call = call;
  event.text = std::move(text);
  event.json = json;
  events_.push_back(std::move(event));
}

std::vector<HeaderPair> ClientEngine::session_fields() const {
  std::vector<HeaderPair> fields;
  if (!session_id_.empty()) fields.push_back(HeaderPair{"Mcp-Session-Id", session_id_});
  if (state_ != State::initializing && state_ != State::probing)
    fields.push_back(HeaderPair{"MCP-Protocol-Version", std::string(revision_text(server_.revision))});
  return fields;
}

ClientSendId ClientEngine::order(Purpose purpose, std::string text, std::string_view method,
                                 std::string_view name, ClientCallId call, std::vector<HeaderPair> more,
                                 ClientSendId id) {
  ClientOrder order;
  order.id = id != 0 ? id : next_id_++;
  order.text = std::move(text);
  if (options_.over_http) {
    const bool is_modern = purpose == Purpose::discover || (modern() && purpose != Purpose::initialize);
    if (is_modern) {
      order.fields.push_back(HeaderPair{"MCP-Protocol-Version", std::string(revision_text(latest_modern))});
      order.fields.push_back(HeaderPair{"Mcp-Method", std::string(method)});
      if (!name.empty()) order.fields.push_back(HeaderPair{"Mcp-Name", encode_mirrored(name)});
    } else if (purpose != Purpose::initialize) {
      order.fields = session_fields();
      order.resumes = purpose == Purpose::call || purpose == Purpose::task_result;
    }
    order.fields.insert(order.fields.end(), more.begin(), more.end());
    order.stays_open = purpose == Purpose::listen;
    order.urgent = purpose == Purpose::note || purpose == Purpose::task_answer;
  }
  const ClientSendId sent = order.id;
  if (options_.over_http || (purpose != Purpose::note && purpose != Purpose::initialized)) {
    Sending sending;
    sending.purpose = purpose;
    sending.call = call;
    sending.session = session_;
    sendings_.emplace(sent, sending);
  }
  orders_.push_back(std::move(order));
  return sent;
}

void ClientEngine::send_note(std::string text) { order(Purpose::note, std::move(text), {}, {}); }

void ClientEngine::notify(std::string_view method, std::string_view params_json, Instant) {
  if (state_ != State::ready || modern()) return;
  send_note(make_notification(method, params_json));
}

// ---- The handshake

void ClientEngine::start(Instant now) {
  handshake_deadline_ = now + options_.limits.handshake;
  if (options_.era == Era::legacy) return initialize(now);
  if (options_.era == Era::modern) return become_modern(Json(), now);
  probe(now);
}

void ClientEngine::probe(Instant now) {
  state_ = State::probing;
  const ClientSendId id = next_id_++;
  order(Purpose::discover, make_modern_request(std::to_string(id), "server/discover", who_),
        "server/discover", {}, 0, {}, id);
  if (!options_.over_http) probe_deadline_ = now + options_.limits.probe_wait;
}

void ClientEngine::initialize(Instant now) {
  if (handshake_deadline_ == never) handshake_deadline_ = now + options_.limits.handshake;
  if (state_ != State::probing || probe_deadline_ == never) state_ = State::initializing;
  era_ = Era::legacy;
  session_since_ = now;
  initialize_under_way_ = true;
  const ClientSendId id = next_id_++;
  order(Purpose::initialize,
        legacy_initialize(std::to_string(id), options_.capabilities, options_.info_json, options_.offer), {},
        {}, 0, {}, id);
}

void ClientEngine::discovered(const Envelope& answer, Instant now) {
  if (state_ != State::probing && !options_.asks_only) return;
  if (!era_questions::shows_modern(answer)) {
    const int code = error_code(answer);
    may_be_modern_ = may_be_modern_ || code == rpc::header_mismatch || code == rpc::missing_client_capability;
    if (answer.kind == MessageKind::error_response) return undiscovered(now, error_of(answer));
    return undiscovered(now, error("the server speaks no revision that we do"));
  }
  if (answer.kind == MessageKind::error_response) {
    if (options_.asks_only) return become_modern(Json(), now);
    // It names the version that we speak: so it is asked again, once.
    if (std::exchange(discover_told_versions_, true)) return give_up(error_of(answer));
    return probe(now);
  }
  auto discovery = Json::parse(answer.view(answer.result));
  if (!discovery) return give_up(discovery.error());
  const bool speaks_ours = std::any_of(
      (*discovery)["supportedVersions"].items().begin(), (*discovery)["supportedVersions"].items().end(),
      [](const Json& version) { return version.string_or("") == revision_text(latest_modern); });
  if (!speaks_ours) return undiscovered(now, error("the server speaks no revision that we do"));
  if (initialize_under_way_ && !options_.asks_only) {
    discovery_ = std::move(*discovery);  // what it says to that decides
    return;
  }
  become_modern(*discovery, now);
}

// It is no modern server, as far as that can be seen.
void ClientEngine::undiscovered(Instant now, const Error& why) {
  probe_deadline_ = never;
  if (options_.era == Era::modern) return give_up(why);
  if (options_.asks_only && !may_be_modern_) return become_legacy(why, now);
  if (initialize_under_way_) {
    state_ = State::initializing;
    return;
  }
  initialize(now);
}

void ClientEngine::become_modern(const Json& discovery, Instant now) {
  era_ = Era::modern;
  server_.revision = latest_modern;
  server_.capabilities = discovery["capabilities"];
  server_.info = discovery["_meta"]["io.modelcontextprotocol/serverInfo"];
  if (server_.info.is_null()) server_.info = discovery["serverInfo"];
  server_.instructions = discovery["instructions"].string_or("");
  become_ready(now);
}

// It was only asked.
void ClientEngine::become_legacy(const Error& why, Instant now) {
  era_ = Era::legacy;
  server_.revision = options_.offer;
  become_ready(now, why.code == Errc::protocol
                        ? "it answers server/discover with error " + std::to_string(why.number)
                        : why.message);
}

void ClientEngine::initialized(const Envelope& answer, Instant now) {
  initialize_under_way_ = false;
  const auto server = read_legacy_server(answer);
  // Servers may answer in any order.
  const bool still_discovers = std::any_of(sendings_.begin(), sendings_.end(), [](const auto& sent) {
    return sent.second.purpose == Purpose::discover;
  });
  if (!server) {
    if (still_discovers) {
      if (options_.asks_only) gate_deadline_ = now + options_.limits.gate_wait;
      return;
    }
    if (discovery_) return become_modern(*std::exchange(discovery_, std::nullopt), now);
    if (may_be_modern_) return become_modern(Json(), now);
    if (answer.kind == MessageKind::error_response) return give_up(error_of(answer));
    return give_up(server.error());
  }
  const auto result = Json::parse(answer.view(answer.result));
  if (!result) return give_up(result.error());  // such as a member that is there twice
  discovery_.reset();
  era_ = Era::legacy;
  state_ = State::opening;
  server_.revision = server->revision;
  server_.info = (*result)["serverInfo"];
  server_.capabilities = (*result)["capabilities"];
  server_.instructions = (*result)["instructions"].string_or("");
  if (options_.asks_only) {
    if (!still_discovers) return become_ready(now);
    gate_deadline_ = now + options_.limits.gate_wait;
    return;
  }
  order(Purpose::initialized, make_notification("notifications/initialized"), {}, {});
  if (!options_.over_http) become_ready(now);
}

void ClientEngine::become_ready(Instant now, std::string why) {
  state_ = State::ready;
  handshake_deadline_ = probe_deadline_ = gate_deadline_ = never;
  event(ClientEvent::Kind::ready, 0, std::move(why), {});
  if (!modern() && !options_.log_level.empty() && server_.capabilities["logging"].is_object()) {
    const ClientSendId id = next_id_++;
    order(Purpose::log_level,
          make_request(std::to_string(id), "logging/setLevel", R"({"level":)" + who_.log_level_json + "}"),
          {}, {}, 0, {}, id);
  }
  listen(now);
  std::vector<ClientCallId> waiting;
  for (const auto& [id, call] : calls_)
    if (call.sending == 0 && call.again_at == never && call.questions.empty()) waiting.push_back(id);
  for (const ClientCallId id : waiting) send_call(id, now);
}

void ClientEngine::give_up(Error why) {
  if (state_ == State::closed) return;
  end_session();
  state_ = State::closed;
  sendings_.clear();
  while (!calls_.empty()) finish(calls_.begin()->first, why);
  asks_.clear();  // what is left was asked by a server that hears no answer any more
  ClientEvent event;
  event.kind = ClientEvent::Kind::failed;
  event.is_error = true;
  event.error = std::move(why);
  events_.push_back(std::move(event));
}

// The server forgot the session: a new one, with what belonged to the old one asked for again.
void ClientEngine::session_lost(Instant now) {
  // One that held for a while says nothing of the next.
  if (now - session_since_ >= options_.limits.listen_again_max) sessions_lost_ = 0;
  session_id_.clear();
  if (++sessions_lost_ > options_.limits.sessions_lost_max)
    return give_up(Error(Errc::unavailable, "the server loses every session it opens"));
  ++session_;
  subscribed_.clear();
  for (auto ask = asks_.begin(); ask != asks_.end();) {
    if (ask->second.wire_id.empty()) {
      ++ask;
      continue;
    }
    event(ClientEvent::Kind::withdrawn, ask->second.call, {}, {});
    events_.back().ask = ask->first;
    ask = asks_.erase(ask);
  }
  restart_paused(now);
  orders_.push_back(ClientOrder{ClientOrder::Kind::close_stream, 0, {}, {}, false, false});
  stream_was_open_ = false;
  handshake_deadline_ = gate_deadline_ = never;
  initialize(now);
  for (auto& [id, call] : calls_) abandon(call.task.result);  // is asked for again
}

void ClientEngine::end_session() {
  if (!options_.over_http) return;
  orders_.push_back(ClientOrder{ClientOrder::Kind::close_stream, 0, {}, {}, false, false});
  if (!session_id_.empty())
    orders_.push_back(ClientOrder{ClientOrder::Kind::end_session, 0, {}, session_fields(), false, false});
}

void ClientEngine::close(Instant now) {
  if (state_ == State::closed) return;
  std::vector<ClientCallId> open;
  for (const auto& [id, call] : calls_) open.push_back(id);
  for (const ClientCallId id : open) cancel(id, now);
  if (options_.over_http && listening_ != 0)
    orders_.push_back(ClientOrder{ClientOrder::Kind::drop, listening_, {}, {}, false, false});
  end_session();
  state_ = State::closed;
  sendings_.clear();
  asks_.clear();
  events_.clear();
}

// ---- Facts of the wire

void ClientEngine::session_given(ClientSendId id, Bytes session_id) {
  const auto found = sendings_.find(id);
  if (found != sendings_.end() && found->second.purpose == Purpose::initialize) session_id_ = session_id;
}

void ClientEngine::heard(ClientSendId id, const ClientMessage& message, Instant now) {
  if (state_ == State::closed || state_ == State::idle) return;
  const Envelope& envelope = message.envelope();
  switch (envelope.kind) {
    case MessageKind::response:
    case MessageKind::error_response: return heard_response(id, envelope, now);
    case MessageKind::request: return heard_request(id, envelope, now);
    case MessageKind::notification: return heard_notification(envelope, now);
    case MessageKind::batch:
    case MessageKind::invalid: return;
  }
}

void ClientEngine::heard_response(ClientSendId id, const Envelope& envelope, Instant now) {
  const ClientSendId which = envelope.id ? number_of(envelope.view(envelope.id)) : id;
  const auto found = sendings_.find(which);
  if (found == sendings_.end()) return;  // late, or of nobody
  const Sending sending = found->second;
  sendings_.erase(found);
  if (sending.purpose == Purpose::call) sessions_lost_ = 0;
  if (options_.over_http && id != which)
    orders_.push_back(ClientOrder{ClientOrder::Kind::drop, which, {}, {}, false, false});
  switch (sending.purpose) {
    case Purpose::discover: return discovered(envelope, now);
    case Purpose::initialize: return initialized(envelope, now);
    case Purpose::call: return call_answered(sending.call, envelope, now);
    case Purpose::task_look:
    case Purpose::task_result:
    case Purpose::task_answer: return task_answered(sending.call, sending.purpose, envelope, now);
    case Purpose::tools: return tools_answered(envelope, now);
    case Purpose::listen: return listen_ended(which, envelope.kind == MessageKind::error_response, now);
    case Purpose::initialized:
    case Purpose::note:
    case Purpose::task_cancel:
    case Purpose::subscribe:
    case Purpose::log_level: return;
  }
}

void ClientEngine::heard_request(ClientSendId id, const Envelope& envelope, Instant now) {
  const std::string wire_id(envelope.view(envelope.id));
  if (modern()) return;  // no modern server asks so
  if (envelope.method == "ping") return send_note(make_response(wire_id, "{}"));
  const Method* method = find_method(envelope.method);
  auto params = envelope.params ? Json::parse(envelope.view(envelope.params)) : Result<Json>(Json::object());
  if (method == nullptr || !method->is_ask || !params ||
      missing_capability_for(options_.capabilities, envelope.method, *params))
    return send_note(make_error_response(wire_id, rpc::method_not_found, "this client cannot be asked that"));
  if (asks_.size() >= options_.limits.asks_max)
    return send_note(make_error_response(wire_id, rpc::internal_error, "too many questions are open"));
  Ask ask;
  ask.wire_id = wire_id;
  if (const auto found = sendings_.find(id); found != sendings_.end()) ask.call = found->second.call;
  ask.deadline = now + options_.limits.ask;
  // A person answers; its end starts the timers again. Lines and the standalone stream do not say whose
  // question it is: any call that is under way may wait for it.
  for (auto& [name, call] : calls_)
    if ((call.sending != 0 || call.task.result != 0) && (ask.call == 0 || ask.call == name))
      call.deadline = never;
  const ClientAskId name = next_id_++;
  event(ClientEvent::Kind::asked, ask.call, std::string(envelope.method),
        envelope.params ? envelope.view(envelope.params) : Bytes("{}"));
  events_.back().ask = name;
  asks_.emplace(name, std::move(ask));
}

void ClientEngine::heard_notification(const Envelope& envelope, Instant now) {
  const Method* method = find_method(envelope.method);
  const MethodId id = method == nullptr ? MethodId::notify_message : method->id;
  const Bytes params = envelope.params ? envelope.view(envelope.params) : Bytes("{}");
  switch (id) {
    case MethodId::notify_progress: {
      const ClientSendId token = number_of(envelope.view(envelope.progress_token));
      const auto sending = sendings_.find(token);
      auto call = sending == sendings_.end() ? calls_.end() : calls_.find(sending->second.call);
      if (sending == sendings_.end() && token != 0)  // a task's goes on when its request was answered
        call = std::find_if(calls_.begin(), calls_.end(),
                            [token](const auto& one) { return one.second.task.token == token; });
      if (call == calls_.end()) return;
      if (call->second.questions.empty()) restart_timer(call->first, now);  // else a person is timed
      return event(ClientEvent::Kind::progress, call->first, {}, params);
    }
    case MethodId::notify_cancelled: {
      for (auto ask = asks_.begin(); ask != asks_.end(); ++ask) {
        if (ask->second.wire_id.empty() || ask->second.wire_id != envelope.view(envelope.request_id))
          continue;
        event(ClientEvent::Kind::withdrawn, ask->second.call, {}, {});
        events_.back().ask = ask->first;
        asks_.erase(ask);
        return restart_paused(now);
      }
      if (modern() && number_of(envelope.view(envelope.request_id)) == listening_ && listening_ != 0)
        listen_ended(listening_, false, now);
      return;
    }
    case MethodId::notify_subscriptions_acknowledged: return acknowledged(envelope, now);
    case MethodId::notify_tasks:
    case MethodId::notify_tasks_status:
      heard_task(envelope, now);
      return event(ClientEvent::Kind::told, 0, std::string(envelope.method), params);
    case MethodId::notify_elicitation_complete:
      for (auto& [name, call] : calls_)
        if (call.again_at != never && !call.opened_urls.empty()) call.again_at = now;
      return event(ClientEvent::Kind::told, 0, std::string(envelope.method), params);
    case MethodId::notify_tools_changed: tools_.invalidate(); [[fallthrough]];
    default: return event(ClientEvent::Kind::told, 0, std::string(envelope.method), params);
  }
}

// A sending whose end carried no answer.
void ClientEngine::over(ClientSendId id, const Sending& sending, const Error& error, Outcome outcome,
                        Instant now) {
  switch (sending.purpose) {
    case Purpose::discover:
    case Purpose::initialize:
      if (state_ == State::probing || state_ == State::initializing) give_up(error);
      return;
    case Purpose::initialized:
      if (state_ != State::opening) return;
      orders_.push_back(ClientOrder{ClientOrder::Kind::open_stream, 0, {}, session_fields(), false, false});
      if (!may_be_asked()) return become_ready(now);
      gate_deadline_ = now + options_.limits.gate_wait;
      return;
    case Purpose::call: return call_failed(sending.call, error, outcome, now);
    case Purpose::task_look:
    case Purpose::task_result:
    case Purpose::task_answer: return task_failed(sending.call, sending.purpose, error, now);
    case Purpose::tools: return tools_answered(Envelope{}, now);
    case Purpose::listen: return listen_ended(id, false, now);
    case Purpose::task_cancel:
    case Purpose::note:
    case Purpose::subscribe:
    case Purpose::log_level: return;
  }
}

void ClientEngine::ended(ClientSendId id, Instant now) {
  const auto found = sendings_.find(id);
  if (found == sendings_.end()) return;
  const Sending sending = found->second;
  sendings_.erase(found);
  const Error silent(Errc::closed, "the server ended its reply without an answer");
  if (sending.purpose == Purpose::discover) return undiscovered(now, silent);
  over(id, sending, silent, Outcome::sent_unknown, now);
}

void ClientEngine::refused(ClientSendId id, int status, Bytes body, Instant now) {
  const auto found = sendings_.find(id);
  if (found == sendings_.end()) return;
  const Sending sending = found->second;
  sendings_.erase(found);
  const bool in_session =
      !modern() && sending.purpose != Purpose::initialize && sending.purpose != Purpose::discover;
  const bool of_task = sending.purpose == Purpose::task_look || sending.purpose == Purpose::task_result ||
                       sending.purpose == Purpose::task_answer;
  if (status == 404 && in_session && (sending.session != session_ || !session_id_.empty())) {
    if (sending.purpose == Purpose::call) again(sending.call, now);  // it was not taken
    if (of_task) task_lost(sending.call, sending.purpose, now);
    return sending.session == session_ ? session_lost(now) : void();  // else it is gone already
  }
  ClientMessage message;
  const bool is_answer = message.take(scanner_, PaddedString(body)).ok() &&
                         message.envelope().kind == MessageKind::error_response;
  const Envelope& envelope = message.envelope();
  if (sending.purpose == Purpose::discover) {
    if (is_answer && era_questions::shows_modern(envelope)) return discovered(envelope, now);
    if (says_nothing(status)) return give_up(status_error(status));
    may_be_modern_ = is_answer && status == 404 && error_code(envelope) == rpc::method_not_found;
    if (is_answer) return discovered(envelope, now);
    return undiscovered(now, status_error(status));
  }
  if (sending.purpose == Purpose::initialize) {
    if (is_answer) return initialized(envelope, now);
    return may_be_modern_ ? become_modern(Json(), now) : give_up(status_error(status));
  }
  if (sending.purpose == Purpose::call && is_answer) return call_answered(sending.call, envelope, now);
  if (of_task && is_answer) return task_answered(sending.call, sending.purpose, envelope, now);
  if (sending.purpose == Purpose::listen && status >= 400 && status < 500 && !says_nothing(status))
    return listen_ended(id, true, now);
  over(id, sending, status_error(status), Outcome::answered, now);
}

void ClientEngine::failed(ClientSendId id, const Error& error, Outcome outcome, Instant now) {
  const auto found = sendings_.find(id);
  if (found == sendings_.end()) return;
  const Sending sending = found->second;
  sendings_.erase(found);
  over(id, sending, error, outcome, now);
}

void ClientEngine::stream_opened(Instant now) {
  stream_was_open_ = true;
  gate_open(now);
}

void ClientEngine::gate_open(Instant now) {
  if (state_ == State::opening && gate_deadline_ != never) become_ready(now);
}

void ClientEngine::stream_unavailable(int status, Instant now) {
  // A server that never opened the stream has none there, whatever it thinks of the session.
  if (status == 404 && stream_was_open_ && !session_id_.empty() && state_ == State::ready)
    return session_lost(now);
  gate_open(now);
}

void ClientEngine::wire_lost(const Error& why, Instant now) {
  static_cast<void>(now);
  if (state_ == State::closed) return;
  // Some servers exit on a question that they do not know.
  const bool ran = why.code != Errc::unavailable;
  if (options_.asks_only && !options_.era && ran) return become_legacy(why, now);
  const bool may_be_legacy = state_ == State::probing && !options_.era && !discovery_ && ran;
  if (!may_be_legacy) return give_up(why);
  probe_deadline_ = never;
  initialize_under_way_ = false;
  sendings_.clear();
  orders_.push_back(ClientOrder{ClientOrder::Kind::restart, 0, {}, {}, false, false});
}

void ClientEngine::restarted(Instant now) {
  if (state_ == State::probing) initialize(now);
}

// ---- Time

Instant ClientEngine::due() const {
  if (state_ == State::closed) return never;
  Instant first = std::min({handshake_deadline_, probe_deadline_, gate_deadline_, listen_deadline_,
                            listen_again_at_, tools_deadline_});
  for (const auto& [id, call] : calls_)
    first = std::min(
        {first, call.deadline, call.deadline_absolute, state_ == State::ready ? call.again_at : never});
  for (const auto& [name, ask] : asks_) first = std::min(first, ask.deadline);
  return first;
}

void ClientEngine::tick(Instant now) {
  if (state_ == State::closed) return;
  if (handshake_deadline_ <= now)
    return give_up(Error(Errc::timed_out, "the server did not complete the handshake in time"));
  if (probe_deadline_ <= now) {
    // A server that is silent on what it does not know; still the first answer counts.
    if (!initialize_under_way_) initialize(now);
    probe_deadline_ = never;
  }
  if (gate_deadline_ <= now) become_ready(now);
  std::vector<ClientCallId> open;
  for (const auto& [id, call] : calls_) open.push_back(id);
  tick_tools(now);
  for (const ClientCallId id : open) tick_call(id, now);
  tick_asks(now);
  tick_listen(now);
}

}  // namespace sluice
