// SPDX-License-Identifier: Apache-2.0
#include "net/minder.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {
namespace {

constexpr int cannot_start = 127;
// After KILL: how often to look for processes that were just made, and when to give up on those that cannot
// be killed.
constexpr int kill_round_ms = 20;
constexpr std::int64_t give_up_ms = 5'000;

struct MinderOptions {
  std::int64_t grace_ms = 5'000;
  const char* cwd = nullptr;
  char** argv = nullptr;  // the child's, null-terminated
};

std::int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000;
}

bool parse_options(int argc, char** argv, MinderOptions& options) {
  int i = 2;
  for (; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") break;
    if (i + 1 >= argc) return false;
    const std::string_view value = argv[++i];
    if (word == "--grace-ms") {
      const auto [end, problem] =
          std::from_chars(value.data(), value.data() + value.size(), options.grace_ms);
      if (problem != std::errc() || end != value.data() + value.size() || options.grace_ms < 0) return false;
    } else if (word == "--cwd") {
      options.cwd = argv[i];
    } else {
      return false;
    }
  }
  if (i + 1 >= argc) return false;
  options.argv = argv + i + 1;
  return true;
}

// Closes everything from `first` on, so that nothing of the parent's leaks into the child.
void close_from(int first) { ::close_range(static_cast<unsigned>(first), ~0U, 0); }

[[noreturn]] void complain_and_exit(const char* what, const char* name, int code) {
  // One write, so that the sentence stays whole between the lines of others.
  const std::string text =
      std::string("sluice: cannot ") + what + " '" + name + "': " + std::strerror(code) + "\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(cannot_start);
}

// In the forked process: everything as a program started from a shell would find it.
[[noreturn]] void become_child(const MinderOptions& options, pid_t minder) {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // the last resort, when the minder itself is killed
  if (::getppid() != minder) ::_exit(cannot_start);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  close_from(3);
  if (options.cwd != nullptr && ::chdir(options.cwd) != 0) complain_and_exit("enter", options.cwd, errno);
  ::execvp(options.argv[0], options.argv);
  complain_and_exit("start", options.argv[0], errno);
}

// The parent of a process, from /proc/PID/stat: "pid (name) state ppid …"; the name may hold anything. 0 if
// it is gone.
pid_t parent_of(const char* pid) {
  const std::string path = std::string("/proc/") + pid + "/stat";
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[512];
  const ssize_t got = ::read(file, text, sizeof(text));
  ::close(file);
  if (got <= 0) return 0;
  const std::string_view stat(text, static_cast<std::size_t>(got));
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos || name_end + 4 >= stat.size()) return 0;
  pid_t parent = 0;
  std::from_chars(stat.data() + name_end + 4, stat.data() + stat.size(), parent);
  return parent;
}

// Every process below us. Orphans among them are our own children, since we adopt them.
std::vector<pid_t> descendants() {
  std::vector<std::pair<pid_t, pid_t>> parents;  // parent, process
  if (DIR* proc = ::opendir("/proc"); proc != nullptr) {
    while (const dirent* entry = ::readdir(proc)) {
      const std::string_view name = entry->d_name;
      pid_t pid = 0;
      const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), pid);
      if (problem != std::errc() || end != name.data() + name.size()) continue;
      parents.emplace_back(parent_of(entry->d_name), pid);
    }
    ::closedir(proc);
  }
  std::sort(parents.begin(), parents.end());
  std::vector<pid_t> found = {::getpid()};
  for (std::size_t i = 0; i < found.size(); ++i) {
    auto it = std::lower_bound(parents.begin(), parents.end(), std::pair<pid_t, pid_t>(found[i], 0));
    for (; it != parents.end() && it->first == found[i]; ++it) found.push_back(it->second);
  }
  found.erase(found.begin());
  return found;
}

// Watches over one child and all that comes of it, until nothing is left.
class Minder {
 public:
  Minder(pid_t child, int signals, std::int64_t grace_ms)
      : child_(child), signals_(signals), grace_ms_(grace_ms) {}

  int run() {
    while (!gone_) {
      wait();
      reap();
      if (gone_) break;
      if (stage_ == Stage::running && (end_asked_ || child_gone_)) terminate();
      if (stage_ == Stage::terminating && now_ms() >= stage_end_ms_) {
        stage_ = Stage::killing;
        stage_end_ms_ = now_ms() + give_up_ms;
      }
      if (stage_ == Stage::killing) {
        kill_all(SIGKILL);
        if (now_ms() >= stage_end_ms_) break;  // another user's, or stuck in the kernel: no one can end these
      }
    }
    if (WIFSIGNALED(status_)) return 128 + WTERMSIG(status_);
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : cannot_start;
  }

 private:
  enum class Stage : std::uint8_t { running, terminating, killing };

  void wait() {
    int timeout_ms = -1;
    if (stage_ == Stage::terminating) {
      timeout_ms = static_cast<int>(std::clamp<std::int64_t>(stage_end_ms_ - now_ms(), 0, 1'000'000));
    }
    if (stage_ == Stage::killing) timeout_ms = kill_round_ms;
    pollfd watched[2] = {{signals_, POLLIN, 0}, {end_asked_ ? -1 : minder_lifeline, POLLIN, 0}};
    if (::poll(watched, 2, timeout_ms) <= 0) return;
    if ((watched[0].revents & POLLIN) != 0) {
      signalfd_siginfo info{};
      while (::read(signals_, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) end_asked_ = true;
      }
    }
    if (watched[1].revents != 0) {
      char byte = 0;  // nothing is ever written: whatever ends it, it is the end
      const ssize_t got = ::read(minder_lifeline, &byte, 1);
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) end_asked_ = true;
    }
  }

  void reap() {
    while (true) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, WNOHANG);
      if (pid == child_) {
        child_gone_ = true;
        status_ = status;
      }
      if (pid > 0) continue;
      gone_ = pid < 0 && errno == ECHILD;
      return;
    }
  }

  void terminate() {
    stage_ = Stage::terminating;
    stage_end_ms_ = now_ms() + grace_ms_;
    kill_all(SIGTERM);
  }

  // The group in one go, so that no member sees another die first, and then those that left it.
  void kill_all(int signal) {
    if (!child_gone_) ::kill(-child_, signal);
    for (const pid_t pid : descendants()) {
      if (child_gone_ || ::getpgid(pid) != child_ || signal == SIGKILL) ::kill(pid, signal);
    }
  }

  pid_t child_;
  int signals_;
  std::int64_t grace_ms_;
  Stage stage_ = Stage::running;
  std::int64_t stage_end_ms_ = 0;
  int status_ = 0;
  bool end_asked_ = false;
  bool child_gone_ = false;
  bool gone_ = false;  // nothing is left below us
};

// So that an end of file travels: only the child holds its pipes.
void let_go_of_pipes() {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int number = 0; number <= 2; ++number) {
    if (null >= 0) {
      ::dup2(null, number);
    } else {
      ::close(number);
    }
  }
  if (null > 2) ::close(null);
}

}  // namespace

int run_minder(int argc, char** argv) {
  MinderOptions options;
  if (!parse_options(argc, argv, options)) {
    std::fprintf(stderr, "sluice: %s is for Sluice's own use: %s --grace-ms N [--cwd DIR] -- PROGRAM ARGS\n",
                 minder_verb, minder_verb);
    return 2;
  }
  close_from(minder_lifeline + 1);
  ::fcntl(minder_lifeline, F_SETFD, FD_CLOEXEC);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t watched;
  ::sigemptyset(&watched);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT}) ::sigaddset(&watched, signal);
  ::sigprocmask(SIG_BLOCK, &watched, nullptr);
  const int signals = ::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  const pid_t self = ::getpid();
  const pid_t child = signals < 0 ? -1 : ::fork();
  if (child < 0) complain_and_exit("start", options.argv[0], errno);
  if (child == 0) become_child(options, self);
  let_go_of_pipes();
  return Minder(child, signals, options.grace_ms).run();
}

}  // namespace sluice
