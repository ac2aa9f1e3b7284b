// SPDX-License-Identifier: Apache-2.0
#pragma once
// Federation: several upstreams behind one route, as the one Service that the route's front sees; or one
// upstream of which not everything is shown as it is.
//
// Names gain their upstream as a prefix, URIs are kept where they are unique, lists and capabilities are
// merged, calls go to their owner; an upstream that is dead or slow is left out with a warning and never
// fails the rest. To the upstreams it plays the front: it owns the inner exchanges and sessions it opens on
// them, in the era of the client. Knows nothing of what kind the upstreams are. A tool's answer is not
// counted here, its upstream does that; what is refused or answered without one is. Upstreams outlive it, and
// it outlives the exchanges and sessions it was handed. One reactor. Spec: ledger D5, D6.8, D6.9.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "crypto/seal.h"
#include "gateway/call_log.h"
#include "gateway/config.h"
#include "mcp/exchange.h"
#include "mcp/name_rules.h"
#include "net/reactor.h"
#include "observe/log.h"
#include "observe/metrics.h"

namespace sluice {

struct FederatedUpstream {
  std::string name;      // unique on its route
  Service& service;      // speaks both eras
  milliseconds timeout;  // for its part of what needs all of them: lists, settings
  NameRules rules = {};  // what clients may know of it
  DefinitionRules definitions = {};
  std::string affinity_header = {};  // by which it has several sessions of one principal; empty: it has not
  milliseconds start = UpstreamLimits{}.start_timeout;  // for a session of it to open, whoever waits for it
};

struct FederationParts {
  Reactor& reactor;
  Log& log;
  CallLog& calls;
  Metrics& metrics;
  std::string route;  // for labels; cursors and request states are bound to it
  std::function<Sealer(Bytes label)> make_sealer;
  std::shared_ptr<const ToolPins> pins = {};
  bool finds_tools = false;  // clients look for tools instead of listing them
};

class FederationState;

class Federation final : public Service {
 public:
  Federation(FederationParts parts, std::vector<FederatedUpstream> upstreams);
  Federation(const Federation&) = delete;
  Federation& operator=(const Federation&) = delete;
  ~Federation() override;

  void open(Exchange& exchange) override;
  void cancelled(Exchange& exchange, CancelReason reason) override;
  void drained(Exchange& exchange) override;
  void drained(Session& session) override;
  void message(Session& session, ClientMessage message) override;
  void ended(Session& session) override;
  [[nodiscard]] std::vector<Revision> revisions() const override;

 private:
  std::unique_ptr<FederationState> state_;
};

}  // namespace sluice
