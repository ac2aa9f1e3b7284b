// SPDX-License-Identifier: Apache-2.0
#pragma once
// DefinitionGuard: looks at the definitions of tools before clients see them: whether they are those that the
// operator accepted, and whether they hide text.
//
// What is wrong is logged once for each definition and counted; where the configuration says so, the tool is
// left out of lists and may not be called until it is accepted. What it knows of a tool is as of its last
// list. A definition in which a member occurs twice is another one for every reader, so it is never the
// accepted one. Knows no era and no message. One reactor.

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "gateway/config.h"
#include "mcp/tool_pins.h"
#include "observe/log.h"
#include "observe/metrics.h"

namespace sluice {

struct GuardedUpstream {
  std::string name;
  DefinitionRules rules;
};

class DefinitionGuard {
 public:
  DefinitionGuard(Log& log, Metrics& metrics, std::shared_ptr<const ToolPins> pins,
                  std::vector<GuardedUpstream> upstreams, const FederationLimits& limits);

  // Whether clients may know of a tool: `definition` is its JSON as the upstream wrote it.
  [[nodiscard]] bool admits(std::size_t upstream, Bytes tool, Bytes definition);
  // The same by its name alone; nothing when its list has to be read first.
  [[nodiscard]] std::optional<bool> admits(std::size_t upstream, const std::string& tool) const;
  // Whether tools of this upstream may be left out.
  [[nodiscard]] bool withholds(std::size_t upstream) const;
  // Its tools changed.
  void forget(std::size_t upstream) { known_[upstream].clear(); }

 private:
  void complain(std::size_t upstream, const std::string& tool, const std::string& digest,
                std::string_view what, std::string_view detail, const Family<Counter>& counters,
                Vigilance vigilance);

  Log& log_;
  Family<Counter> changed_;
  Family<Counter> hidden_;
  std::shared_ptr<const ToolPins> pins_;
  std::vector<GuardedUpstream> upstreams_;
  FederationLimits limits_;
  // Names are the upstream's, and may be as long as it likes: of them and of complaints digests are kept.
  std::vector<std::map<std::string, bool>> known_;  // by upstream
  std::set<std::string> told_;
};

}  // namespace sluice
