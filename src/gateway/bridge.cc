// SPDX-License-Identifier: Apache-2.0
#include "gateway/bridge.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "codec/json_splice.h"
#include "codec/json_writer.h"
#include "mcp/errors.h"
#include "net/entropy.h"

namespace sluice {

// One server/discover on its way: the server's answer names the revisions of the gateway instead of its own.
class Bridge::Discovery final : public Attachment, public Service {
 public:
  // Asks `service`; the exchange owns this from now on, and all that follows comes through it.
  static void start(Exchange& exchange, Service& service, const std::string& versions) {
    auto owned = std::make_unique<Discovery>(exchange, service, versions);
    Discovery& discovery = *owned;
    exchange.attachment = std::move(owned);
    exchange.chosen = &discovery;
    service.open(discovery.asked_);
  }
  Discovery(Exchange& exchange, Service& service, const std::string& versions)
      : service_(service), asked_(copy_of(exchange.request()), exchange, versions) {
    asked_.chosen = &service;
  }

  void open(Exchange&) override {}
  void cancelled(Exchange&, CancelReason reason) override { service_.cancelled(asked_, reason); }
  void drained(Exchange&) override { service_.drained(asked_); }
  void message(Session&, ClientMessage) override {}
  void ended(Session&) override {}
  [[nodiscard]] std::vector<Revision> revisions() const override { return service_.revisions(); }

 private:
  class Asked final : public Exchange {
   public:
    Asked(ClientRequest request, Exchange& outer, const std::string& versions)
        : Exchange(std::move(request), nullptr), outer_(outer), versions_(versions) {}
    std::size_t notify(Bytes message) override { return outer_.notify(message); }
    std::size_t ask(Bytes message) override { return outer_.ask(message); }
    void finish(Bytes response) override {
      Envelope envelope;
      const PaddedString text(response);
      const bool has_result = scan_message(text.padded(), JsonLimits{}, envelope) && envelope.result;
      const JsonSpan list =
          has_result ? json_member(envelope.text, envelope.result, "supportedVersions") : JsonSpan{};
      if (!list) return outer_.finish(response);
      outer_.finish(JsonSplice().replace(list, versions_).apply(response));
    }
    void refuse(int http_status, int code, std::string_view sentence, std::string_view data) override {
      outer_.refuse(http_status, code, sentence, data);
    }

   private:
    Exchange& outer_;
    const std::string& versions_;
  };

  static ClientRequest copy_of(const ClientRequest& request) {
    ClientRequest copy;
    MessageScanner scanner{JsonLimits{}};
    CHECK(copy.message.take(scanner, PaddedString(request.message.text())).ok());  // as it did before
    copy.era = request.era;
    copy.revision = request.revision;
    copy.principal = request.principal;
    copy.param_headers = request.param_headers;
    copy.over_http = request.over_http;
    copy.correlation_id = request.correlation_id;
    copy.opened = request.opened;
    return copy;
  }

  Service& service_;
  Asked asked_;
};

Bridge::Bridge(const UpstreamContext& context, const UpstreamConfig& config, std::unique_ptr<Upstream> inner)
    : context_(context),
      config_(config),
      ends_(context.calls, config_.name),
      inner_(std::move(inner)),
      for_legacy_clients_(parts()),
      for_modern_clients_(parts()) {
  JsonWriter writer(versions_);
  writer.begin_array();
  for (const Revision revision : revisions()) writer.value(revision_text(revision));
  writer.end_array();
  inner_->on_eras([this] {
    dispatch_waiting();
    eras_changed();
  });
}

BridgeParts Bridge::parts() {
  return BridgeParts{context_.reactor,
                     context_.log,
                     context_.calls,
                     config_,
                     *inner_,
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
  return state;
}

UpstreamEras Bridge::eras() const {
  UpstreamEras eras = inner_->eras();
  if (eras.legacy == EraStanding::yes || eras.modern == EraStanding::yes)
    eras.legacy = eras.modern = EraStanding::yes;
  return eras;
}

// A server of whose eras nothing is known is asked in the client's own: it answers, or says what is wrong.
Service* Bridge::choose(const Exchange& exchange) {
  const UpstreamEras eras = inner_->eras();
  const bool is_modern = exchange.request().era == Era::modern;
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
    return Discovery::start(exchange, service, versions_);
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
  context_.calls.opened(exchange);
  ends_.refuse(exchange, refusals::overloaded("too many calls wait for upstream '" + config_.name + "'"));
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
  std::erase(waiting_, &exchange);
  context_.calls.opened(exchange);
  ends_.cancelled(exchange, reason);
}

void Bridge::drained(Exchange& exchange) {
  if (exchange.chosen != nullptr) exchange.chosen->drained(exchange);
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
