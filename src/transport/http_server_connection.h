// SPDX-License-Identifier: Apache-2.0
#pragma once
// One connection of an HttpServer: http_server.cc's and its own .cc's business, nobody else's.
//
// Two machines run against each other: what is read (`Reading`) and what is answered (HttpCall's state). A
// request is over when both are through; only then the next one is looked at. Everything but these few words
// is in `Busy`, which an idle connection does not have. Lives in the server's slab, on one reactor.

#include <memory>
#include <string>

#include "base/buffer.h"
#include "transport/http_server.h"

namespace sluice {

struct HttpServer::Busy {
  explicit Busy(const HttpLimits& limits) : reader(HttpRole::request, limits) {}

  Http1Reader reader;
  HttpCall call;
  std::string body;
  Buffer ahead;  // received and not looked at yet
  Charge ahead_charge;
  std::string out;                  // scratch, its memory kept
  std::vector<HeaderField> fields;  // of the answer, likewise
  std::size_t skipped_bytes = 0;
};

class HttpConnection final : public StreamHandler {
 public:
  HttpConnection(HttpServer& server, StreamPtr stream);
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;
  ~HttpConnection() override = default;

  void start(Handle handle);
  // Goes on with what was left for later.
  void go_on();
  // No further request: closes at once when idle.
  void drain();
  // Closes now; a call that is not complete is told.
  void abandon();

  // A request is being read for it, or it owes an answer.
  [[nodiscard]] bool is_for(const HttpHandler& handler) const;

  // For HttpCall.
  void respond(HttpCall& call, int status, Bytes content_type, Bytes body, HeaderFields fields);
  void start_stream(HttpCall& call, int status, Bytes content_type, HeaderFields fields);
  std::size_t write(HttpCall& call, std::initializer_list<Bytes> pieces);
  void end(HttpCall& call);
  void rest(HttpCall& call);
  [[nodiscard]] std::string peer_name() const { return stream_ ? stream_->peer_name() : std::string(); }

 private:
  enum class Reading : std::uint8_t {
    idle,  // no byte of a request is there
    head,
    body,
    skipped,  // the rest of a body that the answer did not wait for
    done,     // the whole request was read
  };
  class Entry;

  void on_bytes(PaddedBytes bytes) override;
  void on_end() override;
  void on_drained() override;
  void on_failed(const Error& error) override;

  void read_on(Bytes& input);
  bool step(Bytes& input);
  void begin_request();
  void take_head(bool more_input);
  bool take_body(Bytes piece);
  void take_end();
  void keep_ahead(Bytes bytes);
  void refuse(int status, Bytes sentence);

  // The call was given to a handler and its answer is not complete.
  [[nodiscard]] bool owed() const;
  [[nodiscard]] bool can_keep(const HttpCall& call) const;
  void write_head(HttpCall& call, int status, Bytes content_type, std::size_t length, HeaderFields fields);
  void send(Bytes bytes);

  void settle();
  void become_idle();
  void tell_gone();
  void begin_close();
  void drop();
  void go_on_later();
  void on_timer();
  void on_closing_timer();

  HttpServer& server_;
  StreamPtr stream_;
  std::unique_ptr<HttpServer::Busy> busy_;  // null while idle
  Timer timer_;                             // receipt, keep-alive or the patience of closing
  Handle handle_;
  std::size_t unsent_seen_ = 0;    // at the last look, to tell a slow reader from a dead one
  std::size_t dropped_bytes_ = 0;  // received while closing
  std::uint32_t depth_ = 0;        // of our own calls on the stack; only at 0 may it be destroyed
  Reading reading_ = Reading::idle;
  bool keep_ = true;           // another request may follow this one
  bool continue_due_ = false;  // the client waits for 100
  bool full_ = false;          // the stream asked to pause
  bool paused_ = false;        // we paused reading
  bool overflowed_ = false;    // a slow reader, to be closed in the next turn
  bool closing_ = false;
  bool peer_ended_ = false;
  bool dropped_ = false;
  bool later_ = false;       // go_on() is due
  std::uint8_t stalls_ = 0;  // looks in a row without progress
};

}  // namespace sluice
