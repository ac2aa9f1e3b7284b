// SPDX-License-Identifier: Apache-2.0
#pragma once
// The blackboard: a mapped segment of words that the supervisor and its workers share.
//
// Knows the layout over a span it is given, not where the memory comes from. Layout, each part on its own
// cache lines:
//
//   header: magic 8 | layout version 4 | slots 4 | bytes 8
//   owners: 256 words of 16 bits, shard -> slot
//   slots:  one block of 64-bit words for each slot, indexed by Word
//
// Every word has one writer and any number of readers: the supervisor writes epoch, pid and owners, the
// worker of a slot the rest of its block. So adding is a plain load and store, and a reader may see words of
// different moments. A process attaches to the same layout version only. Any thread and process; the memory
// outlives the Blackboard, which is a cheap view. With the log's ring this is the only lock-free code.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "base/result.h"

namespace sluice {

inline constexpr std::uint32_t blackboard_version = 1;
inline constexpr std::size_t blackboard_slots_max = 1'024;
inline constexpr std::size_t shards = 256;

// The words of one slot. A new one goes before `count_` and advances blackboard_version.
enum class Word : std::uint8_t {
  epoch,           // supervisor: which worker in this slot this is
  pid,             // supervisor: its process, 0 while there is none
  accepted,        // connections accepted so far
  connections,     // open now
  requests,        // requests answered so far
  errors,          // of them, failed
  sessions,        // legacy sessions open now
  children,        // child processes running now
  bytes_used,      // of the byte budget
  turns_over_1ms,  // turns of the reactor longer than this
  turns_over_10ms,
  turns_over_100ms,
  heartbeat_ms,  // monotonic milliseconds at the end of the last turn
  count_,
};
inline constexpr std::size_t words = static_cast<std::size_t>(Word::count_);

// One slot's words.
class BlackboardSlot {
 public:
  [[nodiscard]] std::uint64_t get(Word word) const { return at(word).load(std::memory_order_relaxed); }
  // For the word's one writer.
  void set(Word word, std::uint64_t value) { at(word).store(value, std::memory_order_relaxed); }
  void add(Word word, std::uint64_t n = 1) { set(word, get(word) + n); }
  void subtract(Word word, std::uint64_t n = 1) { set(word, get(word) - n); }

 private:
  friend class Blackboard;
  explicit BlackboardSlot(std::atomic<std::uint64_t>* first) : first_(first) {}
  [[nodiscard]] std::atomic<std::uint64_t>& at(Word word) const {
    return first_[static_cast<std::size_t>(word)];
  }

  std::atomic<std::uint64_t>* first_;
};

class Blackboard {
 public:
  // How many bytes a blackboard of that many slots takes.
  [[nodiscard]] static std::size_t bytes_for(std::size_t slots);

  // Lays a fresh blackboard over `memory` (aligned to 64): every word 0, every shard owned by slot 0. For the
  // supervisor, before anybody attaches.
  [[nodiscard]] static Result<Blackboard> format(std::span<std::byte> memory, std::size_t slots);

  // Finds the blackboard that is there. Refused: no blackboard, another layout version, too little memory.
  [[nodiscard]] static Result<Blackboard> attach(std::span<std::byte> memory);

  [[nodiscard]] std::size_t slots() const { return slots_; }
  [[nodiscard]] BlackboardSlot slot(std::size_t index) const;

  // The sum of a word over all slots.
  [[nodiscard]] std::uint64_t total(Word word) const;

  // Which slot owns a shard. What the supervisor wrote to a slot before it made it an owner is visible to who
  // sees it.
  [[nodiscard]] std::uint16_t owner(std::size_t shard) const {
    CHECK(shard < shards);
    return owners_[shard].load(std::memory_order_acquire);
  }
  void set_owner(std::size_t shard, std::uint16_t slot) {
    CHECK(shard < shards && slot < slots_);
    owners_[shard].store(slot, std::memory_order_release);
  }

 private:
  Blackboard(std::atomic<std::uint16_t>* owners, std::byte* first_slot, std::size_t slots)
      : owners_(owners), first_slot_(first_slot), slots_(slots) {}

  std::atomic<std::uint16_t>* owners_;
  std::byte* first_slot_;
  std::size_t slots_;
};

}  // namespace sluice
