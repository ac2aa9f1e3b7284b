// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether a person sits at standard input. Any thread.

namespace sluice {

[[nodiscard]] bool standard_input_is_terminal();

}  // namespace sluice
