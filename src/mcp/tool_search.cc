// SPDX-License-Identifier: Apache-2.0
#include "mcp/tool_search.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

namespace sluice {

namespace {

constexpr double saturation = 1.2;  // how soon more of a word adds nothing
constexpr double length_share = 0.75;
constexpr double name_weight = 3;  // a word of the name counts as so many of the description
constexpr double prefix_weight = 0.4;
constexpr std::size_t prefix_bytes_min = 3;
constexpr std::size_t query_words_max = 32;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
// Bytes of other alphabets are letters.
bool is_word(char c) {
  return is_lower(c) || is_upper(c) || is_digit(c) || (static_cast<unsigned char>(c) & 0x80U) != 0;
}
char lowered(char c) { return is_upper(c) ? static_cast<char>(c + ('a' - 'A')) : c; }

// A tool as weights of its words.
struct Document {
  std::unordered_map<std::string, double> words;
  double length = 0;
};

Document document_of(const SearchedTool& tool) {
  Document document;
  const auto add = [&document](Bytes text, double weight) {
    for (std::string& word : search_words(text)) {
      document.words[std::move(word)] += weight;
      document.length += weight;
    }
  };
  add(tool.name, name_weight);
  add(tool.description, 1);
  return document;
}

// How much of a word of the query a tool has.
double weight_in(const Document& document, const std::string& word) {
  if (const auto exact = document.words.find(word); exact != document.words.end()) return exact->second;
  double best = 0;
  if (word.size() < prefix_bytes_min) return best;
  for (const auto& [other, weight] : document.words)
    if (other.starts_with(word)) best = std::max(best, weight * prefix_weight);
  return best;
}

}  // namespace

std::vector<std::string> search_words(Bytes text) {
  std::vector<std::string> words;
  std::string word;
  const auto end = [&] {
    if (!word.empty()) words.push_back(std::exchange(word, {}));
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!is_word(c)) {
      end();
      continue;
    }
    const bool begins_hump = is_upper(c) && i > 0 && (is_lower(text[i - 1]) || is_digit(text[i - 1]));
    if (begins_hump) end();
    word.push_back(lowered(c));
  }
  end();
  return words;
}

std::vector<std::size_t> rank_tools(Bytes query, const std::vector<SearchedTool>& tools,
                                    std::size_t count_max) {
  std::vector<std::string> words = search_words(query);
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  words.resize(std::min(words.size(), query_words_max));
  std::vector<Document> documents;
  double length = 0;
  for (const SearchedTool& tool : tools) {
    documents.push_back(document_of(tool));
    length += documents.back().length;
  }
  const double mean = std::max(1.0, length / static_cast<double>(std::max<std::size_t>(tools.size(), 1)));
  std::vector<double> scores(tools.size());
  for (const std::string& word : words) {
    std::vector<double> weights;
    double having = 0;
    for (const Document& document : documents) {
      weights.push_back(weight_in(document, word));
      having += weights.back() > 0 ? 1 : 0;
    }
    const double rarity = std::log(1 + (static_cast<double>(tools.size()) - having + 0.5) / (having + 0.5));
    for (std::size_t i = 0; i < tools.size(); ++i) {
      const double normal = 1 - length_share + length_share * documents[i].length / mean;
      scores[i] += rarity * weights[i] * (saturation + 1) / (weights[i] + saturation * normal);
    }
  }
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < tools.size(); ++i)
    if (scores[i] > 0) found.push_back(i);
  std::stable_sort(found.begin(), found.end(),
                   [&scores](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  found.resize(std::min(found.size(), count_max));
  return found;
}

}  // namespace sluice
