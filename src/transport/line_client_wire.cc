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

StartLine start_command(Reactor& reactor, ChildCommand command) {
  return
      [&reactor, command = std::move(command)](std::function<void(std::string)> gone) -> Result<StartedLine> {
        const std::string program = command.argv.empty() ? "" : command.argv.front();
        auto child = Child::start(reactor, command, [gone = std::move(gone), program](ChildExit exit) {
          constexpr int not_executable = 127;
          if (exit.signal != 0)
            return gone("'" + program + "' was ended by signal " + std::to_string(exit.signal));
          if (exit.code == not_executable) return gone("'" + program + "' cannot be executed");
          gone("'" + program + "' exited with code " + std::to_string(exit.code));
        });
        if (!child) return child.error();
        const std::shared_ptr<Child> process = std::move(*child);
        return StartedLine{process->take_stdio(), process->take_stderr(), process};
      };
}

LineClientWire::LineClientWire(Reactor& reactor, StartLine start, LineClientWireOptions options)
    : reactor_(reactor),
      start_(std::move(start)),
      options_(std::move(options)),
      timer_([](void* self) { static_cast<LineClientWire*>(self)->on_timer(); }, this) {}

LineClientWire::~LineClientWire() { stop(); }

Status LineClientWire::begin(ClientWireHandler& handler) {
  handler_ = &handler;
  return start();
}

Status LineClientWire::start() {
  how_.reset();
  output_ended_ = false;
  bad_lines_ = 0;
  auto line = start_([this](std::string how) { gone(std::move(how)); });
  if (!line) return line.error();
  line_ = std::move(*line);
  if (line_.errors) errors_ = std::make_unique<Errors>(std::move(line_.errors), options_.errors);
  LineChannelLimits limits;
  limits.json = options_.json;
  channel_ = std::make_unique<LineChannel>(reactor_, std::move(line_.stream),
                                           static_cast<LineChannelHandler&>(*this), limits);
  return {};
}

void LineClientWire::stop() {
  timer_.cancel();
  channel_.reset();
  errors_.reset();
  line_ = {};
}

void LineClientWire::carry_out(ClientOrder order) {
  if (order.kind == ClientOrder::Kind::send && channel_) {
    channel_->send(order.text);
  } else if (order.kind == ClientOrder::Kind::restart) {
    restarting_ = true;
    reactor_.arm_after(timer_, Duration(0));
  }
}

// What may still come is no answer either: it is lost now.
void LineClientWire::on_bad_line(const BadLine&) {
  if (++bad_lines_ != options_.limits.bad_lines_max + 1 || finishing_) return;
  how_ = "it printed too much that is no message";
  channel_->pause();
  settle();
}

void LineClientWire::on_end() {
  output_ended_ = true;
  if (finishing_ || how_) return settle();
  reactor_.arm_after(timer_, options_.limits.exit_after_end);
}

void LineClientWire::on_failed(const Error& error) {
  if (!how_ && error.code != Errc::closed) how_ = "its pipe broke: " + error.message;
  on_end();
}

// The end may be known before the last answer in the pipe was read.
void LineClientWire::gone(std::string how) {
  how_ = std::move(how);
  if (finishing_ || output_ended_) return settle();
  reactor_.arm_after(timer_, options_.limits.end_after_exit);
}

void LineClientWire::on_timer() {
  if (finishing_) return stop();
  if (!restarting_) return settle();
  restarting_ = false;
  stop();
  const Status started = start();
  if (started) return handler_->on_restarted();
  handler_->on_lost(started.error());
}

void LineClientWire::settle() {
  timer_.cancel();
  if (finishing_) {
    if (how_ || output_ended_) reactor_.defer([keep = std::exchange(line_.keep, nullptr)] {});
    return;
  }
  const Error why(Errc::closed, how_.value_or("the server closed its output"));
  handler_->on_lost(why);
}

void LineClientWire::finish() {
  finishing_ = true;
  if (!channel_ || how_ || output_ended_) return stop();
  channel_->shutdown();
  reactor_.arm_after(timer_, options_.limits.stop_grace);
  output_ended_ = false;
}

}  // namespace sluice
