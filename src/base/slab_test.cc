// SPDX-License-Identifier: Apache-2.0
#include "base/slab.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace sluice {
namespace {

TEST(Slab, AHandleFindsItsObjectUntilItIsErased) {
  Slab<std::string> slab;
  const auto [handle, text] = slab.emplace("first");
  EXPECT_TRUE(static_cast<bool>(handle));
  EXPECT_EQ(slab.get(handle), &text);
  EXPECT_EQ(*slab.get(handle), "first");
  slab.erase(handle);
  EXPECT_EQ(slab.get(handle), nullptr);
  EXPECT_EQ(slab.size(), 0U);
}

TEST(Slab, AReusedSlotDoesNotAnswerToAnOldHandle) {
  Slab<int> slab;
  const Handle old_handle = slab.emplace(1).first;
  slab.erase(old_handle);
  const Handle new_handle = slab.emplace(2).first;
  EXPECT_EQ(new_handle.index, old_handle.index);
  EXPECT_NE(new_handle.generation, old_handle.generation);
  EXPECT_EQ(slab.get(old_handle), nullptr);
  EXPECT_EQ(*slab.get(new_handle), 2);
}

TEST(Slab, AnEmptyOrForeignHandleFindsNothing) {
  Slab<int> slab;
  EXPECT_EQ(slab.get(Handle()), nullptr);
  EXPECT_FALSE(static_cast<bool>(Handle()));
  static_cast<void>(slab.emplace(1));
  EXPECT_EQ(slab.get(Handle{9'999, 1}), nullptr);
  EXPECT_EQ(slab.get(Handle{0, 77}), nullptr);
}

TEST(Slab, ObjectsNeverMove) {
  Slab<int, 4> slab;
  std::vector<std::pair<Handle, int*>> known;
  for (int i = 0; i < 1'000; ++i) {
    const auto [handle, object] = slab.emplace(i);
    known.emplace_back(handle, &object);
  }
  for (std::size_t i = 0; i < known.size(); ++i) {
    EXPECT_EQ(slab.get(known[i].first), known[i].second);
    EXPECT_EQ(*known[i].second, static_cast<int>(i));
  }
}

TEST(Slab, DestroysWhatIsLeft) {
  const auto witness = std::make_shared<int>(0);
  {
    Slab<std::shared_ptr<int>, 2> slab;
    std::vector<Handle> handles;
    for (int i = 0; i < 5; ++i) handles.push_back(slab.emplace(witness).first);
    slab.erase(handles[1]);
    EXPECT_EQ(witness.use_count(), 5);
  }
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(Slab, VisitsEveryLiveObjectAndLetsTheVisitedOneBeErased) {
  Slab<int, 4> slab;
  std::vector<Handle> handles;
  for (int i = 0; i < 10; ++i) handles.push_back(slab.emplace(i).first);
  slab.erase(handles[3]);
  int sum = 0;
  slab.for_each([&](Handle handle, int& object) {
    sum += object;
    if (object % 2 == 0) slab.erase(handle);
  });
  EXPECT_EQ(sum, 45 - 3);
  EXPECT_EQ(slab.size(), 4U);
}

struct ErasesItself {
  Slab<ErasesItself>* slab = nullptr;
  Handle self;
  bool* found_itself = nullptr;
  explicit ErasesItself(Slab<ErasesItself>& owner) : slab(&owner) {}
  ~ErasesItself() {
    if (found_itself != nullptr) *found_itself = slab->get(self) != nullptr;
  }
};

TEST(Slab, AnObjectIsOutOfReachWhileItIsDestroyed) {
  Slab<ErasesItself> slab;
  bool found_itself = true;
  const auto [handle, object] = slab.emplace(slab);
  object.self = handle;
  object.found_itself = &found_itself;
  slab.erase(handle);
  EXPECT_FALSE(found_itself);
}

TEST(Slab, GivesBackEmptyChunksAndKeepsOne) {
  Slab<int, 4> slab;
  std::vector<Handle> handles;
  handles.reserve(400);
  for (int i = 0; i < 400; ++i) handles.push_back(slab.emplace(i).first);
  const std::size_t one = slab.bytes() / 100;
  // A survivor holds its own chunk and no other.
  for (std::size_t i = 0; i < handles.size(); ++i)
    if (i != 201) slab.erase(handles[i]);
  EXPECT_EQ(slab.bytes(), 2 * one);
  EXPECT_EQ(*slab.get(handles[201]), 201);
  slab.erase(handles[201]);
  EXPECT_EQ(slab.bytes(), one);
  // An object that comes and goes costs no chunk each time.
  for (int i = 0; i < 10; ++i) {
    const Handle handle = slab.emplace(i).first;
    EXPECT_EQ(slab.bytes(), one);
    slab.erase(handle);
  }
}

TEST(Slab, AHandleIntoAChunkThatWasGivenBackStaysStale) {
  Slab<int, 2> slab;
  std::vector<Handle> all_there_were;
  for (int burst = 0; burst < 20; ++burst) {
    std::vector<Handle> now;
    for (int i = 0; i < 10; ++i) now.push_back(slab.emplace(i).first);
    for (const Handle old : all_there_were) EXPECT_EQ(slab.get(old), nullptr);
    for (std::size_t i = 0; i < now.size(); ++i) EXPECT_EQ(*slab.get(now[i]), static_cast<int>(i));
    for (const Handle handle : now) slab.erase(handle);
    for (const Handle old : now) EXPECT_EQ(slab.get(old), nullptr);
    all_there_were.insert(all_there_were.end(), now.begin(), now.end());
  }
  EXPECT_EQ(slab.size(), 0U);
}

TEST(Slab, PlacesOfChunksThatWereGivenBackAreUsedAgain) {
  Slab<int, 2> slab;
  std::uint32_t highest = 0;
  for (int burst = 0; burst < 50; ++burst) {
    std::vector<Handle> now;
    for (int i = 0; i < 10; ++i) now.push_back(slab.emplace(i).first);
    for (const Handle handle : now) highest = std::max(highest, handle.index);
    // In another order each time.
    for (std::size_t i = 0; i < now.size(); ++i)
      slab.erase(now[(i * 3 + static_cast<std::size_t>(burst)) % 10]);
  }
  EXPECT_LT(highest, 10U);
}

TEST(Slab, TheVisitedOneMayTakeItsChunkAlong) {
  Slab<int, 2> slab;
  for (int i = 0; i < 20; ++i) static_cast<void>(slab.emplace(i));
  int visited = 0;
  slab.for_each([&](Handle handle, int&) {
    ++visited;
    slab.erase(handle);
  });
  EXPECT_EQ(visited, 20);
  EXPECT_EQ(slab.size(), 0U);
}

TEST(SlabDeathTest, ErasingTwiceIsABug) {
  Slab<int> slab;
  const Handle handle = slab.emplace(1).first;
  slab.erase(handle);
  EXPECT_DEATH(slab.erase(handle), "bug at");
}

}  // namespace
}  // namespace sluice
