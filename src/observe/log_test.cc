// SPDX-License-Identifier: Apache-2.0
#include "observe/log.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace sluice {
namespace {

// 2026-07-28T09:05:03.042Z.
class StoppedClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return Instant(); }
  [[nodiscard]] WallTime wall() const override { return WallTime(milliseconds(1'785'229'503'042)); }
};

constexpr std::string_view opening = R"({"time":"2026-07-28T09:05:03.042Z","level":"info","message":")";

class LogTest : public testing::Test {
 protected:
  Log make(LogLevel level = LogLevel::info) { return Log(sink, clock, limits, level); }
  // The line without its opening and its end.
  std::string rest() const {
    EXPECT_TRUE(sink.text.starts_with(opening)) << sink.text;
    EXPECT_TRUE(sink.text.ends_with("}\n")) << sink.text;
    return sink.text.substr(opening.size(), sink.text.size() - opening.size() - 2);
  }

  StringSink sink;
  StoppedClock clock;
  ObserveLimits limits;
};

TEST_F(LogTest, WritesOneJsonObjectALine) {
  Log log = make();
  log.info("upstream restarted")
      .field("upstream", std::string("github"))
      .field("attempt", 3)
      .field("ok", false)
      .field("share", 0.25)
      .field("least", std::numeric_limits<std::int64_t>::min())
      .field("most", std::numeric_limits<std::uint64_t>::max())
      .field("why", "exit 1");
  EXPECT_EQ(rest(), R"(upstream restarted","upstream":"github","attempt":3,"ok":false,"share":0.25,)"
                    R"("least":-9223372036854775808,"most":18446744073709551615,"why":"exit 1")");
}

TEST_F(LogTest, WritesNumbersJsonDoesNotKnowAsNull) {
  Log log = make();
  log.info("x").field("nan", std::nan("")).field("inf", std::numeric_limits<double>::infinity());
  EXPECT_EQ(rest(), R"(x","nan":null,"inf":null)");
}

TEST_F(LogTest, LeavesOutWhatIsBelowItsLevel) {
  Log log = make(LogLevel::warning);
  log.info("no").field("a", 1);
  log.debug("no");
  EXPECT_EQ(sink.text, "");
  log.warning("yes");
  EXPECT_TRUE(sink.text.find(R"("level":"warning","message":"yes"})") != std::string::npos);
  log.set_level(LogLevel::off);
  EXPECT_FALSE(log.enabled(LogLevel::error));
  log.set_level(LogLevel::debug);
  EXPECT_TRUE(log.enabled(LogLevel::debug));
}

TEST_F(LogTest, EveryRecordCarriesTheCommonFields) {
  Log log = make();
  log.common_field("worker", 2);
  log.common_field("host", "a\"b");
  log.info("x").field("y", 1);
  EXPECT_EQ(rest(), R"(x","worker":2,"host":"a\"b","y":1)");
}

TEST_F(LogTest, EscapesAndMendsWhatStrangersSay) {
  Log log = make();
  log.info("line\nbreak\"}").field("bytes", "\xff\x01");
  EXPECT_EQ(rest(), "line\\nbreak\\\"}\",\"bytes\":\"\xef\xbf\xbd\\u0001\"");
}

TEST_F(LogTest, ARecordMayBeginInsideAnother) {
  Log log = make();
  const auto logs_too = [&] {
    log.info("inner");
    return 5;
  };
  log.info("outer").field("five", logs_too());
  EXPECT_EQ(sink.text, std::string(opening) + "inner\"}\n" + std::string(opening) + "outer\",\"five\":5}\n");
}

TEST_F(LogTest, NoLineIsLongerThanItsBound) {
  for (std::size_t bytes_max = 256; bytes_max < 420; ++bytes_max) {
    limits.log_line_bytes_max = bytes_max;
    sink.text.clear();
    Log log = make();
    log.info(std::string(60, 'm')).field("a", std::string(100, '\n')).field("b", 123456).field("c", "tail");
    EXPECT_LE(sink.text.size(), bytes_max);
    EXPECT_TRUE(sink.text.ends_with(",\"truncated\":true}\n") || sink.text.ends_with(",\"c\":\"tail\"}\n"))
        << sink.text;
  }
}

TEST_F(LogTest, ALongMessageIsCutAndSaysSo) {
  Log log = make();
  log.info(std::string(100'000, 'm')).field("after", 1);
  EXPECT_LE(sink.text.size(), limits.log_line_bytes_max);
  EXPECT_GE(sink.text.size(), limits.log_line_bytes_max - 4);
  EXPECT_TRUE(sink.text.ends_with("m\",\"truncated\":true}\n"));
}

TEST_F(LogTest, SecretsNeverReachTheSink) {
  Log log = make();
  EXPECT_TRUE(log.hide("hunter2-token"));
  EXPECT_TRUE(log.hide("quo\"ted"));
  log.info("got hunter2-token")
      .field("header", "Bearer hunter2-token, hunter2-token")
      .field("other", "hunter2");
  log.warning("x").field("json", R"({"k":"quo\"ted"})").field("raw", "quo\"ted");
  EXPECT_EQ(sink.text.find("hunter2-token"), std::string::npos);
  EXPECT_EQ(sink.text.find("quo"), std::string::npos);
  EXPECT_NE(
      sink.text.find(R"("message":"got [hidden]","header":"Bearer [hidden], [hidden]","other":"hunter2")"),
      std::string::npos)
      << sink.text;
}

TEST_F(LogTest, ASecretIsHiddenBeforeALineIsCut) {
  Log log = make();
  EXPECT_TRUE(log.hide("hunter2-token"));
  for (std::size_t before = limits.log_line_bytes_max - 200; before < limits.log_line_bytes_max; ++before) {
    sink.text.clear();
    log.info(std::string(before, 'm') + "hunter2-token");
    EXPECT_EQ(sink.text.find("hunte"), std::string::npos);
  }
}

TEST_F(LogTest, OverlappingSecretsLeaveNoTail) {
  Log log = make();
  EXPECT_TRUE(log.hide("abcd"));
  EXPECT_TRUE(log.hide("cdefgh"));
  EXPECT_TRUE(log.hide("abcdef"));
  EXPECT_EQ(log.redacted("<abcdefgh>"), "<[hidden]>");
  EXPECT_EQ(log.redacted("<abcd>"), "<[hidden]>");
  EXPECT_EQ(log.redacted("abcdabcd"), "[hidden][hidden]");
  EXPECT_EQ(log.redacted("ordinary"), "ordinary");
}

TEST_F(LogTest, ShortValuesAreNotHidden) {
  Log log = make();
  EXPECT_FALSE(log.hide("abc"));
  EXPECT_FALSE(log.hide(""));
  EXPECT_EQ(log.redacted("abc"), "abc");
}

// Takes a line only while it has room for it.
class FullSink final : public LogSink {
 public:
  bool write(std::string_view line) override {
    if (room == 0) return false;
    --room;
    lines.emplace_back(line);
    return true;
  }
  int room = 0;
  std::vector<std::string> lines;
};

TEST_F(LogTest, ReportsHowManyRecordsWereDroppedOnceThereIsRoom) {
  FullSink full;
  Log log(full, clock, limits);
  log.info("lost 1");
  log.info("lost 2");
  full.room = 2;
  log.info("kept");
  ASSERT_EQ(full.lines.size(), 2U);
  EXPECT_NE(full.lines[0].find(R"("level":"warning","message":"log records were dropped","count":2})"),
            std::string::npos);
  EXPECT_NE(full.lines[1].find("kept"), std::string::npos);
  EXPECT_EQ(log.dropped(), 2U);
}

TEST_F(LogTest, ReportsTheLastDropsWhenItEnds) {
  FullSink full;
  {
    Log log(full, clock, limits);
    log.info("lost");
    full.room = 1;
  }
  ASSERT_EQ(full.lines.size(), 1U);
  EXPECT_NE(full.lines[0].find("\"count\":1}"), std::string::npos);
}

}  // namespace
}  // namespace sluice
