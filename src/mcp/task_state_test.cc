// SPDX-License-Identifier: Apache-2.0
#include "mcp/task_state.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr TaskStatus every_status[] = {TaskStatus::working, TaskStatus::input_required, TaskStatus::completed,
                                       TaskStatus::failed, TaskStatus::cancelled};

TaskState example() {
  TaskState task;
  task.id = "t-1";
  task.status = TaskStatus::input_required;
  task.message = "waiting";
  task.created = "2026-07-28T12:00:00.000Z";
  task.updated = "2026-07-28T12:00:01.000Z";
  task.ttl_ms = 60'000;
  task.poll_ms = 500;
  return task;
}

TEST(TaskState, LeavesNoStatusThatIsOver) {
  for (const TaskStatus from : every_status)
    for (const TaskStatus to : every_status)
      EXPECT_EQ(may_become(from, to), from == TaskStatus::working || from == TaskStatus::input_required)
          << task_status_text(from) << " to " << task_status_text(to);
}

TEST(TaskState, ReadsTheStatusesItWrites) {
  for (const TaskStatus status : every_status) EXPECT_EQ(parse_task_status(task_status_text(status)), status);
  EXPECT_FALSE(parse_task_status("submitted"));
}

TEST(TaskState, WritesTheSameFactsAsEachEraNamesThem) {
  EXPECT_EQ(created_task_json(example(), Era::legacy).dump(),
            R"({"task":{"taskId":"t-1","status":"input_required","statusMessage":"waiting",)"
            R"("createdAt":"2026-07-28T12:00:00.000Z","lastUpdatedAt":"2026-07-28T12:00:01.000Z",)"
            R"("ttl":60000,"pollInterval":500}})");
  EXPECT_EQ(created_task_json(example(), Era::modern).dump(),
            R"({"taskId":"t-1","status":"input_required","statusMessage":"waiting",)"
            R"("createdAt":"2026-07-28T12:00:00.000Z","lastUpdatedAt":"2026-07-28T12:00:01.000Z",)"
            R"("ttlMs":60000,"pollIntervalMs":500,"resultType":"task"})");
}

TEST(TaskState, CrossesTheErasUnchanged) {
  for (const Era era : {Era::legacy, Era::modern}) {
    const auto read = parse_task(task_json(example(), era), era);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(*read, example());
    const auto created = parse_created_task(created_task_json(example(), era), era);
    ASSERT_TRUE(created.ok() && created->has_value());
    EXPECT_EQ(**created, example());
  }
}

TEST(TaskState, IsKeptForEverWhenItsTtlIsNull) {
  TaskState task = example();
  task.ttl_ms = std::nullopt;
  task.poll_ms = std::nullopt;
  const Json json = task_json(task, Era::modern);
  EXPECT_TRUE(json.contains("ttlMs"));
  EXPECT_TRUE(json["ttlMs"].is_null());
  EXPECT_FALSE(json.contains("pollIntervalMs"));
  EXPECT_EQ(parse_task(json, Era::modern)->ttl_ms, std::nullopt);
}

TEST(TaskState, TellsAResultFromATask) {
  const auto none = [](std::string_view text, Era era) {
    const auto read = parse_created_task(*Json::parse(text), era);
    return read.ok() && !read->has_value();
  };
  EXPECT_TRUE(none(R"({"content":[],"resultType":"complete"})", Era::modern));
  EXPECT_TRUE(none(R"({"content":[]})", Era::legacy));
  EXPECT_FALSE(parse_created_task(*Json::parse(R"({"resultType":"task"})"), Era::modern).ok());
  EXPECT_FALSE(parse_created_task(*Json::parse(R"({"task":{"taskId":"a","status":"?"}})"), Era::legacy).ok());
}

TEST(TaskState, AddsAMemberToText) {
  EXPECT_EQ(with_member("{}", "result", "[1]"), R"({"result":[1]})");
  EXPECT_EQ(with_member(R"({"a":1})", "error", "{}"), R"({"a":1,"error":{}})");
}

TEST(TaskState, MarksWhatBelongsToIt) {
  Json params = *Json::parse(R"({"message":"?","_meta":{"x/y":1}})");
  mark_related(params, "t-1");
  EXPECT_EQ(params.dump(),
            R"({"message":"?","_meta":{"x/y":1,"io.modelcontextprotocol/related-task":{"taskId":"t-1"}}})");
}

}  // namespace
}  // namespace sluice
