// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream.h"

#include <array>

#include "gateway/http_upstream.h"
#include "gateway/stdio_upstream.h"

namespace sluice {

std::vector<Revision> Upstream::revisions() const { return {all_revisions.rbegin(), all_revisions.rend()}; }

Refusal modern_only(const UpstreamConfig& upstream, Revision offered) {
  const std::array supported{latest_modern};
  Refusal refusal = refusals::unsupported_version(supported, revision_text(offered));
  refusal.message =
      "upstream '" + upstream.name + "' speaks only MCP 2026-07-28; this client began with initialize";
  return refusal;
}

Result<std::unique_ptr<Upstream>> make_upstream(const UpstreamContext& context,
                                                const UpstreamConfig& config) {
  if (!config.url.empty()) return HttpUpstream::open(context, config);
  return std::unique_ptr<Upstream>(std::make_unique<StdioUpstream>(context, config));
}

}  // namespace sluice
