// SPDX-License-Identifier: Apache-2.0
#include "mcp/era_questions.h"

#include "codec/json.h"
#include "codec/jsonrpc.h"
#include "mcp/revision.h"

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

}  // namespace sluice::era_questions
