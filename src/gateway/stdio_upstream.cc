// SPDX-License-Identifier: Apache-2.0
#include "gateway/stdio_upstream.h"

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/owned_child.h"
#include "gateway/shared_child.h"
#include "mcp/errors.h"

namespace sluice {

StdioUpstream::StdioUpstream(const UpstreamContext& context, const UpstreamConfig& config)
    : context_(context),
      config_(config),
      ends_(context.calls, config_.name),
      shared_(std::make_unique<SharedChild>(*this)),
      spares_(*this),
      bury_(
          [](void* self) {
            auto* upstream = static_cast<StdioUpstream*>(self);
            for (const ChildLink* link : std::exchange(upstream->stopped_, {}))
              std::erase_if(upstream->stopping_,
                            [link](const auto& candidate) { return candidate.get() == link; });
            upstream->open_waiting();
            upstream->spares_.fill();  // there may be room again
          },
          this) {}

StdioUpstream::~StdioUpstream() { shared_.reset(); }

void StdioUpstream::start() {
  shared_->start();
  warm_up();
}

void StdioUpstream::stop() {
  spares_.stop();
  shared_->stop();
}

void StdioUpstream::eras_known() {
  warm_up();
  eras_changed();
}

UpstreamState StdioUpstream::state() const {
  UpstreamState state = shared_->state();
  state.sessions = owned_.size();
  state.children += owned_.size() + stopping_.size() + spares_.size();
  for (const OwnedChild* child : owned_) state.calls += child->calls();
  return state;
}

UpstreamEras StdioUpstream::eras() const { return shared_->eras(); }

void StdioUpstream::ask_eras() { shared_->ask_eras(); }

void StdioUpstream::doubt_legacy() { shared_->doubt(Era::legacy); }

void StdioUpstream::warm_up() {
  spares_.fill();
  if (config_.pool.min != 0) shared_->warm_up();
}

// Those that are stopping are in nobody's use; no child is started while there are more of them than may run.
bool StdioUpstream::has_room() const {
  return owned_.size() + spares_.size() + shared_->state().children < config_.children_max &&
         stopping_.size() <= config_.children_max;
}

void StdioUpstream::child_ended(OwnedChild& child) {
  owned_.erase(&child);
  if (!waiting_.empty()) context_.reactor.arm_after(bury_, Duration(0));
}

OwnedChild* StdioUpstream::owned(Session* session) {
  return session == nullptr ? nullptr : static_cast<OwnedChild*>(session->attachment.get());
}

void StdioUpstream::open(Exchange& exchange) {
  context_.calls.opened(exchange);
  if (exchange.request().era == Era::modern) return shared_->open(exchange);
  if (OwnedChild* child = owned(exchange.session()); child != nullptr) return child->open(exchange);
  open_session(exchange);
}

void StdioUpstream::open_session(Exchange& exchange) {
  if (spares_.size() == 0 && !has_room() && !shared_->yield_place()) {
    if (room_is_made() || longest_idle_gives_way()) {
      waiting_.push_back(&exchange);  // at most one for each session that was ended
      return;
    }
    const std::string children = std::to_string(config_.children_max);
    return ends_.refuse(exchange,
                        refusals::overloaded("upstream '" + config_.name + "' has all its " + children +
                                             " children in use; end a session or raise children_max"));
  }
  auto child = OwnedChild::start(*this, *exchange.session());
  if (!child)
    return ends_.refuse(exchange, refusals::internal_error(child.error().message), CallStatus::lost);
  OwnedChild& started = **child;
  exchange.session()->attachment = std::move(*child);
  shared_->child_was_started();
  started.open(exchange);
}

bool StdioUpstream::longest_idle_gives_way() {
  OwnedChild* longest = nullptr;
  for (OwnedChild* child : owned_)
    if (!child->is_leaving() && child->calls() == 0 &&
        (longest == nullptr || child->last_use() < longest->last_use()))
      longest = child;
  if (longest == nullptr || context_.reactor.now() - longest->last_use() < config_.pool.idle) return false;
  longest->give_way();
  return true;
}

void StdioUpstream::open_waiting() {
  for (Exchange* exchange : std::exchange(waiting_, {})) open_session(*exchange);
}

void StdioUpstream::cancelled(Exchange& exchange, CancelReason reason) {
  if (exchange.request().era == Era::modern) return shared_->cancelled(exchange, reason);
  if (OwnedChild* child = owned(exchange.session()); child != nullptr)
    return child->cancelled(exchange, reason);
  std::erase(waiting_, &exchange);
  ends_.cancelled(exchange, reason);
}

void StdioUpstream::drained(Exchange& exchange) {
  if (OwnedChild* child = owned(exchange.session()); child != nullptr) child->drained();
}

void StdioUpstream::drained(Session& session) {
  if (OwnedChild* child = owned(&session); child != nullptr) child->drained();
}

void StdioUpstream::message(Session& session, ClientMessage message) {
  if (OwnedChild* child = owned(&session); child != nullptr) child->message(std::move(message));
}

void StdioUpstream::ended(Session& session) { session.attachment.reset(); }

void StdioUpstream::retire(std::unique_ptr<ChildLink> link) {
  ChildLink* stopping = link.get();
  stopping_.push_back(std::move(link));
  stopping->stop([this, stopping] {
    stopped_.push_back(stopping);
    context_.reactor.arm_after(bury_, Duration(0));
  });
}

}  // namespace sluice
