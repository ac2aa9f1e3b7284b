// SPDX-License-Identifier: Apache-2.0
#pragma once
// Metrics of one worker: counters, gauges, histograms, and their two text renderings.
//
// Knows Prometheus text 0.0.4 and OpenMetrics 1.0.0, not what is counted nor who asks. Names follow the
// Prometheus conventions: `sluice_`, the base unit, counters end in `_total`; a breach is a bug. The label
// sets of a metric are bounded: past ObserveLimits::series_per_metric_max new ones share one series whose
// values are all "other".
//
// A handle is a pointer to a plain number and stays valid as long as its Metrics; get it once, keep it, and
// counting costs about a nanosecond. One thread writes and renders.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/time.h"

namespace sluice {

inline constexpr std::string_view prometheus_content_type = "text/plain; version=0.0.4; charset=utf-8";
inline constexpr std::string_view openmetrics_content_type =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

// A handle on a number that only grows. A default-made one counts nothing.
class Counter {
 public:
  Counter() = default;
  explicit Counter(std::uint64_t* value) : value_(value) {}
  void add(std::uint64_t n = 1) {
    if (value_ != nullptr) *value_ += n;
  }
  [[nodiscard]] std::uint64_t value() const { return value_ == nullptr ? 0 : *value_; }

 private:
  std::uint64_t* value_ = nullptr;
};

// A handle on a number that goes up and down. A default-made one counts nothing.
class Gauge {
 public:
  Gauge() = default;
  explicit Gauge(std::uint64_t* value) : value_(value) {}
  void set(std::int64_t value) {
    if (value_ != nullptr) *value_ = static_cast<std::uint64_t>(value);
  }
  void add(std::int64_t n = 1) {
    if (value_ != nullptr) *value_ += static_cast<std::uint64_t>(n);
  }
  void subtract(std::int64_t n = 1) { add(-n); }
  [[nodiscard]] std::int64_t value() const {
    return value_ == nullptr ? 0 : static_cast<std::int64_t>(*value_);
  }

 private:
  std::uint64_t* value_ = nullptr;
};

// A handle on counts of durations by bucket. A default-made one counts nothing.
class Histogram {
 public:
  Histogram() = default;
  // `values` has a count for each bound, one for +Inf, and the sum in nanoseconds.
  Histogram(std::uint64_t* values, const std::vector<Duration>* bounds) : values_(values), bounds_(bounds) {}
  void observe(Duration duration);
  [[nodiscard]] std::uint64_t count() const;

 private:
  std::uint64_t* values_ = nullptr;
  const std::vector<Duration>* bounds_ = nullptr;
};

// Upper bounds from 0.5 ms to 60 s, for everything that somebody waits for.
[[nodiscard]] std::vector<Duration> default_duration_buckets();

// What a metric is, in the words of both formats.
enum class MetricKind : std::uint8_t { counter, gauge, histogram };

// One metric with its series. Made by Metrics; the type parameter of Family is its handle.
class MetricFamily {
 public:
  MetricFamily(std::string name, std::string help, MetricKind kind, std::vector<std::string> label_names,
               std::vector<Duration> bounds, std::size_t series_max);

  // The numbers of a label set, made on first sight. `values` has one value for each label name.
  [[nodiscard]] std::uint64_t* series(std::span<const std::string_view> values);
  [[nodiscard]] std::size_t series_count() const { return series_.size(); }
  [[nodiscard]] std::uint64_t overflows() const { return overflows_; }
  [[nodiscard]] const std::vector<Duration>* bounds() const { return &bounds_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] MetricKind kind() const { return kind_; }
  [[nodiscard]] const std::vector<std::string>& label_names() const { return label_names_; }

  void sample_with(std::function<std::uint64_t()> sample) { sample_ = std::move(sample); }
  void render(std::string& out, bool openmetrics) const;

 private:
  struct Series {
    std::string labels;  // rendered: a="x",b="y"
    std::vector<std::uint64_t> values;
  };
  [[nodiscard]] Series* find(std::span<const std::string_view> values);
  Series& make_series(std::span<const std::string_view> values);
  void render_series(std::string& out, const Series& series) const;

  std::string name_;
  std::string help_;
  MetricKind kind_;
  std::vector<std::string> label_names_;
  std::vector<Duration> bounds_;
  std::size_t series_max_;
  std::deque<Series> series_;  // a deque, so that handles stay valid
  std::unordered_map<std::string, Series*> by_values_;
  std::uint64_t overflows_ = 0;
  std::string key_;  // of the last find()
  std::function<std::uint64_t()> sample_;
};

// A metric whose handles are H. A cheap reference, valid as long as its Metrics.
template <class H>
class Family {
 public:
  Family() = default;
  explicit Family(MetricFamily* family) : family_(family) {}

  // The handle for a label set, in the order the label names were given: tools.with(name, outcome).
  template <class... Values>
  [[nodiscard]] H with(const Values&... values) const {
    if (family_ == nullptr) return H();
    const std::string_view array[sizeof...(values) + 1] = {std::string_view(values)..., std::string_view()};
    return handle(family_->series(std::span<const std::string_view>(array, sizeof...(values))));
  }

 private:
  H handle(std::uint64_t* values) const {
    if constexpr (std::is_same_v<H, Histogram>) {
      return Histogram(values, family_->bounds());
    } else {
      return H(values);
    }
  }
  MetricFamily* family_ = nullptr;
};

class Metrics {
 public:
  explicit Metrics(const ObserveLimits& limits);
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Metrics without labels. Naming one again gives the same one.
  [[nodiscard]] Counter counter(std::string_view name, std::string_view help);
  [[nodiscard]] Gauge gauge(std::string_view name, std::string_view help);
  [[nodiscard]] Histogram histogram(std::string_view name, std::string_view help,
                                    std::vector<Duration> bounds = default_duration_buckets());

  // Metrics with labels.
  [[nodiscard]] Family<Counter> counters(std::string_view name, std::string_view help,
                                         std::vector<std::string> label_names);
  [[nodiscard]] Family<Gauge> gauges(std::string_view name, std::string_view help,
                                     std::vector<std::string> label_names);
  [[nodiscard]] Family<Histogram> histograms(std::string_view name, std::string_view help,
                                             std::vector<std::string> label_names,
                                             std::vector<Duration> bounds = default_duration_buckets());

  // A number that somebody else keeps and `sample` reads when the metrics are rendered. A gauge's bits are
  // those of an int64_t.
  void sampled(MetricKind kind, std::string_view name, std::string_view help,
               std::function<std::uint64_t()> sample);

  // All metrics in the order they were named.
  [[nodiscard]] std::string prometheus_text() const;
  [[nodiscard]] std::string openmetrics_text() const;

 private:
  MetricFamily& family(MetricKind kind, std::string_view name, std::string_view help,
                       std::vector<std::string> label_names, std::vector<Duration> bounds);
  [[nodiscard]] std::string render(bool openmetrics) const;

  std::size_t series_max_;
  std::vector<std::unique_ptr<MetricFamily>> families_;
};

}  // namespace sluice
