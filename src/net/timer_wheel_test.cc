// SPDX-License-Identifier: Apache-2.0
#include "net/timer_wheel.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/random.h"

namespace sluice {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Instant start{Duration(7'000'000'000)};

// A timer with a plain function as its action.
struct Alarm {
  explicit Alarm(std::function<void()> act) : action(std::move(act)), timer(&Alarm::fire, this) {}
  static void fire(void* self) { static_cast<Alarm*>(self)->action(); }
  std::function<void()> action;
  Timer timer;
};

TEST(TimerWheel, FiresNeverEarlyAndAtTheTickAfterTheDeadline) {
  TimerWheel wheel(start);
  int fired = 0;
  Alarm alarm([&] { ++fired; });
  wheel.arm(alarm.timer, start + microseconds(1'500));
  wheel.advance(start + microseconds(1'999));
  EXPECT_EQ(fired, 0);
  EXPECT_EQ(wheel.next_deadline(), start + milliseconds(2));
  EXPECT_EQ(wheel.advance(start + milliseconds(2)), 1U);
  EXPECT_EQ(fired, 1);
  EXPECT_FALSE(alarm.timer.armed());
  EXPECT_EQ(wheel.next_deadline(), never);
}

TEST(TimerWheel, ADeadlineInThePastFiresAtTheNextAdvanceEvenOfTheSameInstant) {
  TimerWheel wheel(start);
  wheel.advance(start + milliseconds(100));
  int fired = 0;
  Alarm alarm([&] { ++fired; });
  wheel.arm(alarm.timer, start);
  EXPECT_LE(wheel.next_deadline(), start + milliseconds(100));
  wheel.advance(start + milliseconds(100));
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, RearmingForThePastInsideFireWaitsForTheNextAdvance) {
  TimerWheel wheel(start);
  int fired = 0;
  Alarm alarm([&] {
    ++fired;
    wheel.arm(alarm.timer, start + milliseconds(5));
  });
  wheel.arm(alarm.timer, start + milliseconds(1));
  wheel.advance(start + milliseconds(10));
  EXPECT_EQ(fired, 1);
  wheel.advance(start + milliseconds(10));
  EXPECT_EQ(fired, 2);
}

TEST(TimerWheel, ArmingAgainMovesATimer) {
  TimerWheel wheel(start);
  int fired = 0;
  Alarm alarm([&] { ++fired; });
  wheel.arm(alarm.timer, start + milliseconds(5));
  wheel.arm(alarm.timer, start + hours(1));
  EXPECT_EQ(wheel.size(), 1U);
  wheel.advance(start + milliseconds(10));
  EXPECT_EQ(fired, 0);
  wheel.advance(start + hours(1));
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, CancellingInsideFireKeepsAnotherTimerOfTheSameTickFromFiring) {
  TimerWheel wheel(start);
  int fired = 0;
  Alarm second([&] { ++fired; });
  Alarm first([&] { second.timer.cancel(); });
  wheel.arm(first.timer, start + milliseconds(3));
  wheel.arm(second.timer, start + milliseconds(3));
  wheel.advance(start + milliseconds(3));
  EXPECT_EQ(fired, 0);
  EXPECT_EQ(wheel.size(), 0U);
}

TEST(TimerWheel, ATimerMayDestroyItselfAndItsNeighboursInsideFire) {
  TimerWheel wheel(start);
  std::vector<std::unique_ptr<Alarm>> alarms;
  int fired = 0;
  for (int i = 0; i < 8; ++i) {
    alarms.push_back(std::make_unique<Alarm>([&] {
      const int now_fired = ++fired;
      if (now_fired == 1) alarms.clear();
    }));
    wheel.arm(alarms.back()->timer, start + milliseconds(3 + i % 2));
  }
  std::vector<std::unique_ptr<Alarm>> keep;  // the closure that runs must outlive its own call
  auto first = std::make_unique<Alarm>([&] { alarms.clear(); });
  wheel.arm(first->timer, start + milliseconds(1));
  wheel.advance(start + milliseconds(10));
  EXPECT_EQ(fired, 0);
  EXPECT_EQ(wheel.size(), 0U);
}

TEST(TimerWheel, ATimerMayEndItsOwnLifeInsideFire) {
  struct Mortal {
    explicit Mortal(int& count) : deaths(count), timer(&Mortal::fire, this) {}
    static void fire(void* self) {
      ++static_cast<Mortal*>(self)->deaths;
      delete static_cast<Mortal*>(self);
    }
    int& deaths;
    Timer timer;
  };
  TimerWheel wheel(start);
  int deaths = 0;
  for (int i = 0; i < 100; ++i) wheel.arm((new Mortal(deaths))->timer, start + milliseconds(i % 7));
  wheel.advance(start + milliseconds(10));
  EXPECT_EQ(deaths, 100);
}

TEST(TimerWheel, DestroyingTheWheelDisarmsWhatIsLeft) {
  Alarm alarm([] { FAIL(); });
  {
    TimerWheel wheel(start);
    wheel.arm(alarm.timer, start + hours(40));
  }
  EXPECT_FALSE(alarm.timer.armed());
}

TEST(TimerWheel, ADeadlineOfNeverStaysFarAway) {
  TimerWheel wheel(start);
  Alarm alarm([] { FAIL(); });
  wheel.arm(alarm.timer, never);
  EXPECT_TRUE(alarm.timer.armed());
  wheel.advance(start + hours(24 * 365 * 100));
  EXPECT_TRUE(alarm.timer.armed());
}

// Against a sorted map: every step arms, moves or cancels some timers and advances by a random amount.
TEST(TimerWheel, AgreesWithASortedMapOverRandomSteps) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    TimerWheel wheel(start);
    Instant now = start;
    std::multimap<Instant, int> expected;  // deadline, rounded up to the tick → timer
    std::vector<std::multimap<Instant, int>::iterator> where(200, expected.end());
    std::vector<std::pair<Instant, int>> fired;
    std::deque<Alarm> alarms;
    for (int i = 0; i < 200; ++i) alarms.emplace_back([&fired, &now, i] { fired.emplace_back(now, i); });

    for (int step = 0; step < 2'000; ++step) {
      for (int change = 0; change < 3; ++change) {
        const auto i = static_cast<std::size_t>(random.below(200));
        if (where[i] != expected.end()) expected.erase(where[i]);
        where[i] = expected.end();
        if (random.one_in(3)) {
          alarms[i].timer.cancel();
          continue;
        }
        const std::uint64_t reach = std::uint64_t{1} << random.below(30);  // up to 12 days
        const Duration ahead = milliseconds(random.below(reach)) + microseconds(random.below(3) * 300);
        wheel.arm(alarms[i].timer, now + ahead);
        const Duration since = now + ahead - start;
        const auto ticks = (since + milliseconds(1) - Duration(1)) / milliseconds(1);
        where[i] = expected.emplace(start + ticks * milliseconds(1), static_cast<int>(i));
      }
      now += milliseconds(random.below(std::uint64_t{1} << random.below(20))) +
             microseconds(random.below(1'000));
      ASSERT_LE(wheel.next_deadline(), expected.empty() ? never : expected.begin()->first);
      fired.clear();
      wheel.advance(now);
      Instant last = start;
      for (const auto& [when, i] : fired) {
        const auto it = where[static_cast<std::size_t>(i)];
        ASSERT_TRUE(it != expected.end()) << "seed " << seed << " step " << step;
        ASSERT_LE(it->first, now);
        ASSERT_LE(last, it->first) << "out of order";
        last = it->first;
        expected.erase(it);
        where[static_cast<std::size_t>(i)] = expected.end();
      }
      ASSERT_TRUE(expected.empty() || expected.begin()->first > now) << "seed " << seed << " step " << step;
      ASSERT_EQ(wheel.size(), expected.size());
    }
  }
}

TEST(TimerWheel, HoldsAHundredThousandTimersAndFiresEachOnce) {
  TimerWheel wheel(start);
  int fired = 0;
  std::deque<Alarm> alarms;
  for (int i = 0; i < 100'000; ++i) {
    alarms.emplace_back([&] { ++fired; });
    wheel.arm(alarms.back().timer, start + milliseconds(1 + (i * 7'919) % 65'000));
  }
  for (int second = 1; second <= 65; ++second) wheel.advance(start + std::chrono::seconds(second));
  EXPECT_EQ(fired, 100'000);
}

}  // namespace
}  // namespace sluice
