// SPDX-License-Identifier: Apache-2.0
#include "sdk/question.h"

namespace sluice {
namespace question_detail {
namespace {

constexpr std::string_view failure_member = "sluice/failed";

}  // namespace

std::string_view action_of(const Json& result) {
  const std::string_view action = result["action"].string_or("");
  return action == "accept" || action == "decline" || action == "cancel" ? action : std::string_view();
}

Json form_params(std::string_view message, Json schema) {
  return Json::object({{"mode", "form"}, {"message", message}, {"requestedSchema", std::move(schema)}});
}

Result<Sampled> read_sampled(const Json& result) {
  Sampled sampled;
  sampled.role = result["role"].string_or("assistant");
  sampled.model = result["model"].string_or("");
  sampled.stop_reason = result["stopReason"].string_or("");
  const Json& content = result["content"];
  if (content.is_object()) {
    sampled.content.push_back(content);
  } else if (content.is_array()) {
    sampled.content = content.items();
  } else {
    return Error(Errc::invalid, "the client's sample has no content");
  }
  return sampled;
}

Result<std::vector<Root>> read_roots(const Json& result) {
  const Json& list = result["roots"];
  if (!list.is_array()) return Error(Errc::invalid, "the client's answer has no list of roots");
  std::vector<Root> all;
  for (const Json& item : list.items()) {
    Root root;
    root.uri = item["uri"].string_or("");
    root.name = item["name"].string_or("");
    if (root.uri.empty()) return Error(Errc::invalid, "one of the client's roots has no uri");
    all.push_back(std::move(root));
  }
  return all;
}

Json failure(std::string_view why) { return Json::object({{failure_member.data(), why}}); }

const std::string* failure_of(const Json& result) {
  const Json* why = result.find(failure_member);
  return why == nullptr ? nullptr : why->as_string();
}

const Json& form_content(const Json& result) {
  static const Json none = Json::object();
  const Json* content = result.find("content");
  return content == nullptr ? none : *content;
}

}  // namespace question_detail

std::string Sampled::text() const {
  std::string all;
  for (const Json& block : content) all += block["text"].string_or("");
  return all;
}

Form<Json> form(std::string key, std::string_view message, Json schema) {
  return Form<Json>(std::move(key), "elicitation/create",
                    question_detail::form_params(message, std::move(schema)));
}

Link link(std::string key, std::string_view message, std::string_view url) {
  return Link(std::move(key), "elicitation/create",
              Json::object({{"mode", "url"}, {"message", message}, {"url", url}}));
}

SampleRequest::SampleRequest(std::string_view user_text, int tokens_max)
    : SampleRequest(std::vector<Message>(1, user(user_text)), tokens_max) {}

SampleRequest::SampleRequest(const std::vector<Message>& messages, int tokens_max) {
  Json list = Json::array();
  for (const Message& message : messages) list.push_back(message.json());
  params_ = Json::object({{"messages", std::move(list)}, {"maxTokens", tokens_max}});
}

SampleRequest& SampleRequest::system(std::string_view prompt) { return with("systemPrompt", prompt); }

SampleRequest& SampleRequest::temperature(double value) { return with("temperature", value); }

SampleRequest& SampleRequest::stop_at(std::string_view sequence) {
  Json* all = params_.find("stopSequences");
  if (all == nullptr) all = &params_.set("stopSequences", Json::array());
  all->push_back(sequence);
  return *this;
}

SampleRequest& SampleRequest::with(std::string_view member, Json value) {
  params_.set(member, std::move(value));
  return *this;
}

Sample sampling(std::string key, const SampleRequest& request) {
  return Sample(std::move(key), "sampling/createMessage", request.params());
}

Roots roots(std::string key) { return Roots(std::move(key), "roots/list", Json::object()); }

}  // namespace sluice
