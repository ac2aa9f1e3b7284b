// SPDX-License-Identifier: Apache-2.0
#pragma once
// ToolTasks: which tools of a server of 2025-11-25 may or must be called as tasks, learnt from its tool list.
//
// Pages are taken in as they come, beside ToolHeaders; unknown tools take no tasks. A plain value, one
// thread. Spec: 2025-11-25 server/tools (execution.taskSupport); ledger D2.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "codec/json.h"

namespace sluice {

enum class ToolTask : std::uint8_t { forbidden, optional, required };

class ToolTasks {
 public:
  // Remembers at most so many tools; those beyond take no tasks.
  explicit ToolTasks(std::size_t tools_max) : tools_max_(tools_max) {}
  void begin() { tools_.clear(); }
  // One page of tools/list.
  void take_page(const Json& result) {
    for (const Json& tool : result["tools"].items()) {
      if (tools_.size() >= tools_max_) return;
      const std::string_view support = tool["execution"]["taskSupport"].string_or("forbidden");
      if (support == "optional") tools_[std::string(tool["name"].string_or(""))] = ToolTask::optional;
      if (support == "required") tools_[std::string(tool["name"].string_or(""))] = ToolTask::required;
    }
  }
  [[nodiscard]] ToolTask of(std::string_view tool) const {
    const auto at = tools_.find(std::string(tool));
    return at == tools_.end() ? ToolTask::forbidden : at->second;
  }

 private:
  std::size_t tools_max_;
  std::unordered_map<std::string, ToolTask> tools_;  // those that take tasks
};

}  // namespace sluice
