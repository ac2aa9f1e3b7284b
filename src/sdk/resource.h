// SPDX-License-Identifier: Apache-2.0
#pragma once
// Resources and resource templates: what a list says of one, and what handlers' values become.
//
// A handler of a resource takes nothing, or its uri as a string; that of a template takes its variable, or a
// struct with a field for each. A string becomes text, a struct its JSON, Contents stay what they are; an
// Error of kind not_found becomes the protocol's "no such resource". Any thread. Spec: server/resources of
// each revision.

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/json_bind.h"
#include "sdk/content.h"
#include "sdk/listed.h"

namespace sluice {

class ResourceInfo final : public Listed<ResourceInfo> {
 public:
  // `uri` may be a template: "booking://{id}". The name is the uri until it is set.
  ResourceInfo(std::string_view uri, std::string_view description) : Listed(uri, description), uri_(uri) {}

  ResourceInfo& named(std::string_view name) { return set("name", name); }
  ResourceInfo& mime_type(std::string_view type) { return set("mimeType", type); }
  ResourceInfo& size_bytes(std::int64_t bytes) { return set("size", bytes); }
  ResourceInfo& for_audience(std::string_view role) {
    return annotate("audience", Json::array({Json(role)}));
  }
  ResourceInfo& priority(double value) { return annotate("priority", value); }
  // How long clients may keep what they read; `shared`: also for other callers than the one who asked.
  ResourceInfo& cache(std::chrono::milliseconds ttl, bool shared = false) {
    cache_ = ttl;
    shared_ = shared;
    return *this;
  }

  [[nodiscard]] const std::string& uri() const { return uri_; }
  [[nodiscard]] std::chrono::milliseconds cache_ttl() const { return cache_; }
  [[nodiscard]] bool cache_shared() const { return shared_; }

 private:
  std::string uri_;
  std::chrono::milliseconds cache_{0};
  bool shared_ = false;
};

// What a resource's handler returns, as a ReadResourceResult; uri and mimeType are added where they lack.
struct ResourceShape {
  static Json nothing() { return Json::object({{"contents", Json::array()}}); }
  static Json json(const Contents& contents) {
    return Json::object({{"contents", Json::array({contents.json()})}});
  }
  static Json json(const std::vector<Contents>& all) {
    Json list = Json::array();
    for (const Contents& contents : all) list.push_back(contents.json());
    return Json::object({{"contents", std::move(list)}});
  }
  static Json json(std::string_view words) { return json(contents_text(words)); }
  static Json json(const std::string& words) { return json(contents_text(words)); }
  static Json json(const char* words) { return json(contents_text(words)); }
  template <class T>
  static Json json(const T& value) {
    return json(contents_text(to_json(value).dump(), "application/json"));
  }
};

}  // namespace sluice
