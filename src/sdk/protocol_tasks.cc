// SPDX-License-Identifier: Apache-2.0
// Requests about tasks, of both kinds, and what clients are told of them unasked.
#include <algorithm>

#include "codec/jsonrpc.h"
#include "sdk/protocol.h"
#include "sdk/protocol_parts.h"
#include "sdk/results.h"

namespace sluice {

namespace {

Json error_json(const Error& error) {
  Json json = Json::object({{"code", error.number}, {"message", error.message}});
  if (!error.data.empty())
    if (auto data = Json::parse(error.data)) json.set("data", std::move(*data));
  return json;
}

// The task as the extension shows it, with what came of it or what it asks; `more` goes first.
std::string detailed(const TaskEntry& entry, const Json& more) {
  const ServerTask& task = ServerTasks::at(entry);
  Json json = task_json(entry.state, Era::modern);
  for (const JsonMember& member : more.members()) json.set(member.name, member.value);
  if (entry.state.status == TaskStatus::input_required)
    json.set("inputRequests", task.call->input_requests());
  if (entry.state.status == TaskStatus::failed) json.set("error", error_json(task.error));
  std::string text = json.dump();
  if (entry.state.status != TaskStatus::completed) return text;
  return with_member(std::move(text), "result", task.result);
}

}  // namespace

void Protocol::tasks_request(Opened& opened, MethodId id) {
  if (id == MethodId::tasks_list) return list_tasks(opened);
  const std::string* task_id = opened.params["taskId"].as_string();
  if (task_id == nullptr) return fail(opened, refusals::invalid_params("taskId is missing"));
  TaskEntry* entry = tasks_.find(opened.caller, *task_id);
  if (entry == nullptr) return fail(opened, refusals::invalid_params("there is no such task"));
  switch (id) {
    case MethodId::tasks_update: return update_task(opened, *entry);
    case MethodId::tasks_cancel: return cancel_task(opened, *entry);
    case MethodId::tasks_result:
      if (ServerTasks::at(*entry).watchers.size() >= state_.limits.mcp.task_watchers_max)
        return fail(opened, refusals::invalid_params("too many requests wait for this task already"));
      return tasks_.watch(*entry, opened.exchange, opened.caller.id);
    default: break;
  }
  if (opened.caller.era == Era::legacy) return finish(opened, task_json(entry->state, Era::legacy));
  Json rest = Json::object();
  complete_modern(rest);
  opened.exchange.finish(make_response(opened.caller.id, detailed(*entry, rest)));
}

void Protocol::update_task(Opened& opened, TaskEntry& entry) {
  const Json& responses = opened.params["inputResponses"];
  if (!responses.is_object()) return fail(opened, refusals::invalid_params("inputResponses is no object"));
  if (!is_over(entry.state.status)) ServerTasks::at(entry).call->take_answers(responses);
  finish(opened, Json::object());
}

void Protocol::cancel_task(Opened& opened, TaskEntry& entry) {
  const bool cancelled = tasks_.cancel(entry);
  if (opened.caller.era == Era::modern) return finish(opened, Json::object());
  if (!cancelled) {
    const std::string status(task_status_text(entry.state.status));
    return fail(opened, refusals::invalid_params("the task is over already: " + status));
  }
  finish(opened, task_json(entry.state, Era::legacy));
}

// A session sees the tasks that it made: without credentials all sessions are one principal's.
void Protocol::list_tasks(Opened& opened) {
  std::vector<Json> all;
  tasks_.table().for_each([&](const TaskEntry& entry) {
    const Session* session = ServerTasks::at(entry).session;
    if (session != nullptr && session == opened.exchange.session())
      all.push_back(task_json(entry.state, Era::legacy));
  });
  std::string next;
  Result<Json> items = page(opened, std::move(all), 0, next);
  if (!items) return fail(opened, Refusal{200, rpc::invalid_params, items.error().message, {}});
  Json result = Json::object({{"tasks", std::move(*items)}});
  if (!next.empty()) result.set("nextCursor", std::move(next));
  finish(opened, std::move(result));
}

void Protocol::tell_task(const TaskEntry& entry) {
  if (entry.era == Era::legacy) {
    Session* session = ServerTasks::at(entry).session;
    const Peer* peer = peer_of(session);
    if (peer != nullptr && peer->initialized)
      session->send(
          make_notification("notifications/tasks/status", task_json(entry.state, Era::legacy).dump()));
    return;
  }
  const std::vector<Exchange*> listens(listens_.begin(), listens_.end());
  for (Exchange* exchange : listens) {
    const auto& listen = static_cast<const Listen&>(*exchange->attachment);
    if (!listen.tasks.contains(entry.state.id)) continue;
    const std::string tag = R"({"io.modelcontextprotocol/subscriptionId":)" + listen.id + "}";
    exchange->notify(
        make_notification("notifications/tasks", with_member(detailed(entry, Json::object()), "_meta", tag)));
  }
}

}  // namespace sluice
