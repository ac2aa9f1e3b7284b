// SPDX-License-Identifier: Apache-2.0
#pragma once
// For tests with a reactor: waiting for something to become true, and a handler that writes down what it is
// told.
//
// Nothing sleeps: run_until() turns the reactor and gives up at a deadline that only a failing test reaches.

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/limits.h"
#include "net/reactor.h"
#include "net/stream.h"

namespace sluice::testing {

inline std::unique_ptr<Reactor> open_reactor(const Limits& limits = {}) {
  auto reactor = Reactor::open(limits);
  if (!reactor) std::abort();
  return std::move(*reactor);
}

inline std::unique_ptr<Reactor> simulated_reactor(const Limits& limits = {}) {
  return Reactor::simulated(limits, Instant(Duration(1'000'000'000)),
                            WallTime(milliseconds(1'700'000'000'000)));
}

// Turns `reactor` until `done()`; false when that takes longer than `patience`.
inline bool run_until(Reactor& reactor, const std::function<bool()>& done, Duration patience = seconds(20)) {
  struct Poll {
    Reactor& reactor;
    const std::function<bool()>& done;
    Instant deadline;
    Timer timer{[](void* self) { static_cast<Poll*>(self)->look(); }, this};
    void look() {
      if (done() || reactor.precise_now() >= deadline) {
        reactor.stop();
      } else {
        reactor.arm_after(timer, milliseconds(1));
      }
    }
  };
  if (reactor.loop() == nullptr) {
    for (const Instant deadline = reactor.now() + patience; !done() && reactor.now() < deadline;) {
      reactor.advance(milliseconds(1));
    }
    return done();
  }
  Poll poll{reactor, done, reactor.precise_now() + patience};
  reactor.arm(poll.timer, reactor.now());
  reactor.run();
  return done();
}

// Writes down what a stream tells, and does what it is told to do about it.
struct Recorder : StreamHandler {
  std::string bytes;
  std::size_t chunks = 0;
  std::size_t chunk_bytes_most = 0;
  int ends = 0;
  int drains = 0;
  std::optional<Error> failure;
  std::function<void(Bytes)> then;  // called with every run of bytes
  std::function<void()> on_ended;

  void on_bytes(PaddedBytes run) override {
    bytes += run.bytes;
    ++chunks;
    if (run.size() > chunk_bytes_most) chunk_bytes_most = run.size();
    if (then) then(run.bytes);
  }
  void on_end() override {
    ++ends;
    if (on_ended) on_ended();
  }
  void on_drained() override { ++drains; }
  void on_failed(const Error& error) override { failure = error; }
};

}  // namespace sluice::testing
