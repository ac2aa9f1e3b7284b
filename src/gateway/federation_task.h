// SPDX-License-Identifier: Apache-2.0
#pragma once
// TaskCall, TaskListCall: requests about the tasks of several servers, those of the extension and those of
// 2025-11-25.
//
// Whose a task is stands in its id: what clients see is the upstream and its own id, sealed for the caller; a
// legacy session is told the same id of the same task as long as it is remembered. Answers come back with the
// client's id, their URIs are those that lists show, and a question says which server asks. A list has the
// tasks of one server after those of another. One reactor. Spec: SEP-2663; 2025-11-25 basic/utilities/tasks;
// ledger D5.

#include <string>

#include "gateway/federation_call.h"
#include "gateway/federation_list.h"

namespace sluice {

// tasks/get, tasks/update, tasks/cancel, tasks/result.
class TaskCall final : public FederatedCall {
 public:
  using FederatedCall::FederatedCall;
  void start() override;

 private:
  void answered(std::size_t upstream, int tag, Bytes response) override;
  void failed(std::size_t upstream, int tag, const Refusal& refusal) override;

  std::string id_;  // the client's
};

// tasks/list of 2025-11-25: a page of ours is a page of one server.
class TaskListCall final : public FederatedCall {
 public:
  TaskListCall(FederationState& state, Exchange& client);
  void start() override;

 private:
  void answered(std::size_t upstream, int tag, Bytes response) override;
  void failed(std::size_t upstream, int tag, const Refusal& refusal) override;
  void ask(std::size_t upstream, const std::optional<std::string>& cursor);
  void finish_page(const std::optional<ListStart>& next);

  MergedPage page_;
};

// What an upstream's task id means: of whom it is, and its own.
struct TaskMeaning {
  std::size_t upstream;
  std::string id;
};
[[nodiscard]] std::optional<TaskMeaning> task_meaning(FederationState& state, const Principal& principal,
                                                      Bytes id);
// The id that clients of this exchange get for an upstream's task; empty when it would be too long.
[[nodiscard]] std::string shown_task_id(FederationState& state, const Exchange& client, std::size_t upstream,
                                        Bytes task_id);
// A task as the extension tells of it, `object` of `text`: its id, what it asks and what came of it, as
// clients know them.
void rename_task(Rewrite& rewrite, FederationState& state, Bytes text, JsonSpan object, std::size_t upstream,
                 const std::string& shown_id);

}  // namespace sluice
