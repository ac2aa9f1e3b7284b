// SPDX-License-Identifier: Apache-2.0
#include "apps/supervisor.h"

#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "apps/hang_watch.h"
#include "apps/worker.h"
#include "base/blackboard.h"
#include "codec/base64.h"
#include "codec/jsonrpc.h"
#include "crypto/seal.h"
#include "net/entropy.h"
#include "net/fds.h"
#include "net/listener.h"
#include "net/reactor.h"
#include "net/signals.h"
#include "transport/line_channel.h"

namespace sluice {

namespace {

void say(const std::string& sentence) { std::fprintf(stderr, "sluice: %s\n", sentence.c_str()); }

class Supervisor final : private LineChannelHandler {
 public:
  Supervisor(ServeOptions options, std::unique_ptr<Reactor> reactor, Descriptor listener,
             SharedSegment segment, Blackboard blackboard)
      : options_(std::move(options)),
        reactor_(std::move(reactor)),
        listener_(std::move(listener)),
        segment_(std::move(segment)),
        blackboard_(blackboard),
        hang_watch_(limits(), options_.hang_timeout),
        restart_([](void* self) { static_cast<Supervisor*>(self)->start_worker(); }, this),
        force_([](void* self) { static_cast<Supervisor*>(self)->force_end(); }, this),
        look_([](void* self) { static_cast<Supervisor*>(self)->look_after_worker(); }, this) {
    std::array<std::byte, seal_key_bytes> key;
    entropy(key);
    CHECK(ring_.add(1, Bytes(reinterpret_cast<const char*>(key.data()), key.size())).ok());
  }

  Status watch_signals();
  int run() {
    start_worker();
    reactor_->run();
    return exit_code_;
  }

 private:
  void on_message(ClientMessage message) override;
  void on_bad_line(const BadLine&) override {}
  void on_end() override {}
  void on_failed(const Error&) override {}

  void start_worker();
  Status spawn_worker();
  void worker_exited(ProcessExit exit);
  // Ends it when its heartbeat has stopped.
  void look_after_worker();
  void send(Bytes id, Bytes method);
  void reload();
  void terminate();
  void force_end();
  void end(int exit_code) {
    exit_code_ = exit_code;
    reactor_->stop();
  }
  [[nodiscard]] const ProcessLimits& limits() const { return reactor_->limits().process; }

  ServeOptions options_;
  std::unique_ptr<Reactor> reactor_;
  Descriptor listener_;
  SharedSegment segment_;
  Blackboard blackboard_;
  KeyRing ring_;
  std::vector<std::unique_ptr<SignalWatch>> signals_;
  std::unique_ptr<Process> worker_;
  std::unique_ptr<LineChannel> control_;
  std::uint32_t epoch_ = 0;
  std::vector<Instant> deaths_;
  HangWatch hang_watch_;
  Timer restart_;
  Timer force_;
  Timer look_;
  bool ready_once_ = false;
  bool ending_ = false;
  int exit_code_ = 0;
};

Status Supervisor::watch_signals() {
  const auto watch = [this](Signal signal, void (Supervisor::*verb)()) -> Status {
    auto watched = watch_signal(*reactor_, signal, [this, verb] { (this->*verb)(); });
    if (!watched) return watched.error();
    signals_.push_back(*std::move(watched));
    return {};
  };
  if (const Status s = watch(Signal::terminate, &Supervisor::terminate); !s) return s;
  if (const Status s = watch(Signal::interrupt, &Supervisor::terminate); !s) return s;
  return watch(Signal::hangup, &Supervisor::reload);
}

void Supervisor::start_worker() {
  if (const Status spawned = spawn_worker(); !spawned) {
    say("cannot start a worker: " + spawned.error().message);
    end(1);
  }
}

Status Supervisor::spawn_worker() {
  ++epoch_;
  auto sockets = socket_pair();
  if (!sockets) return sockets.error();
  Spawn spawn;
  spawn.argv = {"sluice", "worker", "--slot", "0", "--epoch", std::to_string(epoch_)};
  spawn.descriptors = {{2, 2},
                       {control_descriptor, sockets->second.number()},
                       {blackboard_descriptor, segment_.descriptor()},
                       {listener_descriptor, listener_.number()}};
  spawn.own_session = true;  // Ctrl-C is for us: we drain it
  auto worker = Process::spawn(*reactor_, spawn, [this](ProcessExit exit) { worker_exited(exit); });
  if (!worker) return worker.error();
  worker_ = *std::move(worker);
  BlackboardSlot slot = blackboard_.slot(0);
  slot.set(Word::epoch, epoch_);
  slot.set(Word::pid, static_cast<std::uint64_t>(worker_->pid()));
  auto stream = adopt_stream(*reactor_, sockets->first.release());
  if (!stream) return stream.error();
  control_ = std::make_unique<LineChannel>(*reactor_, *std::move(stream),
                                           static_cast<LineChannelHandler&>(*this), LineChannelLimits{});
  send("\"set_up\"", "set_up");
  hang_watch_.started();
  reactor_->arm_after(look_, limits().heartbeat);
  return {};
}

void Supervisor::send(Bytes id, Bytes method) {
  Json params = Json::object({{"options", options_.to_json()}});
  if (method == "set_up") params.set("ring", base64_encode(ring_.encode()));
  control_->send(make_request(id, method, params.dump()));
}

void Supervisor::on_message(ClientMessage message) {
  const Envelope& envelope = message.envelope();
  const bool is_error = envelope.kind == MessageKind::error_response;
  std::string sentence;
  if (is_error && !decode_json_string(envelope.view(envelope.error_message), sentence))
    sentence = "unknown reason";
  if (message.id() == "\"set_up\"") {
    if (is_error) {
      say(sentence);
      if (ready_once_) return worker_->kill();  // a death like others: the file may be right again soon
      ending_ = true;
      worker_->kill();
      return end(1);
    }
    hang_watch_.serves();
    if (std::exchange(ready_once_, true)) return;
    const auto result = Json::parse(envelope.view(envelope.result));
    std::fprintf(stderr, "listening on http://%s/mcp\n",
                 std::string((*result)["listening"].string_or("")).c_str());
    return;
  }
  if (message.id() == "\"reload\"")
    say(is_error ? "configuration not reloaded, the old one stays: " + sentence : "configuration reloaded");
}

void Supervisor::look_after_worker() {
  if (ending_ || !worker_->running()) return;  // a drain has its own bound
  if (hang_watch_.look(blackboard_.slot(0).get(Word::heartbeat_ms))) {
    const auto bound = hang_watch_.bound().count();
    say("worker 0 hangs: it has " +
        std::string(hang_watch_.is_serving() ? "given no sign of life" : "not come to serve") + " for " +
        std::to_string(bound / 1000) + " s; it is ended");
    return worker_->kill();  // a stopped process heeds nothing less
  }
  reactor_->arm_after(look_, limits().heartbeat);
}

void Supervisor::worker_exited(ProcessExit exit) {
  look_.cancel();
  blackboard_.slot(0).set(Word::pid, 0);
  control_.reset();
  if (ending_) return end(exit.signal == 0 ? exit.code : exit_code_);
  const Instant now = reactor_->now();
  std::erase_if(deaths_, [this, now](Instant death) { return now - death > limits().deaths_window; });
  deaths_.push_back(now);
  say("worker 0 died (" +
      (exit.signal != 0 ? "signal " + std::to_string(exit.signal)
                        : "exit code " + std::to_string(exit.code)) +
      ")");
  if (!ready_once_ || deaths_.size() > limits().deaths_max) {
    say(ready_once_ ? "workers die too often: giving up" : "the worker did not start: giving up");
    return end(1);
  }
  reactor_->arm_after(restart_, limits().restart_first * (1 << (deaths_.size() - 1)));
}

void Supervisor::reload() {
  if (ending_ || !control_) return;
  if (const auto config = load_config(options_); !config)
    return say("configuration not reloaded, the old one stays: " + config.error().message);
  send("\"reload\"", "reload");
}

void Supervisor::terminate() {
  if (std::exchange(ending_, true) || !worker_ || !worker_->running()) return force_end();
  restart_.cancel();
  control_->send(make_notification("drain"));
  reactor_->arm_after(force_, reactor_->limits().drain_forced);
}

void Supervisor::force_end() {
  if (worker_ && worker_->running()) worker_->kill();
  end(exit_code_);
}

}  // namespace

int run_supervisor(const ServeOptions& options) {
  const auto fail = [](const Error& error) {
    say(error.message);
    return 1;
  };
  const auto config = load_config(options);
  if (!config) return fail(config.error());
  raise_descriptor_limit();
  const auto address = Address::parse(config->listen.address);
  auto listener = listen_socket(*address, NetLimits{}.backlog);
  if (!listener) return fail(listener.error());
  auto segment = SharedSegment::create(Blackboard::bytes_for(1));
  if (!segment) return fail(segment.error());
  auto blackboard = Blackboard::format(segment->memory(), 1);
  if (!blackboard) return fail(blackboard.error());
  auto reactor = Reactor::open(Limits{});
  if (!reactor) return fail(reactor.error());
  Supervisor supervisor(options, *std::move(reactor), Descriptor(*listener), *std::move(segment),
                        *blackboard);
  if (const Status watched = supervisor.watch_signals(); !watched) return fail(watched.error());
  return supervisor.run();
}

}  // namespace sluice
