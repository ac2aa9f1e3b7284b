// SPDX-License-Identifier: Apache-2.0
#include "gateway/legacy_tasks.h"

#include "gateway/legacy_bridge_testing.h"

namespace sluice::testing_legacy_bridge {
namespace {

constexpr const char* with_tasks =
    R"({"supportedVersions":["2026-07-28"],"capabilities":{"tools":{},"extensions":)"
    R"({"io.modelcontextprotocol/tasks":{}}},"resultType":"complete"})";
constexpr const char* made = R"({"resultType":"task","taskId":"far-1","status":"working","ttlMs":60000,)"
                             R"("createdAt":"2026-07-28T12:00:00Z","lastUpdatedAt":"2026-07-28T12:00:00Z",)"
                             R"("pollIntervalMs":500})";

std::string state(Bytes status, Bytes more = {}) {
  return R"({"resultType":"complete","taskId":"far-1","ttlMs":60000,"createdAt":"x","lastUpdatedAt":"y",)"
         R"("pollIntervalMs":500,"status":")" +
         std::string(status) + "\"" + std::string(more) + "}";
}
constexpr const char* done_result =
    R"(,"result":{"resultType":"complete","content":[{"type":"text","text":"done"}]})";
constexpr const char* asks = R"(,"inputRequests":{"who":{"method":"elicitation/create",)"
                             R"("params":{"message":"Who?","requestedSchema":{}}}})";
constexpr const char* accepts = R"({"action":"accept","content":{"name":"Ann"}})";

// ---- Clients that know no tasks

class LegacyBridgeFollows : public LegacyBridgeTest {
 protected:
  // The server has been asked for its task once more.
  void say_state(const std::string& text) {
    pass(milliseconds(500));
    far.finish(far.find("tasks/get"), text);
  }
};

TEST_F(LegacyBridgeFollows, TheTaskOfACallToItsResult) {
  FakeSession& session = connect(Revision::r2025_03_26);
  const FakeExchange& call = call_tool(session);
  EXPECT_TRUE(
      far.last()["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]["extensions"].contains(
          "io.modelcontextprotocol/tasks"));
  far.finish_last(made);
  EXPECT_EQ(far.count("tasks/get"), 0U);
  say_state(state("working"));
  EXPECT_EQ(far.last()["params"]["taskId"].string_or(""), "far-1");
  say_state(state("working"));
  EXPECT_FALSE(call.over());
  say_state(state("completed", done_result));
  EXPECT_EQ(call.result()["content"][0]["text"].string_or(""), "done");
  EXPECT_FALSE(call.result().contains("resultType"));
  EXPECT_EQ(far.count("tasks/get"), 3U);
  EXPECT_EQ(far.count("tasks/cancel"), 0U);
}

TEST_F(LegacyBridgeFollows, ItsSignsOfLifeWithProgress) {
  FakeSession& session = connect();
  const FakeExchange& call = call_tool(session, R"(,"_meta":{"progressToken":"p"})");
  far.finish_last(made);
  say_state(state("working"));
  say_state(state("working", R"(,"statusMessage":"half")"));
  ASSERT_EQ(call.notified.size(), 2U);
  EXPECT_EQ((*Json::parse(call.notified[1]))["params"].dump(),
            R"({"progress":2.0,"message":"half","progressToken":"p"})");
  say_state(state("completed", done_result));
}

TEST_F(LegacyBridgeFollows, ItsSignsOfLifeWithoutProgressToo) {
  FakeSession& session = connect();
  const FakeExchange& call = call_tool(session);
  far.finish_last(made);
  say_state(state("working"));
  say_state(state("working"));
  EXPECT_EQ(call.signs, (std::vector<LifeSign>{LifeSign::work, LifeSign::work}));
  EXPECT_TRUE(call.notified.empty());
  pass(milliseconds(500));
  far.refuse(far.find("tasks/get"), 502, -32603, "away");
  EXPECT_EQ(call.signs.size(), 2U) << "a look that failed is no sign";
}

TEST_F(LegacyBridgeFollows, ItsQuestionsToTheClientOnce) {
  FakeSession& session = connect();
  const FakeExchange& call = call_tool(session);
  far.finish_last(made);
  say_state(state("input_required", asks));
  ASSERT_EQ(call.asks.size(), 1U);
  EXPECT_EQ(call.asks[0]["params"]["message"].string_or(""), "Who?");
  answer(session, call.asks[0], accepts);
  EXPECT_EQ(far.last()["method"].string_or(""), "tasks/update");
  EXPECT_EQ(far.last()["params"]["inputResponses"], *Json::parse(R"({"who":)" + std::string(accepts) + "}"));
  far.finish_last(R"({"resultType":"complete"})");
  say_state(state("input_required", asks));  // it has not taken the answer yet
  EXPECT_EQ(call.asks.size(), 1U);
  EXPECT_EQ(far.count("tasks/update"), 2U);
  far.finish_last(R"({"resultType":"complete"})");
  say_state(state("completed", done_result));
  EXPECT_TRUE(call.over());
}

TEST_F(LegacyBridgeFollows, ItsEndsAsTheyAre) {
  FakeSession& session = connect();
  const FakeExchange& failed = call_tool(session);
  far.finish_last(made);
  say_state(state("failed", R"(,"error":{"code":-32050,"message":"broke","data":1})"));
  EXPECT_EQ(failed.error()["code"].int64_or(0), -32050);
  const FakeExchange& cancelled = call_tool(session);
  far.finish_last(made);
  say_state(state("cancelled"));
  EXPECT_TRUE(cancelled.result()["isError"].bool_or(false));
  const FakeExchange& forgotten = call_tool(session);
  far.finish_last(made);
  pass(milliseconds(500));
  far.fail(far.find("tasks/get"), -32602, "no such task");
  EXPECT_TRUE(forgotten.result()["isError"].bool_or(false));
  EXPECT_EQ(far.count("tasks/cancel"), 1U) << "it may be there still";
}

TEST_F(LegacyBridgeFollows, OnThroughAFewFailuresToLook) {
  FakeSession& session = connect();
  const FakeExchange& call = call_tool(session);
  far.finish_last(made);
  for (std::size_t failure = 1; failure < limits.bridge.task_polls_failed_max; ++failure) {
    pass(milliseconds(500));
    far.refuse(far.find("tasks/get"), 502, -32603, "away");
  }
  EXPECT_FALSE(call.over());
  say_state(state("working"));
  for (std::size_t failure = 0; failure < limits.bridge.task_polls_failed_max; ++failure) {
    pass(milliseconds(500));
    far.refuse(far.find("tasks/get"), 502, -32603, "away");
  }
  EXPECT_TRUE(call.result()["isError"].bool_or(false));
}

TEST_F(LegacyBridgeFollows, NoTaskThatNobodyWantsAnyMore) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session);
  far.finish_last(made);
  pass(milliseconds(500));
  cancel(call);
  EXPECT_EQ(far.cancels.size(), 1U);  // of the look
  EXPECT_EQ(far.last()["method"].string_or(""), "tasks/cancel");
  EXPECT_EQ(far.last()["params"]["taskId"].string_or(""), "far-1");
  far.finish_last(R"({"resultType":"complete"})");
}

TEST_F(LegacyBridgeFollows, ATaskThatEndsWhileItsQuestionIsOpen) {
  FakeSession& session = connect();
  const FakeExchange& call = call_tool(session);
  far.finish_last(made);
  for (int look = 0; look < 3; ++look) say_state(state("input_required", asks));
  ASSERT_EQ(call.asks.size(), 1U);
  EXPECT_TRUE(call.signs.empty()) << "a person has a time of their own";
  say_state(state("completed", done_result));
  EXPECT_EQ(call.result()["content"][0]["text"].string_or(""), "done");
  ASSERT_EQ(call.notified.size(), 1U);
  EXPECT_EQ((*Json::parse(call.notified[0]))["params"]["requestId"], call.asks[0]["id"]);
  answer(session, call.asks[0], accepts);
  EXPECT_EQ(far.count("tasks/update") + far.count("tasks/cancel"), 0U);
}

TEST_F(LegacyBridgeFollows, ATaskThatNoLongerAsksWhatItAsked) {
  constexpr const char* asks_two =
      R"(,"inputRequests":{"who":{"method":"elicitation/create","params":{"message":"Who?",)"
      R"("requestedSchema":{}}},"what":{"method":"roots/list"}})";
  constexpr const char* asks_what = R"(,"inputRequests":{"what":{"method":"roots/list"}})";
  FakeSession& session = connect();
  const FakeExchange& call = call_tool(session);
  far.finish_last(made);
  say_state(state("input_required", asks_two));
  ASSERT_EQ(call.asks.size(), 2U);
  answer(session, call.asks[0], accepts);
  EXPECT_EQ(far.count("tasks/update"), 0U);
  say_state(state("input_required", asks));  // that answer is all that it wants now
  EXPECT_EQ(far.last()["params"]["inputResponses"], *Json::parse(R"({"who":)" + std::string(accepts) + "}"));
  far.finish(far.find("tasks/update"), R"({"resultType":"complete"})");
  say_state(state("input_required", asks_what));
  ASSERT_EQ(call.asks.size(), 3U) << "nobody has answered it";
  say_state(state("working"));
  ASSERT_EQ(call.notified.size(), 2U);
  EXPECT_EQ((*Json::parse(call.notified[0]))["params"]["requestId"], call.asks[1]["id"]);
  EXPECT_EQ((*Json::parse(call.notified[1]))["params"]["requestId"], call.asks[2]["id"]);
  EXPECT_EQ(call.signs.size(), 1U);
  say_state(state("completed", done_result));
  EXPECT_TRUE(call.over());
}

TEST_F(LegacyBridgeFollows, AnAnswerThatDidNotArriveAndIsSentAgain) {
  FakeSession& session = connect();
  const FakeExchange& call = call_tool(session);
  far.finish_last(made);
  say_state(state("input_required", asks));
  answer(session, call.asks.at(0), accepts);
  far.refuse(far.find("tasks/update"), 503, -32603, "busy");
  say_state(state("input_required", asks));
  EXPECT_EQ(far.count("tasks/update"), 2U);
  far.fail(far.find("tasks/update"), -32603, "busy");
  say_state(state("input_required", asks));
  EXPECT_EQ(far.count("tasks/update"), 3U);
  EXPECT_EQ(far.last()["params"]["inputResponses"], *Json::parse(R"({"who":)" + std::string(accepts) + "}"));
  far.finish(far.find("tasks/update"), R"({"resultType":"complete"})");
  say_state(state("completed", done_result));
  EXPECT_TRUE(call.over());
  EXPECT_EQ(call.asks.size(), 1U);
  EXPECT_EQ(far.count("tasks/cancel"), 0U);
}

TEST_F(LegacyBridgeFollows, NoTaskThatNeverTakesAnAnswer) {
  FakeSession& session = connect();
  const std::size_t most = limits.bridge.task_polls_failed_max;
  const FakeExchange& refuses = call_tool(session);
  far.finish_last(made);
  say_state(state("input_required", asks));
  answer(session, refuses.asks.at(0), accepts);
  for (std::size_t sent = 1; sent <= most; ++sent) {
    EXPECT_FALSE(refuses.over());
    far.refuse(far.find("tasks/update"), 503, -32603, "busy");
    say_state(state("input_required", asks));
  }
  EXPECT_TRUE(refuses.result()["isError"].bool_or(false));
  EXPECT_EQ(far.count("tasks/update"), most);
  EXPECT_EQ(far.count("tasks/cancel"), 1U);

  const FakeExchange& ponders = call_tool(session);
  far.finish_last(made);
  say_state(state("input_required", asks));
  answer(session, ponders.asks.at(0), accepts);
  for (std::size_t look = 0; look < 3 * most; ++look) {
    if (const std::size_t at = far.find("tasks/update"); far.is_open(at))
      far.finish(at, R"({"resultType":"complete"})");
    say_state(state("input_required", asks));
  }
  EXPECT_FALSE(ponders.over()) << "it has the answer";
  EXPECT_EQ(far.count("tasks/update"), 2 * most);
}

TEST_F(LegacyBridgeFollows, NoCancelThatIsNeverAnswered) {
  limits.upstream.notes_max = 1;
  restart();
  FakeSession& session = connect();
  for (int twice = 0; twice < 2; ++twice) {
    FakeExchange& call = call_tool(session);
    far.finish_last(made);
    cancel(call);
  }
  EXPECT_EQ(far.count("tasks/cancel"), 1U);
  EXPECT_NE(sink.text.find("too many are under way"), std::string::npos) << sink.text;
  const std::size_t at = far.find("tasks/cancel");
  pass(limits.upstream.note_wait - milliseconds(1));
  EXPECT_TRUE(far.is_open(at));
  pass(milliseconds(2));
  EXPECT_FALSE(far.is_open(at));
  EXPECT_NE(sink.text.find("no answer"), std::string::npos) << sink.text;
  FakeExchange& call = call_tool(session);
  far.finish_last(made);
  cancel(call);
  EXPECT_EQ(far.count("tasks/cancel"), 2U);
}

// ---- News of them

class LegacyBridgeHears : public LegacyBridgeFollows {
 protected:
  // A call that became a task, in a session that is told of changes.
  FakeExchange& follow(FakeSession& session) {
    initialized(session);
    far.acknowledge(listen());
    FakeExchange& call = call_tool(session);
    far.finish_last(made);
    far.acknowledge(listen());
    return call;
  }
  [[nodiscard]] std::size_t listen() const { return far.find("subscriptions/listen"); }
  void tell(const std::string& text) { far.notify(listen(), "notifications/tasks", text); }
};

TEST_F(LegacyBridgeHears, OfATaskInTheSubscriptionThatThereIs) {
  FakeSession& session = connect();
  const FakeExchange& call = follow(session);
  EXPECT_EQ(far.requests[listen()]["params"]["notifications"].dump(),
            R"({"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true,)"
            R"("taskIds":["far-1"]})");
  pass(milliseconds(400));
  tell(state("working", R"(,"statusMessage":"half")"));
  EXPECT_EQ(call.signs.size(), 1U);
  tell(state("working"));
  EXPECT_EQ(call.signs.size(), 1U) << "however often it tells";
  pass(milliseconds(400));
  EXPECT_EQ(far.count("tasks/get"), 0U) << "news count as a look";
  tell(state("completed", done_result));
  EXPECT_EQ(call.result()["content"][0]["text"].string_or(""), "done");
  pass(seconds(5));
  EXPECT_EQ(far.count("tasks/get") + far.count("tasks/cancel"), 0U);
  EXPECT_TRUE(session.sent.empty()) << "the client knows no tasks";
}

TEST_F(LegacyBridgeHears, NothingWhereTheClientIsToldOfNothing) {
  FakeSession& session = connect(latest_legacy, all_capabilities, with_tasks);
  initialized(session);
  const FakeExchange& call = call_tool(session);
  far.finish_last(made);
  EXPECT_EQ(far.count("subscriptions/listen"), 0U);
  say_state(state("completed", done_result));
  EXPECT_TRUE(call.over());
}

TEST_F(LegacyBridgeHears, WhatItAsksAndThatItAsksNoMore) {
  FakeSession& session = connect();
  const FakeExchange& call = follow(session);
  tell(state("input_required", asks));
  ASSERT_EQ(call.asks.size(), 1U);
  tell(state("working"));  // was said before
  tell(state("input_required", asks));
  tell(state("input_required", R"(,"inputRequests":{"what":{"method":"roots/list"}})"));
  ASSERT_EQ(call.asks.size(), 2U);
  pass(seconds(5));
  EXPECT_EQ(far.count("tasks/get"), 1U) << "it looks while a person thinks";
  answer(session, call.asks[0], accepts);
  EXPECT_EQ(far.count("tasks/update"), 0U);
  answer(session, call.asks[1], R"({"roots":[]})");
  EXPECT_EQ(far.last()["params"]["inputResponses"],
            *Json::parse(R"({"who":)" + std::string(accepts) + R"(,"what":{"roots":[]}})"));
  tell(state("input_required", R"(,"inputRequests":{"more":{"method":"roots/list"}})"));
  EXPECT_EQ(call.asks.size(), 2U);
  far.finish(far.find("tasks/update"), R"({"resultType":"complete"})");
  far.finish(far.find("tasks/get"),
             state("input_required", R"(,"inputRequests":{"more":{"method":"roots/list"}})"));
  EXPECT_EQ(call.asks.size(), 3U);
  tell(state("completed", done_result));
  EXPECT_TRUE(call.over());
  ASSERT_EQ(call.notified.size(), 1U);
  EXPECT_EQ((*Json::parse(call.notified[0]))["params"]["requestId"], call.asks[2]["id"]) << "is withdrawn";
}

TEST_F(LegacyBridgeHears, TheEndWhileItLooksOrAnswers) {
  FakeSession& session = connect();
  FakeExchange& looked = follow(session);
  pass(milliseconds(500));
  const std::size_t look = far.find("tasks/get");
  tell(state("failed", R"(,"error":{"code":-32050,"message":"broke"})"));
  EXPECT_EQ(looked.error()["code"].int64_or(0), -32050);
  EXPECT_FALSE(far.is_open(look));

  FakeExchange& answered = call_tool(session);
  far.finish_last(made);
  far.acknowledge(listen());
  tell(state("input_required", asks));
  answer(session, answered.asks.at(0), accepts);
  tell(state("cancelled"));
  EXPECT_TRUE(answered.result()["isError"].bool_or(false));
  EXPECT_FALSE(far.is_open(far.find("tasks/update")));
}

TEST_F(LegacyBridgeHears, NewsThatLackSomethingAreLookedAfter) {
  FakeSession& session = connect();
  const FakeExchange& call = follow(session);
  tell(R"({"taskId":"of nobody","status":"completed"})");
  tell(R"({"taskId":"far-1","status":"odd"})");
  EXPECT_EQ(far.count("tasks/get"), 0U);
  for (const char* status : {"input_required", "completed", "failed"}) {
    const std::size_t looks = far.count("tasks/get");
    tell(R"({"taskId":"far-1","status":")" + std::string(status) + "\"}");
    EXPECT_EQ(far.count("tasks/get"), looks + 1) << status;
  }
  far.finish(far.find("tasks/get"), state("completed", done_result));
  EXPECT_TRUE(call.over());
}

// ---- Clients that know those of 2025-11-25

class LegacyTasksTest : public LegacyBridgeTest {
 protected:
  FakeSession& connect_with_tasks(std::string principal = "me") {
    return connect(Revision::r2025_11_25, all_capabilities, with_tasks, std::move(principal));
  }
  // A call as a task, and the id of that.
  std::string begin(FakeSession& session) {
    const FakeExchange& call = call_tool(session, R"(,"task":{"ttl":60000})");
    return std::string(call.result()["task"]["taskId"].string_or(""));
  }
  FakeExchange& about(FakeSession& session, Bytes method, const std::string& id) {
    return request(session, method, R"({"taskId":")" + id + "\"}");
  }
  std::string status(FakeSession& session, const std::string& id) {
    return std::string(about(session, "tasks/get", id).result()["status"].string_or("none"));
  }
  static constexpr const char* done =
      R"({"resultType":"complete","content":[{"type":"text","text":"done"}]})";
};

TEST_F(LegacyTasksTest, AreOfferedWhereTheServerHasTheExtension) {
  FakeSession& session = connect_with_tasks();
  const FakeExchange& hello = *exchanges.front();
  EXPECT_EQ(hello.result()["capabilities"]["tasks"].dump(), tasks_offer);
  EXPECT_FALSE(hello.result()["capabilities"].contains("extensions"));
  const FakeExchange& list = request(session, "tools/list");
  far.finish_last(R"({"tools":[{"name":"t","inputSchema":{"type":"object"}}]})");
  EXPECT_EQ(list.result()["tools"][0]["execution"]["taskSupport"].string_or(""), "optional");
  FakeSession& older = connect(Revision::r2025_06_18, all_capabilities, with_tasks);
  EXPECT_FALSE(exchanges.back()->result()["capabilities"].contains("tasks"));
  EXPECT_EQ(about(older, "tasks/get", "x").code, -32601);
}

TEST_F(LegacyTasksTest, AnswerAtOnceAndKeepTheResult) {
  FakeSession& session = connect_with_tasks();
  const std::string id = begin(session);
  ASSERT_FALSE(id.empty());
  EXPECT_FALSE(far.last()["params"].contains("task"));
  EXPECT_EQ(status(session, id), "working");
  const FakeExchange& waits = about(session, "tasks/result", id);
  EXPECT_FALSE(waits.over());
  far.finish(far.find("tools/call"), done);
  EXPECT_EQ(waits.result()["content"][0]["text"].string_or(""), "done");
  EXPECT_EQ(waits.result()["_meta"][related_task_key]["taskId"].string_or(""), id);
  EXPECT_EQ(status(session, id), "completed");
  EXPECT_EQ(about(session, "tasks/result", id).result(), waits.result());
  EXPECT_EQ(request(session, "tasks/list").result()["tasks"].size(), 1U);
}

TEST_F(LegacyTasksTest, AreTheSameWhereTheServerMakesATaskToo) {
  FakeSession& session = connect_with_tasks();
  const std::string id = begin(session);
  far.finish(far.find("tools/call"), made);
  pass(milliseconds(500));
  far.finish(far.find("tasks/get"), state("completed", done_result));
  EXPECT_EQ(status(session, id), "completed");
}

TEST_F(LegacyTasksTest, AskOnTheStreamOfTheirResult) {
  FakeSession& session = connect_with_tasks();
  const std::string id = begin(session);
  far.finish(far.find("tools/call"),
             R"({"resultType":"input_required","requestState":"s","inputRequests":)"
             R"({"who":{"method":"elicitation/create","params":{"message":"Who?"}}}})");
  EXPECT_EQ(status(session, id), "input_required");
  FakeExchange& left = about(session, "tasks/result", id);
  ASSERT_EQ(left.asks.size(), 1U);
  cancel(left);
  const FakeExchange& waits = about(session, "tasks/result", id);
  ASSERT_EQ(waits.asks.size(), 1U);
  EXPECT_EQ(waits.asks[0]["params"]["_meta"][related_task_key]["taskId"].string_or(""), id);
  answer(session, waits.asks[0], accepts);
  EXPECT_EQ(status(session, id), "working");
  far.finish(far.find("tools/call"), done);
  EXPECT_TRUE(waits.over());
}

TEST_F(LegacyTasksTest, FailWithTheirTool) {
  FakeSession& session = connect_with_tasks();
  const std::string told = begin(session);
  far.finish(far.find("tools/call"), R"({"resultType":"complete","content":[],"isError":true})");
  EXPECT_EQ(status(session, told), "failed");
  EXPECT_TRUE(about(session, "tasks/result", told).result()["isError"].bool_or(false));
  const std::string broken = begin(session);
  far.fail(far.find("tools/call"), -32050, "broke");
  EXPECT_EQ(status(session, broken), "failed");
  EXPECT_EQ(about(session, "tasks/result", broken).error()["code"].int64_or(0), -32050);
}

TEST_F(LegacyTasksTest, CancelTheirCallAtTheServer) {
  FakeSession& session = connect_with_tasks();
  const std::string id = begin(session);
  const FakeExchange& waits = about(session, "tasks/result", id);
  EXPECT_EQ(about(session, "tasks/cancel", id).result()["status"].string_or(""), "cancelled");
  EXPECT_EQ(far.cancels.size(), 1U);
  EXPECT_TRUE(waits.over());
  EXPECT_EQ(about(session, "tasks/cancel", id).code, -32602);
}

TEST_F(LegacyTasksTest, AreTheirPrincipalsAlone) {
  FakeSession& session = connect_with_tasks();
  const std::string id = begin(session);
  FakeSession& other = connect_with_tasks("you");
  EXPECT_EQ(about(other, "tasks/get", id).code, -32602);
  EXPECT_EQ(about(other, "tasks/result", id).code, -32602);
  EXPECT_EQ(about(other, "tasks/cancel", id).code, -32602);
  EXPECT_EQ(request(other, "tasks/list").result()["tasks"].size(), 0U);
}

TEST_F(LegacyTasksTest, EndWithTheirTimeAndTheirSession) {
  FakeSession& session = connect_with_tasks();
  const std::string id = begin(session);
  pass(seconds(61));
  EXPECT_EQ(about(session, "tasks/get", id).code, -32602);
  EXPECT_EQ(far.cancels.size(), 1U);
  begin(session);
  end(session);
  EXPECT_EQ(far.cancels.size(), 2U);
}

TEST_F(LegacyTasksTest, SayWhenTheyWaitForAnswersAndWhenTheyAreOver) {
  FakeSession& session = connect_with_tasks();
  const std::string id = begin(session);
  far.finish(far.find("tools/call"),
             R"({"resultType":"input_required","requestState":"s","inputRequests":)"
             R"({"who":{"method":"elicitation/create","params":{"message":"Who?"}}}})");
  ASSERT_EQ(session.sent.size(), 1U);
  const Json asking = *Json::parse(session.sent[0]);
  EXPECT_EQ(asking["method"].string_or(""), "notifications/tasks/status");
  EXPECT_EQ(asking["params"]["taskId"].string_or(""), id);
  EXPECT_EQ(asking["params"]["status"].string_or(""), "input_required");
  answer(session, about(session, "tasks/result", id).asks.at(0), accepts);
  far.finish(far.find("tools/call"), done);
  EXPECT_EQ((*Json::parse(session.sent.at(1)))["params"]["status"].string_or(""), "completed");
  begin(session);
  end(session);  // to whom nothing is said any more
}

TEST_F(LegacyTasksTest, TellOfTheirProgressOnTheStreamOfTheirResultOrTheSession) {
  FakeSession& session = connect_with_tasks();
  const FakeExchange& call = call_tool(session, R"(,"task":{},"_meta":{"progressToken":1})");
  const std::string id(call.result()["task"]["taskId"].string_or(""));
  const std::size_t at = far.find("tools/call");
  far.notify(at, "notifications/progress", R"({"progressToken":1,"progress":1})");
  ASSERT_EQ(session.sent.size(), 1U);
  EXPECT_NE(session.sent[0].find("related-task"), std::string::npos);
  const FakeExchange& waits = about(session, "tasks/result", id);
  far.notify(at, "notifications/progress", R"({"progressToken":1,"progress":2})");
  EXPECT_EQ(waits.notified.size(), 1U);
}

}  // namespace
}  // namespace sluice::testing_legacy_bridge
