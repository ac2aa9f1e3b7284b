// SPDX-License-Identifier: Apache-2.0
#include "transport/line_client_wire.h"

#include <utility>

namespace sluice {

// What a server says to people.
struct LineClientWire::Errors final : StreamHandler {
  Errors(StreamPtr from, std::function<void(Bytes)> to) : stream(std::move(from)), tell(std::move(to)) {
    stream->set_handler(this);
  }
  void on_bytes(PaddedBytes bytes) override {
    if (tell) tell(bytes.bytes);
  }
  void on_end() override {}
  void on_drained() override {}
  void on_failed(const Error&) override {}

  StreamPtr stream;
  std::function<void(Bytes)> tell;
};

LineClientWire::LineClientWire(Reactor& reactor, std::string name, StartLine start,
                               LineClientWireOptions options)
    : reactor_(reactor),
      name_(std::move(name)),
      start_(std::move(start)),
      options_(std::move(options)),
      timer_([](void* self) { static_cast<LineClientWire*>(self)->on_timer(); }, this) {}

LineClientWire::~LineClientWire() = default;

Status LineClientWire::begin(ClientWireHandler& handler) {
  handler_ = &handler;
  return start();
}

Status LineClientWire::start() {
  auto server = LineServer::start(reactor_, start_, options_.server, *this);
  if (!server) return server.error();
  server_ = *std::move(server);
  if (StreamPtr errors = server_->take_errors())
    errors_ = std::make_unique<Errors>(std::move(errors), options_.errors);
  return {};
}

void LineClientWire::carry_out(ClientOrder order) {
  if (order.kind == ClientOrder::Kind::send && server_) {
    server_->send(order.text);
  } else if (order.kind == ClientOrder::Kind::restart) {
    reactor_.arm_after(timer_, Duration(0));
  }
}

void LineClientWire::on_gone(const LineServerEnd& end) {
  handler_->on_lost(Error(end.never_ran ? Errc::unavailable : Errc::closed, name_ + " " + end.how));
}

void LineClientWire::on_timer() {
  errors_.reset();
  server_.reset();
  if (finishing_) return;
  const Status started = start();
  if (started) return handler_->on_restarted();
  handler_->on_lost(started.error());
}

void LineClientWire::finish() {
  finishing_ = true;
  timer_.cancel();
  if (server_) server_->stop([this] { reactor_.arm_after(timer_, Duration(0)); });
}

}  // namespace sluice
