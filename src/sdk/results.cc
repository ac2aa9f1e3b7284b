// SPDX-License-Identifier: Apache-2.0
#include "sdk/results.h"

#include <array>

namespace sluice {
namespace {

constexpr std::array<std::string_view, 8> severity_texts{"debug", "info",     "notice", "warning",
                                                         "error", "critical", "alert",  "emergency"};

void adapt_content(Json& block, Revision revision) {
  const std::string_view type = block["type"].string_or("");
  if (type == "resource_link" && revision < Revision::r2025_06_18) {
    block = text(std::string(block["name"].string_or("")) + ": " + std::string(block["uri"].string_or("")))
                .json();
  } else if (type == "audio" && revision < Revision::r2025_03_26) {
    block = text("[audio, " + std::string(block["mimeType"].string_or("")) + "]").json();
  }
  if (revision < Revision::r2025_06_18) block.erase("_meta");
}

}  // namespace

std::string_view severity_text(Severity severity) {
  return severity_texts[static_cast<std::size_t>(severity)];
}

std::optional<Severity> parse_severity(std::string_view text) {
  for (std::size_t i = 0; i < severity_texts.size(); ++i)
    if (severity_texts[i] == text) return static_cast<Severity>(i);
  return std::nullopt;
}

void complete_contents(Json& result, std::string_view uri, std::string_view mime_type) {
  Json* contents = result.find("contents");
  if (contents == nullptr || !contents->is_array()) return;
  for (Json& item : *contents->as_array()) {
    if (!item.contains("uri")) item.set("uri", uri);
    if (!item.contains("mimeType") && !mime_type.empty()) item.set("mimeType", mime_type);
  }
}

void add_cache_hints(Json& result, std::chrono::milliseconds ttl, bool shared) {
  result.set("ttlMs", ttl.count());
  result.set("cacheScope", shared ? "public" : "private");
}

void adapt_tool_result(Json& result, Revision revision) {
  if (Json* structured = result.find("structuredContent")) {
    if (revision < Revision::r2025_06_18) {
      result.erase("structuredContent");
    } else if (!structured->is_object()) {
      *structured = Json::object({{"result", *structured}});
    }
  }
  if (Json* content = result.find("content"); content != nullptr && content->is_array())
    for (Json& block : *content->as_array()) adapt_content(block, revision);
}

void adapt_prompt_result(Json& result, Revision revision) {
  Json* messages = result.find("messages");
  if (messages == nullptr || !messages->is_array()) return;
  for (Json& message : *messages->as_array())
    if (Json* content = message.find("content")) adapt_content(*content, revision);
}

namespace {

// {oneOf: [{const, title}…]} of 2025-11-25 as {enum: […], enumNames: […]} of 2025-06-18.
void adapt_choice(Json& property) {
  if (!property["oneOf"].is_array()) return;
  Json values = Json::array();
  Json names = Json::array();
  for (const Json& option : property["oneOf"].items()) {
    values.push_back(option["const"]);
    names.push_back(option["title"].is_string() ? option["title"] : option["const"]);
  }
  property.erase("oneOf");
  property.set("enum", std::move(values));
  property.set("enumNames", std::move(names));
}

// A form for clients that know no choice of several: an optional one is left out. False when one is required.
bool adapt_form(Json& schema) {
  Json* properties = schema.find("properties");
  if (properties == nullptr) return true;
  Json kept = Json::object();
  for (const JsonMember& member : properties->members()) {
    if (member.value["type"].string_or("") == "array") {
      for (const Json& required : schema["required"].items())
        if (required.string_or("") == member.name) return false;
      continue;
    }
    adapt_choice(kept.set(member.name, member.value));
  }
  *properties = std::move(kept);
  return true;
}

}  // namespace

bool adapt_question(Json& params, Revision revision) {
  if (revision >= Revision::r2025_11_25) return true;
  params.erase("mode");
  Json* schema = params.find("requestedSchema");
  return schema == nullptr || adapt_form(*schema);
}

}  // namespace sluice
