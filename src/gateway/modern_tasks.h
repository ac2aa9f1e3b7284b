// SPDX-License-Identifier: Apache-2.0
#pragma once
// ModernTasks: tasks of the extension for clients in front of a legacy server that knows tasks of 2025-11-25.
//
//   working ──► input_required: what the call was parked with ──tasks/update──► its retry: working ──► over
//
// A call of a tool that takes tasks is answered at once, for clients that declare the extension, and runs on
// in an exchange of ours, which ModernBridge serves like every other. Where it wants input, the client finds
// the questions with tasks/get; with the last of the answers the call is sent again, as a client without
// tasks would. So a task is at once a client of the bridge: it is parked, found again and given up by the
// same rules, and told at once of what a client would find with its retry. Subscriptions to a task are told
// of its changes. What comes of it is kept for its time to live, charged to the budget. Lives on one reactor.
// Spec: SEP-2663; ledger D2, D6.4, D6.11.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "mcp/errors.h"
#include "mcp/exchange.h"
#include "mcp/task_table.h"
#include "net/timer_wheel.h"

namespace sluice {

class ModernBridge;

// Does the client of this request declare the extension?
[[nodiscard]] bool declares_tasks(const Envelope& request);

class ModernTasks {
 public:
  ModernTasks(ModernBridge& bridge, Sealer sealer);
  ModernTasks(const ModernTasks&) = delete;
  ModernTasks& operator=(const ModernTasks&) = delete;
  ~ModernTasks();

  // A tools/call of that client: becomes a task. `server_info` is JSON text.
  void create(Exchange& exchange, const std::string& server_info);
  // tasks/get, tasks/update or tasks/cancel.
  void open(Exchange& exchange, const std::string& server_info);
  [[nodiscard]] bool knows(const Principal& principal, const std::string& id) {
    return table_.find(principal, Era::modern, id) != nullptr;
  }
  // Is this one that runs here? Then it is not to be made a task once more.
  [[nodiscard]] static bool is_ours(const Exchange& exchange);
  // Of the call that was parked for one of these: its answer is there without a retry; nobody holds it any
  // more. Numbers of other calls mean nothing.
  void call_answered(std::uint64_t call);
  void call_given_up(std::uint64_t call, const Refusal& refusal);
  // Cancels all.
  void stop();
  [[nodiscard]] std::size_t size() const { return table_.size(); }

 private:
  class Inner;
  class Run;

  [[nodiscard]] static Run& run_of(const TaskEntry& entry);
  void forget(TaskEntry& entry);
  void bury(std::unique_ptr<Inner> exchange);
  // What was put off to the end of the turn.
  void run_later();
  void expect_expiry();
  static void on_expiry(void* self);

  ModernBridge& bridge_;
  TaskTable table_;
  std::unordered_map<std::uint64_t, Handle> parked_;  // calls, and whose they are
  std::vector<Handle> answered_;                      // whose call waits with its answer
  std::vector<std::unique_ptr<Inner>> dead_;          // until nobody's function can be on the stack above it
  Timer later_;
  Timer expiry_;
};

}  // namespace sluice
