// SPDX-License-Identifier: Apache-2.0
#include "transport/client_connection.h"

#include <utility>

namespace sluice {

namespace {

ClientEngineOptions on(const ClientWire& wire, ClientEngineOptions options) {
  options.over_http = wire.is_http();
  return options;
}

}  // namespace

ClientConnection::ClientConnection(Reactor& reactor, ClientEngineOptions options,
                                   std::unique_ptr<ClientWire> wire, ClientConnectionHandler& handler)
    : reactor_(reactor),
      wire_(std::move(wire)),
      handler_(handler),
      engine_(on(*wire_, std::move(options))),
      timer_([](void* self) { static_cast<ClientConnection*>(self)->on_timer(); }, this) {}

ClientConnection::~ClientConnection() = default;

Status ClientConnection::start() {
  if (Status begun = wire_->begin(*this); !begun) return begun;
  engine_.start(reactor_.now());
  pump();
  return {};
}

ClientCallId ClientConnection::call(ClientCallSpec spec) {
  const ClientCallId id = engine_.call(std::move(spec), reactor_.now());
  // What follows comes when the caller knows the name: it may be over already.
  reactor_.arm(timer_, reactor_.now() - milliseconds(1));
  return id;
}

void ClientConnection::cancel(ClientCallId call) {
  engine_.cancel(call, reactor_.now());
  pump();
}

void ClientConnection::answer(ClientAskId ask, const Result<std::string>& result_json) {
  // A handler may have held the thread for as long as a person takes; calls are timed from then on.
  engine_.answer(ask, result_json, reactor_.precise_now());
  pump();
}

void ClientConnection::notify(std::string_view method, std::string_view params_json) {
  engine_.notify(method, params_json, reactor_.now());
  pump();
}

void ClientConnection::watch(ListenFilter wanted) {
  engine_.watch(std::move(wanted), reactor_.now());
  pump();
}

void ClientConnection::close() {
  engine_.close(reactor_.now());
  while (auto order = engine_.next_order()) wire_->carry_out(std::move(*order));
  timer_.cancel();
  wire_->finish();
}

void ClientConnection::on_heard(ClientSendId id, ClientMessage message) {
  engine_.heard(id, message, reactor_.now());
  pump();
}

void ClientConnection::on_ended(ClientSendId id) {
  engine_.ended(id, reactor_.now());
  pump();
}

void ClientConnection::on_refused(ClientSendId id, int status, Bytes body) {
  engine_.refused(id, status, body, reactor_.now());
  pump();
}

void ClientConnection::on_failed(ClientSendId id, const Error& error, Outcome outcome) {
  engine_.failed(id, error, outcome, reactor_.now());
  pump();
}

void ClientConnection::on_stream_opened() {
  engine_.stream_opened(reactor_.now());
  pump();
}

void ClientConnection::on_stream_unavailable(int status) {
  engine_.stream_unavailable(status, reactor_.now());
  pump();
}

void ClientConnection::on_lost(const Error& why) {
  engine_.wire_lost(why, reactor_.now());
  pump();
}

void ClientConnection::on_restarted() {
  engine_.restarted(reactor_.now());
  pump();
}

void ClientConnection::on_timer() {
  engine_.tick(reactor_.now());
  pump();
}

// Until nothing follows any more. Inside a handler's call the outer pump goes on.
void ClientConnection::pump() {
  if (std::exchange(pumping_, true)) return;
  const Lifetime::Watch watch(lifetime_);
  for (;;) {
    if (auto order = engine_.next_order()) {
      wire_->carry_out(std::move(*order));
    } else if (auto event = engine_.next_event()) {
      handler_.on_event(std::move(*event));
      if (!watch.alive()) return;
    } else if (engine_.due() <= reactor_.now()) {
      engine_.tick(reactor_.now());
    } else {
      break;
    }
  }
  pumping_ = false;
  const Instant due = engine_.due();
  if (due == never) {
    timer_.cancel();
  } else {
    reactor_.arm(timer_, due);
  }
}

}  // namespace sluice
