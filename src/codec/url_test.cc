// SPDX-License-Identifier: Apache-2.0
#include "codec/url.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

// The components, each behind its name, so that a table can state them; "-" for no URI at all.
std::string shape(Bytes text) {
  const auto url = parse_url_reference(text);
  if (!url) return "-";
  std::string out;
  if (!url->scheme.empty()) out.append("s=").append(url->scheme).append(" ");
  if (url->userinfo) out.append("u=").append(*url->userinfo).append(" ");
  if (url->authority) {
    constexpr Bytes kinds[] = {"h=", "h4=", "h6=", "hv="};
    out.append(kinds[static_cast<std::size_t>(url->host.kind)]).append(url->host.host).append(" ");
    if (url->host.port) out.append(":" + std::to_string(*url->host.port) + " ");
  }
  out.append("p=").append(url->path);
  if (url->query) out.append(" q=").append(*url->query);
  if (url->fragment) out.append(" f=").append(*url->fragment);
  return out;
}

struct Row {
  Bytes text;
  Bytes wanted;
};

TEST(Url, SplitsUrisIntoComponentsAndRefusesTheRest) {
  const Row rows[] = {
      // RFC 3986 1.1.2 and 3.
      {"ftp://ftp.is.co.za/rfc/rfc1808.txt", "s=ftp h=ftp.is.co.za p=/rfc/rfc1808.txt"},
      {"http://www.ietf.org/rfc/rfc2396.txt", "s=http h=www.ietf.org p=/rfc/rfc2396.txt"},
      {"ldap://[2001:db8::7]/c=GB?objectClass?one", "s=ldap h6=2001:db8::7 p=/c=GB q=objectClass?one"},
      {"mailto:John.Doe@example.com", "s=mailto p=John.Doe@example.com"},
      {"news:comp.infosystems.www.servers.unix", "s=news p=comp.infosystems.www.servers.unix"},
      {"tel:+1-816-555-1212", "s=tel p=+1-816-555-1212"},
      {"telnet://192.0.2.16:80/", "s=telnet h4=192.0.2.16 :80 p=/"},
      {"urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
       "s=urn p=oasis:names:specification:docbook:dtd:xml:4.1.2"},
      {"foo://example.com:8042/over/there?name=ferret#nose",
       "s=foo h=example.com :8042 p=/over/there q=name=ferret f=nose"},
      // Present and empty differs from absent.
      {"", "p="},
      {"?", "p= q="},
      {"#", "p= f="},
      {"?#", "p= q= f="},
      {"//", "h= p="},
      {"a:", "s=a p="},
      {"a://", "s=a h= p="},
      {"file:///etc/hosts", "s=file h= p=/etc/hosts"},
      {"a://@b", "s=a u= h=b p="},
      {"a://b:", "s=a h=b p="},
      {"a://b:/", "s=a h=b p=/"},
      {"a://:80", "s=a h= :80 p="},
      // Hosts.
      {"a://h%41st", "s=a h=h%41st p="},
      {"a://a_b~c!d", "s=a h=a_b~c!d p="},
      {"a://1.2.3.4", "s=a h4=1.2.3.4 p="},
      {"a://1.2.3", "s=a h=1.2.3 p="},
      {"a://1.2.3.256", "s=a h=1.2.3.256 p="},
      {"a://01.2.3.4", "s=a h=01.2.3.4 p="},
      {"a://1.2.3.4.5", "s=a h=1.2.3.4.5 p="},
      {"a://[::]", "s=a h6=:: p="},
      {"a://[1:2:3:4:5:6:7:8]:65535", "s=a h6=1:2:3:4:5:6:7:8 :65535 p="},
      {"a://[1::8]", "s=a h6=1::8 p="},
      {"a://[1:2:3:4:5:6:7::]", "s=a h6=1:2:3:4:5:6:7:: p="},
      {"a://[::ffff:1.2.3.4]", "s=a h6=::ffff:1.2.3.4 p="},
      {"a://[v1.x:y]", "s=a hv=v1.x:y p="},
      {"a://[VaF.a]:1", "s=a hv=VaF.a :1 p="},
      {"a://[]", "-"},
      {"a://[:]", "-"},
      {"a://[1]", "-"},
      {"a://[:::]", "-"},
      {"a://[1::2::3]", "-"},
      {"a://[1:2:3:4:5:6:7]", "-"},
      {"a://[1:2:3:4:5:6:7:8:9]", "-"},
      {"a://[1:2:3:4:5:6:7:8::]", "-"},
      {"a://[12345::]", "-"},
      {"a://[g::]", "-"},
      {"a://[::1.2.3]", "-"},
      {"a://[::1.2.3.4:5]", "-"},
      {"a://[1.2.3.4]", "-"},
      {"a://[fe80::1%25eth0]", "-"},
      {"a://[fe80::1%eth0]", "-"},
      {"a://[::1", "-"},
      {"a://::1", "-"},
      {"a://[::1]x", "-"},
      {"a://x[::1]", "-"},
      {"a://[v.x]", "-"},
      {"a://[v1.]", "-"},
      {"a://[vg.x]", "-"},
      {"a://b:65536", "-"},
      {"a://b:99999999999999999999", "-"},
      {"a://b:8o", "-"},
      {"a://b:-1", "-"},
      {"a://b:1:2", "-"},
      {"a://b c", "-"},
      {"a://b%", "-"},
      {"a://b%zz", "-"},
      {"a://b<", "-"},
      {"a://b\\c", "-"},
      {"a://b|c", "-"},
      // User information.
      {"a://u:p@b", "s=a u=u:p h=b p="},
      {"a://u%40:p@b:1/", "s=a u=u%40:p h=b :1 p=/"},
      {"a://u@p@b", "-"},
      {"a://u/@b", "s=a h=u p=/@b"},
      {"a://u[@b", "-"},
      // Schemes.
      {"A1+-.:x", "s=A1+-. p=x"},
      {"1a:x", "-"},
      {":x", "-"},
      {"a_b:x", "-"},
      {"+a:x", "-"},
      {"a%41:x", "-"},
      {"./a:x", "p=./a:x"},
      {"a/b:x", "p=a/b:x"},
      {"?a:x", "p= q=a:x"},
      // Paths, queries, fragments.
      {"a:/b//c/", "s=a p=/b//c/"},
      {"a:b@c:d", "s=a p=b@c:d"},
      {"a:/-._~!$&'()*+,;=:@%20", "s=a p=/-._~!$&'()*+,;=:@%20"},
      {"a?/?:@", "p=a q=/?:@"},
      {"a#/?:@", "p=a f=/?:@"},
      {"a?b#c?d", "p=a q=b f=c?d"},
      {"a#b#c", "-"},
      {"a b", "-"},
      {"a\tb", "-"},
      {"a\nb", "-"},
      {" a", "-"},
      {"a ", "-"},
      {"a%", "-"},
      {"a%2", "-"},
      {"a%2g", "-"},
      {"a%%41", "-"},
      {"a\\b", "-"},
      {"a\"b", "-"},
      {"a<b>", "-"},
      {"a{b}", "-"},
      {"a[b]", "-"},
      {"a|b", "-"},
      {"a^b", "-"},
      {"a`b", "-"},
      {"a\x7F", "-"},
      {"caf\xC3\xA9", "-"},
      {"a?b[c]", "-"},
      {"a?b c", "-"},
      {"a?%zz", "-"},
      {"a#%zz", "-"},
      {"a#b c", "-"},
  };
  for (const Row& row : rows) EXPECT_EQ(shape(row.text), row.wanted) << row.text;
  EXPECT_EQ(shape(Bytes("a\0b", 3)), "-");
  EXPECT_FALSE(parse_url("//a/b"));
  EXPECT_FALSE(parse_url(""));
  EXPECT_TRUE(parse_url("a:b"));
}

TEST(Url, TakesAsUpstreamsOnlyHttpUrlsThatSayNoMoreThanWhere) {
  for (const Bytes good : {"http://a", "HTTPS://a:1/b?c", "http://[::1]:1/"})
    EXPECT_TRUE(parse_http_url(good)) << good;
  for (const Bytes bad :
       {"", "a", "/a", "//a", "ftp://a", "http:", "http:a", "http:/a", "http://", "http:///a", "http://:80",
        "http://u@a", "http://@a", "http://a#", "http://a/#f", "ws://a", "http://a b"})
    EXPECT_FALSE(parse_http_url(bad)) << bad;
  EXPECT_EQ(effective_port(*parse_url("http://a")), 80);
  EXPECT_EQ(effective_port(*parse_url("HTTPS://a")), 443);
  EXPECT_EQ(effective_port(*parse_url("wss://a:")), 443);
  EXPECT_EQ(effective_port(*parse_url("ws://a:7")), 7);
  EXPECT_EQ(effective_port(*parse_url("ftp://a")), std::nullopt);
}

TEST(Url, NormalisesEqualUrisToEqualTexts) {
  const Row rows[] = {
      {"HTTP://EXAMPLE.com", "http://example.com/"},
      {"http://example.com:80/", "http://example.com/"},
      {"https://example.com:443", "https://example.com/"},
      {"http://example.com:443", "http://example.com:443/"},
      {"http://example.com:", "http://example.com/"},
      {"http://example.com?q", "http://example.com/?q"},
      {"foo://EXAMPLE:80", "foo://example:80"},
      {"example://a/b/c/%7Bfoo%7D", "example://a/b/c/%7Bfoo%7D"},
      {"eXAMPLE://a/./b/../b/%63/%7bfoo%7d", "example://a/b/c/%7Bfoo%7D"},
      {"http://a/%7e%41%2d%2E%5f", "http://a/~A-._"},
      {"http://a/%2f%3a", "http://a/%2F%3A"},
      {"http://a/b/%2e%2e/c", "http://a/c"},
      {"http://a/../../b", "http://a/b"},
      {"http://a/b/.", "http://a/b/"},
      {"http://a/b/..", "http://a/"},
      {"http://%41%C3%A9.x/", "http://a%C3%A9.x/"},
      {"http://U%3a@A/", "http://U%3A@a/"},
      {"http://a/?%7e=%2f#%41%c3", "http://a/?~=%2F#A%C3"},
      {"http://[2001:DB8:0:0:0:0:0:1]/", "http://[2001:db8::1]/"},
      {"http://[0:0:0:0:0:0:0:0]/", "http://[::]/"},
      {"http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/"},
      {"http://[1:0:0:2:0:0:0:3]/", "http://[1:0:0:2::3]/"},
      {"http://[1:0:2:3:4:5:6:7]/", "http://[1:0:2:3:4:5:6:7]/"},
      {"http://[1:2:3:4:5:6:0:0]/", "http://[1:2:3:4:5:6::]/"},
      {"http://[V1.A]/", "http://[v1.a]/"},
      {"urn:Example:a%2Db", "urn:Example:a-b"},
      {"urn:a/../b", "urn:a/../b"},
      {"a:/.//b", "a:/.//b"},
      {"a:/b/..//c", "a:/.//c"},
      {"FILE:///A/./b", "file:///A/b"},
  };
  for (const Row& row : rows) {
    const auto url = parse_url(row.text);
    ASSERT_TRUE(url) << row.text;
    const std::string text = normalise_url(*url);
    EXPECT_EQ(text, row.wanted) << row.text;
    const auto again = parse_url(text);
    ASSERT_TRUE(again) << text;
    EXPECT_EQ(normalise_url(*again), text);
  }
}

TEST(Url, ResolvesReferencesAsRfc3986SectionFiveFour) {
  const Row rows[] = {
      {"g:h", "g:h"},
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q#s"},
      {"g#s", "http://a/b/c/g#s"},
      {"g?y#s", "http://a/b/c/g?y#s"},
      {";x", "http://a/b/c/;x"},
      {"g;x", "http://a/b/c/g;x"},
      {"g;x?y#s", "http://a/b/c/g;x?y#s"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"../../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {".g", "http://a/b/c/.g"},
      {"g..", "http://a/b/c/g.."},
      {"..g", "http://a/b/c/..g"},
      {"./../g", "http://a/b/g"},
      {"./g/.", "http://a/b/c/g/"},
      {"g/./h", "http://a/b/c/g/h"},
      {"g/../h", "http://a/b/c/h"},
      {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
      {"g;x=1/../y", "http://a/b/c/y"},
      {"g?y/./x", "http://a/b/c/g?y/./x"},
      {"g?y/../x", "http://a/b/c/g?y/../x"},
      {"g#s/./x", "http://a/b/c/g#s/./x"},
      {"g#s/../x", "http://a/b/c/g#s/../x"},
      {"http:g", "http:g"},
  };
  const auto base = parse_url("http://a/b/c/d;p?q");
  ASSERT_TRUE(base);
  for (const Row& row : rows) {
    const auto reference = parse_url_reference(row.text);
    ASSERT_TRUE(reference) << row.text;
    EXPECT_EQ(resolve_url(*base, *reference), row.wanted) << row.text;
  }
  EXPECT_EQ(resolve_url(*parse_url("http://a"), *parse_url_reference("b")), "http://a/b");
  EXPECT_EQ(resolve_url(*parse_url("a:b"), *parse_url_reference("c")), "a:c");
  EXPECT_EQ(resolve_url(*parse_url("a:/b"), *parse_url_reference("/.//c")), "a:/.//c");
  EXPECT_EQ(remove_dot_segments("../.././a/../b/./c/.."), "/b/");
  EXPECT_EQ(remove_dot_segments(".."), "");
  EXPECT_EQ(remove_dot_segments("mid/content=5/../6"), "mid/6");
}

TEST(Url, DecodesAndEncodesPercents) {
  EXPECT_EQ(percent_decode("a%20b%c3%A9%00"), std::string("a b\xC3\xA9\0", 6));
  EXPECT_EQ(percent_decode("+"), "+");
  for (const Bytes bad : {"%", "%4", "%4g", "%g4", "a%", "%%41", "% 41"})
    EXPECT_FALSE(percent_decode(bad)) << bad;
  EXPECT_EQ(percent_encode("a b/\xC3\xA9~%"), "a%20b%2F%C3%A9~%25");
  EXPECT_EQ(percent_encode("a/b:c", "/"), "a/b%3Ac");
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
}

TEST(Url, CanonicalisesResourceUrisAndRefusesEscapes) {
  const Row good[] = {
      {"file:///srv/data/a.txt", "file:///srv/data/a.txt"},
      {"FILE:///srv/./data/x/../a%2etxt", "file:///srv/data/a.txt"},
      {"file:///srv/a..b/...", "file:///srv/a..b/..."},
      {"file:///a%20b", "file:///a%20b"},
      {"file:///100%25", "file:///100%25"},
      {"demo://Resource/Static/1?x=../y", "demo://resource/Static/1?x=../y"},
      {"urn:example:a", "urn:example:a"},
      {"test://a/b/c/../..", "test://a/"},
  };
  for (const Row& row : good) {
    const auto uri = canonical_resource_uri(row.text);
    ASSERT_TRUE(uri) << row.text;
    EXPECT_EQ(*uri, row.wanted);
    EXPECT_EQ(*canonical_resource_uri(*uri), *uri);
  }
  for (const Bytes bad : {"file:///../etc/passwd",
                          "file:///srv/../../etc",
                          "file:///..",
                          "file:///%2e%2e/etc",
                          "file:///.%2E/etc",
                          "file:///srv/%2e%2e/%2e%2e/etc",
                          "file:///a%2f..%2fb",
                          "file:///a%2Fb",
                          "file:///a%5Cb",
                          "file:///a%5cb",
                          "file:///a\\b",
                          "file:///a%00b",
                          "file:///a%0d%0ab",
                          "file:///a%7f",
                          "file:///%252e%252e/etc",
                          "file:///%25%32%65%25%32%65/etc",
                          "file:///a%252fb",
                          "file:///a%255cb",
                          "file:///a%2500b",
                          "file:..",
                          "file:../x",
                          "file:a/../../x",
                          "urn:a/../b",
                          "demo://a%2fb/",
                          "demo://a%00/",
                          "/etc/passwd",
                          "../x",
                          "",
                          "x",
                          "file:///a b",
                          "file:///%zz",
                          "http://a/#x#y"})
    EXPECT_FALSE(canonical_resource_uri(bad)) << bad;
}

TEST(Url, ConfinesPathsBelowTheirRoot) {
  const Row good[] = {{"", ""},
                      {".", ""},
                      {"./", ""},
                      {"a", "a"},
                      {"a/b/", "a/b"},
                      {"a//b", "a/b"},
                      {"a/./b", "a/b"},
                      {"a/../b", "b"},
                      {"a/b/../..", ""},
                      {"a/b/../../c", "c"},
                      {"a%20b", "a b"},
                      {"caf%C3%A9", "caf\xC3\xA9"},
                      {"..a/b..", "..a/b.."},
                      {"...", "..."},
                      {"a:b", ""},
                      {"ab:c", "ab:c"}};
  for (const Row& row : good) {
    const auto path = confined_path(row.text);
    if (row.text == "a:b") {
      EXPECT_FALSE(path);
      continue;
    }
    ASSERT_TRUE(path) << row.text;
    EXPECT_EQ(*path, row.wanted) << row.text;
  }
  for (const Bytes bad : {"/",           "/etc/passwd",
                          "//a",         "..",
                          "../a",        "a/../..",
                          "a/../../b",   "./..",
                          "%2e%2e",      "%2e./a",
                          ".%2e/a",      "a/%2E%2E/%2e%2e/b",
                          "%2fetc",      "a%2fb",
                          "a%5cb",       "a\\b",
                          "..\\a",       "%2e%2e%5ca",
                          "C:",          "c:/x",
                          "c:/../x",     "c%3A/x",
                          "a%00",        "a%0ab",
                          "a\nb",        "a b",
                          "a?b",         "a#b",
                          "caf\xC3\xA9", "%ff",
                          "%C3",         "%c0%ae%c0%ae/",
                          "%252e%252e/", "%25%32%65%25%32%65/",
                          "./C:/x",      "a/../C:/x",
                          "a%252fb",     "%",
                          "%2",          "%zz",
                          "%ed%a0%80"})
    EXPECT_FALSE(confined_path(bad)) << bad;
}

TEST(Url, ParsesOriginsForComparison) {
  EXPECT_EQ(parse_origin("http://localhost:3000"), (Origin{"http", "localhost", 3000}));
  EXPECT_EQ(parse_origin("HTTPS://Example.COM"), (Origin{"https", "example.com", 443}));
  EXPECT_EQ(parse_origin("http://[0:0::1]:80"), parse_origin("http://[::1]"));
  EXPECT_EQ(parse_origin("http://[::1]"), (Origin{"http", "::1", 80}));
  EXPECT_EQ(parse_origin("vscode-webview://1ab2"), (Origin{"vscode-webview", "1ab2", 0}));
  EXPECT_FALSE(parse_origin("http://a") == parse_origin("https://a"));
  EXPECT_FALSE(parse_origin("http://a") == parse_origin("http://a:8080"));
  EXPECT_FALSE(parse_origin("http://a") == parse_origin("http://a."));
  for (const Bytes bad : {"",
                          "null",
                          "a",
                          "http:a",
                          "http:/a",
                          "http://",
                          "http://:80",
                          "http://a/",
                          "http://a/b",
                          "http://a?",
                          "http://a#",
                          "http://u@a",
                          "http://a:b",
                          "http://a:65536",
                          "http://a b",
                          "http://a, http://b",
                          "http://a http://b",
                          "http://%61",
                          "://a",
                          "1http://a",
                          "http://[::1",
                          "*",
                          "http://*:80/",
                          "http://a\\b"})
    EXPECT_FALSE(parse_origin(bad)) << bad;
}

TEST(Url, KnowsLoopbackOnSight) {
  for (const Bytes yes :
       {"localhost", "LocalHost", "a.localhost", "a.b.LOCALHOST", "127.0.0.1", "127.255.255.254", "127.0.0.0",
        "::1", "0:0:0:0:0:0:0:1", "0000::0001", "::0.0.0.1"})
    EXPECT_TRUE(host_is_loopback(yes)) << yes;
  for (const Bytes no : {"",
                         ".localhost",
                         "localhost.",
                         "localhost.evil.com",
                         "notlocalhost",
                         "127.0.0.1.nip.io",
                         "127.1",
                         "127.0.0",
                         "0x7f.0.0.1",
                         "0177.0.0.1",
                         "2130706433",
                         "128.0.0.1",
                         "126.255.255.255",
                         "0.0.0.0",
                         "::",
                         "::2",
                         "[::1]",
                         "::ffff:127.0.0.1",
                         "1::1",
                         "127.0.0.256",
                         "127.0.0.01",
                         "%6cocalhost",
                         "localhost:80",
                         "127.0.0.1:80"})
    EXPECT_FALSE(host_is_loopback(no)) << no;
}

TEST(Url, SplitsHostsAndPorts) {
  const auto host = parse_host_port("[::1]:8080");
  ASSERT_TRUE(host);
  EXPECT_EQ(host->host, "::1");
  EXPECT_EQ(host->port, 8080);
  EXPECT_EQ(host->kind, HostKind::ipv6);
  EXPECT_EQ(parse_host_port("a:")->port, std::nullopt);
  EXPECT_EQ(parse_host_port("127.0.0.1:0")->port, 0);
  EXPECT_EQ(parse_host_port("127.0.0.1")->kind, HostKind::ipv4);
  EXPECT_EQ(parse_host_port("")->host, "");
  EXPECT_EQ(parse_host_port("a:00080")->port, 80);
}

}  // namespace
}  // namespace sluice
