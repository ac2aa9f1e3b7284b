// SPDX-License-Identifier: Apache-2.0
// Both formats write the same samples. They differ in the family's name of a counter (OpenMetrics leaves
// `_total` to the sample), in how help is escaped, in the unit line and in the closing `# EOF`. Numbers in
// `le` are written as floats
// ("1.0") in both, so that a series keeps its labels whichever format is scraped.
#include "observe/metrics.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "observe/text.h"

namespace sluice {
namespace {

constexpr std::size_t label_value_bytes_max = 128;
constexpr std::string_view other_value = "other";

bool is_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || digit(c); });
}

std::string_view kind_name(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter: return "counter";
    case MetricKind::gauge: return "gauge";
    case MetricKind::histogram: break;
  }
  return "histogram";
}

// Help and label values: a backslash and a line end are escaped everywhere, a quote where quotes stand
// around.
void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out.append("\\\\");
    } else if (c == '\n') {
      out.append("\\n");
    } else if (c == '"' && quotes) {
      out.append("\\\"");
    } else {
      out.push_back(c);
    }
  }
}

template <class Number>
void append_number(std::string& out, Number value) {
  char memory[32];
  const auto end = std::to_chars(memory, memory + sizeof(memory), value);
  out.append(memory, end.ptr);
}

// Nanoseconds as exact decimal seconds, always with a fraction: "0.005", "1.0".
void append_seconds(std::string& out, std::uint64_t nanoseconds) {
  append_number(out, nanoseconds / 1'000'000'000);
  std::string fraction = std::to_string(1'000'000'000 + nanoseconds % 1'000'000'000).substr(1);
  while (fraction.size() > 1 && fraction.back() == '0') fraction.pop_back();
  out.append(".").append(fraction);
}

void append_value(std::string& out, MetricKind kind, std::uint64_t value) {
  if (kind == MetricKind::gauge) {
    append_number(out, static_cast<std::int64_t>(value));
  } else {
    append_number(out, value);
  }
  out.push_back('\n');
}

}  // namespace

void Histogram::observe(Duration duration) {
  if (values_ == nullptr) return;
  duration = std::max(duration, Duration(0));
  const auto bucket = std::lower_bound(bounds_->begin(), bounds_->end(), duration) - bounds_->begin();
  ++values_[bucket];
  values_[bounds_->size() + 1] += static_cast<std::uint64_t>(duration.count());
}

std::uint64_t Histogram::count() const {
  if (values_ == nullptr) return 0;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i <= bounds_->size(); ++i) sum += values_[i];
  return sum;
}

std::vector<Duration> default_duration_buckets() {
  using std::chrono::microseconds;
  return {microseconds(500), milliseconds(1),   milliseconds(2),  milliseconds(5),
          milliseconds(10),  milliseconds(25),  milliseconds(50), milliseconds(100),
          milliseconds(250), milliseconds(500), seconds(1),       milliseconds(2500),
          seconds(5),        seconds(10),       seconds(30),      seconds(60)};
}

MetricFamily::MetricFamily(std::string name, std::string help, MetricKind kind,
                           std::vector<std::string> label_names, std::vector<Duration> bounds,
                           std::size_t series_max)
    : name_(std::move(name)),
      help_(std::move(help)),
      kind_(kind),
      label_names_(std::move(label_names)),
      bounds_(std::move(bounds)),
      series_max_(series_max) {
  CHECK(is_name(name_));
  CHECK(name_.ends_with("_total") == (kind_ == MetricKind::counter));
  for (const std::string& label : label_names_) CHECK(is_name(label) && label != "le");
  CHECK(std::is_sorted(bounds_.begin(), bounds_.end()));
  CHECK((kind_ == MetricKind::histogram) == !bounds_.empty());
}

std::uint64_t* MetricFamily::series(std::span<const std::string_view> values) {
  CHECK(values.size() == label_names_.size());
  if (Series* known = find(values)) return known->values.data();
  if (by_values_.size() < series_max_) return make_series(values).values.data();
  ++overflows_;
  const std::vector<std::string_view> others(label_names_.size(), other_value);
  if (Series* known = find(others)) return known->values.data();
  return make_series(others).values.data();
}

MetricFamily::Series* MetricFamily::find(std::span<const std::string_view> values) {
  // The key is what the labels will show, so that values that render alike are one series. The separator
  // occurs in no well-formed text.
  key_.clear();
  for (const std::string_view value : values) {
    append_well_formed(key_, value, label_value_bytes_max);
    key_.push_back('\xff');
  }
  const auto found = by_values_.find(key_);
  return found == by_values_.end() ? nullptr : found->second;
}

// For the values that find() has just not found.
MetricFamily::Series& MetricFamily::make_series(std::span<const std::string_view> values) {
  Series& made = series_.emplace_back();
  std::string value;
  for (std::size_t i = 0; i < values.size(); ++i) {
    value.clear();
    append_well_formed(value, values[i], label_value_bytes_max);
    if (i != 0) made.labels.push_back(',');
    made.labels.append(label_names_[i]).append("=\"");
    append_escaped(made.labels, value, true);
    made.labels.push_back('"');
  }
  // A histogram has a count for each bound, one for +Inf, and the sum.
  made.values.assign(kind_ == MetricKind::histogram ? bounds_.size() + 2 : 1, 0);
  by_values_.emplace(key_, &made);
  return made;
}

void MetricFamily::render(std::string& out, bool openmetrics) const {
  std::string_view name = name_;
  if (openmetrics && kind_ == MetricKind::counter) name.remove_suffix(std::string_view("_total").size());
  out.append("# HELP ").append(name).append(" ");
  append_escaped(out, help_, openmetrics);
  out.append("\n# TYPE ").append(name).append(" ").append(kind_name(kind_)).append("\n");
  if (openmetrics) {
    for (const std::string_view unit : {"seconds", "bytes"}) {
      if (name.ends_with(unit) && name.size() > unit.size() && name[name.size() - unit.size() - 1] == '_') {
        out.append("# UNIT ").append(name).append(" ").append(unit).append("\n");
      }
    }
  }
  if (sample_) {
    out.append(name_).append(" ");
    append_value(out, kind_, sample_());
  }
  for (const Series& series : series_) render_series(out, series);
}

void MetricFamily::render_series(std::string& out, const Series& series) const {
  const auto start = [&](std::string_view suffix, std::string_view bound) {
    out.append(name_).append(suffix);
    if (!series.labels.empty() || !bound.empty()) {
      out.append("{").append(series.labels);
      if (!bound.empty()) out.append(series.labels.empty() ? "le=\"" : ",le=\"").append(bound).append("\"");
      out.append("}");
    }
    out.append(" ");
  };
  if (kind_ != MetricKind::histogram) {
    start("", "");
    append_value(out, kind_, series.values[0]);
    return;
  }
  std::uint64_t count = 0;
  std::string bound;
  for (std::size_t i = 0; i <= bounds_.size(); ++i) {
    bound.clear();
    if (i < bounds_.size()) {
      append_seconds(bound, static_cast<std::uint64_t>(bounds_[i].count()));
    } else {
      bound = "+Inf";
    }
    count += series.values[i];
    start("_bucket", bound);
    append_value(out, kind_, count);
  }
  start("_sum", "");
  append_seconds(out, series.values[bounds_.size() + 1]);
  out.push_back('\n');
  start("_count", "");
  append_value(out, kind_, count);
}

Metrics::Metrics(const ObserveLimits& limits) : series_max_(limits.series_per_metric_max) {
  sampled(MetricKind::counter, "sluice_metric_overflows_total",
          "Lookups of a label set that were counted under the value other because the metric was full.",
          [this] {
            std::uint64_t sum = 0;
            for (const auto& family : families_) sum += family->overflows();
            return sum;
          });
}

Counter Metrics::counter(std::string_view name, std::string_view help) {
  return Counter(family(MetricKind::counter, name, help, {}, {}).series({}));
}

Gauge Metrics::gauge(std::string_view name, std::string_view help) {
  return Gauge(family(MetricKind::gauge, name, help, {}, {}).series({}));
}

Histogram Metrics::histogram(std::string_view name, std::string_view help, std::vector<Duration> bounds) {
  MetricFamily& made = family(MetricKind::histogram, name, help, {}, std::move(bounds));
  return Histogram(made.series({}), made.bounds());
}

Family<Counter> Metrics::counters(std::string_view name, std::string_view help,
                                  std::vector<std::string> label_names) {
  return Family<Counter>(&family(MetricKind::counter, name, help, std::move(label_names), {}));
}

Family<Gauge> Metrics::gauges(std::string_view name, std::string_view help,
                              std::vector<std::string> label_names) {
  return Family<Gauge>(&family(MetricKind::gauge, name, help, std::move(label_names), {}));
}

Family<Histogram> Metrics::histograms(std::string_view name, std::string_view help,
                                      std::vector<std::string> label_names, std::vector<Duration> bounds) {
  return Family<Histogram>(
      &family(MetricKind::histogram, name, help, std::move(label_names), std::move(bounds)));
}

void Metrics::sampled(MetricKind kind, std::string_view name, std::string_view help,
                      std::function<std::uint64_t()> sample) {
  CHECK(kind != MetricKind::histogram);
  family(kind, name, help, {}, {}).sample_with(std::move(sample));
}

std::string Metrics::prometheus_text() const { return render(false); }

std::string Metrics::openmetrics_text() const { return render(true); }

MetricFamily& Metrics::family(MetricKind kind, std::string_view name, std::string_view help,
                              std::vector<std::string> label_names, std::vector<Duration> bounds) {
  CHECK(name.starts_with("sluice_"));
  for (const auto& known : families_) {
    if (known->name() != name) continue;
    CHECK(known->kind() == kind && known->label_names() == label_names && *known->bounds() == bounds);
    return *known;
  }
  families_.push_back(std::make_unique<MetricFamily>(std::string(name), std::string(help), kind,
                                                     std::move(label_names), std::move(bounds), series_max_));
  return *families_.back();
}

std::string Metrics::render(bool openmetrics) const {
  std::string out;
  for (const auto& family : families_) family->render(out, openmetrics);
  if (openmetrics) out.append("# EOF\n");
  return out;
}

}  // namespace sluice
