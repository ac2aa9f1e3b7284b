// SPDX-License-Identifier: Apache-2.0
#include "sdk/memory_wire.h"

#include <utility>

#include "base/check.h"
#include "codec/jsonrpc.h"
#include "sdk/serve.h"

namespace sluice {

namespace {

constexpr std::size_t room = 1 << 20;  // whoever reads has as much

ProtocolOptions replaying(bool replay) { return ProtocolOptions{std::nullopt, replay}; }

Protocol::Seals fresh_seals() {
  return Protocol::Seals{fresh_key_ring(), fresh_salt(), fresh_salt(), fresh_salt()};
}

}  // namespace

class MemoryWire::LocalSession final : public Session {
 public:
  LocalSession(MemoryWire& wire, Principal principal, Revision revision)
      : Session(std::move(principal), revision), wire_(wire) {}
  std::size_t send(Bytes message) override { return wire_.say(0, message); }
  void end(std::string_view) override {}

 private:
  MemoryWire& wire_;
};

class MemoryWire::LocalExchange final : public Exchange {
 public:
  LocalExchange(MemoryWire& wire, ClientSendId sent_as, ClientRequest request, Session* session)
      : Exchange(std::move(request), session), sending(sent_as), wire_(wire) {}
  std::size_t notify(Bytes message) override { return wire_.say(sending, message); }
  std::size_t ask(Bytes message) override { return wire_.say(sending, message); }
  void finish(Bytes response) override { wire_.close(*this, 200, std::string(response)); }
  void refuse(int http_status, int code, std::string_view sentence, std::string_view data) override {
    wire_.close(*this, http_status, make_error_response(request_.message.id(), code, sentence, data));
  }

  ClientSendId sending;  // 0: the client does not hear the reply
  std::function<void(const MemoryReply&)> on_reply;

 private:
  MemoryWire& wire_;
};

MemoryWire::MemoryWire(Reactor& reactor, ServerState& state, ConnectOptions options,
                       std::shared_ptr<MemoryTap> tap)
    : reactor_(reactor),
      options_(std::move(options)),
      tap_(std::move(tap)),
      protocol_(reactor, state, fresh_seals(), replaying(options_.replay)),
      scanner_(state.limits.json) {
  tap_->wire = this;
}

MemoryWire::~MemoryWire() {
  finish();
  *alive_ = false;
}

Status MemoryWire::begin(ClientWireHandler& handler) {
  handler_ = &handler;
  return {};
}

void MemoryWire::later(std::function<void()> work) {
  reactor_.defer([alive = alive_, work = std::move(work)] {
    if (*alive) work();
  });
}

void MemoryWire::deliver(std::function<void()> work) {
  if (!tap_->reads) return unread_.push_back(std::move(work));
  later([this, work = std::move(work)] {
    if (!finished_) work();
  });
}

ClientMessage MemoryWire::scanned(std::string text) {
  ClientMessage message;
  CHECK(message.take(scanner_, PaddedString(std::move(text))).ok());
  return message;
}

// ---- From the client

void MemoryWire::carry_out(ClientOrder order) {
  switch (order.kind) {
    case ClientOrder::Kind::send:
      return later([this, id = order.id, text = std::move(order.text), fields = std::move(order.fields)] {
        take(id, scanned(text), fields);
      });
    case ClientOrder::Kind::drop: return later([this, id = order.id] { drop(id); });
    case ClientOrder::Kind::open_stream: return deliver([this] { handler_->on_stream_opened(); });
    case ClientOrder::Kind::end_session: return end_session();
    case ClientOrder::Kind::restart: return deliver([this] { handler_->on_restarted(); });
    case ClientOrder::Kind::close_stream: return;
  }
}

void MemoryWire::take(ClientSendId id, ClientMessage message, std::vector<HeaderPair> fields) {
  const Envelope& envelope = message.envelope();
  if (envelope.kind == MessageKind::request) {
    protocol_.open(open(id, std::move(message), std::move(fields)));
    return;
  }
  if (is_http()) deliver([this, id] { handler_->on_ended(id); });
  if (envelope.method == "notifications/cancelled")
    return cancel(std::string(envelope.view(envelope.request_id)));
  if (session_) protocol_.message(*session_, std::move(message));
}

MemoryWire::LocalExchange& MemoryWire::open(ClientSendId id, ClientMessage message,
                                            std::vector<HeaderPair> fields) {
  const Envelope& envelope = message.envelope();
  ClientRequest request;
  request.era = envelope.meta_protocol_version.empty() ? Era::legacy : Era::modern;
  request.revision = latest_modern;
  if (request.era == Era::legacy) {
    if (envelope.method == "initialize") {
      end_session();
      session_ = std::make_unique<LocalSession>(*this, options_.principal,
                                                negotiate_legacy(envelope.protocol_version));
      if (is_http()) deliver([this, id] { handler_->on_session(id, "memory"); });
    }
    CHECK(session_ != nullptr);  // a legacy request comes after `initialize`
    request.revision = session_->revision();
  }
  request.principal = options_.principal;
  request.over_http = options_.over_http;
  request.opened = reactor_.now();
  for (HeaderPair& field : fields)
    if (field.name.starts_with("Mcp-Param-")) request.param_headers.push_back(std::move(field));
  const std::string raw(message.id());
  request.correlation_id = "memory-" + raw;
  request.message = std::move(message);
  Session* session = request.era == Era::legacy ? session_.get() : nullptr;
  auto& place = exchanges_[raw];
  place = std::make_unique<LocalExchange>(*this, id, std::move(request), session);
  return *place;
}

void MemoryWire::post(const std::string& id_raw, std::string text, std::vector<HeaderPair> headers,
                      std::function<void(const MemoryReply&)> on_reply) {
  LocalExchange& exchange = open(0, scanned(std::move(text)), std::move(headers));
  CHECK(exchange.request().message.id() == id_raw);
  exchange.on_reply = std::move(on_reply);
  protocol_.open(exchange);
}

// A reply that nobody reads any more: that is a cancel in the modern era, and nothing in the legacy one.
void MemoryWire::drop(ClientSendId id) {
  const auto found = exchanges_.find(std::to_string(id));
  if (found == exchanges_.end()) return;
  if (found->second->request().era == Era::modern) return cancel(found->first);
  found->second->sending = 0;
}

void MemoryWire::cancel(const std::string& id_raw) {
  const auto found = exchanges_.find(id_raw);
  if (found == exchanges_.end()) return;
  const std::shared_ptr<LocalExchange> exchange = std::move(found->second);
  exchanges_.erase(found);
  protocol_.cancelled(*exchange, finished_ ? CancelReason::peer_gone : CancelReason::client);
  reactor_.defer([exchange] {});
}

void MemoryWire::end_session() {
  if (!session_) return;
  if (session_->attachment != nullptr) protocol_.ended(*session_);
  reactor_.defer([session = std::shared_ptr<LocalSession>(std::move(session_))] {});
}

void MemoryWire::finish() {
  if (std::exchange(finished_, true)) return;
  tap_->wire = nullptr;
  while (!exchanges_.empty()) cancel(std::string(exchanges_.begin()->first));
  end_session();
}

// ---- From the server

std::size_t MemoryWire::say(ClientSendId id, Bytes message) {
  ClientMessage said = scanned(std::string(message));
  auto json = Json::parse(message);
  CHECK(json.ok());
  auto& heard = said.envelope().kind == MessageKind::notification ? tap_->told : tap_->asked;
  heard.push_back(std::move(*json));
  const auto shared = std::make_shared<ClientMessage>(std::move(said));
  deliver([this, id = is_http() ? id : 0, shared] { handler_->on_heard(id, std::move(*shared)); });
  return tap_->reads ? room : 0;
}

void MemoryWire::close(LocalExchange& exchange, int http_status, std::string response) {
  const auto json = Json::parse(response);
  CHECK(json.ok());
  const MemoryReply reply{(*json)["result"], (*json)["error"], http_status};
  tap_->replies.push_back(reply);
  const auto found = exchanges_.find(std::string(exchange.request().message.id()));
  CHECK(found != exchanges_.end());
  const std::shared_ptr<LocalExchange> over = std::move(found->second);
  exchanges_.erase(found);
  reactor_.defer([over] {});
  if (over->on_reply) return over->on_reply(reply);
  const ClientSendId id = over->sending;
  if (id == 0) return;
  if (is_http() && http_status != 200)
    return deliver(
        [this, id, http_status, text = std::move(response)] { handler_->on_refused(id, http_status, text); });
  deliver([this, id, text = std::move(response)] {
    const std::shared_ptr<bool> alive = alive_;
    handler_->on_heard(is_http() ? id : 0, scanned(text));
    if (*alive && is_http()) handler_->on_ended(id);
  });
}

void MemoryWire::read_on() {
  tap_->reads = true;
  for (auto& work : std::exchange(unread_, {})) deliver(std::move(work));
  std::vector<std::string> open;
  for (const auto& one : exchanges_) open.push_back(one.first);
  for (const std::string& id : open)  // one may end while another goes on
    if (const auto found = exchanges_.find(id); found != exchanges_.end()) protocol_.drained(*found->second);
}

}  // namespace sluice
