// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_task.h"

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"

namespace sluice {

namespace {

std::string quoted(Bytes text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace

std::string sealed_task_id(FederationState& state, const Exchange& client, std::size_t upstream,
                           Bytes task_id) {
  const auto sealed = state.task_ids.seal(client.request().principal,
                                          state.upstreams[upstream].name + ":" + std::string(task_id));
  return sealed ? quoted(*sealed) : std::string();
}

void TaskCall::start() {
  id_ = std::string(envelope().task_id);
  const auto opened = state().task_ids.open(client().request().principal, id_);
  const std::string payload = opened ? *opened : std::string();
  const std::size_t colon = payload.find(':');
  std::size_t upstream = 0;
  while (upstream < upstreams() && state().upstreams[upstream].name != payload.substr(0, colon)) ++upstream;
  if (upstream >= upstreams())
    return state().refuse(client(), refusals::invalid_params("there is no such task"));
  Rewrite rewrite;
  rewrite.put(envelope().task_id_span, quoted(payload.substr(colon + 1)));
  Leg leg;
  leg.upstream = upstream;
  leg.text = rewrite.apply(envelope().text, envelope().message);
  send(std::move(leg));
}

void TaskCall::answered(std::size_t upstream, int, Bytes response) {
  const auto message = state().scan(response);
  if (!message || message->envelope().kind != MessageKind::response) return client().finish(response);
  const Envelope& answer = message->envelope();
  Rewrite rewrite;
  if (const JsonSpan id = json_member(answer.text, answer.result, "taskId")) rewrite.put(id, quoted(id_));
  if (upstreams() > 1) name_askers(rewrite, answer, state().upstreams[upstream].name);
  // What came of the task has URIs where the answer to a call has them.
  const JsonSpan result = json_member(answer.text, answer.result, "result");
  if (result && answer.text[result.begin] == '{') {
    const auto inner = state().scan(make_response("0", answer.view(result)));
    if (inner) {
      Rewrite renamed;
      rename_uris(renamed, inner->envelope(), state().renames(upstream));
      if (!renamed.empty())
        rewrite.put(result, renamed.apply(inner->envelope().text, inner->envelope().result));
    }
  }
  client().finish(rewrite.empty() ? std::string(response) : rewrite.apply(answer.text, answer.message));
}

void TaskCall::failed(std::size_t, int, const Refusal& refusal) {
  const Refusal last = refusal;
  client().refuse(last.http_status, last.code, last.message, last.data_json);
}

}  // namespace sluice
