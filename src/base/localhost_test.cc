// SPDX-License-Identifier: Apache-2.0
#include "base/localhost.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Localhost, IsTheNameAndEveryNameBelowIt) {
  for (const char* name : {"localhost", "LocalHost", "app.localhost", "a.b.LOCALHOST"})
    EXPECT_TRUE(is_localhost(name)) << name;
}

TEST(Localhost, IsNoNameThatOnlyLooksLikeIt) {
  for (const char* name : {"", ".", "local", ".localhost", "mylocalhost", "localhost.example", "localhost.",
                           "127.0.0.1", "localhost:80"})
    EXPECT_FALSE(is_localhost(name)) << name;
}

}  // namespace
}  // namespace sluice
