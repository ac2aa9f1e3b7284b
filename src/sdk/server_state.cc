// SPDX-License-Identifier: Apache-2.0
#include "sdk/server_state.h"

#include <algorithm>
#include <initializer_list>

#include "mcp/methods.h"
#include "mcp/task_state.h"
#include "sdk/protocol.h"
#include "sdk/running.h"

namespace sluice {
namespace {

void erase_all(Json& json, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) json.erase(name);
}

// What a list entry of a revision does not know.
Json listed_for(Json json, Revision revision) {
  if (revision < Revision::r2025_11_25) json.erase("icons");
  if (revision < Revision::r2025_06_18) erase_all(json, {"title", "_meta"});
  return json;
}

template <class Entry>
std::shared_ptr<Entry> find_named(const std::vector<std::shared_ptr<Entry>>& entries, std::string_view name) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const auto& entry) { return entry->info.name() == name; });
  return found == entries.end() ? nullptr : *found;
}

}  // namespace

ServerState::ServerState(std::string_view name, std::string_view version)
    : implementation(Json::object({{"name", name}, {"version", version}})) {}

ServerState::~ServerState() = default;

std::shared_ptr<ToolEntry> ServerState::find_tool(std::string_view name) const {
  return find_named(tools, name);
}

std::shared_ptr<PromptEntry> ServerState::find_prompt(std::string_view name) const {
  return find_named(prompts, name);
}

std::shared_ptr<ResourceEntry> ServerState::find_template(std::string_view uri_template) const {
  for (const auto& entry : templates)
    if (entry->info.uri() == uri_template) return entry;
  return nullptr;
}

ServerState::Located ServerState::locate(std::string_view uri) const {
  for (const auto& entry : resources)
    if (entry->info.uri() == uri) return {entry, Json::object({{"uri", uri}})};
  for (const auto& entry : templates) {
    const auto values = entry->pattern->match(uri);
    if (!values) continue;
    Json arguments = Json::object();
    for (const auto& value : *values) arguments.set(value.first, value.second);
    return {entry, std::move(arguments)};
  }
  return {};
}

Json ServerState::tool_json(const ToolEntry& entry, Revision revision) {
  Json json = entry.info.json();
  json.set("inputSchema", entry.input_schema);
  if (revision >= Revision::r2025_06_18 && entry.output_schema)
    json.set("outputSchema", *entry.output_schema);
  if (revision < Revision::r2025_03_26) json.erase("annotations");
  if (revision == Revision::r2025_11_25 && entry.info.task_support() != TaskSupport::forbidden) {
    const bool required = entry.info.task_support() == TaskSupport::required;
    json.set("execution", Json::object({{"taskSupport", required ? "required" : "optional"}}));
  }
  return listed_for(std::move(json), revision);
}

Json ServerState::resource_json(const ResourceEntry& entry, Revision revision) {
  Json json = entry.info.json();
  json.set(entry.pattern ? "uriTemplate" : "uri", entry.info.uri());
  return listed_for(std::move(json), revision);
}

Json ServerState::prompt_json(const PromptEntry& entry, Revision revision) {
  Json json = entry.info.json();
  if (!entry.arguments.empty()) {
    Json arguments = entry.arguments;
    if (revision < Revision::r2025_06_18)
      for (Json& argument : *arguments.as_array()) argument.erase("title");
    json.set("arguments", std::move(arguments));
  }
  return listed_for(std::move(json), revision);
}

Json ServerState::implementation_json(Revision revision) const {
  Json json = implementation;
  if (revision < Revision::r2025_11_25) erase_all(json, {"icons", "description", "websiteUrl"});
  if (revision < Revision::r2025_06_18) json.erase("title");
  return json;
}

bool ServerState::completes() const {
  const auto has_completers = [](const auto& entry) { return !entry->completers.empty(); };
  return std::any_of(templates.begin(), templates.end(), has_completers) ||
         std::any_of(prompts.begin(), prompts.end(), has_completers);
}

bool ServerState::has_tasks() const {
  return std::any_of(tools.begin(), tools.end(),
                     [](const auto& entry) { return entry->info.task_support() != TaskSupport::forbidden; });
}

Json ServerState::capabilities_json(Revision revision) const {
  Json json = Json::object();
  const Json changes = Json::object({{"listChanged", true}});
  if (!tools.empty() || !prompts.empty() || !resources.empty() || !templates.empty())
    json.set("logging", Json::object());
  if (completes() && revision >= Revision::r2025_03_26) json.set("completions", Json::object());
  if (!prompts.empty()) json.set("prompts", changes);
  if (!resources.empty() || !templates.empty())
    json.set("resources", Json::object({{"subscribe", true}, {"listChanged", true}}));
  if (!tools.empty()) json.set("tools", changes);
  if (has_tasks() && revision == Revision::r2025_11_25) json.set("tasks", *Json::parse(tasks_offer));
  if (has_tasks() && era_of(revision) == Era::modern)
    json.set("extensions", Json::object({{extension_text(Extension::tasks).data(), Json::object()}}));
  return json;
}

void ServerState::changed(ListKind kind) {
  ++generation;
  for (Protocol* protocol : protocols) protocol->list_changed(kind);
}

}  // namespace sluice
