// SPDX-License-Identifier: Apache-2.0
#include "base/blackboard.h"

#include <cstring>
#include <new>

namespace sluice {
namespace {

constexpr std::uint64_t magic = 0x53'4c'55'49'43'45'42'42;  // "SLUICEBB"
constexpr std::size_t line_bytes = 64;

constexpr std::size_t whole_lines(std::size_t bytes) {
  return (bytes + line_bytes - 1) / line_bytes * line_bytes;
}

struct Header {
  std::atomic<std::uint64_t> magic;  // written last, so that what carries it is whole
  std::uint32_t version;
  std::uint32_t slots;
  std::uint64_t bytes;
};

constexpr std::size_t owners_offset = whole_lines(sizeof(Header));
constexpr std::size_t slots_offset = owners_offset + whole_lines(shards * sizeof(std::atomic<std::uint16_t>));
constexpr std::size_t slot_bytes = whole_lines(words * sizeof(std::atomic<std::uint64_t>));

// Across processes only lock-free atomics work, and only if they are as large as their value.
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && sizeof(std::atomic<std::uint64_t>) == 8);
static_assert(std::atomic<std::uint16_t>::is_always_lock_free && sizeof(std::atomic<std::uint16_t>) == 2);
static_assert(alignof(std::atomic<std::uint64_t>) <= line_bytes);

bool aligned(std::span<std::byte> memory) {
  return reinterpret_cast<std::uintptr_t>(memory.data()) % line_bytes == 0;
}

std::atomic<std::uint16_t>* owners_in(std::span<std::byte> memory) {
  return std::launder(reinterpret_cast<std::atomic<std::uint16_t>*>(memory.data() + owners_offset));
}

}  // namespace

std::size_t Blackboard::bytes_for(std::size_t slots) { return slots_offset + slots * slot_bytes; }

Result<Blackboard> Blackboard::format(std::span<std::byte> memory, std::size_t slots) {
  if (slots == 0 || slots > blackboard_slots_max) {
    return Error(Errc::invalid, "a blackboard has 1 to 1024 slots, not " + std::to_string(slots));
  }
  if (!aligned(memory)) return Error(Errc::invalid, "a blackboard's memory must be aligned to 64 bytes");
  if (memory.size() < bytes_for(slots))
    return Error(Errc::too_large, "the memory for the blackboard is too small");
  auto* header = ::new (memory.data()) Header{};
  header->version = blackboard_version;
  header->slots = static_cast<std::uint32_t>(slots);
  header->bytes = bytes_for(slots);
  for (std::size_t i = 0; i < shards; ++i) {
    ::new (memory.data() + owners_offset + i * sizeof(std::atomic<std::uint16_t>))
        std::atomic<std::uint16_t>(0);
  }
  for (std::size_t slot = 0; slot < slots; ++slot) {
    std::byte* block = memory.data() + slots_offset + slot * slot_bytes;
    for (std::size_t i = 0; i < words; ++i) {
      ::new (block + i * sizeof(std::atomic<std::uint64_t>)) std::atomic<std::uint64_t>(0);
    }
  }
  header->magic.store(magic, std::memory_order_release);
  return Blackboard(owners_in(memory), memory.data() + slots_offset, slots);
}

Result<Blackboard> Blackboard::attach(std::span<std::byte> memory) {
  if (!aligned(memory)) return Error(Errc::invalid, "a blackboard's memory must be aligned to 64 bytes");
  if (memory.size() < slots_offset)
    return Error(Errc::invalid, "the memory is too small to hold a blackboard");
  const auto* header = std::launder(reinterpret_cast<const Header*>(memory.data()));
  if (header->magic.load(std::memory_order_acquire) != magic) {
    return Error(Errc::invalid, "the memory holds no blackboard");
  }
  if (header->version != blackboard_version) {
    return Error(Errc::invalid, "the blackboard has layout version " + std::to_string(header->version) +
                                    ", this program reads version " + std::to_string(blackboard_version));
  }
  const std::size_t slots = header->slots;
  if (slots == 0 || slots > blackboard_slots_max || header->bytes != bytes_for(slots) ||
      memory.size() < bytes_for(slots)) {
    return Error(Errc::invalid, "the blackboard's size does not fit its slots");
  }
  return Blackboard(owners_in(memory), memory.data() + slots_offset, slots);
}

BlackboardSlot Blackboard::slot(std::size_t index) const {
  CHECK(index < slots_);
  return BlackboardSlot(
      std::launder(reinterpret_cast<std::atomic<std::uint64_t>*>(first_slot_ + index * slot_bytes)));
}

std::uint64_t Blackboard::total(Word word) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < slots_; ++i) sum += slot(i).get(word);
  return sum;
}

}  // namespace sluice
