// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_merged.h"

#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"

namespace sluice {

namespace {

constexpr int of_all = 0;  // tag of a leg that is one of many

}  // namespace

// --- Asking all ---

void FanOut::ask_all(const std::function<std::string()>& request, ServerCapability needs) {
  answers_.clear();
  answers_.resize(upstreams());
  asking_ = true;
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) {
    Leg leg;
    leg.upstream = upstream;
    leg.tag = of_all;
    leg.text = request();
    leg.timed = true;
    leg.needs = needs;
    send(std::move(leg));
  }
  asking_ = false;
  check();
}

void FanOut::check() {
  if (!asking_ && legs() == 0) settled();
}

void FanOut::answered(std::size_t upstream, int, Bytes response) {
  answers_[upstream] = read_answer(state(), response);
  check();
}

void FanOut::failed(std::size_t upstream, int, const Refusal& refusal) {
  answers_[upstream].failure = refusal;
  check();
}

void FanOut::warn_of(std::size_t upstream) {
  const UpstreamAnswer& answer = answers_[upstream];
  if (answer.failure && !answer.is_absent())
    state().warn(upstream, envelope().method, answer.failure->message);
}

std::optional<MergedServers> FanOut::gather_servers() {
  MergedServers servers;
  bool any = false;
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) {
    const UpstreamAnswer& given = answer(upstream);
    if (given.message) {
      servers.add(upstreams() == 1 ? Bytes() : state().upstreams[upstream].name, given.message->envelope());
      any = true;
      continue;
    }
    servers.is_partial();
    state().warn(upstream, envelope().method, given.failure ? given.failure->message : std::string());
  }
  if (!any) return std::nullopt;
  return servers;
}

void FanOut::refuse_all() {
  Refusal refusal = refusals::method_not_found(envelope().method, client().request().era);
  for (std::size_t upstream = 0; upstream < answers_.size(); ++upstream) {
    if (!answers_[upstream].failure || answers_[upstream].is_absent()) continue;
    refusal = *answers_[upstream].failure;
    break;
  }
  state().refuse(client(), refusal);
}

// --- Handshakes ---

void DiscoverCall::start() {
  ask_all([this] { return own_request(envelope().method, {}); }, ServerCapability::none);
}

void DiscoverCall::settled() {
  const auto servers = gather_servers();
  if (!servers) return refuse_all();
  finish(servers->discover_result({all_revisions.rbegin(), all_revisions.rend()}, federation_server_info()));
}

void InitializeCall::start() {
  client().session()->attachment = std::make_unique<FederatedSession>(state(), client());
  ask_all([] { return std::string(); }, ServerCapability::none);
}

// The session is open; its answer is read when all are.
void InitializeCall::answered(std::size_t upstream, int tag, Bytes) {
  const ClientMessage* hello = session()->hello(upstream);
  FanOut::answered(upstream, tag, hello != nullptr ? hello->text() : Bytes());
}

void InitializeCall::settled() {
  const auto servers = gather_servers();
  session()->hellos_read();
  if (!servers) return refuse_all();
  finish(servers->initialize_result(negotiate_legacy(envelope().protocol_version), federation_server_info()));
}

// --- The log level ---

void SetLevelCall::start() {
  if (envelope().level) session()->level_set(envelope().view(envelope().level));
  ask_all(
      [this] {
        const std::string level(envelope().level ? envelope().view(envelope().level) : Bytes("null"));
        return own_request(envelope().method, "\"level\":" + level);
      },
      ServerCapability::logging);
}

void SetLevelCall::settled() {
  bool any = false;
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) {
    any = any || answer(upstream).message.has_value();
    warn_of(upstream);
  }
  if (!any) return refuse_all();
  finish("{}");
}

}  // namespace sluice
