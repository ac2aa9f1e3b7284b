// SPDX-License-Identifier: Apache-2.0
#include "transport/http_server_connection.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace sluice {

namespace {

constexpr std::size_t no_length = SIZE_MAX;             // the body is streamed
constexpr std::size_t one_write_bytes_max = 16 * 1024;  // up to here head and body are copied into one piece
constexpr std::uint8_t stalls_max = 15;                 // looks without progress before a slow reader is dead
constexpr milliseconds ended_look = milliseconds(100);  // how often a peer that ended is looked at

// Idle, this and the stream's own object are all that a connection holds (design §7).
static_assert(sizeof(HttpConnection) <= 192);

// Statuses whose answers have no body and no Content-Length, RFC 9110 8.6.
bool bodiless(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

// Marks that our own code is on the stack. The outermost one, when it leaves, does what must not be done
// under a handler's feet: recycles the call that was answered, and frees a connection that was dropped.
class HttpConnection::Entry {
 public:
  explicit Entry(HttpConnection& connection) : connection_(connection) { ++connection_.depth_; }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  ~Entry() {
    if (connection_.depth_ == 1 && !connection_.dropped_ && !connection_.closing_) connection_.settle();
    if (--connection_.depth_ == 0 && connection_.dropped_) connection_.server_.forget(connection_.handle_);
  }

 private:
  HttpConnection& connection_;
};

HttpConnection::HttpConnection(HttpServer& server, StreamPtr stream)
    : server_(server),
      stream_(std::move(stream)),
      timer_([](void* self) { static_cast<HttpConnection*>(self)->on_timer(); }, this) {}

void HttpConnection::start(Handle handle) {
  handle_ = handle;
  server_.reactor_.arm_after(timer_, server_.options_.http.keep_alive);
  stream_->set_handler(this);
  if (server_.draining_) drain();
}

// ---- Reading

void HttpConnection::on_bytes(PaddedBytes bytes) {
  const Entry entry(*this);
  if (closing_) {
    dropped_bytes_ += bytes.size();
    if (dropped_bytes_ > server_.options_.http.skipped_body_bytes_max) drop();
    return;
  }
  if (busy_ && (reading_ == Reading::done || !busy_->ahead.empty())) {
    keep_ahead(bytes.bytes);
    return;
  }
  Bytes input = bytes.bytes;
  read_on(input);
  if (!input.empty() && !closing_ && !dropped_) keep_ahead(input);
}

void HttpConnection::read_on(Bytes& input) {
  std::size_t requests = 0;
  while (!closing_ && !dropped_) {
    if (reading_ == Reading::done) {
      if (owed()) return;  // its answer comes first
      if (!keep_) {
        begin_close();
        return;
      }
      busy_->call.clear();
      reading_ = Reading::idle;
      // Fairness and backpressure: the rest waits for the next turn, or until the peer has read its answers.
      if (!input.empty() && (full_ || ++requests >= server_.options_.net.turn_messages_max)) return;
    }
    if (reading_ == Reading::idle) {
      if (input.empty()) {
        become_idle();
        return;
      }
      begin_request();
    }
    if (!step(input)) return;
  }
}

// One event of the reader; false when it has nothing more for now.
bool HttpConnection::step(Bytes& input) {
  switch (busy_->reader.next(input)) {
    case Http1Reader::Step::need_bytes: return false;
    case Http1Reader::Step::head: take_head(!input.empty()); return true;
    case Http1Reader::Step::body: return take_body(busy_->reader.body());
    case Http1Reader::Step::end: take_end(); return true;
    case Http1Reader::Step::refused: {
      const HttpRefusal refusal = busy_->reader.refusal();
      ++server_.counters_.refused;
      refuse(refusal.status, refusal.sentence);
      return false;
    }
  }
  return false;
}

void HttpConnection::begin_request() {
  if (!busy_) busy_ = server_.borrow_busy();
  reading_ = Reading::head;
  server_.reactor_.arm_after(timer_, server_.options_.http.request_receipt);
}

void HttpConnection::take_head(bool more_input) {
  ++server_.counters_.requests;
  HttpServer::Busy& busy = *busy_;
  HttpCall& call = busy.call;
  call.connection_ = this;
  call.handler_ = &server_.handler_;
  call.keep_head(busy.reader.head());
  call.charge_ = Charge(server_.reactor_.budget());
  busy.body.clear();
  busy.skipped_bytes = 0;
  reading_ = Reading::body;
  continue_due_ = call.head().expect_continue && call.head().version_minor >= 1 &&
                  call.head().framing != HttpFraming::none;
  call.handler_->on_head(call);
  if (dropped_) return;
  if (call.answered()) {
    if (!keep_ && call.state_ == HttpCall::State::complete) {
      begin_close();
      return;
    }
    reading_ = Reading::skipped;
  } else if (continue_due_) {
    continue_due_ = false;
    if (!more_input) send("HTTP/1.1 100 Continue\r\n\r\n");
  }
}

// A piece of the body; false when reading cannot go on.
bool HttpConnection::take_body(Bytes piece) {
  HttpServer::Busy& busy = *busy_;
  HttpCall& call = busy.call;
  if (call.answered()) {
    reading_ = Reading::skipped;
    busy.skipped_bytes += piece.size();
    if (busy.skipped_bytes <= server_.options_.http.skipped_body_bytes_max) return true;
    if (owed()) tell_gone();
    begin_close();
    return false;
  }
  // The budget is charged as bytes arrive, not as they are promised: a promise costs the peer nothing.
  const std::size_t needed = busy.body.size() + piece.size() + padding_bytes;
  if (needed > call.charge_.bytes()) {
    std::size_t room = std::max(needed, 2 * busy.body.size());
    if (call.head().framing == HttpFraming::length)
      room =
          std::min<std::size_t>(room, static_cast<std::size_t>(call.head().content_length) + padding_bytes);
    if (!call.charge_.resize(room)) {
      ++server_.counters_.budget_refusals;
      refuse(503, "The server has no memory left for this request; try again later.");
      return false;
    }
    busy.body.reserve(room);
  }
  busy.body.append(piece);
  return true;
}

void HttpConnection::take_end() {
  reading_ = Reading::done;
  timer_.cancel();
  HttpCall& call = busy_->call;
  if (!call.answered()) call.handler_->on_request(call, PaddedString(std::exchange(busy_->body, {})));
}

// Bytes that came while a call is being answered. Reading goes on for a while, since an end of file must be
// seen.
void HttpConnection::keep_ahead(Bytes bytes) {
  if (!busy_) busy_ = server_.borrow_busy();
  HttpServer::Busy& busy = *busy_;
  if (busy.ahead.empty()) busy.ahead_charge = Charge(server_.reactor_.budget());
  if (!keep_) return;
  if (!busy.ahead_charge.resize(busy.ahead.size() + bytes.size())) {
    ++server_.counters_.budget_refusals;
    keep_ = false;  // what follows is lost, so nothing may follow
    return;
  }
  busy.ahead.append(bytes);
  if (busy.ahead.size() >= server_.options_.ahead_bytes_max && !paused_) {
    paused_ = true;
    stream_->pause();
  }
  if (reading_ == Reading::idle && !full_) go_on_later();
}

void HttpConnection::go_on() {
  const Entry entry(*this);
  later_ = false;
  if (dropped_) return;
  if (overflowed_) {
    if (owed()) tell_gone();
    drop();
    return;
  }
  if (closing_ || !busy_) return;
  Buffer ahead = std::move(busy_->ahead);
  Bytes input = ahead.view();
  read_on(input);
  if (closing_ || dropped_) return;
  if (paused_ && input.size() < server_.options_.ahead_bytes_max) {
    paused_ = false;
    stream_->resume();
  }
  if (!busy_) return;
  ahead.consume(ahead.size() - input.size());
  // The share only shrinks here, which cannot fail.
  static_cast<void>(busy_->ahead_charge.resize(ahead.size()));
  busy_->ahead = std::move(ahead);
  if (reading_ == Reading::idle && !busy_->ahead.empty() && !full_) go_on_later();
}

void HttpConnection::go_on_later() {
  if (later_) return;
  later_ = true;
  server_.go_on_later(handle_);
}

// We answer, not the handler; the connection closes.
void HttpConnection::refuse(int status, Bytes sentence) {
  const bool answer = reading_ == Reading::head || (owed() && !busy_->call.answered());
  if (reading_ != Reading::head && owed()) tell_gone();
  keep_ = false;
  if (answer) {
    HttpCall& call = busy_->call;
    if (reading_ == Reading::head) call.clear();
    std::string body(sentence);
    body += '\n';
    const HeaderField retry{"Retry-After", "1"};
    write_head(call, status, "text/plain; charset=utf-8", body.size(),
               HeaderFields(&retry, status == 503 ? 1 : 0));
    if (reading_ == Reading::head || !call.without_body_) busy_->out += body;
    send(busy_->out);
    call.state_ = HttpCall::State::complete;
  }
  begin_close();
}

// ---- Answering

bool HttpConnection::owed() const {
  return busy_ && (reading_ == Reading::body || reading_ == Reading::skipped || reading_ == Reading::done) &&
         busy_->call.state_ != HttpCall::State::complete;
}

bool HttpConnection::is_for(const HttpHandler& handler) const {
  return owed() && busy_->call.handler_ == &handler;
}

bool HttpConnection::can_keep(const HttpCall& call) const {
  if (!keep_ || server_.draining_ || peer_ended_ || !call.head().keep_alive) return false;
  if (reading_ == Reading::done || call.head().framing == HttpFraming::none) return true;
  // The answer comes before the body. Who waits for 100 may send it or not, so only a close is clear.
  if (continue_due_) return false;
  return call.head().framing != HttpFraming::length ||
         call.head().content_length <= server_.options_.http.skipped_body_bytes_max;
}

// Leaves the head in busy_->out. `keep_` is settled.
void HttpConnection::write_head(HttpCall& call, int status, Bytes content_type, std::size_t length,
                                HeaderFields fields) {
  ++server_.counters_.answers[static_cast<std::size_t>(std::clamp(status / 100, 0, 5))];
  std::vector<HeaderField>& all = busy_->fields;
  all.clear();
  all.push_back({"Date", server_.date()});
  if (!content_type.empty()) all.push_back({"Content-Type", content_type});
  char digits[24];
  if (length == no_length) {
    if (call.chunked_) all.push_back({"Transfer-Encoding", "chunked"});
  } else if (!bodiless(status)) {
    const char* end = std::to_chars(digits, digits + sizeof digits, length).ptr;
    all.push_back({"Content-Length", Bytes(digits, static_cast<std::size_t>(end - digits))});
  }
  if (!keep_) {
    all.push_back({"Connection", "close"});
  } else if (call.head().version_minor == 0) {
    all.push_back({"Connection", "keep-alive"});
  }
  const std::size_t ours = all.size();
  all.insert(all.end(), fields.begin(), fields.end());
  busy_->out.clear();
  if (write_response_head(busy_->out, status, all)) return;
  // A field of the handler's cannot be written (a line end in a value, say): better none of them than all.
  all.resize(ours);
  const Status written = write_response_head(busy_->out, status, all);
  CHECK(written.ok());
}

void HttpConnection::send(Bytes bytes) {
  if (stream_->write(bytes) == 0) full_ = true;
}

void HttpConnection::respond(HttpCall& call, int status, Bytes content_type, Bytes body,
                             HeaderFields fields) {
  const Entry entry(*this);
  keep_ = can_keep(call);
  write_head(call, status, content_type, body.size(), fields);
  std::string& out = busy_->out;
  const bool with_body = !call.without_body_ && !bodiless(status);
  if (with_body && body.size() <= one_write_bytes_max) {
    out.append(body);
    send(out);
  } else {
    send(out);
    if (with_body) send(body);
  }
  call.state_ = HttpCall::State::complete;
}

void HttpConnection::start_stream(HttpCall& call, int status, Bytes content_type, HeaderFields fields) {
  const Entry entry(*this);
  call.chunked_ = call.head().version_minor >= 1;
  keep_ = can_keep(call) && call.chunked_;
  write_head(call, status, content_type, no_length, fields);
  send(busy_->out);
  call.state_ = HttpCall::State::streaming;
}

std::size_t HttpConnection::write(HttpCall& call, std::initializer_list<Bytes> pieces) {
  const Entry entry(*this);
  if (overflowed_) return 0;
  std::size_t size = 0;
  for (const Bytes piece : pieces) size += piece.size();
  if (size == 0 || call.without_body_) return server_.options_.net.unsent_bytes_soft;
  if (stream_->unsent() > server_.options_.net.unsent_bytes_max) {
    overflowed_ = true;
    ++server_.counters_.slow_readers;
    go_on_later();
    return 0;
  }
  std::string& out = busy_->out;
  out.clear();
  if (call.chunked_) write_chunk_begin(out, size);
  for (const Bytes piece : pieces) {
    if (out.size() + piece.size() <= one_write_bytes_max) {
      out.append(piece);
      continue;
    }
    stream_->write(out);
    out.clear();
    stream_->write(piece);
  }
  if (call.chunked_) out.append(chunk_end);
  const std::size_t room = stream_->write(out);
  if (room == 0) call.blocked_ = full_ = true;
  if (call.resting_) std::string().swap(out);
  return room;
}

void HttpConnection::rest(HttpCall& call) {
  call.resting_ = true;
  call.request_.reset();  // whether the connection is kept was settled with the answer's head
  std::string().swap(busy_->body);
  std::string().swap(busy_->out);
  std::vector<HeaderField>().swap(busy_->fields);
}

void HttpConnection::end(HttpCall& call) {
  const Entry entry(*this);
  if (!overflowed_ && call.chunked_ && !call.without_body_) {
    busy_->out.clear();
    write_last_chunk(busy_->out);
    send(busy_->out);
  }
  call.state_ = HttpCall::State::complete;
}

// ---- Ends

// Looks, with nobody else on the stack, whether a call is over.
void HttpConnection::settle() {
  if (!busy_ || reading_ == Reading::idle || reading_ == Reading::head || owed()) return;
  if (!keep_) {
    begin_close();
  } else if (reading_ != Reading::done) {
    reading_ = Reading::skipped;
  } else if (busy_->ahead.empty()) {
    become_idle();
  } else {
    go_on_later();
  }
}

void HttpConnection::become_idle() {
  server_.return_busy(std::move(busy_));
  reading_ = Reading::idle;
  keep_ = true;
  stalls_ = 0;
  unsent_seen_ = stream_->unsent();
  if (paused_) {
    paused_ = false;
    stream_->resume();
  }
  if (server_.draining_) {
    begin_close();
  } else {
    server_.reactor_.arm_after(timer_, server_.options_.http.keep_alive);
  }
}

void HttpConnection::tell_gone() {
  ++server_.counters_.gone;
  HttpCall& call = busy_->call;
  call.state_ = HttpCall::State::complete;
  call.handler_->on_gone(call);
}

// Ends our half and waits, for a bounded while, until the peer has read the answer: closing at once could
// make its kernel throw the answer away.
void HttpConnection::begin_close() {
  closing_ = true;
  if (busy_) server_.return_busy(std::move(busy_));
  reading_ = Reading::idle;
  if (peer_ended_ && stream_->unsent() == 0) {
    drop();
    return;
  }
  stream_->shutdown();
  if (paused_) stream_->resume();
  paused_ = false;
  stalls_ = 0;
  unsent_seen_ = stream_->unsent();
  server_.reactor_.arm_after(timer_, peer_ended_ ? ended_look : server_.options_.linger);
}

void HttpConnection::drop() {
  dropped_ = true;
  timer_.cancel();
  if (busy_) server_.return_busy(std::move(busy_));
  stream_.reset();
}

void HttpConnection::abandon() {
  const Entry entry(*this);
  if (owed()) tell_gone();
  drop();
}

void HttpConnection::drain() {
  const Entry entry(*this);
  if (closing_ || dropped_) return;
  if (!busy_) {
    begin_close();
  } else {
    keep_ = false;
  }
}

void HttpConnection::on_end() {
  const Entry entry(*this);
  peer_ended_ = true;
  if (closing_) {
    if (stream_->unsent() == 0) {
      drop();
    } else {
      server_.reactor_.arm_after(timer_, ended_look);
    }
  } else if (owed()) {
    // A client that sends nothing more while it is owed an answer is taken to have left: half-closed
    // connections cannot be told from closed ones, and leaving is how modern clients cancel.
    tell_gone();
    drop();
  } else if (reading_ == Reading::head) {
    drop();
  } else {
    begin_close();
  }
}

void HttpConnection::on_drained() {
  const Entry entry(*this);
  full_ = false;
  if (closing_ || !busy_) return;
  HttpCall& call = busy_->call;
  if (owed() && call.blocked_) {
    call.blocked_ = false;
    call.handler_->on_drained(call);
    if (closing_ || dropped_ || !busy_) return;
  }
  if (reading_ == Reading::idle && !busy_->ahead.empty()) go_on_later();
}

void HttpConnection::on_failed(const Error&) {
  const Entry entry(*this);
  if (owed()) tell_gone();
  drop();
}

void HttpConnection::on_timer() {
  const Entry entry(*this);
  if (closing_) {
    on_closing_timer();
  } else if (!busy_) {
    // Idle for too long, unless it is still reading the last answer.
    if (stream_->unsent() == 0 || stream_->unsent() == unsent_seen_) {
      drop();
      return;
    }
    unsent_seen_ = stream_->unsent();
    server_.reactor_.arm_after(timer_, server_.options_.http.keep_alive);
  } else if (reading_ == Reading::head || (reading_ == Reading::body && !busy_->call.answered())) {
    ++server_.counters_.receipt_timeouts;
    refuse(408, "The request did not arrive completely in time.");
  } else if (reading_ == Reading::skipped && !owed()) {
    begin_close();
  }
}

void HttpConnection::on_closing_timer() {
  const std::size_t unsent = stream_->unsent();
  if (unsent == 0) {
    drop();
    return;
  }
  stalls_ = unsent == unsent_seen_ ? static_cast<std::uint8_t>(stalls_ + 1) : std::uint8_t{0};
  unsent_seen_ = unsent;
  if (stalls_ > stalls_max) {
    drop();
    return;
  }
  server_.reactor_.arm_after(timer_, peer_ended_ ? ended_look : server_.options_.linger);
}

}  // namespace sluice
