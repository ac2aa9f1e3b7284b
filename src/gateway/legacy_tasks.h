// SPDX-License-Identifier: Apache-2.0
#pragma once
// LegacyTasks: tasks of 2025-11-25 for clients in front of a modern server.
//
// A call with `task` is answered at once and runs on in an exchange of ours, which LegacyBridgeCall serves
// like every other: whether the server makes a task of it too is the server's decision and makes no
// difference here. What it asks and tells goes to the client on the stream of its tasks/result; what comes of
// it is kept for the task's time to live, charged to the budget. Tasks end with their session. Lives on one
// reactor. Spec: 2025-11-25 basic/utilities/tasks; ledger D1.

#include <string>

#include "gateway/legacy_bridge_session.h"
#include "mcp/methods.h"
#include "mcp/task_table.h"
#include "net/timer_wheel.h"

namespace sluice {

class LegacyBridge;

class LegacyTasks {
 public:
  LegacyTasks(LegacyBridge& bridge, Sealer sealer);
  LegacyTasks(const LegacyTasks&) = delete;
  LegacyTasks& operator=(const LegacyTasks&) = delete;
  ~LegacyTasks();

  // A tools/call with `task`.
  void create(LegacyBridgeSession& session, Exchange& exchange);
  // tasks/get, tasks/result, tasks/list or tasks/cancel.
  void open(LegacyBridgeSession& session, Exchange& exchange, MethodId method);
  // The session is about to go.
  void ended(const LegacyBridgeSession& session);
  [[nodiscard]] std::size_t size() const { return table_.size(); }

 private:
  class Inner;
  class Run;
  class Watch;

  [[nodiscard]] static Run& run_of(const TaskEntry& entry);
  void watch(TaskEntry& entry, Exchange& exchange);
  void list(const LegacyBridgeSession& session, Exchange& exchange);
  void forget(TaskEntry& entry);
  void expect_expiry();
  static void on_expiry(void* self);

  LegacyBridge& bridge_;
  TaskTable table_;
  Timer expiry_;
};

}  // namespace sluice
