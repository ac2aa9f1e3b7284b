// SPDX-License-Identifier: Apache-2.0
#include "gateway/bridge.h"

#include <algorithm>
#include <utility>

#include "codec/json_splice.h"
#include "codec/json_writer.h"
#include "gateway/rewritten_call.h"
#include "net/entropy.h"

namespace sluice {

Bridge::Bridge(const UpstreamContext& context, const UpstreamConfig& config,
               std::unique_ptr<NativeUpstream> inner)
    : context_(context),
      config_(config),
      ends_(context.calls, config_.name),
      inner_(std::move(inner)),
      scanner_(context.reactor.limits().json),
      for_legacy_clients_(parts(*inner_)),
      for_modern_clients_(parts(*inner_)),
      for_pooled_clients_(parts(for_modern_clients_)),
      for_other_revisions_(parts(*inner_)) {
  JsonWriter writer(versions_);
  writer.begin_array();
  for (const Revision revision : revisions()) writer.value(revision_text(revision));
  writer.end_array();
  inner_->on_eras([this] { dispatch_waiting(); });
  inner_->on_full([this] { return for_modern_clients_.end_idle(); });
}

BridgeParts Bridge::parts(Service& upstream) {
  return BridgeParts{context_.reactor,
                     context_.log,
                     context_.calls,
                     config_,
                     upstream,
                     [this](std::span<std::byte> out) {
                       context_.doors.entropy ? context_.doors.entropy(out) : entropy(out);
                     },
                     context_.make_sealer};
}

void Bridge::stop() {
  for_modern_clients_.stop();
  inner_->stop();
}

UpstreamState Bridge::state() const {
  UpstreamState state = inner_->state();
  state.calls += waiting_.size();
  state.sessions += for_legacy_clients_.sessions() + for_pooled_clients_.sessions();
  state.parked += for_modern_clients_.parked();
  return state;
}

// A server of whose eras nothing is known is asked in the client's own: it answers, or says what is wrong.
Service* Bridge::choose(const Exchange& exchange) {
  const UpstreamEras eras = inner_->eras();
  const bool is_modern = exchange.request().era == Era::modern;
  if (!is_modern && config_.is_pooled()) {
    if (eras.modern == EraStanding::pending) return nullptr;
    return eras.modern == EraStanding::yes ? &for_legacy_clients_ : &for_pooled_clients_;
  }
  switch (is_modern ? eras.modern : eras.legacy) {
    case EraStanding::pending: return nullptr;
    case EraStanding::unknown:
    case EraStanding::yes: break;
    case EraStanding::no:
      return is_modern ? static_cast<Service*>(&for_modern_clients_) : &for_legacy_clients_;
  }
  if (is_modern || exchange.session() == nullptr) return inner_.get();
  return &for_other_revisions_;
}

void Bridge::hand_over(Exchange& exchange, Service& service) {
  const ClientRequest& request = exchange.request();
  if (request.era == Era::modern && request.message.envelope().method == "server/discover")
    return discover(exchange, service);
  exchange.chosen = &service;
  if (exchange.session() != nullptr) exchange.session()->chosen = &service;
  service.open(exchange);
}

// The server's answer names the revisions of the gateway instead of its own.
void Bridge::discover(Exchange& exchange, Service& service) {
  const auto rewrite = [this](const ClientMessage& response) {
    const Envelope& envelope = response.envelope();
    const JsonSpan list =
        envelope.result ? json_member(envelope.text, envelope.result, "supportedVersions") : JsonSpan{};
    return list ? JsonSplice().replace(list, versions_).apply(response.text()) : std::string(response.text());
  };
  if (!RewrittenCall::start(exchange, service, scanner_, rewrite)) refuse(exchange, too_large_to_carry_on());
}

void Bridge::open(Exchange& exchange) {
  Session* session = exchange.session();
  if (session != nullptr && session->chosen == &for_legacy_clients_ &&
      inner_->eras().modern == EraStanding::no)
    return for_legacy_clients_.outlived(exchange);
  if (session != nullptr && session->chosen != nullptr) return hand_over(exchange, *session->chosen);
  inner_->ask_eras();
  if (Service* service = choose(exchange); service != nullptr) return hand_over(exchange, *service);
  if (waiting_.size() < context_.reactor.limits().upstream.calls_in_flight_max) {
    waiting_.push_back(&exchange);
    return;
  }
  refuse(exchange, refusals::overloaded("too many calls wait for upstream '" + config_.name + "'"));
}

void Bridge::refuse(Exchange& exchange, const Refusal& refusal) {
  context_.calls.opened(exchange);
  ends_.refuse(exchange, refusal);
}

void Bridge::dispatch_waiting() {
  // Those that have to wait on line up behind.
  for (std::size_t due = waiting_.size(); due != 0 && !waiting_.empty(); --due) {
    Exchange& exchange = *waiting_.front();
    waiting_.erase(waiting_.begin());
    open(exchange);
  }
}

void Bridge::cancelled(Exchange& exchange, CancelReason reason) {
  if (exchange.chosen != nullptr) return exchange.chosen->cancelled(exchange, reason);
  if (exchange.attachment) return RewrittenCall::of(exchange).cancelled(reason);
  std::erase(waiting_, &exchange);
  context_.calls.opened(exchange);
  ends_.cancelled(exchange, reason);
}

void Bridge::drained(Exchange& exchange) {
  if (exchange.chosen != nullptr) return exchange.chosen->drained(exchange);
  if (exchange.attachment) RewrittenCall::of(exchange).drained();
}

void Bridge::drained(Session& session) {
  if (session.chosen != nullptr) session.chosen->drained(session);
}

void Bridge::message(Session& session, ClientMessage message) {
  if (session.chosen != nullptr) session.chosen->message(session, std::move(message));
}

void Bridge::ended(Session& session) {
  if (session.chosen != nullptr) session.chosen->ended(session);
}

}  // namespace sluice
