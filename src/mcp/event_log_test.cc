// SPDX-License-Identifier: Apache-2.0
#include "mcp/event_log.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice {
namespace {

McpLimits small_limits() {
  McpLimits limits;
  limits.replay_events_max = 3;
  limits.replay_bytes_max = 1000;
  limits.replay_age_max = seconds(10);
  limits.sessions_max = 4;
  return limits;
}

class EventLogTest : public testing::Test {
 protected:
  std::string append(const char* session, std::uint32_t stream, std::string_view text) {
    auto id = log.append({session, stream}, text, now);
    EXPECT_TRUE(id.ok());
    return id ? *id : "";
  }
  // The texts since an event, joined; "?" when not found.
  std::string since(const char* session, const std::string& id) {
    const auto replay = log.read_since(session, id, now);
    if (!replay) {
      EXPECT_EQ(replay.error().code, Errc::not_found);
      return "?";
    }
    std::string all;
    for (const LoggedEvent& event : replay->events) all += event.text + " ";
    return all;
  }

  Instant now{};
  Budget budget{1 << 20};
  MemoryEventLog log{small_limits(), budget};
};

TEST_F(EventLogTest, YieldsWhatCameAfterAnEventOfTheSameStreamOnly) {
  const std::string a = append("s", 1, "a");
  append("s", 2, "x");
  const std::string b = append("s", 1, "b");
  append("s", 2, "y");
  append("s", 1, "c");
  EXPECT_EQ(since("s", a), "b c ");
  EXPECT_EQ(since("s", b), "c ");
  EXPECT_EQ(log.read_since("s", a, now)->stream, 1u);
}

TEST_F(EventLogTest, RepeatsTheIdsItGave) {
  const std::string a = append("s", 1, "a"), b = append("s", 1, "b");
  EXPECT_EQ(log.read_since("s", a, now)->events.at(0).id, b);
}

TEST_F(EventLogTest, MintsIdsThatAreUniqueInTheSession) {
  std::set<std::string> ids;
  for (std::uint32_t stream = 0; stream < 10; ++stream)
    for (int i = 0; i < 10; ++i) ids.insert(append("s", stream, "x"));
  EXPECT_EQ(ids.size(), 100u);
}

TEST_F(EventLogTest, FindsNothingWithAnIdOfAnotherSessionOrOfNobody) {
  const std::string a = append("s", 1, "a");
  append("t", 1, "secret");
  EXPECT_EQ(since("t", a), "?");
  EXPECT_EQ(since("nobody", a), "?");
  for (const std::string& bad : {std::string(), std::string("x"), a + "0", a.substr(1),
                                 std::string("0000000000-1-1"), std::string(500, '1'), a.substr(0, 10) + "-1",
                                 a.substr(0, 10) + "-1-", a.substr(0, 10) + "-99-1", a.substr(0, 10) + "--1"})
    EXPECT_EQ(since("s", bad), "?") << bad;
}

TEST_F(EventLogTest, MarksAPlaceWithoutAnEvent) {
  const std::string mark = *log.mark({"s", 1}, now);
  EXPECT_EQ(since("s", mark), "");
  append("s", 1, "a");
  EXPECT_EQ(since("s", mark), "a ");
}

TEST_F(EventLogTest, SaysSoWhenTheNextEventWasEvicted) {
  const std::string mark = *log.mark({"s", 1}, now);
  const std::string a = append("s", 1, "a"), b = append("s", 1, "b");
  append("s", 1, "c");
  append("s", 1, "d");
  EXPECT_EQ(since("s", a), "b c d ");  // a itself is gone, nothing after it is
  append("s", 1, "e");
  EXPECT_EQ(since("s", a), "?");
  EXPECT_EQ(since("s", mark), "?");
  EXPECT_EQ(since("s", b), "c d e ");
  EXPECT_EQ(log.events(), 3u);
}

TEST_F(EventLogTest, BoundsBytesButKeepsTheNewest) {
  const std::string a = append("s", 1, "a");
  append("s", 1, std::string(5000, 'x'));
  EXPECT_EQ(log.events(), 1u);
  EXPECT_EQ(since("s", a).size(), 5001u);
  append("s", 1, "b");
  EXPECT_EQ(log.events(), 1u);
}

TEST_F(EventLogTest, ForgetsWhatIsOld) {
  const std::string a = append("s", 1, "a");
  now += seconds(9);
  append("s", 1, "b");
  now += seconds(1);
  EXPECT_EQ(since("s", a), "b ");
  now += seconds(9);
  EXPECT_EQ(since("s", a), "?");
  log.expire(now);
  EXPECT_EQ(log.events(), 0u);
}

TEST_F(EventLogTest, NeverUsesAnIdAgainAfterExpiry) {
  const std::string a = append("s", 1, "a");
  now += seconds(100);
  log.expire(now);
  EXPECT_NE(append("s", 1, "b"), a);
}

TEST_F(EventLogTest, DropsStreamsAndSessions) {
  const std::string a = append("s", 1, "a"), b = append("s", 2, "b");
  log.drop_stream({"s", 1});
  EXPECT_EQ(since("s", a), "?");
  EXPECT_EQ(since("s", b), "");
  log.drop_session("s");
  log.drop_session("s");
  log.drop_stream({"s", 1});
  EXPECT_EQ(since("s", b), "?");
  EXPECT_EQ(log.sessions(), 0u);
  EXPECT_EQ(log.events(), 0u);
  EXPECT_EQ(budget.bytes_used(), 0u);
}

TEST_F(EventLogTest, BoundsSessionsAndStreams) {
  for (const char* session : {"a", "b", "c", "d"}) append(session, 1, "x");
  EXPECT_EQ(log.append({"e", 1}, "x", now).error().code, Errc::exhausted);
  EXPECT_EQ(log.mark({"e", 1}, now).error().code, Errc::exhausted);
  const std::string first = append("a", 1, "first");
  for (std::uint32_t stream = 2; stream < logged_streams_per_session_max + 2; ++stream)
    append("a", stream, "x");
  EXPECT_EQ(since("a", first), "?");
}

TEST(EventLogBudget, RefusesAnEventAndNeverShowsTheHole) {
  Budget budget(1000);
  McpLimits limits;
  MemoryEventLog log(limits, budget);
  const Instant now{};
  const std::string a = *log.append({"s", 1}, std::string(300, 'a'), now);
  const std::string other = *log.append({"s", 2}, std::string(300, 'o'), now);
  EXPECT_EQ(log.append({"s", 1}, std::string(2000, 'b'), now).error().code, Errc::exhausted);
  EXPECT_FALSE(log.read_since("s", a, now).ok());
  const std::string c = *log.append({"s", 1}, std::string(100, 'c'), now);
  EXPECT_FALSE(log.read_since("s", a, now).ok());
  EXPECT_TRUE(log.read_since("s", c, now).ok());
  EXPECT_TRUE(log.read_since("s", other, now).ok());
  log.drop_session("s");
  EXPECT_EQ(budget.bytes_used(), 0u);
}

}  // namespace
}  // namespace sluice
