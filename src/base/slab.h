// SPDX-License-Identifier: Apache-2.0
#pragma once
// Slab<T>: objects in chunks that never move, named by generation-checked handles.
//
// A `Handle` to an erased object simply stops resolving, so nobody keeps pointers across events. A chunk that
// has become empty is given back, but for one that is kept for the next burst; what is remembered of it is
// the generation from which its place goes on, so that old handles stay stale. One thread.

#include <algorithm>
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
    for (Place& place : places_)
      if (place.chunk)
        for (auto& slot : place.chunk->slots)
          if (slot.live) slot.object()->~T();
  }

  // Constructs a T in a free slot. The reference stays valid until erase().
  template <class... Args>
  std::pair<Handle, T&> emplace(Args&&... args) {
    if (roomy_ == none) grow();
    const std::uint32_t at = roomy_;
    Chunk& chunk = *places_[at].chunk;
    const std::uint32_t index = chunk.free;
    Slot& slot = chunk.slots[index];
    T* object = ::new (slot.storage) T(std::forward<Args>(args)...);
    chunk.free = slot.next_free;
    slot.live = true;
    if (chunk.live++ == 0) --empty_;
    if (chunk.live == ChunkSlots) unlink(at);
    ++size_;
    return {Handle{static_cast<std::uint32_t>(at * ChunkSlots) + index, slot.generation}, *object};
  }

  // Null when the handle's object was erased (or the handle is empty).
  [[nodiscard]] T* get(Handle handle) {
    Slot* slot = find(handle);
    return slot == nullptr ? nullptr : slot->object();
  }

  // The object is out of reach while its destructor runs.
  void erase(Handle handle) {
    Slot* slot = find(handle);
    CHECK(slot != nullptr);
    slot->live = false;
    ++slot->generation;
    slot->object()->~T();
    const auto at = static_cast<std::uint32_t>(handle.index / ChunkSlots);
    Chunk& chunk = *places_[at].chunk;
    slot->next_free = chunk.free;
    chunk.free = static_cast<std::uint32_t>(handle.index % ChunkSlots);
    --size_;
    if (chunk.live-- == ChunkSlots) link(at);
    if (chunk.live == 0 && ++empty_ > 1) give_back(at);
  }

  [[nodiscard]] std::size_t size() const { return size_; }

  // Bytes held for objects, live or not.
  [[nodiscard]] std::size_t bytes() const { return chunks_ * sizeof(Chunk); }

  // Calls visit(handle, object) for every live object; erasing the visited one is allowed.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (std::size_t c = 0; c < places_.size(); ++c)
      for (std::size_t s = 0; s < ChunkSlots && places_[c].chunk; ++s) {
        Slot& slot = places_[c].chunk->slots[s];
        if (slot.live)
          visit(Handle{static_cast<std::uint32_t>(c * ChunkSlots + s), slot.generation}, *slot.object());
      }
  }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;

  struct Slot {
    alignas(T) unsigned char storage[sizeof(T)];
    std::uint32_t generation = 1;
    std::uint32_t next_free = none;  // in its chunk
    bool live = false;
    T* object() { return std::launder(reinterpret_cast<T*>(storage)); }
  };
  struct Chunk {
    Slot slots[ChunkSlots];
    std::uint32_t free = 0;
    std::uint32_t live = 0;
  };
  // Where a chunk is, or was: an index never changes its meaning.
  struct Place {
    std::unique_ptr<Chunk> chunk;
    std::uint32_t generation = 1;  // above that of every handle to a chunk that was here
    std::uint32_t before = none;   // among the chunks with room
    std::uint32_t next = none;     // the same, or among the places without a chunk
  };

  [[nodiscard]] Slot* find(Handle handle) {
    const std::size_t at = handle.index / ChunkSlots;
    if (at >= places_.size() || !places_[at].chunk) return nullptr;
    Slot& slot = places_[at].chunk->slots[handle.index % ChunkSlots];
    return slot.live && slot.generation == handle.generation ? &slot : nullptr;
  }

  void link(std::uint32_t at) {
    places_[at].before = none;
    places_[at].next = roomy_;
    if (roomy_ != none) places_[roomy_].before = at;
    roomy_ = at;
  }

  void unlink(std::uint32_t at) {
    const Place& place = places_[at];
    (place.before == none ? roomy_ : places_[place.before].next) = place.next;
    if (place.next != none) places_[place.next].before = place.before;
  }

  void grow() {
    const std::uint32_t at = vacant_ != none ? vacant_ : static_cast<std::uint32_t>(places_.size());
    auto chunk = std::make_unique<Chunk>();
    if (at == places_.size()) places_.emplace_back();
    Place& place = places_[at];
    if (at == vacant_) vacant_ = place.next;
    for (std::uint32_t i = 0; i < ChunkSlots; ++i) {
      chunk->slots[i].generation = place.generation;
      if (i + 1 < ChunkSlots) chunk->slots[i].next_free = i + 1;
    }
    place.chunk = std::move(chunk);
    ++chunks_;
    ++empty_;
    link(at);
  }

  void give_back(std::uint32_t at) {
    unlink(at);
    Place& place = places_[at];
    for (const Slot& slot : place.chunk->slots)
      place.generation = std::max(place.generation, slot.generation);
    place.chunk.reset();
    place.next = vacant_;
    vacant_ = at;
    --chunks_;
    --empty_;
  }

  std::vector<Place> places_;
  std::uint32_t roomy_ = none;   // first of the chunks with room
  std::uint32_t vacant_ = none;  // first of the places without a chunk
  std::size_t chunks_ = 0;
  std::size_t empty_ = 0;  // chunks without an object
  std::size_t size_ = 0;
};

}  // namespace sluice
