// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_state.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "codec/headers.h"
#include "codec/jsonrpc.h"
#include "crypto/digest.h"
#include "gateway/federation_catalogue.h"

namespace sluice {

namespace {

std::vector<std::string> names_of(const std::vector<FederatedUpstream>& upstreams) {
  std::vector<std::string> names;
  names.reserve(upstreams.size());
  for (const FederatedUpstream& upstream : upstreams) names.push_back(upstream.name);
  return names;
}

std::vector<GuardedUpstream> guarded(const std::vector<FederatedUpstream>& upstreams) {
  std::vector<GuardedUpstream> all;
  all.reserve(upstreams.size());
  for (const FederatedUpstream& upstream : upstreams)
    all.push_back(GuardedUpstream{upstream.name, upstream.definitions});
  return all;
}

// Cursors and states name upstreams by their place: on another route, or with other upstreams, they are
// invalid.
std::uint64_t generation_of(const std::string& route, const std::vector<FederatedUpstream>& upstreams) {
  std::string all = route + "\n";
  for (const FederatedUpstream& upstream : upstreams) all.append(upstream.name).append(1, '\n');
  const Digest digest = sha256(all);
  std::uint64_t number = 0;
  for (const char c : digest_view(digest).substr(0, 8)) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

}  // namespace

FederationState::FederationState(FederationParts given, std::vector<FederatedUpstream> served)
    : parts(std::move(given)),
      upstreams(std::move(served)),
      guard(parts.log, parts.metrics, parts.pins ? parts.pins : std::make_shared<const ToolPins>(),
            guarded(upstreams), limits().federation),
      names(names_of(upstreams), limits().federation),
      uris(names_of(upstreams), limits().federation),
      cursors(parts.make_sealer("federation cursors"), limits().mcp),
      states(parts.make_sealer("federation request states"), limits().mcp),
      task_ids(parts.make_sealer("federation task ids"), limits().mcp),
      catalogue(std::make_unique<Catalogue>(*this)),
      generation_(generation_of(parts.route, upstreams)),
      state_purpose_("federation " + std::to_string(generation_)),
      scanner_(limits().json) {
  for (const FederatedUpstream& upstream : upstreams) unmatched_.emplace_back(upstream.rules);
}

FederationState::~FederationState() {
  catalogue.reset();
  graveyard_->clear();
}

std::string FederationState::shown_name(std::size_t upstream, NameKind kind, Bytes name) {
  const std::string kept = upstreams[upstream].rules.outward(kind, name).value_or(std::string(name));
  FederatedNames::Outward out = names.outward(upstream, kept);
  if (out.is_collision)
    parts.log.warning("a name collides with those of another upstream and is shortened")
        .field("route", parts.route)
        .field("upstream", upstreams[upstream].name)
        .field("name", name)
        .field("shown_as", out.text);
  return std::move(out.text);
}

Renames FederationState::renames(std::size_t upstream) {
  return Renames{[](Bytes name) { return std::string(name); },
                 [this, upstream](Bytes uri) { return uris.outward(upstream, uri); },
                 [this, upstream](Bytes text) { return uris.outward_template(upstream, text); }};
}

Renames FederationState::list_renames(std::size_t upstream, const ListForm& list) {
  Renames renames = this->renames(upstream);
  const NameKind kind = name_kind(list.method);
  renames.name = [this, upstream, kind](Bytes name) { return shown_name(upstream, kind, name); };
  renames.admits = [this, upstream, kind](Bytes key, Bytes item) {
    if (kind == NameKind::tool) unmatched_[upstream].saw(key);
    if (!upstreams[upstream].rules.outward(kind, key)) return false;
    return kind != NameKind::tool || guard.admits(upstream, key, item);
  };
  return renames;
}

void FederationState::list_ended(std::size_t upstream, const ListForm& list) {
  if (list.method != MethodId::tools_list) return;
  for (const std::string& pattern : unmatched_[upstream].take())
    parts.log.warning("a pattern matches no tool")
        .field("route", parts.route)
        .field("upstream", upstreams[upstream].name)
        .field("pattern", pattern);
}

bool FederationState::is_filtered(const ListForm& list) const {
  const NameKind kind = name_kind(list.method);
  for (std::size_t upstream = 0; upstream < upstreams.size(); ++upstream) {
    if (upstreams[upstream].rules.filters(kind)) return true;
    if (kind == NameKind::tool && guard.withholds(upstream)) return true;
  }
  return false;
}

std::optional<FederatedNames::Inward> FederationState::meaning(NameKind kind, Bytes text) const {
  auto in = names.inward(text);
  if (!in || !in->name) return in;
  in->name = upstreams[in->upstream].rules.inward(kind, *in->name);
  return in->name ? in : std::nullopt;
}

std::string FederationState::affinity_of(const ClientRequest& request) const {
  std::string values;
  for (std::size_t upstream = 0; upstream < upstreams.size(); ++upstream)
    for (const HeaderPair& header : request.kept_headers)
      if (!upstreams[upstream].affinity_header.empty() &&
          equals_ignoring_case(header.name, upstreams[upstream].affinity_header))
        values += std::to_string(upstream) + "=" + header.value + "\n";
  if (values.empty()) return values;
  const Digest digest = sha256(values);
  return std::string(digest_view(digest));
}

std::string FederationState::mint_id() { return "\"sluice/federation/" + std::to_string(next_id_++) + "\""; }

std::optional<ClientMessage> FederationState::scan(Bytes text) {
  ClientMessage message;
  if (!message.take(scanner_, PaddedString(text))) return std::nullopt;
  return message;
}

void FederationState::Graveyard::clear() {
  is_visited = false;
  const auto dead_sessions = std::exchange(sessions, {});
  const auto dead_exchanges = std::exchange(exchanges, {});  // first to go
}

void FederationState::visit_graveyard() {
  if (std::exchange(graveyard_->is_visited, true)) return;
  parts.reactor.defer([graveyard = graveyard_] { graveyard->clear(); });
}

void FederationState::bury(std::unique_ptr<Exchange> exchange) {
  if (!exchange) return;
  graveyard_->exchanges.push_back(std::move(exchange));
  visit_graveyard();
}

void FederationState::bury(std::unique_ptr<InnerSession> session) {
  if (!session) return;
  graveyard_->sessions.push_back(std::move(session));
  visit_graveyard();
}

void FederationState::answer(Exchange& exchange, Bytes result_json) {
  const std::string text = make_response(exchange.request().message.id(), result_json);
  parts.calls.opened(exchange);
  parts.calls.ended(exchange, parts.route, CallStatus::ok, 0, text.size());
  exchange.finish(text);
}

void FederationState::refuse(Exchange& exchange, const Refusal& refusal) {
  parts.calls.opened(exchange);
  CallEnds(parts.calls, parts.route).refuse(exchange, refusal);
}

void FederationState::warn(std::size_t upstream, std::string_view what, std::string_view why) {
  parts.log.warning("an upstream is left out")
      .field("route", parts.route)
      .field("upstream", upstreams[upstream].name)
      .field("of", what)
      .field("why", why);
}

CursorScope FederationState::cursor_scope(const Exchange& exchange) const {
  return CursorScope{exchange.request().message.envelope().method, exchange.request().principal, generation_};
}

Result<StateScope> FederationState::state_scope(const Exchange& exchange) const {
  auto digest = request_digest(exchange.request().message.envelope());
  if (!digest) return digest.error();
  return StateScope{state_purpose_, exchange.request().principal, *digest};
}

int error_code_of(const Envelope& response) {
  const Bytes raw = response.view(response.error_code);
  int code = 0;
  std::from_chars(raw.data(), raw.data() + raw.size(), code);
  return code;
}

UpstreamAnswer read_answer(FederationState& state, Bytes response) {
  UpstreamAnswer answer;
  auto message = state.scan(response);
  if (message && message->envelope().kind == MessageKind::response) {
    answer.message = std::move(message);
    return answer;
  }
  answer.failure = refusals::internal_error("an upstream's answer is no response");
  if (!message || message->envelope().kind != MessageKind::error_response) return answer;
  const Envelope& envelope = message->envelope();
  answer.failure->code = error_code_of(envelope);
  answer.failure->http_status = answer.failure->code == rpc::method_not_found ? 404 : 200;
  answer.failure->message = string_in(envelope.text, envelope.error_message);
  answer.failure->data_json = envelope.error_data ? envelope.view(envelope.error_data) : Bytes();
  return answer;
}

bool UpstreamAnswer::is_absent() const { return failure && failure->code == rpc::method_not_found; }

NameKind name_kind(MethodId list) {
  if (list == MethodId::tools_list) return NameKind::tool;
  return list == MethodId::prompts_list ? NameKind::prompt : NameKind::resource;
}

Bytes federation_server_info() { return R"({"name":"sluice","version":"0"})"; }

}  // namespace sluice
