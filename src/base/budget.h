// SPDX-License-Identifier: Apache-2.0
#pragma once
// The byte budget of a worker: every buffer is charged to it, so that memory runs out as a reply (503,
// -32603), never as a failed malloc.
//
// A `Charge` is a movable share of the budget that returns itself; the budget must outlive its charges. One
// thread.

#include <cstddef>
#include <utility>

#include "base/check.h"

namespace sluice {

class Budget {
 public:
  explicit Budget(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;
  ~Budget() { DCHECK(bytes_used_ == 0); }

  // False when `bytes` more do not fit; then nothing was taken and the refusal is counted.
  [[nodiscard]] bool take(std::size_t bytes) {
    if (bytes_used_ > bytes_max_ || bytes > bytes_max_ - bytes_used_) {
      ++refusals_;
      return false;
    }
    bytes_used_ += bytes;
    if (bytes_used_ > bytes_peak_) bytes_peak_ = bytes_used_;
    return true;
  }
  void give(std::size_t bytes) {
    DCHECK(bytes <= bytes_used_);
    bytes_used_ -= bytes;
  }

  // What is taken stays taken, also where it is more than this.
  void set_bytes_max(std::size_t bytes_max) { bytes_max_ = bytes_max; }

  [[nodiscard]] std::size_t bytes_used() const { return bytes_used_; }
  [[nodiscard]] std::size_t bytes_peak() const { return bytes_peak_; }
  [[nodiscard]] std::size_t bytes_max() const { return bytes_max_; }
  [[nodiscard]] std::size_t refusals() const { return refusals_; }

 private:
  std::size_t bytes_max_;
  std::size_t bytes_used_ = 0;
  std::size_t bytes_peak_ = 0;
  std::size_t refusals_ = 0;
};

// A share of a budget that is given back on destruction. Starts empty.
class Charge {
 public:
  Charge() = default;
  explicit Charge(Budget& budget) : budget_(&budget) {}
  Charge(Charge&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Charge& operator=(Charge&& other) noexcept {
    if (this != &other) {
      release();
      budget_ = std::exchange(other.budget_, nullptr);
      bytes_ = std::exchange(other.bytes_, 0);
    }
    return *this;
  }
  ~Charge() { release(); }

  // Makes the share exactly `bytes`; false, and unchanged, when growing does not fit. A default-made charge
  // counts against nothing and always succeeds.
  [[nodiscard]] bool resize(std::size_t bytes) {
    if (budget_ != nullptr) {
      if (bytes > bytes_ && !budget_->take(bytes - bytes_)) return false;
      if (bytes < bytes_) budget_->give(bytes_ - bytes);
    }
    bytes_ = bytes;
    return true;
  }
  void release() {
    if (budget_ != nullptr) budget_->give(bytes_);
    bytes_ = 0;
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  Budget* budget_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace sluice
