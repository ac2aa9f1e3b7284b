// SPDX-License-Identifier: Apache-2.0
#pragma once
// EraProbe: which eras the server behind an upstream speaks, asked by clients of our own.
//
// A ClientEngine that asks for the era and nothing else says modern or legacy; a second one, pinned to
// legacy, says whether a modern server is legacy too. Each has a wire of its own, so a command is asked in
// disposable siblings of the child that serves: some exit on a question they do not know, and many take the
// era of the first message for good. Of a server that cannot be reached, or is silent, nothing is known; a
// modern one that is silent when it is asked to initialize opens no session. Lives on one reactor. Spec:
// 2026-07-28 basic/lifecycle (era detection); ledger C4.

#include <functional>
#include <memory>
#include <string>

#include "gateway/upstream.h"
#include "transport/client_connection.h"

namespace sluice {

class StreamableHttpClient;

struct EraVerdict {
  UpstreamEras eras;
  std::string why;  // for people
};

class EraProbe final : private ClientConnectionHandler {
 public:
  using OpenWire = std::function<std::unique_ptr<ClientWire>()>;

  // Each client may take as long as `patience`. `tell` is called with what is known, at most twice: at first
  // `legacy` may be pending. Never from inside this; the probe may be destroyed in it.
  EraProbe(Reactor& reactor, milliseconds patience, OpenWire open, std::function<void(EraVerdict)> tell);

 private:
  void begin();
  void on_event(ClientEvent event) override;
  void found(const ClientEvent& ready);
  void failed(const Error& error);
  void conclude(EraVerdict verdict);

  Reactor& reactor_;
  milliseconds patience_;
  OpenWire open_;
  std::function<void(EraVerdict)> tell_;
  bool is_http_ = false;
  bool is_modern_ = false;  // what is left is whether it is legacy too
  std::unique_ptr<ClientConnection> client_;
  Timer timer_;  // begins, outside of everybody's calls
};

// Asks a sibling of the children of `config`, which outlives the probe.
[[nodiscard]] std::unique_ptr<EraProbe> probe_command(const UpstreamContext& context,
                                                      const UpstreamConfig& config,
                                                      std::function<void(EraVerdict)> tell);
// Asks over the connections and with the credentials of `client`.
[[nodiscard]] std::unique_ptr<EraProbe> probe_http(Reactor& reactor, milliseconds patience,
                                                   std::shared_ptr<StreamableHttpClient> client,
                                                   std::function<void(EraVerdict)> tell);

}  // namespace sluice
