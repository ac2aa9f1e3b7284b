// SPDX-License-Identifier: Apache-2.0
#pragma once
// Call: one request that a handler of the user answers, from its opening to its result.
//
//   started ──► result | error                     (the exchange is finished, the call buried)
//      │  └─ or becomes a task: its exchange is finished, it lives with ServerTasks
//      └─ asks ─ legacy: asked ──► answered ──► goes on, or with replay runs again from the top
//              └ modern: finished with input_required and a sealed state; the retry is a new call that holds
//              the answers
//
// The exchange owns it until it is over; then the protocol keeps it to the end of the turn, so that no frame
// is destroyed while it may be running. Every verb works, and says nothing, when the exchange is gone. The
// reactor's thread. Spec: server/tools, prompts, resources; 2026-07-28 basic/patterns/mrtr; ledger C7, D6.7.

#include <coroutine>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/task.h"
#include "mcp/capabilities.h"
#include "mcp/errors.h"
#include "mcp/exchange.h"
#include "net/reactor.h"
#include "sdk/context.h"
#include "sdk/server.h"

namespace sluice {

class Protocol;
struct TaskEntry;

// What a call does.
struct CallPlan {
  enum class Kind { tool, prompt, resource, other };

  Kind kind = Kind::other;
  std::shared_ptr<const void> entry;  // keeps the handler
  const Handler* handler = nullptr;
  std::string method;
  std::string name;  // of the tool or prompt, the uri
  Json arguments = Json::object();
  bool may_ask = false;
  std::string mime_type;  // of a resource
  std::vector<ClientCan> required;
  // When it goes on as a task: not at all; where it first waits for anything but an answer; there, or where
  // it ends; before it begins, as a client of 2025-11-25 asked for.
  enum class AsTask { no, when_it_waits, always, at_once };
  AsTask task = AsTask::no;
  std::optional<std::chrono::milliseconds> task_ttl;
  std::chrono::milliseconds cache_ttl{0};
  bool cache_shared = false;
};

// Who asked, and how: copied, as it outlives the exchange.
struct Caller {
  Era era = Era::legacy;
  Revision revision = latest_legacy;
  Principal principal;
  std::string correlation_id;
  std::string id;              // raw JSON
  std::string progress_token;  // raw JSON, empty for none
  std::string log_level;       // modern: the name, empty for none
};

class Call final : public Attachment {
 public:
  Call(Protocol& protocol, Exchange& exchange, Caller caller, CallPlan plan, Json params);
  ~Call() override;

  // Runs the handler; the call may be over when this returns.
  void start();
  // The client gave up: hooks run, the exchange is forgotten. The owner buries the call.
  void cancel();
  // A legacy client answered the ask with that key.
  void answer(const std::string& key, Json result);

  // A client answered some questions of a task; what does not fit is still open.
  void take_answers(const Json& responses);
  // What is being asked, as `inputRequests`.
  [[nodiscard]] Json input_requests() const;
  // Asks a legacy client what is open, on the stream of that exchange.
  void ask_on(Exchange& exchange);

  // The client has room again.
  void drained();

  // For Context.
  // The client may not keep up: then there is no room until drained().
  [[nodiscard]] bool has_room() const { return !crowded_ || exchange_ == nullptr; }
  void wait_for_room(std::coroutine_handle<> waiter) { room_waiter_ = waiter; }
  void stop_waiting_for_room(std::coroutine_handle<> waiter) {
    if (room_waiter_ == waiter) room_waiter_ = nullptr;
  }
  void progress(double done, double total, std::string_view message);
  void log(Severity severity, Json data, std::string_view logger);
  [[nodiscard]] bool ready(const std::vector<RawQuestion>& questions);
  void ask(const std::vector<RawQuestion>& questions, std::coroutine_handle<> waiter);
  // The one who waits is being destroyed.
  void stop_asking(std::coroutine_handle<> waiter) {
    if (waiter_ == waiter) waiter_ = nullptr;
  }
  [[nodiscard]] const Json& answer_to(const std::string& key) const;
  [[nodiscard]] bool client_can(ClientCan what) const;
  [[nodiscard]] const Json* kept(const std::string& key) const;
  void keep(const std::string& key, Json value);
  void on_cancel(std::function<void()> hook) { hooks_.push_back(std::move(hook)); }
  [[nodiscard]] bool cancelled() const { return cancelled_; }
  [[nodiscard]] const Caller& caller() const { return caller_; }
  [[nodiscard]] const Json& meta() const { return params_["_meta"]; }
  [[nodiscard]] const Json& client_info() const;
  [[nodiscard]] Reactor& reactor();

 private:
  class Offload;
  struct Settled {
    std::string digest;  // of the question
    Json result;
  };

  Status open_state();
  // False when it could not, and then it may be over.
  bool become_task();
  [[nodiscard]] bool over() const { return exchange_ == nullptr && task_ == nullptr; }
  void run();
  Task<Result<Json>> handle();
  Task<Result<Json>> middleware(std::size_t index, Request& request);
  Task<void> drive(Task<Result<Json>> work);
  Task<Result<Json>> with_middleware();
  void conclude(Result<Json> outcome);
  void conclude_failed(const Error& error);
  void reply_result(Json result);
  void reply_error(int code, std::string_view message, std::string_view data = {});
  void reply_input_required();
  void refuse(const Refusal& refusal);
  void lacks_capability(std::string_view required);
  void tell(const std::string& notification);
  // Tasks of the extension tell nothing but their state.
  [[nodiscard]] bool hears() const { return task_ == nullptr || caller_.era == Era::legacy; }
  [[nodiscard]] TaskEntry* leave_task();
  [[nodiscard]] Exchange* retire();
  void all_answered();
  [[nodiscard]] Json state_json() const;
  static void on_ask_timeout(void* self);

  Protocol& protocol_;
  Exchange* exchange_;
  TaskEntry* task_ = nullptr;  // instead of the exchange
  CallPlan plan_;
  Json params_;
  Caller caller_;
  ClientCapabilities capabilities_;
  std::optional<Json> client_info_;  // of a task
  Context context_;
  std::optional<Task<void>> root_;
  std::shared_ptr<BlockingContext::Port> port_;

  std::map<std::string, Settled, std::less<>> settled_;    // answered, by key
  std::map<std::string, std::string, std::less<>> asked_;  // digests of questions that were ever asked
  std::set<std::string, std::less<>> fresh_;               // answers not yet held against their question
  std::vector<RawQuestion> open_;                          // being asked
  std::map<std::string, Json, std::less<>> kept_;          // results of once()
  std::size_t rounds_ = 0;
  std::coroutine_handle<> waiter_;
  std::coroutine_handle<> room_waiter_;
  Timer ask_timer_;
  std::vector<std::function<void()>> hooks_;
  std::optional<double> progress_;
  std::string said_;    // the last message of progress, for a task
  bool began_ = false;  // the handler did
  bool cancelled_ = false;
  bool crowded_ = false;  // the last notification found no room
};

}  // namespace sluice
