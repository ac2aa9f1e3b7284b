// SPDX-License-Identifier: Apache-2.0
#include "sdk/connect.h"

#include "base/check.h"
#include "codec/jsonrpc.h"
#include "net/reactor.h"
#include "sdk/client_core.h"
#include "sdk/memory_wire.h"
#include "sdk/server_state.h"

namespace sluice {

namespace {

constexpr std::string_view meta_prefix = "io.modelcontextprotocol/";
constexpr auto patience = std::chrono::minutes(20);  // of simulated time
constexpr auto step = std::chrono::milliseconds(5);

ClientCapabilities every_capability() {
  ClientCapabilities all;
  all.elicitation_form = all.elicitation_url = all.sampling = all.roots = true;
  return all;
}

std::shared_ptr<client_detail::Core> make_core(Server& server, const ConnectOptions& options,
                                               const std::shared_ptr<MemoryTap>& tap) {
  ClientOptions client = options.client;
  if (era_of(options.revision) == Era::legacy) client.era = Era::legacy;
  auto loop = std::make_shared<client_detail::Loop>(Reactor::simulated(
      server.state().limits, Instant{} + seconds(1), WallTime(std::chrono::hours(24 * 365 * 50))));
  const auto make_wire = [&server, options, tap](Reactor& reactor) -> Result<std::unique_ptr<ClientWire>> {
    return std::unique_ptr<ClientWire>(std::make_unique<MemoryWire>(reactor, server.state(), options, tap));
  };
  auto core = std::make_shared<client_detail::Core>(std::move(loop), std::move(client), make_wire);
  if (era_of(options.revision) == Era::legacy) core->offer = options.revision;
  if (options.capabilities) {
    auto capabilities = parse_client_capabilities(*options.capabilities, options.revision);
    CHECK(capabilities.ok());  // they break their schema
    core->capabilities = std::move(*capabilities);
  }
  return core;
}

}  // namespace

struct MemoryClient::Parts {
  Server& server;
  ConnectOptions options;
  std::shared_ptr<MemoryTap> tap = std::make_shared<MemoryTap>();
};

MemoryClient::MemoryClient(Server& server, ConnectOptions options)
    : MemoryClient(Parts{server, std::move(options)}) {}

MemoryClient::MemoryClient(Parts parts)
    : Client(make_core(parts.server, parts.options, parts.tap)),
      tap_(std::move(parts.tap)),
      revision_(parts.options.revision),
      capabilities_(parts.options.capabilities ? *parts.options.capabilities
                                               : capabilities_json(every_capability(), revision_)) {}

void MemoryClient::advance(std::chrono::milliseconds time) { listen_for(time); }

const std::vector<Json>& MemoryClient::told() const { return tap_->told; }

const std::vector<Json>& MemoryClient::asked() const { return tap_->asked; }

const std::vector<MemoryReply>& MemoryClient::replies() const { return tap_->replies; }

void MemoryClient::forget() {
  tap_->told.clear();
  tap_->asked.clear();
  tap_->replies.clear();
}

MemoryClient::Pending MemoryClient::post(std::string_view method, Json params, const Headers& headers) {
  CHECK(Client::connect().wait().ok());
  settle();
  if (era_of(revision_) == Era::modern) {
    Json* meta = params.find("_meta");
    if (meta == nullptr) meta = &params.set("_meta", Json::object());
    const auto name = [](std::string_view key) { return std::string(meta_prefix) + std::string(key); };
    meta->set(name("protocolVersion"), revision_text(revision_));
    if (!meta->contains(name("clientCapabilities"))) meta->set(name("clientCapabilities"), capabilities_);
  }
  const std::string id = "\"past-" + std::to_string(++posts_) + "\"";
  std::vector<HeaderPair> fields;
  for (const auto& header : headers) fields.push_back(HeaderPair{header.first, header.second});
  const auto reply = std::make_shared<std::optional<MemoryReply>>();
  tap_->wire->post(id, make_request(id, method, params.dump()), std::move(fields),
                   [reply](const MemoryReply& came) { *reply = came; });
  settle();
  return reply;
}

MemoryReply MemoryClient::exchange(std::string_view method, Json params, const Headers& headers) {
  const Pending reply = post(method, std::move(params), headers);
  for (auto waited = Duration{}; !*reply && waited < patience; waited += step) advance(step);
  if (*reply) return **reply;
  return MemoryReply{{}, Json::object({{"code", 0}, {"message", "the call did not end"}}), 0};
}

void MemoryClient::stop_reading() { tap_->reads = false; }

void MemoryClient::read_on() {
  if (tap_->wire != nullptr) tap_->wire->read_on();
  settle();
}

void MemoryClient::shut_down() {
  if (tap_->wire != nullptr) tap_->wire->shut_down();
  settle();
}

MemoryClient connect(Server& server, ConnectOptions options) {
  return MemoryClient(server, std::move(options));
}

}  // namespace sluice
