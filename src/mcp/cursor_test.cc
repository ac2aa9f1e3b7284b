// SPDX-License-Identifier: Apache-2.0
#include "mcp/cursor.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

Sealer sealer(std::uint16_t slot = 0) {
  KeyRing ring;
  EXPECT_TRUE(ring.add(1, std::string(seal_key_bytes, 'k')).ok());
  return Sealer(std::move(ring), SealOrigin{slot, 1}, Sealer::Salt{});
}

CursorScope scope() { return {"tools/list", Principal{"alice"}, 7}; }

TEST(Cursors, BringTheirPayloadBackAlsoWhenItIsEmpty) {
  Cursors minting(sealer(0), McpLimits{}), opening(sealer(1), McpLimits{});
  for (const std::string& payload : {std::string(), std::string("3"), std::string("\0\xff", 2)}) {
    const std::string cursor = *minting.seal(scope(), payload);
    EXPECT_FALSE(cursor.empty());
    const auto opened = opening.open(scope(), cursor);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(**opened, payload);
  }
}

TEST(Cursors, ThatAreEmptyMeanTheFirstPage) {
  Cursors cursors(sealer(), McpLimits{});
  const auto opened = cursors.open(scope(), "");
  ASSERT_TRUE(opened.ok());
  EXPECT_FALSE(opened->has_value());
}

TEST(Cursors, BelongToTheirListPrincipalAndGeneration) {
  Cursors cursors(sealer(), McpLimits{});
  const std::string cursor = *cursors.seal(scope(), "3");
  CursorScope list = scope(), principal = scope(), generation = scope();
  list.list = "prompts/list";
  principal.principal = Principal{"bob"};
  generation.generation = 8;
  for (const CursorScope& other : {list, principal, generation}) {
    const auto opened = cursors.open(other, cursor);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, Errc::protocol);
    EXPECT_EQ(opened.error().number, -32602);
  }
}

TEST(Cursors, ThatWereChangedAreInvalid) {
  Cursors cursors(sealer(), McpLimits{});
  const std::string cursor = *cursors.seal(scope(), "3");
  for (std::size_t i = 0; i < cursor.size(); ++i) {
    std::string changed = cursor;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(cursors.open(scope(), changed).ok()) << i;
  }
  EXPECT_EQ(cursors.open(scope(), "nonsense").error().number, -32602);
  EXPECT_EQ(cursors.open(scope(), std::string(100'000, 'A')).error().number, -32602);
}

TEST(Cursors, AreBounded) {
  Cursors cursors(sealer(), McpLimits{});
  EXPECT_EQ(cursors.seal(scope(), std::string(4000, 'x')).error().code, Errc::too_large);
}

}  // namespace
}  // namespace sluice
