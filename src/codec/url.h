// SPDX-License-Identifier: Apache-2.0
#pragma once
// URIs, RFC 3986: strict parsing, normalisation, reference resolution, and the comparisons that security
// rests on: hosts, origins, paths that must not climb out.
//
// Nothing is guessed or repaired: a character that the grammar does not allow makes the text invalid. It
// resolves no names and opens no files. Views in Url and HostPort borrow from the text that was parsed. Pure
// functions, any thread.

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace sluice {

enum class HostKind : std::uint8_t { name, ipv4, ipv6, ip_future };

// The `host [":" port]` of an authority, a Host field or a listener's address.
struct HostPort {
  Bytes host;                         // without brackets; as written
  std::optional<std::uint16_t> port;  // absent also for "host:"
  HostKind kind = HostKind::name;
};

// Nothing when it is not `uri-host [":" port]` (RFC 9110 7.2). The host may be empty; userinfo is not
// allowed.
[[nodiscard]] std::optional<HostPort> parse_host_port(Bytes text);

// The components of a URI or of a relative reference. A component that is present but empty differs from an
// absent one ("a?" and "a"), hence the optionals.
struct Url {
  Bytes scheme;  // empty for a relative reference
  std::optional<Bytes> authority;
  std::optional<Bytes> userinfo;
  HostPort host;  // meaningful with an authority
  Bytes path;
  std::optional<Bytes> query;
  std::optional<Bytes> fragment;
};

// A URI: a scheme and all the rest.
[[nodiscard]] Result<Url> parse_url(Bytes text);
// A URI or a relative reference (RFC 3986 4.1).
[[nodiscard]] Result<Url> parse_url_reference(Bytes text);
// An http or https URL with a host, no userinfo and no fragment: what may be configured as an upstream.
[[nodiscard]] Result<Url> parse_http_url(Bytes text);
// The port written, else the scheme's (80, 443, also ws and wss), else nothing.
[[nodiscard]] std::optional<std::uint16_t> effective_port(const Url& url);

// RFC 3986 6.2.2 and 6.2.3: case of scheme and host, percent-encodings in upper case and unreserved ones
// decoded, dot segments removed, a default port dropped. Equal URIs have equal texts.
[[nodiscard]] std::string normalise_url(const Url& url);
// RFC 3986 5.2, strict; `base` has a scheme. Not normalised otherwise.
[[nodiscard]] std::string resolve_url(const Url& base, const Url& reference);
// RFC 3986 5.2.4.
[[nodiscard]] std::string remove_dot_segments(Bytes path);

// "%41" to "A". Nothing when a '%' is not followed by two hexadecimal digits.
[[nodiscard]] std::optional<std::string> percent_decode(Bytes text);
// Everything but unreserved characters, and those in `also_kept`, becomes %XX.
[[nodiscard]] std::string percent_encode(Bytes text, Bytes also_kept = {});

// A resource URI in its one canonical text, for routing and policy. Refused besides bad syntax: a path that
// climbs above its root, in any spelling (".." plain or encoded), an encoded slash, backslash or NUL in a
// path, which the servers behind us read in different ways.
[[nodiscard]] Result<std::string> canonical_resource_uri(Bytes text);
// A percent-decoded path below some root, without dot segments. Refused: absolute paths, drive letters,
// backslashes, NULs and other controls, invalid UTF-8, and any ".." that leaves the root. "" and "." give "".
[[nodiscard]] Result<std::string> confined_path(Bytes encoded);

// A web origin (RFC 6454): what an Origin field says. scheme and host are in lower case.
struct Origin {
  std::string scheme;
  std::string host;  // an IPv6 address without brackets, in one canonical text
  std::uint16_t port = 0;

  friend bool operator==(const Origin&, const Origin&) = default;
};
// Nothing for "null", for anything behind the port, and for schemes without a known port when none is
// written.
[[nodiscard]] std::optional<Origin> parse_origin(Bytes text);

// True for localhost, names below it, 127.0.0.0/8 and ::1, in any spelling the grammar has; `host` without
// brackets. Never resolves: a name that merely points to loopback is not loopback here.
[[nodiscard]] bool host_is_loopback(Bytes host);

// The sixteen bytes of an IPv6 address (no zone, no brackets) and the four of a dotted-decimal IPv4 address.
[[nodiscard]] std::optional<std::string> parse_ipv6(Bytes text);
[[nodiscard]] std::optional<std::string> parse_ipv4(Bytes text);

}  // namespace sluice
