// SPDX-License-Identifier: Apache-2.0
#include "sdk/server_tasks.h"

#include <algorithm>

#include "codec/jsonrpc.h"
#include "sdk/protocol.h"

namespace sluice {

namespace {

ServerTask& task_of(TaskEntry& entry) { return static_cast<ServerTask&>(*entry.attachment); }

}  // namespace

ServerTasks::ServerTasks(Protocol& protocol, Sealer sealer, const McpLimits& limits)
    : protocol_(protocol), table_(std::move(sealer), limits), expiry_(&ServerTasks::on_expiry, this) {}

const ServerTask& ServerTasks::at(const TaskEntry& entry) {
  return static_cast<const ServerTask&>(*entry.attachment);
}

// --- For calls ---

TaskEntry* ServerTasks::open(const Caller& caller, Session* session, std::optional<milliseconds> ttl) {
  Reactor& reactor = protocol_.reactor();
  TaskEntry* entry = table_.open(caller.principal, caller.era, ttl, reactor.now(), reactor.wall());
  if (entry == nullptr) return nullptr;
  auto task = std::make_unique<ServerTask>();
  task->session = session;
  task->charge = Charge(reactor.budget());
  entry->attachment = std::move(task);
  expect_expiry();
  return entry;
}

void ServerTasks::keep(TaskEntry& entry, std::unique_ptr<Attachment> owned, Call& call) {
  task_of(entry).owned = std::move(owned);
  task_of(entry).call = &call;
}

void ServerTasks::ask(TaskEntry& entry) {
  if (!TaskTable::turn(entry, TaskStatus::input_required, entry.state.message, protocol_.reactor().wall()))
    return;
  protocol_.tell_task(entry);
  ask_watcher(entry);
}

void ServerTasks::ask_watcher(TaskEntry& entry) {
  ServerTask& task = task_of(entry);
  if (task.asker != nullptr || task.watchers.empty()) return;
  task.asker = task.watchers.front();
  task.call->ask_on(*task.asker);
}

void ServerTasks::go_on(TaskEntry& entry) {
  task_of(entry).asker = nullptr;
  if (TaskTable::turn(entry, TaskStatus::working, entry.state.message, protocol_.reactor().wall()))
    protocol_.tell_task(entry);
}

void ServerTasks::succeed(TaskEntry& entry, Json result, bool told_error) {
  ServerTask& task = task_of(entry);
  if (entry.era == Era::legacy) mark_related(result, entry.state.id);
  std::string text = result.dump();
  if (!task.charge.resize(text.size())) {
    fail(entry, rpc::internal_error, "there is no memory left to keep the result", {});
    return;
  }
  task.result = std::move(text);
  // A tool's own error is a failure to 2025-11-25 and a result like any other to the extension.
  over(entry, told_error && entry.era == Era::legacy ? TaskStatus::failed : TaskStatus::completed, {});
}

void ServerTasks::fail(TaskEntry& entry, int code, std::string_view message, std::string_view data) {
  task_of(entry).error = protocol_error(code, std::string(message), std::string(data));
  over(entry, TaskStatus::failed, message);
}

void ServerTasks::say(TaskEntry& entry, std::string_view message) {
  TaskTable::turn(entry, entry.state.status, message, protocol_.reactor().wall());
}

void ServerTasks::tell(TaskEntry& entry, const std::string& notification) {
  const ServerTask& task = at(entry);
  if (!task.watchers.empty()) {
    task.watchers.front()->notify(notification);
  } else if (task.session != nullptr) {
    task.session->send(notification);
  }
}

// --- For requests ---

TaskEntry* ServerTasks::find(const Caller& caller, Bytes id) {
  return table_.find(caller.principal, caller.era, id);
}

bool ServerTasks::cancel(TaskEntry& entry) {
  if (is_over(entry.state.status)) return false;
  ServerTask& task = task_of(entry);
  task.error = protocol_error(rpc::internal_error, "the task was cancelled");
  task.call->cancel();
  over(entry, TaskStatus::cancelled, "the client cancelled it");
  return true;
}

void ServerTasks::watch(TaskEntry& entry, Exchange& exchange, std::string id_raw) {
  if (is_over(entry.state.status)) {
    answer(entry, exchange, id_raw);
    return;
  }
  auto watch = std::make_unique<TaskWatch>();
  watch->task = entry.handle;
  watch->id = std::move(id_raw);
  exchange.attachment = std::move(watch);
  task_of(entry).watchers.push_back(&exchange);
  if (entry.state.status == TaskStatus::input_required) ask_watcher(entry);
}

std::vector<std::string> ServerTasks::unwatch(const Exchange& exchange) {
  TaskEntry* entry = table_.get(static_cast<const TaskWatch&>(*exchange.attachment).task);
  if (entry == nullptr) return {};
  ServerTask& task = task_of(*entry);
  std::erase(task.watchers, &exchange);
  if (task.asker != &exchange) return {};
  task.asker = nullptr;
  auto notices = Protocol::withdrawals(exchange, *task.call, "the request that it belongs to has ended");
  ask_watcher(*entry);
  return notices;
}

void ServerTasks::ended(Session& session) {
  table_.for_each([&session](TaskEntry& entry) {
    if (task_of(entry).session == &session) task_of(entry).session = nullptr;
  });
}

void ServerTasks::clear() {
  std::vector<TaskEntry*> all;
  table_.for_each([&all](TaskEntry& entry) { all.push_back(&entry); });
  for (TaskEntry* entry : all) table_.forget(*entry);
}

// --- Ends ---

void ServerTasks::over(TaskEntry& entry, TaskStatus status, std::string_view message) {
  TaskTable::turn(entry, status, message, protocol_.reactor().wall());
  ServerTask& task = task_of(entry);
  if (task.asker != nullptr) protocol_.withdraw_asks(*task.asker, *task.call, "the task is over");
  task.asker = nullptr;
  task.call = nullptr;
  protocol_.bury(std::move(task.owned));
  protocol_.flush_changes();
  protocol_.tell_task(entry);
  for (Exchange* watcher : std::exchange(task.watchers, {})) {
    const std::string id = static_cast<const TaskWatch&>(*watcher->attachment).id;
    protocol_.bury(std::move(watcher->attachment));
    answer(entry, *watcher, id);
  }
}

void ServerTasks::answer(const TaskEntry& entry, Exchange& exchange, const std::string& id_raw) {
  const ServerTask& task = at(entry);
  exchange.finish(task.result.empty() ? make_error_response(id_raw, task.error)
                                      : make_response(id_raw, task.result));
}

void ServerTasks::expect_expiry() {
  if (table_.next_expiry() == never) {
    expiry_.cancel();
  } else {
    protocol_.reactor().arm(expiry_, table_.next_expiry());
  }
}

void ServerTasks::on_expiry(void* self) {
  auto& tasks = *static_cast<ServerTasks*>(self);
  while (TaskEntry* entry = tasks.table_.expired(tasks.protocol_.reactor().now())) {
    if (!is_over(entry->state.status)) {
      ServerTask& task = task_of(*entry);
      task.error = protocol_error(rpc::invalid_params, "the task's time to live is over");
      task.call->cancel();
      tasks.over(*entry, TaskStatus::cancelled, "its time to live is over");
    }
    tasks.protocol_.bury(tasks.table_.forget(*entry));
  }
  tasks.expect_expiry();
}

}  // namespace sluice
