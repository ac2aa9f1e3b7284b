// SPDX-License-Identifier: Apache-2.0
#include "mcp/task_table.h"

#include <algorithm>
#include <charconv>

#include "base/timestamp.h"
#include "codec/base64.h"
#include "codec/utf8.h"
#include "mcp/session_id.h"

namespace sluice {

namespace {

std::string purpose_of(const Principal& principal) {
  const Digest owner = principal_digest(principal);
  return std::string("mcp task\n").append(digest_view(owner));
}

Error unknown() { return Error(Errc::not_found, "there is no such task"); }

std::string text_of(Handle handle) {
  return std::to_string(handle.index) + "." + std::to_string(handle.generation);
}

std::optional<Handle> handle_of(Bytes text) {
  Handle handle;
  const char* end = text.data() + text.size();
  const auto index = std::from_chars(text.data(), end, handle.index);
  if (index.ec != std::errc() || index.ptr == end || *index.ptr != '.') return std::nullopt;
  const auto generation = std::from_chars(index.ptr + 1, end, handle.generation);
  if (generation.ec != std::errc() || generation.ptr != end) return std::nullopt;
  return handle;
}

}  // namespace

TaskIds::TaskIds(Sealer sealer, const McpLimits& limits)
    : sealer_(std::move(sealer)), bytes_max_(limits.task_id_bytes_max) {}

Result<std::string> TaskIds::seal(const Principal& principal, Bytes payload) {
  std::string id = base64url_encode(sealer_.seal(purpose_of(principal), payload));
  if (id.size() > bytes_max_)
    return Error(Errc::too_large, "a task id would be longer than " + std::to_string(bytes_max_) + " bytes");
  return id;
}

Result<std::string> TaskIds::open(const Principal& principal, Bytes id) {
  if (id.size() > bytes_max_) return unknown();
  const auto sealed = base64url_decode(id);
  if (!sealed) return unknown();
  auto opened = sealer_.open(purpose_of(principal), *sealed);
  if (!opened) return unknown();
  return std::move(opened->plaintext);
}

TaskTable::TaskTable(Sealer sealer, const McpLimits& limits)
    : ids_(std::move(sealer), limits),
      tasks_max_(limits.tasks_max),
      per_principal_max_(limits.tasks_per_principal_max),
      ttl_(limits.task_ttl),
      ttl_max_(limits.task_ttl_max),
      poll_(limits.task_poll) {}

TaskEntry* TaskTable::open(const Principal& principal, Era era, std::optional<milliseconds> ttl, Instant now,
                           WallTime wall) {
  if (entries_.size() >= tasks_max_) return nullptr;
  const auto counted = of_principal_.find(principal.name);
  if (counted != of_principal_.end() && counted->second >= per_principal_max_) return nullptr;
  auto [handle, entry] = entries_.emplace();
  auto id = ids_.seal(principal, text_of(handle));
  if (!id) {
    entries_.erase(handle);
    return nullptr;
  }
  const milliseconds kept = std::clamp(ttl.value_or(ttl_), milliseconds(1), ttl_max_);
  entry.state.id = std::move(*id);
  entry.state.created = entry.state.updated = rfc3339(wall);
  entry.state.ttl_ms = kept.count();
  entry.state.poll_ms = poll_.count();
  entry.era = era;
  entry.principal = principal;
  entry.expires = now + kept;
  entry.handle = handle;
  by_expiry_.emplace(entry.expires, handle);
  ++of_principal_[principal.name];
  return &entry;
}

TaskEntry* TaskTable::find(const Principal& principal, Era era, Bytes id) {
  const auto payload = ids_.open(principal, id);
  if (!payload) return nullptr;
  const auto handle = handle_of(*payload);
  TaskEntry* entry = handle ? entries_.get(*handle) : nullptr;
  return entry != nullptr && entry->era == era && entry->state.id == id ? entry : nullptr;
}

TaskEntry* TaskTable::expired(Instant now) {
  return next_expiry() <= now ? entries_.get(by_expiry_.begin()->second) : nullptr;
}

std::unique_ptr<Attachment> TaskTable::forget(TaskEntry& entry) {
  auto attachment = std::move(entry.attachment);
  const auto counted = of_principal_.find(entry.principal.name);
  if (--counted->second == 0) of_principal_.erase(counted);
  by_expiry_.erase({entry.expires, entry.handle});
  entries_.erase(Handle(entry.handle));
  return attachment;
}

bool TaskTable::turn(TaskEntry& entry, TaskStatus status, std::string_view message, WallTime wall) {
  if (!may_become(entry.state.status, status)) return false;
  entry.state.status = status;
  const std::string_view kept = message.substr(0, McpLimits{}.task_message_bytes_max);
  entry.state.message = kept.substr(0, utf8_valid_prefix(kept));
  entry.state.updated = rfc3339(wall);
  return true;
}

void TaskTable::for_each(const std::function<void(TaskEntry&)>& fn) {
  for (const auto& one : by_expiry_)
    if (TaskEntry* entry = entries_.get(one.second)) fn(*entry);
}

}  // namespace sluice
