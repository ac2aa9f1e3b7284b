// SPDX-License-Identifier: Apache-2.0
#pragma once
// Server: an MCP server from plain structs and functions, for clients of every revision.
//
//   sluice::Server server("desk", "1.0.0");
//   server.tool("add", "Adds two numbers", [](Pair p) { return p.a + p.b; });
//   return server.run(argc, argv);               // stdio; --http 127.0.0.1:8080 serves both eras on one port
//
// Registration says everything: capabilities follow from what is registered. Tools, resources and prompts may
// be added and removed while it runs; clients are told. All verbs belong to the thread that runs the server
// once it runs, but for post() and stop(). Handlers may throw: it becomes an error of that call, so
// whoever includes this compiles with exceptions. Nothing else here throws. Spec: server/* of each revision;
// docs in sdk/context.h for what handlers can do.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "codec/json.h"
#include "mcp/principal.h"
#include "mcp/revision.h"
#include "sdk/context.h"
#include "sdk/handler.h"
#include "sdk/prompt.h"
#include "sdk/resource.h"
#include "sdk/task.h"
#include "sdk/tool.h"

namespace sluice {

class EventLog;     // mcp/event_log.h
class ServerState;  // what is registered; sdk/server_state.h

// One request on its way through middleware.
struct Request {
  std::string method;
  std::string name;  // of the tool or prompt, the uri; else empty
  Json arguments;    // what the handler will read
  Context& context;
};

// The rest of the way: the next middleware, at last the handler. To be called at most once.
class Next {
 public:
  using Run = std::function<Task<Result<Json>>(Request&)>;
  explicit Next(Run run) : run_(std::move(run)) {}
  Task<Result<Json>> operator()(Request& request) const { return run_(request); }

 private:
  Run run_;
};
using Middleware = std::function<Task<Result<Json>>(Request&, Next)>;

// Proposes values for what has been typed; at most 100 are sent.
using Completer = std::function<std::vector<std::string>(std::string_view typed, const Json& context)>;

// Where run() and start() serve; run() fills it from the command line.
struct RunOptions {
  std::string http;                  // "127.0.0.1:8080"; empty: stdio
  std::optional<Era> era;            // only one; absent: both
  std::vector<std::string> hosts;    // further Host names to accept
  std::vector<std::string> origins;  // further Origins to accept
  bool insecure = false;             // an address that is not loopback without a token verifier
  // HTTP: keeps what was sent to legacy clients, so that one that lost its connection goes on where it was.
  // Called on the server's thread, which waits for it. Empty: in memory, bounded by Server::limits().
  std::shared_ptr<EventLog> event_log;
};

class Server {
 public:
  Server(std::string_view name, std::string_view version);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // --- What it says of itself ---
  Server& title(std::string_view text);
  Server& description(std::string_view text);
  Server& website(std::string_view url);
  Server& icon(const Icon& icon);
  // For the model: how to use what is here.
  Server& instructions(std::string_view text);
  // How long clients of 2026-07-28 may keep lists; `shared`: also for other callers.
  Server& cache_lists(std::chrono::milliseconds ttl, bool shared = false);
  Server& limits(const Limits& limits);

  // --- Tools ---
  // By contract: the handler takes In and gives Out, in any of the forms of sdk/handler.h.
  template <class In, class Out, class F>
  ToolInfo& tool(const Tool<In, Out>& contract, F fn) {
    using Takes = typename handler_detail::Signature<F>::In;
    static_assert(std::is_same_v<Takes, In> || std::is_same_v<Takes, handler_detail::NoInput>,
                  "the handler must take what the contract says");
    return add_tool(ToolInfo(contract.name, contract.description), tool_detail::input_schema<In>(),
                    tool_detail::output_schema<Out>(), make_handler<ToolShape>(std::move(fn)));
  }
  // Quick: the schemas are those of what the handler takes and gives.
  template <class F>
  ToolInfo& tool(std::string_view name, std::string_view description, F fn) {
    using Sig = handler_detail::Signature<F>;
    return add_tool(ToolInfo(name, description), tool_detail::input_schema<typename Sig::In>(),
                    tool_detail::output_schema<handler_detail::Payload<typename Sig::Return>>(),
                    make_handler<ToolShape>(std::move(fn)));
  }
  // By explicit schema, for what structs cannot say; the handler takes Json.
  template <class F>
  ToolInfo& tool(std::string_view name, std::string_view description, Json input_schema, F fn) {
    return add_tool(ToolInfo(name, description), std::move(input_schema), std::nullopt,
                    make_handler<ToolShape>(std::move(fn)));
  }
  // False when there is none of that name.
  bool remove_tool(std::string_view name);
  // Who may see and call what; asked for every list and call.
  Server& show_tool_if(std::function<bool(std::string_view tool, const Principal& caller)> visible);

  // --- Resources ---
  // `uri` with variables in braces is a template.
  template <class F>
  ResourceInfo& resource(std::string_view uri, std::string_view description, F fn) {
    return add_resource(ResourceInfo(uri, description), make_handler<ResourceShape>(std::move(fn)));
  }
  bool remove_resource(std::string_view uri);
  // Proposes values for a template's variable.
  Server& complete_resource(std::string_view uri_template, std::string_view variable, Completer completer);
  // Tells everyone who subscribed to it.
  void notify_updated(std::string_view uri);

  // --- Prompts ---
  template <class F>
  PromptInfo& prompt(std::string_view name, std::string_view description, F fn) {
    using In = typename handler_detail::Signature<F>::In;
    return add_prompt(PromptInfo(name, description), prompt_detail::arguments<In>(),
                      make_handler<PromptShape>(std::move(fn)), coercion_of<In>());
  }
  bool remove_prompt(std::string_view name);
  Server& complete_prompt(std::string_view prompt, std::string_view argument, Completer completer);

  // --- Everything else ---
  // A request of your own ("acme/reindex"); the handler takes its params.
  template <class F>
  Server& method(std::string_view name, F fn) {
    return add_method(name, make_handler<RawShape>(std::move(fn)));
  }
  // Runs around every handler of tools, resources, prompts and methods, in the order of registration.
  Server& use(Middleware middleware);
  // Who calls, from an HTTP request's bearer token ("" when there is none). An error is answered with 401.
  Server& verify_token(std::function<Result<Principal>(std::string_view token)> verifier);

  // --- Running ---
  // Serves until the peer ends (stdio) or SIGTERM or SIGINT came, and returns what main returns. Flags:
  // --http HOST:PORT,
  // --era dual|legacy|modern, --insecure. The address is printed to stderr: "listening on
  // http://127.0.0.1:8080/mcp".
  int run(int argc, char** argv);
  // The same with options in place of flags; `listening` is called with the URL.
  Status serve(const RunOptions& options, const std::function<void(std::string_view url)>& listening = {});
  // Serves HTTP on a thread of its own; returns the URL.
  Result<std::string> start(const RunOptions& options);
  // Ends serving after what is in flight. Any thread.
  void stop();
  // Runs `fn` on the server's thread; false when it does not run. Any thread.
  bool post(std::function<void()> fn);

  // For fronts of your own and for tests: what is registered.
  [[nodiscard]] ServerState& state() { return *state_; }

 private:
  using Coercion = Json (*)(Json);
  template <class In>
  static Coercion coercion_of() {
    if constexpr (Reflected<In>) {
      return &Binding<In>::coerced;
    } else {
      return nullptr;
    }
  }
  ToolInfo& add_tool(ToolInfo info, Json input, std::optional<Json> output, Handler handler);
  ResourceInfo& add_resource(ResourceInfo info, Handler handler);
  PromptInfo& add_prompt(PromptInfo info, Json arguments, Handler handler, Coercion coercion);
  Server& add_method(std::string_view name, Handler handler);

  std::unique_ptr<ServerState> state_;
};

}  // namespace sluice
