// SPDX-License-Identifier: Apache-2.0
#include "mcp/session_store.h"

#include <utility>

namespace sluice {

MemorySessionStore::MemorySessionStore(const McpLimits& limits) : limits_(limits) {}

bool MemorySessionStore::idle_too_long(const SessionRecord& record, Instant now) const {
  return now - record.last_used >= limits_.session_idle;
}

Status MemorySessionStore::put(SessionRecord record, Instant now) {
  if (record.id.empty() || record.id.size() > limits_.session_id_bytes_max)
    return Error(Errc::invalid, "a session record needs an id within the bound");
  if (record.subscribed_uris.size() > limits_.subscriptions_max)
    return Error(Errc::too_large, "the session subscribes to too many resources");
  record.last_used = now;
  const auto place = by_id_.find(record.id);
  if (place != by_id_.end()) {
    if (place->second->principal != record.principal)
      return Error(Errc::denied, "the session belongs to somebody else");
    *place->second = std::move(record);
    records_.splice(records_.end(), records_, place->second);
    return {};
  }
  if (records_.size() >= limits_.sessions_max) return Error(Errc::exhausted, "there are too many sessions");
  records_.push_back(std::move(record));
  by_id_.emplace(records_.back().id, std::prev(records_.end()));
  return {};
}

Result<SessionRecord> MemorySessionStore::get(Bytes id, const Principal& principal, Instant now) {
  const auto place = by_id_.find(std::string(id));
  if (place == by_id_.end() || place->second->principal != principal || idle_too_long(*place->second, now))
    return Error(Errc::not_found, "no such session");
  return *place->second;
}

bool MemorySessionStore::touch(Bytes id, Instant now) {
  const auto place = by_id_.find(std::string(id));
  if (place == by_id_.end()) return false;
  place->second->last_used = now;
  records_.splice(records_.end(), records_, place->second);
  return true;
}

bool MemorySessionStore::erase(Bytes id) {
  const auto place = by_id_.find(std::string(id));
  if (place == by_id_.end()) return false;
  records_.erase(place->second);
  by_id_.erase(place);
  return true;
}

std::vector<std::string> MemorySessionStore::expire(Instant now, std::size_t max) {
  std::vector<std::string> ids;
  while (ids.size() < max && !records_.empty() && idle_too_long(records_.front(), now)) {
    by_id_.erase(records_.front().id);
    ids.push_back(std::move(records_.front().id));
    records_.pop_front();
  }
  return ids;
}

}  // namespace sluice
