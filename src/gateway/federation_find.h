// SPDX-License-Identifier: Apache-2.0
#pragma once
// Two tools in the place of very many: `find_tool` looks for tools by words, `call_tool` calls one of them.
//
// For routes with more tools than a model can be told of. FindToolCall reads the lists of all upstreams, from
// what is kept where it can, and answers with the definitions of the best matches under the names that
// clients know; tools may be called by these names, too. What it gathers is charged and bounded: of who has
// most, the rest is not found, and the answer says whose. How `call_tool` is routed is RoutedCall's. One
// reactor. Spec: ledger D5.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gateway/federation_call.h"
#include "gateway/federation_catalogue.h"
#include "mcp/tool_search.h"

namespace sluice {

inline constexpr Bytes find_tool_name = "find_tool";
inline constexpr Bytes call_tool_name = "call_tool";

// The result of tools/list where tools are looked for.
[[nodiscard]] std::string finders_list(Era era);

class FindToolCall final : public FederatedCall, private ListWaiter {
 public:
  FindToolCall(FederationState& state, Exchange& client);
  ~FindToolCall() override;
  void start() override;

 private:
  void answered(std::size_t, int, Bytes) override {}  // it has no legs of its own
  void failed(std::size_t, int, const Refusal&) override {}
  void page_ready(std::size_t upstream, PageAnswer answer) override;
  [[nodiscard]] Session* list_session() const override { return asker_; }
  void ask(std::size_t upstream, std::optional<std::string> cursor);
  // What was read of one upstream's list.
  struct Gathered {
    std::vector<std::string> definitions;
    std::vector<SearchedTool> tools;  // of each definition what is searched
    std::size_t bytes = 0;            // of both
  };
  // False when not all of the page found room.
  [[nodiscard]] bool gather(std::size_t upstream, const ShownItems& shown);
  [[nodiscard]] bool make_room(std::size_t upstream, std::size_t bytes);
  void give_back_last(std::size_t upstream);
  void search();
  // The definitions found, as a JSON array. The last use of what was gathered.
  [[nodiscard]] std::string best();

  Session* asker_;
  std::vector<std::shared_ptr<CallerLists>> lists_;  // by upstream
  std::vector<Gathered> gathered_;                   // the same
  Charge charge_;                                    // of all that was gathered
  std::set<std::size_t> missing_;                    // upstreams of which not all was searched
  std::string query_;
  std::size_t count_max_ = 0;
  std::size_t awaited_ = 0;
  std::size_t pages_ = 0;
  bool is_asking_ = false;
};

}  // namespace sluice
