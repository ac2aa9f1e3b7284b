// SPDX-License-Identifier: Apache-2.0
#pragma once
// Connecting: a name and a port, or an Address, become a Stream.
//
// A name is looked up without blocking the reactor, but for localhost, which is this machine (RFC 6761). Its
// addresses are tried in turn, each with its share of the time that is left. Who may be connected to (egress
// rules) is decided by `admit`, which sees the address that will be used and not the name, so that a name
// cannot be rebound between check and use. Lives on one reactor.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/address.h"
#include "net/reactor.h"
#include "net/stream.h"

namespace sluice {

using OnConnect = std::function<void(Result<StreamPtr>)>;
// False refuses an address that a name stands for.
using AdmitAddress = std::function<bool(const Address&)>;

// A connection that is being made. Destroying it cancels: the callback is not called any more.
class Connecting {
 public:
  ~Connecting();
  Connecting(const Connecting&) = delete;
  Connecting& operator=(const Connecting&) = delete;

  struct Core;  // outlives this until libuv has let go of it
  explicit Connecting(Core* core) : core_(core) {}

 private:
  Core* core_;
};
using ConnectingPtr = std::unique_ptr<Connecting>;

// Connects; `on_connect` is called once, from the reactor and never from inside this, and may destroy the
// Connecting. `host` is a name or digits (an IPv6 address with or without brackets). Failures: unavailable
// (refused, unreachable, no such name, no answer in time), denied (`admit` said no to every address).
[[nodiscard]] ConnectingPtr connect_stream(Reactor& reactor, const std::string& host, std::uint16_t port,
                                           Duration timeout, OnConnect on_connect,
                                           AdmitAddress admit = nullptr);
// The same to an address as configured, a Unix socket included.
[[nodiscard]] ConnectingPtr connect_stream(Reactor& reactor, const Address& address, Duration timeout,
                                           OnConnect on_connect);

}  // namespace sluice
