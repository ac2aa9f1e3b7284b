// SPDX-License-Identifier: Apache-2.0
#pragma once
// LineClientWire: a client's messages as lines to a server that was started for it, such as a child's pipes.
//
// Starts a LineServer, and a fresh one where the engine orders that. Lives on one reactor. Spec:
// basic/transports (stdio).

#include <functional>
#include <memory>
#include <string>

#include "transport/client_wire.h"
#include "transport/line_server.h"

namespace sluice {

struct LineClientWireOptions {
  LineServerOptions server;
  std::function<void(Bytes)> errors;  // gets what the server says to people; empty: it is read and dropped
};

class LineClientWire final : public ClientWire, private LineServerHandler {
 public:
  // `name` is what a sentence on the server's end begins with.
  LineClientWire(Reactor& reactor, std::string name, StartLine start, LineClientWireOptions options);
  ~LineClientWire() override;

  [[nodiscard]] bool is_http() const override { return false; }
  [[nodiscard]] Status begin(ClientWireHandler& handler) override;
  void carry_out(ClientOrder order) override;
  void finish() override;
  [[nodiscard]] bool is_finished() const override { return finishing_ && server_ == nullptr; }

 private:
  struct Errors;
  [[nodiscard]] Status start();
  void on_message(ClientMessage message) override { handler_->on_heard(0, std::move(message)); }
  void on_gone(const LineServerEnd& end) override;
  void on_timer();

  Reactor& reactor_;
  std::string name_;
  StartLine start_;
  LineClientWireOptions options_;
  ClientWireHandler* handler_ = nullptr;
  std::unique_ptr<Errors> errors_;
  std::unique_ptr<LineServer> server_;
  bool finishing_ = false;
  Timer timer_;  // what follows outside of the server's own calls: a restart, or its destruction
};

}  // namespace sluice
