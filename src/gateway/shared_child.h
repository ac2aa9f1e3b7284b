// SPDX-License-Identifier: Apache-2.0
#pragma once
// SharedChild: the one child that serves the modern calls of a stdio upstream, for all callers.
//
// Probes the command's era first, starts the child when it is needed, mints ids, validates Mcp-Param-*
// headers where we end the HTTP in front of it, and starts it again with back-off when it dies: calls that it
// had, or that waited for its tool list, are told; those that come meanwhile wait for the next one. A probe
// that learnt nothing is made again with the same back-off; until then calls are refused. One that learnt
// something is made again when that is doubted, and when a child is started after a while; nobody waits for
// it, and it gives its place to who needs one. Callers who do not read never pause the child: their front
// closes them. Lives on one reactor. Spec: 2026-07-28 basic/transports; ledger C4, D6.6.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "gateway/child_link.h"
#include "gateway/era_probe.h"
#include "gateway/upstream.h"
#include "mcp/multiplex.h"
#include "mcp/tool_headers.h"

namespace sluice {

class StdioUpstream;

class SharedChild final : private ChildLinkHandler {
 public:
  explicit SharedChild(StdioUpstream& upstream);
  ~SharedChild() override;

  void start();
  // Stops the child gently, and the probe.
  void stop();
  [[nodiscard]] UpstreamState state() const;
  // Of the command, as the probe or the configuration says.
  [[nodiscard]] UpstreamEras eras() const;
  // Probes, where nothing is known and its back-off is over.
  void ask_eras();
  // What a child did belies that the command speaks this era: it is asked again, if that was not just done.
  void doubt(Era belied);
  // A child of the command was started: it may be another one by now.
  void child_was_started();
  // Ends a probe that nobody waits for; false when there is none.
  bool yield_place();
  // Starts the child before there is a call, if the command is modern.
  void warm_up();
  void open(Exchange& exchange);
  void cancelled(Exchange& exchange, CancelReason reason);

 private:
  enum class Phase : std::uint8_t { unprobed, probing, legacy, unknown, modern };

  void probe();
  void probed(EraVerdict verdict);
  // Probes beside what runs.
  void probe_again();
  void probed_again(EraVerdict verdict);
  void log_verdict() const;
  // The command has turned out to be legacy: the child goes when its last call is over.
  void let_child_go();
  // True when the child runs or could be started.
  bool ensure_child();
  // False when too many wait already: then the exchange was refused.
  bool hold(Exchange& exchange);
  void dispatch_waiting();
  void refuse(Exchange& exchange, const std::string& sentence);
  void refuse_waiting(const std::string& sentence);
  // Nothing is started before a time that doubles from one failure to the next; returns that time.
  milliseconds back_off();
  void dispatch(Exchange& exchange);
  void send(Exchange& exchange);
  [[nodiscard]] std::string refusal_sentence() const;

  void on_child_message(ClientMessage message) override;
  void on_child_gone(const ChildEnd& end) override;
  void on_own_message(ClientRef ref, const std::string& text);

  // Our own requests on the channel: the tool list for headers, and news of its changes.
  void fetch_tools();
  [[nodiscard]] bool next_tools_page(const std::string& cursor);
  // It came, or cannot be had: then calls go without it.
  void tools_read();
  void on_tools_wait();
  // False when nothing was sent: it is beyond the bounds of messages, one of that name is open, or too many
  // requests are.
  bool send_own(ClientRef ref, const std::string& request);

  StdioUpstream& upstream_;
  Phase phase_ = Phase::unprobed;
  EraVerdict verdict_;
  std::unique_ptr<EraProbe> probe_;
  std::unique_ptr<EraProbe> probe_again_;
  Instant probed_at_{};
  std::unique_ptr<ChildLink> link_;
  Multiplex multiplex_;
  MessageScanner scanner_;
  ToolHeaders tools_;
  std::size_t pages_ = 0;  // of the list that is being read
  std::unordered_map<ClientRef, Exchange*> open_;
  std::unordered_map<const Exchange*, ClientRef> refs_;
  std::deque<Exchange*> waiting_;  // for the probe, the child, or the tool list
  ClientRef next_ref_;
  bool is_belied_ = false;    // that the command is modern
  bool has_spoken_ = false;   // the child that runs
  bool never_ran_ = false;    // what was started last: its command cannot be executed
  std::size_t restarts_ = 0;  // failures since something went well
  Instant started_{};
  std::string last_failure_;
  Timer restart_;
  Timer tools_wait_;  // while the tool list is being read
};

}  // namespace sluice
