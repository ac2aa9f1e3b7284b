// SPDX-License-Identifier: Apache-2.0
#pragma once
// ClientConnection: a ClientEngine on its wire and its reactor.
//
// Passes facts to the engine, its orders to the wire, its events to the handler, and keeps its one timer. The
// handler is called from the reactor and from inside verbs (never inside call(), whose name it could not
// know), may use every verb, and may destroy the connection. Lives on one reactor.

#include <memory>
#include <string>

#include "base/lifetime.h"
#include "mcp/client_engine.h"
#include "net/reactor.h"
#include "transport/client_wire.h"

namespace sluice {

class ClientConnectionHandler {
 public:
  virtual ~ClientConnectionHandler() = default;
  virtual void on_event(ClientEvent event) = 0;
};

class ClientConnection final : private ClientWireHandler {
 public:
  // `options.over_http` follows from the wire.
  ClientConnection(Reactor& reactor, ClientEngineOptions options, std::unique_ptr<ClientWire> wire,
                   ClientConnectionHandler& handler);
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;
  ~ClientConnection() override;

  // Begins; what cannot even begin fails here.
  [[nodiscard]] Status start();
  ClientCallId call(ClientCallSpec spec);
  void cancel(ClientCallId call);
  void answer(ClientAskId ask, const Result<std::string>& result_json);
  void notify(std::string_view method, std::string_view params_json);
  void watch(ListenFilter wanted);
  // Ends in good order; is_finished() tells when.
  void close();

  [[nodiscard]] bool is_ready() const { return engine_.is_ready(); }
  [[nodiscard]] bool is_over() const { return engine_.is_over(); }
  [[nodiscard]] bool is_finished() const { return wire_->is_finished(); }
  [[nodiscard]] const ServerIntroduction& server() const { return engine_.server(); }

 private:
  void on_heard(ClientSendId id, ClientMessage message) override;
  void on_session(ClientSendId id, Bytes session_id) override { engine_.session_given(id, session_id); }
  void on_ended(ClientSendId id) override;
  void on_refused(ClientSendId id, int status, Bytes body) override;
  void on_failed(ClientSendId id, const Error& error, Outcome outcome) override;
  void on_stream_opened() override;
  void on_stream_unavailable(int status) override;
  void on_lost(const Error& why) override;
  void on_restarted() override;
  void on_timer();
  void pump();

  Reactor& reactor_;
  std::unique_ptr<ClientWire> wire_;
  ClientConnectionHandler& handler_;
  ClientEngine engine_;
  bool pumping_ = false;
  Lifetime lifetime_;
  Timer timer_;
};

}  // namespace sluice
