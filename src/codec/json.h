// SPDX-License-Identifier: Apache-2.0
#pragma once
// Json: a JSON value that owns itself, for users of the SDK and for everything off the forwarding path.
//
// Keeps the order of members. Reading is strict (RFC 8259, UTF-8 checked, a member may not occur twice, depth
// bounded); looking for what is not there yields null or nothing and never aborts. Knows nothing of JSON-RPC
// and of schemas. A plain value: copying copies, pointers into it live until it is changed. Any thread, one
// at a time. The choices for numbers, duplicates and the rest are in docs/json.md.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"

namespace sluice {

struct JsonMember;

struct JsonParseOptions {
  std::size_t depth_max = JsonLimits{}.depth_max;  // never more than 1024
  // Values in the text, so that a few bytes of text do not become many of memory.
  std::size_t values_max = JsonLimits{}.values_max;
  // A member that occurs twice is refused; with this the last one wins, as in JavaScript.
  bool allow_duplicates = false;
};

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<JsonMember>;  // in the order of the text

  enum class Kind : std::uint8_t { null, boolean, integer, unsigned_integer, real, string, array, object };

  Json();  // null
  Json(std::nullptr_t);
  Json(const Json&);
  Json(Json&&) noexcept;
  Json& operator=(const Json&);
  Json& operator=(Json&&) noexcept;
  ~Json();

  template <std::same_as<bool> B>
  Json(B value) : Json() {
    set_bool(value);
  }
  // An integer is `integer` when an int64 holds it and `unsigned_integer` only above that.
  template <std::integral I>
  requires(!std::same_as<I, bool>) Json(I value) : Json() {
    if constexpr (std::is_unsigned_v<I>) {
      set_unsigned(static_cast<std::uint64_t>(value));
    } else {
      set_signed(static_cast<std::int64_t>(value));
    }
  }
  // Not finite becomes null, as in JavaScript.
  Json(double value);
  Json(std::string value);
  Json(std::string_view value);
  Json(const char* value);

  // `Json::object({{"a", 1}, {"b", Json::array({true, nullptr})}})`. Of equal names the last one wins.
  [[nodiscard]] static Json object();
  [[nodiscard]] static Json object(std::initializer_list<JsonMember> members);
  [[nodiscard]] static Json array();
  [[nodiscard]] static Json array(std::initializer_list<Json> items);

  // The whole text is one value, with blanks around it at most; the error says what is wrong and at which
  // byte.
  [[nodiscard]] static Result<Json> parse(Bytes text, const JsonParseOptions& options = {});

  // Compact text; strings that are not UTF-8 get U+FFFD for what is wrong.
  [[nodiscard]] std::string dump() const;
  void append_to(std::string& out) const;
  // For people: one member a line, two blanks a level.
  [[nodiscard]] std::string pretty() const;

  [[nodiscard]] Kind kind() const;
  [[nodiscard]] bool is_null() const { return kind() == Kind::null; }
  [[nodiscard]] bool is_bool() const { return kind() == Kind::boolean; }
  // Written without a fraction and within 64 bits.
  [[nodiscard]] bool is_integer() const {
    return kind() == Kind::integer || kind() == Kind::unsigned_integer;
  }
  [[nodiscard]] bool is_number() const { return is_integer() || kind() == Kind::real; }
  [[nodiscard]] bool is_string() const { return kind() == Kind::string; }
  [[nodiscard]] bool is_array() const { return kind() == Kind::array; }
  [[nodiscard]] bool is_object() const { return kind() == Kind::object; }

  // The value, when it is of that kind; integers only when they fit, so that 3.0 is the integer 3 and 3.5 is
  // none.
  [[nodiscard]] std::optional<bool> as_bool() const;
  [[nodiscard]] std::optional<std::int64_t> as_int64() const;
  [[nodiscard]] std::optional<std::uint64_t> as_uint64() const;
  [[nodiscard]] std::optional<double> as_double() const;  // any number, rounded to nearest
  [[nodiscard]] const std::string* as_string() const;
  [[nodiscard]] const Array* as_array() const;
  [[nodiscard]] const Object* as_object() const;
  [[nodiscard]] std::string* as_string();
  [[nodiscard]] Array* as_array();
  [[nodiscard]] Object* as_object();

  // The value or what to use instead: `options["depth"].int64_or(3)`.
  [[nodiscard]] bool bool_or(bool other) const { return as_bool().value_or(other); }
  [[nodiscard]] std::int64_t int64_or(std::int64_t other) const { return as_int64().value_or(other); }
  [[nodiscard]] double double_or(double other) const { return as_double().value_or(other); }
  [[nodiscard]] std::string_view string_or(std::string_view other) const;

  // A member by name (case-exact); nullptr when this is no object or has none. Takes time in the number of
  // members.
  [[nodiscard]] const Json* find(std::string_view name) const;
  [[nodiscard]] Json* find(std::string_view name);
  [[nodiscard]] bool contains(std::string_view name) const { return find(name) != nullptr; }
  // The same, for `json["a"]["b"][0]`: what is not there is a null that outlives everything.
  [[nodiscard]] const Json& operator[](std::string_view name) const;
  [[nodiscard]] const Json& operator[](const char* name) const { return (*this)[std::string_view(name)]; }
  [[nodiscard]] const Json& operator[](std::size_t index) const;
  [[nodiscard]] const Json& operator[](int index) const { return (*this)[static_cast<std::size_t>(index)]; }
  // By RFC 6901 pointer ("/a/0"); nullptr when it leads nowhere.
  [[nodiscard]] const Json* at(std::string_view pointer) const;
  // A member that has to be there; the error names it.
  [[nodiscard]] Result<const Json*> require(std::string_view name) const;

  // For loops: empty for every other kind. Of a temporary they are moved out, so that a loop may run over
  // `Json::parse(text)->members()` or a function's result.
  [[nodiscard]] const Array& items() const&;
  [[nodiscard]] const Object& members() const&;
  [[nodiscard]] Array items() &&;
  [[nodiscard]] Object members() &&;
  // Items or members; 0 for every other kind.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool empty() const { return size() == 0; }

  // Replaces or appends the member and returns its value. What is no object becomes an empty one first.
  Json& set(std::string_view name, Json value);
  // True when there was one.
  bool erase(std::string_view name);
  // Appends and returns the item. What is no array becomes an empty one first.
  Json& push_back(Json value);

  // Equal as JSON: 1 equals 1.0, members count in any order, items in theirs.
  [[nodiscard]] friend bool operator==(const Json& a, const Json& b) { return a.equals(b); }

 private:
  void set_bool(bool value);
  void set_signed(std::int64_t value);
  void set_unsigned(std::uint64_t value);
  [[nodiscard]] bool equals(const Json& other) const;

  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object> held_;
};

struct JsonMember {
  std::string name;
  Json value;
};

// The canonical form of RFC 8785 (sorted by UTF-16 units, ECMAScript numbers, no blanks), for digests. One
// choice of ours: an integer beyond 2^53 keeps its digits, so that two integers never share a digest.
[[nodiscard]] std::string canonical_json(const Json& json);

}  // namespace sluice
