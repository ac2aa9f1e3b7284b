// SPDX-License-Identifier: Apache-2.0
#include "base/slab.h"

#include <gtest/gtest.h>

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

TEST(SlabDeathTest, ErasingTwiceIsABug) {
  Slab<int> slab;
  const Handle handle = slab.emplace(1).first;
  slab.erase(handle);
  EXPECT_DEATH(slab.erase(handle), "bug at");
}

}  // namespace
}  // namespace sluice
