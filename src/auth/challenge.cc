// SPDX-License-Identifier: Apache-2.0
#include "auth/challenge.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "codec/headers.h"

namespace sluice {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool is_token68_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         Bytes("-._~+/").find(c) != Bytes::npos;
}

std::string lower(Bytes text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

// Reads the value from front to back. Whatever it takes it removes; false means that nothing was taken.
class ChallengeReader {
 public:
  explicit ChallengeReader(Bytes value) : rest_(value) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }
  void skip_to_element() {
    while (!rest_.empty() && (is_blank(rest_.front()) || rest_.front() == ',')) rest_.remove_prefix(1);
  }

  Bytes take_token() {
    std::size_t size = 0;
    while (size < rest_.size() && is_token(rest_.substr(size, 1))) ++size;
    const Bytes token = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return token;
  }

  // "=" with blanks around it, as old senders write it.
  bool take_equals() {
    const Bytes before = rest_;
    skip_blanks();
    if (rest_.empty() || rest_.front() != '=') {
      rest_ = before;
      return false;
    }
    rest_.remove_prefix(1);
    skip_blanks();
    return true;
  }

  std::optional<std::string> take_value() {
    if (!rest_.empty() && rest_.front() == '"') return take_quoted();
    std::size_t size = 0;
    while (size < rest_.size() && !is_blank(rest_[size]) && rest_[size] != ',' && rest_[size] != '"') ++size;
    if (size == 0) return std::nullopt;
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }

  // A token68 fills the whole element, which is what tells it from a parameter.
  std::optional<std::string> take_token68() {
    std::size_t size = 0;
    while (size < rest_.size() && is_token68_char(rest_[size])) ++size;
    if (size == 0) return std::nullopt;
    while (size < rest_.size() && rest_[size] == '=') ++size;
    std::size_t end = size;
    while (end < rest_.size() && is_blank(rest_[end])) ++end;
    if (end < rest_.size() && rest_[end] != ',') return std::nullopt;
    std::string text(rest_.substr(0, size));
    rest_.remove_prefix(end);
    return text;
  }

 private:
  std::optional<std::string> take_quoted() {
    std::string value;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return value;
      }
      if (rest_[i] == '\\' && ++i == rest_.size()) break;
      value += rest_[i];
    }
    return std::nullopt;  // it has no end
  }

  Bytes rest_;
};

}  // namespace

const std::string* Challenge::find(Bytes name) const {
  for (const ChallengeParameter& parameter : parameters)
    if (parameter.name == name) return &parameter.value;
  return nullptr;
}

std::vector<Challenge> parse_challenges(Bytes value, const OauthLimits& limits) {
  std::vector<Challenge> challenges;
  ChallengeReader reader(value);
  while (true) {
    reader.skip_to_element();
    if (reader.at_end()) return challenges;
    const Bytes word = reader.take_token();
    if (word.empty()) return challenges;
    if (reader.take_equals()) {
      // A parameter of the challenge before it; a token68 has none.
      if (challenges.empty() || !challenges.back().token68.empty()) return challenges;
      auto text = reader.take_value();
      Challenge& challenge = challenges.back();
      if (!text || challenge.parameters.size() >= limits.challenge_parameters_max) return challenges;
      challenge.parameters.push_back({lower(word), std::move(*text)});
      continue;
    }
    if (challenges.size() >= limits.challenges_max) return challenges;
    Challenge challenge;
    challenge.scheme = lower(word);
    reader.skip_blanks();
    if (auto text = reader.take_token68()) challenge.token68 = std::move(*text);
    challenges.push_back(std::move(challenge));
  }
}

}  // namespace sluice
