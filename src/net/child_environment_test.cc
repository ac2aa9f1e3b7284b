// SPDX-License-Identifier: Apache-2.0
#include "net/child_environment.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

EnvironmentRule only(std::vector<std::string> also) {
  EnvironmentRule rule;
  rule.everything = false;
  rule.also = std::move(also);
  return rule;
}

TEST(EnvironmentRule, LetsEverythingThroughUnlessToldOtherwise) {
  EXPECT_TRUE(EnvironmentRule().passes("GITHUB_TOKEN"));
}

TEST(EnvironmentRule, LetsThroughWhatProgramsNeedInOrderToRun) {
  const EnvironmentRule rule = only({});
  for (const char* name : {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "npm_config_cache",
                           "NPM_CONFIG_REGISTRY", "UV_CACHE_DIR", "HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE",
                           "NODE_EXTRA_CA_CERTS"})
    EXPECT_TRUE(rule.passes(name)) << name;
  for (const char* name :
       {"GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "PATHS", "SSH_AUTH_SOCK", "",
        "UV_PUBLISH_TOKEN", "UV_INDEX_OURS_PASSWORD", "npm_config_//registry/:_authToken"})
    EXPECT_FALSE(rule.passes(name)) << name;
}

TEST(EnvironmentRule, LetsThroughWhatItNamesInFullOrByItsBeginning) {
  const EnvironmentRule rule = only({"SSH_AUTH_SOCK", "AWS_*"});
  EXPECT_TRUE(rule.passes("SSH_AUTH_SOCK"));
  EXPECT_TRUE(rule.passes("AWS_REGION"));
  EXPECT_FALSE(rule.passes("SSH_AUTH_SOCKET"));
  EXPECT_FALSE(rule.passes("AWS"));
}

TEST(EnvironmentRule, WithholdsTheSecretsOfOthersUnlessItNamesThemInFull) {
  EnvironmentRule everything;
  everything.withhold("ALICE_KEY");
  EXPECT_FALSE(everything.passes("ALICE_KEY"));
  EXPECT_TRUE(everything.passes("ALICE"));

  EnvironmentRule rule = only({"AWS_*", "GIT_TOKEN"});
  for (const char* name : {"AWS_KEY", "GIT_TOKEN", "UV_INDEX", "HOME", "ELSE"}) rule.withhold(name);
  EXPECT_FALSE(rule.passes("AWS_KEY"));
  EXPECT_FALSE(rule.passes("UV_INDEX"));
  EXPECT_TRUE(rule.passes("GIT_TOKEN"));
  EXPECT_TRUE(rule.passes("HOME"));
  // What makes no difference is not kept: rules that do the same are equal.
  EXPECT_EQ(rule.withheld, (std::set<std::string>{"AWS_KEY", "UV_INDEX"}));
}

TEST(EnvironmentRule, KnowsWhatNamesVariables) {
  for (const char* good : {"A", "AWS_*", "npm_config_//r/:_a"})
    EXPECT_TRUE(is_environment_pattern(good)) << good;
  for (const char* bad : {"", "*", "A=b", "A B", "*_KEY", "A**", "A\n"})
    EXPECT_FALSE(is_environment_pattern(bad)) << bad;
}

}  // namespace
}  // namespace sluice
