// SPDX-License-Identifier: Apache-2.0
#include "sim/sim_child.h"

#include <algorithm>
#include <utility>

namespace sluice::sim {

SimChild::SimChild(World& world, Era era, std::string name, StreamPtr stdio, StreamPtr errors,
                   std::function<void(ChildExit)> on_exit)
    : world_(world),
      name_(std::move(name)),
      brain_(world, era, name_),
      stdio_(std::move(stdio)),
      errors_(std::move(errors)),
      lines_(JsonLimits{}.message_bytes_max),
      on_exit_(std::move(on_exit)),
      timer_([](void* self) { static_cast<SimChild*>(self)->wake(); }, this) {
  stdio_->set_handler(this);
  if (!world_.faults) return;
  if (world_.chance(10)) world_.reactor.arm_after(timer_, world_.up_to(world_.chance(30) ? 5 : 20'000));
  if (world_.chance(3)) {
    asleep_ = true;
    stdio_->pause();
    world_.reactor.arm_after(timer_, world_.up_to(8'000));
  }
}

void SimChild::wake() {
  if (!std::exchange(asleep_, false)) return exit();
  stdio_->resume();
}

void SimChild::released() {
  on_exit_ = nullptr;
  if (running_) world_.transcript.line(name_, "is ended");
  running_ = false;
  timer_.cancel();
  stdio_.reset();
  errors_.reset();
}

void SimChild::say(const std::string& message) {
  if (stdio_ && !dying_) stdio_->write(message + "\n");
}

void SimChild::babble() {
  if (!stdio_ || dying_) return;
  stdio_->write(world_.chance(50) ? "Listening on port 3000\n" : "{\"jsonrpc\":\"2.0\",\"id\":{}}\n");
  if (errors_) errors_->write("warning: talking to myself\n");
}

void SimChild::die() {
  if (!running_ || std::exchange(dying_, true)) return;
  if (stdio_ && world_.chance(30)) break_stream(*stdio_);
  world_.reactor.arm_after(timer_, world_.up_to(20));
}

// The pipes close first; that it is gone is known a little later, or at once.
void SimChild::exit() {
  if (!running_) return;
  world_.transcript.line(name_, "exits");
  running_ = false;
  stdio_.reset();
  errors_.reset();
  if (auto on_exit = std::exchange(on_exit_, nullptr)) on_exit(ChildExit{1, 0});
}

void SimChild::on_bytes(PaddedBytes bytes) {
  lines_.feed(bytes.bytes);
  PaddedBytes line;
  while (stdio_ && !dying_ && lines_.next(line) == LineReader::Step::line) brain_.hear(line.bytes, *this);
}

void SimChild::on_end() {
  if (world_.chance(90)) world_.reactor.arm_after(timer_, world_.up_to(50));  // else it ignores the end
}

void SimChild::on_failed(const Error&) { world_.reactor.arm_after(timer_, world_.up_to(50)); }

Result<StartedChild> Nursery::start(const ChildCommand& command, std::function<void(ChildExit)> on_exit) {
  std::erase_if(children_, [](const auto& child) { return child.use_count() == 1 && !child->running(); });
  if (world_.faults && world_.chance(2)) return Error(Errc::unavailable, "no process could be made");
  const int number = ++started_;
  const std::string name = command.argv.front() + "#" + std::to_string(number);
  world_.transcript.line(name, "starts");
  StreamPair stdio = world_.connect();
  StreamPair errors = make_stream_pair(world_.reactor);
  const Era era = command.argv.front() == "modern" ? Era::modern : Era::legacy;
  const auto child = std::make_shared<SimChild>(world_, era, name, std::move(stdio.far),
                                                std::move(errors.far), std::move(on_exit));
  children_.push_back(child);
  const auto release = [child](void*) { child->released(); };
  return StartedChild{std::move(stdio.near), std::move(errors.near), number,
                      std::shared_ptr<void>(child.get(), release)};
}

std::size_t Nursery::running() const {
  return static_cast<std::size_t>(
      std::count_if(children_.begin(), children_.end(), [](const auto& child) { return child->running(); }));
}

void Nursery::strike() {
  if (!children_.empty()) children_[world_.random.below(children_.size())]->die();
}

}  // namespace sluice::sim
