// SPDX-License-Identifier: Apache-2.0
#include "apps/bench_report.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "codec/json.h"

namespace sluice {

namespace {

struct Percentile {
  const char* name;
  double percent;
};
constexpr std::array percentiles{Percentile{"p50", 50}, Percentile{"p90", 90}, Percentile{"p99", 99},
                                 Percentile{"p99.9", 99.9}};

double microseconds(Duration duration) { return static_cast<double>(duration.count()) / 1000.0; }
double in_seconds(Duration duration) { return static_cast<double>(duration.count()) / 1e9; }

double a_second(const BenchReport& report) {
  return report.window.count() > 0 ? static_cast<double>(report.answers) / in_seconds(report.window) : 0;
}

double an_answer(const BenchReport& report, Duration used) {
  return report.answers > 0 ? microseconds(used) / static_cast<double>(report.answers) : 0;
}

template <class... Values>
void append_line(std::string& out, const char* format, Values... values) {
  std::array<char, 256> line;
  const int size = std::snprintf(line.data(), line.size(), format, values...);
  out.append(line.data(), std::min(static_cast<std::size_t>(size), line.size() - 1));
  out += '\n';
}

void append_latency(std::string& out, const char* name, const LogHistogram& histogram) {
  std::string text;
  for (const Percentile& percentile : percentiles) {
    std::array<char, 64> word;
    std::snprintf(word.data(), word.size(), "%s %.0f  ", percentile.name,
                  microseconds(histogram.percentile(percentile.percent)));
    text += word.data();
  }
  append_line(out, "%-9s %smax %.0f  mean %.0f us", name, text.c_str(), microseconds(histogram.max()),
              microseconds(histogram.mean()));
}

Json latency_json(const LogHistogram& histogram) {
  Json json = Json::object({{"count", histogram.count()},
                            {"mean", microseconds(histogram.mean())},
                            {"max", microseconds(histogram.max())}});
  for (const Percentile& percentile : percentiles)
    json.set(percentile.name, microseconds(histogram.percentile(percentile.percent)));
  return json;
}

const char* era_name(const BenchOptions& options) {
  return options.call.era == Era::legacy ? "legacy" : "modern";
}

}  // namespace

std::uint64_t BenchReport::error_count() const {
  std::uint64_t count = 0;
  for (const auto& [kind, times] : errors) count += times;
  return count;
}

std::string report_as_text(const BenchOptions& options, const BenchReport& report) {
  std::string out;
  append_line(out, "%s  %s  %s  %zu connections", options.call.url.c_str(), era_name(options),
              options.call.method.c_str(), options.connections);
  if (options.rate > 0) {
    append_line(out, "open loop, %.1f requests a second due", options.rate);
  } else {
    out += "closed loop, one request in flight a connection\n";
  }
  append_line(out, "answers   %llu in %.2f s: %.1f a second", static_cast<unsigned long long>(report.answers),
              in_seconds(report.window), a_second(report));
  append_latency(out, "latency", report.latency);
  if (options.rate > 0) append_latency(out, "sent late", report.lateness);
  if (report.reconnects > 0)
    append_line(out, "reconnects %llu", static_cast<unsigned long long>(report.reconnects));
  for (const auto& [kind, times] : report.errors)
    append_line(out, "error     %llu x %s", static_cast<unsigned long long>(times), kind.c_str());
  if (report.errors.empty()) out += "errors    none\n";
  for (const ProcessUsage& usage : report.usage)
    append_line(out, "cpu       %.2f us an answer (%.2f user, %.2f system)  %s, pid %lld",
                an_answer(report, usage.user + usage.system), an_answer(report, usage.user),
                an_answer(report, usage.system), usage.name.c_str(), static_cast<long long>(usage.pid));
  return out;
}

std::string report_as_json(const BenchOptions& options, const BenchReport& report) {
  Json errors = Json::object();
  for (const auto& [kind, times] : report.errors) errors.set(kind, times);
  Json processes = Json::array();
  for (const ProcessUsage& usage : report.usage)
    processes.push_back(Json::object({{"pid", usage.pid},
                                      {"name", usage.name},
                                      {"user_us_per_answer", an_answer(report, usage.user)},
                                      {"system_us_per_answer", an_answer(report, usage.system)},
                                      {"cpu_us_per_answer", an_answer(report, usage.user + usage.system)}}));
  return Json::object({{"url", options.call.url},
                       {"era", era_name(options)},
                       {"method", options.call.method},
                       {"connections", options.connections},
                       {"rate", options.rate},
                       {"seconds", in_seconds(report.window)},
                       {"answers", report.answers},
                       {"answers_per_second", a_second(report)},
                       {"latency_us", latency_json(report.latency)},
                       {"sent_late_us", latency_json(report.lateness)},
                       {"reconnects", report.reconnects},
                       {"error_count", report.error_count()},
                       {"errors", std::move(errors)},
                       {"processes", std::move(processes)}})
             .dump() +
         "\n";
}

}  // namespace sluice
