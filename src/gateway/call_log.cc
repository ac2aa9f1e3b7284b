// SPDX-License-Identifier: Apache-2.0
#include "gateway/call_log.h"

#include <charconv>

#include "codec/jsonrpc.h"
#include "mcp/errors.h"
#include "mcp/methods.h"
#include "mcp/modern.h"

namespace sluice {

namespace {

Bytes method_label(const Envelope& envelope) {
  return find_method(envelope.method) != nullptr ? envelope.method : Bytes("other");
}

int error_code(const Envelope& response) {
  const Bytes raw = response.view(response.error_code);
  int code = 0;
  std::from_chars(raw.data(), raw.data() + raw.size(), code);
  return code;
}

// Whether a tools/call result says isError. Most results do not hold the word at all, which is quick to see.
bool says_is_error(const Envelope& response) {
  if (!response.result || response.view(response.result).find("\"isError\"") == Bytes::npos) return false;
  const JsonSpan flag = json_member(response.text, response.result, "isError");
  return flag && response.view(flag) == "true";
}

}  // namespace

std::string_view status_text(CallStatus status) {
  switch (status) {
    case CallStatus::ok: return "ok";
    case CallStatus::tool_error: return "tool_error";
    case CallStatus::error: return "error";
    case CallStatus::refused: return "refused";
    case CallStatus::lost: return "lost";
    case CallStatus::cancelled: return "cancelled";
    case CallStatus::timed_out: return "timed_out";
  }
  return "ok";
}

// What a client calls a tool is the client's word until the upstream has answered to it: only then is it a
// label, so that nobody fills the page with invented names, or with what should not be on it. A secret never
// is.
Bytes CallLog::tool_label(Bytes upstream, const Envelope& envelope, CallStatus status) {
  if (envelope.method != "tools/call") return "";
  std::string key(upstream);
  key.append("/").append(envelope.name);
  if (tools_.contains(key)) return envelope.name;
  if (status != CallStatus::ok || tools_.size() >= reactor_.limits().observe.series_per_metric_max)
    return "other";
  if (log_.redacted(envelope.name) != envelope.name) return "other";  // some servers answer to any name
  tools_.insert(std::move(key));
  return envelope.name;
}

CallLog::CallLog(Reactor& reactor, Log& log, Metrics& metrics)
    : reactor_(reactor),
      log_(log),
      calls_(metrics.counters("sluice_calls_total", "Requests of clients that ended, by how they ended.",
                              {"upstream", "method", "tool", "status"})),
      durations_(metrics.histograms("sluice_call_duration_seconds", "From a request's arrival to its end.",
                                    {"upstream", "method", "tool"})),
      in_flight_(metrics.gauge("sluice_calls_in_flight", "Requests of clients that are not answered yet.")),
      refused_questions_(metrics.counters("sluice_questions_refused_total",
                                          "Questions of upstreams that belonged to no one call.",
                                          {"upstream"})) {}

void CallLog::refused_question(std::string_view upstream, std::string_view method) {
  refused_questions_.with(upstream).add();
  log_.warning("a question of an upstream belongs to no one call and was refused")
      .field("upstream", upstream)
      .field("method", method);
}

void CallLog::opened(const Exchange&) { in_flight_.add(); }

void CallLog::ended(const Exchange& exchange, std::string_view upstream, CallStatus status, int code,
                    std::size_t bytes) {
  const ClientRequest& request = exchange.request();
  const Envelope& envelope = request.message.envelope();
  const Duration took = reactor_.precise_now() - request.opened;
  in_flight_.subtract();
  const Bytes tool = tool_label(upstream, envelope, status);
  calls_.with(upstream, method_label(envelope), tool, status_text(status)).add();
  durations_.with(upstream, method_label(envelope), tool).observe(took);
  if (!access_log_ || !log_.enabled(LogLevel::info)) return;
  LogRecord record = log_.info("call");
  record.field("correlation_id", request.correlation_id)
      .field("principal", request.principal.name)
      .field("upstream", upstream)
      .field("revision", revision_text(request.revision))
      .field("method", envelope.method);
  if (!envelope.name.empty()) record.field("name", envelope.name);
  record.field("status", status_text(status));
  if (code != 0) record.field("code", code);
  record.field("duration_us", std::chrono::duration_cast<std::chrono::microseconds>(took).count())
      .field("request_bytes", request.message.text().size())
      .field("response_bytes", bytes);
}

void CallEnds::finish(Exchange& exchange, const Envelope& response, Bytes text) const {
  CallStatus status = says_is_error(response) ? CallStatus::tool_error : CallStatus::ok;
  int code = 0;
  if (response.kind == MessageKind::error_response) {
    status = CallStatus::error;
    code = error_code(response);
    if (code == rpc::method_not_found && exchange.request().era == Era::modern)
      return finish_error(exchange, response, 404);
  }
  log_.ended(exchange, upstream_, status, code, text.size());
  const bool is_unsaid =
      exchange.request().era == Era::modern && response.result && !response.result_type_span;
  is_unsaid ? exchange.finish(with_result_type(text)) : exchange.finish(text);
}

void CallEnds::finish_error(Exchange& exchange, const Envelope& response, int http_status) const {
  const int code = error_code(response);
  std::string sentence;
  if (!decode_json_string(response.view(response.error_message), sentence))
    sentence = "refused by the upstream";
  const Bytes data = response.error_data ? response.view(response.error_data) : Bytes();
  log_.ended(exchange, upstream_, CallStatus::error, code, response.text.size());
  exchange.refuse(http_status, code, sentence, data);
}

void CallEnds::refuse(Exchange& exchange, const Refusal& refusal, CallStatus status) const {
  log_.ended(exchange, upstream_, status, refusal.code, 0);
  exchange.refuse(refusal.http_status, refusal.code, refusal.message, refusal.data_json);
}

void CallEnds::cancelled(const Exchange& exchange, CancelReason reason) const {
  log_.ended(exchange, upstream_,
             reason == CancelReason::timed_out ? CallStatus::timed_out : CallStatus::cancelled, 0, 0);
}

}  // namespace sluice
