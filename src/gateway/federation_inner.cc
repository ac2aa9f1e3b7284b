// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_inner.h"

#include <utility>

#include "gateway/federation_session.h"

namespace sluice {

InnerExchange::InnerExchange(InnerOwner& owner, Service& service, std::size_t upstream, std::uint64_t tag,
                             ClientRequest request, InnerSession* session)
    : Exchange(std::move(request), session),
      owner_(owner),
      service_(service),
      upstream_(upstream),
      tag_(tag),
      inner_session_(session),
      late_([](void* self) { static_cast<InnerExchange*>(self)->be_late(); }, this) {
  if (inner_session_ != nullptr) inner_session_->exchanges_.insert(this);
}

InnerExchange::~InnerExchange() { leave(); }

void InnerExchange::leave() {
  over_ = true;
  late_.cancel();
  if (inner_session_ == nullptr) return;
  std::exchange(inner_session_, nullptr)->exchanges_.erase(this);
}

void InnerExchange::cancel(CancelReason reason) {
  if (over_) return;
  over_ = true;
  late_.cancel();
  service_.cancelled(*this, reason);
  attachment.reset();
  leave();
}

void InnerExchange::drained() {
  if (!over_) service_.drained(*this);
}

void InnerExchange::be_late() {
  cancel(CancelReason::timed_out);
  owner_.on_refused(*this, refusals::timed_out(Outcome::sent_unknown));
}

std::size_t InnerExchange::notify(Bytes message) {
  return over_ ? all_room : owner_.on_notify(*this, message);
}

std::size_t InnerExchange::ask(Bytes message) { return over_ ? all_room : owner_.on_ask(*this, message); }

void InnerExchange::finish(Bytes response) {
  if (over_) return;
  leave();
  owner_.on_answer(*this, response);
}

void InnerExchange::refuse(int http_status, int code, std::string_view sentence, std::string_view data) {
  if (over_) return;
  leave();
  owner_.on_refused(*this, Refusal{http_status, code, std::string(sentence), std::string(data)});
}

InnerSession::InnerSession(FederatedSession& owner, std::size_t upstream, Principal principal,
                           Revision revision)
    : Session(std::move(principal), revision), owner_(owner), upstream_(upstream) {}

InnerSession::~InnerSession() {
  for (InnerExchange* exchange : exchanges_) exchange->inner_session_ = nullptr;
}

std::size_t InnerSession::send(Bytes message) { return over_ ? all_room : owner_.on_message(*this, message); }

void InnerSession::end(std::string_view why) {
  if (std::exchange(over_, true)) return;
  const std::string sentence(why);
  while (!exchanges_.empty()) {
    Refusal refusal = refusals::upstream_lost(Outcome::sent_unknown);
    refusal.message = sentence;
    (*exchanges_.begin())->refuse(refusal.http_status, refusal.code, refusal.message, refusal.data_json);
  }
  owner_.on_ended(*this, sentence);
}

}  // namespace sluice
