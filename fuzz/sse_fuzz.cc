// SPDX-License-Identifier: Apache-2.0
// An event stream in pieces: the same events as in one piece, and what is written from them reads back as
// them. The first byte seeds where the stream is cut; every piece is an allocation of exactly its size.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "codec/sse.h"

namespace sluice {
namespace {

struct Event {
  std::string type, data, id;
  bool operator==(const Event&) const = default;
};

struct Outcome {
  std::vector<Event> events;
  std::vector<std::string> comments;
  std::string last_id;
  std::int64_t retry = -1;
  bool too_large = false;
  bool operator==(const Outcome&) const = default;
};

SseLimits small_limits() {
  SseLimits limits;
  limits.event_bytes_max = 512;
  limits.id_bytes_max = 16;
  return limits;
}

void drain(SseReader& reader, Outcome& outcome) {
  for (;;) {
    SseEvent event;
    switch (reader.next(event)) {
      case SseReader::Step::event:
        outcome.events.push_back({std::string(event.type), std::string(event.data), std::string(event.id)});
        break;
      case SseReader::Step::comment: outcome.comments.emplace_back(event.data); break;
      case SseReader::Step::need_bytes: return;
      case SseReader::Step::too_large: outcome.too_large = true; return;
    }
  }
}

// Pieces of 1 to `piece_max` bytes, pseudo-random from the seed; 0 for all at once.
Outcome read(Bytes stream, std::size_t piece_max, unsigned seed) {
  SseReader reader(small_limits(), SseReader::Comments::report);
  Outcome outcome;
  while (!stream.empty()) {
    seed = seed * 1103515245U + 12345U;
    const std::size_t wanted = piece_max == 0 ? stream.size() : 1 + (seed >> 16) % piece_max;
    const std::size_t size = wanted < stream.size() ? wanted : stream.size();
    const std::unique_ptr<char, decltype(&std::free)> piece(static_cast<char*>(std::malloc(size)), std::free);
    std::memcpy(piece.get(), stream.data(), size);
    reader.feed(Bytes(piece.get(), size));
    drain(reader, outcome);
    stream.remove_prefix(size);
  }
  outcome.last_id = reader.last_event_id();
  if (reader.retry()) outcome.retry = reader.retry()->count();
  return outcome;
}

void check_writing(const Outcome& outcome) {
  std::string stream;
  for (const Event& event : outcome.events) {
    SseWriter::write_event(stream, {.event = event.type, .id = event.id, .data = event.data});
    SseWriter::write_comment(stream, event.data);
  }
  SseReader reader(SseLimits{});
  reader.feed(stream);
  Outcome again;
  drain(reader, again);
  CHECK(again.events.size() == outcome.events.size());
  for (std::size_t i = 0; i < again.events.size(); ++i) {
    CHECK(again.events[i].type == outcome.events[i].type);
    CHECK(again.events[i].data == outcome.events[i].data);
    // An empty id is left out by the writer, and then the last one stays.
    CHECK(outcome.events[i].id.empty() || again.events[i].id == outcome.events[i].id);
  }
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const sluice::Bytes stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const sluice::Outcome whole = sluice::read(stream, 0, 0);
  CHECK(sluice::read(stream, 1, 0) == whole);
  CHECK(sluice::read(stream, 7, data[0]) == whole);
  sluice::check_writing(whole);
  return 0;
}
