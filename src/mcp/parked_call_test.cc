// SPDX-License-Identifier: Apache-2.0
#include "mcp/parked_call.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace sluice {
namespace {

using Phase = ParkedCall::Phase;
using Ask = ParkedCall::AskVerdict;
using Outcome = ParkedCall::OutcomeVerdict;
using Kind = ParkedCall::RetryKind;

TEST(ParkedCall, ParksItsAsksAndGoesOnWithTheRetry) {
  ParkedCall call{McpLimits{}};
  EXPECT_EQ(call.ask("1", "a"), Ask::begin_window);
  EXPECT_EQ(call.ask("2", "b"), Ask::hold);
  ASSERT_TRUE(call.park());
  EXPECT_EQ(call.generation(), 1U);
  ASSERT_EQ(call.asks().size(), 2U);
  EXPECT_EQ(call.asks()[1].key, "ask-2");
  EXPECT_EQ(call.asks()[1].request, "b");

  const auto retry = call.retry(1, {"ask-2", "nobody's", "ask-1"});
  EXPECT_EQ(retry.kind, Kind::resume);
  ASSERT_EQ(retry.answers.size(), 2U);
  EXPECT_EQ(retry.answers[0], (std::pair<std::string, std::size_t>("1", 2)));
  EXPECT_EQ(retry.answers[1], (std::pair<std::string, std::size_t>("2", 0)));
  EXPECT_FALSE(retry.incomplete);
  EXPECT_EQ(call.outcome(), Outcome::deliver);
  EXPECT_EQ(call.phase(), Phase::done);
}

TEST(ParkedCall, AsksAtOnceAgainForWhatWasNotAnswered) {
  ParkedCall call{McpLimits{}};
  call.ask("1", "a");
  call.ask("2", "b");
  ASSERT_TRUE(call.park());
  const auto retry = call.retry(1, {"ask-1"});
  EXPECT_TRUE(retry.incomplete);
  ASSERT_TRUE(call.park());
  ASSERT_EQ(call.asks().size(), 1U);
  EXPECT_EQ(call.asks()[0].key, "ask-2");
  EXPECT_EQ(call.generation(), 2U);
}

TEST(ParkedCall, KeepsNewAsksForTheNextRound) {
  ParkedCall call{McpLimits{}};
  call.ask("1", "a");
  ASSERT_TRUE(call.park());
  EXPECT_EQ(call.ask("2", "b"), Ask::hold);
  const auto retry = call.retry(1, {"ask-1", "ask-2"});  // nobody was told of the second
  EXPECT_EQ(retry.answers.size(), 1U);
  EXPECT_TRUE(retry.more);
  ASSERT_TRUE(call.park());
  EXPECT_EQ(call.asks().size(), 1U);
}

TEST(ParkedCall, KeepsTheOutcomeForTheRetryAndRepeatsIt) {
  ParkedCall call{McpLimits{}};
  call.ask("1", "a");
  ASSERT_TRUE(call.park());
  EXPECT_EQ(call.outcome(), Outcome::keep);
  EXPECT_EQ(call.retry(1, {"ask-1"}).kind, Kind::deliver);
  EXPECT_EQ(call.retry(1, {"ask-1"}).kind, Kind::repeat);
  EXPECT_FALSE(call.expire());
  EXPECT_EQ(call.retry(1, {"ask-1"}).kind, Kind::gone);
}

TEST(ParkedCall, LetsASecondRetryOfARoundAttachAndCancelsWhenTheLastLeaves) {
  ParkedCall call{McpLimits{}};
  call.ask("1", "a");
  ASSERT_TRUE(call.park());
  EXPECT_EQ(call.retry(1, {"ask-1"}).kind, Kind::resume);
  const auto second = call.retry(1, {"ask-1"});
  EXPECT_EQ(second.kind, Kind::attach);
  EXPECT_TRUE(second.answers.empty());
  EXPECT_FALSE(call.leave());
  EXPECT_TRUE(call.leave());
  EXPECT_EQ(call.outcome(), Outcome::drop);
}

TEST(ParkedCall, TellsAnEarlierRoundAgainAndRefusesOlderOnes) {
  ParkedCall call{McpLimits{}};
  call.ask("1", "a");
  ASSERT_TRUE(call.park());
  EXPECT_EQ(call.retry(0, {}).kind, Kind::stale);
  EXPECT_EQ(call.retry(2, {}).kind, Kind::stale);
  EXPECT_EQ(call.retry(1, {}).kind, Kind::resume);
  ASSERT_TRUE(call.park());
  EXPECT_EQ(call.retry(1, {"ask-1"}).kind, Kind::ask_again);
  EXPECT_EQ(call.retry(2, {}).kind, Kind::resume);
  ASSERT_TRUE(call.park());
  EXPECT_EQ(call.retry(1, {}).kind, Kind::stale);
}

TEST(ParkedCall, BoundsAsksAndRounds) {
  McpLimits limits;
  limits.asks_per_exchange_max = 2;
  limits.ask_rounds_max = 1;
  ParkedCall call{limits};
  EXPECT_EQ(call.ask("1", "a"), Ask::begin_window);
  EXPECT_EQ(call.ask("1", "a"), Ask::refuse_closed);
  EXPECT_EQ(call.ask("2", "b"), Ask::hold);
  EXPECT_EQ(call.ask("3", "c"), Ask::refuse_bound);
  ASSERT_TRUE(call.park());
  EXPECT_TRUE(call.withdraw("2"));
  EXPECT_FALSE(call.withdraw("2"));
  EXPECT_EQ(call.retry(1, {"ask-1"}).kind, Kind::resume);
  EXPECT_EQ(call.ask("4", "d"), Ask::refuse_bound);
}

// What must hold whatever happens in whatever order. The world's side of it: what the upstream and the
// clients have seen.
struct World {
  ParkedCall call{McpLimits{}};
  std::set<std::string> asked;
  std::set<std::string> answered;
  std::size_t next_ask = 1;
  std::size_t waiting = 1;  // clients that were not told anything yet
  std::size_t outcomes_told = 0;
  int cancels = 0;
  bool ended = false;  // the upstream is done with it
  bool window = false;

  void cancel_upstream() {
    EXPECT_FALSE(ended) << "an upstream that is done is not cancelled";
    EXPECT_EQ(++cancels, 1);
    ended = true;
  }
  void tell_all() {
    EXPECT_GT(waiting, 0U);
    waiting = 0;
  }
  void park() {
    window = false;
    if (call.park()) tell_all();
  }
  // A duplicate has an id that is open already: it is refused, and changes nothing.
  void duplicate() {
    const std::string id = call.asks().front().id;
    EXPECT_EQ(call.ask(id, "?"), Ask::refuse_closed);
  }
  void ask() {
    if (ended) return;
    const std::string id = std::to_string(next_ask++);
    const auto verdict = call.ask(id, "?");
    if (verdict == Ask::begin_window) {
      EXPECT_FALSE(window) << "one window at a time";
      window = true;
    }
    if (verdict == Ask::begin_window || verdict == Ask::hold) asked.insert(id);
  }
  void outcome() {
    if (ended) return;
    ended = true;
    const bool someone = waiting != 0;
    switch (call.outcome()) {
      case Outcome::deliver:
        EXPECT_TRUE(someone);
        tell_all();
        ++outcomes_told;
        break;
      case Outcome::keep: EXPECT_FALSE(someone); break;
      case Outcome::drop: FAIL() << "an outcome is lost";
    }
    window = false;
  }
  enum class Answers : std::uint8_t { none, newest, all };
  void retry(std::size_t generation, Answers answers) {
    std::vector<std::string> keys;
    if (answers == Answers::newest && !call.asks().empty()) keys.push_back(call.asks().back().key);
    if (answers == Answers::all)
      for (std::size_t i = 1; i < next_ask; ++i) keys.push_back("ask-" + std::to_string(i));
    const auto retry = call.retry(generation, keys);
    switch (retry.kind) {
      case Kind::stale:
      case Kind::gone:
      case Kind::ask_again: return;
      case Kind::attach:
        EXPECT_GT(waiting, 0U);
        ++waiting;
        return;
      case Kind::deliver:
      case Kind::repeat:
        EXPECT_TRUE(ended);
        ++outcomes_told;
        return;
      case Kind::resume: break;
    }
    EXPECT_EQ(waiting, 0U);
    waiting = 1;
    for (const auto& [id, index] : retry.answers) {
      EXPECT_FALSE(ended);
      EXPECT_TRUE(asked.contains(id));
      EXPECT_TRUE(answered.insert(id).second) << "an ask is answered once";
      EXPECT_LT(index, keys.size());
    }
    if (retry.incomplete) park();
    if (retry.more) window = true;
  }
  void leave() {
    if (waiting == 0) return;
    --waiting;
    if (call.leave()) cancel_upstream();
  }
  void expire() {
    if (call.phase() == Phase::attached) return;
    if (call.expire()) cancel_upstream();
  }
  void check() const {
    const bool attached = call.phase() == Phase::attached;
    EXPECT_EQ(attached, waiting != 0) << "who waits is attached";
    EXPECT_EQ(call.attached(), attached ? waiting : 0U);
    EXPECT_FALSE(call.phase() == Phase::parked && !call.has_outcome() && ended);
    EXPECT_TRUE(call.phase() != Phase::gone || ended);
    EXPECT_TRUE(cancels == 0 || call.phase() == Phase::gone);
  }
};

// Two worlds with the same summary behave alike from here on: each is explored once a depth, and counted as
// often as it is reached.
using Explored = std::map<std::pair<int, std::string>, std::uint64_t>;

std::string summary(const World& world) {
  const ParkedCall& call = world.call;
  std::string text = std::to_string(static_cast<int>(call.phase())) + "/" +
                     std::to_string(call.generation()) + "/" + std::to_string(world.waiting) + "/" +
                     std::to_string(world.next_ask) + "/" + std::to_string(world.cancels) +
                     (call.has_outcome() ? "o" : "-") + (world.window ? "w" : "-") +
                     (world.ended ? "e" : "-");
  for (const ParkedCall::Ask& ask : call.asks())
    text += "," + ask.id + (world.answered.contains(ask.id) ? "!" : ":") + std::to_string(ask.round);
  return text;
}

// The number of interleavings below this world.
std::uint64_t explore(const World& world, int depth, Explored& explored) {
  world.check();
  if (depth == 0 || ::testing::Test::HasFailure()) return 1;
  const auto key = std::pair(depth, summary(world));
  if (const auto known = explored.find(key); known != explored.end()) return known->second;
  std::uint64_t paths = 0;
  const auto after = [&](auto&& step) {
    World next = world;
    step(next);
    paths += explore(next, depth - 1, explored);
  };
  const std::size_t generation = world.call.generation();
  if (world.window) after([](World& next) { next.park(); });
  if (!world.ended) {
    after([](World& next) { next.ask(); });
    after([](World& next) { next.outcome(); });
    if (!world.call.asks().empty()) {
      after([](World& next) { next.duplicate(); });
      after([](World& next) { next.call.withdraw(next.call.asks().front().id); });
    }
  }
  if (generation != 0) {
    for (const World::Answers answers : {World::Answers::none, World::Answers::newest, World::Answers::all})
      after([&](World& next) { next.retry(generation, answers); });
    after([&](World& next) { next.retry(generation - 1, World::Answers::all); });
  }
  if (world.waiting != 0) after([](World& next) { next.leave(); });
  if (world.call.phase() != Phase::attached) after([](World& next) { next.expire(); });
  return explored[key] = std::max<std::uint64_t>(paths, 1);
}

TEST(ParkedCall, HoldsItsPromisesInEveryInterleavingOfTwelveEvents) {
  Explored explored;
  const std::uint64_t paths = explore(World{}, 12, explored);
  EXPECT_GT(paths, 100'000'000U);
  EXPECT_GT(explored.size(), 1000U);
  RecordProperty("interleavings", std::to_string(paths));
}

}  // namespace
}  // namespace sluice
