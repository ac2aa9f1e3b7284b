// SPDX-License-Identifier: Apache-2.0
#pragma once
// Buffer: a growing run of owned bytes that is filled at the back and consumed at the front, with the JSON
// reader's padding always behind it.
//
// Empty buffers own no memory. Views stay valid until the next non-const call. It charges nothing: whoever
// owns it holds the Charge. One thread.

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"

namespace sluice {

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        begin_(std::exchange(other.begin_, 0)),
        end_(std::exchange(other.end_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~Buffer() { std::free(data_); }

  void append(Bytes bytes) {
    if (bytes.empty()) return;
    reserve(bytes.size());
    std::memcpy(data_ + end_, bytes.data(), bytes.size());
    end_ += bytes.size();
  }

  // Room for `bytes` more at the back without moving again.
  void reserve(std::size_t bytes);

  // Drops `bytes` from the front.
  void consume(std::size_t bytes) {
    DCHECK(bytes <= size());
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  [[nodiscard]] Bytes view() const { return Bytes(data_ + begin_, end_ - begin_); }
  [[nodiscard]] PaddedBytes padded() const { return PaddedBytes::promise(view()); }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

  void clear() { begin_ = end_ = 0; }
  // Empties it and returns its memory.
  void reset() {
    std::free(data_);
    data_ = nullptr;
    begin_ = end_ = capacity_ = 0;
  }

 private:
  char* data_ = nullptr;  // capacity_ + padding_bytes long when not null
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace sluice
