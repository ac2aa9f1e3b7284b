// SPDX-License-Identifier: Apache-2.0
#include "mcp/name_rules.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Globs, MatchTheWholeText) {
  const struct {
    const char* pattern;
    const char* text;
    bool matches;
  } cases[] = {
      {"read", "read", true},
      {"read", "read_file", false},
      {"read*", "read_file", true},
      {"*file", "read_file", true},
      {"*", "", true},
      {"", "", true},
      {"", "a", false},
      {"?", "", false},
      {"?", "a", true},
      {"?", "ab", false},
      {"?", "é", true},
      {"a?c", "aéc", true},
      {"r*_f?le", "read_file", true},
      {"*a*b*", "xxaxxbxx", true},
      {"*a*b*", "xxbxxaxx", false},
      {"a*a", "a", false},
      {"a*a", "aa", true},
      {"**a", "ba", true},
      {"*é", "aéé", true},
      {"[ab]", "a", false},
      {"[ab]", "[ab]", true},
      {"file:///srv/*", "file:///srv/a/b", true},
  };
  for (const auto& one : cases)
    EXPECT_EQ(matches_glob(one.pattern, one.text), one.matches) << one.pattern << " on " << one.text;
}

TEST(Globs, TakeTheProductOfTheLengthsAtWorst) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  EXPECT_FALSE(matches_glob(pattern + "b", std::string(20'000, 'a')));
}

TEST(NameRules, DenyWinsOverAllow) {
  NameRules rules;
  rules.tools = {{"read_*", "log"}, {"*_secret"}};
  EXPECT_TRUE(rules.admits(NameKind::tool, "read_file"));
  EXPECT_TRUE(rules.admits(NameKind::tool, "log"));
  EXPECT_FALSE(rules.admits(NameKind::tool, "read_secret"));
  EXPECT_FALSE(rules.admits(NameKind::tool, "write_file"));
  EXPECT_TRUE(rules.admits(NameKind::prompt, "write_file"));  // each kind has its own
}

TEST(NameRules, ASetNarrowsFurther) {
  NameRules rules;
  rules.tools.deny = {"read_secret"};
  rules.tool_set = {"read_*"};
  EXPECT_TRUE(rules.admits(NameKind::tool, "read_file"));
  EXPECT_FALSE(rules.admits(NameKind::tool, "read_secret"));
  EXPECT_FALSE(rules.admits(NameKind::tool, "log"));
  rules.tool_set = std::vector<std::string>();
  EXPECT_FALSE(rules.admits(NameKind::tool, "read_file"));
  EXPECT_TRUE(rules.admits(NameKind::resource, "x:1"));
  EXPECT_TRUE(rules.filters(NameKind::tool));
  EXPECT_FALSE(rules.filters(NameKind::prompt));
}

TEST(NameRules, ARenamedToolHasOneNameOnly) {
  NameRules rules;
  rules.renames = {{"rm", "remove"}, {"get_*", "fetch_*"}};
  EXPECT_EQ(rules.outward(NameKind::tool, "rm"), "remove");
  EXPECT_EQ(rules.inward(NameKind::tool, "remove"), "rm");
  EXPECT_EQ(rules.inward(NameKind::tool, "rm"), std::nullopt);
  EXPECT_EQ(rules.outward(NameKind::tool, "get_url"), "fetch_url");
  EXPECT_EQ(rules.inward(NameKind::tool, "fetch_url"), "get_url");
  EXPECT_EQ(rules.inward(NameKind::tool, "get_url"), std::nullopt);
  EXPECT_EQ(rules.outward(NameKind::tool, "log"), "log");
  EXPECT_EQ(rules.inward(NameKind::tool, "log"), "log");
  EXPECT_EQ(rules.outward(NameKind::prompt, "rm"), "rm");
  EXPECT_FALSE(rules.filters(NameKind::tool));
}

TEST(NameRules, ANameThatWasGivenAwayIsNotShownTwice) {
  NameRules rules;
  rules.renames = {{"a", "b"}};
  EXPECT_EQ(rules.outward(NameKind::tool, "b"), std::nullopt);
  rules.renames = {{"a", "b"}, {"b", "a"}};  // they change places
  EXPECT_EQ(rules.outward(NameKind::tool, "a"), "b");
  EXPECT_EQ(rules.outward(NameKind::tool, "b"), "a");
  EXPECT_EQ(rules.inward(NameKind::tool, "a"), "b");
  EXPECT_EQ(rules.inward(NameKind::tool, "b"), "a");
}

TEST(NameRules, RenamingOpensNothing) {
  NameRules rules;
  rules.tools.deny = {"rm"};
  rules.renames = {{"rm", "remove"}};
  EXPECT_EQ(rules.outward(NameKind::tool, "rm"), std::nullopt);
  EXPECT_EQ(rules.inward(NameKind::tool, "remove"), std::nullopt);
}

TEST(NameRules, SayWhichPatternsMatchedNothing) {
  NameRules rules;
  rules.tools = {{"read_*", "wirte_*"}, {"rm"}};
  rules.renames = {{"log", "history"}};
  UnmatchedPatterns unmatched(rules);
  unmatched.saw("read_file");
  unmatched.saw("log");
  EXPECT_EQ(unmatched.take(), (std::vector<std::string>{"wirte_*", "rm"}));
  EXPECT_TRUE(unmatched.take().empty());
}

}  // namespace
}  // namespace sluice
