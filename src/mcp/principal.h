// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who is calling, as far as protocol state needs to know.
//
// An opaque name that two callers share only if they are the same (issuer + subject + client id for tokens,
// the key's name for API keys, empty for the anonymous caller of an open listener). How it was established is
// `auth`'s business.

#include <string>

namespace sluice {

struct Principal {
  std::string name;  // "" is the anonymous principal

  friend bool operator==(const Principal&, const Principal&) = default;
};

}  // namespace sluice
