// SPDX-License-Identifier: Apache-2.0
// Context in both eras: asking, replaying, keeping, progress, logging, cancelling.
#include "sdk/context.h"

#include <gtest/gtest.h>

#include "sdk/connect.h"
#include "sdk/server.h"

namespace sluice {
namespace {

struct Name {
  std::string name;
};
struct Approval {
  bool approve;
};
struct Order {
  int amount;
};

Json call(std::string_view name, Json arguments = Json::object()) {
  return Json::object({{"name", name}, {"arguments", std::move(arguments)}});
}

Json accept(Json content) { return Json::object({{"action", "accept"}, {"content", std::move(content)}}); }

AskReply fill_in(const AskForm& form) {
  const bool approval = form.schema["properties"].contains("approve");
  return AskReply::accept(Json::object({approval ? JsonMember{"approve", true} : JsonMember{"name", "Ada"}}));
}

// A person who never answers.
Task<AskReply> say_nothing() {
  const auto never = [](const std::function<void(int)>&) {};
  auto waiting = completion<int>(never);
  co_await waiting;
  co_return AskReply::dismiss();
}

std::string text_of(const Result<Json>& result) {
  if (!result) return "error " + std::to_string(result.error().number) + ": " + result.error().message;
  return std::string((*result)["content"][0]["text"].string_or("nothing"));
}

struct Way {
  Revision revision;
  bool replay;
};
const std::vector<Way> ways{{latest_modern, true}, {latest_legacy, true}, {latest_legacy, false}};

// A client that answers everything, forms by `forms`.
template <class F>
MemoryClient connect_by(Server& server, const Way& way, F forms) {
  ConnectOptions options;
  options.revision = way.revision;
  options.replay = way.replay;
  options.client.log_level = "debug";
  auto client = connect(server, options);
  client.on_form(std::move(forms));
  client.on_sample([](const Json&) {
    return Json::object({{"role", "assistant"},
                         {"model", "m"},
                         {"content", Json::object({{"type", "text"}, {"text", "sampled"}})}});
  });
  client.roots({Root{"file:///w", "w"}});
  return client;
}

MemoryClient connect_by(Server& server, const Way& way) { return connect_by(server, way, &fill_in); }

TEST(Ask, WorksUnchangedInBothEras) {
  Server server("test", "1");
  server.tool("two", "", [](Context& ctx) -> Task<Result<std::string>> {
    auto name = co_await ctx.ask<Name>("name", "Who?");
    if (!name) co_return error(name.why());
    auto sure = co_await ctx.ask<Approval>("sure", "Sure, " + name->name + "?");
    if (!sure) co_return error(sure.why());
    co_return name->name + (sure->approve ? " is sure" : " is not");
  });
  server.tool("all", "", [](Context& ctx) -> Task<std::string> {
    const auto who = form<Name>("name", "Who?");
    const auto what = sampling("say", SampleRequest("Say something"));
    const auto where = roots("roots");
    auto answers = co_await ctx.ask_all(who, what, where);
    co_return std::get<0>(answers)->name + ", " + std::get<1>(answers)->text() + ", " +
        std::get<2>(answers)->front().uri;
  });
  for (const Way& way : ways) {
    auto client = connect_by(server, way);
    EXPECT_EQ(text_of(client.request("tools/call", call("two")).wait()), "Ada is sure");
    EXPECT_EQ(text_of(client.request("tools/call", call("all")).wait()), "Ada, sampled, file:///w");
  }
}

TEST(Ask, SeveralQuestionsGoOutInOneRound) {
  Server server("test", "1");
  server.tool("all", "", [](Context& ctx) -> Task<std::string> {
    const auto who = form<Name>("name", "Who?");
    const auto where = roots("roots");
    auto answers = co_await ctx.ask_all(who, where);
    co_return std::get<0>(answers) ? "answered" : "not";
  });
  auto client = connect(server);
  const auto round = client.exchange("tools/call", call("all"));
  EXPECT_EQ(round.result["resultType"].string_or(""), "input_required");
  EXPECT_EQ(round.result["inputRequests"].size(), 2U);
  EXPECT_EQ(round.result["inputRequests"]["name"]["method"].string_or(""), "elicitation/create");
  EXPECT_TRUE(round.result["requestState"].is_string());
}

TEST(Ask, TellsDecliningFromDismissing) {
  Server server("test", "1");
  server.tool("ask", "", [](Context& ctx) -> Task<std::string> {
    auto name = co_await ctx.ask<Name>("name", "Who?");
    co_return name ? "value" : name.why();
  });
  for (const Way& way : ways) {
    auto declining = connect_by(server, way, [](const AskForm&) { return AskReply::decline(); });
    EXPECT_EQ(text_of(declining.request("tools/call", call("ask")).wait()), "declined");
    auto dismissing = connect_by(server, way, [](const AskForm&) { return AskReply::dismiss(); });
    EXPECT_EQ(text_of(dismissing.request("tools/call", call("ask")).wait()), "dismissed");
  }
}

TEST(Ask, WritesChoicesAsTheRevisionOfTheClientKnowsThem) {
  const auto schema = [](const char* required) {
    return *Json::parse(std::string(R"({"type":"object","properties":{"one":{"type":"string","oneOf":[
        {"const":"a","title":"A"},{"const":"b","title":"B"}]},"many":{"type":"array","items":{"type":"string",
        "enum":["x","y"]}}},"required":[")") +
                        required + "\"]}");
  };
  Server server("test", "1");
  for (const char* required : {"one", "many"})
    server.tool(required, "", [&schema, required](Context& ctx) -> Task<std::string> {
      const auto question = form("choice", "Which?", schema(required));
      auto answer = co_await ctx.ask(question);
      co_return answer ? "answered" : answer.why();
    });
  ConnectOptions older;
  older.revision = Revision::r2025_06_18;
  auto client = connect(server, older);
  Json seen;
  client.on_form([&seen](const AskForm& form) {
    seen = form.schema["properties"];
    return AskReply::accept(Json::object({{"one", "a"}}));
  });
  EXPECT_EQ(text_of(client.request("tools/call", call("one")).wait()), "answered");
  EXPECT_EQ(seen.dump(), R"({"one":{"type":"string","enum":["a","b"],"enumNames":["A","B"]}})");
  seen = Json();
  EXPECT_NE(text_of(client.request("tools/call", call("many")).wait()).find("no form for this question"),
            std::string::npos);
  EXPECT_TRUE(seen.is_null());  // it was never sent
}

TEST(Ask, AnAnswerThatDoesNotFitIsAskedForAgainInTheModernEra) {
  Server server("test", "1");
  server.tool("ask", "", [](Context& ctx) -> Task<std::string> {
    auto name = co_await ctx.ask<Name>("name", "Who?");
    co_return name ? name->name : name.why();
  });
  auto client = connect(server);
  const auto first = client.exchange("tools/call", call("ask"));
  for (const Json& bad : {Json(12345), accept(Json::object({{"name", 5}})), Json()}) {
    Json params = call("ask");
    params.set("requestState", first.result["requestState"]);
    params.set("inputResponses", Json::object({{"name", bad}, {"unknown", true}}));
    EXPECT_EQ(client.exchange("tools/call", params).result["resultType"].string_or(""), "input_required");
  }
  ConnectOptions legacy;
  legacy.revision = latest_legacy;
  auto old = connect(server, legacy);
  old.on_form([](const AskForm&) { return AskReply::accept(Json::object({{"name", 5}})); });
  EXPECT_EQ(text_of(old.request("tools/call", call("ask")).wait()),
            "the client's answer does not fit the question");
}

TEST(Ask, TamperedForeignAndMovedStatesAreRefused) {
  Server server("test", "1");
  for (const char* name : {"ask", "other"})
    server.tool(name, "", [](Context& ctx) -> Task<std::string> {
      auto sure = co_await ctx.ask<Approval>("sure", "Sure?");
      co_return sure ? "yes" : "no";
    });
  auto client = connect(server);
  const auto first = client.exchange("tools/call", call("ask"));
  const std::string state(first.result["requestState"].string_or(""));
  const auto retry = [&](std::string_view tool, const Json& arguments, const std::string& with) {
    Json params = call(tool, arguments);
    params.set("requestState", with);
    params.set("inputResponses", Json::object({{"sure", accept(Json::object({{"approve", true}}))}}));
    return client.exchange("tools/call", params);
  };
  EXPECT_EQ(retry("ask", Json::object(), state + "x").error["code"].int64_or(0), -32602);
  EXPECT_EQ(retry("other", Json::object(), state).error["code"].int64_or(0), -32602);
  EXPECT_EQ(retry("ask", Json::object({{"a", 1}}), state).error["code"].int64_or(0), -32602);
  EXPECT_EQ(retry("ask", Json::object(), state).result["content"][0]["text"].string_or(""), "yes");
  client.advance(seconds(601));
  EXPECT_EQ(retry("ask", Json::object(), state).error["code"].int64_or(0), -32602);
}

TEST(Ask, AQuestionThatChangesBetweenRoundsFailsLoudly) {
  Server server("test", "1");
  int runs = 0;
  server.tool("ask", "", [&runs](Context& ctx) -> Task<std::string> {
    const std::string message = "Run " + std::to_string(++runs);
    auto sure = co_await ctx.ask<Approval>("sure", message);
    co_return sure ? "yes" : "no";
  });
  for (const Way& way : {ways[0], ways[1]}) {
    const auto result = connect_by(server, way).request("tools/call", call("ask")).wait();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().number, -32603);
    EXPECT_NE(result.error().message.find("'sure'"), std::string::npos);
  }
}

TEST(Ask, NeedsTheClientsCapability) {
  Server server("test", "1");
  server.tool("ask", "", [](Context& ctx) -> Task<std::string> {
    auto said = co_await ctx.sample("say", "Hello");
    co_return said ? said->text() : said.why();
  });
  server.tool("needs", "", [] { return ""; }).requires_client(ClientCan::sample);
  server.tool("can", "", [](Context& ctx) { return ctx.client_can(ClientCan::sample) ? "can" : "cannot"; });
  ConnectOptions options;
  options.capabilities = Json::object();
  auto modern = connect(server, options);
  for (const char* tool : {"ask", "needs"}) {
    const auto reply = modern.exchange("tools/call", call(tool));
    EXPECT_EQ(reply.http_status, 400);
    EXPECT_EQ(reply.error["code"].int64_or(0), -32021);
    EXPECT_EQ(reply.error["data"].dump(), R"({"requiredCapabilities":{"sampling":{}}})");
  }
  EXPECT_EQ(text_of(modern.request("tools/call", call("can")).wait()), "cannot");
  options.revision = latest_legacy;
  const auto reply = connect(server, options).exchange("tools/call", call("ask"));
  EXPECT_TRUE(reply.result["isError"].bool_or(false));
}

TEST(Ask, EndsAfterItsLastRoundAndItsTime) {
  Server server("test", "1");
  server.tool("endless", "", [](Context& ctx) -> Task<std::string> {
    for (int i = 0; i < 100; ++i) {
      auto name = co_await ctx.ask<Name>(std::to_string(i), "Who?");
      if (!name) co_return name.why();
    }
    co_return "done";
  });
  const auto result = connect_by(server, ways[0]).request("tools/call", call("endless")).wait();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().number, -32603);
}

TEST(Ask, AQuestionThatALegacyClientLeavesOpenFailsInTime) {
  Server server("test", "1");
  server.tool("ask", "", [](Context& ctx) -> Task<std::string> {
    auto name = co_await ctx.ask<Name>("name", "Who?");
    auto again = co_await ctx.ask<Name>("again", "Really?");
    co_return name.why() + "; " + (again ? again->name : again.why());
  });
  for (const Way& way : {ways[1], ways[2]}) {
    bool first = true;
    auto client = connect_by(server, way, [&first](AskForm form) -> Task<AskReply> {
      auto silence = say_nothing();
      if (std::exchange(first, false)) co_await silence;
      co_return fill_in(form);
    });
    auto asking = client.call<std::string>("ask", Json::object());
    client.advance(seconds(599));
    EXPECT_FALSE(asking.is_done());
    client.advance(seconds(2));
    ASSERT_TRUE(asking.is_done());
    EXPECT_EQ(*asking.wait(), "the client did not answer in time; Ada");
    ASSERT_EQ(client.told().size(), 1U) << "the one question that was left open is withdrawn";
    EXPECT_EQ(client.told()[0]["method"].string_or(""), "notifications/cancelled");
    EXPECT_EQ(client.told()[0]["params"]["requestId"].int64_or(0), 1);
  }
}

TEST(Ask, ALinkIsAgreedToAndNamedForOldClients) {
  Server server("test", "1");
  server.tool("ask", "", [](Context& ctx) -> Task<std::string> {
    auto consent = co_await ctx.ask_url("login", "Log in", "https://example.com/login");
    co_return consent ? "agreed" : consent.why();
  });
  for (const Way& way : ways) {
    auto client = connect_by(server, way);
    std::string seen;
    client.on_link([&seen](const AskLink& link) {
      seen = link.url;
      return true;
    });
    EXPECT_EQ(text_of(client.request("tools/call", call("ask")).wait()), "agreed");
    EXPECT_EQ(seen, "https://example.com/login");
    if (era_of(way.revision) == Era::legacy) {
      EXPECT_TRUE(client.asked().back()["params"].contains("elicitationId"));
    } else {
      const Json requests = client.exchange("tools/call", call("ask")).result["inputRequests"];
      EXPECT_FALSE(requests["login"]["params"].contains("elicitationId"));
    }
  }
}

TEST(Completion, WaitsForACallbackAndForgetsAWaiterThatIsGone) {
  Server server("test", "1");
  std::function<void(int)> done;
  server.tool("wait", "", [&done](Context&) -> Task<std::string> {
    const auto start = [&done](std::function<void(int)> later) { done = std::move(later); };
    auto waiting = completion<int>(start);
    const int value = co_await waiting;
    co_return std::to_string(value);
  });
  server.tool("at once", "", []() -> Task<std::string> {
    const auto start = [](const std::function<void(int)>& now) { now(7); };
    auto waiting = completion<int>(start);
    const int value = co_await waiting;
    co_return std::to_string(value);
  });
  auto client = connect(server);
  EXPECT_EQ(text_of(client.request("tools/call", call("at once")).wait()), "7");
  auto waits = client.call<std::string>("wait", Json::object());
  client.settle();
  EXPECT_FALSE(waits.is_done());
  done(5);
  EXPECT_EQ(*waits.wait(), "5");
  {
    auto dropped = client.call<std::string>("wait", Json::object());
    client.settle();
    client.forget();
  }
  client.settle();
  done(6);
  client.settle();
  EXPECT_TRUE(client.replies().empty());
}

TEST(Once, RunsOnceHoweverOftenTheHandlerDoes) {
  Server server("test", "1");
  int charges = 0;
  int bookings = 0;
  int runs = 0;
  server.tool("buy", "", [&](Context& ctx) -> Task<std::string> {
    ++runs;
    const auto order = ctx.once("charge", [&] { return Order{++charges}; });
    auto booking = ctx.once("book", [&bookings]() -> Task<int> { co_return ++bookings; });
    const int booked = co_await booking;
    auto sure = co_await ctx.ask<Approval>("sure", "Sure?");
    co_return std::to_string(order.amount) + std::to_string(booked) + (sure ? " sure" : "");
  });
  for (const Way& way : ways) {
    charges = bookings = runs = 0;
    EXPECT_EQ(text_of(connect_by(server, way).request("tools/call", call("buy")).wait()), "11 sure");
    EXPECT_EQ(charges, 1);
    EXPECT_EQ(bookings, 1);
    EXPECT_EQ(runs, way.replay ? 2 : 1);
  }
}

TEST(Progress, ReachesOnlyWhoAskedForIt) {
  Server server("test", "1");
  server.tool("work", "", [](Context& ctx) {
    ctx.progress(0, 100);
    ctx.progress(50, 100, "half");
    ctx.progress(50, 100, "again");
    ctx.progress(100, 100);
    return "done";
  });
  auto client = connect(server);
  EXPECT_EQ(text_of(client.request("tools/call", call("work")).wait()), "done");
  EXPECT_TRUE(client.told().empty());
  Json params = call("work");
  params.set("_meta", Json::object({{"progressToken", "t"}}));
  EXPECT_EQ(client.exchange("tools/call", params).result["content"][0]["text"].string_or(""), "done");
  ASSERT_EQ(client.told().size(), 3U);
  EXPECT_EQ(client.told()[1]["params"].dump(),
            R"({"progressToken":"t","progress":50.0,"total":100.0,"message":"half"})");
}

TEST(Progress, WaitsForAClientThatDoesNotKeepUpWhereItIsAwaited) {
  Server server("test", "1");
  int patient = 0;
  int hasty = 0;
  server.tool("patient", "", [&patient](Context& ctx) -> Task<std::string> {
    for (int i = 1; i <= 10; ++i) {
      co_await ctx.progress(i, 10);
      co_await ctx.log(Severity::error, "line");
      ++patient;
    }
    co_return "done";
  });
  server.tool("hasty", "", [&hasty](Context& ctx) -> Task<std::string> {
    for (; hasty < 10; ++hasty) ctx.progress(hasty, 10);
    co_return "done";
  });
  const Json meta = Json::object({{"progressToken", "t"}, {"io.modelcontextprotocol/logLevel", "debug"}});
  for (const Way& way : ways) {
    patient = hasty = 0;
    auto client = connect_by(server, way);
    ASSERT_TRUE(client.connect().wait());
    client.settle();
    const auto opened = [&client] {
      auto patient_call = client.call<std::string>("patient", Json::object());
      patient_call.on_progress([](const Progress&) {});
      return patient_call;
    };
    client.stop_reading();
    auto waits = opened();
    client.settle();
    EXPECT_EQ(patient, 0);
    EXPECT_EQ(client.told().size(), 1U);
    Json params = call("hasty");
    params.set("_meta", meta);
    EXPECT_EQ(client.exchange("tools/call", params).result["content"][0]["text"].string_or(""), "done");
    client.read_on();
    ASSERT_TRUE(waits.is_done());
    EXPECT_EQ(patient, 10);
    // One that waits for room can be cancelled, and is not resumed afterwards.
    patient = 0;
    client.forget();
    client.stop_reading();
    {
      auto cancelled = opened();
      client.settle();
    }
    client.settle();
    client.read_on();
    EXPECT_EQ(patient, 0);
    EXPECT_TRUE(client.replies().empty());
  }
}

TEST(Log, HonoursTheLevelOfEachEra) {
  Server server("test", "1");
  server.tool("log", "", [](Context& ctx) {
    ctx.log(Severity::debug, "d");
    ctx.log(Severity::info, "i", "test");
    ctx.log_data(Severity::error, Json::object({{"code", 1}}));
    return "";
  });
  auto modern = connect(server);
  EXPECT_TRUE(modern.request("tools/call", call("log")).wait());
  EXPECT_TRUE(modern.told().empty());
  Json params = call("log");
  params.set("_meta", Json::object({{"io.modelcontextprotocol/logLevel", "info"}}));
  EXPECT_TRUE(modern.exchange("tools/call", params).error.is_null());
  ASSERT_EQ(modern.told().size(), 2U);
  EXPECT_EQ(modern.told()[0]["params"].dump(), R"({"level":"info","logger":"test","data":"i"})");
  params.set("_meta", Json::object({{"io.modelcontextprotocol/logLevel", "loud"}}));
  EXPECT_EQ(modern.exchange("tools/call", params).error["code"].int64_or(0), -32602);
  ConnectOptions legacy;
  legacy.revision = latest_legacy;
  auto old = connect(server, legacy);
  EXPECT_TRUE(old.request("logging/setLevel", Json::object({{"level", "error"}})).wait());
  EXPECT_TRUE(old.request("tools/call", call("log")).wait());
  EXPECT_EQ(old.told().size(), 1U);
  EXPECT_FALSE(old.request("logging/setLevel", Json::object({{"level", "loud"}})).wait());
}

TEST(Cancel, DestroysTheFrameAfterItsHooks) {
  Server server("test", "1");
  std::string trace;
  struct Guard {
    std::string& trace;
    ~Guard() { trace += "frame "; }
  };
  server.tool("wait", "", [&trace](Context& ctx) -> Task<std::string> {
    Guard guard{trace};
    ctx.on_cancel([&trace, &ctx] { trace += ctx.cancelled() ? "hook " : "early "; });
    co_await ctx.sleep(std::chrono::hours(1));
    trace += "woke ";
    co_return "";
  });
  server.tool("ask", "", [&trace](Context& ctx) -> Task<std::string> {
    Guard guard{trace};
    auto name = co_await ctx.ask<Name>("name", "Who?");
    co_return name ? name->name : name.why();
  });
  for (const Way& way : ways) {
    trace.clear();
    auto client = connect_by(server, way);
    {
      auto waits = client.call<std::string>("wait", Json::object());
      client.settle();
      EXPECT_EQ(trace, "");
      client.forget();
    }
    client.settle();
    EXPECT_EQ(trace, "hook frame ");
    client.advance(std::chrono::hours(2));
    EXPECT_EQ(trace, "hook frame ");
    EXPECT_TRUE(client.replies().empty());
  }
  trace.clear();
  static_cast<void>(connect(server).exchange("tools/call", call("ask")));
  EXPECT_EQ(trace, "frame ");
}

TEST(Cancel, EndsAHandlerThatWaitsForAnAnswer) {
  Server server("test", "1");
  bool ended = false;
  struct Guard {
    bool& ended;
    ~Guard() { ended = true; }
  };
  server.tool("ask", "", [&ended](Context& ctx) -> Task<std::string> {
    Guard guard{ended};
    auto name = co_await ctx.ask<Name>("name", "Who?");
    co_return name ? name->name : name.why();
  });
  for (const Way& way : {ways[1], ways[2]}) {
    ended = false;
    auto client = connect_by(server, way, [](const AskForm&) { return say_nothing(); });
    {
      auto asks = client.call<std::string>("ask", Json::object());
      client.settle();
      EXPECT_EQ(client.asked().size(), 1U);
      EXPECT_FALSE(ended);
      client.forget();
    }
    client.settle();
    EXPECT_TRUE(ended);
    ASSERT_EQ(client.told().size(), 1U) << "its question is withdrawn";
    EXPECT_EQ(client.told()[0]["method"].string_or(""), "notifications/cancelled");
    EXPECT_EQ(client.told()[0]["params"]["requestId"].int64_or(0), 1);
    client.advance(seconds(700));
    EXPECT_TRUE(client.replies().empty());
    EXPECT_EQ(client.told().size(), 1U);
  }
}

TEST(Cancel, EndsWithTheClientThatGoesAway) {
  Server server("test", "1");
  bool ended = false;
  server.tool("wait", "", [&ended](Context& ctx) -> Task<std::string> {
    ctx.on_cancel([&ended] { ended = true; });
    co_await ctx.sleep(std::chrono::hours(1));
    co_return "";
  });
  {
    auto client = connect(server);
    auto waits = client.call<std::string>("wait", Json::object());
    client.settle();
    client.close();
    EXPECT_EQ(waits.wait().error().code, Errc::closed);
  }
  EXPECT_TRUE(ended);
}

// A handler that is no coroutine gets nothing from an ask, and one on the pool has none.
template <class C>
concept can_use_answer = requires(C& ctx) {
  static_cast<bool>(ctx.template ask<Name>("name", "Who?"));
};
template <class C>
concept can_ask = requires(C& ctx) {
  ctx.template ask<Name>("name", "Who?");
};
static_assert(can_ask<Context> && !can_use_answer<Context>);
static_assert(!can_ask<BlockingContext>);

}  // namespace
}  // namespace sluice
