// SPDX-License-Identifier: Apache-2.0
#include "mcp/tool_search.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using Words = std::vector<std::string>;

const std::vector<SearchedTool> tools{
    {"files__read_file", "Reads a file from disk and returns its text"},
    {"files__write_file", "Writes a text to a file on disk"},
    {"git__log", "Shows the history of commits"},
    {"git__commit", "Records changes of files as a commit"},
    {"web__fetchUrl", "Gets a page of the web"},
    {"web__search", "Searches the web for pages"},
};

Words found(Bytes query, std::size_t count_max = 10) {
  Words names;
  for (const std::size_t i : rank_tools(query, tools, count_max)) names.push_back(tools[i].name);
  return names;
}

TEST(ToolSearch, TakesWordsApart) {
  EXPECT_EQ(search_words("web__fetchURL2Text, né-e!"), (Words{"web", "fetch", "url2", "text", "né", "e"}));
  EXPECT_TRUE(search_words(" .-_").empty());
}

TEST(ToolSearch, PutsANameBeforeADescription) {
  EXPECT_EQ(found("commit").front(), "git__commit");
  EXPECT_EQ(found("search the web").front(), "web__search");
}

TEST(ToolSearch, LetsRareWordsDecide) { EXPECT_EQ(found("read file").front(), "files__read_file"); }

TEST(ToolSearch, FindsWordsThatBeginLikeThat) {
  EXPECT_EQ(found("fet"), Words{"web__fetchUrl"});
  EXPECT_TRUE(found("fe").empty());
  EXPECT_EQ(found("COMMITS").front(), "git__log");
}

TEST(ToolSearch, FindsNothingForNothing) {
  EXPECT_TRUE(found("").empty());
  EXPECT_TRUE(found("zebra").empty());
  EXPECT_TRUE(rank_tools("file", {}, 10).empty());
}

TEST(ToolSearch, IsBoundedAndKeepsTheOrderOfEquals) {
  EXPECT_EQ(found("file disk text web", 2).size(), 2U);
  const std::vector<SearchedTool> same(5, SearchedTool{"a", "the same"});
  EXPECT_EQ(rank_tools("same", same, 3), (std::vector<std::size_t>{0, 1, 2}));
}

}  // namespace
}  // namespace sluice
