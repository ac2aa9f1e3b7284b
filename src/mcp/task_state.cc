// SPDX-License-Identifier: Apache-2.0
#include "mcp/task_state.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace sluice {

namespace {

constexpr std::array<std::string_view, 5> status_texts{"working", "input_required", "completed", "failed",
                                                       "cancelled"};

constexpr std::string_view ttl_name(Era era) { return era == Era::modern ? "ttlMs" : "ttl"; }
constexpr std::string_view poll_name(Era era) {
  return era == Era::modern ? "pollIntervalMs" : "pollInterval";
}

Error wrong(std::string_view what) { return Error(Errc::invalid, "a task " + std::string(what)); }

// Nothing for null, for what is absent and for what makes no sense.
std::optional<std::int64_t> milliseconds_of(const Json& json) {
  const std::int64_t value = json.int64_or(-1);
  return value >= 0 ? std::optional(value) : std::nullopt;
}

}  // namespace

std::string_view task_status_text(TaskStatus status) {
  return status_texts[static_cast<std::size_t>(status)];
}

std::optional<TaskStatus> parse_task_status(std::string_view text) {
  const auto* found = std::find(status_texts.begin(), status_texts.end(), text);
  if (found == status_texts.end()) return std::nullopt;
  return static_cast<TaskStatus>(found - status_texts.begin());
}

bool may_become(TaskStatus from, TaskStatus) { return !is_over(from); }

Json task_json(const TaskState& task, Era era) {
  Json json = Json::object({{"taskId", task.id}, {"status", task_status_text(task.status)}});
  if (!task.message.empty()) json.set("statusMessage", task.message);
  json.set("createdAt", task.created);
  json.set("lastUpdatedAt", task.updated);
  json.set(ttl_name(era), task.ttl_ms ? Json(*task.ttl_ms) : Json());
  if (task.poll_ms) json.set(poll_name(era), *task.poll_ms);
  return json;
}

Json created_task_json(const TaskState& task, Era era) {
  if (era == Era::legacy) return Json::object({{"task", task_json(task, era)}});
  Json json = task_json(task, era);
  json.set("resultType", "task");
  return json;
}

Result<TaskState> parse_task(const Json& json, Era era) {
  if (!json.is_object()) return wrong("is an object");
  TaskState task;
  task.id = json["taskId"].string_or("");
  if (task.id.empty()) return wrong("has a taskId");
  const auto status = parse_task_status(json["status"].string_or(""));
  if (!status) return wrong("has one of the five statuses");
  task.status = *status;
  task.message = json["statusMessage"].string_or("");
  task.created = json["createdAt"].string_or("");
  task.updated = json["lastUpdatedAt"].string_or(task.created);
  task.ttl_ms = milliseconds_of(json[ttl_name(era)]);
  task.poll_ms = milliseconds_of(json[poll_name(era)]);
  return task;
}

Result<std::optional<TaskState>> parse_created_task(const Json& result, Era era) {
  if (era == Era::legacy) {
    const Json* task = result.find("task");
    if (task == nullptr) return std::optional<TaskState>();
    auto read = parse_task(*task, era);
    if (!read) return read.error();
    return std::optional(std::move(*read));
  }
  if (result["resultType"].string_or("") != "task") return std::optional<TaskState>();
  auto read = parse_task(result, era);
  if (!read) return read.error();
  return std::optional(std::move(*read));
}

std::string with_member(std::string json, std::string_view name, Bytes value_json) {
  CHECK(json.size() >= 2 && json.back() == '}');
  json.pop_back();
  if (json.size() > 1) json.push_back(',');
  json.append("\"").append(name).append("\":").append(value_json).push_back('}');
  return json;
}

void mark_related(Json& params_or_result, std::string_view task_id) {
  Json* meta = params_or_result.find("_meta");
  if (meta == nullptr || !meta->is_object()) meta = &params_or_result.set("_meta", Json::object());
  meta->set(related_task_key, Json::object({{"taskId", task_id}}));
}

std::string_view tasks_capability_text() { return R"({"extensions":{"io.modelcontextprotocol/tasks":{}}})"; }

}  // namespace sluice
