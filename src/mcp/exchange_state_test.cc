// SPDX-License-Identifier: Apache-2.0
#include "mcp/exchange_state.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <utility>

namespace sluice {
namespace {

using S = ExchangeStep;

McpLimits two_asks() {
  McpLimits limits;
  limits.asks_per_exchange_max = 2;
  return limits;
}

TEST(ExchangeState, FollowsTheSimpleCall) {
  ExchangeState state(McpLimits{}, "7");
  EXPECT_EQ(state.outcome(), Outcome::not_sent);
  EXPECT_EQ(state.sent(), S::pass);
  EXPECT_EQ(state.outcome(), Outcome::sent_unknown);
  EXPECT_EQ(state.notify(), S::pass);
  EXPECT_EQ(state.progress("7", 0.5), S::pass);
  EXPECT_EQ(state.finish(), S::pass);
  EXPECT_EQ(state.outcome(), Outcome::answered);
  EXPECT_EQ(state.phase(), ExchangePhase::finished);
}

TEST(ExchangeState, DropsProgressUnderAnotherTokenOrThatDoesNotIncrease) {
  ExchangeState state(McpLimits{}, "\"t\"");
  EXPECT_EQ(state.progress("t", 1), S::drop_unknown);
  EXPECT_EQ(state.progress("\"t\"", 1), S::pass);
  EXPECT_EQ(state.progress("\"t\"", 1), S::drop_backward);
  EXPECT_EQ(state.progress("\"t\"", 0.5), S::drop_backward);
  EXPECT_EQ(state.progress("\"t\"", 2), S::pass);
  EXPECT_EQ(ExchangeState(McpLimits{}).progress("", 1), S::drop_unknown);
}

TEST(ExchangeState, TakesEachAnswerOnce) {
  ExchangeState state(McpLimits{});
  EXPECT_EQ(state.ask("a"), S::pass);
  EXPECT_EQ(state.ask("a"), S::drop_duplicate);
  EXPECT_EQ(state.phase(), ExchangePhase::asked);
  EXPECT_EQ(state.answer("b"), S::drop_unknown);
  EXPECT_EQ(state.answer("a"), S::pass);
  EXPECT_EQ(state.phase(), ExchangePhase::open);
  EXPECT_EQ(state.answer("a"), S::drop_duplicate);
  EXPECT_EQ(state.ask("a"), S::pass);
  EXPECT_EQ(state.answer("a"), S::pass);
}

TEST(ExchangeState, BoundsOpenAsks) {
  ExchangeState state(two_asks());
  EXPECT_EQ(state.ask("a"), S::pass);
  EXPECT_EQ(state.ask("b"), S::pass);
  EXPECT_EQ(state.ask("c"), S::refuse_bound);
  EXPECT_EQ(state.withdraw("a"), S::pass);
  EXPECT_EQ(state.ask("c"), S::pass);
  EXPECT_EQ(state.asks(), (std::vector<std::string>{"b", "c"}));
}

TEST(ExchangeState, KnowsThatACancelledCallRanWhenItsLateAnswerComes) {
  ExchangeState state(McpLimits{});
  EXPECT_EQ(state.sent(), S::pass);
  EXPECT_EQ(state.cancel(), S::pass);
  EXPECT_EQ(state.finish(), S::drop_late);
  EXPECT_EQ(state.phase(), ExchangePhase::cancelled);
  EXPECT_EQ(state.outcome(), Outcome::answered);
}

TEST(ExchangeState, StaysUnknownWhenTheUpstreamDies) {
  ExchangeState state(McpLimits{});
  EXPECT_EQ(state.sent(), S::pass);
  EXPECT_EQ(state.died(), S::pass);
  EXPECT_EQ(state.outcome(), Outcome::sent_unknown);
  EXPECT_EQ(state.finish(), S::drop_late);
  EXPECT_EQ(state.outcome(), Outcome::sent_unknown);
}

// Every interleaving of ten events to depth 8, held against the rules as sentences.
enum class Event { send, notify, progress, ask_a, ask_b, answer_a, answer_b, cancel, finish, death };
constexpr std::array events{Event::send,     Event::notify,   Event::progress, Event::ask_a,  Event::ask_b,
                            Event::answer_a, Event::answer_b, Event::cancel,   Event::finish, Event::death};

// What is true of the path so far, kept apart from the code under test.
struct Path {
  ExchangeState state{two_asks(), "t"};
  bool sent = false;
  bool ended = false;     // a finish, cancel or death passed
  bool answered = false;  // a finish passed, or came late to a cancelled exchange
  bool cancelled = false;
  double last_progress = 0;
  int endings = 0;
  int asks[2] = {0, 0};     // passed
  int answers[2] = {0, 0};  // passed
  std::string talk;         // asks and answers that passed, in order
  std::string story;
};

ExchangeStep apply(Path& path, Event event) {
  switch (event) {
    case Event::send: return path.state.sent();
    case Event::notify: return path.state.notify();
    case Event::progress: return path.state.progress("t", path.last_progress + 1);
    case Event::ask_a: return path.state.ask("a");
    case Event::ask_b: return path.state.ask("b");
    case Event::answer_a: return path.state.answer("a");
    case Event::answer_b: return path.state.answer("b");
    case Event::cancel: return path.state.cancel();
    case Event::finish: return path.state.finish();
    case Event::death: return path.state.died();
  }
  return S::pass;
}

void hold_invariants(Path& path, Event event, ExchangeStep step, const ExchangeState& before) {
  const bool passed = step == S::pass;
  if (path.ended) {
    // Nothing passes after the end, and nothing changes but the knowledge that a cancelled call was answered.
    ASSERT_EQ(step, S::drop_late) << path.story;
    ASSERT_EQ(path.state.phase(), before.phase()) << path.story;
    ASSERT_EQ(path.state.asks(), before.asks()) << path.story;
  } else {
    ASSERT_NE(step, S::drop_late) << path.story;
  }
  if (event == Event::send && passed) path.sent = true;
  if (event == Event::progress && passed) ++path.last_progress;
  for (const int i : {0, 1}) {
    if (event == (i == 0 ? Event::ask_a : Event::ask_b) && passed) ++path.asks[i];
    if (event == (i == 0 ? Event::answer_a : Event::answer_b) && passed) ++path.answers[i];
    // Each passed ask is answered at most once, and is open until then.
    ASSERT_LE(path.answers[i], path.asks[i]) << path.story;
    ASSERT_LE(path.asks[i] - path.answers[i], 1) << path.story;
  }
  ASSERT_EQ(static_cast<int>(path.state.asks_open()),
            path.asks[0] + path.asks[1] - path.answers[0] - path.answers[1])
      << path.story;
  const bool ends = event == Event::finish || event == Event::cancel || event == Event::death;
  if (ends && passed) {
    path.ended = true;
    ++path.endings;
    path.cancelled = event == Event::cancel;
  }
  if (event == Event::finish && (passed || path.cancelled)) path.answered = true;
  ASSERT_LE(path.endings, 1) << path.story;
  ASSERT_EQ(path.state.over(), path.ended) << path.story;
  if (!path.ended) {
    ASSERT_EQ(path.state.phase() == ExchangePhase::asked, path.state.asks_open() > 0) << path.story;
  }
  const Outcome expected = path.answered ? Outcome::answered
                           : path.sent   ? Outcome::sent_unknown
                                         : Outcome::not_sent;
  ASSERT_EQ(path.state.outcome(), expected) << path.story;
}

// Two paths with the same summary behave alike from here on, so each summary is explored once a depth and
// counted as often as it is reached. The order of asks and answers is part of it, as it decides what the
// state remembers.
using Explored = std::map<std::pair<int, std::string>, std::uint64_t>;

std::string summary(const Path& path) {
  return path.talk + (path.sent ? "s" : "-") + (path.ended ? "e" : "-") + (path.answered ? "a" : "-") +
         (path.cancelled ? "c" : "-") + std::to_string(path.last_progress);
}

// The number of interleavings below this path.
std::uint64_t explore(const Path& path, int depth, Explored& explored) {
  if (depth == 0 || testing::Test::HasFatalFailure()) return 1;
  const auto key = std::pair(depth, summary(path));
  if (const auto known = explored.find(key); known != explored.end()) return known->second;
  std::uint64_t paths = 0;
  for (const Event event : events) {
    Path next = path;
    const char letter = "snpabABcfd"[static_cast<std::size_t>(event)];
    next.story.push_back(letter);
    const ExchangeStep step = apply(next, event);
    if (step == S::pass && event >= Event::ask_a && event <= Event::answer_b) next.talk.push_back(letter);
    hold_invariants(next, event, step, path.state);
    paths += explore(next, depth - 1, explored);
  }
  return explored[key] = paths;
}

TEST(ExchangeState, KeepsItsInvariantsInEveryInterleavingToDepthEight) {
  Explored explored;
  EXPECT_EQ(explore(Path{}, 8, explored), 100'000'000u);
  EXPECT_GT(explored.size(), 1000u);
}

}  // namespace
}  // namespace sluice
