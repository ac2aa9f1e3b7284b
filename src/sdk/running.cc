// SPDX-License-Identifier: Apache-2.0
#include "sdk/running.h"

#include <utility>

#include "net/reactor.h"

namespace sluice {

Running::~Running() { join(); }

void Running::attach(Reactor& reactor, std::function<void()> drain) {
  const std::lock_guard lock(mutex_);
  reactor_ = &reactor;
  drain_ = std::move(drain);
}

void Running::detach() {
  const std::lock_guard lock(mutex_);
  reactor_ = nullptr;
  drain_ = nullptr;
}

void Running::take_thread(std::thread thread) { thread_ = std::move(thread); }

bool Running::post(std::function<void()> fn) {
  const std::lock_guard lock(mutex_);
  return reactor_ != nullptr && reactor_->post(std::move(fn));
}

void Running::stop() {
  const std::lock_guard lock(mutex_);
  if (reactor_ == nullptr || drain_ == nullptr) return;
  reactor_->post(std::exchange(drain_, nullptr));
}

void Running::join() {
  stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace sluice
