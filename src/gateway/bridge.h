// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bridge: an upstream that speaks every era, made of one that may speak only one.
//
// Exchanges of an era the server knows go to it as they are, legacy sessions of another revision than the
// server's through RevisionBridge. A legacy client in front of a modern server is served by LegacyBridge, a
// modern client in front of a legacy server by ModernBridge. While the server is still being asked for its
// eras, exchanges wait. What `server/discover` says of revisions is what the bridge takes, not what the
// server does; it translates nothing else itself. A session that a modern server's bridge serves ends when
// the server is found to be none. Lives on one reactor. Spec: ledger part D.

#include <memory>
#include <vector>

#include "gateway/bridge_parts.h"
#include "gateway/legacy_bridge.h"
#include "gateway/modern_bridge.h"
#include "gateway/revision_bridge.h"
#include "gateway/upstream.h"

namespace sluice {

class Bridge final : public Upstream {
 public:
  Bridge(const UpstreamContext& context, const UpstreamConfig& config, std::unique_ptr<NativeUpstream> inner);

  void start() override { inner_->start(); }
  void stop() override;
  [[nodiscard]] UpstreamState state() const override;

  void open(Exchange& exchange) override;
  void cancelled(Exchange& exchange, CancelReason reason) override;
  void drained(Exchange& exchange) override;
  void drained(Session& session) override;
  void message(Session& session, ClientMessage message) override;
  void ended(Session& session) override;

 private:
  [[nodiscard]] BridgeParts parts(Service& upstream);
  // Who answers this exchange; null when that is not known yet.
  [[nodiscard]] Service* choose(const Exchange& exchange);
  void hand_over(Exchange& exchange, Service& service);
  void discover(Exchange& exchange, Service& service);
  void dispatch_waiting();
  void refuse(Exchange& exchange, const Refusal& refusal);

  UpstreamContext context_;
  UpstreamConfig config_;
  CallEnds ends_;
  std::unique_ptr<NativeUpstream> inner_;
  MessageScanner scanner_;
  LegacyBridge for_legacy_clients_;
  ModernBridge for_modern_clients_;
  LegacyBridge for_pooled_clients_;  // legacy ones that own nothing at a legacy server: over the one before
  RevisionBridge for_other_revisions_;  // legacy clients in front of a legacy server
  std::vector<Exchange*> waiting_;      // for the eras
  std::string versions_;                // all revisions, newest first, as a JSON array
};

}  // namespace sluice
