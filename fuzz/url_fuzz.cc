// SPDX-License-Identifier: Apache-2.0
// URIs under fire: whatever parses must come together again from its components, normalise to a text that
// parses and stays the same, and never climb out of its root once it was called confined or canonical.
//
// The first half of an input, up to a line end, is a base; the rest is a reference.

#include <cstring>
#include <memory>
#include <string>

#include "base/check.h"
#include "codec/base64.h"
#include "codec/headers.h"
#include "codec/url.h"
#include "codec/utf8.h"

using namespace sluice;

namespace {

std::string recompose(const Url& url) {
  std::string out;
  if (!url.scheme.empty()) out.append(url.scheme).append(":");
  if (url.authority) out.append("//").append(*url.authority);
  out.append(url.path);
  if (url.query) out.append("?").append(*url.query);
  if (url.fragment) out.append("#").append(*url.fragment);
  return out;
}

bool has_climbing_segment(Bytes path) {
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    if (path.substr(0, slash) == "..") return true;
    if (slash == Bytes::npos) return false;
    path.remove_prefix(slash + 1);
  }
  return false;
}

void check_url(Bytes text) {
  const auto url = parse_url_reference(text);
  if (!url) {
    CHECK(!canonical_resource_uri(text));
    return;
  }
  CHECK(recompose(*url) == text);
  const std::string normal = normalise_url(*url);
  const auto again = parse_url_reference(normal);
  // A relative reference may lose the "./" that hid a colon only by decoding, which never makes one.
  CHECK(again.ok());
  CHECK(normalise_url(*again) == normal);

  if (const auto canonical = canonical_resource_uri(text)) {
    const auto parsed = parse_url(*canonical);
    CHECK(parsed.ok());
    CHECK(!has_climbing_segment(parsed->path));
    const auto twice = canonical_resource_uri(*canonical);
    CHECK(twice && *twice == *canonical);
  }
  if (const auto http = parse_http_url(text)) CHECK(effective_port(*http) && !http->host.host.empty());
}

void check_strings(Bytes text) {
  if (const auto path = confined_path(text)) {
    CHECK(!path->starts_with('/') && !has_climbing_segment(*path) && is_utf8(*path));
    CHECK(path->find('\\') == std::string::npos && path->find('\0') == std::string::npos);
  }
  CHECK(percent_decode(percent_encode(text)) == text);
  if (const auto host = parse_host_port(text)) (void)host_is_loopback(host->host);
  (void)host_is_loopback(text);
  if (const auto origin = parse_origin(text)) {
    const bool bracketed = origin->host.find(':') != std::string::npos && origin->host[0] != 'v';
    const std::string host = bracketed ? "[" + origin->host + "]" : origin->host;
    if (origin->port != 0 && origin->host[0] != 'v')
      CHECK(parse_origin(origin->scheme + "://" + host + ":" + std::to_string(origin->port)) == origin);
  }
  CHECK(base64_decode(base64_encode(text)) == text);
  CHECK(base64url_decode(base64url_encode(text)) == text);
  if (const auto bytes = base64_decode(text)) CHECK(base64_encode(*bytes) == text);
  if (const auto bytes = base64url_decode(text)) CHECK(base64url_encode(*bytes) == text);
  const std::string mirrored = encode_mirrored(text);
  CHECK(is_field_value(mirrored));
  if (is_utf8(text)) CHECK(decode_mirrored(mirrored) == text);
  const HeaderField accept{"accept", text};
  const HeaderFields fields(&accept, 1);
  for (const Bytes subtype : {"json", "event-stream"}) {
    const int quality = accept_quality(fields, subtype == "json" ? "application" : "text", subtype);
    CHECK(quality >= 0 && quality <= 1000);
  }
  ListReader list(text);
  while (const auto element = list.next())
    CHECK(!element->empty() && header_lists(fields, "ACCEPT", *element));
  CHECK(find_header(fields, "Accept") == &accept && header_value(fields, "accepts").empty());
  CHECK(count_headers(fields, "accept") == 1);
  if (const auto media = parse_media_type(text)) {
    CHECK(is_token(media->type) && is_token(media->subtype) && media->is(media->type, media->subtype));
    (void)media->parameter("q");
  }

  Utf8Validator validator;
  for (std::size_t at = 0; at < text.size(); at += 3) (void)validator.feed(text.substr(at, 3));
  CHECK(validator.complete() == is_utf8(text));
  CHECK((utf8_valid_prefix(text) == text.size()) == is_utf8(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  // Exactly as long as the text, so that a read behind it is seen.
  const std::unique_ptr<char[]> copy(new char[size]);
  if (size != 0) std::memcpy(copy.get(), data, size);
  const Bytes text(copy.get(), size);
  check_url(text);
  check_strings(text);

  const std::size_t newline = text.find('\n');
  if (newline == Bytes::npos) return 0;
  const auto base = parse_url(text.substr(0, newline));
  const auto reference = parse_url_reference(text.substr(newline + 1));
  if (base && reference) CHECK(parse_url(resolve_url(*base, *reference)).ok());
  return 0;
}
