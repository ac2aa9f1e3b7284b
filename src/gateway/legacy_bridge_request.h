// SPDX-License-Identifier: Apache-2.0
#pragma once
// LegacyBridgeRequest: one modern request of the bridge's at the server, as the exchange that the upstream
// answers.
//
// Holds no meaning: it opens, and tells its handler what came. Dropping it cancels what is still open. After
// an answer it may be opened again, from within the answer too. Lives on one reactor.

#include <memory>
#include <string>
#include <vector>

#include "gateway/leased_exchange.h"

namespace sluice {

class LegacyBridge;

// Each of these may drop the request or open it again, except on_notification().
class LegacyBridgeRequestHandler {
 public:
  // The room that is left where it goes.
  virtual std::size_t on_notification(const ClientMessage& message) = 0;
  // A response or an error response.
  virtual void on_response(const ClientMessage& message) = 0;
  virtual void on_refused(const Refusal& refusal) = 0;

 protected:
  ~LegacyBridgeRequestHandler() = default;
};

class LegacyBridgeRequest final : private LeasedExchange::Handler {
 public:
  LegacyBridgeRequest(LegacyBridge& bridge, LegacyBridgeRequestHandler& handler);
  LegacyBridgeRequest(const LegacyBridgeRequest&) = delete;
  LegacyBridgeRequest& operator=(const LegacyBridgeRequest&) = delete;
  ~LegacyBridgeRequest() { drop(); }

  // Sends this text for a client's request, or in the session's own name. It may be answered, and all of this
  // gone, before open() returns.
  struct Origin {
    Principal principal;
    std::string correlation_id;
    std::vector<HeaderPair> param_headers = {};
    std::vector<HeaderPair> kept_headers = {};
  };
  void open(std::string text, Origin origin);
  void drop(CancelReason reason = CancelReason::client);
  void drained();
  [[nodiscard]] bool is_open() const { return inner_ != nullptr; }

 private:
  std::size_t on_notify(Bytes message) override;
  // No modern server asks this way.
  std::size_t on_ask(Bytes) override { return all_room; }
  void on_finish(Bytes response) override;
  void on_refuse(const Refusal& refusal) override;

  LegacyBridge& bridge_;
  LegacyBridgeRequestHandler& handler_;
  std::unique_ptr<LeasedExchange> inner_;
};

}  // namespace sluice
