// SPDX-License-Identifier: Apache-2.0
// Lists, completion and subscriptions.
#include <algorithm>

#include "codec/jsonrpc.h"
#include "sdk/protocol.h"
#include "sdk/protocol_parts.h"
#include "sdk/results.h"

namespace sluice {
namespace {

constexpr std::size_t completions_max = 100;

std::string_view changed_method(ListKind kind) {
  switch (kind) {
    case ListKind::tools: return "notifications/tools/list_changed";
    case ListKind::prompts: return "notifications/prompts/list_changed";
    case ListKind::resources: return "notifications/resources/list_changed";
  }
  return {};
}

// A notification of a listen: its params carry the id of the request that opened it.
std::string tagged(std::string_view method, Json params, const std::string& id_raw) {
  std::string text = params.dump();
  const std::string tag = "\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":" + id_raw + "}";
  text.insert(1, params.empty() ? tag : tag + ",");
  return make_notification(method, text);
}

}  // namespace

void Protocol::list(Opened& opened, MethodId id) {
  std::vector<Json> all;
  std::string_view member = "tools";
  const Revision revision = opened.caller.revision;
  if (id == MethodId::tools_list) {
    for (const auto& entry : state_.tools)
      if (offered(*entry, opened)) all.push_back(ServerState::tool_json(*entry, revision));
  } else if (id == MethodId::prompts_list) {
    member = "prompts";
    for (const auto& entry : state_.prompts) all.push_back(ServerState::prompt_json(*entry, revision));
  } else {
    member = id == MethodId::resources_list ? "resources" : "resourceTemplates";
    const auto& entries = id == MethodId::resources_list ? state_.resources : state_.templates;
    for (const auto& entry : entries) all.push_back(ServerState::resource_json(*entry, revision));
  }
  std::string next;
  Result<Json> items = page(opened, std::move(all), state_.generation, next);
  if (!items) return fail(opened, Refusal{200, rpc::invalid_params, items.error().message, {}});
  Json result = Json::object({{member.data(), std::move(*items)}});
  if (!next.empty()) result.set("nextCursor", std::move(next));
  if (opened.caller.era == Era::modern)
    add_cache_hints(result, state_.lists_ttl, state_.lists_shared && !state_.visible);
  finish(opened, std::move(result));
}

Result<Json> Protocol::page(Opened& opened, std::vector<Json> all, std::uint64_t generation,
                            std::string& next) {
  const CursorScope scope{opened.method, opened.caller.principal, generation};
  std::size_t first = 0;
  if (const Json* cursor = opened.params.find("cursor")) {
    auto place = cursors_.open(scope, cursor->string_or("?"));
    if (!place) return place.error();
    if (*place) first = std::min<std::size_t>(all.size(), std::strtoull((*place)->c_str(), nullptr, 10));
  }
  const std::size_t last = std::min(all.size(), first + state_.limits.mcp.page_items_max);
  Json items = Json::array();
  for (std::size_t i = first; i < last; ++i) items.push_back(std::move(all[i]));
  if (last < all.size())
    if (auto cursor = cursors_.seal(scope, std::to_string(last))) next = std::move(*cursor);
  return items;
}

void Protocol::complete(Opened& opened) {
  const Json& ref = opened.params["ref"];
  const std::string* argument = opened.params["argument"]["name"].as_string();
  const std::string* typed = opened.params["argument"]["value"].as_string();
  if (argument == nullptr || typed == nullptr)
    return fail(opened, refusals::invalid_params("argument needs a name and a value"));
  const Completers* completers = nullptr;
  std::shared_ptr<const void> keep;
  if (ref["type"].string_or("") == "ref/prompt") {
    const auto entry = state_.find_prompt(ref["name"].string_or(""));
    if (entry != nullptr) completers = &entry->completers;
    keep = entry;
  } else if (ref["type"].string_or("") == "ref/resource") {
    const auto entry = state_.find_template(ref["uri"].string_or(""));
    if (entry != nullptr) completers = &entry->completers;
    keep = entry;
  }
  if (completers == nullptr) return fail(opened, refusals::invalid_params("ref names nothing that is here"));
  std::vector<std::string> values;
  if (const auto found = completers->find(*argument); found != completers->end()) {
    try {
      values = found->second(*typed, opened.params["context"]["arguments"]);
    } catch (const std::exception& exception) {
      return fail(opened, refusals::internal_error(exception.what()));
    }
  }
  const std::size_t total = values.size();
  if (total > completions_max) values.resize(completions_max);
  finish(opened, Json::object({{"completion", Json::object({{"values", to_json(values)},
                                                            {"total", total},
                                                            {"hasMore", total > completions_max}})}}));
}

void Protocol::subscribe(Opened& opened, bool on) {
  const std::string* uri = opened.params["uri"].as_string();
  Peer* peer = peer_of(opened.exchange.session());
  if (uri == nullptr || peer == nullptr) return fail(opened, refusals::invalid_params("uri is missing"));
  if (!on) {
    peer->subscribed.erase(*uri);
    return finish(opened, Json::object());
  }
  if (state_.locate(*uri).entry == nullptr)
    return fail(opened, refusals::resource_not_found(*uri, Era::legacy));
  if (peer->subscribed.size() >= state_.limits.mcp.subscriptions_max)
    return fail(opened, refusals::invalid_params("this session subscribes to too many resources"));
  peer->subscribed.insert(*uri);
  finish(opened, Json::object());
}

void Protocol::listen(Opened& opened) {
  const Json& wanted = opened.params["notifications"];
  if (!wanted.is_object()) return fail(opened, refusals::invalid_params("notifications is missing"));
  auto listen = std::make_unique<Listen>();
  listen->id = opened.caller.id;
  Json honoured = Json::object();
  const auto accept = [&](std::string_view member, ServerCapability needs, bool& flag) {
    flag = wanted[member].bool_or(false) && supports(needs);
    if (flag) honoured.set(member, true);
  };
  accept("toolsListChanged", ServerCapability::tools, listen->tools);
  accept("promptsListChanged", ServerCapability::prompts, listen->prompts);
  accept("resourcesListChanged", ServerCapability::resources, listen->resources);
  const Json& uris = wanted["resourceSubscriptions"];
  if (uris.size() > state_.limits.mcp.subscriptions_max)
    return fail(opened, refusals::invalid_params("resourceSubscriptions names too many resources"));
  if (uris.is_array() && supports(ServerCapability::resources)) {
    for (const Json& uri : uris.items())
      if (const std::string* text = uri.as_string()) listen->subscribed.insert(*text);
    honoured.set("resourceSubscriptions", uris);
  }
  const Json& ids = wanted["taskIds"];
  if (ids.size() > state_.limits.mcp.subscriptions_max)
    return fail(opened, refusals::invalid_params("taskIds names too many tasks"));
  if (ids.is_array() && modern_capabilities_.has_extension(extension_text(Extension::tasks))) {
    Json known = Json::array();
    for (const Json& id : ids.items()) {
      if (tasks_.find(opened.caller, id.string_or("")) == nullptr) continue;
      listen->tasks.insert(std::string(id.string_or("")));
      known.push_back(id);
    }
    honoured.set("taskIds", std::move(known));
  }
  Exchange& exchange = opened.exchange;
  const std::string acknowledged = tagged("notifications/subscriptions/acknowledged",
                                          Json::object({{"notifications", std::move(honoured)}}), listen->id);
  exchange.attachment = std::move(listen);
  listens_.insert(&exchange);
  exchange.notify(acknowledged);
}

void Protocol::list_changed(ListKind kind) {
  changes_.insert(kind);
  later();
}

void Protocol::flush_changes() {
  const auto changes = std::exchange(changes_, {});
  for (const ListKind kind : changes) tell_change(kind);
}

void Protocol::tell_change(ListKind kind) {
  const std::string plain = make_notification(changed_method(kind));
  const std::vector<Session*> sessions(sessions_.begin(), sessions_.end());
  for (Session* session : sessions)
    if (const Peer* peer = peer_of(session); peer != nullptr && peer->initialized) session->send(plain);
  const std::vector<Exchange*> listens(listens_.begin(), listens_.end());
  for (Exchange* exchange : listens) {
    const auto& listen = static_cast<const Listen&>(*exchange->attachment);
    const bool wanted = kind == ListKind::tools     ? listen.tools
                        : kind == ListKind::prompts ? listen.prompts
                                                    : listen.resources;
    if (wanted) exchange->notify(tagged(changed_method(kind), Json::object(), listen.id));
  }
}

void Protocol::updated(std::string_view uri) {
  constexpr std::string_view method = "notifications/resources/updated";
  const Json params = Json::object({{"uri", uri}});
  const std::string plain = make_notification(method, params.dump());
  const std::vector<Session*> sessions(sessions_.begin(), sessions_.end());
  for (Session* session : sessions) {
    const Peer* peer = peer_of(session);
    if (peer != nullptr && peer->subscribed.contains(uri)) session->send(plain);
  }
  const std::vector<Exchange*> listens(listens_.begin(), listens_.end());
  for (Exchange* exchange : listens) {
    const auto& listen = static_cast<const Listen&>(*exchange->attachment);
    if (listen.subscribed.contains(uri)) exchange->notify(tagged(method, params, listen.id));
  }
}

void Protocol::shutdown() {
  const auto listens = std::exchange(listens_, {});
  for (Exchange* exchange : listens) {
    const std::string id = static_cast<const Listen&>(*exchange->attachment).id;
    bury(std::move(exchange->attachment));
    exchange->finish(make_response(
        id, R"({"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":)" + id + "}}"));
  }
}

}  // namespace sluice
