// SPDX-License-Identifier: Apache-2.0
// HttpSession: one legacy session and its standalone stream.
#include <utility>

#include "codec/sse.h"
#include "transport/streamable_http_server_parts.h"

namespace sluice {

namespace {
constexpr std::uint32_t standalone_stream = 0;
}  // namespace

HttpSession::HttpSession(StreamableHttpServer& server, std::string id, Principal principal, Revision offer)
    : Session(std::move(principal), offer),
      state(server.options_.limits.mcp, server.parts_.reactor.now()),
      server_(server),
      id_(std::move(id)),
      idle_([](void* self) { static_cast<HttpSession*>(self)->on_idle(); }, this),
      keep_alive_([](void* self) { static_cast<HttpSession*>(self)->on_keep_alive(); }, this) {
  touch();
}

void HttpSession::touch() {
  server_.parts_.reactor.arm_after(idle_, server_.options_.limits.mcp.session_idle);
}

void HttpSession::negotiated(Revision revision) {
  revision_ = revision;
  state.initialize_answered(revision);
}

void HttpSession::opened(HttpExchange& exchange) { in_flight_[exchange.id().canonical()] = &exchange; }

void HttpSession::closed(HttpExchange& exchange) {
  in_flight_.erase(exchange.id().canonical());
  state.finished(exchange.id());
  asks_.closed(exchange.clock());
}

void HttpSession::asked(Bytes message, const std::vector<ExchangeClock*>& clocks) {
  asks_.asked(message, server_.options_.limits.json, clocks);
}

HttpExchange* HttpSession::find(Bytes raw_id) const {
  const auto id = RpcId::from_raw(raw_id);
  if (!id) return nullptr;
  const auto found = in_flight_.find(id->canonical());
  return found == in_flight_.end() ? nullptr : found->second;
}

std::uint32_t HttpSession::next_stream() { return ++streams_; }

void HttpSession::stream_ended(std::uint32_t stream) {
  ended_streams_.push_back(stream);
  if (ended_streams_.size() <= server_.options_.limits.mcp.ended_streams_max) return;
  server_.parts_.event_log.drop_stream({id_, ended_streams_.front()});
  ended_streams_.erase(ended_streams_.begin());
}

// ---- The standalone stream

std::size_t HttpSession::send(Bytes message) {
  const std::size_t enough = server_.options_.limits.net.unsent_bytes_soft;
  if (over_) return 0;
  std::vector<ExchangeClock*> clocks;
  for (const auto& [id, exchange] : in_flight_)
    if (may_be_asked_during(exchange->request().message.envelope())) clocks.push_back(&exchange->clock());
  asked(message, clocks);
  EventLog& log = server_.parts_.event_log;
  const Instant now = server_.parts_.reactor.now();
  if (last_standalone_id_.empty())
    if (auto mark = log.mark({id_, standalone_stream}, now)) last_standalone_id_ = std::move(*mark);
  const auto logged = log.append({id_, standalone_stream}, message, now);
  if (standalone_ == nullptr) return enough;
  const std::size_t room = write_standalone(message, logged ? Bytes(*logged) : Bytes());
  blocked_ = room == 0;
  return room;
}

std::size_t HttpSession::write_standalone(Bytes text, Bytes id) {
  std::string& out = server_.out_;
  out.clear();
  SseWriter::write_message(out, text, id);
  if (!id.empty()) last_standalone_id_ = id;
  server_.parts_.reactor.arm_after(keep_alive_, server_.options_.limits.sse.keep_alive_comment);
  return standalone_->write(out);
}

void HttpSession::start_stream(HttpCall& call, HttpCallState& call_state) {
  standalone_ = &call;
  call_state.session = this;
  idle_.cancel();
  call.start_stream(200, "text/event-stream", event_stream_fields({}));
  server_.parts_.reactor.arm_after(keep_alive_, server_.options_.limits.sse.keep_alive_comment);
}

void HttpSession::open_standalone(HttpCall& call, HttpCallState& call_state) {
  EventLog& log = server_.parts_.event_log;
  const Instant now = server_.parts_.reactor.now();
  // What was sent while nobody listened comes first; if some of it was evicted, what is left of it is not
  // sent either, since a stream must have no hole.
  Result<Replay> waiting = Error(Errc::not_found, {});
  if (!last_standalone_id_.empty()) waiting = log.read_since(id_, last_standalone_id_, now);
  if (!waiting)
    if (auto mark = log.mark({id_, standalone_stream}, now)) last_standalone_id_ = std::move(*mark);
  start_stream(call, call_state);
  if (revision_ >= Revision::r2025_11_25 && !last_standalone_id_.empty()) {
    SseOutput prime;
    prime.id = last_standalone_id_;
    prime.retry = server_.options_.sse_retry;
    server_.out_.clear();
    SseWriter::write_event(server_.out_, prime);
    call.write(server_.out_);
  } else {
    server_.out_.clear();
    SseWriter::write_comment(server_.out_);
    call.write(server_.out_);
  }
  if (waiting)
    for (const LoggedEvent& event : waiting->events) write_standalone(event.text, event.id);
  call.rest();
}

void HttpSession::resume_standalone(HttpCall& call, HttpCallState& call_state,
                                    const std::vector<LoggedEvent>& events) {
  end_standalone();
  start_stream(call, call_state);
  for (const LoggedEvent& event : events) write_standalone(event.text, event.id);
  call.rest();
}

void HttpSession::end_standalone() {
  if (standalone_ == nullptr) return;
  HttpCall* call = std::exchange(standalone_, nullptr);
  if (auto* call_state = static_cast<HttpCallState*>(call->attachment.get())) call_state->session = nullptr;
  keep_alive_.cancel();
  if (!over_) touch();
  call->end();
}

void HttpSession::on_drained() {
  if (over_ || !blocked_) return;
  blocked_ = false;
  server_.parts_.service.drained(*this);
}

void HttpSession::on_gone() {
  standalone_ = nullptr;
  keep_alive_.cancel();
  if (over_) return;
  touch();
  on_drained();
}

void HttpSession::on_keep_alive() {
  if (standalone_ == nullptr) return;
  server_.out_.clear();
  SseWriter::write_comment(server_.out_);
  standalone_->write(server_.out_);
  server_.parts_.reactor.arm_after(keep_alive_, server_.options_.limits.sse.keep_alive_comment);
}

// ---- Ends

void HttpSession::on_idle() {
  if (over_) return;
  if (!in_flight_.empty() || standalone_ != nullptr) {
    touch();
    return;
  }
  ++server_.counters_.sessions_expired;
  server_.end_session(*this);
}

void HttpSession::end(std::string_view why) {
  if (over_ || closing_) return;
  Refusal refusal = refusals::upstream_lost(Outcome::sent_unknown);
  refusal.message = why;
  closing_ = true;
  while (!in_flight_.empty()) in_flight_.begin()->second->answer_refusal(refusal);
  closing_ = false;
  server_.drop_session(*this);
}

void HttpSession::shut() {
  over_ = true;
  state.close();
  idle_.cancel();
  end_standalone();
  server_.parts_.event_log.drop_session(id_);
}

}  // namespace sluice
