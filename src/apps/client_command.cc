// SPDX-License-Identifier: Apache-2.0
#include "apps/client_command.h"

#include <chrono>
#include <cstdio>
#include <iostream>
#include <utility>

#include "apps/login.h"
#include "apps/printable.h"
#include "mcp/own_name.h"
#include "net/terminal.h"
#include "sdk/client.h"

namespace sluice {

namespace {

enum Exit { done = 0, refused = 1, usage = 2, no_server = 3 };

// All that is written goes through these two.
void write_to(std::FILE* file, bool is_terminal, std::string_view text) {
  const std::string shown = is_terminal ? printable(text, TextLines::many) : std::string(text);
  std::fwrite(shown.data(), 1, shown.size(), file);
}

void print(std::string_view text) { write_to(stdout, standard_output_is_terminal(), text); }
void say(std::string_view text) { write_to(stderr, standard_error_is_terminal(), text); }

void print_line(std::string_view text) {
  print(text);
  print("\n");
}

int complain(const std::string& why, int code) {
  say("sluice: " + why + "\n");
  return code;
}

int complain(const Error& why) { return complain(why.message, exit_code_of(why)); }

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

// A part of a line of ours.
std::string within_line(std::string_view text) { return printable(text, TextLines::one); }

// ---- Questions at the terminal

std::string typed(const std::string& question) {
  say(within_line(question) + " ");
  std::string line;
  std::getline(std::cin, line);
  return line;
}

bool is_yes(const std::string& answer) { return answer == "y" || answer == "Y" || answer == "yes"; }

// A word as the schema of one value wants it.
Json valued(const std::string& word, const Json& schema) {
  const std::string_view type = schema["type"].string_or("");
  if (type == "string") return word;
  auto json = Json::parse(word);
  return json ? *std::move(json) : Json(word);
}

AskReply fill_in(const AskForm& form) {
  if (!standard_input_is_terminal()) return AskReply::decline();
  say("The server asks: " + form.message + "\n");
  Json content = Json::object();
  for (const JsonMember& member : form.schema["properties"].members()) {
    const Json* standard = member.value.find("default");
    std::string question = "  " + std::string(member.value["title"].string_or(member.name));
    if (const Json* choices = member.value.find("enum")) question += " " + choices->dump();
    if (standard != nullptr) question += " [" + standard->dump() + "]";
    const std::string word = typed(question + ":");
    if (!word.empty()) {
      content.set(member.name, valued(word, member.value));
    } else if (standard != nullptr) {
      content.set(member.name, *standard);
    }
  }
  return is_yes(typed("Send this? (y/n)")) ? AskReply::accept(std::move(content)) : AskReply::decline();
}

bool open_link(const AskLink& link) {
  if (!standard_input_is_terminal()) return false;
  say("The server asks: " + link.message + "\nOpen " + within_line(link.url) + "\n");
  return is_yes(typed("Did you agree? (y/n)"));
}

// ---- What is shown

void show_progress(const Progress& progress) {
  std::fprintf(stderr, "progress %g", progress.done);
  if (progress.total > 0) std::fprintf(stderr, "/%g", progress.total);
  say(" " + within_line(progress.message) + "\n");
}

void show_block(const Json& block) {
  const std::string_view type = block["type"].string_or("");
  if (type == "text") return print_line(block["text"].string_or(""));
  if (type == "resource_link") return print_line(within_line(block["uri"].string_or("")));
  const Json& resource = block["resource"];
  if (type == "resource" && resource.contains("text")) return print_line(resource["text"].string_or(""));
  print_line("[" + std::string(type) + " " +
             std::string(block["mimeType"].string_or(resource["mimeType"].string_or(""))) + "]");
}

int show_tool_result(const Json& result) {
  for (const Json& block : result["content"].items()) show_block(block);
  if (result["content"].empty() && result.contains("structuredContent"))
    print_line(result["structuredContent"].pretty());
  return result["isError"].bool_or(false) ? refused : done;
}

void show_list(const char* title, const std::vector<Listing>& list) {
  if (list.empty()) return;
  print_line(title);
  for (const Listing& one : list) {
    const std::string about = first_line(one.description.empty() ? one.title : one.description);
    print_line("  " + within_line(one.uri.empty() ? one.name : one.uri) +
               (about.empty() ? "" : "  " + within_line(about)));
  }
}

// ---- The four verbs

Client make_client(const ClientCommand& command) {
  ClientOptions options;
  options.era = command.era;
  options.version = own_version();
  options.minder.clear();
  for (const std::string& header : command.headers) {
    const std::size_t colon = header.find(':');
    const std::size_t value = header.find_first_not_of(' ', colon + 1);
    options.headers.emplace_back(header.substr(0, colon),
                                 value == std::string::npos ? "" : header.substr(value));
  }
  // Tokens are where `sluice login` keeps them.
  OauthOptions oauth;
  oauth.token_file = token_store_path().ok() ? *token_store_path() : std::string();
  oauth.open_url = [](const std::string& url) {
    say("Open this URL to log in:\n" + within_line(url) + "\n");
    return Status();
  };
  options.oauth = std::move(oauth);
  options.on_stderr = &say;
  Client client = command.command.empty() ? Client::http(command.words.front(), std::move(options))
                                          : Client::command(command.command, std::move(options));
  client.on_form(&fill_in);
  client.on_link(&open_link);
  client.on_log([](const Json& line) {
    say(std::string(line["level"].string_or("log")) + ": " +
        (line["data"].is_string() ? *line["data"].as_string() : line["data"].dump()) + "\n");
  });
  return client;
}

// The call, timed as the command line says.
template <class T>
Result<T> timed(ClientCall<T> call, const ClientCommand& command) {
  if (command.timeout_seconds > 0) call.timeout(std::chrono::seconds(command.timeout_seconds));
  return call.wait();
}

Result<std::vector<Listing>> all_of(Pages pages, const ClientCommand& command) {
  std::vector<Listing> all;
  while (pages.more()) {
    auto page = timed(pages.next(), command);
    constexpr int method_not_found = -32601;
    if (!page && page.error().number == method_not_found) return all;  // it has no such list
    if (!page) return page.error();
    for (Listing& one : *page) all.push_back(std::move(one));
  }
  return all;
}

int list_everything(Client& client, const ClientCommand& command) {
  const auto server = timed(client.connect(), command);
  if (!server) return complain(server.error());
  struct Part {
    const char* title;
    const char* capability;
    Pages pages;
  };
  std::vector<Part> parts;
  parts.push_back({"tools", "tools", client.tools()});
  parts.push_back({"resources", "resources", client.resources()});
  parts.push_back({"templates", "resources", client.templates()});
  parts.push_back({"prompts", "prompts", client.prompts()});
  Json whole = Json::object(
      {{"server", Json::object({{"name", server->name},
                                {"version", server->version},
                                {"protocolVersion", std::string(revision_text(server->revision))}})}});
  if (!command.json)
    print_line(within_line(server->name + " " + server->version) + " (" +
               std::string(revision_text(server->revision)) + ")");
  for (Part& part : parts) {
    if (server->capabilities.is_object() && !server->capabilities.contains(part.capability)) continue;
    const auto list = all_of(std::move(part.pages), command);
    if (!list) return complain(list.error());
    Json& items = whole.set(part.title, Json::array());
    for (const Listing& one : *list) items.push_back(one.json);
    if (!command.json) show_list(part.title, *list);
  }
  if (command.json) print_line(whole.pretty());
  return done;
}

Result<Json> requested(Client& client, const ClientCommand& command, std::string_view method, Json params) {
  auto call = client.request(method, std::move(params));
  call.on_progress(&show_progress);
  return timed(std::move(call), command);
}

int call_tool(Client& client, const ClientCommand& command, const std::string& name,
              const std::vector<std::string>& words) {
  const auto tools = all_of(client.tools(), command);  // for its schema, and the headers that follow from it
  if (!tools) return complain(tools.error());
  Json schema;
  for (const Listing& tool : *tools)
    if (tool.name == name) schema = tool.json["inputSchema"];
  auto arguments = tool_arguments(words, schema);
  if (!arguments) return complain(arguments.error().message, usage);
  const auto result = requested(client, command, "tools/call",
                                Json::object({{"name", name}, {"arguments", *std::move(arguments)}}));
  if (!result) return complain(result.error());
  if (!command.json) return show_tool_result(*result);
  print_line(result->pretty());
  return (*result)["isError"].bool_or(false) ? refused : done;
}

int read_resource(Client& client, const ClientCommand& command, const std::string& uri) {
  if (command.json) {
    const auto result = requested(client, command, "resources/read", Json::object({{"uri", uri}}));
    if (!result) return complain(result.error());
    print_line(result->pretty());
    return done;
  }
  const auto read = timed(client.read(uri), command);
  if (!read) return complain(read.error());
  for (const ReadContents& one : *read) {
    print(one.bytes);
    if (one.is_text && !one.bytes.empty() && one.bytes.back() != '\n') print("\n");
  }
  return done;
}

int get_prompt(Client& client, const ClientCommand& command, const std::string& name,
               const std::vector<std::string>& words) {
  auto arguments = tool_arguments(words, Json::object());
  if (!arguments) return complain(arguments.error().message, usage);
  Json texts = Json::object();  // a prompt's arguments are texts
  for (const JsonMember& one : arguments->members())
    texts.set(one.name, one.value.is_string() ? one.value : Json(one.value.dump()));
  const auto result = requested(client, command, "prompts/get",
                                Json::object({{"name", name}, {"arguments", std::move(texts)}}));
  if (!result) return complain(result.error());
  if (command.json) {
    print_line(result->pretty());
    return done;
  }
  for (const Json& message : (*result)["messages"].items()) {
    print(within_line(message["role"].string_or("")) + ": ");
    show_block(message["content"]);
  }
  return done;
}

}  // namespace

int exit_code_of(const Error& why) {
  const bool unreached = why.code == Errc::closed || why.code == Errc::unavailable || why.code == Errc::io;
  return unreached ? no_server : refused;
}

Result<Json> tool_arguments(const std::vector<std::string>& words, const Json& input_schema) {
  if (words.size() == 1 && words[0].starts_with("{")) return Json::parse(words[0]);
  Json arguments = Json::object();
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error(Errc::invalid, "'" + word + "' is neither key=value nor a JSON object");
    const std::string key = word.substr(0, equals);
    arguments.set(key, valued(word.substr(equals + 1), input_schema["properties"][key]));
  }
  return arguments;
}

int run_client_command(const ClientCommand& command) {
  std::vector<std::string> words = command.words;
  const bool has_url = command.command.empty();
  const bool names_something = command.verb != ClientCommand::Verb::ls;
  if (words.size() < (has_url ? 1U : 0U) + (names_something ? 1U : 0U))
    return complain(
        "needs the URL of a server, or -- and a command" + std::string(names_something ? "; and a name" : ""),
        usage);
  if (has_url) words.erase(words.begin());
  for (const std::string& header : command.headers)
    if (header.find(':') == std::string::npos)
      return complain("--header wants 'Name: value', not '" + header + "'", usage);
  std::string name;
  if (names_something) {
    name = words.front();
    words.erase(words.begin());
  }
  if (!words.empty() &&
      (command.verb == ClientCommand::Verb::ls || command.verb == ClientCommand::Verb::read))
    return complain("'" + words.front() + "' is one word too many", usage);
  Client client = make_client(command);
  switch (command.verb) {
    case ClientCommand::Verb::ls: return list_everything(client, command);
    case ClientCommand::Verb::call: return call_tool(client, command, name, words);
    case ClientCommand::Verb::read: return read_resource(client, command, name);
    case ClientCommand::Verb::prompt: return get_prompt(client, command, name, words);
  }
  return usage;
}

}  // namespace sluice
