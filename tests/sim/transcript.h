// SPDX-License-Identifier: Apache-2.0
#pragma once
// Transcript: what happened in a simulated run, as lines; their hash, the last of them, and what went wrong.
//
// Two runs are the same exactly when their hashes are. Lines hold nothing that differs between runs of one
// seed: no addresses, no real time. One thread.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace sluice::sim {

class Transcript {
 public:
  explicit Transcript(const Clock& clock) : clock_(clock) {}

  void line(std::string_view who, std::string_view what) {
    std::string text = std::to_string(clock_.now().time_since_epoch() / std::chrono::microseconds(1));
    text.append(" ").append(who).append(" ").append(what.substr(0, line_bytes_max));
    for (const char c : what.size() > line_bytes_max ? what : std::string_view(text)) add(c);
    for (const char c : std::string_view(text)) add(c);
    if (tail_.size() == tail_lines_max) tail_.pop_front();
    tail_.push_back(std::move(text));
  }
  // A rule of the protocol, or of this program, was broken.
  void fail(std::string_view who, std::string_view what) {
    line(who, std::string("BROKEN: ").append(what));
    if (failures_.size() < 8) failures_.push_back(std::string(who) + ": " + std::string(what));
  }

  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }
  [[nodiscard]] std::string tail() const {
    std::string text;
    for (const std::string& line : tail_) text.append(line).append("\n");
    return text;
  }

 private:
  static constexpr std::size_t line_bytes_max = 240;
  static constexpr std::size_t tail_lines_max = 80;
  void add(char c) { hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3U; }  // FNV-1a

  const Clock& clock_;
  std::uint64_t hash_ = 0xcbf29ce484222325U;
  std::deque<std::string> tail_;
  std::vector<std::string> failures_;
};

}  // namespace sluice::sim
