// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_call.h"

#include <algorithm>
#include <utility>

#include "codec/jsonrpc.h"
#include "gateway/federation_catalogue.h"

namespace sluice {

FederatedCall::FederatedCall(FederationState& state, Exchange& client)
    : state_(state),
      client_(client),
      client_session_(client.session()),
      late_([](void* self) { static_cast<FederatedCall*>(self)->be_late(); }, this) {}

FederatedCall::~FederatedCall() { cancelled(CancelReason::peer_gone); }

void FederatedCall::cancelled(CancelReason reason) {
  if (legs_.empty()) return;
  if (session() != nullptr) session()->forget(*this);
  while (!legs_.empty()) {
    Leg leg = take(legs_.begin()->first);
    if (leg.inner) leg.inner->cancel(reason);
    if (leg.inner && session() != nullptr) session()->exchange_over(*leg.inner);
    state_.bury(std::move(leg.inner));
  }
}

void FederatedCall::drained() {
  for (auto& [number, leg] : legs_)
    if (leg.inner) leg.inner->drained();
}

FederatedCall::Leg FederatedCall::take(std::uint64_t number) {
  const auto found = legs_.find(number);
  if (found == legs_.end()) return {};
  Leg leg = std::move(found->second);
  legs_.erase(found);
  return leg;
}

milliseconds FederatedCall::patience(std::size_t upstream) const {
  const bool is_late = state_.catalogue->is_late(client_.request().principal.name, upstream);
  return is_late ? state_.limits().federation.refresh_wait : state_.upstreams[upstream].timeout;
}

void FederatedCall::expect_late() {
  Instant due = never;
  for (const auto& [number, leg] : legs_) due = std::min(due, leg.due);
  if (due == never) {
    late_.cancel();
  } else {
    state_.parts.reactor.arm(late_, due);
  }
}

// One at a time: it may be the last thing this does.
void FederatedCall::be_late() {
  const Instant now = state_.parts.reactor.now();
  const auto found =
      std::find_if(legs_.begin(), legs_.end(), [now](const auto& one) { return one.second.due <= now; });
  if (found == legs_.end()) return expect_late();
  if (session() != nullptr) session()->forget(*this, found->first);
  Leg leg = take(found->first);
  expect_late();
  if (leg.inner) leg.inner->cancel(CancelReason::timed_out);
  if (leg.inner && session() != nullptr) session()->exchange_over(*leg.inner);
  state_.bury(std::move(leg.inner));
  failed(leg.upstream, leg.tag, refusals::timed_out(Outcome::sent_unknown));
}

void FederatedCall::send(Leg leg) {
  const std::uint64_t number = next_leg_++;
  const std::size_t upstream = leg.upstream;
  const bool counts = leg.within != milliseconds(0) && !leg.may_open;
  if (counts) leg.due = state_.parts.reactor.now() + leg.within;
  legs_.emplace(number, std::move(leg));
  if (counts) expect_late();
  if (FederatedSession* of_all = session()) return of_all->ready(upstream, *this, number);
  launch(number, nullptr);
}

void FederatedCall::session_ready(std::uint64_t number, InnerSession& session) { launch(number, &session); }

void FederatedCall::session_failed(std::uint64_t number, const std::string& why) {
  if (!legs_.contains(number)) return;
  const Leg leg = take(number);
  Refusal refusal = refusals::upstream_lost(Outcome::not_sent);
  refusal.message = "upstream '" + state_.upstreams[leg.upstream].name + "': " + why;
  failed(leg.upstream, leg.tag, refusal);
}

void FederatedCall::launch(std::uint64_t number, InnerSession* inner_session) {
  const auto found = legs_.find(number);
  if (found == legs_.end()) return;
  Leg& leg = found->second;
  const std::size_t upstream = leg.upstream;
  if (leg.needs != ServerCapability::none && session() != nullptr &&
      !session()->offers(upstream, leg.needs)) {
    const int tag = take(number).tag;
    return failed(upstream, tag, refusals::method_not_found(envelope().method, Era::legacy));
  }
  if (leg.text.empty()) {
    const int tag = take(number).tag;
    return answered(upstream, tag, {});
  }
  auto message = state_.scan(leg.text);
  if (!message) {
    const int tag = take(number).tag;
    return failed(upstream, tag, refusals::internal_error("a request could not be written"));
  }
  ClientRequest request = without_message(client_.request());
  request.message = *std::move(message);
  if (inner_session != nullptr) request.revision = inner_session->revision();
  if (!leg.has_headers) {
    request.param_headers.clear();
    request.over_http = false;
  }
  InnerOwner& owner = *this;
  leg.inner = std::make_unique<InnerExchange>(owner, state_.service(upstream), upstream, number,
                                              std::move(request), inner_session);
  if (leg.within != milliseconds(0) && leg.due == never) {
    leg.due = state_.parts.reactor.now() + leg.within;
    expect_late();
  }
  leg.inner->open();
}

void FederatedCall::on_answer(InnerExchange& inner, Bytes response) {
  // Who shakes hands may hang at the next list all the same.
  if (inner.request().message.envelope().method != "server/discover")
    state_.catalogue->heard(client_.request().principal.name, inner.upstream());
  if (session() != nullptr) session()->exchange_over(inner);
  Leg leg = take(inner.tag());
  state_.bury(std::move(leg.inner));
  answered(leg.upstream, leg.tag, response);
}

void FederatedCall::on_refused(InnerExchange& inner, const Refusal& refusal) {
  if (session() != nullptr) session()->exchange_over(inner);
  Leg leg = take(inner.tag());
  state_.bury(std::move(leg.inner));
  const std::string& name = state_.upstreams[leg.upstream].name;
  // An upstream that forgot its session is no reason for the client to begin anew.
  if (session() != nullptr && refusal.http_status == 404) {
    Refusal lost = refusals::upstream_lost(Outcome::not_sent);
    lost.message = "upstream '" + name + "' lost its session; send the request again";
    return failed(leg.upstream, leg.tag, lost);
  }
  failed(leg.upstream, leg.tag, refusal);
}

std::size_t FederatedCall::on_notify(InnerExchange& inner, Bytes message) {
  if (session() == nullptr) return client_.notify(message);
  const auto text = session()->translate(inner.upstream(), &inner, message);
  return text ? client_.notify(*text) : message.size() + 1;
}

std::size_t FederatedCall::on_ask(InnerExchange& inner, Bytes message) {
  if (session() == nullptr) return message.size() + 1;  // no modern server asks this way
  const auto text = session()->translate(inner.upstream(), &inner, message);
  return text ? client_.ask(*text) : message.size() + 1;
}

std::string FederatedCall::own_request(Bytes method, Bytes members) {
  const Envelope& request = envelope();
  std::string params = "{";
  if (request.meta) {
    Rewrite rewrite;
    if (request.meta_progress_token) rewrite.remove(request.meta_progress_token);
    params += "\"_meta\":" + rewrite.apply(request.text, request.meta);
  }
  if (!members.empty()) params.append(params.size() > 1 ? "," : "").append(members);
  return make_request(state_.mint_id(), method, params + "}");
}

void FederatedCall::finish(Bytes result_json) {
  client_.finish(make_response(client_.request().message.id(), result_json));
}

}  // namespace sluice
