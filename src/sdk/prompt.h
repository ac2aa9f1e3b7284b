// SPDX-License-Identifier: Apache-2.0
#pragma once
// Prompts: what a list says of one, and what handlers' values become.
//
// The fields of a handler's struct are the prompt's arguments; they come as strings and are read as what the
// fields are. A string becomes one message of the user. Any thread. Spec: server/prompts of each revision.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/json_bind.h"
#include "sdk/content.h"
#include "sdk/listed.h"

namespace sluice {

class PromptInfo final : public Listed<PromptInfo> {
 public:
  PromptInfo(std::string_view name, std::string_view description) : Listed(name, description) {}
};

// What a prompt's handler returns, as a GetPromptResult.
struct PromptShape {
  static Json nothing() { return Json::object({{"messages", Json::array()}}); }
  static Json json(const Message& message) {
    return Json::object({{"messages", Json::array({message.json()})}});
  }
  static Json json(const std::vector<Message>& messages) {
    Json list = Json::array();
    for (const Message& message : messages) list.push_back(message.json());
    return Json::object({{"messages", std::move(list)}});
  }
  static Json json(std::string_view words) { return json(user(words)); }
  static Json json(const std::string& words) { return json(user(words)); }
  static Json json(const char* words) { return json(user(words)); }
};

// A custom method's handler returns the result itself.
struct RawShape {
  static Json nothing() { return Json::object(); }
  template <class T>
  static Json json(const T& value) {
    return to_json(value);
  }
};

namespace prompt_detail {

// The argument list of a prompt: `[{"name","description","required"}]`, from the struct its handler takes.
template <class In>
[[nodiscard]] Json arguments() {
  Json list = Json::array();
  if constexpr (Reflected<In>) {
    const Json schema = json_schema<In>();
    for (const JsonMember& property : schema["properties"].members()) {
      Json argument = Json::object({{"name", property.name}});
      if (const Json* title = property.value.find("title")) argument.set("title", *title);
      if (const Json* about = property.value.find("description")) argument.set("description", *about);
      bool required = false;
      for (const Json& name : schema["required"].items()) required = required || name == Json(property.name);
      argument.set("required", required);
      list.push_back(std::move(argument));
    }
  }
  return list;
}

}  // namespace prompt_detail
}  // namespace sluice
