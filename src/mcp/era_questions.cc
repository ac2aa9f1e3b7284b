// SPDX-License-Identifier: Apache-2.0
#include "mcp/era_questions.h"

#include "codec/json.h"
#include "codec/jsonrpc.h"
#include "mcp/revision.h"

namespace sluice::era_questions {

namespace {

constexpr Bytes unsupported_version_code = "-32022";
constexpr Bytes method_not_found_code = "-32601";
static_assert(rpc::unsupported_protocol_version == -32022 && rpc::method_not_found == -32601);

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
      answer.view(answer.error_code) != unsupported_version_code)
    return false;
  const auto data = Json::parse(answer.view(answer.error_data));
  return data && names_modern((*data)["supported"]);
}

bool belies_modern(Bytes method, const Envelope& answer) {
  if (answer.kind != MessageKind::error_response) return false;
  const Bytes code = answer.view(answer.error_code);
  if (code == unsupported_version_code) return !shows_modern(answer);
  return code == method_not_found_code && method == "server/discover";
}

bool belies_legacy(Bytes method, const Envelope& answer) {
  if (answer.kind != MessageKind::error_response) return false;
  return method == "initialize" || answer.view(answer.error_code) == unsupported_version_code;
}

}  // namespace sluice::era_questions
