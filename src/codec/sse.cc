// SPDX-License-Identifier: Apache-2.0
#include "codec/sse.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "codec/json_writer.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice {
namespace {

constexpr Bytes byte_order_mark = "\xEF\xBB\xBF";
constexpr std::size_t large_piece_bytes = 16 * 1024;

// Where the first CR or LF at or behind `at` is; the size when there is none. One pass over both, so that a
// stream of one kind of line end costs no more than the other.
std::size_t find_line_end(Bytes text, std::size_t at) {
#if defined(__SSE2__)
  const __m128i cr = _mm_set1_epi8('\r');
  const __m128i lf = _mm_set1_epi8('\n');
  const auto ends = [&](std::size_t begin) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + begin));
    return _mm_or_si128(_mm_cmpeq_epi8(block, cr), _mm_cmpeq_epi8(block, lf));
  };
  // Long lines first: four blocks for one decision.
  for (; text.size() - at >= 64; at += 64) {
    const __m128i any =
        _mm_or_si128(_mm_or_si128(ends(at), ends(at + 16)), _mm_or_si128(ends(at + 32), ends(at + 48)));
    if (_mm_movemask_epi8(any) != 0) break;
  }
  for (; text.size() - at >= 16; at += 16) {
    const int mask = _mm_movemask_epi8(ends(at));
    if (mask != 0) return at + static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(mask)));
  }
#endif
  while (at < text.size() && text[at] != '\r' && text[at] != '\n') ++at;
  return at;
}

// The value up to the first byte that would end the line (or that readers refuse).
Bytes one_line(Bytes value, Bytes stops) { return value.substr(0, value.find_first_of(stops)); }

// Calls `line` for every line of `text`, whatever its line ends are; at least once.
template <class OnLine>
void for_lines(Bytes text, OnLine line) {
  for (;;) {
    const std::size_t end = find_line_end(text, 0);
    line(text.substr(0, end));
    if (end == text.size()) return;
    const bool crlf = text[end] == '\r' && end + 1 < text.size() && text[end + 1] == '\n';
    text.remove_prefix(end + (crlf ? 2 : 1));
  }
}

}  // namespace

SseReader::SseReader(const SseLimits& limits, Comments comments)
    : limits_(limits), report_comments_(comments == Comments::report) {}

void SseReader::feed(Bytes bytes) {
  if (too_large_) return;
  if (block_begin_ > 0) {
    pending_.erase(0, block_begin_);
    position_ -= block_begin_;
    searched_ -= block_begin_;
    data_begin_ -= std::min(data_begin_, block_begin_);
    block_begin_ = 0;
  }
  const std::size_t needed = pending_.size() + bytes.size();
  // A large piece is seldom the last one: room for a little more saves moving it when that comes.
  if (needed > pending_.capacity() && bytes.size() >= large_piece_bytes)
    pending_.reserve(needed + bytes.size() / 4);
  pending_.append(bytes);
}

SseReader::Step SseReader::next(SseEvent& event) {
  event = SseEvent{};
  if (!block_open_) type_.clear();
  if (!skip_byte_order_mark()) return waiting();
  while (!too_large_) {
    const std::optional<Bytes> line = take_line();
    if (!line) return waiting();
    if (position_ - block_begin_ > limits_.event_bytes_max) break;
    if (line->empty()) {
      if (dispatch(event)) return Step::event;
    } else if (line->front() == ':') {
      if (!block_open_) block_begin_ = position_;
      if (!report_comments_) continue;
      event.data = line->substr(line->size() > 1 && (*line)[1] == ' ' ? 2 : 1);
      return Step::comment;
    } else {
      block_open_ = true;
      const std::size_t colon = line->find(':');
      Bytes value = line->substr(colon == Bytes::npos ? line->size() : colon + 1);
      if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
      field(line->substr(0, colon), value);
    }
  }
  return fail();
}

// False while the bytes so far could still become the mark.
bool SseReader::skip_byte_order_mark() {
  if (started_) return true;
  const Bytes head = Bytes(pending_).substr(0, byte_order_mark.size());
  if (head.size() < byte_order_mark.size() && byte_order_mark.substr(0, head.size()) == head) return false;
  started_ = true;
  if (head == byte_order_mark) block_begin_ = position_ = searched_ = byte_order_mark.size();
  return true;
}

std::optional<Bytes> SseReader::take_line() {
  if (skip_lf_ && position_ < pending_.size()) {
    skip_lf_ = false;
    if (pending_[position_] == '\n') {
      if (block_begin_ == position_) ++block_begin_;
      ++position_;
    }
  }
  const std::size_t end = find_line_end(pending_, std::max(searched_, position_));
  searched_ = end;
  if (end == pending_.size()) return std::nullopt;
  const Bytes line = Bytes(pending_).substr(position_, end - position_);
  skip_lf_ = pending_[end] == '\r';
  position_ = searched_ = end + 1;
  return line;
}

void SseReader::field(Bytes name, Bytes value) {
  if (name == "data") {
    if (data_lines_ == 0) {
      data_begin_ = static_cast<std::size_t>(value.data() - pending_.data());
      data_size_ = value.size();
    } else {
      if (data_lines_ == 1) data_.assign(pending_, data_begin_, data_size_);
      data_.append("\n").append(value);
    }
    ++data_lines_;
  } else if (name == "event") {
    type_ = value;
  } else if (name == "id") {
    if (value.find('\0') != Bytes::npos) return;
    if (value.size() > limits_.id_bytes_max) too_large_ = true;
    id_ = value.substr(0, limits_.id_bytes_max);
  } else if (name == "retry") {
    std::int64_t time = 0;
    for (const char c : value) {
      if (c < '0' || c > '9') return;
      time = std::min<std::int64_t>(time * 10 + (c - '0'), retry_max.count());
    }
    if (!value.empty()) retry_ = std::chrono::milliseconds(time);
  }
}

// At the blank line that ends a block; false when the block was no event.
bool SseReader::dispatch(SseEvent& event) {
  last_id_ = id_;
  block_begin_ = position_;
  block_open_ = false;
  const std::size_t lines = std::exchange(data_lines_, 0);
  if (lines == 0) {
    type_.clear();
    return false;
  }
  if (type_.empty()) type_ = "message";
  event.type = type_;
  event.data = lines == 1 ? Bytes(pending_).substr(data_begin_, data_size_) : Bytes(data_);
  event.id = last_id_;
  return true;
}

SseReader::Step SseReader::waiting() {
  if (pending_.size() - block_begin_ > limits_.event_bytes_max) return fail();
  if (block_begin_ == pending_.size()) {  // many streams rest for long: their memory goes back
    std::string().swap(pending_);         // an assignment would keep it
    std::string().swap(data_);
    block_begin_ = position_ = searched_ = 0;
  }
  return Step::need_bytes;
}

SseReader::Step SseReader::fail() {
  too_large_ = true;
  std::string().swap(pending_);
  std::string().swap(data_);
  block_begin_ = position_ = searched_ = 0;
  return Step::too_large;
}

void SseWriter::write_event(std::string& out, const SseOutput& event) {
  if (!event.event.empty()) out.append("event: ").append(one_line(event.event, "\r\n")).append("\n");
  if (!event.id.empty()) out.append("id: ").append(one_line(event.id, Bytes("\r\n\0", 3))).append("\n");
  if (event.retry) {
    out.append("retry: ");
    append_json_integer(out, std::max<std::int64_t>(event.retry->count(), 0));
    out.push_back('\n');
  }
  if (event.has_data) {
    for_lines(event.data, [&out](Bytes line) { out.append("data: ").append(line).append("\n"); });
  }
  out.push_back('\n');
}

void SseWriter::write_message(std::string& out, Bytes data, Bytes id) {
  out.reserve(out.size() + data.size() + id.size() + 32);
  write_event(out, SseOutput{.event = "message", .id = id, .data = data});
}

bool has_line_end(Bytes text) { return find_line_end(text, 0) != text.size(); }

void SseWriter::write_message_begin(std::string& out, Bytes id) {
  write_event(out, SseOutput{.event = "message", .id = id, .has_data = false});
  out.pop_back();  // the event goes on
  out.append("data: ");
}

void SseWriter::write_comment(std::string& out, Bytes text) {
  for_lines(text, [&out](Bytes line) { out.append(line.empty() ? ":" : ": ").append(line).append("\n"); });
  out.push_back('\n');
}

}  // namespace sluice
