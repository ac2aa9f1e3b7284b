// SPDX-License-Identifier: Apache-2.0
#include "net/entropy.h"

#include <sys/random.h>

#include <cerrno>

#include "base/check.h"

namespace sluice {

void entropy(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    const bool kernel_has_entropy = got > 0 || errno == EINTR;
    CHECK(kernel_has_entropy);
    if (got > 0) out = out.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace sluice
