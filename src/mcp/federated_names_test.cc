// SPDX-License-Identifier: Apache-2.0
#include "mcp/federated_names.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace sluice {
namespace {

const std::vector<std::string> upstreams{"files", "git", "git__hub",
                                         "a-name-of-an-upstream-that-takes-nearly-all-of-the-sixty-four.."};

bool is_portable(const std::string& name) {
  return !name.empty() && name.size() <= federated_name_bytes_max &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
             std::string::npos;
}

TEST(FederatedNames, PrefixesPlainNamesAndTakesThePrefixOff) {
  FederatedNames names(upstreams, {});
  EXPECT_EQ(names.outward(0, "read.file-2").text, "files__read.file-2");
  const auto in = FederatedNames(upstreams, {}).inward("files__read.file-2");
  ASSERT_TRUE(in);
  EXPECT_EQ(in->upstream, 0U);
  EXPECT_EQ(in->name, "read.file-2");
  EXPECT_FALSE(names.inward("nobody__read"));
  EXPECT_FALSE(names.inward("files__"));
  EXPECT_FALSE(names.inward("files"));
}

TEST(FederatedNames, ShortensWhatIsLongOrStrangeAndRemembersIt) {
  FederatedNames names(upstreams, {});
  std::set<std::string> seen;
  for (const std::string& name :
       {std::string(80, 'x'), std::string(80, 'x') + "y", std::string("with blank"),
        std::string("with/blank"), std::string("\xc3\xa9"), std::string("__"),
        std::string("looks_0123456789"), std::string("x__" + std::string(70, 'y'))}) {
    for (std::size_t upstream = 0; upstream < upstreams.size(); ++upstream) {
      const std::string shown = names.outward(upstream, name).text;
      EXPECT_TRUE(is_portable(shown)) << shown;
      EXPECT_TRUE(seen.insert(shown).second) << shown;
      EXPECT_EQ(shown, FederatedNames(upstreams, {}).outward(upstream, name).text);
      const auto in = names.inward(shown);
      ASSERT_TRUE(in) << shown;
      EXPECT_EQ(in->upstream, upstream);
      EXPECT_EQ(in->name, name);
    }
  }
}

TEST(FederatedNames, SaysWhoseAShortenedNameIsThatItDoesNotKnow) {
  const std::string shown = FederatedNames(upstreams, {}).outward(2, std::string(80, 'x')).text;
  const auto in = FederatedNames(upstreams, {}).inward(shown);
  ASSERT_TRUE(in);
  EXPECT_EQ(in->upstream, 2U);
  EXPECT_FALSE(in->name);
}

TEST(FederatedNames, LetsNoUpstreamTakeTheNameOfAnother) {
  FederatedNames names(upstreams, {});
  EXPECT_EQ(names.outward(2, "push").text, "git__hub__push");
  const auto other = names.outward(1, "hub__push");
  EXPECT_NE(other.text, "git__hub__push");
  EXPECT_TRUE(other.is_collision);
  EXPECT_FALSE(names.outward(1, "hub__push").is_collision);  // told once
  EXPECT_EQ(names.inward(other.text)->name, "hub__push");
  EXPECT_EQ(names.inward(other.text)->upstream, 1U);
  EXPECT_EQ(names.inward("git__hub__push")->upstream, 2U);
}

TEST(FederatedNames, HoldsItsTable) {
  FederationLimits limits;
  limits.names_max = 1;
  FederatedNames names(upstreams, limits);
  const std::string first = names.outward(0, "a b").text, second = names.outward(0, "c d").text;
  EXPECT_FALSE(names.inward(first)->name);  // to be learned again
  EXPECT_TRUE(names.inward(second)->name);
}

TEST(FederatedNames, AreWhatTheyAreForASingleUpstream) {
  FederatedNames names({"only"}, {});
  const std::string odd = "a b__" + std::string(80, 'x') + "_0123456789";
  EXPECT_EQ(names.outward(0, odd).text, odd);
  EXPECT_EQ(names.inward(odd)->name, odd);
  FederatedUris uris({"only"}, {});
  EXPECT_EQ(uris.outward(0, "gw+only:x"), "gw+only:x");
  EXPECT_EQ(uris.outward_template(0, "x:{a}"), "x:{a}");
  EXPECT_EQ(uris.inward("gw+only:x").uri, "gw+only:x");
  EXPECT_EQ(uris.inward("gw+only:x").upstream, 0U);
}

TEST(FederatedUris, KeepsAUriForWhoHasItFirstAndWrapsItForOthers) {
  FederatedUris uris(upstreams, {});
  EXPECT_EQ(uris.outward(1, "file:///a%20b?x#y"), "file:///a%20b?x#y");
  EXPECT_EQ(uris.outward(1, "file:///a%20b?x#y"), "file:///a%20b?x#y");
  EXPECT_EQ(uris.outward(0, "file:///a%20b?x#y"), "gw+files:file:///a%20b?x#y");
  EXPECT_EQ(uris.inward("file:///a%20b?x#y").upstream, 1U);
  const auto wrapped = uris.inward("gw+files:file:///a%20b?x#y");
  EXPECT_EQ(wrapped.upstream, 0U);
  EXPECT_EQ(wrapped.uri, "file:///a%20b?x#y");
  EXPECT_FALSE(uris.inward("file:///other").upstream);
}

TEST(FederatedUris, WrapsWhatLooksWrapped) {
  FederatedUris uris(upstreams, {});
  EXPECT_EQ(uris.outward(0, "gw+git:file:///a"), "gw+files:gw+git:file:///a");
  const auto in = uris.inward("gw+files:gw+git:file:///a");
  EXPECT_EQ(in.upstream, 0U);
  EXPECT_EQ(in.uri, "gw+git:file:///a");
}

TEST(FederatedUris, MakesSchemesOfNamesThatAreNone) {
  FederatedUris uris({"Up_1", "up-1"}, {});
  EXPECT_EQ(uris.outward(1, "x:a"), "x:a");
  const std::string wrapped = uris.outward(0, "x:a");
  EXPECT_TRUE(wrapped.starts_with("gw+-p-1.")) << wrapped;
  EXPECT_EQ(wrapped.find('_'), std::string::npos);
  EXPECT_EQ(uris.inward(wrapped).upstream, 0U);
  EXPECT_EQ(uris.inward(wrapped).uri, "x:a");
}

TEST(FederatedUris, KnowsWhoseATemplatesUrisAre) {
  FederatedUris uris(upstreams, {});
  EXPECT_EQ(uris.outward_template(1, "repo://{owner}/{name}"), "repo://{owner}/{name}");
  EXPECT_EQ(uris.outward_template(0, "repo://{owner}/{name}"), "gw+files:repo://{owner}/{name}");
  EXPECT_EQ(uris.inward("repo://a/b").upstream, 1U);
  EXPECT_EQ(uris.inward("gw+files:repo://a/b").upstream, 0U);
  EXPECT_EQ(uris.inward("gw+files:repo://a/b").uri, "repo://a/b");
}

TEST(FederatedUris, WrapsWhatItHasNoRoomToRemember) {
  FederationLimits limits;
  limits.uris_max = 1;
  FederatedUris uris(upstreams, limits);
  EXPECT_EQ(uris.outward(0, "x:a"), "x:a");
  EXPECT_EQ(uris.outward(0, "x:b"), "gw+files:x:b");
}

}  // namespace
}  // namespace sluice
