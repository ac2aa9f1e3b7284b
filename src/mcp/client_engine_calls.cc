// SPDX-License-Identifier: Apache-2.0
// The calls of a ClientEngine: how they go out, what may come back, and the rounds of questions between.

#include <algorithm>

#include "codec/json_splice.h"
#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "mcp/client_engine.h"
#include "mcp/methods.h"
#include "mcp/modern.h"
#include "mcp/modern_results.h"

namespace sluice {

namespace {

// The request with a progress token, which is its id.
std::string with_token(std::string text, const Envelope& envelope, const std::string& id) {
  JsonSplice splice;
  const std::string meta = R"({"progressToken":)" + id + "}";
  const std::string params = R"({"_meta":)" + meta + "}";
  if (envelope.meta) {
    splice.set(envelope.meta, envelope.meta_progress_token, "progressToken", id);
  } else if (envelope.params) {
    splice.insert(envelope.params, "_meta", meta);
  } else {
    splice.insert(envelope.message, "params", params);
  }
  return splice.apply(text);
}

bool names_our_revision(const Envelope& error) {
  const auto data = error.error_data ? Json::parse(error.view(error.error_data)) : Result<Json>(Json());
  if (!data) return false;
  const Json& supported = (*data)["supported"];
  return std::any_of(supported.items().begin(), supported.items().end(), [](const Json& version) {
    return version.string_or("") == revision_text(latest_modern);
  });
}

// What may be asked for twice. Of methods that are not known that cannot be said.
bool changes_nothing(std::string_view text) {
  const Method* method = find_method(text);
  if (method == nullptr) return false;
  switch (method->id) {
    case MethodId::completion_complete:
    case MethodId::prompts_get:
    case MethodId::prompts_list:
    case MethodId::resources_directory_read:
    case MethodId::resources_list:
    case MethodId::resources_read:
    case MethodId::resources_templates_list:
    case MethodId::server_discover:
    case MethodId::skills_get:
    case MethodId::skills_list:
    case MethodId::tasks_get:
    case MethodId::tools_list: return true;
    default: return false;
  }
}

bool is_accepted(const std::string& response) {
  const auto json = Json::parse(response);
  return json && (*json)["action"].string_or("") == "accept";
}

}  // namespace

// ---- Verbs

ClientCallId ClientEngine::call(ClientCallSpec spec, Instant now) {
  const ClientCallId id = next_id_++;
  Call& call = calls_[id];
  call.spec = std::move(spec);
  call.task.id = call.spec.task_id;
  if (state_ == State::closed) {
    finish(id, Error(Errc::closed, "the client is not connected any more"));
  } else if (calls_.size() > options_.limits.calls_max) {
    finish(id, Error(Errc::exhausted, "too many calls are open"));
  } else {
    const milliseconds usual =
        call.task.id.empty() ? options_.limits.call_absolute : options_.limits.task_absolute;
    const milliseconds most = call.spec.absolute.count() > 0 ? call.spec.absolute : usual;
    call.deadline_absolute = now + most;
    restart_timer(id, now);
    if (state_ == State::ready) send_call(id, now);
  }
  return id;
}

bool ClientEngine::waits_for_person(ClientCallId id) const {
  return std::any_of(asks_.begin(), asks_.end(), [id](const auto& ask) {
    return !ask.second.wire_id.empty() && (ask.second.call == 0 || ask.second.call == id);
  });
}

void ClientEngine::restart_timer(ClientCallId id, Instant now) {
  Call& call = calls_.at(id);
  call.deadline =
      now + call.task.pace + (call.spec.timeout.count() > 0 ? call.spec.timeout : options_.limits.call);
  if (waits_for_person(id)) call.deadline = never;
}

void ClientEngine::restart_paused(Instant now) {
  for (const auto& [id, call] : calls_)
    if (call.deadline == never) restart_timer(id, now);
}

void ClientEngine::cancel(ClientCallId id, Instant now) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  stop_call(id, now);
  leave(id);
}

// The server is told that nobody waits any more, as its era and the wire have it.
void ClientEngine::stop_call(ClientCallId id, Instant) {
  Call& call = calls_.at(id);
  const bool ends_task = !call.task.id.empty() && call.spec.task_id.empty() && state_ == State::ready;
  if (ends_task) send_for_task(id, Purpose::task_cancel, "tasks/cancel");
  abandon(call.sending);
  abandon(call.task.result);
}

void ClientEngine::abandon(ClientSendId& sending) {
  const ClientSendId id = std::exchange(sending, 0);
  if (sendings_.erase(id) == 0) return;
  if (state_ == State::ready && (!modern() || !options_.over_http))
    send_note(make_notification("notifications/cancelled", R"({"requestId":)" + std::to_string(id) + "}"));
  if (options_.over_http) orders_.push_back(ClientOrder{ClientOrder::Kind::drop, id, {}, {}, false, false});
}

// The call is over, with all that was done for it.
void ClientEngine::leave(ClientCallId id) {
  Call& call = calls_.at(id);
  abandon(call.sending);
  abandon(call.task.result);
  drop_questions(id);
  calls_.erase(id);
  if (std::erase(await_tools_, id) == 0 || !await_tools_.empty()) return;
  abandon(tools_sending_);
  tools_deadline_ = never;
}

void ClientEngine::finish(ClientCallId id, Result<std::string> result) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  leave(id);
  ClientEvent event;
  event.kind = ClientEvent::Kind::answered;
  event.call = id;
  event.is_error = !result;
  if (result) {
    event.json = *std::move(result);
  } else {
    event.error = result.error();
  }
  events_.push_back(std::move(event));
}

// Of a call that is over: its questions, and what a legacy server asked for it, which has an answer still.
void ClientEngine::drop_questions(ClientCallId id) {
  for (auto ask = asks_.begin(); ask != asks_.end();) {
    if (ask->second.call != id) {
      ++ask;
      continue;
    }
    if (!ask->second.wire_id.empty() && state_ == State::ready)
      send_note(make_error_response(ask->second.wire_id, rpc::internal_error, "the call it was for is over"));
    event(ClientEvent::Kind::withdrawn, id, {}, {});
    events_.back().ask = ask->first;
    ask = asks_.erase(ask);
  }
}

void ClientEngine::withdraw(const std::vector<Question>& questions) {
  for (const Question& question : questions) {
    const auto ask = asks_.find(question.ask);
    if (ask == asks_.end()) continue;
    event(ClientEvent::Kind::withdrawn, ask->second.call, {}, {});
    events_.back().ask = ask->first;
    asks_.erase(ask);
  }
}

// ---- Sending

void ClientEngine::send_call(ClientCallId id, Instant now) {
  Call& call = calls_.at(id);
  if (!call.task.id.empty()) return follow(id, now);
  const ClientSendId sending = next_id_++;
  const std::string wire_id = std::to_string(sending);
  if (!modern() && call.spec.tasks == ClientTasks::start) call.as_task = knows_tasks();
  std::string text =
      make_request(wire_id, call.spec.method, modern() ? call.spec.params_json : legacy_params(call));
  const auto scan = [&](const PaddedString& padded, Envelope& envelope) {
    return scanner_.scan(padded.padded(), envelope).ok() && envelope.kind == MessageKind::request;
  };
  Envelope envelope;
  PaddedString padded(std::move(text));
  if (!scan(padded, envelope))
    return finish(id, Error(Errc::invalid, "the params of " + call.spec.method + " are no JSON object"));
  if (call.spec.wants_progress) {
    padded = PaddedString(with_token(std::string(padded.view()), envelope, wire_id));
    if (!scan(padded, envelope))
      return finish(id, Error(Errc::too_large,
                              "the params of " + call.spec.method + " leave no room for a progress token"));
  }
  std::string name;
  std::vector<HeaderPair> more;
  if (modern()) {
    if (const auto mirrored = mirrored_name(envelope)) name = *mirrored;
    if (options_.over_http && envelope.method == "tools/call") {
      const auto arguments =
          envelope.arguments ? Json::parse(envelope.view(envelope.arguments)) : Result<Json>(Json::object());
      if (arguments) more = tools_.headers_for(name, *arguments);
    }
    padded = PaddedString(to_modern_request(envelope, wire_id, who_, call.retry));
  }
  call.sending = sending;
  call.task.token = sending;
  if (call.deadline == never) restart_timer(id, now);
  order(Purpose::call, std::string(padded.view()), call.spec.method, name, id, std::move(more), sending);
}

void ClientEngine::again(ClientCallId id, Instant at) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  found->second.sending = 0;
  found->second.again_at = at;
}

void ClientEngine::tick_call(ClientCallId id, Instant now) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  Call& call = found->second;
  if (call.deadline_absolute <= now || call.deadline <= now) {
    const bool asked = !call.questions.empty();
    stop_call(id, now);
    return finish(id, Error(Errc::timed_out, asked ? "a question of the server was not answered in time"
                                                   : "the call was not answered in time"));
  }
  if (call.again_at > now || state_ != State::ready) return;
  call.again_at = never;
  send_call(id, now);
}

// Questions of a legacy server that nobody answered: the server is told, and its calls are timed again.
void ClientEngine::tick_asks(Instant now) {
  bool some = false;
  for (auto ask = asks_.begin(); ask != asks_.end();) {
    if (ask->second.deadline > now) {
      ++ask;
      continue;
    }
    send_note(make_error_response(ask->second.wire_id, rpc::internal_error,
                                  "the question was not answered in time"));
    event(ClientEvent::Kind::withdrawn, ask->second.call, {}, {});
    events_.back().ask = ask->first;
    ask = asks_.erase(ask);
    some = true;
  }
  if (some) restart_paused(now);
}

// ---- Answers

void ClientEngine::call_answered(ClientCallId id, const Envelope& envelope, Instant now) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  Call& call = found->second;
  call.sending = 0;
  if (envelope.kind == MessageKind::error_response) return call_refused(id, envelope, now);
  if (became_task(id, envelope, now)) return;
  if (!modern()) return finish(id, std::string(envelope.view(envelope.result)));
  if (envelope.result_type == "input_required") return input_required(id, envelope, now);
  if (!envelope.result_type.empty() && envelope.result_type != "complete")
    return finish(
        id, Error(Errc::invalid, "the server's result has the type '" + std::string(envelope.result_type) +
                                     "', which this client does not know"));
  if (call.spec.method == "tools/list" && options_.over_http) return finish(id, taken_tools(call, envelope));
  finish(id, std::string(envelope.view(envelope.result)));
}

// A page of the tool list: its headers are remembered, tools that break their rules are not shown.
std::string ClientEngine::taken_tools(const Call& call, const Envelope& envelope) {
  const auto params = Json::parse(call.spec.params_json.empty() ? "{}" : call.spec.params_json);
  if (!params || !params->contains("cursor")) tools_.begin();
  const auto page = Json::parse(envelope.view(envelope.result));
  if (page) tools_.take_page(*page);
  const auto kept = without_broken_tools(envelope);
  if (!kept) return std::string(envelope.view(envelope.result));
  const PaddedString padded(*kept);
  Envelope without;
  CHECK(scan_message(padded.padded(), options_.json, without).ok());
  return std::string(without.view(without.result));
}

void ClientEngine::call_refused(ClientCallId id, const Envelope& envelope, Instant now) {
  Call& call = calls_.at(id);
  const int code = error_code(envelope);
  if (modern() && code == rpc::unsupported_protocol_version && !call.versions_told &&
      names_our_revision(envelope)) {
    call.versions_told = true;
    return again(id, now);
  }
  if (modern() && options_.over_http && code == rpc::header_mismatch && call.spec.method == "tools/call" &&
      !call.tools_read) {
    call.tools_read = true;  // its headers follow from a list that is older than the server's, or from none
    await_tools_.push_back(id);
    call.again_at = call.deadline_absolute;
    if (await_tools_.size() == 1) {
      tool_pages_ = 0;
      tools_.begin();
      read_tools(std::nullopt, now);
    }
    return;
  }
  if (!modern() && code == rpc::url_elicitation_required && options_.capabilities.elicitation_url)
    return urls_required(id, envelope, now);
  if (wants_task(call, envelope)) {
    call.as_task = true;
    return again(id, now);
  }
  finish(id, error_of(envelope));
}

void ClientEngine::call_failed(ClientCallId id, const Error& error, Outcome outcome, Instant now) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  Call& call = found->second;
  call.sending = 0;
  // A modern reply that broke off is lost. What changes nothing is asked for once more.
  if (modern() && outcome == Outcome::sent_unknown && changes_nothing(call.spec.method) && !call.reissued) {
    call.reissued = true;
    return again(id, now);
  }
  finish(id, error);
}

void ClientEngine::read_tools(const std::optional<std::string>& cursor, Instant now) {
  const ClientSendId id = tools_sending_ = next_id_++;
  tools_deadline_ = now + options_.limits.tools_wait;
  const std::string members = cursor ? R"("cursor":)" + Json(*cursor).dump() : "";
  order(Purpose::tools, make_modern_request(std::to_string(id), "tools/list", who_, members), "tools/list",
        {}, 0, {}, id);
}

void ClientEngine::tools_answered(const Envelope& envelope, Instant now) {
  tools_sending_ = 0;
  tools_deadline_ = never;
  if (envelope.kind == MessageKind::response && ++tool_pages_ < options_.limits.tool_pages_max) {
    const auto page = Json::parse(envelope.view(envelope.result));
    const auto cursor = page ? tools_.take_page(*page) : std::nullopt;
    if (cursor) return read_tools(cursor, now);
  }
  for (const ClientCallId id : std::exchange(await_tools_, {})) again(id, now);
}

// A server that does not tell its list: the calls go again with what is known.
void ClientEngine::tick_tools(Instant now) {
  if (tools_deadline_ > now) return;
  abandon(tools_sending_);
  tools_answered(Envelope{}, now);
}

// ---- Questions

void ClientEngine::input_required(ClientCallId id, const Envelope& envelope, Instant now) {
  Call& call = calls_.at(id);
  auto round = read_input_required(envelope, options_.capabilities, options_.limits.asks_per_round_max);
  if (!round) return finish(id, round.error());
  call.retry = {};
  call.retry.request_state = std::move(round->request_state);
  call.questions.clear();
  for (InputRequest& request : round->requests) {
    Question question;
    question.key = std::move(request.key);
    question.method = std::move(request.method);
    question.params = request.params_json.empty() ? "{}" : std::move(request.params_json);
    question.url = std::move(request.url);
    call.questions.push_back(std::move(question));
  }
  const bool only_opened =
      !call.questions.empty() &&
      std::all_of(call.questions.begin(), call.questions.end(),
                  [&](const Question& one) { return call.opened_urls.contains(one.url); });
  if (only_opened) return retry_with_urls(call, id, now);
  if (++call.rounds > options_.limits.ask_rounds_max)
    return finish(id, error("the server asked more than " + std::to_string(options_.limits.ask_rounds_max) +
                            " times in one call"));
  if (call.questions.empty()) return again(id, now + options_.limits.round_pace);
  pose(id, now);
}

void ClientEngine::urls_required(ClientCallId id, const Envelope& envelope, Instant now) {
  Call& call = calls_.at(id);
  call.url_error = error_of(envelope);
  call.questions.clear();
  for (const InputQuestion& one : url_input_requests(envelope)) {
    const auto request = Json::parse(one.request);
    if (!request) continue;
    Question question;
    question.key = one.key;
    question.method = "elicitation/create";
    question.params = (*request)["params"].dump();
    question.url = (*request)["params"]["url"].string_or("");
    call.questions.push_back(std::move(question));
  }
  if (call.questions.empty()) return finish(id, *call.url_error);
  const bool only_opened =
      std::all_of(call.questions.begin(), call.questions.end(),
                  [&](const Question& one) { return call.opened_urls.contains(one.url); });
  if (only_opened) return retry_with_urls(call, id, now);
  if (++call.rounds > options_.limits.ask_rounds_max) return finish(id, *call.url_error);
  pose(id, now);
}

// The same pages again: the person is on them. They are not asked twice, the server is.
void ClientEngine::retry_with_urls(Call& call, ClientCallId id, Instant now) {
  if (call.urls_until <= now)
    return finish(id, Error(Errc::timed_out, "what the server wanted done on its page was not done in time"));
  call.pace = std::clamp(call.pace * 2, options_.limits.round_pace, options_.limits.round_pace_max);
  const Instant until = call.urls_until;
  for (Question& one : call.questions) one.response = R"({"action":"accept"})";
  round_answered(id, now);
  const auto still = calls_.find(id);
  if (still == calls_.end()) return;
  still->second.urls_until = until;
  still->second.again_at = now + still->second.pace;
}

void ClientEngine::pose(ClientCallId id, Instant now) {
  Call& call = calls_.at(id);
  call.deadline = now + options_.limits.ask;
  for (Question& question : call.questions) {
    if (question.ask != 0) continue;  // of a task: is asked already
    question.ask = next_id_++;
    Ask ask;
    ask.call = id;
    asks_.emplace(question.ask, std::move(ask));
    event(ClientEvent::Kind::asked, id, question.method, question.params);
    events_.back().ask = question.ask;
  }
}

void ClientEngine::answer(ClientAskId name, const Result<std::string>& result_json, Instant now) {
  const auto found = asks_.find(name);
  if (found == asks_.end()) return;
  const Ask ask = std::move(found->second);
  asks_.erase(found);
  const auto at = calls_.find(ask.call);
  if (!ask.wire_id.empty()) {
    send_note(result_json ? make_response(ask.wire_id, *result_json)
                          : make_error_response(ask.wire_id, result_json.error()));
    return restart_paused(now);
  }
  if (at == calls_.end()) return;
  if (!result_json) {
    stop_call(ask.call, now);
    return finish(ask.call, result_json.error());
  }
  bool complete = true;
  for (Question& question : at->second.questions) {
    if (question.ask == name) question.response = *result_json;
    complete = complete && question.response.has_value();
  }
  if (!complete) return;
  at->second.task.id.empty() ? round_answered(ask.call, now) : task_round_answered(ask.call, now);
}

void ClientEngine::round_answered(ClientCallId id, Instant now) {
  Call& call = calls_.at(id);
  const std::vector<Question> questions = std::exchange(call.questions, {});
  restart_timer(id, now);
  std::string responses = "{";
  for (const Question& question : questions) {
    const bool accepted = is_accepted(*question.response);
    if (call.url_error && !accepted) return finish(id, *std::exchange(call.url_error, std::nullopt));
    if (!question.url.empty() && accepted) {
      call.opened_urls.insert(question.url);
      call.urls_until = now + options_.limits.ask;
    }
    if (responses.size() > 1) responses += ',';
    append_json_string(responses, question.key);
    responses.append(":").append(*question.response);
  }
  if (modern()) call.retry.input_responses = responses + "}";
  call.url_error.reset();
  again(id, now);
}

}  // namespace sluice
