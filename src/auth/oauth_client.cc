// SPDX-License-Identifier: Apache-2.0
#include "auth/oauth_client.h"

#include <algorithm>
#include <utility>

#include "codec/base64.h"
#include "codec/url.h"
#include "crypto/digest.h"

namespace sluice {

namespace {

constexpr Bytes offline_scope = "offline_access";

std::string drawn(const std::array<std::uint8_t, 64>& entropy, std::size_t from) {
  return base64url_encode(Bytes(reinterpret_cast<const char*>(entropy.data()) + from, 32));
}

// The challenge of a refusal that is for us.
const Challenge* bearer_of(const std::vector<Challenge>& challenges) {
  for (const Challenge& challenge : challenges)
    if (challenge.scheme == "bearer") return &challenge;
  return nullptr;
}

// A document that is not there, or a page that a server gives for every path.
bool is_absent(int status) { return status >= 300 && status < 500; }
bool is_object(Bytes body) {
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  return first != Bytes::npos && body[first] == '{';
}

Error unreadable(Bytes what, Bytes url, int status) {
  return Error(status >= 500 ? Errc::unavailable : Errc::not_found,
               std::string(what) + " '" + std::string(url) + "' answered " + std::to_string(status));
}

}  // namespace

OauthClient::OauthClient(OauthClientOptions options, const OauthLimits& limits)
    : options_(std::move(options)), limits_(limits) {}

void OauthClient::restore(OauthGrant grant) {
  if (grant.server_url == options_.server_url) grant_ = std::move(grant);
}

std::string OauthClient::authorization() const {
  return grant_.access_token.empty() ? std::string() : "Bearer " + grant_.access_token;
}

bool OauthClient::can_renew() const {
  return !grant_.refresh_token.empty() || options_.flow == OauthFlow::client_credentials;
}

bool OauthClient::stale(WallTime wall) const {
  return !grant_.access_token.empty() && can_renew() && grant_.fresh_until != 0 &&
         wall.time_since_epoch().count() >= grant_.fresh_until;
}

OauthStep OauthClient::fail(Error error) {
  stage_ = Stage::idle;
  return error;
}

// At most so many attempts in the window, so that a server that refuses what its own authorization server
// gave leads to no loop, and no user to a row of windows.
bool OauthClient::may_try(std::size_t attempts_max, std::deque<Instant>& attempts) {
  while (!attempts.empty() && start_.now - attempts.front() >= limits_.attempts_window) attempts.pop_front();
  if (attempts.size() >= attempts_max) return false;
  attempts.push_back(start_.now);
  return true;
}

OauthStep OauthClient::begin(const OauthRefusal& refusal, OauthStart start) {
  const std::string current = authorization();
  if (refusal.status == 401 && !current.empty() && refusal.presented != current) return OauthReady{};
  if (auto status = check_oauth_url("the server", options_.server_url, options_.server_url, limits_); !status)
    return fail(status.error());

  start_ = std::move(start);
  step_up_ = refusal.status == 403;
  if (!step_up_) grant_.access_token.clear();
  server_.reset();
  resource_ = ProtectedResource{};
  candidates_.clear();
  const auto challenges = parse_challenges(refusal.www_authenticate, limits_);
  const Challenge* challenge = bearer_of(challenges);
  const auto parameter = [challenge](Bytes name) {
    const std::string* found = challenge == nullptr ? nullptr : challenge->find(name);
    return found == nullptr ? std::string() : *found;
  };
  challenged_ = split_scope(parameter("scope"), limits_);
  if (step_up_) {
    if (parameter("error") != "insufficient_scope")
      return fail(Error(Errc::denied, "the server forbids it (403), whoever asks"));
    if (!challenged_.empty() && has_scopes(split_scope(grant_.scope, limits_), challenged_)) {
      return fail(Error(Errc::denied, "the server wants scope '" + join_scope(challenged_, limits_) +
                                          "', which its authorization server has granted already"));
    }
  }
  const std::string told = parameter("resource_metadata");
  if (!told.empty()) {
    const Status good = check_oauth_url("the resource metadata", told, options_.server_url, limits_);
    if (!good) return fail(good.error());
    candidates_ = {told};
    guess_ = Guess::told;
  } else {
    const auto urls = resource_metadata_urls(options_.server_url);
    candidates_.assign(urls.begin(), urls.end());
    guess_ = Guess::well_known;
  }
  stage_ = Stage::resource;
  return fetch_next();
}

OauthStep OauthClient::renew(OauthStart start) {
  if (!server_ || server_->issuer != grant_.issuer) {
    // Where to renew it is not kept between runs; a refusal of the token we hold leads there.
    return begin({401, "", authorization()}, std::move(start));
  }
  start_ = std::move(start);
  step_up_ = false;
  challenged_ = split_scope(grant_.scope, limits_);
  return with_server();
}

OauthStep OauthClient::fetch_next() { return get_document(candidates_.front()); }

OauthStep OauthClient::answered(int status, Bytes body, WallTime wall) {
  if (body.size() > limits_.document_bytes_max)
    return fail(Error(Errc::too_large, "an authorization server's answer has more than " +
                                           std::to_string(limits_.document_bytes_max) + " bytes"));
  switch (stage_) {
    case Stage::resource: return on_resource(status, body);
    case Stage::server: return on_server(status, body);
    case Stage::registering: return on_registration(status, body);
    case Stage::exchanging:
    case Stage::renewing: return on_token(status, body, wall);
    case Stage::idle:
    case Stage::consent: break;
  }
  return fail(Error(Errc::invalid, "an answer came that nobody had asked for"));
}

OauthStep OauthClient::unanswered(const Error& error) {
  return fail(Error(error.code, "authorization failed: " + error.message));
}

OauthStep OauthClient::on_resource(int status, Bytes body) {
  const std::string url = candidates_.front();
  if (status == 200) {
    auto found = parse_protected_resource(body, options_.server_url, url, limits_);
    if (found) {
      resource_ = std::move(*found);
      // Of several servers the one that knows us, else the first.
      const auto& servers = resource_.authorization_servers;
      const std::string& known = options_.registration && !options_.registration->issuer.empty()
                                     ? options_.registration->issuer
                                     : grant_.issuer;
      const auto same = std::find(servers.begin(), servers.end(), known);
      return look_for_server(same == servers.end() ? servers.front() : *same);
    }
    if (guess_ == Guess::told || is_object(body)) return fail(std::move(found).error());
  } else if (!is_absent(status) || guess_ == Guess::told) {
    return fail(unreadable("the protected resource metadata", url, status));
  }
  candidates_.pop_front();
  if (!candidates_.empty()) return fetch_next();
  // MCP 2025-03-26: the server is its own authorization server.
  resource_.resource = options_.server_url;
  guess_ = Guess::legacy;
  return look_for_server(origin_text(options_.server_url));
}

OauthStep OauthClient::look_for_server(const std::string& issuer) {
  if (auto good = check_oauth_url("the authorization server", issuer, options_.server_url, limits_); !good)
    return fail(good.error());
  if (parse_http_url(issuer)->query)
    return fail(Error(Errc::invalid, "the authorization server '" + issuer + "' has a query in its name"));
  bind_to(issuer);
  const auto urls = server_metadata_urls(issuer);
  candidates_.assign(urls.begin(), urls.end());
  stage_ = Stage::server;
  return fetch_next();
}

// Everything that another authorization server gave us is worthless here and must not be shown to this one.
void OauthClient::bind_to(const std::string& issuer) {
  if (grant_.issuer != issuer) grant_ = OauthGrant{};
  if (grant_.resource != resource_.resource) {  // the tokens are for another audience
    grant_.access_token.clear();
    grant_.refresh_token.clear();
    grant_.scope.clear();
  }
  grant_.server_url = options_.server_url;
  grant_.resource = resource_.resource;
  grant_.issuer = issuer;
  if (options_.registration && options_.registration->issuer.empty()) options_.registration->issuer = issuer;
}

OauthStep OauthClient::on_server(int status, Bytes body) {
  const std::string url = candidates_.front();
  if (status == 200 && is_object(body)) {
    auto found = parse_authorization_server(body, grant_.issuer, options_.server_url, limits_);
    if (!found) return fail(std::move(found).error());
    server_ = std::move(*found);
    return with_server();
  }
  if (status != 200 && !is_absent(status))
    return fail(unreadable("the authorization server's metadata", url, status));
  candidates_.pop_front();
  if (!candidates_.empty()) return fetch_next();
  if (guess_ != Guess::legacy)
    return fail(Error(Errc::not_found, "the authorization server '" + grant_.issuer + "' has no metadata"));
  server_ = default_authorization_server(options_.server_url);
  return with_server();
}

OauthStep OauthClient::with_server() {
  choose_scopes();
  return obtain();
}

// What the refusal asks for, else all that the resource knows, else nothing, which means the server's
// default. A step-up keeps what was granted before (2026-07-28).
void OauthClient::choose_scopes() {
  wanted_.clear();
  if (step_up_) wanted_ = split_scope(grant_.scope, limits_);
  add_scopes(wanted_, challenged_.empty() ? resource_.scopes : challenged_);
  const auto& offered = server_->scopes;
  if (options_.offline && options_.flow == OauthFlow::authorization_code && !wanted_.empty() &&
      std::find(offered.begin(), offered.end(), offline_scope) != offered.end()) {
    add_scopes(wanted_, {std::string(offline_scope)});
  }
}

Status OauthClient::choose_identity(bool& register_first) {
  register_first = false;
  OauthIdentity identity;
  const auto& by_hand = options_.registration;
  if (by_hand && by_hand->issuer == grant_.issuer) {
    identity.origin = OauthIdentity::Origin::configured;
    identity.client_id = by_hand->client_id;
    identity.client_secret = by_hand->client_secret;
    const bool secret = !identity.client_secret.empty();
    const auto auth = choose_token_auth(*server_, secret);
    if (!auth && secret)
      return Error(Errc::invalid, "the authorization server takes no client secret as we can send it");
    identity.auth = auth.value_or(TokenAuth::none);
  } else if (!options_.client_metadata_url.empty() && server_->client_documents) {
    identity.origin = OauthIdentity::Origin::document;
    identity.client_id = options_.client_metadata_url;
  } else {
    const OauthIdentity& had = grant_.identity;
    const auto today = std::chrono::duration_cast<seconds>(start_.wall.time_since_epoch());
    const bool usable = had.origin == OauthIdentity::Origin::registered &&
                        (had.secret_expires_at == 0 || had.secret_expires_at > today.count());
    if (usable) {
      // Registered for another redirect it may still renew; for a consent it is registered anew.
      register_first = had.redirect_uri != start_.redirect_uri;
      return {};
    }
    if (server_->registration_endpoint.empty()) {
      return Error(Errc::denied, "the authorization server '" + grant_.issuer +
                                     "' does not know us: it registers no clients, so it needs a client id "
                                     "of its own");
    }
    grant_.refresh_token.clear();
    register_first = true;
    return {};
  }
  if (identity.client_id != grant_.identity.client_id) grant_.refresh_token.clear();
  grant_.identity = std::move(identity);
  return {};
}

// The authorization server is known: a refresh where that is possible, else the user.
OauthStep OauthClient::obtain() {
  bool register_first = false;
  if (auto known = choose_identity(register_first); !known) return fail(known.error());
  if (options_.flow == OauthFlow::client_credentials) return send_client_credentials();
  if (!step_up_ && !grant_.refresh_token.empty()) return send_refresh();
  if (server_->authorization_endpoint.empty())
    return fail(Error(Errc::invalid, "the authorization server has no authorization_endpoint"));
  // Without PKCE a stolen code is a token; where there is no metadata nothing could be said (2025-03-26).
  if (!server_->pkce_s256 && !server_->by_default) {
    return fail(Error(Errc::denied, "the authorization server '" + grant_.issuer +
                                        "' does not say that it does PKCE with S256"));
  }
  if (start_.redirect_uri.empty())
    return fail(Error(Errc::denied, "the server wants a user's consent, and there is no user to ask"));
  if (!register_first) return ask_user();
  if (server_->registration_endpoint.empty())
    return fail(Error(Errc::denied, "the authorization server no longer registers clients"));
  const auto open_auth = choose_token_auth(*server_, false);
  const auto auth = open_auth ? open_auth : choose_token_auth(*server_, true);
  if (!auth) return fail(Error(Errc::invalid, "the authorization server takes no client as we can be one"));
  stage_ = Stage::registering;
  return registration_request(*server_, options_.client_name, start_.redirect_uri,
                              server_->by_default ? TokenAuth::none : *auth);
}

OauthStep OauthClient::on_registration(int status, Bytes body) {
  const auto asked = choose_token_auth(*server_, false);
  auto identity = parse_registration(status, body, *server_,
                                     asked || server_->by_default
                                         ? TokenAuth::none
                                         : choose_token_auth(*server_, true).value_or(TokenAuth::basic),
                                     limits_);
  if (!identity) return fail(std::move(identity).error());
  identity->redirect_uri = start_.redirect_uri;
  grant_.identity = std::move(*identity);
  return ask_user();
}

OauthStep OauthClient::ask_user() {
  if (!may_try(limits_.consents_max, consents_)) {
    return fail(Error(Errc::exhausted, "the user was asked " + std::to_string(limits_.consents_max) +
                                           " times within a minute and the server is still not content"));
  }
  state_ = drawn(start_.entropy, 0);
  verifier_ = drawn(start_.entropy, 32);
  const std::string challenge = code_challenge_s256(verifier_);
  const std::string scope = join_scope(wanted_, limits_);
  const bool offline = std::find(wanted_.begin(), wanted_.end(), offline_scope) != wanted_.end();
  stage_ = Stage::consent;
  return OauthConsent{authorization_url(*server_, {{"response_type", "code"},
                                                   {"client_id", grant_.identity.client_id},
                                                   {"redirect_uri", start_.redirect_uri},
                                                   {"code_challenge", challenge},
                                                   {"code_challenge_method", "S256"},
                                                   {"state", state_},
                                                   {"scope", scope},
                                                   {"resource", grant_.resource},
                                                   // OpenID Connect Core 11 wants it for offline access.
                                                   {"prompt", offline ? "consent" : ""}}),
                      state_};
}

OauthStep OauthClient::returned(Bytes url) {
  if (stage_ != Stage::consent) return fail(Error(Errc::invalid, "a user came back whom nobody had sent"));
  const auto redirect = parse_redirect(url, start_.redirect_uri, limits_);
  if (!redirect) return fail(redirect.error());
  if (!constant_time_equal(redirect->state, state_))
    return fail(Error(Errc::denied, "the redirect's state is not the one that was sent"));
  // Before anything of it is believed, an error included (RFC 9207 2.4): simple string comparison.
  if (redirect->iss && *redirect->iss != grant_.issuer) {
    return fail(Error(Errc::denied, "the redirect comes from '" + foreign_words(*redirect->iss, limits_) +
                                        "' and not from '" + grant_.issuer + "'"));
  }
  if (!redirect->iss && server_->iss_in_redirects)
    return fail(Error(Errc::denied, "the redirect does not say which authorization server it comes from"));
  if (!redirect->error.empty()) {
    return fail(
        Error(Errc::denied, "authorization was refused: " + redirect->error +
                                (redirect->description.empty() ? "" : " (" + redirect->description + ")")));
  }
  if (redirect->code.empty() || redirect->code.size() > limits_.identifier_bytes_max)
    return fail(Error(Errc::invalid, "the redirect carries no authorization code"));
  stage_ = Stage::exchanging;
  state_.clear();
  return token_request(*server_, grant_.identity,
                       {{"grant_type", "authorization_code"},
                        {"code", redirect->code},
                        {"redirect_uri", start_.redirect_uri},
                        {"code_verifier", verifier_},
                        {"resource", grant_.resource}});
}

OauthStep OauthClient::send_refresh() {
  if (!may_try(limits_.renewals_max, renewals_))
    return fail(Error(Errc::exhausted, "the token was renewed " + std::to_string(limits_.renewals_max) +
                                           " times within a minute and the server is still not content"));
  stage_ = Stage::renewing;
  return token_request(*server_, grant_.identity,
                       {{"grant_type", "refresh_token"},
                        {"refresh_token", grant_.refresh_token},
                        {"resource", grant_.resource}});
}

OauthStep OauthClient::send_client_credentials() {
  if (grant_.identity.origin != OauthIdentity::Origin::configured || grant_.identity.client_secret.empty())
    return fail(
        Error(Errc::denied, "client credentials need a client id and a secret for '" + grant_.issuer + "'"));
  if (!may_try(limits_.renewals_max, renewals_))
    return fail(Error(Errc::exhausted, "a token was fetched " + std::to_string(limits_.renewals_max) +
                                           " times within a minute and the server is still not content"));
  const std::string scope = join_scope(wanted_, limits_);
  stage_ = Stage::exchanging;
  return token_request(
      *server_, grant_.identity,
      {{"grant_type", "client_credentials"}, {"scope", scope}, {"resource", grant_.resource}});
}

OauthStep OauthClient::on_token(int status, Bytes body, WallTime wall) {
  const bool renewing = stage_ == Stage::renewing;
  verifier_.clear();
  auto reply = parse_token_reply(status, body, limits_);
  if (!reply) return fail(std::move(reply).error());
  if (!reply->error.empty()) {
    const bool unknown = reply->error == "invalid_client" || reply->error == "unauthorized_client";
    if (unknown && grant_.identity.origin == OauthIdentity::Origin::registered)
      grant_.identity = OauthIdentity{};  // the server forgot us: it is asked again next time
    if (renewing && (unknown || reply->error == "invalid_grant")) {
      grant_.refresh_token.clear();
      grant_.access_token.clear();
      return obtain();
    }
    return fail(Error(Errc::denied, "the authorization server gives no token: " + reply->description));
  }
  grant_.access_token = std::move(reply->access_token);
  if (!reply->refresh_token.empty() || !renewing) grant_.refresh_token = std::move(reply->refresh_token);
  if (reply->scope) {
    grant_.scope = std::move(*reply->scope);
  } else if (!renewing) {
    grant_.scope = join_scope(wanted_, limits_);
  }
  grant_.fresh_until = 0;
  if (reply->expires_in > 0) {
    const std::int64_t life = std::min<std::int64_t>(reply->expires_in, 10LL * 365 * 86'400) * 1'000;
    grant_.fresh_until = wall.time_since_epoch().count() + life -
                         std::min<std::int64_t>(limits_.renewed_early.count(), life / 2);
  }
  stage_ = Stage::idle;
  return OauthReady{};
}

}  // namespace sluice
