// SPDX-License-Identifier: Apache-2.0
#pragma once
// One request to an authorization server after another, each read whole.
//
// A connection of its own for every request, no redirect followed, nothing read beyond the bound, and an end
// to waiting. Plain http goes to addresses of this machine only, whatever a name resolves to. Knows no OAuth.
// Lives on one reactor.

#include <functional>
#include <memory>
#include <string>

#include "auth/oauth_messages.h"
#include "base/limits.h"
#include "base/result.h"
#include "net/reactor.h"
#include "transport/http_client.h"

namespace sluice {

struct OauthFetched {
  int status = 0;
  std::string body;      // cut at limits.document_bytes_max + 1 bytes
  std::string location;  // of a redirect
};

class OauthFetch final : private HttpFetchHandler {
 public:
  OauthFetch(Reactor& reactor, const OauthLimits& limits, StartConnect start_connect);
  ~OauthFetch() override;
  OauthFetch(const OauthFetch&) = delete;
  OauthFetch& operator=(const OauthFetch&) = delete;

  // Starts a request in place of the one before. `done` is called once, never from inside this, and may start
  // the next or destroy this.
  void start(const OauthRequest& request, std::function<void(Result<OauthFetched>)> done);

 private:
  void on_head(const HttpHead& head) override;
  void on_body(Bytes piece) override;
  void on_complete() override;
  void on_failed(const Error& error, Outcome outcome) override;
  void end(Result<OauthFetched> result);
  void tell();

  Reactor& reactor_;
  OauthLimits limits_;
  StartConnect start_connect_;
  std::string url_;
  std::function<void(Result<OauthFetched>)> done_;
  std::unique_ptr<HttpClient> client_;
  std::unique_ptr<HttpFetch> fetch_;
  OauthFetched fetched_;
  Result<OauthFetched> result_ = OauthFetched{};
  Timer deadline_;
  Timer tell_;  // outside of the client's stack, so that it can be let go
};

}  // namespace sluice
