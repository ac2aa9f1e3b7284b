// SPDX-License-Identifier: Apache-2.0
#pragma once
// ClientCall: one request of a Client under way; `co_await` it, or wait() for it where there is no event
// loop.
//
//   auto call = client.call(book, trip);
//   call.timeout(5s).on_progress(show);
//   auto booking = co_await call;
//
// It goes out at the end of the loop's turn, so several run at once, and dropping one cancels it. Its verbs
// belong to the thread of the client's loop.

#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "codec/json.h"

namespace sluice {

// How far a call has come; `total` is 0 when the server does not know.
struct Progress {
  double done = 0;
  double total = 0;
  std::string message;
};

namespace client_detail {

class Core;        // a client; sdk/client_core.h
class Loop;        // what turns it
struct CallState;  // one request

// What becomes of a task; see ClientTask.
struct TaskWish {
  bool start = false;
  std::chrono::milliseconds ttl{0};  // 0: as the server likes
  std::string id;                    // of one that there is already
};

class CallBase {
 public:
  CallBase(CallBase&&) noexcept = default;
  CallBase& operator=(CallBase&&) noexcept = delete;
  ~CallBase();

  // It is over, and wait() will not wait.
  [[nodiscard]] bool is_done() const { return await_ready(); }
  [[nodiscard]] bool await_ready() const;
  void await_suspend(std::coroutine_handle<> waiter);

 protected:
  CallBase(const std::shared_ptr<Core>& core, std::string_view method, Json params);
  CallBase(const std::shared_ptr<Core>& core, std::string_view method, Json params, const TaskWish& wish);
  CallBase(const std::shared_ptr<Core>& core, Result<Json> settled);
  void set_timeout(std::chrono::nanoseconds time, bool absolute);
  void set_progress(std::function<void(const Progress&)> show);
  Result<Json> take();
  void run();

 private:
  std::shared_ptr<CallState> state_;
};

}  // namespace client_detail

template <class T>
class [[nodiscard]] ClientCall final : public client_detail::CallBase {
 public:
  using Reading = std::function<Result<T>(Json)>;

  ClientCall(const std::shared_ptr<client_detail::Core>& core, std::string_view method, Json params,
             Reading reading)
      : CallBase(core, method, std::move(params)), reading_(std::move(reading)) {}
  ClientCall(const std::shared_ptr<client_detail::Core>& core, std::string_view method, Json params,
             const client_detail::TaskWish& wish, Reading reading)
      : CallBase(core, method, std::move(params), wish), reading_(std::move(reading)) {}
  // One that is over already.
  ClientCall(const std::shared_ptr<client_detail::Core>& core, Result<Json> settled, Reading reading)
      : CallBase(core, std::move(settled)), reading_(std::move(reading)) {}

  // It fails after so long without an answer or progress; questions to a person do not count.
  ClientCall& timeout(std::chrono::nanoseconds time) {
    set_timeout(time, false);
    return *this;
  }
  // It fails after so long whatever happens.
  ClientCall& at_most(std::chrono::nanoseconds time) {
    set_timeout(time, true);
    return *this;
  }
  // Asks the server to tell of progress.
  ClientCall& on_progress(std::function<void(const Progress&)> show) {
    set_progress(std::move(show));
    return *this;
  }

  Result<T> await_resume() {
    auto result = take();
    if (!result) return result.error();
    return reading_(std::move(*result));
  }
  // Turns the client's loop until it is over. Not from inside a coroutine of that loop.
  Result<T> wait() {
    run();
    return await_resume();
  }

 private:
  Reading reading_;
};

}  // namespace sluice
