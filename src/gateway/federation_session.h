// SPDX-License-Identifier: Apache-2.0
#pragma once
// FederatedSession: a legacy client's session as one session on each upstream.
//
// Opens them with the client's own `initialize`, and again when one died and is needed; tells the client what
// they send, with ids of its questions minted anew so that those of two upstreams never meet, and their
// answers sent back, and their tasks under ids of its own. Of changed lists the Catalogue tells. Attached to
// the client's session. One reactor. Spec: ledger D5, D6.8, D6.9.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/lifetime.h"
#include "gateway/federation_lists.h"

namespace sluice {

class FederatedCall;

class FederatedSession final : public Attachment, private InnerOwner, private ListHearer {
 public:
  // `initialize` is the client's request.
  FederatedSession(FederationState& state, Exchange& initialize);
  FederatedSession(const FederatedSession&) = delete;
  FederatedSession& operator=(const FederatedSession&) = delete;
  ~FederatedSession() override;

  [[nodiscard]] static FederatedSession* of(Session* session);

  // The session on this upstream, if it is open.
  [[nodiscard]] InnerSession* opened(std::size_t upstream) const;
  // Opens it, if need be, and tells `call` by session_ready() or session_failed(), maybe at once.
  void ready(std::size_t upstream, FederatedCall& call, std::uint64_t leg);
  void forget(const FederatedCall& call);
  void forget(const FederatedCall& call, std::uint64_t leg);
  // What its server declared; true also while nothing is known.
  [[nodiscard]] bool offers(std::size_t upstream, ServerCapability capability) const;
  // The answer to its `initialize`, until hellos_read().
  [[nodiscard]] const ClientMessage* hello(std::size_t upstream) const;
  void hellos_read();
  // What all sessions like this one know of the upstreams.
  [[nodiscard]] CallerLists& shared_lists() const { return *lists_; }
  // What the client set up, to be set up again in a session that is opened again.
  void level_set(Bytes raw_level) { level_ = raw_level; }
  void subscribed(std::size_t upstream, const std::string& uri, bool on);

  // What the client gets of an upstream's message: nothing when it is not for it, or not now. `from` is the
  // inner exchange it came on, or null.
  [[nodiscard]] std::optional<std::string> translate(std::size_t upstream, const InnerExchange* from,
                                                     Bytes message);
  // The id by which the client knows an upstream's task; empty when it would be too long.
  [[nodiscard]] std::string shown_task_id(std::size_t upstream, Bytes id);
  // What it gets of an upstream's lists: what others like it get, until the upstream told this session of a
  // change; then what is its own, kept if there is room for another caller.
  [[nodiscard]] std::shared_ptr<CallerLists> lists(std::size_t upstream);
  // The client's notification or answer.
  void on_client_message(const ClientMessage& message);
  void exchange_over(const InnerExchange& inner);
  void drained();
  // The client's session ends: those on the upstreams do.
  void end();

  // For InnerSession.
  std::size_t on_message(InnerSession& session, Bytes message);
  void on_ended(InnerSession& session, const std::string& why);

 private:
  enum class Phase : std::uint8_t { closed, opening, restoring, open };
  struct Waiter {
    FederatedCall* call;
    std::uint64_t leg;
  };
  struct Slot {
    Phase phase = Phase::closed;
    std::unique_ptr<InnerSession> session;
    std::unique_ptr<InnerExchange> opening;
    std::optional<ClientMessage> hello;
    PaddedString capabilities;
    bool is_initialized = false;          // was told that the client is
    std::vector<std::string> to_restore;  // requests; the last is the next
    std::set<std::string> subscriptions;
    std::vector<Waiter> waiters;
  };
  struct Ask {
    std::size_t upstream;
    std::string id_raw;
    std::string token_raw;
    const InnerExchange* from;
    Instant asked;
  };

  std::size_t on_notify(InnerExchange& inner, Bytes message) override;
  std::size_t on_ask(InnerExchange& inner, Bytes message) override;
  void on_answer(InnerExchange& inner, Bytes response) override;
  void on_refused(InnerExchange& inner, const Refusal& refusal) override;

  void lists_changed(const CallerLists& caller, const std::vector<ListChange>& changes) override;
  [[nodiscard]] Session* hearer_session() const override { return &client_; }
  [[nodiscard]] bool notices(std::size_t upstream, MethodId notice) const override;

  void open_slot(std::size_t upstream);
  void ask_upstream(std::size_t upstream, std::string text);
  void greeted(std::size_t upstream, ClientMessage response);
  void restore(std::size_t upstream);
  void settled(std::size_t upstream);
  void failed(std::size_t upstream, const std::string& why);
  void close_slot(std::size_t upstream);
  void tell_initialized(Slot& slot, std::size_t upstream);
  void list_changed(std::size_t upstream, MethodId notice);
  void part_lists(std::size_t upstream);
  // Those that tell this session of changes of the upstream's.
  [[nodiscard]] CallerLists& heard_lists(std::size_t upstream) const;
  void tell_unchecked(ListChange change);
  [[nodiscard]] Bytes declared(std::size_t upstream, std::string_view path) const;
  [[nodiscard]] bool may_ask(std::size_t upstream);
  [[nodiscard]] std::optional<std::string> translate_ask(std::size_t upstream, const InnerExchange* from,
                                                         const ClientMessage& message);
  void rename_tasks(Rewrite& rewrite, std::size_t upstream, const Envelope& message);
  void pass(std::size_t upstream, std::string text);

  FederationState& state_;
  Session& client_;
  ClientRequest request_;    // initialize, of which the inner ones are made; without its message
  std::string params_;       // of the client's initialize
  std::string initialized_;  // the client's notification, once it came
  std::string level_;
  std::vector<Slot> slots_;
  bool hellos_are_wanted_ = true;
  std::unordered_map<std::string, Ask> asks_;  // by minted id, canonical
  std::uint64_t next_ask_ = 1;
  std::map<std::pair<std::size_t, std::string>, std::string> task_ids_;  // as shown, by upstream and its id
  std::shared_ptr<CallerLists> lists_;
  std::shared_ptr<CallerLists> own_lists_;    // null while nothing is its own, or there is no room for it
  std::weak_ptr<CallerLists> passing_lists_;  // in their place, while one of its calls uses them
  std::set<std::size_t> own_;                 // upstreams
  bool ended_ = false;
  Lifetime lifetime_;
};

}  // namespace sluice
