// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the tests of OAuth share: an MCP server and its authorization server on memory streams, which agree to
// everything unless told otherwise. For *_test.cc only.

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "codec/json.h"
#include "codec/url.h"
#include "net/memory_stream.h"
#include "transport/front_testing.h"
#include "transport/http_server.h"
#include "transport/oauth_authorizer.h"

namespace sluice::testing_oauth {

inline constexpr Bytes mcp_url = "http://localhost:1/mcp";

// Both servers in one: whatever host and port is connected to, this answers.
class FarServers final : public HttpHandler {
 public:
  explicit FarServers(Reactor& reactor) : reactor_(reactor), server_(reactor, *this, HttpServerOptions{}) {
    pages["/.well-known/oauth-protected-resource/mcp"] =
        R"({"resource":"http://localhost:1/mcp","authorization_servers":["http://localhost:1"]})";
    pages["/.well-known/oauth-authorization-server"] =
        R"({"issuer":"http://localhost:1","authorization_endpoint":"http://localhost:1/authorize",
            "token_endpoint":"http://localhost:1/token","registration_endpoint":"http://localhost:1/register",
            "code_challenge_methods_supported":["S256"],"token_endpoint_auth_methods_supported":["none"]})";
    pages["/register"] = R"({"client_id":"me"})";
  }

  [[nodiscard]] StartConnect door() {
    return [this](Reactor&, const std::string&, std::uint16_t, Duration, OnConnect on_connect) {
      auto connecting = std::make_shared<bool>(true);
      reactor_.defer([this, still = std::weak_ptr<bool>(connecting), tell = std::move(on_connect)] {
        if (still.expired()) return;
        StreamPair pair = make_stream_pair(reactor_, {});
        server_.adopt(std::move(pair.far));
        tell(std::move(pair.near));
      });
      return connecting;
    };
  }

  void on_request(HttpCall& call, PaddedString body) override {
    const std::string path(call.head().path);
    log.push_back(path);
    if (silent.contains(path)) return;
    if (path == "/mcp") return mcp(call);
    if (path == "/authorize") return authorize(call);
    if (path == "/token") {
      token_forms.emplace_back(body.view());
      const std::string token = "t" + std::to_string(++tokens);
      accepted = "Bearer " + token;
      return call.respond(200, "application/json",
                          R"({"access_token":")" + token + R"(","token_type":"Bearer")" + token_extras + "}");
    }
    if (pages.contains(path)) return call.respond(200, "application/json", pages[path]);
    call.respond(404, "text/plain", "not here");
  }

  [[nodiscard]] std::size_t count(const std::string& path) const {
    return static_cast<std::size_t>(std::count(log.begin(), log.end(), path));
  }

  std::map<std::string, std::string> pages;
  std::map<std::string, bool> silent;  // paths that are never answered
  std::vector<std::string> log;
  std::vector<std::string> token_forms;
  std::string token_extras;  // more members of a token reply
  std::string accepted;      // the Authorization that the MCP server takes
  int tokens = 0;
  bool agrees = true;

 private:
  void mcp(HttpCall& call) {
    if (!accepted.empty() && call.field("Authorization") == accepted)
      return call.respond(200, "application/json", R"({"jsonrpc":"2.0","id":1,"result":{}})");
    const HeaderField challenge{"WWW-Authenticate", "Bearer error=\"invalid_token\""};
    call.respond(401, "text/plain", "who are you", HeaderFields(&challenge, 1));
  }
  void authorize(HttpCall& call) {
    if (!agrees) return call.respond(200, "text/html", "please log in");
    std::string back, state;
    Bytes rest = call.head().query;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('&'), rest.size());
      const Bytes pair = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (pair.substr(0, 13) == "redirect_uri=") back = *percent_decode(pair.substr(13));
      if (pair.substr(0, 6) == "state=") state = pair;
    }
    const std::string location = back + "?code=c&" + state;
    const HeaderField field{"Location", location};
    call.respond(302, "", "", HeaderFields(&field, 1));
  }

  Reactor& reactor_;
  HttpServer server_;
};

}  // namespace sluice::testing_oauth
