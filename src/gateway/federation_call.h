// SPDX-License-Identifier: Apache-2.0
#pragma once
// FederatedCall: a client's exchange and what was opened for it on the upstreams, its legs.
//
// A leg waits for the session of its upstream where there is one, may have a deadline, and ends in answered()
// or failed(). The kinds are in federation_routed.h, federation_merged.h and federation_listen.h. Attached to
// the client's exchange: who ends the exchange destroys the call, so that is always the last thing done. One
// reactor.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "gateway/federation_session.h"
#include "gateway/federation_state.h"

namespace sluice {

class FederatedCall : public Attachment, protected InnerOwner {
 public:
  FederatedCall(FederationState& state, Exchange& client);
  FederatedCall(const FederatedCall&) = delete;
  FederatedCall& operator=(const FederatedCall&) = delete;
  ~FederatedCall() override;

  virtual void start() = 0;
  void cancelled(CancelReason reason);
  void drained();

  // For FederatedSession.
  void session_ready(std::uint64_t leg, InnerSession& session);
  void session_failed(std::uint64_t leg, const std::string& why);

 protected:
  struct Leg {
    std::size_t upstream = 0;
    int tag = 0;              // the call's own
    std::string text;         // of the request; empty where only the session is wanted
    milliseconds within{0};   // how long it may take; 0: for ever
    bool may_open = false;    // not counting the time its session needs to open
    bool has_headers = true;  // the client's, which mirror its arguments
    ServerCapability needs = ServerCapability::none;  // else it fails as "method not found"
    std::unique_ptr<InnerExchange> inner = {};
    Instant due = never;
  };
  // Legs may end before this returns; nothing of the call may be touched afterwards, unless answered() and
  // failed() leave the client's exchange alone for as long.
  void send(Leg leg);
  // A response of the upstream as it was sent.
  virtual void answered(std::size_t upstream, int tag, Bytes response) = 0;
  virtual void failed(std::size_t upstream, int tag, const Refusal& refusal) = 0;
  std::size_t on_notify(InnerExchange& inner, Bytes message) override;
  std::size_t on_ask(InnerExchange& inner, Bytes message) override;
  void on_sign(InnerExchange&, LifeSign why) override { client_.sign(why); }

  [[nodiscard]] FederationState& state() { return state_; }
  [[nodiscard]] Exchange& client() { return client_; }
  [[nodiscard]] const Envelope& envelope() const { return client_.request().message.envelope(); }
  [[nodiscard]] bool is_modern() const { return client_.request().era == Era::modern; }
  [[nodiscard]] FederatedSession* session() const { return FederatedSession::of(client_session_); }
  [[nodiscard]] std::size_t upstreams() const { return state_.upstreams.size(); }
  [[nodiscard]] std::size_t legs() const { return legs_.size(); }
  // How long an upstream's part of something is worth waiting for.
  [[nodiscard]] milliseconds patience(std::size_t upstream) const;
  // A request of our own in the client's name, with its `_meta` but for the progress token. `members` are
  // those of params, as JSON text, or empty.
  [[nodiscard]] std::string own_request(Bytes method, Bytes members);
  // The client's result, made of several.
  void finish(Bytes result_json);

 private:
  void on_answer(InnerExchange& inner, Bytes response) override;
  void on_refused(InnerExchange& inner, const Refusal& refusal) override;
  [[nodiscard]] Leg take(std::uint64_t leg);
  void launch(std::uint64_t leg, InnerSession* session);
  void expect_late();
  void be_late();

  FederationState& state_;
  Exchange& client_;
  Session* client_session_;  // kept apart: a dying exchange is not asked
  std::map<std::uint64_t, Leg> legs_;
  std::uint64_t next_leg_ = 1;
  Timer late_;
};

}  // namespace sluice
