// SPDX-License-Identifier: Apache-2.0
#pragma once
// Mcp-Param-* headers: which arguments of a tool are mirrored into headers, and whether they are.
//
// Reads the `x-mcp-header` annotations of one input schema and holds arguments against headers. Knows no
// tools, no catalogue and no HTTP. Values are never to be logged. Pure, any thread. Spec: 2026-07-28
// server/tools (x-mcp-header) and basic/transports; ledger C3.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "codec/json.h"
#include "mcp/errors.h"
#include "mcp/exchange.h"

namespace sluice {

// One annotated property.
struct ParamHeader {
  enum class Type : std::uint8_t { string, integer, boolean };

  std::string header;             // the whole field name, "Mcp-Param-Region"
  std::vector<std::string> path;  // names of properties from the arguments down
  Type type = Type::string;

  friend bool operator==(const ParamHeader&, const ParamHeader&) = default;
};

// The annotations of a schema in its order; none is fine. An error when one breaks a rule: such a tool must
// not be offered over HTTP.
[[nodiscard]] Result<std::vector<ParamHeader>> parse_param_headers(const Json& input_schema);

// Does every annotated argument have its header, and no other value? `headers` are the Mcp-Param-* fields as
// sent; those that no annotation names are ignored.
[[nodiscard]] std::optional<Refusal> check_param_headers(const std::vector<ParamHeader>& annotations,
                                                         const Json& arguments,
                                                         const std::vector<HeaderPair>& headers);

// What a client sends: a header for each annotated argument that is there and not null. An argument whose
// value cannot be mirrored (another type, an integer beyond 2^53-1) gets none; the server will say so.
[[nodiscard]] std::vector<HeaderPair> param_headers_for(const std::vector<ParamHeader>& annotations,
                                                        const Json& arguments);

}  // namespace sluice
