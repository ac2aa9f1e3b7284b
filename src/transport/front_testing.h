// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the tests of the fronts share: a simulated reactor with clients on memory streams, and a Service that
// does what the test says. For *_test.cc only.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "codec/jsonrpc.h"
#include "mcp/exchange.h"
#include "net/memory_stream.h"
#include "net/reactor.h"

namespace sluice::testing_fronts {

inline constexpr Instant start = Instant(std::chrono::hours(1));
inline constexpr WallTime wall_start = WallTime(std::chrono::seconds(1'790'000'000));

// The client's end of a connection: keeps what it receives.
class TestPeer final : public StreamHandler {
 public:
  explicit TestPeer(StreamPtr stream) : stream_(std::move(stream)) { stream_->set_handler(this); }

  void on_bytes(PaddedBytes bytes) override { received.append(bytes.bytes); }
  void on_end() override { ended = true; }
  void on_drained() override {}
  void on_failed(const Error&) override {
    failed = true;
    stream_.reset();
  }

  void send(Bytes bytes) { stream_->write(bytes); }
  void half_close() { stream_->shutdown(); }
  void close() { stream_.reset(); }
  void pause() { stream_->pause(); }
  void resume() { stream_->resume(); }
  [[nodiscard]] bool closed() const { return ended || failed; }
  [[nodiscard]] Stream& stream() { return *stream_; }

  // What was received since the last take().
  std::string take() { return std::exchange(received, {}); }

  std::string received;
  bool ended = false;
  bool failed = false;

 private:
  StreamPtr stream_;
};

// A reactor that stands still until told.
class World {
 public:
  explicit World(const Limits& limits = {}) : reactor_(Reactor::simulated(limits, start, wall_start)) {}

  [[nodiscard]] Reactor& reactor() { return *reactor_; }
  // Everything that can happen without time passing.
  void settle() {
    for (int turns = 0; turns < 100'000; ++turns)
      if (!reactor_->turn()) return;
    ADD_FAILURE() << "the world does not come to rest";
  }
  void advance(Duration by) {
    reactor_->advance(by);
    settle();
  }

 private:
  std::unique_ptr<Reactor> reactor_;
};

// Remembers everything it is told. What it does about it is `on_open`'s and the test's matter.
class ScriptedService final : public Service {
 public:
  explicit ScriptedService(std::vector<Revision> speaks = {Revision::r2026_07_28, Revision::r2025_11_25,
                                                           Revision::r2025_06_18, Revision::r2025_03_26})
      : speaks_(std::move(speaks)) {}

  void open(Exchange& exchange) override {
    const Envelope& envelope = exchange.request().message.envelope();
    opened.push_back(std::string(envelope.method));
    if (envelope.method == "initialize" && answer_initialize) {
      exchange.finish(
          make_response(exchange.request().message.id(),
                        R"({"protocolVersion":")" + std::string(revision_text(exchange.request().revision)) +
                            R"(","capabilities":{},"serverInfo":{"name":"scripted","version":"1"}})"));
      return;
    }
    if (envelope.method == "ping") {
      exchange.finish(make_response(exchange.request().message.id(), "{}"));
      return;
    }
    if (on_open) {
      on_open(exchange);
      return;
    }
    held.push_back(&exchange);
  }
  void cancelled(Exchange& exchange, CancelReason reason) override {
    cancels.emplace_back(std::string(exchange.request().message.envelope().method), reason);
    std::erase(held, &exchange);
  }
  void drained(Exchange& exchange) override {
    ++exchange_drains;
    if (on_drain) on_drain(exchange);
  }
  void drained(Session&) override { ++session_drains; }
  void message(Session& session, ClientMessage message) override {
    messages.push_back(std::string(message.text()));
    last_session = &session;
  }
  void ended(Session&) override { ++sessions_ended; }
  [[nodiscard]] std::vector<Revision> revisions() const override { return speaks_; }

  // Finishes the oldest request that is held.
  void finish(Bytes result = R"({"content":[]})") {
    ASSERT_FALSE(held.empty());
    Exchange* exchange = held.front();
    held.erase(held.begin());
    exchange->finish(make_response(exchange->request().message.id(), result));
  }

  std::function<void(Exchange&)> on_open;
  std::function<void(Exchange&)> on_drain;
  bool answer_initialize = true;
  std::vector<std::string> opened;
  std::vector<Exchange*> held;
  std::vector<std::pair<std::string, CancelReason>> cancels;
  std::vector<std::string> messages;
  Session* last_session = nullptr;
  int exchange_drains = 0;
  int session_drains = 0;
  int sessions_ended = 0;

 private:
  std::vector<Revision> speaks_;
};

inline std::size_t count_of(Bytes text, Bytes part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != Bytes::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

}  // namespace sluice::testing_fronts
