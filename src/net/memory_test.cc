// SPDX-License-Identifier: Apache-2.0
#include "net/memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <vector>

namespace sluice {
namespace {

std::size_t resident_bytes() {
  std::size_t size = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// A worker that frees and takes again what one large message needs must not ask the system for it each time.
TEST(Memory, WhatWasFreedIsKeptUntilItIsGivenBack) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's allocator keeps its own counsel";
#endif
  keep_freed_memory();
  const std::size_t before = resident_bytes();
  {
    std::vector<std::unique_ptr<char[]>> burst;
    burst.reserve(32'000);
    for (int i = 0; i < 32'000; ++i) burst.push_back(std::make_unique<char[]>(1'000));
  }
  EXPECT_GT(resident_bytes(), before + 16'000'000);
  return_free_memory();
  EXPECT_LT(resident_bytes(), before + 8'000'000);
}

TEST(Memory, WhatABurstLeftGoesBack) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's allocator keeps its own counsel";
#endif
  const std::size_t before = resident_bytes();
  std::vector<std::unique_ptr<char[]>> burst;
  for (int i = 0; i < 64'000; ++i) burst.push_back(std::make_unique<char[]>(1'000));
  const auto last = std::make_unique<char[]>(1'000);  // keeps the top of the heap where it is
  burst.clear();
  burst.shrink_to_fit();
  return_free_memory();
  EXPECT_LT(resident_bytes(), before + 16'000'000);
}

}  // namespace
}  // namespace sluice
