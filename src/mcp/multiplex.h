// SPDX-License-Identifier: Apache-2.0
#pragma once
// Many modern callers on one line channel (a shared stdio child): ids and progress tokens are minted on the
// way out and put back on the way in.
//
// Text in, text out; the client's ids, tokens and subscription ids come back byte for byte, whatever JSON
// they are. Answers that come after a cancel are dropped and counted. Bounded: requests in flight, and the
// memory of cancelled ones. Knows no process and no stream: `ClientRef` is the caller's own name for an
// exchange. One thread. Spec: 2026-07-28 basic/transports (stdio), basic/utilities; ledger A (2026-07-28),
// C4.

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "codec/json_scan.h"
#include "codec/json_splice.h"

namespace sluice {

// The caller's name for one exchange, unique among those it has open.
using ClientRef = std::uint64_t;

// A message of the upstream, and whose it is.
struct Routed {
  enum class Kind : std::uint8_t {
    response,  // ends the exchange `ref`; `text` carries the client's id, also where a listen was cancelled
    notification,  // for the stream of `ref`: progress, log, or what its subscription asked for
    reply,         // `text` answers the upstream itself, which asked what no modern server may ask
    dropped,       // counted, nothing to do
    invalid,       // no JSON-RPC message
  };
  Kind kind = Kind::dropped;
  ClientRef ref = 0;
  std::string text;
};

class Multiplex {
 public:
  struct Counts {
    std::uint64_t late = 0;          // answers and progress after a cancel or a finish
    std::uint64_t unknown = 0;       // ids, tokens and subscriptions that we never gave
    std::uint64_t unattributed = 0;  // notifications that nobody can be named for
    std::uint64_t refused_asks = 0;  // requests of the upstream
    std::uint64_t invalid = 0;
  };

  Multiplex(const JsonLimits& json, std::size_t in_flight_max);

  // A request of the client as text for the channel, without a line end. `envelope.text` must be its text.
  // Errc:: exhausted when too many are in flight, Errc::exists when `ref` is open already, Errc::invalid for
  // no request.
  [[nodiscard]] Result<std::string> outbound(const Envelope& envelope, ClientRef ref);

  // The client gave up: what to send, or nothing when `ref` is not open. What still comes for it is dropped.
  [[nodiscard]] std::optional<std::string> cancel(ClientRef ref, Bytes reason = {});

  // One line of the upstream.
  [[nodiscard]] Routed inbound(PaddedBytes line);
  // The same when it has been scanned already.
  [[nodiscard]] Routed inbound(const Envelope& envelope);

  // The channel broke: the exchanges that were open, oldest first. Nothing is in flight afterwards.
  [[nodiscard]] std::vector<ClientRef> lost();

  [[nodiscard]] std::size_t in_flight() const { return open_.size(); }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  struct Entry {
    ClientRef ref = 0;
    std::string id_raw;     // as the client wrote it
    std::string token_raw;  // empty for none
    bool listens = false;
    bool logs = false;  // asked for log lines
  };
  using Minted = std::uint64_t;

  Routed inbound_response(const Envelope& envelope);
  Routed inbound_notification(const Envelope& envelope);
  Routed inbound_request(const Envelope& envelope);
  Routed to_listener(const Envelope& envelope);
  Routed end_of_listen(const Envelope& envelope);
  [[nodiscard]] Routed log_line(const Envelope& envelope);
  [[nodiscard]] Entry* find(Bytes raw_id);
  [[nodiscard]] Routed miss(Bytes raw_id);
  [[nodiscard]] bool was_ours(Bytes raw_id) const;
  void forget(Minted minted);

  std::size_t in_flight_max_;
  MessageScanner scanner_;
  JsonSplice splice_;
  Minted next_ = 1;
  // After a cancel: the first id that is newer than it. Until the upstream shows that it has read that far,
  // what carries no mark may belong to the cancelled request, so it is nobody's.
  Minted unread_cancel_ = 0;
  Minted unread_log_cancel_ = 0;  // the same, of requests that had asked for log lines
  std::unordered_map<Minted, Entry> open_;
  std::unordered_map<ClientRef, Minted> by_ref_;
  Counts counts_;
};

}  // namespace sluice
