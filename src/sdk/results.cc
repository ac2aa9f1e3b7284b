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

void adapt_question(Json& params, Revision revision, std::string_view id) {
  if (revision < Revision::r2025_11_25) params.erase("mode");
  if (params["mode"].string_or("") == "url") params.set("elicitationId", id);
}

}  // namespace sluice
