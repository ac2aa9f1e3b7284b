// SPDX-License-Identifier: Apache-2.0
#include "gateway/era_probe.h"

#include <utility>

#include "gateway/child_link.h"
#include "mcp/own_name.h"
#include "transport/http_client_wire.h"

namespace sluice {

namespace {

// A child of the upstream as a client's wire: it is logged as every child, and never started anew.
class SiblingWire final : public ClientWire, private ChildLinkHandler {
 public:
  SiblingWire(const UpstreamContext& context, const UpstreamConfig& config)
      : context_(context), config_(config) {}

  [[nodiscard]] bool is_http() const override { return false; }
  [[nodiscard]] Status begin(ClientWireHandler& handler) override {
    handler_ = &handler;
    auto link = ChildLink::start(context_, config_, *this);
    if (!link) return link.error();
    link_ = *std::move(link);
    return {};
  }
  void carry_out(ClientOrder order) override {
    if (order.kind == ClientOrder::Kind::send) link_->send(order.text);
  }
  void finish() override { link_.reset(); }
  [[nodiscard]] bool is_finished() const override { return link_ == nullptr; }

 private:
  void on_child_message(ClientMessage message) override { handler_->on_heard(0, std::move(message)); }
  void on_child_gone(const ChildEnd& end) override {
    handler_->on_lost(Error(end.never_ran ? Errc::unavailable : Errc::closed, end.whole()));
  }

  const UpstreamContext& context_;
  const UpstreamConfig& config_;
  ClientWireHandler* handler_ = nullptr;
  std::unique_ptr<ChildLink> link_;
};

// Whether that is the server's word on what it was asked, rather than a failure on the way to it.
bool is_an_answer(const Error& error, bool over_http) {
  switch (error.code) {
    case Errc::protocol:
    case Errc::failed:
    case Errc::invalid:
    case Errc::not_found:
    case Errc::timed_out: return true;
    default: return !over_http;
  }
}

}  // namespace

EraProbe::EraProbe(Reactor& reactor, milliseconds patience, OpenWire open,
                   std::function<void(EraVerdict)> tell)
    : reactor_(reactor),
      patience_(patience),
      open_(std::move(open)),
      tell_(std::move(tell)),
      timer_([](void* self) { static_cast<EraProbe*>(self)->begin(); }, this) {
  reactor_.arm_after(timer_, Duration(0));
}

void EraProbe::begin() {
  ClientEngineOptions options;
  options.info_json = own_implementation();
  options.asks_only = true;
  if (is_modern_) options.era = Era::legacy;
  options.json = reactor_.limits().json;
  options.limits.handshake = patience_;
  options.limits.probe_wait = milliseconds(0);  // a sibling may be asked both at once
  options.limits.gate_wait = reactor_.limits().upstream.probe_reorder;
  std::unique_ptr<ClientWire> wire = open_();
  is_http_ = wire->is_http();
  client_ = std::make_unique<ClientConnection>(reactor_, std::move(options), std::move(wire),
                                               static_cast<ClientConnectionHandler&>(*this));
  const Status started = client_->start();
  if (!started) failed(started.error());
}

void EraProbe::on_event(ClientEvent event) {
  if (event.kind == ClientEvent::Kind::ready) return found(event);
  if (event.kind == ClientEvent::Kind::failed) failed(event.error);
}

void EraProbe::found(const ClientEvent& ready) {
  const Era era = era_of(client_->server().revision);
  client_->close();
  if (is_modern_) return conclude({{EraStanding::yes, EraStanding::yes}, "it answers in both eras"});
  if (era == Era::legacy)
    return conclude({{EraStanding::yes, EraStanding::no},
                     ready.text.empty() ? "it answered initialize only" : ready.text});
  is_modern_ = true;
  client_.reset();
  reactor_.arm_after(timer_, Duration(0));
  const std::function<void(EraVerdict)> tell = tell_;  // we may be destroyed in it
  tell({{EraStanding::pending, EraStanding::yes}, "it answered server/discover"});
}

void EraProbe::failed(const Error& error) {
  if (!is_modern_) return conclude({{}, error.message});
  if (!is_an_answer(error, is_http_))
    return conclude({{EraStanding::unknown, EraStanding::yes}, error.message});
  conclude({{EraStanding::no, EraStanding::yes}, "it answers server/discover only"});
}

void EraProbe::conclude(EraVerdict verdict) {
  timer_.cancel();
  const auto done = std::move(client_);
  std::exchange(tell_, nullptr)(std::move(verdict));
}

std::unique_ptr<EraProbe> probe_command(const UpstreamContext& context, const UpstreamConfig& config,
                                        std::function<void(EraVerdict)> tell) {
  return std::make_unique<EraProbe>(
      context.reactor, config.start_timeout,
      [&context, &config] { return std::make_unique<SiblingWire>(context, config); }, std::move(tell));
}

std::unique_ptr<EraProbe> probe_http(Reactor& reactor, milliseconds patience,
                                     std::shared_ptr<StreamableHttpClient> client,
                                     std::function<void(EraVerdict)> tell) {
  return std::make_unique<EraProbe>(
      reactor, patience, [client = std::move(client)] { return std::make_unique<HttpClientWire>(client); },
      std::move(tell));
}

}  // namespace sluice
