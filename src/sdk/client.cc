// SPDX-License-Identifier: Apache-2.0
#include "sdk/client.h"

#include <algorithm>

#include "base/limits.h"
#include "codec/base64.h"
#include "net/process.h"
#include "sdk/client_core.h"
#include "transport/http_client_wire.h"
#include "transport/line_client_wire.h"

namespace sluice {

namespace {

using client_detail::Core;
using client_detail::Loop;

Core::MakeWire over_http(std::string url, const ClientOptions& options) {
  // The credentials live as long as the way to make the wire, which outlives the wire.
  return
      [url = std::move(url), http = client_detail::http_options(options), oauth = options.oauth,
       own = std::shared_ptr<Authorizer>()](Reactor& reactor) mutable -> Result<std::unique_ptr<ClientWire>> {
        if (http.authorizer == nullptr && oauth) {
          own = client_detail::oauth_authorizer(reactor, url, *oauth);
          http.authorizer = own.get();
        }
        auto wire = HttpClientWire::open(reactor, url, http);
        if (!wire) return wire.error();
        return std::unique_ptr<ClientWire>(std::move(*wire));
      };
}

Core::MakeWire over_pipes(std::vector<std::string> argv, const ClientOptions& options) {
  ChildCommand command;
  command.argv = std::move(argv);
  command.env = options.env;
  command.cwd = options.cwd;
  command.minder = options.minder == "sluice" ? find_minder() : options.minder;
  LineClientWireOptions lines;
  lines.errors = options.on_stderr;
  return [command, lines](Reactor& reactor) -> Result<std::unique_ptr<ClientWire>> {
    if (command.argv.empty()) return Error(Errc::invalid, "the command is empty");
    const StartLine start = [&reactor, command](std::function<void(ChildExit)> on_exit) {
      return start_process(reactor, command, std::move(on_exit));
    };
    return std::unique_ptr<ClientWire>(
        std::make_unique<LineClientWire>(reactor, "'" + command.argv.front() + "'", start, lines));
  };
}

Listing listing_of(const Json& json) {
  Listing one;
  one.name = json["name"].string_or(json["taskId"].string_or(""));
  one.title = json["title"].string_or("");
  one.description = json["description"].string_or("");
  one.uri = json["uri"].string_or(json["uriTemplate"].string_or(""));
  one.json = json;
  return one;
}

Result<std::vector<std::string>> values_of(const Json& result) {
  std::vector<std::string> values;
  for (const Json& value : result["completion"]["values"].items()) values.emplace_back(value.string_or(""));
  return values;
}

}  // namespace

// ---- Client

Client::Client(std::shared_ptr<client_detail::Core> core) : core_(std::move(core)) {}
Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
  std::swap(core_, other.core_);
  return *this;
}

Client::~Client() {
  if (core_) core_->close();
}

Client Client::http(std::string_view url, ClientOptions options) {
  auto wire = over_http(std::string(url), options);
  return Client(std::make_shared<Core>(std::make_shared<Loop>(), std::move(options), std::move(wire)));
}

Client Client::command(std::vector<std::string> argv, ClientOptions options) {
  auto wire = over_pipes(std::move(argv), options);
  return Client(std::make_shared<Core>(std::make_shared<Loop>(), std::move(options), std::move(wire)));
}

Client& Client::add_form(Json schema, client_detail::Answerer answerer) {
  // What takes any form comes last.
  const auto at = schema.is_null() ? core_->forms.end() : core_->forms.begin();
  core_->forms.insert(at, std::pair(std::move(schema), std::move(answerer)));
  return *this;
}

Client& Client::add_answerer(std::string_view kind, client_detail::Answerer answerer) {
  core_->answerers.insert_or_assign(std::string(kind), std::move(answerer));
  return *this;
}

Client& Client::roots(std::vector<Root> roots) {
  const bool again = core_->roots.has_value();
  core_->roots = std::move(roots);
  if (again) core_->notify("notifications/roots/list_changed");
  return *this;
}

Client& Client::on_tools_changed(std::function<void()> fn) {
  core_->tools_changed = client_detail::kept(std::move(fn));
  core_->watch();
  return *this;
}

Client& Client::on_prompts_changed(std::function<void()> fn) {
  core_->prompts_changed = client_detail::kept(std::move(fn));
  core_->watch();
  return *this;
}

Client& Client::on_resources_changed(std::function<void()> fn) {
  core_->resources_changed = client_detail::kept(std::move(fn));
  core_->watch();
  return *this;
}

Client& Client::on_log(std::function<void(const Json&)> fn) {
  core_->logged = client_detail::kept(std::move(fn));
  return *this;
}

Client& Client::on_notification(std::function<void(std::string_view, const Json&)> fn) {
  core_->notified = client_detail::kept(std::move(fn));
  return *this;
}

ClientCall<std::vector<ReadContents>> Client::read(std::string_view uri) {
  using Read = std::vector<ReadContents>;
  return ClientCall<Read>(core_, "resources/read", Json::object({{"uri", uri}}),
                          [](const Json& result) -> Result<Read> {
                            Read all;
                            for (const Json& json : result["contents"].items()) {
                              ReadContents one;
                              one.uri = json["uri"].string_or("");
                              one.mime_type = json["mimeType"].string_or("");
                              one.is_text = json.contains("text");
                              one.bytes = json["text"].string_or("");
                              if (!one.is_text) {
                                auto bytes = base64_decode(json["blob"].string_or(""));
                                if (!bytes)
                                  return Error(Errc::invalid, "the server sent a blob that is no base64");
                                one.bytes = *std::move(bytes);
                              }
                              all.push_back(std::move(one));
                            }
                            return all;
                          });
}

ClientCall<Json> Client::prompt(std::string_view name, Json arguments) {
  return request("prompts/get", Json::object({{"name", name}, {"arguments", std::move(arguments)}}));
}

ClientCall<std::vector<std::string>> Client::complete_prompt(std::string_view prompt,
                                                             std::string_view argument,
                                                             std::string_view typed) {
  Json params = Json::object({{"ref", Json::object({{"type", "ref/prompt"}, {"name", prompt}})},
                              {"argument", Json::object({{"name", argument}, {"value", typed}})}});
  return ClientCall<std::vector<std::string>>(core_, "completion/complete", std::move(params), &values_of);
}

ClientCall<std::vector<std::string>> Client::complete_resource(std::string_view uri_template,
                                                               std::string_view variable,
                                                               std::string_view typed) {
  Json params = Json::object({{"ref", Json::object({{"type", "ref/resource"}, {"uri", uri_template}})},
                              {"argument", Json::object({{"name", variable}, {"value", typed}})}});
  return ClientCall<std::vector<std::string>>(core_, "completion/complete", std::move(params), &values_of);
}

ClientCall<Json> Client::request(std::string_view method, Json params) {
  return ClientCall<Json>(core_, method, std::move(params),
                          [](Json result) -> Result<Json> { return result; });
}

Client& Client::subscribe(std::string_view uri, std::function<void(std::string_view)> changed) {
  core_->subscribe(std::string(uri), std::move(changed));
  return *this;
}

Client& Client::unsubscribe(std::string_view uri) {
  core_->unsubscribe(uri);
  return *this;
}

ClientCall<ServerInfo> Client::connect() {
  return ClientCall<ServerInfo>(core_, {}, Json::object(),
                                [core = core_](const Json&) -> Result<ServerInfo> { return core->server(); });
}

ServerInfo Client::server() const { return core_->server(); }

void Client::listen_for(std::chrono::nanoseconds time) { core_->loop->drive_for(time); }

void Client::close() { core_->close(); }

void Client::drive_until(const std::function<bool()>& done) { core_->loop->drive_until(done); }

Error Client::tool_failure(const Json& result) {
  Error failure = error(text_of(result));
  if (failure.message.empty()) failure.message = "the tool failed and did not say why";
  failure.data = result.dump();
  return failure;
}

std::string Client::text_of(const Json& result) {
  std::string words;
  for (const Json& block : result["content"].items()) {
    if (block["type"].string_or("") != "text") continue;
    if (!words.empty()) words += '\n';
    words += block["text"].string_or("");
  }
  return words;
}

// What a tool gave, as data: its structured content, or its text read as JSON.
Result<Json> Client::data_of(const Json& result) {
  if (const Json* structured = result.find("structuredContent")) return *structured;
  auto data = Json::parse(text_of(result));
  if (!data)
    return Error(Errc::invalid, "the tool's result has no structured content, and its text is no JSON");
  return data;
}

// ---- Pages

struct Pages::State {
  std::string method;
  std::string member;
  std::optional<std::string> cursor;
  std::size_t pages = 0;
  bool more = true;
  std::optional<Error> error;
};

Pages::Pages(std::shared_ptr<client_detail::Core> core, std::string_view method, std::string_view member)
    : core_(std::move(core)), state_(std::make_shared<State>()) {
  state_->method = method;
  state_->member = member;
}

bool Pages::more() const { return state_->more; }

void Pages::stop() { state_->more = false; }

const std::optional<Error>& Pages::error() const { return state_->error; }

ClientCall<std::vector<Listing>> Pages::next() {
  Json params = Json::object();
  if (state_->cursor) params.set("cursor", *state_->cursor);
  using Page = std::vector<Listing>;
  return ClientCall<Page>(
      core_, state_->method, std::move(params), [state = state_](const Json& result) -> Result<Page> {
        const Json* cursor = result.find("nextCursor");
        state->more = cursor != nullptr && cursor->is_string();
        if (state->more) state->cursor = *cursor->as_string();  // the empty one is one, too
        if (state->more && ++state->pages >= ClientLimits{}.tool_pages_max) {
          state->more = false;
          return Error(Errc::too_large, "the list has more than " + std::to_string(state->pages) + " pages");
        }
        Page page;
        for (const Json& json : result[state->member].items()) page.push_back(listing_of(json));
        return page;
      });
}

void Pages::Iterator::settle() {
  while (at_ >= page_.size() && pages_->more()) {
    auto page = pages_->next().wait();
    at_ = 0;
    page_.clear();
    if (!page) {
      pages_->state_->error = page.error();
      pages_->state_->more = false;
      return;
    }
    page_ = std::move(*page);
  }
}

// ---- Clients

Clients::Clients() : Clients(std::make_shared<Loop>()) {}
Clients::Clients(std::shared_ptr<client_detail::Loop> loop) : loop_(std::move(loop)) {}
Clients::Clients(Clients&&) noexcept = default;
Clients& Clients::operator=(Clients&&) noexcept = default;
Clients::~Clients() = default;

Client& Clients::http(std::string_view name, std::string_view url, ClientOptions options) {
  auto wire = over_http(std::string(url), options);
  return add(name, std::make_shared<Core>(loop_, std::move(options), std::move(wire)));
}

Client& Clients::command(std::string_view name, std::vector<std::string> argv, ClientOptions options) {
  auto wire = over_pipes(std::move(argv), options);
  return add(name, std::make_shared<Core>(loop_, std::move(options), std::move(wire)));
}

Client& Clients::add(std::string_view name, std::shared_ptr<client_detail::Core> core) {
  auto& place = clients_[std::string(name)];
  place.reset(new Client(std::move(core)));
  return *place;
}

bool Clients::remove(std::string_view name) {
  const auto found = clients_.find(name);
  if (found == clients_.end()) return false;
  clients_.erase(found);
  return true;
}

Client* Clients::find(std::string_view name) {
  const auto found = clients_.find(name);
  return found == clients_.end() ? nullptr : found->second.get();
}

std::vector<std::string> Clients::names() const {
  std::vector<std::string> all;
  for (const auto& one : clients_) all.push_back(one.first);
  return all;
}

namespace {

// A server whose tools are asked for, page by page.
struct AskedTools {
  std::string server;
  Pages pages;
  std::optional<ClientCall<std::vector<Listing>>> call;

  [[nodiscard]] bool has_page() const { return call && call->is_done(); }
  void ask_on(std::chrono::nanoseconds left) {
    if (!pages.more()) return call.reset();
    call.emplace(pages.next());
    call->timeout(left).at_most(left);
  }
};

}  // namespace

std::vector<Clients::ServedTool> Clients::tools(std::chrono::nanoseconds patience) {
  failures_.clear();
  const Instant until = loop_->reactor().precise_now() + patience;
  std::vector<AskedTools> all;
  for (const auto& [name, client] : clients_) all.push_back(AskedTools{name, client->tools(), std::nullopt});
  for (AskedTools& one : all) one.ask_on(patience);
  std::vector<ServedTool> found;
  const auto has_page = [](const AskedTools& one) { return one.has_page(); };
  while (std::any_of(all.begin(), all.end(), [](const AskedTools& one) { return one.call.has_value(); })) {
    loop_->drive_until([&] { return std::any_of(all.begin(), all.end(), has_page); });
    for (AskedTools& one : all) {
      if (!one.has_page()) continue;
      auto page = one.call->wait();
      if (page) {
        for (Listing& tool : *page) found.push_back(ServedTool{one.server, std::move(tool)});
      } else {
        failures_.insert_or_assign(one.server, page.error());
        std::erase_if(found, [&](const ServedTool& tool) { return tool.server == one.server; });
        one.pages.stop();
      }
      one.ask_on(until - loop_->reactor().precise_now());
    }
  }
  // By server, whichever was the first.
  std::stable_sort(found.begin(), found.end(),
                   [](const ServedTool& a, const ServedTool& b) { return a.server < b.server; });
  return found;
}

void Clients::listen_for(std::chrono::nanoseconds time) { loop_->drive_for(time); }

void Clients::drive_until(const std::function<bool()>& done) { loop_->drive_until(done); }

}  // namespace sluice
