// SPDX-License-Identifier: Apache-2.0
#pragma once
// StdioUpstream: an upstream that is a command. A legacy session owns one child; modern calls share one.
//
// Decides by era which child an exchange goes to, bounds the children, and sees stopping ones to their end.
// The eras of the command are asked of a sibling, or pinned. Knows nothing of HTTP. Lives on one reactor.

#include <memory>
#include <unordered_set>
#include <vector>

#include "gateway/child_link.h"
#include "gateway/spare_children.h"
#include "gateway/upstream.h"

namespace sluice {

class OwnedChild;
class SharedChild;

class StdioUpstream final : public NativeUpstream {
 public:
  StdioUpstream(const UpstreamContext& context, const UpstreamConfig& config);
  ~StdioUpstream() override;

  void start() override;
  void stop() override;
  [[nodiscard]] UpstreamState state() const override;
  [[nodiscard]] UpstreamEras eras() const override;
  void ask_eras() override;

  void open(Exchange& exchange) override;
  void cancelled(Exchange& exchange, CancelReason reason) override;
  void drained(Exchange& exchange) override;
  void drained(Session& session) override;
  void message(Session& session, ClientMessage message) override;
  void ended(Session& session) override;

  // For the two kinds of child.
  void eras_known();
  // A child did what no legacy server does.
  void doubt_legacy();
  [[nodiscard]] const UpstreamContext& context() const { return context_; }
  [[nodiscard]] const UpstreamConfig& config() const { return config_; }
  [[nodiscard]] const CallEnds& ends() const { return ends_; }
  [[nodiscard]] bool has_room() const;
  void child_started(OwnedChild& child) { owned_.insert(&child); }
  void child_ended(OwnedChild& child);
  // A child that was started for a session to come; null when there is none.
  [[nodiscard]] std::unique_ptr<ChildLink> take_spare() { return spares_.take(); }
  // Takes a child that is no longer needed and stops it gently.
  void retire(std::unique_ptr<ChildLink> link);

 private:
  // Starts what the configuration wants to be there before anybody needs it.
  void warm_up();
  void open_session(Exchange& exchange);
  void open_waiting();
  // Ends the session that was idle longest, by the end of this turn, if that is as long as the pool says.
  [[nodiscard]] bool longest_idle_gives_way();
  [[nodiscard]] static OwnedChild* owned(Session* session);

  UpstreamContext context_;
  UpstreamConfig config_;
  CallEnds ends_;
  std::unordered_set<OwnedChild*> owned_;
  std::unique_ptr<SharedChild> shared_;
  SpareChildren spares_;
  std::vector<Exchange*> waiting_;  // for a session, until one that is being ended has made room
  std::vector<std::unique_ptr<ChildLink>> stopping_;
  Timer bury_;  // destroys what has stopped, outside of its own calls
  std::vector<ChildLink*> stopped_;
};

}  // namespace sluice
