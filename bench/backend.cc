// SPDX-License-Identifier: Apache-2.0
// The server behind every way of compare.py: one tool that answers with a text of the size it was asked for.
//
// A caller that asks for progress is told of it once, so its answer comes as an event stream; any other gets
// JSON.

#include <cstdint>
#include <string>

#include "sdk/server.h"

namespace {

struct Wanted {
  std::int64_t bytes;
};

}  // namespace

int main(int argc, char** argv) {
  sluice::Server server("bench-backend", "1.0.0");
  server.tool("payload", "Answers with a text of so many bytes", [](Wanted wanted, sluice::Context& context) {
    context.progress(1, 1);
    return std::string(static_cast<std::size_t>(wanted.bytes), 'x');
  });
  return server.run(argc, argv);
}
