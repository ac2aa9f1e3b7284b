// SPDX-License-Identifier: Apache-2.0
// The tasks of a client: followed to their end in both eras, asked, cancelled, and looked for again.
#include <gtest/gtest.h>

#include "mcp/client_engine_testing.h"

namespace sluice {
namespace {

ClientCapabilities with_tasks() {
  ClientCapabilities can = every_capability();
  can.extensions = {"io.modelcontextprotocol/tasks"};
  return can;
}

constexpr Bytes tasks_welcome =
    R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{},"tasks":{"list":{},"cancel":{},)"
    R"("requests":{"tools":{"call":{}}}}},"serverInfo":{"name":"old","version":"1"}})";

std::string modern_task(Bytes status, Bytes more = {}, bool created = false) {
  return std::string(R"({"resultType":")") + (created ? "task" : "complete") +
         R"(","taskId":"t/1","status":")" + std::string(status) +
         R"(","createdAt":"2026-07-28T00:00:00Z","lastUpdatedAt":"2026-07-28T00:00:00Z","ttlMs":60000,)"
         R"("pollIntervalMs":2000)" +
         std::string(more) + "}";
}

std::string legacy_task(Bytes status, Bytes more = {}) {
  return R"({"taskId":"t/1","status":")" + std::string(status) +
         R"(","createdAt":"2025-11-25T00:00:00Z","lastUpdatedAt":"2025-11-25T00:00:00Z","ttl":null,"pollInterval":2000)" +
         std::string(more) + "}";
}

std::unique_ptr<EngineDriver> modern_with_tasks(bool over_http = true) {
  return in_modern(over_http, with_tasks());
}

std::unique_ptr<EngineDriver> legacy_with_tasks() { return in_session(with_tasks(), tasks_welcome); }

// A call that has become a task of the extension.
ClientCallId made(EngineDriver& client, bool progress = false) {
  const std::size_t before = client.count(ClientEvent::Kind::answered);
  const ClientCallId call = client.call("tools/call", R"({"name":"x"})", progress);
  client.reply(client.orders.back(), modern_task("working", {}, true));
  EXPECT_EQ(client.count(ClientEvent::Kind::answered), before);
  return call;
}

constexpr milliseconds pace = seconds(2);

TEST(ClientEngineTasks, AreDeclaredAndLookedAtAsOftenAsTheServerSays) {
  auto client = modern_with_tasks();
  const ClientCallId call = made(*client);
  EXPECT_NE(client->orders[0].text.find("io.modelcontextprotocol/tasks"), std::string::npos);
  client->pass(pace - milliseconds(1));
  EXPECT_EQ(client->sent(), "tools/call");
  client->pass(milliseconds(1));
  EXPECT_EQ(client->sent(), "tools/call tasks/get");
  EXPECT_EQ(client->field("Mcp-Method"), "tasks/get");
  EXPECT_EQ(client->field("Mcp-Name"), "t/1");
  EXPECT_EQ(client->body()["params"]["taskId"].string_or(""), "t/1");
  client->reply(client->orders.back(), modern_task("working"));
  client->pass(pace);
  client->reply(client->orders.back(), modern_task("completed", R"(,"result":{"content":[],"n":1.0})"));
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).call, call);
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).json, R"({"content":[],"n":1.0})");
  EXPECT_EQ(client->engine.open_calls(), 0U);
}

TEST(ClientEngineTasks, FailAndAreCancelledAsErrorsOfTheCall) {
  auto client = modern_with_tasks();
  made(*client);
  client->pass(pace);
  client->reply(client->orders.back(),
                modern_task("failed", R"(,"error":{"code":-32000,"message":"oh","data":{"a":1}})"));
  const Error failed = client->last_event(ClientEvent::Kind::answered).error;
  EXPECT_EQ(failed.number, -32000);
  EXPECT_EQ(failed.message, "oh");
  EXPECT_EQ(failed.data, R"({"a":1})");
  made(*client);
  client->pass(pace);
  client->reply(client->orders.back(), modern_task("cancelled"));
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.message, "the server cancelled the task");
}

TEST(ClientEngineTasks, OfWhoeverDoesNotKnowThemAreNoResult) {
  auto client = in_modern();
  client->call("tools/call", R"({"name":"x"})");
  client->reply(client->orders.back(), modern_task("working", {}, true));
  EXPECT_TRUE(client->last_event(ClientEvent::Kind::answered).is_error);
}

TEST(ClientEngineTasks, TellTheirStatusAsProgressToWhoAskedForIt) {
  auto client = modern_with_tasks();
  made(*client, true);
  for (const Bytes more :
       {R"(,"statusMessage":"half")", R"(,"statusMessage":"half")", R"(,"statusMessage":"most")"}) {
    client->pass(pace);
    client->reply(client->orders.back(), modern_task("working", more));
  }
  EXPECT_EQ(client->count(ClientEvent::Kind::progress), 2U);
  EXPECT_EQ(client->last_event(ClientEvent::Kind::progress).json, R"({"progress":4,"message":"most"})");
}

TEST(ClientEngineTasks, LiveAsLongAsTheyAreSeenAndTheirCallMayTake) {
  auto client = modern_with_tasks();
  made(*client);
  for (int look = 0; look < 62 * 30; ++look) {
    client->pass(pace);
    client->reply(client->orders.back(), modern_task("working"));
  }
  EXPECT_EQ(client->count(ClientEvent::Kind::answered), 0U);
  client->pass(seconds(70));  // a look that nobody answers
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.code, Errc::timed_out);
  EXPECT_NE(client->last_send("tasks/cancel").text.find("t/1"), std::string::npos);
}

TEST(ClientEngineTasks, AreCancelledWithTheirCall) {
  for (const bool over_http : {true, false}) {
    auto client = modern_with_tasks(over_http);
    const ClientCallId call = made(*client);
    client->engine.cancel(call, client->now);
    client->settle();
    EXPECT_EQ(client->sent(), "tools/call tasks/cancel");
    client->reply(client->orders.back(), "{}");
    EXPECT_EQ(client->count(ClientEvent::Kind::answered), 0U);
  }
}

TEST(ClientEngineTasks, AreLookedForAgainWhenALookIsLost) {
  auto client = modern_with_tasks();
  made(*client);
  const std::size_t tries = ClientLimits{}.task_looks_failed_max;
  for (std::size_t i = 0; i <= tries; ++i) {
    EXPECT_EQ(client->count(ClientEvent::Kind::answered), 0U);
    client->pass(pace);
    client->engine.failed(client->orders.back().id, Error(Errc::unavailable, "gone"), Outcome::not_sent,
                          client->now);
    client->settle();
  }
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.message, "gone");
  made(*client);
  client->pass(pace);
  client->refuse(client->orders.back(), 400, make_error_response("1", rpc::invalid_params, "no such task"));
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.number, rpc::invalid_params);
}

constexpr Bytes two_questions =
    R"(,"inputRequests":{"a":{"method":"roots/list"},"b":{"method":"roots/list"}})";

TEST(ClientEngineTasks, AskAndAreAnsweredOnce) {
  auto client = modern_with_tasks();
  const ClientCallId call = made(*client);
  client->pass(pace);
  client->reply(client->orders.back(), modern_task("input_required", two_questions));
  EXPECT_EQ(client->count(ClientEvent::Kind::asked), 2U);
  EXPECT_EQ(client->last_event(ClientEvent::Kind::asked).call, call);
  // A person thinks, and the task is looked at all the same.
  client->pass(pace);
  client->reply(client->orders.back(), modern_task("input_required", two_questions));
  EXPECT_EQ(client->count(ClientEvent::Kind::asked), 2U);
  for (const ClientEvent& event : std::deque<ClientEvent>(client->events))
    if (event.kind == ClientEvent::Kind::asked)
      client->engine.answer(event.ask, std::string(R"({"roots":[]})"), client->now);
  client->settle();
  EXPECT_EQ(client->sent(), "tools/call tasks/get tasks/get tasks/update");
  EXPECT_EQ(client->field("Mcp-Name"), "t/1");
  EXPECT_EQ(client->body()["params"]["inputResponses"].dump(), R"({"a":{"roots":[]},"b":{"roots":[]}})");
  client->reply(client->orders.back(), R"({"resultType":"complete"})");
  EXPECT_EQ(client->body()["method"].string_or(""), "tasks/get") << "what came of it is looked for at once";
  // One answer did not arrive, or not yet: it is given again, and nobody is asked.
  client->reply(client->orders.back(),
                modern_task("input_required", R"(,"inputRequests":{"b":{"method":"roots/list"}})"));
  EXPECT_EQ(client->count(ClientEvent::Kind::asked), 2U);
  EXPECT_EQ(client->body()["params"]["inputResponses"].dump(), R"({"b":{"roots":[]}})");
}

TEST(ClientEngineTasks, ThatTakeNoAnswerFail) {
  auto client = modern_with_tasks();
  made(*client);
  const Bytes one = R"(,"inputRequests":{"b":{"method":"roots/list"}})";
  client->pass(pace);
  client->reply(client->orders.back(), modern_task("input_required", one));
  client->answer(std::string(R"({"roots":[]})"));
  for (int i = 0; i < 20 && client->count(ClientEvent::Kind::answered) == 0; ++i) {
    client->pass(pace);
    client->reply(client->last_send("tasks/get"), modern_task("input_required", one));
  }
  EXPECT_TRUE(client->last_event(ClientEvent::Kind::answered).is_error);
  EXPECT_EQ(client->last_send("tasks/cancel").id, client->orders.back().id);
}

TEST(ClientEngineTasks, ThatEndWhileTheyAskTakeTheirQuestionsBack) {
  auto client = modern_with_tasks();
  made(*client);
  client->pass(pace);
  client->reply(client->orders.back(), modern_task("input_required", two_questions));
  client->pass(pace);
  client->reply(client->orders.back(),
                modern_task("input_required", R"(,"inputRequests":{"b":{"method":"roots/list"}})"));
  EXPECT_EQ(client->count(ClientEvent::Kind::withdrawn), 1U);
  client->pass(pace);
  client->reply(client->orders.back(), modern_task("cancelled"));
  EXPECT_EQ(client->count(ClientEvent::Kind::withdrawn), 2U);
  EXPECT_TRUE(client->last_event(ClientEvent::Kind::answered).is_error);
}

TEST(ClientEngineTasks, AHandlersErrorCancelsTheTask) {
  auto client = modern_with_tasks();
  made(*client);
  client->pass(pace);
  client->reply(client->orders.back(), modern_task("input_required", two_questions));
  client->answer(error("the handler failed"));
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.message, "the handler failed");
  EXPECT_EQ(client->body()["method"].string_or(""), "tasks/cancel");
}

TEST(ClientEngineTasks, AreListenedToWhereSomethingIsAndNewsLeadToALook) {
  auto client = modern_with_tasks();
  ListenFilter wanted;
  wanted.tools = true;
  client->engine.watch(wanted, client->now);
  client->settle();
  made(*client);
  EXPECT_EQ(client->sent(), "subscriptions/listen tools/call drop subscriptions/listen");
  EXPECT_EQ(client->body()["params"]["notifications"]["taskIds"].dump(), R"(["t/1"])");
  client->hear(make_notification("notifications/tasks", modern_task("completed")));
  EXPECT_EQ(client->body()["method"].string_or(""), "tasks/get");
  EXPECT_EQ(client->count(ClientEvent::Kind::told), 1U);
}

TEST(ClientEngineTasks, ThatAreStartedAreTheAnswer) {
  auto client = modern_with_tasks();
  ClientCallSpec spec;
  spec.method = "tools/call";
  spec.params_json = R"({"name":"x"})";
  spec.tasks = ClientTasks::start;
  spec.task_ttl = seconds(5);
  client->engine.call(spec, client->now);
  client->settle();
  EXPECT_FALSE(client->body()["params"].contains("task"));
  client->reply(client->orders.back(), modern_task("working", {}, true));
  EXPECT_NE(client->last_event(ClientEvent::Kind::answered).json.find("t/1"), std::string::npos);
  auto old = legacy_with_tasks();
  old->engine.call(spec, old->now);
  old->settle();
  EXPECT_EQ(old->body()["params"]["task"]["ttl"].int64_or(0), 5'000);
  old->reply(old->orders.back(), R"({"task":)" + legacy_task("working") + "}");
  EXPECT_NE(old->last_event(ClientEvent::Kind::answered).json.find("t/1"), std::string::npos);
  auto without = in_session();
  without->engine.call(spec, without->now);
  without->settle();
  EXPECT_FALSE(without->body()["params"].contains("task"));
}

TEST(ClientEngineTasks, ThatAreThereAreFollowedAndLeftAloneByACancel) {
  auto client = modern_with_tasks();
  ClientCallSpec spec;
  spec.method = "tasks/result";
  spec.task_id = "t/1";
  const ClientCallId dropped = client->engine.call(spec, client->now);
  client->settle();
  EXPECT_EQ(client->sent(), "tasks/get");
  client->engine.cancel(dropped, client->now);
  client->settle();
  EXPECT_EQ(client->sent(), "tasks/get drop");
  client->engine.call(spec, client->now);
  client->settle();
  client->reply(client->orders.back(), modern_task("completed", R"(,"result":{"content":[]})"));
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).json, R"({"content":[]})");
}

// ---- 2025-11-25

TEST(LegacyClientEngineTasks, AreMadeOfCallsOfToolsThatNeedIt) {
  auto client = legacy_with_tasks();
  const ClientCallId call = client->call("tools/call", R"({"name":"x","arguments":{"n":1.0}})");
  EXPECT_FALSE(client->body()["params"].contains("task"));
  client->reply_error(client->orders.back(), rpc::method_not_found);
  EXPECT_EQ(client->sent(), "tools/call tools/call");
  EXPECT_TRUE(client->body()["params"]["task"].is_object());
  client->reply(client->orders.back(), R"({"task":)" + legacy_task("working") + "}");
  client->pass(pace);
  EXPECT_EQ(client->body()["method"].string_or(""), "tasks/get");
  client->reply(client->orders.back(), legacy_task("completed"));
  EXPECT_EQ(client->body()["method"].string_or(""), "tasks/result");
  EXPECT_TRUE(client->orders.back().resumes);
  client->reply(client->orders.back(), R"({"content":[]})");
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).call, call);
  auto without = in_session();
  without->call("tools/call", R"({"name":"x"})");
  without->reply_error(without->orders.back(), rpc::method_not_found);
  EXPECT_EQ(without->last_event(ClientEvent::Kind::answered).error.number, rpc::method_not_found);
}

TEST(LegacyClientEngineTasks, AskOnTheReplyThatWaitsForTheirResult) {
  auto client = legacy_with_tasks();
  const ClientCallId call = client->call("tools/call", R"({"name":"x"})", true);
  client->reply_error(client->orders.back(), rpc::method_not_found);
  const ClientOrder sent = client->orders.back();
  client->reply(sent, R"({"task":)" + legacy_task("working") + "}");
  client->hear(make_notification("notifications/progress",
                                 R"({"progressToken":)" + std::to_string(sent.id) + R"(,"progress":1})"));
  EXPECT_EQ(client->last_event(ClientEvent::Kind::progress).call, call)
      << "the token lives as long as the task";
  client->hear(make_notification("notifications/tasks/status", legacy_task("input_required")));
  EXPECT_EQ(client->body()["method"].string_or(""), "tasks/get") << "news lead to a look at once";
  client->reply(client->orders.back(), legacy_task("input_required"));
  EXPECT_EQ(client->body()["method"].string_or(""), "tasks/result");
  const ClientOrder waiting = client->orders.back();
  client->hear(make_request("\"q\"", "roots/list"), waiting.id);
  EXPECT_EQ(client->last_event(ClientEvent::Kind::asked).call, call);
  client->answer(std::string(R"({"roots":[]})"));
  client->engine.failed(waiting.id, error("broke"), Outcome::sent_unknown, client->now);
  client->pass(pace);
  EXPECT_EQ(client->body()["method"].string_or(""), "tasks/result") << "it is waited for again";
  client->reply_error(client->orders.back(), -32000);
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.number, -32000);
}

// A call of 2025-11-25 whose task asks at once, so that its result is waited for. The orders begin with that.
std::unique_ptr<EngineDriver> waiting_for_result() {
  auto client = legacy_with_tasks();
  client->call("tools/call", R"({"name":"x"})");
  client->reply_error(client->orders.back(), rpc::method_not_found);
  const ClientOrder sent = client->orders.back();
  client->orders.clear();
  client->reply(sent, R"({"task":)" + legacy_task("input_required") + "}");
  EXPECT_EQ(client->sent(), "tasks/result");
  return client;
}

TEST(LegacyClientEngineTasks, AreLookedAtWhileTheirResultIsWaitedFor) {
  auto client = waiting_for_result();
  const ClientOrder waiting = client->orders.back();
  client->hear(make_request("\"q\"", "roots/list"), waiting.id);
  client->answer(std::string(R"({"roots":[]})"));
  client->orders.clear();
  for (int look = 1; look <= 300; ++look) {
    client->pass(pace);
    ASSERT_EQ(client->body()["method"].string_or(""), "tasks/get");
    ASSERT_EQ(client->orders.size(), static_cast<std::size_t>(look)) << "one at a time";
    client->reply(client->orders.back(), legacy_task(look < 150 ? "input_required" : "working"));
    ASSERT_EQ(client->count(ClientEvent::Kind::answered), 0U);
  }
  client->pass(pace);
  client->reply(client->orders.back(), legacy_task("completed"));
  client->pass(pace);
  EXPECT_EQ(client->orders.size(), 301U) << "its result is on its way";
  client->reply(waiting, R"({"content":[]})");
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).json, R"({"content":[]})");
}

TEST(LegacyClientEngineTasks, OfAServerThatIsSilentWhileTheirResultIsWaitedForFailInTime) {
  auto client = waiting_for_result();
  client->pass(pace + ClientLimits{}.call);
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.code, Errc::timed_out);
  EXPECT_EQ(client->sent(),
            "tasks/result tasks/get tasks/cancel notifications/cancelled drop notifications/cancelled drop");
}

TEST(LegacyClientEngineTasks, ThatAreCancelledMeanwhileAreWaitedForNoMore) {
  auto client = waiting_for_result();
  client->pass(pace);
  client->reply(client->orders.back(), legacy_task("cancelled"));
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.message, "the server cancelled the task");
  EXPECT_EQ(client->sent(), "tasks/result tasks/get notifications/cancelled drop");
}

TEST(LegacyClientEngineTasks, AreWaitedForAgainInANewSession) {
  auto client = waiting_for_result();
  client->pass(pace);
  client->refuse(client->orders.back(), 404);
  EXPECT_EQ(client->sent(), "tasks/result tasks/get shut initialize drop");
  client->engine.session_given(client->last_send("initialize").id, "T");
  client->reply(client->last_send("initialize"), tasks_welcome);
  client->engine.ended(client->last_send("notifications/initialized").id, client->now);
  client->settle();
  client->engine.stream_opened(client->now);
  client->settle();
  EXPECT_EQ(client->body()["method"].string_or(""), "tasks/result");
}

TEST(LegacyClientEngineTasks, NewsOfThemAreASignOfLife) {
  auto client = waiting_for_result();
  client->pass(pace);  // a look that nobody answers
  for (int times = 0; times < 10; ++times) {
    client->pass(seconds(50));
    client->hear(make_notification("notifications/tasks/status", legacy_task("working")));
    ASSERT_EQ(client->count(ClientEvent::Kind::answered), 0U);
  }
  client->pass(pace + ClientLimits{}.call);
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.code, Errc::timed_out);
}

TEST(LegacyClientEngineTasks, AreCancelledWithTheirCall) {
  auto client = legacy_with_tasks();
  const ClientCallId call = client->call("tools/call", R"({"name":"x"})");
  client->reply_error(client->orders.back(), rpc::method_not_found);
  client->reply(client->orders.back(), R"({"task":)" + legacy_task("working") + "}");
  client->orders.clear();
  client->engine.cancel(call, client->now);
  client->settle();
  EXPECT_EQ(client->sent(), "tasks/cancel");
}

}  // namespace
}  // namespace sluice
