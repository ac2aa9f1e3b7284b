// SPDX-License-Identifier: Apache-2.0
#include "codec/url.h"

#include <algorithm>
#include <array>

#include "base/localhost.h"
#include "codec/headers.h"
#include "codec/utf8.h"

namespace sluice {

namespace {

enum : std::uint8_t {
  unreserved_char = 1,  // RFC 3986 2.3
  sub_delim = 2,        // RFC 3986 2.2
  digit_char = 4,
  hex_char = 8,
  scheme_char = 16,
  name_chars = unreserved_char | sub_delim,  // of a reg-name, RFC 3986 3.2.2
};

constexpr auto char_classes = [] {
  std::array<std::uint8_t, 256> table{};
  const auto add = [&table](Bytes chars, std::uint8_t bit) {
    for (const char c : chars) table[static_cast<unsigned char>(c)] |= bit;
  };
  constexpr Bytes alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  add(alphanumeric, unreserved_char | scheme_char);
  add("-._~", unreserved_char);
  add("+-.", scheme_char);
  add("!$&'()*+,;=", sub_delim);
  add("0123456789", digit_char | hex_char);
  add("abcdefABCDEF", hex_char);
  return table;
}();

constexpr bool is_a(std::uint8_t bits, char c) {
  return (char_classes[static_cast<unsigned char>(c)] & bits) != 0;
}
constexpr bool is_digit(char c) { return is_a(digit_char, c); }
constexpr bool is_alpha(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
constexpr unsigned hex_value(char c) {
  return static_cast<unsigned>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
}
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool is_encoded_at(Bytes text, std::size_t at) {
  return text[at] == '%' && text.size() - at > 2 && is_a(hex_char, text[at + 1]) &&
         is_a(hex_char, text[at + 2]);
}
char decoded_at(Bytes text, std::size_t at) {
  return static_cast<char>(hex_value(text[at + 1]) << 4 | hex_value(text[at + 2]));
}

// Unreserved characters, sub-delims, whole percent-encodings and the characters of `also`: nothing else.
bool consists_of(Bytes text, Bytes also) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_a(name_chars, text[at]) || also.find(text[at]) != Bytes::npos) continue;
    if (!is_encoded_at(text, at)) return false;
    at += 2;
  }
  return true;
}

bool is_scheme(Bytes text) {
  return !text.empty() && is_alpha(text[0]) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_a(scheme_char, c); });
}

// "[" IPvFuture "]": "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ).
bool is_ip_future(Bytes text) {
  const std::size_t dot = text.find('.');
  if (text.empty() || lower(text[0]) != 'v' || dot == Bytes::npos || dot < 2 || dot + 1 == text.size())
    return false;
  const Bytes version = text.substr(1, dot - 1);
  const Bytes rest = text.substr(dot + 1);
  return std::all_of(version.begin(), version.end(), [](char c) { return is_a(hex_char, c); }) &&
         std::all_of(rest.begin(), rest.end(), [](char c) { return is_a(name_chars, c) || c == ':'; });
}

// RFC 3986 3.2.3, and a number that fits.
bool parse_port(Bytes text, std::optional<std::uint16_t>& port) {
  unsigned value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > UINT16_MAX) return false;
  }
  if (!text.empty()) port = static_cast<std::uint16_t>(value);
  return true;
}

std::uint16_t default_port(Bytes scheme) {
  if (equals_ignoring_case(scheme, "http") || equals_ignoring_case(scheme, "ws")) return 80;
  if (equals_ignoring_case(scheme, "https") || equals_ignoring_case(scheme, "wss")) return 443;
  return 0;
}

Error bad_url(Bytes what) { return Error(Errc::invalid, "The URI is not valid: " + std::string(what) + "."); }

// Percent-encodings in upper case, those of unreserved characters decoded (RFC 3986 6.2.2.1, 6.2.2.2).
std::string normalise_encoding(Bytes text) {
  constexpr Bytes hex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!is_encoded_at(text, at)) {
      out.push_back(text[at]);
      continue;
    }
    const char decoded = decoded_at(text, at);
    if (is_a(unreserved_char, decoded)) {
      out.push_back(decoded);
    } else {
      out.append({'%', hex[hex_value(text[at + 1])], hex[hex_value(text[at + 2])]});
    }
    at += 2;
  }
  return out;
}

std::string to_lower(std::string text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%') {
      at += 2;  // The digits of an encoding stay in upper case.
    } else {
      text[at] = lower(text[at]);
    }
  }
  return text;
}

// RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups shortened.
std::string ipv6_text(Bytes address) {
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < 8; ++i)
    groups[i] =
        static_cast<unsigned char>(address[2 * i]) * 256U + static_cast<unsigned char>(address[2 * i + 1]);
  std::size_t best = 8;
  std::size_t best_size = 1;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t size = 0;
    while (i + size < 8 && groups[i + size] == 0) ++size;
    if (size > best_size) {
      best = i;
      best_size = size;
    }
  }
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == best) {
      out.append("::");
      i += best_size - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out.push_back(':');
    bool leading = true;
    for (int shift = 12; shift >= 0; shift -= 4) {
      const unsigned digit = groups[i] >> shift & 15;
      leading = leading && digit == 0 && shift != 0;
      if (!leading) out.push_back("0123456789abcdef"[digit]);
    }
  }
  return out;
}

// The host in its one spelling, without brackets.
std::string normalise_host(const HostPort& host) {
  if (host.kind == HostKind::ipv6) return ipv6_text(*parse_ipv6(host.host));
  return to_lower(normalise_encoding(host.host));
}

// RFC 3986 5.3; a path that would read as an authority is kept apart from it by "/.".
std::string compose(Bytes scheme, const std::optional<Bytes>& authority, Bytes path,
                    const std::optional<Bytes>& query, const std::optional<Bytes>& fragment) {
  std::string out;
  if (!scheme.empty()) out.append(scheme).append(":");
  if (authority) {
    out.append("//").append(*authority);
  } else if (path.starts_with("//")) {
    out.append("/.");
  }
  out.append(path);
  if (query) out.append("?").append(*query);
  if (fragment) out.append("#").append(*fragment);
  return out;
}

// RFC 3986 5.2.3.
std::string merge_paths(const Url& base, Bytes path) {
  if (base.authority && base.path.empty()) return "/" + std::string(path);
  const std::size_t slash = base.path.rfind('/');
  const std::size_t kept = slash == Bytes::npos ? 0 : slash + 1;
  return std::string(base.path.substr(0, kept)) + std::string(path);
}

bool is_treacherous(char c) {
  return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

// True when a percent-encoding, or one behind an encoded percent sign, stands for a separator, a control or
// (the second kind) a dot.
bool holds_treacherous_encoding(Bytes text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!is_encoded_at(text, at)) continue;
    char decoded = decoded_at(text, at);
    at += 2;
    if (is_treacherous(decoded)) return true;
    if (decoded != '%' || text.size() - at <= 2) continue;
    if (!is_a(hex_char, text[at + 1]) || !is_a(hex_char, text[at + 2])) continue;
    decoded = decoded_at(text, at);
    if (is_treacherous(decoded) || decoded == '.') return true;
  }
  return false;
}

bool has_drive_letter(Bytes path) { return path.size() > 1 && is_alpha(path[0]) && path[1] == ':'; }

// True when ".." leads above where the path starts; in a rootless path, whose start nobody knows, every ".."
// does. Expects encodings to be normalised.
bool climbs_out(Bytes path) {
  const bool rooted = path.starts_with('/');
  if (rooted) path.remove_prefix(1);
  std::size_t depth = 0;
  for (;;) {
    const std::size_t slash = path.find('/');
    const Bytes segment = path.substr(0, slash);
    if (segment == "..") {
      if (!rooted || depth == 0) return true;
      --depth;
    } else if (segment != ".") {
      ++depth;
    }
    if (slash == Bytes::npos) return false;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

std::optional<std::string> parse_ipv4(Bytes text) {
  std::string address;
  for (int octet = 0; octet < 4; ++octet) {
    std::size_t size = 0;
    unsigned value = 0;
    for (; size < text.size() && size < 3 && is_digit(text[size]); ++size)
      value = value * 10 + static_cast<unsigned>(text[size] - '0');
    if (size == 0 || value > 255 || (size > 1 && text[0] == '0')) return std::nullopt;
    address.push_back(static_cast<char>(value));
    text.remove_prefix(size);
    if (octet == 3) break;
    if (!text.starts_with('.')) return std::nullopt;
    text.remove_prefix(1);
  }
  if (!text.empty()) return std::nullopt;
  return address;
}

// RFC 4291 2.2, as RFC 3986 3.2.2 has it: groups of one to four digits, at most one "::", which stands for
// one group at least, and perhaps an IPv4 address at the end.
std::optional<std::string> parse_ipv6(Bytes text) {
  std::string address;
  std::optional<std::size_t> gap;
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    std::size_t size = 0;
    unsigned value = 0;
    for (; size < text.size() && size < 4 && is_a(hex_char, text[size]); ++size)
      value = value << 4 | hex_value(text[size]);
    if (size < text.size() && text[size] == '.') {
      const auto last = parse_ipv4(text);
      if (!last) return std::nullopt;
      address.append(*last);
      break;
    }
    if (size == 0) return std::nullopt;
    address.push_back(static_cast<char>(value >> 8));
    address.push_back(static_cast<char>(value & 0xFF));
    text.remove_prefix(size);
    if (address.size() > 16) return std::nullopt;
    if (text.empty()) break;
    if (!text.starts_with(':') || text.size() == 1) return std::nullopt;
    text.remove_prefix(1);
    if (!text.starts_with(':')) continue;
    if (gap) return std::nullopt;
    gap = address.size();
    text.remove_prefix(1);
  }
  if (!gap) return address.size() == 16 ? std::optional(address) : std::nullopt;
  if (address.size() > 14) return std::nullopt;
  address.insert(*gap, 16 - address.size(), '\0');
  return address;
}

std::optional<HostPort> parse_host_port(Bytes text) {
  HostPort result;
  Bytes port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == Bytes::npos) return std::nullopt;
    result.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (parse_ipv6(result.host)) {
      result.kind = HostKind::ipv6;
    } else if (is_ip_future(result.host)) {
      result.kind = HostKind::ip_future;
    } else {
      return std::nullopt;
    }
  } else {
    const std::size_t colon = text.find(':');
    result.host = text.substr(0, colon);
    port = colon == Bytes::npos ? Bytes() : text.substr(colon);
    if (!consists_of(result.host, "")) return std::nullopt;
    const bool may_be_ipv4 = !result.host.empty() && is_digit(result.host.back());
    if (may_be_ipv4 && parse_ipv4(result.host)) result.kind = HostKind::ipv4;
  }
  if (port.empty()) return result;
  if (port[0] != ':' || !parse_port(port.substr(1), result.port)) return std::nullopt;
  return result;
}

Result<Url> parse_url_reference(Bytes text) {
  Url url;
  const std::size_t delimiter = text.find_first_of(":/?#");
  if (delimiter != Bytes::npos && text[delimiter] == ':') {
    url.scheme = text.substr(0, delimiter);
    if (!is_scheme(url.scheme)) return bad_url("what stands before the first colon is not a scheme");
    text.remove_prefix(delimiter + 1);
  }
  if (const std::size_t hash = text.find('#'); hash != Bytes::npos) {
    url.fragment = text.substr(hash + 1);
    text = text.substr(0, hash);
    if (!consists_of(*url.fragment, ":@/?"))
      return bad_url("the fragment holds a character that must be encoded");
  }
  if (const std::size_t mark = text.find('?'); mark != Bytes::npos) {
    url.query = text.substr(mark + 1);
    text = text.substr(0, mark);
    if (!consists_of(*url.query, ":@/?")) return bad_url("the query holds a character that must be encoded");
  }
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    const std::size_t slash = std::min(text.find('/'), text.size());
    Bytes rest = text.substr(0, slash);
    url.authority = rest;
    text.remove_prefix(slash);
    if (const std::size_t at = rest.find('@'); at != Bytes::npos) {
      url.userinfo = rest.substr(0, at);
      rest.remove_prefix(at + 1);
      if (!consists_of(*url.userinfo, ":"))
        return bad_url("the user information holds a character that must be encoded");
    }
    const auto host = parse_host_port(rest);
    if (!host) return bad_url("the authority is not a host with an optional port");
    url.host = *host;
  }
  url.path = text;
  if (!consists_of(url.path, ":@/")) return bad_url("the path holds a character that must be encoded");
  return url;
}

Result<Url> parse_url(Bytes text) {
  auto url = parse_url_reference(text);
  if (url && url->scheme.empty()) return bad_url("it has no scheme");
  return url;
}

Result<Url> parse_http_url(Bytes text) {
  auto url = parse_url(text);
  if (!url) return url;
  if (!equals_ignoring_case(url->scheme, "http") && !equals_ignoring_case(url->scheme, "https"))
    return bad_url("the scheme is not http or https");
  if (!url->authority || url->host.host.empty()) return bad_url("it has no host");
  if (url->userinfo) return bad_url("user information does not belong in an http URL");
  if (url->fragment) return bad_url("a fragment does not belong in the URL of a request");
  return url;
}

std::optional<std::uint16_t> effective_port(const Url& url) {
  if (url.host.port) return url.host.port;
  const std::uint16_t port = default_port(url.scheme);
  return port != 0 ? std::optional(port) : std::nullopt;
}

// RFC 3986 5.2.4, with the output's last segment dropped in place.
std::string remove_dot_segments(Bytes path) {
  std::string out;
  out.reserve(path.size());
  while (!path.empty()) {
    if (path.starts_with("../")) {
      path.remove_prefix(3);
    } else if (path.starts_with("./")) {
      path.remove_prefix(2);
    } else if (path.starts_with("/./")) {
      path.remove_prefix(2);
    } else if (path == "/.") {
      path = "/";
    } else if (path.starts_with("/../") || path == "/..") {
      path = path.size() == 3 ? Bytes("/") : path.substr(3);
      const std::size_t slash = out.rfind('/');
      out.resize(slash == std::string::npos ? 0 : slash);
    } else if (path == "." || path == "..") {
      path = Bytes();
    } else {
      const std::size_t size = std::min(path.find('/', 1), path.size());
      out.append(path.substr(0, size));
      path.remove_prefix(size);
    }
  }
  return out;
}

std::string normalise_url(const Url& url) {
  const std::string scheme = to_lower(std::string(url.scheme));
  std::string authority;
  if (url.authority) {
    if (url.userinfo) authority = normalise_encoding(*url.userinfo) + "@";
    const bool bracketed = url.host.kind == HostKind::ipv6 || url.host.kind == HostKind::ip_future;
    const std::string host = normalise_host(url.host);
    authority += bracketed ? "[" + host + "]" : host;
    if (url.host.port && *url.host.port != default_port(scheme))
      authority += ":" + std::to_string(*url.host.port);
  }
  std::string path = normalise_encoding(url.path);
  if (path.starts_with('/')) path = remove_dot_segments(path);
  if (path.empty() && url.authority && default_port(scheme) != 0) path = "/";
  std::optional<std::string> query;
  if (url.query) query = normalise_encoding(*url.query);
  std::optional<std::string> fragment;
  if (url.fragment) fragment = normalise_encoding(*url.fragment);
  return compose(scheme, url.authority ? std::optional<Bytes>(authority) : std::nullopt, path,
                 query ? std::optional<Bytes>(*query) : std::nullopt,
                 fragment ? std::optional<Bytes>(*fragment) : std::nullopt);
}

// RFC 3986 5.2.2.
std::string resolve_url(const Url& base, const Url& reference) {
  const auto& fragment = reference.fragment;
  if (!reference.scheme.empty())
    return compose(reference.scheme, reference.authority, remove_dot_segments(reference.path),
                   reference.query, fragment);
  if (reference.authority)
    return compose(base.scheme, reference.authority, remove_dot_segments(reference.path), reference.query,
                   fragment);
  if (reference.path.empty())
    return compose(base.scheme, base.authority, base.path, reference.query ? reference.query : base.query,
                   fragment);
  const std::string merged =
      reference.path.starts_with('/') ? std::string(reference.path) : merge_paths(base, reference.path);
  return compose(base.scheme, base.authority, remove_dot_segments(merged), reference.query, fragment);
}

std::optional<std::string> percent_decode(Bytes text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out.push_back(text[at]);
      continue;
    }
    if (!is_encoded_at(text, at)) return std::nullopt;
    out.push_back(decoded_at(text, at));
    at += 2;
  }
  return out;
}

std::string percent_encode(Bytes text, Bytes also_kept) {
  constexpr Bytes hex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_a(unreserved_char, c) || also_kept.find(c) != Bytes::npos) {
      out.push_back(c);
    } else {
      out.append({'%', hex[byte >> 4], hex[byte & 15U]});
    }
  }
  return out;
}

Result<std::string> canonical_resource_uri(Bytes text) {
  const auto url = parse_url(text);
  if (!url) return url.error();
  // Normalised first: "%25%32%65" is "%252e".
  const std::string path = normalise_encoding(url->path);
  if (holds_treacherous_encoding(path) ||
      (url->authority && holds_treacherous_encoding(normalise_encoding(*url->authority))))
    return bad_url("it hides a separator, a dot or a control character behind an encoding");
  if (climbs_out(path)) return bad_url("its path climbs above its root");
  return normalise_url(*url);
}

Result<std::string> confined_path(Bytes encoded) {
  if (!consists_of(encoded, ":@/")) return bad_url("the path holds a character that must be encoded");
  if (holds_treacherous_encoding(normalise_encoding(encoded)))
    return bad_url("the path hides a separator, a dot or a control character behind an encoding");
  const auto decoded = percent_decode(encoded);
  if (!decoded || !is_utf8(*decoded)) return bad_url("the path is not UTF-8");
  Bytes rest = *decoded;
  if (rest.starts_with('/')) return bad_url("the path is absolute");
  const Error drive = bad_url("the path begins with a drive letter");
  if (has_drive_letter(rest)) return drive;

  std::string out;
  for (;;) {
    const std::size_t slash = rest.find('/');
    const Bytes segment = rest.substr(0, slash);
    if (segment == "..") {
      if (out.empty()) return bad_url("the path climbs above its root");
      const std::size_t last = out.rfind('/');
      out.resize(last == std::string::npos ? 0 : last);
    } else if (!segment.empty() && segment != ".") {
      if (!out.empty()) out.push_back('/');
      out.append(segment);
    }
    if (slash == Bytes::npos) break;
    rest.remove_prefix(slash + 1);
  }
  if (has_drive_letter(out)) return drive;  // "./" or "a/../" stood before it
  return out;
}

std::optional<Origin> parse_origin(Bytes text) {
  const std::size_t colon = text.find("://");
  if (colon == Bytes::npos || !is_scheme(text.substr(0, colon))) return std::nullopt;
  const auto host = parse_host_port(text.substr(colon + 3));
  if (!host || host->host.empty() || host->host.find('%') != Bytes::npos) return std::nullopt;
  Origin origin;
  origin.scheme = to_lower(std::string(text.substr(0, colon)));
  origin.host = normalise_host(*host);
  origin.port = host->port.value_or(default_port(origin.scheme));
  return origin;
}

bool host_is_loopback(Bytes host) {
  if (is_localhost(host)) return true;
  if (const auto address = parse_ipv4(host)) return address->front() == 127;
  const auto address = parse_ipv6(host);
  return address && *address == std::string(15, '\0') + '\1';
}

}  // namespace sluice
