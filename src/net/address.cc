// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <charconv>

#include "base/localhost.h"

namespace sluice {
namespace {

Error bad_address(Bytes text, const std::string& why) {
  return Error(Errc::invalid, "'" + std::string(text) + "' is no address: " + why +
                                  "; write 127.0.0.1:8080, [::1]:8080, :8080 or unix:/path");
}

// The canonical digits of an IP address, or empty.
std::string canonical(int family, const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> binary{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_pton(family, host.c_str(), binary.data()) != 1) return {};
  return ::inet_ntop(family, binary.data(), text.data(), text.size()) != nullptr ? text.data() : "";
}

}  // namespace

Result<Address> Address::parse(Bytes text) {
  Address out;
  if (text.substr(0, 5) == "unix:") {
    out.kind = Kind::unix_path;
    out.host = text.substr(5);
    if (out.host.empty()) return bad_address(text, "the path is missing");
    if (out.host.find('\0') != std::string::npos) return bad_address(text, "the path holds a NUL byte");
    return out;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == Bytes::npos) return bad_address(text, "the port is missing");
  const Bytes port = text.substr(colon + 1);
  const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (problem != std::errc() || end != port.data() + port.size() || port.empty()) {
    return bad_address(text, "the port must be a number from 0 to 65535");
  }
  std::string host(text.substr(0, colon));
  if (host.empty() || host == "*") {
    out.kind = Kind::any;
    out.host.clear();
    return out;
  }
  if (is_localhost(host)) host = "127.0.0.1";
  if (host.front() == '[' && host.back() == ']') {
    out.kind = Kind::ip6;
    out.host = canonical(AF_INET6, host.substr(1, host.size() - 2));
    if (out.host.empty()) return bad_address(text, "there is no IPv6 address between the brackets");
    return out;
  }
  if (host.find(':') != std::string::npos) return bad_address(text, "an IPv6 address stands in brackets");
  out.kind = Kind::ip4;
  out.host = canonical(AF_INET, host);
  if (out.host.empty()) return bad_address(text, "the host must be an IP address or localhost");
  return out;
}

std::string Address::format() const {
  switch (kind) {
    case Kind::ip4: return host + ":" + std::to_string(port);
    case Kind::ip6: return "[" + host + "]:" + std::to_string(port);
    case Kind::any: return ":" + std::to_string(port);
    case Kind::unix_path: return "unix:" + host;
  }
  return {};
}

bool Address::is_loopback() const {
  switch (kind) {
    case Kind::ip4: return host.substr(0, 4) == "127.";
    case Kind::ip6: return host == "::1" || host.substr(0, 11) == "::ffff:127.";
    case Kind::any: return false;
    case Kind::unix_path: return true;
  }
  return false;
}

}  // namespace sluice
