// SPDX-License-Identifier: Apache-2.0
#include "net/stdio.h"

#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <utility>

#include "net/fds.h"
#include "net/reactor_core.h"
#include "net/uv_stream.h"

namespace sluice {
namespace {

bool is_file(int descriptor) {
  const uv_handle_type type = uv_guess_handle(descriptor);
  return type == UV_FILE || type == UV_UNKNOWN_HANDLE;
}

// A descriptor of our own for what `number` stands for. Pipes and terminals are opened anew, since making the
// inherited one non-blocking would do the same to everybody who shares it: the shell, our stderr. Files keep
// their place, and sockets cannot be opened.
Descriptor take(int number, int mode) {
  if (!is_file(number)) {
    const std::string path = "/proc/self/fd/" + std::to_string(number);
    Descriptor fresh(::open(path.c_str(), mode | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (fresh) return fresh;
  }
  return Descriptor(::fcntl(number, F_DUPFD_CLOEXEC, 3));
}

bool write_all(int descriptor, const char* data, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t sent = ::write(descriptor, data, bytes);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    data += sent;
    bytes -= static_cast<std::size_t>(sent);
  }
  return true;
}

// A file cannot be waited for: a thread of its own copies it into a pipe, which can. It ends with the file,
// or with the pipe's reader.
Result<Descriptor> pipe_from_file(Descriptor file) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("cannot read stdin", -errno);
  Descriptor read_end(ends[0]);
  std::thread([from = std::move(file), to = Descriptor(ends[1])] {
    std::array<char, 16 * 1024> chunk{};
    ssize_t got = 0;
    while ((got = ::read(from.number(), chunk.data(), chunk.size())) > 0) {
      if (!write_all(to.number(), chunk.data(), static_cast<std::size_t>(got))) return;
    }
  }).detach();
  return read_end;
}

}  // namespace

Result<StreamPtr> stdio_stream(Reactor& reactor) {
  static std::atomic<bool> taken{false};
  if (taken.exchange(true)) return Error(Errc::exists, "stdin and stdout are taken already");
  const bool file_in = is_file(STDIN_FILENO);
  const bool file_out = is_file(STDOUT_FILENO);
  Descriptor in = take(STDIN_FILENO, O_RDONLY);
  Descriptor out = take(STDOUT_FILENO, O_WRONLY);
  if (!in || !out) return system_error("cannot take over stdin and stdout", -errno);

  // What is printed by mistake goes to stderr from here on, and what is read by mistake is empty.
  const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null || ::dup2(null.number(), STDIN_FILENO) < 0) return system_error("cannot replace stdin", -errno);
  if (::dup2(STDERR_FILENO, STDOUT_FILENO) < 0 && ::dup2(null.number(), STDOUT_FILENO) < 0) {
    return system_error("cannot replace stdout", -errno);
  }
  if (file_in) {
    Result<Descriptor> pipe = pipe_from_file(std::move(in));
    if (!pipe) return pipe.error();
    in = std::move(*pipe);
  }
  if (file_out) return UvStream::adopt_file_pair(reactor, in.release(), out.release());
  return UvStream::adopt_pair(reactor, in.release(), out.release());
}

}  // namespace sluice
