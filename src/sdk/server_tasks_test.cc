// SPDX-License-Identifier: Apache-2.0
// Handlers that run as tasks, for clients of the extension and of 2025-11-25, and inline for all others.
#include "sdk/server_tasks.h"

#include <gtest/gtest.h>

#include "sdk/connect.h"
#include "sdk/server.h"

namespace sluice {
namespace {

struct Name {
  std::string name;
};

constexpr int missing_capability = -32021;

Json call(std::string_view name) { return Json::object({{"name", name}, {"arguments", Json::object()}}); }

Json legacy_call(std::string_view name, std::int64_t ttl = 60'000) {
  Json params = call(name);
  params.set("task", Json::object({{"ttl", ttl}}));
  return params;
}

Json task(const Json& id) { return Json::object({{"taskId", id}}); }

Json accept(std::string_view name) {
  return Json::object({{"action", "accept"}, {"content", Json::object({{"name", name}})}});
}

// A server with every kind of tool that tasks know; `ended` counts frames that were destroyed or ended.
class Desk {
 public:
  explicit Desk(const Limits& limits = {}) : server_("desk", "1") {
    server_.limits(limits);
    add("slow", TaskSupport::optional, [this](Context& ctx) -> Task<Result<std::string>> {
      const Guard guard{ended_};
      ctx.progress(0, 1, "sleeping");
      co_await ctx.sleep(seconds(2));
      co_return "slept";
    });
    add("quick", TaskSupport::optional, [] { return "at once"; });
    add("sure", TaskSupport::required, [] { return "at once"; });
    add("fails", TaskSupport::required, [](Context& ctx) -> Task<Result<std::string>> {
      co_await ctx.sleep(seconds(1));
      co_return error("it went wrong");
    });
    add("breaks", TaskSupport::optional, [](Context& ctx) -> Task<Result<std::string>> {
      co_await ctx.sleep(seconds(1));
      co_return protocol_error(-32603, "it broke", R"({"how":"badly"})");
    });
    add("asks_first", TaskSupport::required, [](Context& ctx) -> Task<std::string> {
      auto name = co_await ctx.ask<Name>("name", "Who?");
      co_await ctx.sleep(seconds(1));
      co_return name ? "Hello, " + name->name : name.why();
    });
    add("asks_later", TaskSupport::optional, [](Context& ctx) -> Task<std::string> {
      co_await ctx.sleep(seconds(1));
      const auto first = form<Name>("first", "First name?");
      const auto last = form<Name>("last", "Last name?");
      auto names = co_await ctx.ask_all(first, last);
      co_return std::get<0>(names) && std::get<1>(names)
          ? std::get<0>(names)->name + " " + std::get<1>(names)->name
          : "no name";
    });
    server_.tool("blocks", "", blocking([] { return "from the pool"; })).task(TaskSupport::optional);
    server_.tool("plain", "", [] { return "plain"; });
  }

  MemoryClient modern(bool declares = true) {
    ConnectOptions options;
    options.capabilities = *Json::parse(declares ? R"({"elicitation":{"form":{}},
        "extensions":{"io.modelcontextprotocol/tasks":{}}})"
                                                 : R"({"elicitation":{"form":{}}})");
    return connect(server_, options);
  }
  MemoryClient legacy(Revision revision = Revision::r2025_11_25) {
    ConnectOptions options;
    options.revision = revision;
    options.replay = false;
    return connect(server_, options);
  }

  Server& server() { return server_; }
  [[nodiscard]] int ended() const { return ended_; }

 private:
  struct Guard {
    int& count;
    ~Guard() { ++count; }
  };
  template <class F>
  void add(const char* name, TaskSupport support, F fn) {
    server_.tool(name, "", std::move(fn)).task(support);
  }

  Server server_;
  int ended_ = 0;
};

Json created(MemoryClient& client, std::string_view tool) {
  const Json result = client.exchange("tools/call", call(tool)).result;
  EXPECT_EQ(result["resultType"].string_or(""), "task") << tool;
  return result;
}

Json got(MemoryClient& client, const Json& id) { return client.exchange("tasks/get", task(id)).result; }

std::string_view status(const Json& json) { return json["status"].string_or("none"); }

int code_of(const MemoryReply& reply) { return static_cast<int>(reply.error["code"].int64_or(0)); }

// --- The extension ---

TEST(ServerTasks, BecomeTasksWhereTheHandlerFirstWaits) {
  Desk desk;
  auto client = desk.modern();
  const Json made = created(client, "slow");
  EXPECT_EQ(status(made), "working");
  EXPECT_EQ(made["statusMessage"].string_or(""), "sleeping");
  EXPECT_EQ(made["ttlMs"].int64_or(0), 3'600'000);
  EXPECT_GT(made["pollIntervalMs"].int64_or(0), 0);
  EXPECT_FALSE(made.contains("task") || made.contains("result") || made.contains("requestState"));
  const Json working = got(client, made["taskId"]);
  EXPECT_EQ(status(working), "working");
  EXPECT_EQ(working["resultType"].string_or(""), "complete");
  EXPECT_FALSE(working.contains("result"));
  client.advance(seconds(2));
  const Json done = got(client, made["taskId"]);
  EXPECT_EQ(status(done), "completed");
  EXPECT_EQ(done["result"]["content"][0]["text"].string_or(""), "slept");
  EXPECT_FALSE(done["result"]["_meta"].contains(related_task_key));
  EXPECT_EQ(desk.ended(), 1);
}

TEST(ServerTasks, AreNotMadeOfCallsThatNeverWaitUnlessTheToolSaysSo) {
  Desk desk;
  auto client = desk.modern();
  EXPECT_EQ(client.exchange("tools/call", call("quick")).result["resultType"].string_or(""), "complete");
  EXPECT_EQ(client.exchange("tools/call", call("plain")).result["resultType"].string_or(""), "complete");
  const Json made = created(client, "sure");
  EXPECT_EQ(got(client, made["taskId"])["result"]["content"][0]["text"].string_or(""), "at once");
}

TEST(ServerTasks, RunOnThePoolToo) {
  Desk desk;
  auto client = desk.modern();
  const Json made = created(client, "blocks");
  for (int i = 0; i < 100 && status(got(client, made["taskId"])) == "working"; ++i)
    client.advance(milliseconds(10));
  EXPECT_EQ(got(client, made["taskId"])["result"]["content"][0]["text"].string_or(""), "from the pool");
}

TEST(ServerTasks, AreForClientsThatDeclareThem) {
  Desk desk;
  auto client = desk.modern(false);
  const MemoryReply inline_result = client.exchange("tools/call", call("slow"));
  EXPECT_EQ(inline_result.result["content"][0]["text"].string_or(""), "slept");
  const MemoryReply refused = client.exchange("tools/call", call("sure"));
  EXPECT_EQ(code_of(refused), missing_capability);
  EXPECT_EQ(refused.http_status, 400);
  EXPECT_EQ(refused.error["data"]["requiredCapabilities"].dump(), tasks_capability_text());
  for (const char* method : {"tasks/get", "tasks/update", "tasks/cancel"})
    EXPECT_EQ(code_of(client.exchange(method, task("x"))), missing_capability) << method;
}

TEST(ServerTasks, AreOfferedOnceAToolMayRunAsOne) {
  Server none("none", "1");
  none.tool("plain", "", [] { return ""; });
  EXPECT_FALSE(connect(none).exchange("server/discover").result["capabilities"].contains("extensions"));
  Desk desk;
  auto client = desk.modern();
  const Json capabilities = client.exchange("server/discover").result["capabilities"];
  EXPECT_TRUE(capabilities["extensions"].contains("io.modelcontextprotocol/tasks"));
  EXPECT_FALSE(capabilities.contains("tasks"));
  for (const char* gone : {"tasks/result", "tasks/list"})
    EXPECT_EQ(code_of(client.exchange(gone, task("x"))), -32601) << gone;
  for (const char* method : {"tasks/get", "tasks/update", "tasks/cancel"}) {
    Json params = task("x");
    params.set("inputResponses", Json::object());
    EXPECT_EQ(code_of(client.exchange(method, std::move(params))), -32602) << method;
  }
}

TEST(ServerTasks, TellAToolsOwnErrorFromAProtocolError) {
  Desk desk;
  auto client = desk.modern();
  const Json fails = created(client, "fails");
  const Json breaks = created(client, "breaks");
  client.advance(seconds(1));
  const Json failed = got(client, fails["taskId"]);
  EXPECT_EQ(status(failed), "completed");
  EXPECT_TRUE(failed["result"]["isError"].bool_or(false));
  const Json broken = got(client, breaks["taskId"]);
  EXPECT_EQ(status(broken), "failed");
  EXPECT_EQ(broken["error"].dump(), R"({"code":-32603,"message":"it broke","data":{"how":"badly"}})");
  EXPECT_FALSE(broken.contains("result"));
}

TEST(ServerTasks, AskWhatComesBeforeTheFirstWaitAsAnyOtherCall) {
  Desk desk;
  auto client = desk.modern();
  const MemoryReply round = client.exchange("tools/call", call("asks_first"));
  EXPECT_EQ(round.result["resultType"].string_or(""), "input_required");
  EXPECT_FALSE(round.result.contains("taskId"));
  Json retry = call("asks_first");
  retry.set("inputResponses", Json::object({{"name", accept("Ada")}}));
  retry.set("requestState", round.result["requestState"]);
  const Json made = client.exchange("tools/call", std::move(retry)).result;
  EXPECT_EQ(made["resultType"].string_or(""), "task");
  EXPECT_FALSE(made.contains("requestState") || made.contains("inputRequests"));
  client.advance(seconds(1));
  EXPECT_EQ(got(client, made["taskId"])["result"]["content"][0]["text"].string_or(""), "Hello, Ada");
}

TEST(ServerTasks, KeepTheirQuestionsUntilEachIsAnswered) {
  Desk desk;
  auto client = desk.modern();
  const Json id = created(client, "asks_later")["taskId"];
  client.advance(seconds(1));
  const Json asking = got(client, id);
  EXPECT_EQ(status(asking), "input_required");
  EXPECT_EQ(asking["inputRequests"].size(), 2U);
  EXPECT_EQ(asking["inputRequests"]["first"]["method"].string_or(""), "elicitation/create");
  const auto update = [&](Json responses) {
    Json params = task(id);
    params.set("inputResponses", std::move(responses));
    const MemoryReply reply = client.exchange("tasks/update", std::move(params));
    EXPECT_EQ(reply.result["resultType"].string_or(""), "complete");
    EXPECT_FALSE(reply.result.contains("taskId"));
    return got(client, id);
  };
  const Json unchanged = update(Json::object({{"other", accept("x")}, {"last", Json("no answer")}}));
  EXPECT_EQ(unchanged["inputRequests"].size(), 2U);
  const Json half = update(Json::object({{"first", accept("Ada")}}));
  EXPECT_EQ(status(half), "input_required");
  EXPECT_FALSE(half["inputRequests"].contains("first"));
  EXPECT_TRUE(half["inputRequests"].contains("last"));
  update(Json::object({{"last", accept("Lovelace")}}));
  client.advance(seconds(1));  // a replaying server sleeps again
  const Json done = got(client, id);
  EXPECT_EQ(done["result"]["content"][0]["text"].string_or(""), "Ada Lovelace");
  EXPECT_FALSE(done.contains("inputRequests"));
}

TEST(ServerTasks, DestroyTheFrameOfOneThatIsCancelled) {
  Desk desk;
  auto client = desk.modern();
  const Json id = created(client, "slow")["taskId"];
  EXPECT_EQ(desk.ended(), 0);
  for (int twice = 0; twice < 2; ++twice) {
    const MemoryReply reply = client.exchange("tasks/cancel", task(id));
    EXPECT_EQ(reply.result["resultType"].string_or(""), "complete");
    EXPECT_FALSE(reply.result.contains("status"));
  }
  EXPECT_EQ(desk.ended(), 1);
  client.advance(seconds(5));
  const Json cancelled = got(client, id);
  EXPECT_EQ(status(cancelled), "cancelled");
  EXPECT_FALSE(cancelled.contains("result") || cancelled.contains("error"));
}

TEST(ServerTasks, AreForgottenWhenTheirTimeIsOver) {
  Limits limits;
  limits.mcp.task_ttl = seconds(10);
  Desk desk(limits);
  auto client = desk.modern();
  const Json id = created(client, "slow")["taskId"];
  client.advance(milliseconds(9'900));
  EXPECT_EQ(status(got(client, id)), "completed");
  client.advance(milliseconds(200));
  EXPECT_EQ(code_of(client.exchange("tasks/get", task(id))), -32602);
}

TEST(ServerTasks, ThatStillRunEndWithTheirTime) {
  Limits limits;
  limits.mcp.task_ttl = seconds(1);
  Desk desk(limits);
  auto client = desk.modern();
  created(client, "slow");
  client.advance(milliseconds(1'100));
  EXPECT_EQ(desk.ended(), 1);
}

TEST(ServerTasks, AreNotMadeWhereThereIsNoRoom) {
  Limits limits;
  limits.mcp.tasks_per_principal_max = 1;
  Desk desk(limits);
  auto client = desk.modern();
  created(client, "slow");
  EXPECT_EQ(client.exchange("tools/call", call("slow")).result["content"][0]["text"].string_or(""), "slept");
  EXPECT_EQ(client.exchange("tools/call", call("sure")).http_status, 503);
}

TEST(ServerTasks, TellListensOfTheirChanges) {
  Desk desk;
  auto client = desk.modern();
  client.on_tools_changed([] {});  // a client that listens at all listens to its tasks
  auto call = client.call<std::string>("slow", Json::object());
  client.settle();
  ASSERT_EQ(client.told().size(), 2U);
  EXPECT_EQ(client.told()[0]["params"]["notifications"]["taskIds"].size(), 0U);
  EXPECT_EQ(client.told()[1]["params"]["notifications"]["taskIds"].size(), 1U);
  client.advance(seconds(2));
  ASSERT_EQ(client.told().size(), 3U);
  const Json& last = client.told()[2];
  EXPECT_EQ(last["method"].string_or(""), "notifications/tasks");
  EXPECT_EQ(status(last["params"]), "completed");
  EXPECT_TRUE(last["params"]["result"].is_object());
  EXPECT_TRUE(last["params"]["_meta"].contains("io.modelcontextprotocol/subscriptionId"));
  EXPECT_TRUE(call.is_done());
}

// --- 2025-11-25 ---

TEST(LegacyServerTasks, AreMadeBecauseTheClientAsksForThem) {
  Desk desk;
  auto client = desk.legacy();
  const MemoryReply reply = client.exchange("tools/call", legacy_call("slow", 5'000));
  const Json& made = reply.result["task"];
  EXPECT_EQ(status(made), "working");
  EXPECT_EQ(made["ttl"].int64_or(0), 5'000);
  EXPECT_FALSE(reply.result.contains("resultType"));
  const auto waiting = client.post("tasks/result", task(made["taskId"]));
  EXPECT_FALSE(*waiting);
  client.advance(seconds(2));
  ASSERT_TRUE(*waiting);
  const Json result = (*waiting)->result;
  EXPECT_EQ(result["content"][0]["text"].string_or(""), "slept");
  EXPECT_EQ(result["_meta"][related_task_key]["taskId"], made["taskId"]);
  EXPECT_EQ(status(got(client, made["taskId"])), "completed");
  EXPECT_EQ(status(client.exchange("tasks/list").result["tasks"][0]), "completed");
  EXPECT_EQ(client.exchange("tools/call", call("slow")).result["content"][0]["text"].string_or(""), "slept");
}

TEST(LegacyServerTasks, AreOfferedToTheirRevisionOnly) {
  Desk desk;
  for (const Revision revision : {Revision::r2025_11_25, Revision::r2025_06_18}) {
    auto client = desk.legacy(revision);
    const bool knows = revision == Revision::r2025_11_25;
    const Json tools = client.exchange("tools/list").result["tools"];
    EXPECT_EQ(tools[0]["execution"]["taskSupport"].string_or("none"), knows ? "optional" : "none");
    EXPECT_FALSE(tools[8].contains("execution"));
    EXPECT_EQ(code_of(client.exchange("tasks/get", task("x"))), knows ? -32602 : -32601);
    EXPECT_EQ(code_of(client.exchange("tools/call", call("sure"))), -32601);
  }
  auto client = desk.legacy();
  EXPECT_EQ(code_of(client.exchange("tools/call", legacy_call("plain"))), -32601);
}

TEST(LegacyServerTasks, AskOnTheStreamOfTheirResult) {
  Desk desk;
  auto client = desk.legacy();
  bool answers = false;
  client.on_ask<Name>([&](std::string_view) -> Task<std::optional<Name>> {
    const auto never = [](const std::function<void(int)>&) {};
    auto waiting = completion<int>(never);
    if (!answers) co_await waiting;
    co_return Name{"Ada"};
  });
  const Json id = client.exchange("tools/call", legacy_call("asks_later")).result["task"]["taskId"];
  client.advance(seconds(1));
  EXPECT_EQ(status(got(client, id)), "input_required");
  EXPECT_TRUE(client.asked().empty());
  {
    auto first = client.task(id.string_or("")).result();
    client.settle();
    ASSERT_EQ(client.asked().size(), 2U);
    EXPECT_EQ(client.asked()[0]["params"]["_meta"][related_task_key]["taskId"], id);
  }
  client.settle();  // with what waited for it went its questions; the task waits for the next
  EXPECT_EQ(status(got(client, id)), "input_required");
  answers = true;
  EXPECT_EQ(client.exchange("tasks/result", task(id)).result["content"][0]["text"].string_or(""), "Ada Ada");
  EXPECT_EQ(client.asked().size(), 4U);
}

TEST(LegacyServerTasks, FailWhereTheToolSaysThatItFailed) {
  Desk desk;
  auto client = desk.legacy();
  const Json fails = client.exchange("tools/call", legacy_call("fails")).result["task"]["taskId"];
  const Json breaks = client.exchange("tools/call", legacy_call("breaks")).result["task"]["taskId"];
  client.advance(seconds(1));
  EXPECT_EQ(status(got(client, fails)), "failed");
  EXPECT_TRUE(client.exchange("tasks/result", task(fails)).result["isError"].bool_or(false));
  EXPECT_EQ(status(got(client, breaks)), "failed");
  EXPECT_EQ(code_of(client.exchange("tasks/result", task(breaks))), -32603);
}

TEST(LegacyServerTasks, AreCancelledOnce) {
  Desk desk;
  auto client = desk.legacy();
  const Json id = client.exchange("tools/call", legacy_call("slow")).result["task"]["taskId"];
  const auto waiting = client.post("tasks/result", task(id));
  EXPECT_EQ(status(client.exchange("tasks/cancel", task(id)).result), "cancelled");
  EXPECT_EQ(desk.ended(), 1);
  ASSERT_TRUE(*waiting);
  EXPECT_FALSE((*waiting)->error.is_null());
  EXPECT_EQ(code_of(client.exchange("tasks/cancel", task(id))), -32602);
}

TEST(LegacyServerTasks, TellTheirSessionOfTheirChanges) {
  Desk desk;
  auto client = desk.legacy();
  const Json id = client.exchange("tools/call", legacy_call("slow")).result["task"]["taskId"];
  client.forget();
  client.advance(seconds(2));
  ASSERT_EQ(client.told().size(), 1U);
  EXPECT_EQ(client.told()[0]["method"].string_or(""), "notifications/tasks/status");
  EXPECT_EQ(client.told()[0]["params"]["taskId"], id);
  EXPECT_EQ(status(client.told()[0]["params"]), "completed");
}

}  // namespace
}  // namespace sluice
