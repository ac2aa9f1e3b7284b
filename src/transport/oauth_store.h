// SPDX-License-Identifier: Apache-2.0
#pragma once
// The token store: what authorization servers granted, in one file between runs.
//
// A JSON text for the owner alone (0600), replaced whole; programs that use it at the same time read before
// they write, and the last one wins. A grant is found by the MCP server's URL and the resource and issuer it
// is bound to. Reads and writes block: once a login or renewal. Any thread, one at a time. docs/oauth.md.

#include <optional>
#include <string>
#include <vector>

#include "auth/oauth_client.h"
#include "base/limits.h"
#include "base/result.h"

namespace sluice {

class OauthStore {
 public:
  explicit OauthStore(std::string path, const OauthLimits& limits = {})
      : path_(std::move(path)), limits_(limits) {}

  // A file that is not there holds nothing; one that cannot be read, or that others can, is an error.
  [[nodiscard]] Result<std::vector<OauthGrant>> read() const;
  // The grant for an MCP server that was kept last.
  [[nodiscard]] Result<std::optional<OauthGrant>> find(const std::string& server_url) const;
  // Takes the place of the one of the same server, resource and issuer. Beyond the bound the oldest goes.
  Status keep(const OauthGrant& grant) const;
  // Forgets everything for an MCP server; false when there was nothing.
  Result<bool> forget(const std::string& server_url) const;

 private:
  Status write(const std::vector<OauthGrant>& grants) const;

  std::string path_;
  OauthLimits limits_;
};

}  // namespace sluice
