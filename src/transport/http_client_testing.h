// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the tests of the asking side share: an upstream made of memory streams, whose every byte the test
// says. For *_test.cc only.

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/memory_stream.h"
#include "transport/front_testing.h"
#include "transport/http_client.h"

namespace sluice::testing_client {

// The far ends of the connections that a client made, in their order.
class FarServer {
 public:
  explicit FarServer(Reactor& reactor) : reactor_(reactor) {}

  // For HttpClientOptions::start_connect. Connections are made in the turn after they are asked for.
  [[nodiscard]] StartConnect door() {
    return [this](Reactor&, const std::string&, std::uint16_t, Duration, OnConnect on_connect) {
      auto connecting = std::make_shared<bool>(true);
      reactor_.defer([this, still = std::weak_ptr<bool>(connecting), tell = std::move(on_connect)] {
        if (still.expired()) return;
        if (refuses) return tell(Error(Errc::unavailable, "connection refused"));
        StreamPair pair = make_stream_pair(reactor_, options);
        peers.push_back(std::make_unique<testing_fronts::TestPeer>(std::move(pair.far)));
        tell(std::move(pair.near));
      });
      return connecting;
    };
  }

  // How many requests have arrived, on all connections.
  [[nodiscard]] std::size_t requests() const {
    std::size_t sum = 0;
    for (const auto& peer : peers) sum += testing_fronts::count_of(peer->received, " HTTP/1.1\r\n");
    return sum;
  }
  [[nodiscard]] std::size_t open() const {
    return static_cast<std::size_t>(
        std::count_if(peers.begin(), peers.end(), [](const auto& peer) { return !peer->closed(); }));
  }

  std::vector<std::unique_ptr<testing_fronts::TestPeer>> peers;
  MemoryStreamOptions options;
  bool refuses = false;

 private:
  Reactor& reactor_;
};

// A response with a Content-Length.
inline std::string response(int status, Bytes type, Bytes body, Bytes more_fields = {}) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + std::string(type) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(more_fields) + "\r\n" +
         std::string(body);
}

// The head of a chunked event stream, and one event as a chunk.
inline const std::string stream_head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
inline std::string chunk(Bytes data) {
  std::string out;
  write_chunk(out, data);
  return out;
}
inline std::string event(Bytes data, Bytes fields = {}) {
  return chunk(std::string(fields) + "data: " + std::string(data) + "\n\n");
}
inline const std::string last_chunk = "0\r\n\r\n";

}  // namespace sluice::testing_client
