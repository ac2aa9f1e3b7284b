// SPDX-License-Identifier: Apache-2.0
// The program `sluice`: parses flags and hands over to one subcommand. Nothing else lives here.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>

#include "apps/serve_options.h"
#include "apps/supervisor.h"
#include "apps/worker.h"
#include "net/minder.h"

namespace {

using sluice::ServeOptions;

// What stands behind the options: one http(s) URL, or a command and its arguments.
void take_target(const std::vector<std::string>& target, ServeOptions& options) {
  if (target.size() == 1 && (target[0].rfind("http://", 0) == 0 || target[0].rfind("https://", 0) == 0)) {
    options.url = target[0];
  } else {
    options.command = target;
  }
}

int check(const ServeOptions& options) {
  const auto config = sluice::load_config(options);
  if (!config) {
    std::fprintf(stderr, "sluice: %s\n", config.error().message.c_str());
    return 1;
  }
  std::printf("%s: %zu upstreams, %zu routes, listening on %s\n", options.config_file.c_str(),
              config->upstreams.size(), config->routes.size(), config->listen.address.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // The minder is one process a child: it must start before anything else does.
  if (argc > 1 && std::strcmp(argv[1], sluice::minder_verb) == 0) return sluice::run_minder(argc, argv);

  CLI::App app("Sluice: any MCP client, of any revision, reaches any MCP server", "sluice");
  app.require_subcommand(1);
  ServeOptions options;
  std::vector<std::string> target;

  CLI::App* serve =
      app.add_subcommand("serve", "Serve a configuration, a command or a URL over Streamable HTTP");
  serve->add_option("-c,--config", options.config_file, "The YAML configuration");
  serve->add_option("--http", options.http, "Where to listen, HOST:PORT (127.0.0.1:8080)");
  serve->add_flag("--insecure", options.insecure, "Listen beyond loopback without API keys");
  serve->add_option("target", target, "-- COMMAND [ARGUMENTS…], or the URL of an MCP server");

  CLI::App* checked = app.add_subcommand("check", "Check a configuration and name what is wrong with it");
  checked->add_option("-c,--config", options.config_file, "The YAML configuration")->required();
  checked->add_flag("--insecure", options.insecure, "Do not ask for API keys beyond loopback");

  sluice::WorkerIdentity identity;
  CLI::App* worker = app.add_subcommand("worker", "");
  worker->group("");  // started by the supervisor, not by people
  worker->add_option("--slot", identity.slot)->required();
  worker->add_option("--epoch", identity.epoch)->required();

  CLI11_PARSE(app, argc, argv);
  if (*worker) return sluice::run_worker(identity);
  if (*checked) return check(options);

  take_target(target, options);
  if (options.config_file.empty() == target.empty()) {
    std::fprintf(stderr, "sluice: serve needs either -c FILE, or a URL, or -- and a command\n");
    return 2;
  }
  return sluice::run_supervisor(options);
}
