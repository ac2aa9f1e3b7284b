// SPDX-License-Identifier: Apache-2.0
#pragma once
// LegacyBridgeSession: a legacy session whose server knows none.
//
// What the client said in its handshake, what the server offered, which questions of which calls are open at
// the client, and its subscriptions. Attached to its session and destroyed with it. Lives on one reactor.
// Spec: ledger D1, D3.

#include <memory>
#include <string>
#include <unordered_map>

#include "gateway/legacy_bridge_listen.h"
#include "mcp/exchange.h"
#include "mcp/modern_results.h"
#include "mcp/to_modern.h"

namespace sluice {

class LegacyBridge;
class LegacyBridgeCall;

// What the bridge does for one request of a client; attached to its exchange.
class LegacyBridgeWork : public Attachment {
 public:
  // The exchange is gone afterwards, and this with it.
  virtual void cancelled(CancelReason reason) = 0;
  virtual void drained() {}
};

class LegacyBridgeSession final : public Attachment {
 public:
  // `kept_headers` are those of its initialize: they stay the session's.
  LegacyBridgeSession(LegacyBridge& bridge, Session& front, Introduction who, ServerOffer offer,
                      std::vector<HeaderPair> kept_headers);
  LegacyBridgeSession(const LegacyBridgeSession&) = delete;
  LegacyBridgeSession& operator=(const LegacyBridgeSession&) = delete;
  ~LegacyBridgeSession() override;

  [[nodiscard]] Session& front() const { return front_; }
  [[nodiscard]] const Principal& principal() const { return front_.principal(); }
  [[nodiscard]] const Introduction& who() const { return who_; }
  [[nodiscard]] const ServerOffer& offer() const { return offer_; }
  // In whose name it asks the server.
  [[nodiscard]] LegacyBridgeRequest::Origin origin() const { return {principal(), {}, {}, kept_headers_}; }
  // Sessions with the same key see the same tools.
  [[nodiscard]] const std::string& tools_key() const { return tools_key_; }
  [[nodiscard]] LegacyBridgeListen& listen() { return listen_; }
  void set_log_level(Bytes level_json) { who_.log_level_json = level_json; }

  // A fresh id for a question of this call; its answer goes to the call until it forgets the question. An id
  // is canonical and raw at once.
  [[nodiscard]] std::string asked(LegacyBridgeCall& call);
  void forget(const std::string& ask) { asks_.erase(ask); }
  void message(const ClientMessage& message);

 private:
  LegacyBridge& bridge_;
  Session& front_;
  Introduction who_;
  ServerOffer offer_;
  std::vector<HeaderPair> kept_headers_;
  std::string tools_key_;
  std::unordered_map<std::string, LegacyBridgeCall*> asks_;
  std::uint64_t next_ask_ = 1;
  LegacyBridgeListen listen_;
};

}  // namespace sluice
