// SPDX-License-Identifier: Apache-2.0
#pragma once
// Serving: a Server's state put behind real fronts, stdio or HTTP, on a reactor of its own.
//
// Assembles what the other rooms made and runs until the peer is gone or the drain is over; holds nothing
// afterwards. For server.cc alone. Blocks the calling thread.

#include <functional>
#include <string_view>

#include "base/result.h"
#include "crypto/seal.h"
#include "sdk/server_state.h"

namespace sluice {

// `listening` is called with the URL once HTTP is served; `signals` says whether SIGTERM and SIGINT drain.
Status serve_state(ServerState& state, const RunOptions& options, bool signals,
                   const std::function<void(std::string_view url)>& listening);

// A ring with one fresh key, and salts.
[[nodiscard]] KeyRing fresh_key_ring();
[[nodiscard]] Sealer::Salt fresh_salt();

// The replays of legacy handlers that debug builds make by default.
[[nodiscard]] bool replay_by_default();

// Flags of Server::run().
[[nodiscard]] Result<RunOptions> parse_run_flags(int argc, const char* const* argv);

}  // namespace sluice
