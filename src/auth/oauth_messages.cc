// SPDX-License-Identifier: Apache-2.0
#include "auth/oauth_messages.h"

#include <algorithm>
#include <charconv>

#include "codec/base64.h"
#include "codec/json.h"
#include "codec/url.h"
#include "crypto/digest.h"

namespace sluice {

namespace {

void append_form(std::string& out, Bytes name, Bytes value) {
  if (!out.empty() && out.back() != '?' && out.back() != '&') out += '&';
  out.append(percent_encode(name)).append("=").append(percent_encode(value));
}

// application/x-www-form-urlencoded; nothing when a '%' is broken.
std::optional<std::string> form_decode(Bytes text) {
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '+', ' ');
  return percent_decode(plain);
}

// What may stand in a header field or a form of ours: visible ASCII (RFC 6749 appendix A).
bool is_visible(Bytes text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

Result<Json> parse_reply(Bytes what, int status, Bytes text) {
  JsonParseOptions options;
  options.depth_max = OauthLimits{}.document_depth_max;
  options.values_max = OauthLimits{}.document_values_max;
  auto json = Json::parse(text, options);
  if (json && json->is_object()) return json;
  return Error(status >= 500 ? Errc::unavailable : Errc::invalid,
               std::string(what) + " answered " + std::to_string(status) + " without a JSON object");
}

std::int64_t seconds_of(const Json& value) {
  if (const auto number = value.as_int64()) return std::max<std::int64_t>(*number, 0);
  // Some servers write a string.
  std::int64_t number = 0;
  if (const std::string* text = value.as_string())
    std::from_chars(text->data(), text->data() + text->size(), number);
  return std::max<std::int64_t>(number, 0);
}

std::string error_sentence(const Json& reply, const OauthLimits& limits) {
  std::string sentence = foreign_words(reply["error"].string_or("an error without a name"), limits);
  const std::string more = foreign_words(reply["error_description"].string_or(""), limits);
  if (!more.empty()) sentence.append(" (").append(more).append(")");
  return sentence;
}

}  // namespace

Bytes token_auth_name(TokenAuth method) {
  switch (method) {
    case TokenAuth::none: return "none";
    case TokenAuth::basic: return "client_secret_basic";
    case TokenAuth::post: return "client_secret_post";
  }
  return "none";
}

std::optional<TokenAuth> token_auth_of(Bytes name) {
  for (const TokenAuth method : {TokenAuth::none, TokenAuth::basic, TokenAuth::post})
    if (token_auth_name(method) == name) return method;
  return std::nullopt;
}

std::optional<TokenAuth> choose_token_auth(const AuthorizationServer& server, bool secret) {
  const auto& taken = server.token_auth_methods;
  if (taken.empty()) {  // client_secret_basic, or at 2025-03-26's endpoints whatever there is
    if (secret) return TokenAuth::basic;
    return std::nullopt;
  }
  for (const TokenAuth method : {TokenAuth::none, TokenAuth::basic, TokenAuth::post}) {
    if ((method == TokenAuth::none) == secret) continue;
    if (std::find(taken.begin(), taken.end(), token_auth_name(method)) != taken.end()) return method;
  }
  return std::nullopt;
}

OauthRequest get_document(std::string url) {
  OauthRequest request;
  request.url = std::move(url);
  request.fields.emplace_back("Accept", "application/json");
  return request;
}

OauthRequest registration_request(const AuthorizationServer& server, Bytes client_name, Bytes redirect_uri,
                                  TokenAuth auth) {
  OauthRequest request;
  request.post = true;
  request.url = server.registration_endpoint;
  request.fields.emplace_back("Accept", "application/json");
  request.fields.emplace_back("Content-Type", "application/json");
  request.body = Json::object({{"client_name", client_name},
                               {"redirect_uris", Json::array({redirect_uri})},
                               {"grant_types", Json::array({"authorization_code", "refresh_token"})},
                               {"response_types", Json::array({"code"})},
                               {"token_endpoint_auth_method", token_auth_name(auth)},
                               {"application_type", "native"}})
                     .dump();
  return request;
}

Result<OauthIdentity> parse_registration(int status, Bytes text, const AuthorizationServer& server,
                                         TokenAuth asked_auth, const OauthLimits& limits) {
  const auto reply = parse_reply("the registration endpoint", status, text);
  if (!reply) return reply.error();
  if (status / 100 != 2)
    return Error(Errc::denied,
                 "the authorization server registers no client: " + error_sentence(*reply, limits));
  OauthIdentity identity;
  identity.origin = OauthIdentity::Origin::registered;
  identity.client_id = (*reply)["client_id"].string_or("");
  identity.client_secret = (*reply)["client_secret"].string_or("");
  identity.secret_expires_at = seconds_of((*reply)["client_secret_expires_at"]);
  if (identity.client_id.empty() || identity.client_id.size() > limits.identifier_bytes_max ||
      identity.client_secret.size() > limits.identifier_bytes_max) {
    return Error(Errc::invalid, "the registration endpoint gave no client id that can be used");
  }
  // The server may have changed what we asked for (RFC 7591 3.2.1).
  const bool secret = !identity.client_secret.empty();
  if (const std::string* name = (*reply)["token_endpoint_auth_method"].as_string()) {
    const auto given = token_auth_of(*name);
    if (!given)
      return Error(Errc::invalid, "the authorization server wants '" + foreign_words(*name, limits) +
                                      "' at its token endpoint, which is not spoken here");
    identity.auth = *given;
  } else if (!secret) {
    identity.auth = TokenAuth::none;
  } else if (asked_auth == TokenAuth::none) {
    identity.auth = choose_token_auth(server, false).value_or(TokenAuth::basic);
  } else {
    identity.auth = asked_auth;
  }
  if (identity.auth != TokenAuth::none && !secret)
    return Error(Errc::invalid, "the registration endpoint gave no client secret to authenticate with");
  return identity;
}

OauthRequest token_request(const AuthorizationServer& server, const OauthIdentity& identity,
                           const FormFields& form) {
  OauthRequest request;
  request.post = true;
  request.url = server.token_endpoint;
  request.fields.emplace_back("Accept", "application/json");
  request.fields.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  for (const auto& [name, value] : form)
    if (!value.empty()) append_form(request.body, name, value);
  if (identity.auth == TokenAuth::basic) {
    // RFC 6749 2.3.1: both parts are form-encoded before they are joined.
    request.fields.emplace_back("Authorization",
                                "Basic " + base64_encode(percent_encode(identity.client_id) + ":" +
                                                         percent_encode(identity.client_secret)));
  } else {
    append_form(request.body, "client_id", identity.client_id);
    if (identity.auth == TokenAuth::post) append_form(request.body, "client_secret", identity.client_secret);
  }
  return request;
}

Result<TokenReply> parse_token_reply(int status, Bytes text, const OauthLimits& limits) {
  const auto json = parse_reply("the token endpoint", status, text);
  if (!json) return json.error();
  TokenReply reply;
  // Some servers send errors with a 200.
  if (status / 100 != 2 || json->contains("error")) {
    if (status >= 500)
      return Error(Errc::unavailable, "the token endpoint answered " + std::to_string(status));
    reply.error = foreign_words((*json)["error"].string_or("no reason"), limits);
    reply.description = error_sentence(*json, limits);
    return reply;
  }
  reply.access_token = (*json)["access_token"].string_or("");
  reply.refresh_token = (*json)["refresh_token"].string_or("");
  if (reply.access_token.empty() || !is_visible(reply.access_token) || !is_visible(reply.refresh_token))
    return Error(Errc::invalid, "the token endpoint gave no access token that can be sent");
  if (reply.access_token.size() > limits.token_bytes_max ||
      reply.refresh_token.size() > limits.token_bytes_max)
    return Error(Errc::too_large, "the token endpoint gave a token that is too long");
  std::string type((*json)["token_type"].string_or(""));
  for (char& c : type) c = static_cast<char>(c | 0x20);
  if (type != "bearer") {
    return Error(Errc::invalid, "the token endpoint gave a token of type '" + foreign_words(type, limits) +
                                    "', which is not spoken here");
  }
  if (const std::string* scope = (*json)["scope"].as_string())
    reply.scope = join_scope(split_scope(*scope, limits), limits);
  reply.expires_in = seconds_of((*json)["expires_in"]);
  return reply;
}

std::string code_challenge_s256(Bytes verifier) {
  const Digest digest = sha256(verifier);
  return base64url_encode(digest_view(digest));
}

std::string authorization_url(const AuthorizationServer& server, const FormFields& parameters) {
  std::string url = server.authorization_endpoint;
  // The endpoint may have a query of its own, which is kept (RFC 6749 3.1).
  url += url.find('?') == std::string::npos ? '?' : '&';
  for (const auto& [name, value] : parameters)
    if (!value.empty()) append_form(url, name, value);
  return url;
}

Result<OauthRedirect> parse_redirect(Bytes url, Bytes redirect_uri, const OauthLimits& limits) {
  if (url.size() > limits.url_bytes_max) return Error(Errc::too_large, "the redirect is too long");
  const std::size_t mark = url.find('?');
  if (mark == Bytes::npos || url.substr(0, mark) != redirect_uri)
    return Error(Errc::invalid, "the redirect does not lead to '" + std::string(redirect_uri) + "'");
  OauthRedirect redirect;
  std::vector<std::string> seen;
  Bytes rest = url.substr(mark + 1);
  rest = rest.substr(0, rest.find('#'));
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const Bytes pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = form_decode(pair.substr(0, equals));
    auto value = form_decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) return Error(Errc::invalid, "the redirect is not form-encoded");
    if (std::find(seen.begin(), seen.end(), *name) != seen.end())
      return Error(Errc::invalid, "the redirect says '" + foreign_words(*name, limits) + "' twice");
    seen.push_back(*name);
    if (*name == "code") redirect.code = std::move(*value);
    if (*name == "state") redirect.state = std::move(*value);
    if (*name == "iss") redirect.iss = std::move(*value);
    if (*name == "error") redirect.error = foreign_words(*value, limits);
    if (*name == "error_description") redirect.description = foreign_words(*value, limits);
  }
  return redirect;
}

std::vector<std::string> split_scope(Bytes text, const OauthLimits& limits) {
  std::vector<std::string> scopes;
  while (!text.empty() && scopes.size() < limits.scopes_max) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const Bytes scope = text.substr(0, end);
    // RFC 6749 3.3: visible ASCII but the quotation mark and the backslash.
    if (!scope.empty() && is_visible(scope) && scope.find_first_of("\"\\") == Bytes::npos)
      add_scopes(scopes, {std::string(scope)});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return scopes;
}

std::string join_scope(const std::vector<std::string>& scopes, const OauthLimits& limits) {
  std::string text;
  for (const std::string& scope : scopes) {
    if (text.size() + 1 + scope.size() > limits.scope_bytes_max) break;
    if (!text.empty()) text += ' ';
    text += scope;
  }
  return text;
}

void add_scopes(std::vector<std::string>& scopes, const std::vector<std::string>& more) {
  for (const std::string& scope : more)
    if (std::find(scopes.begin(), scopes.end(), scope) == scopes.end()) scopes.push_back(scope);
}

bool has_scopes(const std::vector<std::string>& scopes, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&scopes](const std::string& scope) {
    return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
  });
}

}  // namespace sluice
