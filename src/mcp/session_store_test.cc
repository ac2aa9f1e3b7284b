// SPDX-License-Identifier: Apache-2.0
#include "mcp/session_store.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

McpLimits small_limits() {
  McpLimits limits;
  limits.sessions_max = 3;
  limits.session_idle = seconds(10);
  limits.subscriptions_max = 2;
  return limits;
}

SessionRecord record(const char* id, const char* principal = "alice") {
  SessionRecord made;
  made.id = id;
  made.principal = Principal{principal};
  return made;
}

Instant at(int s) { return Instant{} + seconds(s); }

TEST(SessionStore, FindsARecordOnlyForItsPrincipal) {
  MemorySessionStore store(small_limits());
  ASSERT_TRUE(store.put(record("a"), at(0)).ok());
  EXPECT_EQ(store.get("a", Principal{"alice"}, at(1))->id, "a");
  EXPECT_EQ(store.get("a", Principal{"bob"}, at(1)).error().code, Errc::not_found);
  EXPECT_EQ(store.get("b", Principal{"alice"}, at(1)).error().code, Errc::not_found);
  EXPECT_EQ(store.put(record("a", "bob"), at(1)).error().code, Errc::denied);
}

TEST(SessionStore, ReplacesARecord) {
  MemorySessionStore store(small_limits());
  ASSERT_TRUE(store.put(record("a"), at(0)).ok());
  SessionRecord next = record("a");
  next.log_level = "debug";
  next.subscribed_uris = {"a://1", "a://2"};
  ASSERT_TRUE(store.put(next, at(1)).ok());
  EXPECT_EQ(store.size(), 1u);
  EXPECT_EQ(store.get("a", Principal{"alice"}, at(1))->log_level, "debug");
  next.subscribed_uris.push_back("a://3");
  EXPECT_EQ(store.put(next, at(1)).error().code, Errc::too_large);
}

TEST(SessionStore, IsBounded) {
  MemorySessionStore store(small_limits());
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(store.put(record(id), at(0)).ok());
  EXPECT_EQ(store.put(record("d"), at(0)).error().code, Errc::exhausted);
  EXPECT_TRUE(store.erase("b"));
  EXPECT_FALSE(store.erase("b"));
  EXPECT_TRUE(store.put(record("d"), at(0)).ok());
  EXPECT_EQ(store.put(record(""), at(0)).error().code, Errc::invalid);
  EXPECT_EQ(store.put(record(std::string(513, 'x').c_str()), at(0)).error().code, Errc::invalid);
}

TEST(SessionStore, ExpiresTheLeastRecentlyUsedFirst) {
  MemorySessionStore store(small_limits());
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(store.put(record(id), at(0)).ok());
  EXPECT_TRUE(store.touch("a", at(5)));
  EXPECT_FALSE(store.touch("x", at(5)));
  EXPECT_FALSE(store.get("b", Principal{"alice"}, at(10)).ok());
  EXPECT_EQ(store.expire(at(10), 1), (std::vector<std::string>{"b"}));
  EXPECT_EQ(store.expire(at(10), 9), (std::vector<std::string>{"c"}));
  EXPECT_TRUE(store.get("a", Principal{"alice"}, at(14)).ok());
  EXPECT_EQ(store.expire(at(15), 9), (std::vector<std::string>{"a"}));
  EXPECT_EQ(store.size(), 0u);
}

}  // namespace
}  // namespace sluice
