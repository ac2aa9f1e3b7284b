// SPDX-License-Identifier: Apache-2.0
#include "gateway/operator_pages.h"

#include <algorithm>

#include "codec/json.h"

namespace sluice {

namespace {
constexpr Bytes json_type = "application/json";
}

bool OperatorPages::answer(HttpCall& call) const {
  const Bytes path = call.head().path;
  if (!is_page(path)) return false;
  if (call.head().method != "GET" && call.head().method != "HEAD") {
    const std::array fields{HeaderField{"Allow", "GET, HEAD"}};
    call.respond(405, "text/plain; charset=utf-8", "only GET and HEAD are allowed here\n", fields);
  } else if (path == "/alive") {
    call.respond(200, json_type, R"({"status":"alive"})");
  } else if (path == "/ready") {
    answer_ready(call);
  } else if (path == "/health") {
    answer_health(call);
  } else {
    answer_metrics(call);
  }
  return true;
}

void OperatorPages::answer_ready(HttpCall& call) const {
  const Facts facts = facts_();
  const bool usable = std::any_of(facts.upstreams.begin(), facts.upstreams.end(),
                                  [](const auto& upstream) { return upstream.second.usable; });
  if (facts.draining) return call.respond(503, json_type, R"({"status":"draining"})");
  if (!usable) return call.respond(503, json_type, R"({"status":"no upstream is usable"})");
  call.respond(200, json_type, R"({"status":"ready"})");
}

void OperatorPages::answer_health(HttpCall& call) const {
  const Facts facts = facts_();
  Json upstreams = Json::object();
  bool all_usable = true;
  for (const auto& [name, state] : facts.upstreams) {
    all_usable = all_usable && state.usable;
    upstreams.set(name, Json::object({{"usable", state.usable},
                                      {"detail", state.detail},
                                      {"sessions", state.sessions},
                                      {"calls", state.calls},
                                      {"parked", state.parked},
                                      {"children", state.children},
                                      {"connections", state.connections}}));
  }
  const Json page = Json::object({{"status", facts.draining ? "draining"
                                             : all_usable   ? "ok"
                                                            : "degraded"},
                                  {"upstreams", std::move(upstreams)}});
  call.respond(200, json_type, page.dump());
}

void OperatorPages::answer_metrics(HttpCall& call) const {
  const bool openmetrics = accept_quality(call.head().fields, "application", "openmetrics-text") >
                           accept_quality(call.head().fields, "text", "plain");
  call.respond(200, openmetrics ? openmetrics_content_type : prometheus_content_type,
               openmetrics ? metrics_.openmetrics_text() : metrics_.prometheus_text());
}

}  // namespace sluice
