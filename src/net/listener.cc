// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "net/fds.h"
#include "net/reactor_core.h"
#include "net/sockets.h"
#include "net/uv_stream.h"

namespace sluice {
namespace {

// Connections taken in one turn, so that a storm of them leaves time for those that are open.
constexpr int accepts_per_turn = 64;
// How long accepting rests when the system is out of something.
constexpr Duration rest = milliseconds(100);

int open_reserve() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

// Says goodbye to a connection that nobody will serve.
void refuse(int descriptor, Bytes farewell) {
  if (!farewell.empty()) {
    [[maybe_unused]] const auto sent =
        ::send(descriptor, farewell.data(), farewell.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::shutdown(descriptor, SHUT_WR);
    // Unread bytes would turn the close into a reset that may overtake the farewell.
    char drop[4096];
    while (::recv(descriptor, drop, sizeof(drop), MSG_DONTWAIT) > 0) {}
  }
  ::close(descriptor);
}

// Removes the file of a Unix socket that nobody listens on any more.
void remove_stale_socket(const SocketAddress& address, const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe || ::connect(probe.number(), address.get(), address.length) == 0 || errno != ECONNREFUSED)
    return;
  ::unlink(path.c_str());
}

Result<int> bind_and_listen(const SocketAddress& address, const std::string& name, int backlog,
                            bool reuse_port, bool both_families) {
  Descriptor socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const std::string what = "cannot listen on " + name;
  if (!socket) return system_error(what, -errno);
  const int on = 1;
  const int off = 0;
  if (address.family() != AF_UNIX) {
    ::setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (reuse_port) ::setsockopt(socket.number(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  }
  if (address.family() == AF_INET6) {
    ::setsockopt(socket.number(), IPPROTO_IPV6, IPV6_V6ONLY, both_families ? &off : &on, sizeof(on));
  }
  if (::bind(socket.number(), address.get(), address.length) != 0) return system_error(what, -errno);
  if (::listen(socket.number(), backlog) != 0) return system_error(what, -errno);
  return socket.release();
}

}  // namespace

Result<int> listen_socket(const Address& address, int backlog, bool reuse_port) {
  const Result<SocketAddress> target = to_socket_address(address);
  if (!target) return target.error();
  if (address.kind == Address::Kind::unix_path) {
    remove_stale_socket(*target, address.host);
    const mode_t mask = ::umask(0177);  // for its owner alone
    Result<int> socket = bind_and_listen(*target, address.format(), backlog, false, false);
    ::umask(mask);
    return socket;
  }
  const bool any = address.kind == Address::Kind::any;
  Result<int> socket = bind_and_listen(*target, address.format(), backlog, reuse_port, any);
  if (socket || !any) return socket;
  Address ip4 = address;  // a machine without IPv6
  ip4.kind = Address::Kind::ip4;
  ip4.host = "0.0.0.0";
  const Result<SocketAddress> fallback = to_socket_address(ip4);
  if (!fallback) return fallback.error();
  return bind_and_listen(*fallback, address.format(), backlog, reuse_port, false);
}

struct Listener::Core {
  Core(Reactor& owner, ListenerOptions options_, OnAccept on_accept_)
      : reactor(owner), options(std::move(options_)), on_accept(std::move(on_accept_)) {
    if (options.connections_max == 0) options.connections_max = reactor.limits().net.connections_max;
  }

  Reactor& reactor;
  ListenerOptions options;
  OnAccept on_accept;  // lives until finish(): the listener may be destroyed from inside it
  Address local;
  ListenerCounts counts;
  StreamLedger* ledger = new StreamLedger;
  uv_poll_t poll{};
  int socket = -1;
  int reserve = -1;
  bool tcp = false;       // else a Unix socket
  bool own_path = false;  // the Unix socket's file is ours to remove
  bool paused = false;
  bool closed = false;
  Timer rest_timer{[](void* self) { static_cast<Core*>(self)->update(); }, this};

  int start() {
    socket_nonblocking();
    const int rc = uv_poll_init(reactor.loop(), &poll, socket);
    if (rc != 0) return rc;
    poll.data = this;
    reserve = open_reserve();
    update();
    return 0;
  }

  void socket_nonblocking() const {
    const int flags = ::fcntl(socket, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK) == 0) ::fcntl(socket, F_SETFL, flags | O_NONBLOCK);
    ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  }

  void update() {
    if (closed || paused || rest_timer.armed()) {
      uv_poll_stop(&poll);
      return;
    }
    uv_poll_start(&poll, UV_READABLE, [](uv_poll_t* handle, int, int) {
      auto& core = *static_cast<Core*>(handle->data);
      core.reactor.core().enter();
      core.accept_some();
    });
  }

  void accept_some() {
    for (int i = 0; i < accepts_per_turn && !closed && !paused; ++i) {
      const int descriptor = ::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (descriptor >= 0) {
        take(descriptor);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return;
      } else if (errno == EMFILE || errno == ENFILE) {
        if (!shed_one()) return;
      } else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
        take_a_rest();
        return;
      }
    }
  }

  void take(int descriptor) {
    if (ledger->open >= options.connections_max) {
      ++counts.over_limit;
      refuse(descriptor, options.farewell);
      return;
    }
    Result<StreamPtr> stream = UvStream::adopt_socket(reactor, descriptor, tcp, ledger);
    if (!stream) return;
    ++counts.accepted;
    on_accept(std::move(*stream));
  }

  // Out of descriptors: the one in reserve is given up for a moment, to take one connection and close it. A
  // level triggered poll would otherwise report it for ever.
  bool shed_one() {
    if (reserve >= 0) {
      ::close(std::exchange(reserve, -1));
      const int descriptor = ::accept4(socket, nullptr, nullptr, SOCK_CLOEXEC);
      if (descriptor >= 0) {
        ++counts.no_descriptors;
        ::close(descriptor);
      }
      reserve = open_reserve();
      if (descriptor >= 0) return true;
      if (reserve >= 0 && errno == EAGAIN) return false;
    }
    take_a_rest();
    return false;
  }

  void take_a_rest() {
    if (reserve < 0) reserve = open_reserve();
    reactor.arm_after(rest_timer, rest);
    update();
  }

  void close() {
    closed = true;
    rest_timer.cancel();
    if (own_path) ::unlink(local.host.c_str());
    if (reserve >= 0) ::close(std::exchange(reserve, -1));
    if (poll.data == nullptr) {  // it never started
      finish();
      return;
    }
    uv_poll_stop(&poll);
    uv_close(reinterpret_cast<uv_handle_t*>(&poll),
             [](uv_handle_t* handle) { static_cast<Core*>(handle->data)->finish(); });
    ::close(std::exchange(socket, -1));
  }

  void finish() {
    if (socket >= 0) ::close(socket);
    StreamLedger::drop(ledger);
    delete this;
  }
};

Result<std::unique_ptr<Listener>> Listener::open(Reactor& reactor, const Address& address,
                                                 const ListenerOptions& options, OnAccept on_accept) {
  const int backlog = options.backlog > 0 ? options.backlog : reactor.limits().net.backlog;
  const Result<int> socket = listen_socket(address, backlog, options.reuse_port);
  if (!socket) return socket.error();
  Result<std::unique_ptr<Listener>> listener = adopt(reactor, *socket, options, std::move(on_accept));
  if (listener && address.kind == Address::Kind::unix_path) (*listener)->core_->own_path = true;
  if (listener && address.kind == Address::Kind::any) {
    (*listener)->core_->local.kind = Address::Kind::any;
    (*listener)->core_->local.host.clear();
  }
  return listener;
}

Result<std::unique_ptr<Listener>> Listener::adopt(Reactor& reactor, int descriptor,
                                                  const ListenerOptions& options, OnAccept on_accept) {
  DCHECK(reactor.on_this_thread());
  auto* core = new Core(reactor, options, std::move(on_accept));
  std::unique_ptr<Listener> listener(new Listener(core));
  core->socket = descriptor;
  const Result<Address> local = socket_local_address(descriptor);
  if (!local) return local.error();
  core->local = *local;
  core->tcp = local->kind != Address::Kind::unix_path;
  if (const int rc = core->start(); rc != 0) return system_error("cannot listen on " + local->format(), rc);
  return listener;
}

Listener::~Listener() { core_->close(); }

void Listener::pause() {
  core_->paused = true;
  core_->update();
}

void Listener::resume() {
  core_->paused = false;
  core_->update();
}

const Address& Listener::local_address() const { return core_->local; }
const ListenerCounts& Listener::counts() const { return core_->counts; }
std::size_t Listener::connections() const { return core_->ledger->open; }
void Listener::set_connections_max(std::size_t connections) { core_->options.connections_max = connections; }

}  // namespace sluice
