// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_lists.h"

#include <algorithm>
#include <array>

#include "codec/jsonrpc.h"
#include "crypto/digest.h"
#include "gateway/federation_catalogue.h"

namespace sluice {

namespace {

struct NoticeOf {
  MethodId list;
  MethodId notice;
};
constexpr std::array<NoticeOf, 4> notices{{
    {MethodId::tools_list, MethodId::notify_tools_changed},
    {MethodId::prompts_list, MethodId::notify_prompts_changed},
    {MethodId::resources_list, MethodId::notify_resources_changed},
    {MethodId::resources_templates_list, MethodId::notify_resources_changed},
}};

MethodId notice_of(MethodId list) {
  for (const NoticeOf& one : notices)
    if (one.list == list) return one.notice;
  return MethodId::notify_tools_changed;
}

// The digest of a list that comes page by page, wherever its pages end: each block with the digest of what
// was before it.
class ListDigest {
 public:
  void add(const ShownItems& items) {
    if (items.count == 0) return;
    add(is_empty_ ? "" : ",");
    is_empty_ = false;
    add(items.json);
  }
  [[nodiscard]] std::string take() {
    chain();
    is_empty_ = true;
    return std::exchange(so_far_, {});
  }

 private:
  static constexpr std::size_t block_bytes = 64 * 1024;

  void add(Bytes text) {
    while (!text.empty()) {
      const Bytes part = text.substr(0, block_bytes - block_.size());
      block_ += part;
      text.remove_prefix(part.size());
      if (block_.size() == block_bytes) chain();
    }
  }
  void chain() {
    const Digest digest = sha256(so_far_ + block_);
    so_far_ = digest_view(digest);
    block_.clear();
  }

  std::string block_;
  std::string so_far_;
  bool is_empty_ = true;
};

// The upstream has nothing of the kind, or does not know the cursor: what it once said is over.
bool outdates(const Refusal& failure) {
  return failure.code == rpc::method_not_found || failure.code == rpc::invalid_params;
}

}  // namespace

bool is_list_change(MethodId method) {
  return std::any_of(notices.begin(), notices.end(),
                     [method](const NoticeOf& one) { return one.notice == method; });
}

// --- Pages ---

KeptPage::KeptPage(PageFacts given, ClientMessage response, Instant when)
    : facts(std::move(given)),
      fetched(when),
      response_(std::move(response)),
      bytes_(response_->text().size() + sizeof(KeptPage)) {}

KeptPage::~KeptPage() {
  if (!totals_) return;
  totals_->bytes -= bytes_;
  --totals_->pages;
}

const ShownItems& KeptPage::show(FederationState& state, const ListPlace& place) {
  if (!response_) return shown_;
  shown_ = show_items(*place.form, response_->envelope(), state.list_renames(place.upstream, *place.form));
  if (!facts.next_cursor) state.list_ended(place.upstream, *place.form);
  response_.reset();
  return shown_;
}

bool KeptPage::count(Budget& budget, std::shared_ptr<KeptTotals> totals) {
  charge_ = Charge(budget);
  if (!charge_.resize(bytes_)) return false;
  totals_ = std::move(totals);
  totals_->bytes += bytes_;
  ++totals_->pages;
  return true;
}

// --- Whether a list is another one than it was ---

class CallerLists::Check final : public ListWaiter {
 public:
  struct Before {
    const ListForm* form;
    std::string digest;
  };
  Check(CallerLists& lists, ListChange change, std::vector<Before> before)
      : lists_(lists), change_(change), before_(std::move(before)) {}
  ~Check() { lists_.forget(*this); }
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;

  // It may be over before this returns.
  void read(std::optional<std::string> cursor) {
    place_ = ListPlace{change_.upstream, before_.back().form, std::move(cursor)};
    lists_.want(ListPlace(place_), *this);
  }
  [[nodiscard]] const ListChange& change() const { return change_; }
  [[nodiscard]] Session* list_session() const override {
    return lists_.hearers_.empty() ? nullptr : lists_.hearers_.front()->hearer_session();
  }

 private:
  void page_ready(std::size_t, PageAnswer answer) override {
    if (answer.failure || answer.is_stale) return lists_.checked(*this, true);
    digest_.add(answer.page->show(lists_.state_, place_));
    if (const auto next = answer.page->facts.next_cursor) {
      if (++pages_ >= lists_.state_.limits().federation.learned_pages_max) return lists_.checked(*this, true);
      return read(next);
    }
    const bool is_other = digest_.take() != before_.back().digest;
    before_.pop_back();
    if (is_other || before_.empty()) return lists_.checked(*this, is_other);
    read(std::nullopt);
  }

  CallerLists& lists_;
  ListChange change_;
  std::vector<Before> before_;  // the last is being read
  ListPlace place_;
  ListDigest digest_;
  std::size_t pages_ = 0;
};

// --- A caller's lists ---

CallerLists::Wait::Wait(CallerLists& lists, ListPlace at, ListWaiter& who)
    : of(lists),
      place(std::move(at)),
      waiter(&who),
      late(
          [](void* self) {
            auto* wait = static_cast<Wait*>(self);
            wait->of.be_late(*wait);
          },
          this) {}

CallerLists::CallerLists(FederationState& state, Catalogue& catalogue, CallerKey key)
    : state_(state),
      catalogue_(catalogue),
      key_(std::move(key)),
      change_timer_([](void* self) { static_cast<CallerLists*>(self)->settle(); }, this),
      used_(state.parts.reactor.now()) {}

CallerLists::~CallerLists() {
  checks_.clear();
  for (Fetch& fetch : fetches_) {
    fetch.exchange->cancel();
    state_.bury(std::move(fetch.exchange));
  }
}

void CallerLists::speak_like(const ClientRequest& request) {
  like_ = without_message(request);
  const Envelope& envelope = request.message.envelope();
  const bool is_modern = request.era == Era::modern && envelope.meta;
  meta_ = is_modern ? std::string(envelope.view(envelope.meta)) : std::string();
}

bool CallerLists::is_idle() const {
  return hearers_.empty() && waits_.empty() && fetches_.empty() && checks_.empty();
}

bool CallerLists::has_pages() const {
  return std::any_of(lists_.begin(), lists_.end(),
                     [](const auto& list) { return !list.second.pages.empty(); });
}

void CallerLists::drop_pages() {
  for (auto& [name, list] : lists_) {
    list.pages.clear();
    list.before.reset();
  }
}

void CallerLists::speak_like(const CallerLists& other) {
  like_ = without_message(other.like_);
  meta_ = other.meta_;
}

void CallerLists::copy_from(const CallerLists& other, std::size_t upstream) {
  speak_like(other);
  for (const auto& [name, list] : other.lists_) {
    if (name.first != upstream) continue;
    KeptList& mine = lists_[name];
    mine.pages = list.pages;
    mine.before = list.before;
  }
}

const CallerLists::Held* CallerLists::find_page(const ListPlace& place) const {
  const auto list = lists_.find({place.upstream, place.form->method});
  if (list == lists_.end() || list->second.pages.empty()) return nullptr;
  const auto& pages = list->second.pages;
  const Held* found = place.cursor ? nullptr : &pages.front();
  for (std::size_t i = 1; i < pages.size() && place.cursor && found == nullptr; ++i)
    if (pages[i - 1].page->facts.next_cursor == place.cursor) found = &pages[i];
  if (found == nullptr) return nullptr;
  const bool is_of_use = state_.parts.reactor.now() < found->page->fetched + state_.limits().federation.kept;
  return is_of_use ? found : nullptr;
}

bool CallerLists::is_fresh(const ListPlace& place, const Held& held) const {
  if (held.is_invalid) return false;
  const std::optional<std::int64_t> ttl = held.page->facts.ttl_ms;
  const Duration age = state_.parts.reactor.now() - held.page->fetched;
  if (ttl || like_.era == Era::modern) return age < milliseconds(ttl.value_or(0));
  const MethodId notice = notice_of(place.form->method);
  return std::any_of(hearers_.begin(), hearers_.end(),
                     [&](const ListHearer* hearer) { return hearer->notices(place.upstream, notice); });
}

void CallerLists::keep(const ListPlace& place, const std::shared_ptr<KeptPage>& page) {
  auto& pages = lists_[{place.upstream, place.form->method}].pages;
  std::size_t at = 0;
  if (place.cursor) {
    while (at < pages.size() && pages[at].page->facts.next_cursor != place.cursor) ++at;
    if (at++ == pages.size()) return;  // the page before it is not there any more
  }
  const bool leads_on = at < pages.size() && pages[at].page->facts.next_cursor == page->facts.next_cursor;
  if (!leads_on) pages.resize(std::min(pages.size(), at));
  if (!catalogue_.make_room(*this, *page)) return pages.resize(std::min(pages.size(), at));
  if (leads_on) {
    pages[at] = Held{page};
  } else {
    pages.push_back(Held{page});
  }
}

milliseconds CallerLists::patience(const ListPlace& place) const {
  const FederationLimits& limits = state_.limits().federation;
  const auto list = lists_.find({place.upstream, place.form->method});
  const bool was_slow = list != lists_.end() && list->second.is_slow;
  if (was_slow || catalogue_.is_late(key_.principal, place.upstream)) return limits.refresh_wait;
  const milliseconds timeout = state_.upstreams[place.upstream].timeout;
  return place.form->items.empty() ? std::min(limits.handshake, timeout) : timeout;
}

void CallerLists::want(const ListPlace& place, ListWaiter& waiter) {
  used_ = state_.parts.reactor.now();
  const Held* held = find_page(place);
  if (held != nullptr && is_fresh(place, *held))
    return waiter.page_ready(place.upstream, PageAnswer{held->page});
  auto wait = std::make_unique<Wait>(*this, place, waiter);
  if (held != nullptr) wait->kept = held->page;
  const bool may_be_old = held != nullptr && !held->is_invalid;
  const milliseconds moment = state_.limits().federation.refresh_wait;
  const milliseconds most = may_be_old ? moment : patience(place);
  wait->is_patient = most > moment;
  state_.parts.reactor.arm_after(wait->late, most);
  waits_.push_back(std::move(wait));
  if (find_fetch(place) == nullptr) fetch(place, waiter.list_session());
}

void CallerLists::forget(ListWaiter& waiter) {
  std::vector<ListPlace> places;
  for (const auto& wait : waits_)
    if (wait->waiter == &waiter) places.push_back(wait->place);
  std::erase_if(waits_, [&waiter](const auto& wait) { return wait->waiter == &waiter; });
  for (const ListPlace& place : places) {
    const Fetch* fetch = find_fetch(place);
    const bool is_awaited = std::any_of(waits_.begin(), waits_.end(),
                                        [&place](const auto& wait) { return wait->place == place; });
    if (fetch != nullptr && !fetch->is_owed && !is_awaited) drop_fetch(place);
  }
}

std::unique_ptr<CallerLists::Wait> CallerLists::take(const Wait& wait) {
  const auto found =
      std::find_if(waits_.begin(), waits_.end(), [&wait](const auto& one) { return one.get() == &wait; });
  std::unique_ptr<Wait> taken = std::move(*found);
  waits_.erase(found);
  return taken;
}

// What the upstream said before has to do, if it said anything.
void CallerLists::be_late(Wait& wait) {
  const auto self = shared_from_this();
  lists_[{wait.place.upstream, wait.place.form->method}].is_slow = true;
  if (wait.is_patient && !wait.place.form->items.empty())
    catalogue_.late(key_.principal, wait.place.upstream);
  if (Fetch* fetch = find_fetch(wait.place)) fetch->is_owed = true;
  const std::unique_ptr<Wait> taken = take(wait);
  PageAnswer answer{taken->kept};
  answer.is_stale = true;
  if (!answer.page) answer.failure = refusals::timed_out(Outcome::sent_unknown);
  taken->waiter->page_ready(taken->place.upstream, std::move(answer));
}

// --- Asking ---

CallerLists::Fetch* CallerLists::find_fetch(const ListPlace& place) {
  const auto found = std::find_if(fetches_.begin(), fetches_.end(),
                                  [&place](const Fetch& fetch) { return fetch.exchange->place() == place; });
  return found == fetches_.end() ? nullptr : &*found;
}

void CallerLists::fetch(const ListPlace& place, Session* session) {
  const std::string params = meta_.empty() ? "{}" : "{\"_meta\":" + meta_ + "}";
  auto message = state_.scan(make_request(state_.mint_id(), method_of(place.form->method).text, params));
  ClientRequest like = without_message(like_);
  like.opened = state_.parts.reactor.now();
  if (message) like.message = *std::move(message);
  FetchOwner& owner = *this;
  auto exchange = std::make_unique<ListFetch>(state_, owner, place, std::move(like), session);
  ListFetch& started = *exchange;
  fetches_.push_back(Fetch{std::move(exchange)});
  started.start();
}

void CallerLists::drop_fetch(const ListPlace& place) {
  const auto found = std::find_if(fetches_.begin(), fetches_.end(),
                                  [&place](const Fetch& fetch) { return fetch.exchange->place() == place; });
  if (found == fetches_.end()) return;
  std::unique_ptr<ListFetch> exchange = std::move(found->exchange);
  fetches_.erase(found);
  exchange->cancel();
  state_.bury(std::move(exchange));
}

void CallerLists::fetched(ListFetch& fetch, UpstreamAnswer answer) {
  const auto self = shared_from_this();
  const ListPlace place = fetch.place();
  const Instant now = state_.parts.reactor.now();
  const Instant fetch_started = fetch.started();
  const bool was_slow = now - fetch_started >= state_.limits().federation.refresh_wait;
  const auto found = std::find_if(fetches_.begin(), fetches_.end(),
                                  [&fetch](const Fetch& one) { return one.exchange.get() == &fetch; });
  const bool is_owed = found->is_owed;
  state_.bury(std::move(found->exchange));
  fetches_.erase(found);

  PageAnswer given;
  if (answer.message) {
    auto facts = read_page(*place.form, answer.message->envelope());
    if (facts) {
      given.page = std::make_shared<KeptPage>(*std::move(facts), *std::move(answer.message), now);
    } else {
      answer.failure = refusals::internal_error(facts.error().message);
    }
  }
  given.failure = std::move(answer.failure);
  KeptList& list = lists_[{place.upstream, place.form->method}];
  list.is_slow = given.failure && was_slow;
  if (given.failure && now - fetch_started >= state_.upstreams[place.upstream].timeout)
    catalogue_.late(key_.principal, place.upstream);
  bool is_news = false;
  if (given.page) {
    const Held* old = is_owed ? find_page(place) : nullptr;
    is_news = is_owed && !place.form->items.empty() &&
              (old == nullptr || old->page->facts.next_cursor != given.page->facts.next_cursor ||
               old->page->show(state_, place).json != given.page->show(state_, place).json);
    keep(place, given.page);
  } else if (outdates(*given.failure)) {
    list.pages.clear();
  }
  deliver(place, given);
  if (is_news) gather(ListChange{place.upstream, notice_of(place.form->method)}, false);
}

// Who waits now; not who begins to in the meantime.
void CallerLists::deliver(const ListPlace& place, const PageAnswer& given) {
  std::vector<const Wait*> due;
  for (const auto& wait : waits_)
    if (wait->place == place) due.push_back(wait.get());
  for (const Wait* one : due) {
    const bool is_there =
        std::any_of(waits_.begin(), waits_.end(), [one](const auto& wait) { return wait.get() == one; });
    if (!is_there) continue;
    const std::unique_ptr<Wait> wait = take(*one);
    PageAnswer answer = given;
    if (answer.failure && wait->kept && !outdates(*answer.failure))
      answer = PageAnswer{wait->kept, std::nullopt, true};
    wait->waiter->page_ready(place.upstream, std::move(answer));
  }
}

// --- Greetings ---

void CallerLists::greeted(std::size_t upstream, Bytes response) {
  const ListPlace place{upstream, &initialize_form};
  lists_[{upstream, MethodId::initialize}].is_slow = false;
  if (auto message = state_.scan(response))
    keep(place, std::make_shared<KeptPage>(PageFacts{}, *std::move(message), state_.parts.reactor.now()));
}

void CallerLists::greeted_late(std::size_t upstream) {
  lists_[{upstream, MethodId::initialize}].is_slow = true;
}

const ClientMessage* CallerLists::greeting(std::size_t upstream) const {
  const Held* held = find_page(ListPlace{upstream, &initialize_form});
  return held == nullptr ? nullptr : held->page->response();
}

void CallerLists::session_over(const Session& session) {
  const auto self = shared_from_this();
  std::vector<ListPlace> places;
  for (const Fetch& fetch : fetches_)
    if (fetch.exchange->session() == &session) places.push_back(fetch.exchange->place());
  for (const ListPlace& place : places) {
    drop_fetch(place);
    Session* other = nullptr;
    for (const auto& wait : waits_)
      if (wait->place == place && wait->waiter->list_session() != &session)
        other = wait->waiter->list_session();
    if (other != nullptr) {
      fetch(place, other);
    } else {
      deliver(place, PageAnswer{nullptr, refusals::upstream_lost(Outcome::not_sent)});
    }
  }
}

// --- Changes ---

void CallerLists::add(ListHearer& hearer) { hearers_.push_back(&hearer); }

void CallerLists::remove(ListHearer& hearer) {
  std::erase(hearers_, &hearer);
  if (!hearers_.empty()) return;
  pending_.clear();
  change_timer_.cancel();
  checks_.clear();
}

std::optional<std::string> CallerLists::digest_of(const ListName& name) {
  KeptList& list = lists_[name];
  if (list.pages.empty() || list.pages.back().page->facts.next_cursor) return std::nullopt;
  ListDigest digest;
  const ListForm* form = list_form(name.second);
  for (const Held& held : list.pages) {
    if (held.is_invalid) return std::nullopt;
    digest.add(held.page->show(state_, ListPlace{name.first, form}));
  }
  return digest.take();
}

void CallerLists::changed(ListChange change, bool is_checked) {
  for (const NoticeOf& one : notices) {
    const ListName name{change.upstream, one.list};
    if (one.notice != change.notice || !lists_.contains(name)) continue;
    KeptList& list = lists_[name];
    if (hearers_.empty()) list.before.reset();
    if (!hearers_.empty() && !list.before) list.before = digest_of(name);
    for (Held& held : list.pages) held.is_invalid = true;
  }
  gather(change, is_checked);
}

// What changes within a moment is told together.
void CallerLists::gather(ListChange change, bool is_checked) {
  const bool is_listed = !state_.parts.finds_tools || change.notice != MethodId::notify_tools_changed;
  if (hearers_.empty() || !is_listed) return;
  const auto same = std::find_if(pending_.begin(), pending_.end(),
                                 [&change](const Pending& one) { return one.change == change; });
  if (same == pending_.end()) {
    pending_.push_back(Pending{change, is_checked});
  } else {
    same->is_checked = same->is_checked && is_checked;
  }
  if (!change_timer_.armed())
    state_.parts.reactor.arm_after(change_timer_, state_.limits().federation.change_notice);
}

void CallerLists::source_lost(std::size_t upstream) {
  for (auto& [name, list] : lists_) {
    const MethodId notice = notice_of(name.second);
    const bool is_noticed = std::any_of(hearers_.begin(), hearers_.end(), [&](const ListHearer* hearer) {
      return hearer->notices(upstream, notice);
    });
    if (name.first != upstream || is_noticed) continue;
    for (Held& held : list.pages) held.is_invalid = true;
  }
}

// A list that is not known whole, before or after, is taken to have changed.
void CallerLists::settle() {
  const auto self = shared_from_this();
  change_timer_.cancel();
  std::vector<ListChange> told;
  for (const Pending& one : std::exchange(pending_, {}))
    if (!one.is_checked || !start_check(one.change)) told.push_back(one.change);
  tell(told);
}

bool CallerLists::start_check(const ListChange& change) {
  std::vector<Check::Before> before;
  for (const NoticeOf& one : notices) {
    const auto list = lists_.find({change.upstream, one.list});
    if (one.notice != change.notice || list == lists_.end()) continue;
    const auto digest = std::exchange(list->second.before, std::nullopt);
    if (!digest) return false;
    before.push_back({list_form(one.list), *digest});
  }
  if (before.empty()) return false;
  checks_.push_back(std::make_unique<Check>(*this, change, std::move(before)));
  checks_.back()->read(std::nullopt);
  return true;
}

void CallerLists::checked(const Check& check, bool is_other) {
  const auto self = shared_from_this();
  const ListChange change = check.change();
  std::erase_if(checks_, [&check](const auto& one) { return one.get() == &check; });
  if (is_other) tell({change});
  catalogue_.checks_over(key_.principal, change.upstream);
}

bool CallerLists::hurry(std::size_t upstream) {
  const bool is_pending = std::any_of(pending_.begin(), pending_.end(), [upstream](const Pending& one) {
    return one.change.upstream == upstream;
  });
  if (is_pending) settle();
  return std::any_of(checks_.begin(), checks_.end(),
                     [upstream](const auto& check) { return check->change().upstream == upstream; });
}

void CallerLists::give_up_checks(std::size_t upstream) {
  std::vector<ListChange> told;
  for (const auto& check : checks_)
    if (check->change().upstream == upstream) told.push_back(check->change());
  std::erase_if(checks_, [upstream](const auto& check) { return check->change().upstream == upstream; });
  tell(told);
}

void CallerLists::tell(const std::vector<ListChange>& changes) {
  if (changes.empty()) return;
  const auto self = shared_from_this();
  const std::vector<ListHearer*> hearers = hearers_;
  for (ListHearer* hearer : hearers)
    if (std::find(hearers_.begin(), hearers_.end(), hearer) != hearers_.end())
      hearer->lists_changed(*this, changes);
}

}  // namespace sluice
