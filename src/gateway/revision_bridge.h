// SPDX-License-Identifier: Apache-2.0
#pragma once
// RevisionBridge: legacy clients in front of a legacy server that does not speak their revision.
//
// The client is told its own revision, and gets results in the shapes of that one; the server is spoken to in
// its own. A session whose client and server agree is handed over to the upstream with its first answer and
// costs nothing more. Questions and notifications pass as they are: a server asks no more than the client has
// declared. Lives on one reactor. Spec: basic/lifecycle of each revision; ledger D6.12.

#include "gateway/bridge_parts.h"
#include "gateway/call_log.h"

namespace sluice {

class RevisionBridge final : public Service {
 public:
  explicit RevisionBridge(BridgeParts parts);
  RevisionBridge(const RevisionBridge&) = delete;
  RevisionBridge& operator=(const RevisionBridge&) = delete;

  // Of a session whose Session::chosen is this.
  void open(Exchange& exchange) override;
  void cancelled(Exchange& exchange, CancelReason reason) override;
  void drained(Exchange& exchange) override;
  void drained(Session& session) override { parts_.upstream.drained(session); }
  void message(Session& session, ClientMessage message) override;
  void ended(Session& session) override { parts_.upstream.ended(session); }
  [[nodiscard]] std::vector<Revision> revisions() const override { return parts_.upstream.revisions(); }

 private:
  // The answer to `initialize`, under the revision that the client asked for; the session goes to the
  // upstream when that is what it says.
  [[nodiscard]] std::string welcome(Session& session, Bytes asked, const ClientMessage& response);

  BridgeParts parts_;
  CallEnds ends_;
  MessageScanner scanner_;
};

}  // namespace sluice
