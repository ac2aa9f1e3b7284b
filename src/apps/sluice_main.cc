// SPDX-License-Identifier: Apache-2.0
// The program `sluice`: parses flags and hands over to one subcommand. Nothing else lives here.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "apps/bench.h"
#include "apps/client_command.h"
#include "apps/login.h"
#include "apps/pin.h"
#include "apps/serve_options.h"
#include "apps/stdio_gateway.h"
#include "apps/supervisor.h"
#include "apps/worker.h"
#include "gateway/import_servers.h"
#include "mcp/own_name.h"
#include "net/files.h"
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
  if (!config->pins_file.empty() && !config->has_pins)
    std::printf("%s is not there, so that no definition is accepted: `sluice pin -c %s` writes it\n",
                std::filesystem::absolute(config->pins_file).c_str(), options.config_file.c_str());
  return 0;
}

int print_imported(const std::string& file) {
  const auto text = sluice::read_file(file, sluice::ProcessLimits{}.config_bytes_max);
  const auto imported = text ? sluice::import_servers(*text) : text.error();
  if (!imported) {
    std::fprintf(stderr, "sluice: %s: %s\n", file.c_str(), imported.error().message.c_str());
    return 1;
  }
  for (const std::string& note : imported->notes) std::fprintf(stderr, "sluice: %s\n", note.c_str());
  std::printf("%s", imported->yaml.c_str());
  return 0;
}

CLI::App* add_pin(CLI::App& app, ServeOptions& options, bool& only_looks) {
  CLI::App* pin = app.add_subcommand("pin", "Accept the tools of pinned upstreams as they are defined now");
  pin->add_option("-c,--config", options.config_file, "The YAML configuration")->required();
  pin->add_flag("--insecure", options.insecure, "Do not ask for API keys beyond loopback");
  pin->add_flag("--dry-run", only_looks, "Say what is other than before (exit code 3) and write nothing");
  return pin;
}

CLI::App* add_bench(CLI::App& app, sluice::BenchOptions& options) {
  CLI::App* bench = app.add_subcommand("bench", "Ask an MCP server over and over and measure its answers");
  bench->add_option("url", options.call.url, "The server, http://HOST:PORT/PATH")->required();
  const std::map<std::string, sluice::Era> eras{{"legacy", sluice::Era::legacy},
                                                {"modern", sluice::Era::modern}};
  bench->add_option("--era", options.call.era, "legacy or modern (legacy)")
      ->transform(CLI::Transformer(eras).description("legacy|modern"));
  bench->add_option("--connections", options.connections, "Connections, each with one request in flight (1)");
  bench->add_option("--rate", options.rate,
                    "Requests due a second, whatever the server does (as fast as it answers)");
  bench->add_option("--duration", options.duration_seconds, "Seconds that are measured (10)");
  bench->add_option("--warmup", options.warmup_seconds, "Seconds before that (1)");
  bench->add_option("--timeout", options.timeout_seconds, "Seconds for an answer (30)");
  bench->add_option("--method", options.call.method, "The MCP method (tools/call)");
  bench->add_option("--tool", options.call.tool, "The tool to call (echo)");
  bench->add_option("--args", options.call.arguments,
                    "JSON: the tool's arguments, or another method's params");
  bench->add_option("--payload", options.call.payload_bytes, "Adds an argument with a text of so many bytes");
  bench->add_option("--payload-name", options.call.payload_name, "That argument's name (message)");
  bench->add_option("--bearer", options.call.bearer, "An API key or token to send");
  bench->add_option("--pid", options.pid,
                    "The process under test, whose processor time is told, with its children");
  bench->add_flag("--spin", options.spin, "Poll without sleeping: finer times, and one core burnt");
  bench->add_flag("--json", options.json, "One line of JSON");
  return bench;
}

// The verbs that are a client. What stands behind `--` is a server's command, and none of ours.
struct ClientVerb {
  const char* name;
  sluice::ClientCommand::Verb verb;
  const char* about;
  const char* words;
};
constexpr ClientVerb client_verbs[] = {
    {"ls", sluice::ClientCommand::Verb::ls, "List what an MCP server offers", "URL, or -- COMMAND…"},
    {"call", sluice::ClientCommand::Verb::call, "Call a tool of an MCP server",
     "[URL] TOOL [key=value…|{JSON}] [-- COMMAND…]"},
    {"read", sluice::ClientCommand::Verb::read, "Read a resource of an MCP server",
     "[URL] URI [-- COMMAND…]"},
    {"prompt", sluice::ClientCommand::Verb::prompt, "Get a prompt of an MCP server",
     "[URL] PROMPT [key=value…] [-- COMMAND…]"},
};

void add_client_verbs(CLI::App& app, sluice::ClientCommand& command) {
  const std::map<std::string, sluice::Era> eras{{"legacy", sluice::Era::legacy},
                                                {"modern", sluice::Era::modern}};
  for (const ClientVerb& one : client_verbs) {
    CLI::App* verb = app.add_subcommand(one.name, one.about);
    verb->add_option("words", command.words, one.words);
    verb->add_option("--era", command.era, "legacy or modern (the server is asked)")
        ->transform(CLI::Transformer(eras).description("legacy|modern"));
    verb->add_option("--header", command.headers, "A field for every HTTP request, 'Name: value'")
        ->expected(1)
        ->allow_extra_args(false)  // what follows may be the URL
        ->take_all();
    verb->add_option("--timeout", command.timeout_seconds, "Seconds without an answer or progress (60)")
        ->check(CLI::Range(1, 86'400));
    verb->add_flag("--json", command.json, "The server's own words, as JSON");
    verb->callback([&command, kind = one.verb] { command.verb = kind; });
    verb->footer("Exit codes: 0 done; 1 the server or the tool said no; 2 wrong usage; 3 no server.");
  }
}

bool is_client_verb(const char* word) {
  for (const ClientVerb& one : client_verbs)
    if (std::strcmp(word, one.name) == 0) return true;
  return false;
}

CLI::App* add_login(CLI::App& app, sluice::LoginOptions& options) {
  CLI::App* login = app.add_subcommand("login", "Log in to a remote MCP server and keep its token");
  login->add_option("url", options.url, "The MCP server's URL")->required();
  login->add_option("--client-id", options.client_id, "A client id registered by hand");
  login->add_option("--client-secret-env", options.client_secret_env, "The variable that holds its secret")
      ->needs("--client-id");
  login->add_option("--client-metadata", options.client_metadata_url,
                    "The https URL of a client metadata document to use as client id");
  login->add_flag("!--no-browser", options.browser, "Only print the URL");
  return login;
}

}  // namespace

int main(int argc, char** argv) {
  // The minder is one process a child: it must start before anything else does.
  if (argc > 1 && std::strcmp(argv[1], sluice::minder_verb) == 0) return sluice::run_minder(argc, argv);

  CLI::App app("Sluice: any MCP client, of any revision, reaches any MCP server", "sluice");
  app.require_subcommand(1);
  app.set_version_flag("--version", "sluice " + std::string(sluice::own_version()));
  ServeOptions options;
  std::vector<std::string> target;

  CLI::App* serve =
      app.add_subcommand("serve", "Serve a configuration, a command or a URL over Streamable HTTP");
  serve->add_option("-c,--config", options.config_file, "The YAML configuration");
  serve->add_option("--http", options.http, "Where to listen, HOST:PORT (127.0.0.1:8080)");
  serve->add_flag("--insecure", options.insecure, "Listen beyond loopback without API keys");
  auto hang_seconds = std::chrono::duration_cast<std::chrono::seconds>(options.hang_timeout).count();
  serve
      ->add_option("--hang-timeout", hang_seconds,
                   "Seconds without a sign of life after which a worker is replaced (10; 0: never)")
      ->check(CLI::Range(0, 86'400));
  serve->add_option("target", target, "-- COMMAND [ARGUMENTS…], or the URL of an MCP server");

  CLI::App* checked = app.add_subcommand("check", "Check a configuration and name what is wrong with it");
  checked->add_option("-c,--config", options.config_file, "The YAML configuration")->required();
  checked->add_flag("--insecure", options.insecure, "Do not ask for API keys beyond loopback");

  std::string stdio_route = "/mcp";
  CLI::App* stdio = app.add_subcommand("stdio",
                                       "Serve the client that started this, on standard input and output: a "
                                       "configuration, a command or a URL");
  stdio->add_option("-c,--config", options.config_file,
                    "The YAML configuration; `listen` has no meaning here");
  stdio->add_option("--route", stdio_route, "The path of the route to serve (/mcp)");
  bool stdio_browser = true;
  stdio->add_flag("!--no-browser", stdio_browser, "Only print the URL where a server wants a login");
  stdio->add_option("target", target, "-- COMMAND [ARGUMENTS…], or the URL of an MCP server");

  std::string servers_file;
  CLI::App* import =
      app.add_subcommand("import", "Print the configuration for a desktop client's mcpServers file");
  import->add_option("file", servers_file, "Such as claude_desktop_config.json or .vscode/mcp.json")
      ->required();

  bool only_looks = false;
  CLI::App* pin = add_pin(app, options, only_looks);

  sluice::BenchOptions bench_options;
  CLI::App* bench = add_bench(app, bench_options);

  sluice::ClientCommand client_command;
  add_client_verbs(app, client_command);
  const bool is_client = argc > 1 && is_client_verb(argv[1]);
  for (int i = 1; is_client && i < argc; ++i) {
    if (std::strcmp(argv[i], "--") != 0) continue;
    client_command.command.assign(argv + i + 1, argv + argc);
    argc = i;
  }

  sluice::LoginOptions login_options;
  CLI::App* login = add_login(app, login_options);
  CLI::App* logout = app.add_subcommand("logout", "Forget the token of a remote MCP server");
  logout->add_option("url", login_options.url, "The MCP server's URL")->required();

  sluice::WorkerIdentity identity;
  CLI::App* worker = app.add_subcommand("worker", "");
  worker->group("");  // started by the supervisor, not by people
  worker->add_option("--slot", identity.slot)->required();
  worker->add_option("--epoch", identity.epoch)->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& wrong) {
    return app.exit(wrong) == 0 ? 0 : 2;  // --help is none
  }
  if (*worker) return sluice::run_worker(identity);
  if (is_client) return sluice::run_client_command(client_command);
  if (*checked) return check(options);
  if (*pin) return sluice::run_pin(options, only_looks);
  if (*bench) return sluice::run_bench(bench_options);
  if (*login) return sluice::run_login(login_options);
  if (*logout) return sluice::run_logout(login_options);
  if (*import) return print_imported(servers_file);

  options.hang_timeout = std::chrono::seconds(hang_seconds);
  take_target(target, options);
  if (options.config_file.empty() == target.empty()) {
    std::fprintf(stderr, "sluice: %s needs either -c FILE, or a URL, or -- and a command\n",
                 *stdio ? "stdio" : "serve");
    return 2;
  }
  if (*stdio) return sluice::run_stdio(options, stdio_route, stdio_browser);
  return sluice::run_supervisor(options);
}
