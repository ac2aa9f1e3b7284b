// SPDX-License-Identifier: Apache-2.0
#include "net/fds.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.h"
#include "net/process_handle.h"
#include "net/reactor_core.h"
#include "net/sockets.h"
#include "net/uv_stream.h"

namespace sluice {
namespace {

constexpr const char* this_program = "/proc/self/exe";  // works also when the file was replaced

int signal_number(Signal signal) {
  switch (signal) {
    case Signal::terminate: return SIGTERM;
    case Signal::interrupt: return SIGINT;
    case Signal::hangup: return SIGHUP;
    case Signal::child: return SIGCHLD;
    case Signal::user1: return SIGUSR1;
    case Signal::user2: return SIGUSR2;
  }
  return SIGTERM;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts)
    out.push_back(const_cast<char*>(text.c_str()));  // uv_spawn does not write
  out.push_back(nullptr);
  return out;
}

}  // namespace

void Descriptor::close() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

// ---- Process
// -------------------------------------------------------------------------------------------------------

struct Process::Core {
  uv_process_t handle{};
  std::function<void(ProcessExit)> on_exit;
  bool released = false;  // the Process is gone
  bool exited = false;
  bool closed = false;

  void close() {
    uv_close(reinterpret_cast<uv_handle_t*>(&handle), [](uv_handle_t* closing) {
      auto* core = static_cast<Core*>(closing->data);
      core->closed = true;
      if (core->released) delete core;
    });
  }

  void ended(std::int64_t code, int signal) {
    exited = true;
    close();
    if (!on_exit) return;
    // A local, since the callback may destroy the Process.
    const auto told = std::exchange(on_exit, nullptr);
    told(ProcessExit{static_cast<int>(code), signal});
  }
};

void abandon_process(uv_handle_t* handle) { static_cast<Process::Core*>(handle->data)->close(); }

Result<std::unique_ptr<Process>> Process::spawn(Reactor& reactor, const Spawn& spawn,
                                                std::function<void(ProcessExit)> on_exit) {
  DCHECK(reactor.on_this_thread());
  CHECK(!spawn.argv.empty());
  const std::string program = spawn.program.empty() ? this_program : spawn.program;
  std::vector<char*> argv = pointers(spawn.argv);
  std::vector<char*> environment = pointers(spawn.environment);
  const int highest = spawn.descriptors.empty() ? 2 : std::max(2, spawn.descriptors.rbegin()->first);
  std::vector<uv_stdio_container_t> stdio(static_cast<std::size_t>(highest) + 1);
  for (auto& entry : stdio) entry.flags = UV_IGNORE;
  for (const auto& [there, here] : spawn.descriptors) {
    CHECK(there >= 0);
    stdio[static_cast<std::size_t>(there)].flags = UV_INHERIT_FD;
    stdio[static_cast<std::size_t>(there)].data.fd = here;
  }

  uv_process_options_t options{};
  options.file = program.c_str();
  options.args = argv.data();
  options.env = spawn.replace_environment ? environment.data() : nullptr;
  options.stdio = stdio.data();
  options.stdio_count = static_cast<int>(stdio.size());
  if (spawn.own_session) options.flags = UV_PROCESS_DETACHED;
  options.exit_cb = [](uv_process_t* handle, std::int64_t code, int signal) {
    auto* core = static_cast<Core*>(handle->data);
    static_cast<Reactor::Core*>(handle->loop->data)->enter();
    core->ended(code, signal);
  };

  auto* core = new Core;
  std::unique_ptr<Process> process(new Process(core));
  core->handle.data = core;
  if (const int rc = uv_spawn(reactor.loop(), &core->handle, &options); rc != 0) {
    core->exited = true;
    core->close();
    return system_error("cannot start '" + program + "'", rc);
  }
  core->on_exit = std::move(on_exit);
  return process;
}

Process::~Process() {
  core_->released = true;
  core_->on_exit = nullptr;
  if (core_->closed) delete core_;
}

int Process::pid() const { return core_->handle.pid; }
bool Process::running() const { return !core_->exited; }

void Process::send(Signal signal) {
  if (!core_->exited) uv_process_kill(&core_->handle, signal_number(signal));
}

void Process::kill() {
  if (!core_->exited) uv_process_kill(&core_->handle, SIGKILL);
}

// ---- SharedSegment
// -------------------------------------------------------------------------------------------------

Result<SharedSegment> SharedSegment::create(std::size_t bytes) {
  Descriptor memory(::memfd_create("sluice", MFD_CLOEXEC));
  if (!memory) return system_error("cannot make a shared segment", -errno);
  if (::ftruncate(memory.number(), static_cast<off_t>(bytes)) != 0) {
    return system_error("cannot size a shared segment to " + std::to_string(bytes) + " bytes", -errno);
  }
  return attach(memory.release());
}

Result<SharedSegment> SharedSegment::attach(int descriptor) {
  Descriptor owned(descriptor);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || status.st_size <= 0) {
    return Error(Errc::invalid, "descriptor " + std::to_string(descriptor) + " is no shared segment");
  }
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  const auto bytes = static_cast<std::size_t>(status.st_size);
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) return system_error("cannot map a shared segment", -errno);
  return SharedSegment(std::move(owned), std::span(static_cast<std::byte*>(memory), bytes));
}

SharedSegment::~SharedSegment() {
  if (!memory_.empty()) ::munmap(memory_.data(), memory_.size());
}

// ---- The rest
// ------------------------------------------------------------------------------------------------------

Result<std::pair<Descriptor, Descriptor>> socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_error("cannot make a pair of sockets", -errno);
  }
  return std::pair(Descriptor(ends[0]), Descriptor(ends[1]));
}

Result<StreamPtr> adopt_stream(Reactor& reactor, int descriptor) {
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  const Result<Address> local = socket_local_address(descriptor);
  return UvStream::adopt_socket(reactor, descriptor, local && local->kind != Address::Kind::unix_path);
}

std::string own_executable() {
  std::array<char, 4096> path{};
  const ssize_t length = ::readlink(this_program, path.data(), path.size());
  return length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : std::string(this_program);
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1'024;
  if (limit.rlim_cur < limit.rlim_max) {
    const rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = soft;
  }
  return static_cast<std::size_t>(limit.rlim_cur);
}

// ---- SignalWatch: here because it shares signal_number()
// -----------------------------------------------------------

struct SignalWatch::Core {
  uv_signal_t handle{};
  std::function<void()> on_signal;
};

Result<std::unique_ptr<SignalWatch>> watch_signal(Reactor& reactor, Signal signal,
                                                  std::function<void()> on_signal) {
  DCHECK(reactor.on_this_thread());
  auto* core = new SignalWatch::Core;
  core->on_signal = std::move(on_signal);
  if (const int rc = uv_signal_init(reactor.loop(), &core->handle); rc != 0) {
    delete core;
    return system_error("cannot watch a signal", rc);
  }
  core->handle.data = core;
  auto watch = std::make_unique<SignalWatch>(core);
  const int rc = uv_signal_start(
      &core->handle,
      [](uv_signal_t* handle, int) {
        static_cast<Reactor::Core*>(handle->loop->data)->enter();
        static_cast<SignalWatch::Core*>(handle->data)->on_signal();
      },
      signal_number(signal));
  if (rc != 0) return system_error("cannot watch a signal", rc);
  return watch;
}

SignalWatch::~SignalWatch() {
  // The function lives until the close callback: the watch may be destroyed from inside it.
  uv_close(reinterpret_cast<uv_handle_t*>(&core_->handle),
           [](uv_handle_t* handle) { delete static_cast<SignalWatch::Core*>(handle->data); });
}

}  // namespace sluice
