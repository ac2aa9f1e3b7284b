// SPDX-License-Identifier: Apache-2.0
#include "auth/oauth_client.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "codec/json.h"
#include "codec/url.h"

namespace sluice {
namespace {

constexpr Bytes mcp = "http://localhost:1/mcp";
constexpr Bytes issuer = "http://localhost:2";
constexpr Bytes redirect_uri = "http://127.0.0.1:3/callback";
const Instant start_instant = Instant(std::chrono::hours(1));
const WallTime start_wall = WallTime(seconds(1'790'000'000));

std::map<std::string, std::string> parameters_of(Bytes form) {
  std::map<std::string, std::string> out;
  while (!form.empty()) {
    const std::size_t end = std::min(form.find('&'), form.size());
    const Bytes pair = form.substr(0, end);
    form.remove_prefix(std::min(end + 1, form.size()));
    const std::size_t equals = pair.find('=');
    out[*percent_decode(pair.substr(0, equals))] = *percent_decode(pair.substr(equals + 1));
  }
  return out;
}

// An authorization server and a user for one client: answers what the machine asks for, agrees to everything,
// and writes down what happened.
class OauthClientTest : public ::testing::Test {
 protected:
  struct Reply {
    int status;
    std::string body;
  };

  void SetUp() override {
    options.server_url = mcp;
    pages["http://localhost:1/.well-known/oauth-protected-resource/mcp"] = {200, resource_text(issuer)};
    metadata = {{"issuer", issuer},
                {"authorization_endpoint", "http://localhost:2/authorize"},
                {"token_endpoint", "http://localhost:2/token"},
                {"registration_endpoint", "http://localhost:2/register"},
                {"code_challenge_methods_supported", Json::array({"S256"})},
                {"token_endpoint_auth_methods_supported", Json::array({"none"})}};
    registration = {201, R"({"client_id":"c1"})"};
    tokens.push_back({200, R"({"access_token":"t1","token_type":"Bearer"})"});
  }

  static std::string resource_text(Bytes as, Bytes more = "") {
    return R"({"resource":")" + std::string(mcp) + R"(","authorization_servers":[")" + std::string(as) +
           "\"]" + std::string(more) + "}";
  }
  void put_metadata(std::string url = "http://localhost:2/.well-known/oauth-authorization-server") {
    Json json = Json::object();
    for (const auto& [name, value] : metadata) json.set(name, value);
    pages[url] = {200, json.dump()};
  }
  OauthClient& client() {
    if (!made) {
      if (!pages.contains("http://localhost:2/.well-known/oauth-authorization-server") && metadata_at_root)
        put_metadata();
      made.emplace(options);
    }
    return *made;
  }
  OauthStart start() {
    OauthStart fresh;
    fresh.now = now;
    fresh.wall = wall;
    fresh.redirect_uri = with_user ? redirect_uri : "";
    for (std::size_t i = 0; i < fresh.entropy.size(); ++i)
      fresh.entropy[i] = static_cast<std::uint8_t>(i + 7 * flows);
    ++flows;
    return fresh;
  }

  // Runs a refusal to its end: "ready" or the sentence of the failure.
  std::string refuse(int status = 401, std::string www_authenticate = "Bearer") {
    return run(client().begin({status, std::move(www_authenticate), client().authorization()}, start()));
  }
  std::string run(OauthStep step) {
    for (int steps = 0; steps < 50; ++steps) {
      if (std::holds_alternative<OauthReady>(step)) return "ready";
      if (const Error* error = std::get_if<Error>(&step)) return error->message;
      if (const auto* consent = std::get_if<OauthConsent>(&step)) {
        step = client().returned(user(consent->url));
      } else {
        const Reply reply = answer(std::get<OauthRequest>(step));
        step = client().answered(reply.status, reply.body, wall);
      }
    }
    return "no end";
  }
  Reply answer(const OauthRequest& request) {
    log.push_back((request.post ? "POST " : "GET ") + request.url);
    if (!request.post) return pages.contains(request.url) ? pages[request.url] : Reply{404, "not here"};
    if (request.url.ends_with("/register")) return registration;
    token_requests.push_back(parameters_of(request.body));
    authorizations.push_back("");
    for (const auto& [name, value] : request.fields)
      if (name == "Authorization") authorizations.back() = value;
    if (tokens.empty()) return {500, ""};
    const Reply reply = tokens.front();
    if (tokens.size() > 1) tokens.pop_front();
    return reply;
  }
  std::string user(const std::string& url) {
    consents.push_back(parameters_of(Bytes(url).substr(url.find('?') + 1)));
    std::string back = std::string(redirect_uri) + "?" + come_back_with;
    const std::string mark = "STATE";
    if (back.find(mark) != std::string::npos)
      back.replace(back.find(mark), mark.size(), percent_encode(consents.back()["state"]));
    return back;
  }

  OauthClientOptions options;
  std::map<std::string, Reply> pages;
  std::vector<std::pair<std::string, Json>> metadata;
  bool metadata_at_root = true;
  bool with_user = true;
  Reply registration;
  std::deque<Reply> tokens;
  std::string come_back_with = "code=abc&state=STATE";
  Instant now = start_instant;
  WallTime wall = start_wall;
  std::size_t flows = 0;
  std::vector<std::string> log;
  std::vector<std::map<std::string, std::string>> consents, token_requests;
  std::vector<std::string> authorizations;
  std::optional<OauthClient> made;
};

TEST_F(OauthClientTest, FindsRegistersAsksAndExchanges) {
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(client().authorization(), "Bearer t1");
  EXPECT_EQ(log,
            (std::vector<std::string>{"GET http://localhost:1/.well-known/oauth-protected-resource/mcp",
                                      "GET http://localhost:2/.well-known/oauth-authorization-server",
                                      "POST http://localhost:2/register", "POST http://localhost:2/token"}));
  auto& asked = consents.at(0);
  EXPECT_EQ(asked["response_type"], "code");
  EXPECT_EQ(asked["client_id"], "c1");
  EXPECT_EQ(asked["redirect_uri"], redirect_uri);
  EXPECT_EQ(asked["resource"], mcp);
  EXPECT_EQ(asked["code_challenge_method"], "S256");
  EXPECT_FALSE(asked.contains("scope"));
  auto& form = token_requests.at(0);
  EXPECT_EQ(form["grant_type"], "authorization_code");
  EXPECT_EQ(form["code"], "abc");
  EXPECT_EQ(form["client_id"], "c1");
  EXPECT_EQ(form["resource"], mcp);
  EXPECT_EQ(form["redirect_uri"], redirect_uri);
  EXPECT_EQ(code_challenge_s256(form["code_verifier"]), asked["code_challenge"]);
  EXPECT_GE(form["code_verifier"].size(), 43U);
  EXPECT_NE(form["code_verifier"], asked["state"]);
}

TEST_F(OauthClientTest, GoesWhereTheChallengePointsAndNowhereElse) {
  pages.clear();
  pages["http://localhost:1/custom.json"] = {200, resource_text(issuer)};
  EXPECT_EQ(refuse(401, R"(Bearer resource_metadata="http://localhost:1/custom.json")"), "ready");
  EXPECT_EQ(log.at(0), "GET http://localhost:1/custom.json");
  log.clear();
  EXPECT_EQ(refuse(401, R"(Bearer resource_metadata="http://localhost:1/other")"),
            "the protected resource metadata 'http://localhost:1/other' answered 404");
  EXPECT_EQ(log.size(), 1U);
  EXPECT_EQ(refuse(401, R"(Bearer resource_metadata="http://10.0.0.1/other")"),
            "the resource metadata 'http://10.0.0.1/other' is not https");
}

TEST_F(OauthClientTest, FindsMetadataInEveryPlaceOfAnIssuerWithAPath) {
  metadata_at_root = false;
  metadata[0].second = "http://localhost:2/t";
  pages.clear();
  pages["http://localhost:1/.well-known/oauth-protected-resource"] = {200,
                                                                      resource_text("http://localhost:2/t")};
  for (const std::string place :
       {"/.well-known/oauth-authorization-server/t", "/.well-known/openid-configuration/t",
        "/t/.well-known/openid-configuration"}) {
    put_metadata("http://localhost:2" + place);
    made.reset();
    EXPECT_EQ(refuse(), "ready") << place;
    pages.erase("http://localhost:2" + place);
  }
  made.reset();
  put_metadata();  // at the root it is another issuer's
  EXPECT_EQ(refuse(), "the authorization server 'http://localhost:2/t' has no metadata");
  EXPECT_EQ(
      std::count(log.begin(), log.end(), "GET http://localhost:2/.well-known/oauth-authorization-server"), 0);
}

TEST_F(OauthClientTest, PassesOverPagesThatAreGivenForEveryPath) {
  pages["http://localhost:1/.well-known/oauth-protected-resource"] =
      pages["http://localhost:1/.well-known/oauth-protected-resource/mcp"];
  pages["http://localhost:1/.well-known/oauth-protected-resource/mcp"] = {200, "<html>"};
  EXPECT_EQ(refuse(), "ready");
  made.reset();
  pages["http://localhost:1/.well-known/oauth-protected-resource/mcp"] = {502, ""};
  EXPECT_NE(refuse().find("answered 502"), std::string::npos) << "a broken server is no missing document";
}

TEST_F(OauthClientTest, ServesServersOf20250326WithAndWithoutMetadata) {
  pages.clear();
  metadata_at_root = false;
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(log.back(), "POST http://localhost:1/token");
  EXPECT_EQ(token_requests.at(0)["resource"], mcp);
  made.reset();
  metadata[0].second = "http://localhost:1";
  put_metadata("http://localhost:1/.well-known/oauth-authorization-server");
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(log.back(), "POST http://localhost:2/token");
  // A secret that came without advice is used as RFC 6749 says first.
  made.reset();
  pages.clear();
  registration.body = R"({"client_id":"c1","client_secret":"s"})";
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(authorizations.back().substr(0, 6), "Basic ");
}

TEST_F(OauthClientTest, RefusesForeignResourcesAndFalseIssuers) {
  pages["http://localhost:1/.well-known/oauth-protected-resource/mcp"].body =
      R"({"resource":"https://evil.example/mcp","authorization_servers":["http://localhost:2"]})";
  EXPECT_NE(refuse().find("is about 'https://evil.example/mcp'"), std::string::npos);
  EXPECT_TRUE(consents.empty());
  pages["http://localhost:1/.well-known/oauth-protected-resource/mcp"].body = resource_text(issuer);
  metadata[0].second = "https://attacker.example";
  put_metadata();
  EXPECT_NE(refuse().find("says that it is 'https://attacker.example'"), std::string::npos);
  EXPECT_TRUE(consents.empty());
  EXPECT_EQ(log.back(), "GET http://localhost:2/.well-known/oauth-authorization-server")
      << "and tries no other";
}

TEST_F(OauthClientTest, WantsPkceToBeAdvertised) {
  metadata[4].second = Json::array({"plain"});
  EXPECT_EQ(refuse(),
            "the authorization server 'http://localhost:2' does not say that it does PKCE with S256");
  EXPECT_TRUE(consents.empty());
}

TEST_F(OauthClientTest, PrefersRegistrationByHandThenADocumentThenItsOwn) {
  metadata.emplace_back("client_id_metadata_document_supported", true);
  options.client_metadata_url = "https://me.example/client.json";
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(consents.back()["client_id"], "https://me.example/client.json");
  made.reset();
  options.registration = OauthRegistration{"by-hand", "secret", std::string(issuer)};
  metadata[5].second = Json::array({"client_secret_basic"});
  put_metadata();
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(consents.back()["client_id"], "by-hand");
  EXPECT_EQ(authorizations.back(), "Basic YnktaGFuZDpzZWNyZXQ=");
  EXPECT_EQ(token_requests.back().count("client_id"), 0U);
  made.reset();
  options.registration->issuer = "https://another.example";
  options.client_metadata_url.clear();
  registration.body = R"({"client_id":"c2","client_secret":"s"})";
  EXPECT_EQ(refuse(), "ready") << "a secret of another server is not shown";
  EXPECT_EQ(consents.back()["client_id"], "c2");
  made.reset();
  metadata.erase(metadata.begin() + 3);
  put_metadata();
  EXPECT_NE(refuse().find("does not know us"), std::string::npos);
}

TEST_F(OauthClientTest, SelectsScopesFromTheChallengeThenTheResourceThenNone) {
  const std::string where = "http://localhost:1/.well-known/oauth-protected-resource/mcp";
  pages[where].body = resource_text(issuer, R"(,"scopes_supported":["a","b"])");
  EXPECT_EQ(refuse(401, "Bearer scope=\"x y\""), "ready");
  EXPECT_EQ(consents.back()["scope"], "x y");
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(consents.back()["scope"], "a b");
  EXPECT_FALSE(consents.back().contains("prompt"));
  made.reset();
  metadata.emplace_back("scopes_supported", Json::array({"a", "offline_access"}));
  put_metadata();
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(consents.back()["scope"], "a b offline_access");
  EXPECT_EQ(consents.back()["prompt"], "consent");
  made.reset();
  pages[where].body = resource_text(issuer);
  EXPECT_EQ(refuse(), "ready");
  EXPECT_FALSE(consents.back().contains("scope")) << "no scope at all means the server's default";
}

TEST_F(OauthClientTest, StepsUpWithTheUnionAndOnlyForWhatItLacks) {
  EXPECT_EQ(refuse(401, "Bearer scope=read"), "ready");
  tokens.push_front({200, R"({"access_token":"t2","token_type":"Bearer","refresh_token":"r"})"});
  EXPECT_EQ(refuse(403, R"(Bearer error="insufficient_scope", scope="write")"), "ready");
  EXPECT_EQ(consents.back()["scope"], "read write");
  EXPECT_EQ(refuse(403, R"(Bearer error="insufficient_scope", scope="write")"),
            "the server wants scope 'write', which its authorization server has granted already");
  EXPECT_EQ(refuse(403, "Bearer"), "the server forbids it (403), whoever asks");
  EXPECT_EQ(consents.size(), 2U);
  EXPECT_EQ(client().authorization(), "Bearer t2") << "a refused step-up costs no token";
}

TEST_F(OauthClientTest, LeavesTheUserAloneAfterThreeConsentsAMinute) {
  tokens = {{200, R"({"access_token":"t","token_type":"Bearer","scope":"other"})"}};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(refuse(403, "Bearer error=insufficient_scope, scope=w"), "ready");
  EXPECT_NE(refuse(403, "Bearer error=insufficient_scope, scope=w").find("still not content"),
            std::string::npos);
  EXPECT_EQ(consents.size(), 3U);
  now += seconds(61);
  EXPECT_EQ(refuse(403, "Bearer error=insufficient_scope, scope=w"), "ready");
}

TEST_F(OauthClientTest, BelievesARedirectOnlyOfTheRightStateAndIssuer) {
  const struct {
    bool advertised;
    std::string query;
    std::string expected;
  } cases[] = {
      {false, "code=a&state=STATE", "ready"},
      {false, "code=a&state=STATE&iss=http%3A%2F%2Flocalhost%3A2", "ready"},
      {true, "code=a&state=STATE&iss=http%3A%2F%2Flocalhost%3A2", "ready"},
      {true, "code=a&state=STATE", "the redirect does not say which authorization server it comes from"},
      {true, "code=a&state=STATE&iss=https%3A%2F%2Fevil.example",
       "the redirect comes from 'https://evil.example' and not from 'http://localhost:2'"},
      {false, "code=a&state=STATE&iss=https%3A%2F%2Fevil.example",
       "the redirect comes from 'https://evil.example' and not from 'http://localhost:2'"},
      {true, "code=a&state=STATE&iss=http%3A%2F%2Flocalhost%3A2%2F",
       "the redirect comes from 'http://localhost:2/' and not from 'http://localhost:2'"},
      {true, "error=access_denied&state=STATE&iss=https%3A%2F%2Fevil.example",
       "the redirect comes from 'https://evil.example' and not from 'http://localhost:2'"},
      {false, "error=access_denied&error_description=not+you&state=STATE",
       "authorization was refused: access_denied (not you)"},
      {false, "code=a&state=other", "the redirect's state is not the one that was sent"},
      {false, "code=a", "the redirect's state is not the one that was sent"},
      {false, "state=STATE", "the redirect carries no authorization code"},
  };
  metadata.emplace_back("authorization_response_iss_parameter_supported", false);
  for (const auto& one : cases) {
    made.reset();
    metadata.back().second = one.advertised;
    put_metadata();
    token_requests.clear();
    come_back_with = one.query;
    EXPECT_EQ(refuse(), one.expected) << one.query;
    EXPECT_EQ(token_requests.size(), one.expected == "ready" ? 1U : 0U) << "no code leaves before that";
  }
}

TEST_F(OauthClientTest, RenewsWithRotatingRefreshTokensWithoutTheUser) {
  tokens = {{200, R"({"access_token":"t1","token_type":"Bearer","expires_in":3600,"refresh_token":"r1"})"},
            {200, R"({"access_token":"t2","token_type":"Bearer","expires_in":3600,"refresh_token":"r2"})"},
            {200, R"({"access_token":"t3","token_type":"Bearer","expires_in":3600})"},
            {200, R"({"access_token":"t4","token_type":"Bearer"})"}};
  EXPECT_EQ(refuse(), "ready");
  EXPECT_FALSE(client().stale(wall));
  wall += seconds(3'571);
  EXPECT_TRUE(client().stale(wall));
  log.clear();
  EXPECT_EQ(run(client().renew(start())), "ready");
  EXPECT_EQ(log, std::vector<std::string>{"POST http://localhost:2/token"});
  EXPECT_EQ(token_requests.back()["grant_type"], "refresh_token");
  EXPECT_EQ(token_requests.back()["refresh_token"], "r1");
  EXPECT_EQ(token_requests.back()["resource"], mcp);
  EXPECT_FALSE(client().stale(wall));
  // A refusal looks again where the authorization server is, and renews there.
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(token_requests.back()["refresh_token"], "r2");
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(token_requests.back()["refresh_token"], "r2") << "none came, so the last one goes on";
  EXPECT_EQ(consents.size(), 1U);
  EXPECT_FALSE(client().stale(wall + std::chrono::hours(1'000))) << "an end that is not said is not guessed";
}

TEST_F(OauthClientTest, AsksTheUserWhenARefreshTokenIsNoMore) {
  tokens = {{200, R"({"access_token":"t1","token_type":"Bearer","refresh_token":"r1"})"},
            {400, R"({"error":"invalid_grant"})"},
            {200, R"({"access_token":"t2","token_type":"Bearer","refresh_token":"r2"})"},
            {503, ""},
            {400, R"({"error":"invalid_client"})"},
            {200, R"({"access_token":"t3","token_type":"Bearer"})"}};
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(consents.size(), 2U);
  EXPECT_EQ(client().authorization(), "Bearer t2");
  EXPECT_NE(refuse().find("answered 503"), std::string::npos);
  EXPECT_EQ(client().grant().refresh_token, "r2") << "an outage costs no refresh token";
  log.clear();
  EXPECT_EQ(refuse(), "ready") << "a server that forgot us registers us again";
  EXPECT_EQ(std::count(log.begin(), log.end(), "POST http://localhost:2/register"), 1);
}

TEST_F(OauthClientTest, GivesUpWithoutAUserButStillRenews) {
  with_user = false;
  EXPECT_EQ(refuse(), "the server wants a user's consent, and there is no user to ask");
  with_user = true;
  tokens.front().body = R"({"access_token":"t1","token_type":"Bearer","refresh_token":"r1"})";
  EXPECT_EQ(refuse(), "ready");
  with_user = false;
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(token_requests.back()["grant_type"], "refresh_token");
}

TEST_F(OauthClientTest, ShowsNothingOfOneIssuerToAnother) {
  tokens.front().body = R"({"access_token":"t1","token_type":"Bearer","refresh_token":"r1"})";
  EXPECT_EQ(refuse(), "ready");
  pages["http://localhost:1/.well-known/oauth-protected-resource/mcp"].body =
      resource_text("http://localhost:4");
  metadata = {{"issuer", "http://localhost:4"},
              {"authorization_endpoint", "http://localhost:4/authorize"},
              {"token_endpoint", "http://localhost:4/token"},
              {"registration_endpoint", "http://localhost:4/register"},
              {"code_challenge_methods_supported", Json::array({"S256"})},
              {"token_endpoint_auth_methods_supported", Json::array({"none"})}};
  put_metadata("http://localhost:4/.well-known/oauth-authorization-server");
  registration.body = R"({"client_id":"c4"})";
  log.clear();
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(log.at(2), "POST http://localhost:4/register");
  EXPECT_EQ(consents.back()["client_id"], "c4");
  EXPECT_EQ(token_requests.back()["grant_type"], "authorization_code");
  EXPECT_EQ(client().grant().issuer, "http://localhost:4");
}

TEST_F(OauthClientTest, BindsARegistrationByHandToTheFirstServerItMeets) {
  options.registration = OauthRegistration{"by-hand", "", ""};
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(consents.back()["client_id"], "by-hand");
  pages["http://localhost:1/.well-known/oauth-protected-resource/mcp"].body =
      resource_text("http://localhost:4");
  metadata[0].second = "http://localhost:4";
  put_metadata("http://localhost:4/.well-known/oauth-authorization-server");
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(consents.back()["client_id"], "c1");
}

TEST_F(OauthClientTest, StaysWithTheServerItKnowsWhenThereAreSeveral) {
  EXPECT_EQ(refuse(), "ready");
  pages["http://localhost:1/.well-known/oauth-protected-resource/mcp"].body =
      R"({"resource":"http://localhost:1/mcp","authorization_servers":["http://localhost:4","http://localhost:2"]})";
  log.clear();
  EXPECT_EQ(refuse(), "ready");
  EXPECT_EQ(log.at(1), "GET http://localhost:2/.well-known/oauth-authorization-server");
  EXPECT_EQ(std::count(log.begin(), log.end(), "POST http://localhost:2/register"), 0)
      << "nor registers twice";
}

TEST_F(OauthClientTest, TakesUpWhatAnEarlierRunKept) {
  tokens.front().body = R"({"access_token":"t1","token_type":"Bearer","refresh_token":"r1","expires_in":60})";
  EXPECT_EQ(refuse(), "ready");
  const OauthGrant kept = client().grant();
  made.reset();
  client().restore(kept);
  EXPECT_EQ(client().authorization(), "Bearer t1");
  wall += seconds(60);
  ASSERT_TRUE(client().stale(wall));
  log.clear();
  EXPECT_EQ(run(client().renew(start())), "ready");
  EXPECT_EQ(log.size(), 3U) << "both documents and the token";
  EXPECT_EQ(token_requests.back()["grant_type"], "refresh_token");
  // Another server's is left alone.
  made.reset();
  OauthGrant foreign = kept;
  foreign.server_url = "http://localhost:9/mcp";
  client().restore(foreign);
  EXPECT_EQ(client().authorization(), "");
}

TEST_F(OauthClientTest, SendsAWaiterOnWithTheTokenThatCameMeanwhile) {
  EXPECT_EQ(refuse(), "ready");
  EXPECT_TRUE(std::holds_alternative<OauthReady>(client().begin({401, "Bearer", ""}, start())));
  EXPECT_TRUE(std::holds_alternative<OauthReady>(client().begin({401, "Bearer", "Bearer old"}, start())));
  EXPECT_EQ(consents.size(), 1U);
}

TEST_F(OauthClientTest, ActsForItselfWithClientCredentials) {
  options.flow = OauthFlow::client_credentials;
  options.registration = OauthRegistration{"id", "secret", ""};
  with_user = false;
  metadata[5].second = Json::array({"client_secret_basic"});
  metadata.erase(metadata.begin() + 4);  // nobody is sent anywhere, so PKCE protects nothing
  EXPECT_EQ(refuse(401, "Bearer scope=\"a b\""), "ready");
  EXPECT_EQ(authorizations.back(), "Basic aWQ6c2VjcmV0");
  EXPECT_EQ(token_requests.back(),
            (std::map<std::string, std::string>{
                {"grant_type", "client_credentials"}, {"scope", "a b"}, {"resource", std::string(mcp)}}));
  made.reset();
  options.registration.reset();
  EXPECT_NE(refuse().find("client credentials need a client id"), std::string::npos);
}

TEST_F(OauthClientTest, RefusesServersThatWouldGetTheTokenInTheClear) {
  options.server_url = "http://mcp.example/mcp";
  EXPECT_EQ(refuse(), "the server 'http://mcp.example/mcp' is not https");
  made.reset();
  options.server_url = "https://mcp.example/mcp";
  pages["https://mcp.example/.well-known/oauth-protected-resource/mcp"] = {
      200, R"({"resource":"https://mcp.example/mcp","authorization_servers":["http://localhost:2"]})"};
  EXPECT_NE(refuse().find("leads to this machine"), std::string::npos);
}

TEST_F(OauthClientTest, AnswersNothingItDidNotAskFor) {
  EXPECT_NE(run(client().answered(200, "{}", wall)).find("nobody had asked"), std::string::npos);
  EXPECT_NE(run(client().returned("http://127.0.0.1:3/callback?code=a")).find("nobody had sent"),
            std::string::npos);
  static_cast<void>(client().begin({401, "", ""}, start()));
  EXPECT_EQ(run(client().answered(200, std::string(OauthLimits{}.document_bytes_max + 1, ' '), wall)),
            "an authorization server's answer has more than 65536 bytes");
  static_cast<void>(client().begin({401, "", ""}, start()));
  EXPECT_EQ(run(client().unanswered(Error(Errc::timed_out, "no answer"))), "authorization failed: no answer");
}

}  // namespace
}  // namespace sluice
