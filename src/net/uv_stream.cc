// SPDX-License-Identifier: Apache-2.0
#include "net/uv_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "net/sockets.h"

namespace sluice {
namespace {

// From this size on, a write goes to the kernel at once instead of being copied first: below it a copy costs
// less than the second system call, for what the turn writes behind it.
constexpr std::size_t direct_bytes_min = 256 * 1024;

uv_buf_t buffer_of(Bytes bytes) {
  uv_buf_t buffer;
  buffer.base = const_cast<char*>(bytes.data());  // libuv does not write to it
  buffer.len = bytes.size();
  return buffer;
}

UvStream& stream_of(const void* handle) {
  return *static_cast<UvStream*>(static_cast<const uv_handle_t*>(handle)->data);
}

}  // namespace

UvStream* UvStream::unconnected(Reactor& reactor, bool tcp) {
  auto* stream = new UvStream;
  if (tcp) {
    uv_tcp_init(reactor.loop(), &stream->in_.tcp);
  } else {
    uv_pipe_init(reactor.loop(), &stream->in_.pipe, 0);
  }
  stream->is_tcp_ = tcp;
  stream->in_.handle.data = stream;
  stream->out_ = &stream->in_.stream;
  return stream;
}

void UvStream::connected() {
  if (is_tcp_) uv_tcp_nodelay(&in_.tcp, 1);
}

Result<StreamPtr> UvStream::adopt_socket(Reactor& reactor, int descriptor, bool tcp, StreamLedger* ledger) {
  UvStream* stream = unconnected(reactor, tcp);
  StreamPtr owned(stream);
  const int rc = tcp ? uv_tcp_open(stream->tcp(), descriptor) : uv_pipe_open(stream->pipe(), descriptor);
  if (rc != 0) {
    ::close(descriptor);
    return system_error("cannot take over a socket", rc);
  }
  stream->connected();
  if (ledger != nullptr) {
    stream->ledger_ = ledger;
    ledger->join();
  }
  return owned;
}

Result<StreamPtr> UvStream::adopt_pair(Reactor& reactor, int read_descriptor, int write_descriptor) {
  UvStream* stream = unconnected(reactor, false);
  StreamPtr owned(stream);
  stream->out_ = nullptr;
  int rc = uv_pipe_open(stream->pipe(), read_descriptor);
  if (rc != 0) {
    ::close(read_descriptor);
  } else if (write_descriptor >= 0) {
    auto* out = new uv_pipe_t;
    uv_pipe_init(reactor.loop(), out, 0);
    out->data = stream;
    stream->out_ = reinterpret_cast<uv_stream_t*>(out);
    ++stream->handles_;
    rc = uv_pipe_open(out, write_descriptor);
  }
  if (rc != 0) {
    if (write_descriptor >= 0) ::close(write_descriptor);
    return system_error("cannot take over a pipe", rc);
  }
  return owned;
}

Result<StreamPtr> UvStream::adopt_file_pair(Reactor& reactor, int read_descriptor, int file_descriptor) {
  Result<StreamPtr> stream = adopt_pair(reactor, read_descriptor, -1);
  if (stream) {
    static_cast<UvStream&>(**stream).file_ = file_descriptor;
  } else {
    ::close(file_descriptor);
  }
  return stream;
}

void UvStream::set_handler(StreamHandler* handler) {
  DCHECK(core().reactor.on_this_thread());
  handler_ = handler;
  update_reading();
  if (handler != nullptr && broken_ != 0) make_dirty();
}

void UvStream::update_reading() {
  const bool wanted = handler_ != nullptr && !paused_ && !ended_ && !failed_ && !closed_;
  if (wanted == reading_) return;
  reading_ = wanted;
  if (!wanted) {
    uv_read_stop(&in_.stream);
    return;
  }
  const int rc = uv_read_start(&in_.stream, &UvStream::allocate,
                               [](uv_stream_t* handle, ssize_t count, const uv_buf_t* buffer) {
                                 stream_of(handle).on_read(count, buffer);
                               });
  if (rc != 0) break_writing(rc);  // told in the flush, not from inside a verb
}

void UvStream::pause() {
  paused_ = true;
  update_reading();
}

void UvStream::resume() {
  paused_ = false;
  update_reading();
  if (broken_ != 0) make_dirty();
}

// libuv asks where to read to. A connection that had its share of this turn gets nothing: libuv then comes
// back in the next turn, since the descriptor stays readable.
void UvStream::allocate(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
  UvStream& stream = stream_of(handle);
  Reactor::Core& core = stream.core();
  core.enter();
  if (stream.turn_ != core.turn_number) {
    stream.turn_ = core.turn_number;
    stream.turn_bytes_ = 0;
  }
  const std::size_t share = core.reactor.limits().net.turn_read_bytes_max;
  const std::size_t left = share > stream.turn_bytes_ ? share - stream.turn_bytes_ : 0;
  buffer->base = core.scratch.get();
  buffer->len = std::min(left, Reactor::Core::scratch_bytes);
}

void UvStream::on_read(ssize_t count, const uv_buf_t* buffer) {
  core().enter();
  if (count == 0 || count == UV_ENOBUFS) return;
  if (count > 0) {
    turn_bytes_ += static_cast<std::uint32_t>(count);
    if (broken_ != 0) make_dirty();
    handler_->on_bytes(PaddedBytes::promise(Bytes(buffer->base, static_cast<std::size_t>(count))));
    return;
  }
  if (count != UV_EOF) {
    fail(static_cast<int>(count));
    return;
  }
  ended_ = true;
  update_reading();
  if (broken_ != 0) {
    fail(broken_);
  } else {
    handler_->on_end();
  }
}

std::size_t UvStream::write(Bytes bytes) {
  DCHECK(core().reactor.on_this_thread());
  const std::size_t soft = core().reactor.limits().net.unsent_bytes_soft;
  if (closed_ || failed_ || broken_ != 0 || shutdown_asked_ || !writable()) return soft;
  if (!bytes.empty()) {
    if (output_ == nullptr) output_ = core().take_output();
    if (out_ != nullptr && !output_->busy && output_->waiting.size() + bytes.size() >= direct_bytes_min) {
      bytes.remove_prefix(send_at_once(bytes));
      if (broken_ != 0) return soft;
    }
    if (!output_->charge.resize(output_->waiting.size() + output_->in_flight.size() + bytes.size())) {
      break_writing(UV_ENOMEM);
      return soft;
    }
    output_->waiting.append(bytes);
    make_dirty();
  }
  const std::size_t pending = unsent();
  if (pending < soft) return soft - pending;
  told_full_ = true;
  return 0;
}

// Offers what waits and `bytes` behind it to the kernel; returns how many of `bytes` it took.
std::size_t UvStream::send_at_once(Bytes bytes) {
  const std::array<uv_buf_t, 2> buffers{buffer_of(output_->waiting.view()), buffer_of(bytes)};
  const bool two = !output_->waiting.empty();
  const int sent = uv_try_write(out_, two ? buffers.data() : &buffers[1], two ? 2 : 1);
  if (sent == UV_EAGAIN) return 0;
  if (sent < 0) {
    break_writing(sent);
    return bytes.size();
  }
  const auto count = static_cast<std::size_t>(sent);
  const std::size_t before = std::min(count, output_->waiting.size());
  output_->waiting.consume(before);
  return count - before;
}

std::size_t UvStream::unsent() const {
  if (output_ == nullptr) return 0;
  return output_->waiting.size() +
         (output_->busy && out_ != nullptr ? uv_stream_get_write_queue_size(out_) : 0);
}

void UvStream::make_dirty() {
  if (dirty_ || closed_) return;
  dirty_ = true;
  core().flush_later([](void* self) { static_cast<UvStream*>(self)->flush(); }, this);
}

// The one system call for everything that was written in this turn, and what follows from it.
void UvStream::flush() {
  dirty_ = false;
  if (closed_ || failed_) return;
  if (broken_ == 0 && output_ != nullptr && !output_->busy && !output_->waiting.empty()) send();
  if (broken_ != 0) {
    settle_broken();
    return;
  }
  finish_sending();
  if (told_full_ && unsent() < core().reactor.limits().net.unsent_bytes_soft) {
    told_full_ = false;
    if (handler_ != nullptr) handler_->on_drained();  // may end this stream: nothing follows
  }
}

void UvStream::send() {
  if (file_ >= 0) {
    send_to_file();
    return;
  }
  const uv_buf_t all = buffer_of(output_->waiting.view());
  const int sent = uv_try_write(out_, &all, 1);
  if (sent < 0 && sent != UV_EAGAIN) {
    break_writing(sent);
    return;
  }
  if (sent > 0) output_->waiting.consume(static_cast<std::size_t>(sent));
  if (!output_->waiting.empty()) {
    std::swap(output_->waiting, output_->in_flight);
    const uv_buf_t rest = buffer_of(output_->in_flight.view());
    output_->request.data = this;
    const int rc = uv_write(&output_->request, out_, &rest, 1, [](uv_write_t* request, int status) {
      static_cast<UvStream*>(request->data)->on_written(status);
    });
    if (rc != 0) {
      break_writing(rc);
      return;
    }
    output_->busy = true;
  }
  const bool shrinks = output_->charge.resize(output_->waiting.size() + output_->in_flight.size());
  DCHECK(shrinks);
}

void UvStream::send_to_file() {
  while (!output_->waiting.empty()) {
    const Bytes rest = output_->waiting.view();
    const ssize_t sent = ::write(file_, rest.data(), rest.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      break_writing(-errno);
      return;
    }
    output_->waiting.consume(static_cast<std::size_t>(sent));
  }
}

void UvStream::close_file() {
  if (file_ >= 0) ::close(std::exchange(file_, -1));
}

void UvStream::on_written(int status) {
  output_->busy = false;
  output_->in_flight.clear();
  if (closed_) return;  // the handle's end frees it
  core().enter();
  if (status < 0) {
    break_writing(status);
  } else {
    make_dirty();  // the flush sends what came meanwhile and tells about the room
  }
}

// Gives back the output's memory when all is sent, and ends our half if that was asked for.
void UvStream::finish_sending() {
  if (output_ != nullptr && !output_->busy && output_->waiting.empty())
    core().give_output(std::move(output_));
  if (!shutdown_asked_ || shutdown_done_ || output_ != nullptr) return;
  shutdown_done_ = true;
  close_file();
  if (out_ == nullptr) return;
  if (out_ != &in_.stream) {  // a pipe ends by closing it
    uv_close(reinterpret_cast<uv_handle_t*>(out_), [](uv_handle_t* handle) {
      UvStream& stream = stream_of(handle);
      delete reinterpret_cast<uv_pipe_t*>(handle);
      stream.handle_closed();
    });
    out_ = nullptr;
    return;
  }
  uv_os_fd_t descriptor = -1;
  if (uv_fileno(&in_.handle, &descriptor) == 0) ::shutdown(descriptor, SHUT_WR);
}

void UvStream::shutdown() {
  if (closed_ || failed_ || shutdown_asked_) return;
  shutdown_asked_ = true;
  make_dirty();
}

// Writing has failed. What the peer sent before it went away is still read; then the handler is told.
void UvStream::break_writing(int code) {
  if (broken_ == 0) broken_ = code;
  told_full_ = false;
  if (output_ != nullptr && !output_->busy) drop_output();
  make_dirty();
}

void UvStream::settle_broken() {
  if (handler_ == nullptr) return;  // set_handler() comes back here
  // A paused socket is told of at once, since its owner waits for nothing but us; a child's last output is
  // not lost.
  const bool may_read = reading_ || (paused_ && out_ != &in_.stream);
  if (may_read && broken_ != UV_ENOMEM) {
    uv_os_fd_t descriptor = -1;
    int readable = 0;
    if (uv_fileno(&in_.handle, &descriptor) == 0 && ::ioctl(descriptor, FIONREAD, &readable) == 0 &&
        readable > 0) {
      return;  // on_read() or resume() comes back here
    }
  }
  fail(broken_);
}

// Tells the handler, as the last call. It may end this stream: nothing may follow.
void UvStream::fail(int code) {
  if (failed_ || closed_) return;
  failed_ = true;
  update_reading();
  if (output_ != nullptr && !output_->busy) drop_output();
  if (handler_ == nullptr) return;
  const Error error = code == UV_ENOMEM
                          ? Error(Errc::exhausted, "the byte budget has no room for unsent output")
                          : system_error("the connection to " + peer_name() + " failed", code);
  handler_->on_failed(error);
}

void UvStream::drop_output() { core().give_output(std::move(output_)); }

void UvStream::close() {
  if (closed_) return;
  closed_ = true;
  update_reading();
  close_file();
  if (ledger_ != nullptr) ledger_->leave();
  if (out_ != nullptr && out_ != &in_.stream) {
    uv_close(reinterpret_cast<uv_handle_t*>(out_), [](uv_handle_t* handle) {
      UvStream& stream = stream_of(handle);
      delete reinterpret_cast<uv_pipe_t*>(handle);
      stream.handle_closed();
    });
  }
  out_ = nullptr;  // unsent() is 0 from here on
  uv_close(&in_.handle, [](uv_handle_t* handle) { stream_of(handle).handle_closed(); });
}

void UvStream::release() {
  close();
  handler_ = nullptr;
  released_ = true;
  if (handles_ == 0) handle_closed();
}

// Called when libuv has let go of one handle, and by release(); frees the stream after the last of these.
void UvStream::handle_closed() {
  if (handles_ > 0) --handles_;
  if (handles_ > 0 || !closed_) return;
  if (output_ != nullptr) drop_output();
  if (!released_) return;
  if (dirty_) core().forget_flush(this);
  if (ledger_ != nullptr) StreamLedger::drop(ledger_);
  delete this;
}

std::string UvStream::peer_name() const {
  uv_os_fd_t descriptor = -1;
  if (closed_ || uv_fileno(&in_.handle, &descriptor) != 0) return is_tcp_ ? "tcp" : "pipe";
  return socket_peer_name(descriptor);
}

}  // namespace sluice
