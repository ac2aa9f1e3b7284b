// SPDX-License-Identifier: Apache-2.0
#pragma once
// CallLog: one line and a few numbers for every exchange that ended, whatever its upstream.
//
// Knows metrics, the access log and how to read an outcome off a response; changes nothing. Arguments,
// results and Mcp-Param-* values are never written. Lives on one reactor.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

#include "mcp/errors.h"
#include "mcp/exchange.h"
#include "net/reactor.h"
#include "observe/log.h"
#include "observe/metrics.h"

namespace sluice {

// How an exchange ended, as label and log value.
enum class CallStatus : std::uint8_t {
  ok,
  tool_error,  // a result with isError
  error,       // a JSON-RPC error of the upstream
  refused,     // by us, before the upstream saw it
  lost,        // the upstream went away under it
  cancelled,
  timed_out,
};

[[nodiscard]] std::string_view status_text(CallStatus status);

class CallLog {
 public:
  CallLog(Reactor& reactor, Log& log, Metrics& metrics);

  void set_access_log(bool on) { access_log_ = on; }
  void opened(const Exchange& exchange);
  // `code` is the JSON-RPC error code, 0 for none; `bytes` the response's size.
  void ended(const Exchange& exchange, std::string_view upstream, CallStatus status, int code,
             std::size_t bytes);
  // A question of an upstream that could be of more than one call, or of none.
  void refused_question(std::string_view upstream, std::string_view method);

 private:
  Reactor& reactor_;
  Log& log_;
  Family<Counter> calls_;
  Family<Histogram> durations_;
  Gauge in_flight_;
  Family<Counter> refused_questions_;
  [[nodiscard]] Bytes tool_label(Bytes upstream, const Envelope& envelope, CallStatus status);

  bool access_log_ = true;
  std::unordered_set<std::string> tools_;  // "upstream/tool" of those that have succeeded; bounded
};

// The three ways an upstream's adapter ends an exchange: each tells the call log and then the client.
class CallEnds {
 public:
  CallEnds(CallLog& log, std::string_view upstream) : log_(log), upstream_(upstream) {}

  // Hands on a whole response of the upstream. `response` is the message as the upstream sent it, `text` what
  // the client gets: the same with its own id. A modern "method not found" becomes the 404 that its revision
  // asks for.
  void finish(Exchange& exchange, const Envelope& response, Bytes text) const;
  void finish(Exchange& exchange, const Envelope& response) const {
    finish(exchange, response, response.text);
  }
  // The same for an error that its revision wants with an HTTP status of its own.
  void finish_error(Exchange& exchange, const Envelope& response, int http_status) const;
  // A refusal of ours.
  void refuse(Exchange& exchange, const Refusal& refusal, CallStatus status = CallStatus::refused) const;
  // The exchange is being taken away by its front: only the log hears of it.
  void cancelled(const Exchange& exchange, CancelReason reason) const;

 private:
  CallLog& log_;
  std::string_view upstream_;
};

}  // namespace sluice
