// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream_call.h"

#include <utility>

#include "codec/jsonrpc.h"
#include "gateway/upstream_session.h"
#include "mcp/era_questions.h"
#include "mcp/errors.h"
#include "mcp/methods.h"

namespace sluice {

namespace {

// Codes by which a server shows that it knows the modern era.
bool is_modern_code(Bytes code) {
  return code == "-32020" || code == "-32021" || code == "-32022" || code == "-32601" || code == "-32602";
}

// A refusal that says nothing of what the server knows.
bool says_nothing(int status) {
  return status < 400 || status >= 500 || status == 401 || status == 403 || status == 408 || status == 429;
}

// Ids and tokens are the same however they are written.
bool is_same(Bytes ours, Bytes theirs) {
  if (ours == theirs) return true;
  const auto asked = RpcId::from_raw(ours);
  const auto answered = RpcId::from_raw(theirs);
  return asked && answered && asked->canonical() == answered->canonical();
}

}  // namespace

UpstreamCall::UpstreamCall(HttpUpstream& upstream, Exchange& exchange, UpstreamSession* session)
    : upstream_(upstream), exchange_(exchange), session_(session) {
  ++upstream_.calls_;
  if (session_ != nullptr) session_->opened(*this);
}

UpstreamCall::~UpstreamCall() { leave(); }

void UpstreamCall::leave() {
  if (std::exchange(over_, true)) return;
  --upstream_.calls_;
  if (session_ != nullptr) session_->closed(*this);
}

void UpstreamCall::start(HttpUpstream& upstream, Exchange& exchange, UpstreamSession* session,
                         std::vector<HeaderPair> fields) {
  std::unique_ptr<UpstreamCall> call(new UpstreamCall(upstream, exchange, session));
  const Envelope& envelope = exchange.request().message.envelope();
  PostOptions options;
  options.stays_open = envelope.method == "subscriptions/listen";
  if (session != nullptr && envelope.method != "initialize") options.resumes_with = session->fields();
  call->post_ = upstream.client_->post(std::string(exchange.request().message.text()), std::move(fields),
                                       *call, std::move(options));
  exchange.attachment = std::move(call);
}

void UpstreamCall::drained() {
  if (!std::exchange(paused_, false)) return;
  post_->resume();
}

void UpstreamCall::watch_room(std::size_t room) {
  if (room != 0 || paused_) return;
  paused_ = true;
  post_->pause();
}

void UpstreamCall::lost(const std::string& why) {
  Refusal refusal = refusals::upstream_lost(Outcome::sent_unknown);
  refusal.message = why;
  leave();
  upstream_.ends_.refuse(exchange_, refusal, CallStatus::lost);
}

void UpstreamCall::on_session_id(Bytes id) {
  if (session_ != nullptr && exchange_.request().message.envelope().method == "initialize")
    session_->established(id);
}

void UpstreamCall::on_message(ClientMessage message) {
  if (over_) return;
  const Envelope& envelope = message.envelope();
  switch (envelope.kind) {
    case MessageKind::response: return is_ours(envelope) ? finish(envelope) : stray(message);
    // An error may be about a request that the server could not read the id of.
    case MessageKind::error_response:
      return is_ours(envelope) || !envelope.id || envelope.view(envelope.id) == "null" ? finish(envelope)
                                                                                       : stray(message);
    case MessageKind::notification:
      if (is_of_nobody(envelope)) return;
      return watch_room(exchange_.notify(message.text()));
    case MessageKind::request:
      if (session_ == nullptr) return;
      leave_pool();
      watch_room(exchange_.ask(message.text()));
      return;
    case MessageKind::batch:
    case MessageKind::invalid: return;
  }
}

bool UpstreamCall::is_ours(const Envelope& response) const {
  return is_same(exchange_.request().message.id(), response.view(response.id));
}

bool UpstreamCall::has_token(Bytes token) const {
  const Envelope& asked = exchange_.request().message.envelope();
  return asked.meta_progress_token && is_same(asked.view(asked.meta_progress_token), token);
}

// Progress under a token that was never given; some servers tell of one call of a session on the stream of
// another.
bool UpstreamCall::is_of_nobody(const Envelope& notification) const {
  const Method* method = find_method(notification.method);
  if (method == nullptr || method->id != MethodId::notify_progress) return false;
  const Bytes token = notification.view(notification.progress_token);
  return !has_token(token) && (session_ == nullptr || !session_->has_token(token));
}

// The stream may still bring the answer.
void UpstreamCall::stray(const ClientMessage& response) {
  upstream_.context_.log.warning("an upstream answered what it was not asked")
      .field("upstream", upstream_.config_.name)
      .field("id", response.id());
}

// The exchange takes this call with it, sooner or later.
void UpstreamCall::finish(const Envelope& response) {
  upstream_.last_failure_.clear();
  const Bytes method = exchange_.request().message.envelope().method;
  if (session_ == nullptr ? era_questions::belies_modern(method, response)
                          : era_questions::belies_legacy(method, response))
    upstream_.doubt_eras();
  if (session_ != nullptr && exchange_.request().message.envelope().method == "initialize")
    session_->negotiated(response);
  const CallEnds ends = upstream_.ends_;
  leave();
  ends.finish(exchange_, response);
}

void UpstreamCall::on_done() {
  if (over_) return;
  const CallEnds ends = upstream_.ends_;
  Refusal refusal = refusals::upstream_lost(Outcome::sent_unknown);
  refusal.message = "upstream '" + upstream_.config_.name + "' ended its reply without answering";
  leave();
  ends.refuse(exchange_, refusal, CallStatus::lost);
}

Refusal UpstreamCall::refusal_for(const HttpAnswer& answer) const {
  const std::string who = "upstream '" + upstream_.config_.name + "'";
  if (session_ != nullptr && session_->is_established() && answer.status == 404)
    return refusals::session_unknown();
  // A server that fails with 5xx, or gives up waiting with 408, may have run the call before.
  const bool may_have_run = answer.status >= 500 || answer.status == 408;
  Refusal refusal = refusals::upstream_lost(may_have_run ? Outcome::sent_unknown : Outcome::not_sent);
  refusal.message = who + " answered with HTTP status " + std::to_string(answer.status);
  if (answer.status == 401 || answer.status == 403)
    refusal.message = who + " refused the gateway's credentials";
  if (exchange_.request().era == Era::modern && !says_nothing(answer.status))
    refusal =
        refusals::invalid_request(who + " does not speak MCP 2026-07-28 (it answered with HTTP status " +
                                  std::to_string(answer.status) + "); begin with initialize");
  return refusal;
}

void UpstreamCall::on_refused(const HttpAnswer& answer) {
  if (over_) return;
  const CallEnds ends = upstream_.ends_;
  UpstreamSession* session = session_;
  const bool session_lost = session != nullptr && answer.status == 404 && session->is_established();
  ClientMessage message;
  MessageScanner scanner(upstream_.context_.reactor.limits().json);
  const bool is_error = message.take(scanner, PaddedString(answer.body)).ok() &&
                        message.envelope().kind == MessageKind::error_response &&
                        message.id() == exchange_.request().message.id();
  const bool hand_on = is_error && !session_lost &&
                       (exchange_.request().era == Era::legacy ||
                        is_modern_code(message.envelope().view(message.envelope().error_code)));
  // By now the standard headers are ours and right; what an upstream may object to are the parameter headers,
  // which are the client's and went through as they came.
  if (hand_on &&
      message.envelope().view(message.envelope().error_code) == std::to_string(rpc::header_mismatch)) {
    leave();
    return ends.finish_error(exchange_, message.envelope(), 400);
  }
  if (hand_on) return finish(message.envelope());
  // As servers refuse what they do not know.
  const bool is_initialize = exchange_.request().message.envelope().method == "initialize";
  if (session_ == nullptr ? answer.status == 400 : is_initialize && !says_nothing(answer.status))
    upstream_.doubt_eras();
  const Refusal refusal = refusal_for(answer);
  leave();
  ends.refuse(exchange_, refusal, CallStatus::lost);
  if (session_lost) session->lost();
}

void UpstreamCall::on_failed(const Error& error, Outcome outcome) {
  if (over_) return;
  const CallEnds ends = upstream_.ends_;
  upstream_.last_failure_ = error.message;
  upstream_.failed_at_ = upstream_.context_.reactor.now();
  Refusal refusal = refusals::upstream_lost(outcome);
  refusal.message = "upstream '" + upstream_.config_.name + "': " + error.message;
  leave();
  ends.refuse(exchange_, refusal, CallStatus::lost);
}

}  // namespace sluice
