// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_merged.h"

#include <charconv>
#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"

namespace sluice {

namespace {

constexpr int of_all = 0;       // tag of a leg that is one of many
constexpr int of_one_page = 1;  // tag of the leg that goes on with a list

// Where a list goes on: an upstream, and its cursor unless it begins there.
struct ListPlace {
  std::size_t upstream = 0;
  std::optional<std::string> cursor;
};

std::string place_text(const ListPlace& place) {
  return std::to_string(place.upstream) + (place.cursor ? "=" + *place.cursor : std::string("-"));
}

std::optional<ListPlace> read_place(const std::string& text) {
  ListPlace place;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), place.upstream);
  const auto at = static_cast<std::size_t>(end - text.data());
  if (failure != std::errc() || at >= text.size()) return std::nullopt;
  if (text[at] == '=') place.cursor = text.substr(at + 1);
  return place;
}

}  // namespace

// --- Asking all ---

void FanOut::ask_all(std::size_t first, const std::function<std::string()>& request, ServerCapability needs) {
  answers_.clear();
  answers_.resize(upstreams());
  asking_ = true;
  for (std::size_t upstream = first; upstream < upstreams(); ++upstream) {
    Leg leg;
    leg.upstream = upstream;
    leg.tag = of_all;
    leg.text = request();
    leg.timed = true;
    leg.needs = needs;
    send(std::move(leg));
  }
  asking_ = false;
  check();
}

void FanOut::check() {
  if (!asking_ && legs() == 0) settled();
}

void FanOut::answered(std::size_t upstream, int, Bytes response) {
  answers_[upstream] = read_answer(state(), response);
  check();
}

void FanOut::failed(std::size_t upstream, int, const Refusal& refusal) {
  answers_[upstream].failure = refusal;
  check();
}

void FanOut::warn_of(std::size_t upstream) {
  const UpstreamAnswer& answer = answers_[upstream];
  if (answer.failure && !answer.is_absent())
    state().warn(upstream, envelope().method, answer.failure->message);
}

std::optional<MergedServers> FanOut::gather_servers() {
  MergedServers servers;
  bool any = false;
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) {
    const UpstreamAnswer& given = answer(upstream);
    if (given.message) {
      servers.add(upstreams() == 1 ? Bytes() : state().upstreams[upstream].name, given.message->envelope());
      any = true;
      continue;
    }
    servers.is_partial();
    state().warn(upstream, envelope().method, given.failure ? given.failure->message : std::string());
  }
  if (!any) return std::nullopt;
  return servers;
}

void FanOut::refuse_all(std::size_t first) {
  Refusal refusal = refusals::method_not_found(envelope().method, client().request().era);
  for (std::size_t upstream = first; upstream < answers_.size(); ++upstream) {
    if (!answers_[upstream].failure || answers_[upstream].is_absent()) continue;
    refusal = *answers_[upstream].failure;
    break;
  }
  state().refuse(client(), refusal);
}

// --- Lists ---

ListCall::ListCall(FederationState& state, Exchange& client, const ListForm& form)
    : FanOut(state, client), form_(form), page_(form) {
  if (state.is_filtered(form)) page_.is_private();
}

void ListCall::start() {
  std::string cursor;
  if (envelope().cursor && !decode_json_string(envelope().view(envelope().cursor), cursor))
    return state().refuse(client(), refusals::invalid_params("cursor is no string"));
  auto opened = state().cursors.open(state().cursor_scope(client()), cursor);
  const auto place = !opened || !*opened ? std::optional(ListPlace()) : read_place(**opened);
  if (!opened || !place || place->upstream >= upstreams())
    return state().refuse(client(),
                          refusals::invalid_params("the cursor is invalid; start the list over without one"));
  if (!place->cursor) return list_from(place->upstream);
  Leg leg;
  leg.upstream = place->upstream;
  leg.tag = of_one_page;
  leg.text = request(place->cursor);
  leg.timed = true;
  send(std::move(leg));
}

std::string ListCall::request(const std::optional<std::string>& cursor) {
  std::string members;
  if (cursor) {
    members = "\"cursor\":";
    append_json_string(members, *cursor);
  }
  return own_request(method_of(form_.method).text, members);
}

void ListCall::list_from(std::size_t first) {
  first_ = first;
  if (first >= upstreams()) return finish_list();
  ask_all(
      first, [this] { return request(std::nullopt); }, method_of(form_.method).needs);
}

void ListCall::answered(std::size_t upstream, int tag, Bytes response) {
  if (tag == of_all) return FanOut::answered(upstream, tag, response);
  first_ = upstream;
  go_on(read_answer(state(), response));
}

void ListCall::failed(std::size_t upstream, int tag, const Refusal& refusal) {
  if (tag == of_all) return FanOut::failed(upstream, tag, refusal);
  first_ = upstream;
  UpstreamAnswer answer;
  answer.failure = refusal;
  go_on(std::move(answer));
}

Result<PageFacts> ListCall::add_page(std::size_t upstream, const ClientMessage& response) {
  auto facts = page_.add(response.envelope(), state().list_renames(upstream, form_));
  if (facts && !facts->next_cursor) state().list_ended(upstream, form_);
  return facts;
}

// The next page of the upstream at which the last page of ours ended.
void ListCall::go_on(UpstreamAnswer answer) {
  const std::size_t upstream = first_;
  if (answer.failure && answer.failure->code == rpc::invalid_params)
    return state().refuse(client(), *answer.failure);
  Result<PageFacts> facts = Error(Errc::failed, answer.failure ? answer.failure->message : std::string());
  if (answer.message) facts = add_page(upstream, *answer.message);
  if (!facts) {
    state().warn(upstream, envelope().method, facts.error().message);
    page_.is_partial();
    return list_from(upstream + 1);
  }
  any_ = true;
  if (facts->next_cursor) return finish_page(upstream, facts->next_cursor);
  list_from(upstream + 1);
}

void ListCall::settled() {
  for (std::size_t upstream = first_; upstream < upstreams(); ++upstream) {
    UpstreamAnswer& given = answer(upstream);
    if (given.message) {
      auto facts = add_page(upstream, *given.message);
      if (!facts) {
        given.failure = refusals::internal_error(facts.error().message);
      } else {
        any_ = true;
        if (facts->next_cursor) return finish_page(upstream, facts->next_cursor);
      }
    }
    if (given.failure && !given.is_absent()) page_.is_partial();
    warn_of(upstream);
    if (page_.items() >= state().limits().federation.page_items_max && upstream + 1 < upstreams())
      return finish_page(upstream + 1, std::nullopt);
  }
  if (!any_ && first_ == 0) return refuse_all(first_);
  finish_list();
}

void ListCall::finish_page(std::size_t upstream, const std::optional<std::string>& cursor) {
  auto sealed = state().cursors.seal(state().cursor_scope(client()), place_text({upstream, cursor}));
  if (!sealed) {
    state().warn(upstream, envelope().method, sealed.error().message);
    return state().refuse(client(), refusals::internal_error(sealed.error().message));
  }
  finish(page_.result(client().request().era, *sealed, {}));
}

void ListCall::finish_list() { finish(page_.result(client().request().era, std::nullopt, {})); }

// --- Handshakes ---

void DiscoverCall::start() {
  ask_all(
      0, [this] { return own_request(envelope().method, {}); }, ServerCapability::none);
}

void DiscoverCall::settled() {
  const auto servers = gather_servers();
  if (!servers) return refuse_all(0);
  finish(servers->discover_result({all_revisions.rbegin(), all_revisions.rend()}, federation_server_info()));
}

void InitializeCall::start() {
  client().session()->attachment = std::make_unique<FederatedSession>(state(), client());
  ask_all(
      0, [] { return std::string(); }, ServerCapability::none);
}

// The session is open; its answer is read when all are.
void InitializeCall::answered(std::size_t upstream, int tag, Bytes) {
  const ClientMessage* hello = session()->hello(upstream);
  FanOut::answered(upstream, tag, hello != nullptr ? hello->text() : Bytes());
}

void InitializeCall::settled() {
  const auto servers = gather_servers();
  session()->hellos_read();
  if (!servers) return refuse_all(0);
  finish(servers->initialize_result(negotiate_legacy(envelope().protocol_version), federation_server_info()));
}

// --- The log level ---

void SetLevelCall::start() {
  if (envelope().level) session()->level_set(envelope().view(envelope().level));
  ask_all(
      0,
      [this] {
        const std::string level(envelope().level ? envelope().view(envelope().level) : Bytes("null"));
        return own_request(envelope().method, "\"level\":" + level);
      },
      ServerCapability::logging);
}

void SetLevelCall::settled() {
  bool any = false;
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) {
    any = any || answer(upstream).message.has_value();
    warn_of(upstream);
  }
  if (!any) return refuse_all(0);
  finish("{}");
}

}  // namespace sluice
