// SPDX-License-Identifier: Apache-2.0
// The client against the SDK's own server, over HTTP on loopback: both eras, both ways of waiting.
#include "sdk/client.h"

#include <gtest/gtest.h>

#include <atomic>

#include "sdk/server.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

struct Trip {
  std::string city;
  int nights;
};
struct Booking {
  std::string id;
  double price;
};
struct Approval {
  bool approve;
};

constexpr Tool<Trip, Booking> book{"book", "Books"};

// A server on a thread of its own.
class Desk {
 public:
  Desk() : server_("desk", "1.2") {
    server_.instructions("be brief");
    server_.tool(book, [](Trip trip, Context& ctx) -> Task<Result<Booking>> {
      for (int night = 1; night <= trip.nights; ++night) ctx.progress(night, trip.nights, "pricing");
      co_return Booking{"B-" + trip.city, 10.0 * trip.nights};
    });
    server_.tool("approve", "Asks", [](Context& ctx) -> Task<Result<std::string>> {
      auto asking = ctx.ask<Approval>("approve", "May I?");
      auto answer = co_await asking;
      if (!answer) co_return error("not approved: " + answer.why());
      co_return std::string(answer->approve ? "yes" : "no");
    });
    server_.tool("where", "Asks for roots", [](Context& ctx) -> Task<Result<std::string>> {
      auto asking = ctx.roots();
      auto answer = co_await asking;
      if (!answer) co_return error(answer.why());
      co_return (*answer)[0].uri;
    });
    server_.tool("sleep", "Never ends", [this](Context& ctx) -> Task<Result<std::string>> {
      ctx.on_cancel([this] { ++cancelled; });
      auto sleeping = ctx.sleep(1h);
      co_await sleeping;
      co_return std::string("woke");
    });
    server_.tool("fail", "Fails", [](Context&) -> Result<std::string> { return error("it is full"); });
    server_.resource("desk://about", "About", [] { return "a desk"; });
    server_.resource("desk://{room}", "A room", [](std::string room) { return "room " + room; });
    server_.prompt("plan", "Plans", [](Trip trip) { return user("Plan " + trip.city); });
    server_.complete_prompt("plan", "city", [](std::string_view typed, const Json&) {
      return std::vector<std::string>{std::string(typed) + "lin"};
    });
    RunOptions options;
    options.http = "127.0.0.1:0";
    url = *server_.start(options);
  }
  ~Desk() { server_.stop(); }
  Server& server() { return server_; }

  std::string url;
  std::atomic<int> cancelled{0};

 private:
  Server server_;
};

class ClientBothEras : public ::testing::TestWithParam<std::optional<Era>> {
 protected:
  Client client() {
    ClientOptions options;
    options.era = GetParam();
    return Client::http(desk.url, options);
  }
  Desk desk;
};

std::string name_of(const ::testing::TestParamInfo<std::optional<Era>>& era) {
  if (!era.param) return "Probed";
  return *era.param == Era::legacy ? "Legacy" : "Modern";
}

INSTANTIATE_TEST_SUITE_P(Eras, ClientBothEras,
                         ::testing::Values(std::optional<Era>(), std::optional<Era>(Era::legacy),
                                           std::optional<Era>(Era::modern)),
                         name_of);

TEST_P(ClientBothEras, CallsAToolByItsContractAndHearsItsProgress) {
  auto desk_client = client();
  const Trip trip{"Rome", 3};
  double last = 0;
  auto call = desk_client.call(book, trip);
  call.timeout(20s).on_progress([&](const Progress& progress) { last = progress.done; });
  const auto booking = call.wait();
  ASSERT_TRUE(booking) << booking.error().message;
  EXPECT_EQ(booking->id, "B-Rome");
  EXPECT_EQ(booking->price, 30.0);
  EXPECT_EQ(last, 3);
}

Task<std::string> both(Client& client) {
  const Trip rome{"Rome", 1};
  const Trip oslo{"Oslo", 2};
  auto first = client.call(book, rome);
  auto second = client.call(book, oslo);
  auto one = co_await first;
  auto two = co_await second;
  if (!one || !two) co_return "failed";
  co_return one->id + " " + two->id;
}

TEST_P(ClientBothEras, CoroutinesAwaitSeveralCallsAtOnce) {
  auto desk_client = client();
  EXPECT_EQ(desk_client.run(both(desk_client)), "B-Rome B-Oslo");
}

TEST_P(ClientBothEras, AnswersFormsAndRootsByItsHandlers) {
  auto desk_client = client();
  std::string asked;
  desk_client.on_ask<Approval>([&](std::string_view message) {
    asked = message;
    return Approval{true};
  });
  desk_client.roots({Root{"file:///here", "here"}});
  const auto approved = desk_client.call<std::string>("approve", Json::object()).wait();
  ASSERT_TRUE(approved) << approved.error().message;
  EXPECT_EQ(*approved, "yes");
  EXPECT_EQ(asked, "May I?");
  const auto where = desk_client.call<std::string>("where", Json::object()).wait();
  ASSERT_TRUE(where) << where.error().message;
  EXPECT_EQ(*where, "file:///here");
}

Task<std::optional<Approval>> declines(std::string_view) { co_return std::nullopt; }

TEST_P(ClientBothEras, AHandlerMayBeATaskAndDecline) {
  auto desk_client = client();
  desk_client.on_ask<Approval>(&declines);
  const auto refused = desk_client.call<std::string>("approve", Json::object()).wait();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "not approved: declined");
}

TEST_P(ClientBothEras, AThrowingHandlerIsAnErrorOfTheCallAlone) {
  auto desk_client = client();
  desk_client.on_form([](const AskForm&) -> AskReply { throw std::runtime_error("oh"); });
  EXPECT_FALSE(desk_client.call<std::string>("approve", Json::object()).wait());
  EXPECT_TRUE(desk_client.tools().next().wait());
}

TEST_P(ClientBothEras, DroppingACallCancelsIt) {
  auto desk_client = client();
  {
    auto call = desk_client.call<std::string>("sleep", Json::object());
    desk_client.listen_for(300ms);
  }
  for (int i = 0; i < 100 && desk.cancelled == 0; ++i) desk_client.listen_for(20ms);
  EXPECT_EQ(desk.cancelled, 1);
}

TEST_P(ClientBothEras, ATimeoutEndsTheCall) {
  auto desk_client = client();
  auto call = desk_client.call<std::string>("sleep", Json::object());
  call.timeout(150ms);
  const auto woke = call.wait();
  ASSERT_FALSE(woke);
  EXPECT_EQ(woke.error().code, Errc::timed_out);
}

TEST_P(ClientBothEras, AToolsErrorIsTheResultsError) {
  auto desk_client = client();
  const auto failed = desk_client.call<Json>("fail", Json::object()).wait();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "it is full");
}

TEST_P(ClientBothEras, ListsReadsGetsAndCompletes) {
  auto desk_client = client();
  std::vector<std::string> names;
  auto tools = desk_client.tools();
  for (const Listing& tool : tools) names.push_back(tool.name);
  EXPECT_FALSE(tools.error());
  EXPECT_EQ(names, (std::vector<std::string>{"book", "approve", "where", "sleep", "fail"}));
  EXPECT_EQ((*desk_client.resources().next().wait())[0].uri, "desk://about");
  EXPECT_EQ((*desk_client.templates().next().wait())[0].uri, "desk://{room}");
  const auto read = desk_client.read("desk://7").wait();
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)[0].bytes, "room 7");
  const auto plan = desk_client.prompt("plan", Json::object({{"city", "Rome"}, {"nights", "1"}})).wait();
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ((*plan)["messages"][0]["content"]["text"].string_or(""), "Plan Rome");
  EXPECT_EQ((*desk_client.complete_prompt("plan", "city", "Ber").wait())[0], "Berlin");
  const auto unknown = desk_client.request("acme/none").wait();
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().number, -32601);
}

TEST_P(ClientBothEras, IntroducesTheServer) {
  auto desk_client = client();
  const auto server = desk_client.connect().wait();
  ASSERT_TRUE(server);
  const bool is_legacy = GetParam() == Era::legacy;
  EXPECT_EQ(era_of(server->revision), is_legacy ? Era::legacy : Era::modern);
  if (GetParam() == Era::modern) return;  // nobody was asked
  EXPECT_EQ(server->name, "desk");
  EXPECT_EQ(server->instructions, "be brief");
}

TEST_P(ClientBothEras, HearsOfChangedListsAndResources) {
  auto desk_client = client();
  int changes = 0;
  int updates = 0;
  desk_client.on_tools_changed([&] { ++changes; });
  desk_client.subscribe("desk://about", [&](std::string_view) { ++updates; });
  ASSERT_TRUE(desk_client.connect().wait());
  desk_client.listen_for(300ms);
  desk.server().post([this] {
    desk.server().tool("new", "New", [](Context&) { return std::string("new"); });
    desk.server().notify_updated("desk://about");
  });
  for (int i = 0; i < 100 && (changes == 0 || updates == 0); ++i) desk_client.listen_for(20ms);
  EXPECT_GE(changes, 1);
  EXPECT_GE(updates, 1);
}

TEST(Client, AServerThatIsNotThereFailsEveryCall) {
  auto client = Client::http("http://127.0.0.1:1/mcp");
  const auto tools = client.tools().next().wait();
  ASSERT_FALSE(tools);
  EXPECT_EQ(tools.error().code, Errc::unavailable);
  auto crooked = Client::http("gopher://x");
  EXPECT_FALSE(crooked.connect().wait());
}

TEST(Client, TheFirstCallAfterAFailureConnectsAnew) {
  RunOptions options;
  options.http = "127.0.0.1:0";
  auto first = std::make_unique<Server>("first", "1");
  const std::string url = *first->start(options);
  auto client = Client::http(url);
  ASSERT_TRUE(client.connect().wait());
  first.reset();
  EXPECT_FALSE(client.tools().next().wait());
  Server second("second", "1");
  second.tool("noon", "Tells", [](Context&) { return std::string("noon"); });
  options.http = url.substr(7, url.rfind('/') - 7);
  ASSERT_TRUE(second.start(options));
  const auto tools = client.tools().next().wait();
  EXPECT_TRUE(tools) << tools.error().message;
  second.stop();
}

Task<bool> removes(Clients& clients) {
  auto connecting = clients.find("one")->connect();
  const auto connected = co_await connecting;
  co_return connected&& clients.remove("one");
}

TEST(Clients, MayLoseOneWhileTheirLoopTurns) {
  Desk desk;
  Clients clients;
  clients.http("one", desk.url);
  EXPECT_TRUE(clients.run(removes(clients)));
}

TEST(Client, AClosedClientFailsItsCalls) {
  Desk desk;
  auto client = Client::http(desk.url);
  ASSERT_TRUE(client.connect().wait());
  client.close();
  EXPECT_EQ(client.connect().wait().error().code, Errc::closed);
}

TEST(Clients, ListTheToolsOfAllThatAnswer) {
  Desk one;
  Desk two;
  Clients clients;
  clients.http("one", one.url);
  clients.http("two", two.url);
  clients.http("dead", "http://127.0.0.1:1/mcp");
  const auto tools = clients.tools();
  EXPECT_EQ(tools.size(), 10U);
  ASSERT_EQ(clients.failures().size(), 1U);
  EXPECT_TRUE(clients.failures().contains("dead"));
  const Trip trip{"Rome", 1};
  EXPECT_TRUE(clients.find("two")->call(book, trip).wait());
  EXPECT_TRUE(clients.remove("two"));
  EXPECT_EQ(clients.find("two"), nullptr);
}

}  // namespace
}  // namespace sluice
