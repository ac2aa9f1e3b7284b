// SPDX-License-Identifier: Apache-2.0
#include "gateway/child_link.h"

#include <utility>

namespace sluice {

namespace {

constexpr std::size_t bad_lines_logged = 10;

std::string exit_text(ChildExit exit) {
  if (exit.signal != 0) return "was ended by signal " + std::to_string(exit.signal);
  return "exited with code " + std::to_string(exit.code);
}

}  // namespace

ChildLink::ChildLink(const UpstreamContext& context, const UpstreamConfig& config, ChildLinkHandler& handler)
    : context_(context), upstream_(config.name), program_(config.command.front()), handler_(&handler) {}

Result<std::unique_ptr<ChildLink>> ChildLink::start(const UpstreamContext& context,
                                                    const UpstreamConfig& config, ChildLinkHandler& handler) {
  std::unique_ptr<ChildLink> link(new ChildLink(context, config, handler));
  const Limits& limits = context.reactor.limits();
  ChildCommand command;
  command.argv = config.command;
  command.env = config.env;
  command.inherits = config.inherits;
  command.cwd = config.cwd;
  command.minder = context.minder;
  command.stop_grace = limits.upstream.stop_grace;
  const StartLine begin = [&](std::function<void(ChildExit)> on_exit) {
    const StartChild& door = context.doors.start_child;
    return (door ? door : start_process)(context.reactor, command, std::move(on_exit));
  };
  auto server =
      LineServer::start(context.reactor, begin, LineServerOptions{limits.json, limits.upstream}, *link);
  if (!server) return server.error();
  link->server_ = *std::move(server);
  link->stderr_ = std::make_unique<ChildStderr>(context.reactor, context.log, config.name, link->pid(),
                                                link->server_->take_errors());
  context.log.info("child started").field("upstream", config.name).field("pid", link->pid());
  return link;
}

bool ChildLink::has_room_for(std::size_t bytes) const {
  const Budget& budget = context_.reactor.budget();
  return budget.bytes_used() + bytes <= budget.bytes_max();
}

void ChildLink::stop(std::function<void()> stopped) {
  server_->stop([this, stopped = std::move(stopped)] {
    note_end();
    stopped();
  });
}

void ChildLink::on_bad_line(const BadLine& line) {
  if (++bad_lines_ > bad_lines_logged) return;
  context_.log.warning("a child printed a line that is no message")
      .field("upstream", upstream_)
      .field("pid", pid())
      .field("reason", line.reason)
      .field("line", line.line);
}

void ChildLink::note_end() {
  if (!server_->exit()) return;
  stderr_->finish();
  context_.log.info("child ended")
      .field("upstream", upstream_)
      .field("pid", pid())
      .field("how", exit_text(*server_->exit()));
}

void ChildLink::on_gone(const LineServerEnd& end) {
  note_end();
  ChildEnd told;
  told.why = "upstream '" + upstream_ + "' " +
             (end.never_ran ? "has a command that cannot be executed, '" + program_ + "'" : end.how);
  told.last_words = context_.log.redacted(stderr_->last_line());
  told.never_ran = end.never_ran;
  handler_->on_child_gone(told);
}

}  // namespace sluice
