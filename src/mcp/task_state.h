// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is known of a task, and how the two kinds of tasks write it: those of 2025-11-25 and those of the
// extension io.modelcontextprotocol/tasks.
//
//   working ◄──► input_required          both ──► completed | failed | cancelled, and nothing leaves those
//
// A task is a call that goes on after its request was answered. The two kinds name the same facts differently
// (`ttl`, `ttlMs`), wrap them differently (`{task: …}`, flat) and deliver results differently
// (`tasks/result`, inside `tasks/get`). Text and values only: knows no table and no clock. Any thread. Spec:
// 2025-11-25 basic/utilities/tasks; SEP-2663; ledger A, D1, D2.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/json.h"
#include "mcp/revision.h"

namespace sluice {

enum class TaskStatus : std::uint8_t { working, input_required, completed, failed, cancelled };

[[nodiscard]] std::string_view task_status_text(TaskStatus status);
[[nodiscard]] std::optional<TaskStatus> parse_task_status(std::string_view text);
// Nothing changes any more.
[[nodiscard]] constexpr bool is_over(TaskStatus status) { return status >= TaskStatus::completed; }
// Staying as it is counts as a change that may be, unless the task is over.
[[nodiscard]] bool may_become(TaskStatus from, TaskStatus to);

struct TaskState {
  std::string id;
  TaskStatus status = TaskStatus::working;
  std::string message;  // for people, may be empty
  std::string created;  // RFC 3339, as the one who keeps the task writes it
  std::string updated;
  std::optional<std::int64_t> ttl_ms;   // from its creation; nothing: for ever
  std::optional<std::int64_t> poll_ms;  // how often to look

  friend bool operator==(const TaskState&, const TaskState&) = default;
};

// The Task object of that era: what tasks/get and tasks/cancel of 2025-11-25 answer, and the flat part of
// what the extension answers.
[[nodiscard]] Json task_json(const TaskState& task, Era era);
// The answer to the call that became a task: {task: …}, or flat with its resultType.
[[nodiscard]] Json created_task_json(const TaskState& task, Era era);

// Reads a Task object of that era. Errc::invalid, with a sentence, when it is none.
[[nodiscard]] Result<TaskState> parse_task(const Json& json, Era era);
// Reads the answer to a call that became a task; nothing when the answer is another.
[[nodiscard]] Result<std::optional<TaskState>> parse_created_task(const Json& result, Era era);

// `json`, an object as text, with one more member: {"a":1} and "result", "{}" make {"a":1,"result":{}}.
[[nodiscard]] std::string with_member(std::string json, std::string_view name, Bytes value_json);

// What a task of 2025-11-25 has in the `_meta` of everything that belongs to it.
inline constexpr std::string_view related_task_key = "io.modelcontextprotocol/related-task";
void mark_related(Json& params_or_result, std::string_view task_id);

// What a server of 2025-11-25 declares that takes calls of tools as tasks.
inline constexpr std::string_view tasks_offer = R"({"list":{},"cancel":{},"requests":{"tools":{"call":{}}}})";

// The text of the ClientCapabilities that tasks of the extension need, for -32021.
[[nodiscard]] std::string_view tasks_capability_text();

}  // namespace sluice
