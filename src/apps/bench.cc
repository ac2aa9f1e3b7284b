// SPDX-License-Identifier: Apache-2.0
#include "apps/bench.h"

#include <cmath>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "apps/bench_connection.h"
#include "apps/bench_report.h"
#include "apps/bench_usage.h"
#include "net/reactor.h"

namespace sluice {

namespace {

constexpr std::size_t opening_max = 64;  // connections that begin at the same time
constexpr milliseconds sweep_every(20);  // looks at deadlines, also those of phases
constexpr seconds open_timeout(60);
constexpr seconds leave_timeout(5);

Duration to_duration(double value) { return Duration(std::llround(value * 1e9)); }

// The run: opens the connections, warms up, measures a window, waits for what is missing, leaves.
class BenchRun final : private BenchConnectionHandler {
 public:
  BenchRun(Reactor& reactor, const BenchOptions& options, const BenchTarget& target);

  // Runs the reactor until all is over.
  Result<BenchReport> run();

 private:
  enum class Phase : std::uint8_t { opening, warming, measuring, finishing, leaving, over };

  void on_open(BenchConnection& connection) override;
  void on_answer(BenchConnection& connection, const std::string& trouble) override;
  void on_lost(BenchConnection& connection, const std::string& trouble, bool asked) override;
  void on_left(BenchConnection& connection) override;

  void open_more();
  void begin(Instant now);
  void ask_next(BenchConnection& connection, Instant now);
  void pump();  // open loop: what is due goes out, or waits
  void sweep();
  void give_up_late(Instant now);
  void next_phase(Instant now);
  void finish(Instant now);
  void leave();
  void end(Error error);
  void record(Instant scheduled, Instant sent, Instant now);
  void complain(const std::string& kind);
  [[nodiscard]] bool in_window(Instant instant) const {
    return phase_ >= Phase::measuring && instant >= window_begin_ && instant < window_end_;
  }
  [[nodiscard]] bool asking() const { return phase_ == Phase::warming || phase_ == Phase::measuring; }
  [[nodiscard]] std::vector<ProcessUsage> usage();

  Reactor& reactor_;
  const BenchOptions& options_;
  const Duration timeout_;
  std::vector<std::unique_ptr<BenchConnection>> connections_;
  std::vector<BenchConnection*> idle_;
  std::vector<BenchConnection*> lost_;  // to be opened again at the next sweep
  std::size_t opened_ = 0;              // open() was called for the first so many
  std::size_t ready_ = 0;
  std::size_t asked_ = 0;  // requests without an answer
  std::size_t left_ = 0;
  std::uint64_t next_id_ = bench_id_first;
  std::deque<Instant> waiting_;  // due, and no connection was free
  double due_ = 0;               // how many were due since begun_
  Instant begun_{};
  Instant window_begin_ = never;
  Instant window_end_ = never;
  Instant phase_end_{};
  Phase phase_ = Phase::opening;
  Timer due_timer_;
  Timer sweep_timer_;
  std::vector<ProcessUsage> usage_before_;
  BenchReport report_;
  std::optional<Error> failure_;
};

BenchRun::BenchRun(Reactor& reactor, const BenchOptions& options, const BenchTarget& target)
    : reactor_(reactor),
      options_(options),
      timeout_(to_duration(options.timeout_seconds)),
      due_timer_([](void* self) { static_cast<BenchRun*>(self)->pump(); }, this),
      sweep_timer_([](void* self) { static_cast<BenchRun*>(self)->sweep(); }, this) {
  for (std::size_t i = 0; i < options.connections; ++i)
    connections_.push_back(
        std::make_unique<BenchConnection>(reactor, target, static_cast<BenchConnectionHandler&>(*this)));
}

Result<BenchReport> BenchRun::run() {
  phase_end_ = reactor_.precise_now() + open_timeout;
  reactor_.arm_after(sweep_timer_, sweep_every);
  open_more();
  if (options_.spin) {
    while (phase_ != Phase::over) {
      reactor_.turn();
      if (asking()) pump();
    }
  } else {
    reactor_.run();
  }
  if (failure_) return *failure_;
  return std::move(report_);
}

void BenchRun::open_more() {
  while (opened_ < connections_.size() && opened_ - ready_ < opening_max) {
    connections_[opened_]->open(next_id_++);
    ++opened_;
  }
}

void BenchRun::on_open(BenchConnection& connection) {
  if (phase_ == Phase::opening) {
    ++ready_;
    open_more();
    idle_.push_back(&connection);
    if (ready_ == connections_.size()) begin(reactor_.precise_now());
    return;
  }
  if (asking()) {
    ask_next(connection, reactor_.precise_now());
  } else {
    idle_.push_back(&connection);
  }
}

void BenchRun::begin(Instant now) {
  phase_ = Phase::warming;
  begun_ = now;
  phase_end_ = now + to_duration(options_.warmup_seconds);
  if (options_.rate > 0) return pump();
  const std::vector<BenchConnection*> idle = std::exchange(idle_, {});
  for (BenchConnection* connection : idle) ask_next(*connection, now);
}

// The connection is free: closed loop asks at once, open loop takes what waited longest.
void BenchRun::ask_next(BenchConnection& connection, Instant now) {
  if (options_.rate <= 0) {
    if (!asking()) return idle_.push_back(&connection);
    ++asked_;
    return connection.ask(next_id_++, now, now);
  }
  if (waiting_.empty()) return idle_.push_back(&connection);
  ++asked_;
  connection.ask(next_id_++, waiting_.front(), now);
  waiting_.pop_front();
}

void BenchRun::pump() {
  if (!asking() || options_.rate <= 0) return;
  const Instant now = reactor_.precise_now();
  Instant next = begun_ + to_duration(due_ / options_.rate);
  while (next <= now) {
    waiting_.push_back(next);
    due_ += 1;
    next = begun_ + to_duration(due_ / options_.rate);
  }
  while (!waiting_.empty() && !idle_.empty()) {
    BenchConnection* connection = idle_.back();
    idle_.pop_back();
    ask_next(*connection, now);
  }
  if (!options_.spin) reactor_.arm(due_timer_, next);
}

void BenchRun::on_answer(BenchConnection& connection, const std::string& trouble) {
  const Instant now = reactor_.precise_now();
  --asked_;
  if (phase_ == Phase::measuring) ++report_.answers;
  record(connection.scheduled(), connection.sent(), now);
  if (!trouble.empty() && in_window(connection.scheduled())) complain(trouble);
  if (connection.closed()) {
    ++report_.reconnects;
    lost_.push_back(&connection);
  } else {
    ask_next(connection, now);
  }
  if (phase_ == Phase::finishing && asked_ == 0 && waiting_.empty()) finish(now);
}

void BenchRun::on_lost(BenchConnection& connection, const std::string& trouble, bool asked) {
  if (phase_ == Phase::opening && !trouble.empty()) return end(Error(Errc::unavailable, trouble));
  std::erase(idle_, &connection);
  if (phase_ == Phase::opening) --ready_;
  // What is asked and gets no answer counts with the time until now.
  if (asked) {
    --asked_;
    record(connection.scheduled(), connection.sent(), reactor_.precise_now());
  }
  if (!trouble.empty() && phase_ != Phase::warming) complain(trouble);
  ++report_.reconnects;
  lost_.push_back(&connection);
}

void BenchRun::record(Instant scheduled, Instant sent, Instant now) {
  if (!in_window(scheduled)) return;
  report_.latency.record(now - scheduled);
  report_.lateness.record(sent - scheduled);
}

void BenchRun::complain(const std::string& kind) {
  constexpr std::size_t kinds_max = 32;  // whatever a server thinks up, the report stays readable
  const bool known = report_.errors.size() < kinds_max || report_.errors.count(kind) > 0;
  ++report_.errors[known ? kind : std::string("other")];
}

// Every 20 ms: phases, requests that take too long, connections to be opened again.
void BenchRun::sweep() {
  const Instant now = reactor_.precise_now();
  if (phase_ == Phase::over) return;
  reactor_.arm_after(sweep_timer_, sweep_every);
  give_up_late(now);
  const std::vector<BenchConnection*> lost = std::exchange(lost_, {});
  if (phase_ < Phase::leaving)
    for (BenchConnection* connection : lost) connection->open(next_id_++);
  if (now >= phase_end_) next_phase(now);
}

void BenchRun::give_up_late(Instant now) {
  for (const auto& connection : connections_) {
    if (!connection->asked() || now - connection->sent() < timeout_) continue;
    connection->drop();
    on_lost(*connection, "no answer in time", true);
  }
}

void BenchRun::next_phase(Instant now) {
  switch (phase_) {
    case Phase::opening: return end(Error(Errc::timed_out, "not every connection could be opened in time"));
    case Phase::warming:
      phase_ = Phase::measuring;
      usage_before_ = usage();
      window_begin_ = reactor_.precise_now();
      phase_end_ = window_begin_ + to_duration(options_.duration_seconds);
      return;
    case Phase::measuring:
      // The sweep may be late: the window is what it was in truth.
      report_.window = now - window_begin_;
      window_end_ = now;
      if (options_.pid > 0) report_.usage = usage_between(usage_before_, usage());
      phase_ = Phase::finishing;
      phase_end_ = now + timeout_;
      if (asked_ == 0 && waiting_.empty()) finish(now);
      return;
    case Phase::finishing: return finish(now);
    case Phase::leaving:
    case Phase::over:
      phase_ = Phase::over;
      reactor_.stop();
      return;
  }
}

// What is still missing counts with the time it has taken so far: nothing is left out of the percentiles.
void BenchRun::finish(Instant now) {
  for (const auto& connection : connections_) {
    if (!connection->asked() || !in_window(connection->scheduled())) continue;
    record(connection->scheduled(), connection->sent(), now);
    complain("no answer until the end");
  }
  for (const Instant scheduled : waiting_) {
    if (!in_window(scheduled)) continue;
    record(scheduled, now, now);
    complain("never sent: no connection was free");
  }
  waiting_.clear();
  leave();
}

void BenchRun::leave() {
  phase_ = Phase::leaving;
  phase_end_ = reactor_.precise_now() + leave_timeout;
  idle_.clear();
  for (const auto& connection : connections_) connection->leave();
}

void BenchRun::on_left(BenchConnection&) {
  if (++left_ < connections_.size()) return;
  phase_ = Phase::over;
  reactor_.stop();
}

void BenchRun::end(Error error) {
  if (!failure_) failure_ = std::move(error);
  phase_ = Phase::over;
  reactor_.stop();
}

std::vector<ProcessUsage> BenchRun::usage() {
  if (options_.pid <= 0) return {};
  auto read = read_process_usage(options_.pid);
  if (read) return *std::move(read);
  end(read.error());
  return {};
}

int fail(const Error& error) {
  std::fprintf(stderr, "sluice bench: %s\n", error.message.c_str());
  return 2;
}

}  // namespace

int run_bench(const BenchOptions& options) {
  if (options.connections == 0 || options.duration_seconds <= 0 || options.rate < 0 ||
      options.warmup_seconds < 0 || options.timeout_seconds <= 0)
    return fail(Error(Errc::invalid, "connections, duration and timeout must be more than 0"));
  const auto target = make_bench_target(options.call);
  if (!target) return fail(target.error());
  const auto reactor = Reactor::open(Limits{});
  if (!reactor) return fail(reactor.error());
  BenchRun run(**reactor, options, *target);
  const auto report = run.run();
  if (!report) return fail(report.error());
  const std::string text = options.json ? report_as_json(options, *report) : report_as_text(options, *report);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return report->error_count() == 0 && report->answers > 0 ? 0 : 1;
}

}  // namespace sluice
