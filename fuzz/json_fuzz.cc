// SPDX-License-Identifier: Apache-2.0
// JSON values: what is parsed is written, found, compared, changed and bound to a struct as a slow second
// way of doing the same says, and an edit of the text is an edit of the tree.
//
// The first line of an input is a script: its bytes choose the edits, and it is a JSON pointer too. The rest
// is a JSON text, in an allocation of exactly its size.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/check.h"
#include "codec/json.h"
#include "codec/json_bind.h"
#include "codec/json_scan.h"
#include "codec/json_splice.h"
#include "codec/json_writer.h"

namespace sluice {

enum class Size { small, large };
enum class Seat { window, aisle };
template <>
inline constexpr auto enum_names<Seat> =
    std::array{named(Seat::window, "w", "By the window"), named(Seat::aisle, "a", "On the aisle")};

namespace {

// The bytes of the script, one after the other; zeros when it is over.
class Script {
 public:
  explicit Script(Bytes bytes) : bytes_(bytes) {}
  unsigned next(unsigned below) {
    if (at_ == bytes_.size()) return 0;
    return static_cast<unsigned char>(bytes_[at_++]) % below;
  }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

// ---- Writing ----

void write(JsonWriter& writer, const Json& json) {
  switch (json.kind()) {
    case Json::Kind::null: writer.null(); break;
    case Json::Kind::boolean: writer.value(*json.as_bool()); break;
    case Json::Kind::integer: writer.value(*json.as_int64()); break;
    case Json::Kind::unsigned_integer: writer.value(*json.as_uint64()); break;
    case Json::Kind::real: writer.value(*json.as_double()); break;
    case Json::Kind::string: writer.value(*json.as_string()); break;
    case Json::Kind::array:
      writer.begin_array();
      for (const Json& item : json.items()) write(writer, item);
      writer.end_array();
      break;
    case Json::Kind::object:
      writer.begin_object();
      for (const JsonMember& member : json.members()) {
        if (member.value.is_string()) {
          writer.member(member.name, *member.value.as_string());
        } else if (member.value.empty()) {
          writer.raw_member(member.name, member.value.dump());
        } else {
          writer.key(member.name);
          write(writer, member.value);
        }
      }
      writer.end_object();
  }
}

std::string without_blanks(const std::string& text) {
  std::string out;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!quoted && (text[at] == ' ' || text[at] == '\n')) continue;
    if (text[at] == '"') quoted = !quoted;
    if (text[at] == '\\') out += text[at++];
    out += text[at];
  }
  return out;
}

std::u16string utf16(const std::string& text) {
  std::u16string units;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    std::uint32_t code = size == 1 ? lead : lead & (0xFFU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i)
      code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
    at += size;
    if (code >= 0x10000) units += static_cast<char16_t>(0xD800 + ((code - 0x10000) >> 10));
    units += static_cast<char16_t>(code >= 0x10000 ? 0xDC00 + (code & 0x3FF) : code);
  }
  return units;
}

void check_sorted(const Json& json) {
  for (const Json& item : json.items()) check_sorted(item);
  const Json::Object& members = json.members();
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i > 0) CHECK(utf16(members[i - 1].name) < utf16(members[i].name));
    check_sorted(members[i].value);
  }
}

// Whether the canonical form, whose digits are the shortest, may read as another number: as an integer.
bool has_large_real(const Json& json) {
  if (json.kind() == Json::Kind::real) return std::fabs(*json.as_double()) >= 0x1p53;
  for (const Json& item : json.items())
    if (has_large_real(item)) return true;
  for (const JsonMember& member : json.members())
    if (has_large_real(member.value)) return true;
  return false;
}

void check_writing(const Json& json) {
  const std::string text = json.dump();
  const auto again = Json::parse(text);
  CHECK(again && *again == json && again->dump() == text);
  std::string written;
  JsonWriter writer(written);
  write(writer, json);
  CHECK(written == text);
  const std::string pretty = json.pretty();
  CHECK(without_blanks(pretty) == text && *Json::parse(pretty) == json);
  const std::string canonical = canonical_json(json);
  const auto sorted = Json::parse(canonical);
  CHECK(sorted && canonical_json(*sorted) == canonical && (*sorted == json || has_large_real(json)));
  check_sorted(*sorted);
}

// ---- Reading ----

std::size_t values_in(const Json& json) {
  std::size_t count = 1;
  for (const Json& item : json.items()) count += values_in(item);
  for (const JsonMember& member : json.members()) count += values_in(member.value);
  return count;
}

std::size_t depth_of(const Json& json) {
  std::size_t depth = 0;
  for (const Json& item : json.items()) depth = std::max(depth, depth_of(item));
  for (const JsonMember& member : json.members()) depth = std::max(depth, depth_of(member.value));
  return depth + (json.is_array() || json.is_object() ? 1 : 0);
}

void check_limits(Bytes text, const Json& json) {
  JsonParseOptions options;
  const std::size_t values = values_in(json);
  options.values_max = values;
  CHECK(Json::parse(text, options).ok());
  options.values_max = values - 1;
  const auto many = Json::parse(text, options);
  CHECK(!many && many.error().code == Errc::too_large);
  options = {};
  options.depth_max = depth_of(json);
  CHECK(Json::parse(text, options).ok());
  const PaddedString padded(text);
  CHECK(validate_json(padded.padded(), options.depth_max).ok());
  if (options.depth_max == 0) return;
  --options.depth_max;
  CHECK(!Json::parse(text, options) && !validate_json(padded.padded(), options.depth_max));
}

// Duplicates by hand: the last value, in the first place. True when there was one.
bool settle(Json& json) {
  bool found = false;
  if (Json::Array* const array = json.as_array())
    for (Json& item : *array) found = settle(item) || found;
  Json settled = Json::object();
  for (const JsonMember& member : json.members()) {
    Json value = member.value;
    found = settle(value) || found;
    found = settled.contains(member.name) || found;
    settled.set(member.name, value);
  }
  if (json.is_object()) json = settled;
  return found;
}

// The tree put together from the one-level walk, duplicates and all.
Json raw_tree(Bytes text, JsonSpan span) {
  const char first = text[span.begin];
  if (first != '{' && first != '[') return *Json::parse(span.in(text));
  Json json = first == '{' ? Json::object() : Json::array();
  for (const JsonSpan child : json_children(text, span)) {
    if (first == '[') {
      json.push_back(raw_tree(text, child));
      continue;
    }
    std::size_t end = child.key + 1;
    while (text[end] != '"') end += text[end] == '\\' ? 2 : 1;
    std::string name;
    CHECK(decode_json_string(text.substr(child.key, end + 1 - child.key), name));
    json.as_object()->push_back(JsonMember{name, raw_tree(text, child)});
  }
  return json;
}

JsonSpan whole_of(Bytes text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  const std::size_t end = text.find_last_not_of(" \t\r\n") + 1;
  return JsonSpan{0, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
}

// ---- Finding ----

const Json* slow_at(const Json& json, std::string pointer) {
  if (pointer.empty()) return &json;
  if (pointer[0] != '/') return nullptr;
  const std::size_t end = std::min(pointer.find('/', 1), pointer.size());
  std::string name;
  for (std::size_t at = 1; at < end; ++at) {
    const char c = pointer[at];
    const char next = at + 1 < end ? pointer[at + 1] : ' ';
    if (c == '~' && !json.is_array() && next != '0' && next != '1') return nullptr;
    name += c != '~' || json.is_array() ? c : next == '0' ? '~' : '/';
    if (c == '~' && !json.is_array()) ++at;
  }
  for (std::size_t i = 0; i < json.items().size(); ++i)
    if (std::to_string(i) == name) return slow_at(json.items()[i], pointer.substr(end));
  for (const JsonMember& member : json.members())
    if (member.name == name) return slow_at(member.value, pointer.substr(end));
  return nullptr;
}

void check_finding(const Json& root, const Json& json, const JsonPlace& place) {
  CHECK(root.at(place.pointer()) == &json);
  CHECK(json.size() == json.items().size() + json.members().size() && json.empty() == (json.size() == 0));
  for (std::size_t i = 0; i < json.items().size(); ++i) {
    CHECK(&json[i] == &json.items()[i]);
    check_finding(root, json.items()[i], place.item(i));
  }
  for (const JsonMember& member : json.members()) {
    CHECK(&json[member.name] == &member.value && **json.require(member.name) == member.value);
    check_finding(root, member.value, place.member(member.name));
  }
  CHECK(json[json.size()].is_null() && json["no such member"].is_null());
  const auto missing = json.require("no such member");
  CHECK(!missing && missing.error().code == (json.is_object() ? Errc::not_found : Errc::invalid));
}

// ---- Comparing ----

void collect(const Json& json, std::vector<const Json*>& all) {
  if (all.size() >= 40) return;
  all.push_back(&json);
  for (const Json& item : json.items()) collect(item, all);
  for (const JsonMember& member : json.members()) collect(member.value, all);
}

Json reversed(const Json& json) {
  if (json.is_array()) {
    Json copy = Json::array();
    for (const Json& item : json.items()) copy.push_back(reversed(item));
    return copy;
  }
  if (!json.is_object()) return json;
  Json copy = Json::object();
  for (std::size_t i = json.size(); i-- > 0;)
    copy.set(json.members()[i].name, reversed(json.members()[i].value));
  return copy;
}

// Numbers by a type that holds all of them exactly, all else by its canonical text.
bool slow_equal(const Json& a, const Json& b) {
  const auto exact = [](const Json& json) -> long double {
    if (json.kind() == Json::Kind::integer) return static_cast<long double>(*json.as_int64());
    if (json.kind() == Json::Kind::real) return static_cast<long double>(*json.as_double());
    return static_cast<long double>(*json.as_uint64());
  };
  static_assert(std::numeric_limits<long double>::digits >= 64);
  if (a.is_number() && b.is_number()) return exact(a) == exact(b);
  if (a.kind() != b.kind() || a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.items().size(); ++i)
    if (!slow_equal(a[i], b[i])) return false;
  for (const JsonMember& member : a.members()) {
    const Json* const other = b.find(member.name);
    if (other == nullptr || !slow_equal(member.value, *other)) return false;
  }
  return a.size() > 0 || a.dump() == b.dump();
}

void check_number(const Json& json) {
  CHECK(json.as_double().has_value() == json.is_number());
  if (!json.is_number()) {
    CHECK(!json.as_int64() && !json.as_uint64());
    return;
  }
  const double value = *json.as_double();
  const bool is_real = json.kind() == Json::Kind::real;
  const bool whole = !is_real || std::trunc(value) == value;
  const bool fits_signed = is_real ? value >= -0x1p63 && value < 0x1p63 : json.kind() == Json::Kind::integer;
  const bool fits_unsigned =
      is_real ? value >= 0 && value < 0x1p64 : !json.as_int64() || *json.as_int64() >= 0;
  CHECK(json.as_int64().has_value() == (whole && fits_signed));
  CHECK(json.as_uint64().has_value() == (whole && fits_unsigned));
  if (json.as_int64()) CHECK(static_cast<double>(*json.as_int64()) == value);
  if (json.as_uint64()) CHECK(static_cast<double>(*json.as_uint64()) == value);
  CHECK(json.int64_or(-1) == json.as_int64().value_or(-1) && json.double_or(-1) == value);
}

void check_comparing(const Json& json) {
  CHECK(reversed(json) == json);
  std::vector<const Json*> all;
  collect(json, all);
  for (const Json* const a : all) {
    check_number(*a);
    CHECK(a->as_bool().has_value() == a->is_bool() && a->bool_or(true) == a->as_bool().value_or(true));
    for (const Json* const b : all) CHECK((*a == *b) == slow_equal(*a, *b));
  }
}

// ---- Changing ----

void check_changing(const Json& json, Script script) {
  Json changed = json;
  std::vector<std::pair<std::string, Json>> model;
  for (const JsonMember& member : json.members()) model.emplace_back(member.name, member.value);
  for (std::size_t i = 0; i < 6; ++i) {
    const unsigned place = script.next(8);
    const std::string name = place < model.size() ? model[place].first : "new " + std::to_string(place);
    const auto old =
        std::find_if(model.begin(), model.end(), [&](const auto& member) { return member.first == name; });
    if (script.next(2) == 0) {
      CHECK(changed.erase(name) == (old != model.end()));
      if (old != model.end()) model.erase(old);
      continue;
    }
    CHECK(changed.set(name, static_cast<int>(i)) == static_cast<int>(i));
    if (old == model.end()) {
      model.emplace_back(name, static_cast<int>(i));
    } else {
      old->second = static_cast<int>(i);
    }
  }
  CHECK(changed.size() == (changed.is_array() ? json.size() : model.size()));
  for (std::size_t i = 0; i < model.size(); ++i) {
    CHECK(changed.members()[i].name == model[i].first && changed.members()[i].value == model[i].second);
  }
  Json grown = json;
  grown.push_back("last");
  CHECK(grown.size() == json.items().size() + 1 && grown[grown.size() - 1] == "last");
  CHECK(!grown.erase("x"));

  Json self = json;
  const Json& alias = self;
  self = alias;
  CHECK(self == json);
  Json moved = std::move(self);
  CHECK(moved == json && self.is_null());  // NOLINT(bugprone-use-after-move): what is promised
  CHECK(Json(json).items() == json.items() && Json(json).members().size() == json.members().size());
  if (!moved.empty()) {
    const Json& part = moved.is_array() ? moved.as_array()->front() : moved.as_object()->back().value;
    const Json expected = part;
    moved = part;
    CHECK(moved == expected);
  }
  CHECK(moved.string_or("none") == (moved.is_string() ? *moved.as_string() : "none"));
}

// ---- Splicing ----

const std::array<std::string, 2> new_names = {"new\n1", "new \"2\""};

// Edits the text in `span` and its tree alike, from behind to the front.
Json splice(JsonSplice& edits, Script& script, Bytes text, JsonSpan span, const Json& json, unsigned depth) {
  if (!json.is_array() && !json.is_object()) return json;
  const std::vector<JsonSpan> children = json_children(text, span);
  CHECK(children.size() == json.size());
  std::vector<JsonMember> kept;
  for (std::size_t i = children.size(); i-- > 0;) {
    const std::string name = json.is_object() ? json.members()[i].name : "";
    const Json& value = json.is_object() ? json.members()[i].value : json[i];
    const unsigned action = script.next(5);
    if (action == 1 && json.is_object()) {
      edits.remove(children[i]);
    } else if (action == 2) {
      edits.set(span, children[i], name, "[0.5]");
      kept.push_back({name, Json::array({0.5})});
    } else if (action == 3 && depth < 4) {
      kept.push_back({name, splice(edits, script, text, children[i], value, depth + 1)});
    } else {
      kept.push_back({name, value});
    }
  }
  std::reverse(kept.begin(), kept.end());
  Json result = json.is_object() ? Json::object() : Json::array();
  for (unsigned i = json.is_object() ? script.next(3) : 0; i > 0; --i) {
    if (json.contains(new_names[i - 1])) continue;
    edits.set(span, JsonSpan{}, new_names[i - 1], "null");
    result.set(new_names[i - 1], nullptr);
  }
  for (const JsonMember& member : kept) {
    if (json.is_object()) {
      result.set(member.name, member.value);
    } else {
      result.push_back(member.value);
    }
  }
  return result;
}

void check_splicing(const Json& json, Bytes text, Script script) {
  const JsonSpan whole = whole_of(text);
  JsonSplice edits;
  CHECK(edits.empty() && edits.apply(text) == text);
  for (const JsonSpan child : json_children(text, whole)) edits.replace(child, child.in(text));
  CHECK(edits.apply(text) == text);
  edits.clear();
  const Json expected = splice(edits, script, text, whole, json, 0);
  const auto spliced = Json::parse(edits.apply(text));
  CHECK(spliced && spliced->dump() == expected.dump());
  std::string part = "before";
  edits.append_to(part, text, whole);
  CHECK(part.substr(0, 6) == "before" && Json::parse(part.substr(6))->dump() == expected.dump());
}

// ---- Binding ----

struct Address {
  std::string street;
  std::optional<int> number;
};
struct Everything {
  std::string text;
  bool flag = false;
  std::int8_t small = 0;
  std::uint64_t large = 0;
  double real = 0;
  std::vector<int> list = {};
  std::array<int, 2> pair = {};
  std::map<std::string, double> prices = {};
  std::vector<Address> others = {};
  Seat seat = Seat::aisle;
  std::variant<int, std::string, std::monostate> either = 0;
  Json any = {};
  static constexpr auto doc =
      describe(field(&Everything::list).by_default(), field(&Everything::pair).by_default(),
               field(&Everything::prices).by_default(), field(&Everything::others).by_default().at_most(2),
               field(&Everything::either).by_default().at_most(1.5), field(&Everything::any).by_default());
};
struct Stay {
  std::string city;
  int nights;
  std::vector<std::string> guests;
  Size size = Size::large;
  bool late;
  static constexpr auto doc = describe(field(&Stay::city, "Where to").at_least(2).header("City"),
                                       field(&Stay::nights, "How long").between(1, 30).title("Nights"),
                                       field(&Stay::guests).at_most(2).format("names"),
                                       field(&Stay::late).by_default().named("late-arrival"))
                                  .closed()
                                  .about("A stay");
};
struct Branch {
  std::string name;
  std::vector<Branch> branches;
};
struct Forest {
  Branch first;
  Branch second;
};

bool fits_stay(const Json& json) {
  if (!json.is_object()) return false;
  std::size_t known = 0;
  for (const char* const name : {"city", "nights", "guests", "size", "late-arrival"})
    known += json.contains(name) ? 1 : 0;
  std::size_t characters = 0;
  for (const char c : json["city"].string_or("")) characters += (c & 0xC0) != 0x80 ? 1 : 0;
  const double nights = json["nights"].double_or(0);
  if (known != json.size() || characters < 2) return false;
  if (nights < 1 || nights > 30 || nights != std::floor(nights)) return false;
  if (!json["guests"].is_array() || json["guests"].size() > 2) return false;
  for (const Json& guest : json["guests"].items())
    if (!guest.is_string()) return false;
  const Json* const size = json.find("size");
  if (size != nullptr && size->string_or("") != "small" && size->string_or("") != "large") return false;
  return !json.contains("late-arrival") || json["late-arrival"].is_bool();
}

// What was bound comes back the same, and what was there was not changed.
template <class T>
bool check_bound(const Json& json) {
  const auto value = from_json<T>(json);
  if (!value) {
    CHECK(value.error().code == Errc::invalid && !value.error().message.empty());
    return false;
  }
  const Json written = to_json(*value);
  const auto again = from_json<T>(written);
  CHECK(again && to_json(*again) == written);
  for (const JsonMember& member : written.members())
    if (const Json* const given = json.find(member.name); given && !given->is_object() && !given->is_array())
      CHECK(*given == member.value);
  return true;
}

void check_binding(const Json& json) {
  CHECK(check_bound<Stay>(json) == fits_stay(json));
  check_bound<Everything>(json);
  check_bound<Forest>(json);
  check_bound<Stay>(Binding<Stay>::coerced(json));
  static const std::array<Json, 3> schemas = {json_schema<Stay>(), json_schema<Everything>(),
                                              json_schema<Forest>()};
  for (const Json& schema : schemas) CHECK(schema["properties"].is_object());
}

void run(Bytes script, Bytes text, PaddedBytes padded) {
  const bool walked = validate_json(padded, JsonLimits{}.depth_max).ok();
  const auto strict = Json::parse(text);
  JsonParseOptions lenient;
  lenient.allow_duplicates = true;
  const auto loose = Json::parse(text, lenient);
  CHECK(loose.ok() == walked);
  if (!walked) {
    CHECK(!strict && !strict.error().message.empty() && strict.error().code == Errc::invalid);
    return;
  }
  Json tree = raw_tree(padded.bytes, whole_of(padded.bytes));
  const bool has_twins = settle(tree);
  CHECK(strict.ok() == !has_twins && loose->dump() == tree.dump());
  check_writing(*loose);
  check_finding(*loose, *loose, JsonPlace{});
  CHECK(loose->at(script) == slow_at(*loose, std::string(script)));
  check_comparing(*loose);
  check_changing(*loose, Script(script));
  check_binding(*loose);
  if (has_twins) return;
  check_limits(text, *strict);
  check_splicing(*strict, padded.bytes, Script(script));
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const sluice::Bytes input(reinterpret_cast<const char*>(data), size);
  const std::size_t newline = input.find('\n');
  const sluice::Bytes script = newline == sluice::Bytes::npos ? sluice::Bytes() : input.substr(0, newline);
  const sluice::Bytes text = newline == sluice::Bytes::npos ? input : input.substr(newline + 1);
  const std::unique_ptr<char[]> exact(new char[text.size()]);
  const std::unique_ptr<char[]> padded(new char[text.size() + sluice::padding_bytes]);
  if (!text.empty()) std::memcpy(exact.get(), text.data(), text.size());
  if (!text.empty()) std::memcpy(padded.get(), text.data(), text.size());
  // Sometimes what follows could continue the text.
  std::memset(padded.get() + text.size(),
              size % 3 == 0   ? '"'
              : size % 3 == 1 ? '1'
                              : '}',
              sluice::padding_bytes);
  sluice::run(script, sluice::Bytes(exact.get(), text.size()),
              sluice::PaddedBytes::promise(sluice::Bytes(padded.get(), text.size())));
  return 0;
}
