// SPDX-License-Identifier: Apache-2.0
#include "gateway/revision_bridge.h"

#include <string>
#include <utility>

#include "codec/json_splice.h"
#include "codec/json_writer.h"
#include "gateway/rewritten_call.h"
#include "mcp/methods.h"
#include "mcp/modern_results.h"

namespace sluice {

namespace {

bool is_initialize(const Envelope& envelope) {
  const Method* method = find_method(envelope.method);
  return method != nullptr && method->id == MethodId::initialize;
}

}  // namespace

RevisionBridge::RevisionBridge(BridgeParts parts)
    : parts_(std::move(parts)),
      ends_(parts_.calls, parts_.config.name),
      scanner_(parts_.reactor.limits().json) {}

void RevisionBridge::open(Exchange& exchange) {
  const Envelope& envelope = exchange.request().message.envelope();
  Session& session = *exchange.session();
  RewrittenCall::Rewrite rewrite;
  if (is_initialize(envelope)) {
    rewrite = [this, &session, asked = std::string(envelope.protocol_version)](
                  const ClientMessage& response) { return welcome(session, asked, response); };
  } else {
    rewrite = [&session, id = std::string(exchange.request().message.id()),
               method = std::string(envelope.method)](const ClientMessage& response) {
      return to_legacy_response(response.envelope(), id, ResultShape{method, session.revision(), false});
    };
  }
  if (RewrittenCall::start(exchange, parts_.upstream, scanner_, std::move(rewrite))) return;
  parts_.calls.opened(exchange);
  ends_.refuse(exchange, too_large_to_carry_on());
}

std::string RevisionBridge::welcome(Session& session, Bytes asked, const ClientMessage& response) {
  const Envelope& envelope = response.envelope();
  const JsonSpan version =
      envelope.result ? json_member(envelope.text, envelope.result, "protocolVersion") : JsonSpan{};
  std::string said;
  if (!version || !decode_json_string(envelope.view(version), said)) said.clear();
  const auto theirs = parse_revision(said);
  const auto ours = parse_revision(asked);
  const bool is_between =
      theirs && ours && *theirs != *ours && era_of(*theirs) == Era::legacy && era_of(*ours) == Era::legacy;
  if (!is_between) {
    session.chosen = &parts_.upstream;
    return std::string(response.text());
  }
  parts_.log.info("a client and a server of different revisions")
      .field("upstream", parts_.config.name)
      .field("client", revision_text(*ours))
      .field("server", revision_text(*theirs));
  std::string text;
  append_json_string(text, revision_text(*ours));
  return JsonSplice().replace(version, text).apply(response.text());
}

void RevisionBridge::cancelled(Exchange& exchange, CancelReason reason) {
  if (exchange.attachment) RewrittenCall::of(exchange).cancelled(reason);
}

void RevisionBridge::drained(Exchange& exchange) {
  if (exchange.attachment) RewrittenCall::of(exchange).drained();
}

void RevisionBridge::message(Session& session, ClientMessage message) {
  parts_.upstream.message(session, std::move(message));
}

}  // namespace sluice
