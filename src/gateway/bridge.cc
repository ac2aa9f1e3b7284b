// SPDX-License-Identifier: Apache-2.0
#include "gateway/bridge.h"

#include <algorithm>
#include <utility>

#include "codec/json_splice.h"
#include "codec/json_writer.h"
#include "gateway/leased_exchange.h"
#include "net/entropy.h"

namespace sluice {

// One server/discover on its way: the server's answer names the revisions of the gateway instead of its own.
// Attached to the client's exchange; who ends that destroys it.
class Bridge::Discovery final : public Attachment, private LeasedExchange::Handler {
 public:
  // Asks `service`, which may answer at once.
  static void start(Bridge& bridge, Exchange& exchange, Service& service) {
    const ClientRequest& request = exchange.request();
    ClientRequest copy = without_message(request);
    if (!copy.message.take(bridge.scanner_, PaddedString(request.message.text())).ok())
      return bridge.refuse(exchange, too_large_to_carry_on());
    std::unique_ptr<Discovery> discovery(new Discovery(bridge, exchange, service, std::move(copy)));
    LeasedExchange& asked = discovery->asked_;
    exchange.attachment = std::move(discovery);
    service.open(asked);
  }
  static Discovery& of(Exchange& exchange) { return static_cast<Discovery&>(*exchange.attachment); }

  void cancelled(CancelReason reason) { service_.cancelled(asked_, reason); }
  void drained() { service_.drained(asked_); }

 private:
  Discovery(Bridge& bridge, Exchange& client, Service& service, ClientRequest request)
      : bridge_(bridge), client_(client), service_(service), asked_(std::move(request), nullptr, *this) {
    asked_.chosen = &service;
  }

  std::size_t on_notify(Bytes message) override { return client_.notify(message); }
  std::size_t on_ask(Bytes message) override { return client_.ask(message); }
  void on_finish(Bytes response) override {
    ClientMessage message;
    if (!message.take(bridge_.scanner_, PaddedString(response)).ok()) return client_.finish(response);
    const Envelope& envelope = message.envelope();
    const JsonSpan list =
        envelope.result ? json_member(envelope.text, envelope.result, "supportedVersions") : JsonSpan{};
    if (!list) return client_.finish(response);
    client_.finish(JsonSplice().replace(list, bridge_.versions_).apply(message.text()));
  }
  void on_refuse(const Refusal& refusal) override {
    client_.refuse(refusal.http_status, refusal.code, refusal.message, refusal.data_json);
  }

  Bridge& bridge_;
  Exchange& client_;
  Service& service_;
  LeasedExchange asked_;
};

Bridge::Bridge(const UpstreamContext& context, const UpstreamConfig& config,
               std::unique_ptr<NativeUpstream> inner)
    : context_(context),
      config_(config),
      ends_(context.calls, config_.name),
      inner_(std::move(inner)),
      scanner_(context.reactor.limits().json),
      for_legacy_clients_(parts(*inner_)),
      for_modern_clients_(parts(*inner_)),
      for_pooled_clients_(parts(for_modern_clients_)) {
  JsonWriter writer(versions_);
  writer.begin_array();
  for (const Revision revision : revisions()) writer.value(revision_text(revision));
  writer.end_array();
  inner_->on_eras([this] { dispatch_waiting(); });
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
  return inner_.get();
}

void Bridge::hand_over(Exchange& exchange, Service& service) {
  const ClientRequest& request = exchange.request();
  if (request.era == Era::modern && request.message.envelope().method == "server/discover")
    return Discovery::start(*this, exchange, service);
  exchange.chosen = &service;
  if (exchange.session() != nullptr) exchange.session()->chosen = &service;
  service.open(exchange);
}

void Bridge::open(Exchange& exchange) {
  Session* session = exchange.session();
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
  if (exchange.attachment) return Discovery::of(exchange).cancelled(reason);
  std::erase(waiting_, &exchange);
  context_.calls.opened(exchange);
  ends_.cancelled(exchange, reason);
}

void Bridge::drained(Exchange& exchange) {
  if (exchange.chosen != nullptr) return exchange.chosen->drained(exchange);
  if (exchange.attachment) Discovery::of(exchange).drained();
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
