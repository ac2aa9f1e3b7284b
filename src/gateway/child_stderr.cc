// SPDX-License-Identifier: Apache-2.0
#include "gateway/child_stderr.h"

#include <utility>

namespace sluice {

ChildStderr::ChildStderr(Reactor& reactor, Log& log, std::string upstream, int pid, StreamPtr stream)
    : reactor_(reactor),
      log_(log),
      upstream_(std::move(upstream)),
      pid_(pid),
      stream_(std::move(stream)),
      lines_(reactor.limits().upstream.stderr_line_bytes_max) {
  stream_->set_handler(this);
}

void ChildStderr::on_bytes(PaddedBytes bytes) {
  lines_.feed(bytes.bytes);
  write_lines();
}

void ChildStderr::finish() {
  lines_.finish();
  write_lines();
}

void ChildStderr::begin_second() {
  if (reactor_.now() - second_begins_ < seconds(1)) return;
  if (left_out_ != 0)
    log_.warning("lines of a child's stderr were left out")
        .field("upstream", upstream_)
        .field("pid", pid_)
        .field("lines", left_out_);
  second_begins_ = reactor_.now();
  written_ = left_out_ = 0;
}

void ChildStderr::write_lines() {
  begin_second();
  PaddedBytes line;
  for (;;) {
    const LineReader::Step step = lines_.next(line);
    if (step == LineReader::Step::need_bytes) return;
    if (step == LineReader::Step::too_long) line.bytes = "(a line that is too long)";
    last_line_.assign(line.bytes.substr(0, reactor_.limits().upstream.last_words_bytes_max));
    if (written_ >= reactor_.limits().upstream.stderr_lines_per_second_max) {
      ++left_out_;
      continue;
    }
    ++written_;
    log_.info("child stderr").field("upstream", upstream_).field("pid", pid_).field("line", line.bytes);
  }
}

}  // namespace sluice
