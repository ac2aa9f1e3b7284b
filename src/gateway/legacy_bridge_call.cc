// SPDX-License-Identifier: Apache-2.0
#include "gateway/legacy_bridge_call.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "codec/json.h"
#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "gateway/legacy_bridge.h"
#include "mcp/era_questions.h"
#include "mcp/methods.h"
#include "mcp/to_legacy.h"
#include "mcp/tool_headers.h"

namespace sluice {

namespace {

std::string canonical(const std::string& raw_id) {
  const auto id = RpcId::from_raw(raw_id);
  return id ? id->canonical() : std::string();
}

std::string withdrawal(const std::string& ask, std::string_view why) {
  std::string params = R"({"requestId":)" + ask + R"(,"reason":)";
  append_json_string(params, why);
  return make_notification("notifications/cancelled", params + "}");
}

// What of an answer to a question makes it one to keep: the client went to the page.
bool is_acceptance(const Envelope& answer) {
  const JsonSpan action = json_member(answer.text, answer.result, "action");
  return action && answer.view(action) == R"("accept")";
}

}  // namespace

LegacyBridgeCall::LegacyBridgeCall(LegacyBridge& bridge, LegacyBridgeSession& session, Exchange& exchange)
    : bridge_(bridge),
      session_(session),
      exchange_(exchange),
      request_(bridge, *this),
      pace_([](void* self) { static_cast<LegacyBridgeCall*>(self)->send(); }, this) {
  ++bridge_.calls_;
}

LegacyBridgeCall::~LegacyBridgeCall() { leave(); }

void LegacyBridgeCall::start(LegacyBridge& bridge, LegacyBridgeSession& session, Exchange& exchange) {
  std::unique_ptr<LegacyBridgeCall> call(new LegacyBridgeCall(bridge, session, exchange));
  LegacyBridgeCall& started = *call;
  exchange.attachment = std::move(call);
  started.begin();
}

void LegacyBridgeCall::begin() {
  if (!is_tool_call()) return send();
  is_waiting_for_tools_ = true;
  if (bridge_.tools_.wait(session_, *this)) return;
  is_waiting_for_tools_ = false;
  send();
}

void LegacyBridgeCall::on_tools() {
  is_waiting_for_tools_ = false;
  send();
}

std::vector<HeaderPair> LegacyBridgeCall::headers_of(const LegacyBridgeTool& tool) const {
  const Envelope& envelope = asked_for();
  if (tool.headers.empty() || !envelope.arguments) return {};
  const auto arguments = Json::parse(envelope.view(envelope.arguments));
  if (!arguments) return {};
  return param_headers_for(tool.headers, *arguments);
}

void LegacyBridgeCall::send() {
  LegacyBridgeRequest::Origin origin = session_.origin();
  origin.correlation_id = exchange_.request().correlation_id;
  if (is_tool_call()) {
    const LegacyBridgeTool* tool = bridge_.tools_.find(session_, asked_for().name);
    wraps_ = tool != nullptr && tool->wraps;
    if (tool != nullptr) origin.param_headers = headers_of(*tool);
  }
  was_sent_ = true;
  progress_floor_ = progress_;
  request_.open(to_modern_request(asked_for(), bridge_.next_id(), session_.who(), retry_), std::move(origin));
}

void LegacyBridgeCall::drained() { request_.drained(); }

// ---- What the server says

std::size_t LegacyBridgeCall::on_notification(const ClientMessage& message) {
  const Method* method = find_method(message.envelope().method);
  const bool is_of_requests =
      method == nullptr || method->id == MethodId::notify_progress || method->id == MethodId::notify_message;
  if (!is_of_requests || (method != nullptr && method->id == MethodId::notify_progress && goes_back(message)))
    return all_room;
  return exchange_.notify(message.text());
}

// A retry starts from nothing, but for the client it is one call, whose progress must increase.
bool LegacyBridgeCall::goes_back(const ClientMessage& progress) {
  const auto number = progress_value(progress.envelope());
  if (!number) return false;
  if (progress_floor_ && *number <= *progress_floor_) return true;
  progress_ = number;
  return false;
}

void LegacyBridgeCall::on_refused(const Refusal& refusal) {
  if (is_tool_call() && refusal.code == rpc::header_mismatch && !std::exchange(was_refreshed_, true)) {
    bridge_.tools_.changed(session_.principal());
    return begin();
  }
  if (is_tool_call() && refusal.code == rpc::missing_client_capability)
    return finish(make_tool_error(exchange_.request().message.id(), refusal.message));
  refuse(to_legacy_refusal(refusal, asked_for().method));
}

void LegacyBridgeCall::on_response(const ClientMessage& message) {
  const Envelope& envelope = message.envelope();
  if (envelope.kind == MessageKind::response) return on_result(message);
  const Bytes code = envelope.view(envelope.error_code);
  if (is_tool_call() && (code == "-32020" || code == "-32021")) {
    Refusal refusal;
    refusal.http_status = 200;
    refusal.code = code == "-32020" ? rpc::header_mismatch : rpc::missing_client_capability;
    if (!decode_json_string(envelope.view(envelope.error_message), refusal.message)) refusal.message.clear();
    refusal.data_json = envelope.view(envelope.error_data);
    return on_refused(refusal);
  }
  if (code == "-32022" && task_ == nullptr) return on_version_refused(envelope);
  finish(to_legacy_response(envelope, exchange_.request().message.id(),
                            ResultShape{asked_for().method, session_.who().revision, wraps_}));
}

void LegacyBridgeCall::on_version_refused(const Envelope& error) {
  const bool names_ours = era_questions::shows_modern(error);
  if (names_ours && !std::exchange(was_repeated_, true)) return send();
  Refusal refusal = refusals::upstream_lost(Outcome::not_sent);
  refusal.message = "upstream '" + bridge_.parts_.config.name + "' takes no request of MCP " +
                    std::string(revision_text(latest_modern)) +
                    (names_ours ? ", and says that it speaks it" : "; what it speaks is asked again");
  refuse(refusal);
}

void LegacyBridgeCall::on_result(const ClientMessage& message) {
  const Envelope& envelope = message.envelope();
  if (envelope.result_type == "input_required") return take_round(envelope);
  if (envelope.result_type == "task" && is_tool_call()) return follow(envelope);
  if (envelope.result_type_span && envelope.result_type != "complete") {
    return fail("the server answered with a result of a kind that this client cannot take: \"" +
                std::string(envelope.result_type.substr(0, 64)) + "\"");
  }
  const ResultShape shape{asked_for().method, session_.who().revision, wraps_, session_.offer().tasks};
  const Bytes id = exchange_.request().message.id();
  // A tool whose headers cannot be made is not to be offered over HTTP, and whether the server is reached
  // over it its configuration says.
  if (shape.method == "tools/list" && !bridge_.parts_.config.url.empty()) {
    ClientMessage kept;
    if (const auto text = without_broken_tools(envelope);
        text && kept.take(bridge_.scanner_, PaddedString(*text)).ok())
      return finish(to_legacy_response(kept.envelope(), id, shape));
  }
  finish(to_legacy_response(envelope, id, shape));
}

// ---- A task of the server's

void LegacyBridgeCall::follow(const Envelope& created) {
  const auto json = Json::parse(created.view(created.result));
  auto task = json ? parse_task(*json, Era::modern) : Result<TaskState>(json.error());
  if (!task) return fail("the server made a task of the call that cannot be read: " + task.error().message);
  LegacyBridgeRequest::Origin origin = session_.origin();
  origin.correlation_id = exchange_.request().correlation_id;
  questions_.clear();
  LegacyBridgeTaskHandler& self = *this;
  task_ = std::make_unique<LegacyBridgeTask>(bridge_, session_, self, *std::move(task), std::move(origin));
}

// To a client that asked for progress, that the task goes on is some.
void LegacyBridgeCall::on_task_sign(const TaskState& task) {
  exchange_.sign(LifeSign::work);
  const Envelope& envelope = asked_for();
  if (!envelope.meta_progress_token) return;
  progress_ = std::floor(progress_.value_or(0)) + 1;
  Json params = Json::object({{"progress", *progress_}});
  if (!task.message.empty() && session_.who().revision >= Revision::r2025_03_26)
    params.set("message", task.message);
  std::string text = with_member(params.dump(), "progressToken", envelope.view(envelope.meta_progress_token));
  exchange_.notify(make_notification("notifications/progress", text));
}

void LegacyBridgeCall::on_task_asks(std::vector<InputRequest> requests, const std::set<std::string>& gone) {
  if (!has_open_asks()) questions_.clear();  // they were answered
  for (Question& question : questions_)
    if (gone.contains(question.request.key)) withdraw(question, false, "the task no longer asks for it");
  std::erase_if(questions_, [&](const Question& q) { return gone.contains(q.request.key); });
  for (InputRequest& request : requests) {
    Question question;
    question.request = std::move(request);
    questions_.push_back(std::move(question));
  }
  if (!requests.empty()) return ask_client();
  // What is left may wait for nobody any more.
  if (questions_.empty()) return exchange_.sign(LifeSign::work);
  if (!has_open_asks()) answer_task();
}

void LegacyBridgeCall::answer_task() {
  LegacyBridgeTask::Answers answers;
  for (Question& question : questions_) answers[question.request.key] = std::move(question.answer);
  task_->answer(std::move(answers));
}

void LegacyBridgeCall::on_task_done(const ClientMessage& response) {
  withdraw(false, "the call is over");
  on_response(response);
}

// ---- Rounds

void LegacyBridgeCall::take_round(const Envelope& response) {
  const Method* method = find_method(asked_for().method);
  if (method == nullptr || !method->may_ask)
    return fail("the server wants input for a request that cannot be asked about");
  auto round =
      read_input_required(response, session_.who().capabilities, bridge_.limits().mcp.asks_per_exchange_max);
  if (!round) return fail(round.error().message);
  exchange_.sign(LifeSign::work);
  retry_ = RetryParts{};
  retry_.request_state = std::move(round->request_state);
  questions_.clear();
  for (InputRequest& request : round->requests) {
    Question question;
    question.request = std::move(request);
    if (const auto page = accepted_pages_.find(question.request.url);
        !question.request.url.empty() && page != accepted_pages_.end())
      question.answer = page->second;
    questions_.push_back(std::move(question));
  }
  const bool asks_somebody =
      std::any_of(questions_.begin(), questions_.end(), [](const Question& q) { return q.answer.empty(); });
  const bool is_same_page = !asks_somebody && !questions_.empty();
  if (!is_same_page) {
    waits_ = 0;
    if (++rounds_ > bridge_.limits().mcp.ask_rounds_max)
      return fail("the server asked for input more than " +
                  std::to_string(bridge_.limits().mcp.ask_rounds_max) + " times");
  }
  if (asks_somebody) return ask_client();
  wait_again(is_same_page);
}

void LegacyBridgeCall::ask_client() {
  for (Question& question : questions_) {
    if (!question.answer.empty() || !question.ask.empty()) continue;
    question.ask = session_.asked(*this);
    exchange_.ask(to_legacy_ask(question.request, question.ask, session_.who().revision,
                                "sluice-" + canonical(question.ask)));
  }
}

// Nobody is asked: the server wants to be called again, or waits for a person who went to its page.
void LegacyBridgeCall::wait_again(bool is_same_page) {
  const BridgeLimits& limits = bridge_.limits().bridge;
  const Instant now = bridge_.parts_.reactor.now();
  milliseconds wait = limits.round_pace;
  if (is_same_page) {
    if (now - accepted_at_ >= bridge_.limits().mcp.ask)
      return fail("the page that the server sent the client to was not completed in time");
    for (std::size_t i = 0; i < waits_ && wait < limits.round_pace_max; ++i) wait *= 2;
    wait = std::min(wait, limits.round_pace_max);
    ++waits_;
  }
  if (is_same_page) {
    lay_answers();
    exchange_.sign(LifeSign::person);
  }
  bridge_.parts_.reactor.arm_after(pace_, wait);
}

bool LegacyBridgeCall::has_open_asks() const {
  return std::any_of(questions_.begin(), questions_.end(), [](const Question& q) { return !q.ask.empty(); });
}

bool LegacyBridgeCall::is_asking(const std::string& ask) const {
  return std::any_of(questions_.begin(), questions_.end(), [&](const Question& q) { return q.ask == ask; });
}

void LegacyBridgeCall::answered(const std::string& ask, const Envelope& answer) {
  const auto at = std::find_if(questions_.begin(), questions_.end(),
                               [&](const Question& q) { return canonical(q.ask) == ask; });
  if (over_ || at == questions_.end()) return;
  at->ask.clear();
  if (answer.kind == MessageKind::error_response) {
    std::string said;
    if (!decode_json_string(answer.view(answer.error_message), said)) said.clear();
    return fail("the client answered " + at->request.method + " with an error: " + said);
  }
  at->answer = to_input_response(answer);
  if (!at->request.url.empty() && is_acceptance(answer)) {
    accepted_at_ = bridge_.parts_.reactor.now();
    accepted_pages_.emplace(at->request.url, at->answer);
  }
  if (has_open_asks()) return;
  if (task_ != nullptr) return answer_task();
  lay_answers();
  send();
}

void LegacyBridgeCall::lay_answers() {
  std::string& responses = retry_.input_responses;
  responses = "{";
  for (const Question& question : questions_) {
    if (responses.size() > 1) responses += ',';
    append_json_string(responses, question.request.key);
    responses.append(":").append(question.answer);
  }
  responses += "}";
}

// ---- Ends

void LegacyBridgeCall::finish(Bytes response) {
  leave();
  exchange_.finish(response);
}

void LegacyBridgeCall::refuse(const Refusal& refusal) {
  leave();
  exchange_.refuse(refusal.http_status, refusal.code, refusal.message, refusal.data_json);
}

void LegacyBridgeCall::fail(const std::string& sentence) {
  withdraw(false, "the call is over");
  if (is_tool_call()) return finish(make_tool_error(exchange_.request().message.id(), sentence));
  Refusal refusal = refusals::internal_error(sentence);
  refusal.http_status = 200;
  refuse(refusal);
}

void LegacyBridgeCall::withdraw(bool is_cancelled, std::string_view why) {
  for (Question& question : questions_) withdraw(question, is_cancelled, why);
}

void LegacyBridgeCall::withdraw(Question& question, bool is_cancelled, std::string_view why) {
  if (question.ask.empty()) return;
  const std::string text = withdrawal(question.ask, why);
  session_.forget(canonical(std::exchange(question.ask, {})));
  // A cancelled exchange carries nothing any more.
  is_cancelled ? session_.front().send(text) : exchange_.notify(text);
}

void LegacyBridgeCall::cancelled(CancelReason reason) {
  if (over_) return;
  if (!was_sent_) {
    bridge_.parts_.calls.opened(exchange_);
    bridge_.ends_.cancelled(exchange_, reason);
  }
  if (reason != CancelReason::peer_gone)
    withdraw(true, reason == CancelReason::timed_out ? "the call timed out" : "the call was cancelled");
  request_.drop(reason);
  leave();
}

void LegacyBridgeCall::leave() {
  if (std::exchange(over_, true)) return;
  --bridge_.calls_;
  pace_.cancel();
  if (std::exchange(is_waiting_for_tools_, false)) bridge_.tools_.forget(session_, *this);
  for (const Question& question : questions_)
    if (!question.ask.empty()) session_.forget(canonical(question.ask));
  questions_.clear();
  if (task_ != nullptr) task_->cancel();
  request_.drop();
}

}  // namespace sluice
