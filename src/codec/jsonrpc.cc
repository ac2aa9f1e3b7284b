// SPDX-License-Identifier: Apache-2.0
#include "codec/jsonrpc.h"

#include <algorithm>

#include "codec/json_scan.h"
#include "codec/json_writer.h"

namespace sluice {
namespace {

// Digits with at most a minus before them and no needless zero.
bool is_integer_text(Bytes raw) {
  if (!raw.empty() && raw.front() == '-') raw.remove_prefix(1);
  if (raw.empty() || (raw.size() > 1 && raw.front() == '0')) return false;
  return std::all_of(raw.begin(), raw.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void append_member(std::string& out, Bytes name, Bytes json) {
  if (json.empty()) return;
  out.append(",\"").append(name).append("\":").append(json);
}

constexpr Bytes opening = "{\"jsonrpc\":\"2.0\"";

}  // namespace

RpcId::RpcId(std::int64_t number) { append_json_integer(raw_, number); }

RpcId RpcId::from_string(Bytes text) {
  RpcId id;
  append_json_string(id.raw_, text);
  id.plain_ = id.raw_.find('\\') == std::string::npos;
  return id;
}

Result<RpcId> RpcId::from_raw(Bytes raw) {
  std::string value;
  if (!is_integer_text(raw) && !decode_json_string(raw, value)) {
    return Error(Errc::invalid, "an id is a string or an integer");
  }
  RpcId id;
  id.raw_ = raw;
  id.plain_ = raw != "-0" && (raw.front() != '"' || raw.find('\\') == Bytes::npos);
  return id;
}

std::string RpcId::canonical() const {
  if (plain_) return raw_;
  if (is_integer()) return "0";
  std::string out;
  append_json_string(out, text());
  return out;
}

std::string RpcId::text() const {
  if (!is_string()) return raw_;
  std::string value;
  return decode_json_string(raw_, value) ? value : raw_;
}

bool RpcId::equals(const RpcId& other) const {
  if (plain_ && other.plain_) return raw_ == other.raw_;
  return canonical() == other.canonical();
}

void append_request(std::string& out, Bytes id_raw, Bytes method, Bytes params_json) {
  out.append(opening);
  append_member(out, "id", id_raw);
  out.append(",\"method\":");
  append_json_string(out, method);
  append_member(out, "params", params_json);
  out.push_back('}');
}

void append_notification(std::string& out, Bytes method, Bytes params_json) {
  append_request(out, {}, method, params_json);
}

void append_response(std::string& out, Bytes id_raw, Bytes result_json) {
  out.append(opening);
  append_member(out, "id", id_raw);
  append_member(out, "result", result_json);
  out.push_back('}');
}

void append_error_response(std::string& out, Bytes id_raw, int code, Bytes message, Bytes data_json) {
  out.append(opening);
  append_member(out, "id", id_raw.empty() ? Bytes("null") : id_raw);
  out.append(",\"error\":{\"code\":");
  append_json_integer(out, static_cast<std::int64_t>(code));
  out.append(",\"message\":");
  append_json_string(out, message);
  append_member(out, "data", data_json);
  out.append("}}");
}

void append_error_response(std::string& out, Bytes id_raw, const Error& error) {
  const bool known = error.code == Errc::protocol && error.number != 0;
  append_error_response(out, id_raw, known ? error.number : rpc::internal_error, error.message,
                        known ? Bytes(error.data) : Bytes());
}

std::string make_request(Bytes id_raw, Bytes method, Bytes params_json) {
  std::string out;
  append_request(out, id_raw, method, params_json);
  return out;
}

std::string make_notification(Bytes method, Bytes params_json) {
  std::string out;
  append_notification(out, method, params_json);
  return out;
}

std::string make_response(Bytes id_raw, Bytes result_json) {
  std::string out;
  append_response(out, id_raw, result_json);
  return out;
}

std::string make_error_response(Bytes id_raw, int code, Bytes message, Bytes data_json) {
  std::string out;
  append_error_response(out, id_raw, code, message, data_json);
  return out;
}

std::string make_error_response(Bytes id_raw, const Error& error) {
  std::string out;
  append_error_response(out, id_raw, error);
  return out;
}

}  // namespace sluice

std::size_t std::hash<sluice::RpcId>::operator()(const sluice::RpcId& id) const noexcept {
  return std::hash<std::string>()(id.canonical());
}
