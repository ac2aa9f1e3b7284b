// SPDX-License-Identifier: Apache-2.0
#include "net/worker_pool.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/reactor.h"

namespace sluice {
namespace {

using testing::open_reactor;
using testing::run_until;
using testing::simulated_reactor;

// A door that jobs wait at, so that a test decides when they end.
class Door {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    wakes_.notify_all();
    wakes_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    wakes_.notify_all();
  }
  void wait_for(int waiting) {
    std::unique_lock lock(mutex_);
    wakes_.wait(lock, [&] { return waiting_ >= waiting; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable wakes_;
  int waiting_ = 0;
  bool open_ = false;
};

TEST(WorkerPool, RunsJobsOnAnotherThreadAndTellsOnTheReactor) {
  auto reactor = open_reactor();
  const std::thread::id here = std::this_thread::get_id();
  int done = 0;
  std::vector<WorkerPool::Ticket> tickets;
  for (int i = 0; i < 100; ++i) {
    auto ticket = reactor->pool().offload([i] { return std::pair(std::this_thread::get_id(), i * i); },
                                          [&, i](std::pair<std::thread::id, int> result) {
                                            EXPECT_NE(result.first, here);
                                            EXPECT_EQ(std::this_thread::get_id(), here);
                                            EXPECT_EQ(result.second, i * i);
                                            ++done;
                                          });
    ASSERT_TRUE(ticket);
    tickets.push_back(std::move(*ticket));
  }
  EXPECT_TRUE(run_until(*reactor, [&] { return done == 100; }));
  EXPECT_EQ(reactor->pool().jobs(), 0U);
}

TEST(WorkerPool, RefusesMoreJobsThanItsBound) {
  Limits limits;
  limits.net.pool_threads = 1;
  limits.net.pool_jobs_max = 2;
  auto reactor = open_reactor(limits);
  Door door;
  int done = 0;
  const auto job = [&] { door.pass(); };
  const auto tell = [&] { ++done; };
  auto first = reactor->pool().offload(job, tell);
  auto second = reactor->pool().offload(job, tell);
  ASSERT_TRUE(first && second);
  const auto third = reactor->pool().offload(job, tell);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Errc::exhausted);
  door.open();
  EXPECT_TRUE(run_until(*reactor, [&] { return done == 2; }));
}

TEST(WorkerPool, ADroppedTicketDetachesAJobThatRunsAndSkipsOneThatWaits) {
  Limits limits;
  limits.net.pool_threads = 1;
  auto reactor = open_reactor(limits);
  Door door;
  bool told = false;
  std::atomic<bool> ran_second{false};
  {
    auto first = reactor->pool().offload([&] { door.pass(); }, [&] { told = true; });
    auto second = reactor->pool().offload([&] { ran_second = true; }, [&] { told = true; });
    ASSERT_TRUE(first && second);
    door.wait_for(1);
  }
  door.open();
  EXPECT_TRUE(run_until(*reactor, [&] { return reactor->pool().jobs() == 0; }));
  EXPECT_FALSE(told);
  EXPECT_FALSE(ran_second);
}

TEST(WorkerPool, OfASimulatedReactorRunsJobsWithinItsTurns) {
  auto reactor = simulated_reactor();
  std::string order;
  auto ticket = reactor->pool().offload([&] { order += 'j'; }, [&] { order += 'd'; });
  ASSERT_TRUE(ticket);
  EXPECT_EQ(order, "");
  reactor->turn();
  EXPECT_EQ(order, "jd");
}

TEST(WorkerPool, AReactorThatEndsWaitsForJobsAndDropsTheirCallbacks) {
  auto held = std::make_shared<int>(0);
  auto reactor = open_reactor();
  auto ticket = reactor->pool().offload([held] { return *held; }, [held](int) { FAIL(); });
  ASSERT_TRUE(ticket);
  reactor.reset();
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace sluice
