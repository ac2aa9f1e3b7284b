// SPDX-License-Identifier: Apache-2.0
#pragma once
// ServerTasks: the calls of a server that go on after their request was answered, and what became of them.
//
//   open ──► keep ──► (ask ──► go_on)* ──► succeed | fail | cancel ──► forgotten when its time is over
//
// A call that becomes a task leaves its exchange and lives here. Nobody's request carries it then, so its
// questions wait in its state: a client of the extension finds them with tasks/get and answers with
// tasks/update, one of 2025-11-25 is asked on the stream of its tasks/result. Knows no params:
// protocol_tasks.cc reads requests and writes answers. Results are charged to the reactor's budget. The
// reactor's thread. Spec: 2025-11-25 basic/utilities/tasks; SEP-2663; ledger A.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/budget.h"
#include "mcp/task_table.h"
#include "net/reactor.h"
#include "sdk/call.h"

namespace sluice {

class Protocol;

// A request that waits for a task's result: what its exchange has attached.
struct TaskWatch final : Attachment {
  Handle task;
  std::string id;  // raw
};

// What runs, and what came of it.
struct ServerTask final : Attachment {
  std::unique_ptr<Attachment> owned;  // the call; null when it is over
  Call* call = nullptr;
  Session* session = nullptr;       // legacy: that made it; null when it has ended
  std::vector<Exchange*> watchers;  // legacy: tasks/result
  Exchange* asker = nullptr;        // of those, the one whose stream carries the questions
  std::string result;               // JSON text; empty: an error
  Error error;                      // of kind protocol
  Charge charge;                    // for the result
};

class ServerTasks {
 public:
  ServerTasks(Protocol& protocol, Sealer sealer, const McpLimits& limits);
  ServerTasks(const ServerTasks&) = delete;
  ServerTasks& operator=(const ServerTasks&) = delete;

  // For calls.
  // Null when there is no room.
  [[nodiscard]] TaskEntry* open(const Caller& caller, Session* session, std::optional<milliseconds> ttl);
  void keep(TaskEntry& entry, std::unique_ptr<Attachment> owned, Call& call);
  // The call has new questions; all of them have answers.
  void ask(TaskEntry& entry);
  void go_on(TaskEntry& entry);
  // The call is over. `told_error`: the result says so itself.
  void succeed(TaskEntry& entry, Json result, bool told_error);
  void fail(TaskEntry& entry, int code, std::string_view message, std::string_view data);
  // What it is at, for people.
  void say(TaskEntry& entry, std::string_view message);
  // A notification to a legacy client: on the stream of a tasks/result, else of the session.
  void tell(TaskEntry& entry, const std::string& notification);

  // For requests.
  [[nodiscard]] TaskEntry* find(const Caller& caller, Bytes id);
  [[nodiscard]] static const ServerTask& at(const TaskEntry& entry);
  // The client wants it no more; false when it is over already.
  bool cancel(TaskEntry& entry);
  // Answers the exchange when the task is over.
  void watch(TaskEntry& entry, Exchange& exchange, std::string id_raw);
  // The exchange is gone; the notifications that withdraw the questions that it carried.
  [[nodiscard]] std::vector<std::string> unwatch(const Exchange& exchange);
  void ended(Session& session);
  [[nodiscard]] TaskTable& table() { return table_; }

  // Destroys all that run.
  void clear();

 private:
  void over(TaskEntry& entry, TaskStatus status, std::string_view message);
  void ask_watcher(TaskEntry& entry);
  void answer(const TaskEntry& entry, Exchange& exchange, const std::string& id_raw);
  void expect_expiry();
  static void on_expiry(void* self);

  Protocol& protocol_;
  TaskTable table_;
  Timer expiry_;
};

}  // namespace sluice
