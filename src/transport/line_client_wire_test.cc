// SPDX-License-Identifier: Apache-2.0
#include "transport/line_client_wire.h"

#include <gtest/gtest.h>

#include "transport/front_testing.h"

namespace sluice {
namespace {

using testing_fronts::TestPeer;
using testing_fronts::World;

struct Told final : ClientWireHandler {
  void on_heard(ClientSendId, ClientMessage) override { ++messages; }
  void on_session(ClientSendId, Bytes) override {}
  void on_ended(ClientSendId) override {}
  void on_refused(ClientSendId, int, Bytes) override {}
  void on_failed(ClientSendId, const Error&, Outcome) override {}
  void on_stream_opened() override {}
  void on_stream_unavailable(int) override {}
  void on_lost(const Error& why) override { lost.push_back(why.message); }
  void on_restarted() override { ++restarts; }

  int messages = 0;
  int restarts = 0;
  std::vector<std::string> lost;
};

class LineClientWireTest : public ::testing::Test {
 protected:
  void SetUp() override {
    LineClientWireOptions options;
    options.server.limits.bad_lines_max = 3;
    wire = std::make_unique<LineClientWire>(world.reactor(), "the server", start_far(), options);
    ASSERT_TRUE(wire->begin(told));
  }
  // A server on a memory stream; `exits` says how the last one ended.
  StartLine start_far() {
    return [this](std::function<void(ChildExit)> on_exit) -> Result<StartedChild> {
      StreamPair pair = make_stream_pair(world.reactor());
      far = std::make_unique<TestPeer>(std::move(pair.far));
      exits = std::move(on_exit);
      StartedChild child;
      child.stdio = std::move(pair.near);
      return child;
    };
  }
  void say(Bytes lines) {
    far->send(lines);
    world.settle();
  }

  World world;
  Told told;
  std::unique_ptr<TestPeer> far;
  std::function<void(ChildExit)> exits;
  std::unique_ptr<LineClientWire> wire;
};

TEST_F(LineClientWireTest, AServerThatKeepsPrintingGarbageIsLostAtOnceAndOnce) {
  say("not\nJSON\nbut\n");
  EXPECT_TRUE(told.lost.empty());
  for (int i = 0; i < 100; ++i) {
    say("words\n");
    world.advance(milliseconds(100));
    ASSERT_EQ(told.lost.size(), 1U);
  }
  EXPECT_EQ(told.lost[0], "the server printed too much that is no message");
}

TEST_F(LineClientWireTest, AnExitIsToldAfterWhatIsStillInThePipe) {
  far->send(make_response("1", "{}") + "\n");
  exits(ChildExit{3, 0});
  world.settle();
  EXPECT_EQ(told.messages, 1);
  EXPECT_TRUE(told.lost.empty());
  far->half_close();
  world.settle();
  EXPECT_EQ(told.lost, std::vector<std::string>{"the server exited with code 3"});
}

TEST_F(LineClientWireTest, ARestartedServerMayPrintAsMuchAsTheFirst) {
  say("a\nb\nc\nd\n");
  ASSERT_EQ(told.lost.size(), 1U);
  ClientOrder order;
  order.kind = ClientOrder::Kind::restart;
  wire->carry_out(std::move(order));
  world.settle();
  EXPECT_EQ(told.restarts, 1);
  say("a\nb\nc\n" + make_response("1", "{}") + "\n");
  EXPECT_EQ(told.lost.size(), 1U);
  EXPECT_EQ(told.messages, 1);
}

}  // namespace
}  // namespace sluice
