// SPDX-License-Identifier: Apache-2.0
#include "transport/http_client_wire.h"

#include <utility>

namespace sluice {

// One POST. Its last call takes it out of the table, and keeps it until that call is over.
struct HttpClientWire::Post final : UpstreamPostHandler {
  Post(HttpClientWire& owner, ClientSendId name) : wire(owner), id(name) {}

  void on_session_id(Bytes session) override { wire.handler_->on_session(id, session); }
  void on_message(ClientMessage message) override { wire.handler_->on_heard(id, std::move(message)); }
  void on_done() override {
    const auto self = take();
    self->wire.handler_->on_ended(self->id);
  }
  void on_refused(const HttpAnswer& answer) override {
    const HttpAnswer told = answer;
    const auto self = take();
    self->wire.handler_->on_refused(self->id, told.status, told.body);
  }
  void on_failed(const Error& error, Outcome outcome) override {
    const auto self = take();  // keeps the post, and the error with it
    self->wire.handler_->on_failed(self->id, error, outcome);
  }
  std::unique_ptr<Post> take() {
    auto node = wire.posts_.extract(id);
    return std::move(node.mapped());
  }

  HttpClientWire& wire;
  ClientSendId id;
  std::unique_ptr<UpstreamPost> post;
};

HttpClientWire::HttpClientWire(std::shared_ptr<StreamableHttpClient> client) : client_(std::move(client)) {}

HttpClientWire::~HttpClientWire() = default;

Result<std::unique_ptr<HttpClientWire>> HttpClientWire::open(Reactor& reactor, const std::string& url,
                                                             StreamableHttpClientOptions options) {
  auto client = StreamableHttpClient::open(reactor, url, std::move(options));
  if (!client) return client.error();
  return std::make_unique<HttpClientWire>(std::shared_ptr<StreamableHttpClient>(std::move(*client)));
}

Status HttpClientWire::begin(ClientWireHandler& handler) {
  handler_ = &handler;
  return {};
}

void HttpClientWire::carry_out(ClientOrder order) {
  switch (order.kind) {
    case ClientOrder::Kind::send: {
      auto post = std::make_unique<Post>(*this, order.id);
      PostOptions options;
      options.stays_open = order.stays_open;
      options.urgent = order.urgent;
      if (order.resumes) options.resumes_with = std::make_shared<const std::vector<HeaderPair>>(order.fields);
      post->post = client_->post(std::move(order.text), std::move(order.fields), *post, std::move(options));
      posts_.insert_or_assign(order.id, std::move(post));
      return;
    }
    case ClientOrder::Kind::drop: {
      const auto node = posts_.extract(order.id);  // what it destroys may look into the table
      return;
    }
    case ClientOrder::Kind::open_stream:
      stream_ =
          client_->listen(std::make_shared<const std::vector<HeaderPair>>(std::move(order.fields)), *this);
      return;
    case ClientOrder::Kind::close_stream: stream_.reset(); return;
    case ClientOrder::Kind::end_session: client_->end_session(std::move(order.fields)); return;
    case ClientOrder::Kind::restart: return;  // nothing here can be started anew
  }
}

void HttpClientWire::on_unavailable(int status) {
  const auto ended = std::move(stream_);
  handler_->on_stream_unavailable(status);
}

void HttpClientWire::finish() {
  finishing_ = true;
  stream_.reset();
  std::exchange(posts_, {}).clear();
}

}  // namespace sluice
