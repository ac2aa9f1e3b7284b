// SPDX-License-Identifier: Apache-2.0
#include "transport/http_server_guard.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

bool passes(const HttpGuardOptions& options, Bytes host, Bytes origin = {}) {
  auto guard = HttpGuard::make(options);
  EXPECT_TRUE(guard.ok());
  HttpHead head;
  head.authority = host;
  head.fields.push_back({"Host", host});
  if (!origin.empty()) head.fields.push_back({"Origin", origin});
  return !guard->check(head);
}

TEST(HttpGuard, KeepsLoopbackToItself) {
  const HttpGuardOptions loopback;
  for (const Bytes host :
       {"localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.9.9.9", "[::1]:1", "a.localhost"})
    EXPECT_TRUE(passes(loopback, host)) << host;
  for (const Bytes host :
       {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::2]", "a b"})
    EXPECT_FALSE(passes(loopback, host)) << host;
  EXPECT_TRUE(passes(loopback, "localhost", "http://localhost:3000"));
  EXPECT_TRUE(passes(loopback, "localhost", "https://127.0.0.1"));
  for (const Bytes origin :
       {"http://evil.example", "null", "http://localhost.evil.example", "http://", "localhost"})
    EXPECT_FALSE(passes(loopback, "localhost", origin)) << origin;
}

TEST(HttpGuard, TakesWhatIsListed) {
  HttpGuardOptions options;
  options.hosts = {"mcp.example", "other.example:8443"};
  options.origins = {"https://app.example"};
  EXPECT_TRUE(passes(options, "MCP.example:1234"));
  EXPECT_TRUE(passes(options, "other.example:8443"));
  EXPECT_FALSE(passes(options, "other.example"));
  EXPECT_TRUE(passes(options, "localhost", "https://app.example"));
  EXPECT_TRUE(passes(options, "localhost", "https://app.example:443"));
  EXPECT_FALSE(passes(options, "localhost", "http://app.example"));
  options.origins = {"*"};
  EXPECT_TRUE(passes(options, "localhost", "http://anything.example"));
}

TEST(HttpGuard, OnOpenListenersAllowsPagesOfTheSameHostOnly) {
  HttpGuardOptions options;
  options.loopback = false;
  EXPECT_TRUE(passes(options, "mcp.example:8080"));
  EXPECT_TRUE(passes(options, "mcp.example:8080", "https://mcp.example"));
  EXPECT_FALSE(passes(options, "mcp.example:8080", "https://evil.example"));
}

TEST(HttpGuard, RefusesEntriesThatMeanNothing) {
  HttpGuardOptions options;
  options.hosts = {"http://mcp.example"};
  EXPECT_FALSE(HttpGuard::make(options).ok());
  options.hosts = {};
  options.origins = {"app.example"};
  EXPECT_FALSE(HttpGuard::make(options).ok());
}

}  // namespace
}  // namespace sluice
