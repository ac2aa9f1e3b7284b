// SPDX-License-Identifier: Apache-2.0
#pragma once
// The pages operators and probes ask for: /alive, /ready, /health and /metrics.
//
// /alive says the process turns, /ready whether to send traffic here, /health tells people about every
// upstream, and /metrics is Prometheus or OpenMetrics by the Accept field. Reads facts it is given; decides
// nothing. One reactor.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/upstream.h"
#include "observe/metrics.h"
#include "transport/http_server.h"

namespace sluice {

class OperatorPages {
 public:
  struct Facts {
    bool draining = false;
    std::vector<std::pair<std::string, UpstreamState>> upstreams;
  };

  OperatorPages(const Metrics& metrics, std::function<Facts()> facts)
      : metrics_(metrics), facts_(std::move(facts)) {}

  // Whether the path is one of these; then the call has been answered.
  bool answer(HttpCall& call) const;
  [[nodiscard]] static bool is_page(Bytes path) {
    return path == "/alive" || path == "/ready" || is_confidential(path);
  }
  // Whether a path shows more than that the process lives, so that it needs a principal where there are keys.
  [[nodiscard]] static bool is_confidential(Bytes path) { return path == "/metrics" || path == "/health"; }

 private:
  void answer_ready(HttpCall& call) const;
  void answer_health(HttpCall& call) const;
  void answer_metrics(HttpCall& call) const;

  const Metrics& metrics_;
  std::function<Facts()> facts_;
};

}  // namespace sluice
