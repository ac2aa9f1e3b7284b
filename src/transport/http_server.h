// SPDX-License-Identifier: Apache-2.0
#pragma once
// HTTP/1.1, serving side: one connection machine over Stream, and calls for a handler to answer now or later.
//
// Knows requests, bodies, timers and when a connection lives on; knows no routes and nothing of MCP. Requests
// of one connection are answered one after the other; what a client sends ahead waits in a bounded buffer. An
// idle connection is one small object: reader, call and buffers exist only while there is something to do.
// Handlers must outlive the server. Lives on one reactor. RFC 9110, RFC 9112; docs/http1.md.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "base/budget.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/slab.h"
#include "codec/http1.h"
#include "net/reactor.h"
#include "net/stream.h"

namespace sluice {

class HttpCall;
class HttpConnection;
class HttpServer;

// Answers calls. All of these may answer at once, from inside.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // The head is there and the body is not: the place for cheap checks. An answer given here spares the body,
  // which is then skipped, or the connection closed when it is long.
  virtual void on_head(HttpCall&) {}
  // The whole request is there. Not called when on_head answered.
  virtual void on_request(HttpCall& call, PaddedString body) = 0;
  // There is room again after HttpCall::write() had returned 0.
  virtual void on_drained(HttpCall&) {}
  // The client went away before the answer was complete. The call is gone when this returns.
  virtual void on_gone(HttpCall&) {}
};

// What a handler keeps with a call; destroyed with it.
class HttpAttachment {
 public:
  virtual ~HttpAttachment() = default;
};

// One request and its answer. Valid from on_head until respond() or end() was called or on_gone() has
// returned.
class HttpCall {
 public:
  // Valid, with the views in it, as long as the call, or until it rests.
  [[nodiscard]] const HttpHead& head() const { return request_ ? request_->head : no_head; }
  [[nodiscard]] Bytes field(Bytes name) const { return header_value(head().fields, name); }
  [[nodiscard]] std::string peer_name() const;

  // Answers whole. The framing and Date, Connection are added to `fields`; an empty content type adds none.
  // To a HEAD only the head is sent. The call is gone afterwards, unless this runs inside on_head or
  // on_request, where it lives on until they return.
  void respond(int status, Bytes content_type, Bytes body, HeaderFields fields = {});
  // Answers piece by piece: this, write() as often as there is something, end().
  void start_stream(int status, Bytes content_type, HeaderFields fields = {});
  // Returns the room left; at 0 pause until on_drained(). A peer that does not read is closed at limits.net's
  // bound.
  std::size_t write(Bytes bytes);
  // The same for a text that lies in pieces, such as a large one between two small ones.
  std::size_t write(std::initializer_list<Bytes> pieces);
  // The call is gone afterwards, as with respond().
  void end();

  // For a stream on which nothing may come for long: gives back the memory that only a busy call needs, now
  // and after each write(). head() is empty from now on.
  void rest();

  // The share of the byte budget that the body holds: whoever keeps the body longer than the call takes it
  // over.
  [[nodiscard]] Charge take_charge() { return std::move(charge_); }

  // The head of an answer was given.
  [[nodiscard]] bool answered() const { return state_ != State::waiting; }
  // From now on `handler` gets this call's events: for a router, which then calls its on_head().
  void hand_to(HttpHandler& handler) { handler_ = &handler; }

  std::unique_ptr<HttpAttachment> attachment;

 private:
  friend class HttpConnection;
  friend class HttpServer;
  enum class State : std::uint8_t { waiting, streaming, complete };
  struct Request {
    HttpHead head;
    std::string text;  // what its views point into
  };
  static const HttpHead no_head;
  void keep_head(const HttpHead& head);
  void clear();

  HttpConnection* connection_ = nullptr;
  HttpHandler* handler_ = nullptr;
  std::unique_ptr<Request> request_;  // null when it rests
  Charge charge_;
  State state_ = State::waiting;
  bool chunked_ = false;       // how the streamed body is framed: chunks, or until the connection ends
  bool without_body_ = false;  // the request is a HEAD
  bool resting_ = false;
  bool blocked_ = false;  // write() returned 0
};

static_assert(sizeof(HttpCall) <= 64, "a stream may rest for long");

struct HttpServerOptions {
  HttpLimits http;
  NetLimits net;  // of them turn_messages_max and unsent_bytes_max
  std::size_t ahead_bytes_max =
      16 * 1024;  // of further requests, before a connection that is being answered is paused
  milliseconds linger = seconds(2);  // silence after which a connection that is being closed is cut
};

// Facts for the caller to export.
struct HttpServerCounters {
  std::uint64_t connections = 0;           // accepted so far
  std::uint64_t requests = 0;              // heads read
  std::array<std::uint64_t, 6> answers{};  // by the status's first digit
  std::uint64_t refused = 0;               // malformed requests
  std::uint64_t receipt_timeouts = 0;      // 408
  std::uint64_t budget_refusals = 0;       // 503 because the byte budget was used up
  std::uint64_t gone = 0;                  // clients that left before their answer was complete
  std::uint64_t slow_readers = 0;          // closed because they did not read
};

class HttpServer {
 public:
  HttpServer(Reactor& reactor, HttpHandler& handler, HttpServerOptions options);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  // Closes every connection; calls without a complete answer are told on_gone.
  ~HttpServer();

  // Serves an accepted stream until it closes.
  void adopt(StreamPtr stream);

  // Closes idle connections now and every other one after the answer it owes. `emptied` is called once, when
  // none is left: never from inside this.
  void drain(std::function<void()> emptied);

  [[nodiscard]] std::size_t connections() const;
  // Whether a call that is not over belongs to `handler`, which must not be destroyed before.
  [[nodiscard]] bool serves(const HttpHandler& handler) const;
  [[nodiscard]] const HttpServerCounters& counters() const { return counters_; }
  // What an idle connection takes here, the stream not counted.
  [[nodiscard]] static std::size_t idle_connection_bytes();

 private:
  friend class HttpConnection;
  friend class HttpCall;
  struct Busy;  // what a connection needs while it is not idle

  std::unique_ptr<Busy> borrow_busy();
  void return_busy(std::unique_ptr<Busy> busy);
  void forget(Handle handle);
  void go_on_later(Handle handle);
  void go_on();
  [[nodiscard]] Bytes date();

  Reactor& reactor_;
  HttpHandler& handler_;
  HttpServerOptions options_;
  HttpServerCounters counters_;
  std::vector<std::unique_ptr<Busy>> spare_;  // a few, so that busy connections allocate nothing
  std::vector<Handle> waiting_;               // connections that go on in the next turn
  Timer next_turn_;
  std::string date_;
  std::int64_t date_second_ = -1;
  bool draining_ = false;
  std::function<void()> emptied_;
  std::unique_ptr<Slab<HttpConnection>> connections_;
};

// The text of an HTTP date, RFC 9110 5.6.7.
[[nodiscard]] std::string http_date(WallTime time);

}  // namespace sluice
