// SPDX-License-Identifier: Apache-2.0
#include "gateway/legacy_bridge_request.h"

#include <utility>

#include "gateway/legacy_bridge.h"

namespace sluice {

class LegacyBridgeRequest::Inner final : public Exchange {
 public:
  Inner(LegacyBridgeRequest& owner, ClientRequest request)
      : Exchange(std::move(request), nullptr), bridge_(owner.bridge_), owner_(&owner) {}

  std::size_t notify(Bytes text) override {
    const std::size_t enough = bridge_.limits().net.unsent_bytes_soft;
    if (owner_ == nullptr) return enough;
    ClientMessage message;
    if (!message.take(bridge_.scanner_, PaddedString(text)).ok() ||
        message.envelope().kind != MessageKind::notification)
      return enough;
    return owner_->handler_.on_notification(message);
  }
  // No modern server asks this way.
  std::size_t ask(Bytes) override { return bridge_.limits().net.unsent_bytes_soft; }

  void finish(Bytes text) override {
    ClientMessage message;
    const bool is_fine = message.take(bridge_.scanner_, PaddedString(text)).ok();
    const MessageKind kind = message.envelope().kind;
    LegacyBridgeRequest* owner = over();
    if (owner == nullptr) return;
    if (is_fine && (kind == MessageKind::response || kind == MessageKind::error_response))
      return owner->handler_.on_response(message);
    owner->handler_.on_refused(refusals::internal_error("upstream '" + bridge_.parts_.config.name +
                                                        "' answered with what is no response"));
  }

  void refuse(int http_status, int code, std::string_view sentence, std::string_view data) override {
    LegacyBridgeRequest* owner = over();
    if (owner == nullptr) return;
    Refusal refusal;
    refusal.http_status = http_status;
    refusal.code = code;
    refusal.message = sentence;
    refusal.data_json = data;
    owner->handler_.on_refused(refusal);
  }

 private:
  // The owner lets go of this before it hears of the end, so that it may open another.
  LegacyBridgeRequest* over() {
    LegacyBridgeRequest* owner = std::exchange(owner_, nullptr);
    if (owner != nullptr) bridge_.bury(std::move(owner->inner_));
    return owner;
  }

  LegacyBridge& bridge_;
  LegacyBridgeRequest* owner_;
};

LegacyBridgeRequest::LegacyBridgeRequest(LegacyBridge& bridge, LegacyBridgeRequestHandler& handler)
    : bridge_(bridge), handler_(handler) {}

LegacyBridgeRequest::~LegacyBridgeRequest() { drop(); }

void LegacyBridgeRequest::open(std::string text, Origin origin) {
  drop();
  ClientRequest request;
  // A client may have left just too little room for what the modern era adds.
  if (!request.message.take(bridge_.scanner_, PaddedString(std::move(text))).ok())
    return handler_.on_refused(refusals::invalid_params("the request is too large to be carried on"));
  request.era = Era::modern;
  request.revision = latest_modern;
  request.principal = std::move(origin.principal);
  request.param_headers = std::move(origin.param_headers);
  request.correlation_id = std::move(origin.correlation_id);
  request.opened = bridge_.parts_.reactor.precise_now();
  inner_ = std::make_unique<Inner>(*this, std::move(request));
  bridge_.parts_.upstream.open(*inner_);
}

void LegacyBridgeRequest::drop(CancelReason reason) {
  const std::unique_ptr<Inner> inner = std::move(inner_);
  if (inner != nullptr) bridge_.parts_.upstream.cancelled(*inner, reason);
}

void LegacyBridgeRequest::drained() {
  if (inner_ != nullptr) bridge_.parts_.upstream.drained(*inner_);
}

}  // namespace sluice
