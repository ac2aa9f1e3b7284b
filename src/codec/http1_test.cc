// SPDX-License-Identifier: Apache-2.0
// Every message here goes through feed_every_split: the reader must tell the same story however its bytes
// were cut.
#include "codec/http1.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "support/feed.h"

namespace sluice {
namespace {

using test::Cuts;
using Step = Http1Reader::Step;

// What a reader told, as text that a test can state: one line a message.
class Story {
 public:
  Story(HttpRole role, const HttpLimits& limits) : role_(role), reader_(role, limits) {}

  Http1Reader& reader() { return reader_; }

  void feed(Bytes input) {
    if (over_) return;
    for (;;) {
      const Step step = reader_.next(input);
      if (step == Step::need_bytes) {
        EXPECT_TRUE(input.empty());
        return;
      }
      tell(step);
      if (step == Step::refused) return;
    }
  }

  void finish() {
    if (over_) return;
    const Step step = reader_.finish();
    if (step == Step::need_bytes) {
      text_ += "closed";
    } else {
      tell(step);
    }
  }

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void tell(Step step) {
    if (step == Step::head) {
      tell_head(reader_.head());
    } else if (step == Step::body) {
      EXPECT_FALSE(reader_.body().empty());
      body_ += reader_.body();
    } else if (step == Step::end) {
      text_ += " body=" + std::exchange(body_, {}) + " end\n";
    } else {
      over_ = true;
      text_ += "refused " + std::to_string(reader_.refusal().status);
      sentence_ = reader_.refusal().sentence;
      Bytes more = "GET / HTTP/1.1\r\n";
      EXPECT_EQ(reader_.next(more), Step::refused);
    }
  }

  void tell_head(const HttpHead& head) {
    if (role_ == HttpRole::request) {
      text_.append(head.method).append(" ").append(head.path);
      if (!head.query.empty()) text_.append("?").append(head.query);
      text_.append(" @").append(head.authority);
    } else {
      text_.append(std::to_string(head.status)).append(" ").append(head.reason);
    }
    text_ += " 1." + std::to_string(head.version_minor);
    for (const HeaderField& field : head.fields)
      text_.append(" ").append(field.name).append("=").append(field.value);
    constexpr Bytes framings[] = {" none", " length", " chunked", " until_close"};
    text_.append(framings[static_cast<std::size_t>(head.framing)]);
    if (head.content_length != 0) text_ += "(" + std::to_string(head.content_length) + ")";
    text_ += head.keep_alive ? " keep" : " close";
    EXPECT_EQ(head.keep_alive, reader_.keep_alive());
    if (head.expect_continue) text_ += " expect";
    if (!head.upgrade.empty()) text_.append(" upgrade:").append(head.upgrade);
  }

  HttpRole role_;
  Http1Reader reader_;
  std::string text_;
  std::string body_;
  Bytes sentence_;
  bool over_ = false;
};

std::string story_of(HttpRole role, Bytes input, const HttpLimits& limits = {}, bool finished = false,
                     bool no_body = false) {
  return test::feed_every_split(input, [&](const Cuts& cuts) {
    Story story(role, limits);
    if (no_body) story.reader().expect_no_body();
    test::feed_pieces(input, cuts, [&](Bytes piece, bool) { story.feed(piece); });
    if (finished) story.finish();
    return story.text();
  });
}

std::string request(Bytes input, const HttpLimits& limits = {}) {
  return story_of(HttpRole::request, input, limits);
}
std::string response(Bytes input, const HttpLimits& limits = {}) {
  return story_of(HttpRole::response, input, limits, true);
}

struct Case {
  Bytes input;
  Bytes story;
};

void check_requests(std::initializer_list<Case> cases) {
  for (const Case& c : cases) EXPECT_EQ(request(c.input), c.story) << c.input;
}

// Inputs behind "GET / HTTP/1.1\r\nHost: a\r\n", each refused with `status`.
void check_fields_refused(int status, std::initializer_list<Bytes> cases) {
  for (const Bytes c : cases) {
    const std::string input = "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(c) + "\r\n";
    EXPECT_EQ(request(input), "refused " + std::to_string(status)) << c;
  }
}

void check_chunks(std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string told = "POST / @a 1.1 Host=a Transfer-Encoding=chunked chunked keep";
    EXPECT_EQ(request(head + std::string(c.input)), told + std::string(c.story)) << c.input;
  }
}

TEST(Http1, ReadsRequestsAndTheirBodies) {
  check_requests({
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / @a 1.1 Host=a none keep body= end\n"},
      {"GET /p/q?x=1&y=%20? HTTP/1.1\r\nhost:a:8080\r\n\r\n",
       "GET /p/q?x=1&y=%20? @a:8080 1.1 host=a:8080 none keep body= end\n"},
      {"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
       "POST /mcp @a 1.1 Host=a Content-Length=5 length(5) keep body=hello end\n"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
       "POST / @a 1.1 Host=a Content-Length=0 length keep body= end\n"},
      {"get / HTTP/1.1\r\nHost: a\r\n\r\n", "get / @a 1.1 Host=a none keep body= end\n"},
      {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / @ 1.1 Host= none keep body= end\n"},
      {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET / @[::1]:80 1.1 Host=[::1]:80 none keep body= end\n"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: \t b  c\t \r\nY:\r\n\r\n",
       "GET / @a 1.1 Host=a X=b  c Y= none keep body= end\n"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: caf\xC3\xA9\r\n\r\n",
       "GET / @a 1.1 Host=a X=caf\xC3\xA9 none keep body= end\n"},
      {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
       "POST / @a 1.1 Host=a Expect=100-Continue Content-Length=1 length(1) keep expect body=x end\n"},
      {"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
       "GET /ws @a 1.1 Host=a Connection=keep-alive, Upgrade Upgrade=websocket none keep upgrade:websocket "
       "body= end\n"},
      {"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
       "GET /ws @a 1.1 Host=a Upgrade=websocket none keep body= end\n"},
  });
}

TEST(Http1, ReadsTheFourFormsOfATarget) {
  check_requests({
      {"GET http://b:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET /p?q @b:81 1.1 Host=a none keep body= end\n"},
      {"GET HTTPS://b HTTP/1.1\r\nHost: b\r\n\r\n", "GET / @b 1.1 Host=b none keep body= end\n"},
      {"GET http://b?q HTTP/1.1\r\nHost: b\r\n\r\n", "GET /?q @b 1.1 Host=b none keep body= end\n"},
      {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * @a 1.1 Host=a none keep body= end\n"},
      {"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n",
       "CONNECT b:443 @b:443 1.1 Host=b:443 none keep body= end\n"},
      {"GET //x/..//y HTTP/1.1\r\nHost: a\r\n\r\n", "GET //x/..//y @a 1.1 Host=a none keep body= end\n"},
  });
  for (const Bytes target : {"*",         "a",           "a/b",         "",         "?",
                             "/a b",      "/#f",         "/a#",         "/%",       "/%4",
                             "/%4x",      "/a\"",        "/<",          "/{x}",     "/a|b",
                             "/a\\b",     "/^",          "/`",          "/?a[b]=c", "/caf\xC3\xA9",
                             "/\x7F",     "/\x01",       "/a\tb",       "http://",  "http:/a",
                             "http:///a", "http://u@a/", "http://a/#f", "ftp://a/", "a:80",
                             "//",        "javascript:x"}) {
    const std::string story = request("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    if (target == "//") {
      EXPECT_EQ(story, "GET // @a 1.1 Host=a none keep body= end\n");
    } else {
      EXPECT_EQ(story, "refused 400") << target;
    }
  }
  for (const Bytes target : {"*", "/", "a", "a:", ":80", "a:65536", "http://a:1/", "u@a:1"})
    EXPECT_EQ(request("CONNECT " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n"), "refused 400")
        << target;
}

TEST(Http1, FollowsTheRulesOfKeepAlive) {
  check_requests({
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
       "GET / @a 1.1 Host=a Connection=close none close body= end\n"},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: y, CLOSE\r\n\r\n",
       "GET / @a 1.1 Host=a Connection=x Connection=y, CLOSE none close body= end\n"},
      {"GET / HTTP/1.0\r\n\r\n", "GET / @ 1.0 none close body= end\n"},
      {"GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n",
       "GET / @a 1.0 Host=a Connection=Keep-Alive none keep body= end\n"},
      {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
       "GET / @ 1.0 Connection=keep-alive, close none close body= end\n"},
      {"POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx",
       "POST / @ 1.0 Content-Length=1 Expect=100-continue length(1) close body=x end\n"},
  });
}

TEST(Http1, RefusesBadRequestLines) {
  for (const Bytes line : {"",
                           "GET",
                           "GET /",
                           "GET / ",
                           "GET  / HTTP/1.1",
                           "GET /  HTTP/1.1",
                           " GET / HTTP/1.1",
                           "\tGET / HTTP/1.1",
                           "GET\t/ HTTP/1.1",
                           "GET / HTTP/1.1 ",
                           "GET / http/1.1",
                           "GET / HTTP/1",
                           "GET / HTTP/1.",
                           "GET / HTTP/11",
                           "GET / HTTP/1.10",
                           "GET / HTTP/01.1",
                           "GET / HTTP/a.b",
                           "GET / HTTP/1,1",
                           "GET / HTTPS/1.1",
                           "GET / ICE/1.0",
                           "G(T / HTTP/1.1",
                           "G\x01T / HTTP/1.1",
                           "GET: / HTTP/1.1",
                           "/ HTTP/1.1",
                           "GET / HTTP/+1.1",
                           "GET /\rHTTP/1.1",
                           "GET / x HTTP/1.1"}) {
    const std::string input = "\r\n" + std::string(line) + "\r\nHost: a\r\n\r\n";
    EXPECT_EQ(request(input), "refused 400") << line;
  }
  EXPECT_EQ(request(Bytes("G\0T / HTTP/1.1\r\n\r\n", 18)), "refused 400");
  for (const Bytes version : {"2.0", "0.9", "1.2", "1.9", "3.0", "9.9"})
    EXPECT_EQ(request("GET / HTTP/" + std::string(version) + "\r\nHost: a\r\n\r\n"), "refused 505")
        << version;
  EXPECT_EQ(request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "refused 505");
}

TEST(Http1, PassesOverOneEmptyLineBeforeARequest) {
  const Bytes plain = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string told = "GET / @a 1.1 Host=a none keep body= end\n";
  EXPECT_EQ(request("\r\n" + std::string(plain)), told);
  EXPECT_EQ(request("\r\n" + std::string(plain) + "\r\n" + std::string(plain)), told + told);
  EXPECT_EQ(request("\r\n\r\n" + std::string(plain)), "refused 400");
  EXPECT_EQ(request("\n" + std::string(plain)), "refused 400");
  EXPECT_EQ(request("\r" + std::string(plain)), "refused 400");
  EXPECT_EQ(request("\r\r\n" + std::string(plain)), "refused 400");
  EXPECT_EQ(request("\r\n\r\n"), "refused 400");
  EXPECT_EQ(request("\r\n"), "");
}

TEST(Http1, RefusesWhatCannotBeginAMessageWithoutWaitingForItsLine) {
  for (const Bytes begin : {"\x16\x03\x01", " ", "\n", "\xFF", "(", "\r\n\r", "{"})
    EXPECT_EQ(request(begin), "refused 400");
  EXPECT_EQ(request(Bytes("\0", 1)), "refused 400");
  EXPECT_EQ(response("\x15\x03"), "refused 502");
  EXPECT_EQ(response("\r"), "refused 502");
}

TEST(Http1, RefusesBadFieldLines) {
  check_fields_refused(400, {
                                " X: folded\r\n",
                                "X: a\r\n folded\r\n",
                                "X: a\r\n\tfolded\r\n",
                                "X : a\r\n",
                                "X\t: a\r\n",
                                "X\r\n",
                                ": a\r\n",
                                "X a\r\n",
                                "X Y: a\r\n",
                                "X(: a\r\n",
                                "\"X\": a\r\n",
                                "caf\xC3\xA9: a\r\n",
                                "X: a\rb\r\n",
                                "X: a\r\r\n",
                                "\rX: a\r\n",
                                "X: a\nY: b\r\n",
                                "X: a\n",
                                "\n",
                                "X: \x01\r\n",
                                "X: \x7F\r\n",
                                "X: \x1B\r\n",
                                "X\x01: a\r\n",
                                "X;: a\r\n",
                                "X[0]: a\r\n",
                                "X/Y: a\r\n",
                                "@: a\r\n",
                                "X: a\r\n \r\n",
                                "GET / HTTP/1.1\r\n",
                                "X: \v\r\n",
                                "X: \f\r\n",
                            });
  const auto with_nul = [](Bytes line) {
    std::string input = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (const char c : line) input.push_back(c == '@' ? '\0' : c);
    return request(input + "\r\n\r\n");
  };
  EXPECT_EQ(with_nul("X: @"), "refused 400");
  EXPECT_EQ(with_nul("X@: a"), "refused 400");
  EXPECT_EQ(with_nul("@X: a"), "refused 400");
  EXPECT_EQ(request("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), "refused 400");
  EXPECT_EQ(request("GET / HTTP/1.1\nHost: a\n\n"), "refused 400");
}

TEST(Http1, WantsExactlyOneValidHost) {
  for (const Bytes fields : {"",
                             "Host: a\r\nHost: a\r\n",
                             "Host: a\r\nHOST: b\r\n",
                             "Host: a b\r\n",
                             "Host: a, b\r\n",
                             "Host: a/\r\n",
                             "Host: http://a\r\n",
                             "Host: u@a\r\n",
                             "Host: a:b\r\n",
                             "Host: a:80:80\r\n",
                             "Host: a:65536\r\n",
                             "Host: [::1\r\n",
                             "Host: ::1\r\n",
                             "Host: [::1]a\r\n",
                             "Host: [:1]\r\n",
                             "Host: a?b\r\n",
                             "Host: a#b\r\n",
                             "Host: a\\b\r\n",
                             "Host: <a>\r\n",
                             "Host: a%2\r\n",
                             "Host: caf\xC3\xA9\r\n",
                             "Host: \"a\"\r\n",
                             "Hos: a\r\n"})
    EXPECT_EQ(request("GET / HTTP/1.1\r\n" + std::string(fields) + "\r\n"), "refused 400") << fields;
  EXPECT_EQ(request("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), "refused 400");
  EXPECT_EQ(request("GET / HTTP/1.0\r\nHost: a b\r\n\r\n"), "refused 400");
}

TEST(Http1, RefusesEveryDoubtAboutTheLengthOfABody) {
  check_fields_refused(400, {"Content-Length:\r\n",
                             "Content-Length: +5\r\n",
                             "Content-Length: -5\r\n",
                             "Content-Length: 0x5\r\n",
                             "Content-Length: 5 5\r\n",
                             "Content-Length: 5, 5\r\n",
                             "Content-Length: 5,6\r\n",
                             "Content-Length: 5;\r\n",
                             "Content-Length: 5.0\r\n",
                             "Content-Length: 5_0\r\n",
                             "Content-Length: 1e3\r\n",
                             "Content-Length: \"5\"\r\n",
                             "Content-Length: five\r\n",
                             "Content-Length: 05\r\n",
                             "Content-Length: 00\r\n",
                             "Content-Length: 5\r\nContent-Length: 5\r\n",
                             "Content-Length: 5\r\nContent-Length: 6\r\n",
                             "Content-Length: 5\r\nContent-Length:\r\n",
                             "Content-Length: 9223372036854775808\r\n",
                             "Content-Length: 18446744073709551616\r\n",
                             "Content-Length: 99999999999999999999999999\r\n",
                             "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                             "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                             "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n",
                             "Transfer-Encoding:\r\n",
                             "Transfer-Encoding: identity\r\n",
                             "Transfer-Encoding: gzip\r\n",
                             "Transfer-Encoding: xchunked\r\n",
                             "Transfer-Encoding: chunked, chunked\r\n",
                             "Transfer-Encoding: chunked, gzip\r\n",
                             "Transfer-Encoding: chunked,\r\n",
                             "Transfer-Encoding: ,chunked\r\n",
                             "Transfer-Encoding: chunked;q=1\r\n",
                             "Transfer-Encoding: \"chunked\"\r\n",
                             "Transfer-Encoding: chunked x\r\n",
                             "Transfer-Encoding: \x0B"
                             "chunked\r\n",
                             "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                             "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
                             "Transfer-Encoding: chunked\r\n , gzip\r\n",
                             "Transfer_Encoding : chunked\r\n"});
  check_fields_refused(501,
                       {"Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity, chunked\r\n"});
  EXPECT_EQ(request("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "refused 400");
  EXPECT_EQ(request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n"),
            "POST / @a 1.1 Host=a Transfer-Encoding=CHUNKED chunked keep body= end\n");
}

TEST(Http1, ReadsChunkedBodies) {
  check_chunks({
      {"0\r\n\r\n", " body= end\n"},
      {"5\r\nhello\r\n0\r\n\r\n", " body=hello end\n"},
      {"5\r\nhello\r\n00B\r\n, worlds 12\r\n000\r\n\r\n", " body=hello, worlds 12 end\n"},
      {"a\r\n0123456789\r\n0\r\n\r\n", " body=0123456789 end\n"},
      {"1;x\r\na\r\n1;x=y;z=\"a;\\\"b\"\r\nb\r\n0;last\r\n\r\n", " body=ab end\n"},
      {"1 ; x = y\r\na\r\n0\r\n\r\n", " body=a end\n"},
      {"2\r\n\r\n\r\n0\r\n\r\n", " body=\r\n end\n"},
      {"1\r\na\r\n0\r\nX: trailer\r\nY:\r\n\r\n", " body=a end\n"},
      {"0\r\nContent-Length: 5\r\n\r\n", " body= end\n"},
      {"0\r\n\r\nGET / HTTP/1.0\r\n\r\n", " body= end\nGET / @ 1.0 none close body= end\n"},
  });
}

TEST(Http1, RefusesBadChunks) {
  for (const Bytes chunk : {"\r\n",
                            "x\r\n",
                            "-1\r\n",
                            "+1\r\n",
                            "0x1\r\n",
                            "1_0\r\n",
                            " 1\r\n",
                            "1 \r\n",
                            "1\t\r\n",
                            "1\n",
                            "1;\r\n",
                            "1;x=\r\n",
                            "1;=y\r\n",
                            "1;x y\r\n",
                            "1;x=\"\r\n",
                            "1;x=\"a\"b\r\n",
                            "1;x\n",
                            "1;x\ry\r\n",
                            "1;x=\"\x01\"\r\n",
                            "1;x\r\r\n",
                            "1,2\r\n",
                            "1 2\r\n",
                            "1:x\r\n",
                            "8000000000000000\r\n",
                            "10000000000000000\r\n",
                            "FFFFFFFFFFFFFFFFF\r\n",
                            "g\r\n",
                            "0\n\n",
                            "1;\x01=2\r\n",
                            "1;x; \r\n"})
    check_chunks({{chunk, "refused 400"}});
  // Here the first chunk's data was given out before the fault.
  for (const Bytes rest :
       {"a\n0\r\n\r\n", "a\rx", "ab\r\n0\r\n\r\n", "a0\r\n\r\n", "a\r\n\r\n", "a\r\n0\r\nX\r\n\r\n",
        "a\r\n0\r\n X: y\r\n\r\n", "a\r\n0\r\nX : y\r\n\r\n", "a\r\n0\r\nX: y\n\r\n", "a\r\n0\r\n\n",
        "a\r\n0\r\nX: y\x01\r\n\r\n", "a\r\n0\r\n: y\r\n\r\n"})
    check_chunks({{"1\r\n" + std::string(rest), "refused 400"}});
}

TEST(Http1, WaitsForTheRestOfAnything) {
  const Bytes whole =
      "\r\nPOST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\nX: y\r\n\r\n";
  const std::size_t head_size = whole.find("\r\n\r\n") + 4;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string story = request(whole.substr(0, size));
    EXPECT_EQ(story.find("refused"), std::string::npos) << size;
    EXPECT_EQ(story.find("end"), std::string::npos) << size;
    EXPECT_EQ(story.empty(), size < head_size) << size;
    EXPECT_EQ(story_of(HttpRole::request, whole.substr(0, size), {}, true),
              story + (size <= 2 ? "closed" : "refused 400"));
  }
}

TEST(Http1, ReadsPipelinedMessages) {
  const std::string one = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  const std::string two =
      "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
  const std::string told_one = "POST /1 @a 1.1 Host=a Content-Length=3 length(3) keep body=abc end\n";
  const std::string told_two = "POST /2 @a 1.1 Host=a Transfer-Encoding=chunked chunked keep body=x end\n";
  EXPECT_EQ(request(one + two + one), told_one + told_two + told_one);
  EXPECT_EQ(request(one + "x/" + two), told_one + "refused 400");
  EXPECT_EQ(request(one + "\n" + two), told_one + "refused 400");
}

TEST(Http1, HoldsToEveryLimit) {
  HttpLimits limits;
  limits.target_bytes_max = 10;
  limits.header_value_bytes_max = 8;
  limits.header_block_bytes_max = 90;
  limits.header_fields_max = 4;
  limits.chunk_line_bytes_max = 12;
  limits.trailer_bytes_max = 14;
  limits.body_bytes_max = 6;
  const auto told = [&](Bytes input) { return request(input, limits); };
  const auto outcome = [&](Bytes input) {
    const std::string story = told(input);
    return story.ends_with("end\n") ? "taken" : story.substr(story.find("refused"));
  };
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
  const std::string chunked = head + "Transfer-Encoding: chunked\r\n\r\n";

  EXPECT_EQ(outcome("GET /234567890 HTTP/1.1\r\nHost: a\r\n\r\n"), "taken");
  EXPECT_EQ(outcome("GET /2345678901 HTTP/1.1\r\nHost: a\r\n\r\n"), "refused 414");
  EXPECT_EQ(outcome(head + "X: 12345678\r\n\r\n"), "taken");
  EXPECT_EQ(outcome(head + "X:  12345678 \r\n\r\n"), "taken");
  EXPECT_EQ(outcome(head + "X: 123456789\r\n\r\n"), "refused 431");
  EXPECT_EQ(outcome(head + "A:\r\nB:\r\nC:\r\n\r\n"), "taken");
  EXPECT_EQ(outcome(head + "A:\r\nB:\r\nC:\r\nD:\r\n\r\n"), "refused 431");
  const std::size_t room = limits.header_block_bytes_max - head.size() - Bytes(": \r\n\r\n").size();
  EXPECT_EQ(outcome(head + std::string(room, 'n') + ": \r\n\r\n"), "taken");
  EXPECT_EQ(outcome(head + std::string(room + 1, 'n') + ": \r\n\r\n"), "refused 431");
  EXPECT_EQ(outcome(head + std::string(100, 'n')), "refused 431");
  EXPECT_EQ(outcome(std::string(400, 'G')), "refused 414");
  EXPECT_EQ(outcome(std::string(400, 'G') + "\r\n"), "refused 414");

  EXPECT_EQ(outcome(head + "Content-Length: 6\r\n\r\n123456"), "taken");
  EXPECT_EQ(outcome(head + "Content-Length: 7\r\n\r\n"), "refused 413");
  EXPECT_EQ(outcome(chunked + "3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n"), "taken");
  EXPECT_EQ(outcome(chunked + "3\r\nabc\r\n4\r\n"), "refused 413");
  EXPECT_EQ(outcome(chunked + "7FFFFFFFFFFF\r\n"), "refused 413");
  EXPECT_EQ(outcome(chunked + "1\r\na\r\n7FFFFFFFFFFF\r\n"), "refused 413");
  EXPECT_EQ(outcome(chunked + "00000000000000000000000000000000001\r\n"), "refused 400");
  EXPECT_EQ(outcome(chunked + "1;bcdefghijk\r\na\r\n0\r\n\r\n"), "taken");
  EXPECT_EQ(outcome(chunked + "1;bcdefghijkl\r\n"), "refused 400");
  EXPECT_EQ(outcome(chunked + "1;bcdefghijklmnop"), "refused 400");
  EXPECT_EQ(outcome(chunked + "0\r\nX: 4567\r\nY:\r\n\r\n"), "taken");
  EXPECT_EQ(outcome(chunked + "0\r\nX: 45678\r\nY:\r\n\r\n"), "taken");
  EXPECT_EQ(outcome(chunked + "0\r\nX: 45678\r\nYY: 1\r\n\r\n"), "refused 431");
  EXPECT_EQ(outcome(chunked + "0\r\nX: 4567890123456"), "refused 431");
}

TEST(Http1, LimitsChunkExtensionsByTheWholeBody) {
  HttpLimits limits;
  limits.header_block_bytes_max = 60;
  std::string input = "POST / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 6; ++i) input += "1;12345678\r\nx\r\n";
  EXPECT_EQ(request(input + "0\r\n\r\n", limits).find("refused"), std::string::npos);
  EXPECT_TRUE(request(input + "1;1234567\r\nx\r\n0\r\n\r\n", limits).ends_with("refused 400"));
}

TEST(Http1, TakesAHeadOfTheLargestSizeByteByByte) {
  std::string input = "POST /" + std::string(8000, 'p') + " HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 6; ++i) input += "X-" + std::to_string(i) + ": " + std::string(8192, 'v') + "\r\n";
  input += "\r\n";
  const HttpLimits limits;
  Story whole(HttpRole::request, limits);
  whole.feed(input);
  Story bytewise(HttpRole::request, limits);
  for (const char c : input) bytewise.feed(Bytes(&c, 1));
  EXPECT_EQ(whole.text(), bytewise.text());
  EXPECT_TRUE(whole.text().ends_with("end\n"));
}

TEST(Http1, ReadsResponses) {
  const std::initializer_list<Case> cases = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
       "200 OK 1.1 Content-Length=2 length(2) keep body=hi end\nclosed"},
      {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
       "200  1.1 Content-Length=0 length keep body= end\nclosed"},
      {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
       "200  1.1 Content-Length=0 length keep body= end\nclosed"},
      {"HTTP/1.1 404 Not here\xE9\r\nContent-Length: 0\r\n\r\n",
       "404 Not here\xE9 1.1 Content-Length=0 length keep body= end\nclosed"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
       "200 OK 1.1 Transfer-Encoding=chunked chunked keep body=abc end\n204 No 1.1 none keep body= "
       "end\nclosed"},
      {"HTTP/1.1 200 OK\r\n\r\nall of it", "200 OK 1.1 until_close close body=all of it end\n"},
      {"HTTP/1.0 200 OK\r\n\r\n", "200 OK 1.0 until_close close body= end\n"},
      {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
       "200 OK 1.0 Connection=keep-alive Content-Length=1 length(1) keep body=x end\nclosed"},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
       "304 Not Modified 1.1 Content-Length=5 none(5) keep body= end\nclosed"},
      {"HTTP/1.1 304 x\r\nContent-Length: 9223372036854775807\r\n\r\n",
       "304 x 1.1 Content-Length=9223372036854775807 none(9223372036854775807) keep body= end\nclosed"},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
       "204 No 1.1 none keep body= end\nclosed"},
      {"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
       "101 Switching 1.1 Connection=upgrade Upgrade=websocket none keep upgrade:websocket body= "
       "end\nclosed"},
      {"", "closed"},
  };
  for (const Case& c : cases) EXPECT_EQ(response(c.input), c.story) << c.input;
}

TEST(Http1, LeavesABodyOutWhereTheRequestWasHead) {
  EXPECT_EQ(
      story_of(HttpRole::response,
               "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
               {}, true, true),
      "200 OK 1.1 Content-Length=5 none(5) keep body= end\n200 OK 1.1 Content-Length=1 length(1) keep body=x "
      "end\nclosed");
  EXPECT_EQ(
      story_of(HttpRole::response,
               "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", {}, true, true),
      "200 OK 1.1 Transfer-Encoding=chunked none keep body= end\nclosed");
}

TEST(Http1, RefusesBadResponsesForTheClientTheyWereFetchedFor) {
  for (const Bytes input : {"HTTP/1.1 99 X\r\n\r\n",
                            "HTTP/1.1 099 X\r\n\r\n",
                            "HTTP/1.1 600 X\r\n\r\n",
                            "HTTP/1.1 2000 X\r\n\r\n",
                            "HTTP/1.1 20 X\r\n\r\n",
                            "HTTP/1.1 2x0 X\r\n\r\n",
                            "HTTP/1.1  200 X\r\n\r\n",
                            "HTTP/2.0 200 X\r\n\r\n",
                            "HTTP/1.2 200 X\r\n\r\n",
                            "http/1.1 200 X\r\n\r\n",
                            "HTTP/1.1\r\n\r\n",
                            "HTTP/1.1 \r\n\r\n",
                            "ICY 200 OK\r\n\r\n",
                            "\r\nHTTP/1.1 200 OK\r\n\r\n",
                            "HTTP/1.1 200 a\rb\r\n\r\n",
                            "HTTP/1.1 200 \x01\r\n\r\n",
                            "HTTP/1.1 200 OK\n\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
                            "HTTP/1.1 204 No\r\nContent-Length: x\r\n\r\n"})
    EXPECT_EQ(response(input), "refused 502") << input;
}

TEST(Http1, RefusesAResponseThatWasCutShort) {
  for (const Bytes input : {"H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx",
                            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"})
    EXPECT_TRUE(response(input).ends_with("refused 502")) << input;
}

TEST(Http1, BoundsInterimResponsesButNotTheBodiesOfResponses) {
  HttpLimits limits;
  limits.interim_responses_max = 2;
  limits.body_bytes_max = 1;
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
  const std::string final = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
  EXPECT_TRUE(
      response(interim + interim + final + interim + final, limits).ends_with("body=abc end\nclosed"));
  EXPECT_EQ(response(interim + interim + interim + final, limits), "refused 502");
  EXPECT_TRUE(response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", limits)
                  .ends_with("closed"));
}

TEST(Http1, PointsIntoTheInputWhenTheHeadLiesInOnePiece) {
  const HttpLimits limits;
  Http1Reader reader(HttpRole::request, limits);
  const std::string text = "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
  Bytes input = text;
  ASSERT_EQ(reader.next(input), Step::head);
  EXPECT_EQ(reader.head().target.data(), text.data() + 5);
  EXPECT_EQ(reader.head().fields[0].value.data(), text.data() + text.find(" a\r") + 1);
  ASSERT_EQ(reader.next(input), Step::body);
  EXPECT_EQ(reader.body().data(), text.data() + text.size() - 2);
  ASSERT_EQ(reader.next(input), Step::end);
  EXPECT_TRUE(reader.idle());
  EXPECT_EQ(reader.next(input), Step::need_bytes);
  EXPECT_TRUE(reader.idle());
}

TEST(Http1, IsSmallAndOwnsNothingWhileIdle) {
  EXPECT_LE(sizeof(Http1Reader), 80U);
  const HttpLimits limits;
  Http1Reader reader(HttpRole::request, limits);
  EXPECT_TRUE(reader.idle());
  Bytes input = "\r\n";
  EXPECT_EQ(reader.next(input), Step::need_bytes);
  EXPECT_TRUE(reader.idle());
  input = "G";
  EXPECT_EQ(reader.next(input), Step::need_bytes);
  EXPECT_FALSE(reader.idle());
  Http1Reader moved(std::move(reader));
  input = "ET / HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(moved.next(input), Step::head);
  EXPECT_EQ(moved.head().method, "GET");
}

TEST(Http1, WritesWhatItReads) {
  std::string out;
  ASSERT_TRUE(write_request_head(out, "POST", "/mcp?x=1", {{"Host", "a"}, {"Content-Length", "2"}}));
  out += "hi";
  ASSERT_TRUE(write_request_head(out, "POST", "/mcp", {{"Host", "a"}, {"Transfer-Encoding", "chunked"}}));
  write_chunk(out, "hello");
  write_chunk(out, "");
  write_chunk_begin(out, 26);
  out.append("abcdefghijklmnopqrstuvwxyz").append(chunk_end);
  write_last_chunk(out);
  EXPECT_EQ(request(out),
            "POST /mcp?x=1 @a 1.1 Host=a Content-Length=2 length(2) keep body=hi end\n"
            "POST /mcp @a 1.1 Host=a Transfer-Encoding=chunked chunked keep "
            "body=helloabcdefghijklmnopqrstuvwxyz end\n");

  out.clear();
  ASSERT_TRUE(write_response(out, 200, "application/json", "{}", {}));
  ASSERT_TRUE(write_response(out, 404, "", "", {}));
  ASSERT_TRUE(write_response(out, 204, "", "", {}));
  ASSERT_TRUE(write_response_head(out, 299, {{"Content-Length", "0"}}));
  EXPECT_EQ(response(out),
            "200 OK 1.1 Content-Type=application/json Content-Length=2 length(2) keep body={} end\n"
            "404 Not Found 1.1 Content-Length=0 length keep body= end\n"
            "204 No Content 1.1 none keep body= end\n"
            "299 Unknown 1.1 Content-Length=0 length keep body= end\nclosed");
}

TEST(Http1, NeverWritesALineEndIntoAHead) {
  std::string out = "before";
  for (const Bytes value : {"a\r\nX: y", "a\rb", "a\nb", " a", "a ", "\x01"}) {
    EXPECT_FALSE(write_response_head(out, 200, {{"X", value}})) << value;
    EXPECT_FALSE(write_request_head(out, "GET", "/", {{"X", value}})) << value;
    EXPECT_FALSE(write_response(out, 200, value, "{}", {})) << value;
  }
  for (const Bytes name : {"", "X Y", "X:", "X\r\n", "X\n", " X"}) {
    const HeaderField fields[] = {{name, "v"}};
    EXPECT_FALSE(write_response_head(out, 200, HeaderFields(fields))) << name;
    EXPECT_FALSE(write_response(out, 200, "text/plain", "", HeaderFields(fields))) << name;
  }
  for (const Bytes target : {"", "/ HTTP/1.1", "/\r\n", "/a b", "/\x7F", "/caf\xC3\xA9"})
    EXPECT_FALSE(write_request_head(out, "GET", target, {})) << target;
  EXPECT_FALSE(write_request_head(out, "GET /", "/", {}));
  EXPECT_FALSE(write_request_head(out, "", "/", {}));
  EXPECT_FALSE(write_response_head(out, 99, {}));
  EXPECT_FALSE(write_response_head(out, 1000, {}));
  EXPECT_FALSE(write_response(out, 204, "", "body", {}));
  EXPECT_EQ(out, "before");
  EXPECT_EQ(reason_phrase(418), "Unknown");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(999), "Unknown");
}

}  // namespace
}  // namespace sluice
