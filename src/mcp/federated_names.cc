// SPDX-License-Identifier: Apache-2.0
#include "mcp/federated_names.h"

#include <algorithm>
#include <string_view>

#include "crypto/digest.h"

namespace sluice {

namespace {

constexpr std::string_view separator = "__";
constexpr std::size_t digits = 10;
constexpr std::size_t prefix_bytes_max = 30;  // without the separator
constexpr std::size_t scheme_digits = 8;

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool is_name_char(char c) { return is_alnum(c) || c == '_' || c == '-' || c == '.'; }
bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
bool is_plain(Bytes text) { return std::all_of(text.begin(), text.end(), is_name_char); }

std::string hash_of(Bytes upstream, Bytes name, std::size_t count) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string both(upstream);
  both.append(1, '\0').append(name);
  const Digest digest = sha256(both);
  std::string out;
  for (const char c : digest_view(digest)) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(hex[byte >> 4]);
    out.push_back(hex[byte & 15]);
    if (out.size() >= count) break;
  }
  out.resize(count);
  return out;
}

bool looks_shortened(Bytes text) {
  if (text.size() <= digits) return false;
  const Bytes end = text.substr(text.size() - digits);
  return text[text.size() - digits - 1] == '_' && std::all_of(end.begin(), end.end(), is_hex);
}

// What may stand in a name, with no two underscores in a row and none at the ends: so that a shortened name
// has no separator but its own.
std::string cleaned(Bytes name, std::size_t bytes_max) {
  std::string out;
  for (const char c : name) {
    if (out.size() >= bytes_max) break;
    const char kept = is_name_char(c) ? c : '_';
    if (kept == '_' && (out.empty() || out.back() == '_')) continue;
    out.push_back(kept);
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  return out.empty() ? "x" : out;
}

std::string prefix_of(Bytes upstream) {
  if (upstream.size() <= prefix_bytes_max && is_plain(upstream)) return std::string(upstream);
  return cleaned(upstream, prefix_bytes_max - digits - 1) + "_" + hash_of(upstream, "", digits);
}

// A scheme has no underscore and its letters are small.
std::string scheme_of(Bytes upstream) {
  std::string label;
  for (const char c : upstream.substr(0, prefix_bytes_max)) {
    const bool is_kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    label.push_back(is_kept ? c : '-');
  }
  if (label != upstream) label += "." + hash_of(upstream, "", scheme_digits);
  return "gw+" + label + ":";
}

}  // namespace

FederatedNames::FederatedNames(const std::vector<std::string>& upstreams, const FederationLimits& limits)
    : names_max_(limits.names_max), upstreams_(upstreams) {
  for (const std::string& upstream : upstreams)
    prefixes_.push_back(prefix_of(upstream) + std::string(separator));
}

// The longest prefix decides, so that every text has one reading.
std::optional<std::size_t> FederatedNames::owner(Bytes text) const {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < prefixes_.size(); ++i) {
    if (!text.starts_with(prefixes_[i])) continue;
    if (!found || prefixes_[i].size() > prefixes_[*found].size()) found = i;
  }
  return found;
}

std::string FederatedNames::shortened(std::size_t upstream, Bytes name) const {
  const std::string& prefix = prefixes_[upstream];
  const std::size_t room = federated_name_bytes_max - prefix.size() - digits - 1;
  return prefix + cleaned(name, room) + "_" + hash_of(upstreams_[upstream], name, digits);
}

FederatedNames::Outward FederatedNames::outward(std::size_t upstream, Bytes name) {
  if (upstreams_.size() == 1) return {std::string(name), false};
  std::string plain = prefixes_[upstream] + std::string(name);
  const bool fits = !name.empty() && plain.size() <= federated_name_bytes_max && is_plain(name);
  const bool is_anothers = fits && owner(plain) != upstream;
  if (fits && !is_anothers && !looks_shortened(plain)) return {std::move(plain), false};
  Outward out{shortened(upstream, name), false};
  if (shortened_.contains(out.text) || name.size() > federated_table_bytes_max) return out;
  if (shortened_.size() >= names_max_ || bytes_ + name.size() > federated_table_bytes_max) {
    shortened_.clear();
    bytes_ = 0;
  }
  shortened_.emplace(out.text, name);
  bytes_ += name.size();
  out.is_collision = is_anothers;
  return out;
}

std::optional<FederatedNames::Inward> FederatedNames::inward(Bytes text) const {
  if (upstreams_.size() == 1) return Inward{0, std::string(text)};
  const auto upstream = owner(text);
  if (!upstream) return std::nullopt;
  if (looks_shortened(text)) {
    const auto known = shortened_.find(std::string(text));
    if (known == shortened_.end()) return Inward{*upstream, std::nullopt};
    return Inward{*upstream, known->second};
  }
  const Bytes name = text.substr(prefixes_[*upstream].size());
  if (name.empty()) return std::nullopt;
  return Inward{*upstream, std::string(name)};
}

FederatedUris::FederatedUris(const std::vector<std::string>& upstreams, const FederationLimits& limits)
    : limits_(limits) {
  for (const std::string& upstream : upstreams) schemes_.push_back(scheme_of(upstream));
}

std::optional<std::size_t> FederatedUris::wrapper(Bytes uri) const {
  for (std::size_t i = 0; i < schemes_.size(); ++i)
    if (uri.starts_with(schemes_[i])) return i;
  return std::nullopt;
}

std::string FederatedUris::outward(std::size_t upstream, Bytes uri) {
  std::string text(uri);
  if (schemes_.size() == 1) return text;
  if (!wrapper(uri)) {
    const auto owner = owners_.find(text);
    if (owner != owners_.end() && owner->second == upstream) return text;
    const bool fits = owners_.size() < limits_.uris_max && uri.size() <= limits_.uri_bytes_max &&
                      bytes_ + uri.size() <= federated_table_bytes_max;
    if (owner == owners_.end() && fits) {
      owners_.emplace(text, upstream);
      bytes_ += text.size();
      return text;
    }
  }
  return schemes_[upstream] + text;
}

std::string FederatedUris::outward_template(std::size_t upstream, Bytes uri_template) {
  if (schemes_.size() == 1) return std::string(uri_template);
  const bool is_new = !owners_.contains(std::string(uri_template));
  std::string out = outward(upstream, uri_template);
  if (is_new && out == uri_template && templates_.size() < limits_.templates_max)
    if (auto parsed = UriTemplate::parse(uri_template); parsed)
      templates_.emplace_back(*std::move(parsed), upstream);
  return out;
}

FederatedUris::Inward FederatedUris::inward(Bytes uri) const {
  if (schemes_.size() == 1) return {0, std::string(uri)};
  if (const auto upstream = wrapper(uri))
    return {upstream, std::string(uri.substr(schemes_[*upstream].size()))};
  Inward in{std::nullopt, std::string(uri)};
  if (const auto owner = owners_.find(in.uri); owner != owners_.end()) {
    in.upstream = owner->second;
    return in;
  }
  for (const auto& [uri_template, upstream] : templates_) {
    if (!uri_template.match(uri)) continue;
    in.upstream = upstream;
    break;
  }
  return in;
}

}  // namespace sluice
