// SPDX-License-Identifier: Apache-2.0
#include "transport/oauth_authorizer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "codec/headers.h"
#include "codec/url.h"
#include "net/entropy.h"

namespace sluice {

namespace {

constexpr Bytes authorization_field = "Authorization";
constexpr Bytes nobody_listens = "http://127.0.0.1/callback";

}  // namespace

ConsentWay unattended_consent(Reactor& reactor, const OauthLimits& limits, StartConnect start_connect) {
  ConsentWay way;
  way.redirect_uri = [] { return Result<std::string>(std::string(nobody_listens)); };
  way.ask = [&reactor, limits, start_connect](const OauthConsent& consent,
                                              std::function<void(Result<std::string>)> done) {
    auto asking = std::make_shared<OauthFetch>(reactor, limits, start_connect);
    OauthRequest request;
    request.url = consent.url;
    asking->start(request, [tell = std::move(done)](Result<OauthFetched> fetched) {
      if (!fetched) return tell(fetched.error());
      if (fetched->status / 100 != 3)
        return tell(Error(Errc::denied, "the authorization server does not agree by itself (HTTP status " +
                                            std::to_string(fetched->status) + ")"));
      tell(std::move(fetched->location));
    });
    return asking;
  };
  return way;
}

OauthAuthorizer::OauthAuthorizer(Reactor& reactor, OauthAuthorizerOptions options)
    : reactor_(reactor),
      options_(std::move(options)),
      client_(options_.client, options_.limits),
      fetch_(reactor, options_.limits, options_.start_connect),
      begin_([](void* self) { static_cast<OauthAuthorizer*>(self)->begin(); }, this),
      deadline_(
          [](void* self) {
            auto& authorizer = *static_cast<OauthAuthorizer*>(self);
            authorizer.asking_.reset();
            authorizer.take(
                authorizer.client_.unanswered(Error(Errc::timed_out, "the user did not come back")));
          },
          this) {
  take_up_kept();
}

OauthAuthorizer::~OauthAuthorizer() = default;

void OauthAuthorizer::lay_on(Bytes, std::vector<HeaderPair>& fields) {
  const std::string value = client_.authorization();
  if (value.empty()) return;
  fields.push_back(HeaderPair{std::string(authorization_field), value});
  if (busy_ || renew_ || !client_.stale(reactor_.wall())) return;
  renew_ = true;
  reactor_.arm(begin_, reactor_.now());
}

std::shared_ptr<void> OauthAuthorizer::challenged(const AuthChallenge& challenge,
                                                  std::function<void(Status)> done) {
  auto waiter = std::make_shared<Waiter>();
  waiter->done = std::move(done);
  waiter->refusal.status = challenge.status;
  for (const std::string& value : challenge.www_authenticate)
    waiter->refusal.www_authenticate.append(waiter->refusal.www_authenticate.empty() ? "" : ", ")
        .append(value);
  for (const HeaderPair& field : challenge.refused)
    if (equals_ignoring_case(field.name, authorization_field)) waiter->refusal.presented = field.value;
  std::erase_if(waiting_, [](const auto& other) { return other.expired(); });
  waiting_.push_back(waiter);
  if (!busy_) reactor_.arm(begin_, reactor_.now());
  return waiter;
}

void OauthAuthorizer::begin() {
  if (busy_) return;
  std::erase_if(waiting_, [](const auto& other) { return other.expired(); });
  const bool renew = std::exchange(renew_, false);
  if (waiting_.empty() && !renew) return;
  busy_ = true;
  take_up_kept();
  if (waiting_.size() > options_.limits.waiting_max)
    return end(Error(Errc::exhausted, "too many requests wait for one authorization"));
  if (waiting_.empty()) {
    if (!client_.stale(reactor_.wall())) return end({});
    return take(client_.renew(start()));
  }
  const OauthRefusal refusal = waiting_.front().lock()->refusal;
  take(client_.begin(refusal, start()));
}

OauthStart OauthAuthorizer::start() {
  OauthStart start;
  start.now = reactor_.now();
  start.wall = reactor_.wall();
  entropy(std::as_writable_bytes(std::span(start.entropy)));
  // Without a way back nobody can be asked, and the machine says so when it comes to that.
  if (options_.consent.redirect_uri)
    if (auto uri = options_.consent.redirect_uri()) start.redirect_uri = std::move(*uri);
  return start;
}

// Another program may have logged in, or used up the refresh token and kept the next one.
void OauthAuthorizer::take_up_kept() {
  if (!options_.load) return;
  auto kept = options_.load();
  if (!kept || kept->access_token.empty() || kept->access_token == kept_token_) return;
  kept_token_ = kept->access_token;
  client_.restore(std::move(*kept));
}

void OauthAuthorizer::take(OauthStep step) {
  if (Error* error = std::get_if<Error>(&step)) return end(std::move(*error));
  if (std::holds_alternative<OauthReady>(step)) {
    const OauthGrant& grant = client_.grant();
    if (options_.keep && grant.access_token != kept_token_) options_.keep(grant);
    kept_token_ = grant.access_token;
    return end({});
  }
  if (const auto* request = std::get_if<OauthRequest>(&step)) {
    fetch_.start(*request, [this](Result<OauthFetched> fetched) {
      if (!fetched) return take(client_.unanswered(fetched.error()));
      take(client_.answered(fetched->status, fetched->body, reactor_.wall()));
    });
    return;
  }
  reactor_.arm_after(deadline_, options_.limits.consent);
  asking_ = options_.consent.ask(std::get<OauthConsent>(step), [this](Result<std::string> url) {
    deadline_.cancel();
    const auto asked = std::exchange(asking_, nullptr);  // it is on the stack
    if (!url) return take(client_.unanswered(url.error()));
    take(client_.returned(*url));
  });
}

void OauthAuthorizer::end(Status status) {
  busy_ = false;
  const auto told = std::exchange(waiting_, {});
  const Lifetime::Watch watch(lifetime_);
  for (const auto& one : told) {
    const auto waiter = one.lock();
    if (!waiter) continue;
    const auto done = std::exchange(waiter->done, nullptr);
    done(status);
    if (!watch.alive()) return;
  }
}

}  // namespace sluice
