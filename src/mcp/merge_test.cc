// SPDX-License-Identifier: Apache-2.0
#include "mcp/merge.h"

#include <gtest/gtest.h>

#include "mcp/exchange.h"

namespace sluice {
namespace {

class Merge : public ::testing::Test {
 protected:
  // Kept: envelopes look into their messages.
  const Envelope& response(Bytes result) {
    return message(R"({"jsonrpc":"2.0","id":1,"result":)" + std::string(result) + "}");
  }
  const Envelope& message(Bytes text) {
    auto& kept = kept_.emplace_back();
    EXPECT_TRUE(kept.take(scanner_, PaddedString(text))) << text;
    return kept.envelope();
  }
  std::string renamed(const Envelope& envelope) {
    Rewrite rewrite;
    rename_uris(rewrite, envelope, renames);
    return rewrite.apply(envelope.text, envelope.result);
  }

  Renames renames{[](Bytes name) { return "up__" + std::string(name); },
                  [](Bytes uri) { return "gw+up:" + std::string(uri); },
                  [](Bytes text) { return "gw+t:" + std::string(text); }};

 private:
  MessageScanner scanner_{JsonLimits{}};
  std::deque<ClientMessage> kept_;
};

TEST_F(Merge, PutsPagesOneAfterTheOtherAndTouchesNamesOnly) {
  MergedPage page(*list_form(MethodId::tools_list));
  const auto first = page.add(
      response(
          R"({"tools":[{"x":9007199254740993, "name":"a","n":1.50}],"ttlMs":5000,"cacheScope":"public"})"),
      renames);
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->next_cursor);
  const auto second =
      page.add(response(R"({"tools":[{"name":"b\u0021"}],"nextCursor":"","ttlMs":700})"), renames);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->next_cursor, "");
  EXPECT_EQ(page.result(Era::legacy, std::nullopt, {}),
            R"({"tools":[{"x":9007199254740993, "name":"up__a","n":1.50},{"name":"up__b!"}]})");
  EXPECT_EQ(page.result(Era::modern, "c", {}),
            R"({"resultType":"complete","tools":[{"x":9007199254740993, "name":"up__a","n":1.50},)"
            R"({"name":"up__b!"}],"nextCursor":"c","ttlMs":700,"cacheScope":"private"})");
}

TEST_F(Merge, LetsNobodyKeepAPageThatIsNotWhole) {
  MergedPage page(*list_form(MethodId::prompts_list));
  ASSERT_TRUE(page.add(response(R"({"prompts":[],"ttlMs":5000,"cacheScope":"public"})"), renames));
  EXPECT_EQ(page.result(Era::modern, std::nullopt, {}),
            R"({"resultType":"complete","prompts":[],"ttlMs":5000,"cacheScope":"public"})");
  page.is_partial();
  EXPECT_EQ(page.result(Era::modern, std::nullopt, {}),
            R"({"resultType":"complete","prompts":[],"ttlMs":0,"cacheScope":"private"})");
}

TEST_F(Merge, RefusesAPageThatIsNone) {
  MergedPage page(*list_form(MethodId::resources_list));
  EXPECT_FALSE(page.add(response(R"({"tools":[]})"), renames));
  EXPECT_FALSE(page.add(response(R"([])"), renames));
  EXPECT_FALSE(page.add(response(R"({"resources":{}})"), renames));
  EXPECT_TRUE(page.add(response(R"({"resources":[1,{"name":"no uri"},{"uri":"x:a"}]})"), renames));
  EXPECT_EQ(page.items(), 1U);
}

TEST_F(Merge, RenamesTheResourceThatShowsAToolsResults) {
  MergedPage page(*list_form(MethodId::tools_list));
  ASSERT_TRUE(page.add(
      response(
          R"({"tools":[{"name":"a","_meta":{"ui":{"resourceUri":"ui://a"},"ui/resourceUri":"ui://a"}}]})"),
      renames));
  EXPECT_EQ(page.result(Era::legacy, std::nullopt, {}),
            R"({"tools":[{"name":"up__a","_meta":{"ui":{"resourceUri":"gw+up:ui://a"},)"
            R"("ui/resourceUri":"gw+up:ui://a"}}]})");
}

TEST_F(Merge, UnitesWhatServersDeclare) {
  EXPECT_EQ(merge_json(R"({"tools":{"listChanged":false},"x":1})",
                       R"( {"tools":{"listChanged":true,"y":[1]},"x":2,"logging":{}} )"),
            R"({"tools":{"listChanged":true,"y":[1]},"x":1,"logging":{}})");
}

TEST_F(Merge, MakesOneServerOfSeveral) {
  MergedServers servers;
  servers.add("a", response(R"({"capabilities":{"tools":{},"tasks":{"list":{}},)"
                            R"("extensions":{"io.modelcontextprotocol/skills":{},"x/y":{"n":1.0}}},)"
                            R"("instructions":"Be kind.","ttlMs":10,"cacheScope":"public"})"));
  servers.add("b", response(R"({"capabilities":{"prompts":{}},"instructions":"Be quick.","ttlMs":20,)"
                            R"("cacheScope":"public"})"));
  EXPECT_EQ(servers.initialize_result(Revision::r2025_06_18, R"({"name":"s"})"),
            R"({"protocolVersion":"2025-06-18","capabilities":{"tools":{},"extensions":{"x/y":{"n":1.0}},)"
            R"("prompts":{}},"serverInfo":{"name":"s"},)"
            R"("instructions":"# a\n\nBe kind.\n\n# b\n\nBe quick."})");
  EXPECT_EQ(servers.discover_result({latest_modern}, R"({"name":"s"})"),
            R"({"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{},)"
            R"("extensions":{"x/y":{"n":1.0}},"prompts":{}},)"
            R"("instructions":"# a\n\nBe kind.\n\n# b\n\nBe quick.","ttlMs":10,"cacheScope":"public",)"
            R"("_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}}})");
}

TEST_F(Merge, RenamesUrisWhereverAResultHasThem) {
  EXPECT_EQ(
      renamed(response(R"({"content":[{"type":"resource_link","uri":"x:a"},{"type":"text","uri":"x:a"},)"
                       R"({"type":"resource","resource":{"uri":"x:b","text":"\"uri\""}}],"uri":"x:c"})")),
      R"({"content":[{"type":"resource_link","uri":"gw+up:x:a"},{"type":"text","uri":"x:a"},)"
      R"({"type":"resource","resource":{"uri":"gw+up:x:b","text":"\"uri\""}}],"uri":"x:c"})");
  EXPECT_EQ(renamed(response(R"({"contents":[{"uri":"x:a","text":""}]})")),
            R"({"contents":[{"uri":"gw+up:x:a","text":""}]})");
  EXPECT_EQ(
      renamed(response(R"({"messages":[{"role":"user","content":{"type":"resource_link","uri":"x:a"}}]})")),
      R"({"messages":[{"role":"user","content":{"type":"resource_link","uri":"gw+up:x:a"}}]})");
}

TEST_F(Merge, SaysWhoAsks) {
  const auto named = [this](Bytes text) {
    const Envelope& ask = message(text);
    Rewrite rewrite;
    name_asker(rewrite, ask.text, ask.method, ask.params, "git");
    return rewrite.apply(ask.text, ask.params);
  };
  EXPECT_EQ(named(R"({"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{"message":"Sure?"}})"),
            R"({"message":"[git] Sure?"})");
  EXPECT_EQ(named(R"({"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"maxTokens":1,)"
                  R"("includeContext":"allServers","systemPrompt":"Be brief."}})"),
            R"({"maxTokens":1,"includeContext":"none",)"
            R"("systemPrompt":"This request comes from the MCP server 'git'.\n\nBe brief."})");
  EXPECT_EQ(named(R"({"jsonrpc":"2.0","id":1,"method":"roots/list","params":{"a":1}})"), R"({"a":1})");
}

TEST_F(Merge, SaysWhoAsksInEveryQuestionOfAResult) {
  const Envelope& result =
      response(R"({"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create",)"
               R"("params":{"message":"Sure?"}},"r":{"method":"roots/list"}}})");
  Rewrite rewrite;
  name_askers(rewrite, result.text, result.result, "git");
  EXPECT_EQ(rewrite.apply(result.text, result.result),
            R"({"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create",)"
            R"("params":{"message":"[git] Sure?"}},"r":{"method":"roots/list"}}})");
}

}  // namespace
}  // namespace sluice
