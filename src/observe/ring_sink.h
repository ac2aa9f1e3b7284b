// SPDX-License-Identifier: Apache-2.0
#pragma once
// RingSink: the log writer. A bounded ring of bytes, and one thread that empties it.
//
// The reactor puts lines in without a lock or, as a rule, a system call; the thread hands whole lines to a
// function that may block. When the ring is full lines are refused, never waited for. Knows no file: the
// function does. One thread puts lines in; counters may be read by any.
//
// Destruction hands on what is still in the ring and joins the thread, so the function must not block for
// ever.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/limits.h"
#include "observe/log.h"

namespace sluice {

class RingSink final : public LogSink {
 public:
  // Writes all of `lines` somewhere, on the writer's thread; may block; false when they were lost.
  using Write = std::function<bool(std::string_view lines)>;

  // Batches end at a line's end and have at most 4,096 bytes unless a line is longer: that much goes to a
  // pipe in one piece (PIPE_BUF), so lines of several workers do not mix. After a batch the writer naps for
  // `linger`, so a busy log does not wake it for every line.
  RingSink(const ObserveLimits& limits, Write write, milliseconds linger = milliseconds(2));
  RingSink(const RingSink&) = delete;
  RingSink& operator=(const RingSink&) = delete;
  ~RingSink() override;

  bool write(std::string_view line) override;

  // Batches that the function lost.
  [[nodiscard]] std::uint64_t write_failures() const {
    return write_failures_.load(std::memory_order_relaxed);
  }

 private:
  void run();
  // Copies whole lines from the ring to `batch`; false when there are none.
  bool take(std::string& batch);

  static constexpr std::size_t batch_bytes_max = 4'096;
  static constexpr std::uint64_t stop_bit = std::uint64_t{1} << 63;

  std::size_t capacity_;
  std::unique_ptr<char[]> ring_;
  Write write_;
  milliseconds linger_;
  // Bytes ever put in (with stop_bit on top once the sink closes) and ever taken out; on cache lines of their
  // own.
  alignas(64) std::atomic<std::uint64_t> put_{0};
  alignas(64) std::atomic<std::uint64_t> taken_{0};
  std::atomic<std::uint64_t> write_failures_{0};
  std::thread thread_;  // last: it starts when the rest is there
};

}  // namespace sluice
