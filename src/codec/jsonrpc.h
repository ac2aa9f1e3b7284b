// SPDX-License-Identifier: Apache-2.0
#pragma once
// JSON-RPC 2.0: ids, error codes and the four messages as text.
//
// Reading messages is json_scan.h's; this is the writing side and the id as a value. Knows no methods. Any
// thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace sluice {

// JSON-RPC's codes, then MCP's.
namespace rpc {
inline constexpr int parse_error = -32700;
inline constexpr int invalid_request = -32600;
inline constexpr int method_not_found = -32601;
inline constexpr int invalid_params = -32602;
inline constexpr int internal_error = -32603;
inline constexpr int resource_not_found = -32002;  // until 2025-11-25; later revisions must not send it
inline constexpr int header_mismatch = -32020;     // 2026-07-28
inline constexpr int missing_client_capability = -32021;     // 2026-07-28
inline constexpr int unsupported_protocol_version = -32022;  // 2026-07-28
inline constexpr int url_elicitation_required = -32042;      // 2025-11-25 only
}  // namespace rpc

// A request id or a progress token: a string or an integer of any length, as the peer wrote it. Two are equal
// when their values are, however they are escaped; 1 and "1" are not. Default-made: none.
class RpcId {
 public:
  RpcId() = default;
  explicit RpcId(std::int64_t number);
  // Makes a string id of plain text.
  [[nodiscard]] static RpcId from_string(Bytes text);
  // Takes the raw JSON text of an id; an error when it is neither a string nor an integer.
  [[nodiscard]] static Result<RpcId> from_raw(Bytes raw);

  [[nodiscard]] bool present() const { return !raw_.empty(); }
  explicit operator bool() const { return present(); }
  [[nodiscard]] bool is_string() const { return present() && raw_.front() == '"'; }
  [[nodiscard]] bool is_integer() const { return present() && raw_.front() != '"'; }
  // As the peer wrote it: goes into messages unchanged.
  [[nodiscard]] const std::string& raw() const { return raw_; }
  // The one spelling of this value: for use as a key.
  [[nodiscard]] std::string canonical() const;
  // A string id's value, an integer's digits: for logs and people.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] friend bool operator==(const RpcId& a, const RpcId& b) { return a.equals(b); }

 private:
  [[nodiscard]] bool equals(const RpcId& other) const;

  std::string raw_;
  bool plain_ = true;  // raw_ is canonical already
};

// Messages, appended without a line end. `id_raw`, `params_json` and the like are JSON text; empty leaves the
// member out (but an error answer without an id says null).
void append_request(std::string& out, Bytes id_raw, Bytes method, Bytes params_json = {});
void append_notification(std::string& out, Bytes method, Bytes params_json = {});
void append_response(std::string& out, Bytes id_raw, Bytes result_json);
void append_error_response(std::string& out, Bytes id_raw, int code, Bytes message, Bytes data_json = {});
// An Error of kind `protocol` as it is; every other becomes -32603 with its message.
void append_error_response(std::string& out, Bytes id_raw, const Error& error);

[[nodiscard]] std::string make_request(Bytes id_raw, Bytes method, Bytes params_json = {});
[[nodiscard]] std::string make_notification(Bytes method, Bytes params_json = {});
[[nodiscard]] std::string make_response(Bytes id_raw, Bytes result_json);
[[nodiscard]] std::string make_error_response(Bytes id_raw, int code, Bytes message, Bytes data_json = {});
[[nodiscard]] std::string make_error_response(Bytes id_raw, const Error& error);

}  // namespace sluice

template <>
struct std::hash<sluice::RpcId> {
  std::size_t operator()(const sluice::RpcId& id) const noexcept;
};
