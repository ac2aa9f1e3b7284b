// SPDX-License-Identifier: Apache-2.0
#pragma once
// A Streamable HTTP front in a world of its own, and the requests that its tests send. For *_test.cc only.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "transport/front_testing.h"
#include "transport/streamable_http_server.h"

namespace sluice::testing_fronts {

inline KeyRing test_key_ring() {
  KeyRing ring;
  EXPECT_TRUE(ring.add(1, std::string(seal_key_bytes, 'k')).ok());
  return ring;
}

struct TestAnswer {
  int status = 0;
  std::string head;
  std::string body;  // chunks joined

  [[nodiscard]] std::string field(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

inline std::string join_chunks(Bytes text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t line = text.find("\r\n");
    if (line == Bytes::npos) break;
    const std::size_t size = std::stoul(std::string(text.substr(0, line)), nullptr, 16);
    if (size == 0) break;
    out += text.substr(line + 2, size);
    text.remove_prefix(std::min(text.size(), line + 2 + size + 2));
  }
  return out;
}

// The first answer in what was received (all of it, in these tests).
inline TestAnswer parse_answer(const std::string& received) {
  TestAnswer answer;
  const std::size_t end = received.find("\r\n\r\n");
  if (received.size() < 12 || end == std::string::npos) return answer;
  answer.status = std::stoi(received.substr(9, 3));
  answer.head = received.substr(0, end + 2);
  const Bytes rest = Bytes(received).substr(end + 4);
  answer.body = answer.field("Transfer-Encoding") == "chunked" ? join_chunks(rest) : std::string(rest);
  return answer;
}

inline std::string legacy_request(int id, Bytes method, Bytes params = "{}") {
  return make_request(std::to_string(id), method, params);
}

inline std::string modern_params(Bytes more = {}, Bytes version = "2026-07-28") {
  return R"({"_meta":{"io.modelcontextprotocol/protocolVersion":")" + std::string(version) +
         R"(","io.modelcontextprotocol/clientCapabilities":{}})" + std::string(more) + "}";
}

inline std::string initialize_request(Bytes version = "2025-11-25") {
  return legacy_request(1, "initialize",
                        R"({"protocolVersion":")" + std::string(version) +
                            R"(","capabilities":{},"clientInfo":{"name":"t","version":"1"}})");
}

class StreamableHttpTest : public ::testing::Test {
 protected:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  void SetUp() override { start(); }
  void TearDown() override {
    http.reset();
    front.reset();
    world->settle();
  }

  void start() {
    http.reset();
    front.reset();
    log.reset();
    world = std::make_unique<World>(options.limits);
    log = std::make_unique<MemoryEventLog>(options.limits.mcp, world->reactor().budget());
    ids = std::make_unique<SessionIds>(Sealer(test_key_ring(), {}, Sealer::Salt{}));
    guard = std::make_unique<HttpGuard>(*HttpGuard::make({}));
    options.guard = guard.get();
    // The test says who calls.
    options.identify = [](const HttpCall& call) {
      HttpIdentity identity;
      identity.principal.name = call.field("X-User");
      if (identity.principal.name == "stranger") {
        identity.refuse_status = 401;
        identity.sentence = "An API key is needed.";
        identity.fields.push_back({"WWW-Authenticate", "Bearer"});
      }
      return identity;
    };
    StreamableHttpServer::Parts parts{world->reactor(), service, *ids, *log, [this] {
                                        SessionRandom random{};
                                        random[15] = ++sessions_minted;
                                        return random;
                                      }};
    front = std::make_unique<StreamableHttpServer>(parts, options);
    HttpServerOptions http_options;
    http_options.http = options.limits.http;
    http_options.net = options.limits.net;
    http = std::make_unique<HttpServer>(world->reactor(), *front, http_options);
  }

  std::unique_ptr<TestPeer> connect() {
    StreamPair pair = make_stream_pair(world->reactor());
    http->adopt(std::move(pair.near));
    return std::make_unique<TestPeer>(std::move(pair.far));
  }

  static std::string request_text(Bytes method, const Fields& fields, Bytes body) {
    std::string text = std::string(method) + " /mcp HTTP/1.1\r\n";
    const auto has = [&](Bytes name) {
      return std::any_of(fields.begin(), fields.end(),
                         [&](const auto& field) { return field.first == name; });
    };
    if (!has("Host")) text += "Host: localhost:8080\r\n";
    if (!has("Accept")) text += "Accept: application/json, text/event-stream\r\n";
    if (!has("Content-Type") && method == "POST") text += "Content-Type: application/json\r\n";
    for (const auto& [name, value] : fields)
      if (!value.empty()) text += name + ": " + value + "\r\n";
    if (method == "POST") text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + std::string(body);
  }

  TestAnswer ask(TestPeer& peer, Bytes method, const Fields& fields, Bytes body = {}) {
    peer.send(request_text(method, fields, body));
    world->settle();
    return parse_answer(peer.take());
  }
  // On a connection of its own.
  TestAnswer ask(Bytes method, const Fields& fields, Bytes body = {}) {
    auto peer = connect();
    return ask(*peer, method, fields, body);
  }
  TestAnswer post(const Fields& fields, Bytes body) { return ask("POST", fields, body); }

  static Fields modern_fields(Bytes method, Bytes name = {}) {
    return {{"MCP-Protocol-Version", "2026-07-28"},
            {"Mcp-Method", std::string(method)},
            {"Mcp-Name", std::string(name)}};
  }
  TestAnswer post_modern(TestPeer& peer, Bytes method, Bytes name = {}, Bytes more = {}) {
    return ask(peer, "POST", modern_fields(method, name), legacy_request(7, method, modern_params(more)));
  }

  // An initialized session of that revision.
  std::string open_session(Bytes version = "2025-11-25", Bytes user = {}) {
    const TestAnswer answer = post({{"X-User", std::string(user)}}, initialize_request(version));
    EXPECT_EQ(answer.status, 200) << answer.body;
    const std::string id = answer.field("Mcp-Session-Id");
    EXPECT_EQ(post({{"Mcp-Session-Id", id}, {"X-User", std::string(user)}},
                   make_notification("notifications/initialized"))
                  .status,
              202);
    return id;
  }

  StreamableHttpOptions options;
  ScriptedService service;
  std::unique_ptr<World> world;
  std::unique_ptr<SessionIds> ids;
  std::unique_ptr<MemoryEventLog> log;
  std::unique_ptr<HttpGuard> guard;
  std::unique_ptr<StreamableHttpServer> front;
  std::unique_ptr<HttpServer> http;
  std::uint8_t sessions_minted = 0;
};

}  // namespace sluice::testing_fronts
