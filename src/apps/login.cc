// SPDX-License-Identifier: Apache-2.0
#include "apps/login.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "codec/json.h"
#include "mcp/revision.h"
#include "net/fds.h"
#include "transport/oauth_redirect.h"
#include "transport/oauth_store.h"
#include "transport/streamable_http_client.h"

namespace sluice {

namespace {

std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::string() : std::string(value);
}

int complain(const std::string& sentence) {
  std::fprintf(stderr, "sluice: %s\n", sentence.c_str());
  return 1;
}

// The URL begins with http and is one argument, whatever is in it. A machine without a browser is no failure:
// the URL was printed.
std::unique_ptr<Process> open_browser(Reactor& reactor, const std::string& url) {
#ifdef __APPLE__
  const std::string opener = "open";
#else
  const std::string opener = "xdg-open";
#endif
  Spawn spawn;
  spawn.program = "/bin/sh";
  spawn.argv = {"sh", "-c", "exec \"${BROWSER:-" + opener + "}\" \"$1\"", "sh", url};
  spawn.own_session = true;
  auto process = Process::spawn(reactor, spawn, [](ProcessExit) {});
  return process ? std::move(*process) : nullptr;
}

// One request, for the refusal that it may meet.
class LoginVisit final : UpstreamPostHandler {
 public:
  LoginVisit(Reactor& reactor, StreamableHttpClient& client) : reactor_(reactor) {
    const std::string version(revision_text(latest_modern));
    const Json meta = Json::object({{"io.modelcontextprotocol/protocolVersion", version},
                                    {"io.modelcontextprotocol/clientCapabilities", Json::object()}});
    const Json text = Json::object({{"jsonrpc", "2.0"},
                                    {"id", 1},
                                    {"method", "server/discover"},
                                    {"params", Json::object({{"_meta", meta}})}});
    post_ = client.post(text.dump(), {{"MCP-Protocol-Version", version}, {"Mcp-Method", "server/discover"}},
                        *this);
  }
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  // Any answer will do: a server of another era is logged in to as well.
  void on_message(ClientMessage) override {}
  void on_done() override { reactor_.stop(); }
  void on_refused(const HttpAnswer& answer) override {
    if (answer.status == 401 || answer.status == 403 || answer.status >= 500)
      complaint_ = "the server answered with HTTP status " + std::to_string(answer.status);
    reactor_.stop();
  }
  void on_failed(const Error& error, Outcome) override {
    complaint_ = error.message;
    reactor_.stop();
  }

  Reactor& reactor_;
  std::unique_ptr<UpstreamPost> post_;
  std::string complaint_;
};

}  // namespace

Result<std::string> token_store_path() {
  if (std::string path = variable("SLUICE_TOKENS"); !path.empty()) return path;
  if (const std::string state = variable("XDG_STATE_HOME"); !state.empty())
    return state + "/sluice/tokens.json";
  if (const std::string home = variable("HOME"); !home.empty())
    return home + "/.local/state/sluice/tokens.json";
  return Error(Errc::not_found, "there is no home to keep tokens in: set SLUICE_TOKENS to a file");
}

Result<OauthAuthorizerOptions> login_at(Reactor& reactor, const LoginOptions& options) {
  auto path = token_store_path();
  if (!path) return path.error();
  OauthAuthorizerOptions made;
  made.client.server_url = options.url;
  made.client.client_metadata_url = options.client_metadata_url;
  if (!options.client_id.empty()) {
    OauthRegistration registration;
    registration.client_id = options.client_id;
    if (!options.client_secret_env.empty()) {
      registration.client_secret = variable(options.client_secret_env);
      if (registration.client_secret.empty())
        return Error(Errc::not_found,
                     "the variable " + options.client_secret_env + " holds no client secret");
    }
    made.client.registration = std::move(registration);
  }
  auto opened = std::make_shared<std::unique_ptr<Process>>();
  made.consent =
      browser_consent(reactor, [&reactor, opened, browser = options.browser](const std::string& url) {
        std::fprintf(stderr, "Open this URL to log in:\n%s\n", url.c_str());
        if (browser) *opened = open_browser(reactor, url);
        return Status();
      });
  const OauthStore store(std::move(*path));
  // A store that cannot be read is said, and costs a login; one that cannot be written, the next one.
  made.load = [store, url = options.url]() -> std::optional<OauthGrant> {
    auto kept = store.find(url);
    if (kept) return std::move(*kept);
    complain(kept.error().message);
    return std::nullopt;
  };
  made.keep = [store](const OauthGrant& grant) {
    if (auto kept = store.keep(grant); !kept) complain(kept.error().message);
  };
  return made;
}

int run_login(const LoginOptions& options) {
  auto reactor = Reactor::open({});
  if (!reactor) return complain(reactor.error().message);
  auto made = login_at(**reactor, options);
  if (!made) return complain(made.error().message);
  OauthAuthorizer authorizer(**reactor, std::move(*made));
  StreamableHttpClientOptions http;
  http.authorizer = &authorizer;
  auto client = StreamableHttpClient::open(**reactor, options.url, std::move(http));
  if (!client) return complain(client.error().message);
  {
    LoginVisit visit(**reactor, **client);
    (*reactor)->run();
    if (!visit.complaint().empty()) return complain(visit.complaint());
  }
  const OauthGrant& grant = authorizer.client().grant();
  if (grant.access_token.empty()) {
    std::printf("%s asks for no login\n", options.url.c_str());
  } else {
    std::printf("logged in to %s by %s%s%s\n", options.url.c_str(), grant.issuer.c_str(),
                grant.scope.empty() ? "" : ", scope ", grant.scope.c_str());
  }
  return 0;
}

int run_logout(const LoginOptions& options) {
  const auto path = token_store_path();
  if (!path) return complain(path.error().message);
  const auto forgot = OauthStore(*path).forget(options.url);
  if (!forgot) return complain(forgot.error().message);
  std::printf(*forgot ? "forgot the login to %s\n" : "there was no login to %s\n", options.url.c_str());
  return 0;
}

}  // namespace sluice
