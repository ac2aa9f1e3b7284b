// SPDX-License-Identifier: Apache-2.0
#pragma once
// Questions to the client: forms for the person, links for the person, samples from its model, its roots.
//
//   auto answers = co_await ctx.ask_all(sluice::form<Name>("name", "Who are you?"), sluice::roots("roots"));
//
// A question is a key, the request that asks it and a reading of the answer. Its text must follow from the
// call's arguments and earlier answers alone, as in the modern era the handler runs again from the top with
// them. Values; any thread. Spec: elicitation, sampling, roots of each revision; 2026-07-28
// basic/patterns/mrtr.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/json_bind.h"
#include "sdk/content.h"

namespace sluice {

// What came back. True when there is a value; else the person declined or dismissed, or the client could not
// ask.
template <class T>
class [[nodiscard]] Answer {
 public:
  enum class Kind { accepted, declined, dismissed, failed };

  explicit Answer(T value) : kind_(Kind::accepted), value_(std::move(value)) {}
  Answer(Kind kind, std::string why) : kind_(kind), why_(std::move(why)) {}

  explicit operator bool() const { return kind_ == Kind::accepted; }
  [[nodiscard]] Kind kind() const { return kind_; }
  // Why there is no value, in a few words.
  [[nodiscard]] const std::string& why() const { return why_; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  Kind kind_;
  std::optional<T> value_;
  std::string why_;
};

// A question without its type: what goes to the client, and whether what comes back can be used.
struct RawQuestion {
  std::string key;  // of inputRequests; unique within a call
  std::string method;
  Json params;
  bool (*usable)(const Json& result) = nullptr;
};

// A person agreed to open a link; whether they did what is there is not known.
struct Consent {};

// What a client's model said.
struct Sampled {
  std::string role;
  std::string model;
  std::string stop_reason;
  std::vector<Json> content;  // blocks

  // All text blocks in one.
  [[nodiscard]] std::string text() const;
};

// A directory or file the client works in.
struct Root {
  std::string uri;
  std::string name;
};

namespace question_detail {

// accept, decline or cancel; empty when the result is no elicitation's.
[[nodiscard]] std::string_view action_of(const Json& result);
[[nodiscard]] Json form_params(std::string_view message, Json schema);
[[nodiscard]] Result<Sampled> read_sampled(const Json& result);
[[nodiscard]] Result<std::vector<Root>> read_roots(const Json& result);
// The members that a failed ask has in place of a result.
[[nodiscard]] Json failure(std::string_view why);
[[nodiscard]] const std::string* failure_of(const Json& result);

// The content of a form that was accepted; `{}` when the client left it out.
[[nodiscard]] const Json& form_content(const Json& result);

}  // namespace question_detail

// How the answers of one kind of question are read.
template <class T>
struct FormReading {
  static Result<T> value(const Json& result) { return from_json<T>(question_detail::form_content(result)); }
  static constexpr bool elicitation = true;
};
struct ConsentReading {
  static Result<Consent> value(const Json&) { return Consent{}; }
  static constexpr bool elicitation = true;
};
struct SampleReading {
  static Result<Sampled> value(const Json& result) { return question_detail::read_sampled(result); }
  static constexpr bool elicitation = false;
};
struct RootsReading {
  static Result<std::vector<Root>> value(const Json& result) { return question_detail::read_roots(result); }
  static constexpr bool elicitation = false;
};

// A question whose answer is a T.
template <class T, class Reading>
class Question {
 public:
  using Value = T;

  Question(std::string key, std::string method, Json params)
      : raw_{std::move(key), std::move(method), std::move(params), &usable} {}

  [[nodiscard]] const RawQuestion& raw() const { return raw_; }

  static Answer<T> read(const Json& result) {
    using Kind = typename Answer<T>::Kind;
    if (const std::string* why = question_detail::failure_of(result)) return Answer<T>(Kind::failed, *why);
    if constexpr (Reading::elicitation) {
      const auto action = question_detail::action_of(result);
      if (action == "decline") return Answer<T>(Kind::declined, "declined");
      if (action != "accept") return Answer<T>(Kind::dismissed, "dismissed");
    }
    auto value = Reading::value(result);
    if (!value) return Answer<T>(Kind::failed, value.error().message);
    return Answer<T>(std::move(*value));
  }

 private:
  static bool usable(const Json& result) {
    if (!result.is_object()) return false;
    if constexpr (Reading::elicitation) {
      const auto action = question_detail::action_of(result);
      if (action.empty()) return false;
      if (action != "accept") return true;
    }
    return Reading::value(result).ok();
  }

  RawQuestion raw_;
};

template <class T>
using Form = Question<T, FormReading<T>>;
using Link = Question<Consent, ConsentReading>;
using Sample = Question<Sampled, SampleReading>;
using Roots = Question<std::vector<Root>, RootsReading>;

// A form with the fields of T, which are strings, numbers, booleans and enums.
template <class T>
[[nodiscard]] Form<T> form(std::string key, std::string_view message) {
  return Form<T>(std::move(key), "elicitation/create",
                 question_detail::form_params(message, json_schema<T>()));
}
// A form by an explicit schema.
[[nodiscard]] Form<Json> form(std::string key, std::string_view message, Json schema);
// A page to visit: for what must not pass through the client, such as secrets. The URL is https.
[[nodiscard]] Link link(std::string key, std::string_view message, std::string_view url);

// What to ask the client's model.
class SampleRequest {
 public:
  explicit SampleRequest(std::string_view user_text, int tokens_max = 1000);
  explicit SampleRequest(const std::vector<Message>& messages, int tokens_max = 1000);

  SampleRequest& system(std::string_view prompt);
  SampleRequest& temperature(double value);
  SampleRequest& stop_at(std::string_view sequence);
  // Any other member of the request: modelPreferences, tools, toolChoice.
  SampleRequest& with(std::string_view member, Json value);

  [[nodiscard]] const Json& params() const { return params_; }

 private:
  Json params_;
};

[[nodiscard]] Sample sampling(std::string key, const SampleRequest& request);
[[nodiscard]] Roots roots(std::string key);

}  // namespace sluice
