// SPDX-License-Identifier: Apache-2.0
#pragma once
// HttpUpstream: an upstream that is a Streamable HTTP server, reached in the era its client speaks.
//
// A modern call is one POST and needs no state. A legacy session has one session at the upstream, with its
// standalone stream, for itself; ids pass unchanged, for nobody else's are there. A client that does not read
// pauses the far server. Nothing is sent twice. Lives on one reactor. Spec: basic/transports of each
// revision; ledger C1, C2, C5.

#include <memory>

#include "gateway/era_probe.h"
#include "gateway/upstream.h"
#include "transport/streamable_http_client.h"

namespace sluice {

class UpstreamSession;
class UpstreamCall;

class HttpUpstream final : public NativeUpstream {
 public:
  static Result<std::unique_ptr<NativeUpstream>> open(const UpstreamContext& context,
                                                      const UpstreamConfig& config);

  void start() override { ask_eras(); }
  void stop() override;
  [[nodiscard]] UpstreamState state() const override;
  [[nodiscard]] UpstreamEras eras() const override { return eras_; }
  void ask_eras() override;

  void open(Exchange& exchange) override;
  void cancelled(Exchange& exchange, CancelReason reason) override;
  void drained(Exchange& exchange) override;
  void drained(Session& session) override;
  void message(Session& session, ClientMessage message) override;
  void ended(Session& session) override;

 private:
  friend class UpstreamSession;
  friend class UpstreamCall;
  HttpUpstream(const UpstreamContext& context, const UpstreamConfig& config,
               std::shared_ptr<Authorizer> authorizer, std::unique_ptr<StreamableHttpClient> client);
  void open_modern(Exchange& exchange);
  // What the server did shows that eras() may be wrong: it is asked again, if that was not just done.
  void doubt_eras();
  // What is known stays good while it is only doubted.
  void probe(bool is_doubt);
  void probed(EraVerdict verdict);

  UpstreamContext context_;
  UpstreamConfig config_;
  CallEnds ends_;
  std::size_t sessions_ = 0;
  std::size_t calls_ = 0;
  std::string last_failure_;  // empty after an answer
  Instant failed_at_{};
  std::shared_ptr<Authorizer> authorizer_;        // of the client
  std::shared_ptr<StreamableHttpClient> client_;  // lent to probes
  UpstreamEras eras_;
  std::unique_ptr<EraProbe> probe_;
  bool is_doubted_ = false;  // what is known is good enough while it is asked again
  Instant probed_at_{};
};

}  // namespace sluice
