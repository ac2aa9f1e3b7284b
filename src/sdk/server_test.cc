// SPDX-License-Identifier: Apache-2.0
// The server and its in-memory client: forms of handlers, lists, resources, prompts, headers, both eras.
#include "sdk/server.h"

#include <gtest/gtest.h>

#include "mcp/event_log.h"
#include "sdk/connect.h"

namespace sluice {
namespace {

struct Pair {
  int a, b;
};
struct Sum {
  int sum;
};
struct Region {
  std::string region;
  static constexpr auto doc = describe(field(&Region::region, "Where").header("Region"));
};
enum class Tone { plain, warm };
struct Greeting {
  std::string name;
  int times;
  std::optional<Tone> tone;
  static constexpr auto doc = describe(field(&Greeting::name, "Who"));
};

constexpr Tool<Pair, Sum> add{"add", "Adds"};

Json call(std::string_view name, Json arguments = Json::object()) {
  return Json::object({{"name", name}, {"arguments", std::move(arguments)}});
}

Json pair_of(int a, int b) { return Json::object({{"a", a}, {"b", b}}); }

ConnectOptions legacy(Revision revision = latest_legacy) {
  ConnectOptions options;
  options.revision = revision;
  return options;
}

std::string text_of(const Result<Json>& result) {
  if (!result) return "error " + std::to_string(result.error().number) + ": " + result.error().message;
  return std::string((*result)["content"][0]["text"].string_or("nothing"));
}

Sum add_free(Pair pair) { return Sum{pair.a + pair.b}; }

TEST(Server, TakesEveryFormOfHandler) {
  Server server("test", "1");
  server.tool(add, [](Pair pair) { return Sum{pair.a + pair.b}; });
  server.tool("free", "", &add_free);
  server.tool("context", "", [](const Pair& pair, Context&) { return pair.a - pair.b; });
  server.tool("only context", "",
              [](Context& ctx) { return ctx.era() == Era::modern ? "modern" : "legacy"; });
  server.tool("nothing", "", [] { return std::string("called"); });
  server.tool("result", "", [](Pair pair) -> Result<Sum> {
    if (pair.b == 0) return error("b is zero");
    return Sum{pair.a / pair.b};
  });
  server.tool("task", "", [](Pair pair) -> Task<Sum> { co_return Sum{pair.a * pair.b}; });
  server.tool("task result", "", [](Pair pair, Context& ctx) -> Task<Result<Sum>> {
    co_await ctx.sleep(seconds(2));
    if (pair.a < 0) co_return protocol_error(-32000, "negative");
    co_return Sum{pair.a};
  });
  server.tool("content", "", [](Pair) { return image("png", "image/png").for_audience("user"); });
  server.tool("several", "", [] { return std::vector{text("one"), text("two")}; });
  server.tool("json", "", Json::object({{"type", "object"}}), [](Json any) { return any; });
  server.tool("void", "", [](Pair) {});
  server.tool("throws", "", []() -> std::string { throw std::runtime_error("thrown"); });
  server.tool("task throws", "", []() -> Task<std::string> {
    throw std::runtime_error("thrown later");
    co_return "";
  });
  server.tool("blocking", "", blocking([](Pair pair, BlockingContext& ctx) {
                ctx.progress(1, 2);
                return ctx.cancelled() ? -1 : pair.a;
              }));
  for (const Revision revision : {latest_modern, latest_legacy, Revision::r2024_11_05}) {
    auto client = connect(server, legacy(revision));
    EXPECT_EQ(text_of(client.request("tools/call", call("add", pair_of(1, 2))).wait()), R"({"sum":3})");
    EXPECT_EQ(text_of(client.request("tools/call", call("free", pair_of(2, 2))).wait()), R"({"sum":4})");
    EXPECT_EQ(text_of(client.request("tools/call", call("context", pair_of(1, 2))).wait()), "-1");
    EXPECT_EQ(text_of(client.request("tools/call", call("only context")).wait()),
              era_of(revision) == Era::modern ? "modern" : "legacy");
    EXPECT_EQ(text_of(client.request("tools/call", call("nothing")).wait()), "called");
    EXPECT_EQ(text_of(client.request("tools/call", call("result", pair_of(6, 3))).wait()), R"({"sum":2})");
    EXPECT_EQ(text_of(client.request("tools/call", call("task", pair_of(6, 3))).wait()), R"({"sum":18})");
    EXPECT_EQ(text_of(client.request("tools/call", call("task result", pair_of(6, 3))).wait()),
              R"({"sum":6})");
    EXPECT_EQ(text_of(client.request("tools/call", call("task result", pair_of(-6, 3))).wait()),
              "error -32000: negative");
    EXPECT_EQ(text_of(client.request("tools/call", call("several")).wait()), "one");
    EXPECT_EQ(text_of(client.request("tools/call", call("json", pair_of(1, 2))).wait()), R"({"a":1,"b":2})");
    EXPECT_EQ(text_of(client.request("tools/call", call("void", pair_of(1, 2))).wait()), "nothing");
    EXPECT_EQ(text_of(client.request("tools/call", call("throws")).wait()), "thrown");
    EXPECT_EQ(text_of(client.request("tools/call", call("task throws")).wait()), "thrown later");
    EXPECT_EQ(text_of(client.request("tools/call", call("blocking", pair_of(7, 2))).wait()), "7");
    const auto picture = client.request("tools/call", call("content", pair_of(7, 2))).wait();
    ASSERT_TRUE(picture);
    EXPECT_EQ((*picture)["content"][0]["data"].string_or(""), "cG5n");
  }
}

TEST(Server, FailuresOfAToolAreResultsAndThoseOfTheProtocolErrors) {
  Server server("test", "1");
  server.tool(add,
              [](Pair pair) -> Result<Sum> { return pair.a > 0 ? Result<Sum>(Sum{1}) : error("too small"); });
  auto client = connect(server);
  auto failed = client.request("tools/call", call("add", pair_of(0, 0))).wait();
  ASSERT_TRUE(failed);
  EXPECT_TRUE((*failed)["isError"].bool_or(false));
  EXPECT_EQ(text_of(failed), "too small");
  EXPECT_EQ((*failed)["resultType"].string_or(""), "complete");
  EXPECT_EQ((*failed)["_meta"]["io.modelcontextprotocol/serverInfo"]["name"].string_or(""), "test");
  failed = client.request("tools/call", call("add", Json::object({{"a", 1}}))).wait();
  ASSERT_TRUE(failed);
  EXPECT_TRUE((*failed)["isError"].bool_or(false));
  EXPECT_EQ(text_of(failed), "/b: is required");
  const auto unknown = client.exchange("tools/call", call("subtract"));
  EXPECT_EQ(unknown.error["code"].int64_or(0), -32602);
  EXPECT_EQ(unknown.http_status, 200);
}

TEST(Server, ListsToolsInOrderWithSchemas) {
  Server server("test", "1");
  server.tool(add, &add_free).title("Add").read_only().icon(Icon{"https://x.test/i.png", "image/png", {}});
  server.tool("second", "Another", [](Context&) { return ""; });
  const auto modern = connect(server).request("tools/list").wait();
  ASSERT_TRUE(modern);
  const Json& tool = (*modern)["tools"][0];
  EXPECT_EQ(tool["title"].string_or(""), "Add");
  EXPECT_EQ(tool["annotations"].dump(), R"({"readOnlyHint":true})");
  EXPECT_EQ(tool["inputSchema"]["required"].dump(), R"(["a","b"])");
  EXPECT_EQ(tool["outputSchema"]["properties"].dump(), R"({"sum":{"type":"integer"}})");
  EXPECT_EQ((*modern)["tools"][1]["name"].string_or(""), "second");
  EXPECT_EQ((*modern)["cacheScope"].string_or(""), "private");
  EXPECT_EQ((*modern)["ttlMs"].int64_or(-1), 0);
  const auto old = connect(server, legacy(Revision::r2024_11_05)).request("tools/list").wait();
  ASSERT_TRUE(old);
  EXPECT_EQ((*old)["tools"][0].members().size(), 3U) << (*old)["tools"][0].dump();
  EXPECT_FALSE(old->contains("ttlMs"));
}

TEST(Server, PagesLongListsWithSealedCursors) {
  Server server("test", "1");
  Limits limits;
  limits.mcp.page_items_max = 2;
  server.limits(limits);
  for (const char* name : {"a", "b", "c", "d", "e"}) server.tool(name, "", [] { return ""; });
  auto client = connect(server);
  std::string names;
  Json params = Json::object();
  for (int page = 0; page < 3; ++page) {
    const auto list = client.request("tools/list", params).wait();
    ASSERT_TRUE(list);
    for (const Json& tool : (*list)["tools"].items()) names += tool["name"].string_or("");
    params.set("cursor", (*list)["nextCursor"]);
    EXPECT_EQ(list->contains("nextCursor"), page < 2);
  }
  EXPECT_EQ(names, "abcde");
  EXPECT_EQ(client.exchange("tools/list", Json::object({{"cursor", "forged"}})).error["code"].int64_or(0),
            -32602);
}

TEST(Server, CapabilitiesFollowFromWhatIsRegistered) {
  Server server("test", "1");
  const auto empty = connect(server).request("server/discover").wait();
  ASSERT_TRUE(empty);
  EXPECT_EQ((*empty)["capabilities"].dump(), "{}");
  server.instructions("Be kind.");
  server.tool(add, &add_free);
  server.prompt("p", "", [](Greeting) { return ""; });
  server.complete_prompt("p", "name",
                         [](std::string_view, const Json&) { return std::vector<std::string>(); });
  const auto full = connect(server).request("server/discover").wait();
  ASSERT_TRUE(full);
  EXPECT_EQ((*full)["capabilities"].dump(),
            R"({"logging":{},"completions":{},"prompts":{"listChanged":true},"tools":{"listChanged":true}})");
  EXPECT_EQ((*full)["instructions"].string_or(""), "Be kind.");
  EXPECT_EQ((*full)["supportedVersions"][0].string_or(""), "2026-07-28");
}

TEST(Server, SpeaksEveryLegacyRevision) {
  Server server("test", "1.2");
  server.title("Test").tool(add, &add_free);
  for (const Revision revision : all_revisions) {
    if (era_of(revision) == Era::modern) continue;
    auto client = connect(server, legacy(revision));
    ASSERT_TRUE(client.connect().wait());
    EXPECT_EQ(client.server().revision, revision);
    EXPECT_EQ(client.server().version, "1.2");
    const Json said = client.replies().at(0).result;
    EXPECT_EQ(said["protocolVersion"].string_or(""), revision_text(revision));
    EXPECT_EQ(said["serverInfo"].contains("title"), revision >= Revision::r2025_06_18);
    EXPECT_EQ(client.request("ping").wait()->dump(), "{}");
  }
}

TEST(Server, RefusesUnknownAndRemovedMethods) {
  Server server("test", "1");
  server.tool(add, &add_free);
  auto modern = connect(server);
  for (const char* method :
       {"initialize", "ping", "logging/setLevel", "resources/subscribe", "acme/unknown"}) {
    const auto reply = modern.exchange(method);
    EXPECT_EQ(reply.http_status, 404) << method;
    EXPECT_EQ(reply.error["code"].int64_or(0), -32601) << method;
  }
  const auto old = connect(server, legacy()).exchange("prompts/list");
  EXPECT_EQ(old.http_status, 200);
  EXPECT_EQ(old.error["code"].int64_or(0), -32601);
}

TEST(Server, ReadsResourcesAndTemplates) {
  Server server("test", "1");
  server.resource("test://text", "A text", [] { return "words"; }).mime_type("text/plain").named("text");
  server.resource("test://bytes", "Bytes", [] { return contents_bytes("abc", "application/octet-stream"); });
  server.resource("booking://{id}", "A booking", [](std::string id) -> Result<Sum> {
    if (id == "none") return Error(Errc::not_found, "no such booking");
    return Sum{static_cast<int>(id.size())};
  });
  for (const Revision revision : {latest_modern, latest_legacy}) {
    auto client = connect(server, legacy(revision));
    const auto words = client.request("resources/read", Json::object({{"uri", "test://text"}})).wait();
    ASSERT_TRUE(words);
    EXPECT_EQ((*words)["contents"][0].dump(),
              R"({"text":"words","uri":"test://text","mimeType":"text/plain"})");
    const auto bytes = client.request("resources/read", Json::object({{"uri", "test://bytes"}})).wait();
    ASSERT_TRUE(bytes);
    EXPECT_EQ((*bytes)["contents"][0]["blob"].string_or(""), "YWJj");
    const auto booking = client.request("resources/read", Json::object({{"uri", "booking://B17"}})).wait();
    ASSERT_TRUE(booking);
    EXPECT_EQ((*booking)["contents"][0]["text"].string_or(""), R"({"sum":3})");
    const int missing = era_of(revision) == Era::modern ? -32602 : -32002;
    for (const char* uri : {"other://x", "booking://none"}) {
      const auto reply = client.exchange("resources/read", Json::object({{"uri", uri}}));
      EXPECT_EQ(reply.error["code"].int64_or(0), missing);
      EXPECT_EQ(reply.error["data"]["uri"].string_or(""), uri);
    }
    EXPECT_EQ((*client.request("resources/list").wait())["resources"].size(), 2U);
    EXPECT_EQ(
        (*client.request("resources/templates/list").wait())["resourceTemplates"][0]["uriTemplate"].string_or(
            ""),
        "booking://{id}");
  }
}

TEST(Server, PromptArgumentsComeAsStringsAndAreReadAsTheirTypes) {
  Server server("test", "1");
  server.prompt("greet", "Greets", [](Greeting greeting) -> Result<std::vector<Message>> {
    std::string words;
    for (int i = 0; i < greeting.times; ++i) words += "Hello " + greeting.name + ". ";
    return std::vector{user(words), assistant(greeting.tone == Tone::warm ? "warm" : "plain")};
  });
  server.complete_prompt("greet", "name", [](std::string_view typed, const Json&) {
    return std::vector<std::string>{std::string(typed) + "a", std::string(typed) + "b"};
  });
  auto client = connect(server);
  const auto list = client.request("prompts/list").wait();
  ASSERT_TRUE(list);
  EXPECT_EQ((*list)["prompts"][0]["arguments"].dump(),
            R"([{"name":"name","description":"Who","required":true},{"name":"times","required":true},)"
            R"({"name":"tone","required":false}])");
  const Json arguments = Json::object({{"name", "Ada"}, {"times", "2"}, {"tone", "warm"}});
  const auto prompt = client.request("prompts/get", call("greet", arguments)).wait();
  ASSERT_TRUE(prompt) << prompt.error().message;
  EXPECT_EQ((*prompt)["messages"][0]["content"]["text"].string_or(""), "Hello Ada. Hello Ada. ");
  EXPECT_EQ((*prompt)["messages"][1]["content"]["text"].string_or(""), "warm");
  EXPECT_EQ(client.exchange("prompts/get", call("greet")).error["code"].int64_or(0), -32602);
  const auto completion =
      client
          .request("completion/complete",
                   Json::object({{"ref", Json::object({{"type", "ref/prompt"}, {"name", "greet"}})},
                                 {"argument", Json::object({{"name", "name"}, {"value", "x"}})}}))
          .wait();
  ASSERT_TRUE(completion);
  EXPECT_EQ((*completion)["completion"].dump(), R"({"values":["xa","xb"],"total":2,"hasMore":false})");
}

TEST(Server, HoldsParameterHeadersAgainstTheArguments) {
  Server server("test", "1");
  server.tool("where", "", [](Region region) { return region.region; });
  ConnectOptions options;
  options.over_http = true;
  auto client = connect(server, options);
  const Json params = call("where", Json::object({{"region", "eu"}}));
  EXPECT_TRUE(client.exchange("tools/call", params, {{"Mcp-Param-Region", "eu"}}).error.is_null());
  for (const MemoryClient::Headers& headers :
       {MemoryClient::Headers{}, MemoryClient::Headers{{"Mcp-Param-Region", "us"}}}) {
    const auto refused = client.exchange("tools/call", params, headers);
    EXPECT_EQ(refused.http_status, 400);
    EXPECT_EQ(refused.error["code"].int64_or(0), -32020);
  }
}

TEST(Server, ServesMethodsOfItsOwn) {
  Server server("test", "1");
  server.method("acme/double", [](Pair pair) { return Sum{2 * (pair.a + pair.b)}; });
  const auto result = connect(server).request("acme/double", pair_of(1, 2)).wait();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ((*result)["sum"].int64_or(0), 6);
}

TEST(Server, MiddlewareRunsAroundHandlersInOrder) {
  Server server("test", "1");
  std::string trace;
  server.tool(add, &add_free);
  for (const char* name : {"outer", "inner"}) {
    server.use([&trace, name](Request& request, Next next) -> Task<Result<Json>> {
      trace += std::string(name) + " in, ";
      if (request.name == "add") request.arguments.set("a", 40);
      auto rest = next(request);
      auto result = co_await rest;
      trace += std::string(name) + " out, ";
      co_return result;
    });
  }
  EXPECT_EQ(text_of(connect(server).request("tools/call", call("add", pair_of(1, 2))).wait()),
            R"({"sum":42})");
  EXPECT_EQ(trace, "outer in, inner in, inner out, outer out, ");
}

TEST(Server, ShowsToolsByCaller) {
  Server server("test", "1");
  server.tool(add, &add_free);
  server.show_tool_if([](std::string_view, const Principal& caller) { return caller.name == "ada"; });
  ConnectOptions ada;
  ada.principal.name = "ada";
  EXPECT_EQ((*connect(server, ada).request("tools/list").wait())["tools"].size(), 1U);
  EXPECT_EQ((*connect(server).request("tools/list").wait())["tools"].size(), 0U);
  EXPECT_EQ(connect(server).exchange("tools/call", call("add", pair_of(1, 1))).error["code"].int64_or(0),
            -32602);
}

TEST(Server, TellsOfListsThatChange) {
  Server server("test", "1");
  server.tool(add, &add_free);
  server.tool("grow", "", [&server] {
    server.tool("new", "", [] { return ""; });
    return "grown";
  });
  auto old = connect(server, legacy());
  EXPECT_EQ(text_of(old.request("tools/call", call("grow")).wait()), "grown");
  ASSERT_EQ(old.told().size(), 1U);
  EXPECT_EQ(old.told()[0]["method"].string_or(""), "notifications/tools/list_changed");
  auto modern = connect(server);
  int changes = 0;
  modern.on_tools_changed([&changes] { ++changes; }).on_prompts_changed([] {});
  ASSERT_TRUE(modern.connect().wait());
  modern.settle();
  constexpr const char* subscription = "io.modelcontextprotocol/subscriptionId";
  ASSERT_EQ(modern.told().size(), 1U);
  const Json acknowledged = modern.told()[0];
  EXPECT_EQ(acknowledged["method"].string_or(""), "notifications/subscriptions/acknowledged");
  EXPECT_EQ(acknowledged["params"]["notifications"].dump(), R"({"toolsListChanged":true})");
  EXPECT_TRUE(server.remove_tool("new"));
  EXPECT_FALSE(server.remove_tool("new"));
  modern.settle();
  EXPECT_EQ(changes, 1);
  ASSERT_EQ(modern.told().size(), 2U);
  EXPECT_EQ(modern.told()[1]["params"]["_meta"][subscription], acknowledged["params"]["_meta"][subscription]);
  modern.forget();
  modern.shut_down();
  ASSERT_FALSE(modern.replies().empty());
  EXPECT_EQ(modern.replies()[0].result["resultType"].string_or(""), "complete");
}

TEST(Server, TellsSubscribersOfUpdates) {
  Server server("test", "1");
  server.resource("test://watched", "", [] { return ""; });
  auto old = connect(server, legacy());
  const Json uri = Json::object({{"uri", "test://watched"}});
  server.notify_updated("test://watched");
  EXPECT_TRUE(old.told().empty());
  EXPECT_TRUE(old.request("resources/subscribe", uri).wait());
  server.notify_updated("test://watched");
  ASSERT_EQ(old.told().size(), 1U);
  EXPECT_EQ(old.told()[0]["params"]["uri"].string_or(""), "test://watched");
  EXPECT_TRUE(old.request("resources/unsubscribe", uri).wait());
  server.notify_updated("test://watched");
  EXPECT_EQ(old.told().size(), 1U);
  EXPECT_EQ(old.exchange("resources/subscribe", Json::object({{"uri", "x://y"}})).error["code"].int64_or(0),
            -32002);
  auto modern = connect(server);
  std::string updated;
  modern.subscribe("test://watched", [&updated](std::string_view which) { updated += which; });
  ASSERT_TRUE(modern.connect().wait());
  modern.settle();
  server.notify_updated("test://other");
  server.notify_updated("test://watched");
  modern.settle();
  EXPECT_EQ(updated, "test://watched");
  ASSERT_EQ(modern.told().size(), 2U);
  EXPECT_EQ(modern.told()[1]["method"].string_or(""), "notifications/resources/updated");
}

TEST(Server, AServerOnAThreadOfItsOwnTakesPostedWorkAndStops) {
  Server server("test", "1");
  EXPECT_FALSE(server.post([] {}));
  RunOptions options;
  options.http = "127.0.0.1:0";
  const auto url = server.start(options);
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_TRUE(url->starts_with("http://127.0.0.1:"));
  EXPECT_TRUE(server.post([&server] { server.tool(add, &add_free); }));
  server.stop();
}

// Keeps what it is given, where the test can look at it from its own thread once the server has stopped.
class Notebook final : public EventLog {
 public:
  Result<std::string> append(const StreamKey& key, Bytes text, Instant now) override {
    texts.emplace_back(text);
    return kept_.append(key, text, now);
  }
  Result<std::string> mark(const StreamKey& key, Instant now) override { return kept_.mark(key, now); }
  Result<Replay> read_since(Bytes session, Bytes id, Instant now) override {
    return kept_.read_since(session, id, now);
  }
  void drop_stream(const StreamKey& key) override { kept_.drop_stream(key); }
  void drop_session(Bytes session) override {
    ++sessions_dropped;
    kept_.drop_session(session);
  }
  void expire(Instant now) override { kept_.expire(now); }

  std::vector<std::string> texts;
  int sessions_dropped = 0;

 private:
  Budget budget_{1 << 20};
  MemoryEventLog kept_{McpLimits{}, budget_};
};

TEST(Server, KeepsItsEventsWhereItsAuthorSays) {
  Server server("test", "1");
  server.tool("work", "", [](Context& ctx) {
    ctx.progress(1, 2);
    return "done";
  });
  const auto notebook = std::make_shared<Notebook>();
  RunOptions options;
  options.http = "127.0.0.1:0";
  options.event_log = notebook;
  const auto url = server.start(options);
  ASSERT_TRUE(url) << url.error().message;
  ClientOptions old;
  old.era = Era::legacy;
  {
    auto client = Client::http(*url, old);
    auto working = client.call<std::string>("work", Json::object());
    working.on_progress([](const Progress&) {});
    EXPECT_EQ(*working.wait(), "done");
  }
  server.stop();
  ASSERT_GE(notebook->texts.size(), 2U);
  EXPECT_NE(notebook->texts[0].find("notifications/progress"), std::string::npos);
  EXPECT_NE(notebook->texts[1].find("done"), std::string::npos);
  EXPECT_EQ(notebook->sessions_dropped, 1);
}

}  // namespace
}  // namespace sluice
