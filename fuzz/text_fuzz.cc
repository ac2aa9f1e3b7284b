// SPDX-License-Identifier: Apache-2.0
// The small text codecs against slow second ones: UTF-8, base64, JSON strings and numbers, request ids. What
// is encoded decodes to itself, what two readers could take differently is judged alike, and a text that is
// spoilt at any one place is judged as if it were read by hand.
//
// The whole input is the text, in an allocation of exactly its size; its first eight bytes are a double too.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/json_scan.h"
#include "codec/json_text.h"
#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "codec/utf8.h"

namespace sluice {
namespace {

// ---- The second reader of UTF-8: by the number, not by tables of ranges ----

// The character at the front and its size; nothing when there is none.
std::optional<std::pair<std::uint32_t, std::size_t>> slow_character(Bytes text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t size = 1;
  if (byte(0) >= 0x80) {
    size = 0;
    while (size < 8 && (byte(0) << size & 0x80) != 0) ++size;
    if (size < 2 || size > 4 || text.size() < size) return std::nullopt;
  }
  std::uint32_t code = size == 1 ? byte(0) : byte(0) & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
    code = code << 6 | (byte(i) & 0x3FU);
  }
  const std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[size] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return std::nullopt;
  return std::pair(code, size);
}

std::string slowly_repaired(Bytes text, std::size_t& valid_prefix) {
  std::string out;
  const std::size_t whole = text.size();
  bool valid = true;
  while (!text.empty()) {
    const auto character = slow_character(text);
    valid = valid && character;
    if (character) {
      std::string encoded;
      append_code_point(encoded, character->first);
      CHECK(encoded == text.substr(0, character->second));
      out += encoded;
    } else {
      out += "\xEF\xBF\xBD";
    }
    text.remove_prefix(character ? character->second : 1);
    if (valid) valid_prefix = whole - text.size();
  }
  return out;
}

// Every reader of UTF-8 says the same of `text`. `text` is in memory of exactly its size.
void check_utf8(Bytes text, unsigned step) {
  std::size_t valid_prefix = 0;
  const std::string slow = slowly_repaired(text, valid_prefix);
  const bool valid = slow == text;
  CHECK(valid == (valid_prefix == text.size()));
  CHECK(is_utf8(text) == valid && is_utf8_simd(text) == valid);
  CHECK(utf8_valid_prefix(text) == valid_prefix);
  std::string repaired;
  append_utf8_repaired(repaired, text);
  CHECK(repaired == slow);
  Utf8Validator validator;
  bool taken = true;
  for (std::size_t at = 0; at < text.size(); at += step) taken = validator.feed(text.substr(at, step));
  CHECK(!validator.complete() || taken);
  CHECK(validator.complete() == valid);
  validator.reset();
  CHECK(validator.feed("x") && validator.complete());
}

// Spoils one byte after the other.
void check_spoilt(Bytes text) {
  if (text.size() > 12) return;
  const std::unique_ptr<char[]> copy(new char[text.size()]);
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char spoiler : {'\x80', '\xBF', '\xC1', '\xE0', '\xED', '\xF0', '\xF4', '\xFF', 'a'}) {
      std::memcpy(copy.get(), text.data(), text.size());
      copy[at] = spoiler;
      check_utf8(Bytes(copy.get(), text.size()), 3);
    }
  }
}

// ---- Base64, digit by digit ----

std::optional<std::string> slow_base64(std::string text, bool url) {
  const std::string digits =
      std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") + (url ? "-_" : "+/");
  if (!url) {
    if (text.size() % 4 != 0) return std::nullopt;
    if (!text.empty() && text.back() == '=') text.pop_back();
    if (!text.empty() && text.back() == '=') text.pop_back();
  }
  std::vector<bool> bits;
  for (const char c : text) {
    const std::size_t digit = digits.find(c);
    if (digit == std::string::npos) return std::nullopt;
    for (int bit = 5; bit >= 0; --bit) bits.push_back((digit >> bit & 1) != 0);
  }
  if (bits.size() % 8 >= 6) return std::nullopt;
  std::string bytes;
  for (std::size_t at = 0; at < bits.size(); at += 8) {
    unsigned byte = 0;
    for (std::size_t i = at; i < at + 8; ++i) byte = byte * 2 + (i < bits.size() && bits[i] ? 1 : 0);
    if (at + 8 <= bits.size()) {
      bytes.push_back(static_cast<char>(byte));
    } else if (byte != 0) {
      return std::nullopt;
    }
  }
  return bytes;
}

void check_base64(Bytes text) {
  const std::string standard = base64_encode(text);
  const std::string url = base64url_encode(text);
  CHECK(standard.size() == (text.size() + 2) / 3 * 4 && url.find('=') == std::string::npos);
  CHECK(slow_base64(standard, false) == text && slow_base64(url, true) == text);
  CHECK(base64_decode(standard) == text && base64url_decode(url) == text);
  CHECK(base64_decode(text) == slow_base64(std::string(text), false));
  CHECK(base64url_decode(text) == slow_base64(std::string(text), true));
  if (const auto bytes = base64_decode(text)) CHECK(base64_encode(*bytes) == text);
  if (const auto bytes = base64url_decode(text)) CHECK(base64url_encode(*bytes) == text);
}

// ---- JSON strings ----

void check_strings(Bytes text) {
  std::string repaired;
  append_utf8_repaired(repaired, text);
  std::string written;
  append_json_string(written, text);
  for (const char c : written) CHECK(static_cast<unsigned char>(c) >= 0x20);
  std::string decoded;
  CHECK(decode_json_string(written, decoded) && decoded == repaired);
  CHECK(Json::parse(written)->string_or("") == repaired);
  // The text itself as a string, with and without quotes around it.
  for (const std::string& raw : {std::string(text), '"' + std::string(text) + '"'}) {
    const std::unique_ptr<char[]> copy(new char[raw.size()]);
    std::memcpy(copy.get(), raw.data(), raw.size());
    const Bytes exact(copy.get(), raw.size());
    const auto parsed = Json::parse(exact);
    const bool is_string = parsed && raw.front() == '"' && raw.back() == '"';
    decoded.clear();
    CHECK(decode_json_string(exact, decoded) == is_string);
    if (is_string) CHECK(parsed->string_or("") == decoded);
  }
}

// ---- JSON numbers ----

// -?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?
bool is_number(const std::string& text, bool& whole) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - begin;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const std::size_t first = at;
  if (digits() == 0 || (text[first] == '0' && at - first > 1)) return false;
  whole = at == text.size();
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

// Whether the exponent has at most nine digits, zeros in front not counted.
bool has_sane_exponent(const std::string& text) {
  const std::size_t e = text.find_first_of("eE");
  if (e == std::string::npos) return true;
  std::size_t first = e + 1;
  while (first < text.size() && (text[first] == '+' || text[first] == '-' || text[first] == '0')) ++first;
  return text.size() - first <= 9;
}

void check_number_text(Bytes text) {
  const std::string number(text);
  bool whole = false;
  const auto parsed = Json::parse(text);
  if (!is_number(number, whole)) {
    CHECK(!parsed || !parsed->is_number() || number.find_first_of(" \t\r\n") != std::string::npos);
    return;
  }
  const double nearest = std::strtod(number.c_str(), nullptr);
  const bool good = has_sane_exponent(number) && std::isfinite(nearest);
  double value = 1;
  CHECK(json_number_value(text, value) == good);
  const PaddedString padded(text);
  CHECK(parsed.ok() == good && validate_json(padded.padded(), 1).ok() == good);
  if (!good) return;
  CHECK(value == nearest && std::signbit(value) == std::signbit(nearest));
  CHECK(*parsed->as_double() == nearest);
  // An integer that 64 bits hold keeps its digits.
  if (whole && number != "-0" && parsed->is_integer()) CHECK(parsed->dump() == number);
  if (whole && number.size() <= 18) CHECK(parsed->is_integer() == (number != "-0"));
}

void check_double(double value) {
  std::string written;
  append_json_double(written, value);
  if (!std::isfinite(value)) {
    CHECK(written == "null" && Json(value).is_null());
    return;
  }
  CHECK(std::strtod(written.c_str(), nullptr) == value);
  const auto parsed = Json::parse(written);
  CHECK(parsed && parsed->kind() == Json::Kind::real && parsed->dump() == written);
  const double back = *parsed->as_double();
  CHECK(std::memcmp(&back, &value, sizeof value) == 0);
  // ECMAScript's form: an exponent only below 1e-6 and from 1e21 on, and no fraction that says nothing.
  const std::string canonical = canonical_json(Json(value));
  CHECK(std::strtod(canonical.c_str(), nullptr) == value && canonical_json(*parsed) == canonical);
  const double size = std::fabs(value);
  const bool exponent = size != 0 && (size < 1e-6 || size >= 1e21);
  CHECK((canonical.find('e') != std::string::npos) == exponent);
  const std::size_t point = canonical.find('.');
  if (point == std::string::npos) return;
  const std::size_t end = std::min(canonical.find('e'), canonical.size());
  CHECK(end - point > 1 && canonical[end - 1] != '0' && point > 0);
}

// ---- Ids ----

// What the id is, by value: a string's text behind a quote, an integer's digits. Nothing when it is none.
std::optional<std::string> slow_id(Bytes raw) {
  bool whole = false;
  if (is_number(std::string(raw), whole)) {
    if (!whole) return std::nullopt;
    return raw == "-0" ? "0" : std::string(raw);
  }
  const auto parsed = Json::parse(raw);
  if (!parsed || !parsed->is_string() || raw.front() != '"' || raw.back() != '"') return std::nullopt;
  return "\"" + *parsed->as_string();
}

void check_ids(Bytes text) {
  const std::size_t comma = text.find(',');
  const Bytes first = text.substr(0, comma);
  const Bytes second = comma == Bytes::npos ? Bytes() : text.substr(comma + 1);
  const auto a = RpcId::from_raw(first);
  const auto b = RpcId::from_raw(second);
  const auto x = slow_id(first);
  const auto y = slow_id(second);
  CHECK(a.ok() == x.has_value() && b.ok() == y.has_value());
  if (!a) return;
  CHECK(a->raw() == first && a->is_string() == (first[0] == '"') && a->is_integer() != a->is_string());
  CHECK(a->text() == (a->is_string() ? x->substr(1) : std::string(first)));
  CHECK(*RpcId::from_raw(a->canonical()) == *a &&
        RpcId::from_raw(a->canonical())->canonical() == a->canonical());
  if (a->is_string()) CHECK(RpcId::from_string(a->text()) == *a);
  if (!b) return;
  CHECK((*a == *b) == (x == y) && (a->canonical() == b->canonical()) == (x == y));
  if (x == y) CHECK(std::hash<RpcId>()(*a) == std::hash<RpcId>()(*b));
}

// What the writers write is what the scan finds.
void check_messages(Bytes text) {
  const RpcId id = RpcId::from_string(text.substr(0, 20));
  CHECK(RpcId(-7).raw() == "-7" && !RpcId().present());
  std::string repaired;
  append_utf8_repaired(repaired, text);
  std::string value;
  append_json_string(value, text);
  const auto scan = [](const std::string& message, MessageKind wanted) {
    const PaddedString padded(message);
    JsonLimits limits;
    limits.method_bytes_max = limits.message_bytes_max;
    Envelope e;
    CHECK(scan_message(padded.padded(), limits, e).ok() && e.kind == wanted);
    return *Json::parse(message);
  };
  if (!text.empty()) {
    const Json call = scan(make_request(id.raw(), text, "{\"name\":" + value + "}"), MessageKind::request);
    CHECK(call["method"].string_or("") == repaired && call["params"]["name"].string_or("") == repaired);
    CHECK(call["id"].string_or("") == id.text());
    CHECK(scan(make_notification(text), MessageKind::notification).size() == 2);
  }
  CHECK(scan(make_response(id.raw(), value), MessageKind::response)["result"].string_or("") == repaired);
  const Json named =
      scan(make_error_response(id.raw(), -5, text, value), MessageKind::error_response)["error"];
  CHECK(named["code"] == -5 && named["message"].string_or("") == repaired && named["data"] == repaired);
  const Json bare = scan(make_error_response({}, -6, text), MessageKind::error_response);
  CHECK(bare["id"].is_null() && bare.contains("id") && !bare["error"].contains("data"));
  const Json known = scan(make_error_response(id.raw(), protocol_error(-32002, repaired, value)),
                          MessageKind::error_response)["error"];
  CHECK(known["code"] == -32002 && known["data"] == repaired);
  const Json other =
      scan(make_error_response(id.raw(), error(repaired)), MessageKind::error_response)["error"];
  CHECK(other["code"] == rpc::internal_error && other["message"].string_or("") == repaired);
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::unique_ptr<char[]> copy(new char[size]);
  if (size != 0) std::memcpy(copy.get(), data, size);
  const sluice::Bytes text(copy.get(), size);
  sluice::check_utf8(text, size % 5 + 1);
  sluice::check_spoilt(text);
  sluice::check_base64(text);
  sluice::check_strings(text);
  sluice::check_number_text(text);
  sluice::check_ids(text);
  sluice::check_messages(text);
  double value = 0;
  if (size != 0) std::memcpy(&value, data, std::min(size, sizeof value));
  sluice::check_double(value);
  return 0;
}
