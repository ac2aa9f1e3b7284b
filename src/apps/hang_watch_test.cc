// SPDX-License-Identifier: Apache-2.0
#include "apps/hang_watch.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

ProcessLimits limits() {
  ProcessLimits limits;
  limits.heartbeat = milliseconds(250);
  limits.start_timeout = seconds(60);
  return limits;
}

// How many looks at a heart that has stopped it takes until the worker is condemned; 0 for never.
int looks_until_condemned(HangWatch& watch, std::uint64_t heartbeat) {
  for (int looks = 1; looks <= 1'000; ++looks)
    if (watch.look(heartbeat)) return looks;
  return 0;
}

TEST(HangWatch, AWorkerWhoseHeartBeatsIsLeftAlone) {
  HangWatch watch(limits(), seconds(2));
  watch.started();
  watch.serves();
  // Beats and looks are not in step: now and then a look sees nothing new.
  for (std::uint64_t look = 0; look < 10'000; ++look) EXPECT_FALSE(watch.look(look - look % 4));
}

TEST(HangWatch, AHeartThatStopsIsToldOfOnceAfterTheBound) {
  HangWatch watch(limits(), seconds(2));
  watch.started();
  watch.serves();
  EXPECT_FALSE(watch.look(7));
  EXPECT_EQ(looks_until_condemned(watch, 7), 8);
  EXPECT_EQ(looks_until_condemned(watch, 7), 0) << "once";
}

TEST(HangWatch, TheNextWorkerIsWatchedAnew) {
  HangWatch watch(limits(), seconds(2));
  watch.started();
  watch.serves();
  EXPECT_GT(looks_until_condemned(watch, 7), 0);
  watch.started();
  EXPECT_FALSE(watch.look(7));  // what its predecessor wrote last
  watch.serves();
  EXPECT_FALSE(watch.look(8));
  EXPECT_EQ(looks_until_condemned(watch, 8), 8);
}

TEST(HangWatch, AWorkerThatStartsHasTheWiderBound) {
  HangWatch watch(limits(), seconds(2));
  watch.started();
  EXPECT_EQ(looks_until_condemned(watch, 7), 240);
}

TEST(HangWatch, AWorkerThatBeatsButNeverServesIsTakenToHang) {
  HangWatch watch(limits(), seconds(2));
  watch.started();
  int looks = 1;
  for (std::uint64_t beat = 1; !watch.look(beat); ++beat) ASSERT_LT(++looks, 1'000);
  EXPECT_EQ(looks, 240);
}

TEST(HangWatch, WithoutABoundOnlyTheStartIsWatched) {
  HangWatch watch(limits(), milliseconds(0));
  watch.started();
  watch.serves();
  EXPECT_EQ(looks_until_condemned(watch, 7), 0);
  watch.started();
  EXPECT_EQ(looks_until_condemned(watch, 7), 240);
}

}  // namespace
}  // namespace sluice
