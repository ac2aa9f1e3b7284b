// SPDX-License-Identifier: Apache-2.0
#pragma once
// ListenCall: a modern client's subscription as one on each upstream.
//
// Resources and tasks are watched at whom they belong to. It is acknowledged when all have acknowledged
// theirs, or after the longest of their timeouts with what was acknowledged by then; what comes before that
// waits. Of changed lists the Catalogue tells. An upstream whose subscription broke, or which ended one in
// good order as a server does that restarts, is asked again, and the lists it may have changed are taken to
// have. One reactor. Spec: 2026-07-28 basic/utilities/subscriptions; ledger D5, D6.8.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gateway/federation_call.h"
#include "gateway/federation_catalogue.h"

namespace sluice {

class ListenCall final : public FederatedCall, private ListHearer {
 public:
  ListenCall(FederationState& state, Exchange& client);
  ~ListenCall() override;

  void start() override;

 private:
  // The client's and the upstream's text of a URI or of a task's id.
  using Watched = std::vector<std::pair<std::string, std::string>>;

  void read_wishes();
  // What is kept of it for as long as it is open is bounded.
  [[nodiscard]] bool wishes_too_much();
  void listen_to(std::size_t upstream);
  void acknowledged(std::size_t upstream, const Envelope& message);
  void acknowledge();
  void maybe_acknowledge();
  void again();
  void lists_changed(const CallerLists& caller, const std::vector<ListChange>& changes) override;
  [[nodiscard]] Session* hearer_session() const override { return nullptr; }
  [[nodiscard]] bool notices(std::size_t, MethodId) const override { return false; }
  [[nodiscard]] bool wishes(MethodId notice);
  void note_all_changes(std::size_t upstream);
  [[nodiscard]] std::size_t deliver(std::string text);
  [[nodiscard]] std::string own_meta() const;
  void broke(std::size_t upstream);
  void over(std::size_t upstream);
  void finish_if_over();

  std::size_t on_notify(InnerExchange& inner, Bytes message) override;
  void answered(std::size_t upstream, int tag, Bytes response) override;
  void failed(std::size_t upstream, int tag, const Refusal& refusal) override;

  std::string flags_;                     // of the client's wishes: without its URIs and tasks
  std::vector<Watched> watched_;          // by upstream
  std::vector<Watched> watched_tasks_;    // the same
  std::vector<std::string> uris_;         // as the client wrote them, in its order
  std::vector<std::string> task_ids_;     // the same
  std::set<std::string> honoured_uris_;   // of the client's
  std::set<std::string> honoured_tasks_;  // the same
  std::string honoured_flags_ = "{}";
  std::set<std::size_t> awaited_;  // not acknowledged yet
  std::set<std::size_t> told_of_;  // acknowledged something, and not over since
  std::set<std::size_t> broken_;   // to be asked again
  bool is_starting_ = false;
  bool is_acknowledged_ = false;
  bool any_acknowledged_ = false;
  std::optional<Refusal> failure_;
  std::vector<std::string> held_;
  std::shared_ptr<CallerLists> lists_;
  Timer acknowledge_timer_;
  Timer again_timer_;
};

}  // namespace sluice
