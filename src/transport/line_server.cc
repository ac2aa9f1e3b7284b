// SPDX-License-Identifier: Apache-2.0
#include "transport/line_server.h"

#include <utility>

namespace sluice {

namespace {

constexpr int not_executable = 127;  // what the minder, and every shell, exits with then

}  // namespace

Result<StartedChild> start_process(Reactor& reactor, const ChildCommand& command,
                                   std::function<void(ChildExit)> on_exit) {
  auto child = Child::start(reactor, command, std::move(on_exit));
  if (!child) return child.error();
  const std::shared_ptr<Child> process = std::move(*child);
  return StartedChild{process->take_stdio(), process->take_stderr(), process->pid(), process};
}

LineServer::LineServer(Reactor& reactor, const LineServerOptions& options, LineServerHandler& handler)
    : reactor_(reactor),
      limits_(options.limits),
      handler_(&handler),
      timer_([](void* self) { static_cast<LineServer*>(self)->on_timer(); }, this) {}

Result<std::unique_ptr<LineServer>> LineServer::start(Reactor& reactor, const StartLine& start,
                                                      const LineServerOptions& options,
                                                      LineServerHandler& handler) {
  std::unique_ptr<LineServer> server(new LineServer(reactor, options, handler));
  LineServer* self = server.get();
  auto child = start([self](ChildExit exit) { self->exited(exit); });
  if (!child) return child.error();
  server->child_ = std::move(*child);
  LineChannelLimits limits;
  limits.json = options.json;
  server->channel_ = std::make_unique<LineChannel>(reactor, std::move(server->child_.stdio),
                                                   static_cast<LineChannelHandler&>(*server), limits);
  return server;
}

void LineServer::pause() {
  paused_ = true;
  channel_->pause();
}

void LineServer::resume() {
  paused_ = false;
  channel_->resume();
}

void LineServer::stop(std::function<void()> stopped) {
  handler_ = nullptr;
  stopped_ = std::move(stopped);
  channel_->resume();  // what it still says is read and dropped, so that it can end
  channel_->shutdown();
  reactor_.arm_after(timer_, exit_ ? Duration(0) : Duration(limits_.stop_grace));
}

void LineServer::on_timer() {
  if (stopped_) return std::exchange(stopped_, nullptr)();
  if (!exit_) return gone({"closed its output and went on running", false});
  if (!paused_) return settle();
  reactor_.arm_after(timer_, limits_.end_after_exit);  // a reader is waited for
}

void LineServer::on_message(ClientMessage message) {
  has_spoken_ = true;
  if (handler_ != nullptr) handler_->on_message(std::move(message));
}

void LineServer::on_bad_line(const BadLine& line) {
  has_spoken_ = true;
  if (++bad_lines_ > limits_.bad_lines_max) {
    if (handler_ != nullptr) channel_->pause();
    return gone({"printed too much that is no message", false});
  }
  if (handler_ != nullptr) handler_->on_bad_line(line);
}

void LineServer::on_drained() {
  if (handler_ != nullptr) handler_->on_drained();
}

void LineServer::on_end() {
  output_ended_ = true;
  if (stopped_) return;
  if (exit_) return settle();
  reactor_.arm_after(timer_, limits_.exit_after_end);
}

void LineServer::on_failed(const Error& error) {
  if (stopped_ || exit_ || error.code == Errc::closed) return on_end();
  gone({"broke its pipe: " + error.message, false});
}

// The exit may be known before the last answer in the pipe was read.
void LineServer::exited(ChildExit exit) {
  exit_ = exit;
  if (stopped_ || output_ended_) return settle();
  reactor_.arm_after(timer_, limits_.end_after_exit);
}

void LineServer::settle() {
  timer_.cancel();
  if (stopped_) return std::exchange(stopped_, nullptr)();
  if (exit_->signal != 0) return gone({"was ended by signal " + std::to_string(exit_->signal), false});
  if (exit_->code == not_executable && !has_spoken_) return gone({"cannot be executed", true});
  gone({"exited with code " + std::to_string(exit_->code), false});
}

void LineServer::gone(LineServerEnd end) {
  LineServerHandler* handler = std::exchange(handler_, nullptr);
  if (handler == nullptr) return;  // told already, or stopping: then the grace goes on
  timer_.cancel();
  handler->on_gone(end);
}

}  // namespace sluice
