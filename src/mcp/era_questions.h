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

// Is this answer to a request of the modern revision, or to a legacy one, a sign that the server does not
// speak that era, or no longer? It may be a wrong one: such a server is asked again.
[[nodiscard]] bool belies_modern(Bytes method, const Envelope& answer);
[[nodiscard]] bool belies_legacy(Bytes method, const Envelope& answer);

}  // namespace sluice::era_questions
