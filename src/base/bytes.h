// SPDX-License-Identifier: Apache-2.0
#pragma once
// Spans of bytes as the whole program passes them.
//
// Knows nothing of what the bytes mean. A `Bytes` borrows: it is valid until the function it was passed to
// returns, unless the callee's comment says longer. Any thread.

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

// A borrowed run of bytes, not necessarily text and not NUL-terminated.
using Bytes = std::string_view;

// How many readable bytes must follow a text that the JSON reader is given (simdjson reads whole vectors).
inline constexpr std::size_t padding_bytes = 64;

// A borrowed run of bytes behind which `padding_bytes` more may be read (their values do not matter). Made by
// `Buffer` and `PaddedString`; made by hand only by code that can prove the promise.
struct PaddedBytes {
  Bytes bytes;

  [[nodiscard]] static PaddedBytes promise(Bytes padded) { return PaddedBytes{padded}; }
  [[nodiscard]] const char* data() const { return bytes.data(); }
  [[nodiscard]] std::size_t size() const { return bytes.size(); }
};

// Owned text with the padding behind it.
class PaddedString {
 public:
  PaddedString() = default;
  explicit PaddedString(Bytes text) : size_(text.size()) {
    storage_.reserve(text.size() + padding_bytes);
    storage_.append(text).append(padding_bytes, '\0');
  }
  // Takes over `text`, growing it by the padding.
  explicit PaddedString(std::string&& text) : size_(text.size()), storage_(std::move(text)) {
    storage_.append(padding_bytes, '\0');
  }

  [[nodiscard]] Bytes view() const { return Bytes(storage_).substr(0, size_); }
  [[nodiscard]] PaddedBytes padded() const { return PaddedBytes{view()}; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::size_t size_ = 0;
  std::string storage_;
};

}  // namespace sluice
