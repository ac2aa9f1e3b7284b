// SPDX-License-Identifier: Apache-2.0
#pragma once
// Core: what a Client holds: its connection, its handlers, the calls and questions that are open, and the
// loop that turns them.
//
// Shared by the client, its calls and its pages, so that any of them may go first. For client*.cc alone. One
// thread.

#include <coroutine>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/task.h"
#include "net/reactor.h"
#include "sdk/client.h"
#include "transport/client_connection.h"

namespace sluice {
struct StreamableHttpClientOptions;
}

namespace sluice::client_detail {

// One for each client: those whom the end of a server meets at once are not to come back at once.
[[nodiscard]] std::uint64_t fresh_seed();
[[nodiscard]] StreamableHttpClientOptions http_options(const ClientOptions& options);

// A handler whose copies are one. It may be set anew, or dropped, while it runs: a copy is called.
template <class... Arguments>
std::function<void(Arguments...)> kept(std::function<void(Arguments...)> fn) {
  if (!fn) return {};
  return [held = std::make_shared<std::function<void(Arguments...)>>(std::move(fn))](Arguments... given) {
    (*held)(given...);
  };
}

// A reactor that turns while somebody waits. Time passes in a simulated one when nothing else can happen.
class Loop {
 public:
  Loop();
  explicit Loop(std::unique_ptr<Reactor> simulated);
  [[nodiscard]] Reactor& reactor() { return *reactor_; }
  // Turns until `done`, which is asked again after every poke().
  void drive_until(const std::function<bool()>& done);
  void drive_for(Duration time);
  void poke();
  [[nodiscard]] bool is_turning() const { return turning_; }
  // Keeps a connection that was closed until it has ended in good order.
  void bury(std::unique_ptr<ClientConnection> connection);

 private:
  void forget_finished();

  std::unique_ptr<Reactor> reactor_;
  bool simulated_ = false;
  std::vector<std::unique_ptr<ClientConnection>> ending_;
  bool turning_ = false;
};

struct CallState {
  std::weak_ptr<Core> core;
  ClientCallSpec spec;
  std::function<void(const Progress&)> show;
  ClientCallId id = 0;  // 0: not sent yet
  std::optional<Result<Json>> result;
  std::coroutine_handle<> waiter;
  bool is_connect = false;        // ends when the client is ready
  std::optional<Timer> patience;  // for that; every other call is timed where it is sent
};

class Core final : public std::enable_shared_from_this<Core>, private ClientConnectionHandler {
 public:
  using MakeWire = std::function<Result<std::unique_ptr<ClientWire>>(Reactor&)>;
  Core(std::shared_ptr<Loop> turned_by, ClientOptions given, MakeWire make);
  ~Core() override;

  // Sends the call when the loop turns next, and connects for it.
  void start(const std::shared_ptr<CallState>& state);
  // The call is of no interest any more.
  void drop(CallState& state);
  void close();
  void subscribe(const std::string& uri, std::function<void(std::string_view)> changed);
  void unsubscribe(std::string_view uri);
  void watch();
  void notify(std::string_view method);
  [[nodiscard]] ServerInfo server() const;

  std::shared_ptr<Loop> loop;
  ClientOptions options;
  Revision offer = latest_legacy;
  std::optional<ClientCapabilities> capabilities;  // in place of what the handlers can
  std::vector<std::pair<Json, Answerer>> forms;    // by schema; null takes any
  std::map<std::string, Answerer, std::less<>> answerers;
  std::optional<std::vector<Root>> roots;
  std::function<void()> tools_changed, prompts_changed, resources_changed;
  std::function<void(const Json&)> logged;
  std::function<void(std::string_view, const Json&)> notified;

 private:
  void connect();
  [[nodiscard]] ClientCapabilities declared() const;
  void send(const std::shared_ptr<CallState>& state);
  void settle(const std::shared_ptr<CallState>& state, Result<Json> result);
  void await_handshake(const std::shared_ptr<CallState>& state);
  void stop_waiting(const CallState& state);
  void on_event(ClientEvent event) override;
  void on_asked(ClientAskId ask, const std::string& method, const std::string& params);
  void on_told(const std::string& method, const std::string& params);
  [[nodiscard]] const Answerer* answerer_for(const std::string& method, const Json& params) const;
  // A question of one connection: their names are the same in each.
  using AskName = std::pair<std::uint64_t, ClientAskId>;
  Task<void> answer(AskName ask, Task<Result<Json>> work);
  void drop_answers();

  MakeWire make_wire_;
  std::unique_ptr<ClientConnection> connection_;
  std::uint64_t connections_ = 0;  // so far; the last is this one
  bool closed_ = false;
  std::optional<Error> failure_;
  std::unordered_map<ClientCallId, std::weak_ptr<CallState>> calls_;
  std::vector<std::weak_ptr<CallState>> connecting_;
  std::map<AskName, Task<void>> answering_;
  std::map<std::string, std::function<void(std::string_view)>, std::less<>> subscriptions_;
};

}  // namespace sluice::client_detail
