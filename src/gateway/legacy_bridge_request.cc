// SPDX-License-Identifier: Apache-2.0
#include "gateway/legacy_bridge_request.h"

#include <utility>

#include "gateway/legacy_bridge.h"

namespace sluice {

LegacyBridgeRequest::LegacyBridgeRequest(LegacyBridge& bridge, LegacyBridgeRequestHandler& handler)
    : bridge_(bridge), handler_(handler) {}

void LegacyBridgeRequest::open(std::string text, Origin origin) {
  drop();
  ClientRequest request;
  // A client may have left just too little room for what the modern era adds.
  if (!request.message.take(bridge_.scanner_, PaddedString(std::move(text))).ok())
    return handler_.on_refused(too_large_to_carry_on());
  request.era = Era::modern;
  request.revision = latest_modern;
  request.principal = std::move(origin.principal);
  request.param_headers = std::move(origin.param_headers);
  request.kept_headers = std::move(origin.kept_headers);
  request.correlation_id = std::move(origin.correlation_id);
  request.opened = bridge_.parts_.reactor.precise_now();
  inner_ = std::make_unique<LeasedExchange>(std::move(request), nullptr,
                                            static_cast<LeasedExchange::Handler&>(*this));
  bridge_.parts_.upstream.open(*inner_);
}

void LegacyBridgeRequest::drop(CancelReason reason) {
  std::unique_ptr<LeasedExchange> inner = std::move(inner_);
  if (inner == nullptr) return;
  inner->forget();
  bridge_.parts_.upstream.cancelled(*inner, reason);
  bridge_.bury(std::move(inner));  // this may have come from a message of its
}

void LegacyBridgeRequest::drained() {
  if (inner_ != nullptr) bridge_.parts_.upstream.drained(*inner_);
}

std::size_t LegacyBridgeRequest::on_notify(Bytes text) {
  ClientMessage message;
  if (!message.take(bridge_.scanner_, PaddedString(text)).ok() ||
      message.envelope().kind != MessageKind::notification)
    return all_room;
  return handler_.on_notification(message);
}

// This lets go of the exchange before the handler hears of its end, so that another may be opened.
void LegacyBridgeRequest::on_finish(Bytes text) {
  ClientMessage message;
  const bool is_fine = message.take(bridge_.scanner_, PaddedString(text)).ok();
  const MessageKind kind = message.envelope().kind;
  bridge_.bury(std::move(inner_));
  if (is_fine && (kind == MessageKind::response || kind == MessageKind::error_response))
    return handler_.on_response(message);
  handler_.on_refused(refusals::internal_error("upstream '" + bridge_.parts_.config.name +
                                               "' answered with what is no response"));
}

void LegacyBridgeRequest::on_refuse(const Refusal& refusal) {
  bridge_.bury(std::move(inner_));
  handler_.on_refused(refusal);
}

}  // namespace sluice
