// SPDX-License-Identifier: Apache-2.0
#include "gateway/definition_guard.h"

#include "gateway/federation_testing.h"

namespace sluice::testing_federation {
namespace {

using Names = std::vector<std::string>;

constexpr Bytes accepted = R"({"name":"read","description":"Reads."})";
constexpr Bytes other = R"({"name":"read","description":"Reads, and tells everybody."})";
constexpr Bytes hiding = R"({"name":"read","description":"Reads.\u200b"})";

class DefinitionGuardTest : public FederationTest {
 protected:
  void guard(DefinitionRules rules) {
    pins.pin("files", "read", definition_digest(*Json::parse(accepted)));
    federate({{"files", files, seconds(5), {}, rules}, {"git", git, seconds(5)}});
    for (FakeUpstream* upstream : {&files, &git})
      upstream->answers["tools/call"] = [](const Envelope&) { return R"({"content":[]})"; };
    serve(accepted);
    git.answers["tools/list"] = [](const Envelope&) { return R"({"tools":[{"name":"g"}],"ttlMs":0})"; };
  }
  void serve(Bytes tool) {
    files.answers["tools/list"] = [tool = std::string(tool)](const Envelope&) {
      return "{\"tools\":[" + tool + R"(],"ttlMs":0,"cacheScope":"public"})";
    };
  }
  Names tools() { return names(request("tools/list").result(), "tools"); }
  std::int64_t call() { return request("tools/call", R"("name":"files__read")").code(); }
  [[nodiscard]] std::string counted(const std::string& metric) const {
    const std::string text = metrics.prometheus_text();
    const auto at = text.find("\n" + metric + "{");
    return at == std::string::npos ? "" : text.substr(at + 1, text.find('\n', at + 1) - at - 1);
  }
};

TEST_F(DefinitionGuardTest, ReportsADefinitionThatWasNotAcceptedOnce) {
  guard({Vigilance::report, Vigilance::ignore});
  EXPECT_EQ(tools(), (Names{"files__read", "git__g"}));
  EXPECT_EQ(sink.text.find("needs a look"), std::string::npos);
  serve(other);
  EXPECT_EQ(tools(), (Names{"files__read", "git__g"}));
  EXPECT_EQ(tools(), (Names{"files__read", "git__g"}));
  EXPECT_EQ(testing_fronts::count_of(sink.text, "needs a look"), 1U);
  EXPECT_NE(sink.text.find(R"("why":"changed")"), std::string::npos) << sink.text;
  EXPECT_EQ(counted("sluice_tool_definitions_not_accepted_total"),
            R"(sluice_tool_definitions_not_accepted_total{upstream="files",state="changed"} 1)");
  serve(R"({"name":"rm"})");
  EXPECT_EQ(tools(), (Names{"files__rm", "git__g"}));
  EXPECT_NE(sink.text.find(R"("why":"new")"), std::string::npos);
  EXPECT_EQ(call(), 0);
}

TEST_F(DefinitionGuardTest, LeavesOutWhatWasNotAcceptedUntilItIs) {
  guard({Vigilance::quarantine, Vigilance::ignore});
  const Json list = request("tools/list").result();
  EXPECT_EQ(names(list, "tools"), (Names{"files__read", "git__g"}));
  EXPECT_EQ(list["cacheScope"].string_or(""), "private");
  EXPECT_EQ(call(), 0);
  serve(other);
  EXPECT_EQ(tools(), Names{"git__g"});
  EXPECT_EQ(call(), -32602);
  EXPECT_EQ(files.count("tools/call"), 1U);
  serve(accepted);
  EXPECT_EQ(tools(), (Names{"files__read", "git__g"}));
  EXPECT_EQ(call(), 0);
  // Accepted by the operator: the file is another one, and with it the federation.
  exchanges.clear();
  serve(other);
  pins.pin("files", "read", definition_digest(*Json::parse(other)));
  federate({{"files", files, seconds(5), {}, {Vigilance::quarantine, Vigilance::ignore}}});
  EXPECT_EQ(tools(), Names{"read"});
}

TEST_F(DefinitionGuardTest, LooksAtADefinitionBeforeTheFirstCall) {
  guard({Vigilance::quarantine, Vigilance::ignore});
  serve(other);
  EXPECT_EQ(call(), -32602);
  EXPECT_EQ(files.count("tools/call"), 0U);
  EXPECT_EQ(files.count("tools/list"), 1U);
  EXPECT_EQ(call(), -32602);
  EXPECT_EQ(files.count("tools/list"), 1U);
  EXPECT_EQ(request("tools/call", R"("name":"files__never_listed")").code(), -32602);
  files.is_dead = true;
  EXPECT_EQ(request("tools/call", R"("name":"files__unknown")").code(), -32603);  // it cannot be looked at
  EXPECT_EQ(request("tools/call", R"("name":"git__g")").code(), 0);
  EXPECT_EQ(git.count("tools/list"), 0U);
}

TEST_F(DefinitionGuardTest, LooksAgainWhenToolsChanged) {
  guard({Vigilance::quarantine, Vigilance::ignore});
  initialize();
  EXPECT_EQ(legacy("tools/call", R"({"name":"files__read"})").code(), 0);
  serve(other);
  (*files.sessions.begin())->send(make_notification("notifications/tools/list_changed"));
  EXPECT_EQ(legacy("tools/call", R"({"name":"files__read"})").code(), -32602);
  EXPECT_EQ(files.count("tools/call"), 1U);
}

TEST_F(DefinitionGuardTest, LooksBeforeAnAnswerToAQuestionFromBeforeTheStart) {
  constexpr DefinitionRules quarantine{Vigilance::quarantine, Vigilance::ignore};
  const auto asks = [](const Envelope& envelope) {
    return envelope.request_state
               ? R"({"resultType":"complete","content":[]})"
               : R"({"resultType":"input_required","requestState":"s","inputRequests":{}})";
  };
  guard(quarantine);
  files.answers["tools/call"] = asks;
  const std::string state = request("tools/call", R"("name":"files__read")").result()["requestState"].dump();
  const std::string retry = R"("name":"files__read","inputResponses":{},"requestState":)" + state;
  guard(quarantine);  // as if started again
  files.answers["tools/call"] = asks;
  EXPECT_EQ(request("tools/call", retry).code(), 0);
  guard(quarantine);
  serve(other);
  EXPECT_EQ(request("tools/call", retry).code(), -32602);
  EXPECT_EQ(files.count("tools/call"), 2U);
}

TEST_F(DefinitionGuardTest, TakesNoDefinitionForTheAcceptedOneInWhichAMemberOccursTwice) {
  guard({Vigilance::quarantine, Vigilance::ignore});
  serve(R"({"name":"read","description":"Reads, and tells everybody.","description":"Reads."})");
  EXPECT_EQ(tools(), Names{"git__g"});
  EXPECT_EQ(call(), -32602);
  EXPECT_NE(sink.text.find(R"("why":"changed")"), std::string::npos) << sink.text;
  serve(accepted);
  EXPECT_EQ(tools(), (Names{"files__read", "git__g"}));
}

TEST_F(DefinitionGuardTest, FlagsTextHiddenInTheFirstOfTwoMembers) {
  guard({Vigilance::ignore, Vigilance::quarantine});
  serve(R"({"name":"read","description":"\"Reads\".\u200b","description":"Reads."})");
  EXPECT_EQ(tools(), Names{"git__g"});
  EXPECT_NE(sink.text.find("zero_width U+200B"), std::string::npos) << sink.text;
  serve(R"({"name":"read","description":"R\u0065ads.","description":"Reads."})");
  request("tools/list");
  EXPECT_EQ(call(), 0);
}

TEST_F(DefinitionGuardTest, FlagsHiddenText) {
  guard({});
  serve(hiding);
  EXPECT_EQ(tools(), (Names{"files__read", "git__g"}));
  EXPECT_NE(sink.text.find("zero_width U+200B at /description"), std::string::npos) << sink.text;
  EXPECT_EQ(counted("sluice_tool_definitions_hidden_text_total"),
            R"(sluice_tool_definitions_hidden_text_total{upstream="files",state="hidden_text"} 1)");
  guard({Vigilance::ignore, Vigilance::quarantine});
  serve(hiding);
  EXPECT_EQ(tools(), Names{"git__g"});
  EXPECT_EQ(call(), -32602);
  guard({Vigilance::ignore, Vigilance::ignore});
  serve(hiding);
  sink.text.clear();
  EXPECT_EQ(tools(), (Names{"files__read", "git__g"}));
  EXPECT_EQ(sink.text.find("U+200B"), std::string::npos);
}

}  // namespace
}  // namespace sluice::testing_federation
