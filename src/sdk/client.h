// SPDX-License-Identifier: Apache-2.0
#pragma once
// Client: an MCP client for servers of every revision, by plain structs and functions.
//
//   auto client = sluice::Client::http("http://127.0.0.1:8080/mcp");  // or command({"server", "--flag"})
//   client.on_ask<Approval>(fn);                                      // before the first call
//   auto call = client.call(book, trip);                              // constexpr Tool<Trip, Booking> book
//   auto booking = co_await call;                                     // or call.wait()
//
// A call that the server answers with a task ends as the task does; start() gives the task itself.
// The era is found out, or pinned. It connects with its first call, and anew with the first one after a
// failure; capabilities follow from the handlers that are there by then. Its loop turns while something
// waits: inside run(), wait(), listen_for(), or those of another client of the same Clients. What is
// registered may throw nothing but handlers of questions. One thread. Spec: client/* and basic/* of each
// revision.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "codec/json.h"
#include "codec/json_bind.h"
#include "mcp/revision.h"
#include "sdk/client_asks.h"
#include "sdk/client_call.h"
#include "sdk/client_task.h"
#include "sdk/oauth.h"
#include "sdk/question.h"
#include "sdk/tool.h"

namespace sluice {

struct ClientOptions {
  std::string name = "sluice";
  std::string version = "0";
  std::optional<Era> era;  // pinned; absent: the server is asked
  // Follows the tasks that servers make of calls (ClientTask); without, they are not told that we could.
  bool tasks = true;
  // How urgent what the server logs has to be to be told ("info"); empty: nothing is asked for.
  std::string log_level;
  // HTTP: fields of every request, such as an API key; and who gets credentials when the server refuses them.
  std::vector<std::pair<std::string, std::string>> headers;
  Authorizer* authorizer = nullptr;
  // HTTP: how the client gets credentials by itself, where there is no authorizer.
  std::optional<OauthOptions> oauth;
  // Commands: what is laid over our environment, the working directory, and the program under which they run
  // so that none outlives us (`sluice`: that of our installation, else of PATH; empty: this program, if it is
  // one).
  std::map<std::string, std::string> env;
  std::string cwd;
  std::string minder = "sluice";
  std::function<void(std::string_view)> on_stderr;  // what a command writes there; empty: dropped
};

// Who the server says it is; an unchecked claim.
struct ServerInfo {
  std::string name;
  std::string version;
  Revision revision = latest_legacy;
  Json capabilities;  // null where the era was pinned to modern
  std::string instructions;
};

// One entry of a list; `json` is all of it.
struct Listing {
  std::string name;
  std::string title;
  std::string description;
  std::string uri;  // of a resource, or the template's
  Json json;
};

// What a resource holds.
struct ReadContents {
  std::string uri;
  std::string mime_type;
  std::string bytes;  // text as UTF-8, or what was sent as base64
  bool is_text = true;
};

// A list of the server, page by page, or as a range of all its entries:
//   for (const sluice::Listing& tool : client.tools()) …
//   while (pages.more()) { auto call = pages.next(); auto page = co_await call; … }
// The range turns the loop; error() says why it stopped. A list of very many pages is taken to have no end,
// and fails.
class Pages {
 public:
  Pages(std::shared_ptr<client_detail::Core> core, std::string_view method, std::string_view member);

  [[nodiscard]] bool more() const;
  // The next page; empty after the last.
  ClientCall<std::vector<Listing>> next();
  // There is no more, whatever the server says.
  void stop();
  [[nodiscard]] const std::optional<Error>& error() const;

  struct End {};
  class Iterator {
   public:
    using value_type = Listing;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(Pages& pages) : pages_(&pages) { settle(); }
    const Listing& operator*() const { return page_[at_]; }
    const Listing* operator->() const { return &page_[at_]; }
    Iterator& operator++() {
      ++at_;
      settle();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& a, End) { return a.at_ >= a.page_.size(); }

   private:
    void settle();

    Pages* pages_;
    std::vector<Listing> page_;
    std::size_t at_ = 0;
  };
  Iterator begin() { return Iterator(*this); }
  [[nodiscard]] static End end() { return {}; }

 private:
  struct State;
  std::shared_ptr<client_detail::Core> core_;
  std::shared_ptr<State> state_;
};

class Client {
 public:
  [[nodiscard]] static Client http(std::string_view url, ClientOptions options = {});
  [[nodiscard]] static Client command(std::vector<std::string> argv, ClientOptions options = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  // Ends the session and the command, in good order, within a bounded time.
  ~Client();

  // --- What it can be asked; before the first call ---
  // A form with T's members. The handler takes the message and gives a T, an optional of one, or a Task.
  template <class T, class F>
  Client& on_ask(F fn) {
    return add_form(json_schema<T>(), [fn](Json params) {
      return client_detail::answered_by(fn, std::string(params["message"].string_or("")));
    });
  }
  // Any other form: the handler takes an AskForm and gives an AskReply.
  template <class F>
  Client& on_form(F fn) {
    return add_form(
        Json(), [fn](Json params) { return client_detail::answered_by(fn, client_detail::form_of(params)); });
  }
  // A link to open: the handler takes an AskLink and gives true for a person who agreed, or an AskReply.
  template <class F>
  Client& on_link(F fn) {
    return add_answerer("link", [fn](Json params) {
      AskLink link;
      link.message = params["message"].string_or("");
      link.url = params["url"].string_or("");
      return client_detail::answered_by(fn, std::move(link));
    });
  }
  // A sample of its model: the handler takes the params of sampling/createMessage and gives its result.
  template <class F>
  Client& on_sample(F fn) {
    return add_answerer("sample",
                        [fn](Json params) { return client_detail::answered_by(fn, std::move(params)); });
  }
  // Where it works. Said again while connected, legacy servers are told that it changed.
  Client& roots(std::vector<Root> roots);

  // --- What it is told ---
  Client& on_tools_changed(std::function<void()> fn);
  Client& on_prompts_changed(std::function<void()> fn);
  Client& on_resources_changed(std::function<void()> fn);
  // Log lines, as the params of notifications/message.
  Client& on_log(std::function<void(const Json&)> fn);
  // Every notification that the verbs above do not name.
  Client& on_notification(std::function<void(std::string_view method, const Json& params)> fn);

  // --- Calling ---
  template <class In, class Out>
  ClientCall<Out> call(const Tool<In, Out>& contract, const In& arguments) {
    return call<Out>(contract.name, to_json(arguments));
  }
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
  // A braced struct inside a statement with co_await would be destroyed twice by this compiler: name it.
  template <class In, class Out>
  ClientCall<Out> call(const Tool<In, Out>& contract, In&& arguments) = delete;
#endif
  // Json gives the whole result; a string its text; anything else its structured content.
  template <class Out = Json>
  ClientCall<Out> call(std::string_view tool, Json arguments) {
    Json params = Json::object({{"name", tool}, {"arguments", std::move(arguments)}});
    return ClientCall<Out>(core_, "tools/call", std::move(params), &read_result<Out>);
  }
  // A call that is to go on at the server as a task: gives what names it, as soon as there is one. The server
  // has the last word, and may do the call at once. `ttl` is how long it is to be kept; 0: as the server
  // likes.
  template <class In, class Out>
  ClientCall<ClientTask<Out>> start(const Tool<In, Out>& contract, const In& arguments,
                                    std::chrono::milliseconds ttl = {}) {
    return start<Out>(contract.name, to_json(arguments), ttl);
  }
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
  template <class In, class Out>
  ClientCall<ClientTask<Out>> start(const Tool<In, Out>& contract, In&& arguments,
                                    std::chrono::milliseconds ttl = {}) = delete;
#endif
  template <class Out = Json>
  ClientCall<ClientTask<Out>> start(std::string_view tool, Json arguments,
                                    std::chrono::milliseconds ttl = {}) {
    Json params = Json::object({{"name", tool}, {"arguments", std::move(arguments)}});
    client_detail::TaskWish wish;
    wish.start = true;
    wish.ttl = ttl;
    return ClientCall<ClientTask<Out>>(
        core_, "tools/call", std::move(params), wish, [core = core_](Json result) {
          return ClientTask<Out>::of(core, std::move(result), &read_result<Out>);
        });
  }
  // One that was started before, perhaps by another program.
  template <class Out = Json>
  [[nodiscard]] ClientTask<Out> task(std::string_view id) {
    return ClientTask<Out>(core_, id, &read_result<Out>);
  }
  // Those of ours that the server keeps: 2025-11-25 alone. A listing's name is the id.
  [[nodiscard]] Pages tasks() { return {core_, "tasks/list", "tasks"}; }
  [[nodiscard]] Pages tools() { return {core_, "tools/list", "tools"}; }
  [[nodiscard]] Pages resources() { return {core_, "resources/list", "resources"}; }
  [[nodiscard]] Pages templates() { return {core_, "resources/templates/list", "resourceTemplates"}; }
  [[nodiscard]] Pages prompts() { return {core_, "prompts/list", "prompts"}; }
  ClientCall<std::vector<ReadContents>> read(std::string_view uri);
  // A prompt's result; `arguments` is an object of strings.
  ClientCall<Json> prompt(std::string_view name, Json arguments = Json::object());
  // Proposals for an argument of a prompt, or a variable of a template.
  ClientCall<std::vector<std::string>> complete_prompt(std::string_view prompt, std::string_view argument,
                                                       std::string_view typed);
  ClientCall<std::vector<std::string>> complete_resource(std::string_view uri_template,
                                                         std::string_view variable, std::string_view typed);
  // Any request, for methods that this class does not know.
  ClientCall<Json> request(std::string_view method, Json params = Json::object());
  // Calls `changed` whenever the server says that the resource did.
  Client& subscribe(std::string_view uri, std::function<void(std::string_view uri)> changed);
  Client& unsubscribe(std::string_view uri);

  // --- Running ---
  // Shakes hands now instead of with the first call.
  ClientCall<ServerInfo> connect();
  // As the server introduced itself; empty before that.
  [[nodiscard]] ServerInfo server() const;
  // Turns the loop until the task is over.
  template <class T>
  T run(Task<T> task) {
    task.start();
    drive_until([&task] { return task.done(); });
    return task.take();
  }
  // Turns the loop for so long, to hear what servers have to say.
  void listen_for(std::chrono::nanoseconds time);
  // Ends it now; every later call fails.
  void close();

 protected:
  explicit Client(std::shared_ptr<client_detail::Core> core);

 private:
  friend class Clients;

  Client& add_form(Json schema, client_detail::Answerer answerer);
  Client& add_answerer(std::string_view kind, client_detail::Answerer answerer);
  void drive_until(const std::function<bool()>& done);

  template <class Out>
  static Result<Out> read_result(Json result) {
    if (result["isError"].bool_or(false)) return tool_failure(result);
    if constexpr (std::is_same_v<Out, Json>) {
      return result;
    } else if constexpr (std::is_same_v<Out, std::string>) {
      return text_of(result);
    } else {
      auto data = data_of(result);
      if (!data) return data.error();
      return from_json<Out>(*data);
    }
  }
  [[nodiscard]] static Error tool_failure(const Json& result);
  [[nodiscard]] static std::string text_of(const Json& result);
  [[nodiscard]] static Result<Json> data_of(const Json& result);

  std::shared_ptr<client_detail::Core> core_;
};

// Clients of many servers on one loop, by names of the program's own: one waits, all are heard.
//
//   sluice::Clients clients;
//   clients.http("docs", "http://docs.example/mcp");
//   clients.command("files", {"mcp-files", "/srv"});
//   for (const auto& [server, tool] : clients.tools()) …
class Clients {
 public:
  Clients();
  Clients(Clients&&) noexcept;
  Clients& operator=(Clients&&) noexcept;
  ~Clients();

  // In place of the one that had the name. The references hold as long as the name does.
  Client& http(std::string_view name, std::string_view url, ClientOptions options = {});
  Client& command(std::string_view name, std::vector<std::string> argv, ClientOptions options = {});
  bool remove(std::string_view name);
  // Null when there is none.
  [[nodiscard]] Client* find(std::string_view name);
  [[nodiscard]] std::vector<std::string> names() const;

  struct ServedTool {
    std::string server;
    Listing tool;
  };
  // The tools of all, asked at the same time, by name of the server. What is dead, or not done with its list
  // after `patience`, is left out, and said by failures().
  [[nodiscard]] std::vector<ServedTool> tools(std::chrono::nanoseconds patience = std::chrono::seconds(10));
  [[nodiscard]] const std::map<std::string, Error>& failures() const { return failures_; }

  // Turns the loop of all until the task is over.
  template <class T>
  T run(Task<T> task) {
    task.start();
    drive_until([&task] { return task.done(); });
    return task.take();
  }
  void listen_for(std::chrono::nanoseconds time);

 protected:
  explicit Clients(std::shared_ptr<client_detail::Loop> loop);
  // Of a core on that loop.
  Client& add(std::string_view name, std::shared_ptr<client_detail::Core> core);

 private:
  void drive_until(const std::function<bool()>& done);

  std::shared_ptr<client_detail::Loop> loop_;
  std::map<std::string, std::unique_ptr<Client>, std::less<>> clients_;
  std::map<std::string, Error> failures_;
};

}  // namespace sluice
