// SPDX-License-Identifier: Apache-2.0
// The writing half of codec/http1.h. Nothing reaches the wire that the reading half would refuse.
#include <algorithm>
#include <array>
#include <charconv>

#include "codec/http1.h"

namespace sluice {

namespace {

// RFC 9110 15, RFC 6585, RFC 8297 and RFC 7725.
struct Phrase {
  int status;
  Bytes text;
};
constexpr std::array phrases{
    Phrase{100, "Continue"},
    Phrase{101, "Switching Protocols"},
    Phrase{103, "Early Hints"},
    Phrase{200, "OK"},
    Phrase{201, "Created"},
    Phrase{202, "Accepted"},
    Phrase{203, "Non-Authoritative Information"},
    Phrase{204, "No Content"},
    Phrase{205, "Reset Content"},
    Phrase{206, "Partial Content"},
    Phrase{300, "Multiple Choices"},
    Phrase{301, "Moved Permanently"},
    Phrase{302, "Found"},
    Phrase{303, "See Other"},
    Phrase{304, "Not Modified"},
    Phrase{307, "Temporary Redirect"},
    Phrase{308, "Permanent Redirect"},
    Phrase{400, "Bad Request"},
    Phrase{401, "Unauthorized"},
    Phrase{402, "Payment Required"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{406, "Not Acceptable"},
    Phrase{407, "Proxy Authentication Required"},
    Phrase{408, "Request Timeout"},
    Phrase{409, "Conflict"},
    Phrase{410, "Gone"},
    Phrase{411, "Length Required"},
    Phrase{412, "Precondition Failed"},
    Phrase{413, "Content Too Large"},
    Phrase{414, "URI Too Long"},
    Phrase{415, "Unsupported Media Type"},
    Phrase{416, "Range Not Satisfiable"},
    Phrase{417, "Expectation Failed"},
    Phrase{421, "Misdirected Request"},
    Phrase{422, "Unprocessable Content"},
    Phrase{426, "Upgrade Required"},
    Phrase{428, "Precondition Required"},
    Phrase{429, "Too Many Requests"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{451, "Unavailable For Legal Reasons"},
    Phrase{500, "Internal Server Error"},
    Phrase{501, "Not Implemented"},
    Phrase{502, "Bad Gateway"},
    Phrase{503, "Service Unavailable"},
    Phrase{504, "Gateway Timeout"},
    Phrase{505, "HTTP Version Not Supported"},
    Phrase{511, "Network Authentication Required"},
};

void append_number(std::string& out, std::uint64_t number, int base) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  out.append(digits.data(), end);
}

void append_field(std::string& out, Bytes name, Bytes value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

Status check_fields(HeaderFields fields) {
  for (const HeaderField& field : fields) {
    if (!is_token(field.name)) return Error(Errc::invalid, "The name of a header field is not a token.");
    if (!is_field_value(field.value))
      return Error(Errc::invalid, "The value of header field " + std::string(field.name) +
                                      " holds a control character or begins or ends with a blank.");
  }
  return {};
}

// 100 to 599 is what the grammar's readers take.
Status check_response(int status, HeaderFields fields) {
  if (status < 100 || status > 599) return Error(Errc::invalid, "The status is not between 100 and 599.");
  return check_fields(fields);
}

void append_status_line(std::string& out, int status) {
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::uint64_t>(status), 10);
  out.append(" ").append(reason_phrase(status)).append("\r\n");
}

void append_fields(std::string& out, HeaderFields fields) {
  for (const HeaderField& field : fields) append_field(out, field.name, field.value);
}

// Whether the request line would still be one: visible ASCII without blanks.
bool is_plain_target(Bytes target) {
  return !target.empty() &&
         std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

}  // namespace

Bytes reason_phrase(int status) {
  const auto found =
      std::lower_bound(phrases.begin(), phrases.end(), status,
                       [](const Phrase& phrase, int wanted) { return phrase.status < wanted; });
  return found != phrases.end() && found->status == status ? found->text : Bytes("Unknown");
}

Status write_response_head(std::string& out, int status, HeaderFields fields) {
  if (auto checked = check_response(status, fields); !checked) return checked.error();
  append_status_line(out, status);
  append_fields(out, fields);
  out.append("\r\n");
  return {};
}

Status write_request_head(std::string& out, Bytes method, Bytes target, HeaderFields fields) {
  if (!is_token(method)) return Error(Errc::invalid, "The request method is not a token.");
  if (!is_plain_target(target))
    return Error(Errc::invalid,
                 "The request target is empty or holds a blank, a control or a byte that is not ASCII.");
  if (auto checked = check_fields(fields); !checked) return checked.error();
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  append_fields(out, fields);
  out.append("\r\n");
  return {};
}

Status write_response(std::string& out, int status, Bytes content_type, Bytes body, HeaderFields fields) {
  if (auto checked = check_response(status, fields); !checked) return checked.error();
  const bool has_body = status >= 200 && status != 204 && status != 304;
  if (!has_body && !body.empty()) return Error(Errc::invalid, "A response of this status has no body.");
  if (!is_field_value(content_type)) return Error(Errc::invalid, "The content type is not a field value.");
  append_status_line(out, status);
  append_fields(out, fields);
  if (!content_type.empty()) append_field(out, "Content-Type", content_type);
  if (has_body) {
    out.append("Content-Length: ");
    append_number(out, body.size(), 10);
    out.append("\r\n");
  }
  out.append("\r\n").append(body);
  return {};
}

void write_chunk_begin(std::string& out, std::size_t size) {
  CHECK(size != 0);
  append_number(out, size, 16);
  out.append("\r\n");
}

void write_chunk(std::string& out, Bytes data) {
  if (data.empty()) return;
  write_chunk_begin(out, data.size());
  out.append(data).append(chunk_end);
}

void write_last_chunk(std::string& out) { out.append("0\r\n\r\n"); }

}  // namespace sluice
