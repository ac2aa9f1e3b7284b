// SPDX-License-Identifier: Apache-2.0
// What a federation shows of its upstreams by their rules: what is hidden is in no list and as unknown as
// what was never there, whatever the era; what is renamed goes to its server by its own name.

#include "gateway/federation.h"
#include "gateway/federation_testing.h"

namespace sluice::testing_federation {
namespace {

using Names = std::vector<std::string>;

class FederatedRules : public FederationTest {
 protected:
  // Files and git, of which the rules show a part.
  void federate_by(NameRules of_files, NameRules of_git = {}) {
    federate(
        {{"files", files, seconds(5), std::move(of_files)}, {"git", git, seconds(5), std::move(of_git)}});
    for (FakeUpstream* upstream : {&files, &git}) {
      upstream->answers["tools/call"] = [](const Envelope&) { return R"({"content":[]})"; };
      upstream->pages["tools/list"] = {tool("read") + "," + tool("read_secret") + "," + tool("rm")};
    }
  }
};

TEST_F(FederatedRules, HideToolsFromListsAndCalls) {
  NameRules rules;
  rules.tools = {{"read*"}, {"*_secret"}};
  federate_by(rules);
  const Json list = request("tools/list").result();
  EXPECT_EQ(names(list, "tools"), (Names{"files__read", "git__read", "git__read_secret", "git__rm"}));
  EXPECT_EQ(list["cacheScope"].string_or(""), "private");
  EXPECT_EQ(list["ttlMs"].int64_or(0), 60000);
  ClientExchange& denied = request("tools/call", R"("name":"files__rm")");
  ClientExchange& unknown = request("tools/call", R"("name":"nobody__rm")");
  EXPECT_EQ(denied.code(), unknown.code());
  EXPECT_EQ(denied.status, unknown.status);
  EXPECT_NE(denied.answer.find(": unknown tool: files__rm\""), std::string::npos) << denied.answer;
  EXPECT_NE(unknown.answer.find(": unknown tool: nobody__rm\""), std::string::npos) << unknown.answer;
  EXPECT_EQ(files.count("tools/call"), 0U);
  EXPECT_EQ(request("tools/call", R"("name":"files__read")").code(), 0);
  EXPECT_EQ(request("tools/call", R"("name":"git__rm")").code(), 0);
}

TEST_F(FederatedRules, HoldForEveryEra) {
  NameRules rules;
  rules.tools.deny = {"rm"};
  federate_by(rules, rules);
  initialize();
  EXPECT_EQ(names(legacy("tools/list").result(), "tools"),
            (Names{"files__read", "files__read_secret", "git__read", "git__read_secret"}));
  EXPECT_EQ(legacy("tools/call", R"({"name":"git__rm"})").code(), -32602);
  EXPECT_EQ(git.count("tools/call"), 0U);
}

TEST_F(FederatedRules, GiveAToolANewNameInTheListAndTheOldOneInTheCall) {
  NameRules rules;
  rules.renames = {{"rm", "remove"}};
  federate_by(rules);
  EXPECT_EQ(names(request("tools/list").result(), "tools"),
            (Names{"files__read", "files__read_secret", "files__remove", "git__read", "git__read_secret",
                   "git__rm"}));
  EXPECT_EQ(request("tools/list").result()["cacheScope"].string_or(""), "public");
  EXPECT_EQ(request("tools/call", R"("name":"files__remove","arguments":{"a":1.50})").code(), 0);
  EXPECT_EQ(files.last()["params"]["name"].string_or(""), "rm");
  EXPECT_EQ(request("tools/call", R"("name":"files__rm")").code(), -32602);
  EXPECT_EQ(request("tools/call", R"("name":"git__rm")").code(), 0);
}

TEST_F(FederatedRules, GiveAToolWhoseNameHasToBeShortenedANewOne) {
  NameRules rules;
  rules.renames = {{"rm", std::string(70, 'x')}};
  federate_by(rules);
  const std::string shown = names(request("tools/list").result(), "tools").at(2);
  EXPECT_EQ(shown.size(), federated_name_bytes_max);
  EXPECT_EQ(request("tools/call", "\"name\":\"" + shown + "\"").code(), 0);
  EXPECT_EQ(files.last()["params"]["name"].string_or(""), "rm");
}

TEST_F(FederatedRules, HidePromptsAndResources) {
  NameRules rules;
  rules.prompts.allow = {"ask"};
  rules.resources.deny = {"x:secret*"};
  federate_by(rules);
  files.pages["prompts/list"] = {R"({"name":"ask"},{"name":"tell"})"};
  files.pages["resources/list"] = {R"({"uri":"x:1"},{"uri":"x:secret"})"};
  files.answers["prompts/get"] = [](const Envelope&) { return R"({"messages":[]})"; };
  files.answers["resources/read"] = [](const Envelope&) { return R"({"contents":[]})"; };
  EXPECT_EQ(names(request("prompts/list").result(), "prompts"), Names{"files__ask"});
  EXPECT_EQ(names(request("resources/list").result(), "resources", "uri"), Names{"x:1"});
  EXPECT_EQ(request("prompts/get", R"("name":"files__ask")").code(), 0);
  EXPECT_EQ(request("prompts/get", R"("name":"files__tell")").code(), -32602);
  EXPECT_EQ(request("resources/read", R"("uri":"x:1")").code(), 0);
  EXPECT_EQ(request("resources/read", R"("uri":"gw+files:x:secret")").code(), -32602);
  EXPECT_EQ(request("resources/read", R"("uri":"x:secret")").code(), -32602);
  EXPECT_EQ(files.count("resources/read"), 1U);
  git.answers["resources/read"] = [](const Envelope&) { return R"({"contents":[]})"; };
  EXPECT_EQ(request("resources/read", R"("uri":"x:secret")").code(), 0);  // git's may be read
}

TEST_F(FederatedRules, ShowWhatAToolSetHas) {
  NameRules some, none;
  some.tool_set = {"read"};
  none.tool_set.emplace();
  federate_by(some, none);
  EXPECT_EQ(names(request("tools/list").result(), "tools"), Names{"files__read"});
  EXPECT_EQ(request("tools/call", R"("name":"git__read")").code(), -32602);
}

TEST_F(FederatedRules, LeaveNamesOfASingleUpstreamWithoutAPrefix) {
  NameRules rules;
  rules.tools.deny = {"rm"};
  const std::string odd = "odd name " + std::string(80, 'x') + "_0123456789";
  federate({{"files", files, seconds(5), rules}});
  files.pages["tools/list"] = {tool("read") + "," + tool("rm") + "," + tool(odd)};
  files.pages["resources/list"] = {R"({"uri":"gw+files:x"})"};
  files.hello = R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"instructions":"Read."})";
  files.answers["tools/call"] = [](const Envelope& envelope) -> std::string {
    if (envelope.input_responses) return R"({"content":[]})";
    return R"({"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create",)"
           R"("params":{"message":"Sure?"}}}})";
  };
  EXPECT_EQ(names(request("tools/list").result(), "tools"), (Names{"read", odd}));
  EXPECT_EQ(names(request("resources/list").result(), "resources", "uri"), Names{"gw+files:x"});
  const Json asked = request("tools/call", "\"name\":\"" + odd + "\"").result();
  EXPECT_EQ(files.last()["params"]["name"].string_or(""), odd);
  EXPECT_EQ(asked["inputRequests"]["k"]["params"]["message"].string_or(""), "Sure?");
  EXPECT_EQ(request("tools/call", R"("name":"rm")").code(), -32602);
  EXPECT_EQ(initialize().result()["instructions"].string_or(""), "Read.");
}

TEST_F(FederatedRules, HoldForTheRetryOfAQuestionToo) {
  const auto ask = [](const Envelope&) { return R"({"resultType":"input_required","inputRequests":{}})"; };
  federate_by({});
  files.answers["tools/call"] = ask;
  const std::string state(
      request("tools/call", R"("name":"files__rm")").result()["requestState"].string_or(""));
  exchanges.clear();
  NameRules rules;
  rules.tools.deny = {"rm"};
  federate_by(rules);
  EXPECT_EQ(request("tools/call", R"("name":"files__rm","requestState":")" + state + "\"").code(), -32602);
  EXPECT_EQ(files.count("tools/call"), 1U);
}

TEST_F(FederatedRules, WarnOfPatternsThatMatchNothingOnce) {
  NameRules rules;
  rules.tools.deny = {"rm", "wirte_*"};
  federate_by(rules);
  files.pages["tools/list"] = {tool("read"), tool("rm")};
  request("tools/list");
  EXPECT_EQ(sink.text.find("matches no tool"), std::string::npos);
  request("tools/list", "\"cursor\":" + request("tools/list").result()["nextCursor"].dump());
  request("tools/list", "\"cursor\":" + request("tools/list").result()["nextCursor"].dump());
  EXPECT_EQ(testing_fronts::count_of(sink.text, "a pattern matches no tool"), 1U);
  EXPECT_NE(sink.text.find(R"("pattern":"wirte_*")"), std::string::npos) << sink.text;
}

}  // namespace
}  // namespace sluice::testing_federation
