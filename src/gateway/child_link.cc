// SPDX-License-Identifier: Apache-2.0
#include "gateway/child_link.h"

#include <utility>

namespace sluice {

namespace {

constexpr int not_executable = 127;  // what the minder, and every shell, exits with then

// Child::start, as a door.
Result<StartedChild> start_process(Reactor& reactor, const ChildCommand& command,
                                   std::function<void(ChildExit)> on_exit) {
  auto child = Child::start(reactor, command, std::move(on_exit));
  if (!child) return child.error();
  const std::shared_ptr<Child> process = std::move(*child);
  return StartedChild{process->take_stdio(), process->take_stderr(), process->pid(), process};
}

std::string exit_text(ChildExit exit) {
  if (exit.signal != 0) return "was ended by signal " + std::to_string(exit.signal);
  return "exited with code " + std::to_string(exit.code);
}

}  // namespace

ChildLink::ChildLink(const UpstreamContext& context, const UpstreamConfig& config, ChildLinkHandler& handler)
    : context_(context),
      upstream_(config.name),
      program_(config.command.front()),
      grace_(context.reactor.limits().upstream.stop_grace),
      handler_(&handler),
      grace_timer_(
          [](void* self) {
            auto* link = static_cast<ChildLink*>(self);
            if (link->stopped_) {
              std::exchange(link->stopped_, nullptr)();
            } else if (link->exit_ && link->paused_) {
              link->wait_for_end();  // a reader is waited for
            } else if (link->exit_) {
              link->settle();
            } else {
              link->gone("closed its output and went on running");
            }
          },
          this) {}

Result<std::unique_ptr<ChildLink>> ChildLink::start(const UpstreamContext& context,
                                                    const UpstreamConfig& config, ChildLinkHandler& handler) {
  std::unique_ptr<ChildLink> link(new ChildLink(context, config, handler));
  ChildCommand command;
  command.argv = config.command;
  command.env = config.env;
  command.cwd = config.cwd;
  command.minder = context.minder;
  command.stop_grace = link->grace_;
  ChildLink* self = link.get();
  const StartChild& door = context.doors.start_child;
  auto child =
      (door ? door : start_process)(context.reactor, command, [self](ChildExit exit) { self->exited(exit); });
  if (!child) return child.error();
  link->child_ = std::move(*child);

  LineChannelLimits limits;
  limits.json = context.reactor.limits().json;
  link->channel_ = std::make_unique<LineChannel>(context.reactor, std::move(link->child_.stdio),
                                                 static_cast<LineChannelHandler&>(*link), limits);
  link->stderr_ = std::make_unique<ChildStderr>(context.reactor, context.log, config.name, link->pid(),
                                                std::move(link->child_.errors));
  context.log.info("child started").field("upstream", config.name).field("pid", link->pid());
  return link;
}

std::size_t ChildLink::send(Bytes message) { return channel_ ? channel_->send(message) : SIZE_MAX; }

bool ChildLink::has_room_for(std::size_t bytes) const {
  const Budget& budget = context_.reactor.budget();
  return budget.bytes_used() + bytes <= budget.bytes_max();
}

void ChildLink::pause() {
  paused_ = true;
  if (channel_) channel_->pause();
}

void ChildLink::resume() {
  paused_ = false;
  if (channel_) channel_->resume();
}

void ChildLink::stop(std::function<void()> stopped) {
  handler_ = nullptr;
  stopped_ = std::move(stopped);
  if (channel_) {
    channel_->resume();  // what it still says is read and dropped, so that it can end
    channel_->shutdown();
  }
  context_.reactor.arm_after(grace_timer_, exit_ ? Duration(0) : Duration(grace_));
}

bool ChildLink::never_ran() const {
  return exit_ && exit_->signal == 0 && exit_->code == not_executable && !has_spoken_;
}

void ChildLink::on_message(ClientMessage message) {
  has_spoken_ = true;
  if (handler_ != nullptr) handler_->on_child_message(std::move(message));
}

void ChildLink::on_bad_line(const BadLine& line) {
  has_spoken_ = true;
  ++bad_lines_;
  if (bad_lines_ <= 10)
    context_.log.warning("a child printed a line that is no message")
        .field("upstream", upstream_)
        .field("pid", pid())
        .field("reason", line.reason)
        .field("line", line.line);
  if (bad_lines_ > context_.reactor.limits().upstream.bad_lines_max)
    gone("printed too much that is no message");
}

void ChildLink::on_drained() {
  if (handler_ != nullptr) handler_->on_child_drained();
}

void ChildLink::on_end() {
  output_ended_ = true;
  if (stopped_) return;
  if (exit_) return settle();
  context_.reactor.arm_after(grace_timer_, context_.reactor.limits().upstream.exit_after_end);
}

void ChildLink::on_failed(const Error& error) {
  if (stopped_ || exit_ || error.code == Errc::closed) return on_end();
  gone("broke its pipe: " + error.message);
}

// The exit may be known before the last answer in the pipe was read.
void ChildLink::exited(ChildExit exit) {
  exit_ = exit;
  if (stopped_ || output_ended_) return settle();
  wait_for_end();
}

void ChildLink::wait_for_end() {
  context_.reactor.arm_after(grace_timer_, context_.reactor.limits().upstream.end_after_exit);
}

void ChildLink::settle() {
  grace_timer_.cancel();
  stderr_->finish();
  context_.log.info("child ended")
      .field("upstream", upstream_)
      .field("pid", pid())
      .field("how", exit_text(*exit_));
  if (stopped_) return std::exchange(stopped_, nullptr)();
  gone(never_ran() ? "has a command that cannot be executed, '" + program_ + "'" : exit_text(*exit_));
}

void ChildLink::gone(std::string why) {
  ChildLinkHandler* handler = std::exchange(handler_, nullptr);
  if (handler == nullptr) return;  // told already, or stopping: then the grace goes on
  grace_timer_.cancel();
  handler->on_child_gone(
      ChildEnd{"upstream '" + upstream_ + "' " + why, context_.log.redacted(stderr_->last_line())});
}

}  // namespace sluice
