// SPDX-License-Identifier: Apache-2.0
#pragma once
// Logging in to remote MCP servers: `sluice login URL`, `sluice logout URL`, and what other commands that
// speak to such servers share: the user's browser and the token store.
//
// Knows no OAuth. The store is $SLUICE_TOKENS, else sluice/tokens.json below $XDG_STATE_HOME or
// ~/.local/state.

#include <string>

#include "base/result.h"
#include "net/reactor.h"
#include "transport/oauth_authorizer.h"

namespace sluice {

struct LoginOptions {
  std::string url;                // of the MCP server
  std::string client_id;          // registered by hand; empty: what the authorization server offers
  std::string client_secret_env;  // the variable that has its secret; empty: none
  std::string client_metadata_url;
  bool browser = true;  // false: the URL is only printed
};

// Where tokens are kept; an error when no home is known.
Result<std::string> token_store_path();

// For an OauthAuthorizer that asks a person at this machine and keeps what was granted. The reactor outlives
// it.
Result<OauthAuthorizerOptions> login_at(Reactor& reactor, const LoginOptions& options);

// The subcommands; they return main's exit code.
int run_login(const LoginOptions& options);
int run_logout(const LoginOptions& options);

}  // namespace sluice
