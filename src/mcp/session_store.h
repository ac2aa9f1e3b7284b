// SPDX-License-Identifier: Apache-2.0
#pragma once
// The session store: what must be known of a legacy session to serve its next request, by whoever serves it.
// One of the `Store` seams; replicated ones are later.
//
// Holds records, not live sessions: whoever owns a session writes its record and reads it back. A record is
// only found with its own principal. Bounded in number; idle records expire. Time is an argument. One thread.
// Ledger A4, D3.

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/time.h"
#include "mcp/principal.h"
#include "mcp/revision.h"

namespace sluice {

struct SessionRecord {
  std::string id;
  Principal principal;
  Revision revision = latest_legacy;
  std::string client_capabilities;  // JSON text of the object from initialize
  std::string client_info;          // the same
  std::string log_level;            // empty when never set
  std::vector<std::string> subscribed_uris;
  bool initialized = false;  // notifications/initialized came
  Instant last_used{};
};

class SessionStore {
 public:
  virtual ~SessionStore() = default;

  // Writes a new record or replaces the one with its id; `last_used` is set to `now`. Errc::exhausted when
  // full, Errc::too_large when it subscribes to too much, Errc::denied when the id is another principal's.
  [[nodiscard]] virtual Status put(SessionRecord record, Instant now) = 0;
  // Errc::not_found: unknown, expired, or not this principal's. Does not count as use.
  [[nodiscard]] virtual Result<SessionRecord> get(Bytes id, const Principal& principal, Instant now) = 0;
  // Counts as use; false when there is no such record.
  virtual bool touch(Bytes id, Instant now) = 0;
  virtual bool erase(Bytes id) = 0;
  // Takes out what was idle for too long and returns the ids, at most `max` of them.
  [[nodiscard]] virtual std::vector<std::string> expire(Instant now, std::size_t max) = 0;
  [[nodiscard]] virtual std::size_t size() const = 0;
};

class MemorySessionStore final : public SessionStore {
 public:
  explicit MemorySessionStore(const McpLimits& limits);

  [[nodiscard]] Status put(SessionRecord record, Instant now) override;
  [[nodiscard]] Result<SessionRecord> get(Bytes id, const Principal& principal, Instant now) override;
  bool touch(Bytes id, Instant now) override;
  bool erase(Bytes id) override;
  [[nodiscard]] std::vector<std::string> expire(Instant now, std::size_t max) override;
  [[nodiscard]] std::size_t size() const override { return records_.size(); }

 private:
  using Records = std::list<SessionRecord>;
  [[nodiscard]] bool idle_too_long(const SessionRecord& record, Instant now) const;

  McpLimits limits_;
  Records records_;  // least recently used first
  std::unordered_map<std::string, Records::iterator> by_id_;
};

}  // namespace sluice
