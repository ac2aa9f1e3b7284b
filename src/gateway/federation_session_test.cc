// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_session.h"

#include "gateway/federation_testing.h"

namespace sluice::testing_federation {
namespace {

using Names = std::vector<std::string>;

class FederatedSessionTest : public FederationTest {
 protected:
  [[nodiscard]] static Json parsed(const std::string& text) { return *Json::parse(text); }
  [[nodiscard]] std::size_t told(Bytes method) const {
    return static_cast<std::size_t>(
        std::count_if(session.sent.begin(), session.sent.end(),
                      [&](const auto& text) { return parsed(text)["method"].string_or("") == method; }));
  }
  void end_session() {
    federation->ended(session);
    session.attachment.reset();
    world.settle();
  }
};

TEST_F(FederatedSessionTest, OpensOneSessionOnEachUpstream) {
  git.hello =
      R"({"protocolVersion":"2025-03-26","capabilities":{"prompts":{}},"instructions":"Pull first."})";
  const Json result = initialize().result();
  EXPECT_EQ(result["protocolVersion"].string_or(""), "2025-06-18");
  EXPECT_EQ(result["capabilities"].dump(),
            R"({"tools":{"listChanged":true},"resources":{},"logging":{},"prompts":{}})");
  EXPECT_EQ(result["serverInfo"]["name"].string_or(""), "sluice");
  EXPECT_EQ(result["instructions"].string_or(""), "# git\n\nPull first.");
  for (FakeUpstream* upstream : {&files, &git, &web}) {
    EXPECT_EQ(parsed(upstream->texts.at(0))["params"]["capabilities"].dump(), R"({"roots":{}})");
    EXPECT_EQ(upstream->messages, Names{make_notification("notifications/initialized")});
    EXPECT_EQ(upstream->sessions.size(), 1U);
  }
  EXPECT_EQ((*git.sessions.begin())->revision(), Revision::r2025_03_26);
  end_session();
  for (FakeUpstream* upstream : {&files, &git, &web}) EXPECT_EQ(upstream->sessions_ended, 1);
}

TEST_F(FederatedSessionTest, LeavesOutWhoIsDeadOrSlowAndTriesItAgainForTheNextList) {
  git.is_dead = true;
  web.holds = {"initialize"};
  ClientExchange& hello = initialize();
  EXPECT_FALSE(hello.is_over);
  world.advance(seconds(3));
  ASSERT_TRUE(hello.is_over);
  EXPECT_EQ(hello.code(), 0);
  EXPECT_EQ(web.sessions_ended, 0);  // it may open yet
  EXPECT_EQ(git.sessions_ended, 1);
  git.is_dead = false;
  web.holds.clear();
  web.finish(web.hello);
  git.pages["tools/list"] = {tool("a")};
  EXPECT_EQ(names(legacy("tools/list").result(), "tools"), Names{"git__a"});
  EXPECT_EQ(git.messages, Names{make_notification("notifications/initialized")});
}

TEST_F(FederatedSessionTest, WaitsForTheFirstWhenAllAreSlow) {
  files.holds = git.holds = web.holds = {"initialize"};
  ClientExchange& hello = initialize();
  world.advance(seconds(20));
  EXPECT_FALSE(hello.is_over);
  git.finish(git.hello);
  world.settle();
  EXPECT_EQ(hello.result()["capabilities"].dump(),
            R"({"tools":{"listChanged":true},"resources":{},"logging":{}})");
  world.advance(seconds(40));
  EXPECT_EQ(files.sessions_ended + web.sessions_ended, 2) << "they have a minute to open a session";
}

TEST_F(FederatedSessionTest, IsRefusedWhenNoneOpensASession) {
  files.holds = git.holds = web.holds = {"initialize"};
  ClientExchange& hello = initialize();
  world.advance(seconds(60));
  EXPECT_EQ(hello.code(), -32603);
  EXPECT_EQ(files.sessions_ended + git.sessions_ended + web.sessions_ended, 3);
}

TEST_F(FederatedSessionTest, SaysOfAServerThatHangsWhatItSaidBefore) {
  web.hello =
      R"({"protocolVersion":"2025-06-18","capabilities":{"prompts":{}},"instructions":"Mind the web."})";
  initialize();
  web.holds = {"initialize"};
  const auto hello_of = [this](ClientSession& of) -> ClientExchange& {
    return open(
        make_request("0", "initialize", R"({"protocolVersion":"2025-06-18","capabilities":{"roots":{}}})"),
        Era::legacy, &of, "me");
  };
  ClientSession second, third;
  ClientExchange& one = hello_of(second);
  world.advance(milliseconds(2999));
  EXPECT_FALSE(one.is_over);
  world.advance(milliseconds(1));
  ASSERT_TRUE(one.is_over);
  EXPECT_TRUE(one.result()["capabilities"].contains("prompts"));
  EXPECT_EQ(one.result()["instructions"].string_or(""), "# web\n\nMind the web.");
  ClientExchange& two = hello_of(third);
  world.advance(FederationLimits{}.refresh_wait);
  ASSERT_TRUE(two.is_over) << "it is known to hang";
  EXPECT_TRUE(two.result()["capabilities"].contains("prompts"));
  // It recovers: who waits for it has it, and the next handshake waits for it again.
  web.holds.clear();
  web.pages["prompts/list"] = {tool("p")};
  web.finish(web.hello);
  web.finish(web.hello);
  world.settle();
  EXPECT_EQ(names(open(make_request("9", "prompts/list"), Era::legacy, &second, "me").result(), "prompts"),
            Names{"web__p"});
  for (ClientSession* of : {&second, &third}) {
    federation->ended(*of);
    of->attachment.reset();
  }
  world.settle();
}

TEST_F(FederatedSessionTest, SubscribesAgainInASessionThatIsOpenedAgain) {
  git.answers["resources/subscribe"] =
      git.answers["resources/unsubscribe"] = [](const Envelope&) { return "{}"; };
  initialize();
  legacy("resources/subscribe", R"({"uri":"gw+git:x:1"})");
  legacy("resources/subscribe", R"({"uri":"gw+git:x:2"})");
  legacy("resources/unsubscribe", R"({"uri":"gw+git:x:1"})");
  Session* dying = *git.sessions.begin();
  git.sessions.clear();
  dying->end("the child died");
  world.settle();
  git.pages["resources/list"] = {""};
  legacy("resources/list");
  EXPECT_EQ(git.count("resources/subscribe"), 3U);
  EXPECT_EQ(parsed(git.texts.at(git.texts.size() - 2))["params"]["uri"].string_or(""), "x:2");
}

TEST_F(FederatedSessionTest, IsRefusedWhenNobodyCanBeInitialized) {
  files.is_dead = git.is_dead = web.is_dead = true;
  EXPECT_EQ(initialize().code(), -32603);
}

TEST_F(FederatedSessionTest, AsksOnlyUpstreamsThatOfferWhatIsAskedFor) {
  files.hello = R"({"protocolVersion":"2025-06-18","capabilities":{"prompts":{}}})";
  git.pages["tools/list"] = {tool("a")};
  initialize();
  EXPECT_EQ(names(legacy("tools/list").result(), "tools"), Names{"git__a"});
  EXPECT_EQ(files.count("tools/list"), 0U);
  EXPECT_EQ(legacy("tools/list").result().dump(), R"({"tools":[{"name":"git__a"}]})");
}

TEST_F(FederatedSessionTest, ReachesEveryPageInTheLegacyEraToo) {
  initialize();
  files.pages["tools/list"] = {tool("a"), tool("b")};
  web.pages["tools/list"] = {tool("c")};
  const Json first = legacy("tools/list").result();
  EXPECT_EQ(names(first, "tools"), Names{"files__a"});
  const Json second = legacy("tools/list", "{\"cursor\":" + first["nextCursor"].dump() + "}").result();
  EXPECT_EQ(names(second, "tools"), (Names{"files__b", "web__c"}));
  EXPECT_FALSE(second.contains("nextCursor"));
}

class FederatedLegacyTasks : public FederatedSessionTest {
 protected:
  static constexpr Bytes key = "io.modelcontextprotocol/related-task";
  void SetUp() override {
    FederatedSessionTest::SetUp();
    for (FakeUpstream* upstream : {&git, &web})
      upstream->hello = R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{},"tasks":{"list":{},)"
                        R"("cancel":{},"requests":{"tools":{"call":{}}}}}})";
    git.answers["tools/call"] = [](const Envelope&) {
      return R"({"task":{"taskId":"7","status":"working","ttl":null}})";
    };
  }
  ClientExchange& hello(Bytes revision = "2025-11-25") {
    ClientExchange& exchange =
        legacy("initialize", R"({"protocolVersion":")" + std::string(revision) + R"(","capabilities":{}})");
    tell(make_notification("notifications/initialized"));
    return exchange;
  }
  std::string begin() {
    return std::string(
        legacy("tools/call", R"({"name":"git__t","task":{}})").result()["task"]["taskId"].string_or(""));
  }
  ClientExchange& about(Bytes method, const std::string& id) {
    return legacy(method, R"({"taskId":")" + id + "\"}");
  }
};

TEST_F(FederatedLegacyTasks, AreOfferedWhereAServerTakesThem) {
  EXPECT_EQ(hello().result()["capabilities"]["tasks"].dump(),
            R"({"list":{},"cancel":{},"requests":{"tools":{"call":{}}}})");
  end_session();
  EXPECT_FALSE(hello("2025-06-18").result()["capabilities"].contains("tasks"));
}

TEST_F(FederatedLegacyTasks, KnowWhoseTheyAreAndWhatTheirClientCallsThem) {
  hello();
  const std::string id = begin();
  ASSERT_GT(id.size(), 10U);
  git.answers["tasks/get"] = git.answers["tasks/cancel"] = [](const Envelope& envelope) {
    return R"({"status":"working","ttl":null,"taskId":")" + std::string(envelope.task_id) + "\"}";
  };
  for (const char* method : {"tasks/get", "tasks/cancel"}) {
    EXPECT_EQ(about(method, id).result()["taskId"].string_or(""), id) << method;
    EXPECT_EQ(git.last()["params"]["taskId"].string_or(""), "7");
  }
  git.answers["tasks/result"] = [](const Envelope&) {
    return R"({"content":[{"type":"resource_link","name":"n","uri":"x:1"}],)"
           R"("_meta":{"io.modelcontextprotocol/related-task":{"taskId":"7"}}})";
  };
  files.pages["resources/list"] = git.pages["resources/list"] = {R"({"name":"n","uri":"x:1"})"};
  const Json result = about("tasks/result", id).result();
  EXPECT_EQ(result["_meta"][key]["taskId"].string_or(""), id);
  EXPECT_EQ(result["content"][0]["uri"].string_or(""), "x:1");
  EXPECT_EQ(about("tasks/get", "7").code(), -32602);
  EXPECT_EQ(about("tasks/get", id.substr(0, id.size() - 2) + "AA").code(), -32602);
}

TEST_F(FederatedLegacyTasks, AreListedServerByServerAndPageByPage) {
  hello();
  const std::string id = begin();
  git.pages["tasks/list"] = {R"({"taskId":"7"})", R"({"taskId":"8"})"};
  web.pages["tasks/list"] = {R"({"taskId":"7"})"};
  const Json first = legacy("tasks/list").result();
  ASSERT_EQ(first["tasks"].size(), 1U);
  EXPECT_EQ(first["tasks"][0]["taskId"].string_or(""), id) << "the id that the client knows";
  const Json second = legacy("tasks/list", "{\"cursor\":" + first["nextCursor"].dump() + "}").result();
  ASSERT_EQ(second["tasks"].size(), 2U);
  EXPECT_NE(second["tasks"][1]["taskId"].string_or(""), id) << "another server's task of the same id";
  EXPECT_FALSE(second.contains("nextCursor"));
  EXPECT_EQ(files.count("tasks/list"), 0U);
  web.is_dead = true;
  EXPECT_EQ(legacy("tasks/list", "{\"cursor\":" + first["nextCursor"].dump() + "}").result()["tasks"].size(),
            1U);
  EXPECT_EQ(legacy("tasks/list", R"({"cursor":"x"})").code(), -32602);
}

TEST_F(FederatedLegacyTasks, AreNamedInWhatBelongsToThem) {
  hello();
  const std::string id = begin();
  const auto at_git = [this]() -> Session& { return **git.sessions.begin(); };
  const std::size_t before = session.sent.size();
  at_git().send(make_notification("notifications/tasks/status", R"({"taskId":"7","status":"completed"})"));
  EXPECT_EQ(parsed(session.sent.at(before))["params"]["taskId"].string_or(""), id);
  git.holds = {"tasks/result"};
  ClientExchange& waits = about("tasks/result", id);
  const std::string related =
      R"({"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"7"}},"message":"m"})";
  git.held.at(0)->ask(make_request("5", "elicitation/create", related));
  git.held.at(0)->notify(make_notification("notifications/message", related));
  const Json asked = parsed(waits.asks.at(0));
  EXPECT_EQ(asked["params"]["_meta"][key]["taskId"].string_or(""), id);
  EXPECT_EQ(parsed(waits.notes.at(0))["params"]["_meta"][key]["taskId"].string_or(""), id);
  tell(make_response(asked["id"].dump(),
                     R"({"action":"accept","_meta":{"io.modelcontextprotocol/related-task":)"
                     R"({"taskId":")" +
                         id + R"("}}})"));
  EXPECT_EQ(parsed(git.messages.back())["result"]["_meta"][key]["taskId"].string_or(""), "7");
  git.finish("{}");
}

TEST_F(FederatedSessionTest, KeepsTheQuestionsOfTwoUpstreamsApart) {
  initialize();
  files.holds = git.holds = {"tools/call"};
  ClientExchange& one = legacy("tools/call", R"({"name":"files__t"})", "1");
  ClientExchange& two = legacy("tools/call", R"({"name":"git__t"})", "2");
  const std::string ask =
      make_request("5", "elicitation/create", R"({"message":"Sure?","_meta":{"progressToken":5}})");
  files.held.at(0)->ask(ask);
  git.held.at(0)->ask(ask);
  ASSERT_EQ(one.asks.size(), 1U);
  ASSERT_EQ(two.asks.size(), 1U);
  EXPECT_EQ(parsed(one.asks[0])["params"]["message"].string_or(""), "[files] Sure?");
  EXPECT_EQ(parsed(two.asks[0])["params"]["message"].string_or(""), "[git] Sure?");
  const std::string id = parsed(two.asks[0])["id"].dump();
  EXPECT_NE(parsed(one.asks[0])["id"].dump(), id);
  tell(make_notification("notifications/progress", "{\"progressToken\":" + id + ",\"progress\":1}"));
  EXPECT_EQ(git.messages.back(),
            make_notification("notifications/progress", R"({"progressToken":5,"progress":1})"));
  tell(make_response(id, R"({"action":"accept","content":{"n":9007199254740993}})"));
  EXPECT_EQ(git.messages.back(),
            make_response("5", R"({"action":"accept","content":{"n":9007199254740993}})"));
  EXPECT_EQ(files.messages.size(), 1U);
  const std::size_t heard = git.messages.size();
  tell(make_response(id, "{}"));  // answered before
  tell(make_response("5", "{}"));
  EXPECT_EQ(git.messages.size(), heard);
  // A question that is withdrawn, and one whose call is over, have no answers any more.
  files.held.at(0)->notify(make_notification("notifications/cancelled", R"({"requestId":5})"));
  EXPECT_EQ(parsed(one.notes.at(0))["params"]["requestId"], parsed(one.asks[0])["id"]);
  tell(make_response(parsed(one.asks[0])["id"].dump(), "{}"));
  EXPECT_EQ(files.messages.size(), 1U);
}

TEST_F(FederatedSessionTest, NamesWhoSamplesAndLendsNobodyTheContextOfOthers) {
  initialize();
  (*web.sessions.begin())
      ->send(make_request("5", "sampling/createMessage", R"({"includeContext":"allServers"})"));
  ASSERT_EQ(session.sent.size(), 1U);
  EXPECT_EQ(parsed(session.sent[0])["params"]["includeContext"].string_or(""), "none");
  EXPECT_NE(parsed(session.sent[0])["params"]["systemPrompt"].string_or("").find("'web'"), std::string::npos);
  tell(make_response(parsed(session.sent[0])["id"].dump(), "{}"));
  EXPECT_EQ(web.messages.back(), make_response("5", "{}"));
}

TEST_F(FederatedSessionTest, RefusesQuestionsBeyondAnUpstreamsShareUntilTheyAreGivenUp) {
  initialize();
  const std::size_t most = FederationLimits{}.asks_max / 3;
  for (std::size_t i = 0; i <= most; ++i)
    (*web.sessions.begin())->send(make_request(std::to_string(i), "roots/list"));
  EXPECT_EQ(session.sent.size(), most);
  EXPECT_EQ(parsed(web.messages.back())["error"]["code"].int64_or(0), -32603);
  (*git.sessions.begin())->send(make_request("1", "roots/list"));
  EXPECT_EQ(session.sent.size(), most + 1) << "another upstream has its own";
  world.advance(McpLimits{}.ask);
  (*web.sessions.begin())->send(make_request("\"late\"", "roots/list"));
  ASSERT_EQ(session.sent.size(), most + 2);
  tell(make_response(parsed(session.sent.back())["id"].dump(), "{}"));
  EXPECT_EQ(web.messages.back(), make_response("\"late\"", "{}"));
}

TEST_F(FederatedSessionTest, KeepsNothingOfAClientThatIsTooLong) {
  legacy("initialize", R"({"protocolVersion":"2025-06-18","capabilities":{}})", "0");
  tell(make_notification("notifications/initialized",
                         R"({"junk":")" + std::string(McpLimits{}.introduction_bytes_max, 'x') + "\"}"));
  EXPECT_EQ(git.messages, Names{make_notification("notifications/initialized")});
  EXPECT_EQ(legacy("resources/subscribe",
                   R"({"uri":"gw+git:x:)" + std::string(FederationLimits{}.uri_bytes_max, 'x') + "\"}")
                .code(),
            -32602);
  EXPECT_EQ(git.count("resources/subscribe"), 0U);
  for (const char* level : {R"({"level":"loud"})", R"({"level":{}})", "{}"})
    EXPECT_EQ(legacy("logging/setLevel", level).code(), -32602) << level;
  EXPECT_EQ(git.count("logging/setLevel"), 0U);
}

TEST_F(FederatedSessionTest, GathersChangesOfLists) {
  initialize();
  const std::string changed = make_notification("notifications/tools/list_changed");
  (*files.sessions.begin())->send(changed);
  (*git.sessions.begin())->send(changed);
  EXPECT_TRUE(session.sent.empty());
  world.advance(milliseconds(50));
  EXPECT_EQ(session.sent, Names{changed});
}

TEST_F(FederatedSessionTest, TellsChangesBeforeTheAnswerThatFollows) {
  initialize();
  git.holds = {"tools/call"};
  legacy("tools/call", R"({"name":"git__t"})");
  git.held.at(0)->notify(make_notification("notifications/tools/list_changed"));
  EXPECT_TRUE(session.sent.empty());
  git.finish("{}");
  EXPECT_EQ(session.sent.size(), 1U);
}

TEST_F(FederatedSessionTest, OutlivesTheSessionOfOneUpstream) {
  files.pages["tools/list"] = {tool("a")};
  git.pages["tools/list"] = {tool("b")};
  initialize();
  legacy("logging/setLevel", R"({"level":"debug"})");
  git.holds = {"tools/call"};
  ClientExchange& call = legacy("tools/call", R"({"name":"git__b"})");
  Session* dying = *git.sessions.begin();
  git.sessions.clear();
  dying->end("the child died");
  world.settle();
  EXPECT_EQ(call.code(), -32603);
  world.advance(milliseconds(50));
  EXPECT_EQ(told("notifications/tools/list_changed"), 1U);
  EXPECT_EQ(git.sessions_ended, 0);  // it ended itself

  git.is_dead = true;
  EXPECT_EQ(names(legacy("tools/list").result(), "tools"), Names{"files__a"});
  git.is_dead = false;
  EXPECT_EQ(names(legacy("tools/list").result(), "tools"), (Names{"files__a", "git__b"}));
  EXPECT_EQ(git.count("initialize"), 3U);
  EXPECT_EQ(git.count("logging/setLevel"), 2U);
  EXPECT_EQ(files.count("initialize"), 1U);
}

TEST_F(FederatedSessionTest, DoesNotHandOnThatAnUpstreamForgotItsSession) {
  initialize();
  git.holds = {"tools/call"};
  ClientExchange& call = legacy("tools/call", R"({"name":"git__t"})");
  git.take().refuse(404, -32001, "Session not found", "");
  EXPECT_EQ(call.status, 502);
  EXPECT_EQ(call.code(), -32603);
}

TEST_F(FederatedSessionTest, SubscribesAtTheOwnerAndRenamesWhatIsUpdated) {
  files.pages["resources/list"] = {R"({"uri":"x:1"})"};
  git.pages["resources/list"] = {R"({"uri":"x:1"})"};
  git.answers["resources/subscribe"] = [](const Envelope&) { return "{}"; };
  initialize();
  legacy("resources/list");
  EXPECT_EQ(legacy("resources/subscribe", R"({"uri":"gw+git:x:1"})").code(), 0);
  EXPECT_EQ(git.last()["params"]["uri"].string_or(""), "x:1");
  (*git.sessions.begin())->send(make_notification("notifications/resources/updated", R"({"uri":"x:1"})"));
  EXPECT_EQ(session.sent,
            Names{make_notification("notifications/resources/updated", R"({"uri":"gw+git:x:1"})")});
}

TEST_F(FederatedSessionTest, AnswersPingsAloneAndSaysThatAResourceIsUnknown) {
  initialize();
  EXPECT_EQ(legacy("ping").answer, R"({"jsonrpc":"2.0","id":7,"result":{}})");
  EXPECT_EQ(git.count("ping"), 0U);
  EXPECT_EQ(legacy("resources/read", R"({"uri":"x:9"})").code(), -32002);
}

TEST_F(FederatedSessionTest, PassesRoomAndCancels) {
  initialize();
  git.holds = {"tools/call"};
  ClientExchange& call = legacy("tools/call", R"({"name":"git__t"})");
  call.room = 0;
  EXPECT_EQ(git.held.at(0)->notify(make_notification("notifications/message", R"({"level":"info"})")), 0U);
  EXPECT_EQ(git.held.at(0)->ask(make_request("1", "roots/list")), 0U);
  federation->drained(call);
  federation->drained(session);
  EXPECT_EQ(git.drains, 1);
  EXPECT_EQ(files.session_drains, 1);
  cancel(call);
  EXPECT_EQ(git.cancels, std::vector{CancelReason::client});
  tell(make_notification("notifications/roots/list_changed"));
  EXPECT_EQ(files.messages.back(), git.messages.back());
}

TEST_F(FederatedSessionTest, EndsWhileItIsBeingOpened) {
  git.holds = {"initialize"};
  ClientExchange& hello = initialize();
  cancel(hello);
  end_session();
  EXPECT_EQ(git.cancels.size(), 1U);
  EXPECT_EQ(git.sessions_ended, 1);
  EXPECT_EQ(files.sessions_ended, 1);
}

}  // namespace
}  // namespace sluice::testing_federation
