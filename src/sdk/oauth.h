// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a client logs in to servers that ask for it: who it is, how its user consents, where tokens are kept.
//
//   sluice::OauthOptions oauth;
//   oauth.open_url = [](const std::string& url) { std::puts(url.c_str()); return sluice::Status(); };
//   oauth.token_file = "/home/me/.local/state/desk/tokens.json";
//
// Everything may stay empty: then the client registers itself where servers allow that, and fails where a
// user has to consent. What is done with it, and what is not believed, is in docs/oauth.md. A plain value.

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace sluice {

class Authorizer;  // transport/authorizer.h
class Reactor;

struct OauthOptions {
  // A client registered by hand at `issuer`; without an issuer, at the first authorization server that is
  // met.
  std::string client_id;
  std::string client_secret;
  std::string issuer;
  // An https URL where the client's metadata document lies, which is its id where servers take such.
  std::string client_metadata_url;
  std::string client_name = "Sluice";  // for dynamic registration
  bool client_credentials = false;     // the client acts for itself, with its id and secret; there is no user

  // How a user consents: one of the three.
  // Shows the URL; the user's browser then comes back to a loopback port of ours.
  std::function<Status(const std::string& url)> open_url;
  // Gives back the URL that the user came back to, which begins with redirect_uri. Runs on a thread of its
  // own and may wait, for a person who pastes it, say.
  std::function<Result<std::string>(const std::string& url)> consent;
  std::string redirect_uri;
  // Nobody is asked; for authorization servers that agree by themselves.
  bool unattended = false;

  std::string token_file;  // for its owner alone; empty: tokens end with the client
};

namespace client_detail {
// Gets credentials for the MCP server at `url`; the reactor outlives it.
[[nodiscard]] std::shared_ptr<Authorizer> oauth_authorizer(Reactor& reactor, const std::string& url,
                                                           const OauthOptions& options);
}  // namespace client_detail

}  // namespace sluice
