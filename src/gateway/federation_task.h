// SPDX-License-Identifier: Apache-2.0
#pragma once
// TaskCall: a request about a task of one of several servers, by clients of the extension.
//
// Whose a task is stands in its id: what clients see is the upstream and its own id, sealed for the caller.
// The answer comes back with the client's id, its URIs are those that lists show, and a question says which
// server asks. One reactor. Spec: SEP-2663; ledger D5.

#include <string>

#include "gateway/federation_call.h"

namespace sluice {

class TaskCall final : public FederatedCall {
 public:
  using FederatedCall::FederatedCall;
  void start() override;

 private:
  void answered(std::size_t upstream, int tag, Bytes response) override;
  void failed(std::size_t upstream, int tag, const Refusal& refusal) override;

  std::string id_;  // the client's
};

// The id that clients of this exchange get for an upstream's task, as JSON text; empty when it is too long.
[[nodiscard]] std::string sealed_task_id(FederationState& state, const Exchange& client, std::size_t upstream,
                                         Bytes task_id);

}  // namespace sluice
