// SPDX-License-Identifier: Apache-2.0
#pragma once
// The `mcpServers` files of desktop clients, as a configuration of Sluice.
//
// Takes what Claude, Cursor, VS Code, Windsurf, Zed and the like write (`mcpServers`, `servers`,
// `context_servers` or `mcp.servers`; commands and URLs; JSON with comments), and makes one route with all
// servers of it. What cannot be taken over is left out with a sentence, never in silence. Reads no file and
// no environment: references stay references. Pure, any thread.

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace sluice {

struct ImportedServers {
  std::string yaml;                // a whole file that parse_config() takes
  std::vector<std::string> notes;  // what was left out or changed, and why: one sentence each
};

// Fails when `json` is none, has no servers, or none that can be taken over.
Result<ImportedServers> import_servers(Bytes json);

}  // namespace sluice
