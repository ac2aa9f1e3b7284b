// SPDX-License-Identifier: Apache-2.0
#include "transport/streamable_http_server.h"

#include <algorithm>
#include <array>
#include <utility>

#include "codec/sse.h"
#include "transport/streamable_http_server_parts.h"

namespace sluice {

namespace {

constexpr Bytes json_type = "application/json";
constexpr Bytes session_field = "Mcp-Session-Id";
constexpr std::size_t correlation_bytes_max = 128;
constexpr milliseconds reap_after = milliseconds(10);
constexpr milliseconds housekeeping_every = seconds(60);

HttpCallState& state_of(HttpCall& call) { return static_cast<HttpCallState&>(*call.attachment); }

std::optional<Bytes> optional_field(const HttpCall& call, Bytes name) {
  const HeaderField* field = find_header(call.head().fields, name);
  return field == nullptr ? std::nullopt : std::optional<Bytes>(field->value);
}

bool wants_event_stream(const HttpCall& call) { return accepts(call.head().fields, "text", "event-stream"); }

// What a POST must accept. Most clients say it in these very words, which saves reading the list twice.
bool wants_either_reply(const HttpCall& call) {
  const HttpHead& head = call.head();
  if (header_value(head.fields, "Accept") == "application/json, text/event-stream") return true;
  return wants_event_stream(call) && accepts(head.fields, "application", "json");
}

bool has_prefix_ignoring_case(Bytes text, Bytes prefix) {
  return text.size() > prefix.size() && equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// The mirror fields of a request. One that comes twice is joined, which equals nothing that it must mirror.
class MirrorFields {
 public:
  explicit MirrorFields(const HttpCall& call) {
    headers_.protocol_version = field(call, "MCP-Protocol-Version", joined_[0]);
    headers_.method = field(call, "Mcp-Method", joined_[1]);
    headers_.name = field(call, "Mcp-Name", joined_[2]);
  }
  [[nodiscard]] const StandardHeaders& headers() const { return headers_; }

 private:
  static std::optional<Bytes> field(const HttpCall& call, Bytes name, std::string& joined) {
    if (count_headers(call.head().fields, name) < 2) return optional_field(call, name);
    for (const HeaderField& one : call.head().fields) {
      if (!equals_ignoring_case(one.name, name)) continue;
      if (!joined.empty()) joined += ", ";
      joined += one.value;
    }
    return joined;
  }

  StandardHeaders headers_;
  std::array<std::string, 3> joined_;
};

}  // namespace

StreamableHttpServer::StreamableHttpServer(Parts parts, StreamableHttpOptions options)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      clock_limits_{options_.initialize, options_.limits.mcp.tool, options_.limits.mcp.tool_absolute,
                    options_.limits.mcp.ask, options_.tool_timer},
      revisions_(parts_.service.revisions()),
      scanner_(options_.limits.json),
      reaper_([](void* self) { static_cast<StreamableHttpServer*>(self)->reap(); }, this),
      housekeeper_([](void* self) { static_cast<StreamableHttpServer*>(self)->housekeeping(); }, this) {
  const auto is = [](Era era) { return [era](Revision revision) { return era_of(revision) == era; }; };
  has_legacy_ = std::any_of(revisions_.begin(), revisions_.end(), is(Era::legacy));
  has_modern_ = std::any_of(revisions_.begin(), revisions_.end(), is(Era::modern));
  if (has_legacy_) parts_.reactor.arm_after(housekeeper_, housekeeping_every);
}

StreamableHttpServer::~StreamableHttpServer() {
  cut();
  reap();
}

void StreamableHttpServer::cut() {
  draining_ = true;
  while (!sessions_.empty()) end_session(*sessions_.begin()->second);
  while (!replies_.empty()) {
    HttpReply& reply = *replies_.begin()->first;
    while (!reply.over() && !reply.exchanges().empty())
      reply.exchanges().back()->fail(CancelReason::shutdown, refusals::shutting_down());
  }
}

// ---- The head: cheap checks, cheapest first

void StreamableHttpServer::on_head(HttpCall& call) {
  reap();
  if (options_.guard != nullptr && !options_.guard->admit(call)) {
    ++counters_.refused;
    return;
  }
  auto state = std::make_unique<HttpCallState>();
  const Bytes method = call.head().method;
  if (method != "POST" && (!has_legacy_ || (method != "GET" && method != "DELETE"))) {
    ++counters_.refused;
    const HeaderField allow{"Allow", has_legacy_ ? Bytes("GET, POST, DELETE") : Bytes("POST")};
    const Refusal refusal = refusals::http_method_not_allowed();
    call.respond(refusal.http_status, json_type, render(refusal, {}), HeaderFields(&allow, 1));
    return;
  }
  if (options_.identify) {
    HttpIdentity identity = options_.identify(call);
    if (identity.refuse_status != 0) {
      ++counters_.refused;
      std::vector<HeaderField> fields;
      for (const HeaderPair& field : identity.fields) fields.push_back({field.name, field.value});
      Refusal refusal = refusals::invalid_request(identity.sentence);
      call.respond(identity.refuse_status, json_type, render(refusal, {}), fields);
      return;
    }
    state->principal = std::move(identity.principal);
  }
  call.attachment = std::move(state);
  if (method == "DELETE") return;
  if (method == "POST") {
    const auto type = parse_media_type(call.field("content-type"));
    if (!type || !type->is("application", "json")) {
      refuse(call, refusals::unsupported_media_type());
      return;
    }
  }
  if (method == "POST" ? !wants_either_reply(call) : !wants_event_stream(call))
    refuse(call, refusals::not_acceptable());
}

void StreamableHttpServer::refuse(HttpCall& call, const Refusal& refusal, Bytes id_raw) {
  ++counters_.refused;
  const HeaderField retry{"Retry-After", "1"};
  const bool later = refusal.http_status == 503 || refusal.http_status == 429;
  call.respond(refusal.http_status, json_type, render(refusal, id_raw), HeaderFields(&retry, later ? 1 : 0));
}

void StreamableHttpServer::accept(HttpCall& call) { call.respond(202, {}, {}); }

void StreamableHttpServer::on_request(HttpCall& call, PaddedString body) {
  const Bytes method = call.head().method;
  if (method == "POST") {
    on_post(call, std::move(body));
  } else if (method == "GET") {
    on_get(call);
  } else {
    on_delete(call);
  }
}

// ---- POST

void StreamableHttpServer::on_post(HttpCall& call, PaddedString body) {
  ClientMessage message;
  if (body.size() > options_.limits.json.message_bytes_max) {
    refuse(call, refusals::message_too_large(options_.limits.json.message_bytes_max));
    return;
  }
  const ScanResult scan = message.take(scanner_, std::move(body));
  if (!scan) {
    refuse(call, refusals::from_scan(scan), message.id());
    return;
  }
  if (draining_ && message.envelope().kind == MessageKind::request) {
    refuse(call, refusals::shutting_down(), message.id());
    return;
  }
  const MirrorFields mirror(call);
  if (message.envelope().kind == MessageKind::batch) {
    on_batch(call, std::move(message), mirror.headers());
    return;
  }
  const Era era = has_modern_ ? decide_era(message.envelope(), mirror.headers()) : Era::legacy;
  if (era == Era::modern) {
    on_modern(call, std::move(message), mirror.headers());
  } else if (!has_legacy_) {
    refuse(call, refusals::unsupported_version(revisions_, message.envelope().protocol_version),
           message.id());
  } else {
    on_legacy(call, std::move(message));
  }
}

ClientRequest StreamableHttpServer::make_request(HttpCall& call, ClientMessage message, Era era,
                                                 Revision revision) {
  ClientRequest request;
  request.message = std::move(message);
  request.era = era;
  request.revision = revision;
  request.principal = state_of(call).principal;
  request.over_http = true;
  request.opened = parts_.reactor.now();
  const Bytes theirs = call.field("X-Request-Id");
  if (!theirs.empty() && theirs.size() <= correlation_bytes_max) {
    request.correlation_id = theirs;
  } else {
    request.correlation_id = "h" + std::to_string(next_correlation_++);
  }
  for (const std::string& name : options_.keep_headers)
    if (const HeaderField* field = find_header(call.head().fields, name); field != nullptr)
      request.kept_headers.push_back({name, std::string(field->value)});
  if (era == Era::modern)
    for (const HeaderField& field : call.head().fields)
      if (has_prefix_ignoring_case(field.name, "mcp-param-"))
        request.param_headers.push_back({std::string(field.name), std::string(field.value)});
  return request;
}

bool StreamableHttpServer::may_listen(const Principal& principal) const {
  const auto count = listens_.find(principal.name);
  return count == listens_.end() || count->second < options_.limits.mcp.listens_per_principal_max;
}

void StreamableHttpServer::on_modern(HttpCall& call, ClientMessage message, const StandardHeaders& headers) {
  const Envelope& envelope = message.envelope();
  if (const auto refusal = check_modern(envelope, headers, revisions_, options_.unknown_methods)) {
    refuse(call, *refusal, message.id());
    return;
  }
  if (envelope.kind != MessageKind::request) {
    accept(call);  // no notification of a client means anything over HTTP in this era
    return;
  }
  if (envelope.method == "subscriptions/listen" && !may_listen(state_of(call).principal)) {
    refuse(call, refusals::too_many_in_flight(options_.limits.mcp.listens_per_principal_max), message.id());
    return;
  }
  const Revision revision = parse_revision(envelope.meta_protocol_version).value_or(latest_modern);
  auto owned = std::make_unique<HttpReply>(*this, call, Era::modern, nullptr, false);
  HttpReply& reply = *owned;
  replies_.emplace(&reply, std::move(owned));
  state_of(call).reply = &reply;
  reply.add(make_request(call, std::move(message), Era::modern, revision), call.take_charge()).open();
}

HttpSession* StreamableHttpServer::find_session(HttpCall& call, Bytes id_raw) {
  const auto id = optional_field(call, session_field);
  if (!id || id->empty()) {
    refuse(call, refusals::session_missing(), id_raw);
    return nullptr;
  }
  // Who is not the session's principal learns nothing, not even that it exists.
  const auto found = sessions_.find(*id);
  if (found == sessions_.end() || found->second->over() ||
      !(found->second->principal() == state_of(call).principal)) {
    refuse(call, refusals::session_unknown(), id_raw);
    return nullptr;
  }
  HttpSession& session = *found->second;
  const VersionHeader version =
      check_version_header(optional_field(call, "MCP-Protocol-Version"), session.revision());
  if (version.refusal) {
    refuse(call, *version.refusal, id_raw);
    return nullptr;
  }
  if (!session.has_standalone()) session.touch();
  return &session;
}

void StreamableHttpServer::on_legacy(HttpCall& call, ClientMessage message) {
  const Envelope& envelope = message.envelope();
  if (envelope.kind == MessageKind::request && envelope.method == "initialize" &&
      !sessions_.contains(call.field(session_field))) {
    on_initialize(call, std::move(message));
    return;
  }
  HttpSession* session = find_session(call, message.id());
  if (session == nullptr) return;
  const Admission admission = session->state.admit(envelope);
  if (admission.verdict == Admission::Verdict::refuse) {
    refuse(call, admission.refusal, message.id());
    return;
  }
  if (admission.verdict == Admission::Verdict::pass && envelope.kind == MessageKind::request) {
    auto owned = std::make_unique<HttpReply>(*this, call, Era::legacy, session, false);
    HttpReply& reply = *owned;
    replies_.emplace(&reply, std::move(owned));
    state_of(call).reply = &reply;
    reply.add(make_request(call, std::move(message), Era::legacy, session->revision()), call.take_charge())
        .open();
    return;
  }
  accept(call);
  if (admission.verdict == Admission::Verdict::pass) on_client_message(*session, std::move(message));
}

// A notification or a response.
void StreamableHttpServer::on_client_message(HttpSession& session, ClientMessage message) {
  const Envelope& envelope = message.envelope();
  if (envelope.kind == MessageKind::notification && envelope.method == "notifications/cancelled") {
    if (HttpExchange* exchange = session.find(envelope.view(envelope.request_id)))
      exchange->cancel(CancelReason::client);
    return;
  }
  if (envelope.kind != MessageKind::notification) session.answered(message.envelope());
  parts_.service.message(session, std::move(message));
}

void StreamableHttpServer::on_initialize(HttpCall& call, ClientMessage message) {
  if (sessions_.size() >= options_.limits.mcp.sessions_max) {
    refuse(call, refusals::overloaded("too many sessions are open; try again later"), message.id());
    return;
  }
  const Principal& principal = state_of(call).principal;
  const SessionRandom random = parts_.entropy();
  const std::string id = parts_.session_ids.mint(random[0], random, principal, parts_.reactor.wall());
  const Revision offer = negotiate_legacy(message.envelope().protocol_version);
  auto owned_session = std::make_unique<HttpSession>(*this, id, principal, offer);
  HttpSession& session = *owned_session;
  const Admission admission = session.state.admit(message.envelope());
  if (admission.verdict != Admission::Verdict::pass) {
    refuse(call, admission.refusal, message.id());
    return;
  }
  sessions_.emplace(session.id(), std::move(owned_session));
  auto owned = std::make_unique<HttpReply>(*this, call, Era::legacy, &session, false);
  HttpReply& reply = *owned;
  reply.announce(id);
  replies_.emplace(&reply, std::move(owned));
  state_of(call).reply = &reply;
  reply.add(make_request(call, std::move(message), Era::legacy, offer), call.take_charge()).open();
}

// ---- Batches, 2025-03-26 only

void StreamableHttpServer::on_batch(HttpCall& call, ClientMessage message, const StandardHeaders& headers) {
  const std::vector<JsonSpan> spans = scanner_.batch();
  std::vector<ClientMessage> elements;
  std::vector<Envelope> envelopes;
  elements.reserve(spans.size());
  for (const JsonSpan span : spans) {
    ClientMessage& element = elements.emplace_back();
    const ScanResult scan = element.take(scanner_, PaddedString(span.in(message.text())));
    if (!scan) {
      refuse(call, refusals::from_scan(scan));
      return;
    }
    if (!has_legacy_ || (has_modern_ && decide_era(element.envelope(), headers) == Era::modern)) {
      refuse(call, refusals::invalid_request("this revision has no batches"));
      return;
    }
    envelopes.push_back(element.envelope());
  }
  HttpSession* session = find_session(call, {});
  if (session == nullptr) return;
  if (const auto refusal = session->state.check_batch(envelopes)) {
    refuse(call, *refusal);
    return;
  }
  run_batch(call, *session, std::move(elements));
}

void StreamableHttpServer::run_batch(HttpCall& call, HttpSession& session,
                                     std::vector<ClientMessage> elements) {
  auto owned = std::make_unique<HttpReply>(*this, call, Era::legacy, &session, true);
  HttpReply& reply = *owned;
  std::vector<HttpExchange*> exchanges;
  std::vector<ClientMessage> others;
  std::string refused;  // error responses, comma-separated
  for (ClientMessage& element : elements) {
    const Admission admission = session.state.admit(element.envelope());
    if (admission.verdict == Admission::Verdict::refuse) {
      ++counters_.refused;
      if (!refused.empty()) refused += ',';
      refused += render(admission.refusal, element.id());
    } else if (admission.verdict == Admission::Verdict::pass) {
      if (element.envelope().kind == MessageKind::request) {
        exchanges.push_back(
            &reply.add(make_request(call, std::move(element), Era::legacy, session.revision()), Charge()));
      } else {
        others.push_back(std::move(element));
      }
    }
  }
  if (exchanges.empty() && refused.empty()) {
    accept(call);
  } else {
    replies_.emplace(&reply, std::move(owned));
    state_of(call).reply = &reply;
    if (!refused.empty()) reply.deliver(refused, 200);
  }
  // Whatever the service ends meanwhile stays in the graveyard until this returns, so looking at it is safe.
  for (HttpExchange* exchange : exchanges)
    if (!exchange->over()) exchange->open();
  for (ClientMessage& other : others)
    if (!session.over()) on_client_message(session, std::move(other));
}

// ---- GET and DELETE

void StreamableHttpServer::on_get(HttpCall& call) {
  HttpSession* session = find_session(call, {});
  if (session == nullptr) return;
  HttpCallState& state = state_of(call);
  if (draining_) {
    refuse(call, refusals::shutting_down());
    return;
  }
  const auto last_event = optional_field(call, "Last-Event-ID");
  if (last_event && !last_event->empty()) {
    resume(call, *session, *last_event);
    return;
  }
  if (session->has_standalone()) {
    Refusal refusal = refusals::invalid_request("this session has a stream already; close it first");
    refusal.http_status = 409;
    refuse(call, refusal);
    return;
  }
  session->open_standalone(call, state);
}

void StreamableHttpServer::resume(HttpCall& call, HttpSession& session, Bytes last_event) {
  const auto replay = parts_.event_log.read_since(session.id(), last_event, parts_.reactor.now());
  if (!replay) {
    refuse(call, refusals::invalid_request("the events behind this Last-Event-ID are not kept any more"));
    return;
  }
  counters_.replayed_events += replay->events.size();
  HttpCallState& state = state_of(call);
  if (replay->stream == 0) {
    session.resume_standalone(call, state, replay->events);
    return;
  }
  const auto open = std::find_if(replies_.begin(), replies_.end(), [&](const auto& entry) {
    return entry.first->session() == &session && entry.first->stream() == replay->stream;
  });
  call.start_stream(200, "text/event-stream", event_stream_fields({}));
  for (const LoggedEvent& event : replay->events) {
    out_.clear();
    SseWriter::write_message(out_, event.text, event.id);
    call.write(out_);
  }
  if (open == replies_.end()) {
    call.end();
    return;
  }
  state.reply = open->first;
  open->first->attach(call);
}

void StreamableHttpServer::on_delete(HttpCall& call) {
  HttpSession* session = find_session(call, {});
  if (session == nullptr) return;
  call.respond(204, {}, {});
  end_session(*session);
}

// ---- Events of calls

void StreamableHttpServer::on_drained(HttpCall& call) {
  const HttpCallState& state = state_of(call);
  if (state.reply != nullptr) {
    state.reply->on_drained();
  } else if (state.session != nullptr) {
    state.session->on_drained();
  }
}

void StreamableHttpServer::on_gone(HttpCall& call) {
  if (!call.attachment) return;
  HttpCallState& state = state_of(call);
  HttpReply* reply = std::exchange(state.reply, nullptr);
  HttpSession* session = std::exchange(state.session, nullptr);
  if (reply != nullptr) reply->on_gone();
  if (session != nullptr) session->on_gone();
}

// ---- Ends

void StreamableHttpServer::drain() {
  draining_ = true;
  for (auto& [id, session] : sessions_) session->end_standalone();
  std::vector<HttpExchange*> listens;
  for (auto& [reply, owned] : replies_)
    for (const auto& exchange : reply->exchanges())
      if (exchange->is_listen()) listens.push_back(exchange.get());
  for (HttpExchange* listen : listens) listen->end_listen();
}

void StreamableHttpServer::end_session(HttpSession& session) {
  if (session.over()) return;
  session.begin_closing();
  while (!session.in_flight().empty()) {
    HttpExchange& exchange = *session.in_flight().begin()->second;
    exchange.fail(CancelReason::peer_gone,
                  draining_ ? refusals::shutting_down() : refusals::session_unknown());
  }
  parts_.service.ended(session);
  drop_session(session);
}

void StreamableHttpServer::drop_session(HttpSession& session) {
  const auto found = sessions_.find(session.id());
  if (found == sessions_.end() || found->second.get() != &session) return;
  session.shut();
  dead_sessions_.push_back(std::move(found->second));
  sessions_.erase(found);
  reap_later();
}

void StreamableHttpServer::bury(std::unique_ptr<HttpExchange> exchange) {
  dead_exchanges_.push_back(std::move(exchange));
  reap_later();
}

void StreamableHttpServer::forget_reply(HttpReply& reply) {
  const auto found = replies_.find(&reply);
  if (found == replies_.end()) return;
  dead_replies_.push_back(std::move(found->second));
  replies_.erase(found);
  reap_later();
}

void StreamableHttpServer::reap_later() {
  if (!reaper_.armed()) parts_.reactor.arm_after(reaper_, reap_after);
}

// Called from the reactor only, or when we are destroyed.
void StreamableHttpServer::reap() {
  // Attachments may end further things when they are destroyed: those wait for the next time.
  const auto exchanges = std::exchange(dead_exchanges_, {});
  const auto replies = std::exchange(dead_replies_, {});
  const auto sessions = std::exchange(dead_sessions_, {});
}

void StreamableHttpServer::housekeeping() {
  parts_.event_log.expire(parts_.reactor.now());
  parts_.reactor.arm_after(housekeeper_, housekeeping_every);
}

}  // namespace sluice
