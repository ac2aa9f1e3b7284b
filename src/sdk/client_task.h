// SPDX-License-Identifier: Apache-2.0
#pragma once
// ClientTask: a call that goes on at the server, by its name: looked at, waited for and cancelled by whoever
// has the name.
//
//   auto starting = client.start(book, trip);
//   auto task = co_await starting;          // Result<ClientTask<Booking>>; keep task->id() for another time
//   auto waiting = task->result();          // asks the client's handlers; dropping it only looks away
//   auto booking = co_await waiting;
//
// Both kinds of tasks: those of the extension io.modelcontextprotocol/tasks and those of 2025-11-25. Where
// the server did the call at once, there is no id and the result is here. A value; the client's thread. Spec:
// 2025-11-25 basic/utilities/tasks; SEP-2663.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "mcp/task_state.h"
#include "sdk/client_call.h"

namespace sluice {

namespace client_detail {

class TaskBase {
 public:
  // Empty where there is none because the call was done at once.
  [[nodiscard]] const std::string& id() const { return id_; }
  // What the server says of it now.
  ClientCall<TaskState> state();
  // Asks the server to end it; whether and when it does, its state tells.
  ClientCall<Json> cancel();

 protected:
  TaskBase(std::shared_ptr<Core> core, std::string_view id) : core_(std::move(core)), id_(id) {}
  // Reads the answer to a call that was to become a task.
  static Result<TaskBase> made(const std::shared_ptr<Core>& core, Json result);
  template <class T>
  ClientCall<T> followed(typename ClientCall<T>::Reading reading) const {
    if (outcome_) return ClientCall<T>(core_, Result<Json>(*outcome_), std::move(reading));
    TaskWish wish;
    wish.id = id_;
    return ClientCall<T>(core_, "tasks/result", Json::object(), wish, std::move(reading));
  }

 private:
  std::shared_ptr<Core> core_;
  std::string id_;
  std::optional<Json> outcome_;
};

}  // namespace client_detail

template <class T>
class ClientTask final : public client_detail::TaskBase {
 public:
  using Reading = typename ClientCall<T>::Reading;

  ClientTask(std::shared_ptr<client_detail::Core> core, std::string_view id, Reading reading)
      : TaskBase(std::move(core), id), reading_(std::move(reading)) {}
  static Result<ClientTask> of(const std::shared_ptr<client_detail::Core>& core, Json result,
                               Reading reading) {
    auto made = TaskBase::made(core, std::move(result));
    if (!made) return made.error();
    return ClientTask(*std::move(made), std::move(reading));
  }

  // Waits for its end, as a call would.
  ClientCall<T> result() const { return followed<T>(reading_); }

 private:
  ClientTask(TaskBase base, Reading reading) : TaskBase(std::move(base)), reading_(std::move(reading)) {}

  Reading reading_;
};

}  // namespace sluice
