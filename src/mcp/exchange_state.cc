// SPDX-License-Identifier: Apache-2.0
#include "mcp/exchange_state.h"

#include <algorithm>
#include <utility>

namespace sluice {

namespace {

using Ids = std::vector<std::string>;

bool holds(const Ids& ids, std::string_view id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

}  // namespace

ExchangeState::ExchangeState(const McpLimits& limits, std::string progress_token)
    : asks_max_(limits.asks_per_exchange_max), token_(std::move(progress_token)) {}

ExchangeStep ExchangeState::sent() {
  if (over()) return ExchangeStep::drop_late;
  if (outcome_ == Outcome::not_sent) outcome_ = Outcome::sent_unknown;
  return ExchangeStep::pass;
}

ExchangeStep ExchangeState::notify() { return over() ? ExchangeStep::drop_late : ExchangeStep::pass; }

ExchangeStep ExchangeState::progress(std::string_view token, double value) {
  if (over()) return ExchangeStep::drop_late;
  if (token_.empty() || token != token_) return ExchangeStep::drop_unknown;
  if (progress_ && !(value > *progress_)) return ExchangeStep::drop_backward;
  progress_ = value;
  return ExchangeStep::pass;
}

ExchangeStep ExchangeState::ask(std::string_view ask) {
  if (over()) return ExchangeStep::drop_late;
  if (holds(asks_, ask)) return ExchangeStep::drop_duplicate;
  if (asks_.size() >= asks_max_) return ExchangeStep::refuse_bound;
  // The peer may use the id of a settled ask again; its next answer is then for the new one.
  settled_.erase(std::remove(settled_.begin(), settled_.end(), ask), settled_.end());
  asks_.emplace_back(ask);
  phase_ = ExchangePhase::asked;
  return ExchangeStep::pass;
}

void ExchangeState::drop_ask(std::size_t index) {
  const auto place = asks_.begin() + static_cast<std::ptrdiff_t>(index);
  settled_.push_back(std::move(*place));
  asks_.erase(place);
  if (settled_.size() > asks_max_) settled_.erase(settled_.begin());
  if (asks_.empty()) phase_ = ExchangePhase::open;
}

ExchangeStep ExchangeState::answer(std::string_view ask) {
  if (over()) return ExchangeStep::drop_late;
  const auto place = std::find(asks_.begin(), asks_.end(), ask);
  if (place == asks_.end())
    return holds(settled_, ask) ? ExchangeStep::drop_duplicate : ExchangeStep::drop_unknown;
  drop_ask(static_cast<std::size_t>(place - asks_.begin()));
  return ExchangeStep::pass;
}

ExchangeStep ExchangeState::withdraw(std::string_view ask) { return answer(ask); }

ExchangeStep ExchangeState::cancel() {
  if (over()) return ExchangeStep::drop_late;
  phase_ = ExchangePhase::cancelled;
  return ExchangeStep::pass;
}

ExchangeStep ExchangeState::finish() {
  if (over()) {
    // The answer of a cancelled call goes to nobody, yet now it is known that it ran.
    if (phase_ == ExchangePhase::cancelled) outcome_ = Outcome::answered;
    return ExchangeStep::drop_late;
  }
  phase_ = ExchangePhase::finished;
  outcome_ = Outcome::answered;
  return ExchangeStep::pass;
}

ExchangeStep ExchangeState::died() {
  if (over()) return ExchangeStep::drop_late;
  phase_ = ExchangePhase::finished;
  return ExchangeStep::pass;
}

}  // namespace sluice
