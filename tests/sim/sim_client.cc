// SPDX-License-Identifier: Apache-2.0
// What a simulated client does. What it makes of what it gets is in sim_client_check.cc.
#include "sim/sim_client.h"

#include <algorithm>
#include <array>
#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "sim/call.h"

namespace sluice::sim {

namespace {

std::string quoted(Bytes text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

bool is_open_call(const Call& call) { return call.kind == Call::Kind::call && call.wire != nullptr; }

}  // namespace

SimClient::SimClient(World& world, Options options, std::function<StreamPtr()> dial)
    : world_(world),
      options_(std::move(options)),
      name_("c" + std::to_string(options_.number)),
      dial_(std::move(dial)),
      authorization_("Bearer " + options_.key) {}

SimClient::~SimClient() = default;

void SimClient::step() {
  wires_.remove_if([](const auto& wire) { return wire->over(); });
  const std::uint64_t dice = world_.random.below(100);
  if (dice < 3) return stall_one();
  if (dice < 5) {
    if (Call* call = pick([](const Call& any) { return any.wire != nullptr; })) {
      world_.transcript.line(name_, "loses its connection of " + call->marker);
      call->wire->break_it();
    }
    return;
  }
  if (dice < 6) return nonsense();
  if (options_.era == Era::modern) return step_modern(world_.random.below(100));
  if (!session_.empty()) return step_legacy(world_.random.below(100));
  if (!initializing_) initialize();
}

void SimClient::step_legacy(std::uint64_t dice) {
  if (!answers_.empty() && dice < 40) return answer_ask();
  if (revision_ == "2025-03-26" && dice < 52 && dice > 43) return start_batch();
  if (dice < 60) return start_call();
  if (dice < 66) return cancel_one();
  if (dice < 72) return cut_one();
  if (dice < 78) return resume_one();
  if (dice < 82) return open_get({}, nullptr);
  if (dice < 84) return repeat_id();
  if (dice < 87) return knock();
  if (dice < 90) return delete_session();
  if (dice < 92) {
    if (Call* get = pick([](const Call& call) { return call.kind == Call::Kind::get && call.wire; }))
      hang_up(*get);
    return;
  }
  start_plain(dice < 96 ? "ping" : "tools/list");
}

void SimClient::step_modern(std::uint64_t dice) {
  if (!retries_.empty() && dice < 40) return retry_one();
  if (dice < 64) return start_call();
  if (dice < 82) return cut_one();
  if (dice < 88) return start_listen();
  if (dice < 92) return repeat_id();
  start_plain(dice < 96 ? "server/discover" : "tools/list");
}

Call& SimClient::add_call() {
  calls_.push_back(std::make_unique<Call>());
  Call& call = *calls_.back();
  call.generation = generation_;
  call.marker = name_ + ".g" + std::to_string(generation_) + ".n" + std::to_string(calls_.size());
  return call;
}

std::string SimClient::next_id() {
  const std::string number = std::to_string(++ids_);
  switch (world_.random.below(4)) {
    case 0: return "\"" + number + "\"";
    case 1: return "\"\\u0061-" + number + "\"";
    case 2: return "9007199254740993" + number;
    default: return number;
  }
}

std::string SimClient::make_plan() {
  std::string plan;
  for (std::uint64_t left = world_.random.below(7); left > 0; --left) {
    const std::uint64_t dice = world_.random.below(100);
    if (dice < 45)
      plan += "p,";
    else if (dice < 70)
      plan += "d" + std::to_string(world_.random.below(world_.chance(5) ? 9'000 : 300)) + ",";
    else if (dice < 76)
      plan += "a,";
    else if (dice < 87)
      plan += "l,";
    else if (dice < 90)
      plan += "v,";
    else if (dice < 96)
      plan += "c,";
    else if (dice < 98)
      plan += "g,";
    else if (world_.faults)
      plan += "x,";
  }
  const std::uint64_t dice = world_.random.below(100);
  return plan + (dice < 75 ? "ok" : dice < 81 ? "tool" : dice < 87 ? "err" : dice < 95 ? "big" : "never");
}

std::string SimClient::meta_of(const Call& call) {
  std::string meta;
  if (!call.token.empty()) meta = R"("progressToken":)" + call.token;
  if (options_.era == Era::legacy) return R"("_meta":{)" + meta + "}";
  if (world_.chance(60))
    meta += (meta.empty() ? "" : ",") + std::string(R"("io.modelcontextprotocol/logLevel":"info")");
  return R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
         R"("io.modelcontextprotocol/clientCapabilities":{"elicitation":{}})" +
         (meta.empty() ? "" : "," + meta) + "}";
}

// Posts a request; `more` is what its params hold beside _meta.
void SimClient::ask_for(Call& call, Bytes method, const std::string& more, Bytes name) {
  const std::string request = request_of(call, method, more);
  std::vector<HeaderField> fields;
  if (options_.era == Era::modern) {
    fields.push_back({"MCP-Protocol-Version", "2026-07-28"});
    fields.push_back({"Mcp-Method", method});
    if (!name.empty()) fields.push_back({"Mcp-Name", name});
  }
  send(call, "POST", std::move(fields), request);
}

std::string SimClient::request_of(const Call& call, Bytes method, const std::string& more) {
  return make_request(call.id, method, "{" + more + (more.empty() ? "" : ",") + meta_of(call) + "}");
}

void SimClient::send(Call& call, Bytes verb, std::vector<HeaderField> fields, Bytes body) {
  const std::string length = std::to_string(body.size());
  fields.push_back({"Host", "localhost:8080"});
  fields.push_back({"Authorization", authorization_});
  fields.push_back({"Accept", "application/json, text/event-stream"});
  if (verb == "POST") {
    fields.push_back({"Content-Type", "application/json"});
    fields.push_back({"Content-Length", length});
  }
  const std::string& session = call.knocks ? stolen_ : session_;
  if (options_.era == Era::legacy && call.kind != Call::Kind::initialize) {
    fields.push_back({"Mcp-Session-Id", session});
    if (revision_ != "2025-03-26" && !call.knocks) fields.push_back({"MCP-Protocol-Version", revision_});
  }
  std::string bytes;
  if (!write_request_head(bytes, verb, options_.path, HeaderFields(fields)))
    return fail("could not write a head");
  bytes.append(body);
  world_.transcript.line(name_, std::string(verb) + " for " + call.marker + " " + std::string(body));
  const auto idle = std::find_if(wires_.begin(), wires_.end(), [](const auto& wire) { return wire->idle(); });
  if (idle != wires_.end() && world_.chance(60)) return (*idle)->carry(call, bytes);
  wires_.push_back(std::make_unique<Wire>(*this, dial_()));
  wires_.back()->carry(call, bytes);
}

void SimClient::note(const std::string& message) { send(add_call(), "POST", {}, message); }

Call* SimClient::pick(const std::function<bool(const Call&)>& fits) {
  std::vector<Call*> found;
  for (const auto& call : calls_)
    if (fits(*call)) found.push_back(call.get());
  return found.empty() ? nullptr : found[world_.random.below(found.size())];
}

Call& SimClient::add_tool_call() {
  Call& call = add_call();
  call.kind = Call::Kind::call;
  call.id = next_id();
  const std::uint64_t dice = world_.random.below(3);
  if (dice == 1) call.token = call.id;
  if (dice == 2) call.token = "\"t-" + std::to_string(ids_) + "\"";
  return call;
}

std::string SimClient::arguments_of(const Call& call) {
  return R"("name":"sim","arguments":{"marker":)" + quoted(call.marker) + R"(,"plan":)" +
         quoted(make_plan()) + "}";
}

void SimClient::start_call() {
  Call& call = add_tool_call();
  ask_for(call, "tools/call", arguments_of(call), "sim");
}

void SimClient::retry_one() {
  const Retry retry = std::move(retries_.back());
  retries_.pop_back();
  Call& call = add_tool_call();
  call.marker = retry.marker + "+";
  ask_for(call, "tools/call",
          arguments_of(call) + R"(,"inputResponses":{"who":{"action":"accept","content":{"marker":)" +
              quoted(retry.marker) + R"(}}},"requestState":)" + quoted(retry.state),
          "sim");
}

// Calls, plain requests, a notification and answers to questions, in one POST.
void SimClient::start_batch() {
  Call& batch = add_call();
  batch.kind = Call::Kind::batch;
  std::string body;
  const auto add = [&body](const std::string& message) { body += (body.empty() ? "[" : ",") + message; };
  for (std::uint64_t left = 1 + world_.random.below(4); left > 0; --left) {
    const std::uint64_t dice = world_.random.below(100);
    if (dice < 15) {
      add(make_notification("notifications/roots/list_changed"));
      continue;
    }
    Call& member = dice < 75 ? add_tool_call() : add_call();
    batch.members.push_back(&member);
    member.batch = &batch;
    if (dice < 75) {
      add(request_of(member, "tools/call", arguments_of(member)));
    } else {
      member.kind = Call::Kind::plain;
      member.id = next_id();
      add(request_of(member, "ping", ""));
    }
  }
  if (!answers_.empty()) {
    add(answers_.back());
    answers_.pop_back();
  }
  send(batch, "POST", {}, body + "]");
}

void SimClient::start_plain(Bytes method) {
  Call& call = add_call();
  call.kind = Call::Kind::plain;
  call.id = next_id();
  ask_for(call, method, "");
}

void SimClient::start_listen() {
  Call& call = add_call();
  call.kind = Call::Kind::listen;
  call.id = next_id();
  ask_for(call, "subscriptions/listen", R"("notifications":{"toolsListChanged":true})");
}

void SimClient::initialize() {
  initializing_ = true;
  ++generation_;
  Call& call = add_call();
  call.kind = Call::Kind::initialize;
  call.id = next_id();
  constexpr std::array<Bytes, 3> revisions{"2025-03-26", "2025-06-18", "2025-11-25"};
  revision_ = revisions[world_.random.below(3)];
  ask_for(call, "initialize",
          R"("protocolVersion":)" + quoted(revision_) +
              R"(,"capabilities":{"elicitation":{}},"clientInfo":{"name":"sim","version":"1"})");
}

void SimClient::open_get(const std::string& last_event, Call* of) {
  Call& call = add_call();
  call.kind = Call::Kind::get;
  if (of != nullptr) call.marker = of->marker;
  std::vector<HeaderField> fields;
  if (!last_event.empty()) fields.push_back({"Last-Event-ID", last_event});
  send(call, "GET", std::move(fields), {});
}

void SimClient::cancel_one() {
  Call* call = pick([this](const Call& any) {
    return any.kind == Call::Kind::call && !any.over && any.generation == generation_;
  });
  if (call == nullptr) return;
  call->excused = true;
  note(make_notification("notifications/cancelled", R"({"requestId":)" + call->id + "}"));
}

void SimClient::cut_one() {
  Call* call = pick([](const Call& any) {
    return any.wire != nullptr &&
           (is_open_call(any) || any.kind == Call::Kind::listen || any.kind == Call::Kind::batch);
  });
  if (call == nullptr) return;
  world_.transcript.line(name_, "hangs up on " + call->marker);
  hang_up(*call);
}

void SimClient::hang_up(Call& call) {
  call.excuse();
  call.over = true;
  for (Call* member : call.members) member->over = true;
  call.wire->drop();
}

void SimClient::resume_one() {
  Call* call = pick([this](const Call& any) {
    return any.kind == Call::Kind::call && any.over && any.excused && any.responses == 0 &&
           !any.last_event.empty() && any.generation == generation_;
  });
  if (call == nullptr) return;
  const std::string marker = call->marker;
  if (pick([&marker](const Call& any) { return any.wire != nullptr && any.marker == marker; })) return;
  open_get(call->last_event, call);
}

void SimClient::delete_session() {
  send(add_call(), "DELETE", {}, {});
  session_lost();
}

void SimClient::session_lost() {
  session_.clear();
  answers_.clear();
}

void SimClient::stall_one() {
  Call* call = pick([](const Call& any) { return any.wire != nullptr; });
  if (call == nullptr) return;
  world_.transcript.line(name_, "stops reading " + call->marker);
  call->excuse();  // who does not read may be closed
  call->wire->stall(world_.up_to(8'000));
}

void SimClient::nonsense() {
  Call& call = add_call();
  call.kind = Call::Kind::nonsense;
  constexpr std::array<Bytes, 4> texts{
      "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00",
      "POST /mcp/none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n{}}",
      "POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 10\r\n\r\n"};
  wires_.push_back(std::make_unique<Wire>(*this, dial_()));
  wires_.back()->carry(call, std::string(texts[world_.random.below(texts.size())]));
}

void SimClient::knock() {
  if (stolen_.empty()) return;
  Call& call = add_call();
  call.kind = Call::Kind::plain;
  call.knocks = true;
  call.id = next_id();
  ask_for(call, "tools/list", "");
}

void SimClient::repeat_id() {
  Call* twin = pick(
      [this](const Call& any) { return is_open_call(any) && !any.excused && any.generation == generation_; });
  if (twin == nullptr) return;
  Call& call = add_call();
  call.kind = Call::Kind::plain;
  call.id = twin->id;
  ask_for(call, "tools/list", "");
}

void SimClient::answer_ask() {
  const std::string answer = std::move(answers_.back());
  answers_.pop_back();
  note(answer);
}

void SimClient::wind_down() {
  winding_down_ = true;
  for (const auto& call : calls_)
    if (call->wire != nullptr && (call->kind == Call::Kind::get || call->kind == Call::Kind::listen))
      hang_up(*call);
  if (!session_.empty() && world_.chance(50)) delete_session();
}

void SimClient::leave() {
  for (const auto& wire : wires_) wire->drop();
  wires_.clear();
}

}  // namespace sluice::sim
