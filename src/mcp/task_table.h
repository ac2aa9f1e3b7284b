// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tasks that somebody keeps: by ids that nobody can guess and only their principal can use, each for its
// time to live, bounded for each principal and for all.
//
// An id is sealed for its principal, so that a forged one, another principal's and one that is forgotten are
// the same: unknown. The time to live counts from the creation and ends a task that still runs, too; nothing
// is forgotten earlier, so where there is no room, no task is made. What runs is the owner's, as attachment.
// Time is an argument. One thread (the sealer's). Spec: 2025-11-25 basic/utilities/tasks (security),
// SEP-2663; ledger C7, D5.

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/slab.h"
#include "base/time.h"
#include "crypto/seal.h"
#include "mcp/exchange.h"
#include "mcp/principal.h"
#include "mcp/task_state.h"

namespace sluice {

// Task ids: opaque sealed text that carries something of whoever minted it.
class TaskIds {
 public:
  TaskIds(Sealer sealer, const McpLimits& limits);

  // Errc::too_large when the id would be longer than any we accept.
  [[nodiscard]] Result<std::string> seal(const Principal& principal, Bytes payload);
  // The payload. Errc::not_found, with one message for all, when it is no id of ours or not this principal's.
  [[nodiscard]] Result<std::string> open(const Principal& principal, Bytes id);

 private:
  Sealer sealer_;
  std::size_t bytes_max_;
};

struct TaskEntry {
  TaskState state;
  Era era = Era::modern;  // the kind of task that it is
  Principal principal;
  Instant expires = never;
  std::unique_ptr<Attachment> attachment;  // of whoever runs it
  Handle handle;
};

class TaskTable {
 public:
  TaskTable(Sealer sealer, const McpLimits& limits);
  TaskTable(const TaskTable&) = delete;
  TaskTable& operator=(const TaskTable&) = delete;

  // A new task, working. `ttl` as the client wishes, bounded; null when there is no room. The entry stays
  // where it is until it is forgotten.
  [[nodiscard]] TaskEntry* open(const Principal& principal, Era era, std::optional<milliseconds> ttl,
                                Instant now, WallTime wall);
  // Null when there is no such task of that principal and era.
  [[nodiscard]] TaskEntry* find(const Principal& principal, Era era, Bytes id);
  [[nodiscard]] TaskEntry* get(Handle handle) { return entries_.get(handle); }
  // One whose time is over; null when there is none.
  [[nodiscard]] TaskEntry* expired(Instant now);
  [[nodiscard]] Instant next_expiry() const { return by_expiry_.empty() ? never : by_expiry_.begin()->first; }
  // The entry is gone; what was attached to it is the caller's.
  std::unique_ptr<Attachment> forget(TaskEntry& entry);

  // False, and nothing changes, when the task is over.
  static bool turn(TaskEntry& entry, TaskStatus status, std::string_view message, WallTime wall);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  void for_each(const std::function<void(TaskEntry&)>& fn);

 private:
  struct Later {
    bool operator()(const std::pair<Instant, Handle>& a, const std::pair<Instant, Handle>& b) const {
      return a.first != b.first ? a.first < b.first : a.second.index < b.second.index;
    }
  };

  TaskIds ids_;
  std::size_t tasks_max_;
  std::size_t per_principal_max_;
  milliseconds ttl_;
  milliseconds ttl_max_;
  milliseconds poll_;
  Slab<TaskEntry> entries_;
  std::set<std::pair<Instant, Handle>, Later> by_expiry_;
  std::unordered_map<std::string, std::size_t> of_principal_;
};

}  // namespace sluice
