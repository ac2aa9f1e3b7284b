// SPDX-License-Identifier: Apache-2.0
// The program `testee`: our HTTP server with nothing behind it, for foreign suites and load tools to be
// pointed at.
//
// `/echo` answers any method with the request's body and content type, every other path with a page that
// says `It Works`; with --echo-all every path echoes, for suites that ask for `/` and expect their body back.
// It makes no choice of its own about what is valid: the codec and the server do. SIGTERM ends it.

#include <charconv>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/listener.h"
#include "net/reactor.h"
#include "net/signals.h"
#include "transport/http_server.h"

namespace {

using namespace sluice;

constexpr Bytes page = "<!doctype html>\n<html lang=\"en\"><title>testee</title><h1>It Works</h1></html>\n";
constexpr const char* usage =
    "usage: testee --http HOST:PORT [--echo-all] [--receipt-ms N] [--keep-alive-ms N] [--connections-max "
    "N]\n";

struct Options {
  std::string address;
  bool echo_all = false;
  Limits limits;
};

class Testee final : public HttpHandler {
 public:
  explicit Testee(bool echo_all) : echo_all_(echo_all) {}

  void on_request(HttpCall& call, PaddedString body) override {
    if (!echo_all_ && call.head().path != "/echo") return call.respond(200, "text/html; charset=utf-8", page);
    const Bytes type = call.field("Content-Type");
    call.respond(200, type.empty() ? Bytes("application/octet-stream") : type, body.view());
  }

 private:
  bool echo_all_;
};

std::optional<long> number(const char* text) {
  const Bytes digits(text);
  long value = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (failed != std::errc() || end != digits.data() + digits.size() || value <= 0) return std::nullopt;
  return value;
}

std::optional<Options> parse(int argc, char** argv) {
  Options options;
  options.limits.net.connections_max = 10'000;
  for (int i = 1; i < argc; ++i) {
    const Bytes flag(argv[i]);
    if (flag == "--echo-all") {
      options.echo_all = true;
      continue;
    }
    if (++i == argc) return std::nullopt;
    if (flag == "--http") {
      options.address = argv[i];
      continue;
    }
    const auto value = number(argv[i]);
    if (!value) return std::nullopt;
    if (flag == "--receipt-ms") {
      options.limits.http.request_receipt = milliseconds(*value);
    } else if (flag == "--keep-alive-ms") {
      options.limits.http.keep_alive = milliseconds(*value);
    } else if (flag == "--connections-max") {
      options.limits.net.connections_max = static_cast<std::size_t>(*value);
    } else {
      return std::nullopt;
    }
  }
  if (options.address.empty()) return std::nullopt;
  return options;
}

int fail(const Error& error) {
  std::fprintf(stderr, "testee: %s\n", error.message.c_str());
  return 1;
}

int serve(const Options& options) {
  const auto address = Address::parse(options.address);
  if (!address) return fail(address.error());
  const auto reactor = Reactor::open(options.limits);
  if (!reactor) return fail(reactor.error());
  Testee testee(options.echo_all);
  HttpServerOptions server_options;
  server_options.http = options.limits.http;
  server_options.net = options.limits.net;
  HttpServer server(**reactor, testee, server_options);
  const auto listener = Listener::open(**reactor, *address, ListenerOptions{},
                                       [&server](StreamPtr stream) { server.adopt(std::move(stream)); });
  if (!listener) return fail(listener.error());

  const std::function<void()> drain = [&] {
    (*listener)->pause();
    server.drain([&] { (*reactor)->stop(); });
  };
  const auto terminate = watch_signal(**reactor, Signal::terminate, drain);
  if (!terminate) return fail(terminate.error());
  std::fprintf(stderr, "listening on http://%s\n", (*listener)->local_address().format().c_str());
  (*reactor)->run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse(argc, argv);
  if (!options) {
    std::fputs(usage, stderr);
    return 2;
  }
  return serve(*options);
}
