// SPDX-License-Identifier: Apache-2.0
#pragma once
// Header fields: finding them, the grammar of names and values (RFC 9110 5), lists, media types and Accept
// (RFC 9110 8.3.1 and 12.5.1), and the base64 sentinel that the MCP mirror headers use (MCP 2026-07-28,
// Mcp-Name and Mcp-Param-*).
//
// Knows nothing of messages, framing or versions; http1 and http2 share it. All views borrow from their
// arguments. Pure functions, any thread.

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"

namespace sluice {

struct HeaderField {
  Bytes name;
  Bytes value;  // without the blanks around it
};

using HeaderFields = std::span<const HeaderField>;

// ASCII letters compare without case; every other byte as it is.
[[nodiscard]] bool equals_ignoring_case(Bytes a, Bytes b);

// The first field of that name, or null.
[[nodiscard]] const HeaderField* find_header(HeaderFields fields, Bytes name);
// Its value; empty when there is none (use find_header where the difference matters).
[[nodiscard]] Bytes header_value(HeaderFields fields, Bytes name);
[[nodiscard]] std::size_t count_headers(HeaderFields fields, Bytes name);

// RFC 9110 5.6.2: one or more tchar.
[[nodiscard]] bool is_token(Bytes text);
// RFC 9110 5.5: visible ASCII, blanks, tabs and obs-text, no blank at either end; may be empty. No other
// control.
[[nodiscard]] bool is_field_value(Bytes text);
// True when a byte in it may not stand in a field value: a control other than tab.
[[nodiscard]] bool has_field_control(Bytes text);
// The text without blanks and tabs at both ends.
[[nodiscard]] Bytes trim_blanks(Bytes text);

// Walks a comma-separated list (RFC 9110 5.6.1), commas inside quoted strings left alone, empty elements
// skipped.
//   for (ListReader list(value); auto element = list.next();) …
class ListReader {
 public:
  explicit ListReader(Bytes value, char separator = ',') : rest_(value), separator_(separator) {}
  [[nodiscard]] std::optional<Bytes> next();

 private:
  Bytes rest_;
  char separator_;
};

// True when any field of that name lists the token (Connection: keep-alive, Upgrade).
[[nodiscard]] bool header_lists(HeaderFields fields, Bytes name, Bytes token);

// A media type, RFC 9110 8.3.1; also a media range ("*/*", "text/*") where ranges are allowed.
struct MediaType {
  Bytes type;
  Bytes subtype;
  Bytes parameters;  // behind the first ';', unparsed

  // type and subtype without regard to case.
  [[nodiscard]] bool is(Bytes other_type, Bytes other_subtype) const;
  // The value of a parameter, quotes removed when nothing inside was escaped; empty when absent.
  [[nodiscard]] Bytes parameter(Bytes name) const;
};

// Nothing when the text is not `type "/" subtype *(OWS ";" OWS parameter)`.
[[nodiscard]] std::optional<MediaType> parse_media_type(Bytes text);

// How much the fields' Accept wants `type/subtype`, in thousandths: 1000 with no Accept at all, 0 for not
// acceptable. The most specific range decides (RFC 9110 12.5.1); elements that are not media ranges are
// passed over.
[[nodiscard]] int accept_quality(HeaderFields fields, Bytes type, Bytes subtype);
[[nodiscard]] inline bool accepts(HeaderFields fields, Bytes type, Bytes subtype) {
  return accept_quality(fields, type, subtype) > 0;
}

// The mirror header codec. A value that is plain visible ASCII is sent as it is; anything with other bytes, a
// blank at either end, or the look of the sentinel goes as "=?base64?" base64 "?=".
[[nodiscard]] std::string encode_mirrored(Bytes text);
// The other way. A value without both markers is literal. Nothing when what is between them is not strict
// base64 of valid UTF-8: the request is then malformed (-32020).
[[nodiscard]] std::optional<std::string> decode_mirrored(Bytes value);

}  // namespace sluice
