// SPDX-License-Identifier: Apache-2.0
#pragma once
// Looking for tools by words, where a list of all of them is more than a model can read.
//
// Ranks by the words of a query that a tool's name and description have: rare words count more, a name counts
// more than a description, a long description less (BM25). Words are runs of letters and digits, whatever
// their case, camelCase and snake_case taken apart; a word of the query also finds those that begin with it,
// for less. The same question over the same tools has the same answer everywhere. Pure. Ledger D5.

#include <cstddef>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace sluice {

struct SearchedTool {
  std::string name;
  std::string description;
};

// The places of those that have any of the words, best first, of equals the first; at most `count_max`.
[[nodiscard]] std::vector<std::size_t> rank_tools(Bytes query, const std::vector<SearchedTool>& tools,
                                                  std::size_t count_max);

// The words of a text as they are compared.
[[nodiscard]] std::vector<std::string> search_words(Bytes text);

}  // namespace sluice
