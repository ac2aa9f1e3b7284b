// SPDX-License-Identifier: Apache-2.0
#include "gateway/legacy_bridge_session.h"

#include <utility>

#include "codec/jsonrpc.h"
#include "gateway/legacy_bridge.h"
#include "gateway/legacy_bridge_call.h"
#include "mcp/methods.h"

namespace sluice {

LegacyBridgeSession::LegacyBridgeSession(LegacyBridge& bridge, Session& front, Introduction who,
                                         ServerOffer offer, std::vector<HeaderPair> kept_headers)
    : bridge_(bridge),
      front_(front),
      who_(std::move(who)),
      offer_(offer),
      kept_headers_(std::move(kept_headers)),
      tools_key_(front.principal().name + "\n" + who_.capabilities_json),
      listen_(bridge, *this) {
  ++bridge_.sessions_;
  for (const HeaderPair& header : kept_headers_) tools_key_ += "\n" + header.value;
}

LegacyBridgeSession::~LegacyBridgeSession() { --bridge_.sessions_; }

std::string LegacyBridgeSession::asked(LegacyBridgeCall& call) {
  std::string id = RpcId::from_string("sluice-ask-" + std::to_string(next_ask_++)).raw();
  asks_.emplace(RpcId::from_raw(id)->canonical(), &call);
  return id;
}

void LegacyBridgeSession::message(const ClientMessage& message) {
  const Envelope& envelope = message.envelope();
  switch (envelope.kind) {
    case MessageKind::notification:
      // Of changed roots the server learns when it asks for them.
      if (envelope.method == method_of(MethodId::notify_initialized).text) listen_.start();
      return;
    case MessageKind::response:
    case MessageKind::error_response: {
      const auto id = RpcId::from_raw(message.id());
      const auto at = id ? asks_.find(id->canonical()) : asks_.end();
      if (at == asks_.end()) return;
      LegacyBridgeCall& call = *at->second;
      asks_.erase(at);
      return call.answered(id->canonical(), envelope);
    }
    case MessageKind::request:
    case MessageKind::batch:
    case MessageKind::invalid: return;
  }
}

}  // namespace sluice
