// SPDX-License-Identifier: Apache-2.0
#include "gateway/definition_guard.h"

#include <algorithm>

#include "codec/json_scan.h"
#include "crypto/digest.h"
#include "mcp/hidden_text.h"

namespace sluice {

namespace {

// Whether a definition's JSON can hold a character that nobody sees; most cannot, and are not looked into.
bool may_hide(Bytes definition) {
  for (std::size_t i = 0; i < definition.size(); ++i) {
    const auto c = static_cast<unsigned char>(definition[i]);
    if (c >= 0x7F) return true;
    if (c == '\\' && i + 1 < definition.size() && Bytes("ubf").find(definition[i + 1]) != Bytes::npos)
      return true;
  }
  return false;
}

std::string short_for(Bytes text) {
  const Digest digest = sha256(text);
  return std::string(digest_view(digest));
}

// In all strings of a JSON text, names of members included.
std::optional<HiddenText> find_hidden_text_in_strings(Bytes text) {
  for (std::size_t begin = text.find('"'); begin != Bytes::npos;) {
    std::size_t end = begin + 1;
    while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2U : 1U;
    if (end >= text.size()) break;
    std::string decoded;
    if (decode_json_string(text.substr(begin, end + 1 - begin), decoded))
      if (auto found = find_hidden_text(decoded)) return found;
    begin = text.find('"', end + 1);
  }
  return std::nullopt;
}

}  // namespace

DefinitionGuard::DefinitionGuard(Log& log, Metrics& metrics, std::shared_ptr<const ToolPins> pins,
                                 std::vector<GuardedUpstream> upstreams, const FederationLimits& limits)
    : log_(log),
      changed_(metrics.counters("sluice_tool_definitions_not_accepted_total",
                                "Definitions of tools that are not the accepted ones.",
                                {"upstream", "state"})),
      hidden_(metrics.counters("sluice_tool_definitions_hidden_text_total",
                               "Definitions of tools that have text which people do not see.",
                               {"upstream", "state"})),
      pins_(std::move(pins)),
      upstreams_(std::move(upstreams)),
      limits_(limits),
      known_(upstreams_.size()) {}

bool DefinitionGuard::withholds(std::size_t upstream) const {
  const DefinitionRules& rules = upstreams_[upstream].rules;
  return rules.pin == Vigilance::quarantine || rules.hidden_text == Vigilance::quarantine;
}

void DefinitionGuard::complain(std::size_t upstream, const std::string& tool, const std::string& digest,
                               std::string_view what, std::string_view detail,
                               const Family<Counter>& counters, Vigilance vigilance) {
  if (told_.size() >= limits_.reported_tools_max) told_.clear();
  const std::string& name = upstreams_[upstream].name;
  std::string key = name;
  key.append(1, '\n').append(tool).append(1, '\n').append(what).append(digest);
  if (!told_.insert(short_for(key)).second) return;
  counters.with(name, what).add();
  log_.warning(vigilance == Vigilance::quarantine ? "a tool is left out for its definition"
                                                  : "a tool's definition needs a look")
      .field("upstream", name)
      .field("tool", tool)
      .field("why", what)
      .field("detail", detail)
      .field("digest", digest);
}

bool DefinitionGuard::admits(std::size_t upstream, Bytes tool, Bytes definition) {
  const DefinitionRules& rules = upstreams_[upstream].rules;
  const bool is_pinned = rules.pin != Vigilance::ignore;
  const bool is_read = is_pinned || (rules.hidden_text != Vigilance::ignore && may_hide(definition));
  bool is_admitted = true;
  const std::string name(tool);
  if (is_read) {
    const auto json = Json::parse(definition);
    // Members that occur twice are in no tree.
    const std::string digest = json ? definition_digest(*json) : digest_hex(sha256(definition));
    const auto hidden = rules.hidden_text == Vigilance::ignore ? std::nullopt
                        : json                                 ? find_hidden_text_in(*json)
                                                               : find_hidden_text_in_strings(definition);
    const auto verdict =
        is_pinned ? pins_->judge(upstreams_[upstream].name, name, digest) : ToolPins::Verdict::same;
    if (hidden)
      complain(upstream, name, digest, "hidden_text", hidden->describe(), hidden_, rules.hidden_text);
    if (verdict == ToolPins::Verdict::changed)
      complain(upstream, name, digest, "changed", "it is not what was accepted", changed_, rules.pin);
    if (verdict == ToolPins::Verdict::unpinned)
      complain(upstream, name, digest, "new", "it was never accepted", changed_, rules.pin);
    const bool is_wrong = verdict != ToolPins::Verdict::same;
    is_admitted = !(hidden && rules.hidden_text == Vigilance::quarantine) &&
                  !(is_wrong && rules.pin == Vigilance::quarantine);
  }
  if (withholds(upstream)) {
    auto& known = known_[upstream];
    if (known.size() >= limits_.names_max) known.clear();
    known[short_for(tool)] = is_admitted;
  }
  return is_admitted;
}

std::optional<bool> DefinitionGuard::admits(std::size_t upstream, const std::string& tool) const {
  if (!withholds(upstream)) return true;
  const auto known = known_[upstream].find(short_for(tool));
  return known == known_[upstream].end() ? std::nullopt : std::optional(known->second);
}

}  // namespace sluice
