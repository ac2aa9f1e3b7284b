// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reflection of plain aggregates and of enums, without macros: how many fields, which types, what they are
// called.
//
//   for_each_field(trip, [](std::string_view name, auto& value) { … });
//
// A reflected struct is an aggregate with at most 32 fields and no bases; nested aggregates and arrays count
// as one field. Names come from what the compiler prints for a pointer into a specimen that is never read.
// Documentation is matched by member pointer: `static constexpr auto doc = describe(field(&Trip::city, "Where
// to"))`. Everything is computed at compile time; knows nothing of JSON. Works on g++ 12 and clang 14
// (reflect_test.cc holds the traps).

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "base/reflect_fields.h"

namespace sluice {

// Names.

namespace reflect_detail {

// Somewhere in constant evaluation for a T to be: never made, only pointed into.
template <class T>
union Ghost {
  char nothing;
  T value;
  constexpr Ghost() : nothing{} {}
  constexpr ~Ghost() {}
};
#ifdef __clang__  // wants a literal type for a constant, and is content with a declaration
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
template <class T>
extern const Ghost<T> specimen;
#else
template <class T>
inline constexpr Ghost<T> specimen{};
#endif

template <class P>
struct Pointer {
  P to;
};
template <class P>
Pointer(P) -> Pointer<P>;

// What the compiler calls a constant. A plain `const char*` return type keeps the text to one bracket.
template <auto Constant>
consteval const char* printed() {
  return __PRETTY_FUNCTION__;
}
template <class T>
consteval const char* printed_type() {
  return __PRETTY_FUNCTION__;
}

constexpr bool is_name_character(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// The identifier at the end of what was printed, before closing brackets.
constexpr std::string_view last_name(std::string_view text) {
  while (!text.empty() && !is_name_character(text.back())) text.remove_suffix(1);
  std::size_t begin = text.size();
  while (begin > 0 && is_name_character(text[begin - 1])) --begin;
  return text.substr(begin);
}

template <class T, std::size_t I>
consteval const void* field_address() {
  return static_cast<const void*>(&std::get<I>(fields_of(specimen<T>.value)));
}

template <class T, std::size_t... I>
consteval auto names_of(std::index_sequence<I...>) {
  return std::array<std::string_view, sizeof...(I)>{
      last_name(printed<Pointer{&std::get<I>(fields_of(specimen<T>.value))}>())...};
}

}  // namespace reflect_detail

// The names of T's fields, in order.
template <Reflected T>
inline constexpr auto field_names = reflect_detail::names_of<T>(std::make_index_sequence<field_count<T>>{});

// The name of a type without its namespaces.
template <class T>
inline constexpr std::string_view type_name = reflect_detail::last_name(reflect_detail::printed_type<T>());

// The type of field I.
template <Reflected T, std::size_t I>
using field_type = std::remove_cvref_t<std::tuple_element_t<I, decltype(fields_of(std::declval<T&>()))>>;

// Calls `visit(std::integral_constant<std::size_t, I>)` for every field.
template <Reflected T, class Visit>
constexpr void for_each_index(Visit&& visit) {
  [&]<std::size_t... I>(std::index_sequence<I...>) { (visit(std::integral_constant<std::size_t, I>{}), ...); }
  (std::make_index_sequence<field_count<T>>{});
}

// Calls `visit(name, field)` for every field of `object`.
template <class T, class Visit>
constexpr void for_each_field(T& object, Visit&& visit) {
  auto fields = fields_of(object);
  for_each_index<std::remove_const_t<T>>(
      [&](auto index) { visit(field_names<std::remove_const_t<T>>[index], std::get<index>(fields)); });
}

// Documentation.

// What is said about one field beyond its name and type; empty where nothing is.
struct FieldNotes {
  std::string_view text, name, title, format, header;
  std::optional<double> low, high;
  bool defaulted = false;
};

// The making of FieldNotes for a member of T. Made by field(), refined by its verbs.
template <class T, class M>
class FieldDoc {
 public:
  constexpr FieldDoc(M T::*member, std::string_view text) : member_(member) { notes_.text = text; }

  // Bounds, both included: of a number, of the length of a string, of the items of an array.
  [[nodiscard]] constexpr FieldDoc between(double low, double high) const {
    return changed([&](FieldNotes& notes) { notes.low = low, notes.high = high; });
  }
  [[nodiscard]] constexpr FieldDoc at_least(double low) const {
    return changed([&](FieldNotes& notes) { notes.low = low; });
  }
  [[nodiscard]] constexpr FieldDoc at_most(double high) const {
    return changed([&](FieldNotes& notes) { notes.high = high; });
  }
  // What the field is called outside, where C++ has no such name: "user-agent".
  [[nodiscard]] constexpr FieldDoc named(std::string_view name) const {
    return changed([&](FieldNotes& notes) { notes.name = name; });
  }
  [[nodiscard]] constexpr FieldDoc title(std::string_view text) const {
    return changed([&](FieldNotes& notes) { notes.title = text; });
  }
  // A format word of JSON Schema: "email", "uri", "date", "date-time".
  [[nodiscard]] constexpr FieldDoc format(std::string_view word) const {
    return changed([&](FieldNotes& notes) { notes.format = word; });
  }
  // Clients of 2026-07-28 over HTTP mirror the field in the header Mcp-Param-<name> (`x-mcp-header`).
  [[nodiscard]] constexpr FieldDoc header(std::string_view name) const {
    return changed([&](FieldNotes& notes) { notes.header = name; });
  }
  // Not required: who leaves it out gets the value of a fresh T, also where that is empty.
  [[nodiscard]] constexpr FieldDoc by_default() const {
    return changed([&](FieldNotes& notes) { notes.defaulted = true; });
  }

  [[nodiscard]] constexpr FieldNotes notes() const { return notes_; }
  template <class Whole>
  [[nodiscard]] consteval const void* address() const {
    return static_cast<const void*>(&(reflect_detail::specimen<Whole>.value.*member_));
  }

 private:
  template <class Change>
  constexpr FieldDoc changed(Change change) const {
    FieldDoc copy = *this;
    change(copy.notes_);
    return copy;
  }

  M T::*member_;
  FieldNotes notes_;
};

template <class T, class M>
[[nodiscard]] constexpr FieldDoc<T, M> field(M T::*member, std::string_view text = {}) {
  return FieldDoc<T, M>(member, text);
}

// The documentation of a struct: `static constexpr auto doc = describe(field(…), field(…)).closed();`.
template <class... Fields>
class Description {
 public:
  constexpr explicit Description(Fields... fields) : fields_(fields...) {}

  // Members that are no field are refused (additionalProperties: false).
  [[nodiscard]] constexpr Description closed() const {
    Description copy = *this;
    copy.closed_ = true;
    return copy;
  }
  // What the struct as a whole is.
  [[nodiscard]] constexpr Description about(std::string_view text) const {
    Description copy = *this;
    copy.text_ = text;
    return copy;
  }

  [[nodiscard]] constexpr bool is_closed() const { return closed_; }
  [[nodiscard]] constexpr std::string_view text() const { return text_; }
  [[nodiscard]] constexpr const std::tuple<Fields...>& fields() const { return fields_; }

 private:
  std::tuple<Fields...> fields_;
  std::string_view text_;
  bool closed_ = false;
};

template <class... Fields>
[[nodiscard]] constexpr Description<Fields...> describe(Fields... fields) {
  return Description<Fields...>(fields...);
}

template <class T>
concept Documented = requires {
  T::doc.fields();
};

namespace reflect_detail {

template <class T, std::size_t I>
consteval FieldNotes notes_of() {
  FieldNotes found;
  if constexpr (Documented<T>) {
    constexpr auto count = std::tuple_size_v<std::remove_cvref_t<decltype(T::doc.fields())>>;
    [&]<std::size_t... D>(std::index_sequence<D...>) {
      (
          [&] {
            constexpr auto one = std::get<D>(T::doc.fields());
            if (one.template address<T>() != field_address<T, I>()) return;
            found = one.notes();
          }(),
          ...);
    }
    (std::make_index_sequence<count>{});
  }
  return found;
}

}  // namespace reflect_detail

// What T::doc says about field I; empty notes when nothing.
template <Reflected T, std::size_t I>
inline constexpr FieldNotes field_notes = reflect_detail::notes_of<T, I>();

// The name of field I outside: from its documentation, else as in C++.
template <Reflected T, std::size_t I>
inline constexpr std::string_view outer_name = field_notes<T, I>.name.empty() ? field_names<T>[I]
                                                                              : field_notes<T, I>.name;

// Enums.

// One value of an enum: what it is called outside, and how people read it.
template <class E>
struct EnumName {
  E value;
  std::string_view name;
  std::string_view title;
};

template <class E>
[[nodiscard]] constexpr EnumName<E> named(E value, std::string_view name, std::string_view title = {}) {
  return {value, name, title};
}

namespace reflect_detail {

inline constexpr int enum_scan_min = 0;
inline constexpr int enum_scan_end = 64;

// Empty when no enumerator has this value; then compilers print a cast.
template <class E, int Value>
consteval std::string_view enumerator_name() {
  constexpr std::string_view text = printed<static_cast<E>(Value)>();
  const auto equals = text.rfind('=');
  const auto cast = text.rfind(')');
  const auto bracket = text.rfind(']');
  if (cast != std::string_view::npos && cast > equals && cast < bracket) {
    if (text[cast + 1] == '-' || (text[cast + 1] >= '0' && text[cast + 1] <= '9')) return {};
  }
  return last_name(text);
}

template <class E, int... Offset>
consteval auto scan_enum(std::integer_sequence<int, Offset...>) {
  static_assert(
      requires { E{0}; }, "an enum without a stated type needs its own sluice::enum_names");
  constexpr std::size_t count =
      (std::size_t{0} + ... + (enumerator_name<E, enum_scan_min + Offset>().empty() ? 0U : 1U));
  std::array<EnumName<E>, count> found{};
  std::size_t next = 0;
  const auto keep = [&](int value, std::string_view name) {
    if (!name.empty()) found[next++] = {static_cast<E>(value), name, {}};
  };
  (keep(enum_scan_min + Offset, enumerator_name<E, enum_scan_min + Offset>()), ...);
  return found;
}

}  // namespace reflect_detail

// The names of an enum's values. By itself, for an `enum class` or one with a stated type: the enumerators
// with values 0 … 63, as written. To choose others:
//   template <>
//   inline constexpr auto sluice::enum_names<Size> = std::array{sluice::named(Size::small, "s", "Small"), …};
template <class E>
requires std::is_enum_v<E>
inline constexpr auto enum_names = reflect_detail::scan_enum<E>(
    std::make_integer_sequence<int, reflect_detail::enum_scan_end - reflect_detail::enum_scan_min>{});

#ifdef __clang__
#pragma clang diagnostic pop
#endif

}  // namespace sluice
