// SPDX-License-Identifier: Apache-2.0
#include "gateway/era_probe.h"

#include <utility>

#include "codec/json.h"
#include "codec/jsonrpc.h"

namespace sluice {

namespace {

constexpr Bytes discover_id = R"("sluice-probe-discover")";
constexpr Bytes initialize_id = R"("sluice-probe-initialize")";

constexpr Bytes discover_params =
    R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":)"
    R"({"name":"sluice","version":"0"},"io.modelcontextprotocol/clientCapabilities":{}}})";
constexpr Bytes initialize_params =
    R"({"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"sluice","version":"0"}})";

bool names_modern(const Json& versions) {
  for (const Json& version : versions.items()) {
    const auto revision = parse_revision(version.string_or(""));
    if (revision && era_of(*revision) == Era::modern) return true;
  }
  return false;
}

}  // namespace

EraProbe::EraProbe(const UpstreamContext& context, const UpstreamConfig& config,
                   std::function<void(EraVerdict)> done)
    : context_(context),
      config_(config),
      done_(std::move(done)),
      timer_(
          [](void* self) {
            auto* probe = static_cast<EraProbe*>(self);
            if (!probe->link_) return probe->begin();
            if (probe->initialized_)
              return probe->conclude({true, Era::legacy, "it answered initialize only"});
            probe->conclude({false, Era::legacy,
                             "upstream '" + probe->config_.name +
                                 "' said nothing within its start timeout when it was asked for its era"});
          },
          this) {
  context_.reactor.arm_after(timer_, Duration(0));
}

void EraProbe::begin() {
  auto link = ChildLink::start(context_, config_, *this);
  if (!link) return conclude({false, Era::legacy, link.error().message});
  link_ = std::move(*link);
  context_.reactor.arm_after(timer_, config_.start_timeout);
  link_->send(make_request(discover_id, "server/discover", discover_params));
  link_->send(make_request(initialize_id, "initialize", initialize_params));
}

void EraProbe::on_child_message(ClientMessage message) {
  const Envelope& envelope = message.envelope();
  if (message.id() == initialize_id && !envelope.method_span) {
    initialized_ = true;
    context_.reactor.arm_after(
        timer_, context_.reactor.limits().upstream.probe_reorder);  // servers may answer in any order
    return;
  }
  if (message.id() != discover_id) return;
  if (envelope.kind == MessageKind::response) {
    const auto result = Json::parse(envelope.view(envelope.result));
    if (result && names_modern((*result)["supportedVersions"]))
      return conclude({true, Era::modern, "it answered server/discover"});
  } else if (envelope.kind == MessageKind::error_response && envelope.error_data &&
             envelope.view(envelope.error_code) == std::to_string(rpc::unsupported_protocol_version)) {
    const auto data = Json::parse(envelope.view(envelope.error_data));
    if (data && names_modern((*data)["supported"]))
      return conclude({true, Era::modern, "it named modern versions"});
  }
  conclude({true, Era::legacy, "it does not know server/discover"});
}

void EraProbe::on_child_gone(const std::string& why) { conclude({!link_->never_ran(), Era::legacy, why}); }

void EraProbe::conclude(EraVerdict verdict) {
  timer_.cancel();
  std::exchange(done_, nullptr)(std::move(verdict));
}

}  // namespace sluice
