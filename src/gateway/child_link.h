// SPDX-License-Identifier: Apache-2.0
#pragma once
// ChildLink: one started child of a stdio upstream and the channel of messages to it.
//
// Starts the command, carries lines both ways, ends a child that prints garbage, and stops it in the order
// the specification asks: end of its input, a grace, TERM, KILL. Knows no era and no exchange. Lives on one
// reactor; may be destroyed from inside its handler's calls, which ends the child. Spec: basic/transports
// (stdio, shutdown).

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "gateway/child_stderr.h"
#include "gateway/upstream.h"
#include "transport/line_channel.h"

namespace sluice {

// How a child ended: sentences for people, without secrets.
struct ChildEnd {
  std::string why;
  std::string last_words;  // of its stderr; they may be about anybody whom it served

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

class ChildLink final : private LineChannelHandler {
 public:
  // Starts the command. Fails only where no process could be made; a bad command ends as on_child_gone().
  static Result<std::unique_ptr<ChildLink>> start(const UpstreamContext& context,
                                                  const UpstreamConfig& config, ChildLinkHandler& handler);
  // Another hears of it from now on; it was started, and nothing was sent to it.
  void hand_over(ChildLinkHandler& handler) { handler_ = &handler; }
  ChildLink(const ChildLink&) = delete;
  ChildLink& operator=(const ChildLink&) = delete;

  // Sends one message; returns the room left.
  std::size_t send(Bytes message);
  // Whether so many bytes can be kept until the child reads them. A message that cannot be kept to its end
  // must not be begun: the child would never understand another.
  [[nodiscard]] bool has_room_for(std::size_t bytes) const;
  [[nodiscard]] std::size_t unsent() const { return channel_ ? channel_->unsent() : 0; }
  void pause();
  void resume();

  // Ends the child's input and drops the handler; `stopped` is called when it has exited or its grace is
  // over, never from inside this. The owner then destroys the link.
  void stop(std::function<void()> stopped);

  [[nodiscard]] int pid() const { return child_.pid; }
  // It ended as a command does that is not there or no program: nothing of it ever ran.
  [[nodiscard]] bool never_ran() const;

 private:
  ChildLink(const UpstreamContext& context, const UpstreamConfig& config, ChildLinkHandler& handler);

  void on_message(ClientMessage message) override;
  void on_bad_line(const BadLine& line) override;
  void on_drained() override;
  void on_end() override;
  void on_failed(const Error& error) override;

  void exited(ChildExit exit);
  // It exited; its output has not ended yet.
  void wait_for_end();
  // It exited and what it had printed was read, or will not be.
  void settle();
  void gone(std::string why);

  UpstreamContext context_;
  std::string upstream_;
  std::string program_;
  milliseconds grace_;
  ChildLinkHandler* handler_;  // null once told, or once stopping
  StartedChild child_;
  std::unique_ptr<LineChannel> channel_;
  std::unique_ptr<ChildStderr> stderr_;
  std::size_t bad_lines_ = 0;
  bool has_spoken_ = false;
  bool paused_ = false;
  bool output_ended_ = false;
  std::optional<ChildExit> exit_;
  std::function<void()> stopped_;
  Timer grace_timer_;
};

}  // namespace sluice
