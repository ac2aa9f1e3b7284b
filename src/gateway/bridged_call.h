// SPDX-License-Identifier: Apache-2.0
#pragma once
// BridgedCall: one modern client's call, as a legacy call at the upstream that may outlive the exchange that
// began it.
//
// What may happen when is ParkedCall's (mcp/parked_call.h); this one has the exchanges, the timers and the
// texts. Notifications go to everyone attached, each under its own token and level; while it is parked the
// last progress and some log lines are kept. Owned by its bridge, on one reactor. Ledger D2, D6.4.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gateway/leased_exchange.h"
#include "gateway/modern_bridge.h"
#include "mcp/methods.h"
#include "mcp/parked_call.h"
#include "mcp/task_state.h"
#include "mcp/to_legacy.h"

namespace sluice {

class BridgedCall final : private LeasedExchange::Handler {
 public:
  using Answers = std::vector<std::pair<std::string, std::string>>;  // key and result

  // Sends the exchange's request to the session's upstream.
  // `as_task`: the upstream takes it as a task only, so it is made one there and waited for here.
  static void start(ModernBridge& bridge, LeasedSession& session, Exchange& exchange, bool as_task = false);
  BridgedCall(ModernBridge& bridge, LeasedSession& session, const Exchange& exchange);
  BridgedCall(const BridgedCall&) = delete;
  BridgedCall& operator=(const BridgedCall&) = delete;
  ~BridgedCall();

  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] const Principal& principal() const { return principal_; }
  // What is called, as ModernBridge remembers it.
  [[nodiscard]] const std::string& what() const { return what_; }
  [[nodiscard]] ParkedCall::Phase phase() const { return machine_.phase(); }
  // The upstream has not answered, and may ask.
  [[nodiscard]] bool is_bindable() const {
    return inner_ != nullptr && method_ != nullptr && method_->may_ask;
  }

  // A retry with a state of this call.
  void retry(Exchange& exchange, std::size_t generation, const Answers& answers);
  // One of those attached went away.
  void left(Exchange& exchange, CancelReason reason);
  void drained();
  // From the upstream, where it did not come on this call's stream.
  void take_ask(const Envelope& ask);
  void take_progress(const Envelope& progress);
  void withdraw(Bytes ask_id) { machine_.withdraw(ask_id); }
  // The session ended under it.
  void lost(const Refusal& refusal);
  // The bridge takes it back: its place is needed, or everything ends.
  void give_up(const char* why, const Refusal& refusal);

 private:
  friend class ModernBridge;
  // Many calls are parked for long: what most of them have none of is held apart.
  using Ending = std::variant<std::monostate, std::unique_ptr<ClientMessage>, std::unique_ptr<Refusal>>;
  // What came while nobody was attached.
  struct Kept {
    std::string progress;
    std::vector<std::string> logs;
    std::size_t log_bytes = 0;
  };
  // Asks whose upstream wants signs of life while they wait.
  struct Watched {
    explicit Watched(BridgedCall& call);
    void drop(Bytes id);
    std::vector<std::pair<std::string, std::string>> asks;  // raw id, raw progress token
    std::size_t beats = 0;
    Timer timer;
  };
  // The task that the upstream made of it.
  struct Followed {
    Followed(BridgedCall& call, std::string task, milliseconds interval);
    std::string id;
    milliseconds look_every;
    Timer timer;
  };

  std::size_t on_notify(Bytes message) override;
  std::size_t on_ask(Bytes message) override;
  void on_finish(Bytes response) override;
  void on_refuse(const Refusal& refusal) override;

  // The upstream made a task of it: waits for its result. False when it did not.
  [[nodiscard]] bool follow(const Envelope& response);
  // Looks whether that task goes on, which is a sign of life to those attached.
  void look();
  void looked(const std::optional<TaskState>& task);
  // The upstream is done with it.
  void inner_over();
  void cancel_inner(CancelReason reason);
  void settle(Ending ending);
  void settle(const Refusal& refusal) { settle(Ending(std::make_unique<Refusal>(refusal))); }
  [[nodiscard]] Bytes method_text() const;
  void linger();
  // The byte budget's share of what is kept; false when there is no room.
  [[nodiscard]] bool charge_kept();
  void vanish();
  // Begins again on another session.
  void move();

  void on_timer();
  void park_now();
  void tell_asks(Exchange& exchange);
  void resume(const ParkedCall::Retry& retry, const Answers& answers);
  void attach(Exchange& exchange);
  void catch_up(Exchange& exchange);
  void answer(Exchange& exchange);
  void answer_response(Exchange& exchange, const ClientMessage& response);
  void ask_to_visit(Exchange& exchange, const Envelope& error);
  [[nodiscard]] ModernReply reply_for(const Exchange& exchange) const;

  [[nodiscard]] std::size_t log_line(const Envelope& message);
  [[nodiscard]] std::size_t broadcast(const Envelope& message);
  void beat();
  void watch(const Envelope& ask);

  ModernBridge& bridge_;
  LeasedSession* session_;
  std::uint64_t number_;
  Principal principal_;
  ClientCapabilities capabilities_;
  const Method* method_;
  std::string what_;
  std::shared_ptr<const LegacyServer> server_;
  std::size_t rounds_;
  std::unique_ptr<Followed> followed_;
  std::unique_ptr<LeasedExchange> inner_;
  std::vector<Exchange*> outers_;
  ParkedCall machine_;
  Ending ending_;
  std::optional<double> progress_;
  std::unique_ptr<Kept> kept_;
  std::unique_ptr<Watched> watched_;
  Charge charge_;
  bool as_task_ = false;  // it is to become a task at the upstream
  bool paused_ = false;
  bool held_ = false;  // in the bridge's list of its principal
  Timer timer_;        // of the window, of the wait for a retry, of the result that is kept
};

static_assert(sizeof(BridgedCall) <= 400, "a parked call is promised to be small");

}  // namespace sluice
