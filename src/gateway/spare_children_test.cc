// SPDX-License-Identifier: Apache-2.0
#include "gateway/spare_children.h"

#include "gateway/gateway_testing.h"

namespace sluice {
namespace {

class SpareChildrenTest : public testing_gateway::ChildGatewayTest {
 protected:
  static UpstreamConfig pooled(EraSetting era, std::size_t min, std::size_t max = 8) {
    UpstreamConfig config = child_config(era);
    config.pool.min = min;
    config.children_max = max;
    return config;
  }
};

TEST_F(SpareChildrenTest, AreStartedBeforeAnybodyComesAndAreToldNothing) {
  start(pooled(EraSetting::legacy, 2));
  ASSERT_EQ(children.size(), 2U);
  EXPECT_EQ(child(0).io->received, "");
  EXPECT_NE(state().find(R"("children":2)"), std::string::npos) << state();
}

TEST_F(SpareChildrenTest, AreTakenBySessionsAndReplaced) {
  start(pooled(EraSetting::legacy, 1));
  ASSERT_EQ(children.size(), 1U);
  auto client = post({}, testing_fronts::initialize_request());
  EXPECT_NE(child(0).io->received.find("\"initialize\""), std::string::npos) << "the spare serves it";
  ASSERT_EQ(children.size(), 2U) << "another takes its place";
  EXPECT_EQ(child(1).io->received, "");
  answer(child(0), "initialize", R"({"protocolVersion":"2025-11-25","capabilities":{}})");
  EXPECT_EQ(answer_of(*client).status, 200);
}

TEST_F(SpareChildrenTest, AreReplacedAfterABackOffThatGrows) {
  start(pooled(EraSetting::legacy, 1));
  for (const milliseconds wait : {milliseconds(250), milliseconds(500), milliseconds(1'000)}) {
    const std::size_t before = children.size();
    last().exit(1);
    world.settle();
    world.advance(wait - milliseconds(10));
    EXPECT_EQ(children.size(), before) << wait.count();
    world.advance(milliseconds(20));
    EXPECT_EQ(children.size(), before + 1) << wait.count();
  }
  EXPECT_NE(sink.text.find("a spare child is gone"), std::string::npos) << sink.text;
}

TEST_F(SpareChildrenTest, CountAsChildrenAndAreNeverInTheWay) {
  start(pooled(EraSetting::legacy, 1, 2));
  open_session();
  ASSERT_EQ(children.size(), 2U);
  const Fields second = open_session();
  EXPECT_EQ(children.size(), 2U) << "the second session took the spare";
  EXPECT_EQ(answer_of(*post({}, testing_fronts::initialize_request())).status, 503);
  auto peer = connect();
  peer->send(request_text("DELETE", second, {}));
  world.settle();
  last().exit(0);
  world.settle();
  world.advance(milliseconds(10));
  EXPECT_EQ(children.size(), 3U) << "there is room for a spare again";
}

TEST_F(SpareChildrenTest, WaitUntilTheCommandIsKnownToHaveSessions) {
  start(pooled(EraSetting::automatic, 1));
  ASSERT_EQ(children.size(), 1U) << "the probe alone";
  say(child(0), is_legacy);
  world.advance(seconds(1));
  ASSERT_EQ(children.size(), 2U);
  EXPECT_EQ(child(1).io->received, "");
}

TEST_F(SpareChildrenTest, OfAModernCommandAreTheOneChildThatAllShare) {
  start(pooled(EraSetting::modern, 3));
  ASSERT_EQ(children.size(), 1U);
  auto client = post_modern("prompts/list");
  EXPECT_EQ(children.size(), 1U);
  EXPECT_NE(child(0).io->received.find("prompts/list"), std::string::npos);
}

TEST_F(SpareChildrenTest, EndGentlyWithTheGateway) {
  start(pooled(EraSetting::legacy, 1));
  gateway->drain([] {});
  world.advance(milliseconds(10));
  EXPECT_TRUE(child(0).told_to_end());
}

}  // namespace
}  // namespace sluice
