// SPDX-License-Identifier: Apache-2.0
#include "codec/sse.h"

#include <gtest/gtest.h>

#include <string>

#include "support/feed.h"

namespace sluice {
namespace {

constexpr const char* failed = "<too large>";

// Everything the reader yields, as text: {type|data|id}, comments as #text.
struct Listener {
  explicit Listener(const SseLimits& limits, SseReader::Comments comments) : reader(limits, comments) {}

  void feed(Bytes bytes) {
    reader.feed(bytes);
    for (;;) {
      SseEvent event;
      switch (reader.next(event)) {
        case SseReader::Step::event:
          seen.append("{")
              .append(event.type)
              .append("|")
              .append(event.data)
              .append("|")
              .append(event.id)
              .append("}");
          break;
        case SseReader::Step::comment: seen.append("#").append(event.data); break;
        case SseReader::Step::need_bytes: return;
        case SseReader::Step::too_large:
          if (seen.find(failed) == std::string::npos) seen.append(failed);
          return;
      }
    }
  }

  SseReader reader;
  std::string seen;
};

std::string listen(Bytes input, const SseLimits& limits = {},
                   SseReader::Comments comments = SseReader::Comments::skip) {
  return test::feed_every_split(input, [&](const test::Cuts& cuts) {
    Listener listener(limits, comments);
    test::feed_pieces(input, cuts, [&](Bytes piece, bool) { listener.feed(piece); });
    if (listener.reader.retry()) {
      listener.seen.append("retry=").append(std::to_string(listener.reader.retry()->count()));
    }
    return listener.seen;
  });
}

TEST(SseReader, ReadsTheExamplesOfTheStandard) {
  EXPECT_EQ(listen("data: YHOO\ndata: +2\ndata: 10\n\n"), "{message|YHOO\n+2\n10|}");
  EXPECT_EQ(
      listen(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"),
      "{message|first event|1}{message|second event|}{message| third event|}");
  EXPECT_EQ(listen("data\n\ndata\ndata\n\ndata:"), "{message||}{message|\n|}");
  EXPECT_EQ(listen("data:test\n\ndata: test\n\n"), "{message|test|}{message|test|}");
}

TEST(SseReader, TakesEveryLineEnd) {
  EXPECT_EQ(listen("data: a\r\rdata: b\r\n\r\ndata: c\n\n"), "{message|a|}{message|b|}{message|c|}");
  EXPECT_EQ(listen("data: a\r\ndata: b\rdata: c\n\r\n"), "{message|a\nb\nc|}");
  EXPECT_EQ(listen("data: a\n\rdata: b\r\n\n"), "{message|a|}{message|b|}");
}

TEST(SseReader, SkipsOneByteOrderMark) {
  EXPECT_EQ(listen("\xEF\xBB\xBF"
                   "data: a\n\n"),
            "{message|a|}");
  EXPECT_EQ(listen("\xEF\xBB\xBF\xEF\xBB\xBF"
                   "data: a\n\n"),
            "");
  EXPECT_EQ(listen("\xEF\xBB"
                   "data: a\n\ndata: b\n\n"),
            "{message|b|}");
}

TEST(SseReader, DispatchesNothingWithoutData) {
  EXPECT_EQ(listen("event: x\n\ndata: a\n\n"), "{message|a|}");
  EXPECT_EQ(listen("id: 7\n\n"), "");
  EXPECT_EQ(listen("id: 7\ndata:\n\n"), "{message||7}");
  EXPECT_EQ(listen("data: unfinished\n"), "");
  EXPECT_EQ(listen("\n\n\n"), "");
}

TEST(SseReader, KeepsTheIdAndIgnoresOneWithNul) {
  EXPECT_EQ(listen("id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"), "{message|a|1}{message|b|1}{message|c|}");
  EXPECT_EQ(listen(Bytes("id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", 32)), "{message|a|1}{message|b|1}");
  Listener listener({}, SseReader::Comments::skip);
  listener.feed("id: 9\n");
  EXPECT_EQ(listener.reader.last_event_id(), "");
  listener.feed("\n");
  EXPECT_EQ(listener.reader.last_event_id(), "9");
}

TEST(SseReader, KnowsTypesAndIgnoresOtherFields) {
  EXPECT_EQ(listen("event: endpoint\ndata: /m\n\ndata: b\n\n"), "{endpoint|/m|}{message|b|}");
  EXPECT_EQ(listen("Data: a\n data: b\ndataX: c\nevent: x\nevent: y\ndata: d\n\n"), "{y|d|}");
}

TEST(SseReader, TakesOnlyDigitsForRetry) {
  EXPECT_EQ(listen("retry: 1500\n\n"), "retry=1500");
  EXPECT_EQ(listen("retry: 1500\nretry: 1x\nretry: -1\nretry:\nretry: 1.5\n\n"), "retry=1500");
  EXPECT_EQ(listen("retry: 99999999999999999999999\n\n"), "retry=86400000");
}

TEST(SseReader, ReportsCommentsWhenAsked) {
  EXPECT_EQ(listen(": hi\n:\n:x\ndata: a\n: mid\ndata: b\n\n", {}, SseReader::Comments::report),
            "#hi##x#mid{message|a\nb|}");
  EXPECT_EQ(listen(": hi\ndata: a\n\n"), "{message|a|}");
}

TEST(SseReader, StopsAtAnEventThatIsTooLarge) {
  SseLimits limits;
  limits.event_bytes_max = 12;
  limits.id_bytes_max = 3;
  EXPECT_EQ(listen("data: 1234\n\ndata: 12345\n\ndata: a\n\n", limits), "{message|1234|}<too large>");
  EXPECT_EQ(listen("data: 1\ndata: 2\n\n", limits), "<too large>");
  EXPECT_EQ(listen("dataaaaaaaaaaaaaaaaaaaaaaaa", limits), "<too large>");
  EXPECT_EQ(listen("id: 123\n\nid: 1234\n\ndata:\n\n", limits), "<too large>");
  std::string comments;
  for (int i = 0; i < 100; ++i) comments += ": alive\r\n";
  EXPECT_EQ(listen(comments + "data: 1\n\n", limits), "{message|1|}");
}

TEST(SseReader, KeepsNoMemoryBetweenEvents) {
  Listener listener({}, SseReader::Comments::skip);
  listener.feed("event: message\nid: 1\n\nevent: message\ndata: " + std::string(200, 'x') + "\n\n");
  EXPECT_EQ(listener.reader.bytes_held(), std::string().capacity() * 2) << "two empty texts";
  listener.feed("data: " + std::string(1'000'000, 'x') + "\ndata: y\n\n");
  EXPECT_GT(listener.seen.size(), 1'000'000U);
  EXPECT_EQ(listener.reader.bytes_held(), std::string().capacity() * 2);
}

TEST(SseWriter, CutsDataAtEveryLineEnd) {
  std::string out;
  SseWriter::write_event(
      out, {.event = "x", .id = "7", .data = "a\nb\r\nc\rd", .retry = std::chrono::milliseconds(5)});
  EXPECT_EQ(out, "event: x\nid: 7\nretry: 5\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
}

TEST(SseWriter, WritesAMessageInPiecesAsInOne) {
  for (const Bytes id : {Bytes(""), Bytes("7")}) {
    std::string whole;
    SseWriter::write_message(whole, "{}", id);
    std::string pieces;
    SseWriter::write_message_begin(pieces, id);
    pieces.append("{}").append(SseWriter::message_end);
    EXPECT_EQ(pieces, whole);
  }
}

TEST(SseWriter, SeesALineEndAnywhere) {
  for (std::size_t size = 0; size < 200; ++size) {
    std::string text(size, 'x');
    EXPECT_FALSE(has_line_end(text));
    for (std::size_t at = 0; at < size; ++at) {
      for (const char end : {'\n', '\r'}) {
        text[at] = end;
        ASSERT_TRUE(has_line_end(text)) << at << " of " << size;
        text[at] = 'x';
      }
    }
  }
}

TEST(SseWriter, CannotBeMadeToWriteAnotherField) {
  std::string out;
  SseWriter::write_event(out, {.event = "x\ndata: evil",
                               .id = Bytes("1\0"
                                           "2\r\n",
                                           5),
                               .data = "\n"});
  EXPECT_EQ(out, "event: x\nid: 1\ndata: \ndata: \n\n");
  out.clear();
  SseWriter::write_comment(out, "a\ndata: evil");
  EXPECT_EQ(out, ": a\n: data: evil\n\n");
  out.clear();
  SseWriter::write_comment(out);
  EXPECT_EQ(out, ":\n\n");
}

TEST(SseWriter, WhatItWritesTheReaderReads) {
  for (const std::string data : {"", "plain", " leading", "two\nlines", "\n", "a\n\nb\n"}) {
    std::string out;
    SseWriter::write_event(out, {.event = "e", .id = "i", .data = data});
    EXPECT_EQ(listen(out), "{e|" + data + "|i}");
  }
  std::string out;
  SseWriter::write_message(out, R"({"jsonrpc":"2.0"})", "3");
  EXPECT_EQ(listen(out), R"({message|{"jsonrpc":"2.0"}|3})");
  out.clear();
  SseWriter::write_event(out, {.id = "4", .has_data = false});
  EXPECT_EQ(out, "id: 4\n\n");
}

}  // namespace
}  // namespace sluice
