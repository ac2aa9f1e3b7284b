// SPDX-License-Identifier: Apache-2.0
// An event stream in pieces: the same events as a second reader finds that has the whole stream and takes the
// rules of WHATWG HTML 9.2 one by one; what is written from them reads back as them. The first byte seeds
// where the stream is cut, and its highest bit puts an event before it that is larger than what an empty
// reader may keep. Every piece is an allocation of exactly its size.
#include <algorithm>
#include <chrono>
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

// The second reader. Limits count the bytes from the first of a block to the first of a line's end.
class SlowReader {
 public:
  Outcome read(std::string stream) {
    if (stream.substr(0, 3) == "\xEF\xBB\xBF") block_ = at_ = 3;
    // What could still become the mark is waited for.
    if (stream == "\xEF" || stream == "\xEF\xBB") return outcome_;
    while (!outcome_.too_large) {
      const std::size_t end = stream.find_first_of("\r\n", at_);
      if (end == std::string::npos) {
        outcome_.too_large = stream.size() - block_ > small_limits().event_bytes_max;
        break;
      }
      const std::string line = stream.substr(at_, end - at_);
      outcome_.too_large = end + 1 - block_ > small_limits().event_bytes_max;
      if (outcome_.too_large) break;
      const bool pair = stream.compare(end, 2, "\r\n") == 0;
      at_ = end + 1;
      take(line);
      if (pair && block_ == at_) ++block_;
      if (pair) ++at_;
    }
    return outcome_;
  }

 private:
  void take(const std::string& line) {
    if (line.empty()) {
      outcome_.last_id = id_;
      if (has_data_) outcome_.events.push_back({type_.empty() ? "message" : type_, data_, id_});
      type_.clear();
      data_.clear();
      has_data_ = open_ = false;
      block_ = at_;
      return;
    }
    if (line[0] == ':') {
      if (!open_) block_ = at_;
      outcome_.comments.push_back(line.substr(line.substr(1, 1) == " " ? 2 : 1));
      return;
    }
    open_ = true;
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::string name = line.substr(0, colon);
    std::string value = line.substr(std::min(colon + 1, line.size()));
    if (value.substr(0, 1) == " ") value.erase(0, 1);
    if (name == "data") {
      data_ += (has_data_ ? "\n" : "") + value;
      has_data_ = true;
    } else if (name == "event") {
      type_ = value;
    } else if (name == "id" && value.find('\0') == std::string::npos) {
      id_ = value;
      outcome_.too_large = value.size() > small_limits().id_bytes_max;
    } else if (name == "retry" && !value.empty() &&
               value.find_first_not_of("0123456789") == std::string::npos) {
      value.erase(0, std::min(value.find_first_not_of('0'), value.size() - 1));
      outcome_.retry = value.size() > 8 ? 86'400'000 : std::min(std::stol(value), 86'400'000L);
    }
  }

  Outcome outcome_;
  std::size_t at_ = 0;
  std::size_t block_ = 0;
  std::string type_, data_, id_;
  bool has_data_ = false;
  bool open_ = false;
};

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

// A reader without comments tells the same events; an event beyond the memory that is kept changes nothing,
// and the memory is given back.
void check_memory(Bytes stream, const Outcome& expected) {
  SseLimits limits = small_limits();
  limits.event_bytes_max = 1 << 20;
  SseReader reader(limits);
  const std::string large = "data: " + std::string(1 << 17, 'x') + "\ndata: y\n\n";
  reader.feed(large);
  Outcome outcome;
  drain(reader, outcome);
  CHECK(outcome.events.size() == 1 && outcome.events[0].data.size() == large.size() - 14);
  CHECK(reader.bytes_held() <= 128 * 1024);
  outcome.events.clear();
  reader.feed(stream);
  drain(reader, outcome);
  CHECK(outcome.comments.empty());
  if (!expected.too_large && !outcome.too_large && !stream.starts_with('\xEF'))
    CHECK(outcome.events == expected.events && reader.last_event_id() == expected.last_id);
}

// Any text as data, type, id and comment, written, is one event that reads back.
void check_output(Bytes text) {
  const std::string line(text.substr(0, text.find_first_of("\r\n")));
  const std::string id = line.substr(0, line.find('\0'));
  std::string stream;
  SseWriter::write_comment(stream, text);
  SseOutput output{.event = text, .id = text, .data = text, .retry = std::chrono::milliseconds(text.size())};
  SseWriter::write_event(stream, output);
  output = {.retry = std::chrono::milliseconds(-5), .has_data = false};
  SseWriter::write_event(stream, output);
  SseWriter::write_message(stream, text, "last");
  SseWriter::write_comment(stream);
  SseReader reader(SseLimits{});
  reader.feed(stream);
  Outcome outcome;
  drain(reader, outcome);
  if (id.size() > SseLimits{}.id_bytes_max) {
    CHECK(outcome.too_large);
    return;
  }
  CHECK(outcome.events.size() == 2 && outcome.events[0].id == id && outcome.events[1].id == "last");
  CHECK(outcome.events[0].type == (line.empty() ? "message" : line) && outcome.events[1].type == "message");
  std::string data;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "\r\n") ++i;
    data += text[i] == '\r' ? '\n' : text[i];
  }
  CHECK(outcome.events[0].data == data && outcome.events[1].data == data);
  CHECK(reader.retry() == std::chrono::milliseconds(0));
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const sluice::Bytes stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const sluice::Outcome whole = sluice::read(stream, 0, 0);
  CHECK(sluice::read(stream, 1, 0) == whole);
  CHECK(sluice::read(stream, 7, data[0]) == whole);
  CHECK(sluice::SlowReader().read(std::string(stream)) == whole);
  sluice::check_writing(whole);
  sluice::check_output(stream);
  if ((data[0] & 0x80) != 0) sluice::check_memory(stream, whole);
  return 0;
}
