// SPDX-License-Identifier: Apache-2.0
// The server behind the benchmarks: a tool that answers with a text of the size it was asked for, and one that asks the
// caller's user first.
//
// A caller of `payload` that asks for progress is told of it once, so its answer comes as an event stream; any other
// gets JSON.

#include <cstdint>
#include <string>

#include "sdk/server.h"

namespace {

struct Wanted {
  std::int64_t bytes;
};

struct Name {
  std::string name;
};

sluice::Task<sluice::Result<std::string>> greet(sluice::Context& context) {
  auto answer = co_await context.ask<Name>("name", "What is your name?");
  if (!answer) co_return answer.error();
  co_return "Hello, " + answer->name;
}

}  // namespace

int main(int argc, char** argv) {
  sluice::Server server("bench-backend", "1.0.0");
  server.tool("payload", "Answers with a text of so many bytes", [](Wanted wanted, sluice::Context& context) {
    context.progress(1, 1);
    return std::string(static_cast<std::size_t>(wanted.bytes), 'x');
  });
  server.tool("greet", "Asks for a name and greets it", &greet);
  sluice::Limits limits;
  limits.net.connections_max = 20'000;  // each call that waits holds one
  server.limits(limits);
  return server.run(argc, argv);
}
