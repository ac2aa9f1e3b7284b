// SPDX-License-Identifier: Apache-2.0
#include "sdk/content.h"

#include "codec/base64.h"

namespace sluice {
namespace {

Json& member(Json& json, std::string_view name) {
  Json* found = json.find(name);
  return found != nullptr ? *found : json.set(name, Json::object());
}

Content binary(std::string_view type, Bytes bytes, std::string_view mime_type) {
  return Content(Json::object({{"type", type}, {"data", base64_encode(bytes)}, {"mimeType", mime_type}}));
}

Content embedded(Json resource) {
  return Content(Json::object({{"type", "resource"}, {"resource", std::move(resource)}}));
}

}  // namespace

Content& Content::for_audience(std::string_view role) {
  Json& annotations = member(json_, "annotations");
  Json* audience = annotations.find("audience");
  if (audience == nullptr) audience = &annotations.set("audience", Json::array());
  audience->push_back(role);
  return *this;
}

Content& Content::priority(double value) {
  member(json_, "annotations").set("priority", value);
  return *this;
}

Content& Content::last_modified(std::string_view iso_time) {
  member(json_, "annotations").set("lastModified", iso_time);
  return *this;
}

Content& Content::meta(std::string_view name, Json value) {
  member(json_, "_meta").set(name, std::move(value));
  return *this;
}

Content text(std::string_view text) { return Content(Json::object({{"type", "text"}, {"text", text}})); }

Content image(Bytes bytes, std::string_view mime_type) { return binary("image", bytes, mime_type); }

Content audio(Bytes bytes, std::string_view mime_type) { return binary("audio", bytes, mime_type); }

Content resource_link(std::string_view uri, std::string_view name, std::string_view description,
                      std::string_view mime_type) {
  Json json = Json::object({{"type", "resource_link"}, {"uri", uri}, {"name", name}});
  if (!description.empty()) json.set("description", description);
  if (!mime_type.empty()) json.set("mimeType", mime_type);
  return Content(std::move(json));
}

Content embedded_text(std::string_view uri, std::string_view text, std::string_view mime_type) {
  return embedded(Json::object({{"uri", uri}, {"mimeType", mime_type}, {"text", text}}));
}

Content embedded_bytes(std::string_view uri, Bytes bytes, std::string_view mime_type) {
  return embedded(Json::object({{"uri", uri}, {"mimeType", mime_type}, {"blob", base64_encode(bytes)}}));
}

ToolResult& ToolResult::add(Content content) {
  content_.push_back(std::move(content));
  return *this;
}

ToolResult& ToolResult::structured(Json json) {
  structured_ = std::move(json);
  return *this;
}

ToolResult& ToolResult::failed(bool is_error) {
  failed_ = is_error;
  return *this;
}

ToolResult& ToolResult::meta(std::string_view name, Json value) {
  meta_.set(name, std::move(value));
  return *this;
}

Json ToolResult::json() const {
  Json content = Json::array();
  for (const Content& block : content_) content.push_back(block.json());
  Json json = Json::object({{"content", std::move(content)}});
  if (structured_) json.set("structuredContent", *structured_);
  if (failed_) json.set("isError", true);
  if (!meta_.empty()) json.set("_meta", meta_);
  return json;
}

Contents& Contents::uri(std::string_view uri) {
  json_.set("uri", uri);
  return *this;
}

Contents& Contents::mime_type(std::string_view mime_type) {
  json_.set("mimeType", mime_type);
  return *this;
}

Contents& Contents::meta(std::string_view name, Json value) {
  member(json_, "_meta").set(name, std::move(value));
  return *this;
}

Contents contents_text(std::string_view text, std::string_view mime_type) {
  Json json = Json::object({{"text", text}});
  if (!mime_type.empty()) json.set("mimeType", mime_type);
  return Contents(std::move(json));
}

Contents contents_bytes(Bytes bytes, std::string_view mime_type) {
  return Contents(Json::object({{"blob", base64_encode(bytes)}, {"mimeType", mime_type}}));
}

Message::Message(std::string_view role, const Content& content)
    : json_(Json::object({{"role", role}, {"content", content.json()}})) {}

Message user(std::string_view words) { return Message("user", text(words)); }
Message user(const Content& content) { return Message("user", content); }
Message assistant(std::string_view words) { return Message("assistant", text(words)); }
Message assistant(const Content& content) { return Message("assistant", content); }

}  // namespace sluice
