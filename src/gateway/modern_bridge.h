// SPDX-License-Identifier: Apache-2.0
#pragma once
// ModernBridge: modern clients (2026-07-28, stateless) in front of an upstream that speaks only legacy
// revisions.
//
// Calls of one principal and one class of capabilities share a session at the upstream (leased_session.h),
// opened when it is needed and ended when it was idle. A question of the upstream parks its call: the client
// gets `input_required` with a sealed state, and its retry finds the call again (bridged_call.h). Tampered,
// late and foreign states are errors and never run anything twice. Knows nothing of the upstream but the
// seam, but that a child's questions do not say which call they belong to. Lives on one reactor. Spec: ledger
// D2, D3, D6.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/bridge_parts.h"
#include "gateway/modern_tasks.h"
#include "mcp/capabilities.h"
#include "mcp/errors.h"
#include "mcp/request_state.h"

namespace sluice {

class BridgedCall;
class LeasedExchange;
class LeasedSession;

class ModernBridge final : public Service {
 public:
  explicit ModernBridge(BridgeParts parts);
  ModernBridge(const ModernBridge&) = delete;
  ModernBridge& operator=(const ModernBridge&) = delete;
  ~ModernBridge() override;

  void open(Exchange& exchange) override;
  void cancelled(Exchange& exchange, CancelReason reason) override;
  void drained(Exchange& exchange) override;
  using Service::drained;
  // Modern clients have no sessions.
  void message(Session&, ClientMessage) override {}
  void ended(Session&) override {}
  [[nodiscard]] std::vector<Revision> revisions() const override { return {latest_modern}; }

  // Ends what is held: subscriptions get their result, calls are cancelled, sessions at the upstream end.
  void stop();
  [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }
  // Calls that the upstream has not answered, parked ones included.
  [[nodiscard]] std::size_t calls() const { return running_; }
  [[nodiscard]] std::size_t parked() const;
  // Ends the session that has rested for longest, by the end of this turn; false when none rests.
  bool end_idle();

 private:
  friend class BridgedCall;
  friend class LeasedSession;
  friend class ModernTasks;

  // A request that carries a state of ours, or answers.
  void resume(Exchange& exchange);
  // The number of the call that is, or was, parked under this state, for this request.
  [[nodiscard]] std::optional<std::uint64_t> parked_under(const ClientRequest& request, Bytes state);
  // Gives it up.
  void abandon(const ClientRequest& request, Bytes state);
  // A request for a session; `rounds` is how often it was sent before because of a URL to visit.
  void lease(Exchange& exchange, std::size_t rounds);
  [[nodiscard]] LeasedSession* session_for(Exchange& exchange, const ClientCapabilities& capabilities);
  // Who shares a session with whom: the principal, and the header that the configuration names.
  [[nodiscard]] std::string owner_of(const ClientRequest& request) const;
  // A session was lost that fed subscriptions. Clients subscribe again at once, so at a server that loses
  // each they are told to wait, longer every time.
  void lost_listens(const LeasedSession& session);
  [[nodiscard]] std::optional<Refusal> unsteady(const std::string& owner) const;
  [[nodiscard]] std::size_t sessions_max() const;
  // Makes room for one session more; false when nothing that is idle can go. `extra`: of a class that has
  // one.
  [[nodiscard]] bool make_room(const std::string& owner, const Principal& principal, bool extra);
  // Ends the one of these that was used the longest ago; false when there is none.
  template <class Which>
  bool end_oldest(Which which);
  // The method and name of a call. Some servers ask outside of the stream of their call; for such a question
  // to have one meaning, who is known to ask (all calls that may, where the configuration says so), or waits
  // for an answer, has its session for itself.
  [[nodiscard]] static std::string what_of(const Envelope& envelope);
  [[nodiscard]] bool is_asker(const std::string& what) const;
  void remember_asker(const std::string& what);

  // Tells subscriptions of a task of ours; `params` are those of the notification.
  void task_changed(const std::string& params);

  // Answers without the upstream are counted here; the upstream counts the rest.
  void answer(Exchange& exchange, const std::string& response);
  void refuse(Exchange& exchange, const Refusal& refusal, CallStatus status = CallStatus::refused);

  // Keeps a call that nobody is attached to: parked, or with a result for a second retry. A principal's
  // oldest makes room for its newest; false when the table of all is full.
  [[nodiscard]] bool hold(BridgedCall& call);
  void release(BridgedCall& call);
  [[nodiscard]] BridgedCall* find_call(std::uint64_t number) const;
  [[nodiscard]] Result<std::string> seal(const Exchange& exchange, const std::string& payload);
  [[nodiscard]] std::string park_payload(std::uint64_t number, std::size_t generation) const;

  // What ended while its own call may be on the stack goes at the end of this turn.
  void bury(std::unique_ptr<LeasedExchange> exchange);
  // Cancels it at the end of this turn.
  void cancel_later(std::unique_ptr<LeasedExchange> exchange, CancelReason reason);
  void drop_call(BridgedCall& call);
  void drop_session(LeasedSession& session);
  // Opens it at the upstream, at the end of this turn where another has to leave first.
  void connect(LeasedSession& session, const ClientRequest& first);
  void later();
  void run_later();

  struct Unsteady {
    std::size_t losses = 0;  // in a row, each soon after the handshake
    Instant until{};         // before that no session is opened for a subscription
  };
  struct Doomed {
    std::unique_ptr<LeasedExchange> exchange;
    CancelReason reason;
  };

  BridgeParts parts_;
  CallEnds ends_;
  const BridgeLimits& limits_;
  MessageScanner scanner_;
  RequestStates states_;
  ModernTasks tasks_;
  std::uint64_t instance_ = 0;     // states of another life of this program name another
  std::uint64_t next_number_ = 1;  // of requests at the upstream, and of calls
  std::uint64_t next_use_ = 1;
  std::size_t running_ = 0;
  std::size_t held_ = 0;
  bool stopped_ = false;
  // By "owner\nclass", and "owner\nclass\nnumber" where a class has several.
  std::map<std::string, std::unique_ptr<LeasedSession>> sessions_;
  std::unordered_map<std::string, Unsteady> unsteady_;  // by owner
  std::set<std::string> askers_;
  std::unordered_map<std::uint64_t, std::unique_ptr<BridgedCall>> calls_;
  std::unordered_map<std::string, std::vector<BridgedCall*>> held_of_;  // by principal, the oldest first
  std::vector<Doomed> doomed_;
  std::vector<std::unique_ptr<LeasedExchange>> dead_exchanges_;
  std::vector<std::unique_ptr<BridgedCall>> dead_calls_;
  std::vector<std::unique_ptr<LeasedSession>> dead_sessions_;
  std::deque<LeasedSession*> connecting_;  // behind those
  Timer timer_;                            // for what is done at the end of a turn
};

}  // namespace sluice
