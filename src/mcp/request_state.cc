// SPDX-License-Identifier: Apache-2.0
#include "mcp/request_state.h"

#include <utility>

#include "codec/base64.h"
#include "codec/jsonrpc.h"
#include "mcp/modern.h"
#include "mcp/session_id.h"

namespace sluice {

namespace {

constexpr std::size_t expiry_bytes = 8;  // in front of the payload, big-endian milliseconds

void append_number(std::string& out, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>((number >> shift) & 0xff));
}

std::uint64_t read_number(Bytes bytes) {
  std::uint64_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<std::uint8_t>(c);
  return number;
}

// Length before each text, so that no two requests read the same.
void append_text(std::string& out, std::string_view text) {
  append_number(out, text.size());
  out.append(text);
}

std::string purpose_of(const StateScope& scope) {
  std::string purpose = "mcp request state\n";
  const Digest owner = principal_digest(scope.principal);
  return purpose.append(digest_view(owner)).append(digest_view(scope.request)).append(scope.purpose);
}

Error invalid(const char* sentence) {
  return protocol_error(rpc::invalid_params, std::string("Invalid params: ") + sentence);
}

}  // namespace

Digest request_digest(std::string_view method, std::string_view name_or_uri, const Json& arguments) {
  std::string text;
  append_text(text, method);
  append_text(text, name_or_uri);
  append_text(text, arguments.is_null() ? std::string("{}") : canonical_json(arguments));
  return sha256(text);
}

Result<Digest> request_digest(const Envelope& envelope) {
  Json arguments;
  if (envelope.arguments) {
    auto parsed = Json::parse(envelope.view(envelope.arguments));
    if (!parsed) return invalid(("arguments: " + parsed.error().message).c_str());
    arguments = std::move(*parsed);
  }
  return request_digest(envelope.method, mirrored_name(envelope).value_or(Bytes()), arguments);
}

RequestStates::RequestStates(Sealer sealer, const McpLimits& limits)
    : sealer_(std::move(sealer)),
      bytes_max_(limits.request_state_bytes_max),
      age_max_(limits.request_state_age_max) {}

Result<std::string> RequestStates::seal(const StateScope& scope, Bytes payload, WallTime now) {
  const auto too_large = [this] {
    return Error(Errc::too_large, "request_state_too_large: what is remembered between rounds exceeds " +
                                      std::to_string(bytes_max_) + " bytes sealed");
  };
  if (payload.size() > bytes_max_) return too_large();
  std::string plain;
  plain.reserve(expiry_bytes + payload.size());
  append_number(plain, static_cast<std::uint64_t>((now + age_max_).time_since_epoch().count()));
  plain.append(payload);
  std::string state = base64url_encode(sealer_.seal(purpose_of(scope), plain));
  if (state.size() > bytes_max_) return too_large();
  return state;
}

Result<std::string> RequestStates::open(const StateScope& scope, Bytes state, WallTime now) {
  constexpr const char* broken =
      "requestState was changed, or belongs to another request, caller or configuration";
  if (state.size() > bytes_max_) return invalid("requestState is too long");
  const auto sealed = base64url_decode(state);
  if (!sealed) return invalid(broken);
  const auto opened = sealer_.open(purpose_of(scope), *sealed);
  if (!opened || opened->plaintext.size() < expiry_bytes) return invalid(broken);
  const Bytes plain = opened->plaintext;
  const auto expiry = static_cast<std::int64_t>(read_number(plain.substr(0, expiry_bytes)));
  if (now.time_since_epoch().count() >= expiry)
    return invalid("requestState has expired; send the request again without it");
  return std::string(plain.substr(expiry_bytes));
}

}  // namespace sluice
