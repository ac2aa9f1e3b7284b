// SPDX-License-Identifier: Apache-2.0
#include "crypto/hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <climits>

#include "base/check.h"

namespace sluice {

Digest hmac_sha256(Bytes key, Bytes message) {
  CHECK(key.size() <= INT_MAX);
  Digest digest;
  unsigned int written = 0;
  // OpenSSL takes a null key for "the key of last time", so an empty one must not be null.
  const void* key_data = key.empty() ? static_cast<const void*>("") : key.data();
  const auto* done =
      HMAC(EVP_sha256(), key_data, static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(), &written);
  CHECK(done != nullptr && written == digest.size());
  return digest;
}

Digest hkdf_extract(Bytes salt, Bytes key_material) { return hmac_sha256(salt, key_material); }

std::string hkdf_expand(Bytes key, Bytes info, std::size_t size) {
  CHECK(size <= 255 * digest_bytes);
  std::string output;
  output.reserve(size + digest_bytes);  // never moves, so no copy of key bytes is left behind
  std::string block;                    // T(i-1) | info | i
  block.reserve(digest_bytes + info.size() + 1);
  for (unsigned i = 1; output.size() < size; ++i) {
    block.append(info).push_back(static_cast<char>(i));
    Digest next = hmac_sha256(key, block);
    output.append(digest_view(next));
    OPENSSL_cleanse(block.data(), block.size());
    block.assign(digest_view(next));
    OPENSSL_cleanse(next.data(), next.size());
  }
  OPENSSL_cleanse(block.data(), block.size());
  if (output.size() > size) {
    OPENSSL_cleanse(output.data() + size, output.size() - size);
    output.resize(size);
  }
  return output;
}

}  // namespace sluice
