// SPDX-License-Identifier: Apache-2.0
#pragma once
// Upstream: a server the gateway calls, as the Service that a route hands its exchanges to.
//
// What every kind of upstream is given and what it tells of itself; the kinds are stdio_upstream.h and
// http_upstream.h. Lives on one reactor; outlives the exchanges and sessions it was handed.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/limits.h"
#include "crypto/seal.h"
#include "gateway/call_log.h"
#include "gateway/config.h"
#include "mcp/errors.h"
#include "mcp/exchange.h"
#include "net/process.h"
#include "net/reactor.h"
#include "net/stream.h"
#include "observe/log.h"
#include "transport/authorizer.h"
#include "transport/http_client.h"
#include "transport/line_server.h"

namespace sluice {

// Starts a command; see StartLine of transport/line_server.h.
using StartChild = std::function<Result<StartedChild>(Reactor&, const ChildCommand&,
                                                      std::function<void(ChildExit)> on_exit)>;

// The doors to the world outside the process, for whoever assembles: a simulation puts its own here. An empty
// one is the real thing.
struct UpstreamDoors {
  StartChild start_child;                             // Child::start
  StartConnect connect;                               // connect_stream
  std::function<void(std::span<std::byte>)> entropy;  // net's
  // Who has the credentials for an HTTP server that wants some; by default nobody: what `headers` say is all.
  std::function<std::shared_ptr<Authorizer>(Reactor&, const std::string& url)> authorizer;
};

struct UpstreamContext {
  Reactor& reactor;
  Log& log;
  CallLog& calls;
  std::string minder;  // the program that is run as `minder exec-child …`; empty: this one
  UpstreamDoors doors = {};
  std::function<Sealer(Bytes label)> make_sealer = {};  // for request states; the gateway's key ring
};

struct UpstreamState {
  bool usable = false;
  std::string detail;  // for people: "probing", "modern", "legacy", "starting again in 4 s: exit code 1"
  std::size_t sessions = 0;     // legacy sessions it holds, and those of clients that a bridge holds for it
  std::size_t calls = 0;        // exchanges in flight
  std::size_t parked = 0;       // calls of modern clients that wait for an answer to a question
  std::size_t children = 0;     // processes, stopping ones included
  std::size_t connections = 0;  // to an HTTP server
  std::size_t farewells = 0;    // sessions at an HTTP server that are being ended
};

// What is known of whether the server behind an upstream speaks an era.
enum class EraStanding : std::uint8_t {
  pending,  // it is being asked; on_eras() will tell
  unknown,  // it could not be asked: not reachable, say; asked again when there is a call
  no,
  yes,
};
struct UpstreamEras {
  EraStanding legacy = EraStanding::unknown;
  EraStanding modern = EraStanding::unknown;
};

class Upstream : public Service {
 public:
  // All that we know, newest first: which of them the server behind it speaks is found out by asking.
  [[nodiscard]] std::vector<Revision> revisions() const override;
  // Begins what may take time (the era probe), so that the first call does not wait for it.
  virtual void start() = 0;
  // No exchange comes any more: ends what it keeps for them, gently. Over when state() tells of no child and
  // no farewell.
  virtual void stop() = 0;
  [[nodiscard]] virtual UpstreamState state() const = 0;
};

// An upstream that speaks what the server behind it speaks; its Bridge makes it speak the rest (bridge.h).
class NativeUpstream : public Upstream {
 public:
  [[nodiscard]] virtual UpstreamEras eras() const = 0;
  // Asks for what is unknown or too old, if that is due.
  virtual void ask_eras() = 0;
  // Called whenever something of eras() stops being pending; never from inside ask_eras().
  void on_eras(std::function<void()> tell) { tell_eras_ = std::move(tell); }
  // Asked when a session is wanted and there is no room: ends one that waits for work in vain, by the end of
  // this turn, or says that there is none.
  void on_full(std::function<bool()> make_room) { make_room_ = std::move(make_room); }

 protected:
  void eras_changed() const {
    if (tell_eras_) tell_eras_();
  }

  [[nodiscard]] bool room_is_made() const { return make_room_ && make_room_(); }

 private:
  std::function<bool()> make_room_;
  std::function<void()> tell_eras_;
};

// The kind the configuration says. Fails only for what cannot be right, such as an https URL.
Result<std::unique_ptr<Upstream>> make_upstream(const UpstreamContext& context, const UpstreamConfig& config);

}  // namespace sluice
