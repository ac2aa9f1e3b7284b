// SPDX-License-Identifier: Apache-2.0
#pragma once
// OwnedChild: the child that one legacy session has for itself.
//
// Messages pass unchanged both ways, for the ids on the child's channel are this one client's own; what has
// to be decided is which of the client's streams carries what the child says. A client that does not read
// pauses the child. Attached to its session and destroyed with it. Lives on one reactor. Spec: 2025-11-25
// basic/transports.

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/child_link.h"
#include "gateway/upstream.h"
#include "mcp/attribution.h"

namespace sluice {

class StdioUpstream;

class OwnedChild final : public Attachment, private ChildLinkHandler {
 public:
  // Starts the command for `session`. Fails only where no process could be made.
  static Result<std::unique_ptr<OwnedChild>> start(StdioUpstream& upstream, Session& session);
  OwnedChild(const OwnedChild&) = delete;
  OwnedChild& operator=(const OwnedChild&) = delete;
  ~OwnedChild() override;  // stops the child gently

  void open(Exchange& exchange);
  void cancelled(Exchange& exchange, CancelReason reason);
  void drained();
  void message(ClientMessage message);

  [[nodiscard]] std::size_t calls() const { return open_.size(); }
  // When the client last said something, or was answered.
  [[nodiscard]] Instant last_use() const { return last_use_; }
  // Ends the session, which is idle, for another that needs its child.
  void give_way();
  [[nodiscard]] bool is_leaving() const { return is_leaving_; }

 private:
  OwnedChild(StdioUpstream& upstream, Session& session);
  void on_child_message(ClientMessage message) override;
  void on_child_gone(const ChildEnd& end) override;
  void respond(ClientRef ref, const ClientMessage& message);
  // Takes note of the room that is left on a client's stream.
  void watch_room(std::size_t room);
  void forget(ClientRef ref);

  StdioUpstream& upstream_;
  Session& session_;
  std::unique_ptr<ChildLink> link_;
  Attribution attribution_;
  std::unordered_map<ClientRef, Exchange*> open_;
  std::unordered_map<const Exchange*, ClientRef> refs_;
  ClientRef next_ref_ = 1;
  bool has_session_ = false;  // it answered `initialize`
  Instant last_use_;
  bool is_leaving_ = false;
  bool paused_ = false;
};

}  // namespace sluice
