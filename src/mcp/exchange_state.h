// SPDX-License-Identifier: Apache-2.0
#pragma once
// The exchange as a pure state machine: what may still happen to one request, and what is known of its fate.
//
//   open ──ask──► asked ──last answer──► open ──finish──► finished
//     └─────────────┴──────────cancel──────────► cancelled
//
// Fronts and upstreams feed it every event and obey the verdict; it forwards nothing itself. After finish or
// cancel nothing passes any more. It knows neither messages nor eras. A small value that can be copied, so
// that a test explores every interleaving. Any thread, one at a time. Design section 5.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "mcp/exchange.h"

namespace sluice {

enum class ExchangePhase : std::uint8_t { open, asked, finished, cancelled };

enum class ExchangeStep : std::uint8_t {
  pass,            // do it
  drop_late,       // the exchange is over
  drop_unknown,    // an answer to no open ask, or progress under another token
  drop_duplicate,  // an ask under an id that is open, or an answer that came before
  drop_backward,   // progress that does not increase
  refuse_bound,    // one ask too many
};

class ExchangeState {
 public:
  // `progress_token` is the canonical text of the token the caller gave; empty for none.
  explicit ExchangeState(const McpLimits& limits, std::string progress_token = {});

  [[nodiscard]] ExchangePhase phase() const { return phase_; }
  [[nodiscard]] Outcome outcome() const { return outcome_; }
  [[nodiscard]] bool over() const {
    return phase_ == ExchangePhase::finished || phase_ == ExchangePhase::cancelled;
  }
  [[nodiscard]] std::size_t asks_open() const { return asks_.size(); }
  // Ids of open asks, oldest first: what has to be refused or cancelled when the exchange ends.
  [[nodiscard]] const std::vector<std::string>& asks() const { return asks_; }

  // Towards the upstream.
  ExchangeStep sent();                        // the request's last byte left for the upstream
  ExchangeStep answer(std::string_view ask);  // the client answered an ask
  ExchangeStep cancel();                      // the client gave up; passes once

  // From the upstream.
  ExchangeStep notify();
  ExchangeStep progress(std::string_view token, double value);
  ExchangeStep ask(std::string_view ask);       // `ask` is the canonical id of the server's request
  ExchangeStep withdraw(std::string_view ask);  // the server cancelled its own ask
  ExchangeStep finish();  // its response, result or error; also after the ask was not answered
  // It went away; the exchange is finished by an error of ours, and outcome() stays what it was.
  ExchangeStep died();

 private:
  void drop_ask(std::size_t index);

  ExchangePhase phase_ = ExchangePhase::open;
  Outcome outcome_ = Outcome::not_sent;
  std::size_t asks_max_;
  std::string token_;
  std::optional<double> progress_;
  std::vector<std::string> asks_;
  std::vector<std::string> settled_;  // ids of the last asks that were answered or withdrawn
};

}  // namespace sluice
