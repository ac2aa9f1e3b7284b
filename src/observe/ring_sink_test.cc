// SPDX-License-Identifier: Apache-2.0
#include "observe/ring_sink.h"

#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <string>
#include <vector>

namespace sluice {
namespace {

constexpr milliseconds no_nap(0);

ObserveLimits ring_of(std::size_t bytes) {
  ObserveLimits limits;
  limits.log_ring_bytes_max = bytes;
  return limits;
}

TEST(RingSink, HandsEveryLineOnBeforeItEnds) {
  std::string written;
  {
    RingSink sink(ring_of(1'000), [&](std::string_view lines) { return written.append(lines), true; });
    EXPECT_TRUE(sink.write("one\n"));
    EXPECT_TRUE(sink.write("two\n"));
  }
  EXPECT_EQ(written, "one\ntwo\n");
}

TEST(RingSink, EndsThoughNothingWasWritten) {
  const RingSink sink(ring_of(100), [](std::string_view) { return true; });
  EXPECT_EQ(sink.write_failures(), 0U);
}

// Bytes of this process's own memory that are there; 0 where nobody says so.
std::size_t anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "RssAnon:") {
      std::size_t kilobytes = 0;
      status >> kilobytes;
      return kilobytes * 1024;
    }
  return 0;
}

TEST(RingSink, TakesNoMemoryForLinesThatNeverCame) {
  constexpr std::size_t ring = 256 * 1024 * 1024;
  const std::size_t before = anonymous_bytes();
  const RingSink sink(ring_of(ring), [](std::string_view) { return true; });
  EXPECT_LT(anonymous_bytes(), before + ring / 2) << "a sanitizer keeps a little for each byte";
}

// The ring is small, so lines wrap around its end at every offset; the producer yields to the writer when it
// is full.
TEST(RingSink, KeepsLinesWholeAndInOrder) {
  std::string written;
  std::string expected;
  std::vector<std::size_t> broken;
  {
    RingSink sink(
        ring_of(61),
        [&](std::string_view lines) {
          if (lines.empty() || lines.back() != '\n') broken.push_back(written.size());
          written.append(lines);
          return true;
        },
        no_nap);
    for (int i = 0; i < 20'000; ++i) {
      const std::string line = std::to_string(i) + std::string(static_cast<std::size_t>(i % 23), 'x') + "\n";
      while (!sink.write(line)) std::this_thread::yield();
      expected += line;
    }
  }
  EXPECT_EQ(written, expected);
  EXPECT_TRUE(broken.empty());
}

TEST(RingSink, RefusesWhatDoesNotFitAndNeverWaits) {
  std::promise<void> entered;
  std::promise<void> go_on;
  std::string written;
  bool first = true;
  {
    RingSink sink(ring_of(8), [&](std::string_view lines) {
      if (first) {
        first = false;
        entered.set_value();
        go_on.get_future().wait();
      }
      written.append(lines);
      return true;
    });
    EXPECT_FALSE(sink.write("too long\n"));
    EXPECT_TRUE(sink.write("stuck\n"));
    entered.get_future().wait();  // the ring is empty again and the writer busy
    EXPECT_TRUE(sink.write("abc\n"));
    EXPECT_FALSE(sink.write("abcd\n"));
    EXPECT_TRUE(sink.write("def\n"));
    EXPECT_FALSE(sink.write("\n"));
    go_on.set_value();
  }
  EXPECT_EQ(written, "stuck\nabc\ndef\n");
}

TEST(RingSink, WritesInBatchesOfWholeLinesThatFitAPipe) {
  std::vector<std::string> batches;
  std::promise<void> entered;
  std::promise<void> go_on;
  {
    RingSink sink(ring_of(1'000'000), [&](std::string_view lines) {
      if (batches.empty()) {
        entered.set_value();
        go_on.get_future().wait();
      }
      batches.emplace_back(lines);
      return true;
    });
    EXPECT_TRUE(sink.write("first\n"));
    entered.get_future().wait();
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(sink.write(std::string(99, 'x') + "\n"));
    EXPECT_TRUE(sink.write(std::string(9'999, 'y') + "\n"));
    EXPECT_TRUE(sink.write("last\n"));
    go_on.set_value();
  }
  std::vector<std::size_t> sizes;
  for (const std::string& batch : batches) sizes.push_back(batch.size());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{6, 4'000, 4'000, 2'000, 10'000, 5}));
}

TEST(RingSink, CountsBatchesThatWereLostAndGoesOn) {
  std::promise<void> second;
  int calls = 0;
  RingSink sink(
      ring_of(1'000),
      [&](std::string_view) {
        if (++calls == 2) second.set_value();
        return calls != 1;
      },
      no_nap);
  EXPECT_TRUE(sink.write("lost\n"));
  while (sink.write_failures() == 0) std::this_thread::yield();
  EXPECT_TRUE(sink.write("kept\n"));
  second.get_future().wait();
  EXPECT_EQ(sink.write_failures(), 1U);
}

}  // namespace
}  // namespace sluice
