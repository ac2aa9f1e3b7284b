// SPDX-License-Identifier: Apache-2.0
#pragma once
// What servers may ask a Client, and how its handlers answer: forms and links for the person, samples of its
// model, its roots.
//
//   client.on_ask<Approval>([](std::string_view message) { return Approval{confirm(message)}; });
//
// The same in both eras. A handler returns its answer, or a Task of it; an empty optional declines. Values;
// any thread. Spec: client/elicitation, sampling, roots of each revision; 2026-07-28 basic/patterns/mrtr.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/task.h"
#include "codec/json_bind.h"
#include "sdk/question.h"

namespace sluice {

// A form that the server wants filled in.
struct AskForm {
  std::string message;
  Json schema;  // a flat object of strings, numbers, booleans and enums

  // What the schema says where the person says nothing.
  [[nodiscard]] Json defaults() const;
};

// A page that the server wants the person to open.
struct AskLink {
  std::string message;
  std::string url;
};

// What becomes of a question.
class AskReply {
 public:
  [[nodiscard]] static AskReply accept(Json content);
  [[nodiscard]] static AskReply accept();
  [[nodiscard]] static AskReply decline();
  [[nodiscard]] static AskReply dismiss();
  [[nodiscard]] const Json& json() const { return json_; }

 private:
  explicit AskReply(Json json) : json_(std::move(json)) {}
  Json json_;
};

namespace client_detail {

// Every handler in one form: the params in, the result out.
using Answerer = std::function<Task<Result<Json>>(Json params)>;

[[nodiscard]] AskForm form_of(const Json& params);
// Whether a form has exactly the members of this schema.
[[nodiscard]] bool is_form_of(const Json& params, const Json& schema);

inline Result<Json> reply_of(const AskReply& reply) { return reply.json(); }
inline Result<Json> reply_of(Json result) { return result; }
inline Result<Json> reply_of(Result<Json> result) { return result; }
inline Result<Json> reply_of(bool accepted) {
  return accepted ? AskReply::accept().json() : AskReply::decline().json();
}
template <class T>
requires Reflected<T> Result<Json> reply_of(const T& value) {
  return AskReply::accept(to_json(value)).json();
}
template <class T>
Result<Json> reply_of(const std::optional<T>& value) {
  return value ? reply_of(*value) : Result<Json>(AskReply::decline().json());
}

template <class T>
struct IsTaskOf : std::false_type {};
template <class T>
struct IsTaskOf<Task<T>> : std::true_type {};

// Calls the handler with what it takes.
template <class F, class Argument>
Task<Result<Json>> answered_by(F fn, Argument argument) {
  using Given = std::invoke_result_t<F&, Argument>;
  if constexpr (IsTaskOf<Given>::value) {
    Given work = fn(std::move(argument));
    auto value = co_await work;
    co_return reply_of(std::move(value));
  } else {
    co_return reply_of(fn(std::move(argument)));
  }
}

}  // namespace client_detail
}  // namespace sluice
