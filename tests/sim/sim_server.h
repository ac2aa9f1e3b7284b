// SPDX-License-Identifier: Apache-2.0
#pragma once
// SimServer: a simulated Streamable HTTP server of both eras, as the door `connect` opens to the gateway.
//
// It may refuse connections, break them at any point, answer with an HTTP error before or after it has run
// the call, and forget sessions. Replies are JSON or event streams, as luck has it.

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "codec/http1.h"
#include "sim/brain.h"
#include "sim/world.h"
#include "transport/http_client.h"

namespace sluice::sim {

class SimServerConnection;

class SimServer {
 public:
  explicit SimServer(World& world) : world_(world) {}
  SimServer(const SimServer&) = delete;
  SimServer& operator=(const SimServer&) = delete;
  ~SimServer();

  // The door. Dropping what it returns cancels.
  std::shared_ptr<void> connect(OnConnect on_connect);
  // Breaks one of its connections.
  void strike();
  // Frees connections that are over.
  void sweep();
  [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }

 private:
  friend class SimServerConnection;
  struct Dial;

  World& world_;
  std::list<std::unique_ptr<SimServerConnection>> connections_;
  std::map<std::string, std::unique_ptr<Brain>> sessions_;
  std::vector<std::unique_ptr<Brain>> modern_;  // one for each connection that spoke modern
  int minted_ = 0;
};

// One connection of the gateway: requests one after the other.
class SimServerConnection final : public StreamHandler, public Mouth {
 public:
  SimServerConnection(SimServer& server, StreamPtr stream);
  ~SimServerConnection() override;
  [[nodiscard]] bool over() const { return stream_ == nullptr; }
  void die() override;

 private:
  void say(const std::string& message) override;
  void finish(const std::string& response) override;
  void babble() override {}
  void on_bytes(PaddedBytes bytes) override;
  void on_end() override { close(); }
  void on_failed(const Error&) override { close(); }
  void on_request();
  void on_post();
  void on_get();
  void answer(int status, Bytes type = {}, Bytes body = {});
  void begin_stream();
  void close();

  SimServer& server_;
  StreamPtr stream_;
  HttpLimits limits_;
  Http1Reader reader_;
  std::string method_, session_, minted_, body_;
  Brain* brain_ = nullptr;  // that the reply comes from
  bool modern_ = false;
  bool open_ = false;  // a request is being answered
  bool streaming_ = false;
  bool failing_ = false;  // the answer will be an HTTP error, although the call runs
};

}  // namespace sluice::sim
