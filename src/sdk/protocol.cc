// SPDX-License-Identifier: Apache-2.0
// Opening, routing and ending of exchanges, and what legacy sessions keep. Lists and subscriptions are in
// protocol_lists.cc.
#include "sdk/protocol.h"

#include <algorithm>

#include "codec/jsonrpc.h"
#include "mcp/modern.h"
#include "sdk/protocol_parts.h"
#include "sdk/results.h"

namespace sluice {

Protocol::Protocol(Reactor& reactor, ServerState& state, const Seals& seals, ProtocolOptions options)
    : reactor_(reactor),
      state_(state),
      options_(options),
      request_states_(Sealer(seals.ring, {}, seals.states_salt), state.limits.mcp),
      cursors_(Sealer(seals.ring, {}, seals.cursors_salt), state.limits.mcp),
      tasks_(*this, Sealer(seals.ring, {}, seals.tasks_salt), state.limits.mcp),
      alive_(std::make_shared<bool>(true)) {
  state_.protocols.push_back(this);
}

Protocol::~Protocol() {
  *alive_ = false;
  tasks_.clear();
  std::erase(state_.protocols, this);
}

std::vector<Revision> Protocol::revisions() const {
  std::vector<Revision> all;
  for (auto revision = all_revisions.rbegin(); revision != all_revisions.rend(); ++revision)
    if (!options_.era || era_of(*revision) == *options_.era) all.push_back(*revision);
  return all;
}

Protocol::Peer* Protocol::peer_of(const Session* session) {
  return session == nullptr ? nullptr : static_cast<Peer*>(session->attachment.get());
}

const ClientCapabilities& Protocol::capabilities_of(const Exchange& exchange, const Json&) {
  if (exchange.request().era == Era::modern) return modern_capabilities_;
  const Peer* peer = peer_of(exchange.session());
  return peer == nullptr ? no_capabilities_ : peer->capabilities;
}

const Json& Protocol::client_info_of(const Exchange* exchange, const Json& params) const {
  if (exchange != nullptr && exchange->request().era == Era::legacy)
    if (const Peer* peer = peer_of(exchange->session())) return peer->client_info;
  return params["_meta"]["io.modelcontextprotocol/clientInfo"];
}

bool Protocol::wants_log(const Session* session, const Caller& caller, Severity severity) const {
  if (caller.era == Era::modern) {
    const auto level = parse_severity(caller.log_level);
    return level && severity >= *level;
  }
  const Peer* peer = peer_of(session);
  return peer != nullptr && severity >= peer->level;
}

void Protocol::complete_modern(Json& result) const {
  if (!result.contains("resultType")) result.set("resultType", "complete");
  Json* meta = result.find("_meta");
  if (meta == nullptr) meta = &result.set("_meta", Json::object());
  meta->set("io.modelcontextprotocol/serverInfo", state_.implementation_json(latest_modern));
}

std::string Protocol::register_ask(Exchange& exchange, Call& call, const std::string& key) {
  Peer* peer = peer_of(exchange.session());
  CHECK(peer != nullptr);
  const std::string id = std::to_string(next_ask_++);
  peer->asks.insert_or_assign(id, Peer::Asked{&call, key});
  return id;
}

void Protocol::withdraw_asks(Exchange& exchange, const Call& call, std::string_view why) {
  for (const std::string& notice : withdrawals(exchange, call, why)) exchange.notify(notice);
}

std::vector<std::string> Protocol::withdrawals(const Exchange& exchange, const Call& call,
                                               std::string_view why) {
  std::vector<std::string> notices;
  Peer* peer = peer_of(exchange.session());
  if (peer == nullptr) return notices;
  std::erase_if(peer->asks, [&](const auto& one) {
    if (one.second.call != &call) return false;
    std::string params = Json::object({{"reason", why}}).dump();
    params.insert(1, "\"requestId\":" + one.first + ",");
    notices.push_back(make_notification("notifications/cancelled", params));
    return true;
  });
  return notices;
}

// --- Requests ---

void Protocol::open(Exchange& exchange) {
  const ClientRequest& request = exchange.request();
  const Envelope& envelope = request.message.envelope();
  Opened opened{exchange, std::string(envelope.method), {}, {}};
  Caller& caller = opened.caller;
  caller.era = request.era;
  caller.revision = request.revision;
  caller.principal = request.principal;
  caller.correlation_id = request.correlation_id;
  caller.id = envelope.view(envelope.id);
  if (envelope.meta_progress_token) caller.progress_token = envelope.view(envelope.meta_progress_token);
  opened.params = Json::object();
  if (envelope.params) {
    auto params = Json::parse(envelope.view(envelope.params));
    if (!params) return fail(opened, refusals::invalid_params(params.error().message));
    opened.params = std::move(*params);
  }
  if (caller.era == Era::modern) {
    const Json& meta = opened.params["_meta"];
    auto capabilities =
        parse_client_capabilities(meta["io.modelcontextprotocol/clientCapabilities"], caller.revision);
    if (!capabilities) return fail(opened, refusals::malformed_meta(capabilities.error().message));
    modern_capabilities_ = std::move(*capabilities);
    if (const Json* level = meta.find("io.modelcontextprotocol/logLevel")) {
      caller.log_level = level->string_or("");
      if (!parse_severity(caller.log_level))
        return fail(opened, refusals::invalid_params("io.modelcontextprotocol/logLevel is no log level"));
    }
  }
  dispatch(opened);
}

bool Protocol::supports(ServerCapability needs) const {
  const bool has_resources = !state_.resources.empty() || !state_.templates.empty();
  switch (needs) {
    case ServerCapability::tools: return !state_.tools.empty();
    case ServerCapability::prompts: return !state_.prompts.empty();
    case ServerCapability::resources:
    case ServerCapability::resources_subscribe: return has_resources;
    case ServerCapability::completions: return state_.completes();
    case ServerCapability::logging: return has_resources || !state_.tools.empty() || !state_.prompts.empty();
    case ServerCapability::tasks: return state_.has_tasks();
    case ServerCapability::none: return true;
  }
  return false;
}

void Protocol::dispatch(Opened& opened) {
  const Method* method = find_method(opened.method);
  if (method != nullptr && method->extension == Extension::tasks && state_.has_tasks() &&
      standing(*method, Sender::client, opened.caller.revision) == Standing::extension) {
    if (!modern_capabilities_.has_extension(extension_text(Extension::tasks)))
      return fail(opened, refusals::missing_capability(tasks_capability_text()));
    return tasks_request(opened, method->id);
  }
  const bool known = method != nullptr && method->kind == MethodKind::request &&
                     standing(*method, Sender::client, opened.caller.revision) == Standing::core;
  if (!known) return call_method(opened, opened.method);
  if (!supports(method->needs))
    return fail(opened, refusals::method_not_found(opened.method, opened.caller.era));
  switch (method->id) {
    case MethodId::initialize: return initialize(opened);
    case MethodId::ping: return finish(opened, Json::object());
    case MethodId::server_discover: return discover(opened);
    case MethodId::tools_list:
    case MethodId::prompts_list:
    case MethodId::resources_list:
    case MethodId::resources_templates_list: return list(opened, method->id);
    case MethodId::tools_call: return call_tool(opened);
    case MethodId::prompts_get: return get_prompt(opened);
    case MethodId::resources_read: return read_resource(opened);
    case MethodId::resources_subscribe: return subscribe(opened, true);
    case MethodId::resources_unsubscribe: return subscribe(opened, false);
    case MethodId::logging_set_level: return set_level(opened);
    case MethodId::completion_complete: return complete(opened);
    case MethodId::subscriptions_listen: return listen(opened);
    case MethodId::tasks_get:
    case MethodId::tasks_result:
    case MethodId::tasks_cancel:
    case MethodId::tasks_list: return tasks_request(opened, method->id);
    default: return fail(opened, refusals::method_not_found(opened.method, opened.caller.era));
  }
}

void Protocol::finish(Opened& opened, Json result) {
  if (opened.caller.era == Era::modern) complete_modern(result);
  opened.exchange.finish(make_response(opened.caller.id, result.dump()));
}

// Refusals of the era's envelope have a status of their own; what is wrong with params is an answer like any
// other.
void Protocol::fail(Opened& opened, const Refusal& refusal) {
  opened.exchange.refuse(refusal.http_status, refusal.code, refusal.message, refusal.data_json);
}

void Protocol::initialize(Opened& opened) {
  const Revision revision = negotiate_legacy(opened.params["protocolVersion"].string_or(""));
  auto capabilities = parse_client_capabilities(opened.params["capabilities"], revision);
  if (!capabilities) return fail(opened, refusals::invalid_params(capabilities.error().message));
  Session* session = opened.exchange.session();
  CHECK(session != nullptr);
  auto peer = std::make_unique<Peer>();
  peer->capabilities = std::move(*capabilities);
  peer->client_info = opened.params["clientInfo"];
  session->attachment = std::move(peer);
  sessions_.insert(session);
  Json result = Json::object({{"protocolVersion", revision_text(revision)},
                              {"capabilities", state_.capabilities_json(revision)},
                              {"serverInfo", state_.implementation_json(revision)}});
  if (!state_.instructions.empty()) result.set("instructions", state_.instructions);
  finish(opened, std::move(result));
}

void Protocol::discover(Opened& opened) {
  Json versions = Json::array();
  for (const Revision revision : revisions()) versions.push_back(revision_text(revision));
  Json result = Json::object({{"supportedVersions", std::move(versions)},
                              {"capabilities", state_.capabilities_json(latest_modern)}});
  if (!state_.instructions.empty()) result.set("instructions", state_.instructions);
  add_cache_hints(result, state_.lists_ttl, state_.lists_shared);
  finish(opened, std::move(result));
}

void Protocol::set_level(Opened& opened) {
  const auto level = parse_severity(opened.params["level"].string_or(""));
  if (!level) return fail(opened, refusals::invalid_params("level is none of the eight log levels"));
  if (Peer* peer = peer_of(opened.exchange.session())) peer->level = *level;
  finish(opened, Json::object());
}

// --- Calls ---

void Protocol::start(Opened& opened, CallPlan plan) {
  plan.method = opened.method;
  Exchange& exchange = opened.exchange;
  auto call = std::make_unique<Call>(*this, exchange, std::move(opened.caller), std::move(plan),
                                     std::move(opened.params));
  Call& running = *call;
  exchange.attachment = std::move(call);
  running.start();
}

bool Protocol::offered(const ToolEntry& entry, const Opened& opened) const {
  const ClientRequest& request = opened.exchange.request();
  if (!entry.headers_valid && request.over_http && request.era == Era::modern) return false;
  return !state_.visible || state_.visible(entry.info.name(), opened.caller.principal);
}

void Protocol::call_tool(Opened& opened) {
  const std::string* name = opened.params["name"].as_string();
  if (name == nullptr) return fail(opened, refusals::invalid_params("name is missing"));
  const auto entry = state_.find_tool(*name);
  if (entry == nullptr || !offered(*entry, opened))
    return fail(opened, refusals::invalid_params("there is no tool '" + *name + "'"));
  CallPlan plan;
  plan.kind = CallPlan::Kind::tool;
  plan.entry = entry;
  plan.handler = &entry->handler;
  plan.name = *name;
  plan.may_ask = true;
  plan.required = entry->info.required();
  if (const Json* arguments = opened.params.find("arguments")) {
    if (!arguments->is_object()) return fail(opened, refusals::invalid_params("arguments is no object"));
    plan.arguments = *arguments;
  }
  if (const auto refusal = plan_task(opened, entry->info.task_support(), plan)) return fail(opened, *refusal);
  const ClientRequest& request = opened.exchange.request();
  if (request.over_http && request.era == Era::modern && !entry->headers.empty()) {
    if (const auto refusal = check_param_headers(entry->headers, plan.arguments, request.param_headers))
      return fail(opened, *refusal);
  }
  start(opened, std::move(plan));
}

std::optional<Refusal> Protocol::plan_task(const Opened& opened, TaskSupport support, CallPlan& plan) const {
  if (opened.caller.era == Era::modern) {
    if (support == TaskSupport::forbidden) return std::nullopt;
    const bool knows = modern_capabilities_.has_extension(extension_text(Extension::tasks));
    if (!knows && support == TaskSupport::required)
      return refusals::missing_capability(tasks_capability_text());
    if (knows)
      plan.task =
          support == TaskSupport::required ? CallPlan::AsTask::always : CallPlan::AsTask::when_it_waits;
    return std::nullopt;
  }
  const Json* wanted = opened.caller.revision == Revision::r2025_11_25 ? opened.params.find("task") : nullptr;
  if (wanted == nullptr) {
    if (support != TaskSupport::required) return std::nullopt;
    return Refusal{200, rpc::method_not_found, "this tool can be called as a task only", {}};
  }
  if (support == TaskSupport::forbidden)
    return Refusal{200, rpc::method_not_found, "this tool cannot be called as a task", {}};
  plan.task = CallPlan::AsTask::at_once;
  if (const std::int64_t ttl = (*wanted)["ttl"].int64_or(0); ttl > 0) plan.task_ttl = milliseconds(ttl);
  return std::nullopt;
}

void Protocol::get_prompt(Opened& opened) {
  const std::string* name = opened.params["name"].as_string();
  if (name == nullptr) return fail(opened, refusals::invalid_params("name is missing"));
  const auto entry = state_.find_prompt(*name);
  if (entry == nullptr) return fail(opened, refusals::invalid_params("there is no prompt '" + *name + "'"));
  CallPlan plan;
  plan.kind = CallPlan::Kind::prompt;
  plan.entry = entry;
  plan.handler = &entry->handler;
  plan.name = *name;
  plan.may_ask = true;
  if (const Json* arguments = opened.params.find("arguments")) {
    if (!arguments->is_object()) return fail(opened, refusals::invalid_params("arguments is no object"));
    plan.arguments = entry->coerce == nullptr ? *arguments : entry->coerce(*arguments);
  }
  start(opened, std::move(plan));
}

void Protocol::read_resource(Opened& opened) {
  const std::string* uri = opened.params["uri"].as_string();
  if (uri == nullptr) return fail(opened, refusals::invalid_params("uri is missing"));
  auto located = state_.locate(*uri);
  if (located.entry == nullptr) return fail(opened, refusals::resource_not_found(*uri, opened.caller.era));
  CallPlan plan;
  plan.kind = CallPlan::Kind::resource;
  plan.entry = located.entry;
  plan.handler = &located.entry->handler;
  plan.name = *uri;
  plan.may_ask = true;
  plan.arguments = std::move(located.arguments);
  plan.mime_type = located.entry->info.json()["mimeType"].string_or("");
  plan.cache_ttl = located.entry->info.cache_ttl();
  plan.cache_shared = located.entry->info.cache_shared();
  start(opened, std::move(plan));
}

void Protocol::call_method(Opened& opened, std::string_view method) {
  const auto found = state_.methods.find(method);
  const Method* reserved = find_method(method);
  if (found == state_.methods.end() || (reserved != nullptr && reserved->extension == Extension::none))
    return fail(opened, refusals::method_not_found(method, opened.caller.era));
  CallPlan plan;
  plan.entry = found->second;
  plan.handler = found->second.get();
  plan.arguments = opened.params;
  plan.arguments.erase("_meta");
  start(opened, std::move(plan));
}

// --- Ends ---

void Protocol::drained(Exchange& exchange) {
  if (auto* call = dynamic_cast<Call*>(exchange.attachment.get())) call->drained();
}

void Protocol::cancelled(Exchange& exchange, CancelReason reason) {
  listens_.erase(&exchange);
  if (exchange.attachment == nullptr) return;
  if (auto* call = dynamic_cast<Call*>(exchange.attachment.get())) {
    // The exchange's stream says nothing any more; its session may.
    const auto notices = withdrawals(exchange, *call, "the call has ended");
    if (reason != CancelReason::peer_gone)
      for (const std::string& notice : notices) exchange.session()->send(notice);
    call->cancel();
  } else if (dynamic_cast<TaskWatch*>(exchange.attachment.get()) != nullptr) {
    const auto notices = tasks_.unwatch(exchange);
    if (reason != CancelReason::peer_gone)
      for (const std::string& notice : notices) exchange.session()->send(notice);
  }
  bury(std::move(exchange.attachment));
}

void Protocol::message(Session& session, ClientMessage message) {
  Peer* peer = peer_of(&session);
  if (peer == nullptr) return;
  const Envelope& envelope = message.envelope();
  if (envelope.kind == MessageKind::notification) {
    if (envelope.method == "notifications/initialized") peer->initialized = true;
    return;
  }
  const auto asked = peer->asks.find(std::string(envelope.view(envelope.id)));
  if (asked == peer->asks.end()) return;
  const Peer::Asked target = asked->second;
  peer->asks.erase(asked);
  if (envelope.kind == MessageKind::response) {
    auto result = Json::parse(envelope.view(envelope.result));
    target.call->answer(target.key, result ? std::move(*result) : Json());
    return;
  }
  std::string why = "the client answered with an error";
  if (envelope.error_message) {
    std::string text;
    if (decode_json_string(envelope.view(envelope.error_message), text)) why += ": " + text;
  }
  target.call->answer(target.key, question_detail::failure(why));
}

void Protocol::ended(Session& session) {
  sessions_.erase(&session);
  tasks_.ended(session);
  if (session.attachment != nullptr) bury(std::move(session.attachment));
}

void Protocol::bury(std::unique_ptr<Attachment> attachment) {
  if (attachment == nullptr) return;
  dead_.push_back(std::move(attachment));
  later();
}

void Protocol::bury(Task<void> task) {
  dead_tasks_.push_back(std::move(task));
  later();
}

void Protocol::later() {
  if (std::exchange(reaping_, true)) return;
  reactor_.defer([this, alive = alive_] {
    if (!*alive) return;
    reaping_ = false;
    flush_changes();
    reap();
  });
}

// Frames are destroyed here and nowhere else; what their destructors bury waits for the next time.
void Protocol::reap() {
  const auto attachments = std::move(dead_);
  const auto tasks = std::move(dead_tasks_);  // destroyed before the calls whose context they use
  dead_tasks_.clear();
  dead_.clear();
}

}  // namespace sluice
