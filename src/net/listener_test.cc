// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <string>
#include <vector>

#include "net/connect.h"
#include "net/fds.h"
#include "support/reactor.h"

namespace sluice {
namespace {

using testing::open_reactor;
using testing::Recorder;
using testing::run_until;

Address unix_address(const std::string& name) {
  Address address;
  address.kind = Address::Kind::unix_path;
  address.host = ::testing::TempDir() + "sluice-" + name + "-" + std::to_string(::getpid()) + ".sock";
  return address;
}

// A client whose stream is kept and whose story is written down.
struct Client {
  Client(Reactor& reactor, const Address& address) {
    connecting = connect_stream(reactor, address, seconds(10), [this](Result<StreamPtr> made) {
      if (made) {
        stream = std::move(*made);
        stream->set_handler(&recorder);
      } else {
        error = made.error();
      }
    });
  }
  StreamPtr stream;
  Recorder recorder;
  std::optional<Error> error;
  ConnectingPtr connecting;
};

TEST(Listener, ListensOnAPortOfTheSystemsChoiceAndCountsItsConnections) {
  auto reactor = open_reactor();
  std::vector<StreamPtr> accepted;
  auto listener =
      Listener::open(*reactor, Address{}, {}, [&](StreamPtr s) { accepted.push_back(std::move(s)); });
  ASSERT_TRUE(listener);
  EXPECT_NE((*listener)->local_address().port, 0);
  EXPECT_TRUE((*listener)->local_address().is_loopback());
  Client one(*reactor, (*listener)->local_address());
  Client two(*reactor, (*listener)->local_address());
  ASSERT_TRUE(run_until(*reactor, [&] { return accepted.size() == 2; }));
  EXPECT_EQ((*listener)->connections(), 2U);
  accepted.pop_back();
  EXPECT_EQ((*listener)->connections(), 1U);
  EXPECT_EQ((*listener)->counts().accepted, 2U);
}

TEST(Listener, ClosesAConnectionBeyondTheLimitAfterTheFarewell) {
  auto reactor = open_reactor();
  ListenerOptions options;
  options.connections_max = 1;
  options.farewell = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
  std::vector<StreamPtr> accepted;
  auto listener =
      Listener::open(*reactor, Address{}, options, [&](StreamPtr s) { accepted.push_back(std::move(s)); });
  ASSERT_TRUE(listener);
  Client served(*reactor, (*listener)->local_address());
  ASSERT_TRUE(run_until(*reactor, [&] { return accepted.size() == 1; }));
  Client refused(*reactor, (*listener)->local_address());
  ASSERT_TRUE(run_until(*reactor, [&] { return refused.recorder.ends == 1; }));
  EXPECT_EQ(refused.recorder.bytes, options.farewell);
  EXPECT_EQ((*listener)->counts().over_limit, 1U);
  accepted.clear();
  Client next(*reactor, (*listener)->local_address());
  EXPECT_TRUE(run_until(*reactor, [&] { return accepted.size() == 1; }));
}

TEST(Listener, RunsOutOfDescriptorsWithoutSpinningAndRecovers) {
  auto reactor = open_reactor();
  std::vector<StreamPtr> accepted;
  auto listener =
      Listener::open(*reactor, Address{}, {}, [&](StreamPtr s) { accepted.push_back(std::move(s)); });
  ASSERT_TRUE(listener);
  // A client that is connected by the kernel already when the descriptors run out.
  std::deque<Client> clients;
  (*listener)->pause();
  clients.emplace_back(*reactor, (*listener)->local_address());
  ASSERT_TRUE(run_until(*reactor, [&] { return clients.back().stream != nullptr; }));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const Descriptor probe(::dup(0));
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(probe.number()) + 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  (*listener)->resume();
  const bool shed = run_until(*reactor, [&] { return clients.back().recorder.ends == 1; });
  const std::uint64_t turns = reactor->turns().turns;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(shed);
  EXPECT_LT(turns, 2'000U);
  EXPECT_EQ((*listener)->counts().no_descriptors, 1U);
  EXPECT_TRUE(accepted.empty());
  clients.emplace_back(*reactor, (*listener)->local_address());
  EXPECT_TRUE(run_until(*reactor, [&] { return accepted.size() == 1; }));
}

TEST(Listener, PausedItLeavesConnectionsInTheBacklog) {
  auto reactor = open_reactor();
  std::vector<StreamPtr> accepted;
  auto listener =
      Listener::open(*reactor, Address{}, {}, [&](StreamPtr s) { accepted.push_back(std::move(s)); });
  ASSERT_TRUE(listener);
  (*listener)->pause();
  Client client(*reactor, (*listener)->local_address());
  ASSERT_TRUE(run_until(*reactor, [&] { return client.stream != nullptr; }));
  for (int i = 0; i < 20; ++i) reactor->turn();
  EXPECT_TRUE(accepted.empty());
  (*listener)->resume();
  EXPECT_TRUE(run_until(*reactor, [&] { return accepted.size() == 1; }));
}

TEST(Listener, MayBeDestroyedInsideItsCallbackAndItsStreamsLiveOn) {
  auto reactor = open_reactor();
  StreamPtr accepted;
  std::unique_ptr<Listener> listener;
  auto opened = Listener::open(*reactor, Address{}, {}, [&](StreamPtr s) {
    accepted = std::move(s);
    listener.reset();
  });
  ASSERT_TRUE(opened);
  listener = std::move(*opened);
  Client client(*reactor, listener->local_address());
  ASSERT_TRUE(run_until(*reactor, [&] { return accepted && client.stream; }));
  accepted->write("still here");
  EXPECT_TRUE(run_until(*reactor, [&] { return client.recorder.bytes == "still here"; }));
}

TEST(Listener, AdoptsASocketThatSomebodyElseOpened) {
  auto reactor = open_reactor();
  const Result<int> socket = listen_socket(Address{}, 16);
  ASSERT_TRUE(socket);
  const Result<int> sibling = listen_socket(Address{}, 16);
  ASSERT_TRUE(sibling);
  const Descriptor unused(*sibling);
  StreamPtr accepted;
  auto listener = Listener::adopt(*reactor, *socket, {}, [&](StreamPtr s) { accepted = std::move(s); });
  ASSERT_TRUE(listener);
  Client client(*reactor, (*listener)->local_address());
  EXPECT_TRUE(run_until(*reactor, [&] { return accepted != nullptr; }));
}

TEST(Listener, SeveralSocketsShareAnAddressWithReusePortAndOnlyThen) {
  const Result<int> first = listen_socket(Address{}, 16, true);
  ASSERT_TRUE(first);
  const Descriptor first_owner(*first);
  auto reactor = open_reactor();
  auto listener = Listener::adopt(*reactor, ::dup(*first), {}, [](StreamPtr) {});
  ASSERT_TRUE(listener);
  const Address address = (*listener)->local_address();
  const Result<int> second = listen_socket(address, 16, true);
  ASSERT_TRUE(second);
  const Descriptor second_owner(*second);
  auto refused = Listener::open(*reactor, address, {}, [](StreamPtr) {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::exists);
  EXPECT_NE(refused.error().message.find(address.format()), std::string::npos);
  EXPECT_FALSE(listen_socket(address, 16)) << "a second gateway is no worker of the first";
}

TEST(Listener, AUnixSocketIsForItsOwnerReplacesAStaleFileAndGoesAway) {
  auto reactor = open_reactor();
  const Address address = unix_address("listener");
  { const Descriptor stale(*listen_socket(address, 1)); }  // its file stays behind
  StreamPtr accepted;
  auto listener = Listener::open(*reactor, address, {}, [&](StreamPtr s) { accepted = std::move(s); });
  ASSERT_TRUE(listener);
  struct stat status {};
  ASSERT_EQ(::stat(address.host.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_FALSE(
      Listener::open(*reactor, address, {}, [](StreamPtr) {}));  // one that is served is not replaced
  Client client(*reactor, address);
  EXPECT_TRUE(run_until(*reactor, [&] { return accepted != nullptr; }));
  EXPECT_EQ(accepted->peer_name(), "unix");
  listener->reset();
  EXPECT_NE(::stat(address.host.c_str(), &status), 0);
}

TEST(Listener, ListensOnEveryInterfaceInBothFamilies) {
  auto reactor = open_reactor();
  int accepted = 0;
  auto listener = Listener::open(*reactor, *Address::parse(":0"), {}, [&](StreamPtr) { ++accepted; });
  ASSERT_TRUE(listener);
  EXPECT_EQ((*listener)->local_address().kind, Address::Kind::any);
  Client client(*reactor, (*listener)->local_address());
  EXPECT_TRUE(run_until(*reactor, [&] { return accepted == 1; }));
}

// ---- Connecting
// ----------------------------------------------------------------------------------------------------

// No digits of an address as we read them, but every resolver knows it without asking anybody.
constexpr const char* looked_up = "127.1";

TEST(Connect, LooksUpANameAndTriesItsAddressesInTurn) {
  auto reactor = open_reactor();
  StreamPtr accepted;
  auto listener = Listener::open(*reactor, Address{}, {}, [&](StreamPtr s) { accepted = std::move(s); });
  ASSERT_TRUE(listener);
  StreamPtr stream;
  const auto connecting = connect_stream(*reactor, looked_up, (*listener)->local_address().port, seconds(10),
                                         [&](Result<StreamPtr> made) {
                                           ASSERT_TRUE(made) << made.error().message;
                                           stream = std::move(*made);
                                         });
  EXPECT_TRUE(run_until(*reactor, [&] { return stream && accepted; }));
}

TEST(Connect, LocalhostIsThisMachineWhateverTheResolverSays) {
  auto reactor = open_reactor();
  for (const char* name : {"localhost", "LocalHost.", "api.localhost"}) {
    std::vector<std::string> asked;
    bool over = false;
    const auto connecting = connect_stream(
        *reactor, name, 9, seconds(10), [&](const Result<StreamPtr>&) { over = true; },
        [&](const Address& address) {
          asked.push_back(address.format());
          return false;
        });
    ASSERT_TRUE(run_until(*reactor, [&] { return over; })) << name;
    EXPECT_EQ(asked, (std::vector<std::string>{"[::1]:9", "127.0.0.1:9"})) << name;
  }
  StreamPtr accepted, stream;
  auto listener = Listener::open(*reactor, Address{}, {}, [&](StreamPtr s) { accepted = std::move(s); });
  ASSERT_TRUE(listener);
  const auto connecting = connect_stream(*reactor, "localhost", (*listener)->local_address().port,
                                         seconds(10), [&](Result<StreamPtr> made) {
                                           ASSERT_TRUE(made) << made.error().message;
                                           stream = std::move(*made);
                                         });
  EXPECT_TRUE(run_until(*reactor, [&] { return stream && accepted; })) << "nobody listens on ::1";
}

TEST(Connect, SaysWhereNobodyListens) {
  auto reactor = open_reactor();
  Address address;
  {
    auto listener = Listener::open(*reactor, Address{}, {}, [](StreamPtr) {});
    ASSERT_TRUE(listener);
    address = (*listener)->local_address();
  }
  Client client(*reactor, address);
  ASSERT_TRUE(run_until(*reactor, [&] { return client.error.has_value(); }));
  EXPECT_EQ(client.error->code, Errc::unavailable);
  EXPECT_EQ(client.error->message, "cannot connect to " + address.format() + ": connection refused");
  Client absent(*reactor, unix_address("absent"));
  ASSERT_TRUE(run_until(*reactor, [&] { return absent.error.has_value(); }));
  EXPECT_EQ(absent.error->code, Errc::not_found);
}

TEST(Connect, SaysWhenANameDoesNotExist) {
  auto reactor = open_reactor();
  std::optional<Error> error;
  const auto connecting = connect_stream(*reactor, "no-such-host.invalid", 80, seconds(10),
                                         [&](Result<StreamPtr> made) { error = made.error(); });
  ASSERT_TRUE(run_until(*reactor, [&] { return error.has_value(); }));
  EXPECT_EQ(error->code, Errc::unavailable);
  EXPECT_NE(error->message.find("no-such-host.invalid:80"), std::string::npos);
}

TEST(Connect, GivesUpAtItsDeadline) {
  auto reactor = open_reactor();
  const Descriptor full(*listen_socket(Address{}, 0));
  auto listener = Listener::adopt(*reactor, ::dup(full.number()), {}, [](StreamPtr) {});
  ASSERT_TRUE(listener);
  (*listener)->pause();
  std::deque<Client> fillers;  // the backlog takes one or two; then the kernel answers no more
  for (int i = 0; i < 4; ++i) fillers.emplace_back(*reactor, (*listener)->local_address());
  for (int i = 0; i < 20; ++i) reactor->turn();
  std::optional<Error> error;
  const auto connecting = connect_stream(*reactor, (*listener)->local_address(), milliseconds(50),
                                         [&](Result<StreamPtr> made) { error = made.error(); });
  ASSERT_TRUE(run_until(*reactor, [&] { return error.has_value(); }));
  EXPECT_EQ(error->code, Errc::unavailable);
  EXPECT_NE(error->message.find("took too long"), std::string::npos) << error->message;
}

TEST(Connect, IsCancelledByDestroyingItsHandle) {
  auto reactor = open_reactor();
  auto listener = Listener::open(*reactor, Address{}, {}, [](StreamPtr) {});
  ASSERT_TRUE(listener);
  bool cancelled = false;
  const auto told = [&](const Result<StreamPtr>&) { EXPECT_FALSE(cancelled); };
  for (int turns = 0; turns < 6; ++turns) {  // at whatever stage it is
    cancelled = false;
    auto direct = connect_stream(*reactor, (*listener)->local_address(), seconds(10), told);
    auto named = connect_stream(*reactor, looked_up, (*listener)->local_address().port, seconds(10), told);
    for (int i = 0; i < turns; ++i) reactor->turn();
    direct.reset();
    named.reset();
    cancelled = true;
    for (int i = 0; i < 20; ++i) reactor->turn();
  }
}

TEST(Connect, AsksWhetherAnAddressIsAdmittedAfterTheLookUp) {
  auto reactor = open_reactor();
  std::vector<std::string> asked;
  std::vector<Error> errors;
  const AdmitAddress refuse = [&](const Address& address) {
    asked.push_back(address.format());
    return false;
  };
  const auto told = [&](const Result<StreamPtr>& made) { errors.push_back(made.error()); };
  const auto named = connect_stream(*reactor, looked_up, 9, seconds(10), told, refuse);
  const auto digits = connect_stream(*reactor, "[::1]", 9, seconds(10), told, refuse);
  ASSERT_TRUE(run_until(*reactor, [&] { return errors.size() == 2; }));
  for (const Error& error : errors) EXPECT_EQ(error.code, Errc::denied);
  EXPECT_GE(asked.size(), 2U);
  for (const std::string& address : asked) EXPECT_TRUE(Address::parse(address)->is_loopback());
}

}  // namespace
}  // namespace sluice
