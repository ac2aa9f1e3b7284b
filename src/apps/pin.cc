// SPDX-License-Identifier: Apache-2.0
#include "apps/pin.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "gateway/pin_survey.h"
#include "net/entropy.h"

namespace sluice {

namespace {

constexpr int exit_differs = 3;
constexpr milliseconds stop_check = milliseconds(20);

class ErrorsSink final : public LogSink {
 public:
  bool write(std::string_view line) override {
    return std::fwrite(line.data(), 1, line.size(), stderr) == line.size();
  }
};

int fail(const Error& error) {
  std::fprintf(stderr, "sluice: %s\n", error.message.c_str());
  return 1;
}

// The whole file or the old one: it is written beside and then moved.
Status write_whole(const std::string& path, const std::string& text) {
  const std::string beside = path + ".new";
  std::ofstream file(beside, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  std::error_code failure;
  if (file) std::filesystem::rename(beside, path, failure);
  if (!file || failure) return Error(Errc::failed, path + " cannot be written");
  return {};
}

// Runs the upstreams that are pinned until their tools are known.
class Pinning {
 public:
  Pinning(std::unique_ptr<Reactor> reactor, Config config)
      : reactor_(std::move(reactor)),
        config_(std::move(config)),
        log_(sink_, *reactor_, reactor_->limits().observe),
        metrics_(reactor_->limits().observe),
        calls_(*reactor_, log_, metrics_),
        stop_check_([](void* self) { static_cast<Pinning*>(self)->stop_if_still(); }, this) {
    log_.set_level(LogLevel::warning);
    for (const std::string& secret : config_.secrets) (void)log_.hide(secret);
    calls_.set_access_log(false);
  }

  Result<ToolPins> run() {
    if (const Status started = start(); !started) return started.error();
    survey_->start();
    reactor_->run();
    return std::move(result_);
  }
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

 private:
  Status start() {
    std::string key(seal_key_bytes, '\0');
    entropy(std::as_writable_bytes(std::span(key)));
    if (const Status added = ring_.add(1, key); !added) return added;
    const UpstreamContext context{*reactor_, log_, calls_, {}, {}, [this](Bytes label) {
                                    Sealer::Salt salt;
                                    entropy(std::as_writable_bytes(std::span(salt)));
                                    return Sealer(ring_.derive(label), SealOrigin{}, salt);
                                  }};
    milliseconds timeout{0};
    std::vector<SurveyedUpstream> surveyed;
    for (const UpstreamConfig& wanted : config_.upstreams) {
      if (wanted.definitions.pin == Vigilance::ignore) continue;
      auto upstream = make_upstream(context, wanted);
      if (!upstream)
        return Error(Errc::invalid, "upstream '" + wanted.name + "': " + upstream.error().message);
      timeout = std::max(timeout, wanted.start_timeout + reactor_->limits().bridge.tools_wait);
      names_.push_back(wanted.name);
      surveyed.push_back(SurveyedUpstream{wanted.name, **upstream});
      upstreams_.push_back(*std::move(upstream));
      upstreams_.back()->start();
    }
    if (upstreams_.empty()) return Error(Errc::invalid, "no upstream has 'pin'");
    survey_ =
        std::make_unique<PinSurvey>(*reactor_, std::move(surveyed), timeout, [this](Result<ToolPins> pins) {
          result_ = std::move(pins);
          survey_.reset();
          stop_if_still();
        });
    return {};
  }

  // The children get the end of their input, and their time.
  void stop_if_still() {
    bool is_still = true;
    for (const auto& upstream : upstreams_) {
      if (!is_stopping_) upstream->stop();
      const UpstreamState state = upstream->state();
      is_still = is_still && state.children == 0 && state.farewells == 0;
    }
    is_stopping_ = true;
    if (is_still) return reactor_->stop();
    reactor_->arm_after(stop_check_, stop_check);
  }

  std::unique_ptr<Reactor> reactor_;
  Config config_;
  ErrorsSink sink_;
  Log log_;
  Metrics metrics_;
  CallLog calls_;
  KeyRing ring_;
  std::vector<std::unique_ptr<Upstream>> upstreams_;
  std::vector<std::string> names_;
  std::unique_ptr<PinSurvey> survey_;
  Result<ToolPins> result_ = Error(Errc::failed, "nothing was read");
  Timer stop_check_;
  bool is_stopping_ = false;
};

// Says what is other than before; true when something is.
bool tell_differences(const ToolPins& before, const ToolPins& now) {
  bool any = false;
  now.each([&](const std::string& upstream, const std::string& tool, const std::string& digest) {
    const ToolPins::Verdict verdict = before.judge(upstream, tool, digest);
    if (verdict == ToolPins::Verdict::same) return;
    any = true;
    std::printf("%s %s %s\n", verdict == ToolPins::Verdict::changed ? "changed" : "new", upstream.c_str(),
                tool.c_str());
  });
  before.each([&](const std::string& upstream, const std::string& tool, const std::string& digest) {
    if (now.judge(upstream, tool, digest) != ToolPins::Verdict::unpinned) return;
    any = true;
    std::printf("gone %s %s\n", upstream.c_str(), tool.c_str());
  });
  return any;
}

}  // namespace

int run_pin(const ServeOptions& options, bool only_looks) {
  auto config = load_config(options);
  if (!config) return fail(config.error());
  auto reactor = Reactor::open(Limits{});
  if (!reactor) return fail(reactor.error());
  Pinning pinning(*std::move(reactor), *std::move(config));
  auto read = pinning.run();
  if (!read) return fail(read.error());
  const ToolPins& before = pinning.config().pins;
  ToolPins now = before;
  for (const std::string& name : pinning.names()) now.forget(name);
  read->each([&now](const std::string& upstream, const std::string& tool, const std::string& digest) {
    now.pin(upstream, tool, digest);
  });
  const bool differs = tell_differences(before, now);
  if (only_looks) return differs ? exit_differs : 0;
  if (const Status written = write_whole(pinning.config().pins_file, now.text()); !written)
    return fail(written.error());
  std::printf("%s: %zu tools are accepted\n", std::filesystem::absolute(pinning.config().pins_file).c_str(),
              now.size());
  return 0;
}

}  // namespace sluice
