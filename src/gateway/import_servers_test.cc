// SPDX-License-Identifier: Apache-2.0
#include "gateway/import_servers.h"

#include <gtest/gtest.h>

#include "gateway/config.h"

namespace sluice {
namespace {

SecretSource environment() {
  SecretSource source;
  source.env = [](const std::string& name) -> Result<std::string> {
    if (name == "URL") return std::string("http://h/mcp");
    if (name == "HOST" || name == "PORT") return std::string("1");
    return "value of " + name;
  };
  source.file = [](const std::string& path) -> Result<std::string> { return "text of " + path; };
  return source;
}

// The configuration that `sluice serve` would read.
Config imported(Bytes json, std::vector<std::string>* notes = nullptr) {
  auto result = import_servers(json);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  if (!result) return {};
  if (notes != nullptr) *notes = result->notes;
  auto config = parse_config(result->yaml, "imported.yaml", environment());
  EXPECT_TRUE(config) << (config ? "" : config.error().message) << result->yaml;
  return config ? *std::move(config) : Config();
}

std::string why(Bytes json) {
  const auto result = import_servers(json);
  return result ? "taken" : result.error().message;
}

TEST(ImportServers, TakesCommandsAndUrls) {
  std::vector<std::string> notes;
  const Config config = imported(R"({"mcpServers":{
      "files":{"command":"npx","args":["-y","server-filesystem","/a \"b\""],"env":{"MODE":"x","N":3},"cwd":"/srv"},
      "search":{"type":"http","url":"http://search:3000/mcp","headers":{"X-Team":"red"}}}})",
                                 &notes);
  ASSERT_EQ(config.upstreams.size(), 2U);
  EXPECT_EQ(config.upstreams[0].command,
            (std::vector<std::string>{"npx", "-y", "server-filesystem", "/a \"b\""}));
  EXPECT_EQ(config.upstreams[0].env.at("N"), "3");
  EXPECT_EQ(config.upstreams[0].cwd, "/srv");
  EXPECT_EQ(config.upstreams[1].url, "http://search:3000/mcp");
  EXPECT_EQ(config.upstreams[1].headers.at("X-Team"), "red");
  EXPECT_EQ(config.routes[0].upstreams, (std::vector<std::string>{"files", "search"}));
  EXPECT_TRUE(notes.empty()) << notes[0];
}

TEST(ImportServers, TakesWhatOtherClientsWrite) {
  EXPECT_EQ(imported(R"({"servers":{"a":{"type":"stdio","command":"x"}},"inputs":[]})").upstreams.size(), 1U);
  EXPECT_EQ(imported(R"({"mcpServers":{"a":{"serverUrl":"http://h/mcp"}}})").upstreams[0].url,
            "http://h/mcp");
  EXPECT_EQ(imported(R"({"mcpServers":{"a":{"httpUrl":"http://h/mcp"}}})").upstreams[0].url, "http://h/mcp");
  const Config zed =
      imported(R"({"context_servers":{"a":{"command":{"path":"x","args":["y"],"env":{"K":"v"}}}}})");
  EXPECT_EQ(zed.upstreams[0].command, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(zed.upstreams[0].env.at("K"), "v");
}

TEST(ImportServers, KeepsReferencesReferences) {
  std::vector<std::string> notes;
  const Config config = imported(
      R"({"mcpServers":{"a":{"command":"x","args":["${HOME}/y"],"env":{"TOKEN":"${env:GITHUB_TOKEN}"}}}})",
      &notes);
  EXPECT_EQ(config.upstreams[0].command[1], "value of HOME/y");
  EXPECT_EQ(config.upstreams[0].env.at("TOKEN"), "value of GITHUB_TOKEN");
  EXPECT_TRUE(notes.empty());
}

TEST(ImportServers, LeavesNothingOutInSilence) {
  std::vector<std::string> notes;
  const Config config = imported(R"({"mcpServers":{
      "good":{"command":"x"}, "off":{"command":"x","disabled":true}, "old":{"type":"sse","url":"http://h/sse"},
      "tls":{"url":"https://h/mcp"}, "asks":{"command":"x","env":{"A":"${input:token}"}},
      "home":{"command":"x","args":["${VAR:-default}"]}, "empty":{}, "my server":{"command":"x"},
      "my-server":{"command":"y"}, "open":{"command":"x","env":{"API_KEY":"abc"}}}})",
                                 &notes);
  std::string all;
  for (const std::string& note : notes) all += note + "\n";
  for (const char* sentence :
       {"off: is left out, since it is switched off", "old: is left out: it is a server of the old HTTP+SSE",
        "tls: is left out: its URL is https", "asks: is left out: '${input:token}'",
        "home: is left out: '${VAR:-default}'", "empty: is left out: it has neither",
        "my server: is named my-server here", "my-server: is named my-server-2 here",
        "open: API_KEY is in clear"})
    EXPECT_NE(all.find(sentence), std::string::npos) << sentence << "\nin\n" << all;
  EXPECT_EQ(all.find("abc"), std::string::npos) << "no secret in a note";
  EXPECT_EQ(config.upstreams.size(), 4U);
}

TEST(ImportServers, ReadsWhatEditorsTakeForJson) {
  const Config config = imported(
      "\xEF\xBB\xBF// servers\n{\"servers\": {/* one, */ \"a\": {\"command\": \"x\",\n"
      "  \"args\": [\"http://h//p\", \"/* no \\\" comment */\", \",]\",], // last\n"
      "  },\n}, }\n");
  ASSERT_EQ(config.upstreams.size(), 1U);
  EXPECT_EQ(config.upstreams[0].command,
            (std::vector<std::string>{"x", "http://h//p", "/* no \" comment */", ",]"}));
  EXPECT_EQ(imported(R"({"mcp":{"servers":{"a":{"command":"x"}}},"editor.fontSize":9})").upstreams.size(),
            1U);
  EXPECT_EQ(imported(R"({"mcp.servers":{"a":{"command":"x"}}})").upstreams.size(), 1U);
  EXPECT_NE(why("{\"servers\": {}, /* no end").find("no JSON"), std::string::npos);
  EXPECT_NE(why("{\"servers").find("no JSON"), std::string::npos);
  EXPECT_NE(why("{\"servers\\").find("no JSON"), std::string::npos);
}

TEST(ImportServers, LeavesOutOneServerAndNotAll) {
  std::vector<std::string> notes;
  const Config config = imported(R"({"mcpServers":{
      "good":{"command":"${userHome}${/}x","env":{"A":null}}, "bad":{"url":"http://a b/mcp"}, "scheme":{"url":"ftp://h/"},
      "field":{"url":"http://h/mcp","headers":{"X Y":"z"}}, "sse":{"url":"http://h/sse?k=1"},
      "words":{"command":"x","args":"-y foo"}, "line":{"command":"npx -y foo"},
      "folder":{"command":"x","cwd":"${workspaceFolder}/a"}, "file":{"command":"y","envFile":".env"},
      "ours":{"url":"http://h/mcp","headers":{"Accept":"a/b","X-Team":"red"}},
      "where":{"url":"${env:URL}"}, "host":{"url":"http://${env:HOST}:${env:PORT}/mcp"}}})",
                                 &notes);
  std::string all;
  for (const std::string& note : notes) all += note + "\n";
  for (const char* sentence :
       {"good: A is left out, since it has no value", "bad: is left out: its url",
        "scheme: is left out: its url: ", "field: is left out: its headers: 'X Y' is no name of a header",
        "sse: is left out: it is a server of the old HTTP+SSE transport, which Sluice does not speak yet",
        "words: is left out: its args are no list", "line: is left out: its command has blanks in it",
        "folder: is left out: '${workspaceFolder}' is known to an editor only", "file: envFile is not read",
        "ours: Accept is left out: it is laid on by Sluice itself"})
    EXPECT_NE(all.find(sentence), std::string::npos) << sentence << "\nin\n" << all;
  ASSERT_EQ(config.upstreams.size(), 5U) << all;
  EXPECT_EQ(config.upstreams[0].command, std::vector<std::string>{"value of HOME/x"});
  EXPECT_EQ(config.upstreams[2].headers, (std::map<std::string, std::string>{{"X-Team", "red"}}));
}

TEST(ImportServers, SaysWhyThereIsNothing) {
  EXPECT_NE(why("{").find("no JSON"), std::string::npos);
  EXPECT_NE(why("{}").find("no 'mcpServers'"), std::string::npos);
  EXPECT_NE(why(R"({"mcpServers":{}})").find("no server to take over"), std::string::npos);
  EXPECT_NE(why(R"({"mcpServers":{"a":{"url":"https://h/"}}})").find("https"), std::string::npos);
}

}  // namespace
}  // namespace sluice
