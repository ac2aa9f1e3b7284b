// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a server is asked to learn its eras, and how its answers read: the same over lines and over HTTP.
//
// Pure, any thread. Spec: 2026-07-28 basic/lifecycle (era detection); ledger C4.

#include <string>

#include "base/bytes.h"
#include "codec/json_scan.h"

namespace sluice::era_questions {

inline constexpr Bytes discover_id = R"("sluice-probe-discover")";
inline constexpr Bytes initialize_id = R"("sluice-probe-initialize")";

[[nodiscard]] std::string discover();
[[nodiscard]] std::string initialize();

// An answer to discover() that only a server of the modern era gives: a DiscoverResult, or an error that
// names modern versions.
[[nodiscard]] bool shows_modern(const Envelope& answer);
// An answer to initialize() by which a legacy session is open.
[[nodiscard]] bool shows_legacy(const Envelope& answer);

}  // namespace sluice::era_questions
