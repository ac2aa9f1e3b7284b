// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the supervisor needs of the operating system: processes with inherited descriptors, shared memory, a
// control socket.
//
// Descriptors are plain ints here, all close-on-exec; a Process passes on exactly the ones it is told to.
// Knows nothing of workers. Process and Stream live on one reactor, the rest is for any thread.

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/reactor.h"
#include "net/signals.h"
#include "net/stream.h"

namespace sluice {

// A descriptor that is closed on destruction. -1: none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }

  [[nodiscard]] int number() const { return number_; }
  // Gives up ownership.
  [[nodiscard]] int release() { return std::exchange(number_, -1); }
  void close();
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

struct Spawn {
  std::string program;                   // a path; empty: this program
  std::vector<std::string> argv;         // argv[0] included
  std::vector<std::string> environment;  // "NAME=value"; used when `replace_environment`
  bool replace_environment = false;      // false: ours
  std::map<int, int> descriptors;        // number there → number here; 0, 1 and 2 not named are /dev/null
  bool own_session = false;              // apart from our terminal and its signals
};

struct ProcessExit {
  int code = 0;
  int signal = 0;
};

// A process we started, reaped by its reactor.
class Process final {
 public:
  // The descriptors here stay open; close them after. `on_exit` is called once after reaping, never from
  // inside this, and not after the Process is destroyed (the process itself runs on, and is reaped).
  static Result<std::unique_ptr<Process>> spawn(Reactor& reactor, const Spawn& spawn,
                                                std::function<void(ProcessExit)> on_exit);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] int pid() const;
  [[nodiscard]] bool running() const;
  // Sends a signal; nothing happens once it has been reaped. KILL is its own verb.
  void send(Signal signal);
  void kill();

  struct Core;  // outlives this until libuv has let go of it

 private:
  explicit Process(Core* core) : core_(core) {}
  Core* core_;
};

// Memory that several processes map. The mapping lives as long as the object.
class SharedSegment {
 public:
  static Result<SharedSegment> create(std::size_t bytes);
  // Maps what another created and takes over the descriptor.
  static Result<SharedSegment> attach(int descriptor);
  SharedSegment(SharedSegment&& other) noexcept
      : descriptor_(std::move(other.descriptor_)), memory_(std::exchange(other.memory_, {})) {}
  SharedSegment& operator=(SharedSegment&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(memory_, other.memory_);
    return *this;
  }
  ~SharedSegment();

  [[nodiscard]] std::span<std::byte> memory() const { return memory_; }  // page-aligned, zero at first
  [[nodiscard]] int descriptor() const { return descriptor_.number(); }

 private:
  SharedSegment(Descriptor descriptor, std::span<std::byte> memory)
      : descriptor_(std::move(descriptor)), memory_(memory) {}

  Descriptor descriptor_;
  std::span<std::byte> memory_;
};

// Two joined sockets, for a control channel: one for us, one to inherit.
Result<std::pair<Descriptor, Descriptor>> socket_pair();

// A connected socket or pipe that was inherited, as a Stream; the descriptor is taken over.
Result<StreamPtr> adopt_stream(Reactor& reactor, int descriptor);

// The path of the running program, for messages. To start it again leave Spawn::program empty: that works
// even after the file was replaced.
std::string own_executable();

// How many descriptors this process may have open, raised to the hard limit first.
std::size_t raise_descriptor_limit();

}  // namespace sluice
