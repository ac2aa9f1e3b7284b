// SPDX-License-Identifier: Apache-2.0
#pragma once
// Slab<T>: objects in chunks that never move, named by generation-checked handles.
//
// A `Handle` to an erased object simply stops resolving, so nobody keeps pointers across events. A
// chunk, once made, is reused and not returned. One thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/check.h"

namespace sluice {

struct Handle {
  std::uint32_t index = UINT32_MAX;
  std::uint32_t generation = 0;

  friend bool operator==(const Handle&, const Handle&) = default;
  explicit operator bool() const { return index != UINT32_MAX; }
};

template <class T, std::size_t ChunkSlots = 64>
class Slab {
 public:
  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    for (auto& chunk : chunks_)
      if (chunk)
        for (auto& slot : chunk->slots)
          if (slot.live) slot.object()->~T();
  }

  // Constructs a T in a free slot. The reference stays valid until erase().
  template <class... Args>
  std::pair<Handle, T&> emplace(Args&&... args) {
    if (free_ == none) grow();
    const std::uint32_t index = free_;
    Slot& slot = at(index);
    T* object = ::new (slot.storage) T(std::forward<Args>(args)...);
    free_ = slot.next_free;
    slot.live = true;
    ++chunks_[index / ChunkSlots]->live;
    ++size_;
    return {Handle{index, slot.generation}, *object};
  }

  // Null when the handle's object was erased (or the handle is empty).
  [[nodiscard]] T* get(Handle handle) {
    if (handle.index / ChunkSlots >= chunks_.size() || !chunks_[handle.index / ChunkSlots]) return nullptr;
    Slot& slot = at(handle.index);
    return slot.live && slot.generation == handle.generation ? slot.object() : nullptr;
  }

  void erase(Handle handle) {
    T* object = get(handle);
    CHECK(object != nullptr);
    Slot& slot = at(handle.index);
    slot.live = false;
    ++slot.generation;
    object->~T();
    slot.next_free = free_;
    free_ = handle.index;
    --chunks_[handle.index / ChunkSlots]->live;
    --size_;
  }

  [[nodiscard]] std::size_t size() const { return size_; }

  // Calls visit(handle, object) for every live object; erasing the visited one is allowed.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (std::size_t c = 0; c < chunks_.size(); ++c)
      for (std::size_t s = 0; s < ChunkSlots; ++s) {
        Slot& slot = chunks_[c]->slots[s];
        if (slot.live)
          visit(Handle{static_cast<std::uint32_t>(c * ChunkSlots + s), slot.generation}, *slot.object());
      }
  }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;

  struct Slot {
    alignas(T) unsigned char storage[sizeof(T)];
    std::uint32_t generation = 1;
    std::uint32_t next_free = none;
    bool live = false;
    T* object() { return std::launder(reinterpret_cast<T*>(storage)); }
  };
  struct Chunk {
    Slot slots[ChunkSlots];
    std::size_t live = 0;
  };

  Slot& at(std::uint32_t index) { return chunks_[index / ChunkSlots]->slots[index % ChunkSlots]; }

  void grow() {
    const auto base = static_cast<std::uint32_t>(chunks_.size() * ChunkSlots);
    chunks_.push_back(std::make_unique<Chunk>());
    for (std::size_t i = ChunkSlots; i-- > 0;) {
      chunks_.back()->slots[i].next_free = free_;
      free_ = base + static_cast<std::uint32_t>(i);
    }
  }

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::uint32_t free_ = none;
  std::size_t size_ = 0;
};

}  // namespace sluice
