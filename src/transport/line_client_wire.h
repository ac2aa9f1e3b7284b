// SPDX-License-Identifier: Apache-2.0
#pragma once
// LineClientWire: a client's messages as lines to a server that was started for it, such as a child's pipes.
//
// How a server is started is a function's business, so that it can be started anew. Ends it in the order the
// specification asks: the end of its input, a grace, then whatever dropping it does. Lives on one reactor.
// Spec: basic/transports (stdio, shutdown).

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/lifetime.h"
#include "net/process.h"
#include "transport/client_wire.h"
#include "transport/line_channel.h"

namespace sluice {

// A server that was started.
struct StartedLine {
  StreamPtr stream;
  StreamPtr errors;            // what it says to people; may be null
  std::shared_ptr<void> keep;  // dropping it ends the server
};
// Starts one. `gone` may be called once, with how it ended; never from inside.
using StartLine = std::function<Result<StartedLine>(std::function<void(std::string how)> gone)>;

// A command under a minder.
[[nodiscard]] StartLine start_command(Reactor& reactor, ChildCommand command);

struct LineClientWireOptions {
  JsonLimits json;
  UpstreamLimits limits;
  std::function<void(Bytes)> errors;  // gets what the server says to people; empty: it is read and dropped
};

class LineClientWire final : public ClientWire, private LineChannelHandler {
 public:
  LineClientWire(Reactor& reactor, StartLine start, LineClientWireOptions options);
  ~LineClientWire() override;

  [[nodiscard]] bool is_http() const override { return false; }
  [[nodiscard]] Status begin(ClientWireHandler& handler) override;
  void carry_out(ClientOrder order) override;
  void finish() override;
  [[nodiscard]] bool is_finished() const override { return finishing_ && line_.keep == nullptr; }

 private:
  struct Errors;
  [[nodiscard]] Status start();
  void stop();
  void on_message(ClientMessage message) override { handler_->on_heard(0, std::move(message)); }
  void on_bad_line(const BadLine& line) override;
  void on_end() override;
  void on_failed(const Error& error) override;
  void gone(std::string how);
  void on_timer();
  // The server ended, as far as it will be known.
  void settle();

  Reactor& reactor_;
  StartLine start_;
  LineClientWireOptions options_;
  ClientWireHandler* handler_ = nullptr;
  StartedLine line_;
  std::unique_ptr<Errors> errors_;
  std::unique_ptr<LineChannel> channel_;
  std::optional<std::string> how_;  // it ended
  bool output_ended_ = false;
  bool restarting_ = false;
  bool finishing_ = false;
  std::size_t bad_lines_ = 0;
  Timer timer_;
};

}  // namespace sluice
