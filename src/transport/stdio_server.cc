// SPDX-License-Identifier: Apache-2.0
#include "transport/stdio_server.h"

#include <algorithm>
#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"

namespace sluice {

namespace {

constexpr milliseconds reap_after = milliseconds(10);
constexpr milliseconds look_every = milliseconds(10);
constexpr std::uint32_t looks_max = 200;  // two seconds for the peer to take our last words

}  // namespace

class LineSession final : public Session {
 public:
  LineSession(StdioServer& server, Revision offer)
      : Session(server.options_.principal, offer),
        state(server.options_.limits.mcp, server.reactor_.now()),
        server_(server) {}

  std::size_t send(Bytes message) override;
  void end(std::string_view why) override;

  void set_revision(Revision revision) {
    revision_ = revision;
    state.initialize_answered(revision);
  }

  LegacySession state;
  OpenAsks asks;
  bool established = false;  // the service was told of it by an exchange
  bool blocked = false;
  bool over = false;

 private:
  StdioServer& server_;
};

class LineExchange final : public Exchange {
 public:
  LineExchange(StdioServer& server, ClientRequest request, LineSession* session)
      : Exchange(std::move(request), session),
        server_(server),
        line_session_(session),
        charge_(server.reactor_.budget()),
        clock_(
            server.reactor_, server.clock_limits_, exchange_kind(request_.message.envelope().method),
            request_.opened, [](void* self) { static_cast<LineExchange*>(self)->on_timeout(); }, this) {
    if (auto id = RpcId::from_raw(request_.message.id())) id_ = std::move(*id);
  }

  // False when the byte budget has no room for the request.
  [[nodiscard]] bool charge() { return charge_.resize(request_.message.text().size() + padding_bytes); }

  void open() {
    clock_.sign();
    server_.service_.open(*this);
  }

  std::size_t notify(Bytes message) override {
    if (over_) return 0;
    if (message.find("notifications/progress") != Bytes::npos) clock_.sign();
    return send(message);
  }

  std::size_t ask(Bytes message) override {
    if (over_ || line_session_ == nullptr) return 0;
    line_session_->asks.asked(message, server_.options_.limits.json, {&clock_});
    return send(message);
  }

  void sign(LifeSign why) override {
    if (!over_) clock_.sign(why);
  }

  void finish(Bytes response) override {
    if (over_) return;
    if (clock_.kind() == ExchangeKind::initialize && line_session_ != nullptr) {
      if (const auto revision = negotiated_revision(response, server_.options_.limits.json)) {
        line_session_->set_revision(*revision);
      } else {
        line_session_->state.initialize_failed();
      }
    }
    conclude(response);
  }

  void refuse(int http_status, int code, std::string_view sentence, std::string_view data) override {
    if (over_) return;
    Refusal refusal;
    refusal.http_status = http_status;
    refusal.code = code;
    refusal.message = sentence;
    refusal.data_json = data;
    answer_refusal(refusal);
  }

  void answer_refusal(const Refusal& refusal) {
    if (clock_.kind() == ExchangeKind::initialize && line_session_ != nullptr)
      line_session_->state.initialize_failed();
    conclude(render(refusal, id_.raw()));
  }

  // Tells the service; an empty response is none.
  void end(CancelReason reason, Bytes response) {
    if (over_) return;
    if (clock_.kind() == ExchangeKind::initialize && line_session_ != nullptr)
      line_session_->state.initialize_failed();
    std::unique_ptr<LineExchange> self = leave();
    server_.service_.cancelled(*this, reason);
    if (!response.empty()) server_.channel_->send(response);
    server_.bury(std::move(self));
  }

  void end_listen() {
    std::string result;
    JsonWriter(result)
        .begin_object()
        .member("resultType", "complete")
        .key("_meta")
        .begin_object()
        .raw_member("io.modelcontextprotocol/subscriptionId", id_.raw())
        .end_object()
        .end_object();
    end(CancelReason::shutdown, make_response(id_.raw(), result));
  }

  void drained() {
    if (over_ || !blocked_) return;
    blocked_ = false;
    server_.service_.drained(*this);
  }
  [[nodiscard]] ExchangeClock& clock() { return clock_; }

  [[nodiscard]] bool is_listen() const { return clock_.kind() == ExchangeKind::listen; }
  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] const RpcId& id() const { return id_; }

 private:
  std::size_t send(Bytes message) {
    const std::size_t room = server_.channel_->send(message);
    blocked_ = room == 0;
    return room;
  }

  std::unique_ptr<LineExchange> leave() {
    over_ = true;
    clock_.stop();
    if (line_session_ != nullptr) {
      line_session_->state.finished(id_);
      line_session_->asks.closed(clock_);
    }
    return server_.take(*this);
  }

  void conclude(Bytes response) {
    std::unique_ptr<LineExchange> self = leave();
    server_.channel_->send(response);
    server_.bury(std::move(self));
  }

  void on_timeout() {
    end(CancelReason::timed_out, render(refusals::timed_out(Outcome::sent_unknown), id_.raw()));
  }

  StdioServer& server_;
  LineSession* line_session_;
  Charge charge_;
  RpcId id_;
  ExchangeClock clock_;
  bool blocked_ = false;
  bool over_ = false;
};

std::size_t LineSession::send(Bytes message) {
  if (over) return 0;
  std::vector<ExchangeClock*> clocks;
  for (const auto& [id, exchange] : server_.exchanges_)
    if (may_be_asked_during(exchange->request().message.envelope())) clocks.push_back(&exchange->clock());
  asks.asked(message, server_.options_.limits.json, clocks);
  const std::size_t room = server_.channel_->send(message);
  blocked = room == 0;
  return room;
}

void LineSession::end(std::string_view why) {
  if (over) return;
  over = true;
  Refusal refusal = refusals::upstream_lost(Outcome::sent_unknown);
  refusal.message = why;
  while (!server_.exchanges_.empty()) server_.exchanges_.begin()->second->answer_refusal(refusal);
  state.close();
  server_.dead_session_ = std::move(server_.session_);
  server_.close();
}

// ---- StdioServer

StdioServer::StdioServer(Reactor& reactor, Service& service, StreamPtr stream, StdioServerOptions options,
                         std::function<void()> closed)
    : reactor_(reactor),
      service_(service),
      options_(std::move(options)),
      clock_limits_{options_.initialize, options_.limits.mcp.tool, options_.limits.mcp.tool_absolute,
                    options_.limits.mcp.ask, options_.tool_timer},
      revisions_(service.revisions()),
      closed_(std::move(closed)),
      scanner_(options_.limits.json),
      reaper_([](void* self) { static_cast<StdioServer*>(self)->reap(); }, this),
      look_([](void* self) { static_cast<StdioServer*>(self)->look(); }, this) {
  for (const Revision revision : revisions_)
    (era_of(revision) == Era::legacy ? has_legacy_ : has_modern_) = true;
  LineChannelLimits limits;
  limits.json = options_.limits.json;
  limits.turn_messages_max = options_.limits.net.turn_messages_max;
  limits.unsent_bytes_max = options_.limits.net.unsent_bytes_max;
  LineChannelHandler& self = *this;
  channel_ = std::make_unique<LineChannel>(reactor, std::move(stream), self, limits);
}

StdioServer::~StdioServer() {
  end_all(CancelReason::shutdown);
  reap();
}

// The first message that says it decides for good. server/discover is answered as modern and decides nothing,
// since a client may still fall back.
Era StdioServer::era_of_message(const Envelope& envelope) {
  if (!has_modern_) return Era::legacy;
  if (pin_ != Pin::none) return pin_ == Pin::modern ? Era::modern : Era::legacy;
  if (envelope.kind == MessageKind::request && envelope.meta_protocol_version_span) {
    if (envelope.method != "server/discover") pin_ = Pin::modern;
    return Era::modern;
  }
  if (envelope.kind == MessageKind::request && envelope.method == "initialize" && has_legacy_)
    pin_ = Pin::legacy;
  // A discover in flight may be cancelled before anything is decided.
  if (!has_legacy_ || (envelope.method == "notifications/cancelled" && !session_)) return Era::modern;
  return Era::legacy;
}

void StdioServer::on_message(ClientMessage message) {
  if (closing_) return;
  if (draining_ && message.envelope().kind == MessageKind::request) {
    refuse(refusals::shutting_down(), message.id());
    return;
  }
  if (era_of_message(message.envelope()) == Era::modern) {
    on_modern(std::move(message));
  } else {
    on_legacy(std::move(message));
  }
}

void StdioServer::refuse(const Refusal& refusal, Bytes id_raw) { channel_->send(render(refusal, id_raw)); }

void StdioServer::on_modern(ClientMessage message) {
  const Envelope& envelope = message.envelope();
  if (envelope.kind == MessageKind::request && envelope.method == "initialize" &&
      !envelope.meta_protocol_version_span) {
    refuse(refusals::unsupported_version(revisions_, envelope.protocol_version), message.id());
    return;
  }
  const auto refusal = check_modern_line(envelope, revisions_, options_.unknown_methods);
  if (envelope.kind == MessageKind::notification) {
    // Nobody can be told of a bad notification.
    if (!refusal && envelope.method == "notifications/cancelled")
      if (LineExchange* exchange = find(envelope.view(envelope.request_id)))
        exchange->end(CancelReason::client, {});
    return;
  }
  if (refusal) {
    if (envelope.kind == MessageKind::request) refuse(*refusal, message.id());
    return;
  }
  if (find(message.id()) != nullptr) {
    refuse(refusals::duplicate_id(), message.id());
    return;
  }
  if (exchanges_.size() >= options_.limits.mcp.exchanges_per_session_max) {
    refuse(refusals::too_many_in_flight(options_.limits.mcp.exchanges_per_session_max), message.id());
    return;
  }
  const Revision revision = parse_revision(envelope.meta_protocol_version).value_or(latest_modern);
  open(std::move(message), Era::modern, revision);
}

void StdioServer::on_legacy(ClientMessage message) {
  const Envelope& envelope = message.envelope();
  if (!session_) session_ = std::make_unique<LineSession>(*this, negotiate_legacy(envelope.protocol_version));
  const Admission admission = session_->state.admit(envelope);
  if (admission.verdict == Admission::Verdict::refuse) {
    if (envelope.kind == MessageKind::request) refuse(admission.refusal, message.id());
    return;
  }
  if (admission.verdict == Admission::Verdict::drop) return;
  if (envelope.kind == MessageKind::request) {
    const Revision revision =
        envelope.method == "initialize" ? negotiate_legacy(envelope.protocol_version) : session_->revision();
    open(std::move(message), Era::legacy, revision);
  } else {
    on_client_message(std::move(message));
  }
}

// A notification or a response in the legacy session.
void StdioServer::on_client_message(ClientMessage message) {
  const Envelope& envelope = message.envelope();
  if (envelope.kind == MessageKind::notification && envelope.method == "notifications/cancelled") {
    if (LineExchange* exchange = find(envelope.view(envelope.request_id)))
      exchange->end(CancelReason::client, {});
    return;
  }
  if (envelope.kind != MessageKind::notification) session_->asks.answered(envelope);
  service_.message(*session_, std::move(message));
}

void StdioServer::open(ClientMessage message, Era era, Revision revision) {
  ClientRequest request;
  request.message = std::move(message);
  request.era = era;
  request.revision = revision;
  request.principal = options_.principal;
  request.correlation_id = "l" + std::to_string(next_correlation_++);
  request.opened = reactor_.now();
  auto owned = std::make_unique<LineExchange>(*this, std::move(request),
                                              era == Era::legacy ? session_.get() : nullptr);
  LineExchange& exchange = *owned;
  exchanges_[exchange.id().canonical()] = std::move(owned);
  if (!exchange.charge()) {
    exchange.answer_refusal(refusals::overloaded("the server has no memory left for this request"));
    return;
  }
  if (era == Era::legacy) session_->established = true;
  exchange.open();
}

bool StdioServer::on_batch(PaddedString text) {
  if (closing_ || !session_ || pin_ != Pin::legacy) return false;
  // The channel's scanner is not ours, so the elements are found again.
  Envelope envelope;
  if (!scanner_.scan(text.padded(), envelope)) return false;
  const std::vector<JsonSpan> spans = scanner_.batch();
  std::vector<ClientMessage> elements;
  std::vector<Envelope> envelopes;
  for (const JsonSpan span : spans) {
    ClientMessage& element = elements.emplace_back();
    if (!element.take(scanner_, PaddedString(span.in(text.view())))) return false;
    envelopes.push_back(element.envelope());
  }
  if (session_->state.check_batch(envelopes)) return false;
  // Answers go out one by one, as they come.
  for (ClientMessage& element : elements)
    if (session_) on_message(std::move(element));
  return true;
}

void StdioServer::on_bad_line(const BadLine& line) {
  if (closing_) return;
  const LineChannelCounters& counts = channel_->counters();
  if (counts.bad_lines + counts.long_lines > options_.limits.upstream.bad_lines_max) {
    end_all(CancelReason::peer_gone);
    close();
    return;
  }
  Refusal refusal = refusals::invalid_request(line.reason);
  if (line.code != 0) refusal.code = line.code;
  refuse(refusal, line.id);
}

void StdioServer::on_drained() {
  std::vector<LineExchange*> waiting;
  for (const auto& [id, exchange] : exchanges_) waiting.push_back(exchange.get());
  // What ends meanwhile stays in `dead_` until a timer fires.
  for (LineExchange* exchange : waiting) exchange->drained();
  if (session_ && session_->blocked) {
    session_->blocked = false;
    service_.drained(*session_);
  }
}

// ---- Tables

LineExchange* StdioServer::find(Bytes raw_id) const {
  const auto id = RpcId::from_raw(raw_id);
  if (!id) return nullptr;
  const auto found = exchanges_.find(id->canonical());
  return found == exchanges_.end() ? nullptr : found->second.get();
}

std::unique_ptr<LineExchange> StdioServer::take(LineExchange& exchange) {
  const auto found = exchanges_.find(exchange.id().canonical());
  CHECK(found != exchanges_.end() && found->second.get() == &exchange);
  std::unique_ptr<LineExchange> taken = std::move(found->second);
  exchanges_.erase(found);
  return taken;
}

void StdioServer::bury(std::unique_ptr<LineExchange> exchange) {
  dead_.push_back(std::move(exchange));
  if (!reaper_.armed()) reactor_.arm_after(reaper_, reap_after);
  if (draining_ && exchanges_.empty()) close();
}

void StdioServer::reap() {
  const auto exchanges = std::exchange(dead_, {});
  const auto session = std::move(dead_session_);
}

// ---- Ends

void StdioServer::on_end() {
  end_all(CancelReason::peer_gone);
  close();
}

void StdioServer::on_failed(const Error&) {
  end_all(CancelReason::peer_gone);
  closing_ = true;
  look();
}

void StdioServer::end_all(CancelReason reason) {
  closing_ = true;
  while (!exchanges_.empty()) exchanges_.begin()->second->end(reason, {});
  if (!session_) return;
  session_->over = true;
  session_->state.close();
  if (session_->established) service_.ended(*session_);
  dead_session_ = std::move(session_);
}

void StdioServer::drain() {
  draining_ = true;
  std::vector<LineExchange*> listens;
  for (const auto& [id, exchange] : exchanges_)
    if (exchange->is_listen()) listens.push_back(exchange.get());
  for (LineExchange* listen : listens) listen->end_listen();
  if (exchanges_.empty()) close();
}

// Our last words go out first. What is left open by then ends too.
void StdioServer::close() {
  if (look_.armed()) return;
  closing_ = true;
  channel_->shutdown();
  looks_ = 0;
  reactor_.arm_after(look_, look_every);
}

void StdioServer::look() {
  if (channel_->unsent() > 0 && ++looks_ < looks_max) {
    reactor_.arm_after(look_, look_every);
    return;
  }
  end_all(CancelReason::shutdown);
  if (closed_) std::exchange(closed_, nullptr)();
}

}  // namespace sluice
