// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

void check(const std::string& text, Address::Kind kind, const std::string& host, int port, bool loopback,
           const std::string& formatted) {
  const Result<Address> address = Address::parse(text);
  ASSERT_TRUE(address) << text;
  EXPECT_EQ(address->kind, kind) << text;
  EXPECT_EQ(address->host, host) << text;
  EXPECT_EQ(address->port, port) << text;
  EXPECT_EQ(address->is_loopback(), loopback) << text;
  EXPECT_EQ(address->format(), formatted) << text;
  const Result<Address> again = Address::parse(address->format());
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *address);
}

TEST(Address, ReadsWhatPeopleWriteAndFormatsItTheSameWay) {
  using Kind = Address::Kind;
  check("127.0.0.1:8080", Kind::ip4, "127.0.0.1", 8080, true, "127.0.0.1:8080");
  check("127.9.9.9:1", Kind::ip4, "127.9.9.9", 1, true, "127.9.9.9:1");
  check("localhost:0", Kind::ip4, "127.0.0.1", 0, true, "127.0.0.1:0");
  check("192.0.2.7:65535", Kind::ip4, "192.0.2.7", 65535, false, "192.0.2.7:65535");
  check("0.0.0.0:80", Kind::ip4, "0.0.0.0", 80, false, "0.0.0.0:80");
  check("[::1]:0", Kind::ip6, "::1", 0, true, "[::1]:0");
  check("[0:0::0:1]:7", Kind::ip6, "::1", 7, true, "[::1]:7");
  check("[2001:DB8::1]:443", Kind::ip6, "2001:db8::1", 443, false, "[2001:db8::1]:443");
  check("[::]:443", Kind::ip6, "::", 443, false, "[::]:443");
  check(":8080", Kind::any, "", 8080, false, ":8080");
  check("*:8080", Kind::any, "", 8080, false, ":8080");
  check("unix:/run/sluice.sock", Kind::unix_path, "/run/sluice.sock", 0, true, "unix:/run/sluice.sock");
}

TEST(Address, RefusesWhatIsNoneAndSaysWhatToWrite) {
  for (const std::string text :
       {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:80 ", "1.2.3:80", "01.2.3.4:80", "::1:80", "[::1]80", "[::g]:80", "[]:80",
        "host.example:80", "unix:", "[127.0.0.1]:80"}) {
    const Result<Address> address = Address::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, Errc::invalid);
    EXPECT_NE(address.error().message.find("write 127.0.0.1:8080"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice
