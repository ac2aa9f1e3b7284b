// SPDX-License-Identifier: Apache-2.0
#pragma once
// Catalogue: what a federation remembers of its upstreams' lists, by caller, and the way of a change to
// everybody who is to hear of it.
//
// A change that any session or subscription of a principal notices concerns all of that principal's. What
// caused it is answered when they were told, or after a moment. An upstream that made one of them wait in
// vain is not waited for again by any, until it answers something but a handshake. Pages are bounded, and so
// are callers that nobody uses: who was not there for the longest time goes first. Where as many are in use
// as may be, no session gets lists of its own. One reactor. Spec: ledger D6.2, D6.8.

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gateway/federation_lists.h"

namespace sluice {

// An answer that waits until those are told who are to hear of what it changed.
class AnswerWaiter {
 public:
  virtual void changes_told() = 0;

 protected:
  ~AnswerWaiter() = default;
};

class Catalogue {
 public:
  explicit Catalogue(FederationState& state);
  Catalogue(const Catalogue&) = delete;
  Catalogue& operator=(const Catalogue&) = delete;
  ~Catalogue();

  [[nodiscard]] std::shared_ptr<CallerLists> caller(const CallerKey& key);
  // That of a modern request, which its later requests are made like.
  [[nodiscard]] std::shared_ptr<CallerLists> caller_of(const Exchange& exchange);
  // For a session whose lists went their own way. Null when there are too many callers.
  [[nodiscard]] std::shared_ptr<CallerLists> own_caller(const CallerLists& like);
  // In its place then: nothing is remembered of it longer than it is used, and no change reaches it.
  [[nodiscard]] std::shared_ptr<CallerLists> passing_caller(const CallerLists& like);
  void drop(const CallerKey& key);

  // An upstream let a caller of this principal wait in vain; then it answered something
  // that was no handshake.
  void late(const std::string& principal, std::size_t upstream);
  void heard(const std::string& principal, std::size_t upstream);
  [[nodiscard]] bool is_late(const std::string& principal, std::size_t upstream) const {
    return late_.contains({principal, upstream});
  }

  // An upstream says so, to somebody of this principal.
  void changed(const Principal& principal, ListChange change);
  // Tells what changed at this upstream, before the answer to what may have changed it. True when that takes
  // a moment: the waiter will be called, unless it is forgotten.
  [[nodiscard]] bool hurry(AnswerWaiter& waiter, const Principal& principal, std::size_t upstream);
  void forget(AnswerWaiter& waiter);
  // The moment is over: what is not known yet is told as changed.
  void give_up_checks(const Principal& principal, std::size_t upstream);
  void session_over(const Principal& principal, const Session& session);

  // For CallerLists: a check of this upstream ended; room for a page, which is counted when there is.
  void checks_over(const std::string& principal, std::size_t upstream);
  [[nodiscard]] bool make_room(const CallerLists& user, KeptPage& page);

 private:
  struct Known {
    std::shared_ptr<CallerLists> lists;
    std::list<const CallerKey*>::iterator turn;
  };
  struct Waiting {
    AnswerWaiter* waiter;
    std::string principal;
    std::size_t upstream;
  };
  [[nodiscard]] std::vector<std::shared_ptr<CallerLists>> callers_of(const std::string& principal) const;
  [[nodiscard]] std::shared_ptr<CallerLists> remember(const CallerKey& key);
  // Forgets who is idle, of the first few in turn. False when there is no room for another caller then.
  bool make_way();
  [[nodiscard]] bool is_checking(const std::string& principal, std::size_t upstream);

  FederationState& state_;
  std::map<CallerKey, Known> callers_;
  std::list<const CallerKey*> turns_;  // who was asked for last, or was in use when it was looked at, is last
  std::shared_ptr<KeptTotals> totals_ = std::make_shared<KeptTotals>();
  std::vector<Waiting> waiting_;
  std::set<std::pair<std::string, std::size_t>> late_;  // principals and upstreams
  std::uint64_t sessions_ = 0;
};

}  // namespace sluice
