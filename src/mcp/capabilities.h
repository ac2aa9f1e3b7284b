// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a client said it can do, checked (M6), and what it would have to be able to do to be asked something.
//
// Read from `initialize` in the legacy era and from each request's `_meta` in the modern one, by the rules of
// the revision: what a revision does not know is not there, however it is written. Knows only what decides
// something here; everything else of the object is passed on by others as text. A plain value, any thread.
// Spec: ClientCapabilities in schema.ts of each revision; ledger A (field deltas), D1, D6.1.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/json.h"
#include "mcp/revision.h"

namespace sluice {

struct ClientCapabilities {
  bool elicitation_form = false;
  bool elicitation_url = false;
  bool sampling = false;
  bool sampling_tools = false;
  bool sampling_context = false;
  bool roots = false;
  bool roots_list_changed = false;
  bool tasks = false;                   // 2025-11-25: any of its tasks members
  std::vector<std::string> extensions;  // identifiers, 2026-07-28

  [[nodiscard]] bool has_extension(std::string_view identifier) const;
  // The bits that make a difference to an upstream: two clients of one class may share what was made for one.
  [[nodiscard]] std::uint8_t capability_class() const;

  friend bool operator==(const ClientCapabilities&, const ClientCapabilities&) = default;
};

// Errc::invalid, with a sentence that names the member, when the object breaks its schema. Members nobody
// defined are fine.
[[nodiscard]] Result<ClientCapabilities> parse_client_capabilities(const Json& json, Revision revision);

// The object to send for these, in that revision's form.
[[nodiscard]] Json capabilities_json(const ClientCapabilities& capabilities, Revision revision);

// Can this client be asked that? Nothing when it can; else the text of a ClientCapabilities object that
// lacks, for -32021. `method` is sampling/createMessage, roots/list or elicitation/create, `params` its
// params; any other method can never be asked and yields an empty object.
[[nodiscard]] std::optional<std::string> missing_capability_for(const ClientCapabilities& capabilities,
                                                                std::string_view method, const Json& params);

}  // namespace sluice
