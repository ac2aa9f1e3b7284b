// SPDX-License-Identifier: Apache-2.0
#include "auth/api_key.h"

#include <utility>

namespace sluice {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<Digest> parse_digest(Bytes hex) {
  Digest digest{};
  if (hex.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = hex_digit(hex[2 * i]);
    const int low = hex_digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

}  // namespace

Status ApiKeys::add_digest(std::string name, Bytes hex) {
  const auto digest = parse_digest(hex);
  if (!digest)
    return Error(Errc::invalid, "the digest of API key '" + name + "' is not 64 hexadecimal digits");
  return add(std::move(name), *digest);
}

Status ApiKeys::add_key(std::string name, Bytes key) {
  if (key.size() < key_bytes_min || key.size() > key_bytes_max)
    return Error(Errc::invalid, "API key '" + name + "' must have " + std::to_string(key_bytes_min) + " to " +
                                    std::to_string(key_bytes_max) + " bytes");
  return add(std::move(name), sha256(key));
}

Status ApiKeys::add(std::string name, const Digest& digest) {
  if (name.empty()) return Error(Errc::invalid, "an API key has no name");
  for (const Entry& entry : entries_) {
    if (entry.name == name) return Error(Errc::exists, "two API keys are named '" + name + "'");
    if (entry.digest == digest)
      return Error(Errc::exists, "API keys '" + entry.name + "' and '" + name + "' are the same key");
  }
  entries_.push_back(Entry{std::move(name), digest});
  return {};
}

std::optional<std::string> ApiKeys::find(Bytes presented) const {
  if (presented.empty() || presented.size() > key_bytes_max) return std::nullopt;
  const Digest digest = sha256(presented);
  const Entry* found = nullptr;
  for (const Entry& entry : entries_)
    if (constant_time_equal(digest_view(digest), digest_view(entry.digest))) found = &entry;
  if (found == nullptr) return std::nullopt;
  return found->name;
}

std::optional<Bytes> bearer_token(Bytes authorization) {
  constexpr Bytes scheme = "bearer";
  if (authorization.size() <= scheme.size() || authorization[scheme.size()] != ' ') return std::nullopt;
  for (std::size_t i = 0; i < scheme.size(); ++i)
    if ((authorization[i] | 0x20) != scheme[i]) return std::nullopt;
  Bytes token = authorization.substr(scheme.size());
  while (!token.empty() && token.front() == ' ') token.remove_prefix(1);
  if (token.empty()) return std::nullopt;
  return token;
}

}  // namespace sluice
