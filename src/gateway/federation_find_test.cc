// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_find.h"

#include "gateway/federation_testing.h"

namespace sluice::testing_federation {
namespace {

using Names = std::vector<std::string>;

class FederatedFind : public FederationTest {
 protected:
  void SetUp() override {
    finds_tools = true;
    FederationTest::SetUp();
    files.pages["tools/list"] = {described("read", "Reads a file"), described("write", "Writes a file")};
    git.pages["tools/list"] = {described("log", "Shows commits")};
    for (FakeUpstream* upstream : {&files, &git})
      upstream->answers["tools/call"] = [](const Envelope&) { return R"({"content":[]})"; };
  }
  static std::string described(const std::string& name, const std::string& description) {
    return R"({"name":")" + name + R"(","description":")" + description + "\"}";
  }
  Json find(const std::string& arguments) {
    return request("tools/call", R"("name":"find_tool","arguments":)" + arguments).result();
  }
};

TEST_F(FederatedFind, ListsTwoToolsInsteadOfAll) {
  const Json list = request("tools/list").result();
  EXPECT_EQ(names(list, "tools"), (Names{"find_tool", "call_tool"}));
  EXPECT_GT(list["ttlMs"].int64_or(0), 0);
  EXPECT_TRUE(files.seen.empty());
  initialize();
  EXPECT_EQ(names(legacy("tools/list").result(), "tools"), (Names{"find_tool", "call_tool"}));
}

TEST_F(FederatedFind, FindsToolsOfEveryPageOfEveryUpstream) {
  const Json found = find(R"({"query":"write a file"})");
  EXPECT_EQ(names(found["structuredContent"], "tools"), (Names{"files__write", "files__read"}));
  EXPECT_EQ(*Json::parse(found["content"][0]["text"].string_or("")), found["structuredContent"]);
  EXPECT_EQ(found["resultType"].string_or(""), "complete");
  EXPECT_EQ(names(find(R"({"query":"write a file","limit":1})")["structuredContent"], "tools"),
            Names{"files__write"});
  EXPECT_EQ(names(find(R"({"query":"commits"})")["structuredContent"], "tools"), Names{"git__log"});
  EXPECT_EQ(files.count("tools/list"), 2U);  // both pages once: they are kept
  EXPECT_TRUE(find(R"({"query":"zebra"})")["structuredContent"]["tools"].empty());
}

TEST_F(FederatedFind, SaysWhoseToolsAreMissing) {
  git.is_dead = true;
  const Json found = find(R"({"query":"file"})")["structuredContent"];
  EXPECT_EQ(found["unavailable"].dump(), R"(["git"])");
  EXPECT_EQ(found["tools"].size(), 2U);
}

TEST_F(FederatedFind, SearchesNoMoreThanItMayAndSaysWhoseListItIs) {
  limit([](Limits& limits) { limits.federation.searched_bytes_max = 20'000; });
  const std::string text(4'000, 'x');
  git.pages["tools/list"] = {described("a", text), described("b", text), described("c", text),
                             described("d", text)};
  files.holds = {"tools/list"};  // it is the last to be read
  ClientExchange& call = request("tools/call", R"("name":"find_tool","arguments":{"query":"file a b"})");
  EXPECT_EQ(git.count("tools/list"), 3U) << "no page behind the one that had no room";
  std::string items = described("fat", "A file " + text);
  for (const char* name : {"read", "write", "move"}) items += "," + described(name, "A file");
  files.finish("{\"tools\":[" + items + "]}");
  world.settle();
  ASSERT_TRUE(call.is_over);
  const Json found = call.result()["structuredContent"];
  EXPECT_EQ(found["unavailable"].dump(), R"(["git"])");
  EXPECT_EQ(names(found, "tools").size(), 5U) << "four files, and of git what is left";
}

TEST_F(FederatedFind, ChargesWhatItSearches) {
  Budget& budget = world.reactor().budget();
  const std::size_t most = budget.bytes_max();
  EXPECT_EQ(find(R"({"query":"file"})")["structuredContent"]["tools"].size(), 2U);  // it is kept now
  budget.set_bytes_max(budget.bytes_used() + 100);
  EXPECT_EQ(find(R"({"query":"file"})")["structuredContent"].dump(),
            R"({"tools":[],"unavailable":["files","git"]})");
  budget.set_bytes_max(budget.bytes_used() + 1'200);
  EXPECT_EQ(request("tools/call", R"("name":"find_tool","arguments":{"query":"file"})").status, 503);
  budget.set_bytes_max(most);
}

TEST_F(FederatedFind, SearchesTheBeginningOfADescription) {
  const std::string text(FederationLimits{}.searched_text_bytes_max - 6, '-');
  git.pages["tools/list"] = {described("a", "horse" + text + " zebra")};
  EXPECT_TRUE(find(R"({"query":"zebra"})")["structuredContent"]["tools"].empty());
  const Json found = find(R"({"query":"horse"})")["structuredContent"]["tools"];
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]["description"].string_or("").size(), 5 + text.size() + 6);
}

TEST_F(FederatedFind, RefusesAQueryThatIsNone) {
  EXPECT_EQ(request("tools/call", R"("name":"find_tool")").code(), -32602);
  EXPECT_EQ(request("tools/call", R"("name":"find_tool","arguments":{"query":1})").code(), -32602);
  EXPECT_EQ(
      request("tools/call", R"("name":"find_tool","arguments":{"query":")" + std::string(1025, 'x') + "\"}")
          .code(),
      -32602);
}

TEST_F(FederatedFind, CallsWhatWasFoundByItsNameOrThroughTheOther) {
  EXPECT_EQ(
      request("tools/call", R"("name":"call_tool","arguments":{"name":"git__log","arguments":{"n":1.50}})")
          .code(),
      0);
  EXPECT_EQ(git.texts.back(),
            R"({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":)"
            R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":"t"},)"
            R"("name":"log","arguments":{"n":1.50}}})");
  EXPECT_EQ(request("tools/call", R"("name":"call_tool","arguments":{"name":"git__log"})").code(), 0);
  EXPECT_EQ(git.last()["params"]["arguments"].dump(), "{}");
  EXPECT_EQ(request("tools/call", R"("name":"git__log")").code(), 0);
  EXPECT_EQ(request("tools/call", R"("name":"call_tool","arguments":{"name":"nobody__log"})").code(), -32602);
  EXPECT_EQ(request("tools/call", R"("name":"call_tool","arguments":{})").code(), -32602);
  EXPECT_EQ(request("tools/call", R"("name":"call_tool")").code(), -32602);
}

TEST_F(FederatedFind, GoesOnWithAQuestionOfWhatWasCalled) {
  git.answers["tools/call"] = [](const Envelope& envelope) -> std::string {
    if (envelope.input_responses) return R"({"content":[]})";
    return R"({"resultType":"input_required","inputRequests":{},"requestState":"theirs"})";
  };
  const std::string call = R"("name":"call_tool","arguments":{"name":"git__log","arguments":{"a":1}})";
  const std::string state(request("tools/call", call).result()["requestState"].string_or(""));
  EXPECT_EQ(request("tools/call", call + R"(,"inputResponses":{},"requestState":")" + state + "\"").code(),
            0);
  EXPECT_EQ(git.last()["params"]["requestState"].string_or(""), "theirs");
  EXPECT_EQ(git.last()["params"]["arguments"].dump(), R"({"a":1})");
}

TEST_F(FederatedFind, TellsNobodyOfToolsThatAreNotListed) {
  initialize();
  (*git.sessions.begin())->send(make_notification("notifications/tools/list_changed"));
  (*git.sessions.begin())->send(make_notification("notifications/prompts/list_changed"));
  world.advance(milliseconds(50));
  EXPECT_EQ(session.sent, Names{make_notification("notifications/prompts/list_changed")});
}

}  // namespace
}  // namespace sluice::testing_federation
