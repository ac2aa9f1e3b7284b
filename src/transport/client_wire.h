// SPDX-License-Identifier: Apache-2.0
#pragma once
// ClientWire: what carries a client's messages to one server and back, HTTP or lines.
//
// Carries out the orders of a ClientEngine and tells what came of them, in the engine's own terms; knows no
// call and no question. The handler is never called from inside carry_out(), and may destroy the wire from
// inside its calls. Lives on one reactor. Spec: basic/transports of each revision.

#include <functional>
#include <string>

#include "base/result.h"
#include "mcp/client_engine.h"

namespace sluice {

// The facts of ClientEngine, without the time.
class ClientWireHandler {
 public:
  virtual ~ClientWireHandler() = default;
  virtual void on_heard(ClientSendId id, ClientMessage message) = 0;
  virtual void on_session(ClientSendId id, Bytes session_id) = 0;
  virtual void on_ended(ClientSendId id) = 0;
  virtual void on_refused(ClientSendId id, int status, Bytes body) = 0;
  virtual void on_failed(ClientSendId id, const Error& error, Outcome outcome) = 0;
  virtual void on_stream_opened() = 0;
  virtual void on_stream_unavailable(int status) = 0;
  virtual void on_lost(const Error& why) = 0;
  virtual void on_restarted() = 0;
};

class ClientWire {
 public:
  virtual ~ClientWire() = default;
  [[nodiscard]] virtual bool is_http() const = 0;
  // Once, before any order.
  [[nodiscard]] virtual Status begin(ClientWireHandler& handler) = 0;
  virtual void carry_out(ClientOrder order) = 0;
  // No order will follow: what is left is ended in good order. Nothing is told any more.
  virtual void finish() = 0;
  [[nodiscard]] virtual bool is_finished() const = 0;
};

}  // namespace sluice
