// SPDX-License-Identifier: Apache-2.0
// The contract of net/stream.h, held against everything that carries one: TCP, Unix sockets, memory.
#include "net/stream.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "base/random.h"
#include "net/connect.h"
#include "net/listener.h"
#include "net/memory_stream.h"
#include "net/uv_stream.h"
#include "support/reactor.h"

namespace sluice {
namespace {

using testing::open_reactor;
using testing::Recorder;
using testing::run_until;
using testing::simulated_reactor;

enum class Kind { tcp, unix_socket, memory, split_memory, slow_memory, memory_on_a_real_reactor };

std::string name_of(const ::testing::TestParamInfo<Kind>& info) {
  switch (info.param) {
    case Kind::tcp: return "Tcp";
    case Kind::unix_socket: return "UnixSocket";
    case Kind::memory: return "Memory";
    case Kind::split_memory: return "SplitMemory";
    case Kind::slow_memory: return "SlowMemory";
    case Kind::memory_on_a_real_reactor: return "MemoryOnARealReactor";
  }
  return "";
}

StreamPair socket_streams(Reactor& reactor, const Address& address) {
  StreamPair pair;
  auto listener =
      Listener::open(reactor, address, {}, [&](StreamPtr stream) { pair.far = std::move(stream); });
  EXPECT_TRUE(listener);
  if (!listener) return pair;
  const auto connecting = connect_stream(reactor, (*listener)->local_address(), seconds(10),
                                         [&](Result<StreamPtr> stream) { pair.near = std::move(*stream); });
  EXPECT_TRUE(run_until(reactor, [&] { return pair.near && pair.far; }));
  return pair;
}

class StreamContract : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { open({}); }
  void TearDown() override {
    pair_ = {};
    if (reactor_) {
      reactor_->turn();
      reactor_->turn();
      EXPECT_EQ(reactor_->budget().bytes_used(), 0U);
    }
  }

  void open(const Limits& limits) {
    pair_ = {};
    const Kind kind = GetParam();
    const bool real =
        kind == Kind::tcp || kind == Kind::unix_socket || kind == Kind::memory_on_a_real_reactor;
    reactor_ = real ? open_reactor(limits) : simulated_reactor(limits);
    MemoryStreamOptions options;
    if (kind == Kind::split_memory) {
      options.split_seed = 7;
      options.chunk_bytes_max = 3'000;
    }
    if (kind == Kind::slow_memory) {
      options.latency = milliseconds(30);
      options.capacity_bytes = 10'000;
    }
    Address address;
    if (kind == Kind::unix_socket) {
      address.kind = Address::Kind::unix_path;
      address.host = ::testing::TempDir() + "sluice-stream-" + std::to_string(::getpid()) + ".sock";
    }
    pair_ = kind == Kind::tcp || kind == Kind::unix_socket ? socket_streams(*reactor_, address)
                                                           : make_stream_pair(*reactor_, options);
    near().set_handler(&at_near_);
    far().set_handler(&at_far_);
  }

  [[nodiscard]] bool is_memory() const { return GetParam() != Kind::tcp && GetParam() != Kind::unix_socket; }
  Stream& near() { return *pair_.near; }
  Stream& far() { return *pair_.far; }
  bool until(const std::function<bool()>& done) { return run_until(*reactor_, done); }
  // Some turns in which things could happen that must not.
  void let_things_happen() {
    for (int i = 0; i < 50; ++i) {
      if (reactor_->loop() == nullptr) reactor_->advance(milliseconds(5));
      reactor_->turn();
    }
  }

  std::unique_ptr<Reactor> reactor_;
  Recorder at_near_;
  Recorder at_far_;
  StreamPair pair_;
};

INSTANTIATE_TEST_SUITE_P(All, StreamContract,
                         ::testing::Values(Kind::tcp, Kind::unix_socket, Kind::memory, Kind::split_memory,
                                           Kind::slow_memory, Kind::memory_on_a_real_reactor),
                         name_of);

TEST_P(StreamContract, CarriesBytesBothWays) {
  near().write("hello");
  far().write("you");
  EXPECT_TRUE(until([&] { return at_far_.bytes == "hello" && at_near_.bytes == "you"; }));
}

TEST_P(StreamContract, CallsNobodyFromInsideAVerb) {
  near().write(std::string(200'000, 'x'));
  near().pause();
  near().resume();
  far().shutdown();
  EXPECT_EQ(at_far_.chunks + at_near_.chunks, 0U);
  EXPECT_EQ(at_near_.ends, 0);
  EXPECT_TRUE(until([&] { return at_near_.ends == 1; }));
}

TEST_P(StreamContract, CarriesAMegabyteUnchangedWhateverTheWritesWere) {
  Random random(3);
  std::string sent;
  while (sent.size() < 1'000'000) {
    std::string piece(random.below(random.one_in(10) ? 90'000 : 300) + 1, '\0');
    for (char& c : piece) c = static_cast<char>(random.next());
    near().write(piece);
    sent += piece;
    if (random.one_in(4)) reactor_->turn();
  }
  EXPECT_TRUE(until([&] { return at_far_.bytes.size() >= sent.size(); }));
  EXPECT_TRUE(at_far_.bytes == sent);
  EXPECT_EQ(near().unsent(), 0U);
}

TEST_P(StreamContract, EndsOneHalfAfterEverythingWrittenAndKeepsTheOther) {
  const std::string big(300'000, 'b');
  near().write(big);
  near().shutdown();
  near().write("ignored after shutdown");
  EXPECT_TRUE(until([&] { return at_far_.ends == 1; }));
  EXPECT_EQ(at_far_.bytes.size(), big.size());
  far().write("still here");
  EXPECT_TRUE(until([&] { return at_near_.bytes == "still here"; }));
  EXPECT_EQ(at_near_.ends, 0);
  EXPECT_FALSE(at_far_.failure);
}

TEST_P(StreamContract, ASlowReaderStopsTheWriterAndMemoryStaysBounded) {
  far().pause();
  std::size_t written = 0;
  const std::string piece(10'000, 'p');
  const auto write_while_there_is_room = [&] {
    while (near().unsent() < 100 * 1024) {
      const std::size_t room = near().write(piece);
      written += piece.size();
      if (room == 0) break;
    }
  };
  for (int i = 0; i < 2'000; ++i) {
    write_while_there_is_room();
    reactor_->turn();
    if (reactor_->loop() == nullptr) reactor_->advance(milliseconds(1));
  }
  EXPECT_EQ(near().write(""), 0U);
  EXPECT_LT(near().unsent(), 120U * 1024);
  EXPECT_EQ(at_far_.chunks, 0U);
  const int drains = at_near_.drains;
  let_things_happen();
  EXPECT_EQ(at_near_.drains, drains);
  far().resume();
  EXPECT_TRUE(until([&] { return at_far_.bytes.size() == written; }));
  EXPECT_GT(at_near_.drains, drains);
  EXPECT_EQ(near().unsent(), 0U);
}

TEST_P(StreamContract, APausedReaderIsToldNothingUntilItResumes) {
  far().pause();
  near().write("later");
  near().shutdown();
  let_things_happen();
  EXPECT_EQ(at_far_.chunks, 0U);
  EXPECT_EQ(at_far_.ends, 0);
  far().resume();
  EXPECT_TRUE(until([&] { return at_far_.ends == 1; }));
  EXPECT_EQ(at_far_.bytes, "later");
}

TEST_P(StreamContract, BytesWaitForAHandlerAndGoToTheNewOne) {
  far().set_handler(nullptr);
  near().write("first");
  let_things_happen();
  EXPECT_EQ(at_far_.chunks, 0U);
  Recorder other;
  far().set_handler(&other);
  EXPECT_TRUE(until([&] { return other.bytes == "first"; }));
  EXPECT_EQ(at_far_.chunks, 0U);
  far().set_handler(nullptr);
}

TEST_P(StreamContract, PausingInsideOnBytesHolds) {
  at_far_.then = [&](Bytes) { far().pause(); };
  near().write("x");
  EXPECT_TRUE(until([&] { return at_far_.chunks == 1; }));
  near().write("y");
  let_things_happen();
  EXPECT_EQ(at_far_.chunks, 1U);
  far().resume();
  EXPECT_TRUE(until([&] { return at_far_.bytes == "xy"; }));
}

TEST_P(StreamContract, MayBeDroppedInsideItsOwnCallback) {
  at_far_.then = [&](Bytes) { pair_.far.reset(); };
  near().write(std::string(150'000, 'x'));
  EXPECT_TRUE(until([&] { return pair_.far == nullptr; }));
  let_things_happen();
  EXPECT_EQ(at_far_.chunks, 1U);
  EXPECT_EQ(at_far_.ends, 0);
}

TEST_P(StreamContract, WritingToAPeerThatLeftFailsOnceAndOnlyThroughTheHandler) {
  pair_.far.reset();
  EXPECT_TRUE(until([&] { return at_near_.ends == 1; }));
  EXPECT_TRUE(until([&] {
    if (!at_near_.failure) near().write("anyone there?");
    return at_near_.failure.has_value();
  }));
  EXPECT_EQ(at_near_.failure->code, Errc::closed);
  EXPECT_GT(near().write("ignored"), 0U);
  EXPECT_EQ(near().unsent(), 0U);
}

TEST_P(StreamContract, AClosedStreamTellsNothingMore) {
  far().write("x");
  near().close();
  near().write("ignored");
  let_things_happen();
  EXPECT_EQ(at_near_.chunks, 0U);
  EXPECT_EQ(at_near_.ends, 0);
  EXPECT_FALSE(at_near_.failure);
  EXPECT_EQ(near().unsent(), 0U);
}

TEST_P(StreamContract, ADrainedCallbackMayDropTheStream) {
  struct Dropper final : StreamHandler {
    explicit Dropper(StreamPtr& held) : stream(held) {}
    void on_bytes(PaddedBytes) override {}
    void on_end() override {}
    void on_drained() override { stream.reset(); }
    void on_failed(const Error&) override {}
    StreamPtr& stream;
  };
  Dropper dropper(pair_.near);
  near().set_handler(&dropper);
  EXPECT_EQ(near().write(std::string(is_memory() ? 300'000 : 8'000'000, 'x')), 0U);
  EXPECT_TRUE(until([&] { return pair_.near == nullptr; }));
  pair_.near.reset();
}

TEST_P(StreamContract, OneTurnGivesOneConnectionNoMoreThanItsShare) {
  Limits limits;
  limits.net.turn_read_bytes_max = 5'000;
  open(limits);
  at_far_.bytes.clear();
  near().write(std::string(400'000, 'x'));
  EXPECT_TRUE(until([&] { return at_far_.bytes.size() == 400'000; }));
  EXPECT_LE(at_far_.chunk_bytes_most, 5'000U);
}

TEST_P(StreamContract, ManyWritesOfOneTurnArriveTogether) {
  if (GetParam() == Kind::split_memory) GTEST_SKIP() << "its writes are split on purpose";
  for (int i = 0; i < 100; ++i) near().write("0123456789");
  EXPECT_EQ(near().unsent(), 1'000U);
  EXPECT_TRUE(until([&] { return at_far_.bytes.size() == 1'000; }));
  EXPECT_EQ(at_far_.chunks, 1U);
}

// ---- What only sockets can show
// ------------------------------------------------------------------------------------

TEST(UvStream, AnIdleConnectionIsSmallAndOwnsNothingElse) {
  EXPECT_LE(sizeof(UvStream), 350U);
  RecordProperty("idle_tcp_stream_bytes", static_cast<int>(sizeof(UvStream)));
}

TEST(UvStream, NamesItsPeer) {
  auto reactor = open_reactor();
  StreamPair pair = socket_streams(*reactor, Address{});
  EXPECT_EQ(pair.far->peer_name().substr(0, 10), "127.0.0.1:");
  EXPECT_NE(pair.far->peer_name(), pair.near->peer_name());
}

TEST(UvStream, OutputThatDoesNotFitTheBudgetFailsTheStreamAndIsGivenBack) {
  Limits limits;
  limits.worker_bytes_max = 50'000;
  auto reactor = open_reactor(limits);
  StreamPair pair = socket_streams(*reactor, Address{});
  Recorder near;
  pair.near->set_handler(&near);
  pair.near->write(std::string(30'000, 'x'));
  EXPECT_EQ(reactor->budget().bytes_used(), 30'000U);
  pair.near->write(std::string(30'000, 'x'));
  EXPECT_FALSE(near.failure);
  EXPECT_TRUE(run_until(*reactor, [&] { return near.failure.has_value(); }));
  EXPECT_EQ(near.failure->code, Errc::exhausted);
  EXPECT_EQ(reactor->budget().bytes_used(), 0U);
}

TEST(UvStream, ReadsWhatThePeerSentBeforeItWentAwayAlthoughWritingFails) {
  auto reactor = open_reactor();
  StreamPair pair = socket_streams(*reactor, Address{});
  Recorder near;
  pair.near->write("a request nobody reads");
  pair.far->write("a last answer");
  for (int i = 0; i < 3; ++i) reactor->turn();
  pair.far.reset();  // unread bytes make this a reset
  for (int i = 0; i < 3; ++i) reactor->turn();
  pair.near->set_handler(&near);
  pair.near->write("more");
  EXPECT_TRUE(run_until(*reactor, [&] { return near.failure || near.ends > 0; }));
  EXPECT_EQ(near.bytes, "a last answer");
}

TEST(UvStream, APausedSocketThatFailsToWriteIsToldAtOnce) {
  auto reactor = open_reactor();
  StreamPair pair = socket_streams(*reactor, Address{});
  Recorder near;
  pair.near->set_handler(&near);
  pair.near->pause();
  pair.far.reset();
  EXPECT_TRUE(run_until(*reactor, [&] {
    if (!near.failure) pair.near->write("x");
    return near.failure.has_value();
  }));
}

// ---- What only memory can show
// -------------------------------------------------------------------------------------

TEST(MemoryStream, ArrivesAfterItsLatencyAndNotBefore) {
  auto reactor = simulated_reactor();
  MemoryStreamOptions options;
  options.latency = milliseconds(50);
  StreamPair pair = make_stream_pair(*reactor, options);
  Recorder far;
  pair.far->set_handler(&far);
  pair.near->write("x");
  reactor->advance(milliseconds(49));
  EXPECT_EQ(far.bytes, "");
  reactor->advance(milliseconds(1));
  EXPECT_EQ(far.bytes, "x");
}

TEST(MemoryStream, ABreakFailsBothEndsAndLosesWhatWasUnderWay) {
  auto reactor = simulated_reactor();
  MemoryStreamOptions options;
  options.latency = milliseconds(50);
  StreamPair pair = make_stream_pair(*reactor, options);
  Recorder near;
  Recorder far;
  pair.near->set_handler(&near);
  pair.far->set_handler(&far);
  pair.near->write("x");
  reactor->turn();
  break_stream(*pair.near);
  EXPECT_FALSE(near.failure);
  reactor->advance(milliseconds(100));
  EXPECT_TRUE(near.failure);
  EXPECT_TRUE(far.failure);
  EXPECT_EQ(far.bytes, "");
}

TEST(MemoryStream, TheSameSeedGivesTheSameCallbacks) {
  const auto chunks_of = [](std::uint64_t seed) {
    auto reactor = simulated_reactor();
    MemoryStreamOptions options;
    options.split_seed = seed;
    options.chunk_bytes_max = 100;
    options.latency = milliseconds(3);
    StreamPair pair = make_stream_pair(*reactor, options);
    Recorder far;
    std::vector<std::size_t> sizes;
    far.then = [&](Bytes run) { sizes.push_back(run.size()); };
    pair.far->set_handler(&far);
    pair.near->write(std::string(5'000, 'x'));
    reactor->advance(seconds(1));
    EXPECT_EQ(far.bytes.size(), 5'000U);
    return sizes;
  };
  EXPECT_EQ(chunks_of(5), chunks_of(5));
  EXPECT_NE(chunks_of(5), chunks_of(6));
}

}  // namespace
}  // namespace sluice
