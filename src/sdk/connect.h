// SPDX-License-Identifier: Apache-2.0
#pragma once
// An in-memory client for tests: `auto client = sluice::connect(server);` and then all that a Client can do,
// in either era.
//
//   auto client = sluice::connect(server);
//   client.on_ask<Approval>([](std::string_view) { return Approval{true}; });
//   EXPECT_EQ(*client.call<std::string>("book", arguments).wait(), "booked");
//
// There is no transport and no real time: sleeps pass at once, in order, while something waits. Legacy
// handlers are replayed from the top after every answer, as modern ones always are, so that a test shows what
// is not repeatable. One thread; the server must outlive it.

#include <chrono>
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
#include "sdk/client.h"
#include "sdk/server.h"

namespace sluice {

struct ConnectOptions {
  // Of the two eras; a legacy one is offered, a modern one found out.
  Revision revision = latest_modern;
  // What the client says it can do; absent: what its handlers can.
  std::optional<Json> capabilities;
  Principal principal;
  bool replay = true;
  // Messages come as over HTTP, with header rules; else as lines.
  bool over_http = false;
  // The client's name, log level and tasks.
  ClientOptions client;
};

// How a request ended, as it was on the wire.
struct MemoryReply {
  Json result;  // null for an error
  Json error;   // code, message, data; null for a result
  int http_status = 200;
};

struct MemoryTap;  // what went over the wire; sdk/memory_wire.h

class MemoryClient final : public Client {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  MemoryClient(Server& server, ConnectOptions options);
  MemoryClient(MemoryClient&&) noexcept = default;
  MemoryClient& operator=(MemoryClient&&) noexcept = default;

  // Lets time pass, and whatever is due in it happen; without time, what can happen at once.
  void advance(std::chrono::milliseconds time);
  void settle() { advance({}); }

  // --- What a server's author may want to see ---
  // Every notification, every question (as a request, of a legacy server) and every reply of the server so
  // far, oldest first.
  [[nodiscard]] const std::vector<Json>& told() const;
  [[nodiscard]] const std::vector<Json>& asked() const;
  [[nodiscard]] const std::vector<MemoryReply>& replies() const;
  void forget();
  // A request past the client, such as none of its verbs would send: with the envelope of its era, answered
  // as it is. What it asks is answered by the client's handlers in the legacy era, and by nobody in the
  // modern one; `headers` are those of parameters.
  MemoryReply exchange(std::string_view method, Json params = Json::object(), const Headers& headers = {});
  // The same, without waiting for the reply.
  using Pending = std::shared_ptr<const std::optional<MemoryReply>>;
  Pending post(std::string_view method, Json params = Json::object(), const Headers& headers = {});
  // From now on the server is told that there is no room for more, until the client reads on.
  void stop_reading();
  void read_on();
  // Ends listens with their result, as a server that shuts down does.
  void shut_down();

 private:
  struct Parts;
  explicit MemoryClient(Parts parts);

  std::shared_ptr<MemoryTap> tap_;
  Revision revision_;
  Json capabilities_;  // of exchange()
  int posts_ = 0;
};

[[nodiscard]] MemoryClient connect(Server& server, ConnectOptions options = {});

}  // namespace sluice
