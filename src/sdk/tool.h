// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tools: the contract both sides share, what a list says of one, and what handlers' values become.
//
//   constexpr sluice::Tool<Trip, Booking> book{"book", "Book a hotel room"};
//
// A string becomes text, a struct or map structuredContent with its text beside it, anything else its JSON as
// text. An Error becomes a result with isError, which the model reads; protocol_error() becomes a JSON-RPC
// error. Any thread. Spec: server/tools of each revision.

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "codec/json_bind.h"
#include "sdk/content.h"
#include "sdk/context.h"
#include "sdk/listed.h"

namespace sluice {

// A tool as a constant: what it is called, what it takes and gives.
template <class In, class Out>
struct Tool {
  std::string_view name;
  std::string_view description;
};

// May a call go on as a task after its request was answered, for clients that know tasks?
//   optional   it becomes one where the handler first waits for anything but an answer
//   required   the same, or where it ends; clients that know no tasks cannot call it
// What is asked before that is asked as in any other call, what is asked after it waits in the task.
enum class TaskSupport { forbidden, optional, required };

class ToolInfo final : public Listed<ToolInfo> {
 public:
  ToolInfo(std::string_view name, std::string_view description) : Listed(name, description) {}

  // Hints for clients; they are no promise.
  ToolInfo& read_only(bool value = true) { return annotate("readOnlyHint", value); }
  ToolInfo& destructive(bool value = true) { return annotate("destructiveHint", value); }
  ToolInfo& idempotent(bool value = true) { return annotate("idempotentHint", value); }
  ToolInfo& open_world(bool value = true) { return annotate("openWorldHint", value); }
  // A call is refused before it starts when the client cannot do that.
  ToolInfo& requires_client(ClientCan what) {
    required_.push_back(what);
    return *this;
  }

  ToolInfo& task(TaskSupport support) {
    task_ = support;
    return *this;
  }

  [[nodiscard]] const std::vector<ClientCan>& required() const { return required_; }
  [[nodiscard]] TaskSupport task_support() const { return task_; }

 private:
  std::vector<ClientCan> required_;
  TaskSupport task_ = TaskSupport::forbidden;
};

// What a tool's handler returns, as a CallToolResult.
struct ToolShape {
  static Json nothing() { return ToolResult().json(); }
  static Json json(const ToolResult& result) { return result.json(); }
  static Json json(const Content& content) { return ToolResult().add(content).json(); }
  static Json json(const std::vector<Content>& content) {
    ToolResult result;
    for (const Content& block : content) result.add(block);
    return result.json();
  }
  static Json json(std::string_view words) { return ToolResult().add(text(words)).json(); }
  static Json json(const std::string& words) { return json(std::string_view(words)); }
  static Json json(const char* words) { return json(std::string_view(words)); }
  template <class T>
  static Json json(const T& value) {
    Json data = to_json(value);
    ToolResult result;
    result.add(text(data.dump()));
    if (data.is_object()) result.structured(std::move(data));
    return result.json();
  }
};

namespace tool_detail {

// Has a schema of its own as an output: a struct or a map.
template <class T>
[[nodiscard]] std::optional<Json> output_schema() {
  if constexpr (std::is_same_v<T, ToolResult> || std::is_same_v<T, Content> ||
                std::is_same_v<T, std::vector<Content>> || std::is_same_v<T, Json> || std::is_void_v<T>) {
    return std::nullopt;
  } else if constexpr (Reflected<T>) {
    return json_schema<T>();
  } else {
    return std::nullopt;
  }
}

// The schema of what a handler takes; no arguments are an empty object.
template <class In>
[[nodiscard]] Json input_schema() {
  if constexpr (Reflected<In>) {
    return json_schema<In>();
  } else {
    return Json::object({{"type", "object"}});
  }
}

}  // namespace tool_detail
}  // namespace sluice
