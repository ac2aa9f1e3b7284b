// SPDX-License-Identifier: Apache-2.0
#include "net/sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "net/reactor_core.h"

namespace sluice {

Result<SocketAddress> to_socket_address(const Address& address) {
  SocketAddress out;
  if (address.kind == Address::Kind::unix_path) {
    auto* local = reinterpret_cast<sockaddr_un*>(&out.storage);
    if (address.host.empty() || address.host.size() >= sizeof(local->sun_path)) {
      return Error(Errc::invalid, "the path of a Unix socket has 1 to " +
                                      std::to_string(sizeof(local->sun_path) - 1) +
                                      " bytes: " + address.format());
    }
    local->sun_family = AF_UNIX;
    std::memcpy(local->sun_path, address.host.data(), address.host.size());
    out.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.host.size() + 1);
    return out;
  }
  int parsed = 1;
  if (address.kind == Address::Kind::ip4) {
    auto* ip4 = reinterpret_cast<sockaddr_in*>(&out.storage);
    ip4->sin_family = AF_INET;
    ip4->sin_port = htons(address.port);
    parsed = ::inet_pton(AF_INET, address.host.c_str(), &ip4->sin_addr);
    out.length = sizeof(sockaddr_in);
  } else {
    auto* ip6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
    ip6->sin6_family = AF_INET6;
    ip6->sin6_port = htons(address.port);
    const std::string host = address.kind == Address::Kind::any ? "::" : address.host;
    parsed = ::inet_pton(AF_INET6, host.c_str(), &ip6->sin6_addr);
    out.length = sizeof(sockaddr_in6);
  }
  if (parsed != 1) return Error(Errc::invalid, "'" + address.host + "' is no IP address");
  return out;
}

Address from_socket_address(const SocketAddress& address) {
  Address out;
  std::array<char, INET6_ADDRSTRLEN> text{};
  switch (address.family()) {
    case AF_INET: {
      const auto* ip4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
      ::inet_ntop(AF_INET, &ip4->sin_addr, text.data(), text.size());
      out.kind = Address::Kind::ip4;
      out.port = ntohs(ip4->sin_port);
      break;
    }
    case AF_INET6: {
      const auto* ip6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
      out.port = ntohs(ip6->sin6_port);
      if (IN6_IS_ADDR_V4MAPPED(&ip6->sin6_addr)) {  // an IPv4 peer on a socket of both families
        ::inet_ntop(AF_INET, ip6->sin6_addr.s6_addr + 12, text.data(), text.size());
        out.kind = Address::Kind::ip4;
      } else {
        ::inet_ntop(AF_INET6, &ip6->sin6_addr, text.data(), text.size());
        out.kind = Address::Kind::ip6;
      }
      break;
    }
    default: {
      const auto* local = reinterpret_cast<const sockaddr_un*>(&address.storage);
      out.kind = Address::Kind::unix_path;
      const auto path_bytes = address.length > offsetof(sockaddr_un, sun_path)
                                  ? address.length - offsetof(sockaddr_un, sun_path)
                                  : std::size_t{0};
      out.host.assign(local->sun_path, ::strnlen(local->sun_path, path_bytes));
      return out;
    }
  }
  out.host = text.data();
  return out;
}

Result<Address> socket_local_address(int descriptor) {
  SocketAddress address;
  address.length = sizeof(address.storage);
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) {
    return system_error("cannot tell where a socket listens", -errno);
  }
  return from_socket_address(address);
}

std::string socket_peer_name(int descriptor) {
  SocketAddress address;
  address.length = sizeof(address.storage);
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) {
    if (errno == ENOTSOCK) return "pipe";
    return "a peer that is gone";
  }
  return address.family() == AF_UNIX ? "unix" : from_socket_address(address).format();
}

}  // namespace sluice
