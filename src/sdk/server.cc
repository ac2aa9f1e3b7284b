// SPDX-License-Identifier: Apache-2.0
#include "sdk/server.h"

#include <algorithm>

#include "sdk/protocol.h"
#include "sdk/running.h"
#include "sdk/server_state.h"

namespace sluice {

namespace listed_detail {

Json& object_member(Json& json, std::string_view name) {
  Json* found = json.find(name);
  return found != nullptr ? *found : json.set(name, Json::object());
}

void add_icon(Json& json, const Icon& icon) {
  Json one = Json::object({{"src", icon.src}});
  if (!icon.mime_type.empty()) one.set("mimeType", icon.mime_type);
  if (!icon.sizes.empty()) one.set("sizes", to_json(icon.sizes));
  Json* icons = json.find("icons");
  if (icons == nullptr) icons = &json.set("icons", Json::array());
  icons->push_back(std::move(one));
}

}  // namespace listed_detail

namespace {

// Replaces the entry that `same` finds, or adds one: a name is registered once.
template <class Entry, class Same>
Entry& put(std::vector<std::shared_ptr<Entry>>& entries, std::shared_ptr<Entry> entry, Same same) {
  Entry& reference = *entry;
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const auto& one) { return same(*one); });
  if (found == entries.end()) {
    entries.push_back(std::move(entry));
  } else {
    *found = std::move(entry);
  }
  return reference;
}

template <class Entry, class Same>
bool take_out(std::vector<std::shared_ptr<Entry>>& entries, Same same) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const auto& one) { return same(*one); });
  if (found == entries.end()) return false;
  entries.erase(found);
  return true;
}

}  // namespace

Server::Server(std::string_view name, std::string_view version)
    : state_(std::make_unique<ServerState>(name, version)) {}

Server::~Server() { state_->running.join(); }

Server& Server::title(std::string_view text) {
  state_->implementation.set("title", text);
  return *this;
}

Server& Server::description(std::string_view text) {
  state_->implementation.set("description", text);
  return *this;
}

Server& Server::website(std::string_view url) {
  state_->implementation.set("websiteUrl", url);
  return *this;
}

Server& Server::icon(const Icon& icon) {
  listed_detail::add_icon(state_->implementation, icon);
  return *this;
}

Server& Server::instructions(std::string_view text) {
  state_->instructions = text;
  return *this;
}

Server& Server::cache_lists(std::chrono::milliseconds ttl, bool shared) {
  state_->lists_ttl = ttl;
  state_->lists_shared = shared;
  return *this;
}

Server& Server::limits(const Limits& limits) {
  state_->limits = limits;
  return *this;
}

ToolInfo& Server::add_tool(ToolInfo info, Json input, std::optional<Json> output, Handler handler) {
  auto entry = std::make_shared<ToolEntry>(
      ToolEntry{std::move(info), std::move(input), std::move(output), std::move(handler), {}, true});
  auto headers = parse_param_headers(entry->input_schema);
  entry->headers_valid = headers.ok();
  if (headers) entry->headers = std::move(*headers);
  const std::string name(entry->info.name());
  ToolEntry& placed =
      put(state_->tools, std::move(entry), [&](const ToolEntry& one) { return one.info.name() == name; });
  state_->changed(ListKind::tools);
  return placed.info;
}

bool Server::remove_tool(std::string_view name) {
  if (!take_out(state_->tools, [&](const ToolEntry& one) { return one.info.name() == name; })) return false;
  state_->changed(ListKind::tools);
  return true;
}

Server& Server::show_tool_if(std::function<bool(std::string_view, const Principal&)> visible) {
  state_->visible = std::move(visible);
  state_->changed(ListKind::tools);
  return *this;
}

ResourceInfo& Server::add_resource(ResourceInfo info, Handler handler) {
  const std::string uri = info.uri();
  auto entry =
      std::make_shared<ResourceEntry>(ResourceEntry{std::move(info), std::move(handler), std::nullopt, {}});
  const bool is_template = uri.find('{') != std::string::npos;
  if (is_template) {
    auto pattern = UriTemplate::parse(uri);
    CHECK(pattern.ok());  // A template that is none is a bug of the program.
    entry->pattern = std::move(*pattern);
  }
  ResourceEntry& placed = put(is_template ? state_->templates : state_->resources, std::move(entry),
                              [&](const ResourceEntry& one) { return one.info.uri() == uri; });
  state_->changed(ListKind::resources);
  return placed.info;
}

bool Server::remove_resource(std::string_view uri) {
  const auto same = [&](const ResourceEntry& one) { return one.info.uri() == uri; };
  if (!take_out(state_->resources, same) && !take_out(state_->templates, same)) return false;
  state_->changed(ListKind::resources);
  return true;
}

Server& Server::complete_resource(std::string_view uri_template, std::string_view variable,
                                  Completer completer) {
  const auto entry = state_->find_template(uri_template);
  CHECK(entry != nullptr);  // Register the template first.
  entry->completers.insert_or_assign(std::string(variable), std::move(completer));
  return *this;
}

void Server::notify_updated(std::string_view uri) {
  for (Protocol* protocol : state_->protocols) protocol->updated(uri);
}

PromptInfo& Server::add_prompt(PromptInfo info, Json arguments, Handler handler, Coercion coerce) {
  const std::string name(info.name());
  PromptEntry& placed = put(state_->prompts,
                            std::make_shared<PromptEntry>(PromptEntry{
                                std::move(info), std::move(arguments), std::move(handler), coerce, {}}),
                            [&](const PromptEntry& one) { return one.info.name() == name; });
  state_->changed(ListKind::prompts);
  return placed.info;
}

bool Server::remove_prompt(std::string_view name) {
  if (!take_out(state_->prompts, [&](const PromptEntry& one) { return one.info.name() == name; }))
    return false;
  state_->changed(ListKind::prompts);
  return true;
}

Server& Server::complete_prompt(std::string_view prompt, std::string_view argument, Completer completer) {
  const auto entry = state_->find_prompt(prompt);
  CHECK(entry != nullptr);  // Register the prompt first.
  entry->completers.insert_or_assign(std::string(argument), std::move(completer));
  return *this;
}

Server& Server::add_method(std::string_view name, Handler handler) {
  state_->methods.insert_or_assign(std::string(name), std::make_shared<Handler>(std::move(handler)));
  return *this;
}

Server& Server::use(Middleware middleware) {
  state_->middleware.push_back(std::move(middleware));
  return *this;
}

Server& Server::verify_token(std::function<Result<Principal>(std::string_view)> verifier) {
  state_->verifier = std::move(verifier);
  return *this;
}

void Server::stop() { state_->running.stop(); }

bool Server::post(std::function<void()> fn) { return state_->running.post(std::move(fn)); }

}  // namespace sluice
