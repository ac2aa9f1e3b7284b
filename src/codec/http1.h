// SPDX-License-Identifier: Apache-2.0
#pragma once
// HTTP/1.1 messages: bytes in, events out (Http1Reader), and events to bytes (the write_ functions). RFC
// 9112.
//
// The reader is strict: what two parsers could understand differently is refused, see docs/http1.md. It knows
// no sockets, no clock and no routes; it does not forward anything. One reader serves one direction of one
// connection for all its messages, one after the other. Any split of the same bytes yields the same events (a
// body may come in more or fewer pieces). Views are valid until the next call of next() and as long as the
// input they came from. An idle reader owns no heap memory. Lives on one reactor.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "codec/headers.h"

namespace sluice {

// How the end of a message's body is known, RFC 9112 6.3.
enum class HttpFraming : std::uint8_t { none, length, chunked, until_close };

struct HttpHead {
  Bytes method;  // requests
  Bytes target;  // requests, as sent: origin, absolute, authority or asterisk form
  Bytes path;   // requests: the target's path without the query; "*" and authority form give the whole target
  Bytes query;  // requests: behind the '?', empty when there is none
  Bytes authority;  // requests: from the target where it has one, else the Host field (RFC 9112 3.3)
  Bytes reason;     // responses, may be empty
  Bytes upgrade;    // the Upgrade field's value when Connection lists it, else empty
  std::vector<HeaderField> fields;
  std::uint64_t content_length = 0;  // when framing is length, and of responses to HEAD
  int status = 0;                    // responses
  int version_minor = 1;             // HTTP/1.0 or HTTP/1.1
  HttpFraming framing = HttpFraming::none;
  bool keep_alive = true;        // the connection may carry another message behind this one
  bool expect_continue = false;  // requests: the client waits for 100 before it sends the body
};

// Why a message was refused. For requests `status` and `sentence` are what to answer before closing; a
// refused response has status 502, for the client it was fetched for.
struct HttpRefusal {
  int status = 0;
  Bytes sentence;  // static storage
};

enum class HttpRole : std::uint8_t { request, response };  // which kind of message is read

class Http1Reader {
 public:
  enum class Step : std::uint8_t {
    need_bytes,  // the whole input was taken; come back with more
    head,        // head() tells it
    body,        // body() is the next piece, never empty
    end,         // the message is complete; next() goes on with the next one
    refused,     // refusal() says why; the reader stays there: answer and close
  };

  // `limits` must outlive the reader.
  Http1Reader(HttpRole role, const HttpLimits& limits);
  Http1Reader(Http1Reader&&) noexcept;
  Http1Reader& operator=(Http1Reader&&) noexcept;
  ~Http1Reader();

  // Takes bytes from the front of `input` and gives exactly one event. Call it again with the rest, also when
  // the rest is empty, until it says need_bytes (or until the caller wants to pause).
  [[nodiscard]] Step next(Bytes& input);

  // The peer closed: `end` when that ends a body of framing until_close, `need_bytes` when the reader was
  // between messages, `refused` when a message was cut short. Call it once, after next() said need_bytes.
  [[nodiscard]] Step finish();

  // Responses: the next final response answers a HEAD, so it has no body whatever its fields say.
  void expect_no_body() { no_body_ = true; }

  // Only directly after Step::head.
  [[nodiscard]] const HttpHead& head() const;
  // Only directly after Step::body; points into the input.
  [[nodiscard]] Bytes body() const { return body_; }
  [[nodiscard]] HttpRefusal refusal() const;

  // Of the message last begun; false once refused.
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }
  // No byte of a further message was taken: between messages, or nothing read yet.
  [[nodiscard]] bool idle() const { return state_ == State::start && (!message_ || lent_); }

 private:
  enum class State : std::uint8_t {
    start,   // before or inside a head
    length,  // inside a body of known length
    until_close,
    chunk_line,  // a chunk's size line is due
    chunk_data,
    chunk_cr,  // the line end behind a chunk's data
    chunk_lf,
    trailer,
    body_done,  // only the end event is due
    refused,
  };
  enum class Line : std::uint8_t { partial, whole, bad };
  struct Message;

  Step refuse(const HttpRefusal& why);
  Step read_head(Bytes& input);
  bool skip_empty_line(Bytes& input);
  const HttpRefusal* parse_head(Bytes text, bool& complete);
  const HttpRefusal* parse_request_line(Bytes line);
  const HttpRefusal* parse_target();
  const HttpRefusal* parse_status_line(Bytes line);
  const HttpRefusal* parse_field(Bytes line);
  const HttpRefusal* settle_head();
  const HttpRefusal* settle_request();
  const HttpRefusal* settle_framing();
  Step begin_body();
  Step read_span(Bytes& input);
  Step read_chunked(Bytes& input);
  const HttpRefusal* parse_chunk_line(Bytes line);
  const HttpRefusal* parse_trailer_line(Bytes line);
  Line take_line(Bytes& input, std::size_t limit, Bytes& line);

  const HttpLimits* limits_;
  std::unique_ptr<Message> message_;  // a head or line being gathered; a head lent out with the last event
  const HttpRefusal* refusal_ = nullptr;
  Bytes body_;
  std::uint64_t remaining_ = 0;    // of the body or chunk at hand
  std::uint64_t body_bytes_ = 0;   // of a chunked body so far
  std::uint64_t extra_bytes_ = 0;  // of chunk extensions, later of trailer lines, so far
  std::size_t interim_ = 0;        // 1xx responses before the final one
  HttpRole role_;
  State state_ = State::start;
  bool no_body_ = false;
  bool keep_alive_ = true;
  bool begins_with_cr_ = false;  // of the one empty line allowed before a request, the CR was seen
  bool skipped_line_ = false;    // it was there
  bool lent_ = false;            // message_ is given back at the next call
};

// The phrase registered for a status (RFC 9110 15); "Unknown" otherwise.
[[nodiscard]] Bytes reason_phrase(int status);

// Each appends to `out`. A name that is no token, or a value that is no field value (a CR or LF in it, say),
// makes the result an error and leaves `out` as it was. The caller states the framing: fields hold
// Content-Length or Transfer-Encoding.
Status write_response_head(std::string& out, int status, HeaderFields fields);
Status write_request_head(std::string& out, Bytes method, Bytes target, HeaderFields fields);
inline Status write_response_head(std::string& out, int status, std::initializer_list<HeaderField> fields) {
  return write_response_head(out, status, HeaderFields(fields.begin(), fields.size()));
}
inline Status write_request_head(std::string& out, Bytes method, Bytes target,
                                 std::initializer_list<HeaderField> fields) {
  return write_request_head(out, method, target, HeaderFields(fields.begin(), fields.size()));
}

// A whole response: adds Content-Length (not for 1xx, 204 and 304, which have no body), and Content-Type when
// it is not empty, to `fields`.
Status write_response(std::string& out, int status, Bytes content_type, Bytes body, HeaderFields fields = {});

// The framing in front of and behind one chunk of `size` > 0 bytes, for bodies that are sent from where they
// lie.
void write_chunk_begin(std::string& out, std::size_t size);
inline constexpr Bytes chunk_end = "\r\n";
// One chunk; nothing for empty data, which would end the body.
void write_chunk(std::string& out, Bytes data);
void write_last_chunk(std::string& out);

}  // namespace sluice
