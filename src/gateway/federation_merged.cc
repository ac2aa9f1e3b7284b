// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_merged.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "gateway/federation_catalogue.h"
#include "mcp/modern.h"

namespace sluice {

namespace {

constexpr int of_all = 0;  // tag of a leg that is one of many

}  // namespace

// --- Asking all ---

FanOut::FanOut(FederationState& state, Exchange& client)
    : FederatedCall(state, client), give_up_([](void* self) { static_cast<FanOut*>(self)->check(); }, this) {}

void FanOut::ask_all(const std::function<std::string()>& request, ServerCapability needs) {
  answers_.clear();
  answers_.resize(upstreams());
  asking_ = true;
  started_ = state().parts.reactor.now();
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) {
    Leg leg;
    leg.upstream = upstream;
    leg.tag = of_all;
    leg.text = request();
    leg.needs = needs;
    send(std::move(leg));
  }
  asking_ = false;
  check();
}

void FanOut::check() {
  if (asking_) return;
  give_up_.cancel();
  if (legs() == 0) return settled();
  milliseconds longest{0};
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream)
    if (is_open(upstream)) longest = std::max(longest, patience_for(upstream));
  if (state().parts.reactor.now() < started_ + longest)
    return state().parts.reactor.arm(give_up_, started_ + longest);
  if (!may_go_without()) return;  // the next answer leads here again
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) {
    if (!is_open(upstream)) continue;
    answers_[upstream].failure = refusals::timed_out(Outcome::sent_unknown);
    given_up(upstream);
  }
  cancelled(CancelReason::timed_out);
  settled();
}

void FanOut::answered(std::size_t upstream, int, Bytes response) {
  answers_[upstream] = read_answer(state(), response);
  check();
}

void FanOut::failed(std::size_t upstream, int, const Refusal& refusal) {
  answers_[upstream].failure = refusal;
  check();
}

void FanOut::warn_of(std::size_t upstream) {
  const UpstreamAnswer& answer = answers_[upstream];
  if (answer.failure && !answer.is_absent())
    state().warn(upstream, envelope().method, answer.failure->message);
}

void FanOut::refuse_all() {
  Refusal refusal = refusals::method_not_found(envelope().method, client().request().era);
  for (std::size_t upstream = 0; upstream < answers_.size(); ++upstream) {
    if (!answers_[upstream].failure || answers_[upstream].is_absent()) continue;
    refusal = *answers_[upstream].failure;
    break;
  }
  state().refuse(client(), refusal);
}

// --- Handshakes ---

DiscoverCall::~DiscoverCall() {
  if (lists_) lists_->forget(*this);
}

void DiscoverCall::start() {
  lists_ = state().catalogue->caller_of(client());
  answers_.resize(upstreams());
  ask();
}

// Those of whom nothing has come.
void DiscoverCall::ask() {
  is_asking_ = true;
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) {
    if (answers_[upstream].page || (answers_[upstream].failure && !answers_[upstream].is_stale)) continue;
    ++awaited_;
    lists_->want(ListPlace{upstream, &discover_form}, *this);
  }
  is_asking_ = false;
  if (awaited_ == 0) settled();
}

void DiscoverCall::page_ready(std::size_t upstream, PageAnswer answer) {
  answers_[upstream] = std::move(answer);
  if (--awaited_ == 0 && !is_asking_) settled();
}

void DiscoverCall::settled() {
  MergedServers servers;
  bool any = false, is_late = false;
  for (const PageAnswer& given : answers_) {
    any = any || given.page;
    is_late = is_late || (!given.page && given.is_stale);
  }
  if (!any && is_late) return ask();  // somebody has to answer
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) {
    const PageAnswer& given = answers_[upstream];
    if (given.page) {
      const Duration age = state().parts.reactor.now() - given.page->fetched;
      servers.add(upstreams() == 1 ? Bytes() : state().upstreams[upstream].name,
                  given.page->response()->envelope(), std::chrono::duration_cast<milliseconds>(age));
    } else {
      state().warn(upstream, envelope().method, given.failure->message);
    }
    if (!given.page || given.is_stale) servers.is_partial();
  }
  if (any)
    return finish(
        servers.discover_result({all_revisions.rbegin(), all_revisions.rend()}, federation_server_info()));
  const auto said = std::find_if(answers_.begin(), answers_.end(), [](const PageAnswer& given) {
    return given.failure->code != rpc::method_not_found;
  });
  const Refusal refusal =
      said != answers_.end() ? *said->failure : refusals::method_not_found(envelope().method, Era::modern);
  state().refuse(client(), refusal);
}

void InitializeCall::start() {
  client().session()->attachment = std::make_unique<FederatedSession>(state(), client());
  ask_all([] { return std::string(); }, ServerCapability::none);
}

milliseconds InitializeCall::patience_for(std::size_t upstream) {
  return session()->shared_lists().patience(ListPlace{upstream, &initialize_form});
}

bool InitializeCall::may_go_without() {
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream)
    if (answer(upstream).message || session()->shared_lists().greeting(upstream) != nullptr) return true;
  return false;
}

void InitializeCall::given_up(std::size_t upstream) {
  late_.insert(upstream);
  session()->shared_lists().greeted_late(upstream);
}

// The session is open; its answer is read when all are.
void InitializeCall::answered(std::size_t upstream, int tag, Bytes) {
  const ClientMessage* hello = session()->hello(upstream);
  FanOut::answered(upstream, tag, hello != nullptr ? hello->text() : Bytes());
}

void InitializeCall::settled() {
  const Revision revision = negotiate_legacy(envelope().protocol_version);
  MergedServers servers(revision == Revision::r2025_11_25);
  bool any = !late_.empty();  // then something is known of one
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) {
    const UpstreamAnswer& given = answer(upstream);
    const ClientMessage* said =
        given.message ? &*given.message : session()->shared_lists().greeting(upstream);
    if (said != nullptr) {
      servers.add(upstreams() == 1 ? Bytes() : state().upstreams[upstream].name, said->envelope());
      any = any || given.message;
      continue;
    }
    if (late_.contains(upstream)) servers.expects_more();
    servers.is_partial();
    state().warn(upstream, envelope().method, given.failure ? given.failure->message : std::string());
  }
  session()->hellos_read();
  if (!any) return refuse_all();
  finish(servers.initialize_result(revision, federation_server_info()));
}

// --- The log level ---

void SetLevelCall::start() {
  if (!is_log_level(envelope().view(envelope().level)))
    return state().refuse(client(),
                          refusals::invalid_params("level is none of the eight of logging/setLevel"));
  session()->level_set(envelope().view(envelope().level));
  ask_all(
      [this] {
        return own_request(envelope().method, "\"level\":" + std::string(envelope().view(envelope().level)));
      },
      ServerCapability::logging);
}

void SetLevelCall::settled() {
  bool any = false;
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) {
    any = any || answer(upstream).message.has_value();
    warn_of(upstream);
  }
  if (!any) return refuse_all();
  finish("{}");
}

}  // namespace sluice
