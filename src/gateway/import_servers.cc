// SPDX-License-Identifier: Apache-2.0
#include "gateway/import_servers.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "codec/json.h"
#include "codec/json_writer.h"
#include "gateway/config.h"
#include "gateway/config_fields.h"

namespace sluice {

namespace {

constexpr std::array<std::string_view, 3> server_maps = {"mcpServers", "servers", "context_servers"};
constexpr std::array<std::string_view, 3> url_members = {"url", "serverUrl", "httpUrl"};
constexpr std::size_t name_chars_max = 64;

// What editors know and we do not; ${userHome} and ${pathSeparator} are known anywhere.
constexpr std::string_view editor_variables[] = {"workspaceFolder",
                                                 "workspaceFolderBasename",
                                                 "workspaceRoot",
                                                 "workspaceRootFolderName",
                                                 "file",
                                                 "fileBasename",
                                                 "fileBasenameNoExtension",
                                                 "fileDirname",
                                                 "fileDirnameBasename",
                                                 "fileExtname",
                                                 "fileWorkspaceFolder",
                                                 "relativeFile",
                                                 "relativeFileDirname",
                                                 "cwd",
                                                 "lineNumber",
                                                 "columnNumber",
                                                 "selectedText",
                                                 "execPath",
                                                 "defaultBuildTask",
                                                 "extensionInstallFolder"};

std::size_t end_of_string(Bytes text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return std::min(at + 1, text.size());
}

// Editors write JSON with comments, and with a comma behind the last member. Blanks take their place, so that
// a fault is where it was. A comment without an end is left there, as a fault.
std::string plain_json(Bytes text) {
  constexpr Bytes byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  std::string out(text);
  std::size_t comma = std::string::npos;  // behind which there were only blanks
  for (std::size_t at = 0; at < out.size();) {
    const Bytes rest = Bytes(out).substr(at);
    const bool is_line = rest.starts_with("//");
    if (is_line || rest.starts_with("/*")) {
      std::size_t end = out.find(is_line ? "\n" : "*/", at + 2);
      if (end == std::string::npos && !is_line) break;
      end = end == std::string::npos ? out.size() : end + (is_line ? 0 : 2);
      for (; at < end; ++at)
        if (out[at] != '\n') out[at] = ' ';
      continue;
    }
    const char c = out[at];
    if ((c == '}' || c == ']') && comma != std::string::npos) out[comma] = ' ';
    if (std::isspace(static_cast<unsigned char>(c)) == 0) comma = c == ',' ? at : std::string::npos;
    at = c == '"' ? end_of_string(out, at) : at + 1;
  }
  return out;
}

// A JSON string is a YAML one, too.
std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

bool is_variable(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

bool sounds_secret(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  constexpr std::array<std::string_view, 5> words = {"TOKEN", "SECRET", "PASSWORD", "KEY", "AUTHORIZATION"};
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

class Importer {
 public:
  Result<ImportedServers> run(Bytes text);

 private:
  void server(const std::string& given, const Json& server);
  void note(const std::string& server, const std::string& sentence) {
    out_.notes.push_back(server + ": " + sentence);
  }
  [[nodiscard]] std::string own_name(const std::string& given);
  // The text with references of ours for theirs; nothing, and why_ says why, when one has no equal.
  [[nodiscard]] std::optional<std::string> translated(const std::string& text);
  [[nodiscard]] std::optional<std::string> list(const Json& words);
  [[nodiscard]] std::optional<std::string> map(const std::string& server, const Json& members,
                                               bool is_header);
  // Whether a gateway would take the server; why_ says why not.
  [[nodiscard]] bool is_good(const std::string& body);
  [[nodiscard]] std::optional<std::string> command(const std::string& name, const Json& server);
  [[nodiscard]] std::optional<std::string> endpoint(const std::string& name, const Json& server,
                                                    const std::string& url);

  ImportedServers out_;
  std::set<std::string> names_;
  std::string why_;
};

std::string Importer::own_name(const std::string& given) {
  std::string name;
  for (const char c : given.substr(0, name_chars_max - 4)) {
    const bool is_plain =
        std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
    name += is_plain ? c : '-';
  }
  if (name.empty()) name = "server";
  const std::string first = name;
  for (int i = 2; !names_.insert(name).second; ++i) name = first + "-" + std::to_string(i);
  if (name != given) note(given, "is named " + name + " here");
  return name;
}

std::optional<std::string> Importer::translated(const std::string& text) {
  std::string out;
  std::size_t from = 0;
  for (std::size_t open = text.find("${"); open != std::string::npos; open = text.find("${", from)) {
    const std::size_t close = text.find('}', open);
    std::string_view inside = std::string_view(text).substr(open + 2, close - open - 2);
    if (std::find(std::begin(editor_variables), std::end(editor_variables), inside) !=
        std::end(editor_variables)) {
      why_ = "'${" + std::string(inside) + "}' is known to an editor only: write what it stands for";
      return std::nullopt;
    }
    if (inside == "pathSeparator" || inside == "/") {
      out.append(text, from, open - from).append("/");
      from = close + 1;
      continue;
    }
    if (inside == "userHome") inside = "HOME";
    if (inside.starts_with("env:")) inside.remove_prefix(4);
    if (close == std::string::npos || !is_variable(inside)) {
      why_ = "'" + text.substr(open, close - open + 1) + "' has no equal in a configuration of Sluice";
      return std::nullopt;
    }
    out.append(text, from, open - from).append("${env:").append(inside).append("}");
    from = close + 1;
  }
  return out.append(text, from);
}

std::optional<std::string> Importer::list(const Json& words) {
  std::string out;
  if (!words.is_null() && !words.is_array()) {
    why_ = "its args are no list: write each argument as a text of its own";
    return std::nullopt;
  }
  for (const Json& word : words.items()) {
    const auto text = translated(word.is_string() ? *word.as_string() : word.dump());
    if (!text) return std::nullopt;
    out += ", " + quoted(*text);
  }
  return out;
}

std::optional<std::string> Importer::map(const std::string& server, const Json& members, bool is_header) {
  std::string out;
  for (const JsonMember& member : members.members()) {
    if (is_header && is_field_of_ours(member.name)) {
      note(server, member.name + " is left out: it is laid on by Sluice itself");
      continue;
    }
    if (member.value.is_null()) {
      note(server, member.name + " is left out, since it has no value");
      continue;
    }
    const std::string raw = member.value.is_string() ? *member.value.as_string() : member.value.dump();
    const auto text = translated(raw);
    if (!text) return std::nullopt;
    if (sounds_secret(member.name) && text->find("${") == std::string::npos)
      note(server,
           member.name + " is in clear; ${env:NAME} or ${file:PATH} keeps it out of the file and the log");
    out += (out.empty() ? "" : ", ") + quoted(member.name) + ": " + quoted(*text);
  }
  return "{" + out + "}";
}

std::optional<std::string> Importer::command(const std::string& name, const Json& server) {
  // Zed puts program, arguments and environment into one object.
  const Json& whole = server["command"].is_object() ? server["command"] : server;
  const std::string* program = whole[&whole == &server ? "command" : "path"].as_string();
  if (program == nullptr || program->empty()) {
    why_ = "it has neither a command nor a URL";
    return std::nullopt;
  }
  if (program->find(' ') != std::string::npos && program->find_first_of("/\\$") == std::string::npos) {
    why_ = "its command has blanks in it, and no shell reads it: what is behind the first belongs into args";
    return std::nullopt;
  }
  if (!server["envFile"].is_null())
    note(name,
         "envFile is not read: write its variables into env, or start Sluice with them and name them in "
         "env_inherit");
  const auto first = translated(*program);
  const auto rest = first ? list(whole["args"]) : std::nullopt;
  const auto env = rest ? map(name, whole["env"], false) : std::nullopt;
  if (!env) return std::nullopt;
  std::string out = "    stdio: [" + quoted(*first) + *rest + "]\n";
  if (*env != "{}") out += "    env: " + *env + "\n";
  if (const std::string* folder = server["cwd"].as_string()) {
    const auto cwd = translated(*folder);
    if (!cwd) return std::nullopt;
    out += "    cwd: " + quoted(*cwd) + "\n";
  }
  return out;
}

std::optional<std::string> Importer::endpoint(const std::string& name, const Json& server,
                                              const std::string& url) {
  std::string_view path = std::string_view(url).substr(0, url.find_first_of("?#"));
  while (path.ends_with('/')) path.remove_suffix(1);
  if (server["type"].string_or("") == "sse" || server["transport"].string_or("") == "sse" ||
      path.ends_with("/sse")) {
    why_ = "it is a server of the old HTTP+SSE transport, which Sluice does not speak yet";
    return std::nullopt;
  }
  if (url.starts_with("https:")) {
    why_ = "its URL is https, and Sluice calls no TLS server yet; a local TLS proxy can";
    return std::nullopt;
  }
  const auto text = translated(url);
  const auto headers = text ? map(name, server["headers"], true) : std::nullopt;
  if (!headers) return std::nullopt;
  std::string out = "    url: " + quoted(*text) + "\n";
  if (*headers != "{}") out += "    headers: " + *headers + "\n";
  return out;
}

void Importer::server(const std::string& given, const Json& server) {
  if (server["disabled"].bool_or(false) || !server["enabled"].bool_or(true))
    return note(given, "is left out, since it is switched off");
  const std::string* url = nullptr;
  for (const std::string_view member : url_members)
    if (url == nullptr) url = server[member].as_string();
  const auto body = url != nullptr ? endpoint(given, server, *url) : command(given, server);
  if (!body || !is_good(*body)) return note(given, "is left out: " + why_);
  out_.yaml += "  " + quoted(own_name(given)) + ":\n" + *body;
}

// References may stand for anything: a whole URL, or a part of one.
bool Importer::is_good(const std::string& body) {
  std::string sentence;
  for (const char* anything : {"1", "http://x/"}) {
    const auto value = [anything](const std::string&) -> Result<std::string> {
      return std::string(anything);
    };
    const auto config = parse_config("upstreams:\n  it:\n" + body + "routes: [{path: /mcp, upstreams: it}]\n",
                                     "", SecretSource{value, value});
    if (config) return true;
    if (sentence.empty()) sentence = config.error().message;
  }
  constexpr std::string_view it = "upstreams.it.";
  const std::size_t at = sentence.find(it);
  why_ = at == std::string::npos ? sentence : "its " + sentence.substr(at + it.size());
  return false;
}

Result<ImportedServers> Importer::run(Bytes text) {
  const auto json = Json::parse(plain_json(text));
  if (!json) return Error(Errc::invalid, "the file is no JSON: " + json.error().message);
  const Json* servers = nullptr;
  for (const std::string_view member : server_maps)
    if (servers == nullptr && (*json)[member].is_object()) servers = json->find(member);
  if (servers == nullptr && (*json)["mcp.servers"].is_object()) servers = json->find("mcp.servers");
  if (servers == nullptr && (*json)["mcp"]["servers"].is_object()) servers = (*json)["mcp"].find("servers");
  if (servers == nullptr)
    return Error(Errc::invalid,
                 "the file has no 'mcpServers', 'servers', 'context_servers' or 'mcp.servers'");
  out_.yaml = "# Made by `sluice import`.\nlisten: {http: \"127.0.0.1:8080\"}\nupstreams:\n";
  for (const JsonMember& member : servers->members()) server(member.name, member.value);
  if (names_.empty()) {
    std::string why = "there is no server to take over";
    for (const std::string& sentence : out_.notes) why += "; " + sentence;
    return Error(Errc::invalid, why);
  }
  std::string all;
  for (const std::string& name : names_) all += (all.empty() ? "" : ", ") + quoted(name);
  out_.yaml += "routes:\n  - {path: /mcp, upstreams: [" + all + "]}\n";
  return std::move(out_);
}

}  // namespace

Result<ImportedServers> import_servers(Bytes json) { return Importer().run(json); }

}  // namespace sluice
