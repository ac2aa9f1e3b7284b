// SPDX-License-Identifier: Apache-2.0
#pragma once
// LegacyBridgeCall: one request of a legacy client, answered by as many modern ones as it takes.
//
//   (tools) ──► request ──► result | error
//                ▲    └──► input_required ──► questions to the client ──► all answered ──┐
//                └────────────────────────── the same, with the answers and the state ───┘
//
// What the server makes a task is followed to its end (legacy_bridge_task.h), as the client knows none.
//
// Attached to its exchange. What the client said goes out again in every round, byte for byte. Timers are the
// front's, which is told of signs of life, but for the pace of rounds that ask nobody. Lives on one reactor.
// Spec: 2026-07-28 basic/patterns/mrtr; ledger D1, D6.10.

#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/legacy_bridge_request.h"
#include "gateway/legacy_bridge_session.h"
#include "gateway/legacy_bridge_task.h"
#include "gateway/legacy_bridge_tools.h"
#include "mcp/modern_results.h"
#include "mcp/to_modern.h"
#include "net/timer_wheel.h"

namespace sluice {

class LegacyBridgeCall final : public LegacyBridgeWork,
                               private LegacyBridgeRequestHandler,
                               private LegacyBridgeTaskHandler,
                               private LegacyBridgeTools::Waiter {
 public:
  static void start(LegacyBridge& bridge, LegacyBridgeSession& session, Exchange& exchange);
  LegacyBridgeCall(const LegacyBridgeCall&) = delete;
  LegacyBridgeCall& operator=(const LegacyBridgeCall&) = delete;
  ~LegacyBridgeCall() override;

  void cancelled(CancelReason reason) override;
  void drained() override;
  // The client answered the question of this canonical id.
  void answered(const std::string& ask, const Envelope& answer);
  // A question is open at the client; the one of this raw id is.
  [[nodiscard]] bool is_asking() const { return has_open_asks(); }
  [[nodiscard]] bool is_asking(const std::string& ask) const;

 private:
  struct Question {
    InputRequest request;
    std::string ask;     // the id it is open under at the client; empty when it is not
    std::string answer;  // JSON text
  };

  LegacyBridgeCall(LegacyBridge& bridge, LegacyBridgeSession& session, Exchange& exchange);
  [[nodiscard]] const Envelope& asked_for() const { return exchange_.request().message.envelope(); }
  [[nodiscard]] bool is_tool_call() const { return asked_for().method == "tools/call"; }
  void begin();
  void send();
  [[nodiscard]] std::vector<HeaderPair> headers_of(const LegacyBridgeTool& tool) const;

  void on_tools() override;
  std::size_t on_notification(const ClientMessage& message) override;
  void on_response(const ClientMessage& message) override;
  void on_refused(const Refusal& refusal) override;
  void on_result(const ClientMessage& message);
  // The server does not take our revision: the call has not run.
  void on_version_refused(const Envelope& error);
  [[nodiscard]] bool goes_back(const ClientMessage& progress);

  void on_task_sign(const TaskState& task) override;
  void on_task_asks(std::vector<InputRequest> requests, const std::set<std::string>& gone) override;
  void on_task_done(const ClientMessage& response) override;
  void on_task_failed(const std::string& sentence) override { fail(sentence); }
  void follow(const Envelope& created);
  // All of its questions are answered.
  void answer_task();

  void take_round(const Envelope& response);
  // Puts the questions that nobody has answered yet to the client.
  void ask_client();
  void wait_again(bool is_same_page);
  // All questions are answered: says so in the next request.
  void lay_answers();
  [[nodiscard]] bool has_open_asks() const;

  // The ends; the exchange is gone afterwards.
  void finish(Bytes response);
  void refuse(const Refusal& refusal);
  // The call cannot go on, and the server is not to blame alone.
  void fail(const std::string& sentence);
  // Withdraws what is open at the client, whose stream may be gone already.
  void withdraw(bool is_cancelled, std::string_view why);
  void withdraw(Question& question, bool is_cancelled, std::string_view why);
  void leave();

  LegacyBridge& bridge_;
  LegacyBridgeSession& session_;
  Exchange& exchange_;
  LegacyBridgeRequest request_;
  std::unique_ptr<LegacyBridgeTask> task_;
  RetryParts retry_;
  std::vector<Question> questions_;
  std::unordered_map<std::string, std::string> accepted_pages_;  // url, and the client's answer
  Instant accepted_at_{};
  std::optional<double> progress_;        // the last that the client was told
  std::optional<double> progress_floor_;  // when the last request went out
  std::size_t rounds_ = 0;
  std::size_t waits_ = 0;  // in a row, for the same page
  Timer pace_;
  bool is_waiting_for_tools_ = false;
  bool was_sent_ = false;
  bool was_refreshed_ = false;  // the list of tools, for a header that did not fit
  bool was_repeated_ = false;   // for a server that refused the revision that it names
  bool wraps_ = false;
  bool over_ = false;
};

}  // namespace sluice
