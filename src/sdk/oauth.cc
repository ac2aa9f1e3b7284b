// SPDX-License-Identifier: Apache-2.0
#include "sdk/oauth.h"

#include <optional>
#include <utility>

#include "net/worker_pool.h"
#include "transport/oauth_authorizer.h"
#include "transport/oauth_redirect.h"
#include "transport/oauth_store.h"

namespace sluice::client_detail {

namespace {

ConsentWay consent_of_program(Reactor& reactor, const OauthOptions& options) {
  ConsentWay way;
  way.redirect_uri = [uri = options.redirect_uri] { return Result<std::string>(uri); };
  way.ask = [&reactor, get = options.consent](const OauthConsent& consent,
                                              std::function<void(Result<std::string>)> done) {
    auto ticket = std::make_shared<WorkerPool::Ticket>();
    auto begun = reactor.pool().offload([get, url = consent.url] { return get(url); }, done);
    if (begun) {
      *ticket = std::move(*begun);
    } else {
      reactor.defer(
          [still = std::weak_ptr<WorkerPool::Ticket>(ticket), tell = std::move(done), error = begun.error()] {
            if (!still.expired()) tell(error);
          });
    }
    return ticket;
  };
  return way;
}

}  // namespace

std::shared_ptr<Authorizer> oauth_authorizer(Reactor& reactor, const std::string& url,
                                             const OauthOptions& options) {
  OauthAuthorizerOptions made;
  made.client.server_url = url;
  made.client.client_name = options.client_name;
  made.client.client_metadata_url = options.client_metadata_url;
  if (options.client_credentials) made.client.flow = OauthFlow::client_credentials;
  if (!options.client_id.empty())
    made.client.registration = OauthRegistration{options.client_id, options.client_secret, options.issuer};
  if (options.open_url) {
    made.consent = browser_consent(reactor, options.open_url);
  } else if (options.consent) {
    made.consent = consent_of_program(reactor, options);
  } else if (options.unattended) {
    made.consent = unattended_consent(reactor);
  }
  if (!options.token_file.empty()) {
    const OauthStore store(options.token_file);
    // A store that cannot be used costs a login and nothing more.
    made.load = [store, url]() -> std::optional<OauthGrant> {
      auto kept = store.find(url);
      return kept ? std::move(*kept) : std::nullopt;
    };
    made.keep = [store](const OauthGrant& grant) { static_cast<void>(store.keep(grant)); };
  }
  return std::make_shared<OauthAuthorizer>(reactor, std::move(made));
}

}  // namespace sluice::client_detail
