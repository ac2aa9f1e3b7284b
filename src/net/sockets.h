// SPDX-License-Identifier: Apache-2.0
#pragma once
// Between Address and the kernel's socket addresses. For the sources of this room alone.

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "base/result.h"
#include "net/address.h"

namespace sluice {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
};

// `any` becomes [::]. Fails for a path that is too long.
Result<SocketAddress> to_socket_address(const Address& address);
Address from_socket_address(const SocketAddress& address);
// What getsockname() says.
Result<Address> socket_local_address(int descriptor);
// "127.0.0.1:5312" or "unix" for the peer of a socket; "pipe" when it is none.
std::string socket_peer_name(int descriptor);

}  // namespace sluice
