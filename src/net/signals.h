// SPDX-License-Identifier: Apache-2.0
#pragma once
// Signals as reactor callbacks.
//
// A watch takes the signal from the process's default action until it is destroyed. Lives on one reactor.

#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "net/reactor.h"

namespace sluice {

enum class Signal : std::uint8_t { terminate, interrupt, hangup, child, user1, user2 };

class SignalWatch {
 public:
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  struct Core;  // outlives this until libuv has let go of it
  explicit SignalWatch(Core* core) : core_(core) {}

 private:
  Core* core_;
};

// Calls `on_signal` in a turn after the signal came; several that come together may be one call.
Result<std::unique_ptr<SignalWatch>> watch_signal(Reactor& reactor, Signal signal,
                                                  std::function<void()> on_signal);

}  // namespace sluice
