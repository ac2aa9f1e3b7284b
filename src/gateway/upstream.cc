// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream.h"

#include <array>

#include "gateway/bridge.h"
#include "gateway/http_upstream.h"
#include "gateway/stdio_upstream.h"

namespace sluice {

std::vector<Revision> Upstream::revisions() const { return {all_revisions.rbegin(), all_revisions.rend()}; }

Result<std::unique_ptr<Upstream>> make_upstream(const UpstreamContext& context,
                                                const UpstreamConfig& config) {
  std::unique_ptr<NativeUpstream> upstream;
  if (config.url.empty()) {
    upstream = std::make_unique<StdioUpstream>(context, config);
  } else {
    auto opened = HttpUpstream::open(context, config);
    if (!opened) return opened.error();
    upstream = *std::move(opened);
  }
  return std::unique_ptr<Upstream>(std::make_unique<Bridge>(context, config, std::move(upstream)));
}

}  // namespace sluice
