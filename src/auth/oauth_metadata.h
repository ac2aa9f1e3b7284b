// SPDX-License-Identifier: Apache-2.0
#pragma once
// OAuth metadata: where a protected resource's and an authorization server's documents are looked for, what
// they say, and when they are not believed.
//
// Knows RFC 9728 (protected resource), RFC 8414 and OpenID Connect Discovery (authorization server) and the
// default endpoints of MCP 2025-03-26. Fetches nothing. A document that names a foreign resource or another
// issuer is refused whole: whoever forged one field may have forged the endpoints. Pure functions, any
// thread.

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"

namespace sluice {

struct ProtectedResource {
  std::string resource;  // exactly as published: what `resource` parameters carry (RFC 8707)
  std::vector<std::string> authorization_servers;
  std::vector<std::string> scopes;  // empty also when it names none
};

struct AuthorizationServer {
  std::string issuer;
  std::string authorization_endpoint;
  std::string token_endpoint;
  std::string registration_endpoint;  // empty: it registers nobody
  std::vector<std::string> scopes;
  std::vector<std::string> token_auth_methods;  // empty: not said
  bool pkce_s256 = false;                       // it says so
  bool client_documents = false;                // a client id may be the URL of the client's metadata
  bool iss_in_redirects = false;                // RFC 9207
  bool by_default = false;                      // no document: the endpoints of MCP 2025-03-26
};

// "https://host:port" of an http URL.
[[nodiscard]] std::string origin_text(Bytes url);

// Whether `url`, which `server_url` or somebody it led to named, may be contacted or opened: https, and plain
// http or any loopback host only where the server itself is on loopback. A server elsewhere could otherwise
// make us knock at this machine's doors. `what` begins the sentence of a refusal.
[[nodiscard]] Status check_oauth_url(Bytes what, Bytes url, Bytes server_url, const OauthLimits& limits = {});

// RFC 9728 3.1: with the path inserted, then for the whole host.
[[nodiscard]] std::vector<std::string> resource_metadata_urls(Bytes server_url);
// RFC 8414 3.1 and OpenID Connect Discovery 4.1. An issuer with a path is never looked for at the root.
[[nodiscard]] std::vector<std::string> server_metadata_urls(Bytes issuer);

// `document_url` is where it was found. The resource has to be the server's URL, or one above it when the
// document lies under /.well-known, which belongs to the owner of the whole host.
[[nodiscard]] Result<ProtectedResource> parse_protected_resource(Bytes text, Bytes server_url,
                                                                 Bytes document_url,
                                                                 const OauthLimits& limits = {});
// The document's issuer has to be `issuer`, byte for byte (RFC 8414 3.3).
[[nodiscard]] Result<AuthorizationServer> parse_authorization_server(Bytes text, Bytes issuer,
                                                                     Bytes server_url,
                                                                     const OauthLimits& limits = {});
// MCP 2025-03-26: a server without any metadata is its own authorization server at fixed paths.
[[nodiscard]] AuthorizationServer default_authorization_server(Bytes server_url);

// Text of a stranger as it may stand in a sentence of ours: printable ASCII, cut.
[[nodiscard]] std::string foreign_words(Bytes text, const OauthLimits& limits = {});

}  // namespace sluice
