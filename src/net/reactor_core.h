// SPDX-License-Identifier: Apache-2.0
#pragma once
// What `net` knows of a reactor beyond its public face: libuv handles, the flush list, the scratch buffer,
// queues.
//
// For the sources of this room alone. Every libuv callback that does something calls enter() first, so that a
// turn's start is known without asking libuv. One thread, but for post and what the watchdog reads.

#include <uv.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/budget.h"
#include "base/buffer.h"
#include "base/bytes.h"
#include "base/result.h"
#include "net/reactor.h"

namespace sluice {

// Monotonic time as the reactors see it.
Instant monotonic_now();

// "what: the reason", from a libuv error code (a negative errno), with the Errc that fits.
[[nodiscard]] Error system_error(const std::string& what, int code);

// One entry of the flush list: a function and its argument, so that a stream pays no memory for being on it.
struct FlushEntry {
  void (*flush)(void*) = nullptr;
  void* stream = nullptr;
};

// What a stream owns while it has unsent bytes; reactors keep a few for reuse.
struct Output {
  Buffer waiting;    // not yet offered to the kernel
  Buffer in_flight;  // lent to `request` while `busy`
  Charge charge;
  bool busy = false;
  uv_write_t request{};
};

struct Reactor::Core {
  explicit Core(Reactor& owner);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  static constexpr std::size_t scratch_bytes = 64 * 1024;
  static constexpr std::size_t spare_outputs_max = 32;

  int open();    // libuv's part; 0 or a libuv error
  void close();  // ends handles that are left and the loop

  // Marks the start of a turn if it has not begun.
  void begin() {
    if (!awake) wake_up();
  }
  // The same for callbacks in which something happened.
  void enter() {
    begin();
    did_work = true;
  }
  void wake_up();
  void fall_asleep();
  void set_timer();
  // Timers, posted and deferred work, then the flush. True when there was any.
  bool finish_turn(bool with_timers);
  bool run_posted();
  bool run_deferred();
  bool flush();
  void drop_queues();
  void prepare();

  // Runs flush(stream) once, in this turn's flush; the stream keeps itself from being entered twice.
  void flush_later(void (*flush_stream)(void*), void* stream) { dirty.push_back({flush_stream, stream}); }
  // Takes a stream that is going away off the list.
  void forget_flush(void* stream);
  // An empty Output charged to the budget, and where it goes when all is sent.
  std::unique_ptr<Output> take_output();
  void give_output(std::unique_ptr<Output> output);
  // Queues work from any thread whatever the bound, for callers that are bounded themselves.
  bool post(std::function<void()> work, std::size_t waiting_max);
  void set_watchdog(std::function<void(Duration)> report, Duration limit);
  void watch(Duration limit);

  Reactor& reactor;
  bool real = false;
  bool awake = false;
  bool running = false;  // inside run()
  bool stopping = false;
  bool posted_ready = false;      // the async handle woke us
  bool did_work = false;          // since turn() asked
  std::uint32_t turn_number = 0;  // wraps; streams compare it for equality
  Instant turn_start{};
  std::thread::id thread;
  WallTime wall_start{};  // simulated
  Instant clock_start{};

  uv_loop_t loop{};
  uv_prepare_t prepare_handle{};
  uv_check_t check_handle{};
  uv_idle_t idle_handle{};
  uv_async_t async_handle{};
  uv_timer_t timer_handle{};
  std::uint64_t timer_due_ms = UINT64_MAX;  // what timer_handle is set to, in the loop's milliseconds

  std::unique_ptr<char[]> scratch;  // scratch_bytes + padding_bytes
  std::vector<FlushEntry> dirty;
  std::vector<FlushEntry> flushing;
  std::vector<std::function<void()>> deferred;
  std::vector<std::unique_ptr<Output>> spare_outputs;

  std::mutex posted_mutex;
  std::vector<std::function<void()>> posted;  // guarded by posted_mutex
  bool post_closed = false;                   // guarded by posted_mutex

  std::unique_ptr<WorkerPool> pool;

  // The watchdog: it sees when the turn began (nanoseconds; 0 while asleep) and compares.
  std::atomic<std::int64_t> heartbeat{0};
  std::thread watchdog;
  std::mutex watchdog_mutex;
  std::condition_variable watchdog_wakes;
  bool watchdog_ends = false;  // guarded by watchdog_mutex
  std::function<void(Duration)> stall_report;
};

}  // namespace sluice
