// SPDX-License-Identifier: Apache-2.0
#pragma once
// Structs as JSON: reads a Json into a plain struct, writes one from it, and says its JSON Schema (2020-12).
//
//   Result<Trip> trip = from_json<Trip>(json);   // "/nights: must be between 1 and 30"
//   Json json = to_json(*trip);
//   Json schema = json_schema<Trip>();
//
// Knows strings, bool, numbers, enums (by name), optional, vector, std::array, maps by string, variants, Json
// itself and every struct that base/reflect.h takes apart; teach it another type by specialising Binding. A
// field is required unless it is optional, a number, bool or enum with an initialiser, anything else whose
// default is not empty, or says by_default(). Members that are no field are passed over, unless the struct is
// described as closed(). Reading needs T to be default constructible. Any thread.

#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/reflect.h"
#include "base/result.h"
#include "codec/json.h"

namespace sluice {

// Where in the document a reader is: a member or an item of the place above. Lives on the stack.
struct JsonPlace {
  const JsonPlace* above = nullptr;
  std::string_view name;
  std::size_t index = 0;
  bool is_item = false;

  [[nodiscard]] JsonPlace member(std::string_view member_name) const { return {this, member_name, 0, false}; }
  [[nodiscard]] JsonPlace item(std::size_t item_index) const { return {this, {}, item_index, true}; }
  // As an RFC 6901 pointer: "/hotels/0/name", empty for the whole.
  [[nodiscard]] std::string pointer() const;
};

// The first thing that was wrong.
class BindFailure {
 public:
  // Always false, for `return failure.at(place, "expected an integer");`.
  bool at(const JsonPlace& place, std::string_view what);
  [[nodiscard]] const std::string& message() const { return message_; }
  void clear() { message_.clear(); }

 private:
  std::string message_;
};

// The schemas that are being made: one inside itself becomes a reference.
class SchemaMaker {
 public:
  // Begins the schema of the type with this tag. False when it is being made already: then use reference().
  bool begin(const void* tag, std::string_view name);
  [[nodiscard]] Json reference(const void* tag);
  // Ends it; what stands in its place is returned.
  [[nodiscard]] Json end(const void* tag, Json schema);
  // The whole document's schema from its root's.
  [[nodiscard]] Json finish(Json root);

 private:
  struct Open {
    const void* tag;
    std::string_view name;
    bool referred = false;
  };
  std::vector<Open> open_;
  Json definitions_;
};

// How a type is read, written and described:
//   static bool read(const Json&, T&, const JsonPlace&, BindFailure&);
//   static Json write(const T&);
//   static Json schema(SchemaMaker&);
template <class T>
struct Binding;

// A struct, from JSON. The error is Errc::invalid and names the place.
template <class T>
[[nodiscard]] Result<T> from_json(const Json& json) {
  T value{};
  BindFailure failure;
  if (!Binding<T>::read(json, value, JsonPlace{}, failure)) return Error(Errc::invalid, failure.message());
  return value;
}

template <class T>
[[nodiscard]] Json to_json(const T& value) {
  return Binding<T>::write(value);
}

// The JSON Schema of T's JSON, a document of its own.
template <class T>
[[nodiscard]] Json json_schema() {
  SchemaMaker maker;
  return maker.finish(Binding<T>::schema(maker));
}

namespace bind_detail {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
inline constexpr char type_tag = 0;

template <class T>
struct Stripped {
  using type = T;
};
template <class T>
struct Stripped<std::optional<T>> {
  using type = T;
};

// The bounds of `notes` on a value as read: of the number, the characters, the items.
bool check_bounds(const Json& json, const FieldNotes& notes, const JsonPlace& place, BindFailure& failure);
// Adds what `notes` say to the schema of a field.
void annotate(Json& schema, const FieldNotes& notes);
bool read_integer(const Json& json, std::int64_t low, std::uint64_t high, std::int64_t& value,
                  std::uint64_t& large, const JsonPlace& place, BindFailure& failure);
bool read_double(const Json& json, double& value, const JsonPlace& place, BindFailure& failure);
[[nodiscard]] Json type_schema(std::string_view type);
// `{"type":"string","enum":[…]}`, or with titles a oneOf of constants.
[[nodiscard]] Json enum_schema(const std::vector<std::pair<std::string_view, std::string_view>>& names);
[[nodiscard]] std::string enum_expectation(
    const std::vector<std::pair<std::string_view, std::string_view>>& names);
// memset and its opposite, behind pointers that no optimiser follows.
void fill_bytes(void* memory, std::size_t bytes, int pattern);
[[nodiscard]] bool all_bytes_are(const void* memory, std::size_t bytes, int pattern);
// The member names an object may have when its struct is closed.
bool check_closed(const Json& json, const std::vector<std::string_view>& names, const JsonPlace& place,
                  BindFailure& failure);

}  // namespace bind_detail

template <>
struct Binding<Json> {
  static bool read(const Json& json, Json& value, const JsonPlace&, BindFailure&) {
    value = json;
    return true;
  }
  static Json write(const Json& value) { return value; }
  static Json schema(SchemaMaker&) { return Json::object(); }
};

template <>
struct Binding<bool> {
  static bool read(const Json& json, bool& value, const JsonPlace& place, BindFailure& failure);
  static Json write(bool value) { return Json(value); }
  static Json schema(SchemaMaker&) { return bind_detail::type_schema("boolean"); }
};

template <>
struct Binding<std::string> {
  static bool read(const Json& json, std::string& value, const JsonPlace& place, BindFailure& failure);
  static Json write(const std::string& value) { return Json(value); }
  static Json schema(SchemaMaker&) { return bind_detail::type_schema("string"); }
};

template <>
struct Binding<std::monostate> {
  static bool read(const Json& json, std::monostate&, const JsonPlace& place, BindFailure& failure) {
    return json.is_null() || failure.at(place, "expected null");
  }
  static Json write(std::monostate) { return nullptr; }
  static Json schema(SchemaMaker&) { return bind_detail::type_schema("null"); }
};

template <std::integral T>
struct Binding<T> {
  static bool read(const Json& json, T& value, const JsonPlace& place, BindFailure& failure) {
    std::int64_t small = 0;
    std::uint64_t large = 0;
    if (!bind_detail::read_integer(json, static_cast<std::int64_t>(std::numeric_limits<T>::min()),
                                   static_cast<std::uint64_t>(std::numeric_limits<T>::max()), small, large,
                                   place, failure))
      return false;
    value = large != 0 ? static_cast<T>(large) : static_cast<T>(small);
    return true;
  }
  static Json write(T value) { return Json(value); }
  static Json schema(SchemaMaker&) {
    Json schema = bind_detail::type_schema("integer");
    if constexpr (std::is_unsigned_v<T>) schema.set("minimum", 0);
    return schema;
  }
};

template <std::floating_point T>
struct Binding<T> {
  static bool read(const Json& json, T& value, const JsonPlace& place, BindFailure& failure) {
    double number = 0;
    if (!bind_detail::read_double(json, number, place, failure)) return false;
    value = static_cast<T>(number);
    return true;
  }
  static Json write(T value) { return Json(static_cast<double>(value)); }
  static Json schema(SchemaMaker&) { return bind_detail::type_schema("number"); }
};

template <class T>
requires std::is_enum_v<T>
struct Binding<T> {
  static std::vector<std::pair<std::string_view, std::string_view>> names() {
    std::vector<std::pair<std::string_view, std::string_view>> all;
    all.reserve(std::size(enum_names<T>));
    for (const auto& one : enum_names<T>) all.emplace_back(one.name, one.title);
    return all;
  }
  static bool read(const Json& json, T& value, const JsonPlace& place, BindFailure& failure) {
    if (const std::string* text = json.as_string()) {
      for (const auto& one : enum_names<T>) {
        if (one.name != *text) continue;
        value = one.value;
        return true;
      }
    }
    return failure.at(place, bind_detail::enum_expectation(names()));
  }
  static Json write(T value) {
    for (const auto& one : enum_names<T>)
      if (one.value == value) return Json(one.name);
    return nullptr;
  }
  static Json schema(SchemaMaker&) { return bind_detail::enum_schema(names()); }
};

template <class T>
struct Binding<std::optional<T>> {
  static bool read(const Json& json, std::optional<T>& value, const JsonPlace& place, BindFailure& failure) {
    value.reset();
    if (json.is_null()) return true;
    return Binding<T>::read(json, value.emplace(), place, failure);
  }
  static Json write(const std::optional<T>& value) {
    return value ? Binding<T>::write(*value) : Json(nullptr);
  }
  static Json schema(SchemaMaker& maker) { return Binding<T>::schema(maker); }
};

template <class T>
struct Binding<std::vector<T>> {
  static bool read(const Json& json, std::vector<T>& value, const JsonPlace& place, BindFailure& failure) {
    if (!json.is_array()) return failure.at(place, "expected an array");
    value.clear();
    value.reserve(json.size());
    for (std::size_t i = 0; i < json.size(); ++i) {
      T item{};
      if (!Binding<T>::read(json[i], item, place.item(i), failure)) return false;
      value.push_back(std::move(item));
    }
    return true;
  }
  static Json write(const std::vector<T>& value) {
    Json json = Json::array();
    for (const auto& item : value) json.push_back(Binding<T>::write(item));
    return json;
  }
  static Json schema(SchemaMaker& maker) {
    Json schema = bind_detail::type_schema("array");
    Json items = Binding<T>::schema(maker);
    if (Json* choices = items.find("oneOf"); choices != nullptr && std::is_enum_v<T>) {
      items = Json::object({{"anyOf", *choices}});  // how forms ask for several of a titled list
    }
    schema.set("items", std::move(items));
    return schema;
  }
};

template <class T, std::size_t N>
struct Binding<std::array<T, N>> {
  static bool read(const Json& json, std::array<T, N>& value, const JsonPlace& place, BindFailure& failure) {
    if (!json.is_array() || json.size() != N)
      return failure.at(place, "expected an array of " + std::to_string(N) + " items");
    for (std::size_t i = 0; i < N; ++i)
      if (!Binding<T>::read(json[i], value[i], place.item(i), failure)) return false;
    return true;
  }
  static Json write(const std::array<T, N>& value) {
    Json json = Json::array();
    for (const auto& item : value) json.push_back(Binding<T>::write(item));
    return json;
  }
  static Json schema(SchemaMaker& maker) {
    Json schema = bind_detail::type_schema("array");
    schema.set("items", Binding<T>::schema(maker));
    schema.set("minItems", N);
    schema.set("maxItems", N);
    return schema;
  }
};

namespace bind_detail {

template <class Map>
struct MapBinding {
  using T = typename Map::mapped_type;
  static bool read(const Json& json, Map& value, const JsonPlace& place, BindFailure& failure) {
    if (!json.is_object()) return failure.at(place, "expected an object");
    value.clear();
    for (const JsonMember& member : json.members()) {
      T item{};
      if (!Binding<T>::read(member.value, item, place.member(member.name), failure)) return false;
      value.emplace(member.name, std::move(item));
    }
    return true;
  }
  static Json write(const Map& value) {
    Json json = Json::object();
    for (const auto& entry : value) json.set(entry.first, Binding<T>::write(entry.second));
    return json;
  }
  static Json schema(SchemaMaker& maker) {
    Json schema = type_schema("object");
    schema.set("additionalProperties", Binding<T>::schema(maker));
    return schema;
  }
};

}  // namespace bind_detail

template <class T, class Less>
struct Binding<std::map<std::string, T, Less>> : bind_detail::MapBinding<std::map<std::string, T, Less>> {};
template <class T>
struct Binding<std::unordered_map<std::string, T>>
    : bind_detail::MapBinding<std::unordered_map<std::string, T>> {};

// The first alternative that takes the value wins.
template <class... T>
struct Binding<std::variant<T...>> {
  static bool read(const Json& json, std::variant<T...>& value, const JsonPlace& place,
                   BindFailure& failure) {
    std::string reasons;
    const bool taken = (try_one<T>(json, value, place, reasons) || ...);
    return taken || failure.at(place, "fits none of its alternatives (" + reasons + ")");
  }
  static Json write(const std::variant<T...>& value) {
    return std::visit([](const auto& held) { return to_json(held); }, value);
  }
  static Json schema(SchemaMaker& maker) {
    Json all = Json::array();
    (all.push_back(Binding<T>::schema(maker)), ...);
    return Json::object({{"oneOf", std::move(all)}});
  }

 private:
  template <class One>
  static bool try_one(const Json& json, std::variant<T...>& value, const JsonPlace& place,
                      std::string& reasons) {
    One one{};
    BindFailure failure;
    if (!Binding<One>::read(json, one, place, failure)) {
      if (!reasons.empty()) reasons += "; ";
      reasons += failure.message();
      return false;
    }
    value = std::move(one);
    return true;
  }
};

template <Reflected T>
struct Binding<T> {
  static bool read(const Json& json, T& value, const JsonPlace& place, BindFailure& failure) {
    if (!json.is_object()) return failure.at(place, "expected an object");
    bool good = true;
    for_each_index<T>([&](auto index) {
      if (good) good = read_field<index>(json, value, place, failure);
    });
    if constexpr (Documented<T>) {
      if (good && T::doc.is_closed()) good = bind_detail::check_closed(json, names(), place, failure);
    }
    return good;
  }

  static Json write(const T& value) {
    Json json = Json::object();
    for_each_index<T>([&](auto index) {
      using Field = field_type<T, index>;
      const auto& one = std::get<index>(fields_of(value));
      if constexpr (bind_detail::IsOptional<Field>::value) {
        if (!one) return;
      }
      json.set(outer_name<T, index>, Binding<Field>::write(one));
    });
    return json;
  }

  static Json schema(SchemaMaker& maker) {
    const void* tag = &bind_detail::type_tag<T>;
    if (!maker.begin(tag, type_name<T>)) return maker.reference(tag);
    Json schema = bind_detail::type_schema("object");
    if constexpr (Documented<T>) {
      if (!T::doc.text().empty()) schema.set("description", T::doc.text());
    }
    Json properties = Json::object();
    Json required = Json::array();
    for_each_index<T>([&](auto index) { describe_field<index>(maker, properties, required); });
    schema.set("properties", std::move(properties));
    if (!required.empty()) schema.set("required", std::move(required));
    if constexpr (Documented<T>) {
      if (T::doc.is_closed()) schema.set("additionalProperties", false);
    }
    return maker.end(tag, std::move(schema));
  }

  // Turns texts into what the fields want where they want no text ("3" into 3): prompt arguments come as
  // strings.
  static Json coerced(Json json) {
    for_each_index<T>([&](auto index) {
      using Field = typename bind_detail::Stripped<field_type<T, index>>::type;
      if constexpr (!std::is_same_v<Field, std::string> && !std::is_enum_v<Field>) {
        Json* member = json.find(outer_name<T, index>);
        const std::string* text = member == nullptr ? nullptr : member->as_string();
        if (text == nullptr) return;
        if (auto parsed = Json::parse(*text)) *member = std::move(*parsed);
      }
    });
    return json;
  }

 private:
  static std::vector<std::string_view> names() {
    std::vector<std::string_view> all;
    for_each_index<T>([&](auto index) { all.push_back(outer_name<T, index>); });
    return all;
  }

  // May be left out, and then is as in a fresh T: it says so, its value is not simply zero, or it has an
  // initialiser.
  template <std::size_t I>
  static bool has_default() {
    using Field = field_type<T, I>;
    if constexpr (field_notes<T, I>.defaulted) return true;
    if constexpr (std::is_arithmetic_v<Field> || std::is_enum_v<Field>) {
      static const bool initialised = is_initialised<I>();
      return initialised;
    } else {
      const T fresh{};
      return !(Binding<Field>::write(std::get<I>(fields_of(fresh))) == Binding<Field>::write(Field{}));
    }
  }

  // Has this number, bool or enum an initialiser in the struct? One that has none keeps the bytes that were
  // there before its object was made. The bytes are looked at by functions the compiler cannot see into.
  template <std::size_t I>
  static bool is_initialised() {
    if constexpr (std::is_trivially_default_constructible_v<T>) return false;
    for (const int pattern : {0x5A, 0xA5}) {
      alignas(T) unsigned char memory[sizeof(T)];
      bind_detail::fill_bytes(memory, sizeof memory, pattern);
      T* made = ::new (static_cast<void*>(memory)) T;
      const auto& one = std::get<I>(fields_of(*made));
      const bool untouched = bind_detail::all_bytes_are(&one, sizeof one, pattern);
      made->~T();
      if (!untouched) return true;
    }
    return false;
  }

  template <std::size_t I>
  static bool read_field(const Json& json, T& value, const JsonPlace& place, BindFailure& failure) {
    using Field = field_type<T, I>;
    static_assert(!std::is_array_v<Field>, "use std::array instead of a C array");
    const JsonPlace here = place.member(outer_name<T, I>);
    const Json* member = json.find(outer_name<T, I>);
    if (member == nullptr) {
      if constexpr (bind_detail::IsOptional<Field>::value) return true;
      return has_default<I>() || failure.at(here, "is required");
    }
    if (!Binding<Field>::read(*member, std::get<I>(fields_of(value)), here, failure)) return false;
    return bind_detail::check_bounds(*member, field_notes<T, I>, here, failure);
  }

  template <std::size_t I>
  static void describe_field(SchemaMaker& maker, Json& properties, Json& required) {
    using Field = field_type<T, I>;
    Json property = Binding<Field>::schema(maker);
    bind_detail::annotate(property, field_notes<T, I>);
    if constexpr (!bind_detail::IsOptional<Field>::value) {
      if (has_default<I>()) {
        const T fresh{};
        property.set("default", Binding<Field>::write(std::get<I>(fields_of(fresh))));
      } else {
        required.push_back(outer_name<T, I>);
      }
    }
    properties.set(outer_name<T, I>, std::move(property));
  }
};

}  // namespace sluice
