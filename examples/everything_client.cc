// SPDX-License-Identifier: Apache-2.0
// A client that does what the official conformance suite asks of clients: the last argument is the server's
// URL, MCP_CONFORMANCE_SCENARIO says what to do there. Without a scenario it shows what the server offers.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sdk/client.h"

namespace {

using sluice::Client;
using sluice::Json;
using sluice::Listing;
using sluice::Status;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Summands {
  int a;
  int b;
};
constexpr sluice::Tool<Summands, Json> add_numbers{"add_numbers", "Adds two numbers"};

Status call(Client& client, std::string_view tool, Json arguments = Json::object()) {
  const auto result = client.call<Json>(tool, std::move(arguments)).wait();
  return result ? Status() : Status(result.error());
}

// One value for everything that a schema demands.
Json arguments_for(const Json& schema) {
  Json arguments = Json::object();
  for (const Json& name : schema["required"].items()) arguments.set(name.string_or(""), "example");
  return arguments;
}

Status every_tool(Client& client) {
  Status last;
  auto tools = client.tools();
  for (const Listing& tool : tools)
    if (Status called = call(client, tool.name, arguments_for(tool.json["inputSchema"])); !called)
      last = std::move(called);
  return tools.error() ? Status(*tools.error()) : last;
}

Status everything(Client& client) {
  if (Status tools = every_tool(client); !tools) return tools;
  for (const Listing& resource : client.resources())
    if (const auto read = client.read(resource.uri).wait(); !read) return read.error();
  for (const Listing& prompt : client.prompts())
    if (const auto got = client.prompt(prompt.name).wait(); !got) return got.error();
  return {};
}

// The calls that the suite gives, after the list from which their headers follow.
Status given_calls(Client& client) {
  for ([[maybe_unused]] const Listing& tool : client.tools()) {}
  const auto context = Json::parse(variable("MCP_CONFORMANCE_CONTEXT"));
  if (!context) return context.error();
  for (const Json& one : (*context)["toolCalls"].items())
    if (Status called = call(client, one["name"].string_or(""), one["arguments"]); !called) return called;
  return {};
}

Status echo_schema(Client& client) {
  for (const Listing& tool : client.tools())
    if (tool.name == "json_schema_2020_12_tool")
      return call(client, "json_schema_echo", Json::object({{"schema", tool.json["inputSchema"]}}));
  return sluice::error("there is no json_schema_2020_12_tool");
}

Status rounds(Client& client) {
  for (const char* tool :
       {"test_mrtr_echo_state", "test_mrtr_unrelated", "test_mrtr_no_state", "test_mrtr_no_result_type"})
    if (Status called = call(client, tool); !called) return called;
  return {};
}

Status show(Client& client) {
  const auto server = client.connect().wait();
  if (!server) return server.error();
  std::printf("%s %s\n", server->name.c_str(), server->version.c_str());
  for (const Listing& tool : client.tools()) std::printf("%s\n", tool.name.c_str());
  return {};
}

Status log_in(Client& client) {
  auto tools = client.tools();
  for ([[maybe_unused]] const Listing& tool : tools) {}
  return tools.error() ? Status(*tools.error()) : call(client, "test-tool");
}

// A user who agrees to all, and the client id that the suite may have registered for us.
sluice::OauthOptions oauth_options(const std::string& scenario) {
  sluice::OauthOptions oauth;
  oauth.client_metadata_url = "https://conformance-test.local/client-metadata.json";
  oauth.unattended = true;
  oauth.client_credentials = scenario.find("client-credentials") != std::string::npos;
  if (const auto context = Json::parse(variable("MCP_CONFORMANCE_CONTEXT"))) {
    oauth.client_id = (*context)["client_id"].string_or("");
    oauth.client_secret = (*context)["client_secret"].string_or("");
    oauth.issuer = (*context)["issuer"].string_or("");
  }
  return oauth;
}

Status perform(Client& client, const std::string& scenario) {
  if (scenario.empty()) return show(client);
  if (scenario == "tools_call") {
    const Summands summands{5, 3};
    const auto sum = client.call(add_numbers, summands).wait();
    return sum ? Status() : Status(sum.error());
  }
  if (scenario == "elicitation-sep1034-client-defaults")
    return call(client, "test_client_elicitation_defaults");
  if (scenario == "sse-retry") return call(client, "test_reconnection");
  if (scenario == "json-schema-2020-12-preservation") return echo_schema(client);
  if (scenario == "sep-2322-client-request-state") return rounds(client);
  if (scenario == "http-custom-headers") return given_calls(client);
  if (scenario == "http-standard-headers") return everything(client);
  if (scenario == "http-invalid-tool-headers") return every_tool(client);
  if (scenario.rfind("auth/", 0) == 0) return log_in(client);
  auto tools = client.tools();
  for ([[maybe_unused]] const Listing& tool : tools) {}
  return tools.error() ? Status(*tools.error()) : Status();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: everything_client URL\n"), 2;
  const std::string scenario = variable("MCP_CONFORMANCE_SCENARIO");
  const std::string revision = variable("MCP_CONFORMANCE_PROTOCOL_VERSION");
  sluice::ClientOptions options;
  options.name = "everything-client";
  options.version = "1.0.0";
  // The mocks of one era do not all take the question for the other.
  if (!revision.empty()) options.era = revision == "2026-07-28" ? sluice::Era::modern : sluice::Era::legacy;
  if (scenario == "request-metadata") options.era.reset();
  if (scenario.rfind("auth/", 0) == 0) options.oauth = oauth_options(scenario);
  Client client = Client::http(argv[argc - 1], options);
  client.on_form([](const sluice::AskForm& form) { return sluice::AskReply::accept(form.defaults()); });
  const Status done = perform(client, scenario);
  if (!done) std::fprintf(stderr, "%s: %s\n", scenario.c_str(), done.error().message.c_str());
  return done ? 0 : 1;
}
