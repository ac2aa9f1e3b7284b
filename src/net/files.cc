// SPDX-License-Identifier: Apache-2.0
#include "net/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "net/fds.h"
#include "net/reactor_core.h"

namespace sluice {

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const std::string what = "cannot read '" + path + "'";
  // Not blocking, so that opening a FIFO by mistake cannot hang; for files it changes nothing.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return system_error(what, -errno);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return system_error(what, -errno);
  if (S_ISDIR(status.st_mode)) return Error(Errc::invalid, what + ": it is a directory");
  std::string bytes;
  while (true) {  // sizes lie for /proc and files that grow: read to the end and count
    const std::size_t before = bytes.size();
    bytes.resize(std::min(before + 64 * 1024, bytes_max + 1));
    const ssize_t got = ::read(file.number(), bytes.data() + before, bytes.size() - before);
    bytes.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(what, -errno);
    if (got == 0) return bytes;
    if (bytes.size() > bytes_max) {
      return Error(Errc::too_large, what + ": it has more than " + std::to_string(bytes_max) + " bytes");
    }
  }
}

}  // namespace sluice
