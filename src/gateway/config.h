// SPDX-License-Identifier: Apache-2.0
#pragma once
// The configuration of a gateway: one YAML file, checked whole before anything starts.
//
// Unknown keys are errors, every error is one sentence with its line, secrets come by reference
// (`${env:NAME}`,
// `${file:PATH}`) and are listed so that logs can hide them. Knows nothing of sockets; files and environment
// are read through the `SecretSource` it is given. A Config is a plain value; any thread.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "auth/api_key.h"
#include "base/limits.h"
#include "base/result.h"
#include "mcp/name_rules.h"
#include "mcp/tool_pins.h"
#include "net/child_environment.h"
#include "observe/log.h"

namespace sluice {

// How an upstream's era is known: probed once, or pinned by the configuration.
enum class EraSetting : std::uint8_t { automatic, legacy, modern };

// What a legacy upstream is told that its client can do, when the client is modern: just what the client
// says, so that servers adapt; or everything, with asks refused that the client cannot take.
enum class CapabilitySetting : std::uint8_t { mirror, superset };

// Whose requests go to the same session or child of a legacy server (D6.1).
enum class Affinity : std::uint8_t {
  client,  // a legacy client's session has one for itself; modern clients have none, so a principal's share
  principal,  // all of a principal
  header,     // all of a principal that send the same value of a header
};

// The sessions and children that clients do not own.
struct PoolConfig {
  std::size_t min = 0;  // children kept started for sessions to come
  std::size_t max =
      0;  // sessions at an HTTP server; 0: as many as the limits allow. Of a command: children_max
  milliseconds idle = BridgeLimits{}.session_idle;  // without a request, then it is ended

  friend bool operator==(const PoolConfig&, const PoolConfig&) = default;
};

// What is done about a tool whose definition is not as it should be.
enum class Vigilance : std::uint8_t { ignore, report, quarantine };

struct DefinitionRules {
  Vigilance pin = Vigilance::ignore;          // it is not the one that was accepted
  Vigilance hidden_text = Vigilance::report;  // it has text that people do not see

  friend bool operator==(const DefinitionRules&, const DefinitionRules&) = default;
};

struct UpstreamConfig {
  std::string name;
  // A child: its command. Empty for an HTTP upstream.
  std::vector<std::string> command;
  std::map<std::string, std::string> env;
  EnvironmentRule inherits{.everything = false, .also = {}, .withheld = {}};  // of ours, besides
  std::string cwd;
  // An HTTP server: its endpoint, and fields laid on every request.
  std::string url;
  std::map<std::string, std::string> headers;

  EraSetting era = EraSetting::automatic;
  CapabilitySetting capabilities = CapabilitySetting::mirror;
  std::size_t children_max = UpstreamLimits{}.children_max;
  Affinity affinity = Affinity::client;
  std::string affinity_header;  // its name
  bool shared = false;          // one session or child for everybody, which can ask nobody anything
  bool asks = false;            // any of its calls may ask without saying which one it is
  bool stateless = false;       // any session or child will do for any request of a principal
  PoolConfig pool;
  milliseconds start_timeout = UpstreamLimits{}.start_timeout;
  milliseconds tool_timeout = McpLimits{}.tool;
  NameRules rules;  // on every route; without a tool set, which is a route's
  DefinitionRules definitions;

  // Legacy clients own no session or child of it either.
  [[nodiscard]] bool is_pooled() const { return shared || stateless || affinity != Affinity::client; }

  friend bool operator==(const UpstreamConfig&, const UpstreamConfig&) = default;
};

// Patterns for tools, by upstream.
using ToolSet = std::map<std::string, std::vector<std::string>>;

struct RouteConfig {
  std::string path;
  std::vector<std::string> upstreams;  // names; one is passed through as it is, several are federated
  std::optional<ToolSet> tools = {};   // of all the sets it names; nothing: every tool
  bool find_tools = false;             // tools are looked for, not listed

  friend bool operator==(const RouteConfig&, const RouteConfig&) = default;
};

struct ListenConfig {
  std::string address = "127.0.0.1:8080";
  std::size_t connections_max = NetLimits{}.connections_max;
  // Beside loopback names: what Host and Origin may say.
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> allowed_origins;

  friend bool operator==(const ListenConfig&, const ListenConfig&) = default;
};

struct Config {
  ListenConfig listen;
  std::vector<UpstreamConfig> upstreams;
  std::vector<RouteConfig> routes;
  ApiKeys keys;           // empty: the anonymous principal is let in
  std::string pins_file;  // from where we are, or absolute
  bool has_pins = false;  // it is there
  ToolPins pins;          // what was in it
  LogLevel log_level = LogLevel::info;
  bool access_log = true;
  Limits limits;
  std::vector<std::string> secrets;  // values that came by reference

  [[nodiscard]] const UpstreamConfig* upstream(std::string_view name) const;
};

// Where references lead. They return an error sentence's reason when there is nothing. Paths that are not
// absolute are those beside the configuration's file.
struct SecretSource {
  std::function<Result<std::string>(const std::string& name)> env;
  std::function<Result<std::string>(const std::string& path)> file;
  std::function<Result<std::string>(const std::string& path)> pins = {};  // no secret
};

// Parses and checks a whole file. The error names `file` and the line.
Result<Config> parse_config(const std::string& text, const std::string& file, const SecretSource& secrets);

// The configuration of `sluice serve [--http ADDRESS] -- CMD…` and `sluice serve [--http ADDRESS] URL`.
Config config_for_command(std::vector<std::string> command);
Result<Config> config_for_url(const std::string& url);

// Whether the listener may be opened: an address that is not loopback needs keys, unless `insecure`.
Status check_exposure(const Config& config, bool insecure);

}  // namespace sluice
