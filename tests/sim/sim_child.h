// SPDX-License-Identifier: Apache-2.0
#pragma once
// SimChild: a simulated stdio server, as the door `start_child` opens to the gateway.
//
// It may fail to start, be slow, print garbage, stop reading, die at any point and ignore the end of its
// input. Kept alive by its Nursery, which also tells whether the gateway left any behind.

#include <functional>
#include <memory>
#include <vector>

#include "codec/lines.h"
#include "gateway/upstream.h"
#include "sim/brain.h"
#include "sim/world.h"

namespace sluice::sim {

class SimChild final : public StreamHandler, public Mouth {
 public:
  SimChild(World& world, Era era, std::string name, StreamPtr stdio, StreamPtr errors,
           std::function<void(ChildExit)> on_exit);

  // The gateway dropped it, as the minder's lifeline is cut.
  void released();
  [[nodiscard]] bool running() const { return running_; }
  // Breaks its pipes or ends it, as luck has it.
  void die() override;

 private:
  void say(const std::string& message) override;
  void finish(const std::string& response) override { say(response); }
  void babble() override;
  void on_bytes(PaddedBytes bytes) override;
  void on_end() override;
  void on_failed(const Error& error) override;
  void wake();
  void exit();

  World& world_;
  std::string name_;
  Brain brain_;
  StreamPtr stdio_;
  StreamPtr errors_;
  LineReader lines_;
  std::function<void(ChildExit)> on_exit_;
  bool running_ = true;
  bool dying_ = false;
  bool asleep_ = false;  // does not read
  Timer timer_;          // the end of its life, or of its sleep
};

class Nursery {
 public:
  explicit Nursery(World& world) : world_(world) {}
  // The door. The command's first word says which era the server speaks: "legacy" or "modern".
  Result<StartedChild> start(const ChildCommand& command, std::function<void(ChildExit)> on_exit);
  [[nodiscard]] std::size_t running() const;
  // Lets one of them die.
  void strike();

 private:
  World& world_;
  std::vector<std::shared_ptr<SimChild>> children_;
  int started_ = 0;
};

}  // namespace sluice::sim
