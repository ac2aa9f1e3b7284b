// SPDX-License-Identifier: Apache-2.0
#include "transport/oauth_authorizer.h"

#include <gtest/gtest.h>

#include "transport/oauth_testing.h"
#include "transport/streamable_http_client.h"

namespace sluice {
namespace {

using testing_fronts::World;
using testing_oauth::FarServers;
using testing_oauth::mcp_url;

// One POST that writes down how it ended.
struct Poster final : UpstreamPostHandler {
  void on_message(ClientMessage message) override { log += "message:" + std::string(message.text()); }
  void on_done() override { log += " done"; }
  void on_refused(const HttpAnswer& answer) override { log += "refused " + std::to_string(answer.status); }
  void on_failed(const Error& error, Outcome) override { log += error.message; }
  std::unique_ptr<UpstreamPost> post;
  std::string log;
};

class OauthAuthorizerTest : public ::testing::Test {
 protected:
  OauthAuthorizerTest() {
    options.client.server_url = mcp_url;
    options.start_connect = far.door();
    options.consent = unattended_consent(world.reactor(), {}, far.door());
    options.keep = [this](const OauthGrant& grant) { kept.push_back(grant); };
  }
  void open() {
    client.reset();
    authorizer = std::make_unique<OauthAuthorizer>(world.reactor(), options);
    StreamableHttpClientOptions http;
    http.authorizer = authorizer.get();
    http.http.start_connect = far.door();
    auto opened = StreamableHttpClient::open(world.reactor(), std::string(mcp_url), std::move(http));
    ASSERT_TRUE(opened.ok());
    client = std::move(*opened);
  }
  std::string ask() {
    Poster poster;
    start(poster);
    world.settle();
    return poster.log;
  }
  void start(Poster& poster) {
    poster.post = client->post(R"({"jsonrpc":"2.0","id":1,"method":"ping"})", {}, poster);
  }

  const std::string good = R"(message:{"jsonrpc":"2.0","id":1,"result":{}} done)";
  World world;
  FarServers far{world.reactor()};
  OauthAuthorizerOptions options;
  std::vector<OauthGrant> kept;
  std::unique_ptr<OauthAuthorizer> authorizer;
  std::unique_ptr<StreamableHttpClient> client;
};

TEST_F(OauthAuthorizerTest, ARefusedRequestIsSentAgainWithTheTokenThatWasGranted) {
  open();
  EXPECT_EQ(ask(), good);
  EXPECT_EQ(far.log, (std::vector<std::string>{"/mcp", "/.well-known/oauth-protected-resource/mcp",
                                               "/.well-known/oauth-authorization-server", "/register",
                                               "/authorize", "/token", "/mcp"}));
  EXPECT_EQ(ask(), good);
  EXPECT_EQ(far.count("/token"), 1U) << "the token serves the next request too";
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].access_token, "t1");
  EXPECT_EQ(kept[0].issuer, "http://localhost:1");
}

TEST_F(OauthAuthorizerTest, RequestsThatAreRefusedTogetherShareOneAuthorization) {
  open();
  std::vector<Poster> posters(5);
  for (Poster& poster : posters) start(poster);
  world.settle();
  for (const Poster& poster : posters) EXPECT_EQ(poster.log, good);
  EXPECT_EQ(far.count("/token"), 1U);
  EXPECT_EQ(far.count("/authorize"), 1U);
}

TEST_F(OauthAuthorizerTest, AFailureIsTheSameOneSentenceForAllWhoWait) {
  far.agrees = false;
  open();
  std::vector<Poster> posters(3);
  for (Poster& poster : posters) start(poster);
  world.settle();
  for (const Poster& poster : posters)
    EXPECT_EQ(poster.log,
              "authorization failed: the authorization server does not agree by itself (HTTP status 200)");
  far.agrees = true;
  EXPECT_EQ(ask(), good) << "and the next request tries again";
}

TEST_F(OauthAuthorizerTest, ARequestThatIsDroppedIsForgottenAndTheOthersGoOn) {
  open();
  far.silent["/token"] = true;
  Poster first, second;
  start(first);
  start(second);
  world.settle();
  first.post.reset();
  far.silent.clear();
  world.advance(options.limits.request);
  EXPECT_EQ(first.log, "");
  EXPECT_EQ(second.log, "authorization failed: 'http://localhost:1/token' did not answer in time");
}

TEST_F(OauthAuthorizerTest, ItMayBeDestroyedByWhoItTells) {
  open();
  client.reset();
  far.agrees = false;
  AuthChallenge challenge;
  challenge.status = 401;
  bool second_told = false;
  const auto first = authorizer->challenged(challenge, [this](Status) { authorizer.reset(); });
  const auto second = authorizer->challenged(challenge, [&second_told](Status) { second_told = true; });
  world.settle();
  EXPECT_EQ(authorizer, nullptr);
  EXPECT_FALSE(second_told);
}

TEST_F(OauthAuthorizerTest, ATokenIsRenewedInTheBackgroundBeforeItEnds) {
  far.token_extras = R"(,"expires_in":3600,"refresh_token":"r")";
  open();
  EXPECT_EQ(ask(), good);
  world.advance(seconds(3'571));
  EXPECT_EQ(ask(), good);
  EXPECT_EQ(far.token_forms.size(), 2U);
  EXPECT_NE(far.token_forms.back().find("grant_type=refresh_token"), std::string::npos);
  EXPECT_EQ(authorizer->client().authorization(), "Bearer t2");
  EXPECT_EQ(far.count("/mcp"), 3U) << "one refusal at the start, none since";
}

TEST_F(OauthAuthorizerTest, WhatAnotherProgramGotIsUsedBeforeAnybodyIsAsked) {
  open();
  EXPECT_EQ(ask(), good);
  const OauthGrant mine = kept.back();
  options.load = [this]() { return std::optional<OauthGrant>(kept.back()); };
  open();
  EXPECT_EQ(ask(), good);
  EXPECT_EQ(far.count("/token"), 1U) << "a second run starts with what the first one kept";
  OauthGrant other = mine;
  other.access_token = "t9";
  far.accepted = "Bearer t9";
  kept.push_back(other);
  EXPECT_EQ(ask(), good);
  EXPECT_EQ(far.count("/token"), 1U);
  EXPECT_EQ(far.count("/authorize"), 1U);
}

TEST_F(OauthAuthorizerTest, AnAuthorizationServerIsReadWithinBoundsAndOverTlsNotYet) {
  far.pages["/.well-known/oauth-protected-resource/mcp"] = std::string(1'000'000, ' ');
  open();
  EXPECT_EQ(ask(), "an authorization server's answer has more than 65536 bytes");
  far.pages["/.well-known/oauth-protected-resource/mcp"] =
      R"({"resource":"http://localhost:1/mcp","authorization_servers":["https://as.example"]})";
  EXPECT_EQ(
      ask(),
      "authorization failed: 'https://as.example/.well-known/oauth-authorization-server' needs TLS, which "
      "this version does not speak to authorization servers; use a local TLS proxy");
}

TEST_F(OauthAuthorizerTest, AUserWhoDoesNotComeBackIsNotWaitedForForever) {
  options.consent.redirect_uri = [] { return Result<std::string>("http://127.0.0.1:3/callback"); };
  options.consent.ask = [](const OauthConsent&, auto) { return std::make_shared<int>(1); };
  open();
  Poster poster;
  start(poster);
  world.settle();
  world.advance(options.limits.consent);
  EXPECT_EQ(poster.log, "authorization failed: the user did not come back");
  options.consent = {};
  open();
  EXPECT_EQ(ask(), "the server wants a user's consent, and there is no user to ask");
}

}  // namespace
}  // namespace sluice
