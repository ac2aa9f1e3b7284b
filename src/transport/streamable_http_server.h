// SPDX-License-Identifier: Apache-2.0
#pragma once
// The Streamable HTTP front of one path: both eras, turned into exchanges and sessions for a Service.
//
//   POST ── body ──► modern: an exchange, its stream is its life; closing it cancels
//               └──► legacy: through a session; closing a stream cancels nothing, what follows is kept for a
//               later GET
//   GET, DELETE ──► legacy sessions only
//
// The era is decided by the body. Whether a POST is answered as JSON or as an event stream is decided by what
// comes first: the response, or anything else. Knows no upstream and no tool, accepts no connection. Must
// outlive the HttpServer that calls it and be outlived by the Service. Lives on one reactor. Spec:
// basic/transports of 2025-03-26 to 2026-07-28; ledger C1, C2, C3.

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/limits.h"
#include "mcp/event_log.h"
#include "mcp/exchange.h"
#include "mcp/modern.h"
#include "mcp/session_id.h"
#include "net/reactor.h"
#include "transport/exchange_clock.h"
#include "transport/http_server.h"
#include "transport/http_server_guard.h"

namespace sluice {

class HttpExchange;
class HttpReply;
class HttpSession;
struct HttpCallState;

// Who calls, or why not.
struct HttpIdentity {
  Principal principal;
  int refuse_status = 0;           // 0: admitted; else 401, 403 or 429
  std::string sentence;            // why
  std::vector<HeaderPair> fields;  // say, WWW-Authenticate or Retry-After
};
using IdentifyHttp = std::function<HttpIdentity(const HttpCall&)>;

struct StreamableHttpOptions {
  Limits limits;
  const HttpGuard* guard = nullptr;  // null: the caller has checked Host and Origin; else it outlives us
  IdentifyHttp identify;             // absent: everybody is the anonymous principal
  UnknownMethods unknown_methods = UnknownMethods::forward;
  milliseconds initialize = McpLimits{}.initialize;  // a gateway waits for its upstream's start
  bool tool_timer = true;                            // requests without progress end after limits.mcp.tool
  milliseconds decide_after = seconds(15);           // when a POST without an answer becomes an event stream
  std::vector<std::string> keep_headers;             // of requests, for the service
  milliseconds sse_retry = seconds(1);               // what clients are told to wait before they reconnect
};

struct StreamableHttpCounters {
  std::uint64_t requests = 0;  // exchanges opened
  std::uint64_t refused = 0;   // refused by the front, not by the service
  std::uint64_t cancelled = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t detached = 0;  // legacy requests that outlived their connection
  std::uint64_t replayed_events = 0;
  std::uint64_t sessions_opened = 0;
  std::uint64_t sessions_expired = 0;
};

class StreamableHttpServer final : public HttpHandler {
 public:
  // Everything referred to outlives this. `entropy` draws the random part of a session id.
  struct Parts {
    Reactor& reactor;
    Service& service;
    SessionIds& session_ids;
    EventLog& event_log;
    std::function<SessionRandom()> entropy;
  };
  StreamableHttpServer(Parts parts, StreamableHttpOptions options);
  StreamableHttpServer(const StreamableHttpServer&) = delete;
  StreamableHttpServer& operator=(const StreamableHttpServer&) = delete;
  // Open exchanges are cancelled, sessions ended.
  ~StreamableHttpServer() override;

  void on_head(HttpCall& call) override;
  void on_request(HttpCall& call, PaddedString body) override;
  void on_drained(HttpCall& call) override;
  void on_gone(HttpCall& call) override;

  // Ends what would never end by itself (listens, GET streams) and refuses new requests; the rest finishes.
  void drain();
  // Ends everything at once: open exchanges are cancelled and refused, sessions ended.
  void cut();

  [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  [[nodiscard]] const StreamableHttpCounters& counters() const { return counters_; }

 private:
  friend class HttpExchange;
  friend class HttpReply;
  friend class HttpSession;

  void on_post(HttpCall& call, PaddedString body);
  void on_get(HttpCall& call);
  void on_delete(HttpCall& call);
  void on_modern(HttpCall& call, ClientMessage message, const StandardHeaders& headers);
  void on_legacy(HttpCall& call, ClientMessage message);
  void on_initialize(HttpCall& call, ClientMessage message);
  void on_client_message(HttpSession& session, ClientMessage message);
  void on_batch(HttpCall& call, ClientMessage message, const StandardHeaders& headers);
  void run_batch(HttpCall& call, HttpSession& session, std::vector<ClientMessage> elements);
  void resume(HttpCall& call, HttpSession& session, Bytes last_event);
  void refuse(HttpCall& call, const Refusal& refusal, Bytes id_raw = {});
  void accept(HttpCall& call);  // 202
  // The session that the call names, checked; null when the call was answered.
  HttpSession* find_session(HttpCall& call, Bytes id_raw);
  ClientRequest make_request(HttpCall& call, ClientMessage message, Era era, Revision revision);
  [[nodiscard]] bool may_listen(const Principal& principal) const;

  void bury(std::unique_ptr<HttpExchange> exchange);
  void forget_reply(HttpReply& reply);
  // The session and what is open in it are over; the service is told, its clients get 404.
  void end_session(HttpSession& session);
  // The session is over and the service knows.
  void drop_session(HttpSession& session);
  void reap();
  void reap_later();
  void housekeeping();

  Parts parts_;
  StreamableHttpOptions options_;
  ExchangeClockLimits clock_limits_;
  std::vector<Revision> revisions_;
  bool has_legacy_ = false;
  bool has_modern_ = false;
  bool draining_ = false;
  MessageScanner scanner_;
  StreamableHttpCounters counters_;
  std::size_t in_flight_ = 0;
  std::uint64_t next_correlation_ = 1;
  std::unordered_map<std::string, std::size_t> listens_;              // by principal
  std::unordered_map<Bytes, std::unique_ptr<HttpSession>> sessions_;  // by their own id()
  std::unordered_map<HttpReply*, std::unique_ptr<HttpReply>> replies_;
  // What is over, until nobody's function can be on the stack above it.
  std::vector<std::unique_ptr<HttpExchange>> dead_exchanges_;
  std::vector<std::unique_ptr<HttpReply>> dead_replies_;
  std::vector<std::unique_ptr<HttpSession>> dead_sessions_;
  Timer reaper_;
  Timer housekeeper_;
  std::string out_;  // scratch
};

}  // namespace sluice
