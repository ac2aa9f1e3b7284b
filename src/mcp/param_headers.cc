// SPDX-License-Identifier: Apache-2.0
#include "mcp/param_headers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "codec/headers.h"

namespace sluice {

namespace {

constexpr Bytes annotation = "x-mcp-header";
constexpr Bytes prefix = "Mcp-Param-";
constexpr std::int64_t integer_max = 9007199254740991;  // 2^53 - 1

// Keywords whose value is a schema, a list of schemas, or schemas by name. Annotations below them are not
// reachable by a path of properties.
constexpr std::array<Bytes, 15> one_schema{"additionalItems",
                                           "additionalProperties",
                                           "contains",
                                           "contentSchema",
                                           "else",
                                           "if",
                                           "items",
                                           "not",
                                           "propertyNames",
                                           "then",
                                           "unevaluatedItems",
                                           "unevaluatedProperties",
                                           "allOf",
                                           "anyOf",
                                           "oneOf"};
constexpr std::array<Bytes, 5> named_schemas{"$defs", "definitions", "dependencies", "dependentSchemas",
                                             "patternProperties"};

template <class List>
bool contains(const List& list, Bytes name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::optional<ParamHeader::Type> type_of(const Json& schema) {
  const std::string_view type = schema["type"].string_or("");
  if (type == "string") return ParamHeader::Type::string;
  if (type == "integer") return ParamHeader::Type::integer;
  if (type == "boolean") return ParamHeader::Type::boolean;
  return std::nullopt;
}

class AnnotationReader {
 public:
  Status read(const Json& schema, bool reachable) {
    if (!schema.is_object()) return {};
    for (const JsonMember& member : schema.members()) {
      Status status;
      if (member.name == annotation) {
        status = take(schema, member.value, reachable);
      } else if (member.name == "properties") {
        status = read_properties(member.value, reachable);
      } else if (member.name == "prefixItems" || contains(one_schema, member.name)) {
        status = read_unreachable(member.value);
      } else if (contains(named_schemas, member.name)) {
        for (const JsonMember& named : member.value.members())
          if (status = read(named.value, false); !status) break;
      }
      if (!status) return status;
    }
    return {};
  }

  std::vector<ParamHeader> found;

 private:
  Status read_properties(const Json& properties, bool reachable) {
    for (const JsonMember& property : properties.members()) {
      path_.push_back(property.name);
      const Status status = read(property.value, reachable);
      path_.pop_back();
      if (!status) return status;
    }
    return {};
  }

  Status read_unreachable(const Json& value) {
    for (const Json& item : value.items())
      if (Status status = read(item, false); !status) return status;
    return read(value, false);
  }

  Status take(const Json& schema, const Json& value, bool reachable) {
    const std::string* name = value.as_string();
    if (name == nullptr || !is_token(*name))
      return Error(Errc::invalid, "x-mcp-header must be a non-empty token of RFC 9110");
    if (!reachable || path_.empty())
      return Error(Errc::invalid, "x-mcp-header " + *name + " is not reachable through properties alone");
    const auto type = type_of(schema);
    if (!type)
      return Error(Errc::invalid,
                   "x-mcp-header " + *name + " is on a type other than string, integer and boolean");
    for (const ParamHeader& other : found)
      if (equals_ignoring_case(Bytes(other.header).substr(prefix.size()), *name))
        return Error(Errc::invalid, "x-mcp-header " + *name + " occurs twice");
    found.push_back(ParamHeader{std::string(prefix) + *name, path_, *type});
    return {};
  }

  std::vector<std::string> path_;
};

// The argument at the annotation's path; null and absent are the same.
const Json* argument_at(const ParamHeader& annotated, const Json& arguments) {
  const Json* value = &arguments;
  for (const std::string& name : annotated.path) {
    value = value->find(name);
    if (value == nullptr) return nullptr;
  }
  return value->is_null() ? nullptr : value;
}

std::optional<std::int64_t> small_integer(const Json& value) {
  const auto integer = value.as_int64();
  return integer && *integer <= integer_max && *integer >= -integer_max ? integer : std::nullopt;
}

// "7", "-7", "7.0" and "7e0" are the same number; nothing for what is no number.
std::optional<double> read_number(Bytes text) {
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The header's text for an argument, not yet encoded; nothing for a value that cannot be mirrored.
std::optional<std::string> mirror(const ParamHeader& annotated, const Json& value) {
  switch (annotated.type) {
    case ParamHeader::Type::string: {
      const std::string* text = value.as_string();
      return text == nullptr ? std::nullopt : std::optional<std::string>(*text);
    }
    case ParamHeader::Type::integer: {
      const auto integer = value.is_number() ? small_integer(value) : std::nullopt;
      return integer ? std::optional<std::string>(std::to_string(*integer)) : std::nullopt;
    }
    case ParamHeader::Type::boolean: {
      const auto flag = value.as_bool();
      return flag ? std::optional<std::string>(*flag ? "true" : "false") : std::nullopt;
    }
  }
  return std::nullopt;
}

bool same_value(const ParamHeader& annotated, const Json& value, const std::string& decoded) {
  const auto expected = mirror(annotated, value);
  if (!expected) return false;
  if (annotated.type != ParamHeader::Type::integer) return *expected == decoded;
  const auto number = read_number(decoded);
  return number && *number == value.as_double().value_or(0);
}

// Of a type that could have been mirrored: what cannot is the schema's business, and has no header.
bool could_be_mirrored(const Json& value) {
  return value.is_string() || value.is_bool() || value.is_number();
}

}  // namespace

Result<std::vector<ParamHeader>> parse_param_headers(const Json& input_schema) {
  AnnotationReader reader;
  if (Status status = reader.read(input_schema, true); !status) return status.error();
  return std::move(reader.found);
}

std::optional<Refusal> check_param_headers(const std::vector<ParamHeader>& annotations, const Json& arguments,
                                           const std::vector<HeaderPair>& headers) {
  for (const ParamHeader& annotated : annotations) {
    const HeaderPair* header = nullptr;
    for (const HeaderPair& candidate : headers) {
      if (!equals_ignoring_case(candidate.name, annotated.header)) continue;
      if (header != nullptr)
        return refusals::header_mismatch("the " + annotated.header + " header occurs twice");
      header = &candidate;
    }
    const Json* value = argument_at(annotated, arguments);
    if (header == nullptr) {
      if (value == nullptr || !could_be_mirrored(*value)) continue;
      return refusals::header_mismatch("the " + annotated.header + " header is required with this argument");
    }
    if (value == nullptr)
      return refusals::header_mismatch("the " + annotated.header + " header has no argument to mirror");
    const auto decoded = decode_mirrored(trim_blanks(header->value));
    if (!decoded)
      return refusals::header_mismatch("the " + annotated.header + " header is not valid base64 of UTF-8");
    if (!same_value(annotated, *value, *decoded))
      return refusals::header_mismatch("the " + annotated.header +
                                       " header is not the value of its argument");
  }
  return std::nullopt;
}

std::vector<HeaderPair> param_headers_for(const std::vector<ParamHeader>& annotations,
                                          const Json& arguments) {
  std::vector<HeaderPair> headers;
  for (const ParamHeader& annotated : annotations) {
    const Json* value = argument_at(annotated, arguments);
    if (value == nullptr) continue;
    if (const auto text = mirror(annotated, *value))
      headers.push_back(HeaderPair{annotated.header, encode_mirrored(*text)});
  }
  return headers;
}

}  // namespace sluice
