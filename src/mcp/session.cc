// SPDX-License-Identifier: Apache-2.0
#include "mcp/session.h"

#include <array>
#include <utility>

#include "base/check.h"
#include "codec/headers.h"

namespace sluice {

namespace {

using Verdict = Admission::Verdict;

// What a cell of the table does with a message.
enum class Rule : std::uint8_t { pass, drop, refuse_early, refuse_again, refuse_closed };

// Rows are SessionState, columns LegacySession::Kind: initialize, initialized, ping, request, notification,
// response.
constexpr std::size_t columns = 6;
using Row = std::array<Rule, columns>;
constexpr Rule pass = Rule::pass;
constexpr Rule drop = Rule::drop;
constexpr Rule early = Rule::refuse_early;
constexpr Rule again = Rule::refuse_again;
constexpr Rule gone = Rule::refuse_closed;
constexpr std::array<Row, 5> rules{{
    {pass, drop, pass, early, drop, drop},   // uninitialized
    {again, drop, pass, early, drop, drop},  // initializing
    {again, pass, pass, pass, pass, pass},   // answered
    {again, drop, pass, pass, pass, pass},   // initialized
    {gone, gone, gone, gone, gone, gone},    // closed
}};

Admission passed() { return {}; }
Admission dropped() { return {Verdict::drop, {}}; }
Admission refused(Refusal refusal) { return {Verdict::refuse, std::move(refusal)}; }

std::string canonical_id(const Envelope& envelope, JsonSpan span) {
  if (!span) return {};
  const auto id = RpcId::from_raw(envelope.view(span));
  return id ? id->canonical() : std::string();
}

}  // namespace

LegacySession::LegacySession(const McpLimits& limits, Instant opened)
    : handshake_deadline_(opened + limits.initialize), in_flight_max_(limits.exchanges_per_session_max) {}

bool LegacySession::handshake_overdue(Instant now) const {
  return state_ != SessionState::initialized && state_ != SessionState::closed && now >= handshake_deadline_;
}

LegacySession::Kind LegacySession::kind_of(const Envelope& envelope) {
  switch (envelope.kind) {
    case MessageKind::request:
      if (envelope.method == "initialize") return Kind::initialize;
      return envelope.method == "ping" ? Kind::ping : Kind::request;
    case MessageKind::notification:
      return envelope.method == "notifications/initialized" ? Kind::initialized : Kind::notification;
    case MessageKind::response:
    case MessageKind::error_response: return Kind::response;
    case MessageKind::batch:
    case MessageKind::invalid: break;
  }
  return Kind::other;
}

Admission LegacySession::admit(const Envelope& envelope) {
  const Kind kind = kind_of(envelope);
  if (kind == Kind::other) return refused(refusals::invalid_request("not a single JSON-RPC message"));
  switch (rules[static_cast<std::size_t>(state_)][static_cast<std::size_t>(kind)]) {
    case Rule::drop: return dropped();
    case Rule::refuse_early: return refused(refusals::not_initialized());
    case Rule::refuse_again: return refused(refusals::already_initialized());
    case Rule::refuse_closed: return refused(refusals::session_unknown());
    case Rule::pass: break;
  }
  if (envelope.kind == MessageKind::request) return admit_request(envelope, kind);
  if (kind == Kind::initialized) state_ = SessionState::initialized;
  if (kind == Kind::notification && envelope.method == "notifications/cancelled" &&
      !cancels_something(envelope))
    return dropped();
  return passed();
}

Admission LegacySession::admit_request(const Envelope& envelope, Kind kind) {
  std::string id = canonical_id(envelope, envelope.id);
  if (id.empty()) return refused(refusals::invalid_request("the id is neither a string nor an integer"));
  if (in_flight_.contains(id)) return refused(refusals::duplicate_id());
  if (in_flight_.size() >= in_flight_max_) return refused(refusals::too_many_in_flight(in_flight_max_));
  if (kind == Kind::initialize) {
    if (envelope.params && envelope.view(envelope.params).size() > McpLimits{}.introduction_bytes_max)
      return refused(refusals::invalid_params("what initialize says of the client is too long"));
    state_ = SessionState::initializing;
    revision_ = negotiate_legacy(envelope.protocol_version);
    initialize_id_ = id;
  }
  in_flight_.insert(std::move(id));
  return passed();
}

bool LegacySession::cancels_something(const Envelope& envelope) const {
  const std::string id = canonical_id(envelope, envelope.request_id);
  return !id.empty() && id != initialize_id_ && in_flight_.contains(id);
}

std::optional<Refusal> LegacySession::check_batch(std::span<const Envelope> elements) const {
  if (state_ == SessionState::closed) return refusals::session_unknown();
  if (revision_ != Revision::r2025_03_26 || state_ == SessionState::uninitialized ||
      state_ == SessionState::initializing)
    return refusals::batch_not_allowed("batches exist in initialized sessions of 2025-03-26 only");
  if (elements.empty()) return refusals::batch_not_allowed("the batch is empty");
  for (const Envelope& element : elements) {
    const Kind kind = kind_of(element);
    if (kind == Kind::initialize)
      return refusals::batch_not_allowed("initialize must not be part of a batch");
    if (kind == Kind::other)
      return refusals::batch_not_allowed("the batch holds what is no JSON-RPC message");
    if (element.meta_protocol_version_span && kind != Kind::response)
      return refusals::batch_not_allowed("the batch holds a message of a revision without batches");
  }
  return std::nullopt;
}

void LegacySession::initialize_answered(Revision negotiated) {
  CHECK(era_of(negotiated) == Era::legacy);
  if (state_ != SessionState::initializing) return;
  state_ = SessionState::answered;
  revision_ = negotiated;
  in_flight_.erase(initialize_id_);
  initialize_id_.clear();
}

void LegacySession::initialize_failed() {
  if (state_ != SessionState::initializing) return;
  state_ = SessionState::uninitialized;
  revision_ = latest_legacy;
  in_flight_.erase(initialize_id_);
  initialize_id_.clear();
}

bool LegacySession::finished(const RpcId& id) { return in_flight_.erase(id.canonical()) != 0; }

void LegacySession::close() {
  state_ = SessionState::closed;
  initialize_id_.clear();
  in_flight_.clear();
}

VersionHeader check_version_header(std::optional<Bytes> header, std::optional<Revision> session) {
  VersionHeader verdict;
  if (!header) {
    verdict.revision = session.value_or(Revision::r2025_03_26);
    return verdict;
  }
  const Bytes text = trim_blanks(*header);
  const auto named = parse_revision(text);
  if (!named || era_of(*named) == Era::modern) {
    verdict.refusal = refusals::unsupported_legacy_version(text);
    return verdict;
  }
  // A session speaks what was negotiated, whatever legacy revision later headers name.
  verdict.revision = session.value_or(*named);
  return verdict;
}

std::optional<Revision> negotiated_revision(Bytes response, const JsonLimits& limits) {
  Envelope envelope;
  const PaddedString text(response);
  if (!scan_message(text.padded(), limits, envelope) || envelope.kind != MessageKind::response)
    return std::nullopt;
  std::string version;
  const JsonSpan span = json_member(text.view(), envelope.result, "protocolVersion");
  if (!span || !decode_json_string(span.in(text.view()), version)) version.clear();
  return negotiate_legacy(version);
}

}  // namespace sluice
