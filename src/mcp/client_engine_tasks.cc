// SPDX-License-Identifier: Apache-2.0
// The tasks of a ClientEngine: calls that their server answered with a task, followed to its end. Of both
// kinds: the extension's, whose questions and result are in tasks/get, and those of 2025-11-25, whose
// tasks/result carries both.

#include <algorithm>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "mcp/client_engine.h"
#include "mcp/methods.h"
#include "mcp/modern_results.h"

namespace sluice {

namespace {

constexpr int answers_sent_max = 5;  // of one answer that the server goes on to ask for

void append_answer(std::string& members, std::string_view key, std::string_view response) {
  if (!members.empty()) members += ',';
  append_json_string(members, key);
  members.append(":").append(response);
}

Error error_of(const Json& json) {
  return protocol_error(static_cast<int>(json["code"].int64_or(rpc::internal_error)),
                        std::string(json["message"].string_or("the task failed")),
                        json.contains("data") ? json["data"].dump() : std::string());
}

}  // namespace

// The extension is for servers whether they said so or not: only they make tasks. Those of 2025-11-25 are
// asked for, so the server has to have said.
bool ClientEngine::knows_tasks() const {
  if (modern()) return options_.capabilities.has_extension(extension_text(Extension::tasks));
  return server_.revision == Revision::r2025_11_25 &&
         server_.capabilities["tasks"]["requests"]["tools"]["call"].is_object();
}

std::string ClientEngine::legacy_params(const Call& call) const {
  if (!call.as_task || call.spec.method != "tools/call") return call.spec.params_json;
  auto params = Json::parse(call.spec.params_json.empty() ? "{}" : call.spec.params_json);
  if (!params || !params->is_object()) return call.spec.params_json;
  params->erase("task");
  std::string task = "{}";
  if (call.spec.task_ttl.count() > 0) task = R"({"ttl":)" + std::to_string(call.spec.task_ttl.count()) + "}";
  return with_member(params->dump(), "task", task);
}

// A tool of 2025-11-25 that can be called as a task only says so with this error, and has not run.
bool ClientEngine::wants_task(const Call& call, const Envelope& refusal) const {
  return !modern() && knows_tasks() && call.spec.method == "tools/call" && !call.as_task &&
         call.spec.tasks == ClientTasks::follow && error_code(refusal) == rpc::method_not_found;
}

// ---- Following

bool ClientEngine::became_task(ClientCallId id, const Envelope& envelope, Instant now) {
  Call& call = calls_.at(id);
  const bool may_be = modern() ? envelope.result_type == "task" && knows_tasks() : call.as_task;
  if (!may_be || call.spec.method != "tools/call") return false;
  if (call.spec.tasks == ClientTasks::start) {
    finish(id, std::string(envelope.view(envelope.result)));
    return true;
  }
  const auto result = Json::parse(envelope.view(envelope.result));
  const auto task =
      result ? parse_created_task(*result, era_) : Result<std::optional<TaskState>>(result.error());
  if (task && !*task) return false;
  if (!task) {
    finish(id, task.error());
    return true;
  }
  call.task.id = (*task)->id;
  if (call.spec.absolute.count() == 0) call.deadline_absolute = now + options_.limits.task_absolute;
  note_task(id, **task, now);
  if (is_watching()) listen(now);
  again(id, call.task.status == TaskStatus::working ? now + call.task.pace : now);
  return true;
}

// What is known of the task from now on; a sign of life.
void ClientEngine::note_task(ClientCallId id, const TaskState& state, Instant now) {
  Call& call = calls_.at(id);
  const ClientLimits& limits = options_.limits;
  call.task.failures = 0;
  call.task.status = state.status;
  call.task.pace = std::clamp(milliseconds(state.poll_ms.value_or(limits.task_poll.count())),
                              limits.task_poll_least, limits.task_poll_most);
  if (call.questions.empty()) restart_timer(id, now);
  ++call.task.looks;
  if (state.message.empty() || state.message == call.task.message) return;
  call.task.message = state.message;
  if (!call.spec.wants_progress) return;
  const Json progress =
      Json::object({{"progress", static_cast<std::int64_t>(call.task.looks)}, {"message", state.message}});
  event(ClientEvent::Kind::progress, id, {}, progress.dump());
}

ClientSendId ClientEngine::send_for_task(ClientCallId id, Purpose purpose, std::string_view method,
                                         const std::string& more) {
  const std::string& task = calls_.at(id).task.id;
  std::string members = "\"taskId\":";
  append_json_string(members, task);
  members += more;
  const ClientSendId sending = next_id_++;
  const std::string wire_id = std::to_string(sending);
  return order(purpose,
               modern() ? make_modern_request(wire_id, method, who_, members)
                        : make_request(wire_id, method, "{" + members + "}"),
               method, task, id, {}, sending);
}

void ClientEngine::follow(ClientCallId id, Instant now) {
  Call& call = calls_.at(id);
  if (call.deadline == never) restart_timer(id, now);
  const bool has_result = !modern() && call.task.status != TaskStatus::working;
  if (!has_result || call.task.result != 0) {
    call.sending = send_for_task(id, Purpose::task_look, "tasks/get");
    return;
  }
  // It waits for the end, and its reply carries what the task asks on the way. That may take long, and says
  // nothing of the server: looks do.
  call.task.result = send_for_task(id, Purpose::task_result, "tasks/result");
  if (!sluice::is_over(call.task.status)) call.again_at = now + call.task.pace;
}

void ClientEngine::task_answered(ClientCallId id, Purpose purpose, const Envelope& envelope, Instant now) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  Call& call = found->second;
  if (purpose == Purpose::task_answer) {
    if (call.sending == 0) again(id, now);
    return;
  }
  (purpose == Purpose::task_result ? call.task.result : call.sending) = 0;
  if (envelope.kind == MessageKind::error_response) return finish(id, error_of(envelope));
  if (purpose == Purpose::task_result) return finish(id, std::string(envelope.view(envelope.result)));
  const auto json = Json::parse(envelope.view(envelope.result));
  const auto state = json ? parse_task(*json, era_) : Result<TaskState>(json.error());
  if (!state) return task_failed(id, purpose, state.error(), now);
  note_task(id, *state, now);
  switch (state->status) {
    case TaskStatus::working:
      withdraw(std::exchange(call.questions, {}));
      return again(id, now + call.task.pace);
    case TaskStatus::cancelled: return finish(id, Error(Errc::closed, "the server cancelled the task"));
    case TaskStatus::input_required:
      if (modern()) return task_asks(id, envelope, now);
      return again(id, call.task.result == 0 ? now : now + call.task.pace);
    case TaskStatus::completed:
    case TaskStatus::failed: break;
  }
  if (!modern()) return call.task.result == 0 ? again(id, now) : void();
  if (state->status == TaskStatus::failed) return finish(id, error_of((*json)["error"]));
  const JsonSpan result = json_member(envelope.text, envelope.result, "result");
  if (!result) return finish(id, Error(Errc::invalid, "the task is completed and has no result"));
  finish(id, std::string(envelope.view(result)));
}

// What went wrong is the way to the server: the task goes on, and is looked at another time.
void ClientEngine::task_failed(ClientCallId id, Purpose purpose, const Error& error, Instant now) {
  const auto found = calls_.find(id);
  if (found == calls_.end() || purpose == Purpose::task_answer) return;  // the next look sends it again
  Call& call = found->second;
  if (++call.task.failures > options_.limits.task_looks_failed_max) return finish(id, error);
  task_lost(id, purpose, now + std::max(call.task.pace, options_.limits.task_poll_least));
}

// A sending for a task came to nothing. What follows the look that may be under way leads to the next.
void ClientEngine::task_lost(ClientCallId id, Purpose purpose, Instant at) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  Call& call = found->second;
  (purpose == Purpose::task_result ? call.task.result : call.sending) = 0;
  if (call.sending == 0) again(id, at);
}

// ---- Its questions, where they come with tasks/get

void ClientEngine::task_asks(ClientCallId id, const Envelope& envelope, Instant now) {
  Call& call = calls_.at(id);
  const std::size_t round_max = options_.limits.asks_per_round_max;
  auto round = read_input_required(envelope, options_.capabilities, round_max);
  if (!round || call.task.answers.size() > round_max * options_.limits.ask_rounds_max) {
    stop_call(id, now);
    return finish(id, round ? error("the task asked too often") : round.error());
  }
  std::string again_json;  // answers that did not arrive, or were not taken yet
  std::vector<Question> fresh;
  for (InputRequest& request : round->requests) {
    if (const auto answer = call.task.answers.find(request.key); answer != call.task.answers.end()) {
      if (++answer->second.sent > answers_sent_max) {
        stop_call(id, now);
        return finish(id, error("the task does not take the answer to its question '" + request.key + "'"));
      }
      append_answer(again_json, request.key, answer->second.response);
      continue;
    }
    Question question;
    question.key = std::move(request.key);
    question.method = std::move(request.method);
    question.params = request.params_json.empty() ? "{}" : std::move(request.params_json);
    fresh.push_back(std::move(question));
  }
  // Those that were asked already stay as they are; those that nobody asks any more are withdrawn.
  std::vector<Question> old = std::exchange(call.questions, {});
  bool some_are_new = false;
  for (Question& question : fresh) {
    const auto known =
        std::find_if(old.begin(), old.end(), [&](const Question& one) { return one.key == question.key; });
    some_are_new = some_are_new || known == old.end();
    call.questions.push_back(known == old.end() ? std::move(question) : *known);
    if (known != old.end()) old.erase(known);
  }
  withdraw(old);
  if (!again_json.empty()) send_answers(id, again_json);
  if (some_are_new) pose(id, now);
  if (call.questions.empty()) restart_timer(id, now);
  again(id, now + call.task.pace);  // it may end, or ask for something else, while a person thinks
}

void ClientEngine::task_round_answered(ClientCallId id, Instant now) {
  Call& call = calls_.at(id);
  std::string answers;
  for (Question& question : std::exchange(call.questions, {})) {
    append_answer(answers, question.key, *question.response);
    call.task.answers[question.key] = TaskAnswer{std::move(*question.response), 1};
  }
  restart_timer(id, now);
  send_answers(id, answers);
}

void ClientEngine::send_answers(ClientCallId id, const std::string& members) {
  send_for_task(id, Purpose::task_answer, "tasks/update", ",\"inputResponses\":{" + members + "}");
}

// ---- News of it

void ClientEngine::heard_task(const Envelope& notification, Instant now) {
  const auto params =
      notification.params ? Json::parse(notification.view(notification.params)) : Result<Json>(Json());
  if (!params) return;
  const std::string_view task = (*params)["taskId"].string_or("");
  for (auto& [id, call] : calls_) {
    if (task.empty() || call.task.id != task) continue;
    if (call.questions.empty()) restart_timer(id, now);  // a person has the time that was given
    if (call.sending == 0) call.again_at = now;
  }
}

std::vector<std::string> ClientEngine::followed_tasks() const {
  std::vector<std::string> all;
  for (const auto& [id, call] : calls_)
    if (!call.task.id.empty()) all.push_back(call.task.id);
  return all;
}

}  // namespace sluice
