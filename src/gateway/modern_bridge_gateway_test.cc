// SPDX-License-Identifier: Apache-2.0
// ModernBridge in a whole gateway: modern HTTP on one side, the lines of a legacy child on the other.
#include <functional>

#include "gateway/gateway_testing.h"
#include "gateway/modern_bridge.h"

namespace sluice {
namespace {

using testing_gateway::FakeChild;
using testing_gateway::TestPeer;

class ModernGatewayTest : public testing_gateway::GatewayTest {
 protected:
  static std::string id_of(const FakeChild& at, Bytes method) {
    const std::string& text = at.io->received;
    const std::size_t place = text.rfind("\"" + std::string(method) + "\"");
    if (place == std::string::npos) return {};
    const std::size_t line = text.rfind('\n', place) + 1;
    const std::size_t id = text.find("\"id\":", line) + 5;
    return text.substr(id, text.find_first_of(",}", id) - id);
  }
  void answer(Bytes method, Bytes result) {
    const std::string id = id_of(*children.back(), method);
    ASSERT_FALSE(id.empty()) << method << " in " << children.back()->io->received;
    say(make_response(id, result));
  }
  void say(Bytes line) {
    children.back()->say(line);
    world.settle();
  }
  std::unique_ptr<TestPeer> call(const std::string& more = {}) {
    const Fields fields{
        {"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", "tools/call"}, {"Mcp-Name", "t"}};
    return post(fields,
                make_request(std::to_string(++next_id), "tools/call",
                             R"({"name":"t","arguments":{},"_meta":{)"
                             R"("io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                             R"("io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{}}}})" +
                                 more + "}"));
  }
  void shake_hands() {
    answer("initialize", R"({"protocolVersion":"2025-06-18","capabilities":{"tools":{}},)"
                         R"("serverInfo":{"name":"old","version":"1"}})");
    EXPECT_NE(children.back()->io->received.find("notifications/initialized"), std::string::npos);
    answer("tools/list", R"({"tools":[{"name":"t","inputSchema":{"type":"object"}}]})");
  }

  int next_id = 0;  // of the client
};

TEST_F(ModernGatewayTest, AsksTheClientInTheMiddleOfAChildsCall) {
  start(child_config(EraSetting::legacy));
  auto first = call();
  shake_hands();
  say(make_request("9", "elicitation/create", R"({"message":"sure?","requestedSchema":{}})"));
  world.advance(milliseconds(25));
  const auto told = Json::parse(answer_of(*first).body);
  ASSERT_TRUE(told) << first->received;
  const Json& result = (*told)["result"];
  EXPECT_EQ(result["resultType"].string_or(""), "input_required");
  const std::string state(result["requestState"].string_or(""));
  first.reset();
  world.advance(seconds(5));
  EXPECT_EQ(children.back()->io->received.find("notifications/cancelled"), std::string::npos);

  auto again = call(R"(,"requestState":")" + state + R"(","inputResponses":{"ask-1":{"action":"accept"}})");
  EXPECT_NE(children.back()->io->received.find(make_response("9", R"({"action":"accept"})")),
            std::string::npos);
  answer("tools/call", R"({"content":[]})");
  const std::string body = answer_of(*again).body;
  EXPECT_NE(body.find(R"("resultType":"complete")"), std::string::npos) << body;
  EXPECT_EQ(children.size(), 1U);
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
}

TEST_F(ModernGatewayTest, TellsTheChildWhenTheClientClosesItsStream) {
  start(child_config(EraSetting::legacy));
  auto client = call();
  shake_hands();
  const std::string id = id_of(*children.back(), "tools/call");
  client->close();
  world.settle();
  world.advance(milliseconds(5));
  EXPECT_NE(children.back()->io->received.find(
                make_notification("notifications/cancelled", R"({"requestId":)" + id + "}")),
            std::string::npos)
      << children.back()->io->received;
}

TEST_F(ModernGatewayTest, StartsAnotherChildWhenTheFirstDied) {
  start(child_config(EraSetting::legacy));
  auto client = call();
  shake_hands();
  children.back()->exit(3);
  world.settle();
  world.advance(seconds(2));
  EXPECT_NE(answer_of(*client).body.find("sent_unknown"), std::string::npos) << client->received;
  auto next = call();
  ASSERT_EQ(children.size(), 2U);
  shake_hands();
  answer("tools/call", R"({"content":[]})");
  EXPECT_EQ(answer_of(*next).status, 200);
}

TEST_F(ModernGatewayTest, EndsAnIdleChild) {
  start(child_config(EraSetting::legacy));
  auto client = call();
  shake_hands();
  answer("tools/call", R"({"content":[]})");
  world.advance(BridgeLimits{}.session_idle + seconds(1));
  EXPECT_TRUE(children.back()->told_to_end());
}

class ModernGatewayOverHttpTest : public ModernGatewayTest {
 protected:
  static constexpr Bytes accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

  TestPeer* asked(Bytes words) {
    for (auto peer = far.peers.rbegin(); peer != far.peers.rend(); ++peer)
      if (!(*peer)->closed() && (*peer)->received.find(words) != std::string::npos) return peer->get();
    return nullptr;
  }
  // Answers the request that holds `words`; what it said is forgotten and returned.
  std::string reply(Bytes words, const std::function<std::string(const std::string& id)>& text) {
    TestPeer* peer = asked(words);
    EXPECT_NE(peer, nullptr) << words;
    if (peer == nullptr) return {};
    std::string said = peer->take();
    const std::size_t id = said.rfind("\"id\":");
    peer->send(
        text(id == std::string::npos ? "" : said.substr(id + 5, said.find_first_of(",}", id) - id - 5)));
    world.settle();
    return said;
  }
  static std::string json(const std::string& id, Bytes result, Bytes fields = {}) {
    return testing_client::response(200, "application/json", make_response(id, result), fields);
  }
  void open_far_session(Bytes name) {
    reply("\"initialize\"", [&](const std::string& id) {
      return json(
          id, R"({"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}})",
          "Mcp-Session-Id: " + std::string(name) + "\r\n");
    });
    reply("notifications/initialized", [](const std::string&) { return std::string(accepted); });
    reply("GET /mcp", [](const std::string&) { return testing_client::stream_head; });
  }
};

TEST_F(ModernGatewayOverHttpTest, BindsAQuestionOnACallsOwnStream) {
  start(http_config(EraSetting::legacy));
  auto first = call();
  open_far_session("theirs");
  auto other = call();
  const std::string said = reply("\"tools/call\"", [](const std::string&) {
    return testing_client::stream_head +
           testing_client::event(
               make_request("\"q\"", "elicitation/create", R"({"message":"sure?","requestedSchema":{}})"));
  });
  EXPECT_NE(said.find("Mcp-Session-Id: theirs"), std::string::npos) << said;
  world.advance(milliseconds(25));
  const bool is_first = !first->received.empty();
  const auto told = Json::parse(answer_of(is_first ? *first : *other).body);
  ASSERT_TRUE(told);
  const std::string state((*told)["result"]["requestState"].string_or(""));
  ASSERT_FALSE(state.empty());
  EXPECT_TRUE((is_first ? other : first)->received.empty());
  auto again = call(R"(,"requestState":")" + state + R"(","inputResponses":{"ask-1":{"action":"decline"}})");
  const std::string answered =
      reply(R"({"action":"decline"})", [](const std::string&) { return std::string(accepted); });
  EXPECT_NE(answered.find(R"("id":"q")"), std::string::npos) << answered;
}

TEST_F(ModernGatewayOverHttpTest, OpensANewSessionForACallWhoseSessionIsForgotten) {
  start(http_config(EraSetting::legacy));
  auto client = call();
  open_far_session("one");
  reply("\"tools/call\"",
        [](const std::string&) { return testing_client::response(404, "text/plain", "gone"); });
  EXPECT_TRUE(client->received.empty()) << client->received;
  open_far_session("two");
  const std::string said =
      reply("\"tools/call\"", [](const std::string& id) { return json(id, R"({"content":[]})"); });
  EXPECT_NE(said.find("Mcp-Session-Id: two"), std::string::npos) << said;
  EXPECT_EQ(answer_of(*client).status, 200);
}

}  // namespace
}  // namespace sluice
