// SPDX-License-Identifier: Apache-2.0
#pragma once
// What both halves of the bridge are given: LegacyBridge and ModernBridge stand between a front and an
// upstream of the other era, and know nothing of either but the seam (mcp/exchange.h).
//
// Plain references; everything outlives the halves. One reactor.

#include <cstddef>
#include <functional>
#include <span>

#include "crypto/seal.h"
#include "gateway/call_log.h"
#include "gateway/config.h"
#include "mcp/exchange.h"
#include "net/reactor.h"
#include "observe/log.h"

namespace sluice {

struct BridgeParts {
  Reactor& reactor;
  Log& log;
  CallLog& calls;                // for what is answered without the upstream
  const UpstreamConfig& config;  // its name, start_timeout, tool_timeout, capabilities
  Service& upstream;             // speaks the other era only
  std::function<void(std::span<std::byte>)> entropy;
  std::function<Sealer(Bytes label)> make_sealer;  // a sealer of its own for request states
};

}  // namespace sluice
