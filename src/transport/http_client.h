// SPDX-License-Identifier: Apache-2.0
#pragma once
// HTTP/1.1, asking side: requests to one origin over a pool of kept-alive connections.
//
// Knows requests, responses, connections and their timers; nothing of MCP. A request is never sent twice:
// what happened to one that failed is said by its Outcome, and whether to ask again is the caller's decision.
// Dropping a fetch aborts it, which closes its connection unless the response was complete. Lives on one
// reactor. RFC 9110, RFC 9112.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "codec/http1.h"
#include "mcp/exchange.h"
#include "net/connect.h"
#include "net/reactor.h"
#include "net/stream.h"

namespace sluice {

class HttpClient;
class HttpClientConnection;

// What a fetch tells its owner, who may drop the fetch from inside any of these.
class HttpFetchHandler {
 public:
  virtual ~HttpFetchHandler() = default;
  // The final response's head; views are gone when this returns.
  virtual void on_head(const HttpHead& head) = 0;
  // The next piece of the body; gone when this returns.
  virtual void on_body(Bytes piece) = 0;
  // The response is complete: the last call.
  virtual void on_complete() = 0;
  // It failed: the last call. not_sent: no byte of the request left this process.
  virtual void on_failed(const Error& error, Outcome outcome) = 0;
};

struct HttpFetchRequest {
  std::string method;
  std::string target;
  std::vector<HeaderPair> fields;  // Host, Content-Length and Connection are added
  std::string body;
  bool stays_open = false;  // a stream without an end: it gets a connection of its own beside the pool
  // Others may be waiting for what it brings, so it does not wait for them: where the pool is full, it gets a
  // connection beside it.
  bool urgent = false;
};

// One request and its response. Owned by whoever started it; outlives neither its handler nor its client.
class HttpFetch {
 public:
  HttpFetch(const HttpFetch&) = delete;
  HttpFetch& operator=(const HttpFetch&) = delete;
  ~HttpFetch();

  // Stops and restarts the response's body: the far server stops with it.
  void pause();
  void resume();
  // The response may be long in coming to its end (a person is asked): its connection counts no longer for
  // the pool, which may make another in its place, if streams_max allows.
  void leave_pool();
  // Ends this fetch as dropping it would, but does not cost the connection where little is left to come: the
  // rest of the response is thrown away, within bounds. For who knows that it holds nothing more for him.
  // Nothing is called afterwards.
  void finish_unheard();

 private:
  friend class HttpClient;
  friend class HttpClientConnection;
  HttpFetch(HttpClient& client, HttpFetchHandler& handler) : client_(client), handler_(handler) {}

  HttpClient& client_;
  HttpFetchHandler& handler_;
  std::unique_ptr<HttpFetchRequest> unsent_;    // while it waits for a connection
  HttpClientConnection* connection_ = nullptr;  // null while waiting, and when over
  bool waiting_ = false;
  bool paused_ = false;
};

static_assert(sizeof(HttpFetch) <= 64, "many wait long for their responses");

// Where an upstream is.
struct HttpOrigin {
  std::string host;
  std::uint16_t port = 80;
  std::string host_field;  // what the Host field says
};

// Makes a connection, as connect_stream of net/connect.h does; dropping what it returns cancels.
using StartConnect = std::function<std::shared_ptr<void>(
    Reactor&, const std::string& host, std::uint16_t port, Duration timeout, OnConnect on_connect)>;

struct HttpClientOptions {
  HttpLimits http;
  std::size_t connections_max = UpstreamLimits{}.connections_max;
  std::size_t waiting_max = UpstreamLimits{}.waiting_max;
  std::size_t streams_max =
      UpstreamLimits{}.streams_max;  // connections beside the pool, for requests that stay open
  milliseconds connect = NetLimits{}.connect;
  milliseconds idle = UpstreamLimits{}.idle_connection;
  milliseconds unheard = UpstreamLimits{}.unheard;  // for the rest of a response after finish_unheard()
  std::size_t unheard_bytes_max = UpstreamLimits{}.unheard_bytes_max;
  StartConnect start_connect;  // empty: connect_stream
};

struct HttpClientCounters {
  std::uint64_t connects = 0;
  std::uint64_t connect_failures = 0;
  std::uint64_t requests = 0;
  std::uint64_t failures = 0;  // requests that ended in on_failed
  std::uint64_t refusals = 0;  // requests for which the queue had no room
};

class HttpClient {
 public:
  HttpClient(Reactor& reactor, HttpOrigin origin, HttpClientOptions options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();  // every fetch must be gone

  // Starts a request: on an idle connection, a new one, or queued behind the others. The handler is never
  // called from inside this.
  std::unique_ptr<HttpFetch> start(HttpFetchRequest request, HttpFetchHandler& handler);

  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  [[nodiscard]] std::size_t idle_connections() const { return idle_.size(); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] const HttpClientCounters& counters() const { return counters_; }

 private:
  friend class HttpFetch;
  friend class HttpClientConnection;

  // Sends the request on an idle connection or a new one; false, and untouched, when the pool has neither.
  bool begin(HttpFetch& fetch, HttpFetchRequest& request);
  // Room for one connection more beside the pool, for one that leaves it; false when there are streams_max.
  bool take_out();
  void connect(HttpFetch& fetch, HttpFetchRequest& request, bool pooled);
  void dispatch();
  void fail_later(HttpFetch& fetch, Error error);
  void forget(HttpFetch& fetch);
  void became_idle(HttpClientConnection& connection);
  void closed(HttpClientConnection& connection);
  void reap();

  Reactor& reactor_;
  HttpOrigin origin_;
  HttpClientOptions options_;
  HttpClientCounters counters_;
  std::vector<std::unique_ptr<HttpClientConnection>> connections_;
  std::size_t streams_ = 0;  // connections of fetches that stay open, which the pool does not count
  std::vector<HttpClientConnection*> idle_;                  // the most recently used last
  std::vector<std::unique_ptr<HttpClientConnection>> dead_;  // freed at the end of the turn
  std::deque<HttpFetch*> waiting_;
  struct Failing {
    HttpFetch* fetch;
    Error error;
  };
  std::deque<Failing> failing_;
  std::string scratch_;  // heads being written
  Timer later_;          // dispatch, failures and reaping, outside of callers' stacks
};

}  // namespace sluice
