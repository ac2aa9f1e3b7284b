// SPDX-License-Identifier: Apache-2.0
#pragma once
// The OAuth client of one MCP server: what a refusal, a reply or a returning user mean, and what is to be
// done next.
//
// A machine without hands. It is told facts (a 401 or 403, the reply to a request that it asked for, the
// redirect that the user came back with) and answers each with one step: send this request, let the user open
// this URL, go on with this token, or give up for this reason. Does no IO, reads no clock, draws no entropy,
// logs nothing. A flow runs alone: begin() starts it anew. Everything it holds is bound to one authorization
// server's issuer and is dropped when the resource names another (MCP 2026-07-28, authorization).
// OAuth 2.1 with PKCE S256; RFC 6749, 7591, 7636, 8414, 8707, 9207, 9728; docs/oauth.md. One thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "auth/challenge.h"
#include "auth/oauth_messages.h"
#include "auth/oauth_metadata.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/time.h"

namespace sluice {

// A client that was made known to an authorization server by hand.
struct OauthRegistration {
  std::string client_id;
  std::string client_secret;  // empty: a public client
  std::string issuer;         // where it is known; empty: at the first authorization server that is met
};

enum class OauthFlow : std::uint8_t {
  authorization_code,  // a user consents
  client_credentials,  // the client acts for itself; needs a registration with a secret
};

struct OauthClientOptions {
  std::string server_url;  // the MCP endpoint
  OauthFlow flow = OauthFlow::authorization_code;
  std::optional<OauthRegistration> registration;
  // An https URL where the client's metadata document lies: the client id at servers that take such.
  std::string client_metadata_url;
  std::string client_name = "Sluice";  // for dynamic registration
  bool offline = true;                 // ask for refresh tokens where they need a scope of their own
};

// What is worth keeping between runs: who we are at one issuer, and what it granted us for one resource.
struct OauthGrant {
  std::string server_url;
  std::string resource;
  std::string issuer;
  OauthIdentity identity;
  std::string access_token;
  std::string refresh_token;
  std::string scope;             // that was granted
  std::int64_t fresh_until = 0;  // milliseconds since 1970, when to renew it; 0: not said
};

// The refusal of one request to the MCP server.
struct OauthRefusal {
  int status = 0;                // 401 or 403
  std::string www_authenticate;  // several fields joined with commas
  std::string presented;         // the request's Authorization value
};

// When a flow starts and what it may use; the flow spends the entropy.
struct OauthStart {
  Instant now{};
  WallTime wall{};
  std::string redirect_uri;  // where the user's browser will be sent back to
  std::array<std::uint8_t, 64> entropy{};
};

// The user has to open `url`; the redirect that comes back carries `state`.
struct OauthConsent {
  std::string url;
  std::string state;
};
struct OauthReady {};
using OauthStep = std::variant<OauthRequest, OauthConsent, OauthReady, Error>;

class OauthClient {
 public:
  explicit OauthClient(OauthClientOptions options, const OauthLimits& limits = {});

  // Puts back what an earlier run kept.
  void restore(OauthGrant grant);
  [[nodiscard]] const OauthGrant& grant() const { return grant_; }
  // A value for Authorization; empty when there is no token. It may be one that has to be renewed.
  [[nodiscard]] std::string authorization() const;
  // The token has (almost) ended and can be renewed without the user: call renew().
  [[nodiscard]] bool stale(WallTime wall) const;

  // The server refused a request. OauthReady at once when the refused token is not the current one.
  OauthStep begin(const OauthRefusal& refusal, OauthStart start);
  OauthStep renew(OauthStart start);

  // The reply to the last OauthRequest; `body` is cut at limits.document_bytes_max + 1 bytes.
  OauthStep answered(int status, Bytes body, WallTime wall);
  // There was none.
  OauthStep unanswered(const Error& error);
  // The user came back to redirect_uri; `url` is the whole of it.
  OauthStep returned(Bytes url);

 private:
  enum class Stage : std::uint8_t { idle, resource, server, registering, consent, exchanging, renewing };
  enum class Guess : std::uint8_t { told, well_known, legacy };  // how we know where metadata is

  OauthStep fail(Error error);
  OauthStep fetch_next();
  OauthStep on_resource(int status, Bytes body);
  OauthStep on_server(int status, Bytes body);
  OauthStep on_registration(int status, Bytes body);
  OauthStep on_token(int status, Bytes body, WallTime wall);
  OauthStep look_for_server(const std::string& issuer);
  OauthStep with_server();
  Status choose_identity(bool& register_first);
  OauthStep obtain();
  OauthStep send_refresh();
  OauthStep send_client_credentials();
  OauthStep ask_user();
  void choose_scopes();
  void bind_to(const std::string& issuer);
  bool may_try(std::size_t attempts_max, std::deque<Instant>& attempts);
  [[nodiscard]] bool can_renew() const;

  OauthClientOptions options_;
  OauthLimits limits_;
  OauthGrant grant_;
  std::deque<Instant> consents_;
  std::deque<Instant> renewals_;

  // The flow that runs.
  Stage stage_ = Stage::idle;
  Guess guess_ = Guess::well_known;
  OauthStart start_;
  bool step_up_ = false;
  std::vector<std::string> challenged_;  // scopes of the refusal
  std::deque<std::string> candidates_;   // URLs of a document; the first is being asked
  ProtectedResource resource_;
  std::optional<AuthorizationServer> server_;
  std::vector<std::string> wanted_;  // scopes of the request that is under way
  std::string verifier_;
  std::string state_;
};

}  // namespace sluice
