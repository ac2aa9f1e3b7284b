// SPDX-License-Identifier: Apache-2.0
// The program `oauth_probe URL`: an MCP client that does no more than log in: the handshake of its era,
// tools/list, and a call of the first tool, each with whatever authorization the server demands and a user
// who agrees to all.
//
// For the authorization scenarios of the conformance suite, which say by environment what they are: the
// revision, and as JSON the client id and secret that were registered by hand. Exit code 0 when the tool was
// called, 1 with a sentence when not.

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "codec/json.h"
#include "mcp/revision.h"
#include "net/reactor.h"
#include "transport/oauth_authorizer.h"
#include "transport/streamable_http_client.h"

namespace sluice {
namespace {

// The URL that the suite knows our metadata document by; nothing fetches it.
constexpr const char* metadata_url = "https://conformance-test.local/client-metadata.json";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// The messages of one visit, posted one after the other.
class Visit final : UpstreamPostHandler {
 public:
  Visit(Reactor& reactor, StreamableHttpClient& client, std::string version)
      : reactor_(reactor), client_(client), version_(std::move(version)) {
    modern_ = version_ == revision_text(Revision::r2026_07_28);
    if (!modern_) {
      queue_.push_back({"initialize", Json::object({{"protocolVersion", version_},
                                                    {"capabilities", Json::object()},
                                                    {"clientInfo", info()}})});
      queue_.push_back({"notifications/initialized", Json()});
    }
    queue_.push_back({"tools/list", Json::object()});
    queue_.push_back({"tools/call", Json::object({{"name", "test-tool"}, {"arguments", Json::object()}})});
    next();
  }
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  struct Message {
    std::string method;
    Json params;
  };
  static Json info() { return Json::object({{"name", "oauth_probe"}, {"version", "1"}}); }

  void next() {
    if (queue_.empty()) return reactor_.stop();
    Message message = std::move(queue_.front());
    queue_.pop_front();
    std::vector<HeaderPair> fields;
    if (modern_) {
      message.params.set("_meta",
                         Json::object({{"io.modelcontextprotocol/protocolVersion", version_},
                                       {"io.modelcontextprotocol/clientCapabilities", Json::object()},
                                       {"io.modelcontextprotocol/clientInfo", info()}}));
      fields.push_back(HeaderPair{"Mcp-Method", message.method});
      if (message.method == "tools/call") fields.push_back(HeaderPair{"Mcp-Name", "test-tool"});
    }
    if (message.method != "initialize") fields.push_back(HeaderPair{"MCP-Protocol-Version", version_});
    if (!session_.empty()) fields.push_back(HeaderPair{"Mcp-Session-Id", session_});
    Json text = Json::object({{"jsonrpc", "2.0"}, {"method", message.method}});
    if (!message.params.is_null()) {
      text.set("id", ++id_);
      text.set("params", std::move(message.params));
    }
    post_ = client_.post(text.dump(), std::move(fields), *this);
  }

  void on_session_id(Bytes id) override { session_ = std::string(id); }
  void on_message(ClientMessage message) override {
    const auto json = Json::parse(message.text());
    if (json && json->contains("error")) end("the server answered with an error: " + (*json)["error"].dump());
  }
  void on_done() override {
    if (complaint_.empty()) next();
  }
  void on_refused(const HttpAnswer& answer) override {
    end("the server answered with HTTP status " + std::to_string(answer.status));
  }
  void on_failed(const Error& error, Outcome) override { end(error.message); }
  void end(std::string complaint) {
    complaint_ = std::move(complaint);
    reactor_.stop();
  }

  Reactor& reactor_;
  StreamableHttpClient& client_;
  std::string version_;
  bool modern_ = false;
  std::deque<Message> queue_;
  std::string session_;
  int id_ = 0;
  std::string complaint_;
  std::unique_ptr<UpstreamPost> post_;
};

OauthAuthorizerOptions options_of(Reactor& reactor, const std::string& url) {
  OauthAuthorizerOptions options;
  options.client.server_url = url;
  options.client.client_name = "oauth_probe";
  options.client.client_metadata_url = metadata_url;
  options.consent = unattended_consent(reactor);
  const auto context = Json::parse(variable("MCP_CONFORMANCE_CONTEXT"));
  if (context && context->contains("client_id")) {
    OauthRegistration registration;
    registration.client_id = (*context)["client_id"].string_or("");
    registration.client_secret = (*context)["client_secret"].string_or("");
    registration.issuer = (*context)["issuer"].string_or("");
    options.client.registration = std::move(registration);
  }
  if (variable("MCP_CONFORMANCE_SCENARIO").find("client-credentials") != std::string::npos)
    options.client.flow = OauthFlow::client_credentials;
  return options;
}

int visit(const std::string& url) {
  auto reactor = Reactor::open({});
  if (!reactor) return std::fprintf(stderr, "%s\n", reactor.error().message.c_str()), 1;
  OauthAuthorizer authorizer(**reactor, options_of(**reactor, url));
  StreamableHttpClientOptions http;
  http.authorizer = &authorizer;
  auto client = StreamableHttpClient::open(**reactor, url, std::move(http));
  if (!client) return std::fprintf(stderr, "%s\n", client.error().message.c_str()), 1;
  std::string version = variable("MCP_CONFORMANCE_PROTOCOL_VERSION");
  if (version.empty()) version = revision_text(Revision::r2025_11_25);
  Visit visit(**reactor, **client, std::move(version));
  (*reactor)->run();
  if (visit.complaint().empty()) return 0;
  std::fprintf(stderr, "%s\n", visit.complaint().c_str());
  return 1;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: oauth_probe URL\n", stderr);
    return 2;
  }
  return sluice::visit(argv[1]);
}
