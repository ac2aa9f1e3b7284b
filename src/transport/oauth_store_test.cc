// SPDX-License-Identifier: Apache-2.0
#include "transport/oauth_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sluice {
namespace {

namespace fs = std::filesystem;

OauthGrant grant_of(std::string server, std::string issuer, std::string token) {
  OauthGrant grant;
  grant.server_url = std::move(server);
  grant.resource = grant.server_url;
  grant.issuer = std::move(issuer);
  grant.access_token = std::move(token);
  grant.refresh_token = "r";
  grant.fresh_until = 1'790'000'000'123;
  grant.identity.origin = OauthIdentity::Origin::registered;
  grant.identity.auth = TokenAuth::post;
  grant.identity.client_id = "id";
  grant.identity.client_secret = "s\"\n";
  return grant;
}

class OauthStoreTest : public ::testing::Test {
 protected:
  OauthStoreTest() { fs::remove_all(folder); }
  ~OauthStoreTest() override { fs::remove_all(folder); }

  const fs::path folder =
      fs::path(::testing::TempDir()) /
      ("oauth-store-" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
  const fs::path path = folder / "a" / "tokens.json";
  OauthStore store{path.string()};
};

TEST_F(OauthStoreTest, KeepsWhatWasGrantedForTheOwnerAlone) {
  EXPECT_FALSE(store.find("http://a/mcp")->has_value());
  ASSERT_TRUE(store.keep(grant_of("http://a/mcp", "http://as", "t1")).ok());
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(fs::status(folder).permissions(), fs::perms::owner_all);
  const auto found = store.find("http://a/mcp");
  ASSERT_TRUE(found.ok() && found->has_value());
  const OauthGrant& grant = **found;
  EXPECT_EQ(grant.access_token, "t1");
  EXPECT_EQ(grant.fresh_until, 1'790'000'000'123);
  EXPECT_EQ(grant.identity.client_secret, "s\"\n");
  EXPECT_EQ(grant.identity.auth, TokenAuth::post);
  EXPECT_EQ(grant.identity.origin, OauthIdentity::Origin::registered);
}

TEST_F(OauthStoreTest, HoldsOneGrantForEachIssuerAndFindsTheNewest) {
  ASSERT_TRUE(store.keep(grant_of("http://a/mcp", "http://as", "t1")).ok());
  ASSERT_TRUE(store.keep(grant_of("http://a/mcp", "http://as2", "t2")).ok());
  ASSERT_TRUE(store.keep(grant_of("http://b/mcp", "http://as", "t3")).ok());
  EXPECT_EQ((*store.find("http://a/mcp"))->access_token, "t2");
  ASSERT_TRUE(store.keep(grant_of("http://a/mcp", "http://as", "t4")).ok());
  EXPECT_EQ(store.read()->size(), 3U);
  EXPECT_EQ((*store.find("http://a/mcp"))->access_token, "t4");
  EXPECT_TRUE(*store.forget("http://a/mcp"));
  EXPECT_FALSE(*store.forget("http://a/mcp"));
  EXPECT_EQ(store.read()->size(), 1U);
}

TEST_F(OauthStoreTest, IsBoundedAndTheOldestGoes) {
  OauthLimits limits;
  limits.store_grants_max = 2;
  const OauthStore small(path.string(), limits);
  for (const char* server : {"http://a", "http://b", "http://c"})
    ASSERT_TRUE(small.keep(grant_of(server, "http://as", "t")).ok());
  EXPECT_FALSE(small.find("http://a")->has_value());
  EXPECT_TRUE(small.find("http://c")->has_value());
}

TEST_F(OauthStoreTest, TrustsNoFileThatOthersMayReadAndDestroysNoneItCannotRead) {
  ASSERT_TRUE(store.keep(grant_of("http://a/mcp", "http://as", "t1")).ok());
  fs::permissions(path, fs::perms::group_read, fs::perm_options::add);
  EXPECT_EQ(store.find("http://a/mcp").error().code, Errc::denied);
  EXPECT_FALSE(store.keep(grant_of("http://b/mcp", "http://as", "t1")).ok());
  fs::permissions(path, fs::perms::group_read, fs::perm_options::remove);
  EXPECT_TRUE(store.find("http://a/mcp").ok());
  for (const char* text : {"", "{", "{}", R"({"version":2,"grants":[]})", R"({"version":1,"grants":[{}]})"}) {
    std::ofstream(path) << text;
    EXPECT_FALSE(store.find("http://a/mcp").ok()) << text;
    EXPECT_FALSE(store.keep(grant_of("http://b/mcp", "http://as", "t1")).ok()) << text;
  }
}

}  // namespace
}  // namespace sluice
