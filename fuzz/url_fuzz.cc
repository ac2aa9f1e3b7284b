// SPDX-License-Identifier: Apache-2.0
// URIs under fire, against a second reader made of RFC 3986's appendix B, its 5.2 letter by letter and the C
// library's addresses. What parses comes together again from its components, normalises to a text that stays
// the same, and never climbs out of its root once it was called confined or canonical. Header values are held
// the same way.
//
// The first half of an input, up to a line end, is a base; the rest is a reference.

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "codec/headers.h"
#include "codec/url.h"
#include "codec/utf8.h"

using namespace sluice;

namespace {

using Text = std::string;

// ---- The second reader ----

Text lowered(Text text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return text;
}
bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

bool all(const Text& text, const Text& extra) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c > 0 && (std::isalnum(c) || (extra + "-._~!$&'()*+,;=").find(c) != Text::npos)) continue;
    if (c != '%' || i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
    i += 2;
  }
  return true;
}

std::vector<Text> split(const Text& text, char separator) {
  std::vector<Text> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::optional<Text> slow_address(const Text& text, int family) {
  char address[16];
  if (text.find('\0') != Text::npos || inet_pton(family, text.c_str(), address) != 1) return std::nullopt;
  return Text(address, family == AF_INET ? 4 : 16);
}

struct SlowHost {
  Text host;
  std::optional<unsigned> port;
  HostKind kind = HostKind::name;
};

std::optional<SlowHost> slow_host_port(const Text& text) {
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.find(':', bracket == Text::npos ? 0 : bracket);
  SlowHost result;
  result.host = text.substr(0, colon);
  if (colon != Text::npos) {
    Text digits = text.substr(colon + 1);
    if (digits.find_first_not_of("0123456789") != Text::npos) return std::nullopt;
    if (!digits.empty()) result.port = 0;
    digits.erase(0, digits.find_first_not_of('0'));
    if (digits.size() > 5 || (!digits.empty() && std::stoi(digits) > 65535)) return std::nullopt;
    if (!digits.empty()) result.port = static_cast<unsigned>(std::stoi(digits));
  }
  Text& host = result.host;
  if (host.empty() || host[0] != '[') {
    if (!all(host, "")) return std::nullopt;
    if (slow_address(host, AF_INET)) result.kind = HostKind::ipv4;
    return result;
  }
  if (host.back() != ']') return std::nullopt;
  host = host.substr(1, host.size() - 2);
  result.kind = slow_address(host, AF_INET6) ? HostKind::ipv6 : HostKind::ip_future;
  if (result.kind == HostKind::ipv6) return result;
  const std::size_t dot = host.find('.');
  if (dot == Text::npos || dot < 2 || (host[0] != 'v' && host[0] != 'V')) return std::nullopt;
  const Text version = host.substr(1, dot - 1);
  if (!std::all_of(version.begin(), version.end(), is_hex)) return std::nullopt;
  const Text rest = host.substr(dot + 1);
  if (rest.empty() || rest.find('%') != Text::npos || !all(rest, ":")) return std::nullopt;
  return result;
}

struct SlowUrl {
  Text scheme, path;
  std::optional<Text> authority, userinfo, query, fragment;
  SlowHost host;
};

// Appendix B, from the back to the front, then the grammar of every part.
std::optional<SlowUrl> slow_url(Text text) {
  SlowUrl url;
  const auto cut = [&text](char mark) -> std::optional<Text> {
    const std::size_t at = text.find(mark);
    if (at == Text::npos) return std::nullopt;
    const Text behind = text.substr(at + 1);
    text.resize(at);
    return behind;
  };
  url.fragment = cut('#');
  url.query = cut('?');
  const std::size_t colon = text.find(':');
  if (colon != Text::npos && colon < text.find('/')) {
    url.scheme = text.substr(0, colon);
    text.erase(0, colon + 1);
    if (url.scheme.empty() || !std::isalpha(static_cast<unsigned char>(url.scheme[0]))) return std::nullopt;
    for (const char c : url.scheme)
      if (!std::isalnum(static_cast<unsigned char>(c)) && (c == 0 || !std::strchr("+-.", c)))
        return std::nullopt;
  }
  if (text.substr(0, 2) == "//") {
    Text rest = text.substr(2, std::min(text.find('/', 2), text.size()) - 2);
    text.erase(0, rest.size() + 2);
    url.authority = rest;
    const std::size_t at = rest.find('@');
    if (at != Text::npos) {
      url.userinfo = rest.substr(0, at);
      rest.erase(0, at + 1);
    }
    const auto host = slow_host_port(rest);
    if (!host || !all(url.userinfo.value_or(""), ":")) return std::nullopt;
    url.host = *host;
  }
  url.path = text;
  if (!all(url.path, ":@/") || !all(url.query.value_or(""), ":@/?") ||
      !all(url.fragment.value_or(""), ":@/?"))
    return std::nullopt;
  return url;
}

// 5.2.4, step by step.
Text slow_dots(Text input) {
  Text output;
  const auto begins = [&input](const Text& with) { return input.compare(0, with.size(), with) == 0; };
  while (!input.empty()) {
    if (begins("../")) {
      input.erase(0, 3);
    } else if (begins("./")) {
      input.erase(0, 2);
    } else if (begins("/./") || input == "/.") {
      input.replace(0, std::min<std::size_t>(3, input.size()), "/");
    } else if (begins("/../") || input == "/..") {
      input.replace(0, std::min<std::size_t>(4, input.size()), "/");
      output.erase(output.find_last_of('/') == Text::npos ? 0 : output.find_last_of('/'));
    } else if (input == "." || input == "..") {
      input.clear();
    } else {
      const std::size_t next = std::min(input.find('/', 1), input.size());
      output += input.substr(0, next);
      input.erase(0, next);
    }
  }
  return output;
}

// 5.3, with the dot that keeps "//" at the front of a path from being read as an authority.
Text composed(const Text& scheme, const std::optional<Text>& authority, const Text& path,
              const std::optional<Text>& query, const std::optional<Text>& fragment) {
  Text out = scheme.empty() ? "" : scheme + ":";
  if (authority) out += "//" + *authority;
  if (!authority && path.substr(0, 2) == "//") out += "/.";
  out += path;
  if (query) out += "?" + *query;
  if (fragment) out += "#" + *fragment;
  return out;
}

// 5.2.2 and 5.2.3.
Text slow_resolve(const SlowUrl& base, const SlowUrl& r) {
  if (!r.scheme.empty()) return composed(r.scheme, r.authority, slow_dots(r.path), r.query, r.fragment);
  if (r.authority) return composed(base.scheme, r.authority, slow_dots(r.path), r.query, r.fragment);
  if (r.path.empty())
    return composed(base.scheme, base.authority, base.path, r.query ? r.query : base.query, r.fragment);
  Text merged = r.path;
  if (r.path[0] != '/') {
    merged = base.authority && base.path.empty()
                 ? "/" + r.path
                 : base.path.substr(0, base.path.find_last_of('/') + 1) + r.path;
  }
  return composed(base.scheme, base.authority, slow_dots(merged), r.query, r.fragment);
}

// Decodes what is an encoding and leaves the rest.
Text decoded(const Text& text) {
  Text out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2])) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

unsigned default_port_of(const Text& scheme) {
  const Text name = lowered(scheme);
  return name == "http" || name == "ws" ? 80 : name == "https" || name == "wss" ? 443 : 0;
}

// True when a path leaves where it starts at some point of its way.
bool leaves(const Text& path) {
  std::vector<Text> way = split(path, '/');
  if (path.substr(0, 1) == "/") way.erase(way.begin());
  int depth = 0;
  for (const Text& segment : way) {
    depth += segment == ".." ? -1 : segment == "." ? 0 : 1;
    if (depth < 0 || (segment == ".." && path[0] != '/')) return true;
  }
  return false;
}

// ---- URIs ----

void check_components(const Url& url, const SlowUrl& slow) {
  CHECK(url.scheme == slow.scheme && url.path == slow.path);
  CHECK(url.authority == slow.authority && url.userinfo == slow.userinfo);
  CHECK(url.query == slow.query && url.fragment == slow.fragment);
  CHECK(url.host.host == slow.host.host && url.host.kind == slow.host.kind);
  CHECK(url.host.port.has_value() == slow.host.port.has_value());
  CHECK(!url.host.port || *url.host.port == *slow.host.port);
  const unsigned usual = default_port_of(slow.scheme);
  const auto port = effective_port(url);
  CHECK(port.value_or(0) == slow.host.port.value_or(usual) &&
        port.has_value() == (usual != 0 || slow.host.port));
}

// The same resource, in one spelling.
void check_normal(const Url& url) {
  const Text text = normalise_url(url);
  const auto normal = parse_url_reference(text);
  CHECK(normal.ok() && normalise_url(*normal) == text);
  CHECK(normal->scheme == lowered(Text(url.scheme)));
  CHECK(normal->authority.has_value() == url.authority.has_value());
  CHECK(effective_port(*normal).value_or(0) == effective_port(url).value_or(0));
  CHECK(!normal->host.port || *normal->host.port != default_port_of(Text(url.scheme)));
  const Text host = decoded(Text(normal->host.host));
  CHECK(lowered(host) == lowered(decoded(Text(url.host.host))) || url.host.kind == HostKind::ipv6);
  CHECK(lowered(Text(normal->host.host)) == normal->host.host || host != normal->host.host);
  if (url.host.kind == HostKind::ipv6) {
    const auto address = slow_address(Text(url.host.host), AF_INET6);
    CHECK(slow_address(host, AF_INET6) == address);
    char shortest[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, address->data(), shortest, sizeof shortest);
    CHECK(host == shortest ||
          Text(shortest).find('.') != Text::npos);  // the C library's mixed form is not ours
  }
  CHECK(decoded(Text(normal->userinfo.value_or(""))) == decoded(Text(url.userinfo.value_or(""))));
  CHECK(decoded(Text(normal->query.value_or(""))) == decoded(Text(url.query.value_or(""))));
  CHECK(decoded(Text(normal->fragment.value_or(""))) == decoded(Text(url.fragment.value_or(""))));
  for (std::size_t at = text.find('%'); at != Text::npos; at = text.find('%', at + 1)) {
    const auto character = static_cast<unsigned char>(decoded(text.substr(at, 3))[0]);
    CHECK(character >= 0x80 ||
          (!std::isalnum(character) && (character == 0 || !std::strchr("-._~", character))));
    CHECK(!std::islower(text[at + 1]) && !std::islower(text[at + 2]));
  }
}

void check_canonical(Bytes text, const SlowUrl& slow) {
  const auto canonical = canonical_resource_uri(text);
  if (slow.scheme.empty()) CHECK(!canonical);
  // What some server behind us may read: decoded once, and decoded twice.
  const Text once = decoded(slow.path);
  const Text twice = decoded(once);
  const auto slashes = [](const Text& path) { return std::count(path.begin(), path.end(), '/'); };
  if (leaves(slow.path) || leaves(once) || leaves(twice) || slashes(twice) != slashes(slow.path))
    CHECK(!canonical);
  if (twice.find('\\') != Text::npos || twice.find('\0') != Text::npos) CHECK(!canonical);
  // And nothing else is refused.
  if (!slow.scheme.empty() && text.find('%') == Bytes::npos) CHECK(canonical.ok() == !leaves(slow.path));
  if (!canonical) return;
  const auto parsed = parse_url(*canonical);
  CHECK(parsed && *canonical == normalise_url(*parse_url(text)));
  const auto again = canonical_resource_uri(*canonical);
  CHECK(again && *again == *canonical);
}

void check_url(Bytes text) {
  const auto url = parse_url_reference(text);
  const auto slow = slow_url(Text(text));
  CHECK(url.ok() == slow.has_value());
  if (!url) {
    CHECK(!canonical_resource_uri(text) && !parse_url(text) && !parse_http_url(text));
    return;
  }
  check_components(*url, *slow);
  CHECK(parse_url(text).ok() == !slow->scheme.empty());
  CHECK(remove_dot_segments(url->path) == slow_dots(slow->path));
  check_normal(*url);
  check_canonical(text, *slow);
  const Text scheme = lowered(slow->scheme);
  const bool is_http = (scheme == "http" || scheme == "https") && !slow->host.host.empty() &&
                       !slow->userinfo && !slow->fragment;
  CHECK(parse_http_url(text).ok() == is_http);
}

// ---- Paths, hosts, origins ----

void check_path(Bytes text) {
  const auto path = confined_path(text);
  const Text plain = decoded(Text(text));
  const bool simple = all(Text(text), ":@/") && text.find('%') == Bytes::npos && !leaves("/" + plain) &&
                      plain.substr(0, 1) != "/" && plain.find(':') == Text::npos;
  CHECK(path || !simple || plain.find("//") != Text::npos);
  if (!path) return;
  CHECK(is_utf8(*path) && path->find('\\') == Text::npos);
  CHECK(path->size() < 2 || (*path)[1] != ':' || !std::isalpha(static_cast<unsigned char>((*path)[0])));
  for (const char c : *path) CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  int depth = 0;
  Text expected;
  std::vector<Text> kept;
  for (const Text& segment : split(plain, '/')) {
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      CHECK(--depth >= 0);
      kept.pop_back();
      continue;
    }
    ++depth;
    kept.push_back(segment);
  }
  for (const Text& segment : kept) expected += (expected.empty() ? "" : "/") + segment;
  CHECK(*path == expected && plain.substr(0, 1) != "/");
}

void check_host(Bytes text) {
  const Text name(text);
  CHECK(parse_ipv4(text) == slow_address(name, AF_INET) && parse_ipv6(text) == slow_address(name, AF_INET6));
  const auto host = parse_host_port(text);
  const auto slow = slow_host_port(name);
  CHECK(host.has_value() == slow.has_value());
  if (host) CHECK(host->host == slow->host && host->kind == slow->kind && host->port == slow->port);
  const auto ipv4 = slow_address(name, AF_INET);
  const auto ipv6 = slow_address(name, AF_INET6);
  const Text low = lowered(name);
  const bool named = low == "localhost" || (low.size() > 10 && low.substr(low.size() - 10) == ".localhost");
  const bool local = (ipv4 && (*ipv4)[0] == 127) || (ipv6 && *ipv6 == *slow_address("::1", AF_INET6));
  CHECK(host_is_loopback(text) == (named || local));
}

void check_origin(Bytes text) {
  const auto origin = parse_origin(text);
  const auto slow = slow_url(Text(text));
  if (!origin) {
    CHECK(!slow || slow->scheme.empty() || slow->host.host.empty() || slow->userinfo || !slow->path.empty() ||
          slow->query || slow->fragment || slow->host.host.find('%') != Text::npos);
    return;
  }
  CHECK(slow && slow->path.empty() && !slow->query && !slow->fragment && !slow->userinfo);
  CHECK(origin->scheme == lowered(slow->scheme));
  CHECK(origin->port == slow->host.port.value_or(default_port_of(slow->scheme)));
  const auto kind = slow->host.kind;
  if (kind == HostKind::ipv6) {
    CHECK(slow_address(origin->host, AF_INET6) == slow_address(slow->host.host, AF_INET6));
  } else {
    CHECK(origin->host == lowered(slow->host.host));
  }
  const bool bracketed = kind == HostKind::ipv6 || kind == HostKind::ip_future;
  const Text host = bracketed ? "[" + origin->host + "]" : origin->host;
  CHECK(parse_origin(origin->scheme + "://" + host + ":" + std::to_string(origin->port)) == origin);
}

// ---- Header values ----

bool slow_token(const Text& text) {
  for (const char c : text)
    if (c <= 0 || (!std::isalnum(c) && !std::strchr("!#$%&'*+-.^_`|~", c))) return false;
  return !text.empty();
}

void check_headers(Bytes text) {
  bool controls = false;
  for (const char c : text)
    controls = controls || c == 0x7F || (c != '\t' && static_cast<unsigned char>(c) < 0x20);
  const bool blank_ends =
      !text.empty() && (std::strchr(" \t", text.front()) || std::strchr(" \t", text.back()));
  CHECK(has_field_control(text) == controls);
  CHECK(is_field_value(text) == (!controls && !blank_ends) && is_token(text) == slow_token(Text(text)));
  const Text mirrored = encode_mirrored(text);
  for (const char c : mirrored) CHECK(c >= 0x20 && c < 0x7F);
  CHECK(is_field_value(mirrored));
  const auto back = decode_mirrored(mirrored);
  CHECK(is_utf8(text) ? back == text : !back);
  if (const auto given = decode_mirrored(text)) CHECK(text.starts_with("=?base64?") || *given == text);
  const HeaderField accept[] = {{"x", "y"}, {"accept", text}};
  const HeaderFields fields(accept, 2);
  for (const Bytes subtype : {"json", "event-stream"}) {
    const int quality = accept_quality(fields, subtype == "json" ? "application" : "text", subtype);
    CHECK(quality >= 0 && quality <= 1000);
  }
  ListReader list(text);
  while (const auto element = list.next()) {
    CHECK(!element->empty() && header_lists(fields, "ACCEPT", *element) && trim_blanks(*element) == *element);
    if (text.find('"') == Bytes::npos) CHECK(element->find(',') == Bytes::npos);
  }
  CHECK(find_header(fields, "Accept") == &accept[1] && header_value(fields, "accepts").empty());
  CHECK(header_value(fields, "ACCEPT") == text && count_headers(fields, "accept") == 1);
  if (const auto media = parse_media_type(text)) {
    CHECK(is_token(media->type) && is_token(media->subtype) && media->is(media->type, media->subtype));
    const Bytes q = media->parameter("q");
    const bool plain = text.find_first_of(",\"") == Bytes::npos;
    const HeaderField again{"Accept", text};
    if (plain && q.empty())
      CHECK(accept_quality(HeaderFields(&again, 1), media->type, media->subtype) == 1000);
    if (plain && q == "0.5")
      CHECK(accept_quality(HeaderFields(&again, 1), media->type, media->subtype) == 500);
    if (plain && q == "1.001")
      CHECK(accept_quality(HeaderFields(&again, 1), media->type, media->subtype) == 0);
  }
}

void check_encoding(Bytes text) {
  CHECK(percent_decode(percent_encode(text)) == text);
  if (text.find('%') == Bytes::npos) CHECK(percent_decode(percent_encode(text, "/:%")) == text);
  CHECK(all(percent_encode(text), "") && percent_encode(text).find_first_of("!$&'()*+,;=/") == Text::npos);
  const auto plain = percent_decode(text);
  const Text slow = decoded(Text(text));
  // Whole encodings only: what stays a '%' was none, unless it was one itself.
  Text without = Text(text);
  for (std::size_t at = without.find("%25"); at != Text::npos; at = without.find("%25"))
    without.replace(at, 3, "x");
  const bool whole = decoded(without).find('%') == Text::npos;
  if (plain) CHECK(*plain == slow);
  if (text.find("%25") == Bytes::npos) CHECK(plain.has_value() == whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  // Exactly as long as the text, so that a read behind it is seen.
  const std::unique_ptr<char[]> copy(new char[size]);
  if (size != 0) std::memcpy(copy.get(), data, size);
  const Bytes text(copy.get(), size);
  check_url(text);
  check_path(text);
  check_host(text);
  check_origin(text);
  check_headers(text);
  check_encoding(text);

  const std::size_t newline = text.find('\n');
  if (newline == Bytes::npos) return 0;
  const auto base = parse_url(text.substr(0, newline));
  const auto reference = parse_url_reference(text.substr(newline + 1));
  if (!base || !reference) return 0;
  const Text resolved = resolve_url(*base, *reference);
  CHECK(parse_url(resolved).ok());
  CHECK(resolved ==
        slow_resolve(*slow_url(Text(text.substr(0, newline))), *slow_url(Text(text.substr(newline + 1)))));
  return 0;
}
