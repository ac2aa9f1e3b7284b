// SPDX-License-Identifier: Apache-2.0
#pragma once
// LegacyBridgeTask: a task that a modern server made of a call, followed to its end for a client that knows
// none.
//
//   follow ──► (wait ──► tasks/get | news)* ──► done | failed
//                           └──► asks ──► answer: tasks/update ──► and on
//
// News of the session's subscription (legacy_bridge_listen.h) count as looks. It looks itself as often as the
// server says, within bounds, also while a question is open: the task may go on or end without its answer.
// Each question is asked once, and its answer sent until the server has it, a few times. Dropping it cancels
// the task. What failed to be looked at is looked at again, a few times. Lives on one reactor. Spec:
// SEP-2663; ledger D1.

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gateway/legacy_bridge_request.h"
#include "gateway/legacy_bridge_session.h"
#include "mcp/modern_results.h"
#include "mcp/task_state.h"
#include "net/timer_wheel.h"

namespace sluice {

// Each of these may drop the task.
class LegacyBridgeTaskHandler {
 public:
  // It goes on.
  virtual void on_task_sign(const TaskState& task) = 0;
  // It waits for the answers to these, besides those that are open, and no more for those to `gone`.
  virtual void on_task_asks(std::vector<InputRequest> requests, const std::set<std::string>& gone) = 0;
  // A whole response, as if the call had been answered with it.
  virtual void on_task_done(const ClientMessage& response) = 0;
  virtual void on_task_failed(const std::string& sentence) = 0;

 protected:
  ~LegacyBridgeTaskHandler() = default;
};

class LegacyBridgeTask final : private LegacyBridgeRequestHandler {
 public:
  LegacyBridgeTask(LegacyBridge& bridge, LegacyBridgeSession& session, LegacyBridgeTaskHandler& handler,
                   TaskState task, LegacyBridgeRequest::Origin origin);
  LegacyBridgeTask(const LegacyBridgeTask&) = delete;
  LegacyBridgeTask& operator=(const LegacyBridgeTask&) = delete;
  ~LegacyBridgeTask();

  [[nodiscard]] const std::string& id() const { return task_.id; }
  // A notification of the server about it.
  void heard(const Envelope& news);
  // The answers to all that is open, as JSON text, by the keys of their questions.
  using Answers = std::map<std::string, std::string>;
  void answer(Answers answers);
  // Nobody wants it any more.
  void cancel();

 private:
  struct Answer {
    std::string response;  // JSON text
    std::size_t sent = 0;
    bool is_taken = false;  // the server said so
  };

  void wait();
  void look();
  void send(Bytes method, const std::string& more = {});
  void again(const std::string& sentence);
  // It is given up.
  void fail(const std::string& sentence);
  // What the server says of it: `said` is a part of its answer, or of news.
  void take(const Envelope& message, JsonSpan said);
  void note(const Envelope& message, JsonSpan said);
  void ask(const Envelope& message, JsonSpan said);
  // Sends the answers to these.
  void update(const std::set<std::string>& keys);
  // The task still asks for what these answer.
  void answer_again(std::set<std::string> due);
  void deliver(Bytes member, Bytes json);
  // What was said lacks something: news are looked after.
  void lacks(const Envelope& message, const std::string& sentence);
  void tell_sign();
  // False when it was over before.
  bool end();

  std::size_t on_notification(const ClientMessage& message) override;
  void on_response(const ClientMessage& message) override;
  void on_refused(const Refusal& refusal) override;

  LegacyBridge& bridge_;
  LegacyBridgeSession& session_;
  LegacyBridgeTaskHandler& handler_;
  TaskState task_;
  LegacyBridgeRequest::Origin origin_;
  LegacyBridgeRequest request_;
  std::set<std::string> open_;             // keys of what the client has to answer
  std::map<std::string, Answer> answers_;  // by their keys, which are used once
  std::size_t asked_ = 0;                  // in all
  std::size_t failures_ = 0;               // in a row
  Instant signed_at_{};
  bool updating_ = false;  // answers are on their way
  bool is_news_ = false;   // something was told meanwhile
  bool over_ = false;
  Timer timer_;
};

}  // namespace sluice
