// SPDX-License-Identifier: Apache-2.0
#pragma once
// RewrittenCall: a client's exchange handed to an upstream as it is, but for its answer, of which the client
// is told another text.
//
// Attached to the client's exchange; who ends that destroys it. Everything but the answer passes unchanged
// both ways. Knows no revision: what is written instead is its starter's. One reactor.

#include <functional>
#include <string>

#include "gateway/leased_exchange.h"

namespace sluice {

class RewrittenCall final : public Attachment, private LeasedExchange::Handler {
 public:
  // What the client is told instead of this response of the upstream.
  using Rewrite = std::function<std::string(const ClientMessage& response)>;

  // Asks `service`, which may answer at once. False, and nothing happened, when the request is beyond the
  // bounds of messages. `scanner` and `service` outlive the exchange.
  [[nodiscard]] static bool start(Exchange& client, Service& service, MessageScanner& scanner,
                                  Rewrite rewrite);
  static RewrittenCall& of(Exchange& client) { return static_cast<RewrittenCall&>(*client.attachment); }

  void cancelled(CancelReason reason) { service_.cancelled(asked_, reason); }
  void drained() { service_.drained(asked_); }

 private:
  RewrittenCall(Exchange& client, Service& service, MessageScanner& scanner, ClientRequest request,
                Rewrite rewrite);
  std::size_t on_notify(Bytes message) override { return client_.notify(message); }
  std::size_t on_ask(Bytes message) override { return client_.ask(message); }
  void on_sign(LifeSign why) override { client_.sign(why); }
  void on_finish(Bytes response) override;
  void on_refuse(const Refusal& refusal) override;

  Exchange& client_;
  Service& service_;
  MessageScanner& scanner_;
  Rewrite rewrite_;
  LeasedExchange asked_;
};

}  // namespace sluice
