// SPDX-License-Identifier: Apache-2.0
#pragma once
// Seals: text that leaves the process and must come back unread and unchanged (session ids, request states,
// cursors).
//
// A sealed text is AES-256-GCM (NIST SP 800-38D) under a key derived for one sealer, and says in clear which
// key of the ring and which sealer that was, so every holder of the ring opens it. Its layout:
//
//   version 1 | key id 1 | slot 2 | epoch 4 | salt 16 | counter 8 | ciphertext | tag 16      (integers
//   big-endian)
//
// The subkey is HKDF(ring key, slot, epoch, salt) and the nonce is the counter, so a nonce repeats only if
// two sealers of one slot and epoch were given the same 16 random bytes of salt. The clear part and the
// purpose are authenticated. What is sealed has no age: whoever needs one puts a time inside.
//
// Sealed texts are binary; callers encode them (base64url adds a third). Draws no entropy: it is given. A
// Sealer belongs to one thread; a KeyRing is a plain value and secret.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace sluice {

inline constexpr std::size_t seal_key_bytes = 32;
inline constexpr std::size_t seal_salt_bytes = 16;
inline constexpr std::size_t seal_overhead_bytes = 48;  // how much longer a sealed text is than its plaintext
inline constexpr std::size_t key_ring_keys_max = 16;

// Up to 16 secret keys, each under a one-byte id. The newest seals, all open: rotation is adding a key, and
// later leaving out the oldest. Wiped on destruction.
class KeyRing {
 public:
  KeyRing() = default;
  KeyRing(const KeyRing&) = default;
  KeyRing& operator=(const KeyRing&) = default;
  ~KeyRing();

  // Adds the newest key: 32 random bytes. Refused: another length, an id in use, a full ring.
  [[nodiscard]] Status add(std::uint8_t id, Bytes key);

  // A ring of keys made from these under `label`; who holds it learns nothing of this one.
  [[nodiscard]] KeyRing derive(Bytes label) const;

  // The ring as bytes for a trusted channel (supervisor to worker), and back. Secret.
  [[nodiscard]] std::string encode() const;
  [[nodiscard]] static Result<KeyRing> decode(Bytes encoded);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::uint8_t newest_id() const;

  // The 32 bytes under `id`, empty when there are none. Valid until the ring changes.
  [[nodiscard]] Bytes key(std::uint8_t id) const;

 private:
  struct Key {
    std::uint8_t id = 0;
    std::array<std::uint8_t, seal_key_bytes> bytes{};
  };
  // Oldest first. In place and not in a vector, which would free memory that was not wiped.
  std::array<Key, key_ring_keys_max> keys_{};
  std::size_t size_ = 0;
};

// Which worker sealed something.
struct SealOrigin {
  std::uint16_t slot = 0;
  std::uint32_t epoch = 0;
  friend bool operator==(const SealOrigin&, const SealOrigin&) = default;
};

// What open() yields; every part of it is authenticated.
struct Opened {
  std::string plaintext;
  SealOrigin origin;
};

class Sealer {
 public:
  using Salt = std::array<std::uint8_t, seal_salt_bytes>;

  // `ring` has at least one key; `salt` is fresh entropy, drawn once for this sealer.
  Sealer(KeyRing ring, SealOrigin origin, const Salt& salt);
  Sealer(Sealer&&) noexcept;
  Sealer& operator=(Sealer&&) noexcept;
  ~Sealer();

  // Seals under the newest key; only open() with the same purpose gets the plaintext back. `purpose` is a
  // short constant, with whatever else the text is bound to behind it (say, the principal).
  [[nodiscard]] std::string seal(Bytes purpose, Bytes plaintext);

  // Opens what any sealer of this ring sealed. Errc::denied, with one message for all, when it is cut,
  // changed, of an unknown key or sealed for another purpose.
  [[nodiscard]] Result<Opened> open(Bytes purpose, Bytes sealed);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice
