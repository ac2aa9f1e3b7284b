// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_catalogue.h"

#include <algorithm>
#include <utility>

#include "mcp/capabilities.h"

namespace sluice {

namespace {

constexpr std::size_t looks_max = 16;  // at callers, for each that is new

std::uint8_t class_of(const Envelope& request, Revision revision) {
  if (!request.meta_client_capabilities) return 0;
  const auto json = Json::parse(request.view(request.meta_client_capabilities));
  if (!json) return 0;
  const auto capabilities = parse_client_capabilities(*json, revision);
  return capabilities ? capabilities->capability_class() : std::uint8_t{0};
}

}  // namespace

Catalogue::Catalogue(FederationState& state) : state_(state) {}

Catalogue::~Catalogue() = default;

std::shared_ptr<CallerLists> Catalogue::caller(const CallerKey& key) {
  if (const auto found = callers_.find(key); found != callers_.end()) {
    turns_.splice(turns_.end(), turns_, found->second.turn);
    return found->second.lists;
  }
  (void)make_way();  // who is served has to hear of changes
  return remember(key);
}

std::shared_ptr<CallerLists> Catalogue::own_caller(const CallerLists& like) {
  if (!make_way()) return nullptr;
  CallerKey key = like.key();
  key.session = ++sessions_;
  return remember(key);
}

std::shared_ptr<CallerLists> Catalogue::passing_caller(const CallerLists& like) {
  CallerKey key = like.key();
  key.session = ++sessions_;
  auto made = std::make_shared<CallerLists>(state_, *this, std::move(key));
  made->speak_like(like);
  return made;
}

std::shared_ptr<CallerLists> Catalogue::remember(const CallerKey& key) {
  auto made = std::make_shared<CallerLists>(state_, *this, key);
  const auto known = callers_.emplace(key, Known{made, turns_.end()}).first;
  known->second.turn = turns_.insert(turns_.end(), &known->first);
  return made;
}

bool Catalogue::make_way() {
  const std::size_t most = state_.limits().federation.callers_max;
  for (std::size_t looks = 0; looks < looks_max && callers_.size() >= most; ++looks) {
    const auto first = callers_.find(*turns_.front());
    if (first->second.lists->is_idle()) {
      drop(CallerKey(first->first));
    } else {
      turns_.splice(turns_.end(), turns_, turns_.begin());
    }
  }
  return callers_.size() < most;
}

void Catalogue::drop(const CallerKey& key) {
  const auto found = callers_.find(key);
  if (found == callers_.end()) return;
  turns_.erase(found->second.turn);
  callers_.erase(found);
}

std::shared_ptr<CallerLists> Catalogue::caller_of(const Exchange& exchange) {
  const ClientRequest& request = exchange.request();
  auto found =
      caller(CallerKey{request.principal.name, request.revision,
                       class_of(request.message.envelope(), request.revision), state_.affinity_of(request)});
  found->speak_like(request);
  return found;
}

void Catalogue::late(const std::string& principal, std::size_t upstream) {
  if (late_.size() >= state_.limits().federation.callers_max) late_.clear();
  late_.emplace(principal, upstream);
}

void Catalogue::heard(const std::string& principal, std::size_t upstream) {
  if (!late_.empty()) late_.erase({principal, upstream});
}

std::vector<std::shared_ptr<CallerLists>> Catalogue::callers_of(const std::string& principal) const {
  std::vector<std::shared_ptr<CallerLists>> found;
  for (auto one = callers_.lower_bound(CallerKey{principal});
       one != callers_.end() && one->first.principal == principal; ++one)
    found.push_back(one->second.lists);
  return found;
}

void Catalogue::changed(const Principal& principal, ListChange change) {
  if (change.notice == MethodId::notify_tools_changed) state_.guard.forget(change.upstream);
  for (const auto& one : callers_of(principal.name)) one->changed(change, true);
}

bool Catalogue::is_checking(const std::string& principal, std::size_t upstream) {
  bool any = false;
  for (const auto& one : callers_of(principal)) any = one->hurry(upstream) || any;
  return any;
}

bool Catalogue::hurry(AnswerWaiter& waiter, const Principal& principal, std::size_t upstream) {
  if (!is_checking(principal.name, upstream)) return false;
  waiting_.push_back(Waiting{&waiter, principal.name, upstream});
  return true;
}

void Catalogue::forget(AnswerWaiter& waiter) {
  std::erase_if(waiting_, [&waiter](const Waiting& one) { return one.waiter == &waiter; });
}

void Catalogue::give_up_checks(const Principal& principal, std::size_t upstream) {
  for (const auto& one : callers_of(principal.name)) one->give_up_checks(upstream);
}

void Catalogue::session_over(const Principal& principal, const Session& session) {
  for (const auto& one : callers_of(principal.name)) one->session_over(session);
}

void Catalogue::checks_over(const std::string& principal, std::size_t upstream) {
  const auto is_one = [&](const Waiting& one) {
    return one.principal == principal && one.upstream == upstream;
  };
  if (std::none_of(waiting_.begin(), waiting_.end(), is_one) || is_checking(principal, upstream)) return;
  for (auto one = std::find_if(waiting_.begin(), waiting_.end(), is_one); one != waiting_.end();
       one = std::find_if(waiting_.begin(), waiting_.end(), is_one)) {
    AnswerWaiter* waiter = one->waiter;
    waiting_.erase(one);
    waiter->changes_told();
  }
}

bool Catalogue::make_room(const CallerLists& user, KeptPage& page) {
  const FederationLimits& limits = state_.limits().federation;
  const auto fits = [&] {
    return totals_->pages < limits.kept_pages_max && totals_->bytes + page.bytes() <= limits.kept_bytes_max;
  };
  while (!fits()) {
    CallerLists* oldest = nullptr;
    for (const auto& [key, one] : callers_)
      if (one.lists.get() != &user && one.lists->has_pages() &&
          (oldest == nullptr || one.lists->used() < oldest->used()))
        oldest = one.lists.get();
    if (oldest == nullptr) return false;
    oldest->drop_pages();
  }
  return page.count(state_.parts.reactor.budget(), totals_);
}

}  // namespace sluice
