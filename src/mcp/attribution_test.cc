// SPDX-License-Identifier: Apache-2.0
#include "mcp/attribution.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using Where = Place::Where;

class AttributionTest : public testing::Test {
 protected:
  void open(ClientRef ref, const char* id, const char* token = nullptr) {
    attribution.opened(ref, *RpcId::from_raw(id), token == nullptr ? RpcId() : *RpcId::from_raw(token));
  }
  std::string place(const std::string& text) {
    const PaddedString padded(text);
    MessageScanner scanner{JsonLimits{}};
    Envelope envelope;
    EXPECT_TRUE(scanner.scan(padded.padded(), envelope).ok()) << text;
    return said(attribution.place(envelope));
  }
  std::string answered(const char* id) { return said(attribution.answered(*RpcId::from_raw(id))); }
  static std::string said(const Place& place) {
    if (place.where == Where::standalone) return "standalone";
    return place.where == Where::nowhere ? "nowhere" : std::to_string(place.ref);
  }

  Attribution attribution{McpLimits{}};
};

std::string response(const std::string& id) { return R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{}})"; }
std::string progress(const std::string& token) {
  return R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1,"progressToken":)" +
         token + "}}";
}
std::string note(const std::string& method) { return R"({"jsonrpc":"2.0","method":")" + method + R"("})"; }
std::string ask(const std::string& id, const std::string& method = "elicitation/create") {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + R"(","params":{}})";
}
std::string withdrawal(const std::string& id) {
  return R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)" + id + "}}";
}

TEST_F(AttributionTest, ResponsesGoById) {
  open(1, "1");
  open(2, "\"1\"");
  EXPECT_EQ(place(response("1")), "1");
  EXPECT_EQ(place(response(R"("\u0031")")), "2");
  EXPECT_EQ(place(response("3")), "nowhere");
  attribution.closed(1);
  EXPECT_EQ(place(response("1")), "nowhere");
}

TEST_F(AttributionTest, ProgressGoesByToken) {
  open(1, "1", "\"t\"");
  open(2, "2", "5");
  open(3, "3");
  EXPECT_EQ(place(progress("5")), "2");
  EXPECT_EQ(place(progress("\"t\"")), "1");
  EXPECT_EQ(place(progress("\"5\"")), "nowhere");
  attribution.closed(2);
  EXPECT_EQ(place(progress("5")), "nowhere");
}

TEST_F(AttributionTest, AsksGoToTheOnlyOneOrTheNewest) {
  EXPECT_EQ(place(ask("1")), "standalone");
  open(1, "1");
  EXPECT_EQ(place(ask("2")), "1");
  open(2, "2");
  EXPECT_EQ(place(ask("3")), "2");
  attribution.closed(2);
  EXPECT_EQ(place(ask("4", "sampling/createMessage")), "1");
  EXPECT_EQ(place(ask("5", "ping")), "1");
}

TEST_F(AttributionTest, AnswersFollowTheirAskOnce) {
  open(1, "1");
  EXPECT_EQ(place(ask("\"q\"")), "1");
  EXPECT_EQ(answered("\"x\""), "nowhere");
  EXPECT_EQ(answered("\"q\""), "1");
  EXPECT_EQ(answered("\"q\""), "nowhere");
}

TEST_F(AttributionTest, AnswersPassAlsoWhenTheGuessedExchangeIsClosed) {
  open(1, "1");
  open(2, "2");
  EXPECT_EQ(place(ask("7")), "2");
  attribution.closed(2);
  EXPECT_EQ(answered("7"), "standalone");
}

TEST_F(AttributionTest, WithdrawnAsksFollowTheirAsk) {
  open(1, "1");
  EXPECT_EQ(place(ask("7")), "1");
  open(2, "2");
  EXPECT_EQ(place(withdrawal("7")), "1");
  EXPECT_EQ(place(withdrawal("7")), "nowhere");
  EXPECT_EQ(answered("7"), "nowhere");
}

TEST_F(AttributionTest, ChangesOfListsAndResourcesAreAlwaysStandalone) {
  open(1, "1");
  for (const char* method : {"notifications/tools/list_changed", "notifications/prompts/list_changed",
                             "notifications/resources/list_changed", "notifications/resources/updated",
                             "notifications/elicitation/complete", "notifications/tasks/status"})
    EXPECT_EQ(place(note(method)), "standalone") << method;
}

TEST_F(AttributionTest, LogsGoToTheOnlyOneElseStandalone) {
  EXPECT_EQ(place(note("notifications/message")), "standalone");
  open(1, "1");
  EXPECT_EQ(place(note("notifications/message")), "1");
  EXPECT_EQ(place(note("vendor/thing")), "1");
  open(2, "2");
  EXPECT_EQ(place(note("notifications/message")), "standalone");
  EXPECT_EQ(place(note("vendor/thing")), "standalone");
}

TEST_F(AttributionTest, BoundsOpenAsks) {
  McpLimits limits;
  limits.asks_per_exchange_max = 1;
  limits.exchanges_per_session_max = 2;
  attribution = Attribution(limits);
  EXPECT_EQ(place(ask("1")), "standalone");
  EXPECT_EQ(place(ask("2")), "standalone");
  EXPECT_EQ(place(ask("3")), "nowhere");
}

}  // namespace
}  // namespace sluice
