// SPDX-License-Identifier: Apache-2.0
#pragma once
// LeasedSession: one legacy session at the upstream, lent to the modern requests of one principal and one
// class of capabilities.
//
// Shakes hands when it is made and holds requests until that is done, until the tool list is known where
// headers have to be checked, and until the upstream logs as much as is asked for. Answers server/discover
// itself, feeds subscriptions (modern_listens.h), and finds the call that a message without a stream belongs
// to. Ended when it was idle. Owned by its bridge, on one reactor. Ledger D2, D6.1, D6.3, D6.6.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/leased_exchange.h"
#include "gateway/modern_bridge.h"
#include "gateway/modern_listens.h"
#include "gateway/tool_tasks.h"
#include "mcp/task_state.h"
#include "mcp/to_legacy.h"
#include "mcp/tool_headers.h"

namespace sluice {

// What the bridge keeps with a client's exchange: who has it.
struct OuterTie final : Attachment {
  LeasedSession* session = nullptr;  // it waits there, or subscribes
  BridgedCall* call = nullptr;
  std::size_t rounds = 0;  // how often it was sent again after a URL was visited
  bool moved = false;      // to a new session, as the upstream had forgotten the old one

  [[nodiscard]] static OuterTie& of(Exchange& exchange) {
    if (!exchange.attachment) exchange.attachment = std::make_unique<OuterTie>();
    return static_cast<OuterTie&>(*exchange.attachment);
  }
};

class LeasedSession final : private LeasedPeer::Handler {
 public:
  // `owner` is who it is lent to; all requests of an owner are of this principal, or of anybody.
  LeasedSession(ModernBridge& bridge, std::string key, std::string owner, const Principal& principal,
                const ClientCapabilities& capabilities);
  LeasedSession(const LeasedSession&) = delete;
  LeasedSession& operator=(const LeasedSession&) = delete;
  ~LeasedSession();

  // In whose name the handshake will be made.
  void introduce(const ClientRequest& first);
  // Begins it.
  void connect();
  void serve(Exchange& exchange);
  // A client that waits or subscribes has left.
  void left(Exchange& exchange, CancelReason reason);

  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] const std::string& owner() const { return owner_; }
  [[nodiscard]] const Principal& principal() const { return inner_.principal(); }
  // What it said of itself; who needs it beyond the session keeps it.
  [[nodiscard]] const std::shared_ptr<const LegacyServer>& server() const { return server_; }
  [[nodiscard]] LeasedPeer& inner() { return inner_; }
  [[nodiscard]] bool is_idle() const;
  [[nodiscard]] bool has_listens() const { return listens_.size() != 0; }
  // Its handshake was done.
  [[nodiscard]] Instant opened_at() const { return opened_at_; }
  // Whether all it has are calls whose clients were asked and have not come back.
  [[nodiscard]] bool only_waits() const;
  // Requests it was given and has not answered.
  [[nodiscard]] std::size_t load() const { return waiting_.size() + calls_.size(); }
  [[nodiscard]] std::uint64_t last_use() const { return last_use_; }
  // Whether a question that names no call would find `what` to be the only one it can be of.
  [[nodiscard]] bool has_place_for(const std::string& what) const;

  // A request as the upstream sees it; `text` is the whole message. Null when that is beyond the bounds of
  // messages, which a client may have left too little room for.
  [[nodiscard]] std::unique_ptr<LeasedExchange> make_exchange(const std::string& text,
                                                              LeasedExchange::Handler& handler,
                                                              const std::string& correlation_id);
  void opened(BridgedCall& call) { calls_.push_back(&call); }
  // It was sent: what the upstream asked before the session had a call is asked in this one.
  void sent(BridgedCall& call);
  void closed(BridgedCall& call);

  // The upstream does not know the session any more; it is about to say so.
  void forgotten() { on_end("upstream '" + bridge_.parts_.config.name + "' no longer knows the session"); }

  // What came without a stream of its own, or may belong elsewhere.
  void take_loose(const ClientMessage& message);
  // A call that the upstream made a task is not wanted any more.
  void cancel_task(const std::string& id);
  // How that task is; nothing when it could not be told. Not called once this is shut.
  void look_at_task(const std::string& id, std::function<void(const std::optional<TaskState>&)> tell);
  // Answers a question of the upstream.
  void respond(Bytes id, Bytes result);
  void respond_error(Bytes id, int code, std::string_view sentence);
  // A notification or response to it; false when it is beyond the bounds of messages.
  bool tell(const std::string& text);

  // A task of the bridge's changed, of which subscriptions are to be told: a notification of the extension.
  void task_changed(const Envelope& notification) { listens_.changed(notification); }

  // Ends what it serves: `refusal` for those that wait and run, their result for subscriptions.
  void shut(const Refusal& refusal);
  // The last word to the upstream, just before this is freed.
  void farewell();

 private:
  enum class Phase : std::uint8_t { opening, open, dead };
  struct OwnRequest;
  using OwnDone = std::function<void(const ClientMessage* response, const Refusal* refusal)>;

  std::size_t on_send(Bytes message) override;
  void on_end(std::string_view why) override;

  // A request of ours; `done` is called once, with one of both, unless the session is shut before.
  void request_own(Bytes method, Bytes params, OwnDone done);
  void send_own(const std::string& text, milliseconds wait, OwnDone done);
  void own_done(OwnRequest& own, const ClientMessage* response, const Refusal* refusal);

  void shaken(const ClientMessage* response, const Refusal* refusal);
  void fail(const Refusal& refusal);
  void hold(Exchange& exchange);
  void dispatch_waiting();
  void refuse_waiting(const Refusal& refusal);
  [[nodiscard]] std::optional<Refusal> check_method(const Envelope& envelope) const;
  // False when it was held: something has to be asked first.
  [[nodiscard]] bool headers_ready(Exchange& exchange);
  [[nodiscard]] bool level_ready(Exchange& exchange);
  void fetch_tools(const std::optional<std::string>& cursor);
  void take_tools(const ClientMessage* response);
  void listen(Exchange& exchange);
  void loose_request(const Envelope& ask);
  [[nodiscard]] bool keep_early(const Envelope& ask);
  void loose_notification(const ClientMessage& message);
  [[nodiscard]] BridgedCall* only_bindable() const;
  void rest();

  ModernBridge& bridge_;
  std::string key_;
  std::string owner_;
  ClientCapabilities capabilities_;
  LeasedPeer inner_;
  Phase phase_ = Phase::opening;
  bool upstream_knows_ = false;
  Refusal dead_because_;
  std::shared_ptr<const LegacyServer> server_ = std::make_shared<const LegacyServer>();
  std::string correlation_id_;
  std::string client_info_;  // until the handshake
  Instant opened_at_{};
  std::uint64_t last_use_ = 0;
  std::deque<Exchange*> waiting_;
  std::vector<std::unique_ptr<OwnRequest>> own_;
  std::vector<BridgedCall*> calls_;
  bool had_call_ = false;           // that could be asked in
  std::vector<std::string> early_;  // questions from before that
  ModernListens listens_;
  ToolHeaders tools_;
  ToolTasks tool_tasks_;
  std::size_t pages_ = 0;
  std::optional<std::size_t> level_;  // the most verbose that was asked for
  bool setting_level_ = false;
  Timer idle_;
};

}  // namespace sluice
