// SPDX-License-Identifier: Apache-2.0
#pragma once
// WorkerPool: a few threads for work that blocks (password hashes, fsync, handlers marked blocking).
//
// A job owns its data and touches nothing of the reactor's; what it returns goes to `done` on the reactor.
// Destroying the ticket detaches: `done` is not called any more, a job that has not begun is skipped, one
// that runs ends for nobody. Bounded by limits.net.pool_jobs_max. offload() belongs to the reactor's thread.

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/result.h"
#include "net/reactor.h"

namespace sluice {

class WorkerPool {
 private:
  struct Work {
    std::function<void()> job;
    std::function<void()> done;
    std::atomic<bool> detached{false};
  };

 public:
  // Keeps a job attached. Movable; an empty one does nothing.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&&) noexcept = default;
    Ticket& operator=(Ticket&& other) noexcept {
      if (this != &other) {
        detach();
        work_ = std::move(other.work_);
      }
      return *this;
    }
    ~Ticket() { detach(); }

    // `done` will not be called any more.
    void detach();

   private:
    friend class WorkerPool;
    explicit Ticket(std::weak_ptr<Work> work) : work_(std::move(work)) {}
    std::weak_ptr<Work> work_;
  };

  // `threads` 0 runs jobs on the reactor, within its turns (simulations).
  WorkerPool(Reactor& reactor, std::size_t threads, std::size_t jobs_max);
  ~WorkerPool();  // waits for jobs that run, drops the others
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Runs `job()` on a thread, then `done(result)` (or `done()`) on the reactor. Errc::exhausted when jobs_max
  // are waiting or running.
  template <class Job, class Done>
  [[nodiscard]] Result<Ticket> offload(Job job, Done done) {
    using Value = std::invoke_result_t<Job&>;
    if constexpr (std::is_void_v<Value>) {
      return submit(std::move(job), std::move(done));
    } else {
      auto value = std::make_shared<std::optional<Value>>();
      return submit([value, job = std::move(job)]() mutable { value->emplace(job()); },
                    [value, done = std::move(done)]() mutable { done(std::move(**value)); });
    }
  }

  // Jobs waiting or running, detached ones included.
  [[nodiscard]] std::size_t jobs() const;

 private:
  struct Core;

  Result<Ticket> submit(std::function<void()> job, std::function<void()> done);

  std::unique_ptr<Core> core_;
};

}  // namespace sluice
