// SPDX-License-Identifier: Apache-2.0
#pragma once
// Worker: one reactor that serves traffic, in a process of its own.
//
// Built one way only, from what the supervisor hands it across exec: its slot and epoch, the listening
// socket, the blackboard and a control channel. It ends when the supervisor says so or is gone. Reads its
// configuration itself. docs/decisions/0004-processes.md has the control messages.

#include <cstdint>
#include <span>

#include "base/blackboard.h"

namespace sluice {

// Descriptors of a worker, by number, as the supervisor passes them on.
inline constexpr int control_descriptor = 3;
inline constexpr int blackboard_descriptor = 4;
inline constexpr int listener_descriptor = 5;

struct WorkerIdentity {
  std::uint16_t slot = 0;
  std::uint32_t epoch = 0;
};

// The whole of `sluice worker --slot N --epoch N`; returns the process's exit code.
int run_worker(WorkerIdentity identity);

}  // namespace sluice
