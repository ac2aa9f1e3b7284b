// SPDX-License-Identifier: Apache-2.0
#include "mcp/event_log.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/check.h"
#include "crypto/digest.h"

namespace sluice {

namespace {

constexpr std::size_t tag_bytes = 10;       // of an event id; tells sessions apart
constexpr std::size_t event_overhead = 96;  // what an event costs beside its text
constexpr std::size_t event_id_bytes_max = 64;

struct EventId {
  std::uint32_t stream = 0;
  std::uint64_t number = 0;
};

// An event id is tag "-" stream "-" number.
std::string write_id(const std::string& tag, std::uint32_t stream, std::uint64_t number) {
  return tag + "-" + std::to_string(stream) + "-" + std::to_string(number);
}

template <class Number>
bool read_number(Bytes text, Number& number) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && end == text.data() + text.size();
}

std::optional<EventId> read_id(Bytes text, const std::string& tag) {
  if (text.size() > event_id_bytes_max || text.size() < tag.size() + 4) return std::nullopt;
  if (text.substr(0, tag.size()) != tag || text[tag.size()] != '-') return std::nullopt;
  const Bytes rest = text.substr(tag.size() + 1);
  const std::size_t dash = rest.find('-');
  EventId id;
  if (dash == Bytes::npos || !read_number(rest.substr(0, dash), id.stream) ||
      !read_number(rest.substr(dash + 1), id.number))
    return std::nullopt;
  return id;
}

Error not_there() { return Error(Errc::not_found, "these events are not, or no longer, there"); }

}  // namespace

MemoryEventLog::MemoryEventLog(const McpLimits& limits, Budget& budget) : limits_(limits), budget_(budget) {}

MemoryEventLog::SessionLog* MemoryEventLog::session_of(const std::string& session) {
  const auto place = sessions_.find(session);
  if (place != sessions_.end()) return &place->second;
  if (sessions_.size() >= limits_.sessions_max) return nullptr;
  SessionLog& log = sessions_[session];
  log.tag = digest_hex(sha256("sluice event log\n" + session)).substr(0, tag_bytes);
  return &log;
}

MemoryEventLog::Stream& MemoryEventLog::stream_of(SessionLog& session, std::uint32_t stream, Instant now) {
  const auto place = session.streams.find(stream);
  if (place != session.streams.end()) {
    place->second.touched = now;
    return place->second;
  }
  if (session.streams.size() >= logged_streams_per_session_max) {
    const auto oldest =
        std::min_element(session.streams.begin(), session.streams.end(),
                         [](const auto& a, const auto& b) { return a.second.last < b.second.last; });
    evict_all(oldest->second);
    session.streams.erase(oldest);
  }
  Stream& made = session.streams[stream];
  made.charge = Charge(budget_);
  made.touched = now;
  return made;
}

Result<std::string> MemoryEventLog::append(const StreamKey& key, Bytes text, Instant now) {
  SessionLog* session = session_of(key.session);
  if (session == nullptr) return Error(Errc::exhausted, "the event log holds too many sessions");
  Stream& stream = stream_of(*session, key.stream, now);
  const std::uint64_t number = session->next++;
  stream.last = number;
  const std::size_t cost = text.size() + event_overhead;
  if (!stream.charge.resize(stream.bytes + cost)) {
    // Whoever reads on behind a missing event would see a hole, so what came before is of no use any more
    // either.
    evict_all(stream);
    if (!stream.charge.resize(cost)) {
      stream.evicted = number;
      return Error(Errc::exhausted, "the byte budget has no room for this event");
    }
  }
  stream.events.push_back({number, now, std::string(text)});
  stream.bytes += cost;
  ++events_;
  trim(stream, now);
  return write_id(session->tag, key.stream, number);
}

Result<std::string> MemoryEventLog::mark(const StreamKey& key, Instant now) {
  SessionLog* session = session_of(key.session);
  if (session == nullptr) return Error(Errc::exhausted, "the event log holds too many sessions");
  Stream& stream = stream_of(*session, key.stream, now);
  stream.last = session->next++;
  return write_id(session->tag, key.stream, stream.last);
}

Result<Replay> MemoryEventLog::read_since(Bytes session, Bytes event_id, Instant now) {
  const auto log = sessions_.find(std::string(session));
  if (log == sessions_.end()) return not_there();
  const auto id = read_id(event_id, log->second.tag);
  if (!id) return not_there();
  const auto place = log->second.streams.find(id->stream);
  if (place == log->second.streams.end()) return not_there();
  Stream& stream = place->second;
  trim(stream, now);
  if (id->number > stream.last || id->number < stream.evicted) return not_there();
  Replay replay;
  replay.stream = id->stream;
  for (const Event& event : stream.events)
    if (event.number > id->number)
      replay.events.push_back({write_id(log->second.tag, id->stream, event.number), event.text});
  return replay;
}

void MemoryEventLog::drop_stream(const StreamKey& key) {
  const auto log = sessions_.find(key.session);
  if (log == sessions_.end()) return;
  const auto stream = log->second.streams.find(key.stream);
  if (stream == log->second.streams.end()) return;
  evict_all(stream->second);
  log->second.streams.erase(stream);
}

void MemoryEventLog::drop_session(Bytes session) {
  const auto log = sessions_.find(std::string(session));
  if (log == sessions_.end()) return;
  for (auto& [number, stream] : log->second.streams) evict_all(stream);
  sessions_.erase(log);
}

void MemoryEventLog::expire(Instant now) {
  for (auto& [name, session] : sessions_) {
    for (auto place = session.streams.begin(); place != session.streams.end();) {
      Stream& stream = place->second;
      trim(stream, now);
      const bool stale = stream.events.empty() && now - stream.touched >= limits_.replay_age_max;
      place = stale ? session.streams.erase(place) : std::next(place);
    }
  }
}

void MemoryEventLog::evict_front(Stream& stream) {
  stream.evicted = stream.events.front().number;
  stream.bytes -= stream.events.front().text.size() + event_overhead;
  stream.events.pop_front();
  --events_;
}

void MemoryEventLog::evict_all(Stream& stream) {
  while (!stream.events.empty()) evict_front(stream);
  stream.charge.release();
}

// The newest event stays even when it alone is larger than the bound: it is the answer somebody waits for.
void MemoryEventLog::trim(Stream& stream, Instant now) {
  while (stream.events.size() > 1 &&
         (stream.events.size() > limits_.replay_events_max || stream.bytes > limits_.replay_bytes_max))
    evict_front(stream);
  while (!stream.events.empty() && now - stream.events.front().at >= limits_.replay_age_max)
    evict_front(stream);
  CHECK(stream.charge.resize(stream.bytes));  // shrinking always succeeds
}

}  // namespace sluice
