// SPDX-License-Identifier: Apache-2.0
#include "gateway/legacy_bridge_task.h"

#include <algorithm>
#include <utility>

#include "codec/json.h"
#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "gateway/legacy_bridge.h"

namespace sluice {

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
}

LegacyBridgeTask::~LegacyBridgeTask() { cancel(); }

void LegacyBridgeTask::cancel() {
  if (std::exchange(over_, true)) return;
  timer_.cancel();
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

void LegacyBridgeTask::answer(const std::string& input_responses) {
  if (over_) return;
  timer_.cancel();
  updating_ = true;
  send("tasks/update", ",\"inputResponses\":" + input_responses);
}

std::size_t LegacyBridgeTask::on_notification(const ClientMessage&) {
  return bridge_.limits().net.unsent_bytes_soft;
}

void LegacyBridgeTask::on_refused(const Refusal& refusal) { again(refusal.message); }

// The server is there and says no, or it may be there again soon.
void LegacyBridgeTask::again(const std::string& sentence) {
  if (++failures_ < bridge_.limits().bridge.task_polls_failed_max && !updating_) return wait();
  cancel();
  handler_.on_task_failed("the task cannot be followed: " + sentence);
}

void LegacyBridgeTask::on_response(const ClientMessage& message) {
  const Envelope& envelope = message.envelope();
  if (envelope.kind != MessageKind::error_response) {
    failures_ = 0;
    if (!std::exchange(updating_, false)) return take(message);
    return wait();
  }
  std::string sentence;
  if (!decode_json_string(envelope.view(envelope.error_message), sentence)) sentence.clear();
  over_ = true;
  handler_.on_task_failed("the server no longer tells of its task: " + sentence);
}

void LegacyBridgeTask::take(const ClientMessage& message) {
  const Envelope& envelope = message.envelope();
  const JsonSpan result = json_member(envelope.text, envelope.result, "result");
  const JsonSpan error = json_member(envelope.text, envelope.result, "error");
  const JsonSpan status = json_member(envelope.text, envelope.result, "status");
  const JsonSpan poll = json_member(envelope.text, envelope.result, "pollIntervalMs");
  const JsonSpan said = json_member(envelope.text, envelope.result, "statusMessage");
  std::string text;
  if (!status || !decode_json_string(envelope.view(status), text)) text.clear();
  const auto now = parse_task_status(text);
  if (!now) return again("its status is none of the five");
  task_.status = *now;
  if (poll)
    if (const auto json = Json::parse(envelope.view(poll)); json && json->int64_or(-1) >= 0)
      task_.poll_ms = json->int64_or(0);
  task_.message.clear();
  if (said && !decode_json_string(envelope.view(said), task_.message)) task_.message.clear();
  switch (task_.status) {
    case TaskStatus::completed:
      if (!result) return again("it is completed and has no result");
      return deliver("result", envelope.view(result));
    case TaskStatus::failed:
      if (!error) return again("it failed and has no error");
      return deliver("error", envelope.view(error));
    case TaskStatus::cancelled: over_ = true; return handler_.on_task_failed("the server cancelled the task");
    case TaskStatus::working: wait(); return handler_.on_task_sign(task_);
    case TaskStatus::input_required: break;
  }
  auto round =
      read_input_required(envelope, session_.who().capabilities, bridge_.limits().mcp.asks_per_exchange_max);
  if (!round) {
    cancel();
    return handler_.on_task_failed(round.error().message);
  }
  std::vector<InputRequest> fresh;
  for (InputRequest& request : round->requests)
    if (asked_.insert(request.key).second) fresh.push_back(std::move(request));
  if (asked_.size() > bridge_.limits().mcp.asks_per_exchange_max * bridge_.limits().mcp.ask_rounds_max) {
    cancel();
    return handler_.on_task_failed("the task asked too often");
  }
  if (fresh.empty()) {
    wait();  // the server has not taken the answers yet
    return handler_.on_task_sign(task_);
  }
  handler_.on_task_asks(std::move(fresh));
}

void LegacyBridgeTask::deliver(Bytes member, Bytes json) {
  over_ = true;
  ClientMessage response;
  const std::string text =
      R"({"jsonrpc":"2.0","id":0,")" + std::string(member) + "\":" + std::string(json) + "}";
  if (response.take(bridge_.scanner_, PaddedString(text)).ok()) return handler_.on_task_done(response);
  handler_.on_task_failed("what came of the task cannot be read");
}

}  // namespace sluice
