// SPDX-License-Identifier: Apache-2.0
#pragma once
// LegacyBridgeTools: what has to be known of a modern server's tools to call them for legacy clients: which
// arguments are mirrored into headers, and whose output is wrapped.
//
// One list for each principal and set of capabilities, since lists may differ between them; fetched when the
// first tool is called, again after it changed or grew old. A list that cannot be had stops no call. Bounded
// in lists, pages and tools. Lives on one reactor. Spec: 2026-07-28 server/tools; ledger C3, D1, D6.2.

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/legacy_bridge_request.h"
#include "mcp/param_headers.h"
#include "net/timer_wheel.h"

namespace sluice {

class LegacyBridge;
class LegacyBridgeSession;

struct LegacyBridgeTool {
  std::vector<ParamHeader> headers;
  bool wraps = false;
};

class LegacyBridgeTools {
 public:
  class Waiter {
   public:
    virtual void on_tools() = 0;

   protected:
    ~Waiter() = default;
  };

  explicit LegacyBridgeTools(LegacyBridge& bridge);
  ~LegacyBridgeTools();

  // Tells `waiter` when the list is there, unless forget() comes first; false when there is nothing to wait
  // for. It may be told before this returns.
  bool wait(const LegacyBridgeSession& session, Waiter& waiter);
  void forget(const LegacyBridgeSession& session, Waiter& waiter);
  // Null when nothing is to be done for this tool, or nothing known.
  [[nodiscard]] const LegacyBridgeTool* find(const LegacyBridgeSession& session, Bytes tool) const;
  // All lists of this principal are out of date.
  void changed(const Principal& principal);
  [[nodiscard]] std::size_t size() const { return lists_.size(); }

 private:
  class List;
  [[nodiscard]] List* list_of(const LegacyBridgeSession& session);
  [[nodiscard]] bool make_room();

  LegacyBridge& bridge_;
  std::unordered_map<std::string, std::unique_ptr<List>> lists_;
};

}  // namespace sluice
