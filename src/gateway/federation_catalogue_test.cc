// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_catalogue.h"

#include "gateway/federation.h"
#include "gateway/federation_testing.h"

namespace sluice::testing_federation {
namespace {

using Names = std::vector<std::string>;

class FederatedCatalogue : public FederationTest {
 protected:
  Names tools(Bytes principal = "me") {
    return names(request("tools/list", {}, "7", principal).result(), "tools");
  }
  Names legacy_tools() { return names(legacy("tools/list").result(), "tools"); }
  // A second session of the same principal.
  ClientExchange& hello(ClientSession& of) {
    return open(make_request("0", "initialize", R"({"protocolVersion":"2025-11-25","capabilities":{}})"),
                Era::legacy, &of, "me");
  }
  static void say_changed(Session& upstream) {
    upstream.send(make_notification("notifications/tools/list_changed"));
  }
  // A modern subscription to changes of tools, acknowledged.
  ClientExchange& listen(Bytes principal = "me") {
    for (FakeUpstream* upstream : {&files, &git, &web}) upstream->holds.insert("subscriptions/listen");
    ClientExchange& exchange =
        request("subscriptions/listen", R"("notifications":{"toolsListChanged":true})", "\"s\"", principal);
    for (FakeUpstream* upstream : {&files, &git, &web})
      upstream->held.back()->notify(
          make_notification("notifications/subscriptions/acknowledged",
                            R"({"_meta":{},"notifications":{"toolsListChanged":true}})"));
    EXPECT_EQ(exchange.notes.size(), 1U);
    return exchange;
  }
  static void say_changed_to_listener(FakeUpstream& upstream) {
    upstream.held.at(0)->notify(make_notification("notifications/tools/list_changed", R"({"_meta":{}})"));
  }
  // Without a hint how long they may be kept.
  static FakeUpstream::Answer list_of(const std::string& items, const std::string& ttl = {}) {
    return [=](const Envelope&) { return "{\"tools\":[" + items + "]" + ttl + "}"; };
  }
};

TEST_F(FederatedCatalogue, AsksAgainWhenTheTimeIsUpOnly) {
  git.answers["tools/list"] = list_of(tool("a"), R"(,"ttlMs":5000,"cacheScope":"public")");
  EXPECT_EQ(tools(), Names{"git__a"});
  world.advance(seconds(2));
  ClientExchange& again = request("tools/list");
  EXPECT_EQ(again.result()["ttlMs"].int64_or(0), 3000);  // what is left of it
  EXPECT_EQ(git.count("tools/list"), 1U);
  git.answers["tools/list"] = list_of(tool("b"), R"(,"ttlMs":5000)");
  world.advance(seconds(3));
  EXPECT_EQ(tools(), Names{"git__b"});
  EXPECT_EQ(git.count("tools/list"), 2U);
}

TEST_F(FederatedCatalogue, AsksEveryTimeWhereNothingMayBeKept) {
  git.answers["tools/list"] = list_of(tool("a"), R"(,"ttlMs":0)");
  EXPECT_EQ(tools(), Names{"git__a"});
  git.answers["tools/list"] = list_of(tool("b"), R"(,"ttlMs":0)");
  EXPECT_EQ(tools(), Names{"git__b"});
}

TEST_F(FederatedCatalogue, ShowsNobodyWhatAnotherPrincipalGot) {
  git.answers["tools/list"] = list_of(tool("mine"), R"(,"ttlMs":5000)");
  EXPECT_EQ(tools("me"), Names{"git__mine"});
  git.answers["tools/list"] = list_of(tool("yours"), R"(,"ttlMs":5000)");
  EXPECT_EQ(tools("you"), Names{"git__yours"});
  EXPECT_EQ(tools("me"), Names{"git__mine"});
}

TEST_F(FederatedCatalogue, TellsTheSessionsApartThatAHeaderGivesOnePrincipal) {
  federate(
      {{"files", files, seconds(5)}, {"git", git, seconds(5), {}, {}, "X-Chat"}, {"web", web, seconds(3)}});
  git.answers["tools/list"] = list_of(tool("of-one"), R"(,"ttlMs":5000)");
  kept_headers = {{"x-chat", "1"}, {"x-other", "a"}};
  EXPECT_EQ(tools(), Names{"git__of-one"});
  git.answers["tools/list"] = list_of(tool("of-two"), R"(,"ttlMs":5000)");
  kept_headers = {{"X-Chat", "2"}};
  EXPECT_EQ(tools(), Names{"git__of-two"});
  kept_headers = {{"X-Chat", "1"}, {"x-other", "b"}};
  EXPECT_EQ(tools(), Names{"git__of-one"});
  EXPECT_EQ(git.count("tools/list"), 2U);
}

TEST_F(FederatedCatalogue, TellsLegacySessionsApartByTheHeaderOfTheirHandshake) {
  federate(
      {{"files", files, seconds(5)}, {"git", git, seconds(5), {}, {}, "X-Chat"}, {"web", web, seconds(3)}});
  ClientSession other;
  const auto tools_of = [this](ClientSession& of) {
    return names(open(make_request("9", "tools/list"), Era::legacy, &of, "me").result(), "tools");
  };
  kept_headers = {{"X-Chat", "1"}};
  hello(session);
  kept_headers = {{"X-Chat", "2"}};
  hello(other);
  git.answers["tools/list"] = list_of(tool("of-one"));
  EXPECT_EQ(tools_of(session), Names{"git__of-one"});
  git.answers["tools/list"] = list_of(tool("of-two"));
  EXPECT_EQ(tools_of(other), Names{"git__of-two"});
  EXPECT_EQ(tools_of(session), Names{"git__of-one"});
  federation->ended(other);
  other.attachment.reset();
  world.settle();
}

TEST_F(FederatedCatalogue, TellsClassesOfCapabilitiesApart) {
  git.answers["tools/list"] = [](const Envelope& envelope) {
    const bool asks = envelope.text.find("elicitation") != Bytes::npos;
    return "{\"tools\":[" + tool(asks ? "asking" : "plain") + R"(],"ttlMs":5000})";
  };
  EXPECT_EQ(tools(), Names{"git__plain"});
  const std::string text =
      make_request("1", "tools/list",
                   R"({"_meta":{"io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{}}}}})");
  EXPECT_EQ(names(open(text, Era::modern, nullptr, "me").result(), "tools"), Names{"git__asking"});
  EXPECT_EQ(tools(), Names{"git__plain"});
}

TEST_F(FederatedCatalogue, ShowsAnOlderListWhileAServerIsSlow) {
  files.answers["tools/list"] = list_of(tool("a"), R"(,"ttlMs":0)");
  git.answers["tools/list"] = list_of(tool("b"), R"(,"ttlMs":0,"cacheScope":"public")");
  ClientExchange& hears = listen();
  EXPECT_EQ(tools(), (Names{"files__a", "git__b"}));
  git.holds.insert("tools/list");
  ClientExchange& list = request("tools/list");
  EXPECT_FALSE(list.is_over);
  world.advance(FederationLimits{}.refresh_wait);
  ASSERT_TRUE(list.is_over);
  EXPECT_EQ(names(list.result(), "tools"), (Names{"files__a", "git__b"}));
  EXPECT_EQ(list.result()["cacheScope"].string_or(""), "private");
  EXPECT_EQ(git.count("tools/list"), 2U);
  // When the answer comes and is another one, who listens hears of it.
  git.held.back()->finish(
      make_response(git.held.back()->request().message.id(), R"({"tools":[{"name":"c"}],"ttlMs":5000})"));
  world.advance(milliseconds(50));
  ASSERT_EQ(hears.notes.size(), 2U);
  EXPECT_NE(hears.notes[1].find("tools/list_changed"), std::string::npos);
  EXPECT_EQ(tools(), (Names{"files__a", "git__c"}));
  EXPECT_EQ(git.count("tools/list"), 2U);
}

TEST_F(FederatedCatalogue, WaitsOnceForAServerThatHangs) {
  git.answers["tools/list"] = list_of(tool("b"), R"(,"ttlMs":0)");
  web.holds = {"tools/list"};
  ClientExchange& first = request("tools/list");
  world.advance(seconds(3));
  EXPECT_EQ(names(first.result(), "tools"), Names{"git__b"});
  ClientExchange& second = request("tools/list");
  world.advance(FederationLimits{}.refresh_wait);
  EXPECT_EQ(names(second.result(), "tools"), Names{"git__b"});
  EXPECT_EQ(second.result()["ttlMs"].int64_or(-1), 0);
  ClientExchange& third = request("tools/list");  // waits for the same answer
  EXPECT_EQ(web.count("tools/list"), 2U);
  web.held.back()->finish(
      make_response(web.held.back()->request().message.id(), R"({"tools":[{"name":"w"}]})"));
  world.settle();
  EXPECT_EQ(names(third.result(), "tools"), (Names{"git__b", "web__w"}));
}

TEST_F(FederatedCatalogue, LetsNothingElseWaitForAServerThatAListWaitedForInVain) {
  git.pages["prompts/list"] = {tool("p")};
  git.answers["server/discover"] = [](const Envelope&) { return R"({"capabilities":{"tools":{}}})"; };
  web.holds = {"tools/list", "prompts/list", "server/discover", "resources/list", "resources/templates/list"};
  request("tools/list");
  world.advance(seconds(3));
  for (const char* method : {"prompts/list", "server/discover"}) {
    ClientExchange& next = request(method);
    EXPECT_FALSE(next.is_over) << method;
    world.advance(FederationLimits{}.refresh_wait);
    EXPECT_TRUE(next.is_over) << method;
    EXPECT_EQ(next.code(), 0) << method;
  }
  ClientExchange& read = request("resources/read", R"("uri":"x:1")");  // whose it is has to be learned
  world.advance(FederationLimits{}.refresh_wait);
  EXPECT_TRUE(read.is_over);
  // Another principal may have better luck, and waits as long as anybody.
  ClientExchange& yours = request("prompts/list", {}, "7", "you");
  world.advance(FederationLimits{}.refresh_wait);
  EXPECT_FALSE(yours.is_over);
  world.advance(seconds(3));
  EXPECT_TRUE(yours.is_over);
}

TEST_F(FederatedCatalogue, TakesNoHandshakeForASignThatListsCome) {
  web.holds = {"tools/list", "prompts/list"};
  for (auto* server : {&git, &web})
    server->answers["server/discover"] = [](const Envelope&) { return R"({"capabilities":{"prompts":{}}})"; };
  git.pages["prompts/list"] = {tool("p")};
  request("tools/list");
  world.advance(seconds(3));
  EXPECT_TRUE(request("server/discover").is_over);
  ClientExchange& list = request("prompts/list");
  world.advance(FederationLimits{}.refresh_wait);
  EXPECT_TRUE(list.is_over);
}

TEST_F(FederatedCatalogue, WaitsAgainForAServerThatAnsweredSomething) {
  web.holds = {"tools/list"};
  git.pages["prompts/list"] = {tool("p")};
  request("tools/list");
  world.advance(seconds(3));
  web.answers["tools/call"] = [](const Envelope&) { return "{}"; };
  request("tools/call", R"("name":"web__t")");
  web.holds.insert("prompts/list");
  ClientExchange& list = request("prompts/list");
  world.advance(FederationLimits{}.refresh_wait);
  EXPECT_FALSE(list.is_over);
  web.pages["prompts/list"] = {tool("late")};
  web.finish(R"({"prompts":[{"name":"late"}]})");
  EXPECT_EQ(names(list.result(), "prompts"), (Names{"git__p", "web__late"}));
}

TEST_F(FederatedCatalogue, ShowsAnOlderListOfAServerThatDied) {
  git.answers["tools/list"] = list_of(tool("b"), R"(,"ttlMs":0)");
  EXPECT_EQ(tools(), Names{"git__b"});
  git.is_dead = true;
  EXPECT_EQ(tools(), Names{"git__b"});
  world.advance(FederationLimits{}.kept);
  EXPECT_NE(request("tools/list").code(), 0);  // too old to be of use
}

TEST_F(FederatedCatalogue, AsksOnceForWhoWaitsTogetherAndGivesUpWithTheLast) {
  git.holds = {"tools/list"};
  ClientExchange& one = request("tools/list");
  ClientExchange& two = request("tools/list");
  EXPECT_EQ(git.count("tools/list"), 1U);
  cancel(one);
  EXPECT_TRUE(git.cancels.empty());
  cancel(two);
  EXPECT_EQ(git.cancels.size(), 1U);
}

TEST_F(FederatedCatalogue, KeepsTheListOfALegacyServerWhileItWouldTellOfChanges) {
  git.answers["tools/list"] = list_of(tool("a"));
  initialize();
  EXPECT_EQ(legacy_tools(), Names{"git__a"});
  EXPECT_EQ(legacy_tools(), Names{"git__a"});
  EXPECT_EQ(git.count("tools/list"), 1U);
  git.answers["tools/list"] = list_of(tool("b"));
  say_changed(**git.sessions.begin());
  EXPECT_EQ(legacy_tools(), Names{"git__b"});
  // Without a session that hears of changes it is asked every time.
  Session* dying = *git.sessions.begin();
  git.sessions.clear();
  dying->end("the child died");
  world.settle();
  git.hello = R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{}}})";
  EXPECT_EQ(legacy_tools(), Names{"git__b"});
  const std::size_t asked = git.count("tools/list");
  EXPECT_EQ(legacy_tools(), Names{"git__b"});
  EXPECT_EQ(git.count("tools/list"), asked + 1);
}

TEST_F(FederatedCatalogue, IsSharedByLikeSessionsUntilAServerTellsOneOfAChange) {
  git.answers["tools/list"] = list_of(tool("a"));
  ClientSession other;
  hello(session);
  hello(other);
  const auto tools_of = [this](ClientSession& of) {
    return names(open(make_request("9", "tools/list"), Era::legacy, &of, "me").result(), "tools");
  };
  EXPECT_EQ(tools_of(session), Names{"git__a"});
  EXPECT_EQ(tools_of(other), Names{"git__a"});
  EXPECT_EQ(git.count("tools/list"), 1U);
  // A server whose tools belong to a session: the other one's are as they were.
  Session* first_at_git = nullptr;
  for (Session* one : git.sessions) first_at_git = one;
  say_changed(*first_at_git);
  world.advance(milliseconds(50));
  const std::size_t told = session.sent.size() + other.sent.size();
  EXPECT_EQ(told, 0U);  // it says so, but it is the same list
  EXPECT_EQ(tools_of(session), Names{"git__a"});
  EXPECT_EQ(tools_of(other), Names{"git__a"});
  federation->ended(other);
  other.attachment.reset();
  world.settle();
}

TEST_F(FederatedCatalogue, TellsOnlyOfListsThatAreOtherOnesForClients) {
  NameRules rules;
  rules.tools.deny = {"hidden*"};
  federate({{"files", files, seconds(5), rules}, {"git", git, seconds(5)}, {"web", web, seconds(3)}});
  files.answers["tools/list"] = list_of(tool("a") + "," + tool("hidden"), R"(,"ttlMs":60000)");
  ClientExchange& hears = listen();
  EXPECT_EQ(tools(), Names{"files__a"});
  files.answers["tools/list"] = list_of(tool("a") + "," + tool("hidden2"), R"(,"ttlMs":60000)");
  say_changed_to_listener(files);
  world.advance(seconds(1));
  EXPECT_EQ(files.count("tools/list"), 2U);
  EXPECT_EQ(hears.notes.size(), 1U);
  files.answers["tools/list"] = list_of(tool("a") + "," + tool("b"), R"(,"ttlMs":60000)");
  say_changed_to_listener(files);
  world.advance(seconds(1));
  EXPECT_EQ(hears.notes.size(), 2U);
  EXPECT_EQ(tools(), (Names{"files__a", "files__b"}));
  EXPECT_EQ(files.count("tools/list"), 3U);  // read when it changed
}

TEST_F(FederatedCatalogue, TellsOfAListOfWhichItHasAPartOnly) {
  git.pages["tools/list"] = {tool("a"), tool("b")};
  ClientExchange& hears = listen();
  tools();
  say_changed_to_listener(git);
  world.advance(milliseconds(50));
  EXPECT_EQ(hears.notes.size(), 2U);
}

TEST_F(FederatedCatalogue, ReadsEveryPageToSeeWhetherAListChanged) {
  git.pages["tools/list"] = {tool("a"), tool("b")};
  ClientExchange& hears = listen();
  const std::string cursor = request("tools/list").result()["nextCursor"].dump();
  request("tools/list", "\"cursor\":" + cursor);
  say_changed_to_listener(git);
  world.advance(milliseconds(50));
  EXPECT_EQ(git.count("tools/list"), 4U);
  EXPECT_EQ(hears.notes.size(), 1U);
  git.pages["tools/list"] = {tool("a"), tool("c")};
  say_changed_to_listener(git);
  world.advance(milliseconds(50));
  EXPECT_EQ(hears.notes.size(), 2U);
}

TEST_F(FederatedCatalogue, TakesAListForTheSameHoweverItIsPaged) {
  const auto big = [](const std::string& name) {
    return R"({"name":")" + name + R"(","description":")" + std::string(50'000, 'x') + "\"}";
  };
  git.pages["tools/list"] = {big("a"), big("b")};
  ClientExchange& hears = listen();
  const std::string cursor = request("tools/list").result()["nextCursor"].dump();
  request("tools/list", "\"cursor\":" + cursor);
  git.pages["tools/list"] = {big("a") + "," + big("b")};
  say_changed_to_listener(git);
  world.advance(milliseconds(50));
  EXPECT_EQ(hears.notes.size(), 1U);
  git.pages["tools/list"] = {big("a") + "," + big("c")};
  say_changed_to_listener(git);
  world.advance(milliseconds(50));
  EXPECT_EQ(hears.notes.size(), 2U);
}

TEST_F(FederatedCatalogue, HoldsAnAnswerUntilItIsKnownWhetherItChangedAList) {
  git.answers["tools/list"] = list_of(tool("a"), R"(,"ttlMs":60000)");
  ClientExchange& hears = listen();
  EXPECT_EQ(tools(), Names{"git__a"});
  git.answers["tools/call"] = [this](const Envelope&) {
    say_changed_to_listener(git);
    return R"({"content":[]})";
  };
  git.holds.insert("tools/list");
  ClientExchange& call = request("tools/call", R"("name":"git__a")");
  EXPECT_FALSE(call.is_over);
  git.held.back()->finish(
      make_response(git.held.back()->request().message.id(), R"({"tools":[{"name":"b"}],"ttlMs":60000})"));
  world.settle();
  EXPECT_TRUE(call.is_over);
  EXPECT_EQ(hears.notes.size(), 2U);
  // Not for long: then it is told of, whatever it is.
  ClientExchange& other = request("tools/call", R"("name":"git__a")");
  EXPECT_FALSE(other.is_over);
  EXPECT_EQ(hears.notes.size(), 2U);
  world.advance(FederationLimits{}.change_wait);
  EXPECT_TRUE(other.is_over);
  EXPECT_EQ(hears.notes.size(), 3U);
  // One whose client does not wait is nobody's.
  ClientExchange& dropped = request("tools/call", R"("name":"git__a")");
  cancel(dropped);
  world.advance(seconds(1));
}

TEST_F(FederatedCatalogue, ReachesEverySubscriptionAndSessionOfThePrincipal) {
  git.answers["tools/call"] = [](const Envelope&) { return R"({"content":[]})"; };
  ClientExchange& mine = listen("me");
  ClientExchange& yours = listen("you");
  initialize();
  say_changed(**git.sessions.begin());
  legacy("tools/call", R"({"name":"git__t"})");
  EXPECT_EQ(session.sent.size(), 1U);  // before the answer
  EXPECT_EQ(mine.notes.size(), 2U);
  EXPECT_EQ(yours.notes.size(),
            1U);  // they hear of it from the server, if it is theirs
  world.advance(seconds(1));
  EXPECT_EQ(yours.notes.size(), 1U);
}

TEST_F(FederatedCatalogue, GoesOnWithAnotherSessionWhenTheOneThatAskedEnds) {
  ClientSession other;
  hello(session);
  hello(other);
  git.holds = {"tools/list"};
  ClientExchange& one = open(make_request("8", "tools/list"), Era::legacy, &other, "me");
  ClientExchange& two = legacy("tools/list");
  EXPECT_EQ(git.count("tools/list"), 1U);
  cancel(one);
  federation->ended(other);
  other.attachment.reset();
  world.settle();
  EXPECT_FALSE(two.is_over);
  EXPECT_EQ(git.count("tools/list"), 2U);
  git.held.back()->finish(
      make_response(git.held.back()->request().message.id(), R"({"tools":[{"name":"a"}]})"));
  world.settle();
  EXPECT_EQ(names(two.result(), "tools"), Names{"git__a"});
}

TEST_F(FederatedCatalogue, KeepsNoMoreThanItMay) {
  const std::size_t most = FederationLimits{}.callers_max;
  git.answers["tools/list"] = list_of(tool("a"), R"(,"ttlMs":60000)");
  for (std::size_t i = 0; i <= most; ++i) {
    request("tools/list", {}, "7", "caller " + std::to_string(i));
    exchanges.clear();
  }
  EXPECT_EQ(git.count("tools/list"), most + 1);
  const std::size_t used = world.reactor().budget().bytes_used();
  EXPECT_GT(used, 0U);
  request("tools/list", {}, "7", "one more");
  EXPECT_LT(world.reactor().budget().bytes_used(), used + 100);  // ids have one digit more, say
}

TEST_F(FederatedCatalogue, KeepsNoListsOfASessionsOwnBeyondTheBound) {
  limit([](Limits& limits) { limits.federation.callers_max = 1; });
  initialize();
  git.answers["tools/list"] = list_of(tool("a"));
  EXPECT_EQ(legacy_tools(), Names{"git__a"});
  EXPECT_EQ(legacy_tools(), Names{"git__a"});
  EXPECT_EQ(git.count("tools/list"), 1U);
  git.answers["tools/list"] = list_of(tool("b"));
  say_changed(**git.sessions.begin());
  EXPECT_EQ(session.sent.size(), 1U) << "there is nothing to hold it against";
  EXPECT_EQ(legacy_tools(), Names{"git__b"});
  const std::size_t asked = git.count("tools/list");
  EXPECT_EQ(legacy_tools(), Names{"git__b"});
  EXPECT_EQ(git.count("tools/list"), asked + 1);
  // One that is being asked for when the session ends goes with it.
  git.holds = {"tools/list"};
  ClientExchange& last = legacy("tools/list");
  cancel(last);
  Session* dying = *git.sessions.begin();
  git.sessions.clear();
  dying->end("the child died");
  world.settle();
  EXPECT_GE(session.sent.size(), 2U);
  // Who comes anew is served, and hears of changes, all the same.
  git.holds.clear();
  ClientExchange& hears = listen("you");
  EXPECT_EQ(tools("you"), Names{"git__b"});
  git.answers["tools/list"] = list_of(tool("c"));
  say_changed_to_listener(git);
  world.advance(milliseconds(50));
  EXPECT_EQ(hears.notes.size(), 2U);
}

}  // namespace
}  // namespace sluice::testing_federation
