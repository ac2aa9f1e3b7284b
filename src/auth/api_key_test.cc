// SPDX-License-Identifier: Apache-2.0
#include "auth/api_key.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr Bytes alice_key = "alice-key-0123456789";
constexpr Bytes bob_key = "bob-key-0123456789ab";

TEST(ApiKeys, FindsTheHolderOfAKeyAndNobodyElse) {
  ApiKeys keys;
  ASSERT_TRUE(keys.add_key("alice", alice_key).ok());
  const Digest bob = sha256(bob_key);
  ASSERT_TRUE(keys.add_digest("bob", digest_hex(bob)).ok());

  EXPECT_EQ(keys.find(alice_key), "alice");
  EXPECT_EQ(keys.find(bob_key), "bob");
  EXPECT_FALSE(keys.find("alice-key-012345678"));
  EXPECT_FALSE(keys.find(digest_hex(bob)));  // the digest at rest is not the key
  EXPECT_FALSE(keys.find(""));
  EXPECT_FALSE(keys.find(std::string(ApiKeys::key_bytes_max + 1, 'a')));
}

TEST(ApiKeys, RefusesWhatCannotBeAKey) {
  ApiKeys keys;
  EXPECT_FALSE(keys.add_digest("a", "abc").ok());
  EXPECT_FALSE(keys.add_digest("a", std::string(64, 'g')).ok());
  EXPECT_FALSE(keys.add_key("a", "short").ok());
  EXPECT_FALSE(keys.add_key("", alice_key).ok());
  ASSERT_TRUE(keys.add_key("a", alice_key).ok());
  EXPECT_FALSE(keys.add_key("a", bob_key).ok());
  EXPECT_FALSE(keys.add_key("b", alice_key).ok());
  EXPECT_EQ(keys.size(), 1U);
}

TEST(BearerToken, TakesTheSchemeInAnyCaseAndNoOther) {
  EXPECT_EQ(bearer_token("Bearer abc"), Bytes("abc"));
  EXPECT_EQ(bearer_token("bEARER  abc"), Bytes("abc"));
  EXPECT_FALSE(bearer_token("Bearer"));
  EXPECT_FALSE(bearer_token("Bearer "));
  EXPECT_FALSE(bearer_token("Bearerabc"));
  EXPECT_FALSE(bearer_token("Basic abc"));
  EXPECT_FALSE(bearer_token(""));
}

}  // namespace
}  // namespace sluice
