// SPDX-License-Identifier: Apache-2.0
#pragma once
// Small files as a whole: configuration, secrets, keys. Blocks, so: at the start, at rare moments, or on the
// worker pool. Any thread.

#include <cstddef>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace sluice {

// The file's bytes. Refused with a sentence that names the path: not there, not readable, a directory, larger
// than `bytes_max`.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

// The same for secrets: refused too when anybody but the owner may read or write it.
Result<std::string> read_private_file(const std::string& path, std::size_t bytes_max);

// Replaces the file by `bytes`, for the owner alone (0600): a reader sees the old or the new ones, whole,
// also after a crash. Folders above that are missing are made (0700).
Status write_private_file(const std::string& path, Bytes bytes);

}  // namespace sluice
