// SPDX-License-Identifier: Apache-2.0
#pragma once
// Context: what a handler may do besides return: tell of progress, write log lines, ask, wait, learn who
// calls.
//
// A handler gets a reference that is valid as long as the handler runs. `co_await ctx.ask<T>(…)` works in
// both eras: a legacy client is asked and the handler goes on where it was; a modern one gets the question as
// the result, and the handler runs again from the top when the answer comes, where answered questions return
// at once. So what stands above an ask must be repeatable; ctx.once() keeps a result that is not. Only
// coroutines can ask: without co_await an ask yields nothing. BlockingContext is what handlers on the worker
// pool get. The reactor's thread but for BlockingContext. Spec: progress, cancellation, logging of each
// revision; mcp-protocol part D for the eras.

#include <atomic>
#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/task.h"
#include "codec/json.h"
#include "codec/json_bind.h"
#include "mcp/principal.h"
#include "mcp/revision.h"
#include "sdk/question.h"

namespace sluice {

class Call;  // the running request behind a Context; sdk/call.h

// Log levels of MCP, in order of urgency.
enum class Severity { debug, info, notice, warning, error, critical, alert, emergency };

// What a client may be able to do for a server.
enum class ClientCan { fill_forms, open_links, sample, list_roots };

namespace context_detail {

// Waits until every question has an answer. In the modern era that may be never: then the frame it lives in
// is destroyed by the reactor, at the end of the turn.
class Asking {
 public:
  Asking(Call& call, std::vector<RawQuestion> questions);
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  ~Asking();

  bool await_ready();
  void await_suspend(std::coroutine_handle<> waiter);

 protected:
  [[nodiscard]] const Json& result(std::size_t index) const;

 private:
  Call& call_;
  std::vector<RawQuestion> questions_;
  std::coroutine_handle<> waiter_;
};

class Sleeping {
 public:
  Sleeping(Call& call, std::chrono::nanoseconds duration);
  Sleeping(const Sleeping&) = delete;
  Sleeping& operator=(const Sleeping&) = delete;
  ~Sleeping();

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter);
  void await_resume() const noexcept {}

 private:
  struct Alarm;
  Call& call_;
  std::chrono::nanoseconds duration_;
  std::unique_ptr<Alarm> alarm_;
};

// What telling the client something yields: `co_await` it to wait while the client does not keep up, or drop
// it.
class Room {
 public:
  explicit Room(Call& call) : call_(call) {}
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  ~Room();

  [[nodiscard]] bool await_ready() const;
  void await_suspend(std::coroutine_handle<> waiter);
  void await_resume() const noexcept {}

 private:
  Call& call_;
  std::coroutine_handle<> waiter_;
};

template <class T>
struct IsTask : std::false_type {};
template <class T>
struct IsTask<Task<T>> : std::true_type {};

}  // namespace context_detail

// One question under way; `co_await` it.
template <class Q>
class [[nodiscard]] Ask final : public context_detail::Asking {
 public:
  using Asking::Asking;
  Answer<typename Q::Value> await_resume() const { return Q::read(result(0)); }
};

// Several questions under way, asked in one round.
template <class... Q>
class [[nodiscard]] AskAll final : public context_detail::Asking {
 public:
  using Asking::Asking;
  std::tuple<Answer<typename Q::Value>...> await_resume() const {
    return read(std::index_sequence_for<Q...>{});
  }

 private:
  template <std::size_t... I>
  std::tuple<Answer<typename Q::Value>...> read(std::index_sequence<I...>) const {
    return {Q::read(result(I))...};
  }
};

class Context {
 public:
  explicit Context(Call& call) : call_(call) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // --- Telling ---
  // A handler that tells much says `co_await ctx.progress(…)`: it then goes at the pace of a client that
  // reads slowly, which would be closed otherwise. Without co_await nothing waits. Silent unless the caller
  // asked for progress, and when `done` does not increase.
  context_detail::Room progress(double done, double total = 0, std::string_view message = {});
  // Silent below the level the client asked for. The first form takes a text, the second any data.
  context_detail::Room log(Severity severity, std::string_view message, std::string_view logger = {});
  context_detail::Room log_data(Severity severity, Json data, std::string_view logger = {});

  // --- Asking ---
  // The person fills in a form with T's fields.
  template <class T>
  [[nodiscard]] Ask<Form<T>> ask(std::string key, std::string_view message) {
    return {call_, one(form<T>(std::move(key), message))};
  }
  // Any question made by form(), link(), sampling() or roots().
  template <class T, class Reading>
  [[nodiscard]] Ask<Question<T, Reading>> ask(const Question<T, Reading>& question) {
    return {call_, one(question)};
  }
  // The person opens a link; the answer is their consent.
  [[nodiscard]] Ask<Link> ask_url(std::string key, std::string_view message, std::string_view url) {
    return {call_, one(link(std::move(key), message, url))};
  }
  // All of them in one round.
  template <class... Q>
  [[nodiscard]] AskAll<Q...> ask_all(const Q&... questions) {
    return {call_, all(questions...)};
  }
  // The client's model answers. Deprecated by 2026-07-28 and still served.
  [[nodiscard]] Ask<Sample> sample(std::string key, const SampleRequest& request) {
    return {call_, one(sampling(std::move(key), request))};
  }
  [[nodiscard]] Ask<Sample> sample(std::string key, std::string_view user_text, int tokens_max = 1000) {
    return sample(std::move(key), SampleRequest(user_text, tokens_max));
  }
  // Where the client works. Deprecated by 2026-07-28 and still served.
  [[nodiscard]] Ask<Roots> roots() { return {call_, one(sluice::roots("roots"))}; }
  // Can the client be asked that? Asking all the same ends the call with an error that names what is missing.
  [[nodiscard]] bool client_can(ClientCan what) const;

  // The result of `fn`, which runs once for this call however often the handler does: its value is kept,
  // sealed, with the client. A Task is awaited in a statement of its own:
  //   auto booking = ctx.once("book", [&] { return book(trip); });
  template <class Fn>
  auto once(std::string key, Fn fn) {
    using Value = std::invoke_result_t<Fn&>;
    if constexpr (context_detail::IsTask<Value>::value) {
      return once_later<typename Value::Value>(std::move(key), std::move(fn));
    } else {
      if (auto kept = from_json<Value>(kept_result(key)); kept && is_kept(key))
        return Value(std::move(*kept));
      Value value = fn();
      keep_result(key, to_json(value));
      return value;
    }
  }

  // --- Waiting and ending ---
  [[nodiscard]] context_detail::Sleeping sleep(std::chrono::nanoseconds duration) {
    return {call_, duration};
  }
  // Called, in the order of registration, when the client gave up and before the frame is destroyed.
  void on_cancel(std::function<void()> fn);
  [[nodiscard]] bool cancelled() const;

  // --- Knowing ---
  [[nodiscard]] Era era() const;
  [[nodiscard]] Revision revision() const;
  [[nodiscard]] const Principal& principal() const;
  // The request's `_meta`, the client's name and version; null when there are none.
  [[nodiscard]] const Json& meta() const;
  [[nodiscard]] const Json& client_info() const;
  // For log lines of your own.
  [[nodiscard]] const std::string& correlation_id() const;

 private:
  template <class Q>
  static std::vector<RawQuestion> one(const Q& question) {
    return std::vector<RawQuestion>(1, question.raw());
  }
  template <class... Q>
  static std::vector<RawQuestion> all(const Q&... questions) {
    std::vector<RawQuestion> raw;
    raw.reserve(sizeof...(Q));
    (raw.push_back(questions.raw()), ...);
    return raw;
  }
  template <class T, class Fn>
  Task<T> once_later(std::string key, Fn fn) {
    if (is_kept(key)) {
      auto kept = from_json<T>(kept_result(key));
      if (kept) co_return std::move(*kept);
    }
    auto work = fn();
    T value = co_await work;
    keep_result(key, to_json(value));
    co_return value;
  }
  [[nodiscard]] bool is_kept(const std::string& key) const;
  [[nodiscard]] const Json& kept_result(const std::string& key) const;
  void keep_result(const std::string& key, Json value);

  Call& call_;
};

// What a handler on the worker pool can do. Any thread; it may outlive the call, and then says nothing.
class BlockingContext {
 public:
  struct Port;  // to the call, on the reactor's thread
  explicit BlockingContext(std::shared_ptr<Port> port) : port_(std::move(port)) {}

  // True once the client gave up: stop, nobody waits for the result.
  [[nodiscard]] bool cancelled() const;
  void progress(double done, double total = 0, std::string message = {});
  void log(Severity severity, std::string message, std::string logger = {});

 private:
  std::shared_ptr<Port> port_;
};

}  // namespace sluice
