// SPDX-License-Identifier: Apache-2.0
#include "mcp/task_table.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice {
namespace {

Sealer sealer(std::uint16_t slot = 0) {
  KeyRing ring;
  EXPECT_TRUE(ring.add(1, std::string(seal_key_bytes, 'k')).ok());
  return Sealer(std::move(ring), SealOrigin{slot, 1}, Sealer::Salt{});
}

constexpr Instant start{seconds(1'000)};
const WallTime wall{milliseconds(1'785'240'000'000)};
const Principal alice{"alice"};
const Principal bob{"bob"};

McpLimits limits_of(std::size_t all, std::size_t each) {
  McpLimits limits;
  limits.tasks_max = all;
  limits.tasks_per_principal_max = each;
  return limits;
}

TEST(TaskIds, BelongToTheirPrincipal) {
  TaskIds ids(sealer(0), McpLimits{}), elsewhere(sealer(1), McpLimits{});
  const std::string id = *ids.seal(alice, "payload");
  EXPECT_EQ(*elsewhere.open(alice, id), "payload");
  for (const std::string& other : {std::string(), std::string("task-1"), id + "A", id.substr(1)})
    EXPECT_EQ(ids.open(alice, other).error().code, Errc::not_found);
  EXPECT_EQ(ids.open(bob, id).error().message, ids.open(alice, "x").error().message);
}

TEST(TaskIds, AreBounded) {
  McpLimits limits;
  limits.task_id_bytes_max = 200;
  TaskIds ids(sealer(), limits);
  EXPECT_EQ(ids.seal(alice, std::string(200, 'x')).error().code, Errc::too_large);
  EXPECT_FALSE(ids.open(alice, std::string(201, 'A')).ok());
}

TEST(TaskTable, FindsATaskForItsPrincipalAndEraOnly) {
  TaskTable table(sealer(), McpLimits{});
  TaskEntry* entry = table.open(alice, Era::modern, std::nullopt, start, wall);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->state.status, TaskStatus::working);
  EXPECT_EQ(entry->state.created, "2026-07-28T12:00:00.000Z");
  EXPECT_EQ(entry->state.ttl_ms, 3'600'000);
  EXPECT_EQ(table.find(alice, Era::modern, entry->state.id), entry);
  EXPECT_EQ(table.find(bob, Era::modern, entry->state.id), nullptr);
  EXPECT_EQ(table.find(alice, Era::legacy, entry->state.id), nullptr);
}

TEST(TaskTable, CutsWhatATaskSaysOfItselfBetweenCharacters) {
  TaskTable table(sealer(), McpLimits{});
  TaskEntry* entry = table.open(alice, Era::modern, std::nullopt, start, wall);
  ASSERT_NE(entry, nullptr);
  std::string message(McpLimits{}.task_message_bytes_max - 1, 'x');
  EXPECT_TRUE(TaskTable::turn(*entry, TaskStatus::working, message + "\xC3\xA4 and on", wall));
  EXPECT_EQ(entry->state.message, message);
}

TEST(TaskTable, KnowsNoTaskThatItForgot) {
  TaskTable table(sealer(), McpLimits{});
  TaskEntry* first = table.open(alice, Era::modern, std::nullopt, start, wall);
  const std::string id = first->state.id;
  table.forget(*first);
  EXPECT_EQ(table.find(alice, Era::modern, id), nullptr);
  TaskEntry* second = table.open(alice, Era::modern, std::nullopt, start, wall);
  EXPECT_EQ(table.find(alice, Era::modern, id), nullptr);
  EXPECT_EQ(table.find(alice, Era::modern, second->state.id), second);
  EXPECT_EQ(table.size(), 1U);
}

TEST(TaskTable, IsBoundedForEachPrincipalAndForAll) {
  TaskTable table(sealer(), limits_of(3, 2));
  TaskEntry* first = table.open(alice, Era::modern, std::nullopt, start, wall);
  EXPECT_NE(table.open(alice, Era::modern, std::nullopt, start, wall), nullptr);
  EXPECT_EQ(table.open(alice, Era::modern, std::nullopt, start, wall), nullptr);
  EXPECT_NE(table.open(bob, Era::modern, std::nullopt, start, wall), nullptr);
  EXPECT_EQ(table.open(bob, Era::modern, std::nullopt, start, wall), nullptr);
  table.forget(*first);
  EXPECT_NE(table.open(bob, Era::modern, std::nullopt, start, wall), nullptr);
}

TEST(TaskTable, KeepsATaskAsLongAsItSaysAndNoLonger) {
  TaskTable table(sealer(), McpLimits{});
  EXPECT_EQ(table.next_expiry(), never);
  TaskEntry* brief = table.open(alice, Era::legacy, milliseconds(500), start, wall);
  TaskEntry* greedy = table.open(alice, Era::legacy, std::chrono::hours(1'000), start, wall);
  EXPECT_EQ(greedy->state.ttl_ms, 24 * 3'600'000);
  EXPECT_EQ(table.next_expiry(), start + milliseconds(500));
  EXPECT_EQ(table.expired(start + milliseconds(499)), nullptr);
  EXPECT_EQ(table.expired(start + milliseconds(500)), brief);
  table.forget(*brief);
  EXPECT_EQ(table.expired(start + milliseconds(500)), nullptr);
  EXPECT_EQ(table.expired(start + std::chrono::hours(24)), greedy);
}

TEST(TaskTable, TurnsATaskUntilItIsOver) {
  TaskTable table(sealer(), McpLimits{});
  TaskEntry* entry = table.open(alice, Era::modern, std::nullopt, start, wall);
  const WallTime later = wall + seconds(1);
  EXPECT_TRUE(TaskTable::turn(*entry, TaskStatus::input_required, "waits", later));
  EXPECT_EQ(entry->state.message, "waits");
  EXPECT_EQ(entry->state.updated, "2026-07-28T12:00:01.000Z");
  EXPECT_TRUE(TaskTable::turn(*entry, TaskStatus::working, "", later));
  EXPECT_TRUE(TaskTable::turn(*entry, TaskStatus::cancelled, "", later));
  for (const TaskStatus status : {TaskStatus::working, TaskStatus::completed, TaskStatus::cancelled})
    EXPECT_FALSE(TaskTable::turn(*entry, status, "", later + seconds(1)));
  EXPECT_EQ(entry->state.status, TaskStatus::cancelled);
  EXPECT_EQ(entry->state.updated, "2026-07-28T12:00:01.000Z");
}

TEST(TaskTable, NamesItsTasksInTheOrderOfTheirEnds) {
  TaskTable table(sealer(), McpLimits{});
  TaskEntry* late = table.open(alice, Era::modern, seconds(9), start, wall);
  TaskEntry* soon = table.open(bob, Era::modern, seconds(3), start, wall);
  std::vector<TaskEntry*> seen;
  table.for_each([&](TaskEntry& entry) { seen.push_back(&entry); });
  EXPECT_EQ(seen, (std::vector<TaskEntry*>{soon, late}));
}

}  // namespace
}  // namespace sluice
