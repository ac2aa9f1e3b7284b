// SPDX-License-Identifier: Apache-2.0
#include "base/budget.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

namespace sluice {
namespace {

TEST(Budget, RefusesWhatDoesNotFitAndTakesNothing) {
  Budget budget(100);
  EXPECT_TRUE(budget.take(60));
  EXPECT_FALSE(budget.take(41));
  EXPECT_EQ(budget.bytes_used(), 60U);
  EXPECT_EQ(budget.refusals(), 1U);
  EXPECT_TRUE(budget.take(40));
  EXPECT_FALSE(budget.take(1));
  EXPECT_EQ(budget.refusals(), 2U);
  budget.give(100);
  EXPECT_EQ(budget.bytes_used(), 0U);
  EXPECT_EQ(budget.bytes_peak(), 100U);
}

TEST(Budget, IsNotFooledByASizeThatWouldWrapAround) {
  Budget budget(100);
  ASSERT_TRUE(budget.take(50));
  EXPECT_FALSE(budget.take(SIZE_MAX));
  EXPECT_FALSE(budget.take(SIZE_MAX - 49));
  EXPECT_EQ(budget.bytes_used(), 50U);
  budget.give(50);
}

TEST(Charge, GrowsShrinksAndGivesBackWhenItEnds) {
  Budget budget(100);
  {
    Charge charge(budget);
    EXPECT_EQ(budget.bytes_used(), 0U);
    EXPECT_TRUE(charge.resize(80));
    EXPECT_TRUE(charge.resize(30));
    EXPECT_EQ(budget.bytes_used(), 30U);
  }
  EXPECT_EQ(budget.bytes_used(), 0U);
}

TEST(Charge, StaysAsItWasWhenGrowingIsRefused) {
  Budget budget(100);
  Charge charge(budget);
  ASSERT_TRUE(charge.resize(70));
  EXPECT_FALSE(charge.resize(101));
  EXPECT_EQ(charge.bytes(), 70U);
  EXPECT_EQ(budget.bytes_used(), 70U);
  EXPECT_EQ(budget.refusals(), 1U);
}

TEST(Charge, MovesItsShareAndNeverCountsItTwice) {
  Budget budget(100);
  Charge first(budget);
  ASSERT_TRUE(first.resize(40));
  Charge second(std::move(first));
  EXPECT_EQ(second.bytes(), 40U);
  EXPECT_EQ(budget.bytes_used(), 40U);

  Charge third(budget);
  ASSERT_TRUE(third.resize(50));
  third = std::move(second);
  EXPECT_EQ(third.bytes(), 40U);
  EXPECT_EQ(budget.bytes_used(), 40U);

  third.release();
  EXPECT_EQ(budget.bytes_used(), 0U);
}

TEST(Charge, AgainstNoBudgetAlwaysSucceeds) {
  Charge charge;
  EXPECT_TRUE(charge.resize(SIZE_MAX));
  EXPECT_EQ(charge.bytes(), SIZE_MAX);
}

}  // namespace
}  // namespace sluice
