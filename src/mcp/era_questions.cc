// SPDX-License-Identifier: Apache-2.0
#include "mcp/era_questions.h"

#include "codec/json.h"
#include "codec/jsonrpc.h"
#include "mcp/own_name.h"
#include "mcp/revision.h"
#include "mcp/to_legacy.h"

namespace sluice::era_questions {

namespace {

bool names_modern(const Json& versions) {
  for (const Json& version : versions.items()) {
    const auto revision = parse_revision(version.string_or(""));
    if (revision && era_of(*revision) == Era::modern) return true;
  }
  return false;
}

}  // namespace

std::string discover() {
  return make_request(discover_id, "server/discover", "{" + own_request_meta() + "}");
}

std::string initialize() {
  return legacy_initialize(initialize_id, ClientCapabilities(), own_implementation());
}

bool shows_modern(const Envelope& answer) {
  if (answer.kind == MessageKind::response) {
    const auto result = Json::parse(answer.view(answer.result));
    return result && names_modern((*result)["supportedVersions"]);
  }
  if (answer.kind != MessageKind::error_response || !answer.error_data ||
      answer.view(answer.error_code) != std::to_string(rpc::unsupported_protocol_version))
    return false;
  const auto data = Json::parse(answer.view(answer.error_data));
  return data && names_modern((*data)["supported"]);
}

bool shows_legacy(const Envelope& answer) {
  if (answer.kind != MessageKind::response) return false;
  const auto result = Json::parse(answer.view(answer.result));
  if (!result) return false;
  const auto revision = parse_revision((*result)["protocolVersion"].string_or(""));
  return revision && era_of(*revision) == Era::legacy;
}

}  // namespace sluice::era_questions
