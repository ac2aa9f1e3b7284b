// SPDX-License-Identifier: Apache-2.0
#pragma once
// UpstreamCall: one exchange as a POST to an HTTP upstream, and its reply on the way back.
//
// Attached to its exchange and destroyed with it, which closes the POST. Knows how refusals of an upstream
// read to our client: its JSON-RPC errors are handed on, its HTTP errors become sentences of ours. Lives on
// one reactor.

#include <memory>
#include <string>
#include <vector>

#include "gateway/http_upstream.h"

namespace sluice {

class UpstreamCall final : public Attachment, private UpstreamPostHandler {
 public:
  // Posts the exchange's request. `session` is the legacy session it belongs to, or null.
  static void start(HttpUpstream& upstream, Exchange& exchange, UpstreamSession* session,
                    std::vector<HeaderPair> fields);
  UpstreamCall(const UpstreamCall&) = delete;
  UpstreamCall& operator=(const UpstreamCall&) = delete;
  ~UpstreamCall() override;

  void drained();
  // Its reply waits for a person.
  void leave_pool() {
    if (post_) post_->leave_pool();
  }
  // The upstream forgot the session this belongs to.
  void lost(const std::string& why);
  // Whether this is its progress token, raw.
  [[nodiscard]] bool has_token(Bytes token) const;

 private:
  UpstreamCall(HttpUpstream& upstream, Exchange& exchange, UpstreamSession* session);
  void on_session_id(Bytes id) override;
  void on_message(ClientMessage message) override;
  void on_done() override;
  void on_refused(const HttpAnswer& answer) override;
  void on_failed(const Error& error, Outcome outcome) override;
  // The exchange is about to be ended; nothing that comes afterwards matters. Our own end may come later.
  void leave();
  void watch_room(std::size_t room);
  void finish(const Envelope& response);
  // Whether it answers this call's request, however the id is written.
  [[nodiscard]] bool is_ours(const Envelope& response) const;
  void stray(const ClientMessage& response);
  [[nodiscard]] bool is_of_nobody(const Envelope& notification) const;
  // An upstream's error that is no JSON-RPC error, as a refusal of ours.
  [[nodiscard]] Refusal refusal_for(const HttpAnswer& answer) const;

  HttpUpstream& upstream_;
  Exchange& exchange_;
  UpstreamSession* session_;
  std::unique_ptr<UpstreamPost> post_;
  bool paused_ = false;
  bool over_ = false;
};

}  // namespace sluice
