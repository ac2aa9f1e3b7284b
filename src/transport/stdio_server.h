// SPDX-License-Identifier: Apache-2.0
#pragma once
// The front for one peer that speaks lines: standard input and output, or a TCP or Unix connection.
//
//   first message ── initialize ──► legacy for good: one session
//                 └─ claims a modern version ──► modern for good; server/discover alone decides nothing yet
//
// Turns lines into exchanges and, in the legacy era, one session. When the peer has finished sending,
// everything open is cancelled and the session ended. Knows no process: whoever owns the stream says what
// `closed` means. Must be outlived by the Service. Lives on one reactor. Spec: stdio in basic/transports of
// every revision; ledger C4.

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/limits.h"
#include "mcp/exchange.h"
#include "mcp/modern.h"
#include "mcp/session.h"
#include "transport/exchange_clock.h"
#include "transport/line_channel.h"

namespace sluice {

class LineExchange;
class LineSession;

struct StdioServerOptions {
  Limits limits;
  Principal principal;
  UnknownMethods unknown_methods = UnknownMethods::forward;
  milliseconds initialize = McpLimits{}.initialize;
  bool tool_timer = true;
};

class StdioServer final : private LineChannelHandler {
 public:
  // `closed` is called once, when the peer ended or failed and what we had to say has gone out; it may
  // destroy this.
  StdioServer(Reactor& reactor, Service& service, StreamPtr stream, StdioServerOptions options,
              std::function<void()> closed);
  StdioServer(const StdioServer&) = delete;
  StdioServer& operator=(const StdioServer&) = delete;
  // Open exchanges are cancelled, the session ended.
  ~StdioServer() override;

  // Ends listens, refuses new requests, closes when nothing is open any more.
  void drain();

  [[nodiscard]] std::size_t in_flight() const { return exchanges_.size(); }
  [[nodiscard]] const LineChannelCounters& counters() const { return channel_->counters(); }

 private:
  friend class LineExchange;
  friend class LineSession;
  enum class Pin : std::uint8_t { none, legacy, modern };

  void on_message(ClientMessage message) override;
  bool on_batch(PaddedString text) override;
  void on_bad_line(const BadLine& line) override;
  void on_drained() override;
  void on_end() override;
  void on_failed(const Error& error) override;

  [[nodiscard]] Era era_of_message(const Envelope& envelope);
  void on_modern(ClientMessage message);
  void on_legacy(ClientMessage message);
  void on_client_message(ClientMessage message);
  void open(ClientMessage message, Era era, Revision revision);
  void refuse(const Refusal& refusal, Bytes id_raw);
  [[nodiscard]] LineExchange* find(Bytes raw_id) const;
  std::unique_ptr<LineExchange> take(LineExchange& exchange);
  void bury(std::unique_ptr<LineExchange> exchange);
  void end_all(CancelReason reason);
  void close();
  void look();
  void reap();

  Reactor& reactor_;
  Service& service_;
  StdioServerOptions options_;
  ExchangeClockLimits clock_limits_;
  std::vector<Revision> revisions_;
  bool has_legacy_ = false;
  bool has_modern_ = false;
  std::function<void()> closed_;
  MessageScanner scanner_;                                                    // for batches
  std::unordered_map<std::string, std::unique_ptr<LineExchange>> exchanges_;  // by canonical id
  std::vector<std::unique_ptr<LineExchange>> dead_;  // until nobody's function can be on the stack above them
  std::unique_ptr<LineSession> session_;
  std::unique_ptr<LineSession> dead_session_;
  std::uint64_t next_correlation_ = 1;
  std::uint32_t looks_ = 0;
  Timer reaper_;
  Timer look_;  // at what is unsent while closing
  Pin pin_ = Pin::none;
  bool draining_ = false;
  bool closing_ = false;
  std::unique_ptr<LineChannel> channel_;
};

}  // namespace sluice
