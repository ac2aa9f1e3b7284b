// SPDX-License-Identifier: Apache-2.0
#pragma once
// Route: a path of the listener and what is behind it, with the front that turns one into the other.
//
// One upstream is served as it is, unless something of it is hidden or renamed; then, or where there are
// several, a Federation stands between, which the route owns. Routes share
// upstreams and never own them. Lives on one reactor.

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/config.h"
#include "gateway/federation.h"
#include "gateway/upstream.h"
#include "transport/streamable_http_server.h"

namespace sluice {

class Route {
 public:
  // `federation` may be null; `parts.service` is whichever answers. `options` say how long its upstreams may
  // take, over lines as over HTTP.
  Route(RouteConfig config, std::vector<Upstream*> upstreams, std::unique_ptr<Federation> federation,
        StreamableHttpServer::Parts parts, StreamableHttpOptions options)
      : config_(std::move(config)),
        upstreams_(std::move(upstreams)),
        federation_(std::move(federation)),
        service_(parts.service),
        tool_timeout_(options.limits.mcp.tool),
        start_timeout_(options.initialize),
        front_(std::move(parts), std::move(options)) {}

  [[nodiscard]] const RouteConfig& config() const { return config_; }
  [[nodiscard]] const std::string& path() const { return config_.path; }
  [[nodiscard]] const std::vector<Upstream*>& upstreams() const { return upstreams_; }
  [[nodiscard]] bool uses(const Upstream* upstream) const {
    return std::find(upstreams_.begin(), upstreams_.end(), upstream) != upstreams_.end();
  }
  // Who answers, for a front of another kind.
  [[nodiscard]] Service& service() { return service_; }
  [[nodiscard]] milliseconds tool_timeout() const { return tool_timeout_; }
  [[nodiscard]] milliseconds start_timeout() const { return start_timeout_; }
  [[nodiscard]] StreamableHttpServer& front() { return front_; }
  [[nodiscard]] const StreamableHttpServer& front() const { return front_; }

 private:
  RouteConfig config_;
  std::vector<Upstream*> upstreams_;
  std::unique_ptr<Federation> federation_;
  Service& service_;
  milliseconds tool_timeout_;
  milliseconds start_timeout_;
  StreamableHttpServer front_;  // dies first: its exchanges and sessions are the federation's
};

}  // namespace sluice
