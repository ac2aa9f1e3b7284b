// SPDX-License-Identifier: Apache-2.0
#include "mcp/uri_template.h"

#include <algorithm>

namespace sluice {

namespace {

constexpr Bytes reserved_characters = ":/?#[]@!$&'()*+,;=";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_unreserved(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
bool is_reserved(char c) { return reserved_characters.find(c) != Bytes::npos; }
bool is_non_ascii(char c) { return static_cast<unsigned char>(c) >= 0x80; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_triplet(Bytes text, std::size_t at) {
  return at + 2 < text.size() && text[at] == '%' && hex_digit(text[at + 1]) >= 0 &&
         hex_digit(text[at + 2]) >= 0;
}

// How long the unit at `at` is that a variable may match: a character or a triplet; 0 for none.
std::size_t unit_at(Bytes text, std::size_t at, bool reserved) {
  const char c = text[at];
  if (is_triplet(text, at)) return 3;
  return is_unreserved(c) || is_non_ascii(c) || (reserved && is_reserved(c)) ? 1 : 0;
}

// RFC 6570 3.2.1: with `reserved`, reserved characters and triplets stay as they are.
void append_encoded(std::string& out, Bytes value, bool reserved) {
  constexpr Bytes digits = "0123456789ABCDEF";
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (is_unreserved(c) || (reserved && (is_reserved(c) || is_triplet(value, i)))) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(digits[byte >> 4]);
    out.push_back(digits[byte & 15]);
  }
}

std::string decode(Bytes text) {
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_triplet(text, i)) {
      value.push_back(text[i]);
      continue;
    }
    value.push_back(static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
    i += 2;
  }
  return value;
}

// RFC 6570 2.3, and "-", which people write.
bool is_name(Bytes name) {
  if (name.empty() || name.front() == '.' || name.back() == '.') return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '%' && !is_triplet(name, i)) return false;
    if (!is_alpha(c) && !is_digit(c) && c != '_' && c != '-' && c != '.' && c != '%') return false;
  }
  return true;
}

Error broken(std::string_view what, std::size_t offset) {
  return Error(Errc::invalid, "URI template: " + std::string(what) + " at byte " + std::to_string(offset));
}

}  // namespace

Result<UriTemplate> UriTemplate::parse(Bytes text) {
  if (text.size() > uri_template_bytes_max)
    return Error(Errc::too_large,
                 "URI template: longer than " + std::to_string(uri_template_bytes_max) + " bytes");
  UriTemplate made;
  made.text_ = std::string(text);
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t brace = std::min(text.find_first_of("{}", at), text.size());
    if (brace > at) {
      // Literals are matched as they are expanded: encoded.
      std::string literal;
      append_encoded(literal, text.substr(at, brace - at), true);
      made.parts_.push_back({Part::Kind::literal, std::move(literal)});
    }
    if (brace == text.size()) break;
    if (text[brace] == '}') return broken("a brace that was not opened", brace);
    const std::size_t end = text.find('}', brace);
    if (end == Bytes::npos) return broken("a brace that is not closed", brace);
    if (Status status = made.parse_expression(text.substr(brace + 1, end - brace - 1), brace); !status)
      return status.error();
    at = end + 1;
  }
  return made;
}

Status UriTemplate::parse_expression(Bytes inside, std::size_t offset) {
  if (inside.empty()) return broken("an empty expression", offset);
  Part::Kind kind = Part::Kind::simple;
  bool fragment = false;
  if (inside.front() == '+' || inside.front() == '#') {
    kind = Part::Kind::reserved;
    fragment = inside.front() == '#';
    inside.remove_prefix(1);
  } else if (Bytes("./;?&=,!@|").find(inside.front()) != Bytes::npos) {
    return broken("an operator that is not supported", offset);
  }
  ++expressions_;
  while (true) {
    const std::size_t comma = std::min(inside.find(','), inside.size());
    const Bytes name = inside.substr(0, comma);
    if (name.find_first_of("*:") != Bytes::npos) return broken("a modifier that is not supported", offset);
    if (!is_name(name)) return broken("a name that is none", offset);
    for (const Part& part : parts_)
      if (part.kind != Part::Kind::literal && part.text == name)
        return broken("a name that occurs twice", offset);
    parts_.push_back({kind, std::string(name), expressions_, fragment});
    fragment = false;
    if (variables().size() > uri_template_variables_max) return broken("too many variables", offset);
    if (comma == inside.size()) return {};
    inside.remove_prefix(comma + 1);
  }
}

std::vector<std::string> UriTemplate::variables() const {
  std::vector<std::string> names;
  for (const Part& part : parts_)
    if (part.kind != Part::Kind::literal) names.push_back(part.text);
  return names;
}

std::string UriTemplate::expand(const Values& values) const {
  std::string uri;
  std::size_t expression = 0;  // of the last variable written
  bool fragment = false;       // the current expression begins with "#"
  for (const Part& part : parts_) {
    if (part.kind == Part::Kind::literal) {
      uri.append(part.text);
      continue;
    }
    if (part.fragment) fragment = true;
    const auto value = std::find_if(values.begin(), values.end(),
                                    [&part](const auto& pair) { return pair.first == part.text; });
    if (value == values.end()) continue;
    if (expression == part.expression) {
      uri.push_back(',');
    } else if (fragment) {
      uri.push_back('#');
    }
    fragment = false;
    expression = part.expression;
    append_encoded(uri, value->second, part.kind == Part::Kind::reserved);
  }
  return uri;
}

std::optional<UriTemplate::Values> UriTemplate::match(Bytes uri) const {
  if (uri.size() > matched_uri_bytes_max) return std::nullopt;

  // What must be there in order: literals, variables, and what stands between the variables of one
  // expression.
  struct Want {
    const Part* variable = nullptr;  // null for a literal
    Bytes literal;
  };
  std::vector<Want> wants;
  std::size_t expression = 0;
  for (const Part& part : parts_) {
    if (part.kind == Part::Kind::literal) {
      wants.push_back({nullptr, part.text});
      continue;
    }
    if (part.fragment) {
      wants.push_back({nullptr, "#"});
    } else if (part.expression == expression) {
      wants.push_back({nullptr, ","});
    }
    expression = part.expression;
    wants.push_back({&part, {}});
  }

  // fits[i][p]: the wants from i on match the URI from p on. Filled from the end, so that the walk forward
  // below never takes a step that it would have to take back.
  const std::size_t end = uri.size();
  std::vector<std::vector<bool>> fits(wants.size() + 1, std::vector<bool>(end + 1));
  fits[wants.size()][end] = true;
  for (std::size_t i = wants.size(); i-- > 0;) {
    const Want& want = wants[i];
    for (std::size_t p = end + 1; p-- > 0;) {
      if (want.variable == nullptr) {
        const std::size_t after = p + want.literal.size();
        fits[i][p] = after <= end && fits[i + 1][after] && uri.substr(p, want.literal.size()) == want.literal;
      } else if (p < end) {
        const std::size_t unit = unit_at(uri, p, want.variable->kind == Part::Kind::reserved);
        fits[i][p] = unit != 0 && (fits[i + 1][p + unit] || fits[i][p + unit]);
      }
    }
  }
  if (!fits[0][0]) return std::nullopt;

  Values values;
  std::size_t p = 0;
  for (std::size_t i = 0; i < wants.size(); ++i) {
    const Want& want = wants[i];
    if (want.variable == nullptr) {
      p += want.literal.size();
      continue;
    }
    const bool reserved = want.variable->kind == Part::Kind::reserved;
    std::size_t after = p + unit_at(uri, p, reserved);
    while (!fits[i + 1][after]) after += unit_at(uri, after, reserved);
    values.emplace_back(want.variable->text, decode(uri.substr(p, after - p)));
    p = after;
  }
  return values;
}

}  // namespace sluice
