// SPDX-License-Identifier: Apache-2.0
#pragma once
// The exchange: one client request and everything that answers it. This is the seam in the middle of the
// program.
//
// On one side a *front* (Streamable HTTP, stdio; legacy or modern) turns bytes from a client into exchanges
// and sessions. On the other a `Service` (the gateway's routes, the SDK's server) answers them. Neither knows
// the other's kind, era machinery lives at the edges, and what crosses is whole JSON-RPC messages as text.
//
//   open ──► notify* ──► (ask ──► answer)* ──► finish | refuse
//        └── cancelled (client), at any point before
//
// The front owns Exchange and Session objects. A Service may keep a reference to an Exchange from open()
// until it calls finish() or refuse(), or until cancelled() has returned; to a Session from its first
// exchange until ended() has returned. Verbs may be called inside Service calls. Everything of one front
// lives on one reactor. Spec: basic/lifecycle and basic/transports of every revision, basic/patterns/mrtr of
// 2026-07-28.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "codec/json_scan.h"
#include "mcp/principal.h"
#include "mcp/revision.h"

namespace sluice {

class Service;
class Session;

// What is known of a request's fate upstream; retries, breakers and failover decide by it.
enum class Outcome : std::uint8_t {
  not_sent,      // surely not run
  sent_unknown,  // left for the upstream and not answered: it may have run
  answered,
};

// A message as it arrived, checked by the scan and owned: `envelope` has spans and views into what this
// holds, which stay valid when it is moved.
class ClientMessage {
 public:
  ClientMessage() = default;
  ClientMessage(ClientMessage&&) = default;
  ClientMessage& operator=(ClientMessage&&) = default;

  // Scans `text` and keeps it. When refused the text is kept too, for an answer with the id.
  ScanResult take(MessageScanner& scanner, PaddedString text);

  [[nodiscard]] const Envelope& envelope() const { return envelope_; }
  [[nodiscard]] Bytes text() const { return text_.view(); }
  [[nodiscard]] PaddedBytes padded() const { return text_.padded(); }
  // The raw id, with quotes if it is a string; empty for a notification.
  [[nodiscard]] Bytes id() const { return envelope_.view(envelope_.id); }

 private:
  PaddedString text_;                // always on the heap, so views survive a move
  std::unique_ptr<char[]> decoded_;  // views that are not literally in the text: names with escapes
  Envelope envelope_;
};

// A header field of the client's HTTP request that the service must see (Mcp-Param-*), as sent.
struct HeaderPair {
  std::string name;
  std::string value;
};

// One request, as it was opened. Owned by its exchange.
struct ClientRequest {
  ClientMessage message;
  Era era = Era::legacy;
  Revision revision = latest_legacy;  // legacy: of the session (of the offer, for initialize)
  Principal principal;
  std::vector<HeaderPair> param_headers;  // modern HTTP only: the Mcp-Param-* fields
  bool over_http = false;                 // header rules apply (mcp-protocol C3)
  std::string correlation_id;             // for logs, ours or the caller's
  Instant opened;
  std::vector<HeaderPair> kept_headers;  // HTTP only: those that the front was told to keep, as sent
};

// What a service keeps with an exchange or a session; destroyed with it, on the same thread.
class Attachment {
 public:
  virtual ~Attachment() = default;
};

// Why a request goes on of which nothing is heard.
enum class LifeSign : std::uint8_t {
  work,    // somebody works on it: its time starts anew, as with progress
  person,  // a person does, who was not asked by Exchange::ask(): as during a question, until the next sign
};

// The client's side of one request, as its service sees it.
class Exchange {
 public:
  virtual ~Exchange() = default;

  [[nodiscard]] const ClientRequest& request() const { return request_; }
  // The legacy session this request belongs to (also for stdio); null in the modern era.
  [[nodiscard]] Session* session() const { return session_; }

  // Sends a JSON-RPC notification on this request's stream. Returns the room left in bytes; at 0 the service
  // should pause its source until drained(). Nothing is lost by not pausing until the peer's bound closes it.
  virtual std::size_t notify(Bytes message) = 0;
  // Sends a JSON-RPC request to the client on this request's stream. Legacy era only; the answer comes as
  // Service::message() of the session.
  virtual std::size_t ask(Bytes message) = 0;
  // There is nothing to tell the client, but the request goes on. For a front that limits silence.
  virtual void sign(LifeSign) {}
  // Ends the exchange with a whole JSON-RPC response that carries the client's id. The exchange is gone
  // afterwards.
  virtual void finish(Bytes response) = 0;
  // Ends it with an error that we, not the service's tools, are the origin of. `http_status` is used where
  // the front is HTTP and nothing has been sent yet; `data` is JSON text or empty. The exchange is gone
  // afterwards.
  virtual void refuse(int http_status, int code, std::string_view sentence, std::string_view data) = 0;

  std::unique_ptr<Attachment> attachment;
  // For a service that only chooses among others: whom it chose for this exchange.
  Service* chosen = nullptr;

 protected:
  Exchange(ClientRequest request, Session* session) : request_(std::move(request)), session_(session) {}
  ClientRequest request_;
  Session* session_;
};

// A legacy session (or the one legacy peer of a stdio connection), as its service sees it.
class Session {
 public:
  virtual ~Session() = default;

  [[nodiscard]] const Principal& principal() const { return principal_; }
  [[nodiscard]] Revision revision() const { return revision_; }  // negotiated; the offer before that

  // Sends a message outside any exchange: on the standalone GET stream, or as a line. Without an open stream
  // it is kept in the session's event log for the next one. Returns the room left.
  virtual std::size_t send(Bytes message) = 0;
  // Ends the session from the service's side (its upstream died): open exchanges are refused, later requests
  // get 404. The session is gone after the current Service call; ended() is not called.
  virtual void end(std::string_view why) = 0;

  std::unique_ptr<Attachment> attachment;
  // As Exchange::chosen, for all of this session.
  Service* chosen = nullptr;

 protected:
  Session(Principal principal, Revision revision) : principal_(std::move(principal)), revision_(revision) {}
  Principal principal_;
  Revision revision_;
};

enum class CancelReason : std::uint8_t {
  client,     // notifications/cancelled, or a modern response stream closed
  peer_gone,  // the stdio peer ended, the session was deleted or expired
  shutdown,
  timed_out,
};

// Whatever answers exchanges. All calls come on the reactor's thread.
class Service {
 public:
  virtual ~Service() = default;

  // A request was opened: ends in finish(), refuse() or cancelled(). `initialize` opens a session's first
  // exchange; the session is established when its finish() carries a result.
  virtual void open(Exchange& exchange) = 0;
  // The client gave up; the exchange is gone when this returns.
  virtual void cancelled(Exchange& exchange, CancelReason reason) = 0;
  // There is room again after notify() or ask() returned 0.
  virtual void drained(Exchange&) {}
  virtual void drained(Session&) {}
  // A client notification (all but cancelled), or its answer to an ask.
  virtual void message(Session& session, ClientMessage message) = 0;
  // The client deleted the session, it expired, or its connection closed; gone when this returns. Its
  // exchanges were cancelled before.
  virtual void ended(Session& session) = 0;
  // The revisions to name in -32022 and to accept in the modern era, newest first.
  [[nodiscard]] virtual std::vector<Revision> revisions() const = 0;
};

}  // namespace sluice
