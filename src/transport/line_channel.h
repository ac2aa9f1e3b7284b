// SPDX-License-Identifier: Apache-2.0
#pragma once
// A channel of newline-delimited JSON-RPC messages over any Stream: stdio, a child's pipes, TCP and Unix
// sockets.
//
// Scans each line and hands on whole messages; lines that are no message are counted and reported, lines that
// are too long are skipped. Knows no method and no era. Backpressure is the stream's: send() returns the room
// left, pause() stops the peer. The handler may destroy the channel from inside any call. Lives on one
// reactor.

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/budget.h"
#include "base/limits.h"
#include "codec/json_scan.h"
#include "codec/lines.h"
#include "mcp/exchange.h"
#include "net/reactor.h"
#include "net/stream.h"

namespace sluice {

// Why a line was not a message.
struct BadLine {
  int code = 0;             // the JSON-RPC error to answer with, if one answers
  std::string_view reason;  // a sentence
  Bytes line;               // the line, at most the first 256 bytes; gone when the call returns
  Bytes id;                 // the raw id, when one was understood
};

class LineChannelHandler {
 public:
  virtual ~LineChannelHandler() = default;
  // One message: a request, notification, response or error response.
  virtual void on_message(ClientMessage message) = 0;
  // A batch, whose elements have been checked to be JSON only. False, as by default: it is a bad line.
  virtual bool on_batch(PaddedString text) {
    static_cast<void>(text);
    return false;
  }
  virtual void on_bad_line(const BadLine& line) = 0;
  // There is room again after send() had returned 0.
  virtual void on_drained() {}
  // The peer finished sending, every whole line before was delivered.
  virtual void on_end() = 0;
  // The stream failed or was closed because the peer does not read: the last call.
  virtual void on_failed(const Error& error) = 0;
};

struct LineChannelLimits {
  JsonLimits json;
  std::size_t turn_messages_max = NetLimits{}.turn_messages_max;
  std::size_t unsent_bytes_max = NetLimits{}.unsent_bytes_max;
};

struct LineChannelCounters {
  std::uint64_t messages_in = 0;
  std::uint64_t messages_out = 0;
  std::uint64_t bad_lines = 0;
  std::uint64_t long_lines = 0;
};

class LineChannel final : private StreamHandler {
 public:
  // Starts reading at once.
  LineChannel(Reactor& reactor, StreamPtr stream, LineChannelHandler& handler,
              const LineChannelLimits& limits);
  LineChannel(const LineChannel&) = delete;
  LineChannel& operator=(const LineChannel&) = delete;
  ~LineChannel() override;

  // Sends one message; line ends in it vanish. Returns the room left: at 0 wait for on_drained(). A peer that
  // does not read is closed at limits.net.unsent_bytes_max, which comes as on_failed(), never from inside
  // this.
  std::size_t send(Bytes message);
  [[nodiscard]] std::size_t unsent() const;

  // Stops and restarts delivery and reading. Idempotent.
  void pause();
  void resume();

  // No more will be sent: ends our half after what was written.
  void shutdown();

  [[nodiscard]] const LineChannelCounters& counters() const { return counters_; }
  [[nodiscard]] std::string peer_name() const { return stream_ ? stream_->peer_name() : std::string(); }

 private:
  template <class Call>
  bool tell(Call&& call);
  void on_bytes(PaddedBytes bytes) override;
  void on_end() override;
  void on_drained() override;
  void on_failed(const Error& error) override;
  void deliver();
  bool deliver_line(PaddedBytes line);
  void account(bool more);
  void set_reading(bool reading);
  void go_on_later();
  void on_later();
  void fail(Errc code, std::string why);

  Reactor& reactor_;
  StreamPtr stream_;
  LineChannelHandler& handler_;
  LineChannelLimits limits_;
  LineReader reader_;
  MessageScanner scanner_;
  Charge charge_;
  LineChannelCounters counters_;
  std::string out_;                // the line being written, its memory kept
  Timer later_;                    // goes on delivering in the next turn
  Instant starved_since_ = never;  // the byte budget had no room
  bool* destroyed_ = nullptr;      // set while a handler is being called
  bool paused_ = false;
  bool reading_ = true;
  bool ended_ = false;  // the peer finished
  bool end_told_ = false;
  bool failed_ = false;
  Error failure_;  // to be told by later_
};

}  // namespace sluice
