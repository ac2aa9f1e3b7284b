// SPDX-License-Identifier: Apache-2.0
#include "auth/challenge.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// One text for a list: `scheme(token68){name=value;…}`, challenges apart by blanks.
std::string told(const std::vector<Challenge>& challenges) {
  std::string out;
  for (const Challenge& challenge : challenges) {
    if (!out.empty()) out += ' ';
    out += challenge.scheme;
    if (!challenge.token68.empty()) out += '(' + challenge.token68 + ')';
    for (const ChallengeParameter& parameter : challenge.parameters)
      out += '{' + parameter.name + '=' + parameter.value + '}';
  }
  return out;
}

TEST(Challenges, AreReadByTheGrammar) {
  const struct {
    Bytes value;
    Bytes expected;
  } cases[] = {
      {"", ""},
      {" , ,", ""},
      {"Bearer", "bearer"},
      {"BEARER Realm=\"x\"", "bearer{realm=x}"},
      {R"(Bearer scope="mcp:basic", resource_metadata="http://a/b?c=d,e")",
       "bearer{scope=mcp:basic}{resource_metadata=http://a/b?c=d,e}"},
      {"Bearer error=insufficient_scope,scope=\"a b\"", "bearer{error=insufficient_scope}{scope=a b}"},
      // Several challenges, with and without parameters of their own.
      {R"(Basic realm="a", charset="UTF-8", Bearer, Digest qop=auth, nonce="n")",
       "basic{realm=a}{charset=UTF-8} bearer digest{qop=auth}{nonce=n}"},
      {"Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"",
       "newauth{realm=apps}{type=1}{title=Login to \"apps\"} basic{realm=simple}"},
      // token68, alone and between others.
      {"Negotiate YII=", "negotiate(YII=)"},
      {"Negotiate YII==  , Bearer error=\"x\"", "negotiate(YII==) bearer{error=x}"},
      {"Bearer abc/def", "bearer(abc/def)"},
      // Blanks where only old senders put them.
      {"Bearer  realm = \"x\" ,\tscope =y", "bearer{realm=x}{scope=y}"},
      {"Bearer realm=\"\"", "bearer{realm=}"},
      {"Bearer realm=\"a,b=c\"", "bearer{realm=a,b=c}"},
      {",, Bearer ,, scope=a ,,", "bearer{scope=a}"},
      // A URL that was not quoted is what was meant.
      {"Bearer resource_metadata=https://a.example/x, scope=a",
       "bearer{resource_metadata=https://a.example/x}{scope=a}"},
      // What cannot be read ends the list.
      {"Bearer realm=\"never ends", "bearer"},
      {"Bearer realm=\"ends in a backslash\\", "bearer"},
      {"Basic realm=\"a\", Bearer scope=, error=x", "basic{realm=a} bearer(scope=)"},
      {"realm=\"of nothing\"", ""},
      {"Bearer a=1, {, b=2", "bearer{a=1}"},
      {"Negotiate YII=, a=1", "negotiate(YII=)"},
      {"\x01", ""},
  };
  for (const auto& one : cases) EXPECT_EQ(told(parse_challenges(one.value)), one.expected) << one.value;
}

TEST(Challenges, AreFoundByNameAndTheFirstOfANameCounts) {
  const auto challenges = parse_challenges("Bearer scope=a, SCOPE=b");
  ASSERT_EQ(challenges.size(), 1U);
  ASSERT_NE(challenges[0].find("scope"), nullptr);
  EXPECT_EQ(*challenges[0].find("scope"), "a");
  EXPECT_EQ(challenges[0].find("realm"), nullptr);
}

TEST(Challenges, AreBounded) {
  OauthLimits limits;
  limits.challenges_max = 2;
  limits.challenge_parameters_max = 1;
  EXPECT_EQ(told(parse_challenges("A, B, C", limits)), "a b");
  EXPECT_EQ(told(parse_challenges("A x=1, y=2, B", limits)), "a{x=1}");
}

TEST(Challenges, OfEveryPrefixAreReadWithoutHarm) {
  const std::string whole = R"(Basic realm="a\"b", Negotiate YII==, Bearer scope="x y", error=e)";
  for (std::size_t size = 0; size <= whole.size(); ++size)
    EXPECT_LE(parse_challenges(Bytes(whole).substr(0, size)).size(), 4U);
}

}  // namespace
}  // namespace sluice
