// SPDX-License-Identifier: Apache-2.0
#include "sdk/context.h"

#include "net/reactor.h"
#include "net/timer_wheel.h"
#include "sdk/blocking_port.h"
#include "sdk/call.h"

namespace sluice {
namespace context_detail {

Asking::Asking(Call& call, std::vector<RawQuestion> questions)
    : call_(call), questions_(std::move(questions)) {}

Asking::~Asking() {
  if (waiter_) call_.stop_asking(waiter_);
}

bool Asking::await_ready() { return call_.ready(questions_); }

void Asking::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  call_.ask(questions_, waiter);
}

const Json& Asking::result(std::size_t index) const { return call_.answer_to(questions_[index].key); }

struct Sleeping::Alarm {
  Alarm(const Call& sleeper, std::coroutine_handle<> next)
      : call(sleeper), waiter(next), timer(&Alarm::ring, this) {}
  static void ring(void* self) {
    const auto& alarm = *static_cast<Alarm*>(self);
    if (!alarm.call.cancelled()) alarm.waiter.resume();  // a cancelled one sleeps on until it is destroyed
  }

  const Call& call;
  std::coroutine_handle<> waiter;
  Timer timer;
};

Sleeping::Sleeping(Call& call, std::chrono::nanoseconds duration) : call_(call), duration_(duration) {}

Sleeping::~Sleeping() = default;

void Sleeping::await_suspend(std::coroutine_handle<> waiter) {
  alarm_ = std::make_unique<Alarm>(call_, waiter);
  call_.reactor().arm_after(alarm_->timer, duration_);
}

Room::~Room() {
  if (waiter_) call_.stop_waiting_for_room(waiter_);
}

bool Room::await_ready() const { return call_.has_room(); }

void Room::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  call_.wait_for_room(waiter);
}

}  // namespace context_detail

context_detail::Room Context::progress(double done, double total, std::string_view message) {
  call_.progress(done, total, message);
  return context_detail::Room(call_);
}

context_detail::Room Context::log(Severity severity, std::string_view message, std::string_view logger) {
  call_.log(severity, Json(message), logger);
  return context_detail::Room(call_);
}

context_detail::Room Context::log_data(Severity severity, Json data, std::string_view logger) {
  call_.log(severity, std::move(data), logger);
  return context_detail::Room(call_);
}

bool Context::client_can(ClientCan what) const { return call_.client_can(what); }

void Context::on_cancel(std::function<void()> fn) { call_.on_cancel(std::move(fn)); }

bool Context::cancelled() const { return call_.cancelled(); }

Era Context::era() const { return call_.caller().era; }

Revision Context::revision() const { return call_.caller().revision; }

const Principal& Context::principal() const { return call_.caller().principal; }

const Json& Context::meta() const { return call_.meta(); }

const Json& Context::client_info() const { return call_.client_info(); }

const std::string& Context::correlation_id() const { return call_.caller().correlation_id; }

bool Context::is_kept(const std::string& key) const { return call_.kept(key) != nullptr; }

const Json& Context::kept_result(const std::string& key) const {
  static const Json none;
  const Json* kept = call_.kept(key);
  return kept == nullptr ? none : *kept;
}

void Context::keep_result(const std::string& key, Json value) { call_.keep(key, std::move(value)); }

bool BlockingContext::cancelled() const { return port_->cancelled; }

void BlockingContext::progress(double done, double total, std::string message) {
  port_->reactor->post([port = port_, done, total, message = std::move(message)] {
    if (port->call != nullptr) port->call->progress(done, total, message);
  });
}

void BlockingContext::log(Severity severity, std::string message, std::string logger) {
  port_->reactor->post([port = port_, severity, message = std::move(message), logger = std::move(logger)] {
    if (port->call != nullptr) port->call->log(severity, Json(message), logger);
  });
}

}  // namespace sluice
