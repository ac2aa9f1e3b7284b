// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_task.h"

#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"

namespace sluice {

namespace {

constexpr ListForm task_form{MethodId::tasks_list, "tasks", "taskId"};

std::string quoted(Bytes text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace

std::optional<TaskMeaning> task_meaning(FederationState& state, const Principal& principal, Bytes id) {
  const auto opened = state.task_ids.open(principal, id);
  if (!opened) return std::nullopt;
  const std::size_t colon = opened->find(':');
  for (std::size_t upstream = 0; upstream < state.upstreams.size(); ++upstream)
    if (state.upstreams[upstream].name == opened->substr(0, colon))
      return TaskMeaning{upstream, opened->substr(colon + 1)};
  return std::nullopt;
}

std::string shown_task_id(FederationState& state, const Exchange& client, std::size_t upstream,
                          Bytes task_id) {
  if (FederatedSession* session = FederatedSession::of(client.session()))
    return session->shown_task_id(upstream, task_id);
  const auto sealed = state.task_ids.seal(client.request().principal,
                                          state.upstreams[upstream].name + ":" + std::string(task_id));
  return sealed ? *sealed : std::string();
}

void rename_task(Rewrite& rewrite, FederationState& state, Bytes text, JsonSpan object, std::size_t upstream,
                 const std::string& shown_id) {
  rewrite.put_string(text, json_member(text, object, "taskId"), [&](Bytes) { return shown_id; });
  if (state.upstreams.size() > 1) name_askers(rewrite, text, object, state.upstreams[upstream].name);
  // What came of the task has URIs where the answer to a call has them.
  const JsonSpan result = json_member(text, object, "result");
  if (!result || text[result.begin] != '{') return;
  const auto inner = state.scan(make_response("0", result.in(text)));
  if (!inner) return;
  Rewrite renamed;
  rename_uris(renamed, inner->envelope(), state.renames(upstream));
  if (!renamed.empty()) rewrite.put(result, renamed.apply(inner->envelope().text, inner->envelope().result));
}

// --- About one task ---

void TaskCall::start() {
  id_ = std::string(envelope().task_id);
  const auto meant = task_meaning(state(), client().request().principal, id_);
  if (!meant) return state().refuse(client(), refusals::invalid_params("there is no such task"));
  Rewrite rewrite;
  rewrite.put(envelope().task_id_span, quoted(meant->id));
  Leg leg;
  leg.upstream = meant->upstream;
  leg.text = rewrite.apply(envelope().text, envelope().message);
  send(std::move(leg));
}

void TaskCall::answered(std::size_t upstream, int, Bytes response) {
  const auto message = state().scan(response);
  if (!message || message->envelope().kind != MessageKind::response) return client().finish(response);
  const Envelope& answer = message->envelope();
  Rewrite rewrite;
  if (envelope().method == method_of(MethodId::tasks_result).text) {
    rename_uris(rewrite, answer, state().renames(upstream));
    if (answer.meta_related_task)
      rewrite.put_string(answer.text, json_member(answer.text, answer.meta_related_task, "taskId"),
                         [this](Bytes) { return id_; });
  } else {
    rename_task(rewrite, state(), answer.text, answer.result, upstream, id_);
  }
  client().finish(rewrite.empty() ? std::string(response) : rewrite.apply(answer.text, answer.message));
}

void TaskCall::failed(std::size_t, int, const Refusal& refusal) {
  const Refusal last = refusal;
  client().refuse(last.http_status, last.code, last.message, last.data_json);
}

// --- All of them ---

TaskListCall::TaskListCall(FederationState& state, Exchange& client)
    : FederatedCall(state, client), page_(task_form) {}

void TaskListCall::start() {
  const auto start = where_it_goes_on(state(), client());
  if (!start) return state().refuse(client(), bad_cursor());
  ask(start->upstream, start->cursor);
}

void TaskListCall::ask(std::size_t upstream, const std::optional<std::string>& cursor) {
  Leg leg;
  leg.upstream = upstream;
  leg.text = own_request(envelope().method, cursor ? "\"cursor\":" + quoted(*cursor) : std::string());
  leg.within = patience(upstream);
  leg.needs = ServerCapability::tasks;
  send(std::move(leg));
}

void TaskListCall::answered(std::size_t upstream, int, Bytes response) {
  const UpstreamAnswer answer = read_answer(state(), response);
  if (answer.failure) return failed(upstream, 0, *answer.failure);
  Renames renames = state().renames(upstream);
  renames.name = [this, upstream](Bytes id) { return shown_task_id(state(), client(), upstream, id); };
  const auto facts = page_.add(answer.message->envelope(), renames);
  if (!facts) return failed(upstream, 0, refusals::internal_error(facts.error().message));
  if (facts->next_cursor) return finish_page(ListStart{upstream, facts->next_cursor});
  if (upstream + 1 == upstreams()) return finish_page(std::nullopt);
  if (page_.items() >= state().limits().federation.page_items_max)
    return finish_page(ListStart{upstream + 1});
  ask(upstream + 1, std::nullopt);
}

// Who cannot tell is left out.
void TaskListCall::failed(std::size_t upstream, int, const Refusal& refusal) {
  if (refusal.code != rpc::method_not_found) state().warn(upstream, envelope().method, refusal.message);
  if (upstream + 1 < upstreams()) return ask(upstream + 1, std::nullopt);
  finish_page(std::nullopt);
}

void TaskListCall::finish_page(const std::optional<ListStart>& next) {
  if (!next) return finish(page_.result(Era::legacy, std::nullopt, {}));
  const auto sealed = state().cursors.seal(state().cursor_scope(client()), start_text(*next));
  if (!sealed) return state().refuse(client(), refusals::internal_error(sealed.error().message));
  finish(page_.result(Era::legacy, *sealed, {}));
}

}  // namespace sluice
