// SPDX-License-Identifier: Apache-2.0
#include "transport/oauth_store.h"

#include <algorithm>
#include <utility>

#include "codec/json_bind.h"
#include "net/files.h"

namespace sluice {

namespace {

// The file; a later version that means something else has another number.
struct StoredGrants {
  int version = 1;
  std::vector<OauthGrant> grants;
};

}  // namespace

Result<std::vector<OauthGrant>> OauthStore::read() const {
  const auto text = read_private_file(path_, limits_.store_bytes_max);
  if (!text) {
    if (text.error().code == Errc::not_found) return std::vector<OauthGrant>();
    return text.error();
  }
  const std::string what = "the token store '" + path_ + "' ";
  const auto json = Json::parse(*text);
  if (!json) return Error(Errc::invalid, what + "is not JSON: " + json.error().message);
  auto stored = from_json<StoredGrants>(*json);
  if (!stored) return Error(Errc::invalid, what + "cannot be read: " + stored.error().message);
  if (stored->version != 1)
    return Error(Errc::invalid, what + "was written by another version of this program");
  return std::move(stored->grants);
}

Result<std::optional<OauthGrant>> OauthStore::find(const std::string& server_url) const {
  auto grants = read();
  if (!grants) return grants.error();
  std::optional<OauthGrant> found;
  for (OauthGrant& grant : *grants)
    if (grant.server_url == server_url) found = std::move(grant);
  return found;
}

Status OauthStore::keep(const OauthGrant& grant) const {
  auto grants = read();
  if (!grants) return grants.error();
  std::erase_if(*grants, [&grant](const OauthGrant& other) {
    return other.server_url == grant.server_url && other.resource == grant.resource &&
           other.issuer == grant.issuer;
  });
  grants->push_back(grant);
  if (grants->size() > limits_.store_grants_max) grants->erase(grants->begin());
  return write(*grants);
}

Result<bool> OauthStore::forget(const std::string& server_url) const {
  auto grants = read();
  if (!grants) return grants.error();
  const bool found = std::erase_if(*grants, [&server_url](const OauthGrant& grant) {
                       return grant.server_url == server_url;
                     }) != 0;
  if (!found) return false;
  const Status written = write(*grants);
  if (!written) return written.error();
  return true;
}

Status OauthStore::write(const std::vector<OauthGrant>& grants) const {
  const std::string text = to_json(StoredGrants{1, grants}).pretty() + "\n";
  return write_private_file(path_, text);
}

}  // namespace sluice
