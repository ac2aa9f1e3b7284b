// SPDX-License-Identifier: Apache-2.0
#include "net/connect.h"

#include <netinet/in.h>
#include <uv.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/localhost.h"
#include "net/reactor_core.h"
#include "net/sockets.h"
#include "net/uv_stream.h"

namespace sluice {
namespace {

constexpr std::size_t addresses_max = 8;  // of one name that are tried

}  // namespace

// One connection being made. It is referred to by the Connecting, by a look-up under way and by each attempt
// whose callback is still to come; the last reference frees it.
struct Connecting::Core {
  struct Attempt {
    Core* core;
    UvStream* stream;
    uv_connect_t request{};
    bool over = false;  // the stream was handed on or released
  };
  struct Lookup {
    Core* core;
    uv_getaddrinfo_t request{};
  };

  Core(Reactor& owner, OnConnect told, AdmitAddress admitted)
      : reactor(owner), on_connect(std::move(told)), admit(std::move(admitted)) {}

  Reactor& reactor;
  OnConnect on_connect;
  AdmitAddress admit;
  std::string target;  // as people wrote it, for messages
  Instant deadline{};
  std::vector<SocketAddress> addresses;
  std::size_t next_address = 0;
  Error last_error{Errc::unavailable, "no address"};
  Attempt* attempt = nullptr;
  Lookup* lookup = nullptr;
  int references = 1;
  bool finished = false;
  Timer timer{[](void* self) { static_cast<Core*>(self)->timed_out(); }, this};

  void drop() {
    if (--references == 0) delete this;
  }

  // All starts through here, from the reactor and not from inside connect_stream().
  void begin() {
    reactor.defer([this] {
      if (!finished) try_next();
      drop();
    });
    ++references;
  }

  void begin_lookup(const std::string& host, std::uint16_t port) {
    lookup = new Lookup{this};
    lookup->request.data = lookup;
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
    ++references;
    const int rc = uv_getaddrinfo(
        reactor.loop(), &lookup->request,
        [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
          auto* self = static_cast<Lookup*>(request->data);
          Core* core = self->core;
          core->reactor.core().enter();
          core->looked_up(status, found);
          uv_freeaddrinfo(found);
          delete self;
          core->drop();
        },
        host.c_str(), std::to_string(port).c_str(), &hints);
    if (rc != 0) {
      delete std::exchange(lookup, nullptr);
      --references;
      last_error = system_error("cannot look up " + target, rc);
      begin();
    }
  }

  void looked_up(int status, const addrinfo* found) {
    lookup = nullptr;
    if (finished) return;
    if (status != 0) {
      last_error = Error(Errc::unavailable, "cannot look up " + target + ": " + uv_strerror(status));
      try_next();
      return;
    }
    bool refused = false;
    for (; found != nullptr && addresses.size() < addresses_max; found = found->ai_next) {
      SocketAddress address;
      if (found->ai_addrlen > sizeof(address.storage)) continue;
      std::copy_n(reinterpret_cast<const char*>(found->ai_addr), found->ai_addrlen,
                  reinterpret_cast<char*>(&address.storage));
      address.length = found->ai_addrlen;
      if (admitted(address)) {
        addresses.push_back(address);
      } else {
        refused = true;
      }
    }
    if (addresses.empty() && refused) refuse();
    try_next();
  }

  [[nodiscard]] bool admitted(const SocketAddress& address) const {
    return admit == nullptr || admit(from_socket_address(address));
  }
  void refuse() { last_error = Error(Errc::denied, "connecting to " + target + " is not allowed"); }

  void try_next() {
    if (next_address >= addresses.size()) {
      finish(last_error);
      return;
    }
    const SocketAddress& address = addresses[next_address++];
    const bool tcp = address.family() != AF_UNIX;
    auto* started = new Attempt{this, UvStream::unconnected(reactor, tcp)};
    started->request.data = started;
    const auto told = [](uv_connect_t* request, int status) {
      auto* self = static_cast<Attempt*>(request->data);
      Core* core = self->core;
      core->reactor.core().enter();
      if (!self->over) core->attempted(*self, status);
      delete self;
      core->drop();
    };
    int rc = 0;
    ++references;
    if (tcp) {
      rc = uv_tcp_connect(&started->request, started->stream->tcp(), address.get(), told);
    } else {
      const std::string path = from_socket_address(address).host;
      uv_pipe_connect(&started->request, started->stream->pipe(), path.c_str(), told);
    }
    if (rc != 0) {
      StreamPtr(started->stream).reset();
      delete started;
      --references;
      last_error = system_error("cannot connect to " + target, rc);
      begin();
      return;
    }
    attempt = started;
    const Duration left = std::max(deadline - reactor.now(), Duration::zero());
    reactor.arm_after(timer, left / static_cast<Duration::rep>(addresses.size() - next_address + 1));
  }

  void attempted(Attempt& done, int status) {
    attempt = nullptr;
    done.over = true;
    StreamPtr stream(done.stream);
    if (status == 0) {
      done.stream->connected();
      finish(std::move(stream));
      return;
    }
    last_error = system_error("cannot connect to " + target, status);
    try_next();
  }

  void abandon_attempt() {
    if (attempt == nullptr) return;
    attempt->over = true;
    StreamPtr(attempt->stream).reset();
    attempt = nullptr;
  }

  void timed_out() {
    abandon_attempt();
    last_error = Error(Errc::unavailable, "connecting to " + target + " took too long");
    if (lookup != nullptr || reactor.now() >= deadline) {
      finish(last_error);
    } else {
      try_next();
    }
  }

  void finish(Result<StreamPtr> result) {
    finished = true;
    timer.cancel();
    const OnConnect told = std::exchange(on_connect, nullptr);
    ++references;  // the callback may destroy the Connecting
    if (told) told(std::move(result));
    drop();
  }

  void cancel() {
    finished = true;
    on_connect = nullptr;
    timer.cancel();
    abandon_attempt();
    if (lookup != nullptr) uv_cancel(reinterpret_cast<uv_req_t*>(&lookup->request));
    drop();
  }
};

Connecting::~Connecting() { core_->cancel(); }

ConnectingPtr connect_stream(Reactor& reactor, const std::string& host, std::uint16_t port, Duration timeout,
                             OnConnect on_connect, AdmitAddress admit) {
  DCHECK(reactor.on_this_thread());
  auto* core = new Connecting::Core(reactor, std::move(on_connect), std::move(admit));
  auto connecting = std::make_unique<Connecting>(core);
  std::string name = host;
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  Address digits;
  digits.host = name;
  digits.port = port;
  digits.kind = name.find(':') != std::string::npos ? Address::Kind::ip6 : Address::Kind::ip4;
  core->target = digits.format();
  core->deadline = reactor.precise_now() + timeout;
  reactor.arm(core->timer, core->deadline);
  std::vector<Address> known{digits};
  if (is_localhost(name.ends_with('.') ? std::string_view(name).substr(0, name.size() - 1) : name)) {
    known = {Address{Address::Kind::ip6, "::1", port}, Address{Address::Kind::ip4, "127.0.0.1", port}};
  } else if (!to_socket_address(digits)) {
    core->begin_lookup(name, port);
    return connecting;
  }
  for (const Address& one : known) {
    const Result<SocketAddress> address = to_socket_address(one);
    if (address && core->admitted(*address)) core->addresses.push_back(*address);
  }
  if (core->addresses.empty()) core->refuse();
  core->begin();
  return connecting;
}

ConnectingPtr connect_stream(Reactor& reactor, const Address& address, Duration timeout,
                             OnConnect on_connect) {
  if (address.kind == Address::Kind::any) {
    return connect_stream(reactor, "127.0.0.1", address.port, timeout, std::move(on_connect));
  }
  if (address.kind != Address::Kind::unix_path) {
    return connect_stream(reactor, address.host, address.port, timeout, std::move(on_connect));
  }
  auto* core = new Connecting::Core(reactor, std::move(on_connect), nullptr);
  auto connecting = std::make_unique<Connecting>(core);
  core->target = address.format();
  core->deadline = reactor.precise_now() + timeout;
  reactor.arm(core->timer, core->deadline);
  if (const Result<SocketAddress> target = to_socket_address(address); target) {
    core->addresses.push_back(*target);
  } else {
    core->last_error = target.error();
  }
  core->begin();
  return connecting;
}

}  // namespace sluice
