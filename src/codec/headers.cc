// SPDX-License-Identifier: Apache-2.0
#include "codec/headers.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "codec/base64.h"
#include "codec/utf8.h"

namespace sluice {

namespace {

constexpr std::array<bool, 256> tchars = [] {
  std::array<bool, 256> table{};
  for (const char c : Bytes("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

constexpr bool is_field_control(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
}

// Eight bytes at once: not zero when one of them is below 0x20, or is 0x7F; so a tab is suspicious too.
std::uint64_t suspicious_bytes(const char* bytes) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  const std::uint64_t deletes = word ^ ones * 0x7F;
  return (((word - ones * 0x20) & ~word) | ((deletes - ones) & ~deletes)) & ones * 0x80;
}

constexpr Bytes sentinel_begin = "=?base64?";
constexpr Bytes sentinel_end = "?=";

bool looks_mirrored(Bytes value) {
  return value.size() >= sentinel_begin.size() + sentinel_end.size() && value.starts_with(sentinel_begin) &&
         value.ends_with(sentinel_end);
}

// Where a quoted string that begins at text[0] ends, its closing quote included; npos when it does not.
std::size_t quoted_string_size(Bytes text) {
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return Bytes::npos;
}

// RFC 9110 5.6.6: *( OWS ";" OWS [ parameter ] ), parameter = token "=" ( token / quoted-string ).
bool are_parameters(Bytes text) {
  ListReader list(text, ';');
  while (const auto element = list.next()) {
    const std::size_t equals = element->find('=');
    if (equals == Bytes::npos || !is_token(element->substr(0, equals))) return false;
    const Bytes value = element->substr(equals + 1);
    const bool quoted = value.starts_with('"') && quoted_string_size(value) == value.size();
    if (!quoted && !is_token(value)) return false;
  }
  return true;
}

// RFC 9110 12.4.2: "0" or "1" with at most three digits behind a point, in thousandths; -1 for anything else.
int parse_weight(Bytes text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return -1;
  if (text.size() > 1 && text[1] != '.') return -1;
  int weight = (text[0] - '0') * 1000;
  int unit = 100;
  for (const char c : text.substr(text.size() < 2 ? text.size() : 2)) {
    if (c < '0' || c > '9') return -1;
    weight += (c - '0') * unit;
    unit /= 10;
  }
  return weight <= 1000 ? weight : -1;
}

}  // namespace

bool equals_ignoring_case(Bytes a, Bytes b) {
  if (a.size() != b.size()) return false;
  const auto same = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      if (lower(a[i]) != lower(b[i])) return false;
    return true;
  };
  constexpr std::size_t word_size = sizeof(std::uint64_t);
  constexpr std::uint64_t case_bits = 0x2020202020202020;
  std::size_t at = 0;
  for (; at + word_size <= a.size(); at += word_size) {
    std::uint64_t left = 0, right = 0;
    std::memcpy(&left, a.data() + at, word_size);
    std::memcpy(&right, b.data() + at, word_size);
    const std::uint64_t differing = left ^ right;
    if (differing == 0) continue;
    if ((differing & ~case_bits) != 0 || !same(at, at + word_size)) return false;
  }
  return same(at, a.size());
}

const HeaderField* find_header(HeaderFields fields, Bytes name) {
  for (const HeaderField& field : fields)
    if (equals_ignoring_case(field.name, name)) return &field;
  return nullptr;
}

Bytes header_value(HeaderFields fields, Bytes name) {
  const HeaderField* field = find_header(fields, name);
  return field != nullptr ? field->value : Bytes();
}

std::size_t count_headers(HeaderFields fields, Bytes name) {
  std::size_t count = 0;
  for (const HeaderField& field : fields) count += equals_ignoring_case(field.name, name) ? 1 : 0;
  return count;
}

bool is_token(Bytes text) {
  for (const char c : text)
    if (!tchars[static_cast<unsigned char>(c)]) return false;
  return !text.empty();
}

bool is_field_value(Bytes text) {
  if (text.empty()) return true;
  if (is_blank(text.front()) || is_blank(text.back())) return false;
  return !has_field_control(text);
}

bool has_field_control(Bytes text) {
  constexpr std::size_t word_size = sizeof(std::uint64_t);
  if (text.size() < word_size) return std::any_of(text.begin(), text.end(), is_field_control);
  std::size_t at = 0;
  for (; at + 4 * word_size <= text.size(); at += 4 * word_size) {
    const char* words = text.data() + at;
    const std::uint64_t found = suspicious_bytes(words) | suspicious_bytes(words + word_size) |
                                suspicious_bytes(words + 2 * word_size) |
                                suspicious_bytes(words + 3 * word_size);
    if (found != 0) return std::any_of(text.begin(), text.end(), is_field_control);
  }
  // The last word overlaps those before it.
  const std::size_t last = text.size() - word_size;
  for (std::uint64_t found = 0; at < text.size(); at += word_size) {
    found = suspicious_bytes(text.data() + std::min(at, last));
    if (found != 0) return std::any_of(text.begin(), text.end(), is_field_control);
  }
  return false;
}

Bytes trim_blanks(Bytes text) {
  std::size_t begin = 0;
  std::size_t end = text.size();
  while (begin < end && is_blank(text[begin])) ++begin;
  while (begin < end && is_blank(text[end - 1])) --end;
  return text.substr(begin, end - begin);
}

std::optional<Bytes> ListReader::next() {
  while (!rest_.empty()) {
    std::size_t at = 0;
    while (at < rest_.size() && rest_[at] != separator_) {
      const std::size_t quoted = rest_[at] == '"' ? quoted_string_size(rest_.substr(at)) : 1;
      at = quoted == Bytes::npos ? rest_.size() : at + quoted;
    }
    const Bytes element = trim_blanks(rest_.substr(0, at));
    rest_.remove_prefix(at < rest_.size() ? at + 1 : at);
    if (!element.empty()) return element;
  }
  return std::nullopt;
}

bool header_lists(HeaderFields fields, Bytes name, Bytes token) {
  for (const HeaderField& field : fields) {
    if (!equals_ignoring_case(field.name, name)) continue;
    ListReader list(field.value);
    while (const auto element = list.next())
      if (equals_ignoring_case(*element, token)) return true;
  }
  return false;
}

bool MediaType::is(Bytes other_type, Bytes other_subtype) const {
  return equals_ignoring_case(type, other_type) && equals_ignoring_case(subtype, other_subtype);
}

Bytes MediaType::parameter(Bytes name) const {
  ListReader list(parameters, ';');
  while (const auto element = list.next()) {
    const std::size_t equals = element->find('=');
    if (equals == Bytes::npos || !equals_ignoring_case(element->substr(0, equals), name)) continue;
    const Bytes value = element->substr(equals + 1);
    const bool plain = value.size() >= 2 && value.front() == '"' && value.find('\\') == Bytes::npos;
    return plain ? value.substr(1, value.size() - 2) : value;
  }
  return Bytes();
}

std::optional<MediaType> parse_media_type(Bytes text) {
  const std::size_t semicolon = text.find(';');
  const Bytes essence = trim_blanks(text.substr(0, semicolon));
  const std::size_t slash = essence.find('/');
  if (slash == Bytes::npos) return std::nullopt;
  MediaType media;
  media.type = essence.substr(0, slash);
  media.subtype = essence.substr(slash + 1);
  if (!is_token(media.type) || !is_token(media.subtype)) return std::nullopt;
  if (semicolon != Bytes::npos) media.parameters = trim_blanks(text.substr(semicolon + 1));
  if (!are_parameters(media.parameters)) return std::nullopt;
  return media;
}

int accept_quality(HeaderFields fields, Bytes type, Bytes subtype) {
  bool present = false;
  int best_rank = 0;  // 1 "*/*", 2 "type/*", 3 "type/subtype"
  int best_weight = 0;
  for (const HeaderField& field : fields) {
    if (!equals_ignoring_case(field.name, "accept")) continue;
    present = true;
    ListReader list(field.value);
    while (const auto element = list.next()) {
      const auto range = parse_media_type(*element);
      if (!range) continue;
      const int rank = range->is(type, subtype) ? 3 : range->is(type, "*") ? 2 : range->is("*", "*") ? 1 : 0;
      const Bytes q = range->parameter("q");
      const int weight = q.data() == nullptr ? 1000 : parse_weight(q);
      if (rank == 0 || weight < 0) continue;
      if (rank > best_rank || (rank == best_rank && weight > best_weight)) best_weight = weight;
      if (rank > best_rank) best_rank = rank;
    }
  }
  return present ? best_weight : 1000;
}

std::string encode_mirrored(Bytes text) {
  bool plain = !looks_mirrored(text) && trim_blanks(text).size() == text.size();
  for (const char c : text) plain = plain && c >= 0x20 && c < 0x7F;
  if (plain) return std::string(text);
  return std::string(sentinel_begin) + base64_encode(text) + std::string(sentinel_end);
}

std::optional<std::string> decode_mirrored(Bytes value) {
  if (!looks_mirrored(value)) return std::string(value);
  value.remove_prefix(sentinel_begin.size());
  value.remove_suffix(sentinel_end.size());
  auto text = base64_decode(value);
  if (!text || !is_utf8(*text)) return std::nullopt;
  return text;
}

}  // namespace sluice
