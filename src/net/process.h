// SPDX-License-Identifier: Apache-2.0
#pragma once
// Child: a program started through the minder, with its pipes as streams.
//
// The minder (`sluice exec-child`, net/minder.h) holds a lifeline: when we die, by whatever signal, the
// child's whole process group and every descendant is ended. Knows nothing of what the pipes carry. The stdio
// stream (write = its stdin, read = its stdout) and the stderr stream are handed to the caller. Lives on one
// reactor.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "net/child_environment.h"
#include "net/reactor.h"
#include "net/stream.h"

namespace sluice {

struct ChildCommand {
  std::vector<std::string> argv;           // argv[0] is looked up in the child's PATH; no shell
  std::map<std::string, std::string> env;  // laid over the environment that is passed on
  EnvironmentRule inherits;                // what is passed on
  std::string cwd;                         // empty: ours
  milliseconds stop_grace = seconds(5);    // after TERM, before KILL
  std::string minder;  // the program that is run as `minder exec-child …`; empty: this one
};

// The minder of the installation that this library is part of, or the one beside this program; else `sluice`,
// to be looked up in PATH.
[[nodiscard]] std::string find_minder();

struct ChildExit {
  int code = 0;    // exit code, when signal is 0
  int signal = 0;  // the signal that ended it
};

class Process;

class Child final {
 public:
  // Starts it. A command that cannot be executed is reported by the minder as exit 127 with a sentence on
  // stderr. `on_exit` is called once, after child and descendants have been reaped and never from inside
  // start(); output that is still in the pipes can be read after it.
  static Result<std::unique_ptr<Child>> start(Reactor& reactor, const ChildCommand& command,
                                              std::function<void(ChildExit)> on_exit);
  // Ends the whole group: the lifeline is cut, the minder sends TERM, waits the grace, sends KILL. on_exit is
  // not called after the Child is destroyed; reaping goes on behind.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Each may be taken once.
  StreamPtr take_stdio() { return std::move(stdio_); }
  StreamPtr take_stderr() { return std::move(stderr_); }
  // Starts ending it while waiting for on_exit: stdin is closed by the owner of the stdio stream, then this.
  void terminate();
  [[nodiscard]] int pid() const;  // the minder's

 private:
  Child();

  StreamPtr stdio_;
  StreamPtr stderr_;
  int lifeline_ = -1;
  std::unique_ptr<Process> process_;
};

}  // namespace sluice
