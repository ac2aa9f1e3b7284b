// SPDX-License-Identifier: Apache-2.0
#include "apps/worker.h"

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "apps/serve_options.h"
#include "codec/base64.h"
#include "codec/jsonrpc.h"
#include "gateway/gateway.h"
#include "net/fds.h"
#include "net/memory.h"
#include "net/reactor.h"
#include "observe/ring_sink.h"
#include "transport/line_channel.h"

namespace sluice {

namespace {

class Worker final : private LineChannelHandler {
 public:
  Worker(WorkerIdentity identity, std::unique_ptr<Reactor> reactor, SharedSegment segment,
         Blackboard blackboard)
      : identity_(identity),
        reactor_(std::move(reactor)),
        segment_(std::move(segment)),
        slot_(blackboard.slot(identity.slot)),
        sink_(reactor_->limits().observe,
              [](std::string_view lines) {
                return std::fwrite(lines.data(), 1, lines.size(), stderr) == lines.size();
              }),
        log_(sink_, *reactor_, reactor_->limits().observe),
        metrics_(reactor_->limits().observe),
        heartbeat_([](void* self) { static_cast<Worker*>(self)->beat(); }, this) {
    log_.common_field("slot", static_cast<std::int64_t>(identity.slot));
    log_.common_field("epoch", static_cast<std::int64_t>(identity.epoch));
    reactor_->on_stall([](Duration lasted) {
      std::fprintf(stderr,
                   "{\"level\":\"error\",\"message\":\"the reactor is stalled\",\"lasted_ms\":%lld}\n",
                   static_cast<long long>(std::chrono::duration_cast<milliseconds>(lasted).count()));
    });
  }

  Status attach(int control);
  int run() {
    beat();
    reactor_->run();
    return exit_code_;
  }

 private:
  void on_message(ClientMessage message) override;
  void on_bad_line(const BadLine& line) override {
    log_.error("bad control message").field("reason", line.reason);
  }
  void on_end() override { supervisor_gone(); }
  void on_failed(const Error&) override { supervisor_gone(); }

  Status set_up(const Json& params);
  Status reload(const Json& params);
  void hide_secrets(const Config& config);
  void drain();
  void beat();
  void give_memory_back();
  // No supervisor, nobody who would end us: end at once. Lifelines take the children along.
  void supervisor_gone() {
    exit_code_ = 1;
    reactor_->stop();
  }

  WorkerIdentity identity_;
  std::unique_ptr<Reactor> reactor_;
  SharedSegment segment_;
  BlackboardSlot slot_;
  RingSink sink_;
  Log log_;
  Metrics metrics_;
  std::unique_ptr<LineChannel> control_;
  std::unique_ptr<Gateway> gateway_;
  Timer heartbeat_;
  std::uint64_t requests_seen_ = 0;
  int quiet_ = 0;  // beats since the last request
  int exit_code_ = 0;
};

Status Worker::attach(int control) {
  auto stream = adopt_stream(*reactor_, control);
  if (!stream) return stream.error();
  control_ = std::make_unique<LineChannel>(*reactor_, *std::move(stream),
                                           static_cast<LineChannelHandler&>(*this), LineChannelLimits{});
  return {};
}

void Worker::on_message(ClientMessage message) {
  const Envelope& envelope = message.envelope();
  const auto params = Json::parse(envelope.params ? envelope.view(envelope.params) : Bytes("{}"));
  if (envelope.method == "drain") return drain();
  if (envelope.method != "set_up" && envelope.method != "reload") return;
  const Status done = envelope.method == "set_up" ? set_up(*params) : reload(*params);
  control_->send(
      done ? make_response(message.id(), R"({"listening":")" + gateway_->address()->format() + R"("})")
           : make_error_response(message.id(), done.error()));
}

void Worker::hide_secrets(const Config& config) {
  for (const std::string& secret : config.secrets)
    if (!log_.hide(secret))
      log_.warning("a secret is too short to be hidden in logs").field("bytes", secret.size());
}

Status Worker::set_up(const Json& params) {
  auto config = load_config(ServeOptions::from_json(params["options"]));
  if (!config) return config.error();
  hide_secrets(*config);
  const auto encoded = base64_decode(params["ring"].string_or(""));
  if (!encoded) return Error(Errc::invalid, "the key ring is not base64");
  auto ring = KeyRing::decode(*encoded);
  if (!ring) return ring.error();
  reactor_->set_limits(config->limits);
  auto gateway = Gateway::open(
      Gateway::Parts{
          *reactor_, log_, metrics_, *std::move(ring), SealOrigin{identity_.slot, identity_.epoch}, {}},
      *std::move(config));
  if (!gateway) return gateway.error();
  gateway_ = *std::move(gateway);
  return gateway_->listen(listener_descriptor);
}

Status Worker::reload(const Json& params) {
  if (!gateway_) return Error(Errc::unavailable, "the worker is not set up yet");
  auto config = load_config(ServeOptions::from_json(params["options"]));
  if (!config) return config.error();
  hide_secrets(*config);
  const Limits before = reactor_->limits();
  reactor_->set_limits(config->limits);
  Status done = gateway_->reload(*std::move(config));
  if (done) log_.info("configuration reloaded");
  if (!done) reactor_->set_limits(before);
  return done;
}

void Worker::drain() {
  log_.info("draining");
  if (!gateway_) return reactor_->stop();
  gateway_->drain([this] {
    log_.info("drained");
    reactor_->stop();
  });
}

void Worker::beat() {
  const auto now = std::chrono::duration_cast<milliseconds>(reactor_->now().time_since_epoch());
  slot_.set(Word::heartbeat_ms, static_cast<std::uint64_t>(now.count()));
  slot_.set(Word::bytes_used, reactor_->budget().bytes_used());
  if (gateway_) gateway_->publish(slot_);
  give_memory_back();
  reactor_->arm_after(heartbeat_, reactor_->limits().process.heartbeat);
}

// After a burst, once nobody asks for anything: an idle connection stays as small as it was before.
void Worker::give_memory_back() {
  const std::uint64_t requests = slot_.get(Word::requests);
  quiet_ = requests == std::exchange(requests_seen_, requests) ? quiet_ + 1 : 0;
  if (quiet_ == reactor_->limits().process.quiet_beats) return_free_memory();
}

int fail(const Error& error) {
  std::fprintf(stderr, "sluice worker: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int run_worker(WorkerIdentity identity) {
  keep_freed_memory();
  auto segment = SharedSegment::attach(blackboard_descriptor);
  if (!segment) return fail(segment.error());
  auto blackboard = Blackboard::attach(segment->memory());
  if (!blackboard) return fail(blackboard.error());
  if (identity.slot >= blackboard->slots()) return fail(Error(Errc::invalid, "there is no such slot"));
  auto reactor = Reactor::open(Limits{});
  if (!reactor) return fail(reactor.error());
  Worker worker(identity, *std::move(reactor), *std::move(segment), *blackboard);
  if (const Status attached = worker.attach(control_descriptor); !attached) return fail(attached.error());
  return worker.run();
}

}  // namespace sluice
