// SPDX-License-Identifier: Apache-2.0
#pragma once
// RoutedCall: a request that is one upstream's: it goes there with its own name, and its answer comes back
// with the client's.
//
// Whose a name is stands in it, but for shortened names, which a list tells. Whose a URI is is known from
// what upstreams said; else lists are read, and after that the upstreams are asked in turn until one knows
// it. The state of a modern question is sealed with the upstream it belongs to. An answer waits a moment for
// those to be told who are to hear of a list it changed; else nothing is copied of one that holds no URI. One
// reactor. Spec: ledger D5, D6.7.

#include <optional>
#include <string>
#include <vector>

#include "gateway/federation_call.h"
#include "gateway/federation_catalogue.h"

namespace sluice {

class RoutedCall final : public FederatedCall, private AnswerWaiter {
 public:
  RoutedCall(FederationState& state, Exchange& client);
  ~RoutedCall() override;
  void start() override;

 private:
  // Where the name or URI stands in the request, and which of them it is.
  struct Subject {
    JsonSpan span;
    std::string text;
    bool is_uri = false;
    MethodId list = MethodId::tools_list;  // that says what a shortened name means
    bool is_within = false;                // `call_tool`: name and arguments stand in its arguments
  };
  [[nodiscard]] std::optional<Subject> find_subject() const;
  [[nodiscard]] std::optional<Subject> called_within() const;

  void resolve();
  void resume_asked();
  void learn();
  void learn_of(std::size_t upstream);
  void learn_page(std::size_t upstream, MethodId list, const std::optional<std::string>& cursor);
  void learned(std::size_t upstream, int tag, Bytes response);
  void unknown();
  // The same of a tool; nothing when its definition has to be looked at first.
  [[nodiscard]] std::optional<bool> admits_definition(std::size_t upstream, const std::string& tool);
  // Whether the client may know of it; by the upstream's name or URI.
  [[nodiscard]] bool admits(std::size_t upstream, Bytes original);
  void route(std::size_t upstream, const std::string& original);
  void ask_in_turn();
  [[nodiscard]] bool makes_subscription() const;
  void note_subscription(std::size_t upstream, Bytes response);
  void finish_routed(std::size_t upstream, Bytes response);
  void changes_told() override;
  void stop_waiting();
  void hand_on(std::size_t upstream, Bytes response);
  // False when the client was refused; the same of the next.
  [[nodiscard]] bool show_task(Rewrite& rewrite, const Envelope& response, std::size_t upstream);
  [[nodiscard]] bool seal_state(Rewrite& rewrite, const Envelope& response, std::size_t upstream);

  void answered(std::size_t upstream, int tag, Bytes response) override;
  void failed(std::size_t upstream, int tag, const Refusal& refusal) override;

  bool finds_tools_;
  Subject subject_;
  bool has_learned_ = false;
  bool is_learning_ = false;
  std::size_t pages_ = 0;               // read to learn
  std::optional<std::size_t> in_turn_;  // who is being asked whether it knows the URI
  std::optional<Refusal> failure_;      // of one that could not be asked
  std::string held_;                    // the answer, until those are told whom it changed something for
  std::size_t answered_by_ = 0;
  Timer wait_timer_;
  std::optional<std::string> state_raw_;  // the upstream's own requestState, as JSON text; "" for none
};

}  // namespace sluice
