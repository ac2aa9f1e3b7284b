// SPDX-License-Identifier: Apache-2.0
#pragma once
// SpareChildren: children of a command that were started before anybody needs them.
//
// A session that opens takes one instead of waiting for the command to start (a cold npx takes seconds), and
// another is started in its place. Nothing is said to a spare: its handshake is its session's. One that dies
// is replaced after a back-off. Knows no era beyond whether the command has sessions at all. Owned by its
// upstream, on one reactor. Ledger D6.1.

#include <cstddef>
#include <memory>
#include <vector>

#include "gateway/child_link.h"

namespace sluice {

class StdioUpstream;

class SpareChildren {
 public:
  explicit SpareChildren(StdioUpstream& upstream);
  SpareChildren(const SpareChildren&) = delete;
  SpareChildren& operator=(const SpareChildren&) = delete;
  ~SpareChildren();

  // Starts what is missing, if the command is known to have sessions and its upstream has room.
  void fill();
  // The one that has been there longest; null when there is none.
  [[nodiscard]] std::unique_ptr<ChildLink> take();
  [[nodiscard]] std::size_t size() const { return spares_.size(); }
  // Ends them gently. None is started any more.
  void stop();

 private:
  class Spare;
  void died(Spare& spare);

  StdioUpstream& upstream_;
  std::vector<std::unique_ptr<Spare>> spares_;
  std::unique_ptr<Spare> dead_;  // until the next is started: it told of its end from inside
  std::size_t deaths_ = 0;       // without one that was taken
  bool stopped_ = false;
  Timer again_;
};

}  // namespace sluice
