// SPDX-License-Identifier: Apache-2.0
#pragma once
// OauthAuthorizer: the hands of the OAuth client. It sends what the machine in auth/oauth_client.h asks for,
// lets the user consent, and has an access token for every request to one MCP server.
//
// One authorization serves all requests that wait for it; another begins only when that one has ended. A
// token is renewed in the background shortly before it ends. Decides nothing about OAuth and writes no token
// anywhere but into Authorization fields and to `keep`. Lives on one reactor.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/oauth_client.h"
#include "base/lifetime.h"
#include "base/limits.h"
#include "base/result.h"
#include "net/reactor.h"
#include "transport/authorizer.h"
#include "transport/oauth_fetch.h"

namespace sluice {

// How a user consents. Both are called when one is needed and not before.
struct ConsentWay {
  // Where the user's browser will be sent back to.
  std::function<Result<std::string>()> redirect_uri;
  // Lets the user open the consent's URL; `done` gets the URL that the browser came back to, once, never from
  // inside this. Dropping what is returned cancels.
  std::function<std::shared_ptr<void>(const OauthConsent& consent,
                                      std::function<void(Result<std::string>)> done)>
      ask;
};

// Nobody is asked: the URL is fetched and the redirect that answers it is taken. For authorization servers
// that agree by themselves, as those of tests do.
[[nodiscard]] ConsentWay unattended_consent(Reactor& reactor, const OauthLimits& limits = {},
                                            StartConnect start_connect = {});

struct OauthAuthorizerOptions {
  OauthClientOptions client;
  OauthLimits limits;
  ConsentWay consent;  // empty: there is no user
  // What other runs and programs kept, asked for before the authorization server is; may be empty.
  std::function<std::optional<OauthGrant>()> load;
  std::function<void(const OauthGrant&)> keep;
  StartConnect start_connect;  // empty: connect_stream
};

class OauthAuthorizer final : public Authorizer {
 public:
  OauthAuthorizer(Reactor& reactor, OauthAuthorizerOptions options);
  ~OauthAuthorizer() override;

  void lay_on(Bytes http_method, std::vector<HeaderPair>& fields) override;
  [[nodiscard]] std::shared_ptr<void> challenged(const AuthChallenge& challenge,
                                                 std::function<void(Status)> done) override;

  [[nodiscard]] const OauthClient& client() const { return client_; }

 private:
  struct Waiter {
    OauthRefusal refusal;
    std::function<void(Status)> done;
  };

  void begin();
  // Entropy, time and the way back for one flow.
  [[nodiscard]] OauthStart start();
  void take(OauthStep step);
  void end(Status status);
  void take_up_kept();

  Reactor& reactor_;
  OauthAuthorizerOptions options_;
  OauthClient client_;
  OauthFetch fetch_;
  std::string kept_token_;  // the one that load() gave or keep() got last
  std::shared_ptr<void> asking_;
  std::vector<std::weak_ptr<Waiter>> waiting_;
  bool busy_ = false;
  bool renew_ = false;
  Timer begin_;     // outside of the stacks of those who wait
  Timer deadline_;  // of the user
  Lifetime lifetime_;
};

}  // namespace sluice
