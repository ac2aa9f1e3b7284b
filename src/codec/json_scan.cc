// SPDX-License-Identifier: Apache-2.0
#include "codec/json_scan.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.h"
#include "codec/json_text.h"
#include "codec/json_walk.h"
#include "codec/jsonrpc.h"

namespace sluice {
namespace {

// Where a member of params, result, error or `_meta` is noted. `decoded` only for strings that routing reads.
struct Place {
  Bytes name;
  JsonSpan Envelope::*span;
  Bytes Envelope::*decoded = nullptr;
};

constexpr std::array params_places = {
    Place{"_meta", &Envelope::meta},
    Place{"name", &Envelope::name_span, &Envelope::name},
    Place{"uri", &Envelope::uri_span, &Envelope::uri},
    Place{"arguments", &Envelope::arguments},
    Place{"task", &Envelope::task},
    Place{"level", &Envelope::level},
    Place{"cursor", &Envelope::cursor},
    Place{"taskId", &Envelope::task_id_span, &Envelope::task_id},
    Place{"requestId", &Envelope::request_id},
    Place{"clientInfo", &Envelope::client_info},
    Place{"requestState", &Envelope::request_state},
    Place{"capabilities", &Envelope::capabilities},
    Place{"notifications", &Envelope::notifications},
    Place{"progressToken", &Envelope::progress_token},
    Place{"inputResponses", &Envelope::input_responses},
    Place{"protocolVersion", &Envelope::protocol_version_span, &Envelope::protocol_version},
};

constexpr std::array result_places = {
    Place{"_meta", &Envelope::meta},
    Place{"resultType", &Envelope::result_type_span, &Envelope::result_type},
};

constexpr std::array error_places = {
    Place{"code", &Envelope::error_code},
    Place{"message", &Envelope::error_message},
    Place{"data", &Envelope::error_data},
};

constexpr std::array meta_places = {
    Place{"progressToken", &Envelope::meta_progress_token},
    Place{"traceparent", &Envelope::meta_traceparent},
    Place{"io.modelcontextprotocol/logLevel", &Envelope::meta_log_level},
    Place{"io.modelcontextprotocol/clientInfo", &Envelope::meta_client_info},
    Place{"io.modelcontextprotocol/serverInfo", &Envelope::meta_server_info},
    Place{"io.modelcontextprotocol/related-task", &Envelope::meta_related_task},
    Place{"io.modelcontextprotocol/subscriptionId", &Envelope::meta_subscription_id},
    Place{"io.modelcontextprotocol/protocolVersion", &Envelope::meta_protocol_version_span,
          &Envelope::meta_protocol_version},
    Place{"io.modelcontextprotocol/clientCapabilities", &Envelope::meta_client_capabilities},
};

template <std::size_t N>
const Place* find_place(const std::array<Place, N>& places, Bytes name) {
  for (const Place& place : places) {
    if (place.name == name) return &place;
  }
  return nullptr;
}

bool is_integer_text(Bytes raw) {
  if (!raw.empty() && raw.front() == '-') raw.remove_prefix(1);
  return !raw.empty() && std::all_of(raw.begin(), raw.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_id_text(Bytes raw) { return raw.front() == '"' || is_integer_text(raw); }

std::uint32_t hex4(Bytes digits) {
  std::uint32_t unit = 0;
  for (const char c : digits) {
    unit = unit * 16 + static_cast<std::uint32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return unit;
}

// Appends the value of what is between the quotes of a string that was walked.
void decode_walked(Bytes inner, std::string& out) {
  while (!inner.empty()) {
    const std::size_t backslash = inner.find('\\');
    out.append(inner.substr(0, backslash));
    if (backslash == Bytes::npos) return;
    const char letter = inner[backslash + 1];
    inner.remove_prefix(backslash + 2);
    switch (letter) {
      case 'b': out.push_back('\b'); break;
      case 'f': out.push_back('\f'); break;
      case 'n': out.push_back('\n'); break;
      case 'r': out.push_back('\r'); break;
      case 't': out.push_back('\t'); break;
      case 'u': {
        std::uint32_t code = hex4(inner.substr(0, 4));
        inner.remove_prefix(4);
        if (code >= 0xD800 && code <= 0xDBFF) {
          code = 0x10000 + ((code - 0xD800) << 10) + (hex4(inner.substr(2, 4)) - 0xDC00);
          inner.remove_prefix(6);
        }
        append_code_point(out, code);
        break;
      }
      default: out.push_back(letter);
    }
  }
}

}  // namespace

// One scan. Structural faults end it; a fault of meaning is noted, the first one wins, and the walk goes on,
// so that what is no JSON at all is always called that.
class MessageWalk {
 public:
  MessageWalk(MessageScanner& scanner, PaddedBytes text, Envelope& envelope)
      : scanner_(scanner), envelope_(envelope), text_(text.bytes), walk_(text, scanner.limits_.depth_max) {}

  ScanResult run() {
    walk_.skip_blanks();
    const std::uint32_t begin = walk_.offset();
    const char first = walk_.peek();
    bool walked = false;
    if (first == '{') {
      walked = object([this](Bytes name, JsonSpan& span) { return envelope_member(name, span); });
    } else if (first == '[') {
      walked = elements();
    } else {
      walked = walk_.skip_value();
      note(rpc::invalid_request, "a message is an object", begin);
    }
    if (walked) {
      envelope_.message = JsonSpan{0, begin, walk_.offset()};
      walk_.skip_blanks();
      if (!walk_.at_end()) walked = walk_.fail("bytes after the end of the message");
    }
    if (!walked) return ScanResult{rpc::parse_error, walk_.fault(), walk_.offset()};
    if (!is_utf8_simd(text_)) return ScanResult{rpc::parse_error, "invalid UTF-8", 0};
    if (result_.ok() && first == '[') envelope_.kind = MessageKind::batch;
    if (result_.ok() && first == '{') classify();
    return result_;
  }

 private:
  void note(int code, const char* reason, std::size_t offset) {
    if (result_.ok()) result_ = ScanResult{code, reason, offset};
  }
  void refuse(const char* reason, std::size_t offset) { note(rpc::invalid_request, reason, offset); }

  // Walks the object here. `member(name, span)` must take the value, whose key and begin are in the span.
  template <class OnMember>
  bool object(OnMember member) {
    if (!walk_.enter()) return false;
    std::vector<Bytes>& names = scanner_.names_;
    const std::size_t first_name = names.size();
    walk_.skip_blanks();
    int more = walk_.peek() == '}' ? 0 : 1;
    while (more == 1) {
      JsonSpan span;
      Bytes name;
      bool escaped = false;
      if (!walk_.take_name(span.key, name, escaped)) return false;
      span.begin = walk_.offset();
      if (escaped) name = decoded(name);
      add_name(name, first_name, span.key);
      if (!member(name, span)) return false;
      more = walk_.take_comma('}');
    }
    names.resize(first_name);
    if (more < 0) return false;
    walk_.leave();
    return true;
  }

  void add_name(Bytes name, std::size_t first_name, std::size_t offset) {
    std::vector<Bytes>& names = scanner_.names_;
    if (names.size() - first_name >= scanner_.limits_.envelope_members_max) {
      return refuse("too many members in the message, its params or its _meta", offset);
    }
    for (std::size_t i = first_name; i < names.size(); ++i) {
      if (names[i] == name) return refuse("a member occurs twice", offset);
    }
    names.push_back(name);
  }

  Bytes decoded(Bytes inner) {
    scanner_.decoded_.emplace_front();
    decode_walked(inner, scanner_.decoded_.front());
    return scanner_.decoded_.front();
  }

  // Takes a value; a string's text goes to `decoded_text` when given.
  bool take(JsonSpan& span, Bytes* decoded_text = nullptr) {
    if (decoded_text != nullptr && walk_.peek() == '"') {
      bool escaped = false;
      Bytes inner;
      if (!walk_.take_string(inner, escaped)) return false;
      *decoded_text = escaped ? decoded(inner) : inner;
    } else if (!walk_.skip_value()) {
      return false;
    }
    span.end = walk_.offset();
    return true;
  }

  // Takes an object whose members have places, or any other value whole.
  template <std::size_t N>
  bool take_places(JsonSpan& span, const std::array<Place, N>& places) {
    if (walk_.peek() != '{') return take(span);
    const bool walked = object([&](Bytes name, JsonSpan& member) {
      const Place* const place = find_place(places, name);
      if (place == nullptr) return take(member);
      const bool taken = place->span == &Envelope::meta ? take_meta(member)
                         : place->decoded != nullptr    ? take(member, &(envelope_.*(place->decoded)))
                                                        : take(member);
      envelope_.*(place->span) = member;
      return taken;
    });
    span.end = walk_.offset();
    return walked;
  }

  bool take_meta(JsonSpan& span) {
    if (walk_.peek() != '{') note(rpc::invalid_params, "_meta is not an object", span.begin);
    return take_places(span, meta_places);
  }

  bool envelope_member(Bytes name, JsonSpan& span) {
    if (name == "jsonrpc") {
      Bytes version;
      if (!take(span, &version)) return false;
      version_ok_ = version == "2.0";
      return true;
    }
    if (name == "id") {
      if (!take(span)) return false;
      envelope_.id = span;
      return true;
    }
    if (name == "method") {
      if (!take(span, &envelope_.method)) return false;
      envelope_.method_span = span;
      return true;
    }
    if (name == "params") {
      const bool taken = take_places(span, params_places);
      envelope_.params = span;
      return taken;
    }
    if (name == "result") {
      const bool taken = take_places(span, result_places);
      envelope_.result = span;
      return taken;
    }
    if (name == "error") {
      const bool taken = take_places(span, error_places);
      envelope_.error = span;
      return taken;
    }
    refuse("a member that no JSON-RPC message has", span.key);
    return take(span);
  }

  bool elements() {
    if (!walk_.enter()) return false;
    walk_.skip_blanks();
    int more = walk_.peek() == ']' ? 0 : 1;
    if (more == 0) refuse("an empty batch", walk_.offset());
    while (more == 1) {
      walk_.skip_blanks();
      JsonSpan span{0, walk_.offset(), 0};
      if (!take(span)) return false;
      if (scanner_.batch_.size() < scanner_.limits_.batch_messages_max) {
        scanner_.batch_.push_back(span);
      } else {
        refuse("too many messages in a batch", span.begin);
      }
      more = walk_.take_comma(']');
    }
    if (more < 0) return false;
    walk_.leave();
    return true;
  }

  char first_of(JsonSpan span) const { return text_[span.begin]; }

  // Says what the object is, once all of it is known.
  void classify() {
    Envelope& e = envelope_;
    const bool null_id = e.id && first_of(e.id) == 'n';
    if (null_id) e.id = JsonSpan{};
    if (!version_ok_) refuse("jsonrpc is not \"2.0\"", 0);
    if (e.id && !is_id_text(e.view(e.id))) {
      refuse("an id is a string or an integer", e.id.begin);
      e.id = JsonSpan{};
    }
    if (e.id && e.id.size() > scanner_.limits_.id_bytes_max) {
      refuse("the id is too long", e.id.begin);
      e.id = JsonSpan{};
    }
    if (e.method_span) {
      classify_call(null_id);
    } else {
      classify_answer();
    }
    if (result_.ok()) check_tokens();
    if (!result_.ok()) e.kind = MessageKind::invalid;
  }

  void classify_call(bool null_id) {
    Envelope& e = envelope_;
    if (first_of(e.method_span) != '"') refuse("the method is not a string", e.method_span.begin);
    if (e.method.empty()) refuse("the method is empty", e.method_span.begin);
    if (e.method.size() > scanner_.limits_.method_bytes_max) {
      refuse("the method is too long", e.method_span.begin);
    }
    if (null_id) refuse("the id of a request is not null", 0);
    if (e.result || e.error) refuse("a method together with a result or an error", e.method_span.begin);
    if (e.params && first_of(e.params) != '{') refuse("params is not an object", e.params.begin);
    e.kind = e.id ? MessageKind::request : MessageKind::notification;
  }

  void classify_answer() {
    Envelope& e = envelope_;
    if (e.params) refuse("params without a method", e.params.key);
    if (e.result && e.error) return refuse("a result together with an error", e.error.key);
    if (e.result) {
      if (!e.id) refuse("a result without an id", e.result.key);
      e.kind = MessageKind::response;
    } else if (e.error) {
      if (first_of(e.error) != '{' || !e.error_code || !is_integer_text(e.view(e.error_code)) ||
          !e.error_message || first_of(e.error_message) != '"') {
        refuse("an error without an integer code and a message", e.error.begin);
      }
      e.kind = MessageKind::error_response;
    } else {
      refuse("neither a method nor a result nor an error", 0);
    }
  }

  // Ids and tokens travel through tables of the gateway: of the right type and bounded.
  void check_tokens() {
    const Envelope& e = envelope_;
    check_token(e.meta_progress_token);
    if (e.method == "notifications/progress") check_token(e.progress_token);
    if (e.method == "notifications/cancelled") check_token(e.request_id);
  }

  void check_token(JsonSpan token) {
    if (!token || (is_id_text(envelope_.view(token)) && token.size() <= scanner_.limits_.id_bytes_max))
      return;
    note(rpc::invalid_params, "a progress token or request id is a string or an integer of bounded length",
         token.begin);
  }

  MessageScanner& scanner_;
  Envelope& envelope_;
  Bytes text_;
  JsonWalk walk_;
  ScanResult result_;
  bool version_ok_ = false;
};

MessageScanner::MessageScanner(const JsonLimits& limits) : limits_(limits) {}

ScanResult MessageScanner::scan(PaddedBytes text, Envelope& envelope) {
  envelope = Envelope{};
  envelope.text = text.bytes;
  batch_.clear();
  names_.clear();
  decoded_.clear();
  if (text.size() > limits_.message_bytes_max || text.size() > std::numeric_limits<std::uint32_t>::max()) {
    return ScanResult{rpc::invalid_request, "the message is too large", 0};
  }
  return MessageWalk(*this, text, envelope).run();
}

ScanResult scan_message(PaddedBytes text, const JsonLimits& limits, Envelope& envelope) {
  MessageScanner scanner(limits);
  const ScanResult result = scanner.scan(text, envelope);
  envelope.method = envelope.name = envelope.uri = envelope.task_id = envelope.protocol_version = {};
  envelope.result_type = envelope.meta_protocol_version = {};
  return result;
}

ScanResult validate_json(PaddedBytes text, std::size_t depth_max) {
  JsonWalk walk(text, depth_max);
  bool walked = walk.skip_value();
  if (walked) {
    walk.skip_blanks();
    if (!walk.at_end()) walked = walk.fail("bytes after the end of the value");
  }
  if (!walked) return ScanResult{rpc::parse_error, walk.fault(), walk.offset()};
  if (!is_utf8_simd(text.bytes)) return ScanResult{rpc::parse_error, "invalid UTF-8", 0};
  return ScanResult{};
}

std::vector<JsonSpan> json_children(Bytes text, JsonSpan parent) {
  std::vector<JsonSpan> children;
  if (!parent || (text[parent.begin] != '{' && text[parent.begin] != '[')) return children;
  const bool in_object = text[parent.begin] == '{';
  const char closing = in_object ? '}' : ']';
  JsonWalk walk(PaddedBytes::promise(parent.in(text)), JsonWalk::depth_ceiling);
  CHECK(walk.enter());
  walk.skip_blanks();
  int more = walk.peek() == closing ? 0 : 1;
  while (more == 1) {
    JsonSpan span;
    Bytes name;
    bool escaped = false;
    if (in_object && !walk.take_name(span.key, name, escaped)) break;
    walk.skip_blanks();
    span.begin = walk.offset();
    if (!walk.skip_value()) break;
    span.end = walk.offset();
    if (in_object) span.key += parent.begin;
    span.begin += parent.begin;
    span.end += parent.begin;
    children.push_back(span);
    more = walk.take_comma(closing);
  }
  return children;
}

JsonSpan json_member(Bytes text, JsonSpan object, Bytes name) {
  if (!object || text[object.begin] != '{') return JsonSpan{};
  std::string value;
  for (const JsonSpan& member : json_children(text, object)) {
    const Bytes raw = text.substr(member.key, text.find_last_of('"', member.begin - 1) - member.key + 1);
    value.clear();
    if (decode_json_string(raw, value) && value == name) return member;
  }
  return JsonSpan{};
}

bool decode_json_string(Bytes raw, std::string& out) {
  if (raw.size() < 2 || raw.front() != '"') return false;
  const PaddedString padded(raw);
  JsonWalk walk(padded.padded(), 1);
  Bytes inner;
  bool escaped = false;
  if (!walk.take_string(inner, escaped) || !walk.at_end() || !is_utf8_simd(inner)) return false;
  decode_walked(inner, out);
  return true;
}

}  // namespace sluice
