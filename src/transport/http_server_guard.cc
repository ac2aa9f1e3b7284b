// SPDX-License-Identifier: Apache-2.0
#include "transport/http_server_guard.h"

#include <algorithm>
#include <utility>

#include "mcp/errors.h"

namespace sluice {

Result<HttpGuard> HttpGuard::make(const HttpGuardOptions& options) {
  HttpGuard guard;
  guard.loopback_ = options.loopback;
  for (const std::string& text : options.hosts) {
    const auto host = parse_host_port(text);
    if (!host || host->host.empty())
      return Error(Errc::invalid, "allowed host \"" + text + "\" is no host name with an optional port");
    guard.hosts_.push_back({std::string(host->host), host->port});
  }
  for (const std::string& text : options.origins) {
    if (text == "*") {
      guard.any_origin_ = true;
      continue;
    }
    auto origin = parse_origin(text);
    if (!origin)
      return Error(Errc::invalid, "allowed origin \"" + text + "\" is not like https://app.example");
    guard.origins_.push_back(std::move(*origin));
  }
  return guard;
}

bool HttpGuard::host_allowed(const HostPort& host) const {
  return std::any_of(hosts_.begin(), hosts_.end(), [&](const AllowedHost& allowed) {
    return equals_ignoring_case(allowed.host, host.host) && (!allowed.port || allowed.port == host.port);
  });
}

std::optional<std::string> HttpGuard::check(const HttpHead& head) const {
  const auto host = parse_host_port(head.authority);
  if (!host) return "The Host field is not a host.";
  if (loopback_ && !host_is_loopback(host->host) && !host_allowed(*host))
    return "This server listens on loopback and answers only requests for it; the Host field names another "
           "host.";

  const std::size_t origins = count_headers(head.fields, "origin");
  if (origins == 0 || any_origin_) return std::nullopt;
  const auto origin = parse_origin(header_value(head.fields, "origin"));
  if (origins == 1 && origin) {
    if (std::find(origins_.begin(), origins_.end(), *origin) != origins_.end()) return std::nullopt;
    if (loopback_ ? host_is_loopback(origin->host) : equals_ignoring_case(origin->host, host->host))
      return std::nullopt;
    const HostPort named{origin->host, origin->port, HostKind::name};
    if (loopback_ && host_allowed(named)) return std::nullopt;
  }
  return "The Origin of this request is not allowed here.";
}

bool HttpGuard::admit(HttpCall& call) const {
  const auto wrong = check(call.head());
  if (!wrong) return true;
  Refusal refusal = refusals::origin_forbidden();
  refusal.message = *wrong;
  call.respond(refusal.http_status, "application/json", render(refusal, {}));
  return false;
}

}  // namespace sluice
