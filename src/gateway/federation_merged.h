// SPDX-License-Identifier: Apache-2.0
#pragma once
// Calls that every upstream has a part in: the handshakes of both eras, the log level.
//
// Upstreams are asked at the same time. For who does not answer a handshake in time stands what it said
// before; else it is left out with a warning, and a handshake of which nothing is known waits for the first
// answer. What was asked is answered all the same: the session opens, the answer is kept for the next. Only
// when all fail the client is refused. One reactor. Spec: ledger D5, D6.2, D6.5.

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gateway/federation_call.h"

namespace sluice {

// Asks all upstreams, in sessions where they are, and waits for them.
class FanOut : public FederatedCall {
 public:
  FanOut(FederationState& state, Exchange& client);

 protected:
  // The request for each upstream; an empty text asks for its session only.
  void ask_all(const std::function<std::string()>& request, ServerCapability needs);
  // All have answered, failed or been given up.
  virtual void settled() = 0;
  // How long an upstream is waited for, counted from the start.
  [[nodiscard]] virtual milliseconds patience_for(std::size_t upstream) { return patience(upstream); }
  // Whether anything can be said without those that have not answered.
  [[nodiscard]] virtual bool may_go_without() { return true; }
  virtual void given_up(std::size_t) {}
  [[nodiscard]] UpstreamAnswer& answer(std::size_t upstream) { return answers_[upstream]; }
  void warn_of(std::size_t upstream);
  // Nobody answered: with what the first said that failed and not merely has nothing of the kind.
  void refuse_all();

  void answered(std::size_t upstream, int tag, Bytes response) override;
  void failed(std::size_t upstream, int tag, const Refusal& refusal) override;

 private:
  void check();
  [[nodiscard]] bool is_open(std::size_t upstream) const {
    return !answers_[upstream].message && !answers_[upstream].failure;
  }

  std::vector<UpstreamAnswer> answers_;
  bool asking_ = false;
  Instant started_;
  Timer give_up_;
};

// What the servers say of themselves is kept like their lists.
class DiscoverCall final : public FederatedCall, private ListWaiter {
 public:
  using FederatedCall::FederatedCall;
  ~DiscoverCall() override;
  void start() override;

 private:
  void answered(std::size_t, int, Bytes) override {}  // it has no legs of its own
  void failed(std::size_t, int, const Refusal&) override {}
  void page_ready(std::size_t upstream, PageAnswer answer) override;
  [[nodiscard]] Session* list_session() const override { return nullptr; }
  void ask();
  void settled();

  std::shared_ptr<CallerLists> lists_;
  std::vector<PageAnswer> answers_;
  std::size_t awaited_ = 0;
  bool is_asking_ = false;
};

class InitializeCall final : public FanOut {
 public:
  using FanOut::FanOut;
  void start() override;

 private:
  void settled() override;
  [[nodiscard]] milliseconds patience_for(std::size_t upstream) override;
  [[nodiscard]] bool may_go_without() override;
  void given_up(std::size_t upstream) override;
  std::set<std::size_t> late_;  // who may still answer
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
