// SPDX-License-Identifier: Apache-2.0
#include "net/terminal.h"

#include <unistd.h>

namespace sluice {

bool standard_input_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }

}  // namespace sluice
