// SPDX-License-Identifier: Apache-2.0
#include "base/buffer.h"

namespace sluice {

void Buffer::reserve(std::size_t bytes) {
  if (bytes <= capacity_ - end_) return;
  const std::size_t live = size();
  if (live + bytes <= capacity_) {  // enough once the consumed front is reclaimed
    std::memmove(data_, data_ + begin_, live);
    begin_ = 0;
    end_ = live;
    return;
  }
  std::size_t wanted = capacity_ == 0 ? 256 : capacity_ * 2;
  if (wanted < live + bytes) wanted = live + bytes;
  auto* grown = static_cast<char*>(std::malloc(wanted + padding_bytes));
  CHECK(grown != nullptr);
  if (live != 0) std::memcpy(grown, data_ + begin_, live);
  std::memset(grown + wanted, 0, padding_bytes);
  std::free(data_);
  data_ = grown;
  begin_ = 0;
  end_ = live;
  capacity_ = wanted;
}

}  // namespace sluice
