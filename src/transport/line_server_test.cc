// SPDX-License-Identifier: Apache-2.0
#include "transport/line_server.h"

#include <gtest/gtest.h>

#include "transport/front_testing.h"

namespace sluice {
namespace {

using testing_fronts::TestPeer;
using testing_fronts::World;

struct Heard final : LineServerHandler {
  void on_message(ClientMessage message) override { messages.emplace_back(message.text()); }
  void on_bad_line(const BadLine&) override { ++bad_lines; }
  void on_gone(const LineServerEnd& end) override { ends.push_back(end); }

  std::vector<std::string> messages;
  std::vector<LineServerEnd> ends;
  std::size_t bad_lines = 0;
};

class LineServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const StartLine start = [this](std::function<void(ChildExit)> on_exit) -> Result<StartedChild> {
      StreamPair pair = make_stream_pair(world.reactor());
      far = std::make_unique<TestPeer>(std::move(pair.far));
      exits = std::move(on_exit);
      StartedChild child;
      child.stdio = std::move(pair.near);
      return child;
    };
    LineServerOptions options;
    options.limits.bad_lines_max = 3;
    auto started = LineServer::start(world.reactor(), start, options, heard);
    ASSERT_TRUE(started);
    server = *std::move(started);
  }
  void say(Bytes lines) {
    far->send(lines);
    world.settle();
  }
  void stop() {
    server->stop([this] { stopped = true; });
    world.settle();
  }

  World world;
  Heard heard;
  std::unique_ptr<TestPeer> far;
  std::function<void(ChildExit)> exits;
  std::unique_ptr<LineServer> server;
  bool stopped = false;
};

const std::string pong = make_response("1", "{}") + "\n";
const UpstreamLimits limits;

TEST_F(LineServerTest, AnExitIsToldAfterWhatIsStillInThePipe) {
  far->send(pong);
  exits(ChildExit{3, 0});
  world.settle();
  EXPECT_EQ(heard.messages.size(), 1U);
  EXPECT_TRUE(heard.ends.empty()) << "more may come";
  world.advance(limits.end_after_exit);
  ASSERT_EQ(heard.ends.size(), 1U);
  EXPECT_EQ(heard.ends[0].how, "exited with code 3");
  EXPECT_FALSE(heard.ends[0].never_ran);
}

TEST_F(LineServerTest, AnExitWaitsForAReaderThatIsPaused) {
  server->pause();
  far->send(pong);
  far->half_close();
  exits(ChildExit{0, 9});
  world.advance(10 * limits.end_after_exit);
  EXPECT_TRUE(heard.ends.empty());
  server->resume();
  world.advance(limits.end_after_exit);
  EXPECT_EQ(heard.messages.size(), 1U);
  ASSERT_EQ(heard.ends.size(), 1U);
  EXPECT_EQ(heard.ends[0].how, "was ended by signal 9");
}

TEST_F(LineServerTest, OneThatClosesItsOutputAndRunsOnIsGone) {
  far->half_close();
  world.settle();
  EXPECT_TRUE(heard.ends.empty()) << "its exit may be on its way";
  world.advance(limits.exit_after_end);
  ASSERT_EQ(heard.ends.size(), 1U);
  EXPECT_EQ(heard.ends[0].how, "closed its output and went on running");
}

TEST_F(LineServerTest, ACommandThatIsNoneNeverRanUnlessItSpoke) {
  exits(ChildExit{127, 0});
  world.advance(limits.end_after_exit);
  ASSERT_EQ(heard.ends.size(), 1U);
  EXPECT_TRUE(heard.ends[0].never_ran);
  heard.ends.clear();
  SetUp();
  say(pong);
  exits(ChildExit{127, 0});
  world.advance(limits.end_after_exit);
  ASSERT_EQ(heard.ends.size(), 1U);
  EXPECT_FALSE(heard.ends[0].never_ran);
}

TEST_F(LineServerTest, GarbageIsToldAndThenIsTheEnd) {
  say("not\nJSON\nbut\n");
  EXPECT_EQ(heard.bad_lines, 3U);
  EXPECT_TRUE(heard.ends.empty());
  say("words\nand\n" + pong);
  EXPECT_EQ(heard.bad_lines, 3U);
  EXPECT_TRUE(heard.messages.empty()) << "nothing after the end";
  ASSERT_EQ(heard.ends.size(), 1U);
  EXPECT_EQ(heard.ends[0].how, "printed too much that is no message");
}

TEST_F(LineServerTest, StoppingEndsItsInputAndIsOverWithItsExit) {
  stop();
  EXPECT_TRUE(far->ended);
  EXPECT_FALSE(stopped);
  say(pong);
  EXPECT_TRUE(heard.messages.empty()) << "nobody listens any more";
  exits(ChildExit{0, 0});
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(heard.ends.empty());
}

TEST_F(LineServerTest, StoppingOneThatDoesNotExitIsOverWithItsGrace) {
  stop();
  world.advance(limits.stop_grace - milliseconds(10));
  EXPECT_FALSE(stopped);
  world.advance(milliseconds(20));
  EXPECT_TRUE(stopped);
}

TEST_F(LineServerTest, OneThatIsGoneCanStillBeStopped) {
  exits(ChildExit{1, 0});
  world.advance(limits.end_after_exit);
  ASSERT_EQ(heard.ends.size(), 1U);
  stop();
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace sluice
