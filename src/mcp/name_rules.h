// SPDX-License-Identifier: Apache-2.0
#pragma once
// NameRules: what clients may see of one server, and which tools they know by another name.
//
// Patterns are held against the server's own names (of resources: their URIs, of templates their text):
// renaming comes last and opens nothing. What is denied is denied whatever else allows it; an empty list of
// allowed names allows all; a tool set, where there is one, is a second list of allowed tools. Knows no
// upstream, no prefix and no message. Plain values, any thread. Ledger D5.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace sluice {

// `*` stands for any run of characters, `?` for one, everything else for itself. At worst as many steps as
// the product of both lengths.
[[nodiscard]] bool matches_glob(Bytes pattern, Bytes text);

struct NameFilter {
  std::vector<std::string> allow;
  std::vector<std::string> deny;

  [[nodiscard]] bool admits(Bytes name) const;
  [[nodiscard]] bool empty() const { return allow.empty() && deny.empty(); }

  friend bool operator==(const NameFilter&, const NameFilter&) = default;
};

// One name, or with one `*` on both sides all of a form: what the first stands for, the second does too.
struct NewName {
  std::string from;
  std::string to;

  friend bool operator==(const NewName&, const NewName&) = default;
};

enum class NameKind : std::uint8_t { tool, prompt, resource };

struct NameRules {
  NameFilter tools;
  NameFilter prompts;
  NameFilter resources;
  std::vector<NewName> renames;                      // of tools; the first that fits
  std::optional<std::vector<std::string>> tool_set;  // patterns

  // Whether clients may know of it, by its own name.
  [[nodiscard]] bool admits(NameKind kind, Bytes name) const;
  // What clients call it; nothing when they may not know of it, or when its name was given to another tool.
  [[nodiscard]] std::optional<std::string> outward(NameKind kind, Bytes name) const;
  // What a client means; nothing when there is no such name for it.
  [[nodiscard]] std::optional<std::string> inward(NameKind kind, Bytes shown) const;
  // Whether lists of this kind are shaped by more than their names: then they are no one's but the caller's.
  [[nodiscard]] bool filters(NameKind kind) const;
  [[nodiscard]] bool empty() const { return *this == NameRules(); }

  friend bool operator==(const NameRules&, const NameRules&) = default;

 private:
  [[nodiscard]] const NameFilter& filter_of(NameKind kind) const;
};

// Which patterns for tools have matched nothing so far: most likely typing errors.
class UnmatchedPatterns {
 public:
  explicit UnmatchedPatterns(const NameRules& rules);
  void saw(Bytes tool);
  // All tools were seen: those that are left, once.
  [[nodiscard]] std::vector<std::string> take();

 private:
  std::vector<std::string> patterns_;
};

}  // namespace sluice
