// SPDX-License-Identifier: Apache-2.0
// Json::parse over Boost.JSON's event parser; the only file that names Boost. The library is compiled into
// this file with hidden symbols, so that a program may use its own Boost.JSON beside it. Numbers are read
// anew from their text: this version's doubles are not always the nearest.
#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <unordered_map>
#include <vector>

// What those headers use of the C library and of Boost.System is declared before, where it is not hidden.
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#pragma GCC visibility push(hidden)
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/src.hpp>
#pragma GCC visibility pop

#include "codec/json.h"
#include "codec/json_scan.h"
#include "codec/json_text.h"
#include "codec/json_walk.h"

namespace sluice {
namespace {

using Text = boost::json::string_view;
using Code = boost::json::error_code;

enum class Refusal { none, duplicate, number, values };

// Receives the parser's events and builds the value, one frame for every open container.
class Builder {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  explicit Builder(const JsonParseOptions& options) : options_(options) {}

  Json& value() { return root_; }
  Refusal refusal() const { return refusal_; }
  const std::string& culprit() const { return culprit_; }

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return open(Json::object()); }
  bool on_array_begin(Code&) { return open(Json::array()); }
  bool on_object_end(std::size_t, Code& code) {
    if (!settle_names(*frames_.back().container.as_object())) return refuse(Refusal::duplicate, code);
    return close(code);
  }
  bool on_array_end(std::size_t, Code& code) { return close(code); }

  bool on_key_part(Text part, std::size_t, Code&) { return append(part); }
  bool on_key(Text part, std::size_t, Code&) {
    append(part);
    frames_.back().name = std::move(text_);
    text_.clear();
    return true;
  }
  bool on_string_part(Text part, std::size_t, Code&) { return append(part); }
  bool on_string(Text part, std::size_t, Code& code) {
    append(part);
    Json string(std::move(text_));
    text_.clear();
    return add(std::move(string), code);
  }
  bool on_number_part(Text part, Code&) { return append(part); }
  bool on_int64(std::int64_t, Text part, Code& code) { return number(part, code); }
  bool on_uint64(std::uint64_t, Text part, Code& code) { return number(part, code); }
  bool on_double(double, Text part, Code& code) { return number(part, code); }
  bool on_bool(bool flag, Code& code) { return add(Json(flag), code); }
  bool on_null(Code& code) { return add(Json(), code); }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }

 private:
  struct Frame {
    Json container;
    std::string name;  // of the member whose value comes next
  };

  bool append(Text part) {
    text_.append(part.data(), part.size());
    return true;
  }

  bool refuse(Refusal refusal, Code& code) {
    refusal_ = refusal;
    code = boost::json::error::syntax;
    return false;
  }

  bool open(Json container) {
    frames_.push_back(Frame{std::move(container), {}});
    return true;
  }

  bool close(Code& code) {
    Json container = std::move(frames_.back().container);
    frames_.pop_back();
    return add(std::move(container), code);
  }

  bool add(Json value, Code& code) {
    if (++values_ > options_.values_max) return refuse(Refusal::values, code);
    if (frames_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Frame& frame = frames_.back();
    if (Json::Array* const array = frame.container.as_array()) {
      array->push_back(std::move(value));
    } else {
      frame.container.as_object()->push_back(JsonMember{std::move(frame.name), std::move(value)});
      frame.name.clear();
    }
    return true;
  }

  bool number(Text part, Code& code) {
    append(part);
    Json value;
    const bool read = read_number(value);
    text_.clear();
    return read ? add(std::move(value), code) : refuse(Refusal::number, code);
  }

  // Integers within 64 bits are kept exactly; -0, fractions, exponents and larger integers become doubles.
  bool read_number(Json& value) {
    const char* const end = text_.data() + text_.size();
    if (text_ != "-0" && text_.find_first_of(".eE") == std::string::npos) {
      std::int64_t integer = 0;
      if (std::from_chars(text_.data(), end, integer).ec == std::errc()) {
        value = Json(integer);
        return true;
      }
      std::uint64_t natural = 0;
      if (text_.front() != '-' && std::from_chars(text_.data(), end, natural).ec == std::errc()) {
        value = Json(natural);
        return true;
      }
    }
    double real = 0;
    if (!json_number_value(text_, real)) return false;
    value = Json(real);
    return true;
  }

  // False when a name occurs twice and that is refused; else the last value moves to the first place.
  bool settle_names(Json::Object& members) {
    if (!has_twins(members)) return true;
    if (!options_.allow_duplicates) return false;
    std::unordered_map<std::string, std::size_t> places;
    Json::Object settled;
    for (JsonMember& member : members) {
      const auto [place, is_new] = places.emplace(member.name, settled.size());
      if (is_new) {
        settled.push_back(std::move(member));
      } else {
        settled[place->second].value = std::move(member.value);
      }
    }
    members = std::move(settled);
    return true;
  }

  bool has_twins(const Json::Object& members) {
    constexpr std::size_t few = 16;
    if (members.size() <= few) {
      for (std::size_t i = 1; i < members.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (members[i].name == members[j].name) return name_culprit(members[i].name);
        }
      }
      return false;
    }
    std::vector<std::string_view> names;
    names.reserve(members.size());
    for (const JsonMember& member : members) names.push_back(member.name);
    std::sort(names.begin(), names.end());
    const auto twin = std::adjacent_find(names.begin(), names.end());
    return twin != names.end() && name_culprit(*twin);
  }

  bool name_culprit(std::string_view name) {
    culprit_ = name.substr(0, 64);
    return true;
  }

  JsonParseOptions options_;
  Json root_;
  std::vector<Frame> frames_;
  std::string text_;  // of the string, name or number that is being read
  std::size_t values_ = 0;
  Refusal refusal_ = Refusal::none;
  std::string culprit_;
};

// Says what is wrong with a text that the parser refused. Our own walk has the better sentences.
Error explain(Bytes text, const JsonParseOptions& options, const Builder& builder, const Code& code,
              std::size_t at) {
  const std::string place = " at byte " + std::to_string(at);
  switch (builder.refusal()) {
    case Refusal::duplicate: {
      std::string culprit;
      append_utf8_repaired(culprit, builder.culprit());
      return Error(Errc::invalid,
                   "JSON: the member \"" + culprit + "\" occurs twice in the object that ends" + place);
    }
    case Refusal::number: return Error(Errc::invalid, "JSON: a number out of range" + place);
    case Refusal::values:
      return Error(Errc::too_large, "JSON: more than " + std::to_string(options.values_max) + " values");
    case Refusal::none: break;
  }
  const PaddedString padded(text);
  const ScanResult found = validate_json(padded.padded(), options.depth_max);
  if (found.ok()) return Error(Errc::invalid, "JSON: " + code.message() + place);
  return Error(Errc::invalid,
               std::string("JSON: ") + found.reason + " at byte " + std::to_string(found.offset));
}

}  // namespace

Result<Json> Json::parse(Bytes text, const JsonParseOptions& options) {
  boost::json::parse_options parser_options;
  parser_options.max_depth = std::min(options.depth_max, JsonWalk::depth_ceiling);
  boost::json::basic_parser<Builder> parser(parser_options, options);
  Code code;
  const std::size_t taken = parser.write_some(false, text.data(), text.size(), code);
  if (!code && taken < text.size()) code = boost::json::error::extra_data;
  if (code) return explain(text, options, parser.handler(), code, taken);
  return std::move(parser.handler().value());
}

}  // namespace sluice
