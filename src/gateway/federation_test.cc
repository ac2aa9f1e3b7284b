// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation.h"

#include "gateway/federation_testing.h"

namespace sluice::testing_federation {
namespace {

using Names = std::vector<std::string>;

TEST_F(FederationTest, MergesListsInTheOrderOfTheConfiguration) {
  files.pages["tools/list"] = {tool("read") + "," + tool("write")};
  git.pages["tools/list"] = {tool("read")};
  ClientExchange& list = request("tools/list");
  EXPECT_EQ(names(list.result(), "tools"), (Names{"files__read", "files__write", "git__read"}));
  EXPECT_EQ(list.result()["ttlMs"].int64_or(0), 60000);
  EXPECT_EQ(list.result()["cacheScope"].string_or(""), "public");
  EXPECT_EQ(list.result()["resultType"].string_or(""), "complete");
  EXPECT_EQ(sink.text.find("left out"), std::string::npos);  // who has no tools is not missed
  EXPECT_TRUE(files.last()["params"]["_meta"].contains("io.modelcontextprotocol/protocolVersion"));
  EXPECT_FALSE(files.last()["params"]["_meta"].contains("progressToken"));
}

TEST_F(FederationTest, ReachesEveryPageOfEveryUpstream) {
  files.pages["tools/list"] = {tool("a"), tool("b"), tool("c")};
  git.pages["tools/list"] = {tool("d")};
  web.pages["tools/list"] = {tool("e"), tool("f")};
  Names all;
  std::string cursor;
  int pages = 0;
  for (bool more = true; more; ++pages) {
    const Json result = request("tools/list", pages == 0 ? "" : "\"cursor\":\"" + cursor + "\"").result();
    for (const std::string& name : names(result, "tools")) all.push_back(name);
    more = result.contains("nextCursor");
    cursor = result["nextCursor"].string_or("");
    ASSERT_LT(pages, 10);
  }
  EXPECT_EQ(all, (Names{"files__a", "files__b", "files__c", "git__d", "web__e", "web__f"}));
  EXPECT_EQ(pages, 4);
  EXPECT_EQ(names(request("tools/list", R"("cursor":"")").result(), "tools"), Names{"files__a"});
}

TEST_F(FederationTest, PutsNoMoreOnAPageThanClientsMayRead) {
  const std::size_t half = FederationLimits{}.page_bytes_max / 2;
  const auto big = [half](const std::string& name) {
    return R"({"name":")" + name + R"(","description":")" + std::string(half, 'x') + "\"}";
  };
  files.pages["tools/list"] = {big("a") + "," + big("b") + "," + big("c")};  // one that is whole all the same
  git.pages["tools/list"] = {big("d")};
  web.pages["tools/list"] = {tool("e")};
  const Json first = request("tools/list").result();
  EXPECT_EQ(names(first, "tools"), (Names{"files__a", "files__b", "files__c"}));
  const Json second = request("tools/list", "\"cursor\":" + first["nextCursor"].dump()).result();
  EXPECT_EQ(names(second, "tools"), (Names{"git__d", "web__e"}));
  EXPECT_FALSE(second.contains("nextCursor"));
}

TEST_F(FederationTest, RefusesCursorsThatItDidNotGiveToThisCallerForThisList) {
  files.pages["tools/list"] = {tool("a"), tool("b")};
  files.pages["prompts/list"] = {tool("a"), tool("b")};
  const std::string cursor = "\"cursor\":" + request("tools/list").result()["nextCursor"].dump();
  EXPECT_EQ(request("tools/list", R"("cursor":"made up")").code(), -32602);
  EXPECT_EQ(request("tools/list", R"("cursor":1)").code(), -32602);
  EXPECT_EQ(request("prompts/list", cursor).code(), -32602);
  EXPECT_EQ(request("tools/list", cursor, "7", "somebody else").code(), -32602);
  EXPECT_EQ(request("tools/list", cursor).code(), 0);
}

TEST_F(FederationTest, LeavesOutWhoIsDeadOrSlow) {
  files.is_dead = true;
  git.pages["tools/list"] = {tool("a")};
  web.holds = {"tools/list"};
  ClientExchange& list = request("tools/list");
  EXPECT_FALSE(list.is_over);
  world.advance(seconds(3));
  ASSERT_TRUE(list.is_over);
  EXPECT_EQ(names(list.result(), "tools"), Names{"git__a"});
  EXPECT_EQ(list.result()["ttlMs"].int64_or(-1), 0);  // to be asked again soon
  EXPECT_EQ(web.cancels, std::vector{CancelReason::timed_out});
  EXPECT_EQ(testing_fronts::count_of(sink.text, "an upstream is left out"), 2U);
}

TEST_F(FederationTest, FailsAListOnlyWhenNobodyAnswers) {
  files.is_dead = git.is_dead = true;
  EXPECT_EQ(request("tools/list").code(), -32603);  // web has no tools
  git.is_dead = files.is_dead = false;
  ClientExchange& none = request("tools/list");
  EXPECT_EQ(none.code(), -32601);
  EXPECT_EQ(none.status, 404);
}

TEST_F(FederationTest, GoesOnBehindAnUpstreamThatDiesBetweenPages) {
  files.pages["tools/list"] = {tool("a"), tool("b")};
  git.pages["tools/list"] = {tool("c")};
  const std::string cursor = request("tools/list").result()["nextCursor"].dump();
  files.is_dead = true;
  EXPECT_EQ(names(request("tools/list", "\"cursor\":" + cursor).result(), "tools"), Names{"git__c"});
}

TEST_F(FederationTest, UnitesWhatUpstreamsSayOfThemselves) {
  files.answers["server/discover"] = [](const Envelope&) {
    return R"({"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"instructions":"Read.",)"
           R"("ttlMs":9})";
  };
  git.answers["server/discover"] = [](const Envelope&) {
    return R"({"supportedVersions":["2026-07-28"],"capabilities":{"prompts":{}},"ttlMs":9})";
  };
  web.is_dead = true;
  const Json result = request("server/discover").result();
  EXPECT_EQ(result["capabilities"].dump(), R"({"tools":{},"prompts":{}})");
  EXPECT_EQ(result["instructions"].string_or(""), "# files\n\nRead.");
  EXPECT_EQ(result["ttlMs"].int64_or(-1), 0);  // one is missing
  EXPECT_EQ(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"].string_or(""), "sluice");
  EXPECT_NE(sink.text.find("\"web\""), std::string::npos);
  files.is_dead = git.is_dead = true;
  EXPECT_EQ(request("server/discover").result()["instructions"].string_or(""), "# files\n\nRead.");
  world.advance(FederationLimits{}.kept);
  EXPECT_EQ(request("server/discover").code(), -32603);
}

TEST_F(FederationTest, SendsACallToItsOwnerWithNothingChangedButTheName) {
  git.answers["tools/call"] = [](const Envelope&) { return R"({"content":[], "n":12345678901234567890})"; };
  ClientExchange& call =
      request("tools/call", R"("name":"git__log","arguments":{"z":9007199254740993,"a":1.50})", "\"c1\"");
  EXPECT_EQ(call.answer, R"({"jsonrpc":"2.0","id":"c1","result":{"content":[], "n":12345678901234567890}})");
  EXPECT_EQ(git.texts.back(),
            R"({"jsonrpc":"2.0","id":"c1","method":"tools/call","params":{"_meta":)"
            R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":"t"},)"
            R"("name":"log","arguments":{"z":9007199254740993,"a":1.50}}})");
  EXPECT_EQ(git.count("tools/list"), 0U);
  EXPECT_TRUE(files.seen.empty());
}

TEST_F(FederationTest, ListsFirstToLearnAShortenedName) {
  const std::string original = "a tool with blanks and " + std::string(60, 'x');
  const std::string shown = FederatedNames({"files", "git", "web"}, {}).outward(1, original).text;
  git.pages["tools/list"] = {tool("other"), tool("another"), tool(original)};
  git.answers["tools/call"] = [](const Envelope&) { return R"({"content":[]})"; };
  EXPECT_EQ(request("tools/call", "\"name\":\"" + shown + "\"").code(), 0);
  EXPECT_EQ(git.last()["params"]["name"].string_or(""), original);
  EXPECT_EQ(git.count("tools/list"), 3U);
  EXPECT_EQ(request("tools/call", "\"name\":\"" + shown + "\"").code(), 0);
  EXPECT_EQ(git.count("tools/list"), 3U);
  EXPECT_EQ(request("tools/call", R"("name":"git__made_up_0123456789")").code(), -32602);
}

TEST_F(FederationTest, RefusesNamesOfNobody) {
  EXPECT_EQ(request("tools/call", R"("name":"nobody__log")").code(), -32602);
  EXPECT_EQ(request("prompts/get", R"("name":"log")").code(), -32602);
  EXPECT_EQ(request("tools/call").code(), -32602);
  EXPECT_EQ(request("tasks/get", R"("taskId":"1")").code(), -32602);
  EXPECT_EQ(request("tasks/list").code(), -32601);
  EXPECT_TRUE(git.seen.empty());
}

TEST_F(FederationTest, PutsTheClientsNameIntoACompletionsReference) {
  git.answers["completion/complete"] = [](const Envelope&) { return R"({"completion":{"values":[]}})"; };
  const Bytes argument = R"(,"argument":{"name":"a","value":""})";
  request("completion/complete", R"("ref":{"type":"ref/prompt","name":"git__p"})" + std::string(argument));
  EXPECT_EQ(git.last()["params"]["ref"]["name"].string_or(""), "p");
  request("completion/complete",
          R"("ref":{"type":"ref/resource","uri":"gw+git:x:{a}"})" + std::string(argument));
  EXPECT_EQ(git.last()["params"]["ref"]["uri"].string_or(""), "x:{a}");
}

TEST_F(FederationTest, TellsTheSameUriOfTwoUpstreamsApart) {
  files.pages["resources/list"] = {R"({"uri":"x:1","name":"one"},{"uri":"x:2","name":"two"})"};
  git.pages["resources/list"] = {R"({"uri":"x:1","name":"one"})"};
  const auto read = [](const Envelope& envelope) {
    return R"({"contents":[{"uri":)" + std::string(envelope.view(envelope.uri_span)) + R"(,"text":""}]})";
  };
  files.answers["resources/read"] = git.answers["resources/read"] = read;
  EXPECT_EQ(names(request("resources/list").result(), "resources", "uri"),
            (Names{"x:1", "x:2", "gw+git:x:1"}));
  const auto read_uri = [&](const std::string& uri) {
    return request("resources/read", "\"uri\":\"" + uri + "\"").result()["contents"][0]["uri"].dump();
  };
  EXPECT_EQ(read_uri("x:1"), R"("x:1")");
  EXPECT_EQ(git.count("resources/read"), 0U);
  EXPECT_EQ(read_uri("gw+git:x:1"), R"("gw+git:x:1")");
  EXPECT_EQ(git.last()["params"]["uri"].string_or(""), "x:1");
  git.answers["tools/call"] = [](const Envelope&) {
    return R"({"content":[{"type":"resource_link","uri":"x:1"}]})";
  };
  EXPECT_EQ(request("tools/call", R"("name":"git__t")").result()["content"][0]["uri"].string_or(""),
            "gw+git:x:1");
}

TEST_F(FederationTest, FindsWhoseAUriIsWhenNobodyHasListedIt) {
  const auto contents = [](const Envelope&) { return R"({"contents":[]})"; };
  files.pages["resources/list"] = {R"({"uri":"x:1","name":"one"})"};
  git.pages["resources/templates/list"] = {R"({"uriTemplate":"repo://{name}","name":"r"})"};
  files.answers["resources/read"] = [](const Envelope& envelope) {
    return envelope.uri == "x:1" ? R"({"contents":[]})" : "-32002";
  };
  git.answers["resources/read"] = contents;
  EXPECT_EQ(request("resources/read", R"("uri":"x:1")").code(), 0);
  EXPECT_EQ(files.count("resources/read"), 1U);
  EXPECT_EQ(request("resources/read", R"("uri":"repo://a")").code(), 0);
  EXPECT_EQ(files.count("resources/read"), 1U);
  EXPECT_EQ(git.count("resources/read"), 1U);
  // On no list: one after the other, until one knows it.
  EXPECT_EQ(request("resources/read", R"("uri":"hidden:1")").code(), 0);
  EXPECT_EQ(files.count("resources/read"), 2U);
  EXPECT_EQ(git.count("resources/read"), 2U);
  EXPECT_EQ(request("resources/read", R"("uri":"hidden:1")").code(), 0);
  EXPECT_EQ(files.count("resources/read"), 2U);
}

TEST_F(FederationTest, SaysSoWhenNobodyHasTheResource) {
  ClientExchange& read = request("resources/read", R"("uri":"x:9")");
  EXPECT_EQ(read.code(), -32602);
  EXPECT_EQ((*Json::parse(read.answer))["error"]["data"]["uri"].string_or(""), "x:9");
}

TEST_F(FederationTest, SealsTheStateOfAQuestionWithItsUpstream) {
  git.answers["tools/call"] = [](const Envelope& envelope) -> std::string {
    if (envelope.input_responses) return R"({"content":[]})";
    return R"({"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create",)"
           R"("params":{"message":"Sure?"}}},"requestState":"theirs"})";
  };
  const Json asked = request("tools/call", R"("name":"git__rm","arguments":{"a":1})").result();
  EXPECT_EQ(asked["inputRequests"]["k"]["params"]["message"].string_or(""), "[git] Sure?");
  const std::string state(asked["requestState"].string_or(""));
  EXPECT_NE(state, "theirs");
  const std::string retry = R"(,"inputResponses":{"k":{}},"requestState":")" + state + "\"";
  EXPECT_EQ(request("tools/call", R"("name":"git__rm","arguments":{"a":1})" + retry).code(), 0);
  EXPECT_EQ(git.last()["params"]["requestState"].string_or(""), "theirs");
  EXPECT_EQ(git.last()["params"]["name"].string_or(""), "rm");
  const std::size_t calls_before = git.seen.size();
  EXPECT_EQ(request("tools/call", R"("name":"git__rm","arguments":{"a":2})" + retry).code(), -32602);
  EXPECT_EQ(request("tools/call", R"("name":"git__rm","arguments":{"a":1})" + retry, "7", "other").code(),
            -32602);
  EXPECT_EQ(request("tools/call", R"("name":"git__rm","requestState":"theirs")").code(), -32602);
  EXPECT_EQ(git.seen.size(), calls_before);
}

TEST_F(FederationTest, CancelsWhatItOpened) {
  git.holds = {"tools/call"};
  files.holds = git.holds = web.holds = {"tools/call", "tools/list"};
  ClientExchange& call = request("tools/call", R"("name":"git__rm")");
  cancel(call);
  EXPECT_EQ(git.cancels, std::vector{CancelReason::client});
  ClientExchange& list = request("tools/list");
  cancel(list);
  EXPECT_EQ(files.cancels.size(), 1U);
  EXPECT_EQ(git.cancels.size(), 2U);
  EXPECT_EQ(web.cancels.size(), 1U);
}

TEST_F(FederationTest, PassesNotesAndRoomOfACall) {
  git.holds = {"tools/call"};
  ClientExchange& call = request("tools/call", R"("name":"git__rm")");
  call.room = 0;
  const std::string note =
      make_notification("notifications/progress", R"({"progressToken":"t","progress":1})");
  EXPECT_EQ(git.held.at(0)->notify(note), 0U);
  EXPECT_EQ(call.notes, std::vector{note});
  federation->drained(call);
  EXPECT_EQ(git.drains, 1);
  git.finish("{}");
  EXPECT_TRUE(call.is_over);
}

TEST_F(FederationTest, HandsOnSignsOfLife) {
  git.holds = {"tools/call"};
  ClientExchange& call = request("tools/call", R"("name":"git__t")");
  git.held.at(0)->sign(LifeSign::work);
  git.held.at(0)->sign(LifeSign::person);
  EXPECT_EQ(call.signs, (std::vector<LifeSign>{LifeSign::work, LifeSign::person}));
  git.finish("{}");
}

TEST_F(FederationTest, KnowsWhoseATaskIs) {
  git.answers["tools/call"] = [](const Envelope&) {
    return R"({"resultType":"task","taskId":"7","status":"working"})";
  };
  git.answers["tasks/get"] = [](const Envelope&) {
    return R"({"resultType":"complete","taskId":"7","status":"completed","result":)"
           R"({"content":[{"type":"resource_link","name":"n","uri":"x:1"}]}})";
  };
  const std::string id(request("tools/call", R"("name":"git__t")").result()["taskId"].string_or(""));
  ASSERT_GT(id.size(), 10U);
  const std::string of_task = "\"taskId\":\"" + id + "\"";
  const Json task = request("tasks/get", of_task).result();
  EXPECT_EQ(git.last()["params"]["taskId"].string_or(""), "7");
  EXPECT_EQ(task["taskId"].string_or(""), id);
  EXPECT_EQ(request("tasks/get", of_task.substr(0, of_task.size() - 3) + "A\"").code(), -32602);
}

class FederatedListen : public FederationTest {
 protected:
  static constexpr Bytes wishes =
      R"("notifications":{"toolsListChanged":true,"resourceSubscriptions":["gw+git:x:1","x:2"]})";

  void SetUp() override {
    FederationTest::SetUp();
    files.holds = git.holds = web.holds = {"subscriptions/listen"};
  }
  static void acknowledge(FakeUpstream& upstream) {
    Exchange& exchange = *upstream.held.at(0);
    const Json request = *Json::parse(exchange.request().message.text());
    exchange.notify(make_notification(
        "notifications/subscriptions/acknowledged",
        params(exchange, "\"notifications\":" + request["params"]["notifications"].dump())));
  }
  static std::string params(const Exchange& exchange, Bytes members) {
    return R"({"_meta":{"io.modelcontextprotocol/subscriptionId":)" +
           std::string(exchange.request().message.id()) + "}" +
           (members.empty() ? "" : "," + std::string(members)) + "}";
  }
  static void say_changed(FakeUpstream& upstream) {
    upstream.held.at(0)->notify(
        make_notification("notifications/tools/list_changed", params(*upstream.held.at(0), {})));
  }
};

TEST_F(FederatedListen, IsAcknowledgedOnceAllHave) {
  ClientExchange& listen = request("subscriptions/listen", wishes, "\"s\"");
  EXPECT_EQ(files.last()["params"]["notifications"].dump(),
            R"({"toolsListChanged":true,"resourceSubscriptions":["x:2"]})");
  EXPECT_EQ(git.last()["params"]["notifications"].dump(),
            R"({"toolsListChanged":true,"resourceSubscriptions":["x:1","x:2"]})");
  acknowledge(files);
  git.held.at(0)->notify(
      make_notification("notifications/resources/updated", params(*git.held.at(0), R"("uri":"x:1")")));
  acknowledge(git);
  EXPECT_TRUE(listen.notes.empty());
  acknowledge(web);
  ASSERT_EQ(listen.notes.size(), 2U);
  EXPECT_EQ(listen.notes[0],
            make_notification("notifications/subscriptions/acknowledged",
                              R"({"_meta":{"io.modelcontextprotocol/subscriptionId":"s"},"notifications":)"
                              R"({"toolsListChanged":true,"resourceSubscriptions":["gw+git:x:1","x:2"]}})"));
  EXPECT_EQ((*Json::parse(listen.notes[1]))["params"]["_meta"].dump(),
            R"({"io.modelcontextprotocol/subscriptionId":"s"})");
}

TEST_F(FederatedListen, WatchesTasksAtTheirServer) {
  git.answers["tools/call"] = [](const Envelope&) {
    return R"({"resultType":"task","taskId":"7","status":"working"})";
  };
  const std::string id(request("tools/call", R"("name":"git__t")").result()["taskId"].string_or(""));
  ClientExchange& listen = request("subscriptions/listen",
                                   R"("notifications":{"taskIds":[")" + id + R"(","of nobody"]})", "\"s\"");
  EXPECT_EQ(git.last()["params"]["notifications"].dump(), R"({"taskIds":["7"]})");
  EXPECT_EQ(files.last()["params"]["notifications"].dump(), "{}");
  for (FakeUpstream* upstream : {&files, &git, &web}) acknowledge(*upstream);
  ASSERT_EQ(listen.notes.size(), 1U);
  EXPECT_EQ((*Json::parse(listen.notes[0]))["params"]["notifications"].dump(),
            R"({"taskIds":[")" + id + "\"]}");
  const auto say = [](FakeUpstream& upstream, Bytes task) {
    upstream.held.at(0)->notify(make_notification(
        "notifications/tasks",
        params(*upstream.held.at(0), R"("status":"input_required","taskId":")" + std::string(task) +
                                         R"(","inputRequests":{"k":{"method":"elicitation/create",)"
                                         R"("params":{"message":"Sure?"}}})")));
  };
  say(git, "7");
  say(git, "8");    // not asked for
  say(files, "7");  // another server's
  ASSERT_EQ(listen.notes.size(), 2U);
  const Json told = (*Json::parse(listen.notes[1]))["params"];
  EXPECT_EQ(told["taskId"].string_or(""), id);
  EXPECT_EQ(told["inputRequests"]["k"]["params"]["message"].string_or(""), "[git] Sure?");
  EXPECT_EQ(told["_meta"].dump(), R"({"io.modelcontextprotocol/subscriptionId":"s"})");
}

TEST_F(FederatedListen, DoesNotWaitLongerThanTheUpstreamsMay) {
  web.is_dead = true;
  ClientExchange& listen = request("subscriptions/listen", wishes);
  acknowledge(files);
  EXPECT_TRUE(listen.notes.empty());
  world.advance(seconds(5));
  EXPECT_EQ(listen.notes.size(), 1U);
}

TEST_F(FederatedListen, IsRefusedWhenAllRefuse) {
  files.is_dead = git.is_dead = web.is_dead = true;
  EXPECT_EQ(request("subscriptions/listen", wishes).code(), -32603);
}

TEST_F(FederatedListen, GathersChangesAndTellsThemBeforeTheAnswerThatFollows) {
  ClientExchange& listen = request("subscriptions/listen", wishes, "\"s\"");
  for (FakeUpstream* upstream : {&files, &git, &web}) acknowledge(*upstream);
  say_changed(files);
  say_changed(git);
  EXPECT_EQ(listen.notes.size(), 1U);
  world.advance(milliseconds(50));
  ASSERT_EQ(listen.notes.size(), 2U);
  EXPECT_EQ(listen.notes[1],
            make_notification("notifications/tools/list_changed",
                              R"({"_meta":{"io.modelcontextprotocol/subscriptionId":"s"}})"));
  git.answers["tools/call"] = [this](const Envelope&) {
    say_changed(git);
    return "{}";
  };
  request("tools/call", R"("name":"git__t")");
  EXPECT_EQ(listen.notes.size(), 3U);
}

TEST_F(FederatedListen, OutlivesTheSubscriptionOfOneUpstreamAndMakesItAgain) {
  ClientExchange& listen = request("subscriptions/listen", wishes);
  for (FakeUpstream* upstream : {&files, &git, &web}) acknowledge(*upstream);
  git.take().refuse(502, rpc::internal_error, "it died", "");
  world.settle();
  EXPECT_FALSE(listen.is_over);
  world.advance(seconds(5));
  ASSERT_EQ(git.held.size(), 1U);
  acknowledge(git);
  world.advance(milliseconds(50));
  EXPECT_EQ(listen.notes.size(), 2U);  // what may have been missed
}

TEST_F(FederatedListen, MakesTheSubscriptionAgainThatAnUpstreamEndedInGoodOrder) {
  ClientExchange& listen = request("subscriptions/listen", wishes);
  for (FakeUpstream* upstream : {&files, &git, &web}) acknowledge(*upstream);
  for (FakeUpstream* upstream : {&files, &git, &web}) upstream->finish(R"({"resultType":"complete"})");
  world.settle();
  EXPECT_FALSE(listen.is_over);
  world.advance(seconds(5));
  for (FakeUpstream* upstream : {&files, &git, &web}) {
    ASSERT_EQ(upstream->held.size(), 1U);
    acknowledge(*upstream);
  }
  world.advance(milliseconds(50));
  EXPECT_EQ(listen.notes.size(), 2U);  // what may have been missed
}

TEST_F(FederatedListen, RefusesWishesThatAreTooLongToKeep) {
  const auto refused = [this](const std::string& of) {
    return request("subscriptions/listen", "\"notifications\":{" + of + "}").code();
  };
  EXPECT_EQ(refused(R"("resourceSubscriptions":["x:)" + std::string(8 * 1024, 'x') + "\"]"), -32602);
  EXPECT_EQ(refused(R"("taskIds":[")" + std::string(9 * 1024, 'x') + "\"]"), -32602);
  EXPECT_EQ(refused("\"junk\":\"" + std::string(64 * 1024, 'x') + "\""), -32602);
  EXPECT_TRUE(git.seen.empty());
}

TEST_F(FederatedListen, EndsWhenNoUpstreamHasAnythingToTell) {
  ClientExchange& listen = request("subscriptions/listen", wishes, "\"s\"");
  for (FakeUpstream* upstream : {&files, &git, &web})
    upstream->held.at(0)->notify(make_notification("notifications/subscriptions/acknowledged",
                                                   params(*upstream->held.at(0), R"("notifications":{})")));
  for (FakeUpstream* upstream : {&files, &git, &web}) upstream->finish(R"({"resultType":"complete"})");
  world.settle();
  EXPECT_EQ(listen.result().dump(),
            R"({"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":"s"}})");
}

TEST_F(FederatedListen, EndsWhenAnUpstreamThatIsAskedAgainHasNothingToTell) {
  ClientExchange& listen = request("subscriptions/listen", wishes);
  for (FakeUpstream* upstream : {&files, &git, &web}) acknowledge(*upstream);
  git.take().refuse(502, rpc::internal_error, "it died", "");
  files.finish(R"({"resultType":"complete"})");
  web.finish(R"({"resultType":"complete"})");
  for (FakeUpstream* upstream : {&files, &git, &web}) upstream->holds.clear();
  world.settle();
  EXPECT_FALSE(listen.is_over);
  world.advance(seconds(5));
  EXPECT_TRUE(listen.is_over);
}

TEST_F(FederatedListen, CancelsAll) {
  cancel(request("subscriptions/listen", wishes));
  EXPECT_EQ(files.cancels.size() + git.cancels.size() + web.cancels.size(), 3U);
}

}  // namespace
}  // namespace sluice::testing_federation
