// SPDX-License-Identifier: Apache-2.0
#pragma once
// What all exchanges and sessions of one federation share: its upstreams, what names mean, the seals, and the
// place where what is over waits for the stack to unwind.
//
// Decides nothing. For the files federation*.cc only. One reactor.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/definition_guard.h"
#include "gateway/federation.h"
#include "gateway/federation_inner.h"
#include "mcp/cursor.h"
#include "mcp/federated_names.h"
#include "mcp/merge.h"
#include "mcp/request_state.h"
#include "mcp/task_table.h"

namespace sluice {

class Catalogue;

class FederationState {
 public:
  FederationState(FederationParts given, std::vector<FederatedUpstream> served);
  ~FederationState();

  [[nodiscard]] const Limits& limits() const { return parts.reactor.limits(); }
  [[nodiscard]] Service& service(std::size_t upstream) { return upstreams[upstream].service; }
  // How an upstream's URIs read to clients in what it sends. Outlived by this.
  [[nodiscard]] Renames renames(std::size_t upstream);
  // How its lists do: names too, and without what clients may not know of; warns of collisions.
  [[nodiscard]] Renames list_renames(std::size_t upstream, const ListForm& list);
  // All of a list went through list_renames(): warns of patterns that matched nothing.
  void list_ended(std::size_t upstream, const ListForm& list);
  // Whether this list is shaped by what callers may know.
  [[nodiscard]] bool is_filtered(const ListForm& list) const;
  // What a client's name means, without a name where that has to be learned; nothing for one of nobody.
  [[nodiscard]] std::optional<FederatedNames::Inward> meaning(NameKind kind, Bytes text) const;

  // What decides, beside the principal, whose session a request uses at the upstreams; empty for nothing.
  [[nodiscard]] std::string affinity_of(const ClientRequest& request) const;

  // An id for a request of our own, as JSON text.
  [[nodiscard]] std::string mint_id();
  // A message with padding of its own; nothing when it is none.
  [[nodiscard]] std::optional<ClientMessage> scan(Bytes text);

  void bury(std::unique_ptr<Exchange> exchange);
  void bury(std::unique_ptr<InnerSession> session);

  // The end of an exchange that no upstream has a part in, or counts.
  void answer(Exchange& exchange, Bytes result_json);
  void refuse(Exchange& exchange, const Refusal& refusal);
  void warn(std::size_t upstream, std::string_view what, std::string_view why);

  // Sealed for the list and the caller of this exchange.
  [[nodiscard]] CursorScope cursor_scope(const Exchange& exchange) const;
  [[nodiscard]] Result<StateScope> state_scope(const Exchange& exchange) const;

  FederationParts parts;
  std::vector<FederatedUpstream> upstreams;
  DefinitionGuard guard;
  FederatedNames names;
  FederatedUris uris;
  Cursors cursors;
  RequestStates states;
  TaskIds task_ids;  // of tasks of the extension, with whose they are
  std::unique_ptr<Catalogue> catalogue;

 private:
  struct Graveyard {
    std::vector<std::unique_ptr<Exchange>> exchanges;
    std::vector<std::unique_ptr<InnerSession>> sessions;
    bool is_visited = false;  // somebody will come and clear it
    void clear();
  };
  void visit_graveyard();
  [[nodiscard]] std::string shown_name(std::size_t upstream, NameKind kind, Bytes name);

  std::uint64_t generation_;                  // of the route and its upstreams
  std::string state_purpose_;                 // names it, too
  std::vector<UnmatchedPatterns> unmatched_;  // by upstream
  MessageScanner scanner_;
  std::uint64_t next_id_ = 1;
  std::shared_ptr<Graveyard> graveyard_ = std::make_shared<Graveyard>();
};

// An answer of an upstream to what all are asked: a result, or why there is none.
struct UpstreamAnswer {
  std::optional<ClientMessage> message;  // a response with a result
  std::optional<Refusal> failure;        // else
  // The upstream has nothing of the kind: no reason to speak of it.
  [[nodiscard]] bool is_absent() const;
};
[[nodiscard]] UpstreamAnswer read_answer(FederationState& state, Bytes response);

// The code of an error response.
[[nodiscard]] int error_code_of(const Envelope& response);

// What the items of a list are to NameRules.
[[nodiscard]] NameKind name_kind(MethodId list);

// "sluice", as the server that clients see.
[[nodiscard]] Bytes federation_server_info();

}  // namespace sluice
