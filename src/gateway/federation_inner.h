// SPDX-License-Identifier: Apache-2.0
#pragma once
// The exchanges and sessions that a federation opens on its upstreams: to these it is the front.
//
// An upstream that ends one is told nothing more of it; what it ended is freed after the stack unwound
// (FederationState::bury). Knows no names and no merging. One reactor.

#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>

#include "gateway/leased_exchange.h"
#include "mcp/errors.h"
#include "mcp/exchange.h"
#include "net/reactor.h"

namespace sluice {

class FederatedSession;
class InnerExchange;
class InnerSession;

// Who hears of an inner exchange. After on_answer() and on_refused() it is over and has to be buried.
class InnerOwner {
 public:
  virtual std::size_t on_notify(InnerExchange& inner, Bytes message) = 0;
  virtual std::size_t on_ask(InnerExchange& inner, Bytes message) = 0;
  virtual void on_sign(InnerExchange&, LifeSign) {}
  virtual void on_answer(InnerExchange& inner, Bytes response) = 0;
  virtual void on_refused(InnerExchange& inner, const Refusal& refusal) = 0;

 protected:
  ~InnerOwner() = default;
};

class InnerExchange final : public Exchange {
 public:
  // `tag` is the owner's. `session` is the inner session it belongs to, or null.
  InnerExchange(InnerOwner& owner, Service& service, std::size_t upstream, std::uint64_t tag,
                ClientRequest request, InnerSession* session);
  ~InnerExchange() override;

  // Hands it to its upstream, which may end it at once.
  void open() { service_.open(*this); }
  // Refused as timed out, and cancelled upstream, after this long.
  void limit(Reactor& reactor, milliseconds timeout) { reactor.arm_after(late_, timeout); }
  // Takes it away from the upstream, if it still has it.
  void cancel(CancelReason reason);
  void drained();

  [[nodiscard]] std::size_t upstream() const { return upstream_; }
  [[nodiscard]] std::uint64_t tag() const { return tag_; }

  std::size_t notify(Bytes message) override;
  std::size_t ask(Bytes message) override;
  void sign(LifeSign why) override {
    if (!over_) owner_.on_sign(*this, why);
  }
  void finish(Bytes response) override;
  void refuse(int http_status, int code, std::string_view sentence, std::string_view data) override;

 private:
  friend class InnerSession;
  void leave();
  void be_late();

  InnerOwner& owner_;
  Service& service_;
  std::size_t upstream_;
  std::uint64_t tag_;
  InnerSession* inner_session_;
  bool over_ = false;
  Timer late_;
};

class InnerSession final : public Session {
 public:
  InnerSession(FederatedSession& owner, std::size_t upstream, Principal principal, Revision revision);
  ~InnerSession() override;

  void negotiated(Revision revision) { revision_ = revision; }
  [[nodiscard]] std::size_t upstream() const { return upstream_; }
  // The upstream ended it: it is not to be told.
  [[nodiscard]] bool over() const { return over_; }

  std::size_t send(Bytes message) override;
  void end(std::string_view why) override;

 private:
  friend class InnerExchange;
  FederatedSession& owner_;
  std::size_t upstream_;
  bool over_ = false;
  std::set<InnerExchange*> exchanges_;
};

}  // namespace sluice
