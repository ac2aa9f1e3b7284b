// SPDX-License-Identifier: Apache-2.0
#pragma once
// Two tools in the place of very many: `find_tool` looks for tools by words, `call_tool` calls one of them.
//
// For routes with more tools than a model can be told of. FindToolCall reads the lists of all upstreams, from
// what is kept where it can, and answers with the definitions of the best matches under the names that
// clients know; tools may be called by these names, too. How `call_tool` is routed is RoutedCall's. One
// reactor. Spec: ledger D5.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/federation_call.h"
#include "gateway/federation_catalogue.h"

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
  void search();
  // The definitions found, as a JSON array.
  [[nodiscard]] std::string best_of(Bytes all) const;

  Session* asker_;
  std::vector<std::shared_ptr<CallerLists>> lists_;  // by upstream
  std::vector<std::string> items_;
  std::vector<std::size_t> missing_;
  std::string query_;
  std::size_t count_max_ = 0;
  std::size_t bytes_max_ = 0;
  std::size_t awaited_ = 0;
  std::size_t pages_ = 0;
  bool is_asking_ = false;
};

}  // namespace sluice
