// SPDX-License-Identifier: Apache-2.0
#pragma once
// Is this message of the modern era, and if so, is it well-formed? The checks of 2026-07-28 that need no
// handler, in the order in which peers expect their answers.
//
// The body decides: a version claimed in `_meta` makes a message modern, headers only mirror it. Parameter
// headers (Mcp-Param-*) need a tool's schema and are param_headers.h's. Knows no connection and no session.
// Pure, any thread. Spec: 2026-07-28 basic/transports and basic/lifecycle; ledger C2, C3.

#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "codec/json_scan.h"
#include "mcp/errors.h"
#include "mcp/revision.h"

namespace sluice {

// The header fields that mirror a modern message, as sent; absent when the request has none. A field that
// came twice is passed joined with ", ", which never equals what it must mirror.
struct StandardHeaders {
  std::optional<Bytes> protocol_version;  // MCP-Protocol-Version
  std::optional<Bytes> method;            // Mcp-Method
  std::optional<Bytes> name;              // Mcp-Name
};

// The era of one message that is no batch. Batches: modern when any element is, by the same question.
[[nodiscard]] Era decide_era(const Envelope& envelope, const StandardHeaders& headers);

// What happens to methods that no core revision knows: refused by those that know all their methods,
// forwarded by those that serve for others. Methods of an extension count as unknown, methods that the modern
// era removed are refused always.
enum class UnknownMethods : std::uint8_t { refuse, forward };

// A modern message over HTTP. `supported` is newest first; nothing means that it may be opened.
[[nodiscard]] std::optional<Refusal> check_modern(const Envelope& envelope, const StandardHeaders& headers,
                                                  std::span<const Revision> supported,
                                                  UnknownMethods unknown = UnknownMethods::refuse);
// The same over lines, where there are no headers.
[[nodiscard]] std::optional<Refusal> check_modern_line(const Envelope& envelope,
                                                       std::span<const Revision> supported,
                                                       UnknownMethods unknown = UnknownMethods::refuse);

// What the Mcp-Name header of this message must say, decoded; nothing when its method has none or params
// lacks it.
[[nodiscard]] std::optional<Bytes> mirrored_name(const Envelope& envelope);

// A modern response whose result does not say what kind it is says that it is complete: clients insist.
// Whatever is no response with a result object comes back as it is.
[[nodiscard]] std::string with_result_type(Bytes response);

// One of the eight levels of notifications/message, by its raw JSON text.
[[nodiscard]] bool is_log_level(Bytes raw_json);

}  // namespace sluice
