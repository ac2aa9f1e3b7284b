// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation.h"

#include <utility>

#include "gateway/federation_find.h"
#include "gateway/federation_list.h"
#include "gateway/federation_listen.h"
#include "gateway/federation_merged.h"
#include "gateway/federation_routed.h"
#include "gateway/federation_task.h"
#include "mcp/methods.h"

namespace sluice {

namespace {

// Null for what federation does not serve.
std::unique_ptr<FederatedCall> make_call(FederationState& state, Exchange& exchange, const Method& method) {
  const bool finds = state.parts.finds_tools;
  if (finds && method.id == MethodId::tools_call &&
      exchange.request().message.envelope().name == find_tool_name)
    return std::make_unique<FindToolCall>(state, exchange);
  if (const ListForm* form = list_form(method.id)) return std::make_unique<ListCall>(state, exchange, *form);
  switch (method.id) {
    case MethodId::initialize: return std::make_unique<InitializeCall>(state, exchange);
    case MethodId::server_discover: return std::make_unique<DiscoverCall>(state, exchange);
    case MethodId::logging_set_level: return std::make_unique<SetLevelCall>(state, exchange);
    case MethodId::subscriptions_listen: return std::make_unique<ListenCall>(state, exchange);
    case MethodId::tools_call:
    case MethodId::prompts_get:
    case MethodId::resources_read:
    case MethodId::resources_subscribe:
    case MethodId::resources_unsubscribe:
    case MethodId::completion_complete: return std::make_unique<RoutedCall>(state, exchange);
    case MethodId::tasks_list: return std::make_unique<TaskListCall>(state, exchange);
    case MethodId::tasks_get:
    case MethodId::tasks_result:
    case MethodId::tasks_update:
    case MethodId::tasks_cancel: return std::make_unique<TaskCall>(state, exchange);
    default: return nullptr;
  }
}

FederatedCall* call_of(Exchange& exchange) { return static_cast<FederatedCall*>(exchange.attachment.get()); }

}  // namespace

Federation::Federation(FederationParts parts, std::vector<FederatedUpstream> upstreams)
    : state_(std::make_unique<FederationState>(std::move(parts), std::move(upstreams))) {}

Federation::~Federation() = default;

void Federation::open(Exchange& exchange) {
  const ClientRequest& request = exchange.request();
  const Bytes name = request.message.envelope().method;
  const Method* method = find_method(name);
  const bool is_legacy = request.era == Era::legacy;
  if (is_legacy && method != nullptr && method->id == MethodId::ping) return state_->answer(exchange, "{}");
  const Standing place =
      method == nullptr ? Standing::absent : standing(*method, Sender::client, request.revision);
  const bool exists = place == Standing::core || (place == Standing::extension && method != nullptr &&
                                                  method->extension == Extension::tasks);
  const bool has_session = exchange.session() != nullptr && (exchange.session()->attachment != nullptr ||
                                                             name == method_of(MethodId::initialize).text);
  const bool is_served = exists && (!is_legacy || has_session);
  if (is_served && state_->parts.finds_tools && method->id == MethodId::tools_list)
    return state_->answer(exchange, finders_list(request.era));
  std::unique_ptr<FederatedCall> call;
  if (is_served) call = make_call(*state_, exchange, *method);
  if (!call) return state_->refuse(exchange, refusals::method_not_found(name, request.era));
  FederatedCall& started = *call;
  exchange.attachment = std::move(call);
  started.start();
}

void Federation::cancelled(Exchange& exchange, CancelReason reason) {
  if (FederatedCall* call = call_of(exchange)) call->cancelled(reason);
}

void Federation::drained(Exchange& exchange) {
  if (FederatedCall* call = call_of(exchange)) call->drained();
}

void Federation::drained(Session& session) {
  if (FederatedSession* of_all = FederatedSession::of(&session)) of_all->drained();
}

void Federation::message(Session& session, ClientMessage message) {
  if (FederatedSession* of_all = FederatedSession::of(&session)) of_all->on_client_message(message);
}

void Federation::ended(Session& session) {
  if (FederatedSession* of_all = FederatedSession::of(&session)) of_all->end();
}

std::vector<Revision> Federation::revisions() const { return {all_revisions.rbegin(), all_revisions.rend()}; }

}  // namespace sluice
