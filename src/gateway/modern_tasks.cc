// SPDX-License-Identifier: Apache-2.0
#include "gateway/modern_tasks.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/budget.h"
#include "base/check.h"
#include "codec/json.h"
#include "codec/json_splice.h"
#include "codec/jsonrpc.h"
#include "gateway/modern_bridge.h"
#include "gateway/request_like.h"
#include "mcp/methods.h"

namespace sluice {

namespace {

// What every modern result of ours has.
void complete(Json& result, const std::string& server_info) {
  if (!result.contains("resultType")) result.set("resultType", "complete");
  if (auto info = Json::parse(server_info))
    result.set("_meta", Json::object({{"io.modelcontextprotocol/serverInfo", std::move(*info)}}));
}

// The client's call with answers and state, as it would send it again itself.
std::string retry_of(const Envelope& request, const std::string& responses, const std::string& state) {
  JsonSplice splice;
  splice.set(request.params, request.input_responses, "inputResponses", responses);
  splice.set(request.params, request.request_state, "requestState", state);
  return splice.apply(request.text);
}

}  // namespace

bool declares_tasks(const Envelope& request) {
  if (!request.meta_client_capabilities) return false;
  const auto json = Json::parse(request.view(request.meta_client_capabilities));
  return json && (*json)["extensions"].contains(extension_text(Extension::tasks));
}

class ModernTasks::Inner final : public Exchange {
 public:
  Inner(ClientRequest request, Run& run) : Exchange(std::move(request), nullptr), run_(&run) {}
  void forget() { run_ = nullptr; }

  std::size_t notify(Bytes message) override;
  // No modern client is asked this way.
  std::size_t ask(Bytes) override { return room; }
  void finish(Bytes response) override;
  void refuse(int http_status, int code, std::string_view sentence, std::string_view data) override;

 private:
  static constexpr std::size_t room = 1024;
  Run* run_;
};

bool ModernTasks::is_ours(const Exchange& exchange) {
  return dynamic_cast<const Inner*>(&exchange) != nullptr;
}

// What runs and what came of it.
class ModernTasks::Run final : public Attachment {
 public:
  // `request_charge` is the request's share of the byte budget.
  Run(ModernTasks& tasks, TaskEntry& entry, ClientRequest request, Charge request_charge)
      : tasks_(tasks),
        entry_(entry),
        request_(std::move(request)),
        request_charge_(std::move(request_charge)),
        charge_(tasks.bridge_.parts_.reactor.budget()),
        unanswered_([](void* self) { static_cast<Run*>(self)->give_up(); }, this) {}
  ~Run() override { CHECK(inner_ == nullptr); }

  // Sends the call, or its retry.
  void send(std::string text) {
    auto like = request_like(request_, std::move(text), tasks_.bridge_.scanner_);
    if (!like) return fail(refusals::invalid_params("the request is too large to be carried on"));
    inner_ = std::make_unique<Inner>(std::move(*like), *this);
    tasks_.bridge_.open(*inner_);
  }
  void start() { send(std::string(request_.message.text())); }

  // What is known of it; the result as text, as it may be large. For a notification without the server's
  // info.
  [[nodiscard]] std::string detailed(const std::string& server_info) const {
    Json json = task_json(entry_.state, Era::modern);
    if (!server_info.empty()) complete(json, server_info);
    if (entry_.state.status == TaskStatus::input_required) json.set("inputRequests", pending_);
    if (entry_.state.status == TaskStatus::failed) {
      Json error = Json::object({{"code", error_.code}, {"message", error_.message}});
      if (!error_.data_json.empty())
        if (auto data = Json::parse(error_.data_json)) error.set("data", std::move(*data));
      json.set("error", std::move(error));
    }
    std::string text = json.dump();
    return entry_.state.status == TaskStatus::completed ? with_member(std::move(text), "result", result_)
                                                        : text;
  }

  void update(const Json& responses) {
    if (entry_.state.status != TaskStatus::input_required) return;
    for (const JsonMember& one : responses.members()) {
      if (!pending_.contains(one.name) || !one.value.is_object()) continue;
      answers_.set(one.name, one.value);
      pending_.erase(one.name);
    }
    if (pending_.empty()) go_on();
  }

  // Sends the call again, with what was answered.
  void go_on() {
    if (entry_.state.status != TaskStatus::input_required) return;
    unpark();
    turn(TaskStatus::working, {});
    send(retry_of(request_.message.envelope(), std::exchange(answers_, Json::object()).dump(),
                  Json(state_).dump()));
  }

  void cancel(CancelReason reason, std::string_view why) {
    if (inner_ != nullptr) {
      tasks_.bridge_.cancelled(*inner_, reason);
    } else if (entry_.state.status == TaskStatus::input_required) {
      unpark();
      tasks_.bridge_.abandon(request_, state_);
    }
    over(TaskStatus::cancelled, why);
  }

  // From the bridge.
  void take_notification(Bytes text) {
    if (text.find("notifications/progress") == Bytes::npos) return;
    const auto json = Json::parse(text);
    if (json && (*json)["method"].string_or("") == "notifications/progress")
      if (const std::string* message = (*json)["params"]["message"].as_string())
        turn(entry_.state.status, *message);
  }
  void take_response(Bytes text) {
    bury_inner();
    ClientMessage message;
    if (!message.take(tasks_.bridge_.scanner_, PaddedString(text)).ok())
      return fail(refusals::internal_error("the answer cannot be read"));
    const Envelope& envelope = message.envelope();
    if (envelope.kind == MessageKind::error_response) return fail(error_of(envelope));
    if (envelope.result_type == "input_required") return take_questions(envelope);
    if (!charge_.resize(envelope.view(envelope.result).size()))
      return fail(refusals::overloaded("there is no memory left to keep the result"));
    result_ = envelope.view(envelope.result);
    over(TaskStatus::completed, {});
  }
  void take_refusal(const Refusal& refusal) {
    bury_inner();
    fail(refusal);
  }

 private:
  static Refusal error_of(const Envelope& envelope) {
    Refusal error{200, rpc::internal_error, {}, {}};
    if (const auto code = Json::parse(envelope.view(envelope.error_code)))
      error.code = static_cast<int>(code->int64_or(rpc::internal_error));
    if (!decode_json_string(envelope.view(envelope.error_message), error.message)) error.message.clear();
    error.data_json = envelope.view(envelope.error_data);
    return error;
  }
  void take_questions(const Envelope& envelope) {
    const auto result = Json::parse(envelope.view(envelope.result));
    if (!result || !(*result)["requestState"].is_string())
      return fail(refusals::internal_error("the questions cannot be read"));
    state_ = (*result)["requestState"].string_or("");
    pending_ = (*result)["inputRequests"].is_object() ? (*result)["inputRequests"] : Json::object();
    Reactor& reactor = tasks_.bridge_.parts_.reactor;
    reactor.arm_after(unanswered_, reactor.limits().mcp.request_state_age_max);
    call_ = tasks_.bridge_.parked_under(request_, state_);
    if (call_) tasks_.parked_.emplace(*call_, entry_.handle);
    turn(TaskStatus::input_required, {});
  }
  void turn(TaskStatus status, std::string_view message) {
    const bool is_news = status != entry_.state.status || message != entry_.state.message;
    if (TaskTable::turn(entry_, status, message, tasks_.bridge_.parts_.reactor.wall()) && is_news)
      tasks_.bridge_.task_changed(detailed({}));
  }
  void fail(const Refusal& refusal) {
    error_ = refusal;
    over(TaskStatus::failed, refusal.message);
  }
  void unpark() {
    unanswered_.cancel();
    if (call_) tasks_.parked_.erase(*std::exchange(call_, std::nullopt));
  }
  void give_up() {
    unpark();
    tasks_.bridge_.abandon(request_, state_);
    fail(refusals::timed_out(Outcome::sent_unknown));
  }
  void over(TaskStatus status, std::string_view message) {
    turn(status, message);
    bury_inner();
    pending_ = answers_ = Json::object();
    unpark();
    request_ = ClientRequest();  // it will not be sent again
    request_charge_.release();
  }
  void bury_inner() {
    if (inner_ == nullptr) return;
    inner_->forget();
    tasks_.bury(std::move(inner_));
  }

  ModernTasks& tasks_;
  TaskEntry& entry_;
  ClientRequest request_;  // the client's, while it runs
  Charge request_charge_;
  std::unique_ptr<Inner> inner_;
  Json pending_ = Json::object();  // questions that have no answer yet
  Json answers_ = Json::object();
  std::string state_;                  // of the round
  std::optional<std::uint64_t> call_;  // that is parked for it
  std::string result_;                 // JSON text
  Refusal error_;
  Charge charge_;     // for the result
  Timer unanswered_;  // while it wants input
};

std::size_t ModernTasks::Inner::notify(Bytes message) {
  if (run_ != nullptr) run_->take_notification(message);
  return room;
}
void ModernTasks::Inner::finish(Bytes response) {
  if (run_ != nullptr) run_->take_response(response);
}
void ModernTasks::Inner::refuse(int http_status, int code, std::string_view sentence, std::string_view data) {
  if (run_ != nullptr)
    run_->take_refusal(Refusal{http_status, code, std::string(sentence), std::string(data)});
}

ModernTasks::ModernTasks(ModernBridge& bridge, Sealer sealer)
    : bridge_(bridge),
      table_(std::move(sealer), bridge.parts_.reactor.limits().mcp),
      later_([](void* self) { static_cast<ModernTasks*>(self)->run_later(); }, this),
      expiry_(&ModernTasks::on_expiry, this) {}

ModernTasks::~ModernTasks() { stop(); }

void ModernTasks::stop() {
  std::vector<TaskEntry*> all;
  table_.for_each([&all](TaskEntry& entry) { all.push_back(&entry); });
  for (TaskEntry* entry : all) forget(*entry);
  expiry_.cancel();
}

ModernTasks::Run& ModernTasks::run_of(const TaskEntry& entry) { return static_cast<Run&>(*entry.attachment); }

void ModernTasks::create(Exchange& exchange, const std::string& server_info) {
  const ClientRequest& request = exchange.request();
  auto own = request_like(request, std::string(request.message.text()), bridge_.scanner_);
  if (!own) return bridge_.refuse(exchange, refusals::invalid_params(own.error().message));
  Reactor& reactor = bridge_.parts_.reactor;
  Charge charge(reactor.budget());
  if (!charge.resize(request.message.text().size()))
    return bridge_.refuse(exchange, refusals::overloaded("this worker's memory budget is used up"));
  TaskEntry* entry = table_.open(request.principal, Era::modern, std::nullopt, reactor.now(), reactor.wall());
  if (entry == nullptr)
    return bridge_.refuse(exchange, refusals::overloaded("there is no room for another task"));
  auto run = std::make_unique<Run>(*this, *entry, std::move(*own), std::move(charge));
  Run& started = *run;
  entry->attachment = std::move(run);
  expect_expiry();
  Json result = created_task_json(entry->state, Era::modern);
  complete(result, server_info);
  bridge_.answer(exchange, make_response(request.message.id(), result.dump()));
  started.start();
}

void ModernTasks::open(Exchange& exchange, const std::string& server_info) {
  const Envelope& envelope = exchange.request().message.envelope();
  if (!declares_tasks(envelope))
    return bridge_.refuse(exchange, refusals::missing_capability(tasks_capability_text()));
  TaskEntry* entry = table_.find(exchange.request().principal, Era::modern, envelope.task_id);
  if (entry == nullptr) return bridge_.refuse(exchange, refusals::invalid_params("there is no such task"));
  const std::string id(exchange.request().message.id());
  const auto acknowledge = [&] {
    Json done = Json::object();
    complete(done, server_info);
    bridge_.answer(exchange, make_response(id, done.dump()));
  };
  switch (find_method(envelope.method)->id) {
    case MethodId::tasks_update: {
      const auto responses = envelope.input_responses ? Json::parse(envelope.view(envelope.input_responses))
                                                      : Result<Json>(Json());
      if (!responses || !responses->is_object())
        return bridge_.refuse(exchange, refusals::invalid_params("inputResponses is no object"));
      run_of(*entry).update(*responses);
      return acknowledge();
    }
    case MethodId::tasks_cancel:
      if (!is_over(entry->state.status))
        run_of(*entry).cancel(CancelReason::client, "the client cancelled it");
      return acknowledge();
    default: break;
  }
  bridge_.answer(exchange, make_response(id, run_of(*entry).detailed(server_info)));
}

void ModernTasks::forget(TaskEntry& entry) {
  if (!is_over(entry.state.status)) run_of(entry).cancel(CancelReason::timed_out, "the task is forgotten");
  table_.forget(entry);
}

void ModernTasks::bury(std::unique_ptr<Inner> exchange) {
  dead_.push_back(std::move(exchange));
  if (!later_.armed()) bridge_.parts_.reactor.arm_after(later_, Duration::zero());
}

void ModernTasks::run_later() {
  dead_.clear();
  for (const Handle handle : std::exchange(answered_, {}))
    if (TaskEntry* entry = table_.get(handle); entry != nullptr) run_of(*entry).go_on();
}

void ModernTasks::call_answered(std::uint64_t call) {
  const auto at = parked_.find(call);
  if (at == parked_.end()) return;
  answered_.push_back(at->second);
  if (!later_.armed()) bridge_.parts_.reactor.arm_after(later_, Duration::zero());
}

void ModernTasks::call_given_up(std::uint64_t call, const Refusal& refusal) {
  const auto at = parked_.find(call);
  TaskEntry* entry = at == parked_.end() ? nullptr : table_.get(at->second);
  if (entry != nullptr) run_of(*entry).take_refusal(refusal);
}

void ModernTasks::expect_expiry() {
  if (table_.next_expiry() == never) {
    expiry_.cancel();
  } else {
    bridge_.parts_.reactor.arm(expiry_, table_.next_expiry());
  }
}

void ModernTasks::on_expiry(void* self) {
  auto& tasks = *static_cast<ModernTasks*>(self);
  while (TaskEntry* entry = tasks.table_.expired(tasks.bridge_.parts_.reactor.now())) tasks.forget(*entry);
  tasks.expect_expiry();
}

}  // namespace sluice
