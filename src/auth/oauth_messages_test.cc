// SPDX-License-Identifier: Apache-2.0
#include "auth/oauth_messages.h"

#include <gtest/gtest.h>

#include "codec/json.h"

namespace sluice {
namespace {

AuthorizationServer taking(std::vector<std::string> methods) {
  AuthorizationServer server;
  server.issuer = "https://as";
  server.authorization_endpoint = "https://as/authorize";
  server.token_endpoint = "https://as/token";
  server.registration_endpoint = "https://as/register";
  server.token_auth_methods = std::move(methods);
  return server;
}

std::string field_of(const OauthRequest& request, Bytes name) {
  for (const auto& [key, value] : request.fields)
    if (key == name) return value;
  return {};
}

TEST(OauthMessages, PkceIsTheExampleOfRfc7636) {
  EXPECT_EQ(code_challenge_s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

TEST(OauthMessages, TheTokenEndpointIsToldWhoAsksInTheWayItTakes) {
  OauthIdentity identity;
  identity.client_id = "me & you";
  identity.client_secret = "a:b c";
  const FormFields form = {{"grant_type", "x"}, {"scope", ""}, {"code", "1+1=2"}};

  identity.auth = TokenAuth::none;
  EXPECT_EQ(token_request(taking({}), identity, form).body,
            "grant_type=x&code=1%2B1%3D2&client_id=me%20%26%20you");
  identity.auth = TokenAuth::post;
  EXPECT_EQ(token_request(taking({}), identity, form).body,
            "grant_type=x&code=1%2B1%3D2&client_id=me%20%26%20you&client_secret=a%3Ab%20c");
  identity.auth = TokenAuth::basic;
  const OauthRequest basic = token_request(taking({}), identity, form);
  EXPECT_EQ(basic.body, "grant_type=x&code=1%2B1%3D2");
  EXPECT_EQ(field_of(basic, "Authorization"), "Basic bWUlMjAlMjYlMjB5b3U6YSUzQWIlMjBj");
  EXPECT_EQ(field_of(basic, "Content-Type"), "application/x-www-form-urlencoded");
}

TEST(OauthMessages, TheWayToAuthenticateIsOneTheServerTakes) {
  EXPECT_EQ(choose_token_auth(taking({}), true), TokenAuth::basic);
  EXPECT_EQ(choose_token_auth(taking({}), false), std::nullopt);
  EXPECT_EQ(choose_token_auth(taking({"client_secret_post", "client_secret_basic"}), true), TokenAuth::basic);
  EXPECT_EQ(choose_token_auth(taking({"private_key_jwt", "client_secret_post"}), true), TokenAuth::post);
  EXPECT_EQ(choose_token_auth(taking({"private_key_jwt"}), true), std::nullopt);
  EXPECT_EQ(choose_token_auth(taking({"client_secret_basic", "none"}), false), TokenAuth::none);
  EXPECT_EQ(choose_token_auth(taking({"none"}), true), std::nullopt);
}

TEST(OauthMessages, ARegistrationIsANativeApplicationThatWantsToRefresh) {
  const auto request = registration_request(taking({}), "Me \"x\"", "http://127.0.0.1:1/cb", TokenAuth::none);
  EXPECT_TRUE(request.post);
  EXPECT_EQ(request.url, "https://as/register");
  const auto body = Json::parse(request.body);
  ASSERT_TRUE(body.ok());
  EXPECT_EQ((*body)["client_name"].string_or(""), "Me \"x\"");
  EXPECT_EQ((*body)["redirect_uris"][0].string_or(""), "http://127.0.0.1:1/cb");
  EXPECT_EQ((*body)["grant_types"].dump(), R"(["authorization_code","refresh_token"])");
  EXPECT_EQ((*body)["application_type"].string_or(""), "native");
  EXPECT_EQ((*body)["token_endpoint_auth_method"].string_or(""), "none");
}

TEST(OauthMessages, WhatTheServerRegisteredCountsAndNotWhatWasAsked) {
  const auto auth = [](Bytes reply, std::vector<std::string> methods, TokenAuth asked) -> std::string {
    const auto identity = parse_registration(201, reply, taking(std::move(methods)), asked);
    return identity ? std::string(token_auth_name(identity->auth)) : "error";
  };
  const Bytes secret = R"({"client_id":"a","client_secret":"b"})";
  EXPECT_EQ(auth(R"({"client_id":"a"})", {}, TokenAuth::basic), "none");
  EXPECT_EQ(auth(secret, {"none"}, TokenAuth::none), "none");
  EXPECT_EQ(auth(secret, {}, TokenAuth::none), "client_secret_basic");
  EXPECT_EQ(auth(secret, {"client_secret_post"}, TokenAuth::post), "client_secret_post");
  EXPECT_EQ(auth(R"({"client_id":"a","client_secret":"b","token_endpoint_auth_method":"client_secret_post"})",
                 {}, TokenAuth::none),
            "client_secret_post");
  EXPECT_EQ(
      auth(R"({"client_id":"a","token_endpoint_auth_method":"client_secret_basic"})", {}, TokenAuth::none),
      "error");
  EXPECT_EQ(auth(R"({"client_id":"a","token_endpoint_auth_method":"private_key_jwt"})", {}, TokenAuth::none),
            "error");
  EXPECT_EQ(auth(R"({"client_secret":"b"})", {}, TokenAuth::none), "error");
  const auto refused = parse_registration(
      400, R"({"error":"invalid_redirect_uri","error_description":"no\u0007"})", taking({}), TokenAuth::none);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "the authorization server registers no client: invalid_redirect_uri (no?)");
}

TEST(OauthMessages, ATokenReplyIsATokenOrARefusalOrNeither) {
  const auto good = parse_token_reply(
      200,
      R"({"access_token":"a.b-c","token_type":"bearer","expires_in":"60","scope":"x  y x","refresh_token":"r"})");
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(good->access_token, "a.b-c");
  EXPECT_EQ(good->refresh_token, "r");
  EXPECT_EQ(good->scope, "x y");
  EXPECT_EQ(good->expires_in, 60);

  const auto refused = parse_token_reply(400, R"({"error":"invalid_grant","error_description":"gone"})");
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->error, "invalid_grant");
  EXPECT_EQ(refused->description, "invalid_grant (gone)");
  EXPECT_EQ(parse_token_reply(200, R"({"error":"bad_verification_code"})")->error, "bad_verification_code");

  EXPECT_EQ(parse_token_reply(503, "busy").error().code, Errc::unavailable);
  EXPECT_EQ(parse_token_reply(500, R"({"error":"x"})").error().code, Errc::unavailable);
  for (const Bytes text :
       {"", "[]", "{}", R"({"access_token":"a"})", R"({"access_token":"a","token_type":"mac"})",
        R"({"access_token":"","token_type":"Bearer"})",
        R"({"access_token":"a\r\nX: y","token_type":"Bearer"})",
        R"({"access_token":"a b","token_type":"Bearer"})"})
    EXPECT_FALSE(parse_token_reply(200, text).ok()) << text;
  const std::string long_one = R"({"token_type":"Bearer","access_token":")" +
                               std::string(OauthLimits{}.token_bytes_max + 1, 'a') + "\"}";
  EXPECT_EQ(parse_token_reply(200, long_one).error().code, Errc::too_large);
}

TEST(OauthMessages, TheUsersUrlKeepsTheEndpointsQuery) {
  AuthorizationServer server = taking({});
  EXPECT_EQ(authorization_url(server, {{"a", "b c"}, {"empty", ""}, {"d", "&"}}),
            "https://as/authorize?a=b%20c&d=%26");
  server.authorization_endpoint = "https://as/authorize?t=1";
  EXPECT_EQ(authorization_url(server, {{"a", "b"}}), "https://as/authorize?t=1&a=b");
}

TEST(OauthMessages, ARedirectIsReadStrictly) {
  const Bytes uri = "http://127.0.0.1:7/callback";
  const auto good =
      parse_redirect("http://127.0.0.1:7/callback?code=a%2Bb+c&state=s&iss=https%3A%2F%2Fas&x=&&y#f", uri);
  ASSERT_TRUE(good.ok()) << good.error().message;
  EXPECT_EQ(good->code, "a+b c");
  EXPECT_EQ(good->state, "s");
  EXPECT_EQ(good->iss, "https://as");
  const auto refused = parse_redirect("http://127.0.0.1:7/callback?error=access_denied&state=s", uri);
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->error, "access_denied");
  EXPECT_FALSE(refused->iss.has_value());
  for (const Bytes url : {"http://127.0.0.1:7/callback", "http://127.0.0.1:7/callback/x?code=a",
                          "http://127.0.0.1:8/callback?code=a", "http://evil/callback?code=a",
                          "http://127.0.0.1:7/callback?code=a&code=b", "http://127.0.0.1:7/callback?code=%4"})
    EXPECT_FALSE(parse_redirect(url, uri).ok()) << url;
}

TEST(OauthMessages, ScopesAreASetInTheirOrder) {
  EXPECT_EQ(join_scope(split_scope("  b a b \"x c\xc3\xa9 d ")), "b a d");
  std::vector<std::string> scopes = {"a"};
  add_scopes(scopes, {"b", "a"});
  EXPECT_EQ(join_scope(scopes), "a b");
  EXPECT_TRUE(has_scopes(scopes, {"b"}));
  EXPECT_TRUE(has_scopes(scopes, {}));
  EXPECT_FALSE(has_scopes(scopes, {"b", "c"}));
  OauthLimits limits;
  limits.scopes_max = 2;
  limits.scope_bytes_max = 3;
  EXPECT_EQ(split_scope("a b c", limits).size(), 2U);
  EXPECT_EQ(join_scope({"a", "b", "c"}, limits), "a b");
}

}  // namespace
}  // namespace sluice
