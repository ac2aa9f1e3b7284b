// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where a user's browser comes back to: one page on a loopback port that the system chose, RFC 8252 7.3.
//
// What does not carry the state that was sent, or comes while nobody is being asked, is turned away and
// changes nothing, so that no other page or program can spoil a login by knocking. Says to the browser no
// more than that the window may be closed. How a browser is opened is the caller's. Lives on one reactor.

#include <functional>
#include <memory>
#include <string>

#include "auth/oauth_client.h"
#include "base/limits.h"
#include "base/result.h"
#include "net/listener.h"
#include "net/reactor.h"
#include "transport/http_server.h"
#include "transport/oauth_authorizer.h"

namespace sluice {

class OauthRedirectPage final : private HttpHandler {
 public:
  using OnReturn = std::function<void(Result<std::string>)>;

  // Opens the port, which stays the same as long as this lives: servers know it from the registration.
  static Result<std::unique_ptr<OauthRedirectPage>> open(Reactor& reactor, const OauthLimits& limits = {});
  ~OauthRedirectPage() override;
  OauthRedirectPage(const OauthRedirectPage&) = delete;
  OauthRedirectPage& operator=(const OauthRedirectPage&) = delete;

  [[nodiscard]] const std::string& uri() const { return uri_; }
  // `on_return` is called once, with the whole URL, and may destroy this.
  void expect(std::string state, OnReturn on_return);
  void expect_nobody();

 private:
  OauthRedirectPage(Reactor& reactor, const OauthLimits& limits);
  void on_request(HttpCall& call, PaddedString body) override;
  void tell();

  Reactor& reactor_;
  OauthLimits limits_;
  std::string uri_;
  std::string state_;
  std::string returned_;
  OnReturn on_return_;
  HttpServer server_;
  std::unique_ptr<Listener> listener_;
  Timer tell_;  // once the browser has its answer
};

// A person at a browser: `open_url` shows the URL, which fails only when nothing could be shown at all.
[[nodiscard]] ConsentWay browser_consent(Reactor& reactor, std::function<Status(const std::string&)> open_url,
                                         const OauthLimits& limits = {});

}  // namespace sluice
