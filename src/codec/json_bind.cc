// SPDX-License-Identifier: Apache-2.0
// The untyped half of struct binding: places, bounds, and the pieces of schemas.
#include "codec/json_bind.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace sluice {

std::string JsonPlace::pointer() const {
  if (above == nullptr) return {};
  std::string text = above->pointer() + "/";
  if (is_item) return text + std::to_string(index);
  for (const char c : name) {
    if (c == '~') {
      text += "~0";
    } else if (c == '/') {
      text += "~1";
    } else {
      text += c;
    }
  }
  return text;
}

bool BindFailure::at(const JsonPlace& place, std::string_view what) {
  const std::string pointer = place.pointer();
  message_ = pointer.empty() ? std::string(what) : pointer + ": " + std::string(what);
  return false;
}

bool SchemaMaker::begin(const void* tag, std::string_view name) {
  for (const Open& open : open_)
    if (open.tag == tag) return false;
  open_.push_back(Open{tag, name});
  return true;
}

Json SchemaMaker::reference(const void* tag) {
  for (std::size_t i = 0; i < open_.size(); ++i) {
    if (open_[i].tag != tag) continue;
    open_[i].referred = true;
    if (i == 0) return Json::object({{"$ref", "#"}});
    return Json::object({{"$ref", "#/$defs/" + std::string(open_[i].name)}});
  }
  return Json::object();
}

Json SchemaMaker::end(const void* tag, Json schema) {
  const Open done = open_.back();
  open_.pop_back();
  if (done.tag != tag || !done.referred || open_.empty()) return schema;
  definitions_.set(done.name, std::move(schema));
  return Json::object({{"$ref", "#/$defs/" + std::string(done.name)}});
}

Json SchemaMaker::finish(Json root) {
  if (!definitions_.empty()) root.set("$defs", std::move(definitions_));
  return root;
}

bool Binding<bool>::read(const Json& json, bool& value, const JsonPlace& place, BindFailure& failure) {
  const auto flag = json.as_bool();
  if (!flag) return failure.at(place, "expected true or false");
  value = *flag;
  return true;
}

bool Binding<std::string>::read(const Json& json, std::string& value, const JsonPlace& place,
                                BindFailure& failure) {
  const std::string* text = json.as_string();
  if (text == nullptr) return failure.at(place, "expected a string");
  value = *text;
  return true;
}

namespace bind_detail {
namespace {

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", value);
  return text;
}

// The count of characters, not bytes: bytes that do not continue one.
double characters(std::string_view text) {
  return static_cast<double>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string bounds_text(const FieldNotes& notes) {
  if (notes.low && notes.high)
    return "between " + number_text(*notes.low) + " and " + number_text(*notes.high);
  return notes.low ? "at least " + number_text(*notes.low) : "at most " + number_text(*notes.high);
}

// A whole number stays one in the schema.
Json bound(double value) {
  constexpr double exact_max = 9007199254740992.0;
  if (value == std::floor(value) && std::abs(value) <= exact_max)
    return Json(static_cast<std::int64_t>(value));
  return Json(value);
}

}  // namespace

bool check_bounds(const Json& json, const FieldNotes& notes, const JsonPlace& place, BindFailure& failure) {
  if (!notes.low && !notes.high) return true;
  double measure = 0;
  std::string_view verb = "must be ";
  std::string_view unit;
  if (json.is_number()) {
    measure = json.double_or(0);
  } else if (const std::string* text = json.as_string()) {
    measure = characters(*text);
    verb = "must have ";
    unit = " characters";
  } else if (json.is_array()) {
    measure = static_cast<double>(json.size());
    verb = "must have ";
    unit = " items";
  } else {
    return true;
  }
  if ((!notes.low || measure >= *notes.low) && (!notes.high || measure <= *notes.high)) return true;
  return failure.at(place, std::string(verb) + bounds_text(notes) + std::string(unit));
}

void annotate(Json& schema, const FieldNotes& notes) {
  if (!notes.title.empty()) schema.set("title", notes.title);
  if (!notes.text.empty()) schema.set("description", notes.text);
  if (!notes.format.empty()) schema.set("format", notes.format);
  if (!notes.header.empty()) schema.set("x-mcp-header", notes.header);
  const std::string_view type = schema["type"].string_or("");
  std::string_view low = "minimum";
  std::string_view high = "maximum";
  if (type == "string") low = "minLength", high = "maxLength";
  if (type == "array") low = "minItems", high = "maxItems";
  if (notes.low) schema.set(low, bound(*notes.low));
  if (notes.high) schema.set(high, bound(*notes.high));
}

bool read_integer(const Json& json, std::int64_t low, std::uint64_t high, std::int64_t& value,
                  std::uint64_t& large, const JsonPlace& place, BindFailure& failure) {
  if (!json.is_number()) return failure.at(place, "expected an integer");
  if (const auto small = json.as_int64()) {
    if (*small >= low && (*small < 0 || static_cast<std::uint64_t>(*small) <= high)) {
      value = *small;
      return true;
    }
  } else if (const auto big = json.as_uint64()) {
    if (*big <= high) {
      large = *big;
      return true;
    }
  } else if (json.double_or(0) != std::floor(json.double_or(0))) {
    return failure.at(place, "expected an integer");
  }
  return failure.at(place, "must be between " + std::to_string(low) + " and " + std::to_string(high));
}

bool read_double(const Json& json, double& value, const JsonPlace& place, BindFailure& failure) {
  const auto number = json.as_double();
  if (!number) return failure.at(place, "expected a number");
  value = *number;
  return true;
}

void fill_bytes(void* memory, std::size_t bytes, int pattern) {
  static void* (*volatile const fill)(void*, int, std::size_t) = &std::memset;
  fill(memory, pattern, bytes);
}

bool all_bytes_are(const void* memory, std::size_t bytes, int pattern) {
  static void* (*volatile const copy)(void*, const void*, std::size_t) = &std::memcpy;
  std::array<unsigned char, 16> bytes_there{};
  CHECK(bytes <= bytes_there.size());
  copy(bytes_there.data(), memory, bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    if (bytes_there[i] != pattern) return false;
  return true;
}

Json type_schema(std::string_view type) { return Json::object({{"type", type}}); }

Json enum_schema(const std::vector<std::pair<std::string_view, std::string_view>>& names) {
  const bool titled =
      std::any_of(names.begin(), names.end(), [](const auto& one) { return !one.second.empty(); });
  Json values = Json::array();
  for (const auto& one : names) {
    if (titled) {
      values.push_back(
          Json::object({{"const", one.first}, {"title", one.second.empty() ? one.first : one.second}}));
    } else {
      values.push_back(one.first);
    }
  }
  Json schema = type_schema("string");
  schema.set(titled ? "oneOf" : "enum", std::move(values));
  return schema;
}

std::string enum_expectation(const std::vector<std::pair<std::string_view, std::string_view>>& names) {
  std::string text = "expected one of";
  for (const auto& one : names) {
    text += text.back() == 'f' && text.ends_with("one of") ? " \"" : ", \"";
    text += std::string(one.first) + "\"";
  }
  return text;
}

bool check_closed(const Json& json, const std::vector<std::string_view>& names, const JsonPlace& place,
                  BindFailure& failure) {
  for (const JsonMember& member : json.members()) {
    if (std::find(names.begin(), names.end(), member.name) == names.end())
      return failure.at(place.member(member.name), "is not known here");
  }
  return true;
}

}  // namespace bind_detail
}  // namespace sluice
