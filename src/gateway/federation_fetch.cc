// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_fetch.h"

#include <utility>

#include "codec/json_writer.h"
#include "gateway/federation_call.h"

namespace sluice {

class ListFetch::Call final : public FederatedCall {
 public:
  Call(FederationState& state, ListFetch& fetch) : FederatedCall(state, fetch), fetch_(fetch) {}

  void start() override {
    const Method& method = method_of(fetch_.place_.form->method);
    std::string members;
    if (fetch_.place_.cursor) {
      members = "\"cursor\":";
      append_json_string(members, *fetch_.place_.cursor);
    }
    Leg leg;
    leg.upstream = fetch_.place_.upstream;
    leg.text = own_request(method.text, members);
    leg.within = state().upstreams[fetch_.place_.upstream].timeout;
    leg.may_open = true;
    leg.needs = method.needs;
    send(std::move(leg));
  }

 private:
  void answered(std::size_t, int, Bytes response) override {
    fetch_.owner_.fetched(fetch_, read_answer(state(), response));
  }
  void failed(std::size_t, int, const Refusal& refusal) override {
    UpstreamAnswer answer;
    answer.failure = refusal;
    fetch_.owner_.fetched(fetch_, std::move(answer));
  }

  ListFetch& fetch_;
};

ListFetch::ListFetch(FederationState& state, FetchOwner& owner, ListPlace place, ClientRequest like,
                     Session* session)
    : Exchange(std::move(like), session), owner_(owner), place_(std::move(place)) {
  attachment = std::make_unique<Call>(state, *this);
}

void ListFetch::start() { static_cast<Call*>(attachment.get())->start(); }

void ListFetch::cancel() { static_cast<Call*>(attachment.get())->cancelled(CancelReason::client); }

std::size_t ListFetch::notify(Bytes) { return all_room; }

std::size_t ListFetch::ask(Bytes message) {
  return session() != nullptr ? session()->send(message) : all_room;
}

}  // namespace sluice
