// SPDX-License-Identifier: Apache-2.0
#pragma once
// The guard of a listener: which Host and Origin a request may carry, so that a web page cannot reach a local
// server through the user's browser (DNS rebinding).
//
// Looks at two fields and the target's authority, resolves no name and knows no principal. Before
// authentication, as it is the cheaper check. A plain value; any thread. Spec: 2025-11-25 basic/transports,
// security warning; ledger C1.

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/http1.h"
#include "codec/url.h"
#include "transport/http_server.h"

namespace sluice {

struct HttpGuardOptions {
  // The listener is bound to loopback: only loopback Hosts and Origins and those listed. Otherwise any Host,
  // and as Origin that same host or one that is listed.
  bool loopback = true;
  std::vector<std::string> hosts;    // "mcp.example", with any port, or "mcp.example:8443"
  std::vector<std::string> origins;  // "https://app.example"; "*" allows every origin
};

class HttpGuard {
 public:
  // Refused: an entry that is no host or no origin.
  static Result<HttpGuard> make(const HttpGuardOptions& options);

  // What is wrong with the request, as a sentence; nothing when it may pass. To be answered with 403.
  [[nodiscard]] std::optional<std::string> check(const HttpHead& head) const;
  // The same, answered. False when it was.
  bool admit(HttpCall& call) const;

 private:
  struct AllowedHost {
    std::string host;  // lower case
    std::optional<std::uint16_t> port;
  };
  [[nodiscard]] bool host_allowed(const HostPort& host) const;

  bool loopback_ = true;
  bool any_origin_ = false;
  std::vector<AllowedHost> hosts_;
  std::vector<Origin> origins_;
};

}  // namespace sluice
