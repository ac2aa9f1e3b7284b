// SPDX-License-Identifier: Apache-2.0
#pragma once
// Listener: accepts connections on an address, or on a descriptor that was inherited, and hands them on as
// streams.
//
// Knows nothing of what is spoken. Connections beyond the limit get the farewell and are closed; when the
// process runs out of descriptors, the waiting connections are closed by means of one kept in reserve, so
// that it never spins. Destroying it stops listening; streams it made live on (they count until they are
// dropped). Lives on one reactor.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/address.h"
#include "net/reactor.h"
#include "net/stream.h"

namespace sluice {

struct ListenerOptions {
  int backlog = 0;                  // 0: limits.net.backlog
  std::size_t connections_max = 0;  // open at once; 0: limits.net.connections_max
  bool reuse_port = false;          // several sockets may listen on the address
  std::string farewell;             // written to a connection that is one too many, then it is closed
};

struct ListenerCounts {
  std::uint64_t accepted = 0;
  std::uint64_t over_limit = 0;      // closed because connections_max were open
  std::uint64_t no_descriptors = 0;  // closed because the process had no descriptor left
};

class Listener {
 public:
  using OnAccept = std::function<void(StreamPtr)>;

  static Result<std::unique_ptr<Listener>> open(Reactor& reactor, const Address& address,
                                                const ListenerOptions& options, OnAccept on_accept);
  // Takes over a listening socket (see listen_socket); it is closed with the listener, also when this fails.
  // The file of an adopted Unix socket is left alone.
  static Result<std::unique_ptr<Listener>> adopt(Reactor& reactor, int descriptor,
                                                 const ListenerOptions& options, OnAccept on_accept);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Stops and restarts accepting; what connects meanwhile waits in the backlog. Idempotent.
  void pause();
  void resume();

  // Where it listens, with the port that the system chose.
  [[nodiscard]] const Address& local_address() const;
  [[nodiscard]] const ListenerCounts& counts() const;
  // How many of its streams are open.
  [[nodiscard]] std::size_t connections() const;
  // Takes effect for later connections (reload).
  void set_connections_max(std::size_t connections);

 private:
  struct Core;  // outlives the Listener until libuv has let go of it
  explicit Listener(Core* core) : core_(core) {}
  Core* core_;
};

// A socket that is bound and listens, close-on-exec, for the supervisor to hand to its workers; `reuse_port`
// lets one socket a worker share the address. The stale file of a Unix socket that nobody serves is replaced.
Result<int> listen_socket(const Address& address, int backlog, bool reuse_port = false);

}  // namespace sluice
