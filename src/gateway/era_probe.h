// SPDX-License-Identifier: Apache-2.0
#pragma once
// EraProbe: which era a command speaks, asked of a disposable sibling.
//
// Some servers exit on a question they do not know, so the child that is asked is never the one that serves.
// It gets `server/discover` and `initialize` at once: a DiscoverResult, or a modern error that names modern
// versions, says modern; anything else, an exit included, says legacy. Silence up to the start timeout and a
// command that cannot be executed say nothing. Since many servers take the era of the first message for good,
// a second sibling is asked whether a modern server is legacy too. Lives on one reactor. Spec: 2026-07-28
// basic/lifecycle (era detection); ledger C4.

#include <functional>
#include <memory>
#include <string>

#include "gateway/child_link.h"

namespace sluice {

struct EraVerdict {
  UpstreamEras eras;
  std::string why;  // a reason; a whole sentence when nothing is known
};

class EraProbe final : private ChildLinkHandler {
 public:
  // `tell` is called with what is known, at most twice: at first `legacy` may be pending. Never from inside
  // this; the probe may be destroyed in it.
  EraProbe(const UpstreamContext& context, const UpstreamConfig& config,
           std::function<void(EraVerdict)> tell);

 private:
  void begin();
  void on_child_message(ClientMessage message) override;
  void on_child_gone(const ChildEnd& end) override;
  void on_silence();
  void conclude(EraVerdict verdict);
  void conclude_modern(bool legacy_too);

  UpstreamContext context_;
  const UpstreamConfig& config_;
  std::function<void(EraVerdict)> tell_;
  std::unique_ptr<ChildLink> link_;
  bool is_modern_ = false;    // what is left is whether it is legacy too
  bool initialized_ = false;  // it answered `initialize`; the answer to discover may still be coming
  Timer timer_;
};

}  // namespace sluice
