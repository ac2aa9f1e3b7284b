// SPDX-License-Identifier: Apache-2.0
#pragma once
// Protocol: a Server's registry as a Service, for fronts of both eras on one reactor.
//
// Answers what needs no handler (initialize, discover, lists, subscriptions, levels) and makes a Call of the
// rest. Keeps what belongs to legacy sessions and to open listens, and tells them of changes. Knows no
// transport. Must outlive its fronts; the state and the reactor outlive it. Spec: every server page of each
// revision; ledger B, C2 steps 7 to 10.

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "mcp/capabilities.h"
#include "mcp/cursor.h"
#include "mcp/errors.h"
#include "mcp/exchange.h"
#include "mcp/methods.h"
#include "mcp/request_state.h"
#include "net/reactor.h"
#include "sdk/call.h"
#include "sdk/server_state.h"
#include "sdk/server_tasks.h"

namespace sluice {

struct ProtocolOptions {
  std::optional<Era> era;  // only one; absent: both
  // Legacy handlers run again from the top after every answer, as modern ones do: shows what is not
  // repeatable.
  bool replay = false;
};

class Protocol final : public Service {
 public:
  // `sealing` has a key; the salts are fresh entropy.
  struct Seals {
    KeyRing ring;
    Sealer::Salt states_salt{};
    Sealer::Salt cursors_salt{};
    Sealer::Salt tasks_salt{};
  };
  Protocol(Reactor& reactor, ServerState& state, const Seals& seals, ProtocolOptions options);
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;
  ~Protocol() override;

  void open(Exchange& exchange) override;
  void cancelled(Exchange& exchange, CancelReason reason) override;
  void drained(Exchange& exchange) override;
  void message(Session& session, ClientMessage message) override;
  void ended(Session& session) override;
  [[nodiscard]] std::vector<Revision> revisions() const override;

  // A list changed: clients are told before the next result goes out, or at the end of the turn.
  void list_changed(ListKind kind);
  // Tells the changes now.
  void flush_changes();
  void updated(std::string_view uri);
  // Ends the listens with their result.
  void shutdown();
  [[nodiscard]] std::size_t listens() const { return listens_.size(); }

  // For calls.
  [[nodiscard]] Reactor& reactor() { return reactor_; }
  [[nodiscard]] ServerState& state() { return state_; }
  [[nodiscard]] RequestStates& request_states() { return request_states_; }
  [[nodiscard]] bool replays() const { return options_.replay; }
  [[nodiscard]] const ClientCapabilities& capabilities_of(const Exchange& exchange, const Json& params);
  [[nodiscard]] const Json& client_info_of(const Exchange* exchange, const Json& params) const;
  // `session` is null in the modern era.
  [[nodiscard]] bool wants_log(const Session* session, const Caller& caller, Severity severity) const;
  // Adds what every modern result has.
  void complete_modern(Json& result) const;
  // The raw id under which the client's answer will come back to the call.
  std::string register_ask(Exchange& exchange, Call& call, const std::string& key);
  // Tells the client, on the call's stream, that its open questions need no answer any more.
  void withdraw_asks(Exchange& exchange, const Call& call, std::string_view why);
  // The notifications that do so; the questions are forgotten.
  [[nodiscard]] static std::vector<std::string> withdrawals(const Exchange& exchange, const Call& call,
                                                            std::string_view why);
  [[nodiscard]] ServerTasks& tasks() { return tasks_; }
  // A task changed: its clients are told.
  void tell_task(const TaskEntry& entry);
  // Destroys it at the end of this turn.
  void bury(std::unique_ptr<Attachment> attachment);
  void bury(Task<void> task);

 private:
  struct Peer;    // a legacy session's state
  struct Listen;  // an open subscriptions/listen
  struct Opened;  // a request being looked at

  void dispatch(Opened& opened);
  void finish(Opened& opened, Json result);
  void fail(Opened& opened, const Refusal& refusal);
  void initialize(Opened& opened);
  void discover(Opened& opened);
  void list(Opened& opened, MethodId id);
  // The part of `all` that the request's cursor means; `next` is empty after the last.
  Result<Json> page(Opened& opened, std::vector<Json> all, std::uint64_t generation, std::string& next);
  void set_level(Opened& opened);
  void subscribe(Opened& opened, bool on);
  void listen(Opened& opened);
  void complete(Opened& opened);
  void call_tool(Opened& opened);
  void get_prompt(Opened& opened);
  void read_resource(Opened& opened);
  void call_method(Opened& opened, std::string_view method);
  void tasks_request(Opened& opened, MethodId id);
  void update_task(Opened& opened, TaskEntry& entry);
  void cancel_task(Opened& opened, TaskEntry& entry);
  void list_tasks(Opened& opened);
  // How a call of that tool runs, or why not.
  [[nodiscard]] std::optional<Refusal> plan_task(const Opened& opened, TaskSupport support,
                                                 CallPlan& plan) const;
  void start(Opened& opened, CallPlan plan);
  [[nodiscard]] bool offered(const ToolEntry& entry, const Opened& opened) const;
  [[nodiscard]] bool supports(ServerCapability needs) const;
  [[nodiscard]] static Peer* peer_of(const Session* session);
  void tell_change(ListKind kind);
  void later();
  void reap();

  Reactor& reactor_;
  ServerState& state_;
  ProtocolOptions options_;
  RequestStates request_states_;
  Cursors cursors_;
  ServerTasks tasks_;
  std::unordered_set<Session*> sessions_;
  std::unordered_set<Exchange*> listens_;
  std::set<ListKind> changes_;
  std::uint64_t next_ask_ = 1;
  ClientCapabilities no_capabilities_;
  ClientCapabilities modern_capabilities_;  // of the request looked at
  std::vector<std::unique_ptr<Attachment>> dead_;
  std::vector<Task<void>> dead_tasks_;
  bool reaping_ = false;
  std::shared_ptr<bool> alive_;  // for deferred work
};

}  // namespace sluice
