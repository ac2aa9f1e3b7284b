// SPDX-License-Identifier: Apache-2.0
#pragma once
// ServerState: what is registered with a Server, and how it is listed for each revision.
//
// Entries are shared with the calls that run them, so that a tool may be removed while it runs. Every change
// is told to the protocols that serve this state. Knows no exchange. Lists keep the order of registration, so
// they are the same for everybody at every time. The server's thread. Spec: lists of tools, resources,
// prompts; ledger A (field deltas).

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "codec/json.h"
#include "mcp/param_headers.h"
#include "mcp/revision.h"
#include "mcp/uri_template.h"
#include "sdk/running.h"
#include "sdk/server.h"

namespace sluice {

class Protocol;

using Completers = std::map<std::string, Completer, std::less<>>;

struct ToolEntry {
  ToolInfo info;
  Json input_schema;
  std::optional<Json> output_schema;
  Handler handler;
  std::vector<ParamHeader> headers;
  bool headers_valid = true;  // else the tool is not offered over HTTP
};

struct ResourceEntry {
  ResourceInfo info;
  Handler handler;
  std::optional<UriTemplate> pattern;
  Completers completers;
};

struct PromptEntry {
  PromptInfo info;
  Json arguments;
  Handler handler;
  Json (*coerce)(Json) = nullptr;
  Completers completers;
};

enum class ListKind { tools, resources, prompts };

class ServerState {
 public:
  ServerState(std::string_view name, std::string_view version);
  ServerState(const ServerState&) = delete;
  ServerState& operator=(const ServerState&) = delete;
  ~ServerState();

  [[nodiscard]] std::shared_ptr<ToolEntry> find_tool(std::string_view name) const;
  [[nodiscard]] std::shared_ptr<PromptEntry> find_prompt(std::string_view name) const;
  [[nodiscard]] std::shared_ptr<ResourceEntry> find_template(std::string_view uri_template) const;
  // The resource at `uri`, or the first template that matches, with its variables as arguments.
  struct Located {
    std::shared_ptr<ResourceEntry> entry;
    Json arguments;
  };
  [[nodiscard]] Located locate(std::string_view uri) const;

  // As a list shows them to a client of that revision.
  [[nodiscard]] static Json tool_json(const ToolEntry& entry, Revision revision);
  [[nodiscard]] static Json resource_json(const ResourceEntry& entry, Revision revision);
  [[nodiscard]] static Json prompt_json(const PromptEntry& entry, Revision revision);
  [[nodiscard]] Json implementation_json(Revision revision) const;
  [[nodiscard]] Json capabilities_json(Revision revision) const;
  [[nodiscard]] bool completes() const;
  // Some tool may run as a task.
  [[nodiscard]] bool has_tasks() const;

  // After any change of a list.
  void changed(ListKind kind);

  Json implementation;
  std::string instructions;
  std::chrono::milliseconds lists_ttl{0};
  bool lists_shared = false;
  Limits limits;
  std::vector<std::shared_ptr<ToolEntry>> tools;
  std::vector<std::shared_ptr<ResourceEntry>> resources;
  std::vector<std::shared_ptr<ResourceEntry>> templates;
  std::vector<std::shared_ptr<PromptEntry>> prompts;
  std::map<std::string, std::shared_ptr<Handler>, std::less<>> methods;
  std::vector<Middleware> middleware;
  std::function<bool(std::string_view, const Principal&)> visible;
  std::function<Result<Principal>(std::string_view)> verifier;
  std::uint64_t generation = 1;
  std::vector<Protocol*> protocols;
  Running running;
};

}  // namespace sluice
