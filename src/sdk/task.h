// SPDX-License-Identifier: Apache-2.0
#pragma once
// Task<T>, as handlers return it; the type itself is base/task.h's.
//
// A handler that is a coroutine may wait: for the client's answers, for time, for work on the pool. A call
// that is cancelled ends where it waits: its frame is destroyed and what it holds with it. So a guard that
// commits when it is destroyed commits on a cancel; use ctx.on_cancel() to tell the two apart. Read
// docs/decisions/0003-coroutines.md before writing a co_await statement with braces or a lambda in it: g++ 12
// gets those wrong.

#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/task.h"

namespace sluice {

// Waits for a callback: `co_await completion<int>(start)`, where start(done) begins the work and done(value)
// is called once, later or at once, on the reactor's thread. A waiter that was destroyed is not told.
template <class T>
class [[nodiscard]] Completion {
 public:
  using Done = std::function<void(T)>;

  explicit Completion(std::function<void(Done)> start) : start_(std::move(start)) {}
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;
  ~Completion() {
    if (shared_) shared_->waiter = nullptr;
  }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> waiter) {
    shared_ = std::make_shared<Shared>();
    start_([shared = shared_](T value) {
      if (shared->value) return;
      shared->value.emplace(std::move(value));
      if (auto next = std::exchange(shared->waiter, nullptr)) next.resume();
    });
    if (shared_->value) return false;
    shared_->waiter = waiter;
    return true;
  }
  T await_resume() { return std::move(*shared_->value); }

 private:
  struct Shared {
    std::optional<T> value;
    std::coroutine_handle<> waiter;
  };
  std::function<void(Done)> start_;
  std::shared_ptr<Shared> shared_;
};

template <class T>
[[nodiscard]] Completion<T> completion(std::function<void(std::function<void(T)>)> start) {
  return Completion<T>(std::move(start));
}

}  // namespace sluice
