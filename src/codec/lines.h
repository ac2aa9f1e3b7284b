// SPDX-License-Identifier: Apache-2.0
#pragma once
// Newline-delimited JSON, the framing of stdio and of TCP and Unix sockets: bytes in, lines out, and back.
//
// CR before LF is tolerated, empty lines are skipped, a line that is too long is reported once and skipped to
// its end. Looks at no byte of the JSON but line ends. A line stays valid until the next feed() or next().
// Lives on one reactor.

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/buffer.h"
#include "base/bytes.h"

namespace sluice {

class LineReader {
 public:
  // Lines up to this many bytes, line end not counted: JsonLimits::message_bytes_max.
  explicit LineReader(std::size_t line_bytes_max);

  // Takes bytes from the peer. Feed and then call next() until it needs bytes.
  void feed(Bytes bytes);
  // The peer has finished: what is left without a line end is a line.
  void finish();

  enum class Step : std::uint8_t { line, need_bytes, too_long };
  // The line comes with padding, ready for MessageScanner. After too_long simply go on.
  [[nodiscard]] Step next(PaddedBytes& line);

  // Bytes of lines that next() has not yielded yet, and the memory they are in.
  [[nodiscard]] std::size_t pending() const { return buffer_.size() - given_; }
  [[nodiscard]] std::size_t bytes_held() const { return buffer_.capacity(); }

 private:
  // An empty reader gives back a buffer larger than this.
  static constexpr std::size_t kept_bytes = 64 * 1024;
  void drop_given();

  std::size_t line_bytes_max_;
  Buffer buffer_;
  std::size_t given_ = 0;     // bytes of the line yielded last, dropped at the next call
  std::size_t searched_ = 0;  // no line end before this
  bool skipping_ = false;     // within a line that was too long
  bool finished_ = false;
};

// Appends one message and LF. A text with line ends (pretty-printed) loses them, which changes nothing: a
// JSON string cannot hold a raw one. `json` must be JSON that was checked.
void append_line(std::string& out, Bytes json);

}  // namespace sluice
