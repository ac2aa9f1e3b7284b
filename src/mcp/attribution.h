// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which stream of a legacy client carries a message of its private upstream: that of one of its requests, or
// the standalone one.
//
// The channel (a stdio child, HTTP+SSE) belongs to one session, so a wrong guess never reaches another
// client; it only puts a message on the less fitting of that client's streams. Responses go by id, progress
// by token, a withdrawn ask after its ask. Other asks go to the only open request, or to the newest. Changes
// of lists and resources are nobody's answer and go standalone. Knows no streams: `ref` is the caller's name.
// Bounded by what the caller opens. One thread. Spec: 2025-11-25 basic/transports (sending messages,
// listening); ledger C1, D6.3.

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/limits.h"
#include "codec/json_scan.h"
#include "codec/jsonrpc.h"
#include "mcp/multiplex.h"

namespace sluice {

struct Place {
  enum class Where : std::uint8_t {
    exchange,
    standalone,
    nowhere,  // an answer or progress for what is not open: drop and count
  };
  Where where = Where::standalone;
  ClientRef ref = 0;
};

class Attribution {
 public:
  explicit Attribution(const McpLimits& limits);

  // A request went to the upstream, under the id and with the progress token that the upstream sees.
  void opened(ClientRef ref, const RpcId& id, const RpcId& progress_token);
  // It was answered or given up.
  void closed(ClientRef ref);
  [[nodiscard]] std::size_t open() const { return open_.size(); }

  // Where this message of the upstream goes. An ask's place is remembered until it is answered() or its
  // exchange closed.
  [[nodiscard]] Place place(const Envelope& envelope);
  // The client answered an ask: its exchange, or standalone. Nowhere when no such ask is open: the answer is
  // dropped.
  Place answered(const RpcId& ask);

 private:
  struct Open {
    ClientRef ref;
    std::string id;     // canonical
    std::string token;  // canonical, empty for none
  };
  [[nodiscard]] Place place_notification(const Envelope& envelope);
  [[nodiscard]] Place place_ask(const Envelope& envelope);
  [[nodiscard]] Place only_one() const;

  std::size_t asks_max_;
  std::vector<Open> open_;                       // oldest first
  std::unordered_map<std::string, Place> asks_;  // canonical id of an open ask
};

}  // namespace sluice
