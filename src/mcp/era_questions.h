// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an answer says of the eras its server speaks.
//
// Pure, any thread. Spec: 2026-07-28 basic/lifecycle (era detection); ledger C4.

#include "codec/json_scan.h"

namespace sluice::era_questions {

// An answer to server/discover that only a server of the modern era gives: a DiscoverResult, or an error that
// names modern versions.
[[nodiscard]] bool shows_modern(const Envelope& answer);

}  // namespace sluice::era_questions
