// SPDX-License-Identifier: Apache-2.0
#pragma once
// The texts of OAuth: requests to authorization servers, the URL a user is sent to, what comes back.
//
// Knows the spelling of RFC 6749 (forms, token replies, errors), RFC 7591 (registration), RFC 7636 (PKCE) and
// RFC 8707 (resource), and no order of steps. Bounds everything that comes back. Pure functions, any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auth/oauth_metadata.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"

namespace sluice {

// How a client proves to the token endpoint who it is (RFC 6749 2.3, RFC 7591 2).
enum class TokenAuth : std::uint8_t { none, basic, post };
[[nodiscard]] Bytes token_auth_name(TokenAuth method);
[[nodiscard]] std::optional<TokenAuth> token_auth_of(Bytes name);
// With a secret basic, else post, without one none, if the server takes it. A server that does not say takes
// basic (RFC 8414 2). Nothing when it takes none of them.
[[nodiscard]] std::optional<TokenAuth> choose_token_auth(const AuthorizationServer& server, bool secret);

// Who we are at one authorization server.
struct OauthIdentity {
  enum class Origin : std::uint8_t { none, configured, document, registered };
  Origin origin = Origin::none;
  std::string client_id;
  std::string client_secret;
  TokenAuth auth = TokenAuth::none;
  std::string redirect_uri;            // that it was registered with
  std::int64_t secret_expires_at = 0;  // seconds since 1970; 0: never
};

struct OauthRequest {
  bool post = false;
  std::string url;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
};

[[nodiscard]] OauthRequest get_document(std::string url);
// RFC 7591 3.1, as a native application that wants refresh tokens.
[[nodiscard]] OauthRequest registration_request(const AuthorizationServer& server, Bytes client_name,
                                                Bytes redirect_uri, TokenAuth auth);
[[nodiscard]] Result<OauthIdentity> parse_registration(int status, Bytes text,
                                                       const AuthorizationServer& server,
                                                       TokenAuth asked_auth, const OauthLimits& limits = {});

using FormFields = std::vector<std::pair<Bytes, Bytes>>;
// A form to the token endpoint with the client's authentication added.
[[nodiscard]] OauthRequest token_request(const AuthorizationServer& server, const OauthIdentity& identity,
                                         const FormFields& form);

struct TokenReply {
  std::string error;  // RFC 6749 5.2; then only `description` counts
  std::string description;
  std::string access_token;
  std::string refresh_token;         // empty: none
  std::optional<std::string> scope;  // absent: what was asked for
  std::int64_t expires_in = 0;       // seconds; 0: not said
};
// An Error when the reply is neither a token nor an OAuth error.
[[nodiscard]] Result<TokenReply> parse_token_reply(int status, Bytes text, const OauthLimits& limits = {});

// RFC 7636 4.1 and 4.2.
[[nodiscard]] std::string code_challenge_s256(Bytes verifier);
[[nodiscard]] std::string authorization_url(const AuthorizationServer& server, const FormFields& parameters);

// What the user's browser brought back (RFC 6749 4.1.2, RFC 9207).
struct OauthRedirect {
  std::string code;
  std::string state;
  std::optional<std::string> iss;
  std::string error;
  std::string description;
};
// `url` has to be `redirect_uri` with a query; a parameter that occurs twice makes it invalid.
[[nodiscard]] Result<OauthRedirect> parse_redirect(Bytes url, Bytes redirect_uri,
                                                   const OauthLimits& limits = {});

// Scopes of a space-separated text, each once; a text of scopes, bounded.
[[nodiscard]] std::vector<std::string> split_scope(Bytes text, const OauthLimits& limits = {});
[[nodiscard]] std::string join_scope(const std::vector<std::string>& scopes, const OauthLimits& limits = {});
void add_scopes(std::vector<std::string>& scopes, const std::vector<std::string>& more);
[[nodiscard]] bool has_scopes(const std::vector<std::string>& scopes, const std::vector<std::string>& wanted);

}  // namespace sluice
