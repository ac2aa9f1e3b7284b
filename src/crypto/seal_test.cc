// SPDX-License-Identifier: Apache-2.0
#include "crypto/seal.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>
#include <vector>

#include "base/random.h"
#include "crypto/hmac.h"

namespace sluice {
namespace {

std::string counting(unsigned first, std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<char>(first + i));
  return bytes;
}

std::string from_hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1])));
  }
  return bytes;
}

// Entropy for tests: the same for the same seed.
Sealer::Salt salt_of(std::uint64_t seed) {
  Random random(seed);
  Sealer::Salt salt;
  for (std::uint8_t& byte : salt) byte = static_cast<std::uint8_t>(random.next());
  return salt;
}

KeyRing ring_of(std::initializer_list<std::uint8_t> ids) {
  KeyRing ring;
  for (const std::uint8_t id : ids) EXPECT_TRUE(ring.add(id, counting(id * 3U, 32)).ok());
  return ring;
}

void expect_denied(Sealer& sealer, Bytes purpose, Bytes sealed) {
  const Result<Opened> opened = sealer.open(purpose, sealed);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Errc::denied);
  EXPECT_EQ(opened.error().message, "the sealed text is not one of ours");
}

// A sealer whose texts were also computed with another implementation of HKDF and AES-GCM (Python's
// cryptography).
Sealer known_sealer() {
  KeyRing ring;
  EXPECT_TRUE(ring.add(7, counting(0, 32)).ok());
  Sealer::Salt salt;
  for (std::size_t i = 0; i < salt.size(); ++i) salt[i] = static_cast<std::uint8_t>(0xa0 + i);
  return Sealer(ring, SealOrigin{3, 0x01020304}, salt);
}

TEST(Seal, AgreesWithAnotherImplementation) {
  Sealer sealer = known_sealer();
  EXPECT_EQ(sealer.seal("session", "attack at dawn"),
            from_hex("0107000301020304a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0000000000000000"
                     "a69c22df91b41d373925c526f65c992d9befbfb6ca706cae0ad87dcc5aef"));
  EXPECT_EQ(sealer.seal("session", ""),
            from_hex("0107000301020304a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0000000000000001"
                     "4578e83ffe7dea44c8d83e234b600728"));
}

TEST(Seal, OpensWhatItSealed) {
  Sealer sealer(ring_of({1}), SealOrigin{2, 9}, salt_of(1));
  for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 1'000U, 100'000U}) {
    const std::string plaintext(size, 'p');
    const std::string sealed = sealer.seal("cursor", plaintext);
    EXPECT_EQ(sealed.size(), size + seal_overhead_bytes);
    const Result<Opened> opened = sealer.open("cursor", sealed);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(opened->plaintext, plaintext);
    EXPECT_EQ(opened->origin, (SealOrigin{2, 9}));
  }
}

TEST(Seal, NeverSealsTheSameTextAlike) {
  Sealer sealer(ring_of({1}), SealOrigin{}, salt_of(1));
  std::set<std::string> seen;
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(seen.insert(sealer.seal("id", "same")).second);
}

TEST(Seal, HidesWhatItSeals) {
  Sealer sealer(ring_of({1}), SealOrigin{}, salt_of(1));
  EXPECT_EQ(sealer.seal("id", "principal=alice").find("alice"), std::string::npos);
}

TEST(Seal, AnotherWorkerOpensItAndLearnsWhoSealedIt) {
  Sealer first(ring_of({1}), SealOrigin{0, 1}, salt_of(1));
  Sealer second(ring_of({1}), SealOrigin{65'535, 0xffffffff}, salt_of(2));
  const Result<Opened> opened = first.open("id", second.seal("id", "text"));
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->plaintext, "text");
  EXPECT_EQ(opened->origin, (SealOrigin{65'535, 0xffffffff}));
}

// With one key and one nonce the XOR of two texts would show: so no two sealers may share both.
TEST(Seal, WorkersThatDifferInSlotEpochOrSaltUseDifferentKeys) {
  std::vector<Sealer> sealers;
  sealers.emplace_back(ring_of({1}), SealOrigin{0, 1}, salt_of(1));
  sealers.emplace_back(ring_of({1}), SealOrigin{1, 1}, salt_of(1));
  sealers.emplace_back(ring_of({1}), SealOrigin{0, 2}, salt_of(1));
  sealers.emplace_back(ring_of({1}), SealOrigin{0, 1}, salt_of(2));
  sealers.emplace_back(ring_of({2}), SealOrigin{0, 1}, salt_of(1));
  std::set<std::string> ciphertexts;
  for (Sealer& sealer : sealers) {
    const std::string sealed = sealer.seal("id", "the same sixteen");
    EXPECT_TRUE(ciphertexts.insert(sealed.substr(32, 16)).second);
  }
}

TEST(Seal, DeniesATextWithAnyBitOfAnyByteChanged) {
  Sealer sealer(ring_of({1, 2, 3}), SealOrigin{1, 1}, salt_of(1));
  const std::string sealed = sealer.seal("id", "some text");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string changed = sealed;
      changed[i] = static_cast<char>(static_cast<unsigned char>(changed[i]) ^ (1U << bit));
      expect_denied(sealer, "id", changed);
    }
  }
  EXPECT_TRUE(sealer.open("id", sealed).ok());
}

TEST(Seal, DeniesATextOfAnyOtherLength) {
  Sealer sealer(ring_of({1}), SealOrigin{1, 1}, salt_of(1));
  const std::string sealed = sealer.seal("id", "some text");
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    expect_denied(sealer, "id", Bytes(sealed).substr(0, size));
    expect_denied(sealer, "id", Bytes(sealed).substr(sealed.size() - size));
  }
  expect_denied(sealer, "id", sealed + '\0');
}

TEST(Seal, DeniesAnotherPurpose) {
  Sealer sealer(ring_of({1}), SealOrigin{1, 1}, salt_of(1));
  const std::string sealed = sealer.seal("cursor", "text");
  expect_denied(sealer, "session", sealed);
  expect_denied(sealer, "curso", sealed);
  expect_denied(sealer, "cursor ", sealed);
  expect_denied(sealer, "", sealed);
}

TEST(Seal, DeniesAKeyItDoesNotHave) {
  Sealer stranger(ring_of({5}), SealOrigin{1, 1}, salt_of(1));
  Sealer sealer(ring_of({1}), SealOrigin{1, 1}, salt_of(1));
  expect_denied(sealer, "id", stranger.seal("id", "text"));
}

TEST(Seal, ForgeriesPushNoRememberedSealerOut) {
  Sealer sealer(ring_of({1}), SealOrigin{0, 1}, salt_of(1));
  Sealer other(ring_of({1}), SealOrigin{1, 1}, salt_of(2));
  const std::string sealed = other.seal("id", "text");
  ASSERT_TRUE(sealer.open("id", sealed).ok());
  for (unsigned i = 0; i < 200; ++i) {
    std::string forged = sealed;
    forged[10] = static_cast<char>(i);
    if (forged != sealed) expect_denied(sealer, "id", forged);
  }
  EXPECT_TRUE(sealer.open("id", sealed).ok());
}

TEST(Seal, OpensTextsOfManyMoreSealersThanItRemembers) {
  Sealer sealer(ring_of({1}), SealOrigin{}, salt_of(1));
  std::vector<std::string> sealed;
  for (std::uint16_t slot = 0; slot < 100; ++slot) {
    Sealer other(ring_of({1}), SealOrigin{slot, 1}, salt_of(slot));
    sealed.push_back(other.seal("id", std::to_string(slot)));
  }
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      const Result<Opened> opened = sealer.open("id", sealed[i]);
      ASSERT_TRUE(opened.ok());
      EXPECT_EQ(opened->plaintext, std::to_string(i));
    }
  }
}

TEST(KeyRing, TheNewestSealsAndAllOpen) {
  Sealer before(ring_of({1}), SealOrigin{}, salt_of(1));
  Sealer rotated(ring_of({1, 2}), SealOrigin{}, salt_of(2));
  Sealer after(ring_of({2}), SealOrigin{}, salt_of(3));
  const std::string old_text = before.seal("id", "old");
  const std::string new_text = rotated.seal("id", "new");
  EXPECT_TRUE(rotated.open("id", old_text).ok());
  EXPECT_TRUE(after.open("id", new_text).ok());
  expect_denied(before, "id", new_text);
  expect_denied(after, "id", old_text);
}

TEST(KeyRing, RefusesKeysThatCannotBe) {
  KeyRing ring = ring_of({1});
  EXPECT_EQ(ring.add(2, counting(0, 31)).error().code, Errc::invalid);
  EXPECT_EQ(ring.add(2, counting(0, 33)).error().code, Errc::invalid);
  EXPECT_EQ(ring.add(1, counting(0, 32)).error().code, Errc::exists);
  for (std::uint8_t id = 2; id <= key_ring_keys_max; ++id) EXPECT_TRUE(ring.add(id, counting(id, 32)).ok());
  EXPECT_EQ(ring.add(200, counting(0, 32)).error().code, Errc::exhausted);
  EXPECT_EQ(ring.newest_id(), key_ring_keys_max);
}

TEST(KeyRing, ADerivedRingIsAnotherForEveryLabel) {
  KeyRing ring;
  ASSERT_TRUE(ring.add(7, counting(0, 32)).ok());
  EXPECT_EQ(ring.derive("cursors").key(7),
            from_hex("28f7ffc9a79c0927ca20e79d19679c4da8f8d01c2cab3e65cf35d29893e77671"));
  EXPECT_NE(ring.derive("sessions").key(7), ring.derive("cursors").key(7));
  EXPECT_EQ(ring_of({1, 2, 3}).derive("x").newest_id(), 3);
}

TEST(KeyRing, TravelsAsBytes) {
  const KeyRing ring = ring_of({1, 9, 255, 0});
  const std::string encoded = ring.encode();
  const Result<KeyRing> decoded = KeyRing::decode(encoded);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->size(), 4U);
  EXPECT_EQ(decoded->newest_id(), 0);
  for (const std::uint8_t id : std::initializer_list<std::uint8_t>{1, 9, 255, 0})
    EXPECT_EQ(decoded->key(id), ring.key(id));
  EXPECT_TRUE(KeyRing::decode(KeyRing().encode())->empty());
}

TEST(KeyRing, RefusesBytesThatAreNoRing) {
  const std::string encoded = ring_of({1, 2}).encode();
  for (std::size_t size = 0; size < encoded.size(); ++size) {
    EXPECT_FALSE(KeyRing::decode(Bytes(encoded).substr(0, size)).ok());
  }
  EXPECT_FALSE(KeyRing::decode(encoded + "x").ok());
  EXPECT_FALSE(KeyRing::decode(encoded + std::string(33, 'x')).ok());  // a key more than it says
  std::string changed = encoded;
  changed[0] = 9;  // another version
  EXPECT_FALSE(KeyRing::decode(changed).ok());
  changed = encoded;
  changed[2 + 33] = 1;  // the same id twice
  EXPECT_FALSE(KeyRing::decode(changed).ok());
}

}  // namespace
}  // namespace sluice
