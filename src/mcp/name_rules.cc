// SPDX-License-Identifier: Apache-2.0
#include "mcp/name_rules.h"

#include <algorithm>
#include <utility>

namespace sluice {

namespace {

// Where the character after this one begins.
std::size_t next_character(Bytes text, std::size_t at) {
  do ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U);
  return at;
}

bool any_matches(const std::vector<std::string>& patterns, Bytes name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [name](const std::string& pattern) { return matches_glob(pattern, name); });
}

// `name` in the form `to` when it has the form `from`.
std::optional<std::string> changed(const std::string& from, const std::string& to, Bytes name) {
  const std::size_t star = from.find('*');
  if (star == std::string::npos) return name == from ? std::optional(to) : std::nullopt;
  const Bytes head = Bytes(from).substr(0, star), tail = Bytes(from).substr(star + 1);
  const bool fits =
      name.size() >= head.size() + tail.size() && name.starts_with(head) && name.ends_with(tail);
  const std::size_t there = to.find('*');
  if (!fits || there == std::string::npos) return std::nullopt;
  std::string out = to.substr(0, there);
  out += name.substr(head.size(), name.size() - head.size() - tail.size());
  return out + to.substr(there + 1);
}

std::optional<std::string> renamed(const std::vector<NewName>& renames, Bytes name) {
  for (const NewName& rename : renames)
    if (auto out = changed(rename.from, rename.to, name)) return out;
  return std::nullopt;
}

// The tool that has this new name.
std::optional<std::string> bearer_of(const std::vector<NewName>& renames, Bytes shown) {
  for (const NewName& rename : renames)
    if (auto own = changed(rename.to, rename.from, shown); own && renamed(renames, *own) == shown) return own;
  return std::nullopt;
}

}  // namespace

bool matches_glob(Bytes pattern, Bytes text) {
  std::size_t at = 0, in = 0;  // in the text, in the pattern
  std::size_t star = Bytes::npos, resumed = 0;
  while (at < text.size()) {
    if (in < pattern.size() && pattern[in] == '*') {
      star = in++;
      resumed = at;
    } else if (in < pattern.size() && pattern[in] == '?') {
      ++in;
      at = next_character(text, at);
    } else if (in < pattern.size() && pattern[in] == text[at]) {
      ++in;
      ++at;
    } else if (star != Bytes::npos) {
      in = star + 1;
      at = resumed = next_character(text, resumed);  // the star takes one more
    } else {
      return false;
    }
  }
  while (in < pattern.size() && pattern[in] == '*') ++in;
  return in == pattern.size();
}

bool NameFilter::admits(Bytes name) const {
  return !any_matches(deny, name) && (allow.empty() || any_matches(allow, name));
}

const NameFilter& NameRules::filter_of(NameKind kind) const {
  switch (kind) {
    case NameKind::tool: break;
    case NameKind::prompt: return prompts;
    case NameKind::resource: return resources;
  }
  return tools;
}

bool NameRules::admits(NameKind kind, Bytes name) const {
  if (!filter_of(kind).admits(name)) return false;
  return kind != NameKind::tool || !tool_set || any_matches(*tool_set, name);
}

std::optional<std::string> NameRules::outward(NameKind kind, Bytes name) const {
  if (!admits(kind, name)) return std::nullopt;
  if (kind != NameKind::tool || renames.empty()) return std::string(name);
  if (auto out = renamed(renames, name)) return out;
  if (bearer_of(renames, name)) return std::nullopt;
  return std::string(name);
}

std::optional<std::string> NameRules::inward(NameKind kind, Bytes shown) const {
  std::string own(shown);
  if (kind == NameKind::tool && !renames.empty()) {
    if (auto bearer = bearer_of(renames, shown)) {
      own = *std::move(bearer);
    } else if (renamed(renames, shown)) {
      return std::nullopt;  // it has another name now
    }
  }
  if (!admits(kind, own)) return std::nullopt;
  return own;
}

bool NameRules::filters(NameKind kind) const {
  return !filter_of(kind).empty() || (kind == NameKind::tool && tool_set);
}

UnmatchedPatterns::UnmatchedPatterns(const NameRules& rules) {
  const auto add = [this](const std::vector<std::string>& patterns) {
    patterns_.insert(patterns_.end(), patterns.begin(), patterns.end());
  };
  add(rules.tools.allow);
  add(rules.tools.deny);
  if (rules.tool_set) add(*rules.tool_set);
  for (const NewName& rename : rules.renames) patterns_.push_back(rename.from);
}

void UnmatchedPatterns::saw(Bytes tool) {
  std::erase_if(patterns_, [tool](const std::string& pattern) { return matches_glob(pattern, tool); });
}

std::vector<std::string> UnmatchedPatterns::take() { return std::exchange(patterns_, {}); }

}  // namespace sluice
