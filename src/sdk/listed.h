// SPDX-License-Identifier: Apache-2.0
#pragma once
// What tools, resources and prompts have in common in a list: a name, a description, and what clients show
// beside them.
//
// Holds the JSON of the latest revision; older clients get what they know. A plain value, any thread.

#include <string_view>
#include <utility>

#include "codec/json.h"
#include "sdk/content.h"

namespace sluice {

namespace listed_detail {
void add_icon(Json& json, const Icon& icon);
// The object member `name`, made when it is not there.
Json& object_member(Json& json, std::string_view name);
}  // namespace listed_detail

// Verbs return the derived type, so that they chain.
template <class Self>
class Listed {
 public:
  // What people see instead of the name.
  Self& title(std::string_view text) { return set("title", text); }
  Self& icon(const Icon& icon) {
    listed_detail::add_icon(json_, icon);
    return self();
  }
  // A member of _meta; the name has a prefix that is yours.
  Self& meta(std::string_view name, Json value) {
    listed_detail::object_member(json_, "_meta").set(name, std::move(value));
    return self();
  }

  [[nodiscard]] const Json& json() const { return json_; }
  [[nodiscard]] std::string_view name() const { return json_["name"].string_or(""); }

 protected:
  Listed(std::string_view name, std::string_view description) : json_(Json::object({{"name", name}})) {
    if (!description.empty()) json_.set("description", description);
  }
  Self& set(std::string_view member, Json value) {
    json_.set(member, std::move(value));
    return self();
  }
  Self& annotate(std::string_view member, Json value) {
    listed_detail::object_member(json_, "annotations").set(member, std::move(value));
    return self();
  }

 private:
  Self& self() { return static_cast<Self&>(*this); }
  Json json_;
};

}  // namespace sluice
