// SPDX-License-Identifier: Apache-2.0
#pragma once
// UvStream: the Stream over libuv, for TCP, Unix sockets and pairs of pipes. For the sources of this room
// alone.
//
// One allocation: libuv's handle and a few words; output memory exists only while there is something unsent.
// A pair of pipes has a second handle for writing. After release() the object lives until libuv has let go of
// its handles. Unsent bytes are charged to the reactor's budget; a stream that does not fit fails. Lives on
// one reactor.

#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/reactor.h"
#include "net/reactor_core.h"
#include "net/stream.h"

namespace sluice {

// How many streams of a listener are open. Shared by the listener and its streams; the last frees it.
struct StreamLedger {
  std::size_t open = 0;
  std::size_t holders = 1;

  void join() {
    ++open;
    ++holders;
  }
  void leave() { --open; }
  static void drop(StreamLedger* ledger) {
    if (--ledger->holders == 0) delete ledger;
  }
};

class UvStream final : public Stream {
 public:
  // Takes over a connected TCP or Unix socket. Closes it when that fails.
  static Result<StreamPtr> adopt_socket(Reactor& reactor, int descriptor, bool tcp,
                                        StreamLedger* ledger = nullptr);
  // Takes over a pipe to read from and one to write to (-1: none). Closes both when that fails.
  static Result<StreamPtr> adopt_pair(Reactor& reactor, int read_descriptor, int write_descriptor);
  // The same with a plain file to write to, which libuv cannot wait for: writes go out at once, blocking.
  static Result<StreamPtr> adopt_file_pair(Reactor& reactor, int read_descriptor, int file_descriptor);
  // A stream whose handle is initialised but not connected, for connect.cc. Only release() before it is.
  static UvStream* unconnected(Reactor& reactor, bool tcp);
  [[nodiscard]] uv_tcp_t* tcp() { return &in_.tcp; }
  [[nodiscard]] uv_pipe_t* pipe() { return &in_.pipe; }
  // For connect.cc: the connection stands.
  void connected();

  void set_handler(StreamHandler* handler) override;
  std::size_t write(Bytes bytes) override;
  [[nodiscard]] std::size_t unsent() const override;
  void pause() override;
  void resume() override;
  void shutdown() override;
  void close() override;
  [[nodiscard]] std::string peer_name() const override;
  void release() override;

 private:
  UvStream() = default;
  ~UvStream() override = default;

  [[nodiscard]] bool writable() const { return out_ != nullptr || file_ >= 0; }
  [[nodiscard]] Reactor::Core& core() const { return *static_cast<Reactor::Core*>(in_.handle.loop->data); }
  void update_reading();
  void make_dirty();
  void flush();
  void send();
  void send_to_file();
  void close_file();
  std::size_t send_at_once(Bytes bytes);
  void finish_sending();
  void settle_broken();
  void break_writing(int code);
  void fail(int code);
  void drop_output();
  void handle_closed();
  void on_read(ssize_t count, const uv_buf_t* buffer);
  void on_written(int status);
  static void allocate(uv_handle_t* handle, std::size_t suggested, uv_buf_t* buffer);

  union Handle {
    Handle() {}
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };

  StreamHandler* handler_ = nullptr;
  uv_stream_t* out_ = nullptr;  // where writes go: in_, the second handle of a pair, or null
  std::unique_ptr<Output> output_;
  StreamLedger* ledger_ = nullptr;
  std::uint32_t turn_ = 0;  // in which turn_bytes_ were read
  std::uint32_t turn_bytes_ = 0;
  std::int32_t broken_ = 0;   // libuv's code once writing failed and the handler has not been told
  std::int32_t file_ = -1;    // where writes go instead of out_ when that is a file
  std::uint8_t handles_ = 1;  // that libuv has not let go of
  bool reading_ : 1 = false;
  bool paused_ : 1 = false;
  bool ended_ : 1 = false;   // the peer finished sending
  bool failed_ : 1 = false;  // the handler was told
  bool closed_ : 1 = false;
  bool released_ : 1 = false;
  bool dirty_ : 1 = false;      // on the flush list
  bool told_full_ : 1 = false;  // write() returned 0 and on_drained() is owed
  bool shutdown_asked_ : 1 = false;
  bool shutdown_done_ : 1 = false;
  bool is_tcp_ : 1 = false;
  Handle in_;
};

static_assert(sizeof(UvStream) <= 350, "an idle connection is promised to be small");

}  // namespace sluice
