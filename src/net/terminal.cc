// SPDX-License-Identifier: Apache-2.0
#include "net/terminal.h"

#include <unistd.h>

namespace sluice {

bool standard_input_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }
bool standard_output_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool standard_error_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

}  // namespace sluice
