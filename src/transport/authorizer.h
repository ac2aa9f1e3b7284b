// SPDX-License-Identifier: Apache-2.0
#pragma once
// Authorizer: whoever has the credentials for an HTTP server, and gets new ones when it refuses them.
//
// The seam between the HTTP client and OAuth: the client lays the credentials on every request and, when a
// request comes back with 401 or 403, waits for new ones and sends that request once more. A request that was
// refused for its credentials was not run, so this is no second sending. Knows no MCP. Lives on one reactor;
// outlives the clients that use it. Spec: basic/authorization of each revision; RFC 9110 section 11.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "mcp/exchange.h"

namespace sluice {

// A server's refusal of what a request was sent with.
struct AuthChallenge {
  int status = 0;                             // 401 or 403
  std::vector<std::string> www_authenticate;  // the values of its WWW-Authenticate fields, in order
  std::vector<HeaderPair> refused;            // what lay_on() had laid on the request
  int attempt = 1;                            // how often this request was refused, this time included
};

class Authorizer {
 public:
  virtual ~Authorizer() = default;

  // Adds what a request has to carry, such as Authorization; nothing while there are no credentials.
  virtual void lay_on(Bytes http_method, std::vector<HeaderPair>& fields) = 0;

  // Calls `done` once, never from inside this: success sends the request again with what lay_on() says then;
  // an error is what the request ends with. Dropping what is returned cancels, and `done` is not called.
  // Several requests may be refused at the same time.
  [[nodiscard]] virtual std::shared_ptr<void> challenged(const AuthChallenge& challenge,
                                                         std::function<void(Status)> done) = 0;
};

}  // namespace sluice
