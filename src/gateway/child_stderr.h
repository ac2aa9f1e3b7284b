// SPDX-License-Identifier: Apache-2.0
#pragma once
// ChildStderr: what a child writes to its stderr, line by line into the log.
//
// Bounded: long lines are cut, only so many lines a second are written and the rest is counted. Keeps the
// last line, for the sentence that explains a child's end. Lives on one reactor.

#include <string>

#include "codec/lines.h"
#include "net/reactor.h"
#include "net/stream.h"
#include "observe/log.h"

namespace sluice {

class ChildStderr final : private StreamHandler {
 public:
  ChildStderr(Reactor& reactor, Log& log, std::string upstream, int pid, StreamPtr stream);
  ChildStderr(const ChildStderr&) = delete;
  ChildStderr& operator=(const ChildStderr&) = delete;
  ~ChildStderr() override { stream_->set_handler(nullptr); }

  // Takes what is left without a line end; the child has exited.
  void finish();
  [[nodiscard]] const std::string& last_line() const { return last_line_; }

 private:
  void on_bytes(PaddedBytes bytes) override;
  void on_end() override {}
  void on_failed(const Error&) override {}
  void write_lines();
  void begin_second();

  Reactor& reactor_;
  Log& log_;
  std::string upstream_;
  int pid_;
  StreamPtr stream_;
  LineReader lines_;
  std::string last_line_;
  Instant second_begins_{};
  std::size_t written_ = 0;  // in this second
  std::size_t left_out_ = 0;
};

}  // namespace sluice
