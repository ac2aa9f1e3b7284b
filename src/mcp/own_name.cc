// SPDX-License-Identifier: Apache-2.0
#include "mcp/own_name.h"

#include "mcp/revision.h"

namespace sluice {

Bytes own_version() { return SLUICE_VERSION; }

Bytes own_implementation() { return R"({"name":"sluice","version":")" SLUICE_VERSION R"("})"; }

const std::string& own_request_meta() {
  static const std::string meta =
      R"("_meta":{"io.modelcontextprotocol/protocolVersion":")" + std::string(revision_text(latest_modern)) +
      R"(","io.modelcontextprotocol/clientInfo":)" + std::string(own_implementation()) +
      R"(,"io.modelcontextprotocol/clientCapabilities":{}})";
  return meta;
}

}  // namespace sluice
