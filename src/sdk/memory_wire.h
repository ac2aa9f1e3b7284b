// SPDX-License-Identifier: Apache-2.0
#pragma once
// MemoryWire: what carries a Client's messages to a Server of the same process, and back.
//
// A wire of the client and a front of the server in one, as HTTP or as lines: whole messages, no bytes, no
// sockets. Nothing is handed over before the turn that follows, so that neither side is called from inside
// its own verbs. What went over it can be looked at through its MemoryTap. For connect.cc alone. Lives on one
// (simulated) reactor; the server's state outlives it.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mcp/exchange.h"
#include "sdk/connect.h"
#include "sdk/protocol.h"
#include "transport/client_wire.h"

namespace sluice {

class MemoryWire;

// What is seen of the connection from outside.
struct MemoryTap {
  MemoryWire* wire = nullptr;  // null before the first call, and after the end
  std::vector<Json> told;      // notifications of the server
  std::vector<Json> asked;     // requests of a legacy one
  std::vector<MemoryReply> replies;
  bool reads = true;
};

class MemoryWire final : public ClientWire {
 public:
  MemoryWire(Reactor& reactor, ServerState& state, ConnectOptions options, std::shared_ptr<MemoryTap> tap);
  ~MemoryWire() override;

  [[nodiscard]] bool is_http() const override { return options_.over_http; }
  [[nodiscard]] Status begin(ClientWireHandler& handler) override;
  void carry_out(ClientOrder order) override;
  void finish() override;
  [[nodiscard]] bool is_finished() const override { return finished_; }

  // A request past the client: it does not hear the reply, which is called at most once.
  void post(const std::string& id_raw, std::string text, std::vector<HeaderPair> headers,
            std::function<void(const MemoryReply&)> on_reply);
  // The client reads on after a time without.
  void read_on();
  void shut_down() { protocol_.shutdown(); }

 private:
  class LocalSession;
  class LocalExchange;

  // Runs in the next turn, unless the wire is gone by then.
  void later(std::function<void()> work);
  // To the client, who may not be reading.
  void deliver(std::function<void()> work);
  void take(ClientSendId id, ClientMessage message, std::vector<HeaderPair> fields);
  LocalExchange& open(ClientSendId id, ClientMessage message, std::vector<HeaderPair> fields);
  void drop(ClientSendId id);
  void cancel(const std::string& id_raw);
  void end_session();
  std::size_t say(ClientSendId id, Bytes message);
  void close(LocalExchange& exchange, int http_status, std::string response);
  [[nodiscard]] ClientMessage scanned(std::string text);

  Reactor& reactor_;
  ConnectOptions options_;
  std::shared_ptr<MemoryTap> tap_;
  Protocol protocol_;
  MessageScanner scanner_;
  ClientWireHandler* handler_ = nullptr;
  std::unique_ptr<LocalSession> session_;
  std::map<std::string, std::unique_ptr<LocalExchange>> exchanges_;  // by their raw ids
  std::deque<std::function<void()>> unread_;
  bool finished_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice
