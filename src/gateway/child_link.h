// SPDX-License-Identifier: Apache-2.0
#pragma once
// ChildLink: one started child of a stdio upstream, as the gateway sees it.
//
// Starts the command as it is configured, writes what the child says to people and how it fares into the log,
// and names the upstream when it tells of its end; the lines themselves are a LineServer's. Knows no era and
// no exchange. Lives on one reactor; may be destroyed from inside its handler's calls, which ends the child.

#include <functional>
#include <memory>
#include <string>

#include "gateway/child_stderr.h"
#include "gateway/upstream.h"
#include "transport/line_server.h"

namespace sluice {

// How a child ended: sentences for people, without secrets.
struct ChildEnd {
  std::string why;
  std::string last_words;  // of its stderr; they may be about anybody whom it served
  bool never_ran = false;  // it ended as a command does that is not there or no program

  [[nodiscard]] std::string whole() const {
    return last_words.empty() ? why : why + "; it last wrote: " + last_words;
  }
};

class ChildLinkHandler {
 public:
  virtual ~ChildLinkHandler() = default;
  virtual void on_child_message(ClientMessage message) = 0;
  // There is room again after send() had returned 0.
  virtual void on_child_drained() {}
  // The child is gone or useless: the last call.
  virtual void on_child_gone(const ChildEnd& end) = 0;
};

class ChildLink final : private LineServerHandler {
 public:
  // Starts the command. Fails only where no process could be made; a bad command ends as on_child_gone().
  static Result<std::unique_ptr<ChildLink>> start(const UpstreamContext& context,
                                                  const UpstreamConfig& config, ChildLinkHandler& handler);
  // Another hears of it from now on; it was started, and nothing was sent to it.
  void hand_over(ChildLinkHandler& handler) { handler_ = &handler; }
  ChildLink(const ChildLink&) = delete;
  ChildLink& operator=(const ChildLink&) = delete;

  // Sends one message; returns the room left.
  std::size_t send(Bytes message) { return server_->send(message); }
  // Whether so many bytes can be kept until the child reads them. A message that cannot be kept to its end
  // must not be begun: the child would never understand another.
  [[nodiscard]] bool has_room_for(std::size_t bytes) const;
  [[nodiscard]] std::size_t unsent() const { return server_->unsent(); }
  void pause() { server_->pause(); }
  void resume() { server_->resume(); }

  // Ends the child's input and drops the handler; `stopped` is called when it has exited or its grace is
  // over, never from inside this. The owner then destroys the link.
  void stop(std::function<void()> stopped);

  [[nodiscard]] int pid() const { return server_->pid(); }

 private:
  ChildLink(const UpstreamContext& context, const UpstreamConfig& config, ChildLinkHandler& handler);

  void on_message(ClientMessage message) override { handler_->on_child_message(std::move(message)); }
  void on_bad_line(const BadLine& line) override;
  void on_drained() override { handler_->on_child_drained(); }
  void on_gone(const LineServerEnd& end) override;
  // Its last words, and how it ended if that is known.
  void note_end();

  UpstreamContext context_;
  std::string upstream_;
  std::string program_;
  ChildLinkHandler* handler_;
  std::unique_ptr<LineServer> server_;
  std::unique_ptr<ChildStderr> stderr_;
  std::size_t bad_lines_ = 0;
};

}  // namespace sluice
