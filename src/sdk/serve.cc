// SPDX-License-Identifier: Apache-2.0
#include "sdk/serve.h"

#include <cstdio>
#include <future>
#include <memory>
#include <thread>

#include "mcp/event_log.h"
#include "mcp/session_id.h"
#include "net/address.h"
#include "net/entropy.h"
#include "net/listener.h"
#include "net/reactor.h"
#include "net/signals.h"
#include "net/stdio.h"
#include "sdk/protocol.h"
#include "transport/http_server.h"
#include "transport/http_server_guard.h"
#include "transport/stdio_server.h"
#include "transport/streamable_http_server.h"

namespace sluice {
namespace {

constexpr std::string_view endpoint = "/mcp";

// What the two ways of serving share: reactor, protocol, signals, and the end.
class Serving {
 public:
  Serving(Reactor& reactor, ServerState& state, const RunOptions& options)
      : reactor_(reactor),
        state_(state),
        ring_(fresh_key_ring()),
        protocol_(reactor, state, Protocol::Seals{ring_, fresh_salt(), fresh_salt(), fresh_salt()},
                  ProtocolOptions{options.era, replay_by_default()}),
        deadline_([](void* self) { static_cast<Serving*>(self)->reactor_.stop(); }, this) {
    state_.running.attach(reactor_, [this] { drain(); });
  }
  virtual ~Serving() { state_.running.detach(); }

  Status run(bool signals) {
    if (signals) {
      for (const Signal signal : {Signal::terminate, Signal::interrupt}) {
        auto watch = watch_signal(reactor_, signal, [this] { drain(); });
        if (!watch) return watch.error();
        watches_.push_back(std::move(*watch));
      }
    }
    reactor_.run();
    return {};
  }

 protected:
  // Refuses what is new and calls reactor_.stop() when what is old is done.
  virtual void drain_front() = 0;

  void drain() {
    if (std::exchange(draining_, true)) return;
    reactor_.arm_after(deadline_, state_.limits.drain);
    protocol_.shutdown();
    drain_front();
  }

  Reactor& reactor_;
  ServerState& state_;
  KeyRing ring_;
  Protocol protocol_;

 private:
  Timer deadline_;
  std::vector<std::unique_ptr<SignalWatch>> watches_;
  bool draining_ = false;
};

class StdioServing final : public Serving {
 public:
  StdioServing(Reactor& reactor, ServerState& state, const RunOptions& options, StreamPtr stream)
      : Serving(reactor, state, options) {
    StdioServerOptions front;
    front.limits = state.limits;
    front.tool_timer = false;
    front_ = std::make_unique<StdioServer>(reactor, protocol_, std::move(stream), std::move(front),
                                           [this] { reactor_.stop(); });
  }

 private:
  void drain_front() override { front_->drain(); }

  std::unique_ptr<StdioServer> front_;
};

class HttpServing final : public Serving, public HttpHandler {
 public:
  HttpServing(Reactor& reactor, ServerState& state, const RunOptions& options, HttpGuard guard)
      : Serving(reactor, state, options),
        guard_(std::move(guard)),
        session_ids_(Sealer(ring_, {}, fresh_salt())),
        events_(options.event_log) {
    if (!events_) events_ = std::make_shared<MemoryEventLog>(state.limits.mcp, reactor.budget());
    StreamableHttpOptions front;
    front.limits = state.limits;
    front.guard = &guard_;
    front.tool_timer = false;
    if (state.verifier) front.identify = [this](const HttpCall& call) { return identify(call); };
    front_ = std::make_unique<StreamableHttpServer>(
        StreamableHttpServer::Parts{reactor, protocol_, session_ids_, *events_, &HttpServing::session_random},
        std::move(front));
    HttpServerOptions http;
    http.http = state.limits.http;
    http.net = state.limits.net;
    server_ = std::make_unique<HttpServer>(reactor, *this, http);
  }

  Result<std::string> listen(const Address& address) {
    ListenerOptions options;
    options.backlog = state_.limits.net.backlog;
    options.connections_max = state_.limits.net.connections_max;
    auto listener = Listener::open(reactor_, address, options,
                                   [this](StreamPtr stream) { server_->adopt(std::move(stream)); });
    if (!listener) return listener.error();
    listener_ = std::move(*listener);
    return "http://" + listener_->local_address().format() + std::string(endpoint);
  }

 private:
  static SessionRandom session_random() {
    SessionRandom random{};
    entropy(std::as_writable_bytes(std::span(random)));
    return random;
  }

  HttpIdentity identify(const HttpCall& call) const {
    constexpr std::string_view scheme = "Bearer ";
    Bytes token = call.field("authorization");
    token = token.substr(0, scheme.size()) == scheme ? token.substr(scheme.size()) : Bytes();
    auto principal = state_.verifier(token);
    HttpIdentity identity;
    if (principal) {
      identity.principal = std::move(*principal);
    } else {
      identity.refuse_status = 401;
      identity.sentence = principal.error().message;
      identity.fields.push_back(HeaderPair{"WWW-Authenticate", "Bearer"});
    }
    return identity;
  }

  void on_head(HttpCall& call) override {
    Bytes path = call.head().target;
    path = path.substr(0, path.find('?'));
    if (path != endpoint) {
      call.respond(404, "text/plain", "There is nothing here; MCP is at /mcp.\n");
      return;
    }
    call.hand_to(*front_);
    front_->on_head(call);
  }
  void on_request(HttpCall& call, PaddedString) override { call.respond(404, {}, {}); }

  void drain_front() override {
    listener_->pause();
    front_->drain();
    server_->drain([this] { reactor_.stop(); });
  }

  HttpGuard guard_;
  SessionIds session_ids_;
  std::shared_ptr<EventLog> events_;
  std::unique_ptr<StreamableHttpServer> front_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<Listener> listener_;
};

Status serve_http(Reactor& reactor, ServerState& state, const RunOptions& options, bool signals,
                  const std::function<void(std::string_view)>& listening) {
  const auto address = Address::parse(options.http);
  if (!address) return address.error();
  if (!address->is_loopback() && !state.verifier && !options.insecure)
    return Error(Errc::denied, "the address '" + options.http +
                                   "' is reachable from outside: verify tokens, or say --insecure");
  HttpGuardOptions guarding;
  guarding.loopback = address->is_loopback();
  guarding.hosts = options.hosts;
  guarding.origins = options.origins;
  auto guard = HttpGuard::make(guarding);
  if (!guard) return guard.error();
  HttpServing serving(reactor, state, options, std::move(*guard));
  const auto url = serving.listen(*address);
  if (!url) return url.error();
  if (listening) listening(*url);
  return serving.run(signals);
}

}  // namespace

KeyRing fresh_key_ring() {
  std::array<std::byte, seal_key_bytes> key{};
  entropy(key);
  KeyRing ring;
  const Status added = ring.add(1, Bytes(reinterpret_cast<const char*>(key.data()), key.size()));
  CHECK(added.ok());
  return ring;
}

Sealer::Salt fresh_salt() {
  Sealer::Salt salt{};
  entropy(std::as_writable_bytes(std::span(salt)));
  return salt;
}

bool replay_by_default() {
#ifdef NDEBUG
  return false;
#else
  return true;
#endif
}

Status serve_state(ServerState& state, const RunOptions& options, bool signals,
                   const std::function<void(std::string_view)>& listening) {
  auto reactor = Reactor::open(state.limits);
  if (!reactor) return reactor.error();
  if (!options.http.empty()) return serve_http(**reactor, state, options, signals, listening);
  auto stream = stdio_stream(**reactor);
  if (!stream) return stream.error();
  StdioServing serving(**reactor, state, options, std::move(*stream));
  return serving.run(signals);
}

Result<RunOptions> parse_run_flags(int argc, const char* const* argv) {
  RunOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const auto value = [&]() -> std::string { return i + 1 < argc ? argv[++i] : ""; };
    if (flag == "--insecure") {
      options.insecure = true;
    } else if (flag == "--http") {
      options.http = value();
      if (options.http.empty()) return Error(Errc::invalid, "--http needs HOST:PORT");
    } else if (flag == "--era") {
      const std::string era = value();
      if (era == "legacy") {
        options.era = Era::legacy;
      } else if (era == "modern") {
        options.era = Era::modern;
      } else if (era != "dual") {
        return Error(Errc::invalid, "--era is one of dual, legacy and modern");
      }
    } else {
      return Error(Errc::invalid, "unknown flag '" + std::string(flag) +
                                      "'; there are --http HOST:PORT, --era dual|legacy|modern, --insecure");
    }
  }
  return options;
}

int Server::run(int argc, char** argv) {
  const auto options = parse_run_flags(argc, argv);
  if (!options) {
    std::fprintf(stderr, "%s\n", options.error().message.c_str());
    return 2;
  }
  const Status served = serve(*options, [](std::string_view url) {
    std::fprintf(stderr, "listening on %.*s\n", static_cast<int>(url.size()), url.data());
  });
  if (served) return 0;
  std::fprintf(stderr, "%s\n", served.error().message.c_str());
  return 1;
}

Status Server::serve(const RunOptions& options, const std::function<void(std::string_view)>& listening) {
  return serve_state(*state_, options, true, listening);
}

Result<std::string> Server::start(const RunOptions& options) {
  if (options.http.empty()) return Error(Errc::invalid, "start() serves HTTP: options.http is empty");
  auto promise = std::make_shared<std::promise<Result<std::string>>>();
  auto started = promise->get_future();
  state_->running.take_thread(std::thread([this, options, promise] {
    bool told = false;
    const Status served = serve_state(*state_, options, false, [&](std::string_view url) {
      told = true;
      promise->set_value(std::string(url));
    });
    if (!told) promise->set_value(served ? error("serving ended before it began") : served.error());
  }));
  return started.get();
}

}  // namespace sluice
