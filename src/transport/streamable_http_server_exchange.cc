// SPDX-License-Identifier: Apache-2.0
// HttpExchange and HttpReply: how one POST is answered.
#include <algorithm>
#include <utility>

#include "codec/json_writer.h"
#include "codec/sse.h"
#include "transport/streamable_http_server_parts.h"

namespace sluice {

namespace {

constexpr Bytes json_type = "application/json";
constexpr std::size_t copied_bytes_max = 16 * 1024;  // a larger message is written from where it lies
constexpr Bytes event_stream_type = "text/event-stream";

// The HTTP status of a response that the service made: 200, but for the one error whose status is 400
// wherever it arises (ledger C2). Looks closer only at texts that hold its code.
int status_of_response(Bytes response, const JsonLimits& limits) {
  if (response.find("-32021") == Bytes::npos) return 200;
  Envelope envelope;
  const PaddedString text(response);
  if (!scan_message(text.padded(), limits, envelope)) return 200;
  return envelope.view(envelope.error_code) == "-32021" ? 400 : 200;
}

}  // namespace

std::vector<HeaderField> event_stream_fields(Bytes session_id) {
  std::vector<HeaderField> fields{{"Cache-Control", "no-cache, no-transform"}, {"X-Accel-Buffering", "no"}};
  if (!session_id.empty()) fields.push_back({"Mcp-Session-Id", session_id});
  return fields;
}

// ---- HttpExchange

HttpExchange::HttpExchange(StreamableHttpServer& server, HttpReply& reply, ClientRequest request,
                           HttpSession* session, Charge charge)
    : Exchange(std::move(request), session),
      server_(server),
      reply_(&reply),
      http_session_(session),
      charge_(std::move(charge)),
      clock_(
          server.parts_.reactor, server.clock_limits_, exchange_kind(request_.message.envelope().method),
          request_.opened, [](void* self) { static_cast<HttpExchange*>(self)->on_timeout(); }, this) {
  if (auto id = RpcId::from_raw(request_.message.id())) id_ = std::move(*id);
  ++server_.in_flight_;
  ++server_.counters_.requests;
  if (http_session_ != nullptr) http_session_->opened(*this);
  if (is_listen()) ++server_.listens_[request_.principal.name];
}

void HttpExchange::open() {
  clock_.sign();
  server_.parts_.service.open(*this);
}

std::size_t HttpExchange::notify(Bytes message) {
  if (over_) return 0;
  if (message.find("notifications/progress") != Bytes::npos) clock_.sign();
  const std::size_t room = reply_->send(message);
  blocked_ = room == 0;
  return room;
}

std::size_t HttpExchange::ask(Bytes message) {
  if (over_ || http_session_ == nullptr) return 0;
  http_session_->asked(message, {&clock_});
  const std::size_t room = reply_->send(message);
  reply_->rest();  // a person may be asked
  blocked_ = room == 0;
  return room;
}

void HttpExchange::sign(LifeSign why) {
  if (!over_) clock_.sign(why);
}

void HttpExchange::drained() {
  if (over_ || !blocked_) return;
  blocked_ = false;
  server_.parts_.service.drained(*this);
}

void HttpExchange::finish(Bytes response) {
  if (over_) return;
  const JsonLimits& limits = server_.options_.limits.json;
  if (!is_initialize() || http_session_ == nullptr) {
    conclude(response, request_.era == Era::modern ? status_of_response(response, limits) : 200);
    return;
  }
  HttpSession& session = *http_session_;
  if (const auto revision = negotiated_revision(response, limits)) {
    session.negotiated(*revision);
    ++server_.counters_.sessions_opened;
    conclude(response, 200);
    return;
  }
  // The service refused the handshake: there is no session, and it knows.
  reply_->announce({});
  conclude(response, 200);
  server_.drop_session(session);
}

void HttpExchange::refuse(int http_status, int code, std::string_view sentence, std::string_view data) {
  if (over_) return;
  Refusal refusal;
  refusal.http_status = http_status;
  refusal.code = code;
  refusal.message = sentence;
  refusal.data_json = data;
  answer_refusal(refusal);
}

void HttpExchange::answer_refusal(const Refusal& refusal) {
  HttpSession* session = is_initialize() ? http_session_ : nullptr;
  if (session != nullptr) reply_->announce({});
  conclude(render(refusal, id_.raw()), refusal.http_status);
  if (session != nullptr) server_.drop_session(*session);
}

std::unique_ptr<HttpExchange> HttpExchange::leave() {
  over_ = true;
  clock_.stop();
  --server_.in_flight_;
  if (http_session_ != nullptr) http_session_->closed(*this);
  if (is_listen()) {
    const auto count = server_.listens_.find(request_.principal.name);
    if (count != server_.listens_.end() && --count->second == 0) server_.listens_.erase(count);
  }
  return reply_->take(*this);
}

void HttpExchange::conclude(Bytes response, int status) {
  HttpReply& reply = *reply_;
  server_.bury(leave());
  reply.deliver(response, status);
}

void HttpExchange::cancel(CancelReason reason) {
  if (over_) return;
  ++server_.counters_.cancelled;
  HttpReply& reply = *reply_;
  std::unique_ptr<HttpExchange> self = leave();
  server_.parts_.service.cancelled(*this, reason);
  server_.bury(std::move(self));
  reply.end_if_done();
}

void HttpExchange::fail(CancelReason reason, const Refusal& refusal) {
  if (over_) return;
  HttpReply& reply = *reply_;
  HttpSession* unborn = is_initialize() ? http_session_ : nullptr;
  if (unborn != nullptr) reply.announce({});
  std::unique_ptr<HttpExchange> self = leave();
  server_.parts_.service.cancelled(*this, reason);
  const std::string response = render(refusal, id_.raw());
  server_.bury(std::move(self));
  reply.deliver(response, refusal.http_status);
  if (unborn != nullptr) server_.end_session(*unborn);
}

void HttpExchange::end_listen() {
  if (over_) return;
  HttpReply& reply = *reply_;
  std::unique_ptr<HttpExchange> self = leave();
  server_.parts_.service.cancelled(*this, CancelReason::shutdown);
  std::string result;
  JsonWriter(result)
      .begin_object()
      .member("resultType", "complete")
      .key("_meta")
      .begin_object()
      .raw_member("io.modelcontextprotocol/subscriptionId", id_.raw())
      .end_object()
      .end_object();
  const std::string response = make_response(id_.raw(), result);
  server_.bury(std::move(self));
  reply.deliver(response, 200);
}

void HttpExchange::on_timeout() {
  ++server_.counters_.timed_out;
  fail(CancelReason::timed_out, refusals::timed_out(Outcome::sent_unknown));
}

// ---- HttpReply

HttpReply::HttpReply(StreamableHttpServer& server, HttpCall& call, Era era, HttpSession* session, bool batch)
    : server_(server),
      call_(&call),
      session_(session),
      timer_([](void* self) { static_cast<HttpReply*>(self)->on_timer(); }, this),
      era_(era),
      batch_(batch) {
  server_.parts_.reactor.arm_after(timer_, server_.options_.decide_after);
}

HttpExchange& HttpReply::add(ClientRequest request, Charge charge) {
  exchanges_.push_back(
      std::make_unique<HttpExchange>(server_, *this, std::move(request), session_, std::move(charge)));
  return *exchanges_.back();
}

std::unique_ptr<HttpExchange> HttpReply::take(HttpExchange& exchange) {
  const auto place = std::find_if(exchanges_.begin(), exchanges_.end(),
                                  [&](const auto& owned) { return owned.get() == &exchange; });
  CHECK(place != exchanges_.end());
  std::unique_ptr<HttpExchange> taken = std::move(*place);
  exchanges_.erase(place);
  return taken;
}

std::size_t HttpReply::send(Bytes message) {
  if (over_) return 0;
  if (mode_ == Mode::undecided) {
    // A client that left before its stream had an event id can never ask for what follows.
    if (call_ == nullptr) return server_.options_.limits.net.unsent_bytes_soft;
    start_stream();
  }
  return write_event(message);
}

void HttpReply::start_stream() {
  mode_ = Mode::stream;
  call_->start_stream(200, event_stream_type, event_stream_fields(session_id_));
  if (session_ != nullptr) {
    stream_ = session_->next_stream();
    if (session_->revision() >= Revision::r2025_11_25) {
      const auto id = server_.parts_.event_log.mark({session_->id(), stream_}, server_.parts_.reactor.now());
      SseOutput prime;
      if (id) prime.id = *id;
      prime.retry = server_.options_.sse_retry;
      server_.out_.clear();
      if (id) SseWriter::write_event(server_.out_, prime);
      call_->write(server_.out_);
    }
  }
  arm();
  if (!exchanges_.empty() && exchanges_.front()->is_listen()) rest();
  // Responses of a batch that were kept for one array go out as events.
  if (responses_.empty()) return;
  const PaddedString array("[" + std::exchange(responses_, {}) + "]");
  for (const JsonSpan element :
       json_children(array.view(), JsonSpan{0, 0, static_cast<std::uint32_t>(array.size())}))
    write_event(element.in(array.view()));
}

// What follows may be long in coming.
void HttpReply::rest() {
  if (call_ != nullptr && mode_ == Mode::stream) call_->rest();
}

std::size_t HttpReply::write_event(Bytes message) {
  std::string id;
  if (session_ != nullptr) {
    auto logged =
        server_.parts_.event_log.append({session_->id(), stream_}, message, server_.parts_.reactor.now());
    if (logged) id = std::move(*logged);
  }
  if (call_ == nullptr) return server_.options_.limits.net.unsent_bytes_soft;
  std::string& out = server_.out_;
  out.clear();
  arm();
  if (message.size() >= copied_bytes_max && !has_line_end(message)) {
    SseWriter::write_message_begin(out, id);
    return call_->write({out, message, SseWriter::message_end});
  }
  SseWriter::write_message(out, message, id);
  const std::size_t room = call_->write(out);
  if (out.capacity() > 2 * copied_bytes_max) out = std::string();
  return room;
}

void HttpReply::deliver(Bytes response, int status) {
  if (over_) return;
  const bool last = exchanges_.empty();
  if (mode_ == Mode::stream) {
    write_event(response);
    if (!last) return;
    HttpCall* call = release_call();
    finish();
    if (call != nullptr) call->end();
    return;
  }
  if (batch_) {
    if (!responses_.empty()) responses_ += ',';
    responses_ += response;
  }
  if (!last) return;
  HttpCall* call = release_call();
  finish();
  if (call == nullptr) return;
  const HeaderField session{"Mcp-Session-Id", session_id_};
  const HeaderFields fields(&session, session_id_.empty() ? 0 : 1);
  if (batch_) {
    call->respond(200, json_type, "[" + responses_ + "]", fields);
  } else {
    call->respond(status, json_type, response, fields);
  }
}

void HttpReply::end_if_done() {
  if (over_ || !exchanges_.empty()) return;
  HttpCall* call = release_call();
  finish();
  if (call == nullptr) return;
  if (mode_ == Mode::stream) {
    call->end();
  } else if (!responses_.empty()) {
    call->respond(200, json_type, "[" + responses_ + "]");
  } else {
    call->respond(202, {}, {});  // cancelled, and asked for no answer
  }
}

// The call no longer tells us anything.
HttpCall* HttpReply::release_call() {
  if (call_ != nullptr)
    if (auto* state = static_cast<HttpCallState*>(call_->attachment.get())) state->reply = nullptr;
  return std::exchange(call_, nullptr);
}

void HttpReply::finish() {
  over_ = true;
  timer_.cancel();
  if (session_ != nullptr && stream_ != 0) session_->stream_ended(stream_);
  server_.forget_reply(*this);
}

void HttpReply::on_drained() {
  // Whoever is told may end exchanges, so the list is looked at by place and anew.
  for (std::size_t i = 0; i < exchanges_.size(); ++i) exchanges_[i]->drained();
}

void HttpReply::on_gone() {
  call_ = nullptr;
  timer_.cancel();
  if (era_ == Era::modern) {
    while (!over_ && !exchanges_.empty()) exchanges_.back()->cancel(CancelReason::client);
    return;
  }
  // Nobody will ever learn the id of a session whose handshake lost its client.
  if (mode_ == Mode::undecided && !exchanges_.empty() && exchanges_.front()->is_initialize()) {
    exchanges_.front()->fail(CancelReason::peer_gone, refusals::session_unknown());
    return;
  }
  ++server_.counters_.detached;
  on_drained();  // nobody is to wait for a reader that left
}

void HttpReply::attach(HttpCall& call) {
  if (HttpCall* older = release_call()) older->end();
  call_ = &call;
  arm();
}

void HttpReply::arm() {
  server_.parts_.reactor.arm_after(timer_, server_.options_.limits.sse.keep_alive_comment);
}

void HttpReply::on_timer() {
  if (over_ || call_ == nullptr) return;
  if (mode_ == Mode::undecided) start_stream();
  server_.out_.clear();
  SseWriter::write_comment(server_.out_);
  call_->write(server_.out_);
  arm();
}

}  // namespace sluice
