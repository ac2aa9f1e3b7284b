// SPDX-License-Identifier: Apache-2.0
#include "gateway/legacy_bridge_task.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "codec/json.h"
#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "gateway/legacy_bridge.h"

namespace sluice {

namespace {

std::optional<TaskStatus> status_of(const Envelope& message, JsonSpan said) {
  std::string text;
  const JsonSpan status = said ? json_member(message.text, said, "status") : JsonSpan{};
  if (!status || !decode_json_string(message.view(status), text)) return std::nullopt;
  return parse_task_status(text);
}

}  // namespace

LegacyBridgeTask::LegacyBridgeTask(LegacyBridge& bridge, LegacyBridgeSession& session,
                                   LegacyBridgeTaskHandler& handler, TaskState task,
                                   LegacyBridgeRequest::Origin origin)
    : bridge_(bridge),
      session_(session),
      handler_(handler),
      task_(std::move(task)),
      origin_(std::move(origin)),
      request_(bridge, *this),
      timer_([](void* self) { static_cast<LegacyBridgeTask*>(self)->look(); }, this) {
  origin_.param_headers.clear();
  wait();
  session_.listen().follow(*this);
}

LegacyBridgeTask::~LegacyBridgeTask() { cancel(); }

bool LegacyBridgeTask::end() {
  if (std::exchange(over_, true)) return false;
  timer_.cancel();
  session_.listen().unfollow(*this);
  return true;
}

void LegacyBridgeTask::cancel() {
  if (!end()) return;
  request_.drop();
  std::string id;
  append_json_string(id, task_.id);
  bridge_.send_off(make_modern_request(bridge_.next_id(), "tasks/cancel", session_.who(), "\"taskId\":" + id),
                   origin_);
}

void LegacyBridgeTask::wait() {
  const BridgeLimits& limits = bridge_.limits().bridge;
  const milliseconds wish(task_.poll_ms.value_or(bridge_.limits().mcp.task_poll.count()));
  bridge_.parts_.reactor.arm_after(timer_, std::clamp(wish, limits.task_poll_least, limits.task_poll_most));
}

void LegacyBridgeTask::send(Bytes method, const std::string& more) {
  std::string members = "\"taskId\":";
  append_json_string(members, task_.id);
  request_.open(make_modern_request(bridge_.next_id(), method, session_.who(), members + more), origin_);
}

void LegacyBridgeTask::look() { send("tasks/get"); }

void LegacyBridgeTask::answer(Answers answers) {
  if (over_) return;
  for (auto& [key, response] : answers) {
    open_.erase(key);
    answers_[key].response = std::move(response);
  }
  // Those before them go along that may not have arrived.
  std::set<std::string> due;
  for (const auto& [key, answer] : answers_)
    if (!answer.is_taken) due.insert(key);
  update(due);
}

void LegacyBridgeTask::update(const std::set<std::string>& keys) {
  timer_.cancel();
  updating_ = true;
  std::string members;
  for (const std::string& key : keys) {
    Answer& answer = answers_[key];
    ++answer.sent;
    if (!members.empty()) members += ',';
    append_json_string(members, key);
    members.append(":").append(answer.response);
  }
  send("tasks/update", ",\"inputResponses\":{" + members + "}");
}

std::size_t LegacyBridgeTask::on_notification(const ClientMessage&) {
  return bridge_.limits().net.unsent_bytes_soft;
}

void LegacyBridgeTask::on_refused(const Refusal& refusal) { again(refusal.message); }

// The server is there and says no, or it may be there again soon.
void LegacyBridgeTask::again(const std::string& sentence) {
  updating_ = false;  // if it still asks then, the answers are sent again
  if (++failures_ < bridge_.limits().bridge.task_polls_failed_max) return wait();
  fail("the task cannot be followed: " + sentence);
}

void LegacyBridgeTask::fail(const std::string& sentence) {
  cancel();
  handler_.on_task_failed(sentence);
}

void LegacyBridgeTask::on_response(const ClientMessage& message) {
  const Envelope& envelope = message.envelope();
  const bool is_error = envelope.kind == MessageKind::error_response;
  if (std::exchange(updating_, false)) {
    if (!is_error) {
      failures_ = 0;
      for (auto& [key, answer] : answers_) answer.is_taken = true;
    }
    return std::exchange(is_news_, false) ? look() : wait();
  }
  if (!is_error) {
    failures_ = 0;
    return take(envelope, envelope.result);
  }
  std::string sentence;
  if (!decode_json_string(envelope.view(envelope.error_message), sentence)) sentence.clear();
  fail("the server no longer tells of its task: " + sentence);
}

void LegacyBridgeTask::heard(const Envelope& news) {
  const auto status = status_of(news, news.params);
  if (over_ || !status) return;
  const bool goes_on = !is_over(*status);
  // The answers may not have been there when this was said.
  if (updating_ && goes_on) {
    is_news_ = true;
    return;
  }
  if (!open_.empty() && *status == TaskStatus::working) return;
  timer_.cancel();
  request_.drop();
  updating_ = false;
  failures_ = 0;
  take(news, news.params);
}

void LegacyBridgeTask::take(const Envelope& message, JsonSpan said) {
  const auto status = status_of(message, said);
  if (!status) return again("its status is none of the five");
  task_.status = *status;
  note(message, said);
  const JsonSpan result = json_member(message.text, said, "result");
  const JsonSpan error = json_member(message.text, said, "error");
  switch (task_.status) {
    case TaskStatus::completed:
      if (!result) return lacks(message, "it is completed and has no result");
      return deliver("result", message.view(result));
    case TaskStatus::failed:
      if (!error) return lacks(message, "it failed and has no error");
      return deliver("error", message.view(error));
    case TaskStatus::cancelled: end(); return handler_.on_task_failed("the server cancelled the task");
    case TaskStatus::working:
      wait();
      if (open_.empty()) return tell_sign();
      return handler_.on_task_asks({}, std::exchange(open_, {}));
    case TaskStatus::input_required: return ask(message, said);
  }
}

void LegacyBridgeTask::note(const Envelope& message, JsonSpan said) {
  const JsonSpan poll = json_member(message.text, said, "pollIntervalMs");
  const JsonSpan words = json_member(message.text, said, "statusMessage");
  if (poll)
    if (const auto json = Json::parse(message.view(poll)); json && json->int64_or(-1) >= 0)
      task_.poll_ms = json->int64_or(0);
  task_.message.clear();
  if (words && !decode_json_string(message.view(words), task_.message)) task_.message.clear();
}

void LegacyBridgeTask::ask(const Envelope& message, JsonSpan said) {
  const McpLimits& limits = bridge_.limits().mcp;
  if (!json_member(message.text, said, "inputRequests") && message.kind == MessageKind::notification)
    return look();
  auto round =
      read_input_required(message.text, said, session_.who().capabilities, limits.asks_per_exchange_max);
  if (!round) return fail(round.error().message);
  std::vector<InputRequest> fresh;
  std::set<std::string> due;  // answers that it does not have yet
  std::set<std::string> gone = open_;
  for (InputRequest& request : round->requests) {
    const auto answer = answers_.find(request.key);
    if (answer != answers_.end()) {
      due.insert(request.key);
    } else if (gone.erase(request.key) == 0 && open_.insert(request.key).second) {
      fresh.push_back(std::move(request));
    }
  }
  asked_ += fresh.size();
  if (asked_ > limits.asks_per_exchange_max * limits.ask_rounds_max) return fail("the task asked too often");
  if (message.kind == MessageKind::notification) {  // which need not be all of it, nor the latest
    gone.clear();
    due.clear();
  }
  for (const std::string& key : gone) open_.erase(key);
  if (!fresh.empty() || !gone.empty()) {
    wait();
    return handler_.on_task_asks(std::move(fresh), gone);
  }
  if (!due.empty()) return answer_again(std::move(due));
  wait();
  if (open_.empty()) tell_sign();
}

// One that arrived, too: a server may lose it. What arrived is at last waited for, what did not ends the
// task.
void LegacyBridgeTask::answer_again(std::set<std::string> due) {
  const std::size_t most = bridge_.limits().bridge.task_polls_failed_max;
  for (auto key = due.begin(); key != due.end();) {
    const Answer& answer = answers_.at(*key);
    if (answer.sent >= most && !answer.is_taken)
      return fail("the task does not take the answer to its question '" + *key + "'");
    key = answer.sent >= most ? due.erase(key) : std::next(key);
  }
  if (!due.empty()) return update(due);
  wait();
  if (open_.empty()) tell_sign();
}

void LegacyBridgeTask::lacks(const Envelope& message, const std::string& sentence) {
  message.kind == MessageKind::notification ? look() : again(sentence);
}

// However often the server tells that it goes on.
void LegacyBridgeTask::tell_sign() {
  const Instant now = bridge_.parts_.reactor.now();
  if (now - signed_at_ < bridge_.limits().bridge.task_poll_least) return;
  signed_at_ = now;
  handler_.on_task_sign(task_);
}

void LegacyBridgeTask::deliver(Bytes member, Bytes json) {
  end();
  ClientMessage response;
  const std::string text =
      R"({"jsonrpc":"2.0","id":0,")" + std::string(member) + "\":" + std::string(json) + "}";
  if (response.take(bridge_.scanner_, PaddedString(text)).ok()) return handler_.on_task_done(response);
  handler_.on_task_failed("what came of the task cannot be read");
}

}  // namespace sluice
