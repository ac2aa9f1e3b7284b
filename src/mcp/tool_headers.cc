// SPDX-License-Identifier: Apache-2.0
#include "mcp/tool_headers.h"

#include <utility>

#include "codec/json_splice.h"

namespace sluice {

std::optional<std::string> ToolHeaders::take_page(const Json& result) {
  for (const Json& tool : result["tools"].items()) {
    if (size() >= tools_max_) break;
    const std::string name(tool["name"].string_or(""));
    auto annotations = parse_param_headers(tool["inputSchema"]);
    if (!annotations) {
      broken_[name] = annotations.error().message;
    } else if (!annotations->empty()) {
      tools_[name] = *std::move(annotations);
    }
  }
  if (const Json* cursor = result.find("nextCursor"); cursor != nullptr && cursor->as_string() != nullptr)
    return *cursor->as_string();
  state_ = State::fresh;
  return std::nullopt;
}

std::optional<Refusal> ToolHeaders::check(const ClientRequest& request) const {
  const Envelope& envelope = request.message.envelope();
  const std::string name(envelope.name);
  if (const auto at = broken_.find(name); at != broken_.end())
    return refusals::invalid_params("tool '" + name + "' is not offered over HTTP: " + at->second);
  const auto at = tools_.find(name);
  if (at == tools_.end()) return std::nullopt;
  Json arguments = Json::object();
  if (envelope.arguments) {
    auto parsed = Json::parse(envelope.view(envelope.arguments));
    if (!parsed) return refusals::invalid_params("arguments: " + parsed.error().message);
    arguments = *std::move(parsed);
  }
  return check_param_headers(at->second, arguments, request.param_headers);
}

std::vector<HeaderPair> ToolHeaders::headers_for(const std::string& tool, const Json& arguments) const {
  const auto at = tools_.find(tool);
  return at == tools_.end() ? std::vector<HeaderPair>() : param_headers_for(at->second, arguments);
}

std::optional<std::string> without_broken_tools(const Envelope& response) {
  if (!response.result || response.view(response.result).find("\"x-mcp-header\"") == Bytes::npos)
    return std::nullopt;
  const JsonSpan tools = json_member(response.text, response.result, "tools");
  if (!tools) return std::nullopt;
  std::string kept = "[";
  bool dropped = false;
  for (const JsonSpan item : json_children(response.text, tools)) {
    const Bytes text = item.in(response.text);
    if (text.find("\"x-mcp-header\"") != Bytes::npos) {
      const auto tool = Json::parse(text);
      if (!tool || !parse_param_headers((*tool)["inputSchema"])) {
        dropped = true;
        continue;
      }
    }
    if (kept.size() > 1) kept += ',';
    kept += text;
  }
  if (!dropped) return std::nullopt;
  kept += ']';
  JsonSplice splice;
  splice.replace(tools, kept);
  return splice.apply(response.text);
}

}  // namespace sluice
