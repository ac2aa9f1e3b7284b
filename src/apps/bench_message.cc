// SPDX-License-Identifier: Apache-2.0
#include "apps/bench_message.h"

#include <charconv>
#include <utility>

#include "base/check.h"
#include "codec/headers.h"
#include "codec/json.h"
#include "codec/url.h"

namespace sluice {

namespace {

constexpr Bytes id_marker = "9999999999";
static_assert(id_marker.size() == bench_id_digits);

Json client_info() { return Json::object({{"name", "sluice-bench"}, {"version", "1"}}); }

// The members that each modern request carries.
Json modern_meta() {
  return Json::object({{"io.modelcontextprotocol/protocolVersion", revision_text(latest_modern)},
                       {"io.modelcontextprotocol/clientInfo", client_info()},
                       {"io.modelcontextprotocol/clientCapabilities", Json::object()}});
}

void append_field(std::string& out, Bytes name, Bytes value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void begin_head(std::string& out, const BenchTarget& target, Bytes verb, Bytes session_id) {
  out.append(verb).append(" ").append(target.path).append(" HTTP/1.1\r\n");
  append_field(out, "Host", target.host_field);
  append_field(out, "User-Agent", "sluice-bench");
  if (!target.authorization.empty()) append_field(out, "Authorization", target.authorization);
  if (!session_id.empty()) append_field(out, "Mcp-Session-Id", session_id);
}

BenchRequest finish_post(std::string head, Bytes body) {
  append_field(head, "Accept", "application/json, text/event-stream");
  append_field(head, "Content-Type", "application/json");
  append_field(head, "Content-Length", std::to_string(body.size()));
  head += "\r\n";
  BenchRequest request;
  if (const std::size_t at = body.find(id_marker); at != Bytes::npos) request.id_at = head.size() + at;
  request.bytes = std::move(head.append(body));
  return request;
}

// The id stands in front, so that no argument can look like it.
std::string request_text(Bytes method, Bytes params) {
  std::string text = R"({"jsonrpc":"2.0","id":)";
  text.append(id_marker).append(R"(,"method":)").append(Json(method).dump());
  if (!params.empty()) text.append(R"(,"params":)").append(params);
  return text + "}";
}

// What Mcp-Name has to say for a method, from its params.
std::string name_of(const BenchTarget& target, const Json& params) {
  if (target.method == "tools/call" || target.method == "prompts/get")
    return std::string(params["name"].string_or(""));
  if (target.method == "resources/read") return std::string(params["uri"].string_or(""));
  return {};
}

}  // namespace

Result<BenchTarget> make_bench_target(const BenchCall& call) {
  const auto url = parse_http_url(call.url);
  if (!url) return url.error();
  if (url->scheme != "http") return Error(Errc::invalid, "only http URLs can be measured");
  BenchTarget target;
  target.host = url->host.host;
  target.port = effective_port(*url).value_or(80);
  target.host_field = *url->authority;
  target.path = url->path.empty() ? std::string("/") : std::string(url->path);
  if (url->query) target.path.append("?").append(*url->query);
  target.era = call.era;
  if (!call.bearer.empty()) target.authorization = "Bearer " + call.bearer;
  if (has_field_control(target.authorization))
    return Error(Errc::invalid, "the bearer token is no field value");
  target.method = call.method;

  auto arguments = Json::parse(call.arguments);
  if (!arguments) return Error(Errc::invalid, "--args: " + arguments.error().message);
  if (!arguments->is_object()) return Error(Errc::invalid, "--args: this is no JSON object");
  if (call.payload_bytes > 0) arguments->set(call.payload_name, std::string(call.payload_bytes, 'x'));
  Json params = call.method == "tools/call"
                    ? Json::object({{"name", call.tool}, {"arguments", *std::move(arguments)}})
                    : *std::move(arguments);
  target.name = name_of(target, params);
  target.params = params.dump();
  return target;
}

void BenchRequest::set_id(std::uint64_t id) {
  DCHECK(id >= bench_id_first);
  char* digits = bytes.data() + id_at;
  const auto [end, failed] = std::to_chars(digits, digits + bench_id_digits, id);
  CHECK(failed == std::errc() && end == digits + bench_id_digits);
}

BenchRequest bench_call(const BenchTarget& target, Bytes session_id) {
  std::string head;
  begin_head(head, target, "POST", session_id);
  if (target.era == Era::legacy) {
    append_field(head, "MCP-Protocol-Version", revision_text(latest_legacy));
    return finish_post(std::move(head), request_text(target.method, target.params));
  }
  append_field(head, "MCP-Protocol-Version", revision_text(latest_modern));
  append_field(head, "Mcp-Method", target.method);
  if (!target.name.empty()) append_field(head, "Mcp-Name", encode_mirrored(target.name));
  auto params = Json::parse(target.params);
  CHECK(params.ok());
  params->set("_meta", modern_meta());
  return finish_post(std::move(head), request_text(target.method, params->dump()));
}

BenchRequest bench_initialize(const BenchTarget& target) {
  const Json params = Json::object({{"protocolVersion", revision_text(latest_legacy)},
                                    {"capabilities", Json::object()},
                                    {"clientInfo", client_info()}});
  std::string head;
  begin_head(head, target, "POST", {});
  return finish_post(std::move(head), request_text("initialize", params.dump()));
}

BenchRequest bench_initialized(const BenchTarget& target, Bytes session_id) {
  std::string head;
  begin_head(head, target, "POST", session_id);
  append_field(head, "MCP-Protocol-Version", revision_text(latest_legacy));
  return finish_post(std::move(head), R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
}

BenchRequest bench_delete(const BenchTarget& target, Bytes session_id) {
  BenchRequest request;
  begin_head(request.bytes, target, "DELETE", session_id);
  append_field(request.bytes, "MCP-Protocol-Version", revision_text(latest_legacy));
  request.bytes += "\r\n";
  return request;
}

}  // namespace sluice
