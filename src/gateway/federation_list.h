// SPDX-License-Identifier: Apache-2.0
#pragma once
// ListCall: tools/list, prompts/list, resources/list, resources/templates/list of all upstreams as one.
//
// A page of ours is the pages of upstreams one after the other until one has more, or the page is long
// enough: what would make it longer than a client may read is on the next; the cursor says where to go on.
// Pages come from what is kept (CallerLists), and may be older ones or missing: then nobody may keep ours.
// One reactor. Spec: ledger D5, D6.2.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/federation_call.h"
#include "gateway/federation_catalogue.h"

namespace sluice {

// Where a list goes on: an upstream, and its cursor unless it begins there.
struct ListStart {
  std::size_t upstream = 0;
  std::optional<std::string> cursor = {};
};
// As the text that a cursor of ours seals.
[[nodiscard]] std::string start_text(const ListStart& start);
[[nodiscard]] std::optional<ListStart> read_start(const std::string& text);
// What the request's cursor says, if it has one; nothing when it is none of ours.
[[nodiscard]] std::optional<ListStart> where_it_goes_on(FederationState& state, const Exchange& exchange);
[[nodiscard]] Refusal bad_cursor();

class ListCall final : public FederatedCall, private ListWaiter {
 public:
  ListCall(FederationState& state, Exchange& client, const ListForm& form);
  ~ListCall() override;
  void start() override;

 private:
  void answered(std::size_t, int, Bytes) override {}  // it has no legs of its own
  void failed(std::size_t, int, const Refusal&) override {}
  void page_ready(std::size_t upstream, PageAnswer answer) override;
  [[nodiscard]] Session* list_session() const override { return asker_; }

  void ask(std::size_t upstream, std::optional<std::string> cursor);
  void list_from(std::size_t first);
  void go_on(PageAnswer answer);
  void settled();
  // False, and nothing is added, when the page of ours has no room for it; an empty one has room for any.
  [[nodiscard]] bool add(std::size_t upstream, const PageAnswer& answer);
  void leave_out(std::size_t upstream, const Refusal& failure);
  void refuse_all();
  void finish_page(std::size_t upstream, const std::optional<std::string>& cursor);
  void finish_list();

  const ListForm& form_;
  Session* asker_;
  MergedPage page_;
  std::size_t page_bytes_ = 0;
  std::vector<std::shared_ptr<CallerLists>> lists_;  // by upstream
  std::vector<PageAnswer> answers_;
  std::size_t first_ = 0;
  std::size_t awaited_ = 0;
  bool is_asking_ = false;
  bool goes_on_ = false;  // one page is awaited, that at the cursor
  bool any_ = false;      // an upstream has answered
};

}  // namespace sluice
