// SPDX-License-Identifier: Apache-2.0
#include "base/task.h"

#include <gtest/gtest.h>

#include <coroutine>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace sluice {
namespace {

// Something outside that a task waits for: open() resumes whoever is suspended on it.
class Gate {
 public:
  bool await_ready() const noexcept { return open_; }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }
  void await_resume() const noexcept {}
  void open() {
    open_ = true;
    if (waiting_) std::exchange(waiting_, {}).resume();
  }

 private:
  bool open_ = false;
  std::coroutine_handle<> waiting_;
};

// Writes its name when it is destroyed.
class Guard {
 public:
  Guard(std::vector<std::string>& log, std::string name) : log_(log), name_(std::move(name)) {}
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard() { log_.push_back(name_); }

 private:
  std::vector<std::string>& log_;
  std::string name_;
};

Task<int> seven() { co_return 7; }

Task<int> sum_of_nested() {
  const int first = co_await seven();
  const int second = co_await seven();
  co_return first + second;
}

Task<std::unique_ptr<int>> only_moves() { co_return std::make_unique<int>(3); }

Task<int> throws() {
  throw std::runtime_error("no");
  co_return 0;
}

Task<std::string> catches_nested() {
  try {
    const int never_seen = co_await throws();
    co_return std::to_string(never_seen);
  } catch (const std::runtime_error& caught) {
    co_return caught.what();
  }
}

Task<> set_flag(bool& flag) {
  flag = true;
  co_return;
}

Task<> inner(Gate& gate, std::vector<std::string>& log) {
  Guard guard(log, "inner");
  co_await gate;
  log.emplace_back("inner went on");
}

Task<> outer(Gate& gate, std::vector<std::string>& log) {
  Guard guard(log, "outer");
  co_await inner(gate, log);
  log.emplace_back("outer went on");
}

Task<int> count_down(int depth) {
  if (depth == 0) co_return 0;
  const int below = co_await count_down(depth - 1);
  co_return below + 1;
}

TEST(Task, DoesNothingUntilItIsStarted) {
  bool flag = false;
  Task<> task = set_flag(flag);
  EXPECT_FALSE(flag);
  task.start();
  EXPECT_TRUE(flag);
  EXPECT_TRUE(task.done());
}

TEST(Task, YieldsItsValue) {
  Task<int> task = seven();
  task.start();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.take(), 7);
}

TEST(Task, YieldsAValueThatOnlyMoves) {
  Task<std::unique_ptr<int>> task = only_moves();
  task.start();
  EXPECT_EQ(*task.take(), 3);
}

TEST(Task, AwaitsOtherTasks) {
  Task<int> task = sum_of_nested();
  task.start();
  EXPECT_EQ(task.take(), 14);
}

TEST(Task, AwaitsToAnyDepth) {
  Task<int> task = count_down(500);
  task.start();
  EXPECT_EQ(task.take(), 500);
}

TEST(Task, RethrowsToItsOwner) {
  Task<int> task = throws();
  task.start();
  ASSERT_TRUE(task.done());
  EXPECT_THROW(task.take(), std::runtime_error);
}

TEST(Task, RethrowsToItsAwaiter) {
  Task<std::string> task = catches_nested();
  task.start();
  EXPECT_EQ(task.take(), "no");
}

TEST(Task, SuspendsAndResumesThroughEveryAwaiter) {
  Gate gate;
  std::vector<std::string> log;
  Task<> task = outer(gate, log);
  task.start();
  EXPECT_FALSE(task.done());
  EXPECT_TRUE(log.empty());
  gate.open();
  EXPECT_TRUE(task.done());
  EXPECT_EQ(log, (std::vector<std::string>{"inner went on", "inner", "outer went on", "outer"}));
}

TEST(Task, DestroyingItCancelsItAndAllItAwaits) {
  Gate gate;
  std::vector<std::string> log;
  {
    Task<> task = outer(gate, log);
    task.start();
    EXPECT_FALSE(task.done());
  }
  EXPECT_EQ(log, (std::vector<std::string>{"inner", "outer"}));
}

TEST(Task, DestroyingOneThatNeverStartedRunsNothing) {
  Gate gate;
  std::vector<std::string> log;
  { const Task<> task = outer(gate, log); }
  EXPECT_TRUE(log.empty());
}

TEST(Task, TellsItsOwnerWhenItIsDone) {
  Gate gate;
  std::vector<std::string> log;
  bool told = false;
  Task<> task = inner(gate, log);
  Task<> owner = set_flag(told);
  // An owner is any suspended coroutine; this one runs set_flag when it is resumed.
  struct Starter {
    struct promise_type {
      Starter get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
      std::suspend_always initial_suspend() noexcept { return {}; }
      std::suspend_always final_suspend() noexcept { return {}; }
      void return_void() {}
      void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
  };
  const auto begin = [](Task<>& next) -> Starter {
    next.start();
    co_return;
  };
  const Starter starter = begin(owner);
  task.then(starter.handle);
  task.start();
  EXPECT_FALSE(told);
  gate.open();
  EXPECT_TRUE(told);
  starter.handle.destroy();
}

TEST(Task, MovesItsFrame) {
  Gate gate;
  std::vector<std::string> log;
  Task<> first = outer(gate, log);
  first.start();
  Task<> second = std::move(first);
  EXPECT_FALSE(second.done());
  gate.open();
  EXPECT_TRUE(second.done());
}

}  // namespace
}  // namespace sluice
