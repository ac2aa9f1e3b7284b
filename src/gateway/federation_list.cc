// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_list.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "codec/jsonrpc.h"

namespace sluice {

namespace {

bool is_absent(const Refusal& failure) { return failure.code == rpc::method_not_found; }

}  // namespace

Refusal bad_cursor() {
  return refusals::invalid_params("the cursor is invalid; start the list over without one");
}

std::string start_text(const ListStart& start) {
  return std::to_string(start.upstream) + (start.cursor ? "=" + *start.cursor : std::string("-"));
}

std::optional<ListStart> read_start(const std::string& text) {
  ListStart start;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), start.upstream);
  const auto at = static_cast<std::size_t>(end - text.data());
  if (failure != std::errc() || at >= text.size()) return std::nullopt;
  if (text[at] == '=') start.cursor = text.substr(at + 1);
  return start;
}

std::optional<ListStart> where_it_goes_on(FederationState& state, const Exchange& exchange) {
  const Envelope& request = exchange.request().message.envelope();
  std::string cursor;
  if (request.cursor && !decode_json_string(request.view(request.cursor), cursor)) return std::nullopt;
  const auto opened = state.cursors.open(state.cursor_scope(exchange), cursor);
  if (!opened) return std::nullopt;
  const auto start = *opened ? read_start(**opened) : std::optional(ListStart());
  return start && start->upstream < state.upstreams.size() ? start : std::nullopt;
}

ListCall::ListCall(FederationState& state, Exchange& client, const ListForm& form)
    : FederatedCall(state, client), form_(form), asker_(client.session()), page_(form) {
  if (state.is_filtered(form)) page_.is_private();
}

ListCall::~ListCall() {
  for (const auto& lists : lists_) lists->forget(*this);
}

void ListCall::start() {
  const auto start = where_it_goes_on(state(), client());
  if (!start) return state().refuse(client(), bad_cursor());
  if (session() == nullptr) {
    lists_.assign(upstreams(), state().catalogue->caller_of(client()));
  } else {
    for (std::size_t upstream = 0; upstream < upstreams(); ++upstream)
      lists_.push_back(session()->lists(upstream));
  }
  if (!start->cursor) return list_from(start->upstream);
  goes_on_ = true;
  first_ = start->upstream;
  ask(first_, start->cursor);
}

void ListCall::ask(std::size_t upstream, std::optional<std::string> cursor) {
  lists_[upstream]->want(ListPlace{upstream, &form_, std::move(cursor)}, *this);
}

void ListCall::list_from(std::size_t first) {
  goes_on_ = false;
  first_ = first;
  if (first >= upstreams()) return finish_list();
  answers_.clear();
  answers_.resize(upstreams());
  awaited_ = upstreams() - first;
  is_asking_ = true;
  for (std::size_t upstream = first; upstream < upstreams(); ++upstream) ask(upstream, std::nullopt);
  is_asking_ = false;
  if (awaited_ == 0) settled();
}

void ListCall::page_ready(std::size_t upstream, PageAnswer answer) {
  if (goes_on_) return go_on(std::move(answer));
  answers_[upstream] = std::move(answer);
  if (--awaited_ == 0 && !is_asking_) settled();
}

// What a client keeps of a page is as old as the page.
bool ListCall::add(std::size_t upstream, const PageAnswer& answer) {
  const ShownItems& shown = answer.page->show(state(), ListPlace{upstream, &form_});
  const std::size_t most = state().limits().federation.page_bytes_max;
  if (page_bytes_ != 0 && page_bytes_ + shown.json.size() > most) return false;
  page_bytes_ += shown.json.size();
  PageFacts facts = answer.page->facts;
  const auto age =
      std::chrono::duration_cast<milliseconds>(state().parts.reactor.now() - answer.page->fetched);
  if (facts.ttl_ms) facts.ttl_ms = std::max<std::int64_t>(*facts.ttl_ms - age.count(), 0);
  page_.add(facts, shown);
  if (answer.is_stale) page_.is_partial();
  any_ = true;
  return true;
}

void ListCall::leave_out(std::size_t upstream, const Refusal& failure) {
  if (is_absent(failure)) return;
  page_.is_partial();
  state().warn(upstream, envelope().method, failure.message);
}

// The next page of the upstream at which the last page of ours ended.
void ListCall::go_on(PageAnswer answer) {
  const std::size_t upstream = first_;
  if (answer.failure && answer.failure->code == rpc::invalid_params)
    return state().refuse(client(), *answer.failure);
  if (!answer.page) {
    page_.is_partial();
    leave_out(upstream, *answer.failure);
    return list_from(upstream + 1);
  }
  (void)add(upstream, answer);  // it is the first
  if (answer.page->facts.next_cursor) return finish_page(upstream, answer.page->facts.next_cursor);
  list_from(upstream + 1);
}

void ListCall::settled() {
  for (std::size_t upstream = first_; upstream < upstreams(); ++upstream) {
    const PageAnswer& given = answers_[upstream];
    if (!given.page) {
      leave_out(upstream, *given.failure);
    } else {
      if (!add(upstream, given)) return finish_page(upstream, std::nullopt);
      if (given.page->facts.next_cursor) return finish_page(upstream, given.page->facts.next_cursor);
    }
    if (page_.items() >= state().limits().federation.page_items_max && upstream + 1 < upstreams())
      return finish_page(upstream + 1, std::nullopt);
  }
  if (!any_ && first_ == 0) return refuse_all();
  finish_list();
}

// Nobody answered: with what the first said that failed and not merely has nothing of the kind.
void ListCall::refuse_all() {
  Refusal refusal = refusals::method_not_found(envelope().method, client().request().era);
  const auto found = std::find_if(answers_.begin(), answers_.end(), [](const PageAnswer& answer) {
    return answer.failure && !is_absent(*answer.failure);
  });
  if (found != answers_.end()) refusal = *found->failure;
  state().refuse(client(), refusal);
}

void ListCall::finish_page(std::size_t upstream, const std::optional<std::string>& cursor) {
  auto sealed = state().cursors.seal(state().cursor_scope(client()), start_text({upstream, cursor}));
  if (!sealed) {
    state().warn(upstream, envelope().method, sealed.error().message);
    return state().refuse(client(), refusals::internal_error(sealed.error().message));
  }
  finish(page_.result(client().request().era, *sealed, {}));
}

void ListCall::finish_list() { finish(page_.result(client().request().era, std::nullopt, {})); }

}  // namespace sluice
