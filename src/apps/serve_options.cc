// SPDX-License-Identifier: Apache-2.0
#include "apps/serve_options.h"

#include <cstdlib>

#include "net/address.h"
#include "net/files.h"

namespace sluice {

namespace {

SecretSource system_secrets() {
  SecretSource source;
  source.env = [](const std::string& name) -> Result<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return Error(Errc::not_found, "the environment has no " + name);
    return std::string(value);
  };
  source.file = [](const std::string& path) { return read_file(path, ProcessLimits{}.secret_bytes_max); };
  source.pins = [](const std::string& path) { return read_file(path, FederationLimits{}.pins_bytes_max); };
  return source;
}

Result<Config> load_unbound(const ServeOptions& options) {
  if (!options.url.empty()) return config_for_url(options.url);
  if (!options.command.empty()) return config_for_command(options.command);
  const auto text = read_file(options.config_file, ProcessLimits{}.config_bytes_max);
  if (!text) return text.error();
  return parse_config(*text, options.config_file, system_secrets());
}

}  // namespace

Json ServeOptions::to_json() const {
  Json words = Json::array();
  for (const std::string& word : command) words.push_back(word);
  return Json::object({{"config_file", config_file},
                       {"command", std::move(words)},
                       {"url", url},
                       {"http", http},
                       {"insecure", insecure}});
}

ServeOptions ServeOptions::from_json(const Json& json) {
  ServeOptions options;
  options.config_file = json["config_file"].string_or("");
  for (const Json& word : json["command"].items()) options.command.emplace_back(word.string_or(""));
  options.url = json["url"].string_or("");
  options.http = json["http"].string_or("");
  options.insecure = json["insecure"].bool_or(false);
  return options;
}

Result<Config> load_config(const ServeOptions& options) {
  auto config = load_unbound(options);
  if (!config) return config.error();
  if (!options.http.empty()) {
    if (const auto address = Address::parse(options.http); !address)
      return Error(Errc::invalid, "--http: " + address.error().message);
    config->listen.address = options.http;
  }
  if (const Status exposed = check_exposure(*config, options.insecure); !exposed) return exposed.error();
  return config;
}

}  // namespace sluice
