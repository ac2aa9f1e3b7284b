// SPDX-License-Identifier: Apache-2.0
#include "gateway/http_upstream.h"

#include <array>
#include <span>
#include <utility>

#include "codec/headers.h"
#include "codec/jsonrpc.h"
#include "gateway/upstream_call.h"
#include "gateway/upstream_session.h"
#include "mcp/errors.h"
#include "mcp/modern.h"
#include "net/entropy.h"

namespace sluice {

namespace {
constexpr std::size_t fields_expected = 12;  // what a request carries with what the transport adds
}

Result<std::unique_ptr<NativeUpstream>> HttpUpstream::open(const UpstreamContext& context,
                                                           const UpstreamConfig& config) {
  StreamableHttpClientOptions options;
  options.http.http = context.reactor.limits().http;
  options.sse = context.reactor.limits().sse;
  options.json = context.reactor.limits().json;
  for (const auto& [name, value] : config.headers) options.fields.push_back(HeaderPair{name, value});
  const std::span<std::byte> seed = std::as_writable_bytes(std::span(&options.jitter_seed, 1));
  context.doors.entropy ? context.doors.entropy(seed) : entropy(seed);
  options.http.start_connect = context.doors.connect;
  std::shared_ptr<Authorizer> authorizer;
  if (context.doors.authorizer) authorizer = context.doors.authorizer(context.reactor, config.url);
  options.authorizer = authorizer.get();
  auto client = StreamableHttpClient::open(context.reactor, config.url, std::move(options));
  if (!client) return client.error();
  return std::unique_ptr<NativeUpstream>(
      new HttpUpstream(context, config, std::move(authorizer), *std::move(client)));
}

HttpUpstream::HttpUpstream(const UpstreamContext& context, const UpstreamConfig& config,
                           std::shared_ptr<Authorizer> authorizer,
                           std::unique_ptr<StreamableHttpClient> client)
    : context_(context),
      config_(config),
      ends_(context.calls, config_.name),
      authorizer_(std::move(authorizer)),
      client_(std::move(client)) {
  if (config_.era == EraSetting::legacy) eras_ = {EraStanding::yes, EraStanding::no};
  if (config_.era == EraSetting::modern) eras_ = {EraStanding::no, EraStanding::yes};
}

void HttpUpstream::stop() {
  probe_.reset();
  if (eras_.legacy == EraStanding::pending) eras_.legacy = EraStanding::unknown;
  if (eras_.modern == EraStanding::pending) eras_.modern = EraStanding::unknown;
}

void HttpUpstream::ask_eras() {
  const Instant now = context_.reactor.now();
  const bool is_due =
      probed_at_ == Instant{} || now - probed_at_ >= context_.reactor.limits().upstream.restart_backoff_first;
  const bool is_known = eras_.modern != EraStanding::unknown && eras_.legacy != EraStanding::unknown;
  // A modern server that is taken for a legacy one serves on and nobody notices; the other way it fails.
  const bool is_doubtful = config_.era == EraSetting::automatic && eras_.modern == EraStanding::no &&
                           now - probed_at_ >= context_.reactor.limits().upstream.legacy_believed;
  if (!probe_ && (!is_known || is_doubtful) && is_due) probe(is_known);
}

void HttpUpstream::doubt_eras() {
  if (config_.era != EraSetting::automatic || probe_ || eras_.modern == EraStanding::unknown) return;
  if (context_.reactor.now() - probed_at_ >= context_.reactor.limits().upstream.doubted_for) probe(true);
}

void HttpUpstream::probe(bool is_doubt) {
  probed_at_ = context_.reactor.now();
  is_doubted_ = is_doubt;
  if (!is_doubt) eras_.legacy = EraStanding::pending;
  if (eras_.modern == EraStanding::unknown) eras_.modern = EraStanding::pending;
  probe_ = probe_http(context_.reactor, config_.start_timeout, client_,
                      [this](EraVerdict verdict) { probed(std::move(verdict)); });
}

void HttpUpstream::probed(EraVerdict verdict) {
  const bool asks_on = verdict.eras.legacy == EraStanding::pending;
  // Nothing that was known is given up for what could not be asked.
  if (!is_doubted_ || (!asks_on && verdict.eras.modern != EraStanding::unknown)) eras_ = verdict.eras;
  const std::unique_ptr<EraProbe> done = asks_on ? nullptr : std::move(probe_);
  if (!asks_on)
    context_.log.info("upstream probed")
        .field("upstream", config_.name)
        .field("legacy", eras_.legacy == EraStanding::yes)
        .field("modern", eras_.modern == EraStanding::yes)
        .field("why", verdict.why);
  eras_changed();
}

UpstreamState HttpUpstream::state() const {
  UpstreamState state;
  // Whoever asks whether we are ready may send no call while we are not, so a failure is not held against the
  // upstream for ever.
  state.usable = last_failure_.empty() ||
                 context_.reactor.now() - failed_at_ >= context_.reactor.limits().upstream.doubted_for;
  state.detail = last_failure_.empty() ? "reachable as far as known" : last_failure_;
  state.sessions = sessions_;
  state.calls = calls_;
  state.connections = client_->http().connections();
  state.farewells = client_->farewells();
  return state;
}

void HttpUpstream::open(Exchange& exchange) {
  context_.calls.opened(exchange);
  if (exchange.request().era == Era::modern) return open_modern(exchange);
  Session* session = exchange.session();
  if (!session->attachment) session->attachment = std::make_unique<UpstreamSession>(*this, *session);
  static_cast<UpstreamSession&>(*session->attachment).open(exchange);
}

void HttpUpstream::open_modern(Exchange& exchange) {
  const ClientRequest& request = exchange.request();
  const Envelope& envelope = request.message.envelope();
  std::vector<HeaderPair> fields;
  fields.reserve(fields_expected + request.param_headers.size());
  fields.push_back(HeaderPair{"MCP-Protocol-Version", std::string(revision_text(request.revision))});
  fields.push_back(HeaderPair{"Mcp-Method", encode_mirrored(envelope.method)});
  if (const auto name = mirrored_name(envelope))
    fields.push_back(HeaderPair{"Mcp-Name", encode_mirrored(*name)});
  fields.insert(fields.end(), request.param_headers.begin(), request.param_headers.end());
  UpstreamCall::start(*this, exchange, nullptr, std::move(fields));
}

void HttpUpstream::cancelled(Exchange& exchange, CancelReason reason) {
  ends_.cancelled(exchange, reason);
  if (exchange.request().era == Era::legacy && exchange.session() != nullptr &&
      exchange.session()->attachment)
    static_cast<UpstreamSession&>(*exchange.session()->attachment).cancelled(exchange, reason);
  exchange.attachment.reset();  // closes its stream, which is what cancels a modern call
}

void HttpUpstream::drained(Exchange& exchange) {
  if (exchange.attachment) static_cast<UpstreamCall&>(*exchange.attachment).drained();
}

void HttpUpstream::drained(Session& session) {
  if (session.attachment) static_cast<UpstreamSession&>(*session.attachment).drained();
}

void HttpUpstream::message(Session& session, ClientMessage message) {
  if (session.attachment) static_cast<UpstreamSession&>(*session.attachment).message(std::move(message));
}

void HttpUpstream::ended(Session& session) {
  if (session.attachment) static_cast<UpstreamSession&>(*session.attachment).farewell();
  session.attachment.reset();
}

}  // namespace sluice
