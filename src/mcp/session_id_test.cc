// SPDX-License-Identifier: Apache-2.0
#include "mcp/session_id.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/limits.h"

namespace sluice {
namespace {

Sealer sealer_of(std::uint16_t slot, char key = 'k') {
  KeyRing ring;
  EXPECT_TRUE(ring.add(1, std::string(seal_key_bytes, key)).ok());
  Sealer::Salt salt{};
  salt[0] = static_cast<std::uint8_t>(slot);
  return Sealer(std::move(ring), SealOrigin{slot, 1}, salt);
}

const SessionRandom random{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255};
const WallTime now{std::chrono::milliseconds(1'800'000'000'123)};
const Principal alice{"issuer|alice|app"};

TEST(SessionIds, ComeBackAsTheyWereMintedAlsoInAnotherWorker) {
  SessionIds minting(sealer_of(0)), opening(sealer_of(7));
  for (const int shard : {0, 1, 128, 255}) {
    const std::string id = minting.mint(static_cast<std::uint8_t>(shard), random, alice, now);
    const auto parts = opening.open(id, alice);
    ASSERT_TRUE(parts.ok());
    EXPECT_EQ(parts->shard, shard);
    EXPECT_EQ(parts->random, random);
    EXPECT_EQ(parts->issued, now);
  }
}

TEST(SessionIds, AreVisibleAsciiWithinTheBound) {
  SessionIds ids(sealer_of(0));
  const std::string id = ids.mint(9, random, Principal{std::string(5000, 'p')}, now);
  EXPECT_EQ(id.size(), 142u);
  EXPECT_LE(id.size(), McpLimits{}.session_id_bytes_max);
  EXPECT_TRUE(std::all_of(id.begin(), id.end(), [](char c) { return c >= 0x21 && c <= 0x7e; }));
}

TEST(SessionIds, AreNotFoundByAnotherPrincipal) {
  SessionIds ids(sealer_of(0));
  const std::string id = ids.mint(9, random, alice, now);
  for (const Principal& other : {Principal{""}, Principal{"issuer|bob|app"}, Principal{"issuer|alice|app2"}})
    EXPECT_EQ(ids.open(id, other).error().code, Errc::not_found);
  EXPECT_TRUE(ids.open(ids.mint(9, random, Principal{}, now), Principal{}).ok());
}

TEST(SessionIds, AreNotFoundWhenOneCharacterDiffers) {
  SessionIds ids(sealer_of(0));
  const std::string id = ids.mint(9, random, alice, now);
  for (std::size_t i = 0; i < id.size(); ++i) {
    std::string changed = id;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(ids.open(changed, alice).ok()) << i;
    EXPECT_FALSE(ids.open(Bytes(id).substr(0, i), alice).ok()) << i;
  }
}

TEST(SessionIds, AreNotFoundWhenTheyAreSomethingElse) {
  SessionIds ids(sealer_of(0)), foreign(sealer_of(0, 'x'));
  EXPECT_FALSE(ids.open(foreign.mint(9, random, alice, now), alice).ok());
  EXPECT_FALSE(ids.open("", alice).ok());
  EXPECT_FALSE(ids.open("not base64!", alice).ok());
  EXPECT_FALSE(ids.open(std::string(100'000, 'A'), alice).ok());
}

}  // namespace
}  // namespace sluice
