// SPDX-License-Identifier: Apache-2.0
#include "net/worker_pool.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/reactor_core.h"

namespace sluice {

struct WorkerPool::Core {
  Core(Reactor& owner, std::size_t threads_, std::size_t jobs_max_)
      : reactor(owner), thread_count(threads_), jobs_max(jobs_max_) {}

  Reactor& reactor;
  std::size_t thread_count;
  std::size_t jobs_max;
  std::size_t jobs = 0;  // waiting or running, or done and not yet told; the reactor's

  std::mutex mutex;
  std::condition_variable wakes;
  std::deque<std::shared_ptr<Work>> waiting;  // guarded by mutex
  bool ends = false;                          // guarded by mutex
  std::vector<std::thread> threads;

  void serve() {
    std::unique_lock lock(mutex);
    while (true) {
      wakes.wait(lock, [this] { return ends || !waiting.empty(); });
      if (ends) return;
      std::shared_ptr<Work> work = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      if (!work->detached.load(std::memory_order_relaxed)) work->job();
      // Moved, so that what `done` captured dies on the reactor's thread. The queue is bounded by jobs_max.
      reactor.core().post([this, work = std::move(work)]() mutable { finish(std::move(work)); }, SIZE_MAX);
      lock.lock();
    }
  }

  void finish(std::shared_ptr<Work> work) {
    --jobs;
    if (!work->detached.load(std::memory_order_relaxed)) work->done();
  }
};

void WorkerPool::Ticket::detach() {
  if (const std::shared_ptr<Work> work = work_.lock()) work->detached.store(true, std::memory_order_relaxed);
  work_.reset();
}

WorkerPool::WorkerPool(Reactor& reactor, std::size_t threads, std::size_t jobs_max)
    : core_(std::make_unique<Core>(reactor, threads, jobs_max)) {
  for (std::size_t i = 0; i < threads; ++i)
    core_->threads.emplace_back([core = core_.get()] { core->serve(); });
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(core_->mutex);
    core_->ends = true;
  }
  core_->wakes.notify_all();
  for (std::thread& thread : core_->threads) thread.join();
}

std::size_t WorkerPool::jobs() const { return core_->jobs; }

Result<WorkerPool::Ticket> WorkerPool::submit(std::function<void()> job, std::function<void()> done) {
  if (core_->jobs >= core_->jobs_max) {
    return Error(Errc::exhausted,
                 "the pool for blocking work has " + std::to_string(core_->jobs) + " jobs waiting");
  }
  ++core_->jobs;
  auto work = std::make_shared<Work>();
  work->job = std::move(job);
  work->done = std::move(done);
  Ticket ticket{std::weak_ptr<Work>(work)};
  if (core_->thread_count == 0) {
    core_->reactor.defer([core = core_.get(), work = std::move(work)]() mutable {
      if (!work->detached.load(std::memory_order_relaxed)) work->job();
      core->finish(std::move(work));
    });
    return ticket;
  }
  {
    const std::lock_guard lock(core_->mutex);
    core_->waiting.push_back(std::move(work));
  }
  core_->wakes.notify_one();
  return ticket;
}

}  // namespace sluice
