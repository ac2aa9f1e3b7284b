// SPDX-License-Identifier: Apache-2.0
#pragma once
// Stream: a two-way run of bytes, whatever carries it (TCP, a Unix socket, a child's pipes, memory).
//
// It knows nothing of what the bytes mean. The one backpressure contract of the program lives here: write()
// returns the room left, 0 says pause; a paused reader stops the peer. Writes of one turn go out in one
// system call at its end. Owned by a StreamPtr; dropping it closes, and is allowed inside any callback.
// Handlers must outlive their stream or detach first. Lives on one reactor.

#include <cstddef>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace sluice {

// What a stream tells its owner. Calls come from the reactor, never from inside a Stream verb.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // Bytes arrived. They lie in the reactor's scratch buffer, padded, and are gone when this returns.
  virtual void on_bytes(PaddedBytes bytes) = 0;
  // The peer has finished sending; writing may go on.
  virtual void on_end() = 0;
  // What was unsent fell below the soft mark again after write() had returned 0.
  virtual void on_drained() {}
  // The stream failed: the last call. Not made after close() or after the StreamPtr was dropped.
  virtual void on_failed(const Error& error) = 0;
};

class Stream {
 public:
  // Who is told; null detaches. Reading starts when a handler is set.
  virtual void set_handler(StreamHandler* handler) = 0;

  // Takes the bytes (copies what the kernel does not) and returns how many more may be written before the
  // writer should pause: 0 means wait for on_drained(). Never fails: failures come as on_failed().
  virtual std::size_t write(Bytes bytes) = 0;
  // Bytes taken and not yet handed to the kernel.
  [[nodiscard]] virtual std::size_t unsent() const = 0;

  // Stops and restarts reading. Idempotent.
  virtual void pause() = 0;
  virtual void resume() = 0;

  // Ends our half after everything written has gone out.
  virtual void shutdown() = 0;
  // Closes now; unsent bytes are lost. No callback follows.
  virtual void close() = 0;

  // Who is at the other end, for logs: "127.0.0.1:5312", "unix", "memory".
  [[nodiscard]] virtual std::string peer_name() const = 0;

 protected:
  friend struct StreamRelease;
  virtual ~Stream() = default;
  // Closes and frees itself when the reactor allows.
  virtual void release() = 0;
};

struct StreamRelease {
  void operator()(Stream* stream) const { stream->release(); }
};
using StreamPtr = std::unique_ptr<Stream, StreamRelease>;

}  // namespace sluice
