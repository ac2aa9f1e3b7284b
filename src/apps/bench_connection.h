// SPDX-License-Identifier: Apache-2.0
#pragma once
// BenchConnection: one keep-alive connection of `sluice bench`, with its own session in the legacy era, one
// request at a time.
//
// Knows how to begin, how to ask and whether the answer is the right one; decides nothing about when. It
// judges every answer whole: the id, no error, no tool error. Lives on one reactor; its owner outlives it.

#include <cstdint>
#include <memory>
#include <string>

#include "apps/bench_message.h"
#include "base/time.h"
#include "codec/http1.h"
#include "codec/json_scan.h"
#include "codec/sse.h"
#include "net/connect.h"
#include "net/reactor.h"
#include "net/stream.h"

namespace sluice {

class BenchConnection;

// None of these is called from inside a verb of the connection.
class BenchConnectionHandler {
 public:
  virtual ~BenchConnectionHandler() = default;
  // It may be asked: the first time, and after it was lost and opened again.
  virtual void on_open(BenchConnection& connection) = 0;
  // The answer is there, whole. `trouble` says what is wrong with it; empty when it is right. The connection
  // may be asked again, at once, if it is idle().
  virtual void on_answer(BenchConnection& connection, const std::string& trouble) = 0;
  // It could not be opened, or it closed. `trouble` is empty when that is nobody's fault (closed while idle);
  // `asked`: a request is without its answer.
  virtual void on_lost(BenchConnection& connection, const std::string& trouble, bool asked) = 0;
  // leave() is done.
  virtual void on_left(BenchConnection& connection) = 0;
};

class BenchConnection final : private StreamHandler {
 public:
  BenchConnection(Reactor& reactor, const BenchTarget& target, BenchConnectionHandler& handler);

  // Connects and begins a session; `id` is for its first request.
  void open(std::uint64_t id);
  // Sends the request. Only when idle().
  void ask(std::uint64_t id, Instant scheduled, Instant now);
  // Gives the connection up; its request counts as unanswered.
  void drop();
  // Ends the session and closes.
  void leave();

  [[nodiscard]] bool idle() const { return state_ == State::idle; }
  [[nodiscard]] bool asked() const { return state_ == State::asked; }
  [[nodiscard]] bool closed() const { return state_ == State::closed; }
  // Of the last request.
  [[nodiscard]] Instant scheduled() const { return scheduled_; }
  [[nodiscard]] Instant sent() const { return sent_; }

 private:
  enum class State : std::uint8_t { closed, connecting, initializing, confirming, idle, asked, leaving };

  void on_bytes(PaddedBytes bytes) override;
  void on_end() override;
  void on_failed(const Error& error) override;
  void take_head(const HttpHead& head);
  void take_events(Bytes bytes);
  void take_message(Bytes text);
  void take_end();
  void lose(std::string trouble);
  void start(BenchRequest& request, std::uint64_t id);
  void finish_initialize();

  Reactor& reactor_;
  const BenchTarget& target_;
  BenchConnectionHandler& handler_;
  ConnectingPtr connecting_;
  StreamPtr stream_;
  Http1Reader reader_;
  SseReader events_;
  MessageScanner scanner_;
  BenchRequest call_;
  std::string session_id_;
  std::string body_;
  std::string trouble_;  // with the answer at hand
  std::uint64_t id_ = 0;
  Instant scheduled_{};
  Instant sent_{};
  int status_ = 0;
  State state_ = State::closed;
  bool streamed_ = false;  // the answer is an event stream
  bool answered_ = false;  // the response message was there
};

}  // namespace sluice
