// SPDX-License-Identifier: Apache-2.0
#pragma once
// Calls that every upstream has a part in: the handshakes of both eras, the log level.
//
// Upstreams are asked at the same time, each within its timeout; who does not answer is left out with a
// warning, and only when nobody does the client is refused. One reactor. Spec: ledger D5.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gateway/federation_call.h"

namespace sluice {

// Asks all upstreams and waits for them.
class FanOut : public FederatedCall {
 public:
  using FederatedCall::FederatedCall;

 protected:
  // The request for each upstream; an empty text asks for its session only.
  void ask_all(const std::function<std::string()>& request, ServerCapability needs);
  // All have answered or failed.
  virtual void settled() = 0;
  [[nodiscard]] UpstreamAnswer& answer(std::size_t upstream) { return answers_[upstream]; }
  void warn_of(std::size_t upstream);
  // What those say of themselves that answered, the others with a warning; nothing when nobody did.
  [[nodiscard]] std::optional<MergedServers> gather_servers();
  // Nobody answered: with what the first said that failed and not merely has nothing of the kind.
  void refuse_all();

  void answered(std::size_t upstream, int tag, Bytes response) override;
  void failed(std::size_t upstream, int tag, const Refusal& refusal) override;

 private:
  void check();

  std::vector<UpstreamAnswer> answers_;
  bool asking_ = false;
};

class DiscoverCall final : public FanOut {
 public:
  using FanOut::FanOut;
  void start() override;

 private:
  void settled() override;
};

class InitializeCall final : public FanOut {
 public:
  using FanOut::FanOut;
  void start() override;

 private:
  void settled() override;
  void answered(std::size_t upstream, int tag, Bytes response) override;
};

class SetLevelCall final : public FanOut {
 public:
  using FanOut::FanOut;
  void start() override;

 private:
  void settled() override;
};

}  // namespace sluice
