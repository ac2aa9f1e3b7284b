// SPDX-License-Identifier: Apache-2.0
#pragma once
// Route: a path of the listener and what is behind it, with the front that turns one into the other.
//
// One upstream is served as it is; several are made one by a Federation, which the route owns. Routes share
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
  // `federation` is null where there is one upstream; `parts.service` is whichever answers.
  Route(std::string path, std::vector<Upstream*> upstreams, std::unique_ptr<Federation> federation,
        StreamableHttpServer::Parts parts, StreamableHttpOptions options)
      : path_(std::move(path)),
        upstreams_(std::move(upstreams)),
        federation_(std::move(federation)),
        front_(std::move(parts), std::move(options)) {}

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::vector<Upstream*>& upstreams() const { return upstreams_; }
  [[nodiscard]] bool uses(const Upstream* upstream) const {
    return std::find(upstreams_.begin(), upstreams_.end(), upstream) != upstreams_.end();
  }
  [[nodiscard]] StreamableHttpServer& front() { return front_; }
  [[nodiscard]] const StreamableHttpServer& front() const { return front_; }

 private:
  std::string path_;
  std::vector<Upstream*> upstreams_;
  std::unique_ptr<Federation> federation_;
  StreamableHttpServer front_;  // dies first: its exchanges and sessions are the federation's
};

}  // namespace sluice
