// SPDX-License-Identifier: Apache-2.0
#pragma once
// An in-memory client for tests: `auto client = sluice::connect(server);` and then requests, in either era.
//
// There is no transport and no real time: sleeps pass at once, in order. Legacy handlers are replayed from
// the top after every answer, as modern ones always are, so that a test shows what is not repeatable. Raw
// JSON in and out. One thread; the server must outlive it.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "codec/json.h"
#include "mcp/principal.h"
#include "mcp/revision.h"
#include "sdk/server.h"

namespace sluice {

struct ConnectOptions {
  Revision revision = latest_modern;
  // What the client says it can do; absent: everything but tasks.
  std::optional<Json> capabilities;
  Principal principal;
  bool replay = true;
  // Modern requests come as over HTTP, with header rules.
  bool over_http = false;
};

// How a request ended.
struct MemoryReply {
  Json result;  // null for an error
  Json error;   // code, message, data; null for a result
  int http_status = 200;
};

class MemoryClient {
 public:
  // How the client answers questions: the result of sampling/createMessage, elicitation/create or roots/list.
  using Answerer = std::function<Json(std::string_view method, const Json& params)>;
  using Headers = std::vector<std::pair<std::string, std::string>>;

  MemoryClient(Server& server, ConnectOptions options);
  MemoryClient(const MemoryClient&) = delete;
  MemoryClient& operator=(const MemoryClient&) = delete;
  ~MemoryClient();

  // Without one, questions of a modern server stay what they are, results; those of a legacy one get an
  // error. One that returns null leaves that question open.
  void on_ask(Answerer answerer);

  // The result, after as many rounds of questions as it takes. A JSON-RPC error is an Error of kind protocol.
  Result<Json> request(std::string_view method, Json params = Json::object());
  // One exchange, with all that can be known of its end.
  MemoryReply exchange(std::string_view method, Json params = Json::object(), const Headers& headers = {});

  // The same in steps: open it, let things happen, look, give up.
  int open(std::string_view method, Json params = Json::object(), const Headers& headers = {});
  [[nodiscard]] std::optional<MemoryReply> reply(int id) const;
  void cancel(int id);
  void settle();  // until nothing moves without time passing
  void advance(std::chrono::milliseconds time);

  // A notification to the server, and everything the server told so far (method, params), oldest first.
  void notify(std::string_view method, Json params = Json::object());
  [[nodiscard]] const std::vector<Json>& told() const;
  void forget_told();
  // From now on the server is told that there is no room for notifications, until the client reads on.
  void stop_reading();
  void read_on();
  // Ends listens with their result, as a server that shuts down does.
  void shut_down();

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

// A client that has shaken hands, where its revision does that.
[[nodiscard]] std::unique_ptr<MemoryClient> connect(Server& server, ConnectOptions options = {});

}  // namespace sluice
