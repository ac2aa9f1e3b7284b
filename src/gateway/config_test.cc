// SPDX-License-Identifier: Apache-2.0
#include "gateway/config.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

SecretSource some_secrets() {
  SecretSource source;
  source.env = [](const std::string& name) -> Result<std::string> {
    if (name == "TOKEN") return std::string("s3cret-token");
    return Error(Errc::not_found, "the environment has no " + name);
  };
  source.file = [](const std::string& path) -> Result<std::string> {
    if (path == "key.txt") return std::string("key-of-alice-0123\n");
    return Error(Errc::not_found, path + " does not exist");
  };
  source.pins = [](const std::string& path) -> Result<std::string> {
    if (path == "pins.json") return ToolPins().text();
    if (path == "broken.json") return std::string("{}");
    return Error(Errc::not_found, path + " does not exist");
  };
  return source;
}

Result<Config> parse(const std::string& text) { return parse_config(text, "sluice.yaml", some_secrets()); }

std::string fault(const std::string& text) {
  const auto config = parse(text);
  return config ? "taken" : config.error().message;
}

constexpr const char* minimal = R"(
upstreams:
  files: {stdio: [server-filesystem, /tmp]}
routes:
  - {path: /mcp, upstreams: [files]}
)";

TEST(Config, TakesAMinimalFileWithSafeDefaults) {
  const auto config = parse(minimal);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->listen.address, "127.0.0.1:8080");
  EXPECT_EQ(config->listen.connections_max, 1'000U);
  ASSERT_EQ(config->upstreams.size(), 1U);
  EXPECT_EQ(config->upstreams[0].command, (std::vector<std::string>{"server-filesystem", "/tmp"}));
  EXPECT_EQ(config->upstreams[0].era, EraSetting::automatic);
  EXPECT_EQ(config->routes[0].upstreams.front(), "files");
  EXPECT_TRUE(config->keys.empty());
}

TEST(Config, TakesEverythingThatIsDocumented) {
  const auto config = parse(R"(
listen: {http: "0.0.0.0:8443", connections_max: 20000, allowed_hosts: [mcp.example], allowed_origins: ["https://app.example"]}
upstreams:
  github: {stdio: [github-mcp], env: {GITHUB_TOKEN: "${env:TOKEN}"}, cwd: work, era: legacy, children_max: 3, start_timeout: 90s}
  search: {url: "http://search.example/mcp", headers: {Authorization: "Bearer ${env:TOKEN}"}, era: modern, tool_timeout: 2m}
routes:
  - {path: /mcp, upstreams: [github]}
  - {path: /search, upstreams: search}
auth:
  keys:
    alice: {key: "${file:key.txt}"}
    bob: {sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
log: {level: debug, access: false}
limits: {message_bytes: 1048576, sessions: 10, session_idle: 5m, worker_bytes: 268435456}
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->upstreams[0].env.at("GITHUB_TOKEN"), "s3cret-token");
  EXPECT_EQ(config->upstreams[0].start_timeout, seconds(90));
  EXPECT_EQ(config->upstreams[1].headers.at("Authorization"), "Bearer s3cret-token");
  EXPECT_EQ(config->upstreams[1].tool_timeout, std::chrono::minutes(2));
  EXPECT_EQ(config->keys.find("key-of-alice-0123"), "alice");  // the file's line end is no part of it
  EXPECT_EQ(config->secrets, (std::vector<std::string>{"s3cret-token", "s3cret-token", "key-of-alice-0123"}));
  EXPECT_EQ(config->limits.json.message_bytes_max, 1'048'576U);
  EXPECT_FALSE(config->access_log);
}

TEST(Config, TakesWhoSharesASessionOrChild) {
  const auto config = parse(R"(
upstreams:
  a: {stdio: [x], affinity: principal, pool: {min: 1, max: 4, idle: 10m}}
  b: {url: "http://h/mcp", affinity: "header:X-Team", stateless: true, asks: true, pool: {max: 7}}
  c: {stdio: [x], shared: true}
  d: {stdio: [x]}
routes: [{path: /mcp, upstreams: [a, b, c, d]}]
)");
  ASSERT_TRUE(config) << config.error().message;
  const UpstreamConfig& a = config->upstreams[0];
  EXPECT_EQ(a.affinity, Affinity::principal);
  EXPECT_EQ(a.pool.min, 1U);
  EXPECT_EQ(a.children_max, 4U);
  EXPECT_EQ(a.pool.idle, std::chrono::minutes(10));
  const UpstreamConfig& b = config->upstreams[1];
  EXPECT_EQ(b.affinity, Affinity::header);
  EXPECT_EQ(b.affinity_header, "X-Team");
  EXPECT_EQ(b.pool.max, 7U);
  EXPECT_TRUE(b.stateless);
  EXPECT_TRUE(b.asks);
  EXPECT_TRUE(config->upstreams[2].is_pooled());
  EXPECT_FALSE(config->upstreams[3].is_pooled());
}

// Each text is the minimal file with one fault; the sentence must name the line and the thing.
TEST(Config, NamesWhatIsWrongAndWhere) {
  const struct {
    const char* text;
    const char* says;
  } cases[] = {
      {"upstreams: [", "sluice.yaml:"},
      {"", "must be a map"},
      {"upstream: {}\n", "sluice.yaml:1: unknown key 'upstream' in the configuration"},
      {"routes: []\n", "there are no 'upstreams'"},
      {"upstreams: {a: {stdio: [x]}}\n", "there are no 'routes'"},
      {"upstreams: {a: {stdio: [x]}}\nroutes: []\n", "routes must be a list with at least one"},
      {"upstreams: {}\nroutes: [{path: /mcp, upstreams: a}]\n", "at least one entry"},
      {"upstreams: {a b: {stdio: [x]}}\nroutes: [{path: /mcp, upstreams: a}]\n", "upstream name 'a b'"},
      {"upstreams: {a: {}}\nroutes: [{path: /mcp, upstreams: a}]\n", "either 'stdio' or 'url'"},
      {"upstreams: {a: {stdio: [x], url: 'http://h/'}}\nroutes: []\n", "either 'stdio' or 'url'"},
      {"upstreams: {a: {stdio: []}}\nroutes: []\n", "a command and its arguments"},
      {"upstreams: {a: {stdio: [x], headers: {A: b}}}\nroutes: []\n", "'headers' is for url upstreams"},
      {"upstreams: {a: {url: 'http://h/', cwd: b}}\nroutes: []\n", "'cwd' is for stdio upstreams"},
      {"upstreams: {a: {url: 'ftp://h/'}}\nroutes: []\n", "upstreams.a.url"},
      {"upstreams: {a: {stdio: [x], era: new}}\nroutes: []\n", "auto, legacy or modern"},
      {"upstreams: {a: {stdio: [x], start_timeout: 5}}\nroutes: []\n", "a time such as"},
      {"upstreams: {a: {stdio: [x], start_timeout: 99h}}\nroutes: []\n", "a time such as"},
      {"upstreams: {a: {stdio: [x], children_max: 0}}\nroutes: []\n", "whole number from 1"},
      {"upstreams: {a: {stdio: [x], children_max: 2x}}\nroutes: []\n", "whole number from 1"},
      {"upstreams:\n  a: {stdio: [x], env: {K: '${env:NO}'}}\nroutes: []\n",
       "sluice.yaml:2: '${env:NO}' has no value"},
      {"upstreams: {a: {stdio: [x], env: {K: '${env:NO'}}}\nroutes: []\n", "has no }"},
      {"upstreams: {a: {stdio: [x], env: {K: '${vault:NO}'}}}\nroutes: []\n",
       "neither ${env:NAME} nor ${file:PATH}"},
      {"upstreams: {a: {stdio: [x]}}\nroutes: [{path: mcp, upstreams: a}]\n", "must begin with /"},
      {"upstreams: {a: {stdio: [x]}}\nroutes: [{path: /mcp, upstreams: b}]\n", "'b', which does not exist"},
      {"upstreams: {a: {stdio: [x]}, b: {stdio: [x]}}\nroutes: [{path: /mcp, upstreams: [a, b, a]}]\n",
       "'a' twice"},
      {"upstreams: {a: {stdio: [x]}}\nroutes: [{path: /mcp, upstreams: []}]\n", "at least one upstream"},
      {"upstreams: {a: {stdio: [x], capabilities: all}}\nroutes: [{path: /mcp, upstreams: a}]\n",
       "mirror or superset"},
      {"upstreams: {a: {stdio: [x], affinity: header}}\nroutes: []\n", "client, principal or header:NAME"},
      {"upstreams: {a: {stdio: [x], affinity: 'header:a b'}}\nroutes: []\n",
       "client, principal or header:NAME"},
      {"upstreams: {a: {stdio: [x], shared: maybe}}\nroutes: []\n", "true or false"},
      {"upstreams: {a: {stdio: [x], shared: true, affinity: principal}}\nroutes: []\n", "no meaning"},
      {"upstreams: {a: {stdio: [x], shared: true, capabilities: superset}}\nroutes: []\n", "ask nobody"},
      {"upstreams: {a: {stdio: [x], pool: {min: 9, max: 4}}}\nroutes: []\n", "whole number from 0 to 4"},
      {"upstreams: {a: {stdio: [x], children_max: 2, pool: {max: 4}}}\nroutes: []\n", "mean the same"},
      {"upstreams: {a: {stdio: [x], pool: {idle: 10ms}}}\nroutes: []\n", "a time such as"},
      {"upstreams: {a: {stdio: [x], pool: {least: 1}}}\nroutes: []\n", "unknown key 'least'"},
      {"upstreams: {a: {url: 'http://h/', pool: {min: 1}}}\nroutes: []\n",
       "'pool.min' is for stdio upstreams"},
      {"upstreams: {a: {stdio: [x]}}\nroutes: [{path: /m, upstreams: a}, {path: /m, upstreams: a}]\n",
       "two routes"},
      {"upstreams: {a: {stdio: [x], stdio: [y]}}\nroutes: []\n", "occurs twice"},
      {"listen: {http: 'nowhere'}\nupstreams: {a: {stdio: [x]}}\nroutes: [{path: /m, upstreams: a}]\n",
       "listen.http"},
      {"auth: {keys: {a: {key: plain-text-key-0123}}}\nupstreams: {a: {stdio: [x]}}\nroutes: [{path: /m, "
       "upstreams: a}]\n",
       "must be a reference"},
      {"auth: {keys: {a: {sha256: abc}}}\nupstreams: {a: {stdio: [x]}}\nroutes: [{path: /m, upstreams: a}]\n",
       "64 hexadecimal digits"},
      {"upstreams:\n  a:\n    stdio: [x]\n    deny: ['']\nroutes: []\n",
       "sluice.yaml:4: a pattern in upstreams.a.deny must have 1 to 256 bytes"},
      {"upstreams: {a: {stdio: [x], allow: {tool: [y]}}}\nroutes: []\n", "unknown key 'tool'"},
      {"upstreams:\n  a:\n    stdio: [x]\n    rename:\n      'b*': c\nroutes: []\n",
       "sluice.yaml:5: upstreams.a.rename: 'b*' and 'c' must both have one * or both have none"},
      {"upstreams: {a: {stdio: [x], rename: {b: d, c: d}}}\nroutes: []\n", "the name 'd' to two tools"},
      {"upstreams: {a: {stdio: [x], rename: [b]}}\nroutes: []\n", "a map of a tool's name"},
      {"upstreams: {a: {stdio: [x]}}\ntool_sets:\n  s:\n    b: ['*']\nroutes: [{path: /m, upstreams: a}]\n",
       "sluice.yaml:4: tool_sets.s names upstream 'b', which does not exist"},
      {"upstreams: {a: {stdio: [x]}}\nroutes:\n  - {path: /m, upstreams: a, tools: s}\n",
       "sluice.yaml:3: route /m names tool set 's', which does not exist"},
      {"upstreams:\n  a: {stdio: [x], pin: report}\nroutes: []\n",
       "sluice.yaml:2: upstreams.a.pin needs 'pins', the file of accepted definitions"},
      {"pins: pins.json\nupstreams: {a: {stdio: [x], pin: loudly}}\nroutes: []\n",
       "ignore, report or quarantine"},
      {"pins: broken.json\nupstreams: {a: {stdio: [x]}}\nroutes: []\n",
       "sluice.yaml:1: pins: broken.json: it has no object 'pins'"},
      {"upstreams: {a: {stdio: [x], hidden_text: no}}\nroutes: []\n", "ignore, report or quarantine"},
      {"upstreams: {a: {stdio: [x]}}\nroutes: [{path: /m, upstreams: a, find_tools: 3}]\n", "true or false"},
      {"upstreams:\n  a: {url: 'https://h/mcp'}\nroutes: []\n",
       "sluice.yaml:2: upstreams.a.url needs TLS, which this version does not speak to upstreams"},
      {"upstreams:\n  a: {stdio: npx -y foo}\nroutes: []\n",
       "sluice.yaml:2: upstreams.a.stdio is one text with blanks in it"},
      {"upstreams:\n  a:\n    stdio: [x]\n    env_inherit: [A, 'B=c']\nroutes: []\n",
       "sluice.yaml:4: upstreams.a.env_inherit: 'B=c' is neither NAME, PREFIX_* nor all"},
      {"upstreams: {a: {url: 'http://h/', env_inherit: all}}\nroutes: []\n",
       "'env_inherit' is for stdio upstreams"},
      {"upstreams: {a: {stdio: [x], env: {'A=b': c}}}\nroutes: []\n", "'A=b' is no name of a variable"},
      {"upstreams:\n  a: {url: 'http://h/', headers: {'X Team': red}}\nroutes: []\n",
       "sluice.yaml:2: upstreams.a.headers: 'X Team' is no name of a header"},
      {"upstreams: {a: {url: 'http://h/', headers: {X: \"s3cret\\nb\"}}}\nroutes: []\n",
       "the value of 'X' has blanks at an end or a control character"},
      {"upstreams: {a: {url: 'http://h/', headers: {host: b}}}\nroutes: []\n", "'host' is laid on by Sluice"},
      {"upstreams: {a: {url: 'http://h/', headers: {Accept: b}}}\nroutes: []\n", "'Accept' is laid on by"},
      {"upstreams: {a: {url: 'http://h/', headers: {mcp-session-id: b}}}\nroutes: []\n",
       "'mcp-session-id' is laid on by Sluice"},
      {"upstreams: {a: {url: 'http://h/', headers: {X-A: b, x-a: c}}}\nroutes: []\n", "'x-a' occurs twice"},
      {"upstreams: {a: {stdio: [x]}}\nroutes:\n  - {path: /health, upstreams: a}\n",
       "sluice.yaml:3: a route at /health would hide the page for operators"},
      {"upstreams: {a: {stdio: [x]}, b: {stdio: [x]}}\nroutes: [{path: /mcp/a, upstreams: b}]\n",
       "would hide upstream 'a'"},
      {"listen: {allowed_hosts: 'a.example, b.example'}\nupstreams: {a: {stdio: [x]}}\nroutes: []\n",
       "sluice.yaml:1: listen.allowed_hosts: allowed host \"a.example, b.example\" is no host"},
      {"listen: {allowed_origins: [app.example]}\nupstreams: {a: {stdio: [x]}}\nroutes: []\n",
       "listen.allowed_origins: allowed origin"},
      {"log: {level: loud}\nupstreams: {a: {stdio: [x]}}\nroutes: [{path: /m, upstreams: a}]\n",
       "log.level must be"},
  };
  for (const auto& c : cases)
    EXPECT_NE(fault(c.text).find(c.says), std::string::npos) << c.text << "\n" << fault(c.text);
}

TEST(Config, TakesWhatMayBeSeenOfAnUpstream) {
  const auto config = parse(R"(
upstreams:
  files: {stdio: [x], allow: ["read_*", list], deny: {tools: read_secret, resources: ["file:///etc/*"]}}
  git: {stdio: [x], rename: {rm: remove, "get_*": "fetch_*"}}
tool_sets:
  reading: {files: ["read_*"], git: [log]}
  writing: {git: commit}
routes:
  - {path: /mcp, upstreams: [files, git]}
  - {path: /some, upstreams: [files, git], tools: [reading, writing]}
  - {path: /none, upstreams: [files], tools: writing}
)");
  ASSERT_TRUE(config) << config.error().message;
  const NameRules& files = config->upstreams[0].rules;
  EXPECT_EQ(files.tools, (NameFilter{{"read_*", "list"}, {"read_secret"}}));
  EXPECT_EQ(files.resources, (NameFilter{{}, {"file:///etc/*"}}));
  EXPECT_EQ(config->upstreams[1].rules.renames,
            (std::vector<NewName>{{"rm", "remove"}, {"get_*", "fetch_*"}}));
  EXPECT_FALSE(config->routes[0].tools);
  EXPECT_EQ(*config->routes[1].tools, (ToolSet{{"files", {"read_*"}}, {"git", {"log", "commit"}}}));
  EXPECT_FALSE(config->routes[2].tools->contains("files"));  // nothing of it is shown there
}

TEST(Config, TakesHowDefinitionsAreLookedAt) {
  const auto config = parse(R"(
pins: pins.json
upstreams:
  files: {stdio: [x], pin: quarantine, hidden_text: ignore}
  git: {stdio: [x]}
routes: [{path: /mcp, upstreams: [files, git], find_tools: true}]
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->pins_file, "pins.json");
  EXPECT_TRUE(config->has_pins);
  EXPECT_EQ(config->upstreams[0].definitions, (DefinitionRules{Vigilance::quarantine, Vigilance::ignore}));
  EXPECT_EQ(config->upstreams[1].definitions, (DefinitionRules{Vigilance::ignore, Vigilance::report}));
  EXPECT_TRUE(config->routes[0].find_tools);
  EXPECT_TRUE(config->secrets.empty());
  EXPECT_TRUE(parse("pins: new.json\nupstreams: {a: {stdio: [x]}}\nroutes: [{path: /m, upstreams: a}]\n"));
}

TEST(Config, GivesACommandOfAFileOnlyWhatItMayHaveOfOurEnvironment) {
  const auto config = parse(R"(
upstreams:
  plain: {stdio: [x], env: {KEY: "${env:TOKEN}"}}
  some: {stdio: [x], env_inherit: [SSH_AUTH_SOCK, "TO*"]}
  named: {stdio: [x], env_inherit: TOKEN}
  every: {stdio: [x], env_inherit: all}
routes: [{path: /mcp, upstreams: [plain, some, named, every]}]
)");
  ASSERT_TRUE(config) << config.error().message;
  const auto passes = [&config](std::size_t upstream, Bytes name) {
    return config->upstreams[upstream].inherits.passes(name);
  };
  EXPECT_TRUE(passes(0, "PATH"));
  EXPECT_FALSE(passes(0, "SSH_AUTH_SOCK"));
  EXPECT_FALSE(passes(0, "TOKEN"));
  EXPECT_TRUE(passes(1, "SSH_AUTH_SOCK"));
  EXPECT_TRUE(passes(1, "TOOLS"));
  EXPECT_FALSE(passes(1, "TOKEN")) << "it is the secret of another";
  EXPECT_TRUE(passes(2, "TOKEN"));
  EXPECT_TRUE(passes(3, "ANYTHING"));
  EXPECT_FALSE(passes(3, "TOKEN")) << "it is the secret of another";
}

TEST(Config, FindsFilesBesideItself) {
  std::vector<std::string> asked;
  SecretSource source = some_secrets();
  source.file = source.pins = [&asked](const std::string& path) -> Result<std::string> {
    asked.push_back(path);
    return Error(Errc::not_found, path + " does not exist");
  };
  const std::string text =
      "pins: pins.json\nupstreams: {a: {stdio: [x]}}\nroutes: [{path: /m, upstreams: a}]\n";
  const auto config = parse_config(text, "/etc/sluice/sluice.yaml", source);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->pins_file, "/etc/sluice/pins.json");
  EXPECT_FALSE(config->has_pins);
  EXPECT_EQ(
      parse_config("pins: /var/pins.json\n" + text.substr(text.find('\n') + 1), "/etc/sluice.yaml", source)
          ->pins_file,
      "/var/pins.json");
  EXPECT_FALSE(
      parse_config("upstreams: {a: {url: '${file:../keys/url}'}}\nroutes: []\n", "conf/sluice.yaml", source));
  EXPECT_EQ(asked, (std::vector<std::string>{"/etc/sluice/pins.json", "/var/pins.json", "keys/url"}));
}

TEST(Config, TakesOneHostForAListAndARouteThatShowsLessOfAnUpstreamAtItsOwnPath) {
  const auto config = parse(R"(
listen: {allowed_hosts: mcp.example, allowed_origins: "https://app.example"}
upstreams: {a: {stdio: [x], allow: ["*"]}, b: {stdio: "x"}}
tool_sets: {few: {a: [one]}}
routes: [{path: /mcp/a, upstreams: a, tools: few}, {path: /mcp/other, upstreams: [a, b]}]
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->listen.allowed_hosts, std::vector<std::string>{"mcp.example"});
  EXPECT_EQ(config->routes.size(), 2U);
}

TEST(Config, NeverRepeatsASecretInItsSentence) {
  const std::string sentence =
      fault("upstreams: {a: {url: '${env:TOKEN}'}}\nroutes: [{path: /mcp, upstreams: a}]\n");
  EXPECT_NE(sentence, "taken");
  EXPECT_EQ(sentence.find("s3cret"), std::string::npos) << sentence;
  const std::string field =
      fault("upstreams: {a: {url: 'http://h/', headers: {X: '${env:TOKEN}\x01'}}}\nroutes: []\n");
  EXPECT_NE(field, "taken");
  EXPECT_EQ(field.find("s3cret"), std::string::npos) << field;
}

TEST(Config, ListensBeyondLoopbackOnlyWithKeysOrWhenToldSo) {
  auto config = parse(minimal);
  ASSERT_TRUE(config);
  EXPECT_TRUE(check_exposure(*config, false).ok());
  config->listen.address = "0.0.0.0:8080";
  EXPECT_FALSE(check_exposure(*config, false).ok());
  EXPECT_TRUE(check_exposure(*config, true).ok());
  ASSERT_TRUE(config->keys.add_key("alice", "0123456789abcdef").ok());
  EXPECT_TRUE(check_exposure(*config, false).ok());
}

TEST(Config, MakesOneRouteOfACommandOrAUrl) {
  const Config command = config_for_command({"npx", "-y", "server"});
  EXPECT_EQ(command.routes[0].path, "/mcp");
  EXPECT_EQ(command.upstreams[0].command.size(), 3U);
  EXPECT_TRUE(command.upstreams[0].inherits.passes("GITHUB_TOKEN"));  // whoever typed it wants it so
  const auto url = config_for_url("http://127.0.0.1:3000/mcp");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->upstreams[0].url, "http://127.0.0.1:3000/mcp");
  EXPECT_FALSE(config_for_url("127.0.0.1:3000"));
}

}  // namespace
}  // namespace sluice
