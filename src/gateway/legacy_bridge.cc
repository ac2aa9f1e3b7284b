// SPDX-License-Identifier: Apache-2.0
#include "gateway/legacy_bridge.h"

#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "gateway/legacy_bridge_call.h"
#include "gateway/legacy_bridge_request.h"
#include "gateway/legacy_bridge_session.h"
#include "mcp/era_questions.h"
#include "mcp/methods.h"
#include "mcp/modern.h"
#include "mcp/modern_results.h"
#include "mcp/to_modern.h"

namespace sluice {

// The client's initialize, answered by what the server says to server/discover.
class LegacyBridgeHandshake final : public LegacyBridgeWork, private LegacyBridgeRequestHandler {
 public:
  static void start(LegacyBridge& bridge, Exchange& exchange) {
    auto who = read_introduction(exchange.request().message.envelope());
    if (!who) return bridge.refuse(exchange, refusals::invalid_params(who.error().message));
    std::unique_ptr<LegacyBridgeHandshake> handshake(
        new LegacyBridgeHandshake(bridge, exchange, *std::move(who)));
    LegacyBridgeHandshake& started = *handshake;
    exchange.attachment = std::move(handshake);
    started.ask();
  }
  void cancelled(CancelReason reason) override { request_.drop(reason); }

 private:
  LegacyBridgeHandshake(LegacyBridge& bridge, Exchange& exchange, Introduction who)
      : bridge_(bridge), exchange_(exchange), who_(std::move(who)), request_(bridge, *this) {}

  void ask() {
    const ClientRequest& request = exchange_.request();
    request_.open(make_modern_request(bridge_.next_id(), "server/discover", who_),
                  {request.principal, request.correlation_id, {}, request.kept_headers});
  }
  std::size_t on_notification(const ClientMessage&) override { return all_room; }
  void on_refused(const Refusal& refusal) override {
    const Refusal told = to_legacy_refusal(refusal, "initialize");
    exchange_.refuse(told.http_status, told.code, told.message, told.data_json);
  }
  void on_response(const ClientMessage& message) override {
    const Envelope& envelope = message.envelope();
    const Bytes id = exchange_.request().message.id();
    // It says that it speaks what it was asked in.
    if (envelope.kind == MessageKind::error_response && era_questions::shows_modern(envelope) &&
        !std::exchange(was_repeated_, true))
      return ask();
    if (envelope.kind == MessageKind::error_response)
      return exchange_.finish(
          to_legacy_response(envelope, id, ResultShape{"initialize", who_.revision, false}));
    auto welcome = read_discovery(envelope, who_.revision, bridge_.parts_.config.name);
    if (!welcome) return on_refused(refusals::internal_error(welcome.error().message));
    Session& session = *exchange_.session();
    session.attachment = std::make_unique<LegacyBridgeSession>(
        bridge_, session, std::move(who_), welcome->offer, exchange_.request().kept_headers);
    exchange_.finish(make_response(id, welcome->result_json));
  }

  LegacyBridge& bridge_;
  Exchange& exchange_;
  Introduction who_;
  LegacyBridgeRequest request_;
  bool was_repeated_ = false;
};

// A request that is sent off: its end frees its place, or its time.
class LegacyBridgeErrand final : private LegacyBridgeRequestHandler {
 public:
  explicit LegacyBridgeErrand(LegacyBridge& bridge)
      : bridge_(bridge),
        request_(bridge, *this),
        patience_([](void* self) { static_cast<LegacyBridgeErrand*>(self)->give_up(); }, this) {}
  void send(std::string text, LegacyBridgeRequest::Origin origin) {
    bridge_.parts_.reactor.arm_after(patience_, bridge_.limits().upstream.note_wait);
    request_.open(std::move(text), std::move(origin));
  }
  [[nodiscard]] bool is_over() const { return over_; }

 private:
  std::size_t on_notification(const ClientMessage&) override {
    return bridge_.limits().net.unsent_bytes_soft;
  }
  void on_response(const ClientMessage&) override { end(); }
  void on_refused(const Refusal& refusal) override {
    bridge_.not_taken(refusal.message);
    end();
  }
  void give_up() {
    bridge_.not_taken("no answer");
    request_.drop(CancelReason::timed_out);
    end();
  }
  void end() {
    patience_.cancel();
    over_ = true;
  }

  LegacyBridge& bridge_;
  LegacyBridgeRequest request_;
  bool over_ = false;
  Timer patience_;
};

namespace {

LegacyBridgeSession* session_of(const Exchange& exchange) {
  Session* session = exchange.session();
  return session == nullptr ? nullptr : static_cast<LegacyBridgeSession*>(session->attachment.get());
}

// Methods that both eras have, and those that neither knows.
bool is_carried_on(const Method* method, Revision revision) {
  if (method == nullptr) return true;
  return method->kind == MethodKind::request &&
         standing(*method, Sender::client, revision) == Standing::core &&
         standing(*method, Sender::client, latest_modern) == Standing::core;
}

}  // namespace

LegacyBridge::LegacyBridge(BridgeParts parts)
    : parts_(std::move(parts)),
      ends_(parts_.calls, parts_.config.name),
      scanner_(parts_.reactor.limits().json),
      burial_([](void* self) { static_cast<LegacyBridge*>(self)->buried_.clear(); }, this),
      tools_(*this),
      tasks_(*this, parts_.make_sealer("task ids of the bridge")) {}

LegacyBridge::~LegacyBridge() = default;

void LegacyBridge::open(Exchange& exchange) {
  const Envelope& envelope = exchange.request().message.envelope();
  const Method* method = find_method(envelope.method);
  if (method != nullptr && method->id == MethodId::initialize && exchange.session() != nullptr)
    return LegacyBridgeHandshake::start(*this, exchange);
  LegacyBridgeSession* session = session_of(exchange);
  if (session == nullptr) return refuse(exchange, refusals::not_initialized());
  const ServerOffer& offer = session->offer();
  const auto not_found = [&] { refuse(exchange, refusals::method_not_found(envelope.method, Era::legacy)); };
  if (method != nullptr && method->id == MethodId::ping) return answer(exchange, "{}");
  if (method != nullptr && method->id == MethodId::logging_set_level) {
    if (!offer.logging) return not_found();
    if (!is_log_level(envelope.view(envelope.level)))
      return refuse(exchange, refusals::invalid_params("level is none of the eight of logging/setLevel"));
    session->set_log_level(envelope.view(envelope.level));
    return answer(exchange, "{}");
  }
  if (method != nullptr && method->id == MethodId::resources_subscribe)
    return offer.subscribe ? session->listen().subscribe(exchange) : not_found();
  if (method != nullptr && method->id == MethodId::resources_unsubscribe)
    return offer.subscribe ? session->listen().unsubscribe(exchange) : not_found();
  if (offer.tasks && method != nullptr) {
    if (method->needs == ServerCapability::tasks) return tasks_.open(*session, exchange, method->id);
    if (method->id == MethodId::tools_call && envelope.task) return tasks_.create(*session, exchange);
  }
  if (!is_carried_on(method, session->who().revision)) return not_found();
  if (calls_ >= limits().upstream.calls_in_flight_max)
    return refuse(exchange, refusals::overloaded("too many calls are in flight to upstream '" +
                                                 parts_.config.name + "'"));
  LegacyBridgeCall::start(*this, *session, exchange);
}

void LegacyBridge::cancelled(Exchange& exchange, CancelReason reason) {
  if (!exchange.attachment) return;
  static_cast<LegacyBridgeWork&>(*exchange.attachment).cancelled(reason);
  exchange.attachment.reset();
}

void LegacyBridge::drained(Exchange& exchange) {
  if (exchange.attachment) static_cast<LegacyBridgeWork&>(*exchange.attachment).drained();
}

void LegacyBridge::drained(Session& session) {
  if (session.attachment) static_cast<LegacyBridgeSession&>(*session.attachment).listen().drained();
}

void LegacyBridge::message(Session& session, ClientMessage message) {
  if (session.attachment) static_cast<LegacyBridgeSession&>(*session.attachment).message(message);
}

void LegacyBridge::ended(Session& session) {
  if (session.attachment) tasks_.ended(static_cast<LegacyBridgeSession&>(*session.attachment));
  session.attachment.reset();
}

void LegacyBridge::outlived(Exchange& exchange) {
  Session& session = *exchange.session();
  if (session.attachment) tasks_.ended(static_cast<LegacyBridgeSession&>(*session.attachment));
  refuse(exchange, refusals::session_unknown());
  session.end("upstream '" + parts_.config.name + "' speaks MCP " +
              std::string(revision_text(latest_modern)) + " no more");
}

std::vector<Revision> LegacyBridge::revisions() const {
  std::vector<Revision> revisions;
  for (auto at = all_revisions.rbegin(); at != all_revisions.rend(); ++at)
    if (era_of(*at) == Era::legacy) revisions.push_back(*at);
  return revisions;
}

void LegacyBridge::answer(Exchange& exchange, Bytes result_json) {
  const std::string response = make_response(exchange.request().message.id(), result_json);
  parts_.calls.opened(exchange);
  parts_.calls.ended(exchange, parts_.config.name, CallStatus::ok, 0, response.size());
  exchange.finish(response);
}

void LegacyBridge::refuse(Exchange& exchange, const Refusal& refusal) {
  parts_.calls.opened(exchange);
  ends_.refuse(exchange, refusal);
}

void LegacyBridge::send_off(std::string text, LegacyBridgeRequest::Origin origin) {
  std::erase_if(errands_, [](const auto& errand) { return errand->is_over(); });
  if (errands_.size() >= limits().upstream.notes_max) return not_taken("too many are under way");
  errands_.push_back(std::make_unique<LegacyBridgeErrand>(*this));
  errands_.back()->send(std::move(text), std::move(origin));
}

void LegacyBridge::not_taken(const std::string& why) {
  parts_.log.warning("an upstream did not take a message")
      .field("upstream", parts_.config.name)
      .field("why", why);
}

void LegacyBridge::bury(std::unique_ptr<Exchange> exchange) {
  buried_.push_back(std::move(exchange));
  if (!burial_.armed()) parts_.reactor.arm_after(burial_, Duration::zero());
}

}  // namespace sluice
