// SPDX-License-Identifier: Apache-2.0
#include "mcp/methods.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace sluice {
namespace {

TEST(Methods, AreSortedByTextAndInOrderOfTheirIds) {
  const auto methods = all_methods();
  for (std::size_t i = 0; i < methods.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(methods[i].id), i) << methods[i].text;
    if (i > 0) {
      EXPECT_LT(methods[i - 1].text, methods[i].text);
    }
    EXPECT_EQ(&method_of(methods[i].id), &methods[i]);
  }
}

TEST(Methods, AreFoundByTheirExactTextOnly) {
  for (const Method& method : all_methods()) EXPECT_EQ(find_method(method.text), &method);
  for (const char* text :
       {"", "tools", "tools/call ", "Tools/call", "tools/calls", "zzz", "a", "tools/call\n"})
    EXPECT_EQ(find_method(text), nullptr) << text;
}

struct Row {
  const char* text;
  Sender sender;
  const char* legacy_and_modern;  // a letter a revision: c core, e extension, - absent
};

char letter(const char* text, Sender sender, Revision revision) {
  switch (standing(*find_method(text), sender, revision)) {
    case Standing::absent: return '-';
    case Standing::core: return 'c';
    case Standing::extension: return 'e';
  }
  return '?';
}

TEST(Methods, BelongToTheRevisionsOfTheSpecification) {
  constexpr Row rows[] = {
      {"initialize", Sender::client, "cccc-"},
      {"initialize", Sender::server, "-----"},
      {"notifications/initialized", Sender::client, "cccc-"},
      {"server/discover", Sender::client, "----c"},
      {"ping", Sender::client, "cccc-"},
      {"ping", Sender::server, "cccc-"},
      {"tools/list", Sender::client, "ccccc"},
      {"tools/call", Sender::client, "ccccc"},
      {"tools/call", Sender::server, "-----"},
      {"resources/list", Sender::client, "ccccc"},
      {"resources/templates/list", Sender::client, "ccccc"},
      {"resources/read", Sender::client, "ccccc"},
      {"resources/subscribe", Sender::client, "cccc-"},
      {"resources/unsubscribe", Sender::client, "cccc-"},
      {"subscriptions/listen", Sender::client, "----c"},
      {"prompts/list", Sender::client, "ccccc"},
      {"prompts/get", Sender::client, "ccccc"},
      {"completion/complete", Sender::client, "ccccc"},
      {"logging/setLevel", Sender::client, "cccc-"},
      {"tasks/get", Sender::client, "---ce"},
      {"tasks/get", Sender::server, "---c-"},
      {"tasks/cancel", Sender::client, "---ce"},
      {"tasks/result", Sender::client, "---c-"},
      {"tasks/list", Sender::client, "---c-"},
      {"tasks/update", Sender::client, "----e"},
      {"skills/list", Sender::client, "----e"},
      {"skills/get", Sender::client, "----e"},
      {"resources/directory/read", Sender::client, "----e"},
      {"sampling/createMessage", Sender::server, "cccc-"},
      {"roots/list", Sender::server, "cccc-"},
      {"elicitation/create", Sender::server, "--cc-"},
      {"notifications/cancelled", Sender::client, "ccccc"},
      {"notifications/cancelled", Sender::server, "ccccc"},
      {"notifications/progress", Sender::client, "cccc-"},
      {"notifications/progress", Sender::server, "ccccc"},
      {"notifications/message", Sender::server, "ccccc"},
      {"notifications/tools/list_changed", Sender::server, "ccccc"},
      {"notifications/prompts/list_changed", Sender::server, "ccccc"},
      {"notifications/resources/list_changed", Sender::server, "ccccc"},
      {"notifications/resources/updated", Sender::server, "ccccc"},
      {"notifications/roots/list_changed", Sender::client, "cccc-"},
      {"notifications/elicitation/complete", Sender::server, "---c-"},
      {"notifications/tasks/status", Sender::server, "---c-"},
      {"notifications/tasks", Sender::server, "----e"},
      {"notifications/tasks", Sender::client, "-----"},
      {"notifications/subscriptions/acknowledged", Sender::server, "----c"},
  };
  for (const Row& row : rows) {
    ASSERT_NE(find_method(row.text), nullptr) << row.text;
    std::string found;
    for (const Revision revision : all_revisions) found.push_back(letter(row.text, row.sender, revision));
    EXPECT_EQ(found, row.legacy_and_modern) << row.text;
  }
}

TEST(Methods, ThatMayAskAreExactlyThree) {
  std::vector<std::string_view> asking;
  for (const Method& method : all_methods())
    if (method.may_ask) asking.push_back(method.text);
  EXPECT_EQ(asking, (std::vector<std::string_view>{"prompts/get", "resources/read", "tools/call"}));
}

TEST(Methods, WithCacheHintsAreExactlySix) {
  EXPECT_EQ(
      std::count_if(all_methods().begin(), all_methods().end(), [](const Method& m) { return m.cacheable; }),
      6);
}

TEST(Methods, NameTheMemberThatIsMirroredIntoMcpName) {
  EXPECT_EQ(find_method("tools/call")->name_at, NameAt::name);
  EXPECT_EQ(find_method("prompts/get")->name_at, NameAt::name);
  EXPECT_EQ(find_method("resources/read")->name_at, NameAt::uri);
  EXPECT_EQ(find_method("tasks/get")->name_at, NameAt::task_id);
  EXPECT_EQ(find_method("tools/list")->name_at, NameAt::nowhere);
}

TEST(Methods, NeedTheServerCapabilityOfTheirFamily) {
  EXPECT_EQ(server_capability_text(find_method("tools/call")->needs), "tools");
  EXPECT_EQ(server_capability_text(find_method("resources/subscribe")->needs), "resources.subscribe");
  EXPECT_EQ(server_capability_text(find_method("ping")->needs), "");
  EXPECT_EQ(extension_text(find_method("tasks/update")->extension), "io.modelcontextprotocol/tasks");
}

}  // namespace
}  // namespace sluice
