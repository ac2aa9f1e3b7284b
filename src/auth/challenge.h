// SPDX-License-Identifier: Apache-2.0
#pragma once
// Challenges: what a WWW-Authenticate value says, RFC 9110 11.6.1.
//
// Knows the grammar (several challenges in one value, quoted strings, token68) and no scheme's meaning. Other
// people's servers write this header by hand, so an unquoted value may hold what a token may not, such as a
// URL; what cannot be read at all ends the list, and the challenges before it count. Pure functions, any
// thread.

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"

namespace sluice {

struct ChallengeParameter {
  std::string name;  // in lower case
  std::string value;
};

struct Challenge {
  std::string scheme;   // in lower case
  std::string token68;  // instead of parameters
  std::vector<ChallengeParameter> parameters;

  // The first parameter of that name (in lower case), or null.
  [[nodiscard]] const std::string* find(Bytes name) const;
};

// Of one field's value, or of several joined with commas.
[[nodiscard]] std::vector<Challenge> parse_challenges(Bytes value, const OauthLimits& limits = {});

}  // namespace sluice
