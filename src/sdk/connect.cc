// SPDX-License-Identifier: Apache-2.0
#include "sdk/connect.h"

#include <deque>
#include <map>

#include "codec/json_scan.h"
#include "codec/jsonrpc.h"
#include "net/reactor.h"
#include "sdk/protocol.h"
#include "sdk/serve.h"

namespace sluice {
namespace {

constexpr std::string_view meta_prefix = "io.modelcontextprotocol/";
constexpr std::size_t rounds_max = 32;
constexpr auto patience = std::chrono::minutes(20);  // of simulated time
constexpr auto step = std::chrono::milliseconds(5);

Json every_capability(Revision revision) {
  Json all = Json::object({{"sampling", Json::object()}, {"roots", Json::object()}});
  if (revision >= Revision::r2025_11_25) {
    all.set("elicitation", Json::object({{"form", Json::object()}, {"url", Json::object()}}));
  } else if (revision >= Revision::r2025_06_18) {
    all.set("elicitation", Json::object());
  }
  return all;
}

std::string meta_name(std::string_view name) { return std::string(meta_prefix) + std::string(name); }

}  // namespace

struct MemoryClient::Core {
  class LocalSession final : public Session {
   public:
    LocalSession(Core& core, Principal principal, Revision revision)
        : Session(std::move(principal), revision), core_(core) {}
    std::size_t send(Bytes message) override { return core_.hear(message); }
    void end(std::string_view) override { core_.session_ended = true; }
    void set_revision(Revision revision) { revision_ = revision; }

   private:
    Core& core_;
  };

  class LocalExchange final : public Exchange {
   public:
    LocalExchange(Core& core, int id, ClientRequest request, Session* session)
        : Exchange(std::move(request), session), core_(core), id_(id) {}
    std::size_t notify(Bytes message) override { return core_.hear(message); }
    std::size_t ask(Bytes message) override {
      auto json = Json::parse(message);
      CHECK(json.ok());
      core_.asked.push_back(std::move(*json));
      return 1 << 20;
    }
    void finish(Bytes response) override {
      auto json = Json::parse(response);
      CHECK(json.ok());
      core_.close(id_, MemoryReply{(*json)["result"], (*json)["error"], 200});
    }
    void refuse(int http_status, int code, std::string_view sentence, std::string_view data) override {
      Json error = Json::object({{"code", code}, {"message", sentence}});
      if (!data.empty()) {
        auto json = Json::parse(data);
        CHECK(json.ok());
        error.set("data", std::move(*json));
      }
      core_.close(id_, MemoryReply{{}, std::move(error), http_status});
    }

   private:
    Core& core_;
    int id_;
  };

  Core(Server& server, ConnectOptions given)
      : options(std::move(given)),
        reactor(Reactor::simulated(server.state().limits, Instant{} + seconds(1),
                                   WallTime(std::chrono::hours(24 * 365 * 50)))),
        protocol(*reactor, server.state(),
                 Protocol::Seals{fresh_key_ring(), fresh_salt(), fresh_salt(), fresh_salt()},
                 ProtocolOptions{std::nullopt, options.replay}),
        scanner(server.state().limits.json),
        session(*this, options.principal, options.revision) {
    if (!options.capabilities) options.capabilities = every_capability(options.revision);
  }

  ~Core() {
    while (!exchanges.empty()) cancel(exchanges.begin()->first);
    if (!modern() && session.attachment != nullptr) protocol.ended(session);
    settle();
  }

  [[nodiscard]] bool modern() const { return era_of(options.revision) == Era::modern; }

  std::size_t hear(Bytes message) {
    auto json = Json::parse(message);
    CHECK(json.ok());
    told.push_back(std::move(*json));
    return reads ? 1 << 20 : 0;
  }

  void close(int id, MemoryReply reply) {
    replies.insert_or_assign(id, std::move(reply));
    const auto found = exchanges.find(id);
    if (found == exchanges.end()) return;
    over.push_back(std::move(found->second));
    exchanges.erase(found);
  }

  void cancel(int id) {
    const auto found = exchanges.find(id);
    if (found == exchanges.end()) return;
    const auto exchange = std::move(found->second);
    exchanges.erase(found);
    protocol.cancelled(*exchange, CancelReason::client);
  }

  ClientMessage scanned(std::string text) {
    ClientMessage message;
    const ScanResult taken = message.take(scanner, PaddedString(std::move(text)));
    CHECK(taken.ok());
    return message;
  }

  int open(std::string_view method, Json params, const Headers& headers) {
    const int id = next_id++;
    if (modern()) {
      Json* meta = params.find("_meta");
      if (meta == nullptr) meta = &params.set("_meta", Json::object());
      meta->set(meta_name("protocolVersion"), revision_text(options.revision));
      if (!meta->contains(meta_name("clientCapabilities")))
        meta->set(meta_name("clientCapabilities"), *options.capabilities);
    }
    ClientRequest request;
    request.message = scanned(make_request(std::to_string(id), method, params.dump()));
    request.era = era_of(options.revision);
    request.revision = options.revision;
    request.principal = options.principal;
    request.over_http = options.over_http;
    request.correlation_id = "memory-" + std::to_string(id);
    request.opened = reactor->now();
    for (const auto& header : headers)
      request.param_headers.push_back(HeaderPair{header.first, header.second});
    auto exchange =
        std::make_unique<LocalExchange>(*this, id, std::move(request), modern() ? nullptr : &session);
    LocalExchange& opened = *exchange;
    exchanges.emplace(id, std::move(exchange));
    protocol.open(opened);
    return id;
  }

  // Answers what a legacy server asked; outside the server's own calls, as a transport would.
  bool answer_asks() {
    if (asked.empty()) return false;
    const Json question = std::move(asked.front());
    asked.pop_front();
    const std::string id = question["id"].dump();
    if (answerer) {
      const Json result = answerer(question["method"].string_or(""), question["params"]);
      if (result.is_null()) return true;
      protocol.message(session, scanned(make_response(id, result.dump())));
    } else {
      protocol.message(session, scanned(make_error_response(id, rpc::method_not_found, "nobody answers")));
    }
    return true;
  }

  void settle() {
    do {
      over.clear();
    } while (answer_asks() || reactor->turn());
  }

  MemoryReply await(int id) {
    for (auto waited = Duration{}; waited < patience; waited += step) {
      settle();
      if (const auto found = replies.find(id); found != replies.end()) return found->second;
      reactor->advance(step);
    }
    cancel(id);
    return MemoryReply{{}, Json::object({{"code", 0}, {"message", "the call did not end"}}), 0};
  }

  ConnectOptions options;
  std::unique_ptr<Reactor> reactor;
  Protocol protocol;
  MessageScanner scanner;
  LocalSession session;
  Answerer answerer;
  std::map<int, std::unique_ptr<LocalExchange>> exchanges;
  std::vector<std::unique_ptr<LocalExchange>> over;
  std::map<int, MemoryReply> replies;
  std::vector<Json> told;
  std::deque<Json> asked;
  int next_id = 1;
  bool session_ended = false;
  bool reads = true;
};

MemoryClient::MemoryClient(Server& server, ConnectOptions options)
    : core_(std::make_unique<Core>(server, std::move(options))) {}

MemoryClient::~MemoryClient() = default;

void MemoryClient::on_ask(Answerer answerer) { core_->answerer = std::move(answerer); }

MemoryReply MemoryClient::exchange(std::string_view method, Json params, const Headers& headers) {
  return core_->await(core_->open(method, std::move(params), headers));
}

Result<Json> MemoryClient::request(std::string_view method, Json params) {
  for (std::size_t round = 0; round < rounds_max; ++round) {
    const MemoryReply reply = exchange(method, params);
    if (!reply.error.is_null())
      return protocol_error(static_cast<int>(reply.error["code"].int64_or(0)),
                            std::string(reply.error["message"].string_or("")), reply.error["data"].dump());
    if (reply.result["resultType"].string_or("") != "input_required" || !core_->answerer) return reply.result;
    Json responses = Json::object();
    for (const JsonMember& question : reply.result["inputRequests"].members())
      if (Json answer = core_->answerer(question.value["method"].string_or(""), question.value["params"]);
          !answer.is_null())
        responses.set(question.name, std::move(answer));
    params.set("inputResponses", std::move(responses));
    if (const Json* state = reply.result.find("requestState")) params.set("requestState", *state);
  }
  return error("the server asked more than " + std::to_string(rounds_max) + " times");
}

int MemoryClient::open(std::string_view method, Json params, const Headers& headers) {
  const int id = core_->open(method, std::move(params), headers);
  core_->settle();
  return id;
}

std::optional<MemoryReply> MemoryClient::reply(int id) const {
  const auto found = core_->replies.find(id);
  return found == core_->replies.end() ? std::nullopt : std::optional(found->second);
}

void MemoryClient::cancel(int id) {
  core_->cancel(id);
  core_->settle();
}

void MemoryClient::settle() { core_->settle(); }

void MemoryClient::advance(std::chrono::milliseconds time) {
  core_->reactor->advance(time);
  core_->settle();
}

void MemoryClient::notify(std::string_view method, Json params) {
  if (core_->modern()) return;
  core_->protocol.message(core_->session, core_->scanned(make_notification(method, params.dump())));
  core_->settle();
}

const std::vector<Json>& MemoryClient::told() const { return core_->told; }

void MemoryClient::forget_told() { core_->told.clear(); }

void MemoryClient::stop_reading() { core_->reads = false; }

void MemoryClient::read_on() {
  core_->reads = true;
  std::vector<int> open;
  for (const auto& one : core_->exchanges) open.push_back(one.first);
  for (const int id : open)  // one may end while another goes on
    if (const auto found = core_->exchanges.find(id); found != core_->exchanges.end())
      core_->protocol.drained(*found->second);
  core_->settle();
}

void MemoryClient::shut_down() {
  core_->protocol.shutdown();
  core_->settle();
}

std::unique_ptr<MemoryClient> connect(Server& server, ConnectOptions options) {
  const bool legacy = era_of(options.revision) == Era::legacy;
  const auto revision = options.revision;
  const Json capabilities = options.capabilities ? *options.capabilities : every_capability(revision);
  auto client = std::make_unique<MemoryClient>(server, std::move(options));
  if (legacy) {
    const auto shaken = client->request(
        "initialize", Json::object({{"protocolVersion", revision_text(revision)},
                                    {"capabilities", capabilities},
                                    {"clientInfo", Json::object({{"name", "memory"}, {"version", "1"}})}}));
    CHECK(shaken.ok());
    client->notify("notifications/initialized");
  }
  return client;
}

}  // namespace sluice
