// SPDX-License-Identifier: Apache-2.0
// One producer, one consumer. `put_` is written by the producer only (and once by the destructor), `taken_`
// by the writer only; the bytes between them belong to the writer, the others to the producer. A release
// store of the one and an acquire load of it on the other side hand bytes over. The writer sleeps on `put_`,
// so a producer pays for waking it only when it sleeps.
#include "observe/ring_sink.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace sluice {

RingSink::RingSink(const ObserveLimits& limits, Write write, milliseconds linger)
    : capacity_(limits.log_ring_bytes_max),
      ring_(std::make_unique_for_overwrite<char[]>(capacity_)),  // untouched pages are not there yet
      write_(std::move(write)),
      linger_(linger) {
  CHECK(capacity_ != 0);
  thread_ = std::thread([this] { run(); });
}

RingSink::~RingSink() {
  put_.fetch_or(stop_bit, std::memory_order_release);
  put_.notify_one();
  thread_.join();
}

bool RingSink::write(std::string_view line) {
  DCHECK(!line.empty() && line.back() == '\n');
  const std::uint64_t put = put_.load(std::memory_order_relaxed);
  const std::uint64_t taken = taken_.load(std::memory_order_acquire);
  if (line.size() > capacity_ - static_cast<std::size_t>(put - taken)) return false;
  const auto at = static_cast<std::size_t>(put % capacity_);
  const std::size_t before_end = std::min(line.size(), capacity_ - at);
  std::memcpy(ring_.get() + at, line.data(), before_end);
  std::memcpy(ring_.get(), line.data() + before_end, line.size() - before_end);
  put_.store(put + line.size(), std::memory_order_release);
  put_.notify_one();
  return true;
}

bool RingSink::take(std::string& batch) {
  const std::uint64_t end = put_.load(std::memory_order_acquire) & ~stop_bit;
  std::uint64_t at = taken_.load(std::memory_order_relaxed);
  batch.clear();
  while (at != end) {
    // The next line, in one or two pieces; it is whole because lines are put in whole.
    const auto from = static_cast<std::size_t>(at % capacity_);
    const std::size_t before_end = std::min(static_cast<std::size_t>(end - at), capacity_ - from);
    std::string_view first(ring_.get() + from, before_end);
    std::string_view second;
    if (const std::size_t newline = first.find('\n'); newline != std::string_view::npos) {
      first = first.substr(0, newline + 1);
    } else {
      second = std::string_view(ring_.get(), static_cast<std::size_t>(end - at) - before_end);
      second = second.substr(0, second.find('\n') + 1);
    }
    const std::size_t length = first.size() + second.size();
    if (!batch.empty() && batch.size() + length > batch_bytes_max) break;
    batch.append(first).append(second);
    at += length;
  }
  taken_.store(at, std::memory_order_release);
  return !batch.empty();
}

void RingSink::run() {
  std::string batch;
  while (true) {
    const std::uint64_t seen = put_.load(std::memory_order_acquire);
    bool busy = false;
    while (take(batch)) {
      busy = true;
      if (!write_(batch)) write_failures_.fetch_add(1, std::memory_order_relaxed);
    }
    if ((seen & stop_bit) != 0) return;
    if (busy && linger_.count() > 0) {
      std::this_thread::sleep_for(linger_);
    } else if (!busy) {
      put_.wait(seen, std::memory_order_acquire);
    }
  }
}

}  // namespace sluice
