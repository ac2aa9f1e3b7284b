// SPDX-License-Identifier: Apache-2.0
// AES-256-GCM rather than ChaCha20-Poly1305: the servers this runs on have AES instructions, and opening a
// session id is on the path of every legacy request. For the same reason contexts keep their key schedule:
// one for sealing, and a few for opening what other sealers sealed. A context is remembered only after a text
// opened under it, so forged headers cost one derivation each and push nothing out.
#include "crypto/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <utility>
#include <vector>

#include "base/check.h"
#include "crypto/hmac.h"

namespace sluice {
namespace {

constexpr char seal_version = 1;
constexpr char ring_version = 1;
constexpr std::size_t header_bytes = 32;  // up to and including the counter
constexpr std::size_t subkey_offset = 1;  // key id, slot, epoch and salt: what the subkey is derived from
constexpr std::size_t subkey_bytes = 23;
constexpr std::size_t counter_offset = 24;
constexpr std::size_t counter_bytes = 8;
constexpr std::size_t nonce_bytes = 12;  // four zero bytes, then the counter
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t remembered_contexts = 32;
static_assert(header_bytes + tag_bytes == seal_overhead_bytes);

void append_big_endian(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = bytes; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

std::uint64_t big_endian(Bytes bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

const unsigned char* unsigned_data(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* unsigned_data(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

int int_size(Bytes bytes) {
  CHECK(bytes.size() <= INT_MAX);
  return static_cast<int>(bytes.size());
}

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// A context with the key schedule of one subkey, for sealing or for opening.
Context make_context(Bytes ring_key, Bytes subkey_info, bool sealing) {
  std::string info = "sluice seal 1:";
  info.append(subkey_info);
  std::string subkey = hkdf_expand(ring_key, info, seal_key_bytes);
  Context context(EVP_CIPHER_CTX_new());
  CHECK(context != nullptr);
  CHECK(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, unsigned_data(subkey), nullptr,
                          sealing) == 1);
  OPENSSL_cleanse(subkey.data(), subkey.size());
  return context;
}

// Starts one text: sets its nonce and gives the clear part and the purpose as associated data.
void begin_text(EVP_CIPHER_CTX* context, Bytes header, Bytes purpose, bool sealing) {
  unsigned char nonce[nonce_bytes] = {};
  std::memcpy(nonce + nonce_bytes - counter_bytes, header.data() + counter_offset, counter_bytes);
  CHECK(EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, nonce, sealing) == 1);
  int ignored = 0;
  CHECK(EVP_CipherUpdate(context, nullptr, &ignored, unsigned_data(header), int_size(header)) == 1);
  if (!purpose.empty()) {
    CHECK(EVP_CipherUpdate(context, nullptr, &ignored, unsigned_data(purpose), int_size(purpose)) == 1);
  }
}

// The plaintext, or false when the tag does not fit; then `plaintext` is empty.
bool open_text(EVP_CIPHER_CTX* context, Bytes purpose, Bytes sealed, std::string& plaintext) {
  const Bytes header = sealed.substr(0, header_bytes);
  const Bytes ciphertext = sealed.substr(header_bytes, sealed.size() - seal_overhead_bytes);
  std::string tag(sealed.substr(sealed.size() - tag_bytes));
  begin_text(context, header, purpose, false);
  plaintext.resize(ciphertext.size());
  int written = 0;
  if (!ciphertext.empty()) {
    CHECK(EVP_CipherUpdate(context, unsigned_data(plaintext), &written, unsigned_data(ciphertext),
                           int_size(ciphertext)) == 1);
  }
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag.data()) == 1);
  unsigned char nothing[tag_bytes];
  if (EVP_CipherFinal_ex(context, nothing, &written) == 1) return true;
  OPENSSL_cleanse(plaintext.data(), plaintext.size());
  plaintext.clear();
  return false;
}

Error not_ours() { return Error(Errc::denied, "the sealed text is not one of ours"); }

}  // namespace

KeyRing::~KeyRing() { OPENSSL_cleanse(keys_.data(), sizeof(keys_)); }

Status KeyRing::add(std::uint8_t id, Bytes key) {
  if (key.size() != seal_key_bytes) return Error(Errc::invalid, "a key has 32 bytes");
  if (!this->key(id).empty()) return Error(Errc::exists, "key id " + std::to_string(id) + " is in use");
  if (size_ == key_ring_keys_max) return Error(Errc::exhausted, "a key ring holds 16 keys");
  Key& newest = keys_[size_++];
  newest.id = id;
  std::memcpy(newest.bytes.data(), key.data(), key.size());
  return {};
}

KeyRing KeyRing::derive(Bytes label) const {
  std::string info = "sluice key 1:";
  info.append(label);
  KeyRing derived;
  for (std::size_t i = 0; i < size_; ++i) {
    std::string bytes = hkdf_expand(key(keys_[i].id), info, seal_key_bytes);
    CHECK(derived.add(keys_[i].id, bytes).ok());
    OPENSSL_cleanse(bytes.data(), bytes.size());
  }
  return derived;
}

std::string KeyRing::encode() const {
  std::string encoded;
  encoded.reserve(2 + size_ * (1 + seal_key_bytes));
  encoded.push_back(ring_version);
  encoded.push_back(static_cast<char>(size_));
  for (std::size_t i = 0; i < size_; ++i) {
    encoded.push_back(static_cast<char>(keys_[i].id));
    encoded.append(key(keys_[i].id));
  }
  return encoded;
}

Result<KeyRing> KeyRing::decode(Bytes encoded) {
  const Error broken(Errc::invalid, "the encoded key ring is broken or of another version");
  if (encoded.size() < 2 || encoded[0] != ring_version) return broken;
  const std::size_t count = static_cast<std::uint8_t>(encoded[1]);
  if (encoded.size() != 2 + count * (1 + seal_key_bytes)) return broken;
  KeyRing ring;
  for (Bytes rest = encoded.substr(2); !rest.empty(); rest.remove_prefix(1 + seal_key_bytes)) {
    if (!ring.add(static_cast<std::uint8_t>(rest[0]), rest.substr(1, seal_key_bytes))) return broken;
  }
  return ring;
}

std::uint8_t KeyRing::newest_id() const {
  CHECK(size_ != 0);
  return keys_[size_ - 1].id;
}

Bytes KeyRing::key(std::uint8_t id) const {
  for (std::size_t i = 0; i < size_; ++i) {
    const auto& bytes = keys_[i].bytes;
    if (keys_[i].id == id) return Bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return {};
}

struct Sealer::State {
  struct Remembered {
    std::string subkey_info;
    Context context;
  };

  explicit State(const KeyRing& keys) : ring(keys) {}

  KeyRing ring;
  std::string header;  // up to the counter
  Context sealing;
  std::uint64_t counter = 0;
  std::vector<Remembered> opening;
  std::size_t next_forgotten = 0;
};

Sealer::Sealer(KeyRing ring, SealOrigin origin, const Salt& salt)
    : state_(std::make_unique<State>(std::move(ring))) {
  CHECK(!state_->ring.empty());
  std::string& header = state_->header;
  header.push_back(seal_version);
  header.push_back(static_cast<char>(state_->ring.newest_id()));
  append_big_endian(header, origin.slot, 2);
  append_big_endian(header, origin.epoch, 4);
  header.append(reinterpret_cast<const char*>(salt.data()), salt.size());
  CHECK(header.size() == counter_offset);
  state_->sealing = make_context(state_->ring.key(state_->ring.newest_id()),
                                 Bytes(header).substr(subkey_offset, subkey_bytes), true);
}

Sealer::Sealer(Sealer&&) noexcept = default;
Sealer& Sealer::operator=(Sealer&&) noexcept = default;
Sealer::~Sealer() = default;

std::string Sealer::seal(Bytes purpose, Bytes plaintext) {
  std::string sealed;
  sealed.reserve(plaintext.size() + seal_overhead_bytes);
  sealed.append(state_->header);
  append_big_endian(sealed, state_->counter++, counter_bytes);
  EVP_CIPHER_CTX* context = state_->sealing.get();
  begin_text(context, Bytes(sealed).substr(0, header_bytes), purpose, true);
  sealed.resize(plaintext.size() + seal_overhead_bytes);
  unsigned char* out = unsigned_data(sealed) + header_bytes;
  int written = 0;
  if (!plaintext.empty()) {
    CHECK(EVP_CipherUpdate(context, out, &written, unsigned_data(plaintext), int_size(plaintext)) == 1);
  }
  unsigned char* tag = out + plaintext.size();
  CHECK(EVP_CipherFinal_ex(context, tag, &written) == 1 && written == 0);
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag) == 1);
  return sealed;
}

Result<Opened> Sealer::open(Bytes purpose, Bytes sealed) {
  if (sealed.size() < seal_overhead_bytes || sealed.size() > INT_MAX || sealed[0] != seal_version)
    return not_ours();
  const Bytes key = state_->ring.key(static_cast<std::uint8_t>(sealed[1]));
  if (key.empty()) return not_ours();
  Opened opened;
  opened.origin.slot = static_cast<std::uint16_t>(big_endian(sealed.substr(2, 2)));
  opened.origin.epoch = static_cast<std::uint32_t>(big_endian(sealed.substr(4, 4)));

  const Bytes subkey_info = sealed.substr(subkey_offset, subkey_bytes);
  auto& remembered = state_->opening;
  const auto known = std::find_if(remembered.begin(), remembered.end(), [&](const State::Remembered& entry) {
    return entry.subkey_info == subkey_info;
  });
  if (known != remembered.end()) {
    if (!open_text(known->context.get(), purpose, sealed, opened.plaintext)) return not_ours();
    return opened;
  }
  Context context = make_context(key, subkey_info, false);
  if (!open_text(context.get(), purpose, sealed, opened.plaintext)) return not_ours();
  if (remembered.size() < remembered_contexts) {
    remembered.push_back({std::string(subkey_info), std::move(context)});
  } else {
    remembered[state_->next_forgotten] = {std::string(subkey_info), std::move(context)};
    state_->next_forgotten = (state_->next_forgotten + 1) % remembered_contexts;
  }
  return opened;
}

}  // namespace sluice
