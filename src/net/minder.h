// SPDX-License-Identifier: Apache-2.0
#pragma once
// The minder: a small process between us and a child, so that no way of dying leaves processes behind.
//
// It runs the child in a session of its own and adopts every orphan the child leaves (child subreaper). When
// the lifeline ends (we died, or cut it), on SIGTERM, or once the child has exited: TERM to the child's group
// and to what left it, the grace, KILL to all that remains, reap, and exit with the child's code (128 +
// signal). If the minder itself is killed, the kernel kills the child. It runs no reactor and knows nothing
// of pipes.

namespace sluice {

// The name of the subcommand: argv[1] of the program that is the minder.
inline constexpr const char* minder_verb = "exec-child";
// The descriptor it inherits the lifeline on.
inline constexpr int minder_lifeline = 3;

// The whole of `sluice exec-child --grace-ms N [--cwd DIR] -- PROGRAM ARGS…`; the lifeline is descriptor 3.
// Takes main's arguments and returns its exit code. Call it first thing in main, before threads and libraries
// start.
int run_minder(int argc, char** argv);

}  // namespace sluice
