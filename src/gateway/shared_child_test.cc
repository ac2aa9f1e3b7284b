// SPDX-License-Identifier: Apache-2.0
#include "gateway/shared_child.h"

#include "gateway/gateway_testing.h"

namespace sluice {
namespace {

using testing_fronts::count_of;
using testing_gateway::TestPeer;

// How a shared child comes by the tool list that calls over HTTP wait for.
class SharedChildTools : public testing_gateway::ChildGatewayTest {
 protected:
  void SetUp() override { start(child_config(EraSetting::modern)); }
  [[nodiscard]] std::size_t asked_for(Bytes method) {
    return count_of(last().io->received, "\"method\":\"" + std::string(method) + "\"");
  }
};

TEST_F(SharedChildTools, AListThatCannotBeReadIsDoneWithout) {
  for (int twice = 0; twice < 2; ++twice) {
    auto call = post_modern("tools/call", "add");
    if (twice == 0)
      answer(last(), "tools/list",
             R"({"tools":[{"name":"add","inputSchema":{"properties":{"a":{"type":"x","type":"x"}}}}]})");
    answer(last(), "tools/call");
    EXPECT_EQ(answer_of(*call).status, 200);
  }
  EXPECT_EQ(asked_for("tools/list"), 1U);
}

TEST_F(SharedChildTools, AListThatNeverComesIsDoneWithout) {
  auto call = post_modern("tools/call", "add");
  world.advance(BridgeLimits{}.tools_wait - milliseconds(10));
  EXPECT_EQ(asked_for("tools/call"), 0U);
  const std::string id = id_of(last(), "tools/list");
  world.advance(milliseconds(20));
  EXPECT_EQ(asked_for("notifications/cancelled"), 1U);
  answer(last(), "tools/call");
  EXPECT_EQ(answer_of(*call).status, 200);
  say(last(), make_response(id, R"({"tools":[{"name":"add"}]})"));  // too late
  auto next = post_modern("tools/call", "add");
  answer(last(), "tools/call");
  EXPECT_EQ(answer_of(*next).status, 200);
  EXPECT_EQ(asked_for("tools/list"), 1U);
}

TEST_F(SharedChildTools, AListThatThereIsNoRoomToAskForIsAskedForLater) {
  const std::size_t most = UpstreamLimits{}.calls_in_flight_max;
  std::vector<std::unique_ptr<TestPeer>> clients;
  for (std::size_t i = 0; i < most; ++i) clients.push_back(post_modern("prompts/list"));
  auto refused = post_modern("tools/call", "add");
  world.advance(milliseconds(1));
  EXPECT_NE(answer_of(*refused).body.find("too many"), std::string::npos) << answer_of(*refused).body;
  EXPECT_EQ(asked_for("tools/list"), 0U);
  for (std::size_t i = 0; i < 4; ++i) clients[i]->close();
  world.settle();
  auto call = post_modern("tools/call", "add");
  answer(last(), "tools/list", R"({"tools":[]})");
  answer(last(), "tools/call");
  EXPECT_EQ(answer_of(*call).status, 200);
}

}  // namespace
}  // namespace sluice
