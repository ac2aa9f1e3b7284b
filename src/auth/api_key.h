// SPDX-License-Identifier: Apache-2.0
#pragma once
// Static API keys: who presents which key is which principal.
//
// Only SHA-256 digests of keys are held; a presented key is hashed and compared with every entry in constant
// time, so neither the position nor the content of a key shows in the answer's time. Pure; immutable once
// filled; one thread.

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/digest.h"

namespace sluice {

class ApiKeys {
 public:
  // Adds the holder of a key by the key's SHA-256 in 64 hexadecimal digits. Refused: another form, a name or
  // a digest that is there already, an empty name.
  Status add_digest(std::string name, Bytes hex);
  // The same from the key itself, which is not kept. Keys of fewer than 16 bytes are refused.
  Status add_key(std::string name, Bytes key);

  // The name of the key's holder.
  [[nodiscard]] std::optional<std::string> find(Bytes presented) const;

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  static constexpr std::size_t key_bytes_min = 16;
  static constexpr std::size_t key_bytes_max = 512;  // longer ones are nobody's

 private:
  struct Entry {
    std::string name;
    Digest digest;
  };
  Status add(std::string name, const Digest& digest);
  std::vector<Entry> entries_;
};

// The key in an `Authorization` value, "Bearer KEY" with the scheme in any case; nothing for another scheme.
[[nodiscard]] std::optional<Bytes> bearer_token(Bytes authorization);

}  // namespace sluice
