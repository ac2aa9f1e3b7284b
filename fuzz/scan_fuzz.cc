// SPDX-License-Identifier: Apache-2.0
// JSON read three ways must be one JSON: the scan of the forwarding path, the bare walk and `Json::parse`
// judge the same bytes alike, but for members that occur twice (the scan looks for them in fewer places).
// Of a text that parses, a slow reading of the tree says which message it is and which error it deserves,
// with the limits of the product and with tiny ones. What the scan takes keeps its meaning through splicing,
// writing, reading again and the one-line framing. The bytes lie in an allocation of their own size plus the
// padding, whose contents vary.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "codec/json.h"
#include "codec/json_scan.h"
#include "codec/json_splice.h"
#include "codec/jsonrpc.h"
#include "codec/lines.h"

namespace sluice {
namespace {

void check_span(const Envelope& e, JsonSpan span) {
  if (!span) return;
  CHECK(span.begin < span.end && span.end <= e.text.size());
  CHECK(span.key == 0 || (span.key < span.begin && e.text[span.key] == '"'));
  const PaddedString value(e.view(span));
  CHECK(validate_json(value.padded(), JsonLimits{}.depth_max).ok());
}

void check_spans(const Envelope& e) {
  for (const JsonSpan span :
       {e.message, e.id, e.method_span, e.params, e.result, e.error, e.error_code, e.name_span, e.uri_span,
        e.arguments, e.request_state, e.request_id, e.progress_token, e.meta, e.meta_progress_token,
        e.meta_protocol_version_span}) {
    check_span(e, span);
  }
}

using Noted = std::vector<std::pair<const char*, JsonSpan>>;

// What was noted is what is there, and all of it.
void check_noted(const Envelope& e, const Json& object, const Noted& noted) {
  for (const auto& [name, span] : noted) {
    CHECK(span.present() == object.contains(name));
    if (span) CHECK(object[name] == *Json::parse(e.view(span)));
  }
}

void check_members(const Envelope& e, const Json& tree) {
  const Json& params = tree["params"];
  check_noted(e, params,
              {{"name", e.name_span},
               {"uri", e.uri_span},
               {"taskId", e.task_id_span},
               {"arguments", e.arguments},
               {"requestState", e.request_state},
               {"inputResponses", e.input_responses},
               {"cursor", e.cursor},
               {"requestId", e.request_id},
               {"progressToken", e.progress_token},
               {"level", e.level},
               {"protocolVersion", e.protocol_version_span},
               {"capabilities", e.capabilities},
               {"clientInfo", e.client_info},
               {"notifications", e.notifications},
               {"task", e.task}});
  check_noted(e, tree["result"],
              {{"resultType", e.result_type_span}, {"_meta", e.result ? e.meta : JsonSpan{}}});
  check_noted(e, tree["error"],
              {{"code", e.error_code}, {"message", e.error_message}, {"data", e.error_data}});
  const Json& meta = tree[e.result ? "result" : "params"]["_meta"];
  check_noted(e, meta,
              {{"progressToken", e.meta_progress_token},
               {"traceparent", e.meta_traceparent},
               {"io.modelcontextprotocol/protocolVersion", e.meta_protocol_version_span},
               {"io.modelcontextprotocol/clientCapabilities", e.meta_client_capabilities},
               {"io.modelcontextprotocol/clientInfo", e.meta_client_info},
               {"io.modelcontextprotocol/serverInfo", e.meta_server_info},
               {"io.modelcontextprotocol/logLevel", e.meta_log_level},
               {"io.modelcontextprotocol/subscriptionId", e.meta_subscription_id},
               {"io.modelcontextprotocol/related-task", e.meta_related_task}});
  CHECK(params["name"].string_or("") == e.name && params["uri"].string_or("") == e.uri);
  CHECK(params["taskId"].string_or("") == e.task_id);
  CHECK(params["protocolVersion"].string_or("") == e.protocol_version);
  CHECK(tree["result"]["resultType"].string_or("") == e.result_type);
  CHECK(meta["io.modelcontextprotocol/protocolVersion"].string_or("") == e.meta_protocol_version);
}

// The tree says the same as the spans.
void check_against_tree(const Envelope& e, const Json& tree) {
  CHECK(tree["method"].string_or("") == e.method);
  if (e.params) CHECK(tree["params"] == *Json::parse(e.view(e.params)));
  check_members(e, tree);
  const Json& meta = tree[e.result ? "result" : "params"]["_meta"];
  CHECK(meta.is_object() == e.meta.present());
  if (e.id) CHECK(RpcId::from_raw(e.view(e.id)).ok());
  CHECK(json_children(e.text, e.message).size() == tree.size());
  for (const JsonMember& member : tree["params"].members()) {
    const JsonSpan found = json_member(e.text, e.params, member.name);
    CHECK(found.present() && *Json::parse(e.view(found)) == member.value);
  }
}

void check_splices(const Envelope& e, Json tree) {
  JsonSplice splice;
  if (e.id) {
    splice.replace(e.id, "[\"new\"]");
    tree.set("id", Json::array({"new"}));
  }
  if (e.meta) {
    Json* const meta = tree.find(e.result ? "result" : "params")->find("_meta");
    if (e.meta_progress_token) {
      splice.remove(e.meta_progress_token);
      meta->erase("progressToken");
    }
    if (e.meta_traceparent) {
      splice.remove(e.meta_traceparent);
      meta->erase("traceparent");
    }
    splice.insert(e.meta, "new \"member\"", "null");
    meta->set("new \"member\"", nullptr);
  }
  const Result<Json> spliced = Json::parse(splice.apply(e.text));
  CHECK(spliced.ok());
  CHECK(*spliced == tree);
}

void check_writing(const Json& json, Bytes text) {
  const Result<Json> again = Json::parse(json.dump());
  CHECK(again.ok() && *again == json && again->dump() == json.dump());
  CHECK(*Json::parse(json.pretty()) == json);
  const std::string canonical = canonical_json(json);
  CHECK(canonical_json(*Json::parse(canonical)) == canonical);
  std::string line;
  append_line(line, text);
  CHECK(line.find_first_of("\r\n") == line.size() - 1 && *Json::parse(line) == json);
}

// ---- The verdict, read off the tree ----

bool is_id(const Json& json, std::size_t bytes_max) {
  return (json.is_string() || json.is_integer()) && json.dump().size() <= bytes_max;
}

// The first fault in what the walk sees, in the order of the text; 0 for none.
int slow_walk(const Json& message, const JsonLimits& limits) {
  const std::size_t most = limits.envelope_members_max;
  std::size_t count = 0;
  for (const JsonMember& member : message.members()) {
    if (++count > most) return rpc::invalid_request;
    const std::string& name = member.name;
    const bool has_meta = name == "params" || name == "result";
    if (name != "jsonrpc" && name != "id" && name != "method" && name != "error" && !has_meta)
      return rpc::invalid_request;
    std::size_t inner = 0;
    for (const JsonMember& part : has_meta || name == "error" ? member.value.members() : Json::Object()) {
      if (++inner > most) return rpc::invalid_request;
      if (!has_meta || part.name != "_meta") continue;
      if (!part.value.is_object()) return rpc::invalid_params;
      if (part.value.size() > most) return rpc::invalid_request;
    }
  }
  return 0;
}

// What the whole object is, and 0 or the error it deserves.
std::pair<MessageKind, int> slow_verdict(const Json& message, const JsonLimits& limits) {
  const auto refused = [](int code) { return std::pair(MessageKind::invalid, code); };
  if (const int code = slow_walk(message, limits); code != 0) return refused(code);
  const bool has_id = message.contains("id") && !message["id"].is_null();
  const Json& error = message["error"];
  bool good = message["jsonrpc"] == "2.0" && (!has_id || is_id(message["id"], limits.id_bytes_max));
  MessageKind kind = has_id ? MessageKind::request : MessageKind::notification;
  if (message.contains("method")) {
    const std::string_view method = message["method"].string_or("");
    good = good && !method.empty() && method.size() <= limits.method_bytes_max;
    good =
        good && message.contains("id") == has_id && !message.contains("result") && !message.contains("error");
    good = good && (!message.contains("params") || message["params"].is_object());
  } else if (message.contains("result")) {
    good = good && has_id && !message.contains("error") && !message.contains("params");
    kind = MessageKind::response;
  } else {
    good = good && !message.contains("params") && error["code"].is_integer() && error["message"].is_string();
    kind = MessageKind::error_response;
  }
  if (!good) return refused(rpc::invalid_request);
  const Json& meta = message[message.contains("result") ? "result" : "params"]["_meta"];
  std::vector<const Json*> tokens = {meta.find("progressToken")};
  if (message["method"] == "notifications/progress")
    tokens.push_back(message["params"].find("progressToken"));
  if (message["method"] == "notifications/cancelled") tokens.push_back(message["params"].find("requestId"));
  for (const Json* const token : tokens)
    if (token != nullptr && !is_id(*token, limits.id_bytes_max)) return refused(rpc::invalid_params);
  return {kind, 0};
}

// Whether the tree knows how ids are spelt: no escapes, and no integer that it keeps as a real.
bool spelt_plainly(const Json& json, Bytes text) {
  const double value = json.double_or(1);
  if (json.kind() == Json::Kind::real && (value == 0 || value >= 0x1p63 || value <= -0x1p63)) return false;
  for (const Json& item : json.items())
    if (!spelt_plainly(item, text)) return false;
  for (const JsonMember& member : json.members())
    if (!spelt_plainly(member.value, text)) return false;
  return text.find('\\') == Bytes::npos;
}

void check_verdict(PaddedBytes text, const Json& tree, const JsonLimits& limits) {
  MessageScanner scanner(limits);
  Envelope e;
  const ScanResult scanned = scanner.scan(text, e);
  CHECK(e.kind == MessageKind::invalid || scanned.ok());
  if (text.size() > limits.message_bytes_max) {
    CHECK(scanned.code == rpc::invalid_request);
    return;
  }
  if (tree.is_array()) {
    const bool good = !tree.empty() && tree.size() <= limits.batch_messages_max;
    CHECK(scanned.code == (good ? 0 : rpc::invalid_request));
    CHECK(scanner.batch().size() == std::min(tree.size(), limits.batch_messages_max));
    for (std::size_t i = 0; i < scanner.batch().size(); ++i)
      CHECK(*Json::parse(e.view(scanner.batch()[i])) == tree[i]);
    return;
  }
  if (!tree.is_object()) {
    CHECK(scanned.code == rpc::invalid_request);
    return;
  }
  if (!spelt_plainly(tree, text.bytes)) return;
  const auto [kind, code] = slow_verdict(tree, limits);
  CHECK(scanned.code == code && e.kind == kind);
}

// No name twice where the scan promises to look.
void check_twins(const Envelope& e) {
  for (const JsonSpan object : {e.message, e.params, e.result, e.error, e.meta}) {
    if (!object || e.text[object.begin] != '{') continue;
    std::set<std::string> names;
    for (const JsonSpan member : json_children(e.text, object)) {
      std::size_t end = member.key + std::size_t{1};
      while (e.text[end] != '"') end += e.text[end] == '\\' ? 2 : 1;
      std::string name;
      CHECK(decode_json_string(e.text.substr(member.key, end + 1 - member.key), name));
      CHECK(names.insert(name).second);
    }
  }
}

void run(PaddedBytes text) {
  MessageScanner scanner{JsonLimits{}};
  Envelope e;
  const ScanResult scanned = scanner.scan(text, e);
  const bool walked = validate_json(text, JsonLimits{}.depth_max).ok();
  JsonParseOptions lenient;
  lenient.allow_duplicates = true;
  const Result<Json> loose = Json::parse(text.bytes, lenient);
  CHECK(loose.ok() == walked);
  CHECK((scanned.code != rpc::parse_error) == walked);
  const Result<Json> strict = Json::parse(text.bytes);
  if (strict.ok()) {
    CHECK(loose.ok() && *strict == *loose);
    check_writing(*strict, text.bytes);
    check_verdict(text, *strict, JsonLimits{});
    JsonLimits tiny;
    tiny.message_bytes_max = 300;
    tiny.envelope_members_max = 7;
    tiny.batch_messages_max = 3;
    tiny.id_bytes_max = 12;
    tiny.method_bytes_max = 24;
    check_verdict(text, *strict, tiny);
  }
  if (!scanned.ok()) {
    CHECK(e.kind == MessageKind::invalid);
    return;
  }
  check_spans(e);
  check_twins(e);
  if (e.kind == MessageKind::batch) {
    CHECK(strict.ok() ? scanner.batch().size() == strict->size() : true);
    return;
  }
  if (!strict.ok()) return;  // a member occurs twice deeper down
  check_against_tree(e, *strict);
  check_splices(e, *strict);
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sluice::padding_bytes;
  const std::unique_ptr<char, decltype(&std::free)> held(
      static_cast<char*>(std::malloc(size + padding_bytes)), std::free);
  if (size > 0) std::memcpy(held.get(), data, size);
  // Sometimes what follows could continue the text.
  std::memset(held.get() + size, size % 3 == 0 ? '"' : size % 3 == 1 ? '1' : '}', padding_bytes);
  sluice::run(sluice::PaddedBytes::promise(sluice::Bytes(held.get(), size)));
  return 0;
}
