// SPDX-License-Identifier: Apache-2.0
#pragma once
// LeasedExchange and LeasedPeer: the exchanges and sessions that a bridge opens at its upstream, as if it
// were a front.
//
// They hand every verb to their handler until it has forgotten them or they are over, and do nothing
// themselves. Owned by whoever opened them; freed only after the upstream's call on the stack has unwound.
// One reactor.

#include <limits>
#include <string>
#include <utility>

#include "mcp/errors.h"
#include "mcp/exchange.h"

namespace sluice {

// The room where nothing holds an upstream back.
inline constexpr std::size_t all_room = std::numeric_limits<std::size_t>::max();

// Who asks, in what revision and how: all of a request but its message, for another one in its name.
[[nodiscard]] inline ClientRequest without_message(const ClientRequest& request) {
  return ClientRequest{{},
                       request.era,
                       request.revision,
                       request.principal,
                       request.param_headers,
                       request.over_http,
                       request.correlation_id,
                       request.opened,
                       request.kept_headers};
}

// A client may leave too little room in a message for what another era adds to it.
[[nodiscard]] inline Refusal too_large_to_carry_on() {
  return refusals::invalid_params("the request is too large to be carried on");
}

class LeasedExchange final : public Exchange {
 public:
  class Handler {
   public:
    virtual std::size_t on_notify(Bytes message) = 0;
    virtual std::size_t on_ask(Bytes message) = 0;
    virtual void on_sign(LifeSign) {}
    // The last two are called once, and never both; the exchange stays until the turn ends.
    virtual void on_finish(Bytes response) = 0;
    virtual void on_refuse(const Refusal& refusal) = 0;

   protected:
    ~Handler() = default;
  };

  // `session` is the one at the upstream; null in the modern era.
  LeasedExchange(ClientRequest request, Session* session, Handler& handler)
      : Exchange(std::move(request), session), handler_(&handler) {}

  // Nothing is handed over any more.
  void forget() { handler_ = nullptr; }
  // The upstream has finished or refused it.
  [[nodiscard]] bool over() const { return over_; }

  std::size_t notify(Bytes message) override {
    return handler_ == nullptr ? all_room : handler_->on_notify(message);
  }
  std::size_t ask(Bytes message) override {
    return handler_ == nullptr ? all_room : handler_->on_ask(message);
  }
  void sign(LifeSign why) override {
    if (handler_ != nullptr) handler_->on_sign(why);
  }
  void finish(Bytes response) override {
    over_ = true;
    if (Handler* handler = std::exchange(handler_, nullptr); handler != nullptr) handler->on_finish(response);
  }
  void refuse(int http_status, int code, std::string_view sentence, std::string_view data) override {
    over_ = true;
    Handler* handler = std::exchange(handler_, nullptr);
    if (handler == nullptr) return;
    handler->on_refuse(Refusal{http_status, code, std::string(sentence), std::string(data)});
  }

 private:
  Handler* handler_;
  bool over_ = false;
};

class LeasedPeer final : public Session {
 public:
  class Handler {
   public:
    virtual std::size_t on_send(Bytes message) = 0;
    virtual void on_end(std::string_view why) = 0;

   protected:
    ~Handler() = default;
  };

  LeasedPeer(Principal principal, Revision offered, Handler& handler)
      : Session(std::move(principal), offered), handler_(handler) {}

  void negotiated(Revision revision) { revision_ = revision; }

  std::size_t send(Bytes message) override { return handler_.on_send(message); }
  void end(std::string_view why) override { handler_.on_end(why); }

 private:
  Handler& handler_;
};

}  // namespace sluice
