// SPDX-License-Identifier: Apache-2.0
#pragma once
// Route: a path of the listener and the upstream behind it, with the front that turns one into the other.
//
// In this version a route has one upstream. Routes share upstreams and never own them. Lives on one reactor.

#include <string>

#include "gateway/config.h"
#include "gateway/upstream.h"
#include "transport/streamable_http_server.h"

namespace sluice {

class Route {
 public:
  Route(std::string path, Upstream& upstream, StreamableHttpServer::Parts parts,
        StreamableHttpOptions options)
      : path_(std::move(path)), upstream_(upstream), front_(parts, std::move(options)) {}

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Upstream& upstream() const { return upstream_; }
  [[nodiscard]] StreamableHttpServer& front() { return front_; }
  [[nodiscard]] const StreamableHttpServer& front() const { return front_; }

 private:
  std::string path_;
  Upstream& upstream_;
  StreamableHttpServer front_;
};

}  // namespace sluice
