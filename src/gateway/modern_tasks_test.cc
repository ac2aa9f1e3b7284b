// SPDX-License-Identifier: Apache-2.0
#include "gateway/modern_tasks.h"

#include "gateway/modern_bridge_testing.h"

namespace sluice::testing_modern_bridge {
namespace {

class ModernTasksTest : public ModernBridgeTest {
 protected:
  ModernTasksTest() {
    old.hello = R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{},"tasks":{"requests":{"tools":)"
                R"({"call":{}}}}},"serverInfo":{"name":"old","version":"1"}})";
  }
  static constexpr const char* declares =
      R"({"elicitation":{"form":{}},"extensions":{"io.modelcontextprotocol/tasks":{}}})";
  static constexpr const char* tools = R"({"tools":[{"name":"t","execution":{"taskSupport":"optional"}},)"
                                       R"({"name":"must","execution":{"taskSupport":"required"}},)"
                                       R"({"name":"plain"}]})";
  static constexpr const char* done = R"({"content":[{"type":"text","text":"done"}]})";

  // A call of that tool; the list of tools, if it is asked for, is answered first.
  std::unique_ptr<Asker> call_of(const std::string& tool, const char* capabilities = declares,
                                 const std::string& principal = "ann") {
    auto client =
        send("tools/call", R"("name":")" + tool + R"(","arguments":{})", {}, capabilities, principal);
    if (!old.pending.empty() && old.last_text().find("tools/list") != std::string::npos) {
      old.answer(old.last(), tools);
      reactor->turn();
    }
    return client;
  }
  std::string begin(const std::string& tool = "t", const std::string& principal = "ann") {
    const auto client = call_of(tool, declares, principal);
    EXPECT_EQ(client->result()["resultType"].string_or(""), "task");
    return std::string(client->result()["taskId"].string_or(""));
  }
  std::unique_ptr<Asker> about(Bytes method, const std::string& id, const std::string& more = {},
                               const std::string& principal = "ann") {
    auto client = send(method, R"("taskId":")" + id + "\"" + more, {}, declares, principal);
    reactor->turn();
    return client;
  }
  Json state(const std::string& id) { return about("tasks/get", id)->result(); }
  std::string status(const std::string& id) { return std::string(state(id)["status"].string_or("none")); }
};

TEST_F(ModernTasksTest, AreOfferedWhereTheServerTakesCallsAsTasks) {
  EXPECT_TRUE(send("server/discover")
                  ->result()["capabilities"]["extensions"]
                  .contains("io.modelcontextprotocol/tasks"));
}

TEST_F(ModernTasksTest, AnswerAtOnceAndKeepTheResult) {
  const std::string id = begin();
  ASSERT_EQ(old.pending.size(), 1U);
  EXPECT_FALSE(parsed(old.last_text())["params"].contains("task")) << "the task is ours";
  const Json working = state(id);
  EXPECT_EQ(working["status"].string_or(""), "working");
  EXPECT_EQ(working["resultType"].string_or(""), "complete");
  old.answer(old.last(), done);
  const Json completed = state(id);
  EXPECT_EQ(completed["status"].string_or(""), "completed");
  EXPECT_EQ(completed["result"]["content"][0]["text"].string_or(""), "done");
  EXPECT_EQ(completed["result"]["resultType"].string_or(""), "complete");
}

TEST_F(ModernTasksTest, AreNotMadeForToolsOrClientsThatKnowNone) {
  auto plain = call_of("plain");
  EXPECT_FALSE(plain->over());
  old.answer(old.last(), done);
  EXPECT_EQ(plain->result()["resultType"].string_or(""), "complete");
  auto unaware = call_of("t", "{}");
  EXPECT_FALSE(unaware->over());
  old.answer(old.last(), done);
  EXPECT_EQ(unaware->result()["resultType"].string_or(""), "complete");
  const auto refused = send("tasks/get", R"("taskId":"x")");
  ASSERT_TRUE(refused->refused);
  EXPECT_EQ(refused->refused->code, rpc::missing_client_capability);
}

TEST_F(ModernTasksTest, KeepWhatTheServerAsksUntilAllIsAnswered) {
  const std::string id = begin();
  Exchange& inner = old.last();
  ask(inner, "1", "first");
  ask(inner, "2", "second");
  wait(limits.bridge.coalesce);
  const Json asking = state(id);
  EXPECT_EQ(asking["status"].string_or(""), "input_required");
  ASSERT_EQ(asking["inputRequests"].size(), 2U);
  const auto key = [&](std::size_t i) { return asking["inputRequests"].members()[i].name; };
  const auto answer = [&](const std::string& name) {
    return about("tasks/update", id, R"(,"inputResponses":{")" + name + R"(":{"action":"accept"},"x":{}})");
  };
  EXPECT_EQ(answer(key(0))->result()["resultType"].string_or(""), "complete");
  EXPECT_EQ(state(id)["inputRequests"].size(), 1U);
  EXPECT_FALSE(was_told("accept"));
  answer(key(1));
  EXPECT_TRUE(was_told("accept"));
  EXPECT_EQ(status(id), "working");
  old.answer(inner, done);
  EXPECT_EQ(status(id), "completed");
}

TEST_F(ModernTasksTest, CancelTheirCallAtTheServer) {
  const std::string id = begin();
  for (int twice = 0; twice < 2; ++twice)
    EXPECT_EQ(about("tasks/cancel", id)->result()["resultType"].string_or(""), "complete");
  wait(milliseconds(1));
  EXPECT_EQ(old.cancels.size(), 1U);
  EXPECT_EQ(status(id), "cancelled");
  EXPECT_EQ(bridge->calls(), 0U);
}

TEST_F(ModernTasksTest, CancelACallThatIsParkedForThem) {
  const std::string id = begin();
  ask(old.last(), "1");
  wait(limits.bridge.coalesce);
  EXPECT_EQ(bridge->parked(), 1U);
  about("tasks/cancel", id);
  wait(milliseconds(1));
  EXPECT_EQ(bridge->parked(), 0U);
  EXPECT_EQ(old.cancels.size(), 1U);
}

TEST_F(ModernTasksTest, FailWhenNobodyAnswersWhatTheServerAsks) {
  const std::string id = begin();
  ask(old.last(), "1");
  wait(limits.bridge.coalesce + milliseconds(1));
  ASSERT_EQ(status(id), "input_required");
  wait(limits.mcp.request_state_age_max + seconds(1));
  EXPECT_EQ(status(id), "failed");
  EXPECT_EQ(bridge->calls(), 0U);
}

TEST_F(ModernTasksTest, FailAtOnceWhenTheirCallMakesRoomForANewerOne) {
  const std::string oldest = begin();
  const auto listener =
      send("subscriptions/listen", R"("notifications":{"taskIds":[")" + oldest + "\"]}", {}, declares);
  const auto park = [&](int question) {
    ask(old.last(), std::to_string(question));
    wait(limits.bridge.coalesce + milliseconds(1));
  };
  park(0);
  std::string last;
  for (std::size_t i = 1; i <= limits.bridge.parked_per_principal_max; ++i) {
    EXPECT_EQ(status(oldest), "input_required");
    last = begin();
    park(static_cast<int>(i));
  }
  EXPECT_EQ(status(last), "input_required");
  const Json failed = state(oldest);
  EXPECT_EQ(failed["status"].string_or(""), "failed");
  EXPECT_NE(failed["error"]["message"].string_or("").find("this one, the oldest, was given up"),
            std::string::npos)
      << failed.dump();
  EXPECT_EQ(parsed(listener->heard.back())["params"]["status"].string_or(""), "failed");
  EXPECT_EQ(bridge->parked(), limits.bridge.parked_per_principal_max);
  EXPECT_EQ(old.cancels.size(), 1U);
  bridge->cancelled(*listener, CancelReason::client);
}

TEST_F(ModernTasksTest, FailAtOnceWhenTheirServerDiesUnderAQuestion) {
  const std::string id = begin();
  ask(old.last(), "1");
  wait(limits.bridge.coalesce + milliseconds(1));
  ASSERT_EQ(status(id), "input_required");
  old.die(*old.sessions[0]);
  wait(milliseconds(1));
  EXPECT_EQ(status(id), "failed");
  EXPECT_EQ(bridge->parked(), 0U);
}

TEST_F(ModernTasksTest, ChargeTheirRequestWhileTheyRunAndTheirResultBehindIt) {
  const Budget& budget = reactor->budget();
  EXPECT_TRUE(send("server/discover")->answer);
  auto plain = call_of("plain");  // so that the tool list is there
  old.answer(old.last(), done);
  plain.reset();
  const std::size_t before = budget.bytes_used();
  const std::string text(100'000, 'x');
  auto client = send("tools/call", R"("name":"t","arguments":{"x":")" + text + "\"}", {}, declares);
  const std::string id(client->result()["taskId"].string_or(""));
  client.reset();
  EXPECT_GE(budget.bytes_used(), before + text.size());
  old.answer(old.last(), done);
  reactor->turn();
  EXPECT_EQ(status(id), "completed");
  EXPECT_LT(budget.bytes_used(), before + 1'000);
}

TEST_F(ModernTasksTest, FailWithTheCallButNotWithTheTool) {
  const std::string told = begin();
  old.answer(old.last(), R"({"content":[],"isError":true})");
  EXPECT_EQ(status(told), "completed");
  EXPECT_TRUE(state(told)["result"]["isError"].bool_or(false));
  const std::string broken = begin();
  old.fail(old.last(), -32050, "broke", "1");
  EXPECT_EQ(state(broken)["error"].dump(), R"({"code":-32050,"message":"broke","data":1})");
  const std::string lost = begin();
  old.die(*old.sessions[0]);
  EXPECT_EQ(status(lost), "failed");
}

TEST_F(ModernTasksTest, AreTheirPrincipalsAlone) {
  const std::string id = begin();
  old.answer(old.last(), done);
  for (const char* method : {"tasks/get", "tasks/cancel"}) {
    const auto foreign = about(method, id, {}, "bob");
    ASSERT_TRUE(foreign->refused) << method;
    EXPECT_EQ(foreign->refused->code, rpc::invalid_params);
  }
  EXPECT_EQ(status(id), "completed");
}

TEST_F(ModernTasksTest, EndWithTheirTime) {
  const std::string id = begin();
  wait(limits.mcp.task_ttl);
  EXPECT_EQ(old.cancels.size(), 1U);
  EXPECT_EQ(about("tasks/get", id)->refused->code, rpc::invalid_params);
}

TEST_F(ModernTasksTest, AreMadeAtTheServerWhereItDemandsThem) {
  auto client = call_of("must", elicits);
  EXPECT_EQ(parsed(old.last_text())["params"]["task"].dump(), "{}");
  old.answer(old.last(), R"({"task":{"taskId":"far","status":"working","createdAt":"x","ttl":null}})");
  ASSERT_EQ(old.pending.size(), 1U);
  const Json waits = parsed(old.last_text());
  EXPECT_EQ(waits["method"].string_or(""), "tasks/result");
  EXPECT_EQ(waits["params"]["taskId"].string_or(""), "far");
  EXPECT_FALSE(client->over());
  old.answer(old.last(),
             R"({"content":[],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"far"}}})");
  EXPECT_FALSE(client->result()["_meta"].contains(related_task_key));
  EXPECT_TRUE(client->result()["_meta"].contains("io.modelcontextprotocol/serverInfo"));
}

TEST_F(ModernTasksTest, ThatAServerDemandsAreLookedAtSoThatTheirCallLivesOn) {
  auto client = call_of("must", elicits);
  old.answer(old.last(), R"({"task":{"taskId":"far","status":"working","createdAt":"x","ttl":null,)"
                         R"("pollInterval":500}})");
  const auto look = [&](Bytes status) {
    wait(milliseconds(500));
    const Json asked = parsed(old.last_text());
    EXPECT_EQ(asked["method"].string_or(""), "tasks/get");
    EXPECT_EQ(asked["params"]["taskId"].string_or(""), "far");
    old.answer(old.last(),
               R"({"taskId":"far","createdAt":"x","ttl":null,"status":")" + std::string(status) + "\"}");
  };
  look("working");
  look("input_required");
  EXPECT_EQ(client->signs, (std::vector<LifeSign>{LifeSign::work, LifeSign::work}));
  look("failed");
  EXPECT_EQ(client->signs.size(), 2U);
  old.answer(old.last(), R"({"content":[]})");
  EXPECT_TRUE(client->over());
  wait(seconds(5));
  EXPECT_TRUE(old.pending.empty()) << "nobody looks any more";
}

TEST_F(ModernTasksTest, AreToldToWhoSubscribedToThem) {
  const std::string id = begin();
  Exchange& inner = old.last();
  const std::string mine = R"("notifications":{"taskIds":[")" + id + R"(","of nobody"]})";
  const auto listener = send("subscriptions/listen", mine, {}, declares);
  const auto unaware = send("subscriptions/listen", mine, {}, elicits);
  const auto foreign = send("subscriptions/listen", mine, {}, declares, "bob");
  ASSERT_EQ(listener->heard.size(), 1U);
  EXPECT_EQ(parsed(listener->heard[0])["params"]["notifications"]["taskIds"].dump(), "[\"" + id + "\"]");
  ask(inner, "1");
  wait(limits.bridge.coalesce);
  for (const auto& other : {unaware.get(), foreign.get()}) EXPECT_EQ(other->heard.size(), 1U);
  ASSERT_EQ(listener->heard.size(), 2U);
  const Json asking = parsed(listener->heard[1]);
  EXPECT_EQ(asking["method"].string_or(""), "notifications/tasks");
  EXPECT_EQ(asking["params"]["taskId"].string_or(""), id);
  EXPECT_EQ(asking["params"]["status"].string_or(""), "input_required");
  EXPECT_EQ(asking["params"]["inputRequests"].size(), 1U);
  EXPECT_TRUE(asking["params"]["_meta"].contains("io.modelcontextprotocol/subscriptionId"));
  about("tasks/update", id,
        R"(,"inputResponses":{")" + asking["params"]["inputRequests"].members()[0].name +
            R"(":{"action":"accept"}})");
  old.answer(inner, done);
  const Json over = parsed(listener->heard.back());
  EXPECT_EQ(over["params"]["status"].string_or(""), "completed");
  EXPECT_EQ(over["params"]["result"]["content"][0]["text"].string_or(""), "done");
  for (const auto& one : {listener.get(), unaware.get(), foreign.get()})
    bridge->cancelled(*one, CancelReason::client);
}

TEST_F(ModernTasksTest, EndWithoutTheAnswersThatTheirServerDidNotWaitFor) {
  const std::string id = begin();
  Exchange& inner = old.last();
  ask(inner, "1");
  wait(limits.bridge.coalesce + milliseconds(1));
  ASSERT_EQ(status(id), "input_required");
  old.answer(inner, done);
  wait(milliseconds(1));
  EXPECT_EQ(status(id), "completed");
}

TEST_F(ModernTasksTest, AreCancelledAtTheServerThatMadeThem) {
  auto client = call_of("must", elicits);
  old.answer(old.last(), R"({"task":{"taskId":"far","status":"working","createdAt":"x","ttl":null}})");
  gone(std::move(client));
  ASSERT_EQ(old.pending.size(), 1U);
  EXPECT_EQ(parsed(old.last_text())["method"].string_or(""), "tasks/cancel");
  old.answer(old.last(), "{}");
}

}  // namespace
}  // namespace sluice::testing_modern_bridge
