// SPDX-License-Identifier: Apache-2.0
#pragma once
// Results as the caller's revision knows them: what is completed for the newest, what is taken out for the
// older ones.
//
// Handlers speak the latest revision. Knows no exchange. Pure, any thread. Spec: ledger A (field deltas).

#include <chrono>
#include <optional>
#include <string_view>

#include "codec/json.h"
#include "mcp/revision.h"
#include "sdk/context.h"

namespace sluice {

[[nodiscard]] std::string_view severity_text(Severity severity);
[[nodiscard]] std::optional<Severity> parse_severity(std::string_view text);

// Gives every item of `contents` its uri and mimeType where it has none.
void complete_contents(Json& result, std::string_view uri, std::string_view mime_type);
void add_cache_hints(Json& result, std::chrono::milliseconds ttl, bool shared);
// Legacy revisions: structuredContent that is no object is wrapped or dropped, unknown content kinds become
// text.
void adapt_tool_result(Json& result, Revision revision);
void adapt_prompt_result(Json& result, Revision revision);
// The params of a question for a legacy client. False when the revision has no form for it: then it is not to
// be asked.
[[nodiscard]] bool adapt_question(Json& params, Revision revision);

}  // namespace sluice
