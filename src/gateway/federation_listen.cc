// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_listen.h"

#include <algorithm>
#include <array>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "gateway/federation_task.h"

namespace sluice {

namespace {

constexpr Bytes uris_member = "resourceSubscriptions";
constexpr Bytes tasks_member = "taskIds";

struct ListFlag {
  Bytes member;
  MethodId method;
};
constexpr std::array<ListFlag, 3> list_flags{{
    {"toolsListChanged", MethodId::notify_tools_changed},
    {"promptsListChanged", MethodId::notify_prompts_changed},
    {"resourcesListChanged", MethodId::notify_resources_changed},
}};

bool is_true(Bytes text, JsonSpan object, Bytes member) {
  const JsonSpan value = json_member(text, object, member);
  return value && value.in(text) == "true";
}

std::vector<std::string> texts_in(Bytes text, JsonSpan object, Bytes member) {
  std::vector<std::string> texts;
  const JsonSpan list = json_member(text, object, member);
  if (!list || text[list.begin] != '[') return texts;
  for (const JsonSpan item : json_children(text, list)) texts.push_back(string_in(text, item));
  return texts;
}

// The object without its URIs and tasks.
std::string flags_in(Bytes text, JsonSpan object) {
  Rewrite rewrite;
  for (const Bytes member : {uris_member, tasks_member})
    if (const JsonSpan list = json_member(text, object, member)) rewrite.remove(list);
  return rewrite.apply(text, object);
}

// `flags` with a list of texts, if there are any.
std::string with_texts(const std::string& flags, Bytes member, const std::vector<std::string>& texts) {
  if (texts.empty()) return flags;
  std::string list;
  JsonWriter writer(list);
  writer.begin_array();
  for (const std::string& text : texts) writer.value(text);
  writer.end_array();
  return merge_json(flags, "{\"" + std::string(member) + "\":" + list + "}");
}

}  // namespace

ListenCall::ListenCall(FederationState& state, Exchange& client)
    : FederatedCall(state, client),
      watched_(state.upstreams.size()),
      watched_tasks_(state.upstreams.size()),
      acknowledge_timer_([](void* self) { static_cast<ListenCall*>(self)->acknowledge(); }, this),
      again_timer_([](void* self) { static_cast<ListenCall*>(self)->again(); }, this) {}

ListenCall::~ListenCall() {
  if (lists_) lists_->remove(*this);
}

void ListenCall::start() {
  if (!envelope().notifications || envelope().text[envelope().notifications.begin] != '{')
    return state().refuse(client(), refusals::invalid_params("notifications is missing"));
  read_wishes();
  if (wishes_too_much())
    return state().refuse(client(),
                          refusals::invalid_params("notifications names too many, or too long ones"));
  lists_ = state().catalogue->caller_of(client());
  lists_->add(*this);
  milliseconds longest{0};
  is_starting_ = true;
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) {
    awaited_.insert(upstream);
    longest = std::max(longest, patience(upstream));
  }
  state().parts.reactor.arm_after(acknowledge_timer_, longest);
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) listen_to(upstream);
  is_starting_ = false;
  maybe_acknowledge();
}

// A URI that nobody is known to have is watched at all of them.
void ListenCall::read_wishes() {
  flags_ = flags_in(envelope().text, envelope().notifications);
  task_ids_ = texts_in(envelope().text, envelope().notifications, tasks_member);
  for (const std::string& id : task_ids_)
    if (const auto meant = task_meaning(state(), client().request().principal, id))
      watched_tasks_[meant->upstream].emplace_back(id, meant->id);
  uris_ = texts_in(envelope().text, envelope().notifications, uris_member);
  for (const std::string& uri : uris_) {
    const FederatedUris::Inward in = state().uris.inward(uri);
    for (std::size_t upstream = 0; upstream < upstreams(); ++upstream)
      if ((!in.upstream || *in.upstream == upstream) &&
          state().upstreams[upstream].rules.admits(NameKind::resource, in.uri))
        watched_[upstream].emplace_back(uri, in.uri);
  }
}

bool ListenCall::wishes_too_much() {
  const Limits& limits = state().limits();
  const auto is_long = [&limits](const std::string& text) {
    return text.size() > limits.federation.uri_bytes_max;
  };
  return std::max(uris_.size(), task_ids_.size()) > limits.mcp.subscriptions_max ||
         flags_.size() > limits.mcp.introduction_bytes_max ||
         std::any_of(uris_.begin(), uris_.end(), is_long) ||
         std::any_of(task_ids_.begin(), task_ids_.end(), is_long);
}

void ListenCall::listen_to(std::size_t upstream) {
  std::vector<std::string> uris, tasks;
  for (const auto& [shown, original] : watched_[upstream]) uris.push_back(original);
  for (const auto& [shown, original] : watched_tasks_[upstream]) tasks.push_back(original);
  Leg leg;
  leg.upstream = upstream;
  leg.text = own_request(
      envelope().method,
      "\"notifications\":" + with_texts(with_texts(flags_, uris_member, uris), tasks_member, tasks));
  send(std::move(leg));
}

std::string ListenCall::own_meta() const {
  return R"("_meta":{"io.modelcontextprotocol/subscriptionId":)" +
         std::string(envelope().view(envelope().id)) + "}";
}

// --- Acknowledging ---

void ListenCall::acknowledged(std::size_t upstream, const Envelope& message) {
  awaited_.erase(upstream);
  const bool has_wishes = message.notifications && message.text[message.notifications.begin] == '{';
  if (has_wishes && !json_children(message.text, message.notifications).empty()) told_of_.insert(upstream);
  if (is_acknowledged_) return note_all_changes(upstream);  // it was away, or late
  any_acknowledged_ = true;
  if (has_wishes) {
    honoured_flags_ = merge_json(honoured_flags_, flags_in(message.text, message.notifications));
    for (const std::string& uri : texts_in(message.text, message.notifications, uris_member))
      for (const auto& [shown, original] : watched_[upstream])
        if (original == uri) honoured_uris_.insert(shown);
    for (const std::string& id : texts_in(message.text, message.notifications, tasks_member))
      for (const auto& [shown, original] : watched_tasks_[upstream])
        if (original == id) honoured_tasks_.insert(shown);
  }
  maybe_acknowledge();
}

void ListenCall::maybe_acknowledge() {
  if (is_starting_ || is_acknowledged_ || !awaited_.empty()) return;
  acknowledge();
}

void ListenCall::acknowledge() {
  if (is_acknowledged_) return;
  acknowledge_timer_.cancel();
  for (const std::size_t upstream : awaited_)
    state().warn(upstream, envelope().method, "it did not acknowledge the subscription in time");
  awaited_.clear();
  if (!any_acknowledged_ && legs() == 0) {
    const Refusal refusal = failure_ ? *failure_ : refusals::upstream_lost(Outcome::not_sent);
    return state().refuse(client(), refusal);
  }
  is_acknowledged_ = true;
  std::vector<std::string> uris, tasks;
  for (const std::string& uri : uris_)
    if (honoured_uris_.contains(uri)) uris.push_back(uri);
  for (const std::string& id : task_ids_)
    if (honoured_tasks_.contains(id)) tasks.push_back(id);
  client().notify(make_notification(
      method_of(MethodId::notify_subscriptions_acknowledged).text,
      "{" + own_meta() + ",\"notifications\":" +
          with_texts(with_texts(honoured_flags_, uris_member, uris), tasks_member, tasks) + "}"));
  for (const std::string& text : std::exchange(held_, {})) client().notify(text);
  if (!broken_.empty())
    state().parts.reactor.arm_after(again_timer_, state().limits().federation.listen_again);
  finish_if_over();
}

// --- What upstreams send ---

std::size_t ListenCall::deliver(std::string text) {
  if (is_acknowledged_) return client().notify(text);
  if (held_.size() >= state().limits().federation.held_notes_max) return all_room;
  held_.push_back(std::move(text));
  return all_room;
}

std::size_t ListenCall::on_notify(InnerExchange& inner, Bytes text) {
  const auto message = state().scan(text);
  if (!message) return all_room;
  const Envelope& note = message->envelope();
  const Method* method = find_method(note.method);
  if (method != nullptr && method->id == MethodId::notify_subscriptions_acknowledged) {
    acknowledged(inner.upstream(), note);
    return all_room;
  }
  if (method != nullptr && is_list_change(method->id)) {
    state().catalogue->changed(client().request().principal, ListChange{inner.upstream(), method->id});
    return all_room;
  }
  Rewrite rewrite;
  if (method != nullptr && method->id == MethodId::notify_resources_updated)
    rewrite.put_string(note.text, note.uri_span, state().renames(inner.upstream()).uri);
  if (method != nullptr && method->id == MethodId::notify_tasks) {
    const Watched& tasks = watched_tasks_[inner.upstream()];
    const auto known = std::find_if(tasks.begin(), tasks.end(),
                                    [&](const auto& task) { return task.second == note.task_id; });
    if (known == tasks.end()) return all_room;
    rename_task(rewrite, state(), note.text, note.params, inner.upstream(), known->first);
  }
  if (note.meta_subscription_id)
    rewrite.put(note.meta_subscription_id, std::string(envelope().view(envelope().id)));
  return deliver(rewrite.apply(note.text, note.message));
}

bool ListenCall::wishes(MethodId notice) {
  const Envelope& request = envelope();
  return std::any_of(list_flags.begin(), list_flags.end(), [&](const ListFlag& flag) {
    return flag.method == notice && is_true(request.text, request.notifications, flag.member);
  });
}

// What the client asked to be told of, as it may have been missed.
void ListenCall::note_all_changes(std::size_t upstream) {
  for (const ListFlag& flag : list_flags)
    if (wishes(flag.method)) lists_->changed(ListChange{upstream, flag.method}, true);
}

void ListenCall::lists_changed(const CallerLists&, const std::vector<ListChange>& changes) {
  std::set<MethodId> told;
  for (const ListChange& change : changes)
    if (wishes(change.notice) && told.insert(change.notice).second)
      (void)deliver(make_notification(method_of(change.notice).text, "{" + own_meta() + "}"));
}

// --- Ends ---

// Who had acknowledged something has more to tell once it is back, whatever it ends with; who had not, or
// nothing, is done.
void ListenCall::answered(std::size_t upstream, int, Bytes response) {
  const UpstreamAnswer answer = read_answer(state(), response);
  if (answer.failure) {
    state().warn(upstream, envelope().method, answer.failure->message);
    failure_ = *answer.failure;
  }
  const bool is_broken = answer.failure && answer.failure->code == rpc::internal_error;
  if (told_of_.erase(upstream) != 0 || is_broken) broke(upstream);
  over(upstream);
}

void ListenCall::failed(std::size_t upstream, int, const Refusal& refusal) {
  state().warn(upstream, envelope().method, refusal.message);
  failure_ = refusal;
  if (told_of_.erase(upstream) != 0 || refusal.code == rpc::internal_error) broke(upstream);
  over(upstream);
}

void ListenCall::broke(std::size_t upstream) {
  broken_.insert(upstream);
  if (is_acknowledged_ && !again_timer_.armed())
    state().parts.reactor.arm_after(again_timer_, state().limits().federation.listen_again);
}

// One of the subscriptions is no more; the last takes the client's with it.
void ListenCall::over(std::size_t upstream) {
  awaited_.erase(upstream);
  if (!is_acknowledged_) return maybe_acknowledge();
  finish_if_over();
}

void ListenCall::finish_if_over() {
  if (is_starting_ || legs() != 0 || !broken_.empty()) return;
  finish(R"({"resultType":"complete",)" + own_meta() + "}");
}

void ListenCall::again() {
  is_starting_ = true;
  for (const std::size_t upstream : std::exchange(broken_, {})) listen_to(upstream);
  is_starting_ = false;
  finish_if_over();
}

}  // namespace sluice
