// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway.h"

#include <algorithm>
#include <span>
#include <utility>

#include "codec/headers.h"
#include "net/entropy.h"

namespace sluice {

namespace {

constexpr Bytes text_type = "text/plain; charset=utf-8";

// 503 for a connection that is one too many.
constexpr Bytes over_limit_farewell =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 43\r\n"
    "Retry-After: 1\r\nConnection: close\r\n\r\nthe listener has all its connections open.\n";

void draw(const UpstreamDoors& doors, std::span<std::byte> out) {
  doors.entropy ? doors.entropy(out) : entropy(out);
}

Sealer make_sealer(const Gateway::Parts& parts, Bytes label) {
  Sealer::Salt salt;
  draw(parts.doors, std::as_writable_bytes(std::span(salt)));
  return Sealer(parts.ring.derive(label), parts.origin, salt);
}

SessionRandom draw_session_random(const UpstreamDoors& doors) {
  SessionRandom random;
  draw(doors, std::as_writable_bytes(std::span(random)));
  return random;
}

// What a route shows of an upstream; of one that is in none of its tool sets no tool.
NameRules rules_of(const UpstreamConfig& upstream, const RouteConfig& route) {
  NameRules rules = upstream.rules;
  if (!route.tools) return rules;
  const auto set = route.tools->find(upstream.name);
  rules.tool_set = set == route.tools->end() ? std::vector<std::string>() : set->second;
  return rules;
}

HttpServerOptions server_options(const Limits& limits) {
  HttpServerOptions options;
  options.http = limits.http;
  return options;
}

}  // namespace

Result<HttpGuard> Gateway::make_guard(const Config& config) {
  const auto address = Address::parse(config.listen.address);
  if (!address) return address.error();
  HttpGuardOptions options;
  options.loopback = address->is_loopback();
  options.hosts = config.listen.allowed_hosts;
  options.origins = config.listen.allowed_origins;
  return HttpGuard::make(options);
}

Result<std::unique_ptr<Gateway>> Gateway::open(Parts parts, Config config) {
  auto guard = make_guard(config);
  if (!guard) return guard.error();
  std::unique_ptr<Gateway> gateway(new Gateway(std::move(parts), std::move(config), *std::move(guard)));
  if (const Status placed = gateway->place(gateway->config_); !placed) return placed.error();
  gateway->watch_metrics();
  return gateway;
}

Gateway::Gateway(Parts parts, Config config, HttpGuard guard)
    : parts_(std::move(parts)),
      config_(std::move(config)),
      guard_(std::move(guard)),
      calls_(parts_.reactor, parts_.log, parts_.metrics),
      session_ids_(make_sealer(parts_, "session-id")),
      events_(config_.limits.mcp, parts_.reactor.budget()),
      pages_(parts_.metrics,
             [this] {
               OperatorPages::Facts facts;
               facts.draining = draining_;
               for (const Placed& placed : upstreams_)
                 facts.upstreams.emplace_back(placed.config.name, placed.upstream->state());
               return facts;
             }),
      http_(parts_.reactor, *this, server_options(config_.limits)),
      retire_([](void* self) { static_cast<Gateway*>(self)->retire(); }, this),
      cut_(
          [](void* self) {
            auto* gateway = static_cast<Gateway*>(self);
            for (const auto& route : gateway->routes_) route->front().cut();
            for (const auto& route : gateway->retiring_routes_) route->front().cut();
            if (std::exchange(gateway->lines_, nullptr)) gateway->drain_http();
          },
          this) {
  calls_.set_access_log(config_.access_log);
  parts_.log.set_level(config_.log_level);
}

Gateway::~Gateway() = default;

Status Gateway::listen(int descriptor) {
  ListenerOptions options;
  options.connections_max = config_.listen.connections_max;
  options.farewell = over_limit_farewell;
  auto listener = Listener::adopt(parts_.reactor, descriptor, options,
                                  [this](StreamPtr stream) { http_.adopt(std::move(stream)); });
  if (!listener) return listener.error();
  listener_ = *std::move(listener);
  return {};
}

Status Gateway::serve_lines(StreamPtr stream, Bytes path, std::function<void()> closed) {
  Route* route = find_route(path);
  if (route == nullptr) return Error(Errc::not_found, "there is no route " + std::string(path));
  StdioServerOptions options;
  options.limits = config_.limits;
  options.limits.mcp.tool = route->tool_timeout();
  options.initialize = route->start_timeout();
  auto ended = [this, closed = std::move(closed)] {
    const auto tell = closed;  // what holds it ends with the front
    lines_.reset();
    draining_ ? drain_http() : tell();
  };
  lines_ = std::make_unique<StdioServer>(parts_.reactor, route->service(), std::move(stream),
                                         std::move(options), std::move(ended));
  return {};
}

const Address* Gateway::address() const { return listener_ ? &listener_->local_address() : nullptr; }

std::vector<const Gateway::Placed*> Gateway::behind(const RouteConfig& route) const {
  std::vector<const Placed*> placed;
  for (const std::string& name : route.upstreams)
    placed.push_back(&*std::find_if(upstreams_.begin(), upstreams_.end(), [&name](const Placed& candidate) {
      return candidate.config.name == name;
    }));
  return placed;
}

bool Gateway::is_pinned(const std::vector<const Placed*>& placed) {
  return std::any_of(placed.begin(), placed.end(),
                     [](const Placed* one) { return one->config.definitions.pin != Vigilance::ignore; });
}

// Calls of a federated route have the most patient upstream's time.
std::unique_ptr<Route> Gateway::make_route(const RouteConfig& config,
                                           const std::vector<const Placed*>& placed) {
  StreamableHttpOptions options;
  options.limits = config_.limits;
  options.limits.mcp.tool = options.initialize = milliseconds(0);
  std::vector<Upstream*> upstreams;
  std::vector<FederatedUpstream> federated;
  const milliseconds patience = config_.limits.federation.answer;
  for (const Placed* one : placed) {
    options.limits.mcp.tool = std::max(options.limits.mcp.tool, one->config.tool_timeout);
    options.initialize = std::max(options.initialize, one->config.start_timeout);
    if (one->config.affinity == Affinity::header) options.keep_headers.push_back(one->config.affinity_header);
    upstreams.push_back(one->upstream.get());
    federated.push_back(
        FederatedUpstream{one->config.name, *one->upstream, std::min(one->config.start_timeout, patience),
                          rules_of(one->config, config), one->config.definitions,
                          one->config.affinity == Affinity::header ? one->config.affinity_header : "",
                          one->config.start_timeout});
  }
  const FederatedUpstream& only = federated.front();
  const bool is_passed = federated.size() == 1 && only.rules.empty() && !config.find_tools &&
                         only.definitions == DefinitionRules();
  std::unique_ptr<Federation> federation;
  if (!is_passed)
    federation = std::make_unique<Federation>(
        FederationParts{parts_.reactor, parts_.log, calls_, parts_.metrics, config.path,
                        [this](Bytes label) { return make_sealer(parts_, label); }, pins_, config.find_tools},
        std::move(federated));
  options.identify = [this](const HttpCall& call) { return identify(call); };
  Service& service = federation ? static_cast<Service&>(*federation) : *upstreams.front();
  const StreamableHttpServer::Parts parts{parts_.reactor, service, session_ids_, events_,
                                          [this] { return draw_session_random(parts_.doors); }};
  return std::make_unique<Route>(config, std::move(upstreams), std::move(federation), parts,
                                 std::move(options));
}

// Makes what `config` wants and is not there, then swaps, so that a failure leaves everything as it was.
Status Gateway::place(const Config& config) {
  const UpstreamContext context{parts_.reactor, parts_.log,
                                calls_,         parts_.minder,
                                parts_.doors,   [this](Bytes label) { return make_sealer(parts_, label); }};
  std::vector<Placed> fresh;
  for (const UpstreamConfig& wanted : config.upstreams) {
    const bool is_kept = std::any_of(upstreams_.begin(), upstreams_.end(),
                                     [&wanted](const Placed& placed) { return placed.config == wanted; });
    if (is_kept) continue;
    auto upstream = make_upstream(context, wanted);
    if (!upstream) return Error(Errc::invalid, "upstream '" + wanted.name + "': " + upstream.error().message);
    fresh.push_back(Placed{wanted, *std::move(upstream)});
  }

  const auto is_wanted = [&config](const Placed& placed) {
    const UpstreamConfig* wanted = config.upstream(placed.config.name);
    return wanted != nullptr && *wanted == placed.config;
  };
  const auto unwanted = std::stable_partition(upstreams_.begin(), upstreams_.end(), is_wanted);
  std::move(unwanted, upstreams_.end(), std::back_inserter(retiring_upstreams_));
  upstreams_.erase(unwanted, upstreams_.end());
  for (Placed& placed : fresh) {
    placed.upstream->start();
    upstreams_.push_back(std::move(placed));
  }

  const bool has_same_pins = pins_ != nullptr && *pins_ == config.pins;
  if (!has_same_pins) pins_ = std::make_shared<const ToolPins>(config.pins);
  std::vector<RouteConfig> wanted = config.routes;
  for (const UpstreamConfig& upstream : config.upstreams)
    wanted.push_back(RouteConfig{"/mcp/" + upstream.name, {upstream.name}});
  std::vector<std::unique_ptr<Route>> old = std::exchange(routes_, {});
  for (const RouteConfig& route : wanted) {
    const auto taken = [&route](const auto& other) { return other->path() == route.path; };
    if (std::any_of(routes_.begin(), routes_.end(), taken))
      continue;  // a written route wins over an implied one
    const std::vector<const Placed*> placed = behind(route);
    std::vector<Upstream*> upstreams;
    upstreams.reserve(placed.size());
    for (const Placed* one : placed) upstreams.push_back(one->upstream.get());
    const auto kept = std::find_if(old.begin(), old.end(), [&](const auto& candidate) {
      return candidate && candidate->config() == route && candidate->upstreams() == upstreams &&
             (has_same_pins || !is_pinned(placed));
    });
    routes_.push_back(kept != old.end() ? std::move(*kept) : make_route(route, placed));
  }
  for (auto& route : old) {
    if (!route) continue;
    route->front().drain();
    retiring_routes_.push_back(std::move(route));
  }
  if (!retiring_routes_.empty() || !retiring_upstreams_.empty())
    parts_.reactor.arm_after(retire_, parts_.reactor.limits().process.retire_check);
  return {};
}

// Sessions of a retired route would never end by themselves: they end with its last call. A request whose
// body is still arriving belongs to its route too.
void Gateway::retire() {
  std::erase_if(retiring_routes_, [this](const auto& route) {
    return route->front().in_flight() == 0 && !http_.serves(route->front());
  });
  std::erase_if(retiring_upstreams_, [this](const Placed& placed) {
    const auto uses = [&placed](const auto& route) { return route->uses(placed.upstream.get()); };
    if (std::any_of(retiring_routes_.begin(), retiring_routes_.end(), uses)) return false;
    placed.upstream->stop();
    const UpstreamState state = placed.upstream->state();
    return state.children == 0 && state.farewells == 0;
  });
  if (!retiring_routes_.empty() || !retiring_upstreams_.empty()) {
    const ProcessLimits& limits = parts_.reactor.limits().process;
    parts_.reactor.arm_after(retire_, drained_ ? limits.drain_check : limits.retire_check);
  } else if (drained_) {
    parts_.reactor.defer(std::exchange(drained_, nullptr));
  }
}

Status Gateway::reload(Config config) {
  if (config.listen.address != config_.listen.address)
    return Error(Errc::invalid,
                 "listen.http cannot change while running: restart to listen on " + config.listen.address);
  auto guard = make_guard(config);
  if (!guard) return guard.error();
  if (const Status placed = place(config); !placed) return placed;
  guard_ = *std::move(guard);
  config_ = std::move(config);
  if (listener_) listener_->set_connections_max(config_.listen.connections_max);
  calls_.set_access_log(config_.access_log);
  parts_.log.set_level(config_.log_level);
  return {};
}

void Gateway::drain(std::function<void()> done) {
  draining_ = true;
  if (listener_) listener_->pause();
  for (const auto& route : routes_) route->front().drain();
  for (const auto& route : retiring_routes_) route->front().drain();
  drained_ = std::move(done);
  parts_.reactor.arm_after(cut_, config_.limits.drain);
  lines_ ? lines_->drain() : drain_http();
}

void Gateway::drain_http() {
  http_.drain([this] { wind_down(); });
}

// No client is left. The children get the end of their input and their grace, HTTP upstreams their farewells.
void Gateway::wind_down() {
  cut_.cancel();
  std::move(routes_.begin(), routes_.end(), std::back_inserter(retiring_routes_));
  std::move(upstreams_.begin(), upstreams_.end(), std::back_inserter(retiring_upstreams_));
  routes_.clear();
  upstreams_.clear();
  retire();
}

std::size_t Gateway::sessions() const {
  std::size_t sum = 0;
  for (const auto& route : routes_) sum += route->front().sessions();
  return sum;
}

void Gateway::publish(BlackboardSlot& slot) const {
  std::size_t children = 0;
  for (const Placed& placed : upstreams_) children += placed.upstream->state().children;
  slot.set(Word::accepted, http_.counters().connections);
  slot.set(Word::connections, http_.connections());
  slot.set(Word::requests, http_.counters().requests);
  slot.set(Word::errors, http_.counters().answers[5]);
  slot.set(Word::sessions, sessions());
  slot.set(Word::children, children);
}

HttpIdentity Gateway::identify(const HttpCall& call) const {
  HttpIdentity identity;
  if (config_.keys.empty()) return identity;
  std::optional<std::string> name;
  if (const auto token = bearer_token(call.field("Authorization"))) {
    name = config_.keys.find(*token);
  } else if (const Bytes key = call.field("X-API-Key"); !key.empty()) {
    name = config_.keys.find(key);
  }
  if (name) {
    identity.principal.name = "key:" + *name;
    return identity;
  }
  identity.refuse_status = 401;
  identity.sentence = "an API key is needed: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'";
  identity.fields.push_back(HeaderPair{"WWW-Authenticate", "Bearer realm=\"sluice\""});
  return identity;
}

Route* Gateway::find_route(Bytes path) {
  for (const auto& route : routes_)
    if (route->path() == path) return route.get();
  return nullptr;
}

void Gateway::on_head(HttpCall& call) {
  if (!guard_.admit(call)) return;
  const Bytes path = call.head().path;
  if (Route* route = find_route(path); route != nullptr) {
    call.hand_to(route->front());
    return route->front().on_head(call);
  }
  if (OperatorPages::is_confidential(path)) {
    if (const HttpIdentity identity = identify(call); identity.refuse_status != 0) {
      const std::array fields{HeaderField{identity.fields[0].name, identity.fields[0].value}};
      return call.respond(identity.refuse_status, text_type, identity.sentence + "\n", fields);
    }
  }
  if (pages_.answer(call)) return;
  std::string sentence = "nothing is served at this path; MCP is at";
  for (const auto& route : routes_) sentence += " " + route->path();
  call.respond(404, text_type, sentence + "\n");
}

void Gateway::on_request(HttpCall& call, PaddedString) {
  call.respond(404, text_type, "nothing is served at this path\n");
}

void Gateway::watch_metrics() {
  Metrics& metrics = parts_.metrics;
  metrics.sampled(MetricKind::gauge, "sluice_sessions", "Legacy sessions that are open.",
                  [this] { return sessions(); });
  metrics.sampled(MetricKind::gauge, "sluice_http_connections", "Connections of clients that are open.",
                  [this] { return http_.connections(); });
  metrics.sampled(MetricKind::counter, "sluice_http_connections_total", "Connections of clients so far.",
                  [this] { return http_.counters().connections; });
  metrics.sampled(MetricKind::counter, "sluice_http_requests_total", "HTTP requests whose head was read.",
                  [this] { return http_.counters().requests; });
  metrics.sampled(MetricKind::counter, "sluice_http_refused_total", "HTTP requests that were malformed.",
                  [this] { return http_.counters().refused; });
  metrics.sampled(MetricKind::counter, "sluice_http_slow_readers_total",
                  "Clients closed because they did not read.",
                  [this] { return http_.counters().slow_readers; });
  metrics.sampled(MetricKind::gauge, "sluice_budget_used_bytes", "Bytes charged to the worker's budget.",
                  [this] { return parts_.reactor.budget().bytes_used(); });
  metrics.sampled(MetricKind::counter, "sluice_budget_refusals_total",
                  "Buffers refused because the budget was used up.",
                  [this] { return parts_.reactor.budget().refusals(); });
  metrics.sampled(MetricKind::counter, "sluice_turns_total", "Turns of the reactor.",
                  [this] { return parts_.reactor.turns().turns; });
  metrics.sampled(MetricKind::counter, "sluice_slow_turns_total",
                  "Turns of the reactor that took 10 ms or more.", [this] {
                    const auto& counts = parts_.reactor.turns().counts;
                    return counts[2] + counts[3] + counts[4];
                  });
}

}  // namespace sluice
