// SPDX-License-Identifier: Apache-2.0
#pragma once
// Server-Sent Events, both sides: bytes in, events out; events in, bytes out.
//
// Knows the text/event-stream grammar (WHATWG HTML 9.2) and nothing else: no sockets, no clock, no MCP.
// Any split of the same stream yields the same events. Views in an SseEvent stay valid until the next
// feed() or next(). Lives on one reactor.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"

namespace sluice {

struct SseEvent {
  std::string_view type;  // "message" when the stream named none
  std::string_view data;  // lines joined with '\n'
  std::string_view id;    // sticky across events
};

class SseReader {
 public:
  enum class Comments : std::uint8_t { skip, report };
  explicit SseReader(const SseLimits& limits, Comments comments = Comments::skip);

  // Takes bytes from the peer; holds what belongs to no finished event yet. Feed and then call next() until
  // it needs bytes.
  void feed(Bytes bytes);

  enum class Step : std::uint8_t { event, comment, need_bytes, too_large };
  // Advances by at most one event, or one comment (then its text is event.data) if they are reported. After
  // too_large the reader stays there: close the stream.
  [[nodiscard]] Step next(SseEvent& event);

  // What `Last-Event-ID` would say now: moves when a block of lines ends, even if that block was no event.
  [[nodiscard]] const std::string& last_event_id() const { return last_id_; }
  // The last reconnection time the stream gave.
  [[nodiscard]] std::optional<std::chrono::milliseconds> retry() const { return retry_; }
  [[nodiscard]] std::size_t bytes_held() const { return pending_.capacity() + data_.capacity(); }

 private:
  // A longer reconnection time is taken as this.
  static constexpr std::chrono::milliseconds retry_max = std::chrono::hours(24);

  [[nodiscard]] bool skip_byte_order_mark();
  [[nodiscard]] std::optional<Bytes> take_line();
  void field(Bytes name, Bytes value);
  bool dispatch(SseEvent& event);
  [[nodiscard]] Step waiting();
  Step fail();

  SseLimits limits_;
  bool report_comments_;
  bool started_ = false;    // the byte order mark is behind us
  bool skip_lf_ = false;    // the last line ended in CR: an LF that follows belongs to it
  bool too_large_ = false;  // for good
  std::string pending_;     // bytes from block_begin_ on belong to the open block
  std::size_t block_begin_ = 0;
  std::size_t position_ = 0;  // of the next line
  std::size_t searched_ = 0;  // no line end before this
  // The open block.
  bool block_open_ = false;  // it has a field
  std::size_t data_lines_ = 0;
  std::size_t data_begin_ = 0;  // of the only data line, in pending_
  std::size_t data_size_ = 0;
  std::string data_;  // from the second data line on
  std::string type_;  // of the open block, or of the event just given
  std::string id_;    // the last event id buffer
  std::string last_id_;
  std::optional<std::chrono::milliseconds> retry_;
};

// What to write; empty members are left out, but data is always written when `has_data`.
struct SseOutput {
  Bytes event = {};
  Bytes id = {};
  Bytes data = {};
  std::optional<std::chrono::milliseconds> retry = {};
  bool has_data = true;
};

// Whether a text has a CR or LF, so that it takes more than one data line.
[[nodiscard]] bool has_line_end(Bytes text);

class SseWriter {
 public:
  // One event: data is cut at every line end. A type or id with a line end (or an id with NUL) is cut off
  // there.
  static void write_event(std::string& out, const SseOutput& event);
  // Only `event: message` and `data: …`, for a JSON text: the common case.
  static void write_message(std::string& out, Bytes data, Bytes id = {});
  // The same in pieces, for a large text that need not be copied: this, the text, message_end. For a text
  // without line ends.
  static void write_message_begin(std::string& out, Bytes id = {});
  static constexpr Bytes message_end = "\n\n";
  // A comment, such as the one that keeps a connection open; line ends make several.
  static void write_comment(std::string& out, Bytes text = {});
};

}  // namespace sluice
