// SPDX-License-Identifier: Apache-2.0
#include "net/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "net/fds.h"
#include "net/reactor_core.h"

namespace sluice {

namespace {

Result<std::string> read_whole(const std::string& path, std::size_t bytes_max, bool is_private) {
  const std::string what = "cannot read '" + path + "'";
  // Not blocking, so that opening a FIFO by mistake cannot hang; for files it changes nothing.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return system_error(what, -errno);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return system_error(what, -errno);
  if (S_ISDIR(status.st_mode)) return Error(Errc::invalid, what + ": it is a directory");
  if (is_private && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Error(Errc::denied,
                 what + ": others may read or change it; chmod 600 it if its secrets are still yours");
  }
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

Status write_all(int number, Bytes bytes, const std::string& what) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(number, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return system_error(what, -errno);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  if (::fsync(number) != 0) return system_error(what, -errno);
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  return read_whole(path, bytes_max, false);
}

Result<std::string> read_private_file(const std::string& path, std::size_t bytes_max) {
  return read_whole(path, bytes_max, true);
}

Status write_private_file(const std::string& path, Bytes bytes) {
  const std::string what = "cannot write '" + path + "'";
  for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
    const std::string folder = path.substr(0, end);
    if (::mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) return system_error(what, -errno);
  }
  std::string part = path + ".XXXXXX";
  const Descriptor file(::mkostemp(part.data(), O_CLOEXEC));  // with mode 0600
  if (!file) return system_error(what, -errno);
  Status done = write_all(file.number(), bytes, what);
  if (done && ::rename(part.c_str(), path.c_str()) != 0) done = system_error(what, -errno);
  if (!done) ::unlink(part.c_str());
  return done;
}

}  // namespace sluice
