// SPDX-License-Identifier: Apache-2.0
#include "mcp/own_name.h"

#include <gtest/gtest.h>

#include "codec/json.h"

namespace sluice {
namespace {

TEST(OwnName, IsAnImplementationWithTheVersionOfTheBuild) {
  const auto json = Json::parse(own_implementation());
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["name"].string_or(""), "sluice");
  EXPECT_EQ((*json)["version"].string_or(""), own_version());
  EXPECT_NE(own_version().find('.'), Bytes::npos);
}

TEST(OwnName, OfARequestIsAWholeMeta) {
  const auto json = Json::parse("{" + own_request_meta() + "}");
  ASSERT_TRUE(json);
  const Json& meta = (*json)["_meta"];
  EXPECT_EQ(meta["io.modelcontextprotocol/protocolVersion"].string_or(""), "2026-07-28");
  EXPECT_EQ(meta["io.modelcontextprotocol/clientInfo"]["name"].string_or(""), "sluice");
  EXPECT_TRUE(meta["io.modelcontextprotocol/clientCapabilities"].is_object());
}

}  // namespace
}  // namespace sluice
