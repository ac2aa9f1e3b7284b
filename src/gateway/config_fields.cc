// SPDX-License-Identifier: Apache-2.0
#include "gateway/config_fields.h"

#include <algorithm>
#include <iterator>

#include "codec/headers.h"

namespace sluice {

bool is_field_of_ours(Bytes name) {
  constexpr Bytes ours[] = {"Host",   "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive",
                            "TE",     "Trailer",        "Upgrade",           "Expect",     "Content-Type",
                            "Accept", "Last-Event-ID"};
  constexpr Bytes prefix = "Mcp-";
  return equals_ignoring_case(name.substr(0, prefix.size()), prefix) ||
         std::any_of(std::begin(ours), std::end(ours),
                     [name](Bytes one) { return equals_ignoring_case(name, one); });
}

}  // namespace sluice
