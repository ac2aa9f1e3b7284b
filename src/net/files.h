// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reading small files whole: configuration, secrets, keys. Blocks, so: at the start, or on the worker pool.
// Any thread.

#include <cstddef>
#include <string>

#include "base/result.h"

namespace sluice {

// The file's bytes. Refused with a sentence that names the path: not there, not readable, a directory, larger
// than `bytes_max`.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

}  // namespace sluice
