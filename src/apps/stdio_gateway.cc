// SPDX-License-Identifier: Apache-2.0
#include "apps/stdio_gateway.h"

#include <array>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "apps/login.h"
#include "crypto/seal.h"
#include "gateway/gateway.h"
#include "net/entropy.h"
#include "net/reactor.h"
#include "net/signals.h"
#include "net/stdio.h"
#include "observe/ring_sink.h"

namespace sluice {

namespace {

int fail(const Error& error) {
  std::fprintf(stderr, "sluice: %s\n", error.message.c_str());
  return 1;
}

// What is sealed is this process's and dies with it.
KeyRing own_ring() {
  std::array<std::byte, seal_key_bytes> key{};
  entropy(key);
  KeyRing ring;
  CHECK(ring.add(1, Bytes(reinterpret_cast<const char*>(key.data()), key.size())).ok());
  return ring;
}

// Nobody where no home for tokens is known: then what the configuration says is all there is.
std::shared_ptr<Authorizer> login(Reactor& reactor, const std::string& url, bool browser) {
  LoginOptions options;
  options.url = url;
  options.browser = browser;
  auto way = login_at(reactor, options);
  return way ? std::make_shared<OauthAuthorizer>(reactor, *std::move(way)) : nullptr;
}

class StdioGateway {
 public:
  StdioGateway(Reactor& reactor, const Config& config)
      : reactor_(reactor),
        sink_(reactor.limits().observe,
              [](std::string_view lines) {
                return std::fwrite(lines.data(), 1, lines.size(), stderr) == lines.size();
              }),
        log_(sink_, reactor, reactor.limits().observe),
        metrics_(reactor.limits().observe) {
    for (const std::string& secret : config.secrets) (void)log_.hide(secret);
  }

  Status start(Config config, const std::string& route, bool browser) {
    // First of all: from here on a stray print of anybody goes to standard error.
    auto stream = stdio_stream(reactor_);
    if (!stream) return stream.error();
    Gateway::Parts parts{reactor_, log_, metrics_, own_ring(), SealOrigin{}, {}};
    parts.doors.authorizer = [browser](Reactor& reactor, const std::string& url) {
      return login(reactor, url, browser);
    };
    auto gateway = Gateway::open(std::move(parts), std::move(config));
    if (!gateway) return gateway.error();
    gateway_ = *std::move(gateway);
    for (const Signal signal : {Signal::terminate, Signal::interrupt}) {
      auto watch = watch_signal(reactor_, signal, [this] { drain(); });
      if (!watch) return watch.error();
      watches_.push_back(*std::move(watch));
    }
    return gateway_->serve_lines(*std::move(stream), route, [this] { drain(); });
  }

 private:
  void drain() {
    if (std::exchange(draining_, true)) return;
    gateway_->drain([this] { reactor_.stop(); });
  }

  Reactor& reactor_;
  RingSink sink_;
  Log log_;
  Metrics metrics_;
  std::unique_ptr<Gateway> gateway_;
  std::vector<std::unique_ptr<SignalWatch>> watches_;
  bool draining_ = false;
};

}  // namespace

int run_stdio(ServeOptions options, const std::string& route, bool browser) {
  options.insecure = true;  // nothing is listened on
  auto config = load_config(options);
  if (!config) return fail(config.error());
  auto reactor = Reactor::open(config->limits);
  if (!reactor) return fail(reactor.error());
  StdioGateway gateway(**reactor, *config);
  if (const Status started = gateway.start(*std::move(config), route, browser); !started)
    return fail(started.error());
  (*reactor)->run();
  return 0;
}

}  // namespace sluice
