// SPDX-License-Identifier: Apache-2.0
#include "net/timer_wheel.h"

#include <bit>

namespace sluice {
namespace {

constexpr Duration tick_length = std::chrono::milliseconds(1);

void make_ring(TimerLink& head) { head.next = head.previous = &head; }
bool ring_empty(const TimerLink& head) { return head.next == &head; }

void append(TimerLink& head, TimerLink& link) {
  link.next = &head;
  link.previous = head.previous;
  head.previous->next = &link;
  head.previous = &link;
}

void unlink(TimerLink& link) {
  link.next->previous = link.previous;
  link.previous->next = link.next;
  link.next = link.previous = nullptr;
}

// Moves everything in `from` to the end of `to`.
void splice(TimerLink& to, TimerLink& from) {
  if (ring_empty(from)) return;
  from.next->previous = to.previous;
  to.previous->next = from.next;
  from.previous->next = &to;
  to.previous = from.previous;
  make_ring(from);
}

std::size_t count(const TimerLink& head) {
  std::size_t n = 0;
  for (const TimerLink* link = head.next; link != &head; link = link->next) ++n;
  return n;
}

}  // namespace

static_assert(sizeof(Timer) == 40, "owners of idle connections count on it");

TimerWheel::TimerWheel(Instant start) : start_(start) {
  make_ring(due_);
  for (auto& level : ring_)
    for (auto& slot : level) make_ring(slot);
}

TimerWheel::~TimerWheel() {
  while (!ring_empty(due_)) unlink(*due_.next);
  for (auto& level : ring_)
    for (auto& slot : level)
      while (!ring_empty(slot)) unlink(*slot.next);
}

void TimerWheel::arm(Timer& timer, Instant deadline) {
  timer.cancel();
  // Round up, so that no timer fires early; far deadlines are clamped to 139 years.
  const Duration ahead = deadline <= start_ ? Duration::zero() : deadline - start_;
  const auto whole = static_cast<std::uint64_t>(ahead / tick_length);
  timer.tick_ = whole + (ahead % tick_length > Duration::zero() ? 1 : 0);
  if (timer.tick_ > tick_max) timer.tick_ = tick_max;
  place(timer, due_);
}

// Links a timer where it belongs as seen from tick_; what is due already goes to `expired`.
void TimerWheel::place(Timer& timer, TimerLink& expired) {
  if (timer.tick_ <= tick_) {
    append(expired, timer);
    return;
  }
  const auto top_bit = static_cast<unsigned>(std::bit_width(timer.tick_ ^ tick_)) - 1;
  const unsigned level = top_bit / slot_bits;
  const auto slot = static_cast<unsigned>(timer.tick_ >> (level * slot_bits)) & (slots - 1);
  append(ring_[level][slot], timer);
  occupied_[level] |= std::uint64_t{1} << slot;
}

TimerWheel::Place TimerWheel::next_place() const {
  for (unsigned level = 0; level < levels; ++level) {
    while (occupied_[level] != 0) {
      const auto slot = static_cast<unsigned>(std::countr_zero(occupied_[level]));
      if (!ring_empty(ring_[level][slot])) {
        const unsigned shift = level * slot_bits;
        const std::uint64_t above = tick_ >> (shift + slot_bits) << (shift + slot_bits);
        return Place{level, slot, above | (std::uint64_t{slot} << shift)};
      }
      occupied_[level] &= occupied_[level] - 1;
    }
  }
  return Place{};
}

std::size_t TimerWheel::advance(Instant now) {
  const auto target =
      now <= start_ ? std::uint64_t{0} : static_cast<std::uint64_t>((now - start_) / tick_length);
  // Collect first and fire afterwards: no callback ever sees the wheel between two ticks.
  TimerLink expired;
  make_ring(expired);
  splice(expired, due_);
  for (Place next = next_place(); next.level < levels && next.tick <= target; next = next_place()) {
    tick_ = next.tick;
    occupied_[next.level] &= ~(std::uint64_t{1} << next.slot);
    TimerLink moving;
    make_ring(moving);
    splice(moving, ring_[next.level][next.slot]);
    while (!ring_empty(moving)) {
      auto& timer = static_cast<Timer&>(*moving.next);
      unlink(timer);
      place(timer, expired);
    }
  }
  if (target > tick_) tick_ = target < tick_max ? target : tick_max;

  std::size_t fired = 0;
  while (!ring_empty(expired)) {  // a callback may cancel or destroy any other timer, or arm new ones
    auto& timer = static_cast<Timer&>(*expired.next);
    unlink(timer);
    ++fired;
    timer.fire_(timer.owner_);
  }
  return fired;
}

Instant TimerWheel::next_deadline() const {
  if (!ring_empty(due_)) return start_ + static_cast<Duration::rep>(tick_) * tick_length;
  const Place next = next_place();
  return next.level < levels ? start_ + static_cast<Duration::rep>(next.tick) * tick_length : never;
}

std::size_t TimerWheel::size() const {
  std::size_t n = count(due_);
  for (const auto& level : ring_)
    for (const auto& slot : level) n += count(slot);
  return n;
}

}  // namespace sluice
