// SPDX-License-Identifier: Apache-2.0
#pragma once
// `sluice pin`: accepts the definitions of tools as the servers of a configuration give them now.
//
// Starts the upstreams that have a `pin`, reads their tools, says what is other than before, and writes the
// file that the configuration names, unless it is only to look. A running gateway takes it on SIGHUP.

#include "apps/serve_options.h"

namespace sluice {

// The exit code: 0 when all is done; when only looking, 3 if something is not as it was accepted; 1 on
// failure.
int run_pin(const ServeOptions& options, bool only_looks);

}  // namespace sluice
