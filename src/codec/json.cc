// SPDX-License-Identifier: Apache-2.0
#include "codec/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "codec/json_writer.h"

namespace sluice {
namespace {

const Json& absent() {
  static const Json null;
  return null;
}

// The integer that a double is, if it is one within the type's range. `beyond` is the first power of two
// above it.
template <class I>
std::optional<I> integer_of(double value, double beyond) {
  const double least = std::is_signed_v<I> ? -beyond : 0.0;
  if (!(value >= least && value < beyond) || value != std::trunc(value)) return std::nullopt;
  return static_cast<I>(value);
}

constexpr double two_to_63 = 9223372036854775808.0;
constexpr double two_to_64 = 18446744073709551616.0;

// RFC 8785 §3.2.3. UTF-8 sorts by code point; UTF-16 differs only where a surrogate pair meets U+E000 to
// U+FFFF.
bool utf16_less(std::string_view a, std::string_view b) {
  const std::size_t size = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < size; ++i) {
    const auto x = static_cast<unsigned char>(a[i]);
    const auto y = static_cast<unsigned char>(b[i]);
    if (x == y) continue;
    if (x >= 0xF0 && (y == 0xEE || y == 0xEF)) return true;
    if (y >= 0xF0 && (x == 0xEE || x == 0xEF)) return false;
    return x < y;
  }
  return a.size() < b.size();
}

template <class Less>
std::vector<const JsonMember*> sorted_members(const Json& object, Less less) {
  std::vector<const JsonMember*> sorted;
  sorted.reserve(object.size());
  for (const JsonMember& member : object.members()) sorted.push_back(&member);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [less](const JsonMember* a, const JsonMember* b) { return less(a->name, b->name); });
  return sorted;
}

bool same_members(const Json& a, const Json& b) {
  if (a.size() != b.size()) return false;
  const auto less = [](std::string_view x, std::string_view y) { return x < y; };
  const auto left = sorted_members(a, less);
  const auto right = sorted_members(b, less);
  return std::equal(left.begin(), left.end(), right.begin(), [](const JsonMember* x, const JsonMember* y) {
    return x->name == y->name && x->value == y->value;
  });
}

bool same_numbers(const Json& a, const Json& b) {
  if (a.kind() == b.kind()) {
    if (a.kind() == Json::Kind::real) return *a.as_double() == *b.as_double();
    return a.as_int64() == b.as_int64() && a.as_uint64() == b.as_uint64();
  }
  // Of different kinds only a whole real can equal an integer; `unsigned_integer` is above every `integer`.
  if (const auto x = a.as_int64(); x) return x == b.as_int64();
  const auto x = a.as_uint64();
  return x && x == b.as_uint64();
}

// ECMAScript's Number::toString: digits and the place of the point, from the shortest scientific form.
void append_ecmascript_number(std::string& out, double value) {
  if (value == 0) {
    out.push_back('0');
    return;
  }
  char buffer[32];
  const auto written =
      std::to_chars(buffer, buffer + sizeof buffer, std::fabs(value), std::chars_format::scientific);
  const std::string_view form(buffer, static_cast<std::size_t>(written.ptr - buffer));
  const std::size_t e = form.find('e');
  std::string digits(1, form[0]);
  if (e > 2) digits.append(form.substr(2, e - 2));
  int exponent = 0;
  const std::size_t exponent_at = form[e + 1] == '+' ? e + 2 : e + 1;
  std::from_chars(form.data() + exponent_at, form.data() + form.size(), exponent);
  const int point = exponent + 1;  // digits before the point
  const int count = static_cast<int>(digits.size());
  if (value < 0) out.push_back('-');
  if (count <= point && point <= 21) {
    out.append(digits).append(static_cast<std::size_t>(point - count), '0');
  } else if (0 < point && point <= 21) {
    out.append(digits, 0, static_cast<std::size_t>(point)).push_back('.');
    out.append(digits, static_cast<std::size_t>(point));
  } else if (-6 < point && point <= 0) {
    out.append("0.").append(static_cast<std::size_t>(-point), '0').append(digits);
  } else {
    out.push_back(digits[0]);
    if (count > 1) out.append(".").append(digits, 1);
    out.append(exponent > 0 ? "e+" : "e-").append(std::to_string(exponent > 0 ? exponent : -exponent));
  }
}

void append_scalar(std::string& out, const Json& json) {
  switch (json.kind()) {
    case Json::Kind::boolean: out.append(*json.as_bool() ? "true" : "false"); break;
    case Json::Kind::integer: append_json_integer(out, *json.as_int64()); break;
    case Json::Kind::unsigned_integer: append_json_integer(out, *json.as_uint64()); break;
    case Json::Kind::real: append_json_double(out, *json.as_double()); break;
    case Json::Kind::string: append_json_string(out, *json.as_string()); break;
    default: out.append("null");
  }
}

void append_canonical(std::string& out, const Json& json) {
  char separator = 0;
  const auto separate = [&] {
    if (separator != 0) out.push_back(separator);
    separator = ',';
  };
  if (json.is_object()) {
    out.push_back('{');
    for (const JsonMember* member : sorted_members(json, utf16_less)) {
      separate();
      append_json_string(out, member->name);
      out.push_back(':');
      append_canonical(out, member->value);
    }
    out.push_back('}');
  } else if (json.is_array()) {
    out.push_back('[');
    for (const Json& item : json.items()) {
      separate();
      append_canonical(out, item);
    }
    out.push_back(']');
  } else if (json.kind() == Json::Kind::real) {
    append_ecmascript_number(out, *json.as_double());
  } else {
    append_scalar(out, json);
  }
}

void append_pretty(std::string& out, const Json& json, std::size_t level) {
  if (json.empty()) return json.append_to(out);
  const auto line = [&out](std::size_t depth) { out.append("\n").append(2 * depth, ' '); };
  bool first = true;
  const auto item = [&](const Json& value, const std::string* name) {
    if (!first) out.push_back(',');
    first = false;
    line(level + 1);
    if (name != nullptr) {
      append_json_string(out, *name);
      out.append(": ");
    }
    append_pretty(out, value, level + 1);
  };
  out.push_back(json.is_object() ? '{' : '[');
  for (const Json& value : json.items()) item(value, nullptr);
  for (const JsonMember& member : json.members()) item(member.value, &member.name);
  line(level);
  out.push_back(json.is_object() ? '}' : ']');
}

}  // namespace

Json::Json() : held_(nullptr) {}
Json::Json(std::nullptr_t) : held_(nullptr) {}
Json::Json(const Json&) = default;
// What was moved from is null: a moved-from variant would keep an empty string or array.
Json::Json(Json&& other) noexcept : held_(std::move(other.held_)) { other.held_.emplace<std::nullptr_t>(); }
Json& Json::operator=(const Json& other) {
  if (this != &other) *this = Json(other);  // the copy first: `other` may be a part of this
  return *this;
}
Json& Json::operator=(Json&& other) noexcept {
  if (this != &other) {
    Json taken(std::move(other));
    held_.swap(taken.held_);
  }
  return *this;
}
Json::~Json() = default;

Json::Json(double value) : held_(nullptr) {
  if (std::isfinite(value)) held_ = value;
}
Json::Json(std::string value) : held_(std::move(value)) {}
Json::Json(std::string_view value) : held_(std::string(value)) {}
Json::Json(const char* value) : held_(std::string(value)) {}

void Json::set_bool(bool value) { held_ = value; }
void Json::set_signed(std::int64_t value) { held_ = value; }
void Json::set_unsigned(std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    held_ = static_cast<std::int64_t>(value);
  } else {
    held_ = value;
  }
}

Json Json::object() {
  Json json;
  json.held_.emplace<Object>();
  return json;
}
Json Json::object(std::initializer_list<JsonMember> members) {
  Json json = object();
  for (const JsonMember& member : members) json.set(member.name, member.value);
  return json;
}
Json Json::array() {
  Json json;
  json.held_.emplace<Array>();
  return json;
}
Json Json::array(std::initializer_list<Json> items) {
  Json json;
  json.held_.emplace<Array>(items);
  return json;
}

std::string Json::dump() const {
  std::string out;
  append_to(out);
  return out;
}

void Json::append_to(std::string& out) const {
  if (const Array* const array = as_array()) {
    out.push_back('[');
    for (const Json& item : *array) {
      if (&item != array->data()) out.push_back(',');
      item.append_to(out);
    }
    out.push_back(']');
  } else if (const Object* const object = as_object()) {
    out.push_back('{');
    for (const JsonMember& member : *object) {
      if (&member != object->data()) out.push_back(',');
      append_json_string(out, member.name);
      out.push_back(':');
      member.value.append_to(out);
    }
    out.push_back('}');
  } else {
    append_scalar(out, *this);
  }
}

std::string Json::pretty() const {
  std::string out;
  append_pretty(out, *this, 0);
  return out;
}

Json::Kind Json::kind() const { return static_cast<Kind>(held_.index()); }

std::optional<bool> Json::as_bool() const {
  if (const bool* const flag = std::get_if<bool>(&held_)) return *flag;
  return std::nullopt;
}

std::optional<std::int64_t> Json::as_int64() const {
  if (const auto* const integer = std::get_if<std::int64_t>(&held_)) return *integer;
  if (const double* const real = std::get_if<double>(&held_))
    return integer_of<std::int64_t>(*real, two_to_63);
  return std::nullopt;
}

std::optional<std::uint64_t> Json::as_uint64() const {
  if (const auto* const natural = std::get_if<std::uint64_t>(&held_)) return *natural;
  if (const auto* const integer = std::get_if<std::int64_t>(&held_); integer != nullptr && *integer >= 0) {
    return static_cast<std::uint64_t>(*integer);
  }
  if (const double* const real = std::get_if<double>(&held_))
    return integer_of<std::uint64_t>(*real, two_to_64);
  return std::nullopt;
}

std::optional<double> Json::as_double() const {
  if (const double* const real = std::get_if<double>(&held_)) return *real;
  if (const auto* const integer = std::get_if<std::int64_t>(&held_)) return static_cast<double>(*integer);
  if (const auto* const natural = std::get_if<std::uint64_t>(&held_)) return static_cast<double>(*natural);
  return std::nullopt;
}

const std::string* Json::as_string() const { return std::get_if<std::string>(&held_); }
const Json::Array* Json::as_array() const { return std::get_if<Array>(&held_); }
const Json::Object* Json::as_object() const { return std::get_if<Object>(&held_); }
std::string* Json::as_string() { return std::get_if<std::string>(&held_); }
Json::Array* Json::as_array() { return std::get_if<Array>(&held_); }
Json::Object* Json::as_object() { return std::get_if<Object>(&held_); }

std::string_view Json::string_or(std::string_view other) const {
  const std::string* const string = as_string();
  return string != nullptr ? std::string_view(*string) : other;
}

const Json* Json::find(std::string_view name) const {
  for (const JsonMember& member : members()) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

Json* Json::find(std::string_view name) { return const_cast<Json*>(std::as_const(*this).find(name)); }

const Json& Json::operator[](std::string_view name) const {
  const Json* const value = find(name);
  return value != nullptr ? *value : absent();
}

const Json& Json::operator[](std::size_t index) const {
  const Array* const array = as_array();
  return array != nullptr && index < array->size() ? (*array)[index] : absent();
}

const Json* Json::at(std::string_view pointer) const {
  const Json* here = this;
  while (!pointer.empty()) {
    if (pointer.front() != '/') return nullptr;
    pointer.remove_prefix(1);
    std::string token(pointer.substr(0, pointer.find('/')));
    pointer.remove_prefix(token.size());
    if (here->is_array()) {
      std::size_t index = 0;
      const char* const end = token.data() + token.size();
      const auto read = std::from_chars(token.data(), end, index);
      const bool plain = read.ec == std::errc() && read.ptr == end && (token.size() == 1 || token[0] != '0');
      if (!plain || index >= here->size()) return nullptr;
      here = &here->items()[index];
      continue;
    }
    for (std::size_t tilde = 0; (tilde = token.find('~', tilde)) != std::string::npos; ++tilde) {
      const char code = tilde + 1 < token.size() ? token[tilde + 1] : '\0';
      if (code != '0' && code != '1') return nullptr;
      token.replace(tilde, 2, 1, code == '0' ? '~' : '/');
    }
    here = here->find(token);
    if (here == nullptr) return nullptr;
  }
  return here;
}

Result<const Json*> Json::require(std::string_view name) const {
  if (const Json* const value = find(name)) return value;
  if (!is_object()) {
    return Error(Errc::invalid, "an object with the member \"" + std::string(name) + "\" is expected");
  }
  return Error(Errc::not_found, "the member \"" + std::string(name) + "\" is missing");
}

const Json::Array& Json::items() const& {
  static const Array none;
  const Array* const array = as_array();
  return array != nullptr ? *array : none;
}

const Json::Object& Json::members() const& {
  static const Object none;
  const Object* const object = as_object();
  return object != nullptr ? *object : none;
}

Json::Array Json::items() && {
  Array* const array = as_array();
  return array != nullptr ? std::move(*array) : Array();
}

Json::Object Json::members() && {
  Object* const object = as_object();
  return object != nullptr ? std::move(*object) : Object();
}

std::size_t Json::size() const { return is_array() ? items().size() : members().size(); }

Json& Json::set(std::string_view name, Json value) {
  if (!is_object()) *this = object();
  if (Json* const old = find(name)) {
    *old = std::move(value);
    return *old;
  }
  Object& object = *as_object();
  object.push_back(JsonMember{std::string(name), std::move(value)});
  return object.back().value;
}

bool Json::erase(std::string_view name) {
  Object* const object = as_object();
  if (object == nullptr) return false;
  const auto member =
      std::find_if(object->begin(), object->end(), [name](const JsonMember& m) { return m.name == name; });
  if (member == object->end()) return false;
  object->erase(member);
  return true;
}

Json& Json::push_back(Json value) {
  if (!is_array()) *this = array();
  Array& array = *as_array();
  array.push_back(std::move(value));
  return array.back();
}

bool Json::equals(const Json& other) const {
  if (is_number() && other.is_number()) return same_numbers(*this, other);
  if (kind() != other.kind()) return false;
  switch (kind()) {
    case Kind::boolean: return *as_bool() == *other.as_bool();
    case Kind::string: return *as_string() == *other.as_string();
    case Kind::array: return items() == other.items();
    case Kind::object: return same_members(*this, other);
    default: return true;
  }
}

std::string canonical_json(const Json& json) {
  std::string out;
  append_canonical(out, json);
  return out;
}

}  // namespace sluice
