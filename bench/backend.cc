// SPDX-License-Identifier: Apache-2.0
// The server behind the benchmarks: a tool that answers with a text of the size it was asked for, and one
// that asks the caller's user first.
//
// A caller of `payload` that asks for progress is told of it once, so its answer comes as an event stream;
// any other gets JSON. With `--tools N` before all other flags there are N tools more, to be listed
// (lists.py).

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
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
  if (!answer) co_return sluice::error(answer.why());
  co_return "Hello, " + answer->name;
}

// The arguments of a tool as they usually are.
struct Query {
  std::string repository;
  std::string path;
  std::optional<std::string> branch;
  std::optional<std::int64_t> count;
  static constexpr auto doc =
      sluice::describe(sluice::field(&Query::repository, "The repository, as owner/name"),
                       sluice::field(&Query::path, "A path within it, without a slash at the beginning"),
                       sluice::field(&Query::branch, "The branch; the default one unless said"),
                       sluice::field(&Query::count, "How many results at most").between(1, 100));
};

int count_of(const char* text) {
  int count = 0;
  std::from_chars(text, text + std::strlen(text), count);
  return count;
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
  const bool has_tools = argc > 2 && std::strcmp(argv[1], "--tools") == 0;
  for (int i = 0; has_tools && i < count_of(argv[2]); ++i)
    server.tool("search_repository_" + std::to_string(i),
                "Searches a repository for files whose content has what is asked for, and returns the lines",
                [](Query query) { return query.path; });
  if (has_tools) server.cache_lists(std::chrono::minutes(5));
  const int skipped = has_tools ? 2 : 0;
  return server.run(argc - skipped, argv + skipped);
}
