// SPDX-License-Identifier: Apache-2.0
#pragma once
// UpstreamSession: what a legacy session of ours has at an HTTP upstream: a session id, a revision, a
// standalone stream.
//
// After `notifications/initialized` it holds requests back until the upstream has taken it and the standalone
// stream is open, so that nothing overtakes the handshake and no early ask is lost. Attached to its session.
// Lives on one reactor. Spec: 2025-11-25 basic/lifecycle, basic/transports; ledger D6.3.

#include <memory>
#include <string>
#include <vector>

#include "base/lifetime.h"
#include "gateway/http_upstream.h"

namespace sluice {

class UpstreamSession final : public Attachment, private UpstreamListenHandler {
 public:
  UpstreamSession(HttpUpstream& upstream, Session& session);
  UpstreamSession(const UpstreamSession&) = delete;
  UpstreamSession& operator=(const UpstreamSession&) = delete;
  ~UpstreamSession() override;

  void open(Exchange& exchange);
  void cancelled(Exchange& exchange, CancelReason reason);
  void drained();
  void message(ClientMessage message);
  // Our session ended: so does the upstream's.
  void farewell();

  // The upstream's answer to initialize told its session id, or its result.
  void established(Bytes id);
  void negotiated(const Envelope& response);
  [[nodiscard]] bool is_established() const { return is_established_; }
  // The upstream no longer knows the session: ours ends too, with its calls.
  void lost();
  // Calls that are under way.
  void opened(UpstreamCall& call) { calls_.push_back(&call); }
  void closed(UpstreamCall& call) { std::erase(calls_, &call); }
  // What each of its requests carries.
  [[nodiscard]] const SessionFields& fields() const { return fields_; }
  // Whether this is the progress token of one of them, raw.
  [[nodiscard]] bool has_token(Bytes token) const;

 private:
  struct Note;  // a notification or an answer on its way
  // Empty: the field is carried no longer.
  void carry(Bytes name, Bytes value);
  // For one request, which adds to them.
  [[nodiscard]] std::vector<HeaderPair> copied_fields() const;
  // False when too many are under way.
  bool post_note(std::string text, bool opens_gate);
  // Ours ends with its calls, for what the upstream is said to do.
  void fail(const std::string& what);
  void initialized();
  void open_gate();

  void on_opened() override {
    listen_was_open_ = true;
    open_gate();
  }
  void on_message(ClientMessage message) override;
  void on_unavailable(int status) override;

  [[nodiscard]] const UpstreamLimits& limits() const { return upstream_.context_.reactor.limits().upstream; }

  HttpUpstream& upstream_;
  Session& session_;
  SessionFields fields_;  // with the session's id, which is long and nowhere else
  std::unique_ptr<UpstreamListen> listen_;
  std::vector<std::unique_ptr<Note>> notes_;
  std::vector<UpstreamCall*> calls_;
  std::vector<Exchange*> held_;  // behind the gate
  bool is_established_ = false;
  bool gate_closed_ = false;
  bool listen_was_open_ = false;
  bool paused_ = false;
  Timer gate_timer_;
  Lifetime lifetime_;
};

}  // namespace sluice
