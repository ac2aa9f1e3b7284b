// SPDX-License-Identifier: Apache-2.0
#include "net/memory_stream.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "base/buffer.h"
#include "base/check.h"
#include "base/random.h"
#include "net/reactor_core.h"

namespace sluice {
namespace {

// What is under way to an end, in order: a run of bytes or the end of the stream.
struct Segment {
  Instant arrives{};
  std::size_t bytes = 0;
  bool end = false;
};

class MemoryStream final : public Stream {
 public:
  MemoryStream(Reactor& reactor, const MemoryStreamOptions& options, std::uint64_t seed)
      : reactor_(reactor), options_(options), random_(seed) {}
  ~MemoryStream() override = default;

  static void join(MemoryStream& one, MemoryStream& other) {
    one.peer_ = &other;
    other.peer_ = &one;
  }

  void set_handler(StreamHandler* handler) override {
    handler_ = handler;
    deliver_soon();
    if (broken_) make_dirty();
  }

  std::size_t write(Bytes bytes) override {
    DCHECK(reactor_.on_this_thread());
    const std::size_t soft = reactor_.limits().net.unsent_bytes_soft;
    if (closed_ || failed_ || broken_ || shutdown_asked_) return soft;
    if (!bytes.empty()) {
      unsent_.append(bytes);
      make_dirty();
    }
    if (unsent_.size() < soft) return soft - unsent_.size();
    told_full_ = true;
    return 0;
  }

  [[nodiscard]] std::size_t unsent() const override { return unsent_.size(); }
  void pause() override { paused_ = true; }
  void resume() override {
    paused_ = false;
    deliver_soon();
  }

  void shutdown() override {
    if (closed_ || failed_ || shutdown_asked_) return;
    shutdown_asked_ = true;
    make_dirty();
  }

  void close() override {
    if (closed_) return;
    closed_ = true;
    arrival_.cancel();
    unsent_.reset();
    inbox_.reset();
    if (peer_ == nullptr) return;
    if (!shutdown_done_) send_segment(0, true);
    peer_->peer_ = nullptr;
    peer_ = nullptr;
  }

  [[nodiscard]] std::string peer_name() const override { return "memory"; }

  void release() override {
    close();
    handler_ = nullptr;
    if (dirty_) reactor_.core().forget_flush(this);
    // Freed at the end of the turn, behind deliveries that are queued; or with the queue.
    reactor_.defer([self = std::shared_ptr<MemoryStream>(this)] {});
  }

  // As a reset does: what is under way is lost, and both ends learn of it.
  void reset() {
    for (MemoryStream* end : {peer_, this}) {
      if (end == nullptr || end->closed_) continue;
      end->segments_.clear();
      end->inbox_.reset();
      end->arrived_ = 0;
      end->unsent_.reset();
      end->broken_ = true;
      end->make_dirty();
    }
  }

 private:
  void make_dirty() {
    if (dirty_ || closed_) return;
    dirty_ = true;
    reactor_.core().flush_later([](void* self) { static_cast<MemoryStream*>(self)->flush(); }, this);
  }

  // Moves what fits from here into the peer's hands.
  void flush() {
    dirty_ = false;
    if (closed_ || failed_) return;
    if (peer_ == nullptr && !unsent_.empty()) {  // nobody will ever read it
      broken_ = true;
      unsent_.reset();
    }
    if (broken_) {
      settle_broken();
      return;
    }
    if (peer_ != nullptr) {
      const std::size_t room =
          options_.capacity_bytes - std::min(options_.capacity_bytes, peer_->inbox_.size());
      const std::size_t moved = std::min(room, unsent_.size());
      if (moved > 0) {
        peer_->inbox_.append(unsent_.view().substr(0, moved));
        unsent_.consume(moved);
        send_segment(moved, false);
      }
      if (unsent_.empty()) unsent_.reset();
      if (shutdown_asked_ && !shutdown_done_ && unsent_.empty()) {
        shutdown_done_ = true;
        send_segment(0, true);
      }
    }
    if (told_full_ && unsent_.size() < reactor_.limits().net.unsent_bytes_soft) {
      told_full_ = false;
      if (handler_ != nullptr) handler_->on_drained();  // may end this stream: nothing follows
    }
  }

  void send_segment(std::size_t bytes, bool end) {
    peer_->segments_.push_back(Segment{reactor_.now() + options_.latency, bytes, end});
    peer_->expect();
  }

  // Sees to it that deliver() runs when the first segment arrives.
  void expect() {
    if (segments_.empty()) return;
    if (segments_.front().arrives > reactor_.now()) {
      reactor_.arm(arrival_, segments_.front().arrives);
    } else {
      deliver_soon();
    }
  }

  void deliver_soon() {
    if (delivery_due_ || closed_) return;
    delivery_due_ = true;
    reactor_.defer([this] { deliver(); });
  }

  [[nodiscard]] bool reading() const { return handler_ != nullptr && !paused_ && !failed_ && !closed_; }

  void deliver() {
    delivery_due_ = false;
    while (!closed_ && !segments_.empty() && !end_arrived_ && segments_.front().arrives <= reactor_.now()) {
      arrived_ += segments_.front().bytes;
      end_arrived_ = segments_.front().end;
      segments_.pop_front();
    }
    std::size_t share = reactor_.limits().net.turn_read_bytes_max;
    while (reading() && arrived_ > 0 && share > 0) {
      const std::size_t bytes = std::min(next_chunk(), share);
      const PaddedString chunk(inbox_.view().substr(0, bytes));
      inbox_.consume(bytes);
      if (inbox_.empty()) inbox_.reset();
      arrived_ -= bytes;
      share -= bytes;
      if (peer_ != nullptr && !peer_->unsent_.empty()) peer_->make_dirty();  // there is room again
      handler_->on_bytes(chunk.padded());
    }
    if (!reading()) return;
    if (arrived_ > 0) {
      deliver_soon();
    } else if (broken_) {
      make_dirty();
    } else if (end_arrived_ && !ended_) {
      ended_ = true;
      handler_->on_end();
    } else {
      expect();
    }
  }

  std::size_t next_chunk() {
    if (options_.chunk_bytes_max == 0) return arrived_;
    const std::size_t bound = std::min(options_.chunk_bytes_max, arrived_);
    return options_.split_seed == 0 ? bound : 1 + static_cast<std::size_t>(random_.below(bound));
  }

  void settle_broken() {
    if (handler_ == nullptr || failed_) return;
    if (arrived_ > 0 && !paused_) return;  // deliver() comes back here
    failed_ = true;
    handler_->on_failed(Error(Errc::closed, "the connection to memory failed: it was reset"));
  }

  Reactor& reactor_;
  const MemoryStreamOptions options_;
  Random random_;
  StreamHandler* handler_ = nullptr;
  MemoryStream* peer_ = nullptr;
  Buffer unsent_;
  Buffer inbox_;  // sent by the peer; its first arrived_ bytes may be read
  std::size_t arrived_ = 0;
  std::deque<Segment> segments_;
  Timer arrival_{[](void* self) { static_cast<MemoryStream*>(self)->deliver(); }, this};
  bool paused_ = false;
  bool end_arrived_ = false;
  bool ended_ = false;
  bool broken_ = false;
  bool failed_ = false;
  bool closed_ = false;
  bool dirty_ = false;
  bool delivery_due_ = false;
  bool told_full_ = false;
  bool shutdown_asked_ = false;
  bool shutdown_done_ = false;
};

}  // namespace

StreamPair make_stream_pair(Reactor& reactor, const MemoryStreamOptions& options) {
  CHECK(options.capacity_bytes > 0);
  auto* near = new MemoryStream(reactor, options, options.split_seed);
  auto* far = new MemoryStream(reactor, options, options.split_seed + 1);
  MemoryStream::join(*near, *far);
  return StreamPair{StreamPtr(near), StreamPtr(far)};
}

void break_stream(Stream& stream) { static_cast<MemoryStream&>(stream).reset(); }

}  // namespace sluice
