// SPDX-License-Identifier: Apache-2.0
#include "apps/bench_connection.h"

#include <charconv>
#include <utility>

#include "base/limits.h"
#include "codec/headers.h"

namespace sluice {

namespace {

constexpr HttpLimits http_limits{};
constexpr SseLimits sse_limits{};
constexpr JsonLimits json_limits{};
constexpr milliseconds connect_timeout = seconds(10);

bool is_id(Bytes raw, std::uint64_t id) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  return failed == std::errc() && end == raw.data() + raw.size() && value == id;
}

}  // namespace

BenchConnection::BenchConnection(Reactor& reactor, const BenchTarget& target, BenchConnectionHandler& handler)
    : reactor_(reactor),
      target_(target),
      handler_(handler),
      reader_(HttpRole::response, http_limits),
      events_(sse_limits),
      scanner_(json_limits) {}

void BenchConnection::open(std::uint64_t id) {
  state_ = State::connecting;
  reader_ = Http1Reader(HttpRole::response, http_limits);
  connecting_ = connect_stream(reactor_, target_.host, target_.port, connect_timeout,
                               [this, id](Result<StreamPtr> stream) {
                                 const ConnectingPtr done = std::move(connecting_);
                                 if (!stream) return lose("connect: " + stream.error().message);
                                 stream_ = *std::move(stream);
                                 stream_->set_handler(this);
                                 if (target_.era == Era::legacy) {
                                   state_ = State::initializing;
                                   BenchRequest initialize = bench_initialize(target_);
                                   start(initialize, id);
                                 } else {
                                   call_ = bench_call(target_, {});
                                   state_ = State::idle;
                                   handler_.on_open(*this);
                                 }
                               });
}

void BenchConnection::start(BenchRequest& request, std::uint64_t id) {
  id_ = id;
  body_.clear();
  trouble_.clear();
  answered_ = false;
  if (request.id_at != 0) request.set_id(id);
  stream_->write(request.bytes);
}

void BenchConnection::ask(std::uint64_t id, Instant scheduled, Instant now) {
  state_ = State::asked;
  scheduled_ = scheduled;
  sent_ = now;
  start(call_, id);
}

void BenchConnection::drop() {
  state_ = State::closed;
  connecting_.reset();
  stream_.reset();
}

void BenchConnection::leave() {
  if (session_id_.empty() || state_ != State::idle) {
    drop();
    reactor_.defer([this] { handler_.on_left(*this); });
    return;
  }
  state_ = State::leaving;
  BenchRequest request = bench_delete(target_, session_id_);
  start(request, 0);
}

void BenchConnection::lose(std::string trouble) {
  const State state = state_;
  drop();
  if (state == State::leaving) {
    handler_.on_left(*this);
  } else {
    handler_.on_lost(*this, trouble, state == State::asked);
  }
}

void BenchConnection::on_bytes(PaddedBytes bytes) {
  Bytes input = bytes.bytes;
  if (state_ == State::idle) return lose("the server speaks unasked");
  for (;;) {
    switch (reader_.next(input)) {
      case Http1Reader::Step::need_bytes: return;
      case Http1Reader::Step::head: take_head(reader_.head()); break;
      case Http1Reader::Step::body:
        if (streamed_) {
          take_events(reader_.body());
        } else {
          body_.append(reader_.body());
        }
        break;
      case Http1Reader::Step::end:
        // Nothing was asked beyond this answer, so nothing can follow it.
        take_end();
        return;
      case Http1Reader::Step::refused:
        return lose("malformed HTTP: " + std::string(reader_.refusal().sentence));
    }
  }
}

void BenchConnection::take_head(const HttpHead& head) {
  if (head.status < 200) return;
  status_ = head.status;
  const auto type = parse_media_type(header_value(head.fields, "Content-Type"));
  streamed_ = type && type->is("text", "event-stream");
  if (streamed_) events_ = SseReader(sse_limits);
  if (state_ == State::initializing) session_id_ = header_value(head.fields, "Mcp-Session-Id");
}

void BenchConnection::take_events(Bytes bytes) {
  events_.feed(bytes);
  for (SseEvent event;;) {
    const SseReader::Step step = events_.next(event);
    if (step == SseReader::Step::need_bytes) return;
    if (step == SseReader::Step::too_large) {
      trouble_ = "an event is too large";
      return;
    }
    if (!event.data.empty()) take_message(event.data);
  }
}

// Judges one message: what is no response is passed over.
void BenchConnection::take_message(Bytes text) {
  const PaddedString padded(text);
  Envelope envelope;
  if (const ScanResult scanned = scanner_.scan(padded.padded(), envelope); !scanned) {
    trouble_ = std::string("no JSON-RPC message: ") + scanned.reason;
    return;
  }
  if (envelope.kind != MessageKind::response && envelope.kind != MessageKind::error_response) return;
  if (answered_) {
    trouble_ = "a second answer";
  } else if (!is_id(envelope.view(envelope.id), id_)) {
    trouble_ = "the answer has another id";
  } else if (envelope.kind == MessageKind::error_response) {
    trouble_ = "JSON-RPC error " + std::string(envelope.view(envelope.error_code));
  } else if (const Bytes result = envelope.view(envelope.result); !result.empty() && result.front() == '{') {
    const JsonSpan failed = json_member(envelope.text, envelope.result, "isError");
    if (failed && envelope.view(failed) == "true") trouble_ = "the tool failed";
  }
  answered_ = true;
}

void BenchConnection::take_end() {
  const bool keep = reader_.keep_alive();
  const State state = state_;
  if (state == State::leaving) return lose({});
  if (!streamed_ && status_ == 200 && !body_.empty()) take_message(body_);
  const int expected = state == State::confirming ? 202 : 200;
  if (status_ != expected) {
    trouble_ = "HTTP status " + std::to_string(status_);
  } else if (trouble_.empty() && state != State::confirming && !answered_) {
    trouble_ = "no answer in the reply";
  }
  if (state != State::asked) {
    if (!trouble_.empty() || !keep)
      return lose("the session did not begin: " +
                  (trouble_.empty() ? std::string("the connection closes") : trouble_));
    return finish_initialize();
  }
  // A server may close after any answer; the next request needs a new connection.
  state_ = State::idle;
  if (!keep) drop();
  handler_.on_answer(*this, trouble_);
}

void BenchConnection::finish_initialize() {
  if (state_ == State::initializing) {
    state_ = State::confirming;
    BenchRequest request = bench_initialized(target_, session_id_);
    return start(request, 0);
  }
  call_ = bench_call(target_, session_id_);
  state_ = State::idle;
  handler_.on_open(*this);
}

void BenchConnection::on_end() {
  if (state_ == State::idle) return lose({});
  if (reader_.finish() == Http1Reader::Step::end) return take_end();
  lose("the connection closed before the answer");
}

void BenchConnection::on_failed(const Error& error) {
  if (state_ == State::idle) return lose({});
  lose("the connection failed: " + error.message);
}

}  // namespace sluice
