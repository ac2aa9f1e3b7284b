// SPDX-License-Identifier: Apache-2.0
#pragma once
// ToolHeaders: which arguments of an upstream's tools are mirrored into Mcp-Param-* headers, learnt from its
// tool list.
//
// Needed where Sluice ends modern HTTP in front of an upstream that never sees the headers, and by a client
// that has to write them. Pages are taken in as they come; a changed list makes it stale. Knows no channel:
// whoever owns it asks the server.
// One thread. Spec: 2026-07-28 server/tools; ledger D6.6.

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/limits.h"
#include "codec/json.h"
#include "mcp/errors.h"
#include "mcp/exchange.h"
#include "mcp/param_headers.h"

namespace sluice {

class ToolHeaders {
 public:
  enum class State : std::uint8_t { stale, loading, fresh };

  // Remembers at most so many tools; of those beyond nothing is known.
  explicit ToolHeaders(std::size_t tools_max = UpstreamLimits{}.tools_max) : tools_max_(tools_max) {}

  [[nodiscard]] State state() const { return state_; }
  // Tools that are remembered.
  [[nodiscard]] std::size_t size() const { return tools_.size() + broken_.size(); }
  void begin() {
    state_ = State::loading;
    tools_.clear();
    broken_.clear();
  }
  // One page of tools/list; the cursor of the next, absent when it was the last and the list is fresh.
  std::optional<std::string> take_page(const Json& result);
  // The list could not be had: nothing is known, so nothing is demanded.
  void give_up() { state_ = State::fresh; }
  void invalidate() { state_ = State::stale; }

  // Whether the headers mirror the arguments of this call; a tool with broken annotations is refused as
  // unknown.
  [[nodiscard]] std::optional<Refusal> check(const ClientRequest& request) const;
  // What a call has to carry; nothing for a tool that is not known.
  [[nodiscard]] std::vector<HeaderPair> headers_for(const std::string& tool, const Json& arguments) const;

 private:
  std::size_t tools_max_;
  State state_ = State::stale;
  std::unordered_map<std::string, std::vector<ParamHeader>> tools_;  // those that have annotations
  std::unordered_map<std::string, std::string> broken_;              // and what is wrong with theirs
};

// A tools/list response without the tools whose annotations are broken; nothing when none are. Over HTTP such
// tools must not be offered.
[[nodiscard]] std::optional<std::string> without_broken_tools(const Envelope& response);

}  // namespace sluice
