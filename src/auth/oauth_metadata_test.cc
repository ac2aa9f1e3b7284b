// SPDX-License-Identifier: Apache-2.0
#include "auth/oauth_metadata.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using Texts = std::vector<std::string>;

constexpr Bytes server = "https://mcp.example/tenant/mcp";

TEST(OauthMetadata, OfAResourceIsLookedForWithItsPathAndThenAtTheRoot) {
  EXPECT_EQ(resource_metadata_urls("https://a.example/x/mcp"),
            (Texts{"https://a.example/.well-known/oauth-protected-resource/x/mcp",
                   "https://a.example/.well-known/oauth-protected-resource"}));
  EXPECT_EQ(resource_metadata_urls("http://localhost:81/"),
            Texts{"http://localhost:81/.well-known/oauth-protected-resource"});
  EXPECT_EQ(resource_metadata_urls("https://a.example/mcp?t=1"),
            (Texts{"https://a.example/.well-known/oauth-protected-resource/mcp?t=1",
                   "https://a.example/.well-known/oauth-protected-resource"}));
  EXPECT_EQ(resource_metadata_urls("ftp://a.example/"), Texts{});
}

TEST(OauthMetadata, OfAnIssuerWithAPathIsNeverLookedForAtTheRoot) {
  EXPECT_EQ(server_metadata_urls("https://as.example"),
            (Texts{"https://as.example/.well-known/oauth-authorization-server",
                   "https://as.example/.well-known/openid-configuration"}));
  EXPECT_EQ(server_metadata_urls("https://as.example/"), server_metadata_urls("https://as.example"));
  EXPECT_EQ(server_metadata_urls("https://as.example/t/1/"),
            (Texts{"https://as.example/.well-known/oauth-authorization-server/t/1",
                   "https://as.example/.well-known/openid-configuration/t/1",
                   "https://as.example/t/1/.well-known/openid-configuration"}));
}

TEST(OauthMetadata, IsAboutTheServerOrWhatLiesAboveIt) {
  const std::string path_document = "https://mcp.example/.well-known/oauth-protected-resource/tenant/mcp";
  const std::string own_document = "https://mcp.example/tenant/mcp/metadata.json";
  const struct {
    Bytes resource;
    Bytes document;
    bool good;
  } cases[] = {
      {"https://mcp.example/tenant/mcp", path_document, true},
      {"https://mcp.example/tenant/mcp/", path_document, true},
      {"https://MCP.example:443/tenant/mcp", path_document, true},
      {"https://mcp.example/tenant", path_document, true},
      {"https://mcp.example", path_document, true},
      {"https://mcp.example/", path_document, true},
      // A tenant's own page may speak for the tenant only.
      {"https://mcp.example/tenant/mcp", own_document, true},
      {"https://mcp.example", own_document, false},
      {"https://mcp.example", "https://evil.example/.well-known/oauth-protected-resource", false},
      {"https://mcp.example/ten", path_document, false},
      {"https://mcp.example/tenant/mcp/more", path_document, false},
      {"https://mcp.example/tenant/mcp?x", path_document, false},
      {"https://mcp.example:8443/tenant/mcp", path_document, false},
      {"http://mcp.example/tenant/mcp", path_document, false},
      {"https://evil.example/tenant/mcp", path_document, false},
      {"https://mcp.example@evil.example/tenant/mcp", path_document, false},
      {"urn:mcp", path_document, false},
      {"", path_document, false},
  };
  for (const auto& one : cases) {
    const std::string text = R"({"resource":")" + std::string(one.resource) +
                             R"(","authorization_servers":["https://as.example"]})";
    const auto found = parse_protected_resource(text, server, one.document);
    EXPECT_EQ(found.ok(), one.good) << one.resource << " in " << one.document;
    if (found) {
      EXPECT_EQ(found->resource, one.resource) << "it is sent as it was published";
    }
  }
}

TEST(OauthMetadata, OfAResourceNamesItsServersAndScopes) {
  const Bytes where = "https://mcp.example/.well-known/oauth-protected-resource";
  const auto found = parse_protected_resource(
      R"({"resource":"https://mcp.example/tenant/mcp","authorization_servers":["https://a",7,"https://b"],
          "scopes_supported":["x","y"]})",
      server, where);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->authorization_servers, (Texts{"https://a", "https://b"}));
  EXPECT_EQ(found->scopes, (Texts{"x", "y"}));
  for (const Bytes text : {"", "[]", "{}", "<html>", R"({"resource":"https://mcp.example/tenant/mcp"})",
                           R"({"resource":"https://mcp.example/tenant/mcp","authorization_servers":[]})"})
    EXPECT_FALSE(parse_protected_resource(text, server, where).ok()) << text;
}

TEST(OauthMetadata, OfAnAuthorizationServerIsBelievedForItsExactIssuerOnly) {
  const auto parse = [](Bytes issuer) {
    return parse_authorization_server(
        R"({"issuer":"https://as.example/t","token_endpoint":"https://as.example/k"})", issuer, server);
  };
  EXPECT_TRUE(parse("https://as.example/t").ok());
  for (const Bytes other : {"https://as.example/t/", "https://as.example", "https://AS.example/t", ""})
    EXPECT_EQ(parse(other).error().code, Errc::denied) << other;
}

TEST(OauthMetadata, OfAnAuthorizationServerSaysWhatItCanDo) {
  const auto found = parse_authorization_server(
      R"({"issuer":"https://as.example","authorization_endpoint":"https://as.example/a?b=c",
          "token_endpoint":"https://as.example/t","registration_endpoint":"https://as.example/r",
          "scopes_supported":["s"],"token_endpoint_auth_methods_supported":["none"],
          "code_challenge_methods_supported":["plain","S256"],"client_id_metadata_document_supported":true,
          "authorization_response_iss_parameter_supported":true})",
      "https://as.example", server);
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(found->authorization_endpoint, "https://as.example/a?b=c");
  EXPECT_EQ(found->registration_endpoint, "https://as.example/r");
  EXPECT_TRUE(found->pkce_s256 && found->client_documents && found->iss_in_redirects);
  EXPECT_FALSE(found->by_default);
  const auto bare = parse_authorization_server(
      R"({"issuer":"https://as.example","token_endpoint":"https://as.example/t",
          "code_challenge_methods_supported":["plain"]})",
      "https://as.example", server);
  ASSERT_TRUE(bare.ok());
  EXPECT_FALSE(bare->pkce_s256 || bare->client_documents || bare->iss_in_redirects);
}

TEST(OauthMetadata, LeadsToSafePlacesOnly) {
  const struct {
    Bytes url;
    Bytes server;
    bool good;
  } cases[] = {
      {"https://as.example/t", "https://mcp.example/", true},
      {"http://as.example/t", "https://mcp.example/", false},
      {"http://127.0.0.1:9/t", "https://mcp.example/", false},  // not this machine's doors
      {"https://localhost/t", "https://mcp.example/", false},
      {"http://127.0.0.1:9/t", "http://localhost:8/mcp", true},
      {"http://[::1]:9/t", "http://localhost:8/mcp", true},
      {"HTTPS://as.example/t", "http://localhost:8/mcp", true},
      {"http://as.example/t", "http://localhost:8/mcp", false},
      {"javascript:alert(1)", "http://localhost:8/mcp", false},
      {"file:///etc/passwd", "http://localhost:8/mcp", false},
      {"https://u:p@as.example/", "https://mcp.example/", false},
      {"https://as.example/#f", "https://mcp.example/", false},
      {"-oProxyCommand", "https://mcp.example/", false},
      {"", "https://mcp.example/", false},
  };
  for (const auto& one : cases)
    EXPECT_EQ(check_oauth_url("it", one.url, one.server).ok(), one.good) << one.url << " for " << one.server;
  for (const Bytes name : {"authorization_endpoint", "registration_endpoint"}) {
    const std::string text = R"({"issuer":"https://as","token_endpoint":"https://as/t",")" +
                             std::string(name) + R"(":"http://as/"})";
    EXPECT_FALSE(parse_authorization_server(text, "https://as", server).ok()) << name;
  }
  EXPECT_FALSE(parse_authorization_server(R"({"issuer":"https://as","token_endpoint":"http://as/t"})",
                                          "https://as", server)
                   .ok());
}

TEST(OauthMetadata, WordsOfStrangersAreMadeHarmless) {
  EXPECT_EQ(foreign_words("a\x1b[31mb\nc\xc3\xa9"), "a?[31mb?c??");
  EXPECT_EQ(foreign_words(std::string(1'000, 'a')).size(), OauthLimits{}.error_bytes_max);
}

}  // namespace
}  // namespace sluice
