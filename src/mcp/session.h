// SPDX-License-Identifier: Apache-2.0
#pragma once
// The life of one legacy session (or of the one legacy peer of a stdio connection), as a state machine over
// messages.
//
//   uninitialized ──initialize──► initializing ──result──► answered ──notifications/initialized──►
//   initialized
//         ▲                            │                       │                                        │
//         └───────────error────────────┘                       └──────────────► closed ◄────────────────┘
//
// What passes from the client in which state:
//
//   state         | initialize | notifications/initialized | ping | requests | notifications | responses
//   uninitialized | pass       | drop                      | pass | refuse   | drop          | drop
//   initializing  | refuse     | drop                      | pass | refuse   | drop          | drop
//   answered      | refuse     | pass                      | pass | pass     | pass          | pass
//   initialized   | refuse     | drop                      | pass | pass     | pass          | pass
//   closed        | refuse     | refuse                    | refuse for everything
//
// `answered` lets requests through because HTTP keeps no order between the POST of notifications/initialized
// and the next one; what it withholds is our side: no server request but ping before `initialized`.
//
// Holds ids in flight, so that none is used twice at a time. Sends nothing, reads no clock. Plain value, one
// thread. Spec: basic/lifecycle of 2024-11-05 to 2025-11-25; ledger C1, M1, M2.

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "base/limits.h"
#include "base/time.h"
#include "codec/json_scan.h"
#include "codec/jsonrpc.h"
#include "mcp/errors.h"
#include "mcp/revision.h"

namespace sluice {

enum class SessionState : std::uint8_t { uninitialized, initializing, answered, initialized, closed };

// What to do with a message of the client.
struct Admission {
  enum class Verdict : std::uint8_t {
    pass,
    drop,    // say nothing (over HTTP: 202)
    refuse,  // answer with `refusal`
  };
  Verdict verdict = Verdict::pass;
  Refusal refusal;
};

class LegacySession {
 public:
  // `opened` starts the wait for the handshake.
  LegacySession(const McpLimits& limits, Instant opened);

  [[nodiscard]] SessionState state() const { return state_; }
  // Negotiated; before that the offer we would make.
  [[nodiscard]] Revision revision() const { return revision_; }
  // May a server request other than ping be sent to the client?
  [[nodiscard]] bool may_ask() const { return state_ == SessionState::initialized; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_.size(); }
  // The handshake is not over and its time is.
  [[nodiscard]] bool handshake_overdue(Instant now) const;

  // One message of the client, no batch. A request that passes is in flight until finished(). A
  // notifications/cancelled passes only when it names a request in flight that is not initialize.
  [[nodiscard]] Admission admit(const Envelope& envelope);
  // A whole batch, before its elements are admitted one by one.
  [[nodiscard]] std::optional<Refusal> check_batch(std::span<const Envelope> elements) const;

  // Our answer to initialize went out: with a result that names `negotiated`, or as an error.
  void initialize_answered(Revision negotiated);
  void initialize_failed();
  // A request was answered, refused or cancelled; its id may be used again. False when it was not in flight.
  bool finished(const RpcId& id);
  void close();

 private:
  enum class Kind : std::uint8_t { initialize, initialized, ping, request, notification, response, other };
  [[nodiscard]] static Kind kind_of(const Envelope& envelope);
  [[nodiscard]] Admission admit_request(const Envelope& envelope, Kind kind);
  [[nodiscard]] bool cancels_something(const Envelope& envelope) const;

  SessionState state_ = SessionState::uninitialized;
  Revision revision_ = latest_legacy;
  Instant handshake_deadline_;
  std::size_t in_flight_max_;
  std::string initialize_id_;        // canonical; empty when not in flight
  std::set<std::string> in_flight_;  // canonical ids; a set keeps nothing when it is empty
};

// The revision that governs a legacy HTTP request behind initialize. Absent means the session's, and
// 2025-03-26 without one; a text that is no legacy revision is refused.
struct VersionHeader {
  Revision revision = Revision::r2025_03_26;
  std::optional<Refusal> refusal;
};
[[nodiscard]] VersionHeader check_version_header(std::optional<Bytes> header,
                                                 std::optional<Revision> session);

// The revision that an answer to initialize names; nothing when it is no result.
[[nodiscard]] std::optional<Revision> negotiated_revision(Bytes response, const JsonLimits& limits);

}  // namespace sluice
