// SPDX-License-Identifier: Apache-2.0
#pragma once
// HttpClientWire: a client's messages as POSTs to one Streamable HTTP endpoint, with the session's standalone
// stream.
//
// Lives on one reactor. Spec: basic/transports of 2025-03-26 to 2026-07-28.

#include <memory>
#include <string>
#include <unordered_map>

#include "transport/client_wire.h"
#include "transport/streamable_http_client.h"

namespace sluice {

class HttpClientWire final : public ClientWire, private UpstreamListenHandler {
 public:
  static Result<std::unique_ptr<HttpClientWire>> open(Reactor& reactor, const std::string& url,
                                                      StreamableHttpClientOptions options);
  // With the connections and credentials of a client that others use too.
  explicit HttpClientWire(std::shared_ptr<StreamableHttpClient> client);
  ~HttpClientWire() override;

  [[nodiscard]] bool is_http() const override { return true; }
  [[nodiscard]] Status begin(ClientWireHandler& handler) override;
  void carry_out(ClientOrder order) override;
  void finish() override;
  [[nodiscard]] bool is_finished() const override { return finishing_ && client_->farewells() == 0; }

 private:
  struct Post;
  void on_opened() override { handler_->on_stream_opened(); }
  void on_message(ClientMessage message) override { handler_->on_heard(0, std::move(message)); }
  void on_unavailable(int status) override;

  std::shared_ptr<StreamableHttpClient> client_;
  ClientWireHandler* handler_ = nullptr;
  std::unordered_map<ClientSendId, std::unique_ptr<Post>> posts_;
  std::unique_ptr<UpstreamListen> stream_;
  bool finishing_ = false;
};

}  // namespace sluice
