// SPDX-License-Identifier: Apache-2.0
#include "mcp/modern_results.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <utility>

#include "codec/json.h"
#include "codec/json_splice.h"
#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "mcp/methods.h"
#include "mcp/task_state.h"

namespace sluice {

namespace {

std::string string_at(Bytes text, JsonSpan object, Bytes name) {
  std::string out;
  const JsonSpan member = object ? json_member(text, object, name) : JsonSpan{};
  if (!member || !decode_json_string(member.in(text), out)) out.clear();
  return out;
}

bool is_kind(Bytes text, JsonSpan span, char first) { return span && text[span.begin] == first; }

std::string name_of(Bytes text, JsonSpan member) {
  std::string name;
  std::uint32_t end = member.key + 1;
  while (text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  if (!decode_json_string(text.substr(member.key, end + 1 - member.key), name)) name.clear();
  return name;
}

// A splice and the texts that it puts in.
class Edits {
 public:
  explicit Edits(Bytes text) : text_(text) {}

  void replace(JsonSpan span, std::string json) { splice_.replace(span, keep(std::move(json))); }
  void remove(JsonSpan member) { splice_.remove(member); }
  void insert(JsonSpan object, Bytes name, std::string json) {
    splice_.insert(object, name, keep(std::move(json)));
  }
  [[nodiscard]] Bytes text() const { return text_; }
  [[nodiscard]] std::string part(JsonSpan span) {
    std::string out;
    splice_.append_to(out, text_, span);
    return out;
  }
  [[nodiscard]] std::string apply() { return splice_.apply(text_); }

 private:
  Bytes keep(std::string json) { return kept_.emplace_back(std::move(json)); }

  Bytes text_;
  JsonSplice splice_;
  std::deque<std::string> kept_;
};

// ---- Content

std::string text_block(std::string_view sentence) {
  std::string block;
  JsonWriter(block).begin_object().member("type", "text").member("text", sentence).end_object();
  return block;
}

// A block that the revision does not have, as a text that says the same.
void convert_block(Edits& edits, JsonSpan block, Revision revision) {
  const Bytes text = edits.text();
  if (!is_kind(text, block, '{')) return;
  const std::string type = string_at(text, block, "type");
  if (type == "resource_link" && revision < Revision::r2025_06_18) {
    std::string name = string_at(text, block, "title");
    if (name.empty()) name = string_at(text, block, "name");
    const std::string about = string_at(text, block, "description");
    std::string sentence = name.empty() ? "" : name + ": ";
    sentence += string_at(text, block, "uri");
    if (!about.empty()) sentence += "\n" + about;
    edits.replace(block, text_block(sentence));
  }
  if (type == "audio" && revision < Revision::r2025_03_26)
    edits.replace(block, text_block("[audio of type " + string_at(text, block, "mimeType") +
                                    ", which this protocol version cannot carry]"));
}

// Content is a block or a list of them.
void convert_content(Edits& edits, JsonSpan content, Revision revision) {
  if (revision >= Revision::r2025_06_18 || !content) return;
  if (!is_kind(edits.text(), content, '[')) return convert_block(edits, content, revision);
  for (const JsonSpan block : json_children(edits.text(), content)) convert_block(edits, block, revision);
}

// Messages whose content is a list, which only 2025-11-25 and later have, become one message a block.
void split_message(Edits& edits, JsonSpan message, Revision revision) {
  const Bytes text = edits.text();
  const JsonSpan content = is_kind(text, message, '{') ? json_member(text, message, "content") : JsonSpan{};
  if (!content) return;
  if (!is_kind(text, content, '[') || revision >= Revision::r2025_11_25)
    return convert_content(edits, content, revision);
  std::string messages;
  for (const JsonSpan block : json_children(text, content)) {
    Edits one(text);
    convert_block(one, block, revision);
    if (!messages.empty()) messages += ',';
    messages += text.substr(message.begin, content.begin - message.begin);
    messages += one.part(block);
    messages += text.substr(content.end, message.end - content.end);
  }
  if (!messages.empty()) edits.replace(message, std::move(messages));
}

void convert_messages(Edits& edits, JsonSpan messages, Revision revision) {
  if (!is_kind(edits.text(), messages, '[')) return;
  for (const JsonSpan message : json_children(edits.text(), messages))
    split_message(edits, message, revision);
}

// ---- Output schemas

// Members whose value is data, not a schema.
bool is_data(std::string_view name) {
  constexpr std::array<std::string_view, 4> names{"const", "default", "enum", "examples"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

// References to the root of the schema lead to where it will stand. A schema with an `$id` of its own is a
// root of its own.
void move_references(Edits& edits, JsonSpan schema, std::size_t depth) {
  const Bytes text = edits.text();
  if (depth > JsonLimits{}.depth_max) return;
  if (is_kind(text, schema, '[')) {
    for (const JsonSpan item : json_children(text, schema)) move_references(edits, item, depth + 1);
    return;
  }
  if (!is_kind(text, schema, '{') || (depth != 0 && json_member(text, schema, "$id"))) return;
  for (const JsonSpan member : json_children(text, schema)) {
    const std::string name = name_of(text, member);
    std::string target;
    if (name == "$ref" && decode_json_string(member.in(text), target)) {
      if (target != "#" && target.substr(0, 2) != "#/") continue;
      std::string moved;
      append_json_string(moved, "#/properties/result" + target.substr(1));
      edits.replace(member, std::move(moved));
    } else if (!is_data(name)) {
      move_references(edits, member, depth + 1);
    }
  }
}

bool has_object_root(Bytes text, JsonSpan schema) {
  const JsonSpan type = is_kind(text, schema, '{') ? json_member(text, schema, "type") : JsonSpan{};
  return type && type.in(text) == R"("object")";
}

std::string wrapped_schema(Bytes text, JsonSpan schema) {
  Edits inner(text);
  if (!is_kind(text, schema, '{') || !json_member(text, schema, "$id")) move_references(inner, schema, 0);
  return R"({"type":"object","properties":{"result":)" + inner.part(schema) + R"(},"required":["result"]})";
}

void convert_tools(Edits& edits, JsonSpan tools, const ResultShape& shape) {
  const Bytes text = edits.text();
  if (!is_kind(text, tools, '[')) return;
  if (tools.in(text).find("\"outputSchema\"") == Bytes::npos && !shape.tasks) return;
  for (const JsonSpan tool : json_children(text, tools)) {
    if (shape.tasks && is_kind(text, tool, '{') && !json_member(text, tool, "execution"))
      edits.insert(tool, "execution", R"({"taskSupport":"optional"})");
    const JsonSpan schema = is_kind(text, tool, '{') ? json_member(text, tool, "outputSchema") : JsonSpan{};
    if (!schema) continue;
    if (shape.revision < Revision::r2025_06_18) {
      edits.remove(schema);
    } else if (!has_object_root(text, schema)) {
      edits.replace(schema, wrapped_schema(text, schema));
    }
  }
}

void convert_structured(Edits& edits, JsonSpan result, const ResultShape& shape) {
  const Bytes text = edits.text();
  const JsonSpan structured = json_member(text, result, "structuredContent");
  if (!structured) return;
  if (shape.revision >= Revision::r2025_06_18) {
    if (shape.wraps || !is_kind(text, structured, '{'))
      edits.replace(structured, R"({"result":)" + std::string(structured.in(text)) + "}");
    return;
  }
  edits.remove(structured);
  // What was said only there is said as text.
  const JsonSpan content = json_member(text, result, "content");
  if (is_kind(text, content, '[') && json_children(text, content).empty())
    edits.replace(content, "[" + text_block(structured.in(text)) + "]");
}

// ---- Errors

int code_of(const Envelope& response) {
  const Bytes raw = response.view(response.error_code);
  int code = 0;
  std::from_chars(raw.data(), raw.data() + raw.size(), code);
  return code;
}

bool is_about_a_resource(Bytes method) {
  return method == "resources/read" || method == "resources/subscribe";
}

bool names_uri(Bytes data_json) {
  if (data_json.find("\"uri\"") == Bytes::npos) return false;
  const auto data = Json::parse(data_json);
  return data && (*data)["uri"].is_string();
}

// ---- The welcome

bool says_true(Bytes text, JsonSpan object, Bytes name) {
  const JsonSpan member = is_kind(text, object, '{') ? json_member(text, object, name) : JsonSpan{};
  return member && member.in(text) == "true";
}

ServerOffer read_offer(Bytes text, JsonSpan capabilities) {
  ServerOffer offer;
  if (!is_kind(text, capabilities, '{')) return offer;
  const JsonSpan resources = json_member(text, capabilities, "resources");
  offer.logging = json_member(text, capabilities, "logging").present();
  offer.subscribe = says_true(text, resources, "subscribe");
  offer.resources_changed = says_true(text, resources, "listChanged");
  offer.tools_changed = says_true(text, json_member(text, capabilities, "tools"), "listChanged");
  offer.prompts_changed = says_true(text, json_member(text, capabilities, "prompts"), "listChanged");
  return offer;
}

// The members of an object that `keeps` says, as an object.
template <class Keeps>
std::string members_of(Bytes text, JsonSpan object, Keeps keeps) {
  std::string out = "{";
  if (is_kind(text, object, '{')) {
    for (const JsonSpan member : json_children(text, object)) {
      if (!keeps(name_of(text, member))) continue;
      if (out.size() > 1) out += ',';
      out += text.substr(member.key, member.end - member.key);
    }
  }
  return out + "}";
}

std::string server_info(const Envelope& response, Revision revision, std::string_view name) {
  const Bytes text = response.text;
  const JsonSpan info = response.meta_server_info;
  if (!is_kind(text, info, '{') || string_at(text, info, "name").empty() ||
      !is_kind(text, json_member(text, info, "version"), '"')) {
    std::string made;
    JsonWriter(made).begin_object().member("name", name).member("version", "unknown").end_object();
    return made;
  }
  return members_of(text, info, [revision](std::string_view member) {
    if (member == "title") return revision >= Revision::r2025_06_18;
    if (member == "description" || member == "icons" || member == "websiteUrl")
      return revision >= Revision::r2025_11_25;
    return true;
  });
}

bool speaks_ours(Bytes text, JsonSpan versions) {
  if (!is_kind(text, versions, '[')) return true;  // it answered in our revision, after all
  for (const JsonSpan version : json_children(text, versions))
    if (version.in(text) == R"("2026-07-28")") return true;
  return false;
}

// ---- Questions

Result<InputRequest> read_input_request(Bytes text, JsonSpan member, const ClientCapabilities& capabilities) {
  InputRequest ask;
  ask.key = name_of(text, member);
  if (is_kind(text, member, '{')) ask.method = string_at(text, member, "method");
  const Method* method = find_method(ask.method);
  if (method == nullptr || !method->is_ask)
    return Error(Errc::invalid,
                 "the server asked for \"" + ask.method.substr(0, 64) + "\", which is no question");
  if (const JsonSpan params = json_member(text, member, "params")) ask.params_json = params.in(text);
  Json params = Json::object();
  if (!ask.params_json.empty()) {
    auto parsed = Json::parse(ask.params_json);
    if (!parsed || !parsed->is_object())
      return Error(Errc::invalid, "the server asked " + ask.method + " with params that are no object");
    params = *std::move(parsed);
  }
  if (missing_capability_for(capabilities, ask.method, params))
    return Error(Errc::invalid, "the server asked " + ask.method + ", which the client did not declare");
  if (ask.method == "elicitation/create" && params["mode"].string_or("") == "url")
    ask.url = params["url"].string_or("");
  return ask;
}

}  // namespace

Result<Welcome> read_discovery(const Envelope& response, Revision revision, std::string_view name) {
  const Bytes text = response.text;
  if (response.kind != MessageKind::response || !is_kind(text, response.result, '{'))
    return Error(Errc::invalid, "the server answered server/discover with what is no result");
  if (!speaks_ours(text, json_member(text, response.result, "supportedVersions")))
    return Error(Errc::invalid, "the server speaks no revision of MCP that the gateway does");
  const JsonSpan capabilities = json_member(text, response.result, "capabilities");
  Welcome welcome;
  welcome.offer = read_offer(text, capabilities);
  const JsonSpan extensions =
      is_kind(text, capabilities, '{') ? json_member(text, capabilities, "extensions") : JsonSpan{};
  welcome.offer.tasks = revision == Revision::r2025_11_25 && is_kind(text, extensions, '{') &&
                        json_member(text, extensions, extension_text(Extension::tasks)).present();
  std::string offered = members_of(text, capabilities, [revision](std::string_view member) {
    if (member == "completions") return revision >= Revision::r2025_03_26;
    return member != "extensions" && member != "tasks";
  });
  if (welcome.offer.tasks) offered = with_member(std::move(offered), "tasks", tasks_offer);
  JsonWriter writer(welcome.result_json);
  writer.begin_object().member("protocolVersion", revision_text(revision));
  writer.raw_member("capabilities", offered);
  writer.raw_member("serverInfo", server_info(response, revision, name));
  const JsonSpan instructions = json_member(text, response.result, "instructions");
  if (is_kind(text, instructions, '"')) writer.raw_member("instructions", instructions.in(text));
  writer.end_object();
  return welcome;
}

Result<InputRound> read_input_required(const Envelope& response, const ClientCapabilities& capabilities,
                                       std::size_t requests_max) {
  return read_input_required(response.text, response.result, capabilities, requests_max);
}

Result<InputRound> read_input_required(Bytes text, JsonSpan said, const ClientCapabilities& capabilities,
                                       std::size_t requests_max) {
  InputRound round;
  if (const JsonSpan state = json_member(text, said, "requestState")) {
    if (!is_kind(text, state, '"')) return Error(Errc::invalid, "the server's requestState is no string");
    round.request_state = state.in(text);
  }
  if (const JsonSpan requests = json_member(text, said, "inputRequests")) {
    if (!is_kind(text, requests, '{'))
      return Error(Errc::invalid, "the server's inputRequests are no object");
    const std::vector<JsonSpan> members = json_children(text, requests);
    if (members.size() > requests_max)
      return Error(Errc::too_large, "the server asked " + std::to_string(members.size()) +
                                        " questions at once; " + std::to_string(requests_max) +
                                        " are allowed");
    for (const JsonSpan member : members) {
      auto ask = read_input_request(text, member, capabilities);
      if (!ask) return ask.error();
      round.requests.push_back(*std::move(ask));
    }
  }
  if (round.requests.empty() && round.request_state.empty())
    return Error(Errc::invalid, "the server wants input and asks for none");
  return round;
}

std::string to_legacy_ask(const InputRequest& ask, Bytes id, Revision revision, Bytes elicitation_id) {
  std::string message = make_request(id, ask.method, ask.params_json);
  if (ask.params_json.empty()) return message;
  const PaddedString padded(std::move(message));
  Envelope envelope;
  if (!scan_message(padded.padded(), JsonLimits{}, envelope)) return std::string(padded.view());
  Edits edits(padded.view());
  if (!ask.url.empty()) {
    std::string quoted;
    append_json_string(quoted, elicitation_id);
    const JsonSpan old = json_member(edits.text(), envelope.params, "elicitationId");
    old ? edits.replace(old, std::move(quoted))
        : edits.insert(envelope.params, "elicitationId", std::move(quoted));
  } else if (ask.method == "elicitation/create" && revision < Revision::r2025_11_25) {
    if (const JsonSpan mode = json_member(edits.text(), envelope.params, "mode")) edits.remove(mode);
  } else if (ask.method == "sampling/createMessage") {
    convert_messages(edits, json_member(edits.text(), envelope.params, "messages"), revision);
  }
  return edits.apply();
}

bool wraps_output(Bytes tool_text, JsonSpan tool) {
  const JsonSpan schema =
      is_kind(tool_text, tool, '{') ? json_member(tool_text, tool, "outputSchema") : JsonSpan{};
  return schema && !has_object_root(tool_text, schema);
}

std::string to_legacy_response(const Envelope& response, Bytes id, const ResultShape& shape) {
  Edits edits(response.text);
  if (response.kind == MessageKind::error_response) {
    Refusal refusal;
    refusal.http_status = 200;
    refusal.code = code_of(response);
    refusal.data_json = response.view(response.error_data);
    const int code = to_legacy_refusal(refusal, shape.method).code;
    if (response.id) edits.replace(response.id, std::string(id));
    if (code != refusal.code) edits.replace(response.error_code, std::to_string(code));
    if (response.id) return edits.apply();
    if (!decode_json_string(response.view(response.error_message), refusal.message)) refusal.message.clear();
    refusal.code = code;
    return render(refusal, id);
  }
  edits.replace(response.id, std::string(id));
  if (!is_kind(response.text, response.result, '{')) return edits.apply();
  for (const Bytes name : {"resultType", "ttlMs", "cacheScope"})
    if (const JsonSpan member = json_member(response.text, response.result, name)) edits.remove(member);
  if (response.meta_server_info)
    edits.remove(json_children(response.text, response.meta).size() == 1 ? response.meta
                                                                         : response.meta_server_info);
  if (shape.method == "tools/list") {
    convert_tools(edits, json_member(response.text, response.result, "tools"), shape);
  } else if (shape.method == "tools/call") {
    const JsonSpan content = json_member(response.text, response.result, "content");
    convert_content(edits, content, shape.revision);
    convert_structured(edits, response.result, shape);
  } else if (shape.method == "prompts/get") {
    convert_messages(edits, json_member(response.text, response.result, "messages"), shape.revision);
  }
  return edits.apply();
}

std::string make_tool_error(Bytes id, std::string_view sentence) {
  return make_response(id, R"({"content":[)" + text_block(sentence) + R"(],"isError":true})");
}

Refusal to_legacy_refusal(Refusal refusal, Bytes method) {
  // A 404 would end the client's session, and other 4xx end it in some clients.
  if (refusal.http_status < 500) refusal.http_status = 200;
  switch (refusal.code) {
    case rpc::header_mismatch:
    case rpc::unsupported_protocol_version: refusal.code = rpc::internal_error; break;
    case rpc::missing_client_capability: refusal.code = rpc::invalid_params; break;
    case rpc::invalid_params:
      if (is_about_a_resource(method) && names_uri(refusal.data_json)) refusal.code = rpc::resource_not_found;
      break;
    default: break;
  }
  return refusal;
}

std::string to_legacy_notification(const Envelope& notification) {
  if (!notification.meta_subscription_id) return std::string(notification.text);
  JsonSplice splice;
  const bool is_alone = json_children(notification.text, notification.meta).size() == 1;
  const bool is_only_member = is_alone && json_children(notification.text, notification.params).size() == 1;
  splice.remove(is_only_member ? notification.params
                : is_alone     ? notification.meta
                               : notification.meta_subscription_id);
  return splice.apply(notification.text);
}

}  // namespace sluice
