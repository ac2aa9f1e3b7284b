// SPDX-License-Identifier: Apache-2.0
#include "observe/metrics.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

bool contains(std::string_view text, std::string_view piece) {
  return text.find(piece) != std::string_view::npos;
}

TEST(Metrics, CountersGaugesAndHistogramsKeepTheirNumbers) {
  Metrics metrics{ObserveLimits()};
  Counter counter = metrics.counter("sluice_requests_total", "Requests.");
  counter.add();
  counter.add(4);
  EXPECT_EQ(counter.value(), 5U);
  Gauge gauge = metrics.gauge("sluice_connections", "Open connections.");
  gauge.add(3);
  gauge.subtract(5);
  EXPECT_EQ(gauge.value(), -2);
  gauge.set(7);
  EXPECT_EQ(gauge.value(), 7);
  Histogram histogram = metrics.histogram("sluice_request_duration_seconds", "How long.");
  histogram.observe(milliseconds(3));
  EXPECT_EQ(histogram.count(), 1U);
}

TEST(Metrics, DefaultMadeHandlesCountNothing) {
  Counter counter;
  counter.add();
  EXPECT_EQ(counter.value(), 0U);
  Gauge gauge;
  gauge.set(3);
  EXPECT_EQ(gauge.value(), 0);
  Histogram histogram;
  histogram.observe(milliseconds(3));
  EXPECT_EQ(histogram.count(), 0U);
  Family<Counter>().with("x").add();
}

TEST(Metrics, NamingOneAgainGivesTheSameOne) {
  Metrics metrics{ObserveLimits()};
  metrics.counter("sluice_requests_total", "Requests.").add();
  EXPECT_EQ(metrics.counter("sluice_requests_total", "Requests.").value(), 1U);
}

TEST(Metrics, HandlesStayValidAsSeriesAreAdded) {
  Metrics metrics{ObserveLimits()};
  const Family<Counter> tools = metrics.counters("sluice_calls_total", "Calls.", {"tool"});
  Counter first = tools.with("first");
  for (int i = 0; i < 900; ++i) tools.with(std::to_string(i)).add();
  first.add();
  EXPECT_EQ(tools.with("first").value(), 1U);
}

TEST(Metrics, RendersPrometheusText) {
  Metrics metrics{ObserveLimits()};
  metrics.counters("sluice_calls_total", "Calls by tool.", {"tool", "outcome"}).with("echo", "ok").add(2);
  metrics.gauge("sluice_used_bytes", "Bytes \"used\"\nnow.").set(-1);
  Histogram wait = metrics.histogram("sluice_wait_seconds", "Waits.", {milliseconds(5), seconds(1)});
  wait.observe(milliseconds(5));
  wait.observe(milliseconds(6));
  wait.observe(seconds(2));
  EXPECT_EQ(
      metrics.prometheus_text(),
      "# HELP sluice_metric_overflows_total Lookups of a label set that were counted under the value other "
      "because the metric was full.\n"
      "# TYPE sluice_metric_overflows_total counter\n"
      "sluice_metric_overflows_total 0\n"
      "# HELP sluice_calls_total Calls by tool.\n"
      "# TYPE sluice_calls_total counter\n"
      "sluice_calls_total{tool=\"echo\",outcome=\"ok\"} 2\n"
      "# HELP sluice_used_bytes Bytes \"used\"\\nnow.\n"
      "# TYPE sluice_used_bytes gauge\n"
      "sluice_used_bytes -1\n"
      "# HELP sluice_wait_seconds Waits.\n"
      "# TYPE sluice_wait_seconds histogram\n"
      "sluice_wait_seconds_bucket{le=\"0.005\"} 1\n"
      "sluice_wait_seconds_bucket{le=\"1.0\"} 2\n"
      "sluice_wait_seconds_bucket{le=\"+Inf\"} 3\n"
      "sluice_wait_seconds_sum 2.011\n"
      "sluice_wait_seconds_count 3\n");
}

TEST(Metrics, RendersOpenMetrics) {
  Metrics metrics{ObserveLimits()};
  metrics.counter("sluice_sent_bytes_total", "Bytes \"sent\".").add(3);
  metrics.histograms("sluice_wait_seconds", "Waits.", {"route"}, {seconds(1)})
      .with("/mcp")
      .observe(seconds(1));
  const std::string text = metrics.openmetrics_text();
  EXPECT_TRUE(contains(text,
                       "# HELP sluice_sent_bytes Bytes \\\"sent\\\".\n"
                       "# TYPE sluice_sent_bytes counter\n"
                       "# UNIT sluice_sent_bytes bytes\n"
                       "sluice_sent_bytes_total 3\n"))
      << text;
  EXPECT_TRUE(contains(text,
                       "# TYPE sluice_wait_seconds histogram\n"
                       "# UNIT sluice_wait_seconds seconds\n"
                       "sluice_wait_seconds_bucket{route=\"/mcp\",le=\"1.0\"} 1\n"
                       "sluice_wait_seconds_bucket{route=\"/mcp\",le=\"+Inf\"} 1\n"
                       "sluice_wait_seconds_sum{route=\"/mcp\"} 1.0\n"
                       "sluice_wait_seconds_count{route=\"/mcp\"} 1\n"
                       "# EOF\n"))
      << text;
}

TEST(Metrics, EscapesAndMendsLabelValues) {
  Metrics metrics{ObserveLimits()};
  const Family<Counter> tools = metrics.counters("sluice_calls_total", "Calls.", {"tool"});
  tools.with("a\"b\\c\nd\xff").add();
  EXPECT_TRUE(contains(metrics.prometheus_text(), "{tool=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\"} 1\n"));
  const std::string endless(10'000, 'x');
  tools.with(endless).add();
  tools.with(endless + "y").add();
  EXPECT_TRUE(contains(metrics.prometheus_text(), "{tool=\"" + std::string(128, 'x') + "\"} 2\n"));
}

TEST(Metrics, KeepsLabelSetsApartThatReadAlikeWhenJoined) {
  Metrics metrics{ObserveLimits()};
  const Family<Counter> pairs = metrics.counters("sluice_pairs_total", "Pairs.", {"a", "b"});
  pairs.with("xy", "z").add();
  EXPECT_EQ(pairs.with("x", "yz").value(), 0U);
  pairs.with(std::string_view("xy\0", 3), "z").add();
  EXPECT_EQ(pairs.with("xy", std::string_view("\0z", 2)).value(), 0U);
}

TEST(Metrics, BoundsTheSeriesOfAMetricAndCountsTheRestAsOther) {
  ObserveLimits limits;
  limits.series_per_metric_max = 3;
  Metrics metrics(limits);
  const Family<Counter> tools = metrics.counters("sluice_calls_total", "Calls.", {"tool", "outcome"});
  for (int i = 0; i < 10; ++i) tools.with("tool" + std::to_string(i), "ok").add();
  EXPECT_EQ(tools.with("tool2", "ok").value(), 1U);
  EXPECT_EQ(tools.with("other", "other").value(), 7U);
  const std::string text = metrics.prometheus_text();
  EXPECT_TRUE(contains(text, "sluice_calls_total{tool=\"other\",outcome=\"other\"} 7\n"));
  EXPECT_FALSE(contains(text, "tool3"));
  EXPECT_TRUE(contains(text, "sluice_metric_overflows_total 7\n"));
}

TEST(Metrics, HasOneSeriesOtherAlsoWhenSomebodyIsCalledOther) {
  ObserveLimits limits;
  limits.series_per_metric_max = 1;
  Metrics metrics(limits);
  const Family<Counter> tools = metrics.counters("sluice_calls_total", "Calls.", {"tool"});
  tools.with("other").add();
  tools.with("more").add();
  EXPECT_TRUE(contains(metrics.prometheus_text(), "sluice_calls_total{tool=\"other\"} 2\n"));
}

TEST(Metrics, SamplesNumbersThatOthersKeep) {
  Metrics metrics{ObserveLimits()};
  std::uint64_t kept = 5;
  metrics.sampled(MetricKind::counter, "sluice_turns_total", "Turns.", [&] { return kept; });
  EXPECT_TRUE(contains(metrics.prometheus_text(), "sluice_turns_total 5\n"));
  kept = 6;
  EXPECT_TRUE(contains(metrics.openmetrics_text(), "sluice_turns_total 6\n"));
}

TEST(MetricsDeathTest, ANameAgainstTheConventionsIsABug) {
  Metrics metrics{ObserveLimits()};
  EXPECT_DEATH(static_cast<void>(metrics.counter("sluice_requests", "No _total.")), "bug at");
  EXPECT_DEATH(static_cast<void>(metrics.gauge("connections", "No prefix.")), "bug at");
  EXPECT_DEATH(static_cast<void>(metrics.gauge("sluice_Connections", "A capital.")), "bug at");
}

}  // namespace
}  // namespace sluice
