// SPDX-License-Identifier: Apache-2.0
#include "gateway/legacy_tasks.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/budget.h"
#include "codec/json.h"
#include "codec/json_splice.h"
#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "gateway/legacy_bridge.h"
#include "gateway/legacy_bridge_call.h"
#include "gateway/request_like.h"

namespace sluice {

namespace {

// `text` is a message of ours or one that was scanned.
std::string marked(Bytes text, std::string_view task_id) {
  auto json = Json::parse(text);
  if (!json || !json->is_object()) return std::string(text);
  Json* params = json->find("params");
  if (params == nullptr) params = &json->set("params", Json::object());
  mark_related(*params, task_id);
  return json->dump();
}

// The result of a response as text, with what names its task.
std::string marked_result(const Envelope& response, std::string_view task_id) {
  const std::string related = Json::object({{"taskId", task_id}}).dump();
  const std::string meta =
      Json::object({{related_task_key.data(), Json::object({{"taskId", task_id}})}}).dump();
  JsonSplice splice;
  if (response.meta) {
    splice.insert(response.meta, related_task_key, related);
  } else {
    splice.insert(response.result, "_meta", meta);
  }
  std::string out;
  splice.append_to(out, response.text, response.result);
  return out;
}

}  // namespace

// The exchange in which the call goes on: its client's side is whoever asks for the result.
class LegacyTasks::Inner final : public Exchange {
 public:
  Inner(ClientRequest request, Session& session, Run& run)
      : Exchange(std::move(request), &session), run_(&run) {}
  void forget() { run_ = nullptr; }

  std::size_t notify(Bytes message) override;
  std::size_t ask(Bytes message) override;
  void finish(Bytes response) override;
  void refuse(int http_status, int code, std::string_view sentence, std::string_view data) override;

 private:
  Run* run_;
};

// A request for the result that has to wait for it.
class LegacyTasks::Watch final : public LegacyBridgeWork {
 public:
  Watch(LegacyTasks& tasks, Exchange& exchange, Handle task)
      : tasks_(tasks), exchange_(exchange), task_(task) {}
  void cancelled(CancelReason reason) override;

 private:
  LegacyTasks& tasks_;
  Exchange& exchange_;
  Handle task_;
};

// What runs and what came of it.
class LegacyTasks::Run final : public Attachment {
 public:
  Run(LegacyTasks& tasks, TaskEntry& entry, LegacyBridgeSession& session)
      : bridge_(tasks.bridge_), entry_(entry), session_(session), charge_(bridge_.parts_.reactor.budget()) {}
  ~Run() override { CHECK(inner_ == nullptr); }

  [[nodiscard]] const LegacyBridgeSession& session() const { return session_; }

  void start(ClientRequest request) {
    inner_ = std::make_unique<Inner>(std::move(request), session_.front(), *this);
    LegacyBridgeCall::start(bridge_, session_, *inner_);
  }

  [[nodiscard]] TaskState state() const {
    TaskState state = entry_.state;
    if (const LegacyBridgeCall* call = running(); call != nullptr && call->is_asking())
      state.status = TaskStatus::input_required;
    return state;
  }

  void cancel(CancelReason reason, std::string_view why) {
    if (LegacyBridgeCall* call = running(); call != nullptr) call->cancelled(reason);
    error_ = refusals::internal_error(why);
    over(TaskStatus::cancelled, why, reason == CancelReason::client);
  }

  [[nodiscard]] std::size_t watchers() const { return watchers_.size(); }
  void add(Exchange& watcher) {
    watchers_.push_back(&watcher);
    ask_watcher();
  }
  void remove(Exchange& watcher) {
    std::erase(watchers_, &watcher);
    if (asker_ != &watcher) return;
    asker_ = nullptr;
    ask_watcher();
  }
  void answer(Exchange& exchange) {
    const Bytes id = exchange.request().message.id();
    const std::string response = result_.empty()
                                     ? make_error_response(id, error_.code, error_.message, error_.data_json)
                                     : make_response(id, result_);
    bridge_.parts_.calls.opened(exchange);
    bridge_.parts_.calls.ended(exchange, bridge_.parts_.config.name,
                               result_.empty() ? CallStatus::error : CallStatus::ok, 0, response.size());
    exchange.finish(response);
  }

  // From the call.
  std::size_t tell(Bytes message) {
    const std::string text = marked(message, entry_.state.id);
    return watchers_.empty() ? session_.front().send(text) : watchers_.front()->notify(text);
  }
  std::size_t take_ask(Bytes message) {
    std::erase_if(asks_, [this](const Ask& ask) { return !running()->is_asking(ask.id); });
    const bool is_first = asks_.empty();
    Ask ask{std::string(), marked(message, entry_.state.id)};
    if (const auto json = Json::parse(message)) ask.id = (*json)["id"].dump();
    asks_.push_back(std::move(ask));
    if (is_first) tell_status();
    if (asker_ != nullptr) return asker_->ask(asks_.back().text);
    ask_watcher();
    return bridge_.limits().net.unsent_bytes_soft;
  }
  void take_response(Bytes response) {
    ClientMessage message;
    if (!message.take(bridge_.scanner_, PaddedString(response)).ok())
      return fail(refusals::internal_error("the answer cannot be read"));
    const Envelope& envelope = message.envelope();
    if (envelope.kind == MessageKind::error_response) {
      Refusal error{200, rpc::internal_error, {}, {}};
      if (const auto code = Json::parse(envelope.view(envelope.error_code)))
        error.code = static_cast<int>(code->int64_or(rpc::internal_error));
      if (!decode_json_string(envelope.view(envelope.error_message), error.message)) error.message.clear();
      error.data_json = envelope.view(envelope.error_data);
      return fail(error);
    }
    std::string result = marked_result(envelope, entry_.state.id);
    if (!charge_.resize(result.size()))
      return fail(refusals::overloaded("there is no memory left to keep the result"));
    result_ = std::move(result);
    const JsonSpan is_error = json_member(envelope.text, envelope.result, "isError");
    over(is_error && envelope.view(is_error) == "true" ? TaskStatus::failed : TaskStatus::completed, {});
  }
  void fail(const Refusal& refusal) {
    error_ = refusal;
    over(TaskStatus::failed, refusal.message);
  }

 private:
  struct Ask {
    std::string id;  // raw
    std::string text;
  };

  [[nodiscard]] LegacyBridgeCall* running() const {
    return inner_ == nullptr ? nullptr : static_cast<LegacyBridgeCall*>(inner_->attachment.get());
  }
  void ask_watcher() {
    if (asker_ != nullptr || watchers_.empty() || running() == nullptr) return;
    std::erase_if(asks_, [this](const Ask& ask) { return !running()->is_asking(ask.id); });
    if (asks_.empty()) return;
    asker_ = watchers_.front();
    const auto asks = asks_;
    for (const Ask& ask : asks) asker_->ask(ask.text);
  }
  // That it waits for answers, or is over: a client need not look.
  void tell_status() {
    session_.front().send(
        make_notification("notifications/tasks/status", task_json(state(), Era::legacy).dump()));
  }
  void over(TaskStatus status, std::string_view message, bool is_told = true) {
    if (!TaskTable::turn(entry_, status, message, bridge_.parts_.reactor.wall())) return;
    asks_.clear();
    asker_ = nullptr;
    if (inner_ != nullptr) {
      inner_->forget();
      bridge_.bury(std::move(inner_));
    }
    if (is_told) tell_status();
    for (Exchange* watcher : std::exchange(watchers_, {})) answer(*watcher);
  }

  LegacyBridge& bridge_;
  TaskEntry& entry_;
  LegacyBridgeSession& session_;
  std::unique_ptr<Inner> inner_;  // while it runs
  std::vector<Ask> asks_;         // that are open at the client, or wait for somebody to put them to it
  Exchange* asker_ = nullptr;     // of the watchers, the one whose stream has carried them
  std::vector<Exchange*> watchers_;
  std::string result_;  // JSON text; empty: the error
  Refusal error_;
  Charge charge_;
};

std::size_t LegacyTasks::Inner::notify(Bytes message) { return run_ == nullptr ? 1 : run_->tell(message); }
std::size_t LegacyTasks::Inner::ask(Bytes message) { return run_ == nullptr ? 1 : run_->take_ask(message); }
void LegacyTasks::Inner::finish(Bytes response) {
  if (run_ != nullptr) run_->take_response(response);
}
void LegacyTasks::Inner::refuse(int http_status, int code, std::string_view sentence, std::string_view data) {
  if (run_ != nullptr) run_->fail(Refusal{http_status, code, std::string(sentence), std::string(data)});
}

void LegacyTasks::Watch::cancelled(CancelReason reason) {
  tasks_.bridge_.parts_.calls.opened(exchange_);
  tasks_.bridge_.ends_.cancelled(exchange_, reason);
  if (TaskEntry* entry = tasks_.table_.get(task_)) run_of(*entry).remove(exchange_);
}

LegacyTasks::LegacyTasks(LegacyBridge& bridge, Sealer sealer)
    : bridge_(bridge),
      table_(std::move(sealer), bridge.limits().mcp),
      expiry_(&LegacyTasks::on_expiry, this) {}

LegacyTasks::~LegacyTasks() {
  std::vector<TaskEntry*> all;
  table_.for_each([&all](TaskEntry& entry) { all.push_back(&entry); });
  for (TaskEntry* entry : all) forget(*entry);
}

LegacyTasks::Run& LegacyTasks::run_of(const TaskEntry& entry) { return static_cast<Run&>(*entry.attachment); }

void LegacyTasks::create(LegacyBridgeSession& session, Exchange& exchange) {
  const ClientRequest& request = exchange.request();
  const Envelope& envelope = request.message.envelope();
  std::optional<milliseconds> ttl;
  if (const auto wish = Json::parse(envelope.view(envelope.task)); wish && (*wish)["ttl"].int64_or(0) > 0)
    ttl = milliseconds((*wish)["ttl"].int64_or(0));
  auto inner = request_like(request, std::string(request.message.text()), bridge_.scanner_);
  if (!inner) return bridge_.refuse(exchange, refusals::invalid_params(inner.error().message));
  Reactor& reactor = bridge_.parts_.reactor;
  TaskEntry* entry = table_.open(request.principal, Era::legacy, ttl, reactor.now(), reactor.wall());
  if (entry == nullptr)
    return bridge_.refuse(exchange, refusals::overloaded("there is no room for another task"));
  auto run = std::make_unique<Run>(*this, *entry, session);
  Run& started = *run;
  entry->attachment = std::move(run);
  expect_expiry();
  bridge_.answer(exchange, created_task_json(entry->state, Era::legacy).dump());
  started.start(std::move(*inner));
}

void LegacyTasks::open(LegacyBridgeSession& session, Exchange& exchange, MethodId method) {
  if (method == MethodId::tasks_list) return list(session, exchange);
  const Envelope& envelope = exchange.request().message.envelope();
  TaskEntry* entry = table_.find(exchange.request().principal, Era::legacy, envelope.task_id);
  if (entry == nullptr) return bridge_.refuse(exchange, refusals::invalid_params("there is no such task"));
  Run& run = run_of(*entry);
  if (method == MethodId::tasks_result) return watch(*entry, exchange);
  if (method == MethodId::tasks_cancel) {
    if (is_over(entry->state.status))
      return bridge_.refuse(exchange,
                            refusals::invalid_params("the task is over already: " +
                                                     std::string(task_status_text(entry->state.status))));
    run.cancel(CancelReason::client, "the client cancelled it");
  }
  bridge_.answer(exchange, task_json(run.state(), Era::legacy).dump());
}

void LegacyTasks::watch(TaskEntry& entry, Exchange& exchange) {
  Run& run = run_of(entry);
  if (is_over(entry.state.status)) return run.answer(exchange);
  if (run.watchers() >= bridge_.limits().mcp.task_watchers_max)
    return bridge_.refuse(exchange, refusals::overloaded("too many requests wait for this task already"));
  exchange.attachment = std::make_unique<Watch>(*this, exchange, entry.handle);
  run.add(exchange);
}

// Those of the session: without credentials all clients are one principal. There are few enough for one page.
void LegacyTasks::list(const LegacyBridgeSession& session, Exchange& exchange) {
  Json tasks = Json::array();
  table_.for_each([&](const TaskEntry& entry) {
    if (&run_of(entry).session() == &session) tasks.push_back(task_json(run_of(entry).state(), Era::legacy));
  });
  bridge_.answer(exchange, Json::object({{"tasks", std::move(tasks)}}).dump());
}

void LegacyTasks::ended(const LegacyBridgeSession& session) {
  std::vector<TaskEntry*> gone;
  table_.for_each([&](TaskEntry& entry) {
    if (&run_of(entry).session() == &session) gone.push_back(&entry);
  });
  for (TaskEntry* entry : gone) forget(*entry);
  expect_expiry();
}

void LegacyTasks::forget(TaskEntry& entry) {
  if (!is_over(entry.state.status)) run_of(entry).cancel(CancelReason::peer_gone, "the task is forgotten");
  table_.forget(entry);
}

void LegacyTasks::expect_expiry() {
  if (table_.next_expiry() == never) {
    expiry_.cancel();
  } else {
    bridge_.parts_.reactor.arm(expiry_, table_.next_expiry());
  }
}

void LegacyTasks::on_expiry(void* self) {
  auto& tasks = *static_cast<LegacyTasks*>(self);
  while (TaskEntry* entry = tasks.table_.expired(tasks.bridge_.parts_.reactor.now())) tasks.forget(*entry);
  tasks.expect_expiry();
}

}  // namespace sluice
