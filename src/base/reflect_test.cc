// SPDX-License-Identifier: Apache-2.0
// Reflection: what counts as one field, and what fields and enumerators are called.
#include "base/reflect.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace sluice {

// Names chosen by hand, as users do it: in sluice's namespace, for a type of theirs.
enum class Grade { low = -5, high = 1000 };
template <>
inline constexpr auto enum_names<Grade> =
    std::array{named(Grade::low, "l", "Low"), named(Grade::high, "h", "High")};

namespace {

struct Empty {};
struct One {
  int only;
};
struct Point {
  int x, y;
};
struct Nested {
  Point a;
  Point b;
  int c;
};
struct WithArray {
  int before;
  int numbers[3];
  std::string after;
};
struct ArrayOfStructs {
  Point points[2];
  bool last;
};
struct StdArray {
  std::array<int, 3> three;
  std::array<Point, 2> two;
  char last;
};
struct Library {
  std::string s;
  std::vector<int> v;
  std::optional<std::string> o;
  std::map<std::string, int> m;
  std::variant<int, std::string> either;
  std::variant<int> single;
  std::unique_ptr<int> owned;
  std::function<int()> call;
};
struct Defaults {
  int a = 1;
  std::string b = "x";
  Point c{1, 2};
};
struct NeedsValue {
  const int& reference;
  int x;
};
struct FirstIsEmpty {
  Empty empty;
  int after;
};
struct FirstIsNested {
  One one;
  Nested nested;
};
struct Wide {
  int a1, a2, a3, a4, a5, a6, a7, a8, b1, b2, b3, b4, b5, b6, b7, b8;
  std::string c1, c2, c3, c4, c5, c6, c7, c8, d1, d2, d3, d4, d5, d6, d7, d_32;
};

TEST(Reflect, CountsPlainFields) {
  static_assert(field_count<Empty> == 0);
  static_assert(field_count<One> == 1);
  static_assert(field_count<Point> == 2);
  static_assert(field_count<Wide> == 32);
  static_assert(field_count<Defaults> == 3);
  static_assert(field_count<NeedsValue> == 2);
}

TEST(Reflect, CountsNestedAggregatesAndArraysAsOne) {
  static_assert(field_count<Nested> == 3);
  static_assert(field_count<WithArray> == 3);
  static_assert(field_count<ArrayOfStructs> == 2);
  static_assert(field_count<StdArray> == 3);
  static_assert(field_count<FirstIsEmpty> == 2);
  static_assert(field_count<FirstIsNested> == 2);
  static_assert(std::is_same_v<field_type<WithArray, 2>, std::string>);
}

TEST(Reflect, CountsLibraryTypesAsOne) { static_assert(field_count<Library> == 8); }

TEST(Reflect, NamesFieldsInOrder) {
  static_assert(field_names<Nested> == std::array<std::string_view, 3>{"a", "b", "c"});
  static_assert(field_names<WithArray> == std::array<std::string_view, 3>{"before", "numbers", "after"});
  static_assert(field_names<Wide>[31] == "d_32");
  static_assert(field_names<Library>[7] == "call");
  static_assert(type_name<Nested> == "Nested");
}

TEST(Reflect, NamesFieldsOfLocalStructs) {
  struct Local {
    std::string inside;
    int count_2;
  };
  static_assert(field_names<Local> == std::array<std::string_view, 2>{"inside", "count_2"});
}

TEST(Reflect, VisitsFieldsByReference) {
  Point point{1, 2};
  std::string seen;
  for_each_field(point, [&](std::string_view name, int& value) {
    seen += std::string(name) + std::to_string(value);
    value *= 10;
  });
  EXPECT_EQ(seen, "x1y2");
  EXPECT_EQ(point.y, 20);
}

struct Trip {
  std::string city;
  int nights = 2;
  bool late;
  static constexpr auto doc = describe(field(&Trip::nights, "How long").between(1, 30),
                                       field(&Trip::city, "Where to").named("to-city").header("City"))
                                  .closed()
                                  .about("A trip");
};

TEST(Reflect, MatchesDocumentationByMemberPointer) {
  static_assert(Documented<Trip> && !Documented<Point>);
  static_assert(field_notes<Trip, 0>.text == "Where to");
  static_assert(field_notes<Trip, 0>.header == "City");
  static_assert(field_notes<Trip, 1>.text == "How long");
  static_assert(field_notes<Trip, 1>.high == 30.0);
  static_assert(field_notes<Trip, 2>.text.empty());
  static_assert(outer_name<Trip, 0> == "to-city");
  static_assert(outer_name<Trip, 1> == "nights");
  static_assert(Trip::doc.is_closed() && Trip::doc.text() == "A trip");
}

enum class Color { red, green = 5, deep_blue };
enum Plain : unsigned char { plain_a, plain_b };

TEST(Reflect, NamesEnumeratorsByThemselves) {
  static_assert(enum_names<Color>.size() == 3);
  static_assert(enum_names<Color>[1].value == Color::green && enum_names<Color>[1].name == "green");
  static_assert(enum_names<Color>[2].name == "deep_blue");
  static_assert(enum_names<Plain>.size() == 2);
}

TEST(Reflect, NamesEnumeratorsAsChosen) {
  static_assert(enum_names<Grade>[0].name == "l");
  static_assert(enum_names<Grade>[1].title == "High");
}

}  // namespace
}  // namespace sluice
