// SPDX-License-Identifier: Apache-2.0
// What a simulated client makes of what it gets: this is where the rules are held.
#include <algorithm>
#include <utility>

#include "codec/json_scan.h"
#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "sim/call.h"
#include "sim/sim_client.h"

namespace sluice::sim {

namespace {

constexpr Bytes subscription_key = "io.modelcontextprotocol/subscriptionId";

bool is_request(const Call& call) {
  return call.kind == Call::Kind::call || call.kind == Call::Kind::plain || call.kind == Call::Kind::listen ||
         call.kind == Call::Kind::initialize;
}

// The raw text of an id or token, which Json does not keep.
std::string raw_member(Bytes text, std::initializer_list<Bytes> path) {
  const PaddedString padded(text);
  JsonSpan span{0, 0, static_cast<std::uint32_t>(text.size())};
  for (const Bytes name : path) {
    span = json_member(padded.view(), span, name);
    if (!span) return {};
  }
  return std::string(span.in(text));
}

}  // namespace

// Of this client, and of the session that the call belongs to.
bool SimClient::is_ours(const Call& call, Bytes marker) const {
  const std::string mine = name_ + ".g" + std::to_string(call.generation) + ".";
  return marker.substr(0, mine.size()) == mine;
}

void SimClient::on_head(Call& call, const HttpHead& head) {
  call.status = head.status;
  call.sse = header_value(head.fields, "Content-Type").substr(0, 17) == "text/event-stream";
  world_.transcript.line(name_, "head " + std::to_string(head.status) + " for " + call.marker);
  const HeaderField* session = find_header(head.fields, "Mcp-Session-Id");
  if (session == nullptr) return;
  if (call.kind == Call::Kind::initialize) call.session = session->value;
  if (call.kind != Call::Kind::initialize) fail("a session id came for " + call.marker);
}

void SimClient::on_message(Call& call, Bytes text) {
  world_.transcript.line(name_, "gets for " + call.marker + " " + std::string(text));
  if (call.kind == Call::Kind::batch && !call.sse && text.substr(0, 1) == "[") return on_array(call, text);
  const auto json = Json::parse(text);
  if (!json || (*json)["jsonrpc"].string_or("") != "2.0") return fail("got what is no JSON-RPC");
  if (call.responses > 0) fail("a message came after the response of " + call.marker);
  const std::string id = raw_member(text, {"id"});
  const Bytes method = (*json)["method"].string_or("");
  if (method.empty()) return on_response(call, id, *json);
  if (id.empty()) return on_notification(call, method, text, *json);
  if (options_.era == Era::modern || method != "elicitation/create")
    return fail("got a request: " + std::string(method));
  on_ask(call, id, (*json)["params"]);
}

void SimClient::on_response(Call& call, Bytes id, const Json& json) {
  Call* target = &call;
  if (call.kind == Call::Kind::get) {
    const auto at = std::find_if(calls_.begin(), calls_.end(), [&call](const auto& any) {
      return any.get() != &call && any->marker == call.marker && any->kind == Call::Kind::call;
    });
    if (at == calls_.end()) return fail("a response came on a stream of no request");
    target = at->get();
  }
  if (call.kind == Call::Kind::batch) {
    const auto at = std::find_if(call.members.begin(), call.members.end(),
                                 [id](const Call* member) { return member->id == id; });
    if (at == call.members.end()) return fail("a response came that belongs to no member of " + call.marker);
    target = *at;
  }
  if (!is_request(*target)) return fail("a response came for what is no request");
  if (target->id != id) fail("the id " + target->id + " came back as " + std::string(id));
  if (++target->responses > 1) fail("a second response came for " + target->marker);
  if (const Json* error = json.find("error")) {
    check_error(*target, *error);
    if (target->kind == Call::Kind::initialize) initializing_ = false;
  } else {
    check_result(*target, json["result"]);
    if (target->kind == Call::Kind::initialize) initialized(*target);
  }
}

void SimClient::check_result(const Call& call, const Json& result) {
  if (call.kind != Call::Kind::call) return;
  if (result["resultType"].string_or("") == "input_required") return on_input_required(call, result);
  const Bytes text = result["content"][0]["text"].string_or("");
  if (text.substr(0, text.find(' ')) != call.marker)
    fail("the result of " + std::string(text.substr(0, 40)) + " came for " + call.marker);
  if (world_.seen[call.marker] != 1) fail("a result came for " + call.marker + ", which never ran");
}

void SimClient::on_input_required(const Call& call, const Json& result) {
  const Bytes state = result["requestState"].string_or("");
  const Bytes asked = result["inputRequests"]["who"]["params"]["message"].string_or("");
  if (options_.era == Era::legacy || state.substr(0, state.find(' ')) != call.marker || asked != call.marker)
    return fail("the question of " + std::string(asked) + " came for " + call.marker);
  if (world_.seen[call.marker] != 1) fail("a question came for " + call.marker + ", which never ran");
  if (winding_down_ || world_.chance(10)) return;  // nobody will answer
  retries_.push_back({call.marker, std::string(state)});
}

// The whole reply to a batch, where it is no event stream.
void SimClient::on_array(Call& batch, Bytes text) {
  const PaddedString array(text);
  for (const JsonSpan element :
       json_children(array.view(), JsonSpan{0, 0, static_cast<std::uint32_t>(array.size())}))
    on_message(batch, element.in(array.view()));
}

void SimClient::on_batch_end(Call& batch) {
  if (batch.status == 200 && !batch.sse) on_message(batch, std::string(batch.body));
  if (batch.status == 200) ++world_.batches;
  for (Call* member : batch.members) {
    member->over = true;
    if (batch.status != 200 && batch.status != 202) member->excused = true;  // refused as a whole
    if (member->responses == 0 && !member->excused)
      fail("the batch " + batch.marker + " ended without the response of " + member->marker);
  }
}

void SimClient::check_error(const Call& call, const Json& error) {
  if (error["code"].int64_or(0) == -32050) {
    if (error["message"].string_or("") != call.marker)
      fail("the error of " + std::string(error["message"].string_or("")) + " came for " + call.marker);
    return;
  }
  if (call.kind == Call::Kind::call && error["data"]["outcome"].string_or("") == "not_sent" &&
      world_.seen[call.marker] > 0)
    fail("not_sent was said of " + call.marker + ", which ran");
}

Call* SimClient::by_token(Call& call, Bytes token) {
  for (const auto& any : calls_)
    if (any->token == token && any->kind == Call::Kind::call &&
        (any->marker == call.marker || (any->batch != nullptr && any->batch == &call)))
      return any.get();
  return nullptr;
}

void SimClient::on_notification(Call& call, Bytes method, Bytes text, const Json& json) {
  const Json& params = json["params"];
  if (method == "notifications/progress") {
    Call* of = by_token(call, raw_member(text, {"params", "progressToken"}));
    if (of == nullptr) return fail("progress with another's token came for " + call.marker);
    if (params["message"].string_or("") != of->marker) fail("another's progress came for " + of->marker);
    const double progress = params["progress"].double_or(0);
    if (progress <= of->progress) fail("progress of " + of->marker + " did not grow");
    if (!of->excused && progress != of->progress + 1) fail("progress of " + of->marker + " was lost");
    if (of->responses > 0) fail("progress came after the response of " + of->marker);
    of->progress = progress;
    return;
  }
  if (method == "notifications/message" || method == "sim/news") {
    const Bytes marker = params["data"].string_or("");
    if (options_.era == Era::legacy ? !is_ours(call, marker) : marker != call.marker)
      fail("a line of " + std::string(marker) + " came for " + call.marker);
    return;
  }
  if (method != "notifications/tools/list_changed" && method != "notifications/subscriptions/acknowledged")
    return fail("got " + std::string(method));
  if (options_.era == Era::legacy) return;
  if (call.kind != Call::Kind::listen || raw_member(text, {"params", "_meta", subscription_key}) != call.id)
    fail("news of another subscription came for " + call.marker);
}

void SimClient::on_ask(const Call& call, Bytes id, const Json& params) {
  const Bytes marker = params["message"].string_or("");
  if (!is_ours(call, marker)) return fail("was asked the question of " + std::string(marker));
  if (winding_down_ || session_.empty() || call.generation != generation_ || world_.chance(10))
    return;  // nobody will answer
  std::string content = R"({"action":"accept","content":{"marker":)";
  append_json_string(content, marker);
  answers_.push_back(make_response(id, content + "}}"));
  if (world_.chance(60)) answer_ask();
}

void SimClient::initialized(Call& call) {
  initializing_ = false;
  if (call.session.empty()) return fail("initialize was answered without a session id");
  if (call.generation != generation_) return;
  session_ = call.session;
  world_.transcript.line(name_, "has a session");
  note(make_notification("notifications/initialized"));
  if (!winding_down_ && world_.chance(70)) open_get({}, nullptr);
}

// An answer with another status than 200 and 202.
void SimClient::on_refusal(Call& call) {
  world_.transcript.line(name_, "is refused: " + call.body);
  if (call.knocks && call.status != 404 && call.status != 503) fail("another's session was not refused");
  if (call.status == 404 && !call.knocks && call.generation == generation_ && !session_.empty() &&
      options_.era == Era::legacy && call.kind != Call::Kind::nonsense)
    session_lost();
  if (!is_request(call)) return;
  if (call.kind == Call::Kind::initialize) initializing_ = false;
  const auto json = Json::parse(call.body);
  if (++call.responses > 1) fail("a second response came for " + call.marker);
  if (!json) {  // refused as HTTP, before anything was seen of the message
    if (call.status != 503 && call.status != 408) fail("a refusal without an error: " + call.body);
    return;
  }
  const std::string id = raw_member(call.body, {"id"});
  if (id != call.id && id != "null") fail("the id " + call.id + " came back as " + id);
  check_error(call, (*json)["error"]);
}

void SimClient::on_end(Call& call) {
  call.over = true;
  const bool is_success = call.status == 200 || call.status == 202 || call.status == 204;
  if (call.kind == Call::Kind::nonsense) {
    if (call.status != 0 && call.status < 400) fail("nonsense was taken");
    return;
  }
  if (call.kind == Call::Kind::batch) on_batch_end(call);
  if (!is_success) return on_refusal(call);
  if (call.knocks) fail("another's session was opened");
  if (!is_request(call)) return;
  if (call.status == 200 && !call.sse) on_message(call, std::string(call.body));
  if (call.responses == 0 && !call.excused)
    fail("the reply of " + call.marker + " ended without a response, status " + std::to_string(call.status));
  if (call.kind == Call::Kind::initialize && call.responses == 0) initializing_ = false;
}

void SimClient::on_lost(Call& call, std::string_view why) {
  world_.transcript.line(name_, "lost " + call.marker + ": " + std::string(why));
  call.over = true;
  if (call.kind == Call::Kind::initialize) initializing_ = false;
  if (is_request(call) && call.responses == 0 && !call.excused && !world_.tight)
    fail("the connection of " + call.marker + " was " + std::string(why) + " before its response");
  for (const Call* member : call.members)
    if (member->responses == 0 && !member->excused && !world_.tight)
      fail("the connection of " + call.marker + " was " + std::string(why) + " before all its responses");
  call.excuse();
  for (Call* member : call.members) member->over = true;
}

void SimClient::check_ended() {
  for (const auto& call : calls_)
    if (!call->over && call->kind != Call::Kind::nonsense) fail("nothing ended " + call->marker);
}

}  // namespace sluice::sim
