// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a blocking handler and its call share. For context.cc and call.cc alone.
//
// `cancelled` is for any thread; `call` belongs to the reactor's and is null once the call is over.

#include <atomic>

#include "sdk/call.h"

namespace sluice {

struct BlockingContext::Port {
  std::atomic<bool> cancelled{false};
  Call* call = nullptr;
  Reactor* reactor = nullptr;
};

}  // namespace sluice
