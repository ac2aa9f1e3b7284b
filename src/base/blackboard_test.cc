// SPDX-License-Identifier: Apache-2.0
#include "base/blackboard.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

namespace sluice {
namespace {

// Memory as a mapping would give it: aligned to 64 bytes.
class Memory {
 public:
  explicit Memory(std::size_t bytes) : storage_(bytes + 64), size_(bytes) {
    const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
    offset_ = (64 - address % 64) % 64;
  }
  std::span<std::byte> span() { return {storage_.data() + offset_, size_}; }

 private:
  std::vector<std::byte> storage_;
  std::size_t size_;
  std::size_t offset_ = 0;
};

TEST(Blackboard, StartsWithEveryWordZeroAndEveryShardAtSlotZero) {
  Memory memory(Blackboard::bytes_for(3));
  std::memset(memory.span().data(), 0xa5, memory.span().size());
  const Result<Blackboard> board = Blackboard::format(memory.span(), 3);
  ASSERT_TRUE(board.ok());
  EXPECT_EQ(board->slots(), 3U);
  for (std::size_t i = 0; i < words; ++i) EXPECT_EQ(board->total(static_cast<Word>(i)), 0U);
  for (std::size_t shard = 0; shard < shards; ++shard) EXPECT_EQ(board->owner(shard), 0U);
}

TEST(Blackboard, WhatOneSideWritesTheOtherReads) {
  Memory memory(Blackboard::bytes_for(2));
  Result<Blackboard> supervisor = Blackboard::format(memory.span(), 2);
  ASSERT_TRUE(supervisor.ok());
  Result<Blackboard> worker = Blackboard::attach(memory.span());
  ASSERT_TRUE(worker.ok());
  EXPECT_EQ(worker->slots(), 2U);

  supervisor->slot(1).set(Word::epoch, 9);
  supervisor->set_owner(255, 1);
  worker->slot(1).add(Word::requests);
  worker->slot(1).add(Word::requests, 4);
  worker->slot(0).add(Word::requests, 10);
  worker->slot(1).add(Word::connections, 3);
  worker->slot(1).subtract(Word::connections);

  EXPECT_EQ(worker->slot(1).get(Word::epoch), 9U);
  EXPECT_EQ(worker->owner(255), 1U);
  EXPECT_EQ(supervisor->slot(1).get(Word::requests), 5U);
  EXPECT_EQ(supervisor->slot(1).get(Word::connections), 2U);
  EXPECT_EQ(supervisor->total(Word::requests), 15U);
}

TEST(Blackboard, KeepsSlotsOnCacheLinesOfTheirOwn) {
  EXPECT_EQ(Blackboard::bytes_for(1) % 64, 0U);
  EXPECT_EQ((Blackboard::bytes_for(5) - Blackboard::bytes_for(4)) % 64, 0U);
}

TEST(Blackboard, RefusesToBeLaidWhereItDoesNotFit) {
  Memory memory(Blackboard::bytes_for(2));
  EXPECT_EQ(Blackboard::format(memory.span(), 3).error().code, Errc::too_large);
  EXPECT_EQ(Blackboard::format(memory.span(), 0).error().code, Errc::invalid);
  EXPECT_EQ(Blackboard::format(memory.span(), blackboard_slots_max + 1).error().code, Errc::invalid);
  EXPECT_EQ(Blackboard::format(memory.span().subspan(8), 1).error().code, Errc::invalid);
  EXPECT_EQ(Blackboard::attach(memory.span().subspan(8)).error().code, Errc::invalid);
}

TEST(Blackboard, RefusesMemoryThatHoldsNone) {
  Memory memory(Blackboard::bytes_for(2));
  EXPECT_EQ(Blackboard::attach(memory.span()).error().message, "the memory holds no blackboard");
  EXPECT_EQ(Blackboard::attach(memory.span().first(64)).error().code, Errc::invalid);
}

TEST(Blackboard, RefusesAnotherLayoutVersion) {
  Memory memory(Blackboard::bytes_for(2));
  ASSERT_TRUE(Blackboard::format(memory.span(), 2).ok());
  memory.span()[8] = std::byte{2};  // the low byte of the layout version
  const Result<Blackboard> board = Blackboard::attach(memory.span());
  ASSERT_FALSE(board.ok());
  EXPECT_EQ(board.error().message, "the blackboard has layout version 2, this program reads version 1");
}

TEST(Blackboard, RefusesASizeThatDoesNotFitItsSlots) {
  Memory memory(Blackboard::bytes_for(2));
  ASSERT_TRUE(Blackboard::format(memory.span(), 2).ok());
  EXPECT_FALSE(Blackboard::attach(memory.span().first(Blackboard::bytes_for(1))).ok());
  memory.span()[12] = std::byte{3};  // the low byte of the number of slots
  EXPECT_FALSE(Blackboard::attach(memory.span()).ok());
}

TEST(Blackboard, AReaderSeesCountersGrowWhileTheirWriterWrites) {
  constexpr std::uint64_t rounds = 50'000;
  Memory memory(Blackboard::bytes_for(2));
  ASSERT_TRUE(Blackboard::format(memory.span(), 2).ok());
  const auto work = [&](std::size_t slot) {
    BlackboardSlot mine = Blackboard::attach(memory.span())->slot(slot);
    for (std::uint64_t i = 0; i < rounds; ++i) mine.add(Word::requests);
  };
  std::thread first(work, 0);
  std::thread second(work, 1);
  const Result<Blackboard> board = Blackboard::attach(memory.span());
  std::uint64_t last = 0;
  while (last < 2 * rounds) {
    const std::uint64_t now = board->total(Word::requests);
    EXPECT_GE(now, last);
    last = now;
  }
  first.join();
  second.join();
  EXPECT_EQ(board->slot(0).get(Word::requests), rounds);
  EXPECT_EQ(board->slot(1).get(Word::requests), rounds);
}

TEST(Blackboard, WhoSeesANewOwnerSeesWhatWasWrittenBefore) {
  Memory memory(Blackboard::bytes_for(2));
  Result<Blackboard> board = Blackboard::format(memory.span(), 2);
  ASSERT_TRUE(board.ok());
  std::thread supervisor([&] {
    board->slot(1).set(Word::epoch, 5);
    board->set_owner(17, 1);
  });
  while (board->owner(17) != 1) std::this_thread::yield();
  EXPECT_EQ(board->slot(1).get(Word::epoch), 5U);
  supervisor.join();
}

}  // namespace
}  // namespace sluice
