// SPDX-License-Identifier: Apache-2.0
#include "mcp/to_legacy.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "codec/json.h"
#include "codec/json_splice.h"
#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "mcp/methods.h"
#include "mcp/own_name.h"
#include "mcp/task_state.h"

namespace sluice {

namespace {

constexpr Bytes ours = "io.modelcontextprotocol/";
constexpr std::size_t client_info_bytes_max = 4 * 1024;

// The decoded name of a member.
std::string member_name(Bytes text, JsonSpan member) {
  const std::size_t end = text.find_last_of('"', member.begin - 1);
  std::string name;
  if (end == Bytes::npos || end <= member.key) return name;
  if (!decode_json_string(text.substr(member.key, end - member.key + 1), name)) name.clear();
  return name;
}

std::string string_at(Bytes text, JsonSpan span) {
  std::string value;
  if (span && !decode_json_string(span.in(text), value)) value.clear();
  return value;
}

bool is_object(Bytes text, JsonSpan span) { return span && text[span.begin] == '{'; }

// An object's text without some of its members.
std::string object_without(Bytes text, JsonSpan object, std::initializer_list<Bytes> names) {
  JsonSplice splice;
  for (const JsonSpan member : json_children(text, object))
    if (std::find(names.begin(), names.end(), member_name(text, member)) != names.end())
      splice.remove(member);
  std::string out;
  splice.append_to(out, text, object);
  return out;
}

bool is_usable_client_info(Bytes json) {
  if (json.empty() || json.size() > client_info_bytes_max) return false;
  const auto info = Json::parse(json);
  return info && (*info)["name"].as_string() != nullptr && (*info)["version"].as_string() != nullptr;
}

bool flag_at(Bytes text, JsonSpan object, Bytes name) {
  const JsonSpan flag = json_member(text, object, name);
  return flag && flag.in(text) == "true";
}

std::string discover_result(const Envelope& response, JsonSpan capabilities, Bytes server_info, bool tasks) {
  const Bytes text = response.text;
  std::string out;
  JsonWriter writer(out);
  writer.begin_object().member("resultType", "complete").key("supportedVersions").begin_array();
  writer.value(revision_text(latest_modern)).end_array();
  std::string offered = is_object(text, capabilities)
                            ? object_without(text, capabilities, {"tasks", "extensions"})
                            : std::string("{}");
  if (tasks)
    offered = with_member(std::move(offered), "extensions",
                          Json::object({{extension_text(Extension::tasks).data(), Json::object()}}).dump());
  writer.raw_member("capabilities", offered);
  if (const JsonSpan said = json_member(text, response.result, "instructions");
      said && text[said.begin] == '"')
    writer.raw_member("instructions", said.in(text));
  writer.member("ttlMs", 0).member("cacheScope", "private");
  writer.key("_meta").begin_object().raw_member("io.modelcontextprotocol/serverInfo", server_info);
  writer.end_object().end_object();
  return out;
}

// Tools have no `execution` in the modern revision.
void drop_execution(const Envelope& response, JsonSplice& splice) {
  if (response.view(response.result).find("execution") == Bytes::npos) return;
  for (const JsonSpan tool :
       json_children(response.text, json_member(response.text, response.result, "tools")))
    if (const JsonSpan execution = json_member(response.text, tool, "execution")) splice.remove(execution);
}

std::string complete_result(const Envelope& response, const ModernReply& reply) {
  const Bytes text = response.text;
  JsonSplice splice;
  splice.replace(response.id, reply.id);
  const Method* method = find_method(reply.method);
  if (method != nullptr && method->cacheable) {
    splice.set(response.result, json_member(text, response.result, "ttlMs"), "ttlMs", "0");
    splice.set(response.result, json_member(text, response.result, "cacheScope"), "cacheScope",
               R"("private")");
  }
  if (method != nullptr && method->id == MethodId::tools_list) drop_execution(response, splice);
  std::string meta;  // lives until the edits are applied
  if (response.meta) {
    if (response.meta_related_task) splice.remove(response.meta_related_task);
    splice.set(response.meta, response.meta_server_info, "io.modelcontextprotocol/serverInfo",
               reply.server_info);
  } else {
    JsonWriter(meta)
        .begin_object()
        .raw_member("io.modelcontextprotocol/serverInfo", reply.server_info)
        .end_object();
    splice.insert(response.result, "_meta", meta);
  }
  splice.set(response.result, response.result_type_span, "resultType", R"("complete")");
  return splice.apply(text);
}

// Of all errors only this one has another code; whoever answers deals with -32601 and -32042 before.
std::string error_response(const Envelope& response, const ModernReply& reply) {
  if (error_code(response) != rpc::resource_not_found) {
    JsonSplice splice;
    if (response.id) {
      splice.replace(response.id, reply.id);
      return splice.apply(response.text);
    }
    return make_error_response(reply.id, error_code(response),
                               string_at(response.text, response.error_message),
                               response.error_data ? response.view(response.error_data) : Bytes());
  }
  std::string data;
  if (json_member(response.text, response.error_data, "uri")) {
    data = response.view(response.error_data);
  } else {
    JsonWriter(data).begin_object().member("uri", reply.uri).end_object();
  }
  return make_error_response(reply.id, rpc::invalid_params, string_at(response.text, response.error_message),
                             data);
}

Error invalid(const std::string& sentence) {
  return protocol_error(rpc::invalid_params, "Invalid params: " + sentence);
}

std::string tag_of(Bytes subscription_id) {
  std::string meta;
  JsonWriter(meta)
      .begin_object()
      .raw_member("io.modelcontextprotocol/subscriptionId", subscription_id)
      .end_object();
  return meta;
}

}  // namespace

std::string legacy_initialize(Bytes id, const ClientCapabilities& capabilities, Bytes client_info_json,
                              Revision offer) {
  std::string params;
  JsonWriter(params)
      .begin_object()
      .member("protocolVersion", revision_text(offer))
      .raw_member("capabilities", capabilities_json(capabilities, offer).dump())
      .raw_member("clientInfo",
                  is_usable_client_info(client_info_json) ? client_info_json : own_implementation())
      .end_object();
  return make_request(id, "initialize", params);
}

std::string legacy_request(const Envelope& request, Bytes id, bool as_task) {
  JsonSplice splice;
  splice.replace(request.id, id);
  if (as_task) {
    splice.set(request.params, request.task, "task", "{}");
  } else if (request.task) {
    splice.remove(request.task);
  }
  if (request.request_state) splice.remove(request.request_state);
  if (request.input_responses) splice.remove(request.input_responses);
  if (is_object(request.text, request.meta)) {
    JsonSplice inner;
    std::size_t kept = 0;
    for (const JsonSpan member : json_children(request.text, request.meta)) {
      const std::string name = member_name(request.text, member);
      if (Bytes(name).substr(0, ours.size()) == ours) {
        inner.remove(member);
        continue;
      }
      ++kept;
      if (name == "progressToken") inner.replace(member, id);
    }
    if (kept == 0) {
      splice.remove(request.meta);
      return splice.apply(request.text);
    }
    std::string meta;
    inner.append_to(meta, request.text, request.meta);
    splice.replace(request.meta, meta);
    return splice.apply(request.text);
  }
  return splice.apply(request.text);
}

Result<LegacyServer> read_legacy_server(const Envelope& response) {
  const Bytes text = response.text;
  if (response.kind != MessageKind::response || !is_object(text, response.result))
    return error("its answer to initialize is no result");
  LegacyServer server;
  const std::string version = string_at(text, json_member(text, response.result, "protocolVersion"));
  const auto revision = parse_revision(version);
  if (!revision || era_of(*revision) != Era::legacy)
    return error("it answered initialize with protocol version '" + version.substr(0, 64) +
                 "', which is none of the revisions with a handshake");
  server.revision = *revision;
  const JsonSpan info = json_member(text, response.result, "serverInfo");
  server.server_info = is_object(text, info) ? std::string(info.in(text)) : "{}";
  const JsonSpan capabilities = json_member(text, response.result, "capabilities");
  if (is_object(text, capabilities)) {
    const auto section = [&](Bytes name) { return json_member(text, capabilities, name); };
    server.tools = is_object(text, section("tools"));
    server.tools_changed = flag_at(text, section("tools"), "listChanged");
    server.prompts_changed = flag_at(text, section("prompts"), "listChanged");
    server.resources_changed = flag_at(text, section("resources"), "listChanged");
    server.subscribe = flag_at(text, section("resources"), "subscribe");
    server.logging = is_object(text, section("logging"));
    // One member after the other: what is missing has no members.
    JsonSpan tasks = server.revision == Revision::r2025_11_25 ? section("tasks") : JsonSpan{};
    for (const Bytes name : {"requests", "tools", "call"})
      tasks = is_object(text, tasks) ? json_member(text, tasks, name) : JsonSpan{};
    server.tasks = is_object(text, tasks);
  }
  server.discover_result = discover_result(response, capabilities, server.server_info, server.tasks);
  return server;
}

Result<std::string> modern_response(const Envelope& response, const ModernReply& reply) {
  if (response.kind == MessageKind::error_response) return error_response(response, reply);
  if (response.kind != MessageKind::response || !is_object(response.text, response.result))
    return error("the upstream's result is no object");
  return complete_result(response, reply);
}

Error error_of(const Envelope& response) {
  std::string sentence;
  if (!decode_json_string(response.view(response.error_message), sentence)) sentence.clear();
  return protocol_error(error_code(response), std::move(sentence),
                        std::string(response.view(response.error_data)));
}

int error_code(const Envelope& response) {
  if (response.kind != MessageKind::error_response) return 0;
  const Bytes raw = response.view(response.error_code);
  int code = 0;
  std::from_chars(raw.data(), raw.data() + raw.size(), code);
  return code;
}

std::string input_request(const Envelope& ask) {
  std::string out;
  JsonWriter writer(out);
  // Params are always there: some clients cannot read a question without them.
  std::string params("{}");
  if (is_object(ask.text, ask.params))
    params = object_without(ask.text, ask.params, {"_meta", "task", "elicitationId"});
  writer.begin_object().member("method", ask.method).raw_member("params", params).end_object();
  return out;
}

std::vector<InputQuestion> url_input_requests(const Envelope& error) {
  std::vector<InputQuestion> requests;
  const Bytes text = error.text;
  for (const JsonSpan item : json_children(text, json_member(text, error.error_data, "elicitations"))) {
    if (!is_object(text, item)) continue;
    std::string params = object_without(text, item, {"_meta", "task", "elicitationId", "mode"});
    params.insert(1, params == "{}" ? R"("mode":"url")" : R"("mode":"url",)");
    std::string request;
    JsonWriter(request)
        .begin_object()
        .member("method", "elicitation/create")
        .raw_member("params", params)
        .end_object();
    requests.push_back(InputQuestion{"ask-" + std::to_string(requests.size() + 1), std::move(request)});
  }
  return requests;
}

std::string input_required_response(const ModernReply& reply, const std::vector<InputQuestion>& requests,
                                    Bytes state) {
  std::string result;
  JsonWriter writer(result);
  writer.begin_object().member("resultType", "input_required").key("inputRequests").begin_object();
  for (const InputQuestion& request : requests) writer.raw_member(request.key, request.request);
  writer.end_object().member("requestState", state);
  writer.key("_meta").begin_object().raw_member("io.modelcontextprotocol/serverInfo", reply.server_info);
  writer.end_object().end_object();
  return make_response(reply.id, result);
}

Result<std::vector<std::pair<std::string, std::string>>> read_input_responses(const Envelope& request) {
  std::vector<std::pair<std::string, std::string>> responses;
  if (!request.input_responses) return responses;
  if (!is_object(request.text, request.input_responses)) return invalid("inputResponses must be an object");
  for (const JsonSpan member : json_children(request.text, request.input_responses)) {
    if (!is_object(request.text, member))
      return invalid("each of inputResponses must be the result of its request, an object");
    responses.emplace_back(member_name(request.text, member), std::string(member.in(request.text)));
  }
  return responses;
}

std::string with_progress_token(const Envelope& progress, Bytes token) {
  JsonSplice splice;
  splice.set(progress.params, progress.progress_token, "progressToken", token);
  return splice.apply(progress.text);
}

std::optional<double> progress_value(const Envelope& progress) {
  const JsonSpan span = json_member(progress.text, progress.params, "progress");
  if (!span) return std::nullopt;
  const auto number = Json::parse(span.in(progress.text));
  return number ? number->as_double() : std::nullopt;
}

std::optional<std::size_t> log_level_rank(Bytes raw) {
  constexpr std::array<Bytes, 8> levels{"\"debug\"", "\"info\"",     "\"notice\"", "\"warning\"",
                                        "\"error\"", "\"critical\"", "\"alert\"",  "\"emergency\""};
  const auto* const at = std::find(levels.begin(), levels.end(), raw);
  if (at == levels.end()) return std::nullopt;
  return static_cast<std::size_t>(at - levels.begin());
}

Result<ListenFilter> read_listen_filter(const Envelope& request) {
  if (!is_object(request.text, request.notifications)) return invalid("notifications is missing");
  const auto wanted = Json::parse(request.view(request.notifications));
  if (!wanted) return invalid("notifications: " + wanted.error().message);
  ListenFilter filter;
  filter.tools = (*wanted)["toolsListChanged"].bool_or(false);
  filter.prompts = (*wanted)["promptsListChanged"].bool_or(false);
  filter.resources = (*wanted)["resourcesListChanged"].bool_or(false);
  for (const auto& [name, texts] :
       {std::pair{"resourceSubscriptions", &filter.uris}, std::pair{"taskIds", &filter.task_ids}}) {
    const Json& list = (*wanted)[name];
    if (!list.is_null() && !list.is_array()) return invalid(std::string(name) + " must be an array");
    for (const Json& one : list.items()) {
      if (one.as_string() == nullptr) return invalid(std::string(name) + " must be strings");
      if (std::find(texts->begin(), texts->end(), *one.as_string()) == texts->end())
        texts->push_back(*one.as_string());
    }
  }
  return filter;
}

std::string listen_filter_json(const ListenFilter& filter) {
  std::string json;
  JsonWriter writer(json);
  writer.begin_object();
  if (filter.tools) writer.member("toolsListChanged", true);
  if (filter.prompts) writer.member("promptsListChanged", true);
  if (filter.resources) writer.member("resourcesListChanged", true);
  for (const auto& [name, texts] :
       {std::pair{"resourceSubscriptions", &filter.uris}, std::pair{"taskIds", &filter.task_ids}}) {
    if (texts->empty()) continue;
    writer.key(name).begin_array();
    for (const std::string& text : *texts) writer.value(text);
    writer.end_array();
  }
  writer.end_object();
  return json;
}

std::string listen_acknowledged(const ListenFilter& honoured, Bytes subscription_id) {
  std::string params;
  JsonWriter(params)
      .begin_object()
      .raw_member("_meta", tag_of(subscription_id))
      .raw_member("notifications", listen_filter_json(honoured))
      .end_object();
  return make_notification("notifications/subscriptions/acknowledged", params);
}

std::string with_subscription_id(const Envelope& notification, Bytes subscription_id) {
  constexpr Bytes key = "io.modelcontextprotocol/subscriptionId";
  const std::string tag = tag_of(subscription_id);
  if (!notification.params) return make_notification(notification.method, R"({"_meta":)" + tag + "}");
  JsonSplice splice;
  if (is_object(notification.text, notification.meta)) {
    splice.set(notification.meta, notification.meta_subscription_id, key, subscription_id);
  } else {
    splice.insert(notification.params, "_meta", tag);
  }
  return splice.apply(notification.text);
}

std::string listen_response(Bytes subscription_id) {
  std::string result;
  JsonWriter(result)
      .begin_object()
      .member("resultType", "complete")
      .raw_member("_meta", tag_of(subscription_id))
      .end_object();
  return make_response(subscription_id, result);
}

bool is_within(Bytes uri, Bytes subscribed) {
  if (uri.substr(0, subscribed.size()) != subscribed) return false;
  return uri.size() == subscribed.size() || subscribed.ends_with('/') || uri[subscribed.size()] == '/';
}

}  // namespace sluice
