// SPDX-License-Identifier: Apache-2.0
#pragma once
// Supervisor: opens the listening socket, keeps the key ring, and starts and restarts workers. Handles no
// traffic.
//
// One worker in this version (slot 0). A worker that dies, or hangs and is ended, is started again with the
// next epoch, with back-off; too many deaths in a short time end the program. SIGTERM and SIGINT drain, a
// second one ends at once; SIGHUP reloads, and a configuration that is not right changes nothing.
// docs/decisions/0004-processes.md.

#include "apps/serve_options.h"

namespace sluice {

// The whole of `sluice serve`; returns the process's exit code.
int run_supervisor(const ServeOptions& options);

}  // namespace sluice
