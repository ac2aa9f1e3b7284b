// SPDX-License-Identifier: Apache-2.0
#include "gateway/owned_child.h"

#include <utility>

#include "codec/jsonrpc.h"
#include "gateway/stdio_upstream.h"
#include "mcp/era_questions.h"
#include "mcp/errors.h"

namespace sluice {

namespace {

RpcId id_of(const Envelope& envelope, JsonSpan span) {
  if (!span) return {};
  auto id = RpcId::from_raw(envelope.view(span));
  return id ? *std::move(id) : RpcId();
}

}  // namespace

OwnedChild::OwnedChild(StdioUpstream& upstream, Session& session)
    : upstream_(upstream),
      session_(session),
      attribution_(upstream.context().reactor.limits().mcp),
      last_use_(upstream.context().reactor.now()) {}

Result<std::unique_ptr<OwnedChild>> OwnedChild::start(StdioUpstream& upstream, Session& session) {
  std::unique_ptr<OwnedChild> owned(new OwnedChild(upstream, session));
  owned->link_ = upstream.take_spare();
  if (owned->link_) {
    owned->link_->hand_over(*owned);
  } else {
    auto link = ChildLink::start(upstream.context(), upstream.config(), *owned);
    if (!link) return link.error();
    owned->link_ = std::move(*link);
  }
  upstream.child_started(*owned);
  return owned;
}

OwnedChild::~OwnedChild() {
  if (link_) upstream_.retire(std::move(link_));
  upstream_.child_ended(*this);
}

void OwnedChild::open(Exchange& exchange) {
  const Envelope& envelope = exchange.request().message.envelope();
  if (!link_->has_room_for(exchange.request().message.text().size()))
    return upstream_.ends().refuse(exchange, refusals::overloaded("this worker's memory budget is used up"));
  const ClientRef ref = next_ref_++;
  open_.emplace(ref, &exchange);
  refs_.emplace(&exchange, ref);
  attribution_.opened(ref, id_of(envelope, envelope.id), id_of(envelope, envelope.meta_progress_token));
  link_->send(exchange.request().message.text());
}

void OwnedChild::cancelled(Exchange& exchange, CancelReason reason) {
  upstream_.ends().cancelled(exchange, reason);
  const auto at = refs_.find(&exchange);
  if (at == refs_.end()) return;
  forget(at->second);
  if (reason == CancelReason::peer_gone) return;  // the child is about to be stopped
  link_->send(make_notification("notifications/cancelled",
                                R"({"requestId":)" + std::string(exchange.request().message.id()) + "}"));
  drained();
}

void OwnedChild::drained() {
  if (!std::exchange(paused_, false)) return;
  link_->resume();
}

void OwnedChild::message(ClientMessage message) {
  last_use_ = upstream_.context().reactor.now();
  const Envelope& envelope = message.envelope();
  const bool is_answer =
      envelope.kind == MessageKind::response || envelope.kind == MessageKind::error_response;
  if (is_answer && attribution_.answered(id_of(envelope, envelope.id)).where == Place::Where::nowhere) return;
  link_->send(message.text());
}

void OwnedChild::on_child_message(ClientMessage message) {
  const Envelope& envelope = message.envelope();
  const Place place = attribution_.place(envelope);
  if (place.where == Place::Where::nowhere) {
    if (envelope.kind == MessageKind::request)  // more questions than may be open: the child must hear of it
      link_->send(make_error_response(message.id(), rpc::internal_error,
                                      "too many questions to the client are open"));
    return;
  }
  if (place.where == Place::Where::standalone) return watch_room(session_.send(message.text()));
  switch (envelope.kind) {
    case MessageKind::response:
    case MessageKind::error_response: return respond(place.ref, message);
    case MessageKind::request: return watch_room(open_.at(place.ref)->ask(message.text()));
    case MessageKind::notification: return watch_room(open_.at(place.ref)->notify(message.text()));
    case MessageKind::batch:
    case MessageKind::invalid: return;
  }
}

void OwnedChild::respond(ClientRef ref, const ClientMessage& message) {
  Exchange& exchange = *open_.at(ref);
  if (era_questions::belies_legacy(exchange.request().message.envelope().method, message.envelope()))
    upstream_.doubt_legacy();
  has_session_ = has_session_ || message.envelope().kind == MessageKind::response;
  forget(ref);
  drained();
  upstream_.ends().finish(exchange, message.envelope());
}

void OwnedChild::watch_room(std::size_t room) {
  if (room != 0 || paused_) return;
  paused_ = true;
  link_->pause();
}

void OwnedChild::give_way() {
  is_leaving_ = true;
  session_.end("upstream '" + upstream_.config().name +
               "' has all its children in use, and this session was idle: begin another");
}

void OwnedChild::forget(ClientRef ref) {
  last_use_ = upstream_.context().reactor.now();
  attribution_.closed(ref);
  const auto at = open_.find(ref);
  refs_.erase(at->second);
  open_.erase(at);
}

void OwnedChild::on_child_gone(const ChildEnd& end) {
  // A session that clients share has a child that served them all.
  const std::string why = upstream_.config().shared ? end.why : end.whole();
  // Some servers exit on a question that they do not know.
  if (!has_session_ && !end.never_ran) upstream_.doubt_legacy();
  std::unordered_map<ClientRef, Exchange*> lost = std::exchange(open_, {});
  refs_.clear();
  for (const auto& [ref, exchange] : lost) {
    Refusal refusal = refusals::upstream_lost(Outcome::sent_unknown);
    refusal.message = why;
    upstream_.ends().refuse(*exchange, refusal, CallStatus::lost);
  }
  session_.end(why);
}

}  // namespace sluice
