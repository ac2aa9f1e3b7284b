// SPDX-License-Identifier: Apache-2.0
#pragma once
// What Sluice says of itself where it is a peer: to servers as their client, to clients as their server.
//
// JSON text with the version of this build. Pure, any thread. Spec: schema, Implementation.

#include <string>

#include "base/bytes.h"

namespace sluice {

// "0.1.0"
[[nodiscard]] Bytes own_version();
// `{"name":"sluice","version":…}`
[[nodiscard]] Bytes own_implementation();
// The member `"_meta":{…}` of a modern request in the gateway's own name, which can do nothing for a server.
[[nodiscard]] const std::string& own_request_meta();

}  // namespace sluice
