// SPDX-License-Identifier: Apache-2.0
#pragma once
// `sluice ls`, `call`, `read` and `prompt`: one look at, or one request to, an MCP server from a terminal.
//
// Results go to standard output, for people or as JSON; progress, log lines and complaints to standard error.
// What the server asks is asked at the terminal, and declined where there is none. A terminal gets no control
// character of a server's. Knows the SDK's client, and where tokens are kept.

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/json.h"
#include "mcp/revision.h"

namespace sluice {

struct ClientCommand {
  enum class Verb { ls, call, read, prompt };
  Verb verb = Verb::ls;
  // The URL unless there is a command, then the tool, resource or prompt, then arguments.
  std::vector<std::string> words;
  std::vector<std::string> command;  // what stood behind `--`
  std::optional<Era> era;
  std::vector<std::string> headers;  // "Name: value"
  bool json = false;
  int timeout_seconds = 0;  // 0: the client's own
};

// Exit codes: 0 done; 1 the server said no, or the tool failed; 2 the command line is wrong; 3 no server.
[[nodiscard]] int run_client_command(const ClientCommand& command);

// 1 or 3: what a failed request says of the server.
[[nodiscard]] int exit_code_of(const Error& why);

// `key=value` words, or one word that is a JSON object, as the arguments of a tool: values are what the
// schema says of their keys, JSON where it says nothing and they are, else texts. An error names the word.
[[nodiscard]] Result<Json> tool_arguments(const std::vector<std::string>& words, const Json& input_schema);

}  // namespace sluice
