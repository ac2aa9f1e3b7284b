// SPDX-License-Identifier: Apache-2.0
#pragma once
// The moving parts of a StreamableHttpServer, nobody else's business: exchanges, the replies they share,
// sessions.
//
//   HttpCall ◄──► HttpReply ──owns──► HttpExchange(s)          HttpSession ──knows──► exchanges in flight,
//   its GET
//
// A reply is the answer to one POST. A modern one dies with its call; a legacy one goes on without and may
// get another call, by a GET with Last-Event-ID. What is over is buried in the server and freed when nobody's
// function can be on the stack above it, since services end exchanges from inside their own attachments.
// Lives on one reactor.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "codec/jsonrpc.h"
#include "mcp/session.h"
#include "transport/exchange_clock.h"
#include "transport/streamable_http_server.h"

namespace sluice {

struct HttpCallState final : HttpAttachment {
  Principal principal;
  HttpReply* reply = nullptr;      // what this call carries
  HttpSession* session = nullptr;  // or whose standalone stream
};

class HttpExchange final : public Exchange {
 public:
  HttpExchange(StreamableHttpServer& server, HttpReply& reply, ClientRequest request, HttpSession* session,
               Charge charge);

  std::size_t notify(Bytes message) override;
  std::size_t ask(Bytes message) override;
  void sign(LifeSign why) override;
  void finish(Bytes response) override;
  void refuse(int http_status, int code, std::string_view sentence, std::string_view data) override;

  // Starts the clock and hands it to the service.
  void open();
  // Tells the service; the client gets no response.
  void cancel(CancelReason reason);
  // Tells the service and answers the client.
  void fail(CancelReason reason, const Refusal& refusal);
  // Answers the client; the service is not told.
  void answer_refusal(const Refusal& refusal);
  // As when a server shuts down: a listen gets its graceful result.
  void end_listen();
  void drained();

  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] bool is_listen() const { return clock_.kind() == ExchangeKind::listen; }
  [[nodiscard]] bool is_initialize() const { return clock_.kind() == ExchangeKind::initialize; }
  [[nodiscard]] const RpcId& id() const { return id_; }
  [[nodiscard]] ExchangeClock& clock() { return clock_; }

 private:
  friend class HttpReply;
  std::unique_ptr<HttpExchange> leave();  // every table; it is over
  void conclude(Bytes response, int status);
  void on_timeout();

  StreamableHttpServer& server_;
  HttpReply* reply_;
  HttpSession* http_session_;
  Charge charge_;  // the request's share of the byte budget
  RpcId id_;
  ExchangeClock clock_;
  bool blocked_ = false;
  bool over_ = false;
};

class HttpReply {
 public:
  HttpReply(StreamableHttpServer& server, HttpCall& call, Era era, HttpSession* session, bool batch);
  HttpReply(const HttpReply&) = delete;
  HttpReply& operator=(const HttpReply&) = delete;

  HttpExchange& add(ClientRequest request, Charge charge);
  std::unique_ptr<HttpExchange> take(HttpExchange& exchange);
  // A notification or an ask. Returns the room left.
  std::size_t send(Bytes message);
  // A response; the last one ends the reply. Ignored when the reply is over.
  void deliver(Bytes response, int status);
  void rest();
  // Ends it without one, when no exchange is left.
  void end_if_done();

  void on_drained();
  void on_gone();
  // A GET that resumes this stream; an older call is ended.
  void attach(HttpCall& call);

  // With the first byte of the answer goes this session's id.
  void announce(const std::string& session_id) { session_id_ = session_id; }
  [[nodiscard]] const std::vector<std::unique_ptr<HttpExchange>>& exchanges() const { return exchanges_; }
  [[nodiscard]] std::uint32_t stream() const { return stream_; }
  [[nodiscard]] const HttpSession* session() const { return session_; }
  [[nodiscard]] bool over() const { return over_; }

 private:
  enum class Mode : std::uint8_t { undecided, stream };
  void start_stream();
  std::size_t write_event(Bytes message);
  void on_timer();
  void arm();
  void finish();
  HttpCall* release_call();

  StreamableHttpServer& server_;
  HttpCall* call_;  // null when the client has gone
  HttpSession* session_;
  std::vector<std::unique_ptr<HttpExchange>> exchanges_;
  std::string responses_;  // of a batch that is not decided yet, comma-separated
  std::string session_id_;
  Timer timer_;               // decides, then comments
  std::uint32_t stream_ = 0;  // in the session's event log, once it is one
  Era era_;
  Mode mode_ = Mode::undecided;
  bool batch_;
  bool over_ = false;
};

class HttpSession final : public Session {
 public:
  HttpSession(StreamableHttpServer& server, std::string id, Principal principal, Revision offer);

  std::size_t send(Bytes message) override;
  void end(std::string_view why) override;

  // The standalone stream.
  [[nodiscard]] bool has_standalone() const { return standalone_ != nullptr; }
  void open_standalone(HttpCall& call, HttpCallState& state);
  void resume_standalone(HttpCall& call, HttpCallState& state, const std::vector<LoggedEvent>& events);
  void end_standalone();
  void on_drained();
  void on_gone();

  void touch();
  void negotiated(Revision revision);
  void opened(HttpExchange& exchange);
  void closed(HttpExchange& exchange);
  // The client is asked, during these or nobody knows which.
  void asked(Bytes message, const std::vector<ExchangeClock*>& clocks);
  void answered(const Envelope& answer) { asks_.answered(answer); }
  [[nodiscard]] HttpExchange* find(Bytes raw_id) const;
  std::uint32_t next_stream();
  // A stream is over and may still be asked for; only some of these are kept.
  void stream_ended(std::uint32_t stream);
  // Everything open is over; what happens to it is the caller's matter. Ends the standalone stream.
  void shut();

  [[nodiscard]] const std::string& id() const { return id_; }
  // Also while it is being ended.
  [[nodiscard]] bool over() const { return over_ || closing_; }
  void begin_closing() { closing_ = true; }
  [[nodiscard]] const std::map<std::string, HttpExchange*>& in_flight() const { return in_flight_; }

  LegacySession state;

 private:
  void start_stream(HttpCall& call, HttpCallState& call_state);
  std::size_t write_standalone(Bytes text, Bytes id);
  void on_idle();
  void on_keep_alive();

  StreamableHttpServer& server_;
  std::string id_;
  // Maps keep nothing when they are empty, as those of idle sessions are.
  std::map<std::string, HttpExchange*> in_flight_;  // by canonical id
  OpenAsks asks_;
  std::vector<std::uint32_t> ended_streams_;  // oldest first
  HttpCall* standalone_ = nullptr;
  std::string last_standalone_id_;  // of the last event written to a client; what is behind it waits
  Timer idle_;
  Timer keep_alive_;
  std::uint32_t streams_ = 0;  // numbered so far; 0 is the standalone one
  bool blocked_ = false;
  bool closing_ = false;
  bool over_ = false;
};

// The fields of an event stream's head.
[[nodiscard]] std::vector<HeaderField> event_stream_fields(Bytes session_id);

}  // namespace sluice
