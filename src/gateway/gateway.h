// SPDX-License-Identifier: Apache-2.0
#pragma once
// Gateway: a listener's requests, checked cheaply first, handed to the route or the operator's page they are
// for.
//
// Assembles upstreams and routes from a configuration and replaces them on reload, so that what did not
// change goes on undisturbed. Knows no era, no message and no child: those live behind Route and Upstream.
// Lives on one reactor, which must outlive it.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/blackboard.h"
#include "crypto/seal.h"
#include "gateway/call_log.h"
#include "gateway/config.h"
#include "gateway/operator_pages.h"
#include "gateway/route.h"
#include "mcp/event_log.h"
#include "mcp/session_id.h"
#include "net/listener.h"
#include "observe/metrics.h"
#include "transport/http_server.h"
#include "transport/http_server_guard.h"
#include "transport/stdio_server.h"

namespace sluice {

class Gateway final : private HttpHandler {
 public:
  struct Parts {
    Reactor& reactor;
    Log& log;
    Metrics& metrics;
    KeyRing ring;        // seals what clients hold
    SealOrigin origin;   // this worker
    std::string minder;  // see UpstreamContext
    UpstreamDoors doors = {};
  };
  // Checks what only the parts can tell (an https URL, a host list that is none) and starts the upstreams.
  static Result<std::unique_ptr<Gateway>> open(Parts parts, Config config);
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  ~Gateway() override;

  // Accepts on an inherited listening socket, which it takes over.
  Status listen(int descriptor);
  // Serves one client that speaks lines, on the route with this path; `closed` is called when it has ended,
  // and not while draining. One at a time.
  Status serve_lines(StreamPtr stream, Bytes path, std::function<void()> closed);
  // Serves one HTTP connection: tests, simulations.
  void adopt(StreamPtr stream) { http_.adopt(std::move(stream)); }
  [[nodiscard]] const Address* address() const;

  // Replaces the configuration. An upstream or route that is the same in both goes on as it is; a changed one
  // finishes what is in flight and then ends its sessions, whose clients begin again. On an error nothing has
  // changed.
  Status reload(Config config);

  // Stops accepting, finishes what is in flight (what is not done after limits.drain is refused), ends the
  // sessions and stops the children, then calls `done`.
  void drain(std::function<void()> done);

  [[nodiscard]] std::size_t sessions() const;
  // Writes this gateway's numbers to its worker's slot.
  void publish(BlackboardSlot& slot) const;

 private:
  Gateway(Parts parts, Config config, HttpGuard guard);

  struct Placed {  // an upstream with the configuration it was made from
    UpstreamConfig config;
    std::unique_ptr<Upstream> upstream;
  };

  // HttpHandler: every request of the listener.
  void on_head(HttpCall& call) override;
  void on_request(HttpCall& call, PaddedString body) override;

  Status place(const Config& config);
  // The upstreams a route names, in its order.
  [[nodiscard]] std::vector<const Placed*> behind(const RouteConfig& route) const;
  // Whether definitions it shows are held against those that were accepted.
  [[nodiscard]] static bool is_pinned(const std::vector<const Placed*>& placed);
  std::unique_ptr<Route> make_route(const RouteConfig& config, const std::vector<const Placed*>& placed);
  [[nodiscard]] HttpIdentity identify(const HttpCall& call) const;
  [[nodiscard]] Route* find_route(Bytes path);
  void watch_metrics();
  void retire();
  void wind_down();
  void drain_http();
  static Result<HttpGuard> make_guard(const Config& config);

  Parts parts_;
  Config config_;
  HttpGuard guard_;
  CallLog calls_;
  SessionIds session_ids_;
  MemoryEventLog events_;
  std::shared_ptr<const ToolPins> pins_;
  OperatorPages pages_;
  std::vector<Placed> upstreams_;
  std::vector<Placed> retiring_upstreams_;  // replaced by a reload, until their last call has ended
  std::vector<std::unique_ptr<Route>> routes_;
  std::vector<std::unique_ptr<Route>> retiring_routes_;
  HttpServer http_;
  std::unique_ptr<StdioServer> lines_;
  std::unique_ptr<Listener> listener_;
  Timer retire_;
  Timer cut_;  // ends a drain that takes too long
  std::function<void()> drained_;
  bool draining_ = false;
};

}  // namespace sluice
