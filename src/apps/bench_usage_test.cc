// SPDX-License-Identifier: Apache-2.0
#include "apps/bench_usage.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using std::chrono::milliseconds;

TEST(BenchUsage, ReadsTheTimesBehindANameThatHoldsParentheses) {
  const auto usage =
      parse_process_stat("42 (a) (b c) S 1 42 42 0 -1 4194560 100 200 0 0 123 45 6 7 20 0 1 0 99\n");
  ASSERT_TRUE(usage.ok());
  EXPECT_EQ(usage->pid, 42);
  EXPECT_EQ(usage->name, "a) (b c");
  EXPECT_EQ(usage->user, milliseconds(1230));
  EXPECT_EQ(usage->system, milliseconds(450));
}

TEST(BenchUsage, RefusesWhatIsNoStat) {
  EXPECT_FALSE(parse_process_stat("").ok());
  EXPECT_FALSE(parse_process_stat("42 name S 1").ok());
  EXPECT_FALSE(parse_process_stat("42 (name) S 1 2 3").ok());
}

TEST(BenchUsage, CountsANewProcessFromItsBirthAndForgetsAnEndedOne) {
  const std::vector<ProcessUsage> before{{1, "kept", milliseconds(100), milliseconds(10)},
                                         {2, "ended", milliseconds(500), milliseconds(0)}};
  const std::vector<ProcessUsage> after{{1, "kept", milliseconds(130), milliseconds(30)},
                                        {3, "new", milliseconds(70), milliseconds(0)}};
  const auto used = usage_between(before, after);
  ASSERT_EQ(used.size(), 2U);
  EXPECT_EQ(used[0].user, milliseconds(30));
  EXPECT_EQ(used[0].system, milliseconds(20));
  EXPECT_EQ(used[1].user, milliseconds(70));
}

TEST(BenchUsage, SaysThatAProcessIsNotThere) { EXPECT_FALSE(read_process_usage(0x7fffffff).ok()); }

}  // namespace
}  // namespace sluice
