// SPDX-License-Identifier: Apache-2.0
#pragma once
// URI templates, as resources use them: `{var}`, `{+var}`, `{#var}` and lists of variables.
//
// Expands per RFC 6570 levels 1 and 2 (and the lists of level 3 under these operators); the other operators
// and modifiers are refused when the template is parsed. Matching is ours, since the RFC defines none: a
// variable matches at least one character and as few as possible, `{var}` none that is reserved, `{+var}`
// any; values come back with their percent-encoding removed, so a value may contain "/" and is no path. Time
// is template parts times URI length, there is no backtracking. Immutable, any thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace sluice {

inline constexpr std::size_t uri_template_bytes_max = 4 * 1024;
inline constexpr std::size_t uri_template_variables_max = 32;
inline constexpr std::size_t matched_uri_bytes_max = 8 * 1024;

class UriTemplate {
 public:
  using Values = std::vector<std::pair<std::string, std::string>>;  // name and value

  // An error says what is wrong and at which byte. A name may occur once.
  [[nodiscard]] static Result<UriTemplate> parse(Bytes text);

  // A variable without a value is left out, with the comma that is then one too many.
  [[nodiscard]] std::string expand(const Values& values) const;
  // The values in the order of the template; nothing when the URI is not of this form.
  [[nodiscard]] std::optional<Values> match(Bytes uri) const;

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::vector<std::string> variables() const;

 private:
  // A literal has text; a variable has a name.
  struct Part {
    enum class Kind : std::uint8_t { literal, simple, reserved } kind;
    std::string text;
    std::size_t expression = 0;  // which braces a variable stands in, for its commas
    bool fragment = false;       // the first of `{#...}`
  };
  [[nodiscard]] Status parse_expression(Bytes inside, std::size_t offset);

  std::string text_;
  std::vector<Part> parts_;
  std::size_t expressions_ = 0;
};

}  // namespace sluice
