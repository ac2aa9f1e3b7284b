// SPDX-License-Identifier: Apache-2.0
#include "sdk/client_task.h"

#include "sdk/client_core.h"

namespace sluice::client_detail {

namespace {

Json named(const std::string& id) { return Json::object({{"taskId", id}}); }

}  // namespace

Result<TaskBase> TaskBase::made(const std::shared_ptr<Core>& core, Json result) {
  auto state = parse_created_task(result, era_of(core->server().revision));
  if (!state) return state.error();
  TaskBase task(core, *state ? (*state)->id : std::string());
  if (!*state) task.outcome_ = std::move(result);
  return task;
}

ClientCall<TaskState> TaskBase::state() {
  const auto reading = [core = core_](const Json& json) {
    return parse_task(json, era_of(core->server().revision));
  };
  if (!outcome_) return ClientCall<TaskState>(core_, "tasks/get", named(id_), reading);
  return ClientCall<TaskState>(core_, Result<Json>(Json()), [](const Json&) -> Result<TaskState> {
    TaskState done;
    done.status = TaskStatus::completed;
    return done;
  });
}

ClientCall<Json> TaskBase::cancel() {
  const auto reading = [](Json json) -> Result<Json> { return json; };
  if (outcome_) return ClientCall<Json>(core_, Result<Json>(Json::object()), reading);
  return ClientCall<Json>(core_, "tasks/cancel", named(id_), reading);
}

}  // namespace sluice::client_detail
