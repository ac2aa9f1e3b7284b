// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream_session.h"

#include <algorithm>
#include <utility>

#include "codec/jsonrpc.h"
#include "gateway/upstream_call.h"
#include "mcp/errors.h"

namespace sluice {

namespace {
constexpr Bytes session_field = "Mcp-Session-Id";
constexpr std::size_t fields_expected = 8;  // of a request, with what the transport adds
}  // namespace

// A POST that is answered with 202. What the upstream says against it is logged; nobody waits for it.
struct UpstreamSession::Note final : UpstreamPostHandler {
  Note(UpstreamSession& owner, bool opens)
      : session(owner),
        is_initialized(opens),
        timer(
            [](void* self) {
              static_cast<Note*>(self)->complain("no answer");
              static_cast<Note*>(self)->finish();
            },
            this) {}
  void on_message(ClientMessage) override {}
  void on_done() override { finish(); }
  void on_refused(const HttpAnswer& answer) override {
    complain("HTTP status " + std::to_string(answer.status));
    UpstreamSession& owner = session;
    if (answer.status == 404 && owner.is_established()) {
      is_initialized = false;  // there is nothing left to open
      finish();
      return owner.lost();
    }
    finish();
  }
  void on_failed(const Error& error, Outcome) override {
    complain(error.message);
    finish();
  }
  void complain(const std::string& why) const {
    session.upstream_.context_.log.warning("an upstream did not take a message")
        .field("upstream", session.upstream_.config_.name)
        .field("why", why);
  }
  void finish() {
    UpstreamSession& owner = session;
    const bool was_initialized = is_initialized;
    std::erase_if(owner.notes_, [this](const auto& note) { return note.get() == this; });
    if (was_initialized) owner.initialized();
  }

  UpstreamSession& session;
  bool is_initialized;
  std::unique_ptr<UpstreamPost> post;
  Timer timer;  // an upstream that does not answer keeps no connection
};

UpstreamSession::UpstreamSession(HttpUpstream& upstream, Session& session)
    : upstream_(upstream),
      session_(session),
      fields_(std::make_shared<const std::vector<HeaderPair>>()),
      gate_timer_([](void* self) { static_cast<UpstreamSession*>(self)->open_gate(); }, this) {
  ++upstream_.sessions_;
}

UpstreamSession::~UpstreamSession() { --upstream_.sessions_; }

void UpstreamSession::carry(Bytes name, Bytes value) {
  std::vector<HeaderPair> fields;
  for (const HeaderPair& field : *fields_)
    if (field.name != name) fields.push_back(field);
  if (!value.empty()) fields.push_back(HeaderPair{std::string(name), std::string(value)});
  fields.shrink_to_fit();  // they live as long as the session
  fields_ = std::make_shared<const std::vector<HeaderPair>>(std::move(fields));
}

std::vector<HeaderPair> UpstreamSession::copied_fields() const {
  std::vector<HeaderPair> fields;
  fields.reserve(fields_expected);
  fields.insert(fields.end(), fields_->begin(), fields_->end());
  return fields;
}

void UpstreamSession::established(Bytes id) {
  carry(session_field, id);
  is_established_ = !id.empty();
}

void UpstreamSession::open(Exchange& exchange) {
  if (gate_closed_) {
    held_.push_back(&exchange);  // bounded by the session's exchanges in flight
    return;
  }
  UpstreamCall::start(upstream_, exchange, this, copied_fields());
}

void UpstreamSession::cancelled(Exchange& exchange, CancelReason reason) {
  if (std::erase(held_, &exchange) != 0 || reason == CancelReason::peer_gone) return;
  post_note(make_notification("notifications/cancelled",
                              R"({"requestId":)" + std::string(exchange.request().message.id()) + "}"),
            false);
}

void UpstreamSession::drained() {
  if (std::exchange(paused_, false) && listen_) listen_->resume();
}

void UpstreamSession::message(ClientMessage message) {
  const Envelope& envelope = message.envelope();
  const bool opens_gate = envelope.method == "notifications/initialized";
  if (post_note(std::string(message.text()), opens_gate)) {
    if (opens_gate) gate_closed_ = true;
    return;
  }
  // Somebody waits for an answer to a question: it must not be lost in silence. News may.
  if (opens_gate || envelope.kind != MessageKind::notification) fail("does not take what it is sent");
}

bool UpstreamSession::has_token(Bytes token) const {
  return std::any_of(calls_.begin(), calls_.end(),
                     [token](const UpstreamCall* call) { return call->has_token(token); });
}

bool UpstreamSession::post_note(std::string text, bool opens_gate) {
  if (notes_.size() >= limits().notes_max) return false;
  notes_.push_back(std::make_unique<Note>(*this, opens_gate));
  Note& note = *notes_.back();
  PostOptions options;
  options.urgent = true;
  note.post = upstream_.client_->post(std::move(text), copied_fields(), note, options);
  upstream_.context_.reactor.arm_after(note.timer, limits().note_wait);
  return true;
}

void UpstreamSession::initialized() {
  if (listen_) return open_gate();
  listen_ = upstream_.client_->listen(fields_, *this);
  upstream_.context_.reactor.arm_after(gate_timer_, limits().gate_wait);
}

void UpstreamSession::open_gate() {
  gate_timer_.cancel();
  if (!std::exchange(gate_closed_, false)) return;
  const Lifetime::Watch watch(lifetime_);
  for (Exchange* exchange : std::exchange(held_, {})) {
    UpstreamCall::start(upstream_, *exchange, this, copied_fields());
    if (!watch.alive()) return;
  }
}

void UpstreamSession::negotiated(const Envelope& response) {
  if (response.kind != MessageKind::response) return;
  const JsonSpan version = json_member(response.text, response.result, "protocolVersion");
  std::string revision;
  if (!version || !decode_json_string(response.view(version), revision)) revision.clear();
  carry("MCP-Protocol-Version", revision);
}

void UpstreamSession::on_message(ClientMessage message) {
  const MessageKind kind = message.envelope().kind;
  if (kind != MessageKind::notification && kind != MessageKind::request) return;
  if (kind == MessageKind::request)  // a call of this session waits for a person, and nothing says which
    for (UpstreamCall* call : calls_) call->leave_pool();
  if (session_.send(message.text()) == 0 && !paused_) {
    paused_ = true;
    listen_->pause();
  }
}

void UpstreamSession::on_unavailable(int status) {
  listen_.reset();
  // A server that never opened the stream has none there, whatever it thinks of the session.
  if (status == 404 && listen_was_open_ && is_established()) return lost();
  open_gate();
}

void UpstreamSession::farewell() {
  if (!std::exchange(is_established_, false)) return;
  upstream_.client_->end_session(copied_fields());
  carry(session_field, {});
}

void UpstreamSession::lost() {
  is_established_ = false;  // there is nothing to end
  carry(session_field, {});
  fail("no longer knows the session");
}

void UpstreamSession::fail(const std::string& what) {
  const std::string why = "upstream '" + upstream_.config_.name + "' " + what;
  gate_timer_.cancel();
  farewell();
  for (Exchange* exchange : std::exchange(held_, {})) {
    Refusal refusal = refusals::upstream_lost(Outcome::not_sent);
    refusal.message = why;
    upstream_.ends_.refuse(*exchange, refusal, CallStatus::lost);
  }
  for (UpstreamCall* call : std::exchange(calls_, {})) call->lost(why);
  session_.end(why);
}

}  // namespace sluice
