// SPDX-License-Identifier: Apache-2.0
#include "transport/line_channel.h"

#include <gtest/gtest.h>

#include "transport/front_testing.h"

namespace sluice {
namespace {

using namespace testing_fronts;

class ScriptedLines final : public LineChannelHandler {
 public:
  void on_message(ClientMessage message) override {
    messages.push_back(std::string(message.text()));
    if (on_each) on_each();
  }
  bool on_batch(PaddedString text) override {
    if (take_batches) messages.push_back(std::string(text.view()));
    return take_batches;
  }
  void on_bad_line(const BadLine& line) override { bad.push_back(line.code); }
  void on_drained() override { ++drains; }
  void on_end() override { ended = true; }
  void on_failed(const Error& error) override { failed = error.message; }

  std::function<void()> on_each;
  std::vector<std::string> messages;
  std::vector<int> bad;
  std::string failed;
  int drains = 0;
  bool ended = false;
  bool take_batches = false;
};

class LineChannelTest : public ::testing::Test {
 protected:
  void start(const Limits& world_limits = {}) {
    world = std::make_unique<World>(world_limits);
    StreamPair pair = make_stream_pair(world->reactor());
    channel = std::make_unique<LineChannel>(world->reactor(), std::move(pair.near), handler, limits);
    peer = std::make_unique<TestPeer>(std::move(pair.far));
  }
  void send(Bytes bytes) {
    peer->send(bytes);
    world->settle();
  }

  ScriptedLines handler;
  LineChannelLimits limits;
  std::unique_ptr<World> world;
  std::unique_ptr<TestPeer> peer;
  std::unique_ptr<LineChannel> channel;
};

const std::string ping = make_request("1", "ping");

TEST_F(LineChannelTest, HandsOnMessagesHoweverTheyAreCut) {
  start();
  const std::string text = ping + "\n" + make_notification("a") + "\r\n\n" + make_response("2", "{}") + "\n";
  for (std::size_t at = 1; at < text.size(); ++at) {
    handler.messages.clear();
    send(text.substr(0, at));
    send(text.substr(at));
    ASSERT_EQ(handler.messages.size(), 3u) << "cut at " << at;
    EXPECT_EQ(handler.messages[0], ping);
  }
  EXPECT_TRUE(handler.bad.empty());
}

TEST_F(LineChannelTest, SendsOneLineAMessage) {
  start();
  EXPECT_GT(channel->send("{\n\"a\": 1\n}"), 0u);
  channel->send(ping);
  world->settle();
  EXPECT_EQ(peer->received, "{\"a\": 1}\n" + ping + "\n");
}

TEST_F(LineChannelTest, CountsGarbageAndGoesOn) {
  limits.json.message_bytes_max = 100;
  start();
  send("hello\n{}\n[" + ping + "]\n" + std::string(200, 'x') + "\n" + ping + "\n");
  EXPECT_EQ(handler.bad, (std::vector<int>{-32700, -32600, -32600, -32600}));
  EXPECT_EQ(handler.messages.size(), 1u);
  EXPECT_EQ(channel->counters().bad_lines, 3u);
  EXPECT_EQ(channel->counters().long_lines, 1u);
  handler.take_batches = true;
  send("[" + ping + "]\n");
  EXPECT_EQ(handler.messages.size(), 2u);
}

TEST_F(LineChannelTest, DeliversTheLastLineBeforeTheEnd) {
  start();
  peer->send(ping);
  peer->half_close();
  world->settle();
  EXPECT_EQ(handler.messages.size(), 1u);
  EXPECT_TRUE(handler.ended);
  channel->send(ping);
  world->settle();
  EXPECT_EQ(peer->received, ping + "\n") << "our half is still open";
}

TEST_F(LineChannelTest, StopsThePeerWhilePaused) {
  start();
  handler.on_each = [this] { channel->pause(); };
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += ping + "\n";
  send(many);
  EXPECT_EQ(handler.messages.size(), 1u);
  EXPECT_GT(peer->stream().unsent(), 0u);
  handler.on_each = nullptr;
  channel->resume();
  world->settle();
  EXPECT_EQ(handler.messages.size(), 10'000u) << "more than a turn's share, and nothing lost";
  EXPECT_EQ(peer->stream().unsent(), 0u);
}

TEST_F(LineChannelTest, TellsWhenThereIsRoomAgainAndClosesWhoNeverReads) {
  start();
  peer->pause();
  const std::string line = make_notification("n", "\"" + std::string(10'000, 'x') + "\"");
  while (channel->send(line) > 0) world->settle();
  peer->resume();
  world->settle();
  EXPECT_EQ(handler.drains, 1);
  peer->pause();
  for (int i = 0; i < 1000 && handler.failed.empty(); ++i) {
    channel->send(line);
    world->settle();
  }
  EXPECT_EQ(handler.failed, "the peer does not read what it is sent");
  EXPECT_EQ(channel->send(line), 0u);
}

TEST_F(LineChannelTest, MayBeDestroyedByWhatItCalls) {
  start();
  handler.on_each = [this] { channel.reset(); };
  send(ping + "\n" + ping + "\n");
  EXPECT_EQ(handler.messages.size(), 1u);
  EXPECT_TRUE(peer->closed());
}

TEST_F(LineChannelTest, WaitsForTheByteBudgetAndGivesUpAfterAWhile) {
  Limits small;
  small.worker_bytes_max = 300 * 1024;
  start(small);
  const std::string line = make_notification("n", "\"" + std::string(600'000, 'x') + "\"") + "\n";
  send(line);
  EXPECT_TRUE(handler.failed.empty());
  EXPECT_GT(peer->stream().unsent(), 0u) << "the peer is stopped";
  world->advance(seconds(31));
  EXPECT_FALSE(handler.failed.empty());
}

TEST_F(LineChannelTest, TellsOfABrokenStream) {
  start();
  break_stream(peer->stream());
  world->settle();
  EXPECT_FALSE(handler.failed.empty());
}

}  // namespace
}  // namespace sluice
