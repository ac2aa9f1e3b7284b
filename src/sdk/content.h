// SPDX-License-Identifier: Apache-2.0
#pragma once
// What tools, prompts and resources give back besides plain structs: content blocks, messages, whole results.
//
//   return sluice::text("Sunny").for_audience("user");
//   return std::vector{sluice::text("A chart:"), sluice::image(png, "image/png")};
//
// Plain values that hold the JSON of the latest revision; what an older client does not know is taken out on
// the way. Bytes are given raw and are base64 on the wire. Any thread. Spec: ContentBlock, PromptMessage,
// CallToolResult.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "codec/json.h"

namespace sluice {

// A picture that stands for something: a server, a tool, a resource.
struct Icon {
  std::string src;  // an https: or data: URI
  std::string mime_type;
  std::vector<std::string> sizes;  // "48x48", "any"
};

// One content block. Made by text(), image() and their like, refined by its verbs.
class Content {
 public:
  explicit Content(Json json) : json_(std::move(json)) {}

  // Annotations: who it is for ("user", "assistant"; may be called twice), how much it matters (0 … 1).
  Content& for_audience(std::string_view role);
  Content& priority(double value);
  Content& last_modified(std::string_view iso_time);
  // A member of _meta; the name has a prefix that is yours ("example.com/trace").
  Content& meta(std::string_view name, Json value);

  [[nodiscard]] const Json& json() const { return json_; }

 private:
  Json json_;
};

[[nodiscard]] Content text(std::string_view text);
[[nodiscard]] Content image(Bytes bytes, std::string_view mime_type);
[[nodiscard]] Content audio(Bytes bytes, std::string_view mime_type);
// A resource the client may read later.
[[nodiscard]] Content resource_link(std::string_view uri, std::string_view name,
                                    std::string_view description = {}, std::string_view mime_type = {});
// A resource with its contents.
[[nodiscard]] Content embedded_text(std::string_view uri, std::string_view text,
                                    std::string_view mime_type = "text/plain");
[[nodiscard]] Content embedded_bytes(std::string_view uri, Bytes bytes, std::string_view mime_type);

// A tool's whole result, for what the handler forms cannot say.
class ToolResult {
 public:
  ToolResult& add(Content content);
  ToolResult& structured(Json json);
  ToolResult& failed(bool is_error = true);
  ToolResult& meta(std::string_view name, Json value);

  [[nodiscard]] Json json() const;

 private:
  std::vector<Content> content_;
  std::optional<Json> structured_;
  bool failed_ = false;
  Json meta_;
};

// What a resource holds: text, or bytes.
class Contents {
 public:
  explicit Contents(Json json) : json_(std::move(json)) {}
  // Another address than the one that was read, for directories.
  Contents& uri(std::string_view uri);
  Contents& mime_type(std::string_view mime_type);
  Contents& meta(std::string_view name, Json value);
  [[nodiscard]] const Json& json() const { return json_; }

 private:
  Json json_;
};

[[nodiscard]] Contents contents_text(std::string_view text, std::string_view mime_type = {});
[[nodiscard]] Contents contents_bytes(Bytes bytes, std::string_view mime_type);

// A message of a prompt or of a conversation.
class Message {
 public:
  Message(std::string_view role, const Content& content);
  [[nodiscard]] const Json& json() const { return json_; }

 private:
  Json json_;
};

[[nodiscard]] Message user(std::string_view text);
[[nodiscard]] Message user(const Content& content);
[[nodiscard]] Message assistant(std::string_view text);
[[nodiscard]] Message assistant(const Content& content);

}  // namespace sluice
