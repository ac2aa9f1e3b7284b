// SPDX-License-Identifier: Apache-2.0
#pragma once
// Result<T>: a value or an Error, the vocabulary of every operating failure.
//
// Four words for what goes wrong (house rule): a bug is a CHECK, an operating failure is a Result, peer
// misbehaviour is a codec event that carries the reply, a cancel destroys what was cancelled. No exception
// crosses a room. The style is `if (!r) return r.error();`, always visible.

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"

namespace sluice {

// What kind of failure; callers branch on this and show people the message.
enum class Errc {
  failed,     // the operation was carried out and did not succeed
  invalid,    // the input breaks a rule
  too_large,  // a bound from base/limits.h was hit
  exhausted,  // a budget or table has no room left; retry later
  not_found,
  exists,
  denied,
  timed_out,
  closed,       // the other side went away
  unavailable,  // cannot be reached or started right now
  io,           // the operating system said no
  protocol,     // carries a JSON-RPC error for the peer in Error::number
};

// One failure: a kind, and one sentence that says what was wrong, where, and what to do.
struct [[nodiscard]] Error {
  Errc code = Errc::failed;
  std::string message;
  int number = 0;    // JSON-RPC error code when code is `protocol`, else 0
  std::string data;  // JSON text for the error's `data` member when code is `protocol`; empty for none

  Error() = default;
  Error(Errc c, std::string m) : code(c), message(std::move(m)) {}
  Error(Errc c, std::string m, int n, std::string d = {})
      : code(c), message(std::move(m)), number(n), data(std::move(d)) {}
};

// An Error of kind `failed`.
[[nodiscard]] inline Error error(std::string message) { return Error(Errc::failed, std::move(message)); }

// An Error that the peer sees as a JSON-RPC error with this code; `data` is JSON text or empty.
[[nodiscard]] inline Error protocol_error(int number, std::string message, std::string data = {}) {
  return Error(Errc::protocol, std::move(message), number, std::move(data));
}

template <class T>
class [[nodiscard]] Result {
 public:
  using Value = T;

  template <class U = T>
  requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
           !std::is_same_v<std::remove_cvref_t<U>, Error>) Result(U&& value)
      : held_(std::in_place_index<0>, std::forward<U>(value)) {}
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& operator*() & { return *value(); }
  const T& operator*() const& { return *value(); }
  T&& operator*() && { return std::move(*value()); }
  T* operator->() { return value(); }
  const T* operator->() const { return value(); }

  // The failure; only when !ok().
  [[nodiscard]] const Error& error() const& {
    CHECK(!ok());
    return *std::get_if<1>(&held_);
  }
  [[nodiscard]] Error&& error() && {
    CHECK(!ok());
    return std::move(*std::get_if<1>(&held_));
  }

 private:
  T* value() {
    CHECK(ok());
    return std::get_if<0>(&held_);
  }
  const T* value() const {
    CHECK(ok());
    return std::get_if<0>(&held_);
  }

  std::variant<T, Error> held_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using Value = void;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  [[nodiscard]] bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] const Error& error() const& {
    CHECK(!ok());
    return *error_;
  }
  [[nodiscard]] Error&& error() && {
    CHECK(!ok());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace sluice
