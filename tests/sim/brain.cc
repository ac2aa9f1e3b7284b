// SPDX-License-Identifier: Apache-2.0
#include "sim/brain.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "codec/json.h"
#include "codec/json_writer.h"
#include "codec/jsonrpc.h"

namespace sluice::sim {

struct Brain::Run {
  Run(Brain& owner, Mouth& where)
      : brain(owner), mouth(&where), timer([](void* self) { static_cast<Run*>(self)->wake(); }, this) {}
  void wake() { brain.go_on(*this); }

  Brain& brain;
  Mouth* mouth;  // null when nobody listens any more
  std::string id, token, marker, asked;
  std::deque<std::string> plan;
  int progress = 0;
  bool listens = false;
  bool logs = false;
  Timer timer;
};

namespace {

std::string quoted(Bytes text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::deque<std::string> words_of(Bytes plan) {
  std::deque<std::string> words;
  while (!plan.empty()) {
    const std::size_t comma = std::min(plan.find(','), plan.size());
    words.emplace_back(plan.substr(0, comma));
    plan.remove_prefix(std::min(plan.size(), comma + 1));
  }
  return words;
}

std::string tool_result(Bytes marker, bool is_error, std::size_t padding) {
  return R"({"resultType":"complete","content":[{"type":"text","text":)" +
         quoted(std::string(marker) + " " + std::string(padding, 'x')) + "}]" +
         (is_error ? R"(,"isError":true})" : "}");
}

// What the retry will need is in the state: the server keeps nothing.
std::string input_required(const std::string& marker, const std::deque<std::string>& rest) {
  std::string state = marker + " ";
  for (const std::string& word : rest) state += word + ",";
  return R"({"resultType":"input_required","inputRequests":{"who":{"method":"elicitation/create","params":)"
         R"({"requestedSchema":{"type":"object","properties":{}},"message":)" +
         quoted(marker) + R"(}}},"requestState":)" + quoted(state) + "}";
}

}  // namespace

Brain::Brain(World& world, Era era, std::string name) : world_(world), era_(era), name_(std::move(name)) {}
Brain::~Brain() = default;

void Brain::hear(Bytes text, Mouth& mouth) {
  world_.transcript.line(name_, std::string("hears ").append(text));
  MessageScanner scanner{JsonLimits{}};
  ClientMessage message;
  if (!message.take(scanner, PaddedString(text)).ok())
    return world_.transcript.fail(name_, "the gateway sent what is no message");
  const Envelope& envelope = message.envelope();
  switch (envelope.kind) {
    case MessageKind::request: return request(message, mouth);
    case MessageKind::response:
    case MessageKind::error_response: return answer(message);
    case MessageKind::notification: break;
    case MessageKind::batch:
    case MessageKind::invalid: return world_.transcript.fail(name_, "a batch came");
  }
  if (envelope.method != "notifications/cancelled") return;
  const Bytes id = envelope.view(envelope.request_id);
  runs_.remove_if([id](const auto& run) { return run->id == id; });
}

void Brain::request(const ClientMessage& message, Mouth& mouth) {
  const Envelope& envelope = message.envelope();
  const std::string id(message.id());
  const std::string server = R"("serverInfo":{"name":"sim","version":"1"},"capabilities":{"tools":{}})";
  // A run that nobody listens to any more is over for its client, who may not have been told yet.
  if (std::any_of(runs_.begin(), runs_.end(),
                  [&id](const auto& run) { return run->id == id && run->mouth != nullptr; }))
    return world_.transcript.fail(name_, "the id " + id + " is in flight already");
  if (envelope.method == "tools/call") return call(message, mouth);
  if (envelope.method == "ping") return mouth.finish(make_response(id, "{}"));
  if (envelope.method == "tools/list")
    return mouth.finish(make_response(
        id, R"({"resultType":"complete","tools":[{"name":"sim","inputSchema":{"type":"object"}}]})"));
  if (era_ == Era::legacy && envelope.method == "initialize")
    return mouth.finish(
        make_response(id, R"({"protocolVersion":)" + quoted(envelope.protocol_version) + "," + server + "}"));
  if (era_ == Era::modern && envelope.method == "server/discover")
    return mouth.finish(
        make_response(id, R"({"resultType":"complete","supportedVersions":["2026-07-28"],)" + server + "}"));
  if (era_ == Era::modern && envelope.method == "subscriptions/listen") return listen(message, mouth);
  mouth.finish(make_error_response(id, rpc::method_not_found, "no such method"));
}

void Brain::call(const ClientMessage& message, Mouth& mouth) {
  const Envelope& envelope = message.envelope();
  const auto params = Json::parse(envelope.view(envelope.params));
  const Json* arguments = params ? params->find("arguments") : nullptr;
  if (arguments == nullptr) return world_.transcript.fail(name_, "a call came without its arguments");
  runs_.push_back(std::make_unique<Run>(*this, mouth));
  Run& run = *runs_.back();
  run.id = message.id();
  run.token = envelope.view(envelope.meta_progress_token);
  run.marker = (*arguments)["marker"].string_or("");
  run.plan = words_of(params->contains("requestState") ? rest_of_plan(*params, run.marker)
                                                       : (*arguments)["plan"].string_or(""));
  run.logs = era_ == Era::legacy || envelope.meta_log_level;
  if (++world_.seen[run.marker] > 1) world_.transcript.fail(name_, "call " + run.marker + " came twice");
  go_on(run);
}

std::string Brain::rest_of_plan(const Json& params, Bytes marker) {
  const Bytes state = params["requestState"].string_or("");
  const Bytes owner = state.substr(0, state.find(' '));
  const Json& answer = params["inputResponses"]["who"]["content"];
  if (std::string(owner) + "+" != marker || answer["marker"].string_or("") != owner)
    world_.transcript.fail(name_,
                           "the retry of " + std::string(marker) + " got the state or answer of another");
  return std::string(state.substr(std::min(state.size(), owner.size() + 1)));
}

void Brain::listen(const ClientMessage& message, Mouth& mouth) {
  runs_.push_back(std::make_unique<Run>(*this, mouth));
  Run& run = *runs_.back();
  run.id = message.id();
  run.listens = true;
  mouth.say(make_notification("notifications/subscriptions/acknowledged",
                              R"({"notifications":{"toolsListChanged":true},"_meta":)"
                              R"({"io.modelcontextprotocol/subscriptionId":)" +
                                  run.id + "}}"));
}

void Brain::answer(const ClientMessage& message) {
  const std::string id(message.id());
  const auto at =
      std::find_if(runs_.begin(), runs_.end(), [&id](const auto& run) { return run->asked == id; });
  if (at == runs_.end()) return;  // the call was cancelled meanwhile
  Run& run = **at;
  const auto json = Json::parse(message.text());
  if (const Json* result = json ? json->find("result") : nullptr;
      result != nullptr && (*result)["content"]["marker"].string_or("") != run.marker)
    world_.transcript.fail(name_, "the question of " + run.marker + " got the answer of another");
  run.asked.clear();
  go_on(run);
}

void Brain::go_on(Run& run) {
  while (!run.plan.empty()) {
    const std::string word = std::move(run.plan.front());
    run.plan.pop_front();
    if (!step(run, word)) return;
  }
}

bool Brain::step(Run& run, const std::string& word) {
  const auto say = [&run](const std::string& message) {
    if (run.mouth != nullptr) run.mouth->say(message);
  };
  switch (word.front()) {
    case 'd': world_.reactor.arm_after(run.timer, milliseconds(std::stoi(word.substr(1)))); return false;
    case 'p':
      if (!run.token.empty())
        say(make_notification("notifications/progress", R"({"progressToken":)" + run.token +
                                                            R"(,"progress":)" +
                                                            std::to_string(++run.progress) +
                                                            R"(,"message":)" + quoted(run.marker) + "}"));
      return true;
    case 'l':
      if (run.logs)
        say(make_notification("notifications/message",
                              R"({"level":"info","data":)" + quoted(run.marker) + "}"));
      return true;
    case 'v': say(make_notification("sim/news", R"({"data":)" + quoted(run.marker) + "}")); return true;
    case 'a':
      if (era_ == Era::modern) {
        end(run, make_response(run.id, input_required(run.marker, run.plan)));
        return false;
      }
      if (run.mouth == nullptr) return true;
      run.asked = quoted("ask-" + std::to_string(++asks_));
      say(make_request(
          run.asked, "elicitation/create",
          R"({"requestedSchema":{"type":"object","properties":{}},"message":)" + quoted(run.marker) + "}"));
      return false;
    case 'c': tell_listeners(); return true;
    case 'g':
      if (run.mouth != nullptr) run.mouth->babble();
      return true;
    case 'x':
      if (run.mouth != nullptr) run.mouth->die();
      return false;
    case 'e': end(run, make_error_response(run.id, -32050, run.marker)); return false;
    case 't': end(run, make_response(run.id, tool_result(run.marker, true, 0))); return false;
    case 'b': end(run, make_response(run.id, tool_result(run.marker, false, 120'000))); return false;
    case 'o': end(run, make_response(run.id, tool_result(run.marker, false, 0))); return false;
    default: return false;  // "never": the call hangs until it is cancelled
  }
}

void Brain::end(Run& run, const std::string& response) {
  Mouth* mouth = run.mouth;
  runs_.remove_if([&run](const auto& candidate) { return candidate.get() == &run; });
  if (mouth != nullptr) mouth->finish(response);
}

void Brain::tell_listeners() {
  for (const auto& run : runs_)
    if (run->listens && run->mouth != nullptr)
      run->mouth->say(
          make_notification("notifications/tools/list_changed",
                            R"({"_meta":{"io.modelcontextprotocol/subscriptionId":)" + run->id + "}}"));
  if (era_ == Era::legacy && standalone_ != nullptr)
    standalone_->say(make_notification("notifications/tools/list_changed"));
}

void Brain::forget(Mouth& mouth, bool and_its_calls) {
  if (standalone_ == &mouth) standalone_ = nullptr;
  for (const auto& run : runs_)
    if (run->mouth == &mouth) run->mouth = nullptr;
  if (and_its_calls) runs_.remove_if([](const auto& run) { return run->mouth == nullptr; });
}

}  // namespace sluice::sim
