// SPDX-License-Identifier: Apache-2.0
#include "gateway/modern_listens.h"

#include <algorithm>
#include <utility>

#include "mcp/methods.h"

namespace sluice {

namespace {

bool wants(const ListenFilter& filter, const Envelope& notification, MethodId id) {
  switch (id) {
    case MethodId::notify_tools_changed: return filter.tools;
    case MethodId::notify_prompts_changed: return filter.prompts;
    case MethodId::notify_resources_changed: return filter.resources;
    case MethodId::notify_resources_updated:
      return std::any_of(filter.uris.begin(), filter.uris.end(),
                         [&](const std::string& uri) { return is_within(notification.uri, uri); });
    case MethodId::notify_tasks:
      return std::find(filter.task_ids.begin(), filter.task_ids.end(), notification.task_id) !=
             filter.task_ids.end();
    default: return false;
  }
}

}  // namespace

void ModernListens::add(Exchange& exchange, const ListenFilter& filter) {
  listens_.push_back(std::make_unique<Listen>(Listen{&exchange, filter}));
  Listen& listen = *listens_.back();
  std::vector<std::string> fresh;
  for (const std::string& uri : filter.uris) {
    Resource& resource = resources_[uri];
    if (resource.users++ == 0) fresh.push_back(uri);
    if (!resource.settled) ++listen.pending;
  }
  if (listen.pending == 0) return acknowledge(listen);
  for (const std::string& uri : fresh)
    subscribe_(uri, [this, uri](bool subscribed) { settled(uri, subscribed); });
}

void ModernListens::settled(const std::string& uri, bool subscribed) {
  const auto at = resources_.find(uri);
  if (at == resources_.end()) {
    if (subscribed) unsubscribe_(uri);  // who wanted it has left meanwhile
    return;
  }
  if (std::exchange(at->second.settled, true)) return;
  at->second.subscribed = subscribed;
  for (const auto& listen : listens_) {
    const auto& uris = listen->filter.uris;
    if (std::find(uris.begin(), uris.end(), uri) == uris.end() || listen->pending == 0) continue;
    if (--listen->pending == 0) acknowledge(*listen);
  }
}

void ModernListens::acknowledge(Listen& listen) {
  ListenFilter honoured = listen.filter;
  std::erase_if(honoured.uris, [this](const std::string& uri) { return !resources_[uri].subscribed; });
  listen.acknowledged = true;
  listen.exchange->notify(listen_acknowledged(honoured, listen.exchange->request().message.id()));
}

void ModernListens::drop(Exchange& exchange) {
  const auto at = std::find_if(listens_.begin(), listens_.end(),
                               [&](const auto& listen) { return listen->exchange == &exchange; });
  if (at == listens_.end()) return;
  const std::unique_ptr<Listen> listen = std::move(*at);
  listens_.erase(at);
  for (const std::string& uri : listen->filter.uris) {
    const auto resource = resources_.find(uri);
    if (resource == resources_.end() || --resource->second.users != 0) continue;
    const bool subscribed = resource->second.subscribed;
    resources_.erase(resource);
    if (subscribed) unsubscribe_(uri);
  }
}

void ModernListens::changed(const Envelope& notification) {
  const Method* method = find_method(notification.method);
  if (method == nullptr) return;
  for (const auto& listen : listens_)
    if (listen->acknowledged && wants(listen->filter, notification, method->id))
      listen->exchange->notify(with_subscription_id(notification, listen->exchange->request().message.id()));
}

std::vector<Exchange*> ModernListens::take_all() {
  std::vector<Exchange*> all;
  for (const auto& listen : std::exchange(listens_, {})) all.push_back(listen->exchange);
  resources_.clear();
  return all;
}

}  // namespace sluice
