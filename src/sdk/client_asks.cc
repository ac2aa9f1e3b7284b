// SPDX-License-Identifier: Apache-2.0
#include "sdk/client_asks.h"

#include <algorithm>

namespace sluice {

Json AskForm::defaults() const {
  Json content = Json::object();
  for (const JsonMember& member : schema["properties"].members())
    if (const Json* value = member.value.find("default")) content.set(member.name, *value);
  return content;
}

AskReply AskReply::accept(Json content) {
  return AskReply(Json::object({{"action", "accept"}, {"content", std::move(content)}}));
}

AskReply AskReply::accept() { return AskReply(Json::object({{"action", "accept"}})); }

AskReply AskReply::decline() { return AskReply(Json::object({{"action", "decline"}})); }

AskReply AskReply::dismiss() { return AskReply(Json::object({{"action", "cancel"}})); }

namespace client_detail {

AskForm form_of(const Json& params) {
  AskForm form;
  form.message = params["message"].string_or("");
  form.schema = params["requestedSchema"];
  return form;
}

bool is_form_of(const Json& params, const Json& schema) {
  const auto& asked = params["requestedSchema"]["properties"].members();
  const Json& known = schema["properties"];
  return asked.size() == known.size() &&
         std::all_of(asked.begin(), asked.end(),
                     [&](const JsonMember& member) { return known.contains(member.name); });
}

}  // namespace client_detail
}  // namespace sluice
