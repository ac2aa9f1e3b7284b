// SPDX-License-Identifier: Apache-2.0
#include "auth/oauth_metadata.h"

#include <algorithm>
#include <utility>

#include "codec/json.h"
#include "codec/url.h"

namespace sluice {

namespace {

constexpr Bytes resource_path = "/.well-known/oauth-protected-resource";
constexpr Bytes server_path = "/.well-known/oauth-authorization-server";
constexpr Bytes openid_path = "/.well-known/openid-configuration";

Result<Json> parse_document(Bytes what, Bytes text) {
  JsonParseOptions options;
  options.depth_max = OauthLimits{}.document_depth_max;
  options.values_max = OauthLimits{}.document_values_max;
  auto json = Json::parse(text, options);
  if (!json) return Error(Errc::invalid, std::string(what) + " is not JSON: " + json.error().message);
  if (!json->is_object()) return Error(Errc::invalid, std::string(what) + " is no JSON object");
  return json;
}

// The strings of an array; what is no string is passed over.
std::vector<std::string> strings_of(const Json& array, std::size_t count_max) {
  std::vector<std::string> out;
  for (const Json& item : array.items()) {
    if (out.size() >= count_max) break;
    if (const std::string* text = item.as_string()) out.push_back(*text);
  }
  return out;
}

bool holds(const std::vector<std::string>& texts, Bytes wanted) {
  return std::find(texts.begin(), texts.end(), wanted) != texts.end();
}

Bytes without_last_slash(Bytes path) {
  if (!path.empty() && path.back() == '/') path.remove_suffix(1);
  return path;
}

bool on_loopback(Bytes url) {
  const auto parsed = parse_http_url(url);
  return parsed && host_is_loopback(parsed->host.host);
}

// Whether the resource is the server's URL or lies above it, segment by segment.
bool covers(const Url& resource, const Url& server, bool& exact) {
  const std::string here = normalise_url(server);
  const std::string there = normalise_url(resource);
  const auto a = parse_http_url(here);
  const auto b = parse_http_url(there);
  if (!a || !b || a->scheme != b->scheme || a->authority != b->authority) return false;
  const Bytes path = without_last_slash(a->path);
  const Bytes above = without_last_slash(b->path);
  exact = path == above && a->query == b->query;
  if (exact) return true;
  if (b->query) return false;
  return path.substr(0, above.size()) == above && (path.size() == above.size() || path[above.size()] == '/');
}

bool is_well_known(Bytes document_url, Bytes server_url) {
  const auto document = parse_http_url(document_url);
  return document && origin_text(document_url) == origin_text(server_url) &&
         document->path.substr(0, resource_path.size()) == resource_path;
}

Result<std::string> endpoint(const Json& document, Bytes name, bool needed, Bytes server_url,
                             const OauthLimits& limits) {
  const Json* member = document.find(name);
  const std::string* url = member == nullptr ? nullptr : member->as_string();
  if (url == nullptr) {
    if (!needed) return std::string();
    return Error(Errc::invalid, "the authorization server's metadata has no " + std::string(name));
  }
  auto status = check_oauth_url("the authorization server's " + std::string(name), *url, server_url, limits);
  if (!status) return status.error();
  return *url;
}

}  // namespace

std::string foreign_words(Bytes text, const OauthLimits& limits) {
  std::string out(text.substr(0, limits.error_bytes_max));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

std::string origin_text(Bytes url) {
  const auto parsed = parse_http_url(url);
  if (!parsed) return {};
  return std::string(parsed->scheme) + "://" + std::string(parsed->authority.value_or(Bytes()));
}

Status check_oauth_url(Bytes what, Bytes url, Bytes server_url, const OauthLimits& limits) {
  const std::string sentence = std::string(what) + " '" + foreign_words(url, limits) + "' ";
  if (url.size() > limits.url_bytes_max) return Error(Errc::too_large, sentence + "is too long");
  const auto parsed = parse_http_url(url);
  if (!parsed) return Error(Errc::invalid, sentence + "is no URL of the web");
  const bool loopback = host_is_loopback(parsed->host.host);
  if (loopback && !on_loopback(server_url))
    return Error(Errc::denied, sentence + "leads to this machine, which a server elsewhere may not ask for");
  std::string scheme(parsed->scheme);
  for (char& c : scheme) c = static_cast<char>(c | 0x20);
  if (scheme != "https" && !loopback) return Error(Errc::denied, sentence + "is not https");
  return {};
}

std::vector<std::string> resource_metadata_urls(Bytes server_url) {
  const auto url = parse_http_url(server_url);
  if (!url) return {};
  const std::string root = origin_text(server_url) + std::string(resource_path);
  std::string tail(without_last_slash(url->path));
  if (url->query) tail.append("?").append(*url->query);
  if (tail.empty()) return {root};
  return {root + tail, root};
}

std::vector<std::string> server_metadata_urls(Bytes issuer) {
  const auto url = parse_http_url(issuer);
  if (!url) return {};
  const std::string origin = origin_text(issuer);
  const std::string path(without_last_slash(url->path));
  if (path.empty()) return {origin + std::string(server_path), origin + std::string(openid_path)};
  return {origin + std::string(server_path) + path, origin + std::string(openid_path) + path,
          origin + path + std::string(openid_path)};
}

Result<ProtectedResource> parse_protected_resource(Bytes text, Bytes server_url, Bytes document_url,
                                                   const OauthLimits& limits) {
  const auto document = parse_document("the protected resource metadata", text);
  if (!document) return document.error();
  const std::string* resource = (*document)["resource"].as_string();
  if (resource == nullptr) return Error(Errc::invalid, "the protected resource metadata has no resource");
  const auto there = parse_http_url(*resource);
  const auto here = parse_http_url(server_url);
  bool exact = false;
  if (resource->size() > limits.url_bytes_max || !there || !here || !covers(*there, *here, exact) ||
      (!exact && !is_well_known(document_url, server_url))) {
    return Error(Errc::denied, "the protected resource metadata is about '" +
                                   foreign_words(*resource, limits) + "' and not about '" +
                                   std::string(server_url) + "'");
  }
  ProtectedResource found;
  found.resource = *resource;
  found.authorization_servers = strings_of((*document)["authorization_servers"], limits.servers_max);
  if (found.authorization_servers.empty())
    return Error(Errc::invalid, "the protected resource metadata names no authorization server");
  found.scopes = strings_of((*document)["scopes_supported"], limits.scopes_max);
  return found;
}

Result<AuthorizationServer> parse_authorization_server(Bytes text, Bytes issuer, Bytes server_url,
                                                       const OauthLimits& limits) {
  const auto document = parse_document("the authorization server's metadata", text);
  if (!document) return document.error();
  AuthorizationServer server;
  server.issuer = (*document)["issuer"].string_or("");
  if (server.issuer != issuer) {
    return Error(Errc::denied, "the metadata of the authorization server '" + std::string(issuer) +
                                   "' says that it is '" + foreign_words(server.issuer, limits) + "'");
  }
  auto authorize = endpoint(*document, "authorization_endpoint", false, server_url, limits);
  if (!authorize) return authorize.error();
  auto token = endpoint(*document, "token_endpoint", true, server_url, limits);
  if (!token) return token.error();
  auto registration = endpoint(*document, "registration_endpoint", false, server_url, limits);
  if (!registration) return registration.error();
  server.authorization_endpoint = std::move(*authorize);
  server.token_endpoint = std::move(*token);
  server.registration_endpoint = std::move(*registration);
  server.scopes = strings_of((*document)["scopes_supported"], limits.scopes_max);
  server.token_auth_methods =
      strings_of((*document)["token_endpoint_auth_methods_supported"], limits.scopes_max);
  server.pkce_s256 =
      holds(strings_of((*document)["code_challenge_methods_supported"], limits.scopes_max), "S256");
  server.client_documents = (*document)["client_id_metadata_document_supported"].bool_or(false);
  server.iss_in_redirects = (*document)["authorization_response_iss_parameter_supported"].bool_or(false);
  return server;
}

AuthorizationServer default_authorization_server(Bytes server_url) {
  AuthorizationServer server;
  server.issuer = origin_text(server_url);
  server.authorization_endpoint = server.issuer + "/authorize";
  server.token_endpoint = server.issuer + "/token";
  server.registration_endpoint = server.issuer + "/register";
  server.by_default = true;
  return server;
}

}  // namespace sluice
