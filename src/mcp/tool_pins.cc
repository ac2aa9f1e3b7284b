// SPDX-License-Identifier: Apache-2.0
#include "mcp/tool_pins.h"

#include <algorithm>

#include "codec/json_writer.h"
#include "crypto/digest.h"

namespace sluice {

namespace {

constexpr std::size_t digest_digits = 64;

bool is_digest(Bytes text) {
  return text.size() == digest_digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string quoted(const std::string& text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace

std::string definition_digest(const Json& definition) {
  constexpr Bytes hex = "0123456789abcdef";
  Json told = Json::object();
  for (const Bytes member :
       {Bytes("name"), Bytes("title"), Bytes("description"), Bytes("inputSchema"), Bytes("annotations")})
    if (const Json* value = definition.find(member)) told.set(member, *value);
  const Digest digest = sha256(canonical_json(told));
  std::string out;
  for (const char c : digest_view(digest)) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(hex[byte >> 4]);
    out.push_back(hex[byte & 15U]);
  }
  return out;
}

Result<ToolPins> ToolPins::parse(Bytes text, const FederationLimits& limits) {
  ToolPins pins;
  if (text.find_first_not_of(" \t\r\n") == Bytes::npos) return pins;
  const auto json = Json::parse(text);
  if (!json) return json.error();
  const Json::Object* upstreams = (*json)["pins"].as_object();
  if (upstreams == nullptr) return Error(Errc::invalid, "it has no object 'pins'");
  for (const JsonMember& upstream : *upstreams) {
    if (!upstream.value.is_object())
      return Error(Errc::invalid, "the pins of '" + upstream.name + "' are no object");
    for (const JsonMember& tool : upstream.value.members()) {
      const std::string digest(tool.value.string_or(""));
      if (!is_digest(digest))
        return Error(Errc::invalid, "the pin of '" + upstream.name + "', tool '" + tool.name +
                                        "', is not 64 hexadecimal digits");
      pins.pin(upstream.name, tool.name, digest);
    }
  }
  if (pins.size() > limits.pins_max)
    return Error(Errc::too_large, "it has more than " + std::to_string(limits.pins_max) + " pins");
  return pins;
}

std::string ToolPins::text() const {
  std::string out = "{\"pins\": {";
  const char* upstream_end = "\n";
  for (const auto& [upstream, tools] : pins_) {
    out += upstream_end + std::string("  ") + quoted(upstream) + ": {";
    upstream_end = ",\n";
    const char* tool_end = "\n";
    for (const auto& [tool, digest] : tools) {
      out += tool_end + std::string("    ") + quoted(tool) + ": \"" + digest + "\"";
      tool_end = ",\n";
    }
    out += "\n  }";
  }
  return out + "\n}}\n";
}

ToolPins::Verdict ToolPins::judge(const std::string& upstream, const std::string& tool,
                                  const std::string& digest) const {
  const auto tools = pins_.find(upstream);
  if (tools == pins_.end()) return Verdict::unpinned;
  const auto pinned = tools->second.find(tool);
  if (pinned == tools->second.end()) return Verdict::unpinned;
  return pinned->second == digest ? Verdict::same : Verdict::changed;
}

void ToolPins::pin(const std::string& upstream, const std::string& tool, const std::string& digest) {
  pins_[upstream][tool] = digest;
}

void ToolPins::each(const Visit& visit) const {
  for (const auto& [upstream, tools] : pins_)
    for (const auto& [tool, digest] : tools) visit(upstream, tool, digest);
}

std::size_t ToolPins::size() const {
  std::size_t count = 0;
  for (const auto& [upstream, tools] : pins_) count += tools.size();
  return count;
}

}  // namespace sluice
