// SPDX-License-Identifier: Apache-2.0
#include "sim/simulation.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "gateway/gateway.h"
#include "sim/sim_child.h"
#include "sim/sim_client.h"
#include "sim/sim_server.h"

namespace sluice::sim {

namespace {

Limits draw_limits(Random& random) {
  Limits limits;
  limits.mcp.session_idle = seconds(60);
  limits.mcp.tool_absolute = seconds(60);
  limits.mcp.ask = seconds(20);
  if (random.one_in(3)) {
    limits.net.unsent_bytes_soft = 2'000;
    limits.net.unsent_bytes_max = 40'000;
  }
  if (random.one_in(6)) limits.worker_bytes_max = 20'000 + random.below(200'000);
  return limits;
}

std::string key_of(int client) { return "key-of-client-" + std::to_string(client) + "-0123456789"; }

// The page of an operator, whole.
class Page final : public StreamHandler {
 public:
  Page(StreamPtr stream, const std::string& key) : stream_(std::move(stream)) {
    stream_->set_handler(this);
    stream_->write("GET /health HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\nX-API-Key: " + key +
                   "\r\n\r\n");
  }
  ~Page() override { stream_->set_handler(nullptr); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void on_bytes(PaddedBytes bytes) override { text_.append(bytes.bytes); }
  void on_end() override {}
  void on_failed(const Error&) override {}

  StreamPtr stream_;
  std::string text_;
};

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed)
      : dice_(seed),
        limits_(draw_limits(dice_)),
        reactor_(Reactor::simulated(limits_, Instant(seconds(1'000)), WallTime(std::chrono::hours(480'000)))),
        world_(*reactor_, dice_.next()),
        log_(sink_, *reactor_, limits_.observe, LogLevel::off),
        metrics_(limits_.observe),
        nursery_(world_),
        server_(world_) {
    world_.tight = limits_.worker_bytes_max < 1'000'000;
  }

  RunReport run() {
    open_gateway();
    if (world_.transcript.failures().empty()) {
      make_clients();
      live();
      if (world_.chance(15)) {
        leave_in_the_middle();
      } else {
        end_in_peace();
      }
    }
    clients_.clear();
    gateway_.reset();
    reactor_->advance(seconds(1));
    if (nursery_.running() != 0) world_.transcript.fail("gateway", "left children behind");
    if (reactor_->budget().bytes_used() != 0) world_.transcript.fail("gateway", "left bytes charged");
    RunReport report{world_.transcript.hash(), world_.transcript.failures(), world_.transcript.tail()};
    report.calls_run = world_.seen.size();
    report.retries_run = static_cast<std::size_t>(std::count_if(
        world_.seen.begin(), world_.seen.end(), [](const auto& one) { return one.first.back() == '+'; }));
    report.batches = world_.batches;
    return report;
  }

 private:
  void open_gateway() {
    Gateway::Parts parts{*reactor_, log_, metrics_, {}, {}, {}, {}};
    if (!parts.ring.add(1, std::string(seal_key_bytes, 'k'))) return;
    parts.doors.start_child = [this](Reactor&, const ChildCommand& command,
                                     std::function<void(ChildExit)> on_exit) {
      return nursery_.start(command, std::move(on_exit));
    };
    parts.doors.connect = [this](Reactor&, const std::string&, std::uint16_t, Duration,
                                 OnConnect on_connect) { return server_.connect(std::move(on_connect)); };
    parts.doors.entropy = [this](std::span<std::byte> out) {
      for (std::byte& byte : out) byte = static_cast<std::byte>(world_.random.below(256));
    };
    auto gateway = Gateway::open(std::move(parts), config_ = make_config());
    if (!gateway) return world_.transcript.fail("gateway", gateway.error().message);
    gateway_ = *std::move(gateway);
  }

  Config make_config() {
    Config config;
    config.limits = limits_;
    config.log_level = LogLevel::off;
    for (const char* name : {"legacy", "modern", "http"}) {
      UpstreamConfig upstream;
      upstream.name = name;
      upstream.tool_timeout = seconds(5);
      upstream.start_timeout = seconds(10);
      upstream.children_max = 2 + world_.random.below(5);
      if (name == std::string("http")) {
        upstream.url = "http://upstream.example/mcp";
      } else {
        upstream.command = {name};
        if (world_.chance(40))
          upstream.era = name == std::string("modern") ? EraSetting::modern : EraSetting::legacy;
      }
      config.upstreams.push_back(std::move(upstream));
    }
    for (int client = 0; client < clients_max; ++client)
      static_cast<void>(config.keys.add_key("k" + std::to_string(client), key_of(client)));
    return config;
  }

  void make_clients() {
    const int count = 2 + static_cast<int>(world_.random.below(clients_max - 1));
    for (int number = 0; number < count; ++number) {
      SimClient::Options options;
      options.number = number;
      options.key = key_of(number);
      options.era = world_.chance(50) ? Era::legacy : Era::modern;
      const bool over_http = world_.chance(40);
      options.path = over_http ? "/mcp/http" : options.era == Era::legacy ? "/mcp/legacy" : "/mcp/modern";
      clients_.push_back(std::make_unique<SimClient>(world_, options, [this] {
        StreamPair pair = world_.connect();
        gateway_->adopt(std::move(pair.near));
        return std::move(pair.far);
      }));
    }
  }

  void live() {
    const std::uint64_t steps = 60 + world_.random.below(240);
    for (std::uint64_t i = 0; i < steps; ++i) {
      reactor_->advance(world_.chance(3) ? world_.up_to(6'000) : world_.up_to(60));
      SimClient& client = *clients_[world_.random.below(clients_.size())];
      SimClient& other = *clients_[world_.random.below(clients_.size())];
      if (&client != &other) client.steal(other.session());
      client.step();
      server_.sweep();
      if (world_.chance(1)) nursery_.strike();
      if (world_.chance(1)) server_.strike();
      if (world_.chance(1)) reload();
      if (world_.chance(1) && world_.chance(30)) change();
    }
  }

  // A reload that changes nothing changes nothing.
  void reload() {
    if (const Status done = gateway_->reload(config_); !done)
      world_.transcript.fail("gateway", done.error().message);
  }

  // One that changes an upstream: its calls finish, its sessions end, and clients begin anew.
  void change() {
    UpstreamConfig& changed = config_.upstreams[world_.random.below(config_.upstreams.size())];
    changed.start_timeout += milliseconds(1);
    world_.transcript.line("gateway", "gets another configuration of " + changed.name);
    reload();
  }

  // What the gateway itself says it still has.
  void check_health() {
    StreamPair pair = make_stream_pair(*reactor_);
    gateway_->adopt(std::move(pair.near));
    Page page(std::move(pair.far), key_of(0));
    reactor_->advance(seconds(1));
    for (const char* none : {"\"calls\":", "\"sessions\":"})
      for (std::size_t at = page.text().find(none); at != std::string::npos;
           at = page.text().find(none, at + 1))
        if (page.text()[at + std::strlen(none)] != '0')
          world_.transcript.fail("gateway", "keeps what is over: " + page.text());
    if (page.text().find("\"calls\":") == std::string::npos)
      world_.transcript.fail("gateway", "does not tell of its upstreams: " + page.text());
  }

  void leave_in_the_middle() {
    if (world_.chance(50)) reactor_->advance(world_.up_to(50));
  }

  void end_in_peace() {
    world_.faults = false;
    for (const auto& client : clients_) client->wind_down();
    reactor_->advance(std::chrono::minutes(4));
    for (const auto& client : clients_) client->check_ended();
    for (const auto& client : clients_) client->leave();
    reactor_->advance(std::chrono::minutes(2));
    server_.sweep();
    if (gateway_->sessions() != 0) world_.transcript.fail("gateway", "sessions are left");
    if (nursery_.running() > 2) world_.transcript.fail("gateway", "children of sessions are left");
    const std::string page = metrics_.prometheus_text();
    for (const char* zero : {"\nsluice_calls_in_flight 0\n", "\nsluice_http_connections 0\n"})
      if (page.find(zero) == std::string::npos)
        world_.transcript.fail("gateway", std::string("the metrics do not say") + zero);
    check_health();
    bool drained = false;
    gateway_->drain([&drained] { drained = true; });
    reactor_->advance(seconds(40));
    if (!drained) world_.transcript.fail("gateway", "did not drain");
    if (nursery_.running() != 0) world_.transcript.fail("gateway", "drained and left children");
  }

  static constexpr int clients_max = 6;
  Random dice_;
  Limits limits_;
  std::unique_ptr<Reactor> reactor_;
  World world_;
  StringSink sink_;
  Log log_;
  Metrics metrics_;
  Nursery nursery_;
  SimServer server_;
  Config config_;
  std::unique_ptr<Gateway> gateway_;
  std::vector<std::unique_ptr<SimClient>> clients_;
};

}  // namespace

RunReport run_simulation(std::uint64_t seed) {
  Simulation simulation(seed);
  return simulation.run();
}

}  // namespace sluice::sim
