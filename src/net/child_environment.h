// SPDX-License-Identifier: Apache-2.0
#pragma once
// EnvironmentRule: what a child gets of the environment that we have ourselves.
//
// By itself everything, which is right for the command that somebody types. A gateway passes on what programs
// need in order to run (where they find things, how they speak, which proxies and certificates they use) and
// what its operator names: its own variables may hold the keys and tokens of others. Reads no environment. A
// plain value, any thread.

#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace sluice {

struct EnvironmentRule {
  bool everything = true;          // false: the names that are common, and `also`
  std::vector<std::string> also;   // NAME or PREFIX_*
  std::set<std::string> withheld;  // whatever else lets them through

  [[nodiscard]] bool passes(Bytes name) const;
  // The name holds a secret that is for somebody else: only a rule that says it exactly lets it through.
  void withhold(const std::string& name);

  friend bool operator==(const EnvironmentRule&, const EnvironmentRule&) = default;
};

// Whether a text is NAME or PREFIX_*, without a blank, a control, '=' or another '*'.
[[nodiscard]] bool is_environment_pattern(Bytes text);

}  // namespace sluice
