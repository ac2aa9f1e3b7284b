// SPDX-License-Identifier: Apache-2.0
// Structs as JSON: every type there and back, what errors say, and the schemas.
#include "codec/json_bind.h"

#include <gtest/gtest.h>

namespace sluice {

enum class Size { small, large };
enum class Seat { window, aisle };
template <>
inline constexpr auto enum_names<Seat> =
    std::array{named(Seat::window, "w", "By the window"), named(Seat::aisle, "a", "On the aisle")};

namespace {

struct Address {
  std::string street;
  std::optional<int> number;
};
struct Everything {
  std::string text;
  bool flag;
  int number;
  std::uint8_t small;
  double real;
  std::optional<std::string> maybe;
  std::vector<int> list;
  std::array<int, 2> pair;
  std::map<std::string, double> prices;
  Address home;
  std::vector<Address> others;
  Size size;
  std::variant<int, std::string> either;
  Json any;
};

Json parse(std::string_view text) {
  auto json = Json::parse(text);
  EXPECT_TRUE(json) << text;
  return json ? *json : Json();
}

constexpr std::string_view everything_text =
    R"({"text":"a","flag":true,"number":-3,"small":200,"real":1.5,"maybe":"m","list":[1,2],"pair":[3,4],)"
    R"("prices":{"x":2.5},"home":{"street":"s","number":7},"others":[{"street":"t"}],"size":"large","either":"e",)"
    R"("any":{"k":[null]}})";

TEST(JsonBind, ReadsAndWritesEveryType) {
  const auto value = from_json<Everything>(parse(everything_text));
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(value->small, 200);
  EXPECT_EQ(value->size, Size::large);
  EXPECT_EQ(std::get<std::string>(value->either), "e");
  EXPECT_EQ(to_json(*value).dump(), everything_text);
}

template <class T>
std::string failure_of(std::string_view text) {
  const auto value = from_json<T>(parse(text));
  return value ? "taken" : value.error().message;
}

struct Stay {
  std::string city;
  int nights;
  std::vector<std::string> guests;
  Size size = Size::large;
  int beds = 2;
  bool late;
  static constexpr auto doc =
      describe(field(&Stay::city, "Where to").at_least(2).header("City"),
               field(&Stay::nights, "How long").between(1, 30), field(&Stay::guests).at_most(2),
               field(&Stay::late).by_default().named("late-arrival"))
          .closed()
          .about("A stay");
};

TEST(JsonBind, ErrorsNameThePlaceAndTheRule) {
  EXPECT_EQ(failure_of<Stay>(R"([])"), "expected an object");
  EXPECT_EQ(failure_of<Stay>(R"({"city":"Oslo","nights":"x","guests":[]})"), "/nights: expected an integer");
  EXPECT_EQ(failure_of<Stay>(R"({"city":"Oslo","nights":2.5,"guests":[]})"), "/nights: expected an integer");
  EXPECT_EQ(failure_of<Stay>(R"({"city":"Oslo","nights":31,"guests":[]})"),
            "/nights: must be between 1 and 30");
  EXPECT_EQ(failure_of<Stay>(R"({"city":"O","nights":3,"guests":[]})"),
            "/city: must have at least 2 characters");
  EXPECT_EQ(failure_of<Stay>(R"({"city":"Oslo","nights":3,"guests":["a","b","c"]})"),
            "/guests: must have at most 2 items");
  EXPECT_EQ(failure_of<Stay>(R"({"city":"Oslo","nights":3,"guests":["a",2]})"),
            "/guests/1: expected a string");
  EXPECT_EQ(failure_of<Stay>(R"({"city":"Oslo","nights":3})"), "/guests: is required");
  EXPECT_EQ(failure_of<Stay>(R"({"city":"Oslo","nights":3,"guests":[],"size":"huge"})"),
            R"(/size: expected one of "small", "large")");
  EXPECT_EQ(failure_of<Stay>(R"({"city":"Oslo","nights":3,"guests":[],"a/b":1})"),
            "/a~1b: is not known here");
  EXPECT_EQ(failure_of<Stay>(R"({"city":"Oslo","nights":3.0,"guests":[],"late-arrival":true})"), "taken");
}

struct Byte {
  std::uint8_t value;
};
struct Big {
  std::uint64_t value;
};

TEST(JsonBind, IntegersMustFitTheirField) {
  EXPECT_EQ(failure_of<Byte>(R"({"value":256})"), "/value: must be between 0 and 255");
  EXPECT_EQ(failure_of<Byte>(R"({"value":-1})"), "/value: must be between 0 and 255");
  const auto big = from_json<Big>(parse(R"({"value":18446744073709551615})"));
  ASSERT_TRUE(big);
  EXPECT_EQ(big->value, 18446744073709551615ULL);
}

TEST(JsonBind, DefaultsFillWhatIsLeftOut) {
  const auto stay = from_json<Stay>(parse(R"({"city":"Oslo","nights":3,"guests":[]})"));
  ASSERT_TRUE(stay) << stay.error().message;
  EXPECT_EQ(stay->beds, 2);
  EXPECT_EQ(stay->size, Size::large);
  EXPECT_FALSE(stay->late);
}

struct Switches {
  std::string name;
  bool off = false;
  bool required;
  int zero = 0;
  double none = 0.0;
  Size first = Size::small;
  Size chosen;
  std::int64_t wide = 0;
  std::string text = "x";
  std::vector<int> list;
};
struct Plain {
  int a;
  bool b;
};

TEST(JsonBind, AnInitialiserThatIsZeroIsADefaultToo) {
  EXPECT_EQ(json_schema<Switches>()["required"].dump(), R"(["name","required","chosen","list"])");
  EXPECT_EQ(json_schema<Switches>()["properties"]["off"].dump(), R"({"type":"boolean","default":false})");
  EXPECT_EQ(json_schema<Plain>()["required"].dump(), R"(["a","b"])");
  EXPECT_EQ(failure_of<Switches>(R"({"name":"n","required":true,"chosen":"large","list":[]})"), "taken");
}

TEST(JsonBind, DescribesAStructWithItsDocumentation) {
  EXPECT_EQ(json_schema<Stay>().dump(),
            R"({"type":"object","description":"A stay","properties":{)"
            R"("city":{"type":"string","description":"Where to","x-mcp-header":"City","minLength":2},)"
            R"("nights":{"type":"integer","description":"How long","minimum":1,"maximum":30},)"
            R"("guests":{"type":"array","items":{"type":"string"},"maxItems":2},)"
            R"("size":{"type":"string","enum":["small","large"],"default":"large"},)"
            R"("beds":{"type":"integer","default":2},)"
            R"("late-arrival":{"type":"boolean","default":false}},)"
            R"("required":["city","nights","guests"],"additionalProperties":false})");
}

struct Choice {
  Seat seat;
  std::vector<Seat> seats;
  std::optional<std::variant<int, Address>> either;
  std::map<std::string, bool> flags;
};

TEST(JsonBind, DescribesTitledEnumsVariantsAndMaps) {
  const Json schema = json_schema<Choice>()["properties"];
  EXPECT_EQ(
      schema["seat"].dump(),
      R"({"type":"string","oneOf":[{"const":"w","title":"By the window"},{"const":"a","title":"On the aisle"}]})");
  EXPECT_EQ(schema["seats"]["items"]["anyOf"].size(), 2U);
  EXPECT_EQ(schema["either"]["oneOf"][1]["required"].dump(), R"(["street"])");
  EXPECT_EQ(schema["flags"].dump(), R"({"type":"object","additionalProperties":{"type":"boolean"}})");
  EXPECT_EQ(
      failure_of<Choice>(R"({"seat":"w","seats":["a"],"flags":{},"either":true})"),
      "/either: fits none of its alternatives (/either: expected an integer; /either: expected an object)");
}

struct Node {
  std::string name;
  std::vector<Node> children;
};
struct Forest {
  std::vector<Node> trees;
};

TEST(JsonBind, AStructInsideItselfBecomesAReference) {
  EXPECT_EQ(json_schema<Node>()["properties"]["children"]["items"].dump(), R"({"$ref":"#"})");
  const Json forest = json_schema<Forest>();
  EXPECT_EQ(forest["properties"]["trees"]["items"].dump(), R"({"$ref":"#/$defs/Node"})");
  EXPECT_EQ(forest["$defs"]["Node"]["properties"]["children"]["items"].dump(), R"({"$ref":"#/$defs/Node"})");
  EXPECT_EQ(failure_of<Node>(R"({"name":"a","children":[{"name":1,"children":[]}]})"),
            "/children/0/name: expected a string");
}

struct Question {
  std::string text;
  int count;
  std::optional<bool> loud;
  Size size;
};

TEST(JsonBind, CoercesTextsWhereNoTextIsWanted) {
  const Json texts = parse(R"({"text":"5","count":"5","loud":"true","size":"small"})");
  const auto question = from_json<Question>(Binding<Question>::coerced(texts));
  ASSERT_TRUE(question) << question.error().message;
  EXPECT_EQ(question->text, "5");
  EXPECT_EQ(question->count, 5);
  EXPECT_EQ(question->loud, true);
}

}  // namespace
}  // namespace sluice
