// SPDX-License-Identifier: Apache-2.0
#pragma once
// Handlers: any callable of the documented forms becomes one that takes Json and gives a JSON result.
//
//   arguments   In · In, Context& · Context& · none;  In is a struct, Json, or a single value
//   returns     T · Result<T> · Task<T> · Task<Result<T>>;  for blocking() the first two, with
//   BlockingContext&
//
// What T becomes is said by a Shape (tool result, resource contents, prompt). The callable is stored for as
// long as calls of it run, so that lambdas that are coroutines may capture. Knows no message. Templates of
// `sdk` live here.

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "base/result.h"
#include "base/task.h"
#include "codec/json.h"
#include "codec/json_bind.h"
#include "sdk/context.h"

namespace sluice {

// A handler without its types; exactly one of the three is set.
struct Handler {
  std::function<Result<Json>(const Json&, Context&)> now;
  std::function<Task<Result<Json>>(Json, Context&)> later;
  std::function<Result<Json>(const Json&, BlockingContext&)> blocking;
};

// Marks a handler that blocks: it runs on the worker pool.
template <class F>
struct Blocking {
  F fn;
};
template <class F>
[[nodiscard]] Blocking<F> blocking(F fn) {
  return {std::move(fn)};
}

namespace handler_detail {

template <class T>
struct IsResult : std::false_type {};
template <class T>
struct IsResult<Result<T>> : std::true_type {};
template <class T>
using IsTask = context_detail::IsTask<T>;

template <class F>
struct IsBlocking : std::false_type {};
template <class F>
struct IsBlocking<Blocking<F>> : std::true_type {};

struct NoInput {};

// The argument list of a handler, taken apart.
template <class R, class... A>
struct Arguments {
  static_assert(sizeof...(A) == 0, "a handler takes (In), (In, Context&), (Context&) or nothing");
  using Return = R;
  using In = NoInput;
  static constexpr bool context = false;
};
template <class R>
struct Arguments<R, Context&> {
  using Return = R;
  using In = NoInput;
  static constexpr bool context = true;
};
template <class R>
struct Arguments<R, BlockingContext&> : Arguments<R, Context&> {};
template <class R, class A>
struct Arguments<R, A> {
  using Return = R;
  using In = std::remove_cvref_t<A>;
  static constexpr bool context = false;
};
template <class R, class A>
struct Arguments<R, A, Context&> {
  using Return = R;
  using In = std::remove_cvref_t<A>;
  static constexpr bool context = true;
};
template <class R, class A>
struct Arguments<R, A, BlockingContext&> : Arguments<R, A, Context&> {};

template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class R, class... A>
struct Signature<R (*)(A...)> : Arguments<R, A...> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...)> : Arguments<R, A...> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) const> : Arguments<R, A...> {};
template <class F>
struct Signature<Blocking<F>> : Signature<F> {};

// What a handler's return type holds: T of T, Result<T>, Task<T> and Task<Result<T>>.
template <class T>
struct PayloadOf {
  using type = T;
};
template <class T>
struct PayloadOf<Result<T>> {
  using type = T;
};
template <class T>
struct PayloadOf<Task<T>> : PayloadOf<T> {};
template <class T>
using Payload = typename PayloadOf<T>::type;

// A struct is read by its fields; a single value is the only member.
template <class In>
Result<In> read_input(const Json& json) {
  if constexpr (std::is_same_v<In, NoInput>) {
    return NoInput{};
  } else if constexpr (Reflected<In> || std::is_same_v<In, Json>) {
    return from_json<In>(json);
  } else {
    if (json.size() != 1 || !json.is_object()) return Error(Errc::invalid, "expected exactly one argument");
    const Json& only = json.members().front().value;
    if constexpr (!std::is_same_v<In, std::string>) {
      if (const std::string* text = only.as_string())
        if (auto parsed = Json::parse(*text)) return from_json<In>(*parsed);
    }
    return from_json<In>(only);
  }
}

template <class Sig, class F, class In, class C>
decltype(auto) invoke(F& fn, In& in, C& ctx) {
  if constexpr (std::is_same_v<In, NoInput>) {
    if constexpr (Sig::context) {
      return fn(ctx);
    } else {
      return fn();
    }
  } else if constexpr (Sig::context) {
    return fn(std::move(in), ctx);
  } else {
    return fn(std::move(in));
  }
}

// T or Result<T> as the outcome in JSON.
template <class Shape, class T>
Result<Json> shaped(T value) {
  if constexpr (std::is_same_v<T, Status>) {
    if (!value) return value.error();
    return Shape::nothing();
  } else if constexpr (IsResult<T>::value) {
    if (!value) return value.error();
    return Shape::json(std::move(*value));
  } else if constexpr (std::is_same_v<T, Error>) {
    return value;
  } else {
    return Shape::json(std::move(value));
  }
}

template <class Shape, class F, class In>
Task<Result<Json>> run_later(std::shared_ptr<F> fn, In in, Context& ctx) {
  using Sig = Signature<F>;
  using Value = typename Sig::Return::Value;
  auto task = invoke<Sig>(*fn, in, ctx);
  if constexpr (std::is_void_v<Value>) {
    co_await task;
    co_return Shape::nothing();
  } else {
    Value value = co_await task;
    co_return shaped<Shape, Value>(std::move(value));
  }
}

template <class Shape, class F, class C>
Result<Json> run_now(F& fn, const Json& arguments, C& ctx) {
  using Sig = Signature<F>;
  using Return = typename Sig::Return;
  auto in = read_input<typename Sig::In>(arguments);
  if (!in) return in.error();
  if constexpr (std::is_void_v<Return>) {
    invoke<Sig>(fn, *in, ctx);
    return Shape::nothing();
  } else {
    return shaped<Shape, Return>(invoke<Sig>(fn, *in, ctx));
  }
}

// The frame that answers with an error when the arguments cannot be read.
inline Task<Result<Json>> fail_later(Error error) { co_return error; }

}  // namespace handler_detail

template <class Shape, class F>
[[nodiscard]] Handler make_handler(F fn) {
  using namespace handler_detail;
  Handler handler;
  if constexpr (IsBlocking<F>::value) {
    using Inner = decltype(fn.fn);
    static_assert(!IsTask<typename Signature<Inner>::Return>::value, "a blocking handler is no coroutine");
    auto shared = std::make_shared<Inner>(std::move(fn.fn));
    handler.blocking = [shared](const Json& arguments, BlockingContext& ctx) {
      return run_now<Shape>(*shared, arguments, ctx);
    };
  } else {
    auto shared = std::make_shared<F>(std::move(fn));
    if constexpr (IsTask<typename Signature<F>::Return>::value) {
      handler.later = [shared](Json arguments, Context& ctx) -> Task<Result<Json>> {
        auto in = read_input<typename Signature<F>::In>(arguments);
        if (!in) return fail_later(in.error());
        return run_later<Shape, F>(shared, std::move(*in), ctx);
      };
    } else {
      handler.now = [shared](const Json& arguments, Context& ctx) {
        return run_now<Shape>(*shared, arguments, ctx);
      };
    }
  }
  return handler;
}

}  // namespace sluice
