// SPDX-License-Identifier: Apache-2.0
#include "base/timestamp.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Timestamp, IsRfc3339InUtcWithMilliseconds) {
  EXPECT_EQ(rfc3339(WallTime(std::chrono::milliseconds(0))), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(WallTime(std::chrono::milliseconds(1'785'240'000'042))), "2026-07-28T12:00:00.042Z");
}

}  // namespace
}  // namespace sluice
