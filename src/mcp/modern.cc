// SPDX-License-Identifier: Apache-2.0
// The steps are numbered as in the ledger's C2, so that order can be checked by reading.
#include "mcp/modern.h"

#include <algorithm>
#include <array>

#include "codec/headers.h"
#include "codec/json.h"
#include "codec/json_splice.h"
#include "mcp/capabilities.h"
#include "mcp/methods.h"

namespace sluice {

namespace {

using Verdict = std::optional<Refusal>;

std::optional<Bytes> trimmed(std::optional<Bytes> value) {
  return value ? std::optional<Bytes>(trim_blanks(*value)) : std::nullopt;
}

bool is_modern(Bytes text) {
  const auto revision = parse_revision(text);
  return revision && era_of(*revision) == Era::modern;
}

// Step 2: requests and notifications only.
Verdict check_kind(const Envelope& envelope) {
  switch (envelope.kind) {
    case MessageKind::request:
    case MessageKind::notification: return std::nullopt;
    case MessageKind::response:
    case MessageKind::error_response:
      return refusals::invalid_request("clients send no responses in this revision");
    case MessageKind::batch: return refusals::invalid_request("this revision has no batches");
    case MessageKind::invalid: break;
  }
  return refusals::invalid_request("not a JSON-RPC message");
}

// Step 3: what header and body both say must be the same.
Verdict check_disagreement(const Envelope& envelope, const StandardHeaders& headers) {
  if (const auto version = trimmed(headers.protocol_version);
      version && envelope.meta_protocol_version_span && *version != envelope.meta_protocol_version)
    return refusals::header_mismatch("MCP-Protocol-Version and _meta name different protocol versions");
  if (const auto method = trimmed(headers.method); method && *method != envelope.method)
    return refusals::header_mismatch("Mcp-Method is not the method of the body");
  return std::nullopt;
}

bool is_string(const Envelope& envelope, JsonSpan span) { return span && envelope.text[span.begin] == '"'; }

Verdict check_client_info(const Envelope& envelope) {
  if (envelope.meta_client_info && envelope.text[envelope.meta_client_info.begin] != '{')
    return refusals::malformed_meta("io.modelcontextprotocol/clientInfo must be an object");
  return std::nullopt;
}

// Step 4: the envelope's required keys.
Verdict check_meta(const Envelope& envelope, Revision revision) {
  if (!envelope.meta) return refusals::malformed_meta("params._meta is required");
  if (envelope.view(envelope.meta).size() > McpLimits{}.introduction_bytes_max)
    return refusals::malformed_meta("params._meta is too long");
  if (!is_string(envelope, envelope.meta_protocol_version_span))
    return refusals::malformed_meta("_meta needs io.modelcontextprotocol/protocolVersion, a string");
  if (!envelope.meta_client_capabilities)
    return refusals::malformed_meta("_meta needs io.modelcontextprotocol/clientCapabilities, an object");
  if (envelope.view(envelope.meta_client_capabilities) == "{}") return check_client_info(envelope);
  const auto json = Json::parse(envelope.view(envelope.meta_client_capabilities));
  if (!json) return refusals::malformed_meta("clientCapabilities: " + json.error().message);
  if (const auto capabilities = parse_client_capabilities(*json, revision); !capabilities)
    return refusals::malformed_meta("clientCapabilities: " + capabilities.error().message);
  return check_client_info(envelope);
}

// Step 5.
Verdict check_version(const Envelope& envelope, std::span<const Revision> supported) {
  const auto revision = parse_revision(envelope.meta_protocol_version);
  if (revision && era_of(*revision) == Era::modern &&
      std::find(supported.begin(), supported.end(), *revision) != supported.end())
    return std::nullopt;
  return refusals::unsupported_version(supported, envelope.meta_protocol_version);
}

// Step 6, the name: presence, then what it says.
Verdict check_name(const Envelope& envelope, const StandardHeaders& headers, bool required) {
  const Method* method = find_method(envelope.method);
  if (method == nullptr || method->name_at == NameAt::nowhere) return std::nullopt;
  const auto header = trimmed(headers.name);
  if (!header) {
    if (!required) return std::nullopt;
    return refusals::header_mismatch("the Mcp-Name header is required for " + std::string(method->text));
  }
  const auto decoded = decode_mirrored(*header);
  if (!decoded) return refusals::header_mismatch("the Mcp-Name header is not valid base64 of UTF-8");
  const auto name = mirrored_name(envelope);
  if (!name || *name != *decoded) return refusals::header_mismatch("Mcp-Name is not what params names");
  return std::nullopt;
}

// Step 6.
Verdict check_standard_headers(const Envelope& envelope, const StandardHeaders& headers) {
  if (!headers.protocol_version)
    return refusals::header_mismatch("the MCP-Protocol-Version header is required");
  if (!headers.method) return refusals::header_mismatch("the Mcp-Method header is required");
  return check_name(envelope, headers, true);
}

// Step 9.
Verdict check_method(const Envelope& envelope, Revision revision, UnknownMethods unknown) {
  const Method* method = find_method(envelope.method);
  const Standing place =
      method == nullptr ? Standing::extension : standing(*method, Sender::client, revision);
  const bool fitting = method == nullptr || method->kind == MethodKind::request;
  if (place == Standing::core && fitting) return std::nullopt;
  if (place == Standing::extension && fitting && unknown == UnknownMethods::forward) return std::nullopt;
  return refusals::method_not_found(envelope.method, Era::modern);
}

// Step 10, as far as it is everybody's: the one member of `_meta` with a closed set of values.
Verdict check_log_level(const Envelope& envelope) {
  if (!envelope.meta_log_level || is_log_level(envelope.view(envelope.meta_log_level))) return std::nullopt;
  return refusals::invalid_params("io.modelcontextprotocol/logLevel is none of the eight levels");
}

// A notification needs no `_meta` and no headers; those it has must be right.
Verdict check_notification(const Envelope& envelope, const StandardHeaders& headers,
                           std::span<const Revision> supported) {
  if (auto refusal = check_disagreement(envelope, headers)) return refusal;
  if (envelope.meta_protocol_version_span)
    if (auto refusal = check_version(envelope, supported)) return refusal;
  return check_name(envelope, headers, false);
}

Verdict check_all(const Envelope& envelope, const StandardHeaders* headers,
                  std::span<const Revision> supported, UnknownMethods unknown) {
  if (auto refusal = check_kind(envelope)) return refusal;
  if (envelope.kind == MessageKind::notification)
    return check_notification(envelope, headers == nullptr ? StandardHeaders{} : *headers, supported);
  if (headers != nullptr)
    if (auto refusal = check_disagreement(envelope, *headers)) return refusal;
  const Revision revision = parse_revision(envelope.meta_protocol_version).value_or(latest_modern);
  if (auto refusal = check_meta(envelope, std::max(revision, latest_modern))) return refusal;
  if (auto refusal = check_version(envelope, supported)) return refusal;
  if (headers != nullptr)
    if (auto refusal = check_standard_headers(envelope, *headers)) return refusal;
  if (auto refusal = check_method(envelope, revision, unknown)) return refusal;
  return check_log_level(envelope);
}

}  // namespace

Era decide_era(const Envelope& envelope, const StandardHeaders& headers) {
  if (envelope.meta_protocol_version_span) {
    // A response carries no claim: `_meta` of a result is the answering client's own.
    if (envelope.kind != MessageKind::response && envelope.kind != MessageKind::error_response)
      return Era::modern;
  }
  const auto version = trimmed(headers.protocol_version);
  return version && is_modern(*version) ? Era::modern : Era::legacy;
}

std::optional<Refusal> check_modern(const Envelope& envelope, const StandardHeaders& headers,
                                    std::span<const Revision> supported, UnknownMethods unknown) {
  return check_all(envelope, &headers, supported, unknown);
}

std::optional<Refusal> check_modern_line(const Envelope& envelope, std::span<const Revision> supported,
                                         UnknownMethods unknown) {
  return check_all(envelope, nullptr, supported, unknown);
}

std::optional<Bytes> mirrored_name(const Envelope& envelope) {
  const Method* method = find_method(envelope.method);
  if (method == nullptr) return std::nullopt;
  switch (method->name_at) {
    case NameAt::nowhere: return std::nullopt;
    case NameAt::name:
      return is_string(envelope, envelope.name_span) ? std::optional<Bytes>(envelope.name) : std::nullopt;
    case NameAt::uri:
      return is_string(envelope, envelope.uri_span) ? std::optional<Bytes>(envelope.uri) : std::nullopt;
    case NameAt::task_id:
      return is_string(envelope, envelope.task_id_span) ? std::optional<Bytes>(envelope.task_id)
                                                        : std::nullopt;
  }
  return std::nullopt;
}

std::string with_result_type(Bytes response) {
  JsonLimits limits;
  limits.message_bytes_max = std::max(limits.message_bytes_max, response.size());
  const PaddedString text(response);
  Envelope envelope;
  const bool is_readable = scan_message(text.padded(), limits, envelope) && envelope.result;
  if (!is_readable || envelope.result_type_span || !envelope.view(envelope.result).starts_with('{'))
    return std::string(response);
  return JsonSplice().insert(envelope.result, "resultType", R"("complete")").apply(text.view());
}

bool is_log_level(Bytes raw_json) {
  constexpr std::array<Bytes, 8> levels{"\"debug\"", "\"info\"",     "\"notice\"", "\"warning\"",
                                        "\"error\"", "\"critical\"", "\"alert\"",  "\"emergency\""};
  return std::find(levels.begin(), levels.end(), raw_json) != levels.end();
}

}  // namespace sluice
