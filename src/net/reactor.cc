// SPDX-License-Identifier: Apache-2.0
#include "net/reactor.h"

#include <signal.h>
#include <time.h>

#include <iterator>
#include <utility>

#include "base/check.h"
#include "net/process_handle.h"
#include "net/reactor_core.h"
#include "net/worker_pool.h"

namespace sluice {
namespace {

// How often the flush starts over for streams that were written to by callbacks of the flush itself; what is
// left then waits for the next turn.
constexpr int flush_rounds_max = 16;
// A simulated reactor goes on turning at one instant at most this often: two ends may answer each other for
// ever.
constexpr int turns_per_instant_max = 100'000;

Reactor::Core& core_of(const uv_handle_t* handle) { return *static_cast<Reactor::Core*>(handle->loop->data); }

}  // namespace

Instant monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Instant(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

Error system_error(const std::string& what, int code) {
  Errc kind = Errc::io;
  switch (code) {
    case UV_ETIMEDOUT:  // the kernel's word: nobody answers at the other end
    case UV_ECONNREFUSED:
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
    case UV_EADDRNOTAVAIL: kind = Errc::unavailable; break;
    case UV_EOF:
    case UV_EPIPE:
    case UV_ECONNRESET:
    case UV_ECONNABORTED:
    case UV_ECANCELED: kind = Errc::closed; break;
    case UV_EACCES:
    case UV_EPERM: kind = Errc::denied; break;
    case UV_ENOENT: kind = Errc::not_found; break;
    case UV_EEXIST:
    case UV_EADDRINUSE: kind = Errc::exists; break;
    case UV_EMFILE:
    case UV_ENFILE:
    case UV_ENOMEM:
    case UV_ENOBUFS: kind = Errc::exhausted; break;
    default: break;
  }
  return Error(kind, what + ": " + uv_strerror(code));
}

// ---- Core
// ----------------------------------------------------------------------------------------------------------

Reactor::Core::Core(Reactor& owner) : reactor(owner), thread(std::this_thread::get_id()) {}

Reactor::Core::~Core() = default;

int Reactor::Core::open() {
  if (const int rc = uv_loop_init(&loop); rc != 0) return rc;
  real = true;
  loop.data = this;
  scratch = std::make_unique<char[]>(scratch_bytes + padding_bytes);
  uv_prepare_init(&loop, &prepare_handle);
  uv_check_init(&loop, &check_handle);
  uv_idle_init(&loop, &idle_handle);
  uv_timer_init(&loop, &timer_handle);
  const int rc = uv_async_init(&loop, &async_handle, [](uv_async_t* handle) {
    Core& core = core_of(reinterpret_cast<uv_handle_t*>(handle));
    core.enter();
    core.posted_ready = true;
  });
  if (rc != 0) {
    close();
    return rc;
  }
  uv_prepare_start(&prepare_handle,
                   [](uv_prepare_t* handle) { core_of(reinterpret_cast<uv_handle_t*>(handle)).prepare(); });
  uv_check_start(&check_handle, [](uv_check_t* handle) {
    Core& core = core_of(reinterpret_cast<uv_handle_t*>(handle));
    core.begin();
    if (core.finish_turn(true)) core.did_work = true;
  });
  // The async handle alone keeps the loop running.
  uv_unref(reinterpret_cast<uv_handle_t*>(&prepare_handle));
  uv_unref(reinterpret_cast<uv_handle_t*>(&check_handle));
  uv_unref(reinterpret_cast<uv_handle_t*>(&idle_handle));
  uv_unref(reinterpret_cast<uv_handle_t*>(&timer_handle));
  return 0;
}

void Reactor::Core::close() {
  uv_walk(
      &loop,
      [](uv_handle_t* handle, void* argument) {
        auto& core = *static_cast<Core*>(argument);
        if (uv_is_closing(handle) != 0) return;
        if (uv_handle_get_type(handle) == UV_PROCESS) {
          abandon_process(handle);
          return;
        }
        const void* const own[] = {&core.prepare_handle, &core.check_handle, &core.idle_handle,
                                   &core.timer_handle, &core.async_handle};
        bool is_own = false;
        for (const void* candidate : own) is_own = is_own || candidate == handle;
        CHECK(is_own);  // a stream, listener or watch outlives its reactor
        uv_close(handle, nullptr);
      },
      this);
  while (uv_run(&loop, UV_RUN_DEFAULT) != 0) {}
  const int rc = uv_loop_close(&loop);
  CHECK(rc == 0);
}

void Reactor::Core::wake_up() {
  awake = true;
  ++turn_number;
  if (!real) return;
  turn_start = monotonic_now();
  reactor.now_ = turn_start;
  heartbeat.store(turn_start.time_since_epoch().count(), std::memory_order_relaxed);
}

void Reactor::Core::fall_asleep() {
  if (!awake) return;
  awake = false;
  heartbeat.store(0, std::memory_order_relaxed);
  const Duration took = monotonic_now() - turn_start;
  TurnHistogram& turns = reactor.turns_;
  ++turns.turns;
  if (took > turns.longest) turns.longest = took;
  std::size_t bucket = 0;
  for (Duration bound = milliseconds(1); bucket < 4 && took >= bound; bound *= 10) ++bucket;
  ++turns.counts[bucket];
}

bool Reactor::Core::finish_turn(bool with_timers) {
  bool any = with_timers && reactor.wheel_.advance(reactor.now_) != 0;
  any = run_posted() || any;
  any = run_deferred() || any;
  return flush() || any;
}

bool Reactor::Core::run_posted() {
  if (real && !posted_ready) return false;
  posted_ready = false;
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(posted_mutex);
    work.swap(posted);
  }
  for (auto& run : work) run();
  return !work.empty();
}

bool Reactor::Core::run_deferred() {
  if (deferred.empty()) return false;
  std::vector<std::function<void()>> work;
  work.swap(deferred);
  for (auto& run : work) run();
  return true;
}

// Destroys what will not run any more; that may queue again.
void Reactor::Core::drop_queues() {
  while (!posted.empty() || !deferred.empty()) {
    std::vector<std::function<void()>> dropped;
    {
      const std::lock_guard lock(posted_mutex);
      dropped.swap(posted);
    }
    dropped.insert(dropped.end(), std::make_move_iterator(deferred.begin()),
                   std::make_move_iterator(deferred.end()));
    deferred.clear();
  }
}

bool Reactor::Core::flush() {
  bool any = false;
  for (int round = 0; round < flush_rounds_max && !dirty.empty(); ++round) {
    any = true;
    flushing.swap(dirty);
    for (std::size_t i = 0; i < flushing.size(); ++i) {
      const FlushEntry entry = flushing[i];
      if (entry.stream != nullptr) entry.flush(entry.stream);
    }
    flushing.clear();
  }
  return any;
}

void Reactor::Core::forget_flush(void* stream) {
  for (auto& entry : dirty)
    if (entry.stream == stream) entry.stream = nullptr;
  for (auto& entry : flushing)
    if (entry.stream == stream) entry.stream = nullptr;
}

// Just before libuv waits: what callbacks of its other phases left behind is done now, and the wait is
// bounded by the next timer.
void Reactor::Core::prepare() {
  if (!deferred.empty() || !dirty.empty() || posted_ready) {
    begin();
    if (finish_turn(false)) did_work = true;
  }
  if (!deferred.empty() || !dirty.empty()) {
    uv_idle_start(&idle_handle, [](uv_idle_t*) {});  // an active idle handle keeps libuv from waiting
  } else {
    uv_idle_stop(&idle_handle);
  }
  set_timer();
  fall_asleep();
}

// The libuv timer only ends the wait; the wheel is advanced in the check phase. It is left alone when it is
// set to an earlier time than needed: that costs one empty turn and saves restarting it in every turn.
void Reactor::Core::set_timer() {
  const Instant next = reactor.wheel_.next_deadline();
  if (next == never) return;
  const auto ns = next.time_since_epoch().count();
  const auto due_ms = static_cast<std::uint64_t>((ns + 999'999) / 1'000'000);
  if (due_ms >= timer_due_ms) return;
  const std::uint64_t now_ms = uv_now(&loop);
  timer_due_ms = due_ms;
  uv_timer_start(
      &timer_handle,
      [](uv_timer_t* handle) { core_of(reinterpret_cast<uv_handle_t*>(handle)).timer_due_ms = UINT64_MAX; },
      due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

std::unique_ptr<Output> Reactor::Core::take_output() {
  std::unique_ptr<Output> output;
  if (spare_outputs.empty()) {
    output = std::make_unique<Output>();
  } else {
    output = std::move(spare_outputs.back());
    spare_outputs.pop_back();
  }
  output->charge = Charge(reactor.budget_);
  return output;
}

void Reactor::Core::give_output(std::unique_ptr<Output> output) {
  output->charge.release();
  if (spare_outputs.size() >= spare_outputs_max) return;
  output->waiting.clear();
  output->in_flight.clear();
  if (output->waiting.capacity() > scratch_bytes) output->waiting.reset();
  if (output->in_flight.capacity() > scratch_bytes) output->in_flight.reset();
  spare_outputs.push_back(std::move(output));
}

bool Reactor::Core::post(std::function<void()> work, std::size_t waiting_max) {
  const std::lock_guard lock(posted_mutex);
  if (post_closed || posted.size() >= waiting_max) return false;
  posted.push_back(std::move(work));
  // Under the lock, so that the handle cannot be closed in between.
  if (real && posted.size() == 1) uv_async_send(&async_handle);
  return true;
}

void Reactor::Core::set_watchdog(std::function<void(Duration)> report, Duration limit) {
  CHECK(!watchdog.joinable());
  stall_report = std::move(report);
  watchdog = std::thread([this, limit] { watch(limit); });
}

void Reactor::Core::watch(Duration limit) {
  std::int64_t reported = 0;
  std::unique_lock lock(watchdog_mutex);
  while (!watchdog_wakes.wait_for(lock, limit / 4, [this] { return watchdog_ends; })) {
    const std::int64_t began = heartbeat.load(std::memory_order_relaxed);
    if (began == 0 || began == reported) continue;
    const Duration lasts = monotonic_now().time_since_epoch() - Duration(began);
    if (lasts <= limit) continue;
    reported = began;
    stall_report(lasts);
  }
}

// ---- Reactor
// -------------------------------------------------------------------------------------------------------

Reactor::Reactor(const Limits& limits, Instant start)
    : limits_(limits),
      budget_(limits.worker_bytes_max),
      now_(start),
      wheel_(start),
      core_(std::make_unique<Core>(*this)) {
  core_->clock_start = start;
}

void Reactor::set_limits(const Limits& limits) {
  limits_ = limits;
  budget_.set_bytes_max(limits.worker_bytes_max);
}

Result<std::unique_ptr<Reactor>> Reactor::open(const Limits& limits) {
  // Writing to a peer that went away is an error code here, not the end of the process.
  ::signal(SIGPIPE, SIG_IGN);
  std::unique_ptr<Reactor> reactor(new Reactor(limits, monotonic_now()));
  if (const int rc = reactor->core_->open(); rc != 0) return system_error("cannot start an event loop", rc);
  return reactor;
}

std::unique_ptr<Reactor> Reactor::simulated(const Limits& limits, Instant start, WallTime wall) {
  std::unique_ptr<Reactor> reactor(new Reactor(limits, start));
  reactor->core_->wall_start = wall;
  return reactor;
}

Reactor::~Reactor() {
  core_->pool.reset();
  {
    const std::lock_guard lock(core_->posted_mutex);
    core_->post_closed = true;
  }
  if (core_->watchdog.joinable()) {
    {
      const std::lock_guard lock(core_->watchdog_mutex);
      core_->watchdog_ends = true;
    }
    core_->watchdog_wakes.notify_all();
    core_->watchdog.join();
  }
  core_->drop_queues();  // what was queued may hold streams; they are closed with the rest
  if (core_->real) {
    core_->close();
  } else {
    core_->flush();
  }
  core_->drop_queues();
  core_->spare_outputs.clear();
}

void Reactor::run() {
  CHECK(core_->real);
  core_->thread = std::this_thread::get_id();
  if (core_->stopping) {
    turn();
  } else {
    core_->running = true;
    uv_run(&core_->loop, UV_RUN_DEFAULT);
    core_->running = false;
    core_->fall_asleep();
  }
  core_->stopping = false;
}

void Reactor::stop() {
  DCHECK(on_this_thread());
  core_->stopping = true;
  if (core_->running) uv_stop(&core_->loop);
}

bool Reactor::turn() {
  core_->thread = std::this_thread::get_id();
  core_->did_work = false;
  if (core_->real) {
    uv_run(&core_->loop, UV_RUN_NOWAIT);
    core_->fall_asleep();
    return core_->did_work;
  }
  core_->enter();
  core_->did_work = core_->finish_turn(true);
  core_->awake = false;
  ++turns_.turns;
  ++turns_.counts[0];
  return core_->did_work;
}

void Reactor::advance(Duration by) {
  CHECK(!core_->real);
  const Instant target = now_ + by;
  const auto settle = [this] {
    for (int i = 0; i < turns_per_instant_max && turn(); ++i) {}
  };
  settle();
  for (Instant next = wheel_.next_deadline(); next <= target; next = wheel_.next_deadline()) {
    if (next > now_) now_ = next;
    settle();
  }
  now_ = target;
  settle();
}

WallTime Reactor::wall() const {
  if (!core_->real) {
    return core_->wall_start + std::chrono::duration_cast<milliseconds>(now_ - core_->clock_start);
  }
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

Instant Reactor::precise_now() const { return core_->real ? monotonic_now() : now_; }

// Between turns now_ is old: a timer set during a long start must not count from before it.
void Reactor::arm_after(Timer& timer, Duration delay) {
  wheel_.arm(timer, (core_->awake ? now_ : precise_now()) + delay);
}

void Reactor::defer(std::function<void()> work) {
  DCHECK(on_this_thread());
  core_->deferred.push_back(std::move(work));
}

bool Reactor::post(std::function<void()> work) {
  return core_->post(std::move(work), limits_.net.deferred_jobs_max);
}

WorkerPool& Reactor::pool() {
  if (!core_->pool) {
    core_->pool = std::make_unique<WorkerPool>(*this, core_->real ? limits_.net.pool_threads : 0,
                                               limits_.net.pool_jobs_max);
  }
  return *core_->pool;
}

void Reactor::on_stall(std::function<void(Duration)> report) {
  if (core_->real) core_->set_watchdog(std::move(report), limits_.net.stall_report);
}

bool Reactor::on_this_thread() const { return core_->thread == std::this_thread::get_id(); }

uv_loop_s* Reactor::loop() { return core_->real ? &core_->loop : nullptr; }

}  // namespace sluice
