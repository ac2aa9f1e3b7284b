// SPDX-License-Identifier: Apache-2.0
#include "gateway/stdio_upstream.h"

#include "gateway/gateway_testing.h"

namespace sluice {
namespace {

using testing_fronts::count_of;
using testing_fronts::initialize_request;
using testing_fronts::legacy_request;
using testing_gateway::FakeChild;
using testing_gateway::TestPeer;

class StdioUpstreamTest : public testing_gateway::ChildGatewayTest {};

TEST_F(StdioUpstreamTest, TheLastAnswerOfAChildThatExitsArrives) {
  start(child_config(EraSetting::legacy));
  const Fields fields = open_session();
  auto call = post(fields, legacy_request(2, "tools/call", R"({"name":"x"})"));
  // The exit is known before the reactor has read the pipe.
  last().say(make_response("2", R"({"content":[]})"));
  last().exit(0);
  world.settle();
  EXPECT_EQ(answer_of(*call).body, make_response("2", R"({"content":[]})"));
  world.advance(seconds(2));
  EXPECT_EQ(answer_of(*post(fields, legacy_request(4, "ping"))).status, 404);
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
}

TEST_F(StdioUpstreamTest, AChildThatExitsUnderACallIsToldWithItsLastWords) {
  start(child_config(EraSetting::legacy));
  const Fields fields = open_session();
  auto call = post(fields, legacy_request(2, "tools/call", R"({"name":"x"})"));
  last().errors->send("the disk is full\n");
  last().exit(3);
  world.settle();
  const std::string body = answer_of(*call).body;
  EXPECT_NE(body.find("code 3"), std::string::npos) << body;
  EXPECT_NE(body.find("the disk is full"), std::string::npos) << body;
  EXPECT_NE(body.find("sent_unknown"), std::string::npos) << body;
}

TEST_F(StdioUpstreamTest, TheLastWordsOfAChildThatServedSeveralClientsAreForTheOperatorOnly) {
  const std::string ann(16, 'a'), bob(16, 'b');
  ASSERT_TRUE(keys.add_key("ann", ann).ok());
  ASSERT_TRUE(keys.add_key("bob", bob).ok());
  start(child_config(EraSetting::modern));
  auto first = post_modern("tools/list", {}, {{"Authorization", "Bearer " + ann}});
  auto second = post_modern("tools/list", {}, {{"Authorization", "Bearer " + bob}});
  last().errors->send("cannot read what ann sent\n");
  last().exit(3);
  world.settle();
  for (const auto* call : {&first, &second}) {
    const std::string body = answer_of(**call).body;
    EXPECT_NE(body.find("code 3"), std::string::npos) << body;
    EXPECT_EQ(body.find("what ann sent"), std::string::npos) << body;
  }
  EXPECT_NE(sink.text.find("what ann sent"), std::string::npos) << sink.text;
}

TEST_F(StdioUpstreamTest, AChildThatClosesItsOutputAndStaysIsGone) {
  start(child_config(EraSetting::legacy));
  const Fields fields = open_session();
  auto call = post(fields, legacy_request(2, "tools/call", R"({"name":"x"})"));
  last().io->half_close();
  world.settle();
  world.advance(seconds(3));
  EXPECT_NE(answer_of(*call).body.find("went on running"), std::string::npos) << answer_of(*call).body;
  world.advance(seconds(10));
  EXPECT_TRUE(last().killed());
}

TEST_F(StdioUpstreamTest, AChildThatIsStoppedHasItsGraceAndNotMore) {
  // Whatever it does meanwhile: nothing, breaking its pipe, or garbage without end.
  for (const char what : {'n', 'b', 'g'}) {
    children.clear();
    start(child_config(EraSetting::legacy));
    const Fields fields = open_session();
    auto peer = connect();
    peer->send(request_text("DELETE", fields, {}));
    world.settle();
    world.advance(milliseconds(50));
    EXPECT_TRUE(last().told_to_end()) << what;
    if (what == 'b') break_stream(last().io->stream());
    if (what == 'g')
      for (int i = 0; i < 2'000; ++i) last().say("garbage");
    world.settle();
    world.advance(seconds(4));
    EXPECT_FALSE(last().killed()) << what;
    world.advance(seconds(2));
    EXPECT_TRUE(last().killed()) << what;
    EXPECT_NE(state().find("\"children\":0"), std::string::npos) << state();
    gateway.reset();
  }
}

TEST_F(StdioUpstreamTest, AChildThatCrashesIsStartedAgainWithGrowingWaits) {
  start(child_config(EraSetting::modern));
  milliseconds expected(250);
  for (std::size_t round = 0; round < 12; ++round) {
    auto call = post_modern("tools/list");
    ASSERT_EQ(children.size(), round + 1);
    last().exit(1);
    world.settle();
    EXPECT_NE(answer_of(*call).body.find("sent_unknown"), std::string::npos);
    auto waits = post_modern("tools/list");
    world.advance(expected - milliseconds(10));
    EXPECT_EQ(children.size(), round + 1);
    world.advance(milliseconds(20));
    EXPECT_EQ(children.size(), round + 2) << "the waiting call starts it";
    answer(last(), "tools/list", R"({"tools":[]})");
    EXPECT_EQ(answer_of(*waits).status, 200);
    expected = std::min(expected * 2, milliseconds(30'000));
  }
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
}

TEST_F(StdioUpstreamTest, AChildThatLivedLongEnoughStartsWithoutTheOldWaits) {
  start(child_config(EraSetting::modern));
  for (int round = 0; round < 4; ++round) {
    auto call = post_modern("tools/list");
    world.advance(seconds(11));
    last().exit(1);
    world.settle();
    world.advance(milliseconds(260));
  }
  EXPECT_GE(children.size(), 4U);
}

TEST_F(StdioUpstreamTest, NewsOfTheToolListIsAskedForOnceAChild) {
  start(child_config(EraSetting::modern));
  for (int round = 0; round < 5; ++round) {
    auto call = post_modern("tools/call", "add");
    answer(last(), "tools/list", R"({"tools":[]})");
    answer(last(), "tools/call");
    EXPECT_EQ(answer_of(*call).status, 200);
    const std::string listen = id_of(last(), "subscriptions/listen");
    say(last(), R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":)"
                R"({"io.modelcontextprotocol/subscriptionId":)" +
                    listen + "}}}");
  }
  EXPECT_EQ(count_of(last().io->received, "\"subscriptions/listen\""), 1U);
  EXPECT_EQ(count_of(last().io->received, "\"tools/list\""), 5U) << "each change makes the list stale";
}

TEST_F(StdioUpstreamTest, ATellerOfEndlessToolPagesIsNotListenedToForEver) {
  start(child_config(EraSetting::modern));
  auto call = post_modern("tools/call", "add");
  int pages = 0;
  while (id_of(last(), "tools/call").empty() && ++pages < 5'000) {
    answer(last(), "tools/list", R"({"tools":[],"nextCursor":"more"})");
    if (id_of(last(), "tools/call").empty())
      last().io->received.erase(0, last().io->received.rfind("{\"jsonrpc\""));
  }
  EXPECT_EQ(pages, 1'000);
  answer(last(), "tools/call");
  EXPECT_EQ(answer_of(*call).status, 200);
}

TEST_F(StdioUpstreamTest, ACursorThatFillsAMessageEndsTheList) {
  start(child_config(EraSetting::modern));
  auto call = post_modern("tools/call", "add");
  const std::string cursor(world.reactor().limits().json.message_bytes_max - 200, 'c');
  answer(last(), "tools/list", R"({"tools":[],"nextCursor":")" + cursor + "\"}");
  answer(last(), "tools/call");
  EXPECT_EQ(answer_of(*call).status, 200);
}

TEST_F(StdioUpstreamTest, CallsThatWaitForTheProbeAreBounded) {
  start(child_config(EraSetting::automatic));
  std::vector<std::unique_ptr<TestPeer>> clients;
  for (int i = 0; i < 4'100; ++i) clients.push_back(post_modern("tools/list"));
  EXPECT_NE(answer_of(*clients.back()).body.find("too many calls wait"), std::string::npos);
  EXPECT_EQ(clients.front()->received, "");
}

TEST_F(StdioUpstreamTest, TheProbeTellsTheErasApart) {
  struct Case {
    const char* discover;  // the answer to it; null for none
    const char* era;
  };
  const Case cases[] = {
      {R"("result":{"supportedVersions":["2026-07-28"]})", "modern\""},
      {R"("error":{"code":-32022,"message":"no","data":{"supported":["2026-07-28"]}})", "modern\""},
      {R"("result":{"supportedVersions":["1999-01-01"]})", "legacy"},
      {R"("error":{"code":-32601,"message":"no"})", "legacy"},
      {nullptr, "legacy"},
  };
  for (const Case& one : cases) {
    children.clear();
    start(child_config(EraSetting::automatic));
    world.advance(milliseconds(1));
    ASSERT_EQ(children.size(), 1U);
    answer(last(), "initialize", R"({"protocolVersion":"2025-11-25"})");
    EXPECT_NE(state().find("being asked"), std::string::npos);
    if (one.discover != nullptr)
      say(child(0),
          R"({"jsonrpc":"2.0","id":)" + id_of(child(0), "server/discover") + "," + one.discover + "}");
    world.advance(milliseconds(600));
    EXPECT_NE(state().find("\"detail\":\"" + std::string(one.era)), std::string::npos) << state();
    EXPECT_TRUE(child(0).killed()) << "the sibling does not stay";
    gateway.reset();
  }
}

// Servers take the era of the first message for good, so it is a second sibling that is asked.
TEST_F(StdioUpstreamTest, AModernCommandIsAskedWhetherItIsLegacyToo) {
  struct Case {
    std::function<void(FakeChild&)> second;
    const char* detail;
  };
  const Case cases[] = {
      {[this](FakeChild& child) { say(child, is_legacy); }, "modern and legacy"},
      {[this](FakeChild& child) {
         say(child, make_error_response(id_of(child, "initialize"), -32022, "no"));
       },
       "modern\""},
      {[](FakeChild& child) { child.exit(1); }, "modern\""},
      {[this](FakeChild&) { world.advance(seconds(61)); }, "modern\""},
  };
  for (const Case& one : cases) {
    children.clear();
    start(child_config(EraSetting::automatic));
    world.advance(milliseconds(1));
    say(child(0), is_modern);
    auto call = post_modern("tools/list");
    answer(asked("tools/list"), "tools/list", R"({"tools":[]})");
    EXPECT_EQ(answer_of(*call).status, 200) << "modern calls need not wait for it";
    auto session = post({}, initialize_request());
    world.advance(milliseconds(1));
    EXPECT_EQ(session->received, "") << "a legacy client does";
    FakeChild& second = asked("initialize");
    EXPECT_EQ(id_of(second, "server/discover"), "");
    one.second(second);
    world.settle();
    EXPECT_TRUE(second.killed());
    EXPECT_NE(state().find("\"detail\":\"" + std::string(one.detail)), std::string::npos) << state();
    gateway.reset();
  }
}

// ---- A verdict that grew old or was belied

class StdioErasTest : public StdioUpstreamTest {
 protected:
  static constexpr Bytes unknown_discover =
      R"({"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}})";
  static constexpr Bytes refused_initialize =
      R"({"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}})";
  void start_legacy() {
    children.clear();
    start(child_config(EraSetting::automatic));
    world.advance(milliseconds(1));
    say(child(0), unknown_discover);
  }
  void start_modern() {
    children.clear();
    start(child_config(EraSetting::automatic));
    world.advance(milliseconds(1));
    say(child(0), is_modern);
    world.advance(milliseconds(1));
    say(child(1), refused_initialize);
  }
  [[nodiscard]] std::size_t probes() const {
    std::size_t count = 0;
    for (const auto& child : children)
      count += id_of(*child, "server/discover").empty() || id_of(*child, "initialize").empty() ? 0U : 1U;
    return count;
  }
  // The newest child that was sent `initialize` by a client, and by no probe.
  FakeChild& initialized() {
    for (auto child = children.rbegin(); child != children.rend(); ++child)
      if (!id_of(**child, "initialize").empty() && (*child)->io->received.find("sluice") == std::string::npos)
        return **child;
    ADD_FAILURE() << "no client's initialize came";
    return last();
  }
  Fields open_session() {
    auto client = post({}, initialize_request());
    answer(initialized(), "initialize",
           R"({"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}})");
    Fields fields{{"Mcp-Session-Id", answer_of(*client).field("Mcp-Session-Id")}};
    post(fields, make_notification("notifications/initialized"));
    return fields;
  }
  // Answers the probe that was begun last: modern, and not legacy.
  void turn_modern() {
    world.advance(milliseconds(1));
    say(asked("server/discover"), is_modern);
    world.advance(milliseconds(1));
    say(last(), refused_initialize);
  }
  [[nodiscard]] bool is_said(Bytes detail) {
    return state().find("\"detail\":\"" + std::string(detail)) != std::string::npos;
  }
};

TEST_F(StdioErasTest, ACommandIsAskedAgainWhenASessionBeginsAfterAWhile) {
  start_legacy();
  const Fields old = open_session();
  world.advance(UpstreamLimits{}.legacy_believed + seconds(1));
  EXPECT_EQ(probes(), 1U) << "nothing is started for nothing";
  const Fields fields = open_session();
  world.advance(milliseconds(1));
  EXPECT_EQ(probes(), 2U);
  EXPECT_TRUE(is_said("legacy")) << state();
  turn_modern();
  EXPECT_TRUE(is_said("modern\"")) << state();
  for (const Fields* running : {&old, &fields}) {
    auto call = post(*running, legacy_request(2, "tools/call", R"({"name":"x"})"));
    answer(asked("tools/call"), "tools/call");
    EXPECT_EQ(answer_of(*call).status, 200) << "sessions that run are not disturbed";
  }
  auto modern = post_modern("tools/list");
  answer(asked("tools/list"), "tools/list", R"({"tools":[]})");
  EXPECT_EQ(id_of(asked("tools/list"), "initialize"), "");
  EXPECT_EQ(answer_of(*modern).status, 200);
  post({}, initialize_request());
  world.advance(milliseconds(1));
  EXPECT_EQ(probes(), 2U) << "not at every session";
}

TEST_F(StdioErasTest, ACommandWhoseChildRefusesToInitializeIsAskedAgain) {
  for (const bool exits : {false, true}) {
    start_legacy();
    world.advance(UpstreamLimits{}.doubted_for);
    auto client = post({}, initialize_request());
    FakeChild& owned = initialized();
    if (exits) {
      owned.exit(1);
      world.settle();
    } else {
      say(owned, make_error_response("1", -32022, "no", R"({"supported":["2026-07-28"]})"));
    }
    world.advance(milliseconds(1));
    EXPECT_EQ(probes(), 2U) << exits;
    turn_modern();
    EXPECT_TRUE(is_said("modern\"")) << state();
    auto again = post({}, initialize_request());
    EXPECT_NE(id_of(last(), "server/discover"), "") << "a legacy client is served by the bridge";
    gateway.reset();
  }
}

TEST_F(StdioErasTest, ASharedChildThatRefusesTheRevisionHasItsCommandAskedAgain) {
  start_modern();
  world.advance(UpstreamLimits{}.doubted_for);
  auto listener = post_modern("subscriptions/listen");
  auto first = post_modern("tools/list");
  FakeChild& shared = asked("tools/list");
  const auto refuse = [&] {
    say(shared, make_error_response(id_of(shared, "tools/list"), -32022, "too new",
                                    R"({"supported":["2025-11-25"],"requested":"2026-07-28"})"));
    world.advance(milliseconds(1));
  };
  refuse();
  EXPECT_NE(answer_of(*first).body.find("-32022"), std::string::npos) << "as it is";
  EXPECT_EQ(probes(), 2U);
  auto second = post_modern("tools/list");
  refuse();
  EXPECT_EQ(probes(), 2U) << "it is being asked";
  say(asked("server/discover"), unknown_discover);
  EXPECT_TRUE(is_said("legacy")) << state();
  EXPECT_FALSE(shared.told_to_end()) << "somebody listens to it";
  auto third = post_modern("tools/list");
  EXPECT_NE(id_of(last(), "initialize"), "") << last().io->received;
  listener->close();
  world.settle();
  world.advance(milliseconds(1));
  EXPECT_TRUE(shared.told_to_end());
}

TEST_F(StdioErasTest, ASessionIsNotRefusedForAProbeThatNobodyWaitsFor) {
  children.clear();
  UpstreamConfig config = child_config(EraSetting::automatic);
  config.children_max = 2;
  start(std::move(config));
  world.advance(milliseconds(1));
  say(child(0), unknown_discover);
  world.advance(UpstreamLimits{}.legacy_believed + seconds(1));
  open_session();
  world.advance(milliseconds(1));
  EXPECT_EQ(probes(), 2U);
  FakeChild& probe = last();
  open_session();
  EXPECT_TRUE(probe.killed());
  auto third = post({}, initialize_request());
  EXPECT_NE(answer_of(*third).body.find("all its 2 children in use"), std::string::npos);
}

TEST_F(StdioErasTest, AProbeThatFailsChangesNothingThatServes) {
  start_modern();
  auto first = post_modern("tools/list");
  answer(asked("tools/list"), "tools/list", R"({"tools":[]})");
  world.advance(UpstreamLimits{}.legacy_believed + seconds(1));
  asked("tools/list").exit(1);
  world.advance(seconds(1));
  auto second = post_modern("tools/list");
  answer(asked("tools/list"), "tools/list", R"({"tools":[]})");
  EXPECT_EQ(answer_of(*second).status, 200);
  EXPECT_EQ(probes(), 2U);
  asked("server/discover").exit(1);
  world.settle();
  EXPECT_TRUE(is_said("modern;")) << state();
}

TEST_F(StdioUpstreamTest, AProbedChildThatAnswersAndExitsAtOnceIsHeard) {
  start(child_config(EraSetting::automatic));
  world.advance(milliseconds(1));
  last().say(is_modern);
  last().exit(0);
  world.settle();
  EXPECT_NE(state().find("\"detail\":\"modern"), std::string::npos) << state();
}

TEST_F(StdioUpstreamTest, AProbeThatHearsNothingLeavesTheEraOpenAndIsMadeAgainAfterAWait) {
  start(child_config(EraSetting::automatic));
  auto call = post_modern("tools/list");
  world.advance(seconds(61) - milliseconds(900));
  EXPECT_NE(state().find("unknown"), std::string::npos) << state();
  EXPECT_NE(call->received, "");
  auto too_early = post_modern("tools/list");
  EXPECT_NE(answer_of(*too_early).body.find("did not complete the handshake in time"), std::string::npos);
  EXPECT_EQ(children.size(), 1U) << "not asked again at once";
  world.advance(milliseconds(300));
  EXPECT_EQ(children.size(), 2U);
  auto again = post_modern("tools/list");
  say(last(), is_modern);
  answer(asked("tools/list"), "tools/list", R"({"tools":[]})");
  EXPECT_EQ(answer_of(*again).status, 200);
}

TEST_F(StdioUpstreamTest, AProbedCommandThatCannotBeExecutedIsNamedAndTriedAgainWithGrowingWaits) {
  start(child_config(EraSetting::automatic));
  milliseconds expected(250);
  world.advance(milliseconds(1));
  for (std::size_t round = 1; round < 11; ++round) {
    ASSERT_EQ(children.size(), round);
    auto waits = post_modern("tools/list");
    last().errors->send("sluice: cannot start 'server': No such file or directory\n");
    last().exit(127);
    world.settle();
    auto late = post_modern("tools/list");
    for (const auto* call : {&waits, &late}) {
      const std::string body = answer_of(**call).body;
      EXPECT_NE(body.find("upstream 'up' has a command that cannot be executed, 'server'; it last wrote: "
                          "sluice: cannot start 'server': No such file or directory"),
                std::string::npos)
          << body;
      EXPECT_NE(body.find("not_sent"), std::string::npos) << body;
    }
    EXPECT_NE(state().find("\"usable\":false"), std::string::npos) << state();
    EXPECT_NE(state().find("cannot be executed"), std::string::npos) << state();
    world.advance(expected - milliseconds(10));
    EXPECT_EQ(children.size(), round);
    world.advance(milliseconds(20));
    expected = std::min(expected * 2, milliseconds(30'000));
  }
  // Somebody has installed it meanwhile.
  say(last(), is_modern);
  auto call = post_modern("tools/list");
  answer(asked("tools/list"), "tools/list", R"({"tools":[]})");
  EXPECT_EQ(answer_of(*call).status, 200);
  EXPECT_NE(state().find("\"usable\":true"), std::string::npos) << state();
}

TEST_F(StdioUpstreamTest, ACommandThatCannotBeExecutedIsNamedInTheAnswerToInitialize) {
  start(child_config(EraSetting::legacy));
  auto client = post({}, initialize_request());
  last().exit(127);
  world.settle();
  EXPECT_NE(client->received.find("cannot be executed, 'server'"), std::string::npos) << client->received;
}

TEST_F(StdioUpstreamTest, AServerThatSpokeAndExitsWithTheCodeOfMissingCommandsDidRun) {
  start(child_config(EraSetting::automatic));
  world.advance(milliseconds(1));
  answer(last(), "initialize", R"({"protocolVersion":"2025-11-25"})");
  last().exit(127);
  world.settle();
  EXPECT_NE(state().find("\"detail\":\"legacy"), std::string::npos) << state();
}

TEST_F(StdioUpstreamTest, APinnedModernCommandThatCannotBeExecutedIsNotUsable) {
  start(child_config(EraSetting::modern));
  auto call = post_modern("tools/list");
  last().exit(127);
  world.settle();
  EXPECT_NE(answer_of(*call).body.find("cannot be executed, 'server'"), std::string::npos);
  EXPECT_NE(state().find("\"usable\":false"), std::string::npos) << state();
  world.advance(milliseconds(260));
  call = post_modern("tools/list");
  answer(last(), "tools/list", R"({"tools":[]})");
  EXPECT_NE(state().find("\"usable\":true"), std::string::npos) << state();
}

// ---- Drain and reload

TEST_F(StdioUpstreamTest, ADrainLetsTheCallFinishAndTheChildrenEndByThemselves) {
  start(child_config(EraSetting::legacy));
  const Fields fields = open_session();
  auto call = post(fields, legacy_request(2, "tools/call", R"({"name":"x"})"));
  auto stream = connect();
  stream->send(request_text("GET", fields, {}));
  world.settle();
  bool done = false;
  gateway->drain([&] { done = true; });
  world.settle();
  EXPECT_FALSE(last().told_to_end());
  answer(last(), "tools/call");
  EXPECT_EQ(answer_of(*call).status, 200);
  call->close();
  stream->close();
  world.settle();
  world.advance(milliseconds(100));
  EXPECT_TRUE(last().told_to_end());
  EXPECT_FALSE(last().killed()) << "it may clean up";
  EXPECT_FALSE(done);
  last().exit(0);
  world.settle();
  world.advance(milliseconds(100));
  EXPECT_TRUE(done);
}

TEST_F(StdioUpstreamTest, ADrainStopsTheSharedChildAndAProbe) {
  for (const EraSetting era : {EraSetting::modern, EraSetting::automatic}) {
    children.clear();
    start(child_config(era));
    auto call = post_modern("tools/list");
    world.advance(milliseconds(1));
    ASSERT_EQ(children.size(), 1U);
    call->close();
    world.settle();
    bool done = false;
    gateway->drain([&] { done = true; });
    world.settle();
    world.advance(milliseconds(100));
    if (era == EraSetting::modern) {
      EXPECT_TRUE(last().told_to_end());
      EXPECT_FALSE(last().killed());
      last().exit(0);
      world.settle();
      world.advance(milliseconds(100));
    }
    EXPECT_TRUE(last().killed());
    EXPECT_TRUE(done);
    gateway.reset();
  }
}

TEST_F(StdioUpstreamTest, ADrainThatTakesTooLongRefusesWhatIsLeft) {
  UpstreamConfig config = child_config(EraSetting::legacy);
  config.tool_timeout = std::chrono::minutes(10);
  start(config);
  const Fields fields = open_session();
  auto call = post(fields, legacy_request(2, "tools/call", R"({"name":"x"})"));
  bool done = false;
  gateway->drain([&] { done = true; });
  world.advance(seconds(29));
  EXPECT_EQ(call->received.find("\"error\""), std::string::npos) << "it has thirty seconds";
  world.advance(seconds(2));
  EXPECT_NE(call->received.find("\"error\""), std::string::npos);
  call->close();
  world.advance(seconds(6));
  EXPECT_TRUE(last().killed());
  EXPECT_TRUE(done);
}

TEST_F(StdioUpstreamTest, AReloadLeavesNoChildOfTheOldConfiguration) {
  start(child_config(EraSetting::modern));
  post_modern("tools/list");
  answer(last(), "tools/list", R"({"tools":[]})");
  UpstreamConfig other = child_config(EraSetting::modern);
  other.env = {{"A", "b"}};
  ASSERT_TRUE(gateway->reload(config_of(other)).ok());
  world.advance(seconds(1));
  EXPECT_TRUE(child(0).told_to_end());
  EXPECT_FALSE(child(0).killed());
  child(0).exit(0);
  world.settle();
  world.advance(seconds(1));
  EXPECT_TRUE(child(0).killed());
  post_modern("tools/list");
  EXPECT_EQ(children.size(), 2U);
}

TEST_F(StdioUpstreamTest, AReloadInTheMiddleOfABodyHarmsNobody) {
  start(child_config(EraSetting::modern));
  const std::string request =
      request_text("POST", {{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", "tools/list"}},
                   legacy_request(7, "tools/list", testing_fronts::modern_params()));
  auto client = connect();
  client->send(Bytes(request).substr(0, request.size() - 10));
  world.settle();
  UpstreamConfig other = child_config(EraSetting::modern);
  other.env = {{"A", "b"}};
  ASSERT_TRUE(gateway->reload(config_of(other)).ok());
  world.advance(seconds(2));
  client->send(Bytes(request).substr(request.size() - 10));
  world.settle();
  EXPECT_EQ(answer_of(*client).status, 503) << client->received;
}

TEST_F(StdioUpstreamTest, AToolNameIsALabelOnlyOnceItHasAnswered) {
  start(child_config(EraSetting::modern));
  auto refused = post_modern("tools/call", "invented");
  answer(last(), "tools/list", R"({"tools":[]})");
  say(last(), make_error_response(id_of(last(), "tools/call"), -32602, "no such tool"));
  auto failed = post_modern("tools/call", "add");
  answer(last(), "tools/call", R"({"content":[],"isError":true})");
  auto done = post_modern("tools/call", "add");
  answer(last(), "tools/call");
  EXPECT_EQ(metrics->prometheus_text().find("invented"), std::string::npos);
  const std::string common = R"(sluice_calls_total{upstream="up",method="tools/call",tool=)";
  EXPECT_EQ(metric(common + R"("other",status="error"})"), 1U) << metrics->prometheus_text();
  EXPECT_EQ(metric(common + R"("other",status="tool_error"})"), 1U);
  EXPECT_EQ(metric(common + R"("add",status="ok"})"), 1U);
}

}  // namespace
}  // namespace sluice
