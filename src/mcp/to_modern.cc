// SPDX-License-Identifier: Apache-2.0
#include "mcp/to_modern.h"

#include <utility>

#include "codec/json.h"
#include "codec/json_splice.h"
#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "mcp/methods.h"

namespace sluice {

namespace {

constexpr Bytes version_key = "io.modelcontextprotocol/protocolVersion";
constexpr Bytes info_key = "io.modelcontextprotocol/clientInfo";
constexpr Bytes capabilities_key = "io.modelcontextprotocol/clientCapabilities";
constexpr Bytes level_key = "io.modelcontextprotocol/logLevel";
constexpr Bytes version_json = R"("2026-07-28")";

std::string meta_of(const Introduction& who) {
  std::string meta;
  JsonWriter writer(meta);
  writer.begin_object().raw_member(version_key, version_json);
  if (!who.info_json.empty()) writer.raw_member(info_key, who.info_json);
  writer.raw_member(capabilities_key, who.capabilities_json);
  if (!who.log_level_json.empty()) writer.raw_member(level_key, who.log_level_json);
  writer.end_object();
  return meta;
}

// A key of the protocol: what the client wrote there is not what we say.
void set_key(JsonSplice& splice, const Envelope& envelope, JsonSpan member, Bytes key, Bytes json) {
  if (!json.empty()) {
    splice.set(envelope.meta, member, key, json);
  } else if (member) {
    splice.remove(member);
  }
}

void set_member(JsonSplice& splice, const Envelope& envelope, JsonSpan member, Bytes name, Bytes json) {
  if (!json.empty()) {
    splice.set(envelope.params, member, name, json);
  } else if (member) {
    splice.remove(member);
  }
}

}  // namespace

Result<Introduction> read_introduction(const Envelope& initialize) {
  Introduction who;
  who.revision = negotiate_legacy(initialize.protocol_version);
  Json said = Json::object();
  if (initialize.capabilities) {
    auto parsed = Json::parse(initialize.view(initialize.capabilities));
    if (!parsed) return Error(Errc::invalid, "capabilities: " + parsed.error().message);
    said = *std::move(parsed);
  }
  auto capabilities = parse_client_capabilities(said, who.revision);
  if (!capabilities) return capabilities.error();
  who.capabilities = *std::move(capabilities);
  Json modern = capabilities_json(who.capabilities, latest_modern);
  // What a server makes a task is followed to its end for this client.
  modern.set("extensions", Json::object({{extension_text(Extension::tasks).data(), Json::object()}}));
  if (const Json* experimental = said.find("experimental")) modern.set("experimental", *experimental);
  who.capabilities_json = modern.dump();
  const Bytes info = initialize.view(initialize.client_info);
  if (!info.empty() && info.front() == '{') who.info_json = info;
  return who;
}

std::string to_modern_request(const Envelope& request, Bytes id, const Introduction& who,
                              const RetryParts& retry) {
  JsonSplice splice;
  splice.replace(request.id, id);
  std::string meta;  // outlives the splice's use of it
  if (!request.params) {
    meta = R"({"_meta":)" + meta_of(who) + "}";
    splice.insert(request.message, "params", meta);
    return splice.apply(request.text);
  }
  if (request.task) splice.remove(request.task);
  set_member(splice, request, request.input_responses, "inputResponses", retry.input_responses);
  set_member(splice, request, request.request_state, "requestState", retry.request_state);
  if (!request.meta) {
    meta = meta_of(who);
    splice.insert(request.params, "_meta", meta);
    return splice.apply(request.text);
  }
  set_key(splice, request, request.meta_protocol_version_span, version_key, version_json);
  set_key(splice, request, request.meta_client_info, info_key, who.info_json);
  set_key(splice, request, request.meta_client_capabilities, capabilities_key, who.capabilities_json);
  set_key(splice, request, request.meta_log_level, level_key, who.log_level_json);
  if (request.meta_related_task) splice.remove(request.meta_related_task);
  if (request.meta_subscription_id) splice.remove(request.meta_subscription_id);
  return splice.apply(request.text);
}

std::string make_modern_request(Bytes id, Bytes method, const Introduction& who, Bytes members) {
  std::string params = R"({"_meta":)" + meta_of(who);
  if (!members.empty()) params.append(",").append(members);
  return make_request(id, method, params + "}");
}

std::string to_input_response(const Envelope& answer) {
  if (!answer.meta) return std::string(answer.view(answer.result));
  JsonSplice splice;
  splice.remove(answer.meta);
  std::string out;
  splice.append_to(out, answer.text, answer.result);
  return out;
}

}  // namespace sluice
