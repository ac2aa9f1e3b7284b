// SPDX-License-Identifier: Apache-2.0
#pragma once
// HttpEraProbe: which eras an HTTP server speaks.
//
// Asks `server/discover` first; a server that answers it as the modern era does is asked `initialize` too,
// and the session that this may open is ended at once; one that is silent then opens none. One that answers
// discover otherwise is legacy. Failures of the transport, refused credentials and silence say nothing. Lives
// on one reactor. Spec: 2026-07-28 basic/lifecycle (era detection).

#include <functional>
#include <memory>
#include <string>

#include "gateway/era_probe.h"
#include "transport/streamable_http_client.h"

namespace sluice {

class HttpEraProbe final : private UpstreamPostHandler {
 public:
  // `tell` is called with what is known, at most twice: at first `legacy` may be pending. Never from inside
  // this; the probe may be destroyed in it.
  HttpEraProbe(Reactor& reactor, StreamableHttpClient& client, milliseconds patience,
               std::function<void(EraVerdict)> tell);

 private:
  void on_session_id(Bytes id) override { session_id_ = id; }
  void on_message(ClientMessage message) override;
  void on_done() override { judge(false); }
  void on_refused(const HttpAnswer& answer) override;
  void on_failed(const Error& error, Outcome outcome) override;
  // The question at hand is answered.
  void judge(bool yes);
  // It cannot be told now.
  void give_up(const std::string& why);
  void ask_legacy();
  void conclude(EraVerdict verdict);

  Reactor& reactor_;
  StreamableHttpClient& client_;
  std::function<void(EraVerdict)> tell_;
  std::unique_ptr<UpstreamPost> post_;
  bool asks_modern_ = true;  // the question at hand; the other one is whether it is legacy
  std::string session_id_;
  MessageScanner scanner_;
  Timer timer_;
};

}  // namespace sluice
