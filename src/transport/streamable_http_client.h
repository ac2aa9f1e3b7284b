// SPDX-License-Identifier: Apache-2.0
#pragma once
// Streamable HTTP, asking side: one MCP endpoint, messages posted to it and the messages that come back.
//
// Knows how messages ride on HTTP in both eras (JSON or SSE replies, the standalone GET stream, DELETE);
// knows no session rules and no method: which fields a request carries is the caller's. Nothing is ever
// posted twice, but for what was refused for its credentials: an Authorizer may get better ones. All three
// kinds of request are owned by their starter and may be dropped from inside their callbacks. Lives on one
// reactor. Spec: basic/transports of 2025-03-26 to 2026-07-28.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/budget.h"
#include "base/lifetime.h"
#include "base/random.h"
#include "codec/json_scan.h"
#include "codec/sse.h"
#include "mcp/exchange.h"
#include "transport/authorizer.h"
#include "transport/http_client.h"

namespace sluice {

// An answer that is no MCP message stream: a refusal, mostly.
struct HttpAnswer {
  int status = 0;
  std::string body;              // bounded; what is beyond is cut
  std::string www_authenticate;  // of a 401 or 403
};

class UpstreamPostHandler {
 public:
  virtual ~UpstreamPostHandler() = default;
  // The response's Mcp-Session-Id, before anything else of it.
  virtual void on_session_id(Bytes id) { static_cast<void>(id); }
  // One message of the reply, in order.
  virtual void on_message(ClientMessage message) = 0;
  // The reply ended as it should (202, or the end of the JSON text or stream): the last call.
  virtual void on_done() = 0;
  // Any other status than 200 and 202: the last call.
  virtual void on_refused(const HttpAnswer& answer) = 0;
  // The transport failed, or the reply was no MCP: the last call.
  virtual void on_failed(const Error& error, Outcome outcome) = 0;
};

class StreamableHttpClient;

// Fields that all requests of a session carry, kept once for all of them.
using SessionFields = std::shared_ptr<const std::vector<HeaderPair>>;

// How a POST is made.
struct PostOptions {
  // The reply has no end of its own (subscriptions/listen), so it takes no connection of the pool.
  bool stays_open = false;
  // An answer or a notification: calls that fill the pool may wait for it.
  bool urgent = false;
  // Legacy era: a reply stream that breaks off before its response is taken up again by GET with these fields
  // and Last-Event-ID, if the server gave its events ids, after `retry:` or a growing, jittered wait. Null:
  // it is not.
  SessionFields resumes_with = nullptr;
};

// Of a request that can be refused for its credentials, and what sending it once more needs.
struct RequestCredentials {
  AuthChallenge challenge;
  std::shared_ptr<void> getting;  // better ones
  std::string message;            // of a POST, with its fields
  std::vector<HeaderPair> fields;
};

// One POST and its reply. Dropping it closes the reply, which in the modern era cancels the call; once a
// response has been handed over there is nothing to cancel, and the connection is kept for the next.
class UpstreamPost final : private HttpFetchHandler {
 public:
  ~UpstreamPost() override;
  // Stops and restarts the reply: the far upstream stops with it.
  void pause();
  void resume();
  // The reply waits for a person: it takes no connection of the pool any more.
  void leave_pool() {
    if (fetch_) fetch_->leave_pool();
  }

 private:
  friend class StreamableHttpClient;
  enum class Reply : std::uint8_t { none, json, stream, other };
  UpstreamPost(StreamableHttpClient& client, UpstreamPostHandler& handler, PostOptions options);

  // The message, and the request for the rest of its reply.
  void send(std::string message, std::vector<HeaderPair> fields);
  void send_resuming();
  void begin(std::string method, std::vector<HeaderPair> fields, std::string body);
  void on_head(const HttpHead& head) override;
  void on_body(Bytes piece) override;
  void on_complete() override;
  void on_failed(const Error& error, Outcome outcome) override;
  // True when the reply's end is not the last word: credentials are got, or the stream is taken up again.
  bool ask_for_credentials();
  bool take_up_again(bool broke);
  void expect_body(std::uint64_t length);
  void on_stream(Bytes piece);
  // False when we were dropped meanwhile.
  bool deliver(PaddedString text);

  StreamableHttpClient& client_;
  UpstreamPostHandler& handler_;
  PostOptions options_;
  std::unique_ptr<HttpFetch> fetch_;
  Reply reply_ = Reply::none;
  bool answered_ = false;  // a response or error was handed over
  bool resuming_ = false;  // the request under way, or waited for, is a GET
  bool paused_ = false;
  // Many wait long for their replies: what most of them do not need is held apart.
  std::unique_ptr<HttpAnswer> answer_;  // of Reply::other
  std::string body_;
  Charge charge_;
  std::unique_ptr<SseReader> events_;
  std::unique_ptr<RequestCredentials> credentials_;  // null without an Authorizer
  std::string last_event_id_;
  int failures_ = 0;  // to take the stream up again, in a row
  Timer retry_;
  Lifetime lifetime_;
};

static_assert(sizeof(UpstreamPost) <= 240, "many wait long for their replies");

class UpstreamListenHandler {
 public:
  virtual ~UpstreamListenHandler() = default;
  // The stream is open (again).
  virtual void on_opened() {}
  virtual void on_message(ClientMessage message) = 0;
  // The upstream offers no standalone stream (405, 501, 204, a redirect, another media type), or refused it
  // for good (4xx): the last call. 408, 429 and other 5xx are asked again.
  virtual void on_unavailable(int status) = 0;
};

// The standalone GET stream of a legacy session. Reconnects with Last-Event-ID, after `retry:` or a growing,
// jittered wait, until it is dropped or refused.
class UpstreamListen final : private HttpFetchHandler {
 public:
  void pause();
  void resume();

 private:
  friend class StreamableHttpClient;
  UpstreamListen(StreamableHttpClient& client, SessionFields fields, UpstreamListenHandler& handler);

  void connect();
  void again();
  void pass_over();
  void on_head(const HttpHead& head) override;
  void on_body(Bytes piece) override;
  void on_complete() override;
  void on_failed(const Error& error, Outcome outcome) override;

  StreamableHttpClient& client_;
  SessionFields fields_;
  UpstreamListenHandler& handler_;
  std::unique_ptr<HttpFetch> fetch_;
  std::unique_ptr<SseReader> events_;
  std::string last_event_id_;
  int status_ = 0;
  int failures_ = 0;   // in a row, of streams on which nothing came
  int oversized_ = 0;  // events
  Charge charge_;
  std::unique_ptr<RequestCredentials> credentials_;  // null without an Authorizer
  bool paused_ = false;
  Lifetime lifetime_;
  Timer retry_;
};

static_assert(sizeof(UpstreamListen) <= 200, "every idle session of a gateway has one");

struct StreamableHttpClientOptions {
  HttpClientOptions http;
  SseLimits sse;
  JsonLimits json;
  std::vector<HeaderPair> fields;  // laid on every request, such as an API key
  Authorizer* authorizer = nullptr;
  int authorizations_max = ClientLimits{}.authorizations_max;  // of one request
  std::size_t refusal_bytes_max = UpstreamLimits{}.refusal_bytes_max;
  milliseconds farewell = UpstreamLimits{}.farewell_wait;   // for the answer to a DELETE
  milliseconds retry_least = UpstreamLimits{}.retry_least;  // bounds of what a server's `retry:` may ask for
  milliseconds retry_most = UpstreamLimits{}.retry_most;
  std::size_t farewells_max = UpstreamLimits{}.farewells_max;
  milliseconds reconnect_first = UpstreamLimits{}.reconnect_first;
  milliseconds reconnect_max = UpstreamLimits{}.reconnect_max;
  int oversized_events_max = UpstreamLimits{}.oversized_events_max;
  std::uint64_t jitter_seed = 0;
};

class StreamableHttpClient {
 public:
  // `url` is an http URL; https is refused until TLS is there.
  static Result<std::unique_ptr<StreamableHttpClient>> open(Reactor& reactor, const std::string& url,
                                                            StreamableHttpClientOptions options);

  StreamableHttpClient(const StreamableHttpClient&) = delete;
  StreamableHttpClient& operator=(const StreamableHttpClient&) = delete;
  ~StreamableHttpClient();

  // Posts one message. `fields` are the era's own (session, version, Mcp-*). Callbacks never come from inside
  // this.
  std::unique_ptr<UpstreamPost> post(std::string message, std::vector<HeaderPair> fields,
                                     UpstreamPostHandler& handler, PostOptions options = {});
  // Opens the standalone stream of a session.
  std::unique_ptr<UpstreamListen> listen(SessionFields fields, UpstreamListenHandler& handler);
  // Ends a session with DELETE, fire and forget: it outlives its caller, and a failure is nobody's business.
  void end_session(std::vector<HeaderPair> fields);

  [[nodiscard]] const HttpClient& http() const { return http_; }
  [[nodiscard]] std::size_t farewells() const { return farewells_.size(); }

 private:
  friend class UpstreamPost;
  friend class UpstreamListen;
  struct Farewell;
  StreamableHttpClient(Reactor& reactor, HttpOrigin origin, std::string target,
                       StreamableHttpClientOptions options);
  // `credentials` is told what the Authorizer laid on.
  HttpFetchRequest request(std::string method, std::vector<HeaderPair> fields, std::string body,
                           RequestCredentials* credentials = nullptr) const;
  // Before a stream is asked for again: what the server said, or full jitter under a bound that doubles, so
  // that three tries fall within the first seconds.
  milliseconds reconnect_wait(int failures, const SseReader* events);

  Reactor& reactor_;
  StreamableHttpClientOptions options_;
  std::string target_;
  HttpClient http_;
  MessageScanner scanner_;
  Random random_;
  std::vector<std::unique_ptr<Farewell>> farewells_;  // DELETEs under way, at most farewells_max
};

}  // namespace sluice
