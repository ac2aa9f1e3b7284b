// SPDX-License-Identifier: Apache-2.0
#include "mcp/errors.h"

#include <algorithm>
#include <utility>

#include "codec/json.h"
#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "codec/utf8.h"

namespace sluice {

namespace {

// Legacy peers know no codes for these; -32000 and -32001 are what the official SDKs send, and both lie in
// the range of which nobody may assume anything.
constexpr int bad_session_code = -32000;
constexpr int session_not_found_code = -32001;

Refusal make(int http_status, int code, std::string message, std::string data = {}) {
  Refusal refusal;
  refusal.http_status = http_status;
  refusal.code = code;
  refusal.message = std::move(message);
  refusal.data_json = std::move(data);
  return refusal;
}

std::string outcome_data(Outcome outcome) {
  std::string data;
  JsonWriter(data)
      .begin_object()
      .member("outcome", outcome_text(outcome))
      .member("retryable", outcome == Outcome::not_sent)
      .end_object();
  return data;
}

// Any integer but 0, which says nothing.
bool is_code(int code) { return code != 0; }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool has_line_end(Bytes text) { return text.find_first_of("\r\n") != Bytes::npos; }

bool is_json(Bytes text) {
  const PaddedString padded{text};
  return validate_json(padded.padded(), JsonLimits{}.depth_max).ok();
}

std::string repaired_message(std::string message) {
  if (message.size() > refusal_message_bytes_max) message.resize(refusal_message_bytes_max);
  message.resize(utf8_valid_prefix(message));
  std::replace_if(message.begin(), message.end(), is_control, ' ');
  if (message.empty()) message = "Error";
  return message;
}

// Data as one line, or nothing.
std::string repaired_data(const std::string& data) {
  if (data.empty() || data.size() > refusal_data_bytes_max || !is_json(data)) return {};
  if (!has_line_end(data)) return data;
  const auto json = Json::parse(data);
  return json ? json->dump() : std::string();
}

}  // namespace

namespace refusals {

Refusal from_scan(const ScanResult& scan) {
  std::string sentence = scan.code == rpc::parse_error      ? "Parse error: "
                         : scan.code == rpc::invalid_params ? "Invalid params: "
                                                            : "Invalid request: ";
  sentence.append(scan.reason).append(" (byte ").append(std::to_string(scan.offset)).append(")");
  return make(400, scan.code, std::move(sentence));
}

Refusal invalid_request(std::string_view sentence) {
  return make(400, rpc::invalid_request, "Invalid request: " + std::string(sentence));
}

Refusal message_too_large(std::size_t bytes_max) {
  return make(413, rpc::invalid_request,
              "Invalid request: the message is larger than " + std::to_string(bytes_max) + " bytes");
}

Refusal method_not_found(std::string_view method, Era era) {
  return make(era == Era::modern ? 404 : 200, rpc::method_not_found,
              "Method not found: " + std::string(method.substr(0, JsonLimits{}.method_bytes_max)));
}

Refusal invalid_params(std::string_view sentence, std::string_view data) {
  return make(200, rpc::invalid_params, "Invalid params: " + std::string(sentence), std::string(data));
}

Refusal malformed_meta(std::string_view sentence) {
  return make(400, rpc::invalid_params, "Invalid params: " + std::string(sentence));
}

Refusal resource_not_found(std::string_view uri, Era era) {
  std::string data;
  JsonWriter(data).begin_object().member("uri", uri).end_object();
  return make(200, era == Era::modern ? rpc::invalid_params : rpc::resource_not_found,
              "Resource not found: " + std::string(uri.substr(0, 512)), std::move(data));
}

Refusal header_mismatch(std::string_view sentence) {
  return make(400, rpc::header_mismatch, "Header mismatch: " + std::string(sentence));
}

Refusal missing_capability(std::string_view required) {
  std::string data;
  JsonWriter(data).begin_object().raw_member("requiredCapabilities", required).end_object();
  return make(
      400, rpc::missing_client_capability,
      "Missing required client capability: the request cannot be served without " + std::string(required),
      std::move(data));
}

Refusal unsupported_version(std::span<const Revision> supported, std::string_view requested) {
  std::string data;
  JsonWriter writer(data);
  writer.begin_object().key("supported").begin_array();
  for (const Revision revision : supported) writer.value(revision_text(revision));
  writer.end_array().member("requested", requested.substr(0, 256)).end_object();
  return make(400, rpc::unsupported_protocol_version,
              "Unsupported protocol version: " + std::string(requested.substr(0, 256)), std::move(data));
}

Refusal session_missing() {
  return make(400, bad_session_code, "Bad request: the Mcp-Session-Id header is required after initialize");
}

Refusal session_unknown() {
  return make(404, session_not_found_code, "Session not found: send initialize to start a new one");
}

Refusal not_initialized() {
  return make(400, bad_session_code, "Bad request: the session is not initialized; send initialize first");
}

Refusal already_initialized() {
  return make(400, rpc::invalid_request, "Invalid request: the session is already initialized");
}

Refusal duplicate_id() {
  return make(400, rpc::invalid_request, "Invalid request: a request with this id is still in flight");
}

Refusal too_many_in_flight(std::size_t max) {
  return make(
      429, rpc::invalid_request,
      "Invalid request: " + std::to_string(max) + " requests are in flight already; wait for one to end");
}

Refusal batch_not_allowed(std::string_view sentence) {
  return make(400, rpc::invalid_request, "Invalid request: " + std::string(sentence));
}

Refusal unsupported_legacy_version(std::string_view requested) {
  std::string sentence =
      "Bad request: unsupported protocol version " + std::string(requested.substr(0, 64)) + " (supported:";
  for (const Revision revision : all_revisions)
    if (era_of(revision) == Era::legacy) sentence.append(" ").append(revision_text(revision));
  return make(400, bad_session_code, sentence + ")");
}

Refusal origin_forbidden() {
  return make(403, bad_session_code, "Forbidden: this Host or Origin is not allowed here");
}

Refusal http_method_not_allowed() {
  return make(405, bad_session_code, "Method not allowed: this endpoint does not serve that HTTP method");
}

Refusal not_acceptable() {
  return make(406, bad_session_code,
              "Not acceptable: Accept must list both application/json and text/event-stream");
}

Refusal unsupported_media_type() {
  return make(415, bad_session_code, "Unsupported media type: Content-Type must be application/json");
}

Refusal internal_error(std::string_view sentence) {
  return make(500, rpc::internal_error, "Internal error: " + std::string(sentence));
}

Refusal overloaded(std::string_view sentence) {
  return make(503, rpc::internal_error, "Overloaded: " + std::string(sentence));
}

Refusal shutting_down() {
  return make(503, rpc::internal_error, "Shutting down: no new requests are taken",
              outcome_data(Outcome::not_sent));
}

Refusal timed_out(Outcome outcome) {
  return make(504, rpc::internal_error, "Timed out: the request was not answered in time",
              outcome_data(outcome));
}

Refusal upstream_lost(Outcome outcome) {
  const char* sentence = outcome == Outcome::not_sent
                             ? "Upstream lost: the request was not sent; it is safe to send it again"
                             : "Upstream lost: the request was sent and not answered; it may have run";
  return make(502, rpc::internal_error, sentence, outcome_data(outcome));
}

}  // namespace refusals

std::string_view outcome_text(Outcome outcome) {
  switch (outcome) {
    case Outcome::not_sent: return "not_sent";
    case Outcome::sent_unknown: return "sent_unknown";
    case Outcome::answered: return "answered";
  }
  return {};
}

Status validate(const Refusal& refusal) {
  if (!is_code(refusal.code)) return Error(Errc::invalid, "an error needs a code other than 0");
  if (refusal.message.empty()) return Error(Errc::invalid, "an error needs a message");
  if (refusal.message.size() > refusal_message_bytes_max)
    return Error(Errc::too_large, "the message of an error is too long");
  if (std::any_of(refusal.message.begin(), refusal.message.end(), is_control))
    return Error(Errc::invalid, "the message of an error is not one line");
  if (!is_utf8(refusal.message)) return Error(Errc::invalid, "the message of an error is not UTF-8");
  if (refusal.data_json.size() > refusal_data_bytes_max)
    return Error(Errc::too_large, "the data of an error is too long");
  if (!refusal.data_json.empty() && (has_line_end(refusal.data_json) || !is_json(refusal.data_json)))
    return Error(Errc::invalid, "the data of an error is not one JSON value on one line");
  return {};
}

std::string render(const Refusal& refusal, Bytes id_raw) {
  if (validate(refusal).ok())
    return make_error_response(id_raw, refusal.code, refusal.message, refusal.data_json);
  const int code = is_code(refusal.code) ? refusal.code : rpc::internal_error;
  return make_error_response(id_raw, code, repaired_message(refusal.message),
                             repaired_data(refusal.data_json));
}

}  // namespace sluice
