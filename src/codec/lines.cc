// SPDX-License-Identifier: Apache-2.0
#include "codec/lines.h"

#include <algorithm>
#include <iterator>

namespace sluice {
namespace {

Bytes without_cr(Bytes line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

}  // namespace

LineReader::LineReader(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

void LineReader::feed(Bytes bytes) {
  drop_given();
  buffer_.append(bytes);
}

void LineReader::finish() { finished_ = true; }

void LineReader::drop_given() {
  buffer_.consume(given_);
  given_ = 0;
}

LineReader::Step LineReader::next(PaddedBytes& line) {
  drop_given();
  while (!buffer_.empty()) {
    const Bytes held = buffer_.view();
    const std::size_t end = held.find('\n', searched_);
    const bool complete = end != Bytes::npos;
    const Bytes text = without_cr(held.substr(0, end));
    if (skipping_ || text.size() > line_bytes_max_) {
      const bool news = !skipping_;
      buffer_.consume(complete ? end + 1 : held.size());
      searched_ = 0;
      skipping_ = !complete;
      if (news) return Step::too_long;
      continue;
    }
    if (!complete && !finished_) {
      searched_ = held.size();
      return Step::need_bytes;
    }
    const std::size_t taken = complete ? end + 1 : held.size();
    searched_ = 0;
    if (text.empty()) {
      buffer_.consume(taken);
      continue;
    }
    given_ = taken;
    line = PaddedBytes::promise(text);
    return Step::line;
  }
  if (buffer_.capacity() > kept_bytes) buffer_.reset();
  return Step::need_bytes;
}

void append_line(std::string& out, Bytes json) {
  // Compact JSON has no line end, and two searches for one byte are much cheaper than one for either of two.
  if (json.find('\n') == Bytes::npos && json.find('\r') == Bytes::npos) {
    out.append(json).push_back('\n');
    return;
  }
  out.reserve(out.size() + json.size() + 1);
  std::copy_if(json.begin(), json.end(), std::back_inserter(out),
               [](char c) { return c != '\n' && c != '\r'; });
  out.push_back('\n');
}

}  // namespace sluice
