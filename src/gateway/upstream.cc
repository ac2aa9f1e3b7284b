// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream.h"

#include "gateway/http_upstream.h"
#include "gateway/stdio_upstream.h"

namespace sluice {

Result<std::unique_ptr<Upstream>> make_upstream(const UpstreamContext& context,
                                                const UpstreamConfig& config) {
  if (!config.url.empty()) return HttpUpstream::open(context, config);
  return std::unique_ptr<Upstream>(std::make_unique<StdioUpstream>(context, config));
}

}  // namespace sluice
