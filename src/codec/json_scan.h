// SPDX-License-Identifier: Apache-2.0
#pragma once
// The scan of the forwarding path: reads one JSON-RPC message to its last byte and says where things are, no
// tree.
//
// Walks everything (structure, escapes, numbers, UTF-8, depth), refuses members that occur twice in the
// envelope, in params and in `_meta`, and names only what routing and splicing need. Knows the places of
// MCP's members, not their meaning. What it takes `Json::parse` takes too, but for members that occur twice
// deeper down. Spans are offsets into the text; decoded views live until the next scan. One thread.
// JSON-RPC 2.0; the choices are in docs/json.md.

#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"

namespace sluice {

// A value in the text: [begin, end), strings with their quotes. `key` is where the quote of the member's name
// stands, 0 for a value that is no member's. Absent when empty.
struct JsonSpan {
  std::uint32_t key = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  [[nodiscard]] bool present() const { return end != 0; }
  explicit operator bool() const { return present(); }
  [[nodiscard]] std::size_t size() const { return end - begin; }
  [[nodiscard]] Bytes in(Bytes text) const { return text.substr(begin, end - begin); }
};

enum class MessageKind : std::uint8_t { invalid, request, notification, response, error_response, batch };

// What the scan found. A view such as `method` is decoded (no quotes, no escapes) and empty when the member
// is absent or no string; the span tells these apart.
struct Envelope {
  MessageKind kind = MessageKind::invalid;
  Bytes text;        // what was scanned
  JsonSpan message;  // without the blanks around it

  JsonSpan
      id;  // string or integer; absent in a notification and in an error answer to nothing (null or left out)
  JsonSpan method_span;
  Bytes method;
  JsonSpan params;  // an object
  JsonSpan result;  // any value
  JsonSpan error;   // an object with an integer code and a string message
  JsonSpan error_code;
  JsonSpan error_message;
  JsonSpan error_data;

  // Members of params.
  JsonSpan name_span;  // tools/call, prompts/get
  Bytes name;
  JsonSpan uri_span;  // resources/read, subscribe
  Bytes uri;
  JsonSpan task_id_span;  // tasks/*
  Bytes task_id;
  JsonSpan arguments;
  JsonSpan request_state;
  JsonSpan input_responses;
  JsonSpan cursor;
  JsonSpan request_id;             // notifications/cancelled
  JsonSpan progress_token;         // notifications/progress; that of a request is `meta_progress_token`
  JsonSpan level;                  // logging/setLevel, notifications/message
  JsonSpan protocol_version_span;  // initialize
  Bytes protocol_version;
  JsonSpan capabilities;   // initialize
  JsonSpan client_info;    // initialize
  JsonSpan notifications;  // subscriptions/listen
  JsonSpan task;           // 2025-11-25 tasks

  // Members of result.
  JsonSpan result_type_span;
  Bytes result_type;

  // `_meta` of params, or of result in a response, and its members; `mcp/` stands for
  // io.modelcontextprotocol/.
  JsonSpan meta;
  JsonSpan meta_progress_token;         // string or integer
  JsonSpan meta_protocol_version_span;  // mcp/protocolVersion
  Bytes meta_protocol_version;
  JsonSpan meta_client_capabilities;  // mcp/clientCapabilities
  JsonSpan meta_client_info;          // mcp/clientInfo
  JsonSpan meta_server_info;          // mcp/serverInfo
  JsonSpan meta_log_level;            // mcp/logLevel
  JsonSpan meta_subscription_id;      // mcp/subscriptionId
  JsonSpan meta_related_task;         // mcp/related-task
  JsonSpan meta_traceparent;

  [[nodiscard]] Bytes view(JsonSpan span) const { return span.in(text); }
};

// Why a message is refused: the JSON-RPC error to answer with. The sentence is a literal.
struct [[nodiscard]] ScanResult {
  int code =
      0;  // 0: taken; -32700 no JSON, -32600 no message, -32602 `_meta` or its progress token of a wrong type
  const char* reason = "";
  std::size_t offset = 0;  // the byte at which it was noticed

  [[nodiscard]] bool ok() const { return code == 0; }
  explicit operator bool() const { return ok(); }
};

class MessageScanner {
 public:
  explicit MessageScanner(const JsonLimits& limits);

  // Fills `envelope`; when refused, kind is `invalid` and what was understood until then is filled in all the
  // same, so that an answer can carry the id.
  ScanResult scan(PaddedBytes text, Envelope& envelope);

  // The elements of the batch that was scanned last; each is to be scanned by itself (copy the spans first,
  // as the next scan drops them): `scanner.scan(element_text(text, span), envelope)`.
  [[nodiscard]] const std::vector<JsonSpan>& batch() const { return batch_; }

 private:
  friend class MessageWalk;

  JsonLimits limits_;
  std::vector<JsonSpan> batch_;
  std::vector<Bytes> names_;                // of the object whose members are compared
  std::forward_list<std::string> decoded_;  // strings with escapes; views into them stay
};

// One element of a batch as a text of its own; the rest of the batch is its padding.
[[nodiscard]] inline PaddedBytes element_text(PaddedBytes batch, JsonSpan element) {
  return PaddedBytes::promise(element.in(batch.bytes));
}

// Scans with a scanner of its own: for tests and cold paths. Decoded views are cleared, since they would
// dangle.
ScanResult scan_message(PaddedBytes text, const JsonLimits& limits, Envelope& envelope);

// Only the walk: is this one JSON value and nothing else? Members that occur twice are not looked for.
[[nodiscard]] ScanResult validate_json(PaddedBytes text, std::size_t depth_max);

// The members of an object and the items of an array that a scan or `validate_json` has taken, one level
// deep.
[[nodiscard]] std::vector<JsonSpan> json_children(Bytes text, JsonSpan parent);
// The member with this name, absent if there is none. Names with escapes are decoded first.
[[nodiscard]] JsonSpan json_member(Bytes text, JsonSpan object, Bytes name);

// A string's value from its raw text with quotes, appended; false when `raw` is no well-formed string.
[[nodiscard]] bool decode_json_string(Bytes raw, std::string& out);

}  // namespace sluice
