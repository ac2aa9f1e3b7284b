// SPDX-License-Identifier: Apache-2.0
#pragma once
// LegacyBridgeListen: the changes a legacy client is told of, by subscriptions/listen at a modern server.
//
// One subscription a session, for the lists the server says may change and for the resources the client
// subscribed to; where there is one, it names the tasks that calls of the session follow, too. It cannot be
// widened: another is opened, and the old one dropped once the new one is acknowledged, so that nothing is
// told twice or missed in between. One that ends is opened again with back-off, and the client told then that
// all of it may have changed. Lives on one reactor. Spec: 2026-07-28 basic/patterns/subscriptions; SEP-2663;
// ledger D1.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gateway/legacy_bridge_request.h"
#include "net/timer_wheel.h"

namespace sluice {

class LegacyBridge;
class LegacyBridgeSession;
class LegacyBridgeSubscribe;
class LegacyBridgeTask;

class LegacyBridgeListen {
 public:
  LegacyBridgeListen(LegacyBridge& bridge, LegacyBridgeSession& session);
  LegacyBridgeListen(const LegacyBridgeListen&) = delete;
  LegacyBridgeListen& operator=(const LegacyBridgeListen&) = delete;
  ~LegacyBridgeListen();

  // The client is ready to hear of lists that changed.
  void start();
  // resources/subscribe and resources/unsubscribe; they end the exchange, sooner or later.
  void subscribe(Exchange& exchange);
  void unsubscribe(Exchange& exchange);
  // Tells the task of its changes, if the client is told of anything at all; it looks by itself, too.
  void follow(LegacyBridgeTask& task);
  void unfollow(const LegacyBridgeTask& task);
  void drained();

 private:
  friend class LegacyBridgeSubscribe;
  class Stream;

  // Opens a subscription to what is wanted now, or notes that this has to be done.
  void renew();
  [[nodiscard]] bool wants_anything() const;
  std::size_t heard(Stream& stream, const ClientMessage& message);
  void acknowledged(const Envelope& envelope);
  void tell_all();
  void ended(Stream& stream, const Refusal& refusal);
  // Ends the subscribes that this subscription was to serve: well, if `names` has their resource.
  void settle(const std::set<std::string>& asked, const std::set<std::string>& names, const Refusal& refusal);
  // A subscribe to it was cancelled.
  void gave_up(const std::string& uri);
  void back_off();
  void on_patience();

  LegacyBridge& bridge_;
  LegacyBridgeSession& session_;
  bool is_ready_ = false;
  bool is_dirty_ = false;        // something else is wanted since `next_` was opened
  bool is_unsupported_ = false;  // the server knows no subscriptions
  bool was_down_ = false;        // there was none for a while
  std::set<std::string> wanted_;
  std::set<std::string> served_;                       // named in the last acknowledgement
  std::set<std::string> lost_;                         // served by one that ended, and not by another yet
  std::vector<LegacyBridgeSubscribe*> waiting_;        // for one
  std::map<std::string, LegacyBridgeTask*> followed_;  // by their ids
  std::unique_ptr<Stream> current_;                    // acknowledged
  std::unique_ptr<Stream> next_;                       // not yet
  Instant current_since_{};
  std::size_t restarts_ = 0;
  Timer patience_;  // for the acknowledgement
  Timer restart_;
};

}  // namespace sluice
