// SPDX-License-Identifier: Apache-2.0
#pragma once
// A call whose upstream may ask its client something in between, as a pure state machine: who is attached,
// what was asked in which round, what was answered.
//
//   attached ──window over──► parked(g) ──retry(g)──► attached ──outcome──► done
//      │                         └──expiry──► gone       │
//      └───────────────────── the last one leaves ───────┴──► gone
//
// Nothing runs twice: an ask is answered at most once, the upstream is cancelled at most once and never after
// its outcome, and the outcome waits for whoever comes for it. It sends nothing itself and obeys no clock:
// its owner feeds it every event and does what the verdict says. A small value that can be copied, so that a
// test explores every interleaving. Any thread, one at a time. Ledger D6.4.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"

namespace sluice {

class ParkedCall {
 public:
  enum class Phase : std::uint8_t {
    attached,  // somebody waits for its outcome
    parked,    // its client was asked, or its outcome waits for the retry
    done,      // the outcome was delivered; who comes again gets the same
    gone,      // cancelled or expired: who comes again is told so
  };
  struct Ask {
    std::string id;       // raw, as the upstream wrote it
    std::string key;      // what the client calls it
    std::string request;  // what the client is asked, JSON text
    std::size_t round;    // in which it was told; 0: not yet
  };

  explicit ParkedCall(const McpLimits& limits)
      : asks_max_(limits.asks_per_exchange_max), rounds_max_(limits.ask_rounds_max) {}

  [[nodiscard]] Phase phase() const { return phase_; }
  // How often it was parked.
  [[nodiscard]] std::size_t generation() const { return generation_; }
  [[nodiscard]] std::size_t attached() const { return attached_; }
  [[nodiscard]] bool has_outcome() const { return has_outcome_; }
  // Open asks, oldest first. While parked, those of the round are what the client was told.
  [[nodiscard]] const std::vector<Ask>& asks() const { return asks_; }

  // From the upstream.
  enum class AskVerdict : std::uint8_t {
    begin_window,   // the first of a round: wait a little for more, then park()
    hold,           // it goes along with the next round
    refuse_bound,   // one ask or one round too many
    refuse_closed,  // the call is over, or the id is in use
  };
  AskVerdict ask(std::string_view id, std::string_view request);
  // It takes its ask back; false when there is none.
  bool withdraw(std::string_view id);
  enum class OutcomeVerdict : std::uint8_t { deliver, keep, drop };
  // It answered the call, refused it or died.
  OutcomeVerdict outcome();

  // The window is over. True: everyone attached is told all open asks, with generation(); nobody is attached
  // any more.
  bool park();
  // Nobody came for too long. True when the upstream has to be cancelled.
  bool expire();

  // From the client.
  enum class RetryKind : std::uint8_t {
    stale,      // that round was answered long ago, or never was
    gone,       // nothing is held any more
    attach,     // another one came for it before: both get what comes
    resume,     // attached; send the answers upstream
    deliver,    // attached; the outcome is there
    ask_again,  // it is parked again: tell the open asks, with generation()
    repeat,     // the outcome was delivered before: the same once more
  };
  struct Retry {
    RetryKind kind = RetryKind::stale;
    std::vector<std::pair<std::string, std::size_t>> answers;  // raw ids, and which of `keys` answers them
    // Of `resume`: not everything was answered, so park() follows at once.
    bool incomplete = false;
    // Of `resume`: the upstream has asked more meanwhile, so a window begins.
    bool more = false;
  };
  // A retry with the state of this generation, and the keys of its answers. Unknown keys are ignored.
  Retry retry(std::size_t generation, const std::vector<std::string>& keys);
  // One of those attached went away. True when the upstream has to be cancelled: it was the last.
  bool leave();
  // All at once, by us. True when the upstream has to be cancelled.
  bool abandon();

 private:
  std::size_t asks_max_;
  std::size_t rounds_max_;
  Phase phase_ = Phase::attached;
  std::size_t generation_ = 0;
  std::size_t attached_ = 1;
  std::size_t next_key_ = 1;
  bool has_outcome_ = false;
  bool in_window_ = false;
  std::vector<Ask> asks_;
};

}  // namespace sluice
