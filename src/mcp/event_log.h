// SPDX-License-Identifier: Apache-2.0
#pragma once
// The event log: what was sent on a session's SSE streams, so that a client that lost its connection can go
// on where it was. One of the `Store` seams; the durable ones are `store`'s.
//
// Events are kept by (session, stream). An event id is opaque to clients, unique in its session, names its
// stream and belongs to its session: with another session's id nothing is found. Retention is bounded in
// events, bytes and age; a reader whose next event was evicted is told so and never gets a stream with a
// hole. Time is an argument. One thread. Spec: 2025-03-26 to 2025-11-25 basic/transports, resumability and
// redelivery; ledger ES2, ES4.

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/budget.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/time.h"

namespace sluice {

// Beyond it the stream that was silent for longest is forgotten.
inline constexpr std::size_t logged_streams_per_session_max = 1024;

// One stream of one session; the caller numbers streams and uses no number twice in a session.
struct StreamKey {
  std::string session;  // the session's id
  std::uint32_t stream = 0;
};

struct LoggedEvent {
  std::string id;
  std::string text;  // a JSON-RPC message
};

struct Replay {
  std::uint32_t stream = 0;
  std::vector<LoggedEvent> events;  // in order
};

class EventLog {
 public:
  virtual ~EventLog() = default;

  // Keeps `text` and returns its event id. Errc::exhausted when the budget has no room: the event is then
  // sent without an id.
  [[nodiscard]] virtual Result<std::string> append(const StreamKey& key, Bytes text, Instant now) = 0;
  // An id for the place where the stream is now, for an event without data: reading since it yields what
  // follows.
  [[nodiscard]] virtual Result<std::string> mark(const StreamKey& key, Instant now) = 0;
  // What was appended to the stream of that event after it. Errc::not_found: no such stream in this session,
  // or something in between was evicted.
  [[nodiscard]] virtual Result<Replay> read_since(Bytes session, Bytes event_id, Instant now) = 0;
  virtual void drop_stream(const StreamKey& key) = 0;
  virtual void drop_session(Bytes session) = 0;
  // Forgets what is older than the retention; call it now and then.
  virtual void expire(Instant now) = 0;
};

// In memory: gone with the process.
class MemoryEventLog final : public EventLog {
 public:
  // The budget outlives the log.
  MemoryEventLog(const McpLimits& limits, Budget& budget);

  [[nodiscard]] Result<std::string> append(const StreamKey& key, Bytes text, Instant now) override;
  [[nodiscard]] Result<std::string> mark(const StreamKey& key, Instant now) override;
  [[nodiscard]] Result<Replay> read_since(Bytes session, Bytes event_id, Instant now) override;
  void drop_stream(const StreamKey& key) override;
  void drop_session(Bytes session) override;
  void expire(Instant now) override;

  [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }
  [[nodiscard]] std::size_t events() const { return events_; }

 private:
  struct Event {
    std::uint64_t number;  // counts up in its session
    Instant at;
    std::string text;
  };
  struct Stream {
    std::list<Event> events;    // which takes nothing where there are none, as in most streams
    std::uint64_t evicted = 0;  // the number of the last event that is gone
    std::uint64_t last = 0;     // of the last event or mark
    Instant touched{};
    std::size_t bytes = 0;
    Charge charge;
  };
  struct SessionLog {
    std::string tag;  // what its event ids begin with
    std::uint64_t next = 1;
    std::map<std::uint32_t, Stream> streams;
  };

  [[nodiscard]] SessionLog* session_of(const std::string& session);
  Stream& stream_of(SessionLog& session, std::uint32_t stream, Instant now);
  void evict_front(Stream& stream);
  void evict_all(Stream& stream);
  void trim(Stream& stream, Instant now);

  McpLimits limits_;
  Budget& budget_;
  std::unordered_map<std::string, SessionLog> sessions_;
  std::size_t events_ = 0;
};

}  // namespace sluice
