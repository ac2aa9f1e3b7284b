// SPDX-License-Identifier: Apache-2.0
#include "net/process.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "net/fds.h"
#include "net/minder.h"
#include "net/reactor_core.h"
#include "net/uv_stream.h"

namespace sluice {
namespace {

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("cannot make a pipe for a child", -errno);
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

std::vector<std::string> environment_of(const ChildCommand& command) {
  std::vector<std::string> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const Bytes text(*entry);
    const Bytes name = text.substr(0, text.find('='));
    if (command.env.count(std::string(name)) != 0) continue;
    if (command.inherits.passes(name)) out.emplace_back(text);
  }
  for (const auto& [name, value] : command.env) out.push_back(name + "=" + value);
  return out;
}

std::vector<std::string> minder_arguments(const ChildCommand& command) {
  std::vector<std::string> out = {"sluice", minder_verb, "--grace-ms",
                                  std::to_string(command.stop_grace.count())};
  if (!command.cwd.empty()) {
    out.emplace_back("--cwd");
    out.push_back(command.cwd);
  }
  out.emplace_back("--");
  out.insert(out.end(), command.argv.begin(), command.argv.end());
  return out;
}

// The minder says how its child ended as a shell does.
ChildExit exit_of(const ProcessExit& exit) {
  if (exit.signal == 0 && exit.code > 128 && exit.code <= 128 + 64) return ChildExit{0, exit.code - 128};
  return ChildExit{exit.code, exit.signal};
}

}  // namespace

// An installation has the library in lib or lib/TRIPLE and the program in bin.
std::string find_minder() {
  std::vector<std::filesystem::path> places;
  Dl_info found{};
  if (::dladdr(reinterpret_cast<const void*>(&find_minder), &found) != 0 && found.dli_fname != nullptr) {
    std::error_code failed;
    const auto library = std::filesystem::canonical(found.dli_fname, failed).parent_path();
    if (!failed) places = {library / "../bin", library / "../../bin"};
  }
  places.push_back(std::filesystem::path(own_executable()).parent_path());
  for (const auto& place : places) {
    const auto program = (place / "sluice").lexically_normal();
    if (::access(program.c_str(), X_OK) == 0) return program.string();
  }
  return "sluice";
}

Child::Child() = default;

Child::~Child() { terminate(); }

Result<std::unique_ptr<Child>> Child::start(Reactor& reactor, const ChildCommand& command,
                                            std::function<void(ChildExit)> on_exit) {
  DCHECK(reactor.on_this_thread());
  if (command.argv.empty() || command.argv.front().empty()) {
    return Error(Errc::invalid, "the command of a child is empty: name a program");
  }
  std::array<Pipe, 4> pipes;  // stdin, stdout, stderr, lifeline
  for (Pipe& pipe : pipes) {
    Result<Pipe> made = make_pipe();
    if (!made) return made.error();
    pipe = std::move(*made);
  }
  Spawn spawn;
  spawn.program = command.minder;
  spawn.argv = minder_arguments(command);
  spawn.environment = environment_of(command);
  spawn.replace_environment = true;
  spawn.own_session = true;  // a terminal's ^C is for us; we end children in our own time
  spawn.descriptors = {{0, pipes[0].read.number()},
                       {1, pipes[1].write.number()},
                       {2, pipes[2].write.number()},
                       {minder_lifeline, pipes[3].read.number()}};
  std::unique_ptr<Child> child(new Child);
  Result<std::unique_ptr<Process>> process =
      Process::spawn(reactor, spawn, [told = std::move(on_exit)](ProcessExit exit) {
        if (told) told(exit_of(exit));
      });
  if (!process) return process.error();
  child->process_ = std::move(*process);
  child->lifeline_ = pipes[3].write.release();
  Result<StreamPtr> stdio = UvStream::adopt_pair(reactor, pipes[1].read.release(), pipes[0].write.release());
  if (!stdio) return stdio.error();
  child->stdio_ = std::move(*stdio);
  Result<StreamPtr> errors = UvStream::adopt_pair(reactor, pipes[2].read.release(), -1);
  if (!errors) return errors.error();
  child->stderr_ = std::move(*errors);
  return child;
}

void Child::terminate() {
  if (lifeline_ >= 0) ::close(std::exchange(lifeline_, -1));
}

int Child::pid() const { return process_ ? process_->pid() : 0; }

}  // namespace sluice
