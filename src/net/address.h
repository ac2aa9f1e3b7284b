// SPDX-License-Identifier: Apache-2.0
#pragma once
// Address: where something listens, as people write it.
//
// "127.0.0.1:8080", "[::1]:0", "localhost:8080" (127.0.0.1), ":8080" (every interface, both families),
// "*:8080" (the same), "unix:/run/sluice.sock". No names are looked up: connecting by name is net/connect.h.
// A value; any thread.

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace sluice {

struct Address {
  enum class Kind : std::uint8_t { ip4, ip6, any, unix_path };

  Kind kind = Kind::ip4;
  std::string host = "127.0.0.1";  // as digits; empty when kind is `any`; the path when it is `unix_path`
  std::uint16_t port = 0;          // 0 lets the system choose

  // One sentence says what is wrong with `text`.
  static Result<Address> parse(Bytes text);
  // The text that parse() takes.
  [[nodiscard]] std::string format() const;
  // True when only this machine can reach it: 127.0.0.0/8, ::1, a Unix socket.
  [[nodiscard]] bool is_loopback() const;

  friend bool operator==(const Address&, const Address&) = default;
};

}  // namespace sluice
