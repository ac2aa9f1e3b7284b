// SPDX-License-Identifier: Apache-2.0
#pragma once
// CallerLists: the upstreams' lists as one kind of caller gets them, kept so that not every list asks every
// upstream, and so that an upstream which hangs holds up the first list only.
//
// A page is used without asking while its upstream says so (ttlMs), or, in the legacy era, while a session is
// open that would tell of a change. Else the upstream is asked; who waits for it gets the older page when the
// answer takes longer than a moment, and hears of a change when it comes. An upstream that was too slow once
// is waited for a moment only, until it answers. When a list is said to have changed it is read again, and
// only a list that is another one as clients see it is told of. What a server says of itself when it is
// greeted is kept like a page.
//
// Knows pages, not what is made of them. Owned by the Catalogue and by who uses it. One reactor. Spec: ledger
// D6.2, D6.8.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/budget.h"
#include "gateway/federation_fetch.h"

namespace sluice {

class Catalogue;
class CallerLists;

// Who gets the same lists: one principal, with what its revision, its capabilities and the session it uses at
// the upstreams let servers show.
struct CallerKey {
  std::string principal;
  Revision revision{};
  std::uint8_t capability_class = 0;
  std::string affinity = {};  // of headers that give one principal several sessions
  std::uint64_t session = 0;  // of a session whose lists went their own way; 0: not one session's

  friend bool operator<(const CallerKey& a, const CallerKey& b) {
    return std::tie(a.principal, a.revision, a.capability_class, a.affinity, a.session) <
           std::tie(b.principal, b.revision, b.capability_class, b.affinity, b.session);
  }
};

// What the pages kept by all callers take.
struct KeptTotals {
  std::size_t pages = 0;
  std::size_t bytes = 0;
};

// A page as the upstream sent it, until it is shown; then as clients see it.
class KeptPage {
 public:
  KeptPage(PageFacts facts, ClientMessage response, Instant fetched);
  ~KeptPage();
  KeptPage(const KeptPage&) = delete;
  KeptPage& operator=(const KeptPage&) = delete;

  // Shown in the order in which lists are merged, as who mentions a URI first has it.
  const ShownItems& show(FederationState& state, const ListPlace& place);
  // As it was sent; null once it was shown.
  [[nodiscard]] const ClientMessage* response() const { return response_ ? &*response_ : nullptr; }
  // False when the budget has no room for it.
  [[nodiscard]] bool count(Budget& budget, std::shared_ptr<KeptTotals> totals);
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  PageFacts facts;
  Instant fetched;

 private:
  std::optional<ClientMessage> response_;
  ShownItems shown_;
  Charge charge_;
  std::shared_ptr<KeptTotals> totals_;
  std::size_t bytes_;
};

struct PageAnswer {
  std::shared_ptr<KeptPage> page;  // or
  std::optional<Refusal> failure = {};
  bool is_stale = false;  // a newer page could not be had in time
};

class ListWaiter {
 public:
  // Nothing of the page is awaited any more.
  virtual void page_ready(std::size_t upstream, PageAnswer answer) = 0;
  // In whose session it may be asked for; null in the modern era.
  [[nodiscard]] virtual Session* list_session() const = 0;

 protected:
  ~ListWaiter() = default;
};

// One list of one upstream is said to have changed: by a notification of this kind.
struct ListChange {
  std::size_t upstream = 0;
  MethodId notice{};

  friend bool operator==(const ListChange&, const ListChange&) = default;
};
[[nodiscard]] bool is_list_change(MethodId method);

// A client that is told of changes.
class ListHearer {
 public:
  // Lists of this caller changed. May end other hearers, not callers.
  virtual void lists_changed(const CallerLists& caller, const std::vector<ListChange>& changes) = 0;
  [[nodiscard]] virtual Session* hearer_session() const = 0;
  // Whether it would notice a change of this list by itself.
  [[nodiscard]] virtual bool notices(std::size_t upstream, MethodId notice) const = 0;

 protected:
  ~ListHearer() = default;
};

// What a server says of itself: a list without items.
inline constexpr ListForm discover_form{MethodId::server_discover, {}, {}};
inline constexpr ListForm initialize_form{MethodId::initialize, {}, {}};

class CallerLists final : public std::enable_shared_from_this<CallerLists>, private FetchOwner {
 public:
  CallerLists(FederationState& state, Catalogue& catalogue, CallerKey key);
  ~CallerLists();
  CallerLists(const CallerLists&) = delete;
  CallerLists& operator=(const CallerLists&) = delete;

  // How its requests read: kept for those of ours.
  void speak_like(const ClientRequest& request);
  void speak_like(const CallerLists& other);
  // A page, at once or later.
  void want(const ListPlace& place, ListWaiter& waiter);
  // How long who needs it waits for an upstream of which nothing is known.
  [[nodiscard]] milliseconds patience(const ListPlace& place) const;
  // It does not wait any more: what nobody else waits for is not asked for any longer.
  void forget(ListWaiter& waiter);

  void add(ListHearer& hearer);
  void remove(ListHearer& hearer);
  // A list is said to have changed. Without a check it is told of whatever it is now.
  void changed(ListChange change, bool is_checked);
  // Begins at once what waits for more changes. True when something of this upstream is being checked then.
  [[nodiscard]] bool hurry(std::size_t upstream);
  // Tells of what is still being checked.
  void give_up_checks(std::size_t upstream);
  // Nobody notices changes of this upstream any more, unless another hearer does.
  void source_lost(std::size_t upstream);
  // A session that is used for asking is over.
  void session_over(const Session& session);
  // Takes over what the other knows of an upstream.
  void copy_from(const CallerLists& other, std::size_t upstream);
  void drop_pages();

  // A session's upstream answered its `initialize`, or did not in time.
  void greeted(std::size_t upstream, Bytes response);
  void greeted_late(std::size_t upstream);
  // What an upstream last answered there; null when that is not known, or too old.
  [[nodiscard]] const ClientMessage* greeting(std::size_t upstream) const;

  [[nodiscard]] const CallerKey& key() const { return key_; }
  [[nodiscard]] Instant used() const { return used_; }
  [[nodiscard]] bool is_idle() const;
  [[nodiscard]] bool has_pages() const;

 private:
  struct Held {
    std::shared_ptr<KeptPage> page;
    bool is_invalid = false;  // its list is said to have changed since
  };
  struct KeptList {
    std::vector<Held> pages;  // from the first on
    bool is_slow = false;
    std::optional<std::string> before;  // digest of the list when it was said to have changed
  };
  struct Fetch {
    std::unique_ptr<ListFetch> exchange;
    bool is_owed = false;  // somebody was answered without it
  };
  struct Wait {
    Wait(CallerLists& lists, ListPlace at, ListWaiter& who);
    CallerLists& of;
    ListPlace place;
    ListWaiter* waiter;
    std::shared_ptr<KeptPage> kept;
    bool is_patient = false;  // it waits as long as anybody would
    Timer late;
  };
  struct Pending {
    ListChange change;
    bool is_checked;
  };
  class Check;
  using ListName = std::pair<std::size_t, MethodId>;

  void fetched(ListFetch& fetch, UpstreamAnswer answer) override;
  void fetch(const ListPlace& place, Session* session);
  [[nodiscard]] Fetch* find_fetch(const ListPlace& place);
  void drop_fetch(const ListPlace& place);
  // Null when there is none of use; until pages are kept or dropped.
  [[nodiscard]] const Held* find_page(const ListPlace& place) const;
  void keep(const ListPlace& place, const std::shared_ptr<KeptPage>& page);
  [[nodiscard]] bool is_fresh(const ListPlace& place, const Held& held) const;
  void be_late(Wait& wait);
  [[nodiscard]] std::unique_ptr<Wait> take(const Wait& wait);
  void deliver(const ListPlace& place, const PageAnswer& given);
  [[nodiscard]] std::optional<std::string> digest_of(const ListName& name);
  void gather(ListChange change, bool is_checked);
  void settle();
  // False when there is nothing to hold it against.
  [[nodiscard]] bool start_check(const ListChange& change);
  void checked(const Check& check, bool is_other);
  void tell(const std::vector<ListChange>& changes);

  FederationState& state_;
  Catalogue& catalogue_;
  CallerKey key_;
  ClientRequest like_;  // without its message
  std::string meta_;    // of its requests, as JSON
  std::map<ListName, KeptList> lists_;
  std::vector<Fetch> fetches_;
  std::vector<std::unique_ptr<Wait>> waits_;
  std::vector<ListHearer*> hearers_;
  std::vector<Pending> pending_;
  std::vector<std::unique_ptr<Check>> checks_;
  Timer change_timer_;
  Instant used_;
};

}  // namespace sluice
