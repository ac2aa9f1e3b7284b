// SPDX-License-Identifier: Apache-2.0
#include "gateway/bridge.h"

#include <algorithm>

#include "gateway/gateway_testing.h"

namespace sluice {
namespace {

using testing_client::response;
using testing_fronts::initialize_request;
using testing_fronts::legacy_request;
using testing_gateway::FakeChild;
using testing_gateway::TestPeer;

class BridgeTest : public testing_gateway::GatewayTest {
 protected:
  FakeChild& last() { return *children.back(); }
  void say(Bytes line) {
    last().say(line);
    world.settle();
  }
  // The newest request that an HTTP upstream has read, on whatever connection.
  TestPeer& asked() { return *far.peers.back(); }
  void answer(std::string text) {
    asked().received.clear();
    asked().send(text);
    world.settle();
  }
  void start_unanswered(EraSetting era = EraSetting::automatic) {
    far.peers.clear();
    far.refuses = false;
    answers_probe = false;
    start(http_config(era));
  }
  static std::string discovered(Bytes body) {
    return R"({"jsonrpc":"2.0","id":1,)" + std::string(body) + "}";
  }
  static std::string initialized(Bytes body) { return discovered(body); }  // each client begins at 1
  static bool is_asked_to_initialize(const TestPeer& peer) {
    return peer.received.find(R"("clientInfo":{"name":"sluice")") != std::string::npos &&
           peer.received.find("\"method\":\"initialize\"") != std::string::npos;
  }
};

constexpr Bytes modern_result = R"("result":{"supportedVersions":["2026-07-28"]})";
constexpr Bytes legacy_result = R"("result":{"protocolVersion":"2025-11-25"})";

TEST_F(BridgeTest, AnHttpServerIsAskedForItsErasAndItsSessionEnded) {
  start_unanswered();
  EXPECT_NE(asked().received.find("Mcp-Method: server/discover\r\n"), std::string::npos);
  answer(response(200, "application/json", discovered(modern_result)));
  EXPECT_NE(asked().received.find("\"initialize\""), std::string::npos);
  answer(response(200, "application/json", initialized(legacy_result), "Mcp-Session-Id: probe\r\n"));
  EXPECT_EQ(asked().received.substr(0, 7), "DELETE ");
  EXPECT_NE(asked().received.find("Mcp-Session-Id: probe\r\n"), std::string::npos);
  EXPECT_NE(sink.text.find("it answers in both eras"), std::string::npos) << sink.text;
}

TEST_F(BridgeTest, WhatAnHttpServerAnswersSaysWhichErasItSpeaks) {
  struct Case {
    std::string answer;
    const char* legacy_client_sees;  // of the request that the upstream reads next
  };
  const Case cases[] = {
      {response(404, "text/plain", "no"), "\"initialize\""},
      {response(400, "application/json", discovered(R"("error":{"code":-32601,"message":"no"})")),
       "\"initialize\""},
      {response(200, "application/json", discovered(R"("result":{"supportedVersions":["1999-01-01"]})")),
       "\"initialize\""},
      // Modern, and a legacy client is then served by asking it what it is.
      {response(400, "application/json",
                discovered(R"("error":{"code":-32022,"message":"no","data":{"supported":["2026-07-28"]}})")),
       "server/discover"},
  };
  for (const Case& one : cases) {
    start_unanswered();
    auto client = post({}, initialize_request());
    EXPECT_EQ(asked().received.find("\"method\":\"initialize\""), std::string::npos)
        << "it waits for the probe";
    answer(one.answer);
    if (is_asked_to_initialize(asked())) answer(response(400, "text/plain", "no"));
    EXPECT_NE(asked().received.find(one.legacy_client_sees), std::string::npos)
        << one.answer << asked().received;
    client->close();
    world.settle();
    gateway.reset();
  }
}

// Nothing is known of such a server: its own answer is the best there is, and it is asked again.
TEST_F(BridgeTest, AnHttpServerThatCannotBeAskedIsTriedInTheClientsEraAndAskedAgain) {
  start_unanswered();
  answer(response(401, "text/plain", "who are you"));
  world.advance(seconds(1));
  auto client = post({}, initialize_request());
  EXPECT_NE(asked().received.find("server/discover"), std::string::npos) << "asked again when a call comes";
  answer(response(503, "text/plain", "later"));
  EXPECT_NE(asked().received.find("\"method\":\"initialize\""), std::string::npos) << asked().received;
  auto second = post_modern("tools/list");
  EXPECT_NE(asked().received.find("tools/list"), std::string::npos) << "not asked at every call";
}

TEST_F(BridgeTest, AnHttpServerThatWasLegacyIsAskedAgainNowAndThen) {
  start_unanswered();
  answer(response(404, "text/plain", "what is that"));
  const auto ask_again = [this](const std::string& said) {
    world.advance(UpstreamLimits{}.legacy_believed);
    auto client = post({}, initialize_request());
    world.settle();
    ASSERT_GE(far.peers.size(), 2U);
    auto& call = *far.peers[far.peers.size() - 2];
    auto& probe = *far.peers.back();
    EXPECT_NE(call.received.find("\"method\":\"initialize\""), std::string::npos) << "the call does not wait";
    ASSERT_NE(probe.received.find("server/discover"), std::string::npos) << probe.received;
    probe.received.clear();
    probe.send(said);
    world.settle();
    if (!is_asked_to_initialize(probe)) return;
    probe.send(response(200, "application/json", initialized(legacy_result)));
    world.settle();
  };
  ask_again(response(404, "text/plain", "still unknown"));
  EXPECT_EQ(sink.text.find("it answers in both eras"), std::string::npos);
  ask_again(response(200, "application/json", discovered(modern_result)));
  EXPECT_NE(sink.text.find("it answers in both eras"), std::string::npos) << sink.text;
  auto modern = post_modern("tools/list");
  EXPECT_TRUE(std::any_of(far.peers.begin(), far.peers.end(), [](const auto& peer) {
    return peer->received.find("Mcp-Method: tools/list") != std::string::npos;
  }));
}

constexpr Bytes too_new = R"({"supported":["2025-11-25"],"requested":"2026-07-28"})";

// It gets the answer as it is, and the next one is served as the server is by then.
TEST_F(BridgeTest, AServerThatRefusesTheModernRevisionIsAskedAgain) {
  start_unanswered();
  answer(response(200, "application/json", discovered(modern_result)));
  answer(response(400, "text/plain", "no"));
  world.advance(UpstreamLimits{}.doubted_for);
  auto client = post_modern("tools/list");
  TestPeer& call = asked();
  call.send(response(400, "application/json", make_error_response("7", -32022, "too new", too_new)));
  world.settle();
  EXPECT_NE(answer_of(*client).body.find(R"("supported":["2025-11-25"])"), std::string::npos);
  EXPECT_NE(asked().received.find("server/discover"), std::string::npos) << asked().received;
  answer(response(404, "text/plain", "what is that"));
  auto next = post_modern("tools/list");
  EXPECT_NE(asked().received.find("\"method\":\"initialize\""), std::string::npos) << asked().received;
}

TEST_F(BridgeTest, ASessionInFrontOfAServerThatIsModernNoMoreEndsAndTheNextIsTheServers) {
  start_unanswered();
  answer(response(200, "application/json", discovered(modern_result)));
  answer(response(400, "text/plain", "no"));
  auto client = post({}, initialize_request());
  const auto id_of_last = [this] {
    const std::string& text = asked().received;
    const std::size_t at = text.rfind("\"id\":") + 5;
    return text.substr(at, text.find_first_of(",}", at) - at);
  };
  std::string id = id_of_last();
  answer(response(200, "application/json",
                  make_response(id, R"({"supportedVersions":["2026-07-28"],"capabilities":{}})")));
  const Fields fields{{"Mcp-Session-Id", answer_of(*client).field("Mcp-Session-Id")}};
  world.advance(UpstreamLimits{}.doubted_for);
  auto call = post(fields, legacy_request(2, "prompts/list", "{}"));
  id = id_of_last();
  answer(response(400, "application/json", make_error_response(id, -32022, "too new", too_new)));
  const auto said = Json::parse(answer_of(*call).body);
  ASSERT_TRUE(said) << call->received;
  EXPECT_EQ((*said)["error"]["code"].int64_or(0), -32603);
  EXPECT_NE((*said)["error"]["message"].string_or("").find("takes no request of MCP 2026-07-28"),
            std::string::npos);
  EXPECT_TRUE((*said)["error"]["data"]["retryable"].bool_or(false));
  answer(response(404, "text/plain", "what is that"));
  EXPECT_EQ(answer_of(*post(fields, legacy_request(3, "prompts/list", "{}"))).status, 404);
  auto again = post({}, initialize_request());
  EXPECT_NE(asked().received.find("\"method\":\"initialize\""), std::string::npos) << asked().received;
  EXPECT_EQ(metric("sluice_calls_in_flight"), 1U);
}

TEST_F(BridgeTest, ALegacyServerThatRefusesToInitializeIsAskedAgain) {
  start_unanswered();
  answer(response(404, "text/plain", "what is that"));
  world.advance(UpstreamLimits{}.doubted_for);
  auto client = post({}, initialize_request());
  answer(response(400, "application/json",
                  make_error_response("1", -32022, "too old", R"({"supported":["2026-07-28"]})")));
  EXPECT_NE(asked().received.find("server/discover"), std::string::npos) << asked().received;
  answer(response(200, "application/json", discovered(modern_result)));
  answer(response(400, "text/plain", "no"));
  auto again = post({}, initialize_request());
  EXPECT_NE(asked().received.find("Mcp-Method: server/discover"), std::string::npos) << asked().received;
}

TEST_F(BridgeTest, AModernServerThatCouldNotBeAskedForASessionIsAskedAgain) {
  start_unanswered();
  answer(response(200, "application/json", discovered(modern_result)));
  asked().close();
  world.settle();
  auto modern = post_modern("tools/list");
  EXPECT_NE(asked().received.find("tools/list"), std::string::npos) << "this much is known";
  world.advance(seconds(1));
  auto client = post({}, initialize_request());
  EXPECT_NE(asked().received.find("server/discover"), std::string::npos) << asked().received;
  EXPECT_EQ(client->received, "");
}

TEST_F(BridgeTest, AClientThatLeavesWhileItWaitsForTheErasIsForgotten) {
  start_unanswered();
  auto client = post_modern("tools/list");
  client->close();
  world.settle();
  answer(response(404, "text/plain", "no"));
  EXPECT_EQ(asked().received.find("tools/list"), std::string::npos);
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
}

// A client picks its revision from this list, so it is what the gateway takes, not what the server does.
TEST_F(BridgeTest, DiscoverNamesTheRevisionsOfTheGateway) {
  start(http_config(EraSetting::modern));
  auto client = post_modern("server/discover");
  asked().send(response(
      200, "application/json",
      R"({"jsonrpc":"2.0","id":7,"result":{"supportedVersions":["2026-07-28"],"n":9007199254740993}})"));
  world.settle();
  EXPECT_EQ(answer_of(*client).body,
            R"({"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","supportedVersions":["2026-07-28",)"
            R"("2025-11-25","2025-06-18",)"
            R"("2025-03-26","2024-11-05"],"n":9007199254740993}})");
}

TEST_F(BridgeTest, ADiscoverThatIsCancelledOrRefusedEndsLikeAnyCall) {
  start(http_config(EraSetting::modern));
  auto leaves = post_modern("server/discover");
  leaves->close();
  world.settle();
  EXPECT_EQ(far.open(), 0U);
  auto refused = post_modern("server/discover");
  asked().send(response(500, "text/plain", "no"));
  world.settle();
  EXPECT_NE(answer_of(*refused).body.find("HTTP status 500"), std::string::npos);
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
}

TEST_F(BridgeTest, ALegacyClientIsServedByAModernCommand) {
  start(child_config(EraSetting::modern));
  auto client = post({}, initialize_request());
  ASSERT_EQ(children.size(), 1U);
  EXPECT_NE(last().io->received.find("server/discover"), std::string::npos) << last().io->received;
}

TEST_F(BridgeTest, AModernClientIsServedByALegacyCommand) {
  start(child_config(EraSetting::legacy));
  auto client = post_modern("tools/list");
  ASSERT_EQ(children.size(), 1U);
  EXPECT_NE(last().io->received.find("\"initialize\""), std::string::npos) << last().io->received;
}

}  // namespace
}  // namespace sluice
