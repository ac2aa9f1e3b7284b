// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_routed.h"

#include <charconv>
#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "gateway/federation_find.h"
#include "gateway/federation_task.h"
namespace sluice {

namespace {

constexpr int of_route = -1;  // tags of legs that learn are the ids of their methods

// Errors by which a server says that it has no such resource.
bool says_unknown(const Envelope& response) {
  if (response.kind != MessageKind::error_response) return false;
  const int code = error_code_of(response);
  return code == rpc::resource_not_found || code == rpc::invalid_params || code == rpc::method_not_found;
}

bool holds(Bytes text, Bytes part) { return text.find(part) != Bytes::npos; }

std::string quoted(Bytes text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace

RoutedCall::RoutedCall(FederationState& state, Exchange& client)
    : FederatedCall(state, client),
      finds_tools_(state.parts.finds_tools),
      wait_timer_([](void* self) { static_cast<RoutedCall*>(self)->stop_waiting(); }, this) {}

RoutedCall::~RoutedCall() { state().catalogue->forget(*this); }

std::optional<RoutedCall::Subject> RoutedCall::find_subject() const {
  const Envelope& request = envelope();
  const Method* method = find_method(request.method);
  if (method == nullptr) return std::nullopt;
  switch (method->id) {
    case MethodId::completion_complete: break;
    case MethodId::prompts_get:
      return Subject{request.name_span, std::string(request.name), false, MethodId::prompts_list};
    case MethodId::tools_call:
      if (finds_tools_ && request.name == call_tool_name) return called_within();
      return Subject{request.name_span, std::string(request.name), false, MethodId::tools_list};
    default: return Subject{request.uri_span, std::string(request.uri), true, {}};
  }
  if (!request.params) return std::nullopt;
  const JsonSpan ref = json_member(request.text, request.params, "ref");
  if (!ref || request.text[ref.begin] != '{') return std::nullopt;
  const bool is_uri = string_in(request.text, json_member(request.text, ref, "type")) == "ref/resource";
  const JsonSpan span = json_member(request.text, ref, is_uri ? "uri" : "name");
  return Subject{span, string_in(request.text, span), is_uri, MethodId::prompts_list};
}

std::optional<RoutedCall::Subject> RoutedCall::called_within() const {
  const Envelope& request = envelope();
  if (!request.arguments || request.text[request.arguments.begin] != '{') return std::nullopt;
  const JsonSpan name = json_member(request.text, request.arguments, "name");
  return Subject{request.name_span, string_in(request.text, name), false, MethodId::tools_list, true};
}

void RoutedCall::start() {
  auto subject = find_subject();
  if (!subject || !subject->span || subject->text.empty())
    return state().refuse(client(), refusals::invalid_params("it does not say what is meant"));
  subject_ = *std::move(subject);
  if (subject_.is_uri && makes_subscription() &&
      subject_.text.size() > state().limits().federation.uri_bytes_max)
    return state().refuse(client(), refusals::invalid_params("the URI is too long to be watched"));
  resolve();
}

bool RoutedCall::makes_subscription() const {
  return envelope().method == method_of(MethodId::resources_subscribe).text;
}

void RoutedCall::resolve() {
  if (is_modern() && envelope().request_state) return resume_asked();
  if (subject_.is_uri) {
    const FederatedUris::Inward in = state().uris.inward(subject_.text);
    if (in.upstream) return admits(*in.upstream, in.uri) ? route(*in.upstream, in.uri) : unknown();
  } else {
    const auto in = state().meaning(name_kind(subject_.list), subject_.text);
    if (!in) return unknown();
    const auto may = in->name ? admits_definition(in->upstream, *in->name) : std::optional(true);
    if (may == false || (!may && has_learned_)) return unknown();
    if (may && in->name) return route(in->upstream, *in->name);
  }
  if (!has_learned_) return learn();
  if (!subject_.is_uri) return unknown();
  in_turn_ = 0;
  ask_in_turn();
}

std::optional<bool> RoutedCall::admits_definition(std::size_t upstream, const std::string& tool) {
  if (subject_.is_uri || subject_.list != MethodId::tools_list) return true;
  return state().guard.admits(upstream, tool);
}

bool RoutedCall::admits(std::size_t upstream, Bytes original) {
  const NameKind kind = subject_.is_uri ? NameKind::resource : name_kind(subject_.list);
  return state().upstreams[upstream].rules.admits(kind, original);
}

void RoutedCall::unknown() {
  if (failure_) return state().refuse(client(), *failure_);
  if (subject_.is_uri)
    return state().refuse(client(), refusals::resource_not_found(subject_.text, client().request().era));
  const bool is_tool = subject_.list == MethodId::tools_list;
  state().refuse(client(), refusals::invalid_params((is_tool ? "unknown tool: " : "unknown prompt: ") +
                                                    subject_.text.substr(0, 256)));
}

// --- Learning what a name means ---

void RoutedCall::learn() {
  if (!subject_.is_uri) return learn_of(state().names.inward(subject_.text)->upstream);
  has_learned_ = true;
  is_learning_ = true;
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) {
    learn_page(upstream, MethodId::resources_list, std::nullopt);
    learn_page(upstream, MethodId::resources_templates_list, std::nullopt);
  }
  is_learning_ = false;
  if (legs() == 0) resolve();
}

// What names of this upstream mean, and what its tools say of themselves.
void RoutedCall::learn_of(std::size_t upstream) {
  has_learned_ = true;
  is_learning_ = true;
  learn_page(upstream, subject_.list, std::nullopt);
  is_learning_ = false;
  if (legs() == 0) resolve();
}

void RoutedCall::learn_page(std::size_t upstream, MethodId list, const std::optional<std::string>& cursor) {
  const Method& method = method_of(list);
  Leg leg;
  leg.upstream = upstream;
  leg.tag = static_cast<int>(list);
  leg.text = own_request(method.text, cursor ? "\"cursor\":" + quoted(*cursor) : std::string());
  leg.within = patience(upstream);
  leg.needs = method.needs;
  ++pages_;
  send(std::move(leg));
}

void RoutedCall::learned(std::size_t upstream, int tag, Bytes response) {
  const auto list = static_cast<MethodId>(tag);
  const UpstreamAnswer answer = read_answer(state(), response);
  if (answer.message) {
    MergedPage page(*list_form(list));
    const auto facts = page.add(answer.message->envelope(), state().list_renames(upstream, *list_form(list)));
    if (facts && facts->next_cursor && pages_ < state().limits().federation.learned_pages_max) {
      const bool was_learning = std::exchange(is_learning_, true);
      learn_page(upstream, list, facts->next_cursor);
      is_learning_ = was_learning;
    }
  }
  if (!is_learning_ && legs() == 0) resolve();
}

// --- The call ---

// A retry with answers: the state says whose it is, and what that upstream gave away.
void RoutedCall::resume_asked() {
  const Bytes raw = envelope().view(envelope().request_state);
  std::string sealed;
  const auto scope = state().state_scope(client());
  if (!scope || !decode_json_string(raw, sealed))
    return state().refuse(client(), refusals::invalid_params("requestState cannot be read"));
  const auto opened = state().states.open(*scope, sealed, state().parts.reactor.wall());
  if (!opened) {
    Refusal refusal = refusals::invalid_params("");
    refusal.message = opened.error().message;
    return state().refuse(client(), refusal);
  }
  // "<upstream>:<its original name or URI's length>:<that><its state as JSON, or nothing>"
  std::size_t upstream = 0, length = 0;
  const char* const end = opened->data() + opened->size();
  const auto first = std::from_chars(opened->data(), end, upstream);
  const auto second = std::from_chars(first.ptr == end ? end : first.ptr + 1, end, length);
  const auto begin = static_cast<std::size_t>(second.ptr - opened->data()) + 1;
  if (upstream >= upstreams() || begin + length > opened->size())
    return state().refuse(client(), refusals::invalid_params("requestState cannot be read"));
  const std::string original = opened->substr(begin, length);
  if (!admits(upstream, original)) return unknown();
  const auto may = admits_definition(upstream, original);
  if (may == false || (!may && has_learned_)) return unknown();
  if (!may) return learn_of(upstream);
  state_raw_ = opened->substr(begin + length);
  route(upstream, original);
}

void RoutedCall::route(std::size_t upstream, const std::string& original) {
  const Envelope& request = envelope();
  Rewrite rewrite;
  if (original != subject_.text || subject_.is_within) rewrite.put(subject_.span, quoted(original));
  if (subject_.is_within) {
    const JsonSpan given = json_member(request.text, request.arguments, "arguments");
    rewrite.put(request.arguments, given ? std::string(request.view(given)) : std::string("{}"));
  }
  if (state_raw_ && request.request_state) {
    if (state_raw_->empty()) rewrite.remove(request.request_state);
    if (!state_raw_->empty()) rewrite.put(request.request_state, *state_raw_);
  }
  Leg leg;
  leg.upstream = upstream;
  leg.tag = of_route;
  leg.text = rewrite.apply(request.text, request.message);
  leg.has_headers = !subject_.is_within;
  send(std::move(leg));
}

void RoutedCall::ask_in_turn() {
  while (*in_turn_ < upstreams() && !admits(*in_turn_, subject_.text)) ++*in_turn_;
  if (*in_turn_ >= upstreams()) return unknown();
  const std::size_t upstream = *in_turn_;
  const Envelope& request = envelope();
  Leg leg;
  leg.upstream = upstream;
  leg.tag = of_route;
  leg.text = request.view(request.message);
  leg.needs = ServerCapability::resources;
  send(std::move(leg));
}

void RoutedCall::answered(std::size_t upstream, int tag, Bytes response) {
  if (tag != of_route) return learned(upstream, tag, response);
  if (in_turn_) {
    const auto message = state().scan(response);
    if (message && says_unknown(message->envelope())) {
      ++*in_turn_;
      return ask_in_turn();
    }
    if (message && message->envelope().kind == MessageKind::response)
      (void)state().uris.outward(upstream, subject_.text);
  }
  finish_routed(upstream, response);
}

void RoutedCall::failed(std::size_t upstream, int tag, const Refusal& refusal) {
  if (tag != of_route) {
    if (refusal.code != rpc::method_not_found) {
      state().warn(upstream, method_of(static_cast<MethodId>(tag)).text, refusal.message);
      failure_ = refusal;
    }
    if (!is_learning_ && legs() == 0) resolve();
    return;
  }
  if (in_turn_) {
    if (refusal.code != rpc::method_not_found) failure_ = refusal;
    ++*in_turn_;
    return ask_in_turn();
  }
  const Refusal last = refusal;
  client().refuse(last.http_status, last.code, last.message, last.data_json);
}

void RoutedCall::finish_routed(std::size_t upstream, Bytes response) {
  if (session() != nullptr) note_subscription(upstream, response);
  if (!state().catalogue->hurry(*this, client().request().principal, upstream))
    return hand_on(upstream, response);
  held_ = response;
  answered_by_ = upstream;
  state().parts.reactor.arm_after(wait_timer_, state().limits().federation.change_wait);
}

void RoutedCall::changes_told() {
  wait_timer_.cancel();
  hand_on(answered_by_, std::exchange(held_, {}));
}

// What is not known by now is told as changed.
void RoutedCall::stop_waiting() {
  state().catalogue->forget(*this);
  state().catalogue->give_up_checks(client().request().principal, answered_by_);
  hand_on(answered_by_, std::exchange(held_, {}));
}

void RoutedCall::hand_on(std::size_t upstream, Bytes response) {
  const bool may_ask = is_modern() && holds(response, "input_required");
  const bool may_be_task = holds(response, "\"taskId\"");
  if (!may_ask && !may_be_task && !holds(response, "\"uri\"")) return client().finish(response);
  const auto message = state().scan(response);
  if (!message) return client().finish(response);
  const Envelope& answer = message->envelope();
  const Renames renames = state().renames(upstream);
  Rewrite rewrite;
  rename_uris(rewrite, answer, renames);
  if (answer.error_data && answer.text[answer.error_data.begin] == '{')
    rewrite.put_string(answer.text, json_member(answer.text, answer.error_data, "uri"), renames.uri);
  if (may_ask && answer.result_type == "input_required") {
    if (upstreams() > 1) name_askers(rewrite, answer.text, answer.result, state().upstreams[upstream].name);
    if (!seal_state(rewrite, answer, upstream)) return;
  }
  if (may_be_task && !show_task(rewrite, answer, upstream)) return;
  client().finish(rewrite.empty() ? std::string(response) : rewrite.apply(answer.text, answer.message));
}

// The call became a task: the client knows it by an id of its own.
bool RoutedCall::show_task(Rewrite& rewrite, const Envelope& response, std::size_t upstream) {
  JsonSpan task = response.result_type == "task" ? response.result : JsonSpan{};
  if (!is_modern() && envelope().task) task = json_member(response.text, response.result, "task");
  const JsonSpan span =
      task && response.text[task.begin] == '{' ? json_member(response.text, task, "taskId") : JsonSpan{};
  if (!span) return true;
  const std::string id = shown_task_id(state(), client(), upstream, string_in(response.text, span));
  if (id.empty()) client().refuse(500, rpc::internal_error, "the id of the task is too long", {});
  if (!id.empty()) rewrite.put(span, quoted(id));
  return !id.empty();
}

// A subscription that was made, or given up.
void RoutedCall::note_subscription(std::size_t upstream, Bytes response) {
  const bool on = makes_subscription();
  if (!on && envelope().method != method_of(MethodId::resources_unsubscribe).text) return;
  if (read_answer(state(), response).failure) return;
  session()->subscribed(upstream, state().uris.inward(subject_.text).uri, on);
}

bool RoutedCall::seal_state(Rewrite& rewrite, const Envelope& response, std::size_t upstream) {
  const JsonSpan state_span = json_member(response.text, response.result, "requestState");
  std::string original = subject_.text;
  if (subject_.is_uri) {
    original = state().uris.inward(subject_.text).uri;
  } else if (const auto in = state().meaning(name_kind(subject_.list), subject_.text); in && in->name) {
    original = *in->name;
  }
  std::string payload = std::to_string(upstream) + ":" + std::to_string(original.size()) + ":" + original;
  if (state_span) payload += response.view(state_span);
  const auto scope = state().state_scope(client());
  Result<std::string> sealed = Error(Errc::invalid, "the request's arguments cannot be read");
  if (scope) sealed = state().states.seal(*scope, payload, state().parts.reactor.wall());
  if (!sealed) {
    client().refuse(500, rpc::internal_error, sealed.error().message, {});
    return false;
  }
  rewrite.set(response.result, state_span, "requestState", quoted(*sealed));
  return true;
}

}  // namespace sluice
