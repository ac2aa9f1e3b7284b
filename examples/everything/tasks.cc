// SPDX-License-Identifier: Apache-2.0
// Tools that take their time: calls that go on as tasks where the client knows tasks, one that never does.
#include <chrono>

#include "everything.h"

namespace everything {
namespace {

using namespace std::chrono_literals;
using sluice::Context;
using sluice::Result;
using sluice::Task;
using sluice::TaskSupport;

struct Greeted {
  std::string name;
};
struct Work {
  double seconds = 0;
  std::optional<std::string> label;
};
struct Doomed {
  std::string filename;
};
struct Confirmed {
  bool confirm;
};
struct Named {
  std::string name;
};

void add_workers(sluice::Server& server) {
  server.tool("greet", "Answers at once", [](Greeted in) { return "Hello, " + in.name + "!"; });
  server
      .tool("slow_compute", "Takes as many seconds as it is told to",
            [](Work in, Context& ctx) -> Task<std::string> {
              if (in.seconds > 0) {
                ctx.progress(0, 1, "computing " + in.label.value_or("something"));
                const std::chrono::duration<double> time(in.seconds);
                co_await ctx.sleep(std::chrono::duration_cast<std::chrono::nanoseconds>(time));
              }
              co_return "Computed " + in.label.value_or("something");
            })
      .task(TaskSupport::optional);
  server
      .tool("failing_job", "Works for a second and fails",
            [](Context& ctx) -> Task<Result<std::string>> {
              co_await ctx.sleep(1s);
              co_return sluice::error("This job intentionally fails");
            })
      .task(TaskSupport::required);
  server
      .tool("protocol_error_job", "Works and ends with a JSON-RPC error",
            [](Context& ctx) -> Task<Result<std::string>> {
              co_await ctx.sleep(50ms);
              co_return sluice::protocol_error(-32603, "This job intentionally breaks");
            })
      .task(TaskSupport::optional);
}

void add_askers(sluice::Server& server) {
  server
      .tool("confirm_delete", "Looks for a file, then asks whether to delete it",
            [](Doomed in, Context& ctx) -> Task<std::string> {
              co_await ctx.sleep(50ms);
              auto answer = co_await ctx.ask<Confirmed>("confirm", "Delete " + in.filename + "?");
              co_return answer && answer->confirm ? "Deleted " + in.filename : "Kept " + in.filename;
            })
      .task(TaskSupport::optional);
  server
      .tool("multi_input", "Works, then asks for two names at once",
            [](Context& ctx) -> Task<std::string> {
              co_await ctx.sleep(50ms);
              const auto first = sluice::form<Named>("first_name", "What is your first name?");
              const auto last = sluice::form<Named>("last_name", "What is your last name?");
              auto answers = co_await ctx.ask_all(first, last);
              co_return std::get<0>(answers) && std::get<1>(answers)
                  ? std::get<0>(answers)->name + " " + std::get<1>(answers)->name
                  : "Nobody said both names";
            })
      .task(TaskSupport::optional);
  server
      .tool("test_tool_with_task", "Asks for a name, then works",
            [](Context& ctx) -> Task<std::string> {
              auto answer = co_await ctx.ask<Named>("user_name", "What is your name?");
              co_await ctx.sleep(200ms);
              co_return answer ? "Hello, " + answer->name + "!" : "Nobody said a name";
            })
      .task(TaskSupport::required);
}

}  // namespace

void add_tasks(sluice::Server& server) {
  add_workers(server);
  add_askers(server);
}

}  // namespace everything
