// SPDX-License-Identifier: Apache-2.0
#include "sdk/call.h"

#include <algorithm>
#include <exception>

#include "codec/base64.h"
#include "codec/jsonrpc.h"
#include "crypto/digest.h"
#include "mcp/request_state.h"
#include "net/worker_pool.h"
#include "sdk/blocking_port.h"
#include "sdk/protocol.h"
#include "sdk/results.h"
#include "sdk/server_state.h"

namespace sluice {

namespace {

std::string question_digest(const RawQuestion& question) {
  const Json both = Json::object({{"method", question.method}, {"params", question.params}});
  const Digest digest = sha256(canonical_json(both));
  return base64url_encode(digest_view(digest).substr(0, 18));
}

constexpr std::string_view state_purpose = "ask";

StateScope scope_of(const Caller& caller, const CallPlan& plan, const Json& params) {
  const Json& given = params["arguments"];
  return {state_purpose, caller.principal,
          request_digest(plan.method, plan.name, given.is_null() ? Json::object() : given)};
}

std::string_view method_of_capability(ClientCan what) {
  if (what == ClientCan::sample) return "sampling/createMessage";
  return what == ClientCan::list_roots ? "roots/list" : "elicitation/create";
}

Json params_of_capability(ClientCan what) {
  const std::string_view mode = what == ClientCan::open_links ? "url" : "form";
  return Json::object({{"mode", mode}});
}

}  // namespace

// Waits for the pool; what the job needs, it owns.
class Call::Offload {
 public:
  explicit Offload(Call& call) : call_(call) {}
  Offload(const Offload&) = delete;
  Offload& operator=(const Offload&) = delete;

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> waiter) {
    auto job = [entry = call_.plan_.entry, handler = call_.plan_.handler, arguments = call_.plan_.arguments,
                port = call_.port_]() -> Result<Json> {
      BlockingContext context(port);
      try {
        return handler->blocking(arguments, context);
      } catch (const std::exception& exception) {
        return error(exception.what());
      } catch (...) {
        return error("the handler failed");
      }
    };
    auto ticket = call_.reactor().pool().offload(std::move(job), [this, waiter](Result<Json> result) {
      result_ = std::move(result);
      if (!call_.cancelled()) waiter.resume();
    });
    if (ticket) {
      ticket_ = std::move(*ticket);
      return true;
    }
    result_ = ticket.error();
    return false;
  }
  Result<Json> await_resume() { return std::move(result_); }

 private:
  Call& call_;
  WorkerPool::Ticket ticket_;
  Result<Json> result_ = error("the pool did not run the handler");
};

Call::Call(Protocol& protocol, Exchange& exchange, Caller caller, CallPlan plan, Json params)
    : protocol_(protocol),
      exchange_(&exchange),
      plan_(std::move(plan)),
      params_(std::move(params)),
      caller_(std::move(caller)),
      context_(*this),
      port_(std::make_shared<BlockingContext::Port>()),
      ask_timer_(&Call::on_ask_timeout, this) {
  port_->call = this;
  port_->reactor = &protocol.reactor();
  capabilities_ = protocol.capabilities_of(exchange, params_);
}

Call::~Call() {
  port_->cancelled = true;
  port_->call = nullptr;
  root_.reset();  // while everything its frames may touch is still there
}

Reactor& Call::reactor() { return protocol_.reactor(); }

const Json& Call::client_info() const {
  return client_info_ ? *client_info_ : protocol_.client_info_of(exchange_, params_);
}

void Call::start() {
  for (const ClientCan what : plan_.required) {
    const auto missing =
        missing_capability_for(capabilities_, method_of_capability(what), params_of_capability(what));
    if (!missing) continue;
    lacks_capability(*missing);
    return;
  }
  if (Status opened = open_state(); !opened) {
    conclude(opened.error());
    return;
  }
  if (plan_.task == CallPlan::AsTask::at_once && !become_task()) return;
  run();
  // It waits, and not for an answer: then it would be over.
  if (plan_.task != CallPlan::AsTask::no && exchange_ != nullptr) become_task();
}

bool Call::become_task() {
  ServerTasks& tasks = protocol_.tasks();
  TaskEntry* entry = tasks.open(caller_, exchange_->session(), plan_.task_ttl);
  if (entry == nullptr) {
    if (plan_.task != CallPlan::AsTask::when_it_waits)
      refuse(refusals::overloaded("there is no room for another task"));
    return false;
  }
  client_info_ = client_info();
  Exchange* exchange = std::exchange(exchange_, nullptr);
  task_ = entry;
  if (!said_.empty()) tasks.say(*entry, said_);
  Json result = created_task_json(entry->state, caller_.era);
  if (caller_.era == Era::modern) protocol_.complete_modern(result);
  tasks.keep(*entry, std::move(exchange->attachment), *this);
  protocol_.flush_changes();
  exchange->finish(make_response(caller_.id, result.dump()));
  drained();  // a task tells nobody who could be slow
  return true;
}

void Call::run() {
  began_ = true;
  try {
    if (protocol_.state().middleware.empty() && plan_.handler->now) {
      conclude(plan_.handler->now(plan_.arguments, context_));
      return;
    }
    root_.emplace(drive(protocol_.state().middleware.empty() ? handle() : with_middleware()));
    root_->start();
  } catch (const std::exception& exception) {
    conclude(error(exception.what()));
  } catch (...) {
    conclude(error("the handler failed"));
  }
}

Task<Result<Json>> Call::handle() {
  if (plan_.handler->now) co_return plan_.handler->now(plan_.arguments, context_);
  if (plan_.handler->later) {
    auto task = plan_.handler->later(plan_.arguments, context_);
    Result<Json> result = co_await task;
    co_return result;
  }
  Offload offload(*this);
  Result<Json> result = co_await offload;
  co_return result;
}

Task<Result<Json>> Call::with_middleware() {
  Request request{plan_.method, plan_.name, plan_.arguments, context_};
  auto task = middleware(0, request);
  Result<Json> result = co_await task;
  co_return result;
}

Task<Result<Json>> Call::middleware(std::size_t index, Request& request) {
  const auto& all = protocol_.state().middleware;
  if (index >= all.size()) {
    plan_.arguments = request.arguments;
    return handle();
  }
  return all[index](request, Next([this, index](Request& inner) { return middleware(index + 1, inner); }));
}

// Owns the work, so that destroying this frame destroys everything below it.
Task<void> Call::drive(Task<Result<Json>> work) {
  Result<Json> outcome = error("the handler failed");
  try {
    outcome = co_await work;
  } catch (const std::exception& exception) {
    outcome = error(exception.what());
  } catch (...) {
    outcome = error("the handler failed");
  }
  conclude(std::move(outcome));
}

void Call::cancel() {
  cancelled_ = true;
  port_->cancelled = true;
  exchange_ = nullptr;
  task_ = nullptr;
  ask_timer_.cancel();
  const auto hooks = std::move(hooks_);
  for (const auto& hook : hooks) hook();
}

// --- The result ---

Exchange* Call::retire() {
  Exchange* exchange = std::exchange(exchange_, nullptr);
  if (exchange == nullptr) return nullptr;
  ask_timer_.cancel();
  port_->cancelled = true;
  protocol_.withdraw_asks(*exchange, *this, "the call has ended");
  protocol_.flush_changes();
  protocol_.bury(std::move(exchange->attachment));
  return exchange;
}

void Call::conclude(Result<Json> outcome) {
  if (over()) return;
  if (plan_.task == CallPlan::AsTask::always && began_ && exchange_ != nullptr && !become_task()) return;
  if (!outcome) {
    conclude_failed(outcome.error());
    return;
  }
  Json result = std::move(*outcome);
  if (plan_.kind == CallPlan::Kind::resource) complete_contents(result, plan_.name, plan_.mime_type);
  reply_result(std::move(result));
}

void Call::conclude_failed(const Error& error) {
  if (error.code == Errc::protocol) {
    reply_error(error.number, error.message, error.data);
    return;
  }
  switch (plan_.kind) {
    case CallPlan::Kind::tool: reply_result(ToolResult().add(text(error.message)).failed().json()); return;
    case CallPlan::Kind::resource:
      if (error.code == Errc::not_found) {
        const Refusal refusal = refusals::resource_not_found(plan_.name, caller_.era);
        reply_error(refusal.code, refusal.message, refusal.data_json);
        return;
      }
      break;
    default: break;
  }
  reply_error(error.code == Errc::invalid ? rpc::invalid_params : rpc::internal_error, error.message);
}

void Call::reply_result(Json result) {
  if (caller_.era == Era::modern) {
    protocol_.complete_modern(result);
    if (plan_.kind == CallPlan::Kind::resource) add_cache_hints(result, plan_.cache_ttl, plan_.cache_shared);
  } else if (plan_.kind == CallPlan::Kind::tool) {
    adapt_tool_result(result, caller_.revision);
  } else if (plan_.kind == CallPlan::Kind::prompt) {
    adapt_prompt_result(result, caller_.revision);
  }
  if (TaskEntry* task = leave_task()) {
    const bool told_error = result["isError"].bool_or(false);
    protocol_.tasks().succeed(*task, std::move(result), told_error);
    return;
  }
  const std::string response = make_response(caller_.id, result.dump());
  if (Exchange* exchange = retire()) exchange->finish(response);
}

TaskEntry* Call::leave_task() {
  if (task_ == nullptr) return nullptr;
  port_->cancelled = true;
  return std::exchange(task_, nullptr);
}

void Call::reply_error(int code, std::string_view message, std::string_view data) {
  if (TaskEntry* task = leave_task()) {
    protocol_.tasks().fail(*task, code, message, data);
    return;
  }
  const std::string response = make_error_response(caller_.id, code, message, data);
  if (Exchange* exchange = retire()) exchange->finish(response);
}

void Call::refuse(const Refusal& refusal) {
  if (task_ != nullptr) {
    reply_error(refusal.code, refusal.message, refusal.data_json);
    return;
  }
  if (Exchange* exchange = retire())
    exchange->refuse(refusal.http_status, refusal.code, refusal.message, refusal.data_json);
}

// --- Telling ---

void Call::progress(double done, double total, std::string_view message) {
  if (over()) return;
  if (plan_.task != CallPlan::AsTask::no && !message.empty()) {
    said_ = message;
    if (task_ != nullptr) protocol_.tasks().say(*task_, said_);
  }
  if (caller_.progress_token.empty() || !hears()) return;
  if (progress_ && done <= *progress_) return;
  progress_ = done;
  Json params = Json::object({{"progress", done}});
  if (total > 0) params.set("total", total);
  if (!message.empty() && caller_.revision >= Revision::r2025_03_26) params.set("message", message);
  if (task_ != nullptr) mark_related(params, task_->state.id);
  std::string text = params.dump();
  text.insert(1, "\"progressToken\":" + caller_.progress_token + ",");
  tell(make_notification("notifications/progress", text));
}

void Call::log(Severity severity, Json data, std::string_view logger) {
  if (over() || !hears()) return;
  const Session* session = task_ == nullptr ? exchange_->session() : ServerTasks::at(*task_).session;
  if (!protocol_.wants_log(session, caller_, severity)) return;
  Json params = Json::object({{"level", severity_text(severity)}});
  if (!logger.empty()) params.set("logger", logger);
  params.set("data", std::move(data));
  if (task_ != nullptr) mark_related(params, task_->state.id);
  tell(make_notification("notifications/message", params.dump()));
}

void Call::tell(const std::string& notification) {
  if (task_ != nullptr) {
    protocol_.tasks().tell(*task_, notification);
  } else {
    crowded_ = exchange_->notify(notification) == 0;
  }
}

void Call::drained() {
  crowded_ = false;
  if (auto waiter = std::exchange(room_waiter_, nullptr); waiter && !cancelled_) waiter.resume();
}

// --- Asking ---

void Call::lacks_capability(std::string_view required) {
  if (caller_.era == Era::modern) {
    refuse(refusals::missing_capability(required));
  } else {
    conclude_failed(
        error("this needs a capability that the client has not declared: " + std::string(required)));
  }
}

bool Call::client_can(ClientCan what) const {
  return !missing_capability_for(capabilities_, method_of_capability(what), params_of_capability(what));
}

const Json& Call::answer_to(const std::string& key) const {
  static const Json none;
  const auto found = settled_.find(key);
  return found == settled_.end() ? none : found->second.result;
}

bool Call::ready(const std::vector<RawQuestion>& questions) {
  bool all = true;
  for (const RawQuestion& question : questions) {
    const auto found = settled_.find(question.key);
    if (found == settled_.end() || found->second.digest != question_digest(question)) {
      all = false;
    } else if (fresh_.erase(question.key) > 0 && !question.usable(found->second.result)) {
      settled_.erase(found);
      all = false;
    }
  }
  return all;
}

void Call::ask(const std::vector<RawQuestion>& questions, std::coroutine_handle<> waiter) {
  if (over()) return;
  open_.clear();
  for (const RawQuestion& question : questions) {
    const std::string digest = question_digest(question);
    const auto asked = asked_.find(question.key);
    if (asked != asked_.end() && asked->second != digest) {
      reply_error(rpc::internal_error,
                  "the question '" + question.key +
                      "' is not the one that was asked under that key before; what is above an "
                      "ask must do the same in every round");
      return;
    }
    if (settled_.contains(question.key)) continue;
    if (const auto missing = missing_capability_for(capabilities_, question.method, question.params)) {
      lacks_capability(*missing);
      return;
    }
    asked_.emplace(question.key, digest);
    open_.push_back(question);
  }
  if (!plan_.may_ask || open_.size() > protocol_.state().limits.mcp.asks_per_exchange_max) {
    reply_error(rpc::internal_error, plan_.may_ask ? "the handler asks too many questions at once"
                                                   : "this method cannot ask its client anything");
    return;
  }
  if (++rounds_ > protocol_.state().limits.mcp.ask_rounds_max) {
    reply_error(rpc::internal_error, "the call asked more often than it may");
    return;
  }
  waiter_ = waiter;
  if (task_ != nullptr) {
    protocol_.tasks().ask(*task_);
  } else if (caller_.era == Era::modern) {
    reply_input_required();
  } else {
    reactor().arm_after(ask_timer_, protocol_.state().limits.mcp.ask);
    ask_on(*exchange_);
  }
}

void Call::ask_on(Exchange& exchange) {
  const std::vector<RawQuestion> batch = open_;  // answers may come while this runs
  for (const RawQuestion& question : batch) {
    Json params = question.params;
    if (!adapt_question(params, caller_.revision)) {
      answer(question.key,
             question_detail::failure("the client's revision of MCP has no form for this question"));
      if (over()) return;
      continue;
    }
    const std::string id = protocol_.register_ask(exchange, *this, question.key);
    if (task_ != nullptr) mark_related(params, task_->state.id);
    if (params["mode"].string_or("") == "url") params.set("elicitationId", question.key + "-" + id);
    exchange.ask(make_request(id, question.method, params.empty() ? std::string() : params.dump()));
  }
}

void Call::answer(const std::string& key, Json result) {
  for (auto question = open_.begin(); question != open_.end(); ++question) {
    if (question->key != key) continue;
    if (question_detail::failure_of(result) == nullptr && !question->usable(result))
      result = question_detail::failure("the client's answer does not fit the question");
    settled_.insert_or_assign(key, Settled{question_digest(*question), std::move(result)});
    open_.erase(question);
    if (open_.empty()) all_answered();
    return;
  }
}

void Call::take_answers(const Json& responses) {
  for (const JsonMember& one : responses.members()) {
    if (over()) return;
    const auto asked = std::find_if(open_.begin(), open_.end(),
                                    [&one](const RawQuestion& question) { return question.key == one.name; });
    if (asked != open_.end() && asked->usable(one.value)) answer(one.name, one.value);
  }
}

void Call::all_answered() {
  ask_timer_.cancel();
  if (task_ != nullptr) protocol_.tasks().go_on(*task_);
  if (protocol_.replays()) {
    if (root_) protocol_.bury(std::move(*root_));
    root_.reset();
    waiter_ = nullptr;
    hooks_.clear();  // they belong to the frame that goes
    run();
  } else if (auto waiter = std::exchange(waiter_, nullptr)) {
    waiter.resume();
  }
}

void Call::on_ask_timeout(void* self) {
  auto& call = *static_cast<Call*>(self);
  if (call.exchange_ == nullptr) return;
  const auto late = call.open_;  // the handler may ask anew as soon as the last one is settled
  call.protocol_.withdraw_asks(*call.exchange_, call, "no answer came in time");
  for (const RawQuestion& question : late)
    call.answer(question.key, question_detail::failure("the client did not answer in time"));
}

Json Call::input_requests() const {
  Json requests = Json::object();
  for (const RawQuestion& question : open_) {
    Json request = Json::object({{"method", question.method}});
    if (!question.params.empty()) request.set("params", question.params);
    requests.set(question.key, std::move(request));
  }
  return requests;
}

void Call::reply_input_required() {
  auto sealed = protocol_.request_states().seal(scope_of(caller_, plan_, params_), state_json().dump(),
                                                reactor().wall());
  if (!sealed) {
    reply_error(rpc::internal_error, sealed.error().message);
    return;
  }
  Json result = Json::object({{"inputRequests", input_requests()}, {"requestState", std::move(*sealed)}});
  result.set("resultType", "input_required");
  protocol_.complete_modern(result);
  const std::string response = make_response(caller_.id, result.dump());
  if (Exchange* exchange = retire()) exchange->finish(response);
}

// --- What is kept between rounds ---

const Json* Call::kept(const std::string& key) const {
  const auto found = kept_.find(key);
  return found == kept_.end() ? nullptr : &found->second;
}

void Call::keep(const std::string& key, Json value) { kept_.insert_or_assign(key, std::move(value)); }

Json Call::state_json() const {
  Json answers = Json::object();
  for (const auto& one : settled_) answers.set(one.first, one.second.result);
  Json digests = Json::object();
  for (const auto& one : asked_) digests.set(one.first, one.second);
  Json results = Json::object();
  for (const auto& one : kept_) results.set(one.first, one.second);
  return Json::object({{"rounds", rounds_}, {"answers", answers}, {"asked", digests}, {"kept", results}});
}

Status Call::open_state() {
  if (caller_.era != Era::modern) return {};
  const Json* given = params_.find("requestState");
  if (given == nullptr) return {};
  const std::string* text = given->as_string();
  if (!plan_.may_ask || text == nullptr)
    return protocol_error(rpc::invalid_params, "requestState is not one of this server's");
  auto payload = protocol_.request_states().open(scope_of(caller_, plan_, params_), *text, reactor().wall());
  if (!payload) return payload.error();
  const auto state = Json::parse(*payload);
  if (!state) return protocol_error(rpc::invalid_params, "requestState cannot be read");
  rounds_ = static_cast<std::size_t>((*state)["rounds"].int64_or(0));
  for (const JsonMember& one : (*state)["asked"].members())
    asked_.emplace(one.name, std::string(one.value.string_or("")));
  for (const JsonMember& one : (*state)["kept"].members()) kept_.emplace(one.name, one.value);
  for (const JsonMember& one : (*state)["answers"].members())
    settled_.emplace(one.name, Settled{asked_[one.name], one.value});
  // Only what was asked counts; an answer that does not fit is asked for again when the handler gets there.
  for (const JsonMember& one : params_["inputResponses"].members()) {
    const auto asked = asked_.find(one.name);
    if (asked == asked_.end() || settled_.contains(one.name)) continue;
    settled_.emplace(one.name, Settled{asked->second, one.value});
    fresh_.insert(one.name);
  }
  return {};
}

}  // namespace sluice
