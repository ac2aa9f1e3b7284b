// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether a person sits at standard input, output or error. Any thread.

namespace sluice {

[[nodiscard]] bool standard_input_is_terminal();
[[nodiscard]] bool standard_output_is_terminal();
[[nodiscard]] bool standard_error_is_terminal();

}  // namespace sluice
