// SPDX-License-Identifier: Apache-2.0
#include "mcp/parked_call.h"

#include <algorithm>

namespace sluice {

ParkedCall::AskVerdict ParkedCall::ask(std::string_view id, std::string_view request) {
  if (has_outcome_ || phase_ == Phase::done || phase_ == Phase::gone) return AskVerdict::refuse_closed;
  if (std::any_of(asks_.begin(), asks_.end(), [id](const Ask& ask) { return ask.id == id; }))
    return AskVerdict::refuse_closed;
  if (asks_.size() >= asks_max_ || generation_ >= rounds_max_) return AskVerdict::refuse_bound;
  asks_.push_back(Ask{std::string(id), "ask-" + std::to_string(next_key_++), std::string(request), 0});
  if (phase_ == Phase::parked || in_window_) return AskVerdict::hold;
  in_window_ = true;
  return AskVerdict::begin_window;
}

bool ParkedCall::withdraw(std::string_view id) {
  return std::erase_if(asks_, [id](const Ask& ask) { return ask.id == id; }) != 0;
}

ParkedCall::OutcomeVerdict ParkedCall::outcome() {
  if (has_outcome_ || phase_ == Phase::done || phase_ == Phase::gone) return OutcomeVerdict::drop;
  has_outcome_ = true;
  asks_.clear();
  in_window_ = false;
  if (phase_ == Phase::parked) return OutcomeVerdict::keep;
  phase_ = Phase::done;
  attached_ = 0;
  return OutcomeVerdict::deliver;
}

bool ParkedCall::park() {
  in_window_ = false;
  if (phase_ != Phase::attached || asks_.empty()) return false;
  phase_ = Phase::parked;
  attached_ = 0;
  ++generation_;
  for (Ask& ask : asks_) ask.round = generation_;
  return true;
}

bool ParkedCall::expire() {
  if (phase_ == Phase::attached) return false;
  const bool runs = phase_ == Phase::parked && !has_outcome_;
  phase_ = Phase::gone;
  asks_.clear();
  return runs;
}

ParkedCall::Retry ParkedCall::retry(std::size_t generation, const std::vector<std::string>& keys) {
  Retry retry;
  if (phase_ == Phase::gone) {
    retry.kind = RetryKind::gone;
    return retry;
  }
  if (generation == 0) return retry;
  // The round after this one began, and its answer may not have come through: there is nothing new in it.
  const bool is_previous = phase_ == Phase::parked && generation + 1 == generation_;
  if (is_previous && !has_outcome_) {
    retry.kind = RetryKind::ask_again;
    return retry;
  }
  if (generation != generation_ && !is_previous) return retry;
  if (phase_ == Phase::done) {
    retry.kind = RetryKind::repeat;
    return retry;
  }
  if (phase_ == Phase::attached) {
    retry.kind = RetryKind::attach;
    ++attached_;
    return retry;
  }
  if (has_outcome_) {
    retry.kind = RetryKind::deliver;
    phase_ = Phase::done;
    return retry;
  }
  retry.kind = RetryKind::resume;
  phase_ = Phase::attached;
  attached_ = 1;
  std::erase_if(asks_, [&](const Ask& ask) {
    if (ask.round == 0) return false;
    const auto key = std::find(keys.begin(), keys.end(), ask.key);
    if (key == keys.end()) return false;
    retry.answers.emplace_back(ask.id, static_cast<std::size_t>(key - keys.begin()));
    return true;
  });
  retry.incomplete = std::any_of(asks_.begin(), asks_.end(), [](const Ask& ask) { return ask.round != 0; });
  retry.more = !retry.incomplete && !asks_.empty();
  in_window_ = retry.more;
  return retry;
}

bool ParkedCall::leave() {
  if (phase_ != Phase::attached || attached_ == 0) return false;
  if (--attached_ != 0) return false;
  return abandon();
}

bool ParkedCall::abandon() {
  if (phase_ == Phase::gone) return false;
  const bool runs = !has_outcome_ && phase_ != Phase::done;
  phase_ = Phase::gone;
  attached_ = 0;
  in_window_ = false;
  asks_.clear();
  return runs;
}

}  // namespace sluice
