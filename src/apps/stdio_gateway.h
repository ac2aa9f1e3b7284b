// SPDX-License-Identifier: Apache-2.0
#pragma once
// `sluice stdio`: the gateway for the one client that started it, on standard input and output.
//
// The same upstreams, bridge and federation as behind `sluice serve`, in this one process, which ends with
// its client and takes its children along. The log goes to standard error. Whoever can start it may use it:
// keys of the configuration are not asked for.

#include <string>

#include "apps/serve_options.h"

namespace sluice {

// Serves until the client has finished or a signal says so; returns the exit code of the process.
// Servers behind HTTP that want a login get the tokens of `sluice login`, or the user's browser is opened;
// `browser` false: its URL is only printed.
int run_stdio(ServeOptions options, const std::string& route, bool browser);

}  // namespace sluice
