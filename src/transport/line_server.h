// SPDX-License-Identifier: Apache-2.0
#pragma once
// LineServer: one server that was started for us and speaks in lines, such as a child on its pipes.
//
// Carries lines both ways, ends a server that prints garbage, waits for what an ended one has left in its
// pipe, and stops one in the order the specification asks: end of its input, a grace, then whatever dropping
// it does. How it is started is a function's business; what it says to people is its owner's. Knows no era
// and writes no log. Lives on one reactor; may be destroyed from inside its handler's calls, which ends the
// server. Spec: basic/transports (stdio, shutdown).

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/process.h"
#include "transport/line_channel.h"

namespace sluice {

// A server as it was started. Dropping `process` ends it; its exit is then told to nobody.
struct StartedChild {
  StreamPtr stdio;
  StreamPtr errors;  // what it says to people; may be null
  int pid = 0;
  std::shared_ptr<void> process;
};
// Starts one. `on_exit` is called at most once, never from inside.
using StartLine = std::function<Result<StartedChild>(std::function<void(ChildExit)> on_exit)>;

// A command as a process. Fails only where none could be made; a bad command exits.
[[nodiscard]] Result<StartedChild> start_process(Reactor& reactor, const ChildCommand& command,
                                                 std::function<void(ChildExit)> on_exit);

// How a server ended.
struct LineServerEnd {
  std::string how;         // what follows on its name in a sentence: "exited with code 1"
  bool never_ran = false;  // its command is not there, or no program
};

class LineServerHandler {
 public:
  virtual ~LineServerHandler() = default;
  virtual void on_message(ClientMessage message) = 0;
  // One of not too many.
  virtual void on_bad_line(const BadLine& line) { static_cast<void>(line); }
  // There is room again after send() had returned 0.
  virtual void on_drained() {}
  // It is gone or useless: the last call.
  virtual void on_gone(const LineServerEnd& end) = 0;
};

struct LineServerOptions {
  JsonLimits json;
  UpstreamLimits limits;
};

class LineServer final : private LineChannelHandler {
 public:
  static Result<std::unique_ptr<LineServer>> start(Reactor& reactor, const StartLine& start,
                                                   const LineServerOptions& options,
                                                   LineServerHandler& handler);
  LineServer(const LineServer&) = delete;
  LineServer& operator=(const LineServer&) = delete;

  // What it says to people, once; null when it has no such stream.
  [[nodiscard]] StreamPtr take_errors() { return std::move(child_.errors); }
  [[nodiscard]] int pid() const { return child_.pid; }
  [[nodiscard]] const std::optional<ChildExit>& exit() const { return exit_; }

  // Sends one message; returns the room left.
  std::size_t send(Bytes message) { return channel_->send(message); }
  [[nodiscard]] std::size_t unsent() const { return channel_->unsent(); }
  void pause();
  void resume();

  // Ends its input and drops the handler; `stopped` is called when it has exited or its grace is over, never
  // from inside this. The owner then destroys the server, after that call.
  void stop(std::function<void()> stopped);

 private:
  LineServer(Reactor& reactor, const LineServerOptions& options, LineServerHandler& handler);
  void on_message(ClientMessage message) override;
  void on_bad_line(const BadLine& line) override;
  void on_drained() override;
  void on_end() override;
  void on_failed(const Error& error) override;

  void on_timer();
  void exited(ChildExit exit);
  // It exited and what it had printed was read, or will not be.
  void settle();
  void gone(LineServerEnd end);

  Reactor& reactor_;
  UpstreamLimits limits_;
  LineServerHandler* handler_;  // null once told, or once stopping
  StartedChild child_;
  std::unique_ptr<LineChannel> channel_;
  std::size_t bad_lines_ = 0;
  bool has_spoken_ = false;
  bool paused_ = false;
  bool output_ended_ = false;
  std::optional<ChildExit> exit_;
  std::function<void()> stopped_;
  Timer timer_;
};

}  // namespace sluice
