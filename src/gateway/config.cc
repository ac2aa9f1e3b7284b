// SPDX-License-Identifier: Apache-2.0
#include "gateway/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <set>
#include <tuple>

#include "codec/headers.h"
#include "codec/url.h"
#include "gateway/config_fields.h"
#include "gateway/operator_pages.h"
#include "net/address.h"
#include "transport/http_server_guard.h"

namespace sluice {

namespace {

// Walks the document; the first fault is kept and everything after it is skipped, so callers read straight
// on.
class ConfigReader {
 public:
  ConfigReader(std::string file, const SecretSource& secrets) : file_(std::move(file)), sources_(secrets) {}

  Result<Config> read(const std::string& text);

 private:
  void fault(const YAML::Node& at, const std::string& sentence);
  [[nodiscard]] bool failed() const { return fault_.has_value(); }

  // Faults unless `node` is a map whose keys all are in `known`.
  bool expect_map(const YAML::Node& node, const std::string& what,
                  std::initializer_list<std::string_view> known);
  std::string text(const YAML::Node& node, const std::string& what);
  std::vector<std::string> texts(const YAML::Node& node, const std::string& what);
  std::map<std::string, std::string> text_map(const YAML::Node& node, const std::string& what);
  bool boolean(const YAML::Node& node, const std::string& what);
  std::size_t count(const YAML::Node& node, const std::string& what, std::size_t min, std::size_t max);
  milliseconds duration(const YAML::Node& node, const std::string& what, milliseconds min, milliseconds max);
  // Replaces every ${env:…} and ${file:…}; what was inserted is remembered as a secret.
  std::string expand(const YAML::Node& at, const std::string& raw);
  std::string resolve(const YAML::Node& at, const std::string& reference);
  // A path that is not absolute is one beside the configuration.
  [[nodiscard]] std::string beside(const std::string& path) const;

  void read_listen(const YAML::Node& node);
  void read_upstreams(const YAML::Node& node);
  void read_upstream(const std::string& name, const YAML::Node& node);
  void read_command(const std::string& what, const YAML::Node& node, UpstreamConfig& upstream);
  void read_endpoint(const std::string& what, const YAML::Node& node, UpstreamConfig& upstream);
  void read_fields(const std::string& what, const YAML::Node& node, UpstreamConfig& upstream);
  // A path of which somebody else would be robbed.
  [[nodiscard]] bool is_taken(const RouteConfig& route, const YAML::Node& at);
  void read_filter(const YAML::Node& rules, const std::string& what,
                   std::vector<std::string> NameFilter::*list, NameRules& into);
  void read_renames(const YAML::Node& node, const std::string& what, std::vector<NewName>& into);
  std::vector<std::string> patterns(const YAML::Node& node, const std::string& what);
  void read_tool_sets(const YAML::Node& node);
  void read_pins(const YAML::Node& node);
  Vigilance vigilance(const YAML::Node& node, const std::string& what);
  void read_route(const YAML::Node& node);
  // Whose requests share its sessions and children.
  void read_sharing(const std::string& what, const YAML::Node& node, UpstreamConfig& upstream);
  void read_routes(const YAML::Node& node);
  void read_keys(const YAML::Node& node);
  void read_log(const YAML::Node& node);
  void read_limits(const YAML::Node& node);

  std::string file_;
  const SecretSource& sources_;
  std::optional<Error> fault_;
  Config config_;
  std::map<std::string, ToolSet> tool_sets_;
  std::set<std::string> references_;  // the variables whose values it holds
};

void ConfigReader::fault(const YAML::Node& at, const std::string& sentence) {
  if (failed()) return;
  std::string where = file_;
  const YAML::Mark mark = at.IsDefined() ? at.Mark() : YAML::Mark::null_mark();
  if (mark.line >= 0) where += ':' + std::to_string(mark.line + 1);
  fault_ = Error(Errc::invalid, where + ": " + sentence);
}

bool ConfigReader::expect_map(const YAML::Node& node, const std::string& what,
                              std::initializer_list<std::string_view> known) {
  if (failed()) return false;
  if (!node.IsMap()) {
    fault(node, what + " must be a map");
    return false;
  }
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const auto key = entry.first.Scalar();
    if (!seen.insert(key).second) fault(entry.first, "'" + key + "' occurs twice in " + what);
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string expected;
    for (const std::string_view name : known) expected += (expected.empty() ? "" : ", ") + std::string(name);
    fault(entry.first, "unknown key '" + key + "' in " + what + "; known are " + expected);
  }
  return !failed();
}

std::string ConfigReader::text(const YAML::Node& node, const std::string& what) {
  if (failed()) return {};
  if (!node.IsScalar()) {
    fault(node, what + " must be a text");
    return {};
  }
  return expand(node, node.Scalar());
}

std::vector<std::string> ConfigReader::texts(const YAML::Node& node, const std::string& what) {
  std::vector<std::string> values;
  if (failed()) return values;
  if (node.IsScalar()) return {text(node, what)};
  if (!node.IsSequence()) {
    fault(node, what + " must be a list of texts");
    return values;
  }
  for (const auto& item : node) values.push_back(text(item, what));
  return values;
}

std::map<std::string, std::string> ConfigReader::text_map(const YAML::Node& node, const std::string& what) {
  std::map<std::string, std::string> values;
  if (failed()) return values;
  if (!node.IsMap()) {
    fault(node, what + " must be a map of texts");
    return values;
  }
  for (const auto& entry : node) {
    const auto [at, fresh] = values.emplace(entry.first.Scalar(), text(entry.second, what));
    if (!fresh) fault(entry.first, "'" + at->first + "' occurs twice in " + what);
  }
  return values;
}

bool ConfigReader::boolean(const YAML::Node& node, const std::string& what) {
  bool value = false;
  if (!failed() && !YAML::convert<bool>::decode(node, value)) fault(node, what + " must be true or false");
  return value;
}

std::size_t ConfigReader::count(const YAML::Node& node, const std::string& what, std::size_t min,
                                std::size_t max) {
  if (failed()) return min;
  std::size_t value = 0;
  const std::string raw = node.IsScalar() ? node.Scalar() : "";
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  if (error != std::errc() || end != raw.data() + raw.size() || value < min || value > max)
    fault(node, what + " must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  return value;
}

milliseconds ConfigReader::duration(const YAML::Node& node, const std::string& what, milliseconds min,
                                    milliseconds max) {
  if (failed()) return min;
  const std::string raw = node.IsScalar() ? node.Scalar() : "";
  long long number = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(raw.data() + raw.size() - end));
  const long long unit_ms = unit == "ms"  ? 1
                            : unit == "s" ? 1'000
                            : unit == "m" ? 60'000
                            : unit == "h" ? 3'600'000
                                          : 0;
  const bool fits = error == std::errc() && unit_ms != 0 && number >= 0 && number <= max.count() / unit_ms;
  const milliseconds value(fits ? number * unit_ms : 0);
  if (!fits || value < min)
    fault(node, what + " must be a time such as 500ms, 30s, 5m or 1h, from " + std::to_string(min.count()) +
                    "ms to " + std::to_string(max.count()) + "ms");
  return value;
}

std::string ConfigReader::expand(const YAML::Node& at, const std::string& raw) {
  std::string out;
  std::size_t from = 0;
  for (std::size_t open = raw.find("${"); open != std::string::npos && !failed();
       open = raw.find("${", from)) {
    const std::size_t close = raw.find('}', open);
    if (close == std::string::npos) {
      fault(at, "a reference that begins with ${ has no }");
      return {};
    }
    out.append(raw, from, open - from);
    out += resolve(at, raw.substr(open + 2, close - open - 2));
    from = close + 1;
  }
  return out.append(raw, from);
}

std::string ConfigReader::resolve(const YAML::Node& at, const std::string& reference) {
  const std::size_t colon = reference.find(':');
  const std::string kind = reference.substr(0, colon);
  const std::string name = colon == std::string::npos ? "" : reference.substr(colon + 1);
  if (name.empty() || (kind != "env" && kind != "file")) {
    fault(at, "'${" + reference + "}' is neither ${env:NAME} nor ${file:PATH}");
    return {};
  }
  auto value = kind == "env" ? sources_.env(name) : sources_.file(beside(name));
  if (!value) {
    fault(at, "'${" + reference + "}' has no value: " + value.error().message);
    return {};
  }
  while (!value->empty() && (value->back() == '\n' || value->back() == '\r')) value->pop_back();
  config_.secrets.push_back(*value);
  if (kind == "env") references_.insert(name);
  return *value;
}

std::string ConfigReader::beside(const std::string& path) const {
  return (std::filesystem::path(file_).parent_path() / path).lexically_normal().string();
}

void ConfigReader::read_listen(const YAML::Node& node) {
  if (!expect_map(node, "listen", {"http", "connections_max", "allowed_hosts", "allowed_origins"})) return;
  if (node["http"]) {
    config_.listen.address = text(node["http"], "listen.http");
    if (const auto address = Address::parse(config_.listen.address); !address)
      fault(node["http"], "listen.http: " + address.error().message);
  }
  if (node["connections_max"])
    config_.listen.connections_max = count(node["connections_max"], "listen.connections_max", 1, 1'000'000);
  if (node["allowed_hosts"])
    config_.listen.allowed_hosts = texts(node["allowed_hosts"], "listen.allowed_hosts");
  if (node["allowed_origins"])
    config_.listen.allowed_origins = texts(node["allowed_origins"], "listen.allowed_origins");
  if (failed()) return;
  for (const auto& [key, hosts, origins] :
       {std::tuple("allowed_hosts", config_.listen.allowed_hosts, std::vector<std::string>()),
        std::tuple("allowed_origins", std::vector<std::string>(), config_.listen.allowed_origins)})
    if (const auto guard = HttpGuard::make(HttpGuardOptions{true, hosts, origins}); !guard)
      fault(node[key], std::string("listen.") + key + ": " + guard.error().message);
}

bool is_name(const std::string& name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), good);
}

void ConfigReader::read_upstreams(const YAML::Node& node) {
  if (failed()) return;
  if (!node.IsMap() || node.size() == 0)
    return fault(node, "upstreams must be a map with at least one entry");
  for (const auto& entry : node) {
    const std::string name = entry.first.Scalar();
    if (!is_name(name))
      return fault(entry.first, "upstream name '" + name + "' must be 1 to 64 of A-Z a-z 0-9 - _ .");
    if (config_.upstream(name) != nullptr) return fault(entry.first, "upstream '" + name + "' occurs twice");
    read_upstream(name, entry.second);
  }
}

void ConfigReader::read_upstream(const std::string& name, const YAML::Node& node) {
  const std::string what = "upstreams." + name;
  if (!expect_map(node, what, {"stdio",         "env",          "cwd",        "url",    "headers",   "era",
                               "capabilities",  "children_max", "affinity",   "shared", "stateless", "pool",
                               "start_timeout", "tool_timeout", "allow",      "deny",   "rename",    "pin",
                               "hidden_text",   "asks",         "env_inherit"}))
    return;
  UpstreamConfig upstream;
  upstream.name = name;
  const bool is_child = static_cast<bool>(node["stdio"]);
  if (is_child == static_cast<bool>(node["url"]))
    return fault(node, what + " must have either 'stdio' or 'url'");
  for (const char* key : {"env", "env_inherit", "cwd", "children_max"})
    if (!is_child && node[key])
      return fault(node[key], std::string("'") + key + "' is for stdio upstreams; " + what + " has a url");
  if (is_child && node["headers"])
    return fault(node["headers"], "'headers' is for url upstreams; " + what + " is a command");

  is_child ? read_command(what, node, upstream) : read_endpoint(what, node, upstream);
  if (node["era"]) {
    const std::string era = text(node["era"], what + ".era");
    if (era == "legacy") {
      upstream.era = EraSetting::legacy;
    } else if (era == "modern") {
      upstream.era = EraSetting::modern;
    } else if (era != "auto") {
      fault(node["era"], what + ".era must be auto, legacy or modern");
    }
  }
  if (node["capabilities"]) {
    const std::string capabilities = text(node["capabilities"], what + ".capabilities");
    if (capabilities == "superset") {
      upstream.capabilities = CapabilitySetting::superset;
    } else if (capabilities != "mirror") {
      fault(node["capabilities"], what + ".capabilities must be mirror or superset");
    }
  }
  read_sharing(what, node, upstream);
  if (node["start_timeout"])
    upstream.start_timeout =
        duration(node["start_timeout"], what + ".start_timeout", milliseconds(100), seconds(600));
  if (node["tool_timeout"])
    upstream.tool_timeout =
        duration(node["tool_timeout"], what + ".tool_timeout", milliseconds(100), seconds(3600));
  if (node["allow"]) read_filter(node["allow"], what + ".allow", &NameFilter::allow, upstream.rules);
  if (node["deny"]) read_filter(node["deny"], what + ".deny", &NameFilter::deny, upstream.rules);
  if (node["rename"]) read_renames(node["rename"], what + ".rename", upstream.rules.renames);
  if (node["pin"]) upstream.definitions.pin = vigilance(node["pin"], what + ".pin");
  if (upstream.definitions.pin != Vigilance::ignore && config_.pins_file.empty())
    return fault(node["pin"], what + ".pin needs 'pins', the file of accepted definitions");
  if (node["hidden_text"])
    upstream.definitions.hidden_text = vigilance(node["hidden_text"], what + ".hidden_text");
  config_.upstreams.push_back(std::move(upstream));
}

void ConfigReader::read_command(const std::string& what, const YAML::Node& node, UpstreamConfig& upstream) {
  const YAML::Node words = node["stdio"];
  upstream.command = texts(words, what + ".stdio");
  if (failed()) return;
  if (upstream.command.empty() || upstream.command.front().empty())
    return fault(words, what + ".stdio must be a command and its arguments");
  if (words.IsScalar() && upstream.command.front().find_first_of(" \t") != std::string::npos)
    return fault(words, what +
                            ".stdio is one text with blanks in it, and no shell reads it: write a list, such "
                            "as [npx, -y, foo]");
  if (node["env"]) upstream.env = text_map(node["env"], what + ".env");
  for (const auto& [name, value] : upstream.env)
    if (name.empty() || name.find('=') != std::string::npos)
      fault(node["env"], what + ".env: '" + name + "' is no name of a variable");
  if (node["env_inherit"]) upstream.inherits.also = patterns(node["env_inherit"], what + ".env_inherit");
  upstream.inherits.everything = std::erase(upstream.inherits.also, "all") != 0;
  for (const std::string& pattern : upstream.inherits.also)
    if (!is_environment_pattern(pattern))
      fault(node["env_inherit"], what + ".env_inherit: '" + pattern + "' is neither NAME, PREFIX_* nor all");
  if (node["cwd"]) upstream.cwd = text(node["cwd"], what + ".cwd");
  if (node["children_max"])
    upstream.children_max = count(node["children_max"], what + ".children_max", 1, 10'000);
}

void ConfigReader::read_endpoint(const std::string& what, const YAML::Node& node, UpstreamConfig& upstream) {
  upstream.url = text(node["url"], what + ".url");
  if (failed()) return;
  const auto url = parse_http_url(upstream.url);
  if (!url) return fault(node["url"], what + ".url: " + url.error().message);
  if (!equals_ignoring_case(url->scheme, "http"))
    return fault(node["url"], what +
                                  ".url needs TLS, which this version does not speak to upstreams; use http "
                                  "or a local TLS proxy");
  if (node["headers"]) read_fields(what + ".headers", node["headers"], upstream);
}

void ConfigReader::read_fields(const std::string& what, const YAML::Node& node, UpstreamConfig& upstream) {
  upstream.headers = text_map(node, what);
  for (auto field = upstream.headers.begin(); field != upstream.headers.end() && !failed(); ++field) {
    const std::string& name = field->first;
    if (!is_token(name)) return fault(node, what + ": '" + name + "' is no name of a header");
    if (is_field_of_ours(name)) return fault(node, what + ": '" + name + "' is laid on by Sluice itself");
    if (!is_field_value(field->second))
      return fault(node, what + ": the value of '" + name + "' has blanks at an end or a control character");
    const auto is_same = [&name](const auto& other) { return equals_ignoring_case(other.first, name); };
    if (std::find_if(upstream.headers.begin(), field, is_same) != field)
      return fault(node, "'" + name + "' occurs twice in " + what);
  }
}

void ConfigReader::read_sharing(const std::string& what, const YAML::Node& node, UpstreamConfig& upstream) {
  if (node["affinity"]) {
    const std::string affinity = text(node["affinity"], what + ".affinity");
    constexpr std::string_view header = "header:";
    if (affinity.starts_with(header) && is_token(std::string_view(affinity).substr(header.size()))) {
      upstream.affinity = Affinity::header;
      upstream.affinity_header = affinity.substr(header.size());
    } else if (affinity == "principal") {
      upstream.affinity = Affinity::principal;
    } else if (affinity != "client") {
      fault(node["affinity"], what + ".affinity must be client, principal or header:NAME");
    }
  }
  if (node["shared"]) upstream.shared = boolean(node["shared"], what + ".shared");
  if (node["asks"]) upstream.asks = boolean(node["asks"], what + ".asks");
  if (node["stateless"]) upstream.stateless = boolean(node["stateless"], what + ".stateless");
  if (upstream.shared && node["affinity"])
    fault(node["affinity"], what + " is shared by everybody: 'affinity' has no meaning for it");
  if (upstream.shared && upstream.capabilities == CapabilitySetting::superset)
    fault(node["capabilities"], what + " is shared, so that it can ask nobody: its capabilities are none");
  const YAML::Node pool = node["pool"];
  if (!pool || !expect_map(pool, what + ".pool", {"min", "max", "idle"})) return;
  const bool is_child = !upstream.command.empty();
  if (pool["min"] && !is_child)
    fault(pool["min"], "'pool.min' is for stdio upstreams; " + what + " has a url");
  if (pool["max"] && node["children_max"])
    fault(pool["max"], what + " has both 'children_max' and 'pool.max', which mean the same");
  if (pool["max"]) upstream.pool.max = count(pool["max"], what + ".pool.max", 1, 10'000);
  if (pool["max"] && is_child) upstream.children_max = std::exchange(upstream.pool.max, 0);
  if (pool["min"]) upstream.pool.min = count(pool["min"], what + ".pool.min", 0, upstream.children_max);
  if (pool["idle"])
    upstream.pool.idle = duration(pool["idle"], what + ".pool.idle", seconds(1), std::chrono::hours(24));
}

Vigilance ConfigReader::vigilance(const YAML::Node& node, const std::string& what) {
  const std::string word = text(node, what);
  if (word == "report") return Vigilance::report;
  if (word == "quarantine") return Vigilance::quarantine;
  if (word != "ignore") fault(node, what + " must be ignore, report or quarantine");
  return Vigilance::ignore;
}

// A file that is not there yet accepts nothing: `sluice pin` writes it.
void ConfigReader::read_pins(const YAML::Node& node) {
  const std::string file = text(node, "pins");
  if (failed()) return;
  if (file.empty()) return fault(node, "pins must name a file");
  config_.pins_file = beside(file);
  const auto content = sources_.pins ? sources_.pins(config_.pins_file) : Result<std::string>(std::string());
  if (!content && content.error().code == Errc::not_found) return;
  if (!content) return fault(node, "pins: " + content.error().message);
  config_.has_pins = true;
  auto pins = ToolPins::parse(*content, FederationLimits{});
  if (!pins) return fault(node, "pins: " + config_.pins_file + ": " + pins.error().message);
  config_.pins = *std::move(pins);
}

std::vector<std::string> ConfigReader::patterns(const YAML::Node& node, const std::string& what) {
  std::vector<std::string> list = texts(node, what);
  const FederationLimits limits;
  if (list.size() > limits.patterns_max)
    fault(node, what + " has more than " + std::to_string(limits.patterns_max) + " patterns");
  for (const std::string& pattern : list)
    if (pattern.empty() || pattern.size() > limits.pattern_bytes_max)
      fault(node, "a pattern in " + what + " must have 1 to " + std::to_string(limits.pattern_bytes_max) +
                      " bytes");
  return list;
}

// A list of patterns is for tools; a map says for what.
void ConfigReader::read_filter(const YAML::Node& node, const std::string& what,
                               std::vector<std::string> NameFilter::*list, NameRules& into) {
  if (failed()) return;
  if (!node.IsMap()) {
    into.tools.*list = patterns(node, what);
    return;
  }
  if (!expect_map(node, what, {"tools", "prompts", "resources"})) return;
  if (node["tools"]) into.tools.*list = patterns(node["tools"], what + ".tools");
  if (node["prompts"]) into.prompts.*list = patterns(node["prompts"], what + ".prompts");
  if (node["resources"]) into.resources.*list = patterns(node["resources"], what + ".resources");
}

void ConfigReader::read_renames(const YAML::Node& node, const std::string& what, std::vector<NewName>& into) {
  if (failed()) return;
  if (!node.IsMap()) return fault(node, what + " must be a map of a tool's name to its new one");
  const FederationLimits limits;
  if (node.size() > limits.patterns_max)
    return fault(node, what + " has more than " + std::to_string(limits.patterns_max) + " names");
  const auto is_good = [&limits](const std::string& name) {
    return !name.empty() && name.size() <= limits.pattern_bytes_max;
  };
  std::set<std::string> olds, news;
  for (const auto& entry : node) {
    NewName name{entry.first.Scalar(), text(entry.second, what)};
    if (failed()) return;
    const auto stars = std::count(name.from.begin(), name.from.end(), '*');
    if (!is_good(name.from) || !is_good(name.to))
      return fault(entry.first, "a name in " + what + " must have 1 to " +
                                    std::to_string(limits.pattern_bytes_max) + " bytes");
    if (stars > 1 || stars != std::count(name.to.begin(), name.to.end(), '*'))
      return fault(entry.first, what + ": '" + name.from + "' and '" + name.to +
                                    "' must both have one * or both have none");
    if (!olds.insert(name.from).second)
      return fault(entry.first, "'" + name.from + "' occurs twice in " + what);
    if (!news.insert(name.to).second)
      return fault(entry.first, what + " gives the name '" + name.to + "' to two tools");
    into.push_back(std::move(name));
  }
}

void ConfigReader::read_tool_sets(const YAML::Node& node) {
  if (failed()) return;
  if (!node.IsMap()) return fault(node, "tool_sets must be a map of names to {UPSTREAM: [PATTERN, …]}");
  for (const auto& entry : node) {
    const std::string what = "tool_sets." + entry.first.Scalar();
    if (!entry.second.IsMap()) return fault(entry.second, what + " must be a map of upstreams to patterns");
    const auto [set, is_new] = tool_sets_.emplace(entry.first.Scalar(), ToolSet());
    if (!is_new) return fault(entry.first, "'" + set->first + "' occurs twice in tool_sets");
    for (const auto& part : entry.second) {
      const std::string upstream = part.first.Scalar();
      if (config_.upstream(upstream) == nullptr)
        return fault(part.first, what + " names upstream '" + upstream + "', which does not exist");
      if (set->second.contains(upstream))
        return fault(part.first, "'" + upstream + "' occurs twice in " + what);
      set->second[upstream] = patterns(part.second, what + "." + upstream);
    }
  }
}

void ConfigReader::read_route(const YAML::Node& item) {
  if (!expect_map(item, "a route", {"path", "upstreams", "tools", "find_tools"})) return;
  if (!item["path"] || !item["upstreams"]) return fault(item, "a route needs 'path' and 'upstreams'");
  RouteConfig route;
  route.path = text(item["path"], "a route's path");
  if (!failed() &&
      (route.path.empty() || route.path[0] != '/' || route.path.find_first_of("?# ") != std::string::npos))
    return fault(item["path"], "a route's path must begin with / and have no query");
  route.upstreams = texts(item["upstreams"], "a route's upstreams");
  if (failed()) return;
  if (route.upstreams.empty())
    return fault(item["upstreams"], "route " + route.path + " needs at least one upstream");
  for (auto name = route.upstreams.begin(); name != route.upstreams.end(); ++name) {
    if (config_.upstream(*name) == nullptr)
      return fault(item["upstreams"],
                   "route " + route.path + " names upstream '" + *name + "', which does not exist");
    if (std::find(route.upstreams.begin(), name, *name) != name)
      return fault(item["upstreams"], "route " + route.path + " names upstream '" + *name + "' twice");
  }
  if (item["tools"]) {
    route.tools.emplace();
    for (const std::string& name : texts(item["tools"], "a route's tools")) {
      const auto set = tool_sets_.find(name);
      if (set == tool_sets_.end())
        return fault(item["tools"],
                     "route " + route.path + " names tool set '" + name + "', which does not exist");
      for (const auto& [upstream, list] : set->second) {
        std::vector<std::string>& all = (*route.tools)[upstream];
        all.insert(all.end(), list.begin(), list.end());
      }
    }
  }
  if (item["find_tools"]) route.find_tools = boolean(item["find_tools"], "a route's find_tools");
  for (const RouteConfig& other : config_.routes)
    if (other.path == route.path) return fault(item["path"], "two routes have the path " + route.path);
  if (!failed() && !is_taken(route, item["path"])) config_.routes.push_back(std::move(route));
}

// A route may show less of an upstream at the path that it has anyhow, and no other upstream.
bool ConfigReader::is_taken(const RouteConfig& route, const YAML::Node& at) {
  if (OperatorPages::is_page(route.path)) {
    fault(at, "a route at " + route.path + " would hide the page for operators that is there");
    return true;
  }
  constexpr std::string_view own = "/mcp/";
  if (!route.path.starts_with(own)) return false;
  const std::string name = route.path.substr(own.size());
  if (config_.upstream(name) == nullptr || route.upstreams == std::vector<std::string>{name}) return false;
  fault(at, "a route at " + route.path + " would hide upstream '" + name + "', which is at that path");
  return true;
}

void ConfigReader::read_routes(const YAML::Node& node) {
  if (failed()) return;
  if (!node.IsSequence() || node.size() == 0)
    return fault(node, "routes must be a list with at least one entry");
  for (const auto& item : node)
    if (!failed()) read_route(item);
}

void ConfigReader::read_keys(const YAML::Node& node) {
  if (!expect_map(node, "auth", {"keys"}) || !node["keys"]) return;
  if (!node["keys"].IsMap())
    return fault(node["keys"], "auth.keys must be a map of names to {sha256: …} or {key: …}");
  for (const auto& entry : node["keys"]) {
    const std::string name = entry.first.Scalar();
    if (!expect_map(entry.second, "auth.keys." + name, {"sha256", "key"})) return;
    if (static_cast<bool>(entry.second["sha256"]) == static_cast<bool>(entry.second["key"]))
      return fault(entry.second, "auth.keys." + name + " needs either 'sha256' or 'key'");
    Status added =
        entry.second["sha256"]
            ? config_.keys.add_digest(name, text(entry.second["sha256"], "auth.keys." + name + ".sha256"))
            : config_.keys.add_key(name, text(entry.second["key"], "auth.keys." + name + ".key"));
    if (entry.second["key"] && entry.second["key"].Scalar().find("${") == std::string::npos)
      return fault(entry.second,
                   "auth.keys." + name + ".key must be a reference, ${env:NAME} or ${file:PATH}");
    if (!added) return fault(entry.second, added.error().message);
  }
}

void ConfigReader::read_log(const YAML::Node& node) {
  if (!expect_map(node, "log", {"level", "access"})) return;
  if (node["level"]) {
    const std::string level = text(node["level"], "log.level");
    bool known = false;
    for (const LogLevel candidate :
         {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error, LogLevel::off})
      if (level_name(candidate) == level) {
        config_.log_level = candidate;
        known = true;
      }
    if (!known) fault(node["level"], "log.level must be debug, info, warning, error or off");
  }
  if (node["access"]) config_.access_log = boolean(node["access"], "log.access");
}

void ConfigReader::read_limits(const YAML::Node& node) {
  if (!expect_map(node, "limits", {"message_bytes", "sessions", "session_idle", "worker_bytes"})) return;
  Limits& limits = config_.limits;
  if (node["message_bytes"]) {
    const std::size_t bytes = count(node["message_bytes"], "limits.message_bytes", 1024, 256UL * 1024 * 1024);
    limits.json.message_bytes_max = limits.http.body_bytes_max = bytes;
    limits.sse.event_bytes_max = bytes + 1024;
  }
  if (node["sessions"]) limits.mcp.sessions_max = count(node["sessions"], "limits.sessions", 1, 10'000'000);
  if (node["session_idle"])
    limits.mcp.session_idle =
        duration(node["session_idle"], "limits.session_idle", seconds(1), seconds(7 * 86'400));
  if (node["worker_bytes"])
    limits.worker_bytes_max =
        count(node["worker_bytes"], "limits.worker_bytes", 16UL * 1024 * 1024, 1UL << 40);
}

Result<Config> ConfigReader::read(const std::string& source) {
  YAML::Node root;
  try {
    root = YAML::Load(source);
  } catch (const YAML::Exception& problem) {
    return Error(Errc::invalid, file_ + ':' + std::to_string(problem.mark.line + 1) + ": " + problem.msg);
  }
  try {
    if (expect_map(root, "the configuration",
                   {"listen", "upstreams", "tool_sets", "pins", "routes", "auth", "log", "limits"})) {
      if (root["listen"]) read_listen(root["listen"]);
      if (!root["upstreams"]) fault(root, "there are no 'upstreams'");
      if (!root["routes"]) fault(root, "there are no 'routes'");
      if (root["pins"]) read_pins(root["pins"]);
      if (!failed()) read_upstreams(root["upstreams"]);
      if (root["tool_sets"]) read_tool_sets(root["tool_sets"]);
      if (!failed()) read_routes(root["routes"]);
      if (root["auth"]) read_keys(root["auth"]);
      if (root["log"]) read_log(root["log"]);
      if (root["limits"]) read_limits(root["limits"]);
      for (UpstreamConfig& upstream : config_.upstreams)
        for (const std::string& name : references_) upstream.inherits.withhold(name);
    }
  } catch (const YAML::Exception& problem) {  // yaml-cpp throws on odd nodes; the boundary is here
    fault(root, std::string("cannot be read: ") + problem.what());
  }
  if (failed()) return *std::move(fault_);
  return std::move(config_);
}

}  // namespace

const UpstreamConfig* Config::upstream(std::string_view name) const {
  for (const UpstreamConfig& candidate : upstreams)
    if (candidate.name == name) return &candidate;
  return nullptr;
}

Result<Config> parse_config(const std::string& text, const std::string& file, const SecretSource& secrets) {
  return ConfigReader(file, secrets).read(text);
}

Config config_for_command(std::vector<std::string> command) {
  Config config;
  UpstreamConfig upstream;
  upstream.name = "upstream";
  upstream.command = std::move(command);
  upstream.inherits.everything = true;  // whoever typed it has no file to say more in
  config.upstreams.push_back(std::move(upstream));
  config.routes.push_back(RouteConfig{"/mcp", {"upstream"}});
  return config;
}

Result<Config> config_for_url(const std::string& url) {
  if (const auto parsed = parse_http_url(url); !parsed) return parsed.error();
  Config config;
  UpstreamConfig upstream;
  upstream.name = "upstream";
  upstream.url = url;
  config.upstreams.push_back(std::move(upstream));
  config.routes.push_back(RouteConfig{"/mcp", {"upstream"}});
  return config;
}

Status check_exposure(const Config& config, bool insecure) {
  const auto address = Address::parse(config.listen.address);
  if (!address) return address.error();
  if (address->is_loopback() || !config.keys.empty() || insecure) return {};
  return Error(
      Errc::denied,
      "listening on " + config.listen.address +
          " lets everybody in: configure auth.keys, listen on a loopback address, or pass --insecure");
}

}  // namespace sluice
