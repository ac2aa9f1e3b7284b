// SPDX-License-Identifier: Apache-2.0
#include "gateway/shared_child.h"

#include <algorithm>
#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "gateway/stdio_upstream.h"
#include "mcp/era_questions.h"
#include "mcp/errors.h"
#include "mcp/own_name.h"

namespace sluice {

namespace {

// Names of our own requests on the channel; clients' begin behind them.
constexpr ClientRef own_tools = 1;
constexpr ClientRef own_listen = 2;
constexpr ClientRef first_client = 16;

}  // namespace

SharedChild::SharedChild(StdioUpstream& upstream)
    : upstream_(upstream),
      multiplex_(upstream.context().reactor.limits().json,
                 upstream.context().reactor.limits().upstream.calls_in_flight_max),
      scanner_(upstream.context().reactor.limits().json),
      tools_(upstream.context().reactor.limits().upstream.tools_max),
      next_ref_(first_client),
      restart_(
          [](void* self) {
            auto* shared = static_cast<SharedChild*>(self);
            if (shared->phase_ == Phase::unknown) return shared->probe();
            if (shared->phase_ == Phase::legacy) return shared->let_child_go();
            if (!shared->waiting_.empty()) shared->dispatch_waiting();
          },
          this),
      tools_wait_([](void* self) { static_cast<SharedChild*>(self)->on_tools_wait(); }, this) {
  verdict_.why = "its configuration says so";
  if (upstream_.config().era == EraSetting::modern) {
    phase_ = Phase::modern;
    verdict_.eras = {EraStanding::no, EraStanding::yes};
  }
  if (upstream_.config().era == EraSetting::legacy) {
    phase_ = Phase::legacy;
    verdict_.eras = {EraStanding::yes, EraStanding::no};
  }
}

SharedChild::~SharedChild() = default;

void SharedChild::start() {
  if (phase_ == Phase::unprobed) probe();
}

void SharedChild::ask_eras() {
  if (phase_ == Phase::unprobed || (phase_ == Phase::unknown && !restart_.armed())) probe();
}

void SharedChild::doubt(Era belied) {
  const Reactor& reactor = upstream_.context().reactor;
  is_belied_ = is_belied_ || belied == Era::modern;
  if (reactor.now() - probed_at_ >= reactor.limits().upstream.doubted_for) probe_again();
}

void SharedChild::child_was_started() {
  const Reactor& reactor = upstream_.context().reactor;
  if (reactor.now() - probed_at_ >= reactor.limits().upstream.legacy_believed && upstream_.has_room())
    probe_again();
}

bool SharedChild::yield_place() {
  if (std::exchange(probe_again_, nullptr) == nullptr) return false;
  probed_at_ -=
      upstream_.context().reactor.limits().upstream.legacy_believed;  // the next start is soon enough
  return true;
}

void SharedChild::warm_up() {
  if (phase_ == Phase::modern) (void)ensure_child();
}

UpstreamEras SharedChild::eras() const { return verdict_.eras; }

void SharedChild::stop() {
  restart_.cancel();
  tools_wait_.cancel();
  probe_again_.reset();
  if (probe_) {
    probe_.reset();
    if (phase_ == Phase::probing) phase_ = Phase::unprobed;
    if (verdict_.eras.legacy == EraStanding::pending) verdict_.eras.legacy = EraStanding::unknown;
    if (verdict_.eras.modern == EraStanding::pending) verdict_.eras.modern = EraStanding::unknown;
  }
  if (link_) upstream_.retire(std::move(link_));
}

UpstreamState SharedChild::state() const {
  UpstreamState state;
  state.children = (link_ ? 1U : 0U) + (probe_ ? 1U : 0U) + (probe_again_ ? 1U : 0U);
  state.calls = open_.size() + waiting_.size();
  state.usable = (phase_ == Phase::legacy || phase_ == Phase::modern) && !never_ran_;
  switch (phase_) {
    case Phase::unprobed: state.detail = "not asked for its era yet"; break;
    case Phase::probing: state.detail = "being asked for its era"; break;
    case Phase::legacy: state.detail = "legacy: " + verdict_.why; break;
    case Phase::modern:
      state.detail = verdict_.eras.legacy == EraStanding::yes ? "modern and legacy" : "modern";
      break;
    case Phase::unknown: state.detail = "its era is unknown: " + verdict_.why; break;
  }
  if (!last_failure_.empty()) state.detail += "; last failure: " + last_failure_;
  return state;
}

void SharedChild::probe() {
  phase_ = Phase::probing;
  probed_at_ = upstream_.context().reactor.now();
  verdict_.eras = {EraStanding::pending, EraStanding::pending};
  probe_ = probe_command(upstream_.context(), upstream_.config(),
                         [this](EraVerdict verdict) { probed(std::move(verdict)); });
}

void SharedChild::probed(EraVerdict verdict) {
  verdict_ = std::move(verdict);
  const UpstreamEras eras = verdict_.eras;
  const bool asks_on = eras.legacy == EraStanding::pending;
  const std::unique_ptr<EraProbe> done = asks_on ? nullptr : std::move(probe_);
  const bool is_news = phase_ == Phase::probing;
  phase_ = eras.modern == EraStanding::yes  ? Phase::modern
           : eras.modern == EraStanding::no ? Phase::legacy
                                            : Phase::unknown;
  if (phase_ == Phase::unknown) {
    back_off();
  } else if (is_news) {
    restarts_ = 0;
  }
  if (!asks_on) log_verdict();
  if (is_news && phase_ == Phase::modern) dispatch_waiting();
  if (is_news && phase_ != Phase::modern) refuse_waiting(refusal_sentence());
  upstream_.eras_known();
}

void SharedChild::log_verdict() const {
  upstream_.context()
      .log.info("upstream probed")
      .field("upstream", upstream_.config().name)
      .field("legacy", verdict_.eras.legacy == EraStanding::yes)
      .field("modern", verdict_.eras.modern == EraStanding::yes)
      .field("why", verdict_.why);
}

void SharedChild::probe_again() {
  const bool is_known = phase_ == Phase::legacy || phase_ == Phase::modern;
  if (upstream_.config().era != EraSetting::automatic || !is_known || probe_ || probe_again_) return;
  probed_at_ = upstream_.context().reactor.now();
  probe_again_ = probe_command(upstream_.context(), upstream_.config(),
                               [this](EraVerdict verdict) { probed_again(std::move(verdict)); });
}

void SharedChild::probed_again(EraVerdict verdict) {
  if (verdict.eras.legacy == EraStanding::pending) return;  // what is known is good enough for that long
  const std::unique_ptr<EraProbe> done = std::move(probe_again_);
  const bool is_belied = std::exchange(is_belied_, false);
  if (verdict.eras.modern == EraStanding::unknown) return;
  // A sibling that exits is taken for a legacy one, and may just have failed.
  if (verdict.eras.modern == EraStanding::no && link_ && has_spoken_ && !is_belied) return;
  verdict_ = std::move(verdict);
  phase_ = verdict_.eras.modern == EraStanding::yes ? Phase::modern : Phase::legacy;
  log_verdict();
  if (phase_ == Phase::legacy) {
    refuse_waiting(refusal_sentence());
    let_child_go();
  }
  upstream_.eras_known();
}

void SharedChild::let_child_go() {
  if (!link_ || !open_.empty()) return;
  static_cast<void>(multiplex_.lost());
  tools_.invalidate();
  tools_wait_.cancel();
  upstream_.retire(std::move(link_));
}

std::string SharedChild::refusal_sentence() const {
  const std::string& name = upstream_.config().name;
  if (phase_ == Phase::unknown) return "the era of upstream '" + name + "' is not known: " + verdict_.why;
  return "upstream '" + name + "' speaks only MCP up to 2025-11-25 (" + verdict_.why +
         "); this client sent a 2026-07-28 request: begin with initialize";
}

void SharedChild::open(Exchange& exchange) {
  const bool is_not_asked_yet = phase_ == Phase::unknown && restart_.armed();
  if (phase_ == Phase::legacy || is_not_asked_yet) return refuse(exchange, refusal_sentence());
  if (phase_ == Phase::modern) return dispatch(exchange);
  if (hold(exchange) && phase_ != Phase::probing) probe();
}

bool SharedChild::hold(Exchange& exchange) {
  if (waiting_.size() < upstream_.context().reactor.limits().upstream.calls_in_flight_max) {
    waiting_.push_back(&exchange);
    return true;
  }
  upstream_.ends().refuse(
      exchange, refusals::overloaded("too many calls wait for upstream '" + upstream_.config().name + "'"));
  return false;
}

bool SharedChild::ensure_child() {
  if (link_) return true;
  if (restart_.armed()) return false;
  auto link = ChildLink::start(upstream_.context(), upstream_.config(), *this);
  if (!link) {
    last_failure_ = link.error().message;
    refuse_waiting(last_failure_);
    return false;
  }
  link_ = std::move(*link);
  has_spoken_ = false;
  started_ = upstream_.context().reactor.now();
  child_was_started();
  return true;
}

void SharedChild::dispatch(Exchange& exchange) {
  const ClientRequest& request = exchange.request();
  const bool wants_headers = request.over_http && request.message.envelope().method == "tools/call";
  if (!hold(exchange) || !ensure_child()) return;
  if (wants_headers && tools_.state() != ToolHeaders::State::fresh) return fetch_tools();
  waiting_.pop_back();
  send(exchange);
}

void SharedChild::dispatch_waiting() {
  // Those that have to wait again line up behind.
  for (std::size_t due = waiting_.size(); due != 0 && !waiting_.empty(); --due) {
    Exchange* exchange = waiting_.front();
    waiting_.pop_front();
    dispatch(*exchange);
  }
}

void SharedChild::refuse_waiting(const std::string& sentence) {
  for (Exchange* exchange : std::exchange(waiting_, {})) refuse(*exchange, sentence);
}

void SharedChild::refuse(Exchange& exchange, const std::string& sentence) {
  const bool is_legacy = phase_ == Phase::legacy;
  Refusal refusal =
      is_legacy ? refusals::invalid_request(sentence) : refusals::upstream_lost(Outcome::not_sent);
  refusal.message = sentence;
  upstream_.ends().refuse(exchange, refusal, is_legacy ? CallStatus::refused : CallStatus::lost);
}

milliseconds SharedChild::back_off() {
  Reactor& reactor = upstream_.context().reactor;
  const UpstreamLimits& limits = reactor.limits().upstream;
  milliseconds wait = limits.restart_backoff_first;
  for (std::size_t i = 0; i < restarts_ && wait < limits.restart_backoff_max; ++i) wait *= 2;
  ++restarts_;
  wait = std::min(wait, limits.restart_backoff_max);
  reactor.arm_after(restart_, wait);
  return wait;
}

void SharedChild::send(Exchange& exchange) {
  const ClientRequest& request = exchange.request();
  const Envelope& envelope = request.message.envelope();
  if (link_->unsent() > upstream_.context().reactor.limits().net.unsent_bytes_soft)
    return upstream_.ends().refuse(
        exchange, refusals::overloaded("upstream '" + upstream_.config().name + "' does not read its input"));
  if (!link_->has_room_for(request.message.text().size()))
    return upstream_.ends().refuse(exchange, refusals::overloaded("this worker's memory budget is used up"));
  if (request.over_http && envelope.method == "tools/call")
    if (const auto refusal = tools_.check(request)) return upstream_.ends().refuse(exchange, *refusal);
  const ClientRef ref = next_ref_++;
  const auto text = multiplex_.outbound(envelope, ref);
  if (!text) return upstream_.ends().refuse(exchange, refusals::overloaded(text.error().message));
  open_.emplace(ref, &exchange);
  refs_.emplace(&exchange, ref);
  link_->send(*text);
}

void SharedChild::cancelled(Exchange& exchange, CancelReason reason) {
  upstream_.ends().cancelled(exchange, reason);
  std::erase(waiting_, &exchange);
  const auto at = refs_.find(&exchange);
  if (at == refs_.end()) return;
  const ClientRef ref = at->second;
  open_.erase(ref);
  refs_.erase(at);
  const auto notice = multiplex_.cancel(ref);
  if (notice && link_) link_->send(*notice);
  if (phase_ == Phase::legacy) upstream_.context().reactor.arm_after(restart_, Duration(0));
}

void SharedChild::on_child_message(ClientMessage message) {
  never_ran_ = false;
  has_spoken_ = true;
  const Routed routed = multiplex_.inbound(message.envelope());
  if (routed.kind == Routed::Kind::reply) {
    link_->send(routed.text);
    return;
  }
  if (routed.kind != Routed::Kind::response && routed.kind != Routed::Kind::notification) return;
  if (routed.ref < first_client) return on_own_message(routed.ref, routed.text);
  const auto at = open_.find(routed.ref);
  if (at == open_.end()) return;
  Exchange& exchange = *at->second;
  if (routed.kind == Routed::Kind::notification) {
    exchange.notify(routed.text);
    return;
  }
  refs_.erase(&exchange);
  open_.erase(at);
  if (era_questions::belies_modern(exchange.request().message.envelope().method, message.envelope()))
    doubt(Era::modern);
  if (phase_ == Phase::legacy) upstream_.context().reactor.arm_after(restart_, Duration(0));
  if (exchange.request().over_http && exchange.request().message.envelope().method == "tools/list") {
    ClientMessage rewritten;
    if (rewritten.take(scanner_, PaddedString(routed.text)).ok())
      if (const auto kept = without_broken_tools(rewritten.envelope()))
        return upstream_.ends().finish(exchange, message.envelope(), *kept);
  }
  upstream_.ends().finish(exchange, message.envelope(), routed.text);
}

// What it wrote may be about a call of another client than the one that reads it: where clients are told
// apart, only the log and the operator see it.
void SharedChild::on_child_gone(const ChildEnd& end) {
  last_failure_ = end.whole();
  const auto sentence_for = [end](const Exchange& exchange) {
    return exchange.request().principal == Principal() ? end.whole() : end.why;
  };
  const UpstreamContext& context = upstream_.context();
  never_ran_ = end.never_ran;
  if (context.reactor.now() - started_ >= context.reactor.limits().upstream.steady_after) restarts_ = 0;
  // Some servers exit on a question that they do not know, again and again.
  if (!has_spoken_ && !never_ran_ && restarts_ > 1) doubt(Era::modern);
  const milliseconds wait = back_off();
  context.log.warning("shared child lost")
      .field("upstream", upstream_.config().name)
      .field("why", last_failure_)
      .field("calls", open_.size())
      .field("restart_ms", wait.count());

  link_.reset();
  tools_.invalidate();
  tools_wait_.cancel();
  const std::vector<ClientRef> lost = multiplex_.lost();
  std::unordered_map<ClientRef, Exchange*> open = std::exchange(open_, {});
  refs_.clear();
  for (const ClientRef ref : lost) {
    const auto at = open.find(ref);
    if (at == open.end()) continue;
    Refusal refusal = refusals::upstream_lost(Outcome::sent_unknown);
    refusal.message = sentence_for(*at->second);
    upstream_.ends().refuse(*at->second, refusal, CallStatus::lost);
  }
  for (Exchange* exchange : std::exchange(waiting_, {})) refuse(*exchange, sentence_for(*exchange));
}

bool SharedChild::send_own(ClientRef ref, const std::string& request) {
  ClientMessage message;
  if (!message.take(scanner_, PaddedString(request)).ok()) return false;
  const auto text = multiplex_.outbound(message.envelope(), ref);
  if (text) link_->send(*text);
  return static_cast<bool>(text);
}

void SharedChild::fetch_tools() {
  if (tools_wait_.armed()) return;
  tools_.begin();
  pages_ = 0;
  // The one that is open stays, so there is one subscription a child.
  static_cast<void>(send_own(
      own_listen, make_request("0", "subscriptions/listen",
                               R"({"notifications":{"toolsListChanged":true},)" + own_request_meta() + "}")));
  const bool is_asked = send_own(own_tools, make_request("0", "tools/list", "{" + own_request_meta() + "}"));
  Reactor& reactor = upstream_.context().reactor;
  reactor.arm_after(tools_wait_, is_asked ? reactor.limits().bridge.tools_wait : Duration::zero());
}

bool SharedChild::next_tools_page(const std::string& cursor) {
  std::string params = R"({"cursor":)";
  append_json_string(params, cursor);
  params += "," + own_request_meta() + "}";
  return send_own(own_tools, make_request("0", "tools/list", params));
}

// The child does not answer, or had no room for our question; then the next call asks it again.
void SharedChild::on_tools_wait() {
  const auto notice = multiplex_.cancel(own_tools);
  if (notice && link_) link_->send(*notice);
  upstream_.context()
      .log.warning("tool list not to be had")
      .field("upstream", upstream_.config().name)
      .field("why", notice ? "it took too long" : "too many calls are in flight");
  tools_read();
  if (!notice) tools_.invalidate();
}

void SharedChild::tools_read() {
  tools_wait_.cancel();
  if (tools_.state() != ToolHeaders::State::fresh) tools_.give_up();
  dispatch_waiting();
}

void SharedChild::on_own_message(ClientRef ref, const std::string& text) {
  const auto json = Json::parse(text);
  if (ref == own_listen) {
    if (json && (*json)["method"].string_or("") == "notifications/tools/list_changed") tools_.invalidate();
    return;
  }
  // What cannot be read, has no end or a cursor that fills a message is done without.
  if (const Json* result = json ? json->find("result") : nullptr; result != nullptr) {
    const auto cursor = tools_.take_page(*result);
    if (cursor && ++pages_ < upstream_.context().reactor.limits().upstream.tool_pages_max &&
        next_tools_page(*cursor))
      return;
  }
  tools_read();
}

}  // namespace sluice
