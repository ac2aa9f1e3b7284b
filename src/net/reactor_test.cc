// SPDX-License-Identifier: Apache-2.0
#include "net/reactor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/reactor.h"

namespace sluice {
namespace {

using testing::open_reactor;
using testing::run_until;
using testing::simulated_reactor;

struct Alarm {
  explicit Alarm(std::function<void()> act) : action(std::move(act)) {}
  std::function<void()> action;
  Timer timer{[](void* self) { static_cast<Alarm*>(self)->action(); }, this};
};

TEST(Reactor, RunsTimersBeforeDeferredWorkOfTheSameTurn) {
  auto reactor = open_reactor();
  std::string order;
  Alarm alarm([&] {
    order += 't';
    reactor->defer([&] { order += 'd'; });
  });
  reactor->arm(alarm.timer, reactor->now());
  reactor->turn();
  EXPECT_EQ(order, "td");
}

TEST(Reactor, WhatDeferredWorkDefersRunsInTheNextTurnWithoutWaiting) {
  auto reactor = open_reactor();
  int left = 1'000;
  std::function<void()> again = [&] {
    if (--left > 0) {
      reactor->defer(again);
    } else {
      reactor->stop();
    }
  };
  reactor->defer(again);
  reactor->run();
  EXPECT_EQ(left, 0);
}

TEST(Reactor, FiresATimerNotBeforeItsDeadline) {
  auto reactor = open_reactor();
  const Instant deadline = reactor->precise_now() + milliseconds(20);
  Instant fired{};
  Alarm alarm([&] {
    fired = reactor->precise_now();
    reactor->stop();
  });
  reactor->arm(alarm.timer, deadline);
  reactor->run();
  EXPECT_GE(fired, deadline);
}

TEST(Reactor, AnEarlierTimerEndsAWaitThatWasSetForALaterOne) {
  auto reactor = open_reactor();
  Alarm late([] { FAIL(); });
  Alarm early([&] { reactor->stop(); });
  reactor->arm_after(late.timer, std::chrono::hours(1));
  reactor->turn();
  reactor->arm_after(early.timer, milliseconds(2));
  reactor->run();
  EXPECT_TRUE(late.timer.armed());
}

TEST(Reactor, RunsWhatOtherThreadsPostEachOnce) {
  auto reactor = open_reactor();
  int ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) {
        while (!reactor->post([&] { ++ran; })) std::this_thread::yield();
      }
    });
  }
  EXPECT_TRUE(run_until(*reactor, [&] { return ran == 4'000; }));
  for (auto& thread : threads) thread.join();
}

TEST(Reactor, RefusesToPostBeyondTheBound) {
  Limits limits;
  limits.net.deferred_jobs_max = 3;
  auto reactor = open_reactor(limits);
  int ran = 0;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(reactor->post([&] { ++ran; }));
  EXPECT_FALSE(reactor->post([&] { ++ran; }));
  EXPECT_TRUE(run_until(*reactor, [&] { return ran == 3; }));
  EXPECT_TRUE(reactor->post([&] { ++ran; }));
  EXPECT_TRUE(run_until(*reactor, [&] { return ran == 4; }));
}

TEST(Reactor, StopBeforeRunMakesItReturnAfterOneTurn) {
  auto reactor = open_reactor();
  bool ran = false;
  reactor->defer([&] { ran = true; });
  reactor->stop();
  reactor->run();
  EXPECT_TRUE(ran);
}

TEST(Reactor, CountsItsTurnsByDuration) {
  auto reactor = open_reactor();
  reactor->defer([&] {
    for (const Instant end = reactor->precise_now() + milliseconds(12); reactor->precise_now() < end;) {}
  });
  reactor->turn();
  reactor->turn();
  const TurnHistogram& turns = reactor->turns();
  EXPECT_GE(turns.turns, 2U);
  EXPECT_GE(turns.longest, milliseconds(12));
  EXPECT_GE(turns.counts[2] + turns.counts[3], 1U);
}

TEST(Reactor, ItsWatchdogReportsAStallOnceATurnAndOnlyThen) {
  Limits limits;
  limits.net.stall_report = milliseconds(20);
  auto reactor = open_reactor(limits);
  std::atomic<int> reports{0};
  reactor->on_stall([&](Duration lasts) {
    EXPECT_GT(lasts, milliseconds(20));
    ++reports;
  });
  Alarm idle([] {});
  reactor->arm_after(idle.timer, milliseconds(60));  // asleep is not stalled
  EXPECT_TRUE(run_until(*reactor, [&] { return !idle.timer.armed(); }));
  reactor->defer([&] {
    while (reports == 0) std::this_thread::yield();
    for (const Instant end = reactor->precise_now() + milliseconds(30); reactor->precise_now() < end;) {}
  });
  reactor->turn();
  EXPECT_EQ(reports, 1);
}

TEST(Reactor, ASimulatedOneFiresTimersInOrderAsItsClockIsMoved) {
  auto reactor = simulated_reactor();
  const Instant start = reactor->now();
  const WallTime wall = reactor->wall();
  std::string order;
  Alarm b([&] {
    order += 'b';
    EXPECT_EQ(reactor->now() - start, milliseconds(20));
  });
  Alarm a([&] {
    order += 'a';
    reactor->arm_after(b.timer, milliseconds(10));
  });
  Alarm c([&] { order += 'c'; });
  reactor->arm_after(a.timer, milliseconds(10));
  reactor->arm_after(c.timer, std::chrono::hours(30));
  reactor->advance(std::chrono::hours(29));
  EXPECT_EQ(order, "ab");
  reactor->advance(std::chrono::hours(1));
  EXPECT_EQ(order, "abc");
  EXPECT_EQ(reactor->now() - start, std::chrono::hours(30));
  EXPECT_EQ(reactor->wall() - wall, std::chrono::hours(30));
}

TEST(Reactor, ASimulatedTurnSaysWhetherThereWasWork) {
  auto reactor = simulated_reactor();
  EXPECT_FALSE(reactor->turn());
  int ran = 0;
  reactor->defer([&] { ++ran; });
  EXPECT_TRUE(reactor->post([&] { ++ran; }));
  EXPECT_TRUE(reactor->turn());
  EXPECT_EQ(ran, 2);
  EXPECT_FALSE(reactor->turn());
}

TEST(Reactor, WorkThatNeverRanIsDestroyedWithIt) {
  auto held = std::make_shared<int>(1);
  for (const bool real : {true, false}) {
    auto reactor = real ? open_reactor() : simulated_reactor();
    reactor->defer([held] {});
    EXPECT_TRUE(reactor->post([held] {}));
    EXPECT_EQ(held.use_count(), 3);
    reactor.reset();
    EXPECT_EQ(held.use_count(), 1);
  }
}

}  // namespace
}  // namespace sluice
