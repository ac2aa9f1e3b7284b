// SPDX-License-Identifier: Apache-2.0
#include "transport/line_channel.h"

#include <algorithm>
#include <utility>

#include "codec/jsonrpc.h"

namespace sluice {

namespace {

constexpr std::size_t kept_out_bytes_max = 64 * 1024;  // what the line being written may hold on to

}  // namespace

LineChannel::LineChannel(Reactor& reactor, StreamPtr stream, LineChannelHandler& handler,
                         const LineChannelLimits& limits)
    : reactor_(reactor),
      stream_(std::move(stream)),
      handler_(handler),
      limits_(limits),
      reader_(limits.json.message_bytes_max),
      scanner_(limits.json),
      charge_(reactor.budget()),
      later_([](void* self) { static_cast<LineChannel*>(self)->on_later(); }, this) {
  stream_->set_handler(this);
}

LineChannel::~LineChannel() {
  if (destroyed_ != nullptr) *destroyed_ = true;
}

// Calls the handler; false when that destroyed us.
template <class Call>
bool LineChannel::tell(Call&& call) {
  bool destroyed = false;
  destroyed_ = &destroyed;
  call();
  if (destroyed) return false;
  destroyed_ = nullptr;
  return true;
}

// ---- Reading

void LineChannel::on_bytes(PaddedBytes bytes) {
  if (failed_) return;
  reader_.feed(bytes.bytes);
  deliver();
}

void LineChannel::on_end() {
  if (failed_) return;
  reader_.finish();
  ended_ = true;
  deliver();
}

// Hands on what is there, at most a turn's worth.
void LineChannel::deliver() {
  std::size_t messages = 0;
  bool more = false;
  PaddedBytes line;
  while (!paused_ && !failed_) {
    if (messages++ == limits_.turn_messages_max) {
      more = true;
      go_on_later();
      break;
    }
    const LineReader::Step step = reader_.next(line);
    if (step == LineReader::Step::need_bytes) {
      if (!ended_ || end_told_) break;
      end_told_ = true;
      if (!tell([this] { handler_.on_end(); })) return;
      break;
    }
    if (step == LineReader::Step::too_long) {
      ++counters_.long_lines;
      const BadLine bad{
          rpc::invalid_request, "a line was longer than a message may be and was skipped", {}, {}};
      if (!tell([&] { handler_.on_bad_line(bad); })) return;
    } else if (!deliver_line(line)) {
      return;
    }
  }
  if (!failed_) account(more);
}

bool LineChannel::deliver_line(PaddedBytes line) {
  ClientMessage message;
  const ScanResult scan = message.take(scanner_, PaddedString(line.bytes));
  if (!scan) {
    ++counters_.bad_lines;
    const Bytes shown = message.text().substr(0, reactor_.limits().net.shown_bytes_max);
    const BadLine bad{scan.code, scan.reason, shown, message.id()};
    return tell([&] { handler_.on_bad_line(bad); });
  }
  if (message.envelope().kind == MessageKind::batch) {
    bool taken = false;
    if (!tell([&] { taken = handler_.on_batch(PaddedString(message.text())); })) return false;
    if (taken) {
      ++counters_.messages_in;
      return true;
    }
    ++counters_.bad_lines;
    const Bytes shown = message.text().substr(0, reactor_.limits().net.shown_bytes_max);
    const BadLine bad{rpc::invalid_request, "batches are not accepted here", shown, {}};
    return tell([&] { handler_.on_bad_line(bad); });
  }
  ++counters_.messages_in;
  return tell([&] { handler_.on_message(std::move(message)); });
}

// Charges what the reader holds. Without room we stop reading for a while: at most one read is held
// uncharged.
void LineChannel::account(bool more) {
  const bool room = charge_.resize(reader_.bytes_held());
  if (room) {
    starved_since_ = never;
  } else if (starved_since_ == never) {
    starved_since_ = reactor_.now();
  } else if (reactor_.now() - starved_since_ > reactor_.limits().net.starved_max) {
    fail(Errc::exhausted, "the byte budget had no room for a line for too long");
    return;
  }
  set_reading(room && !more && !paused_);
  if (!room) reactor_.arm_after(later_, reactor_.limits().net.starved_look);
}

void LineChannel::set_reading(bool reading) {
  if (reading == reading_) return;
  reading_ = reading;
  if (reading) {
    stream_->resume();
  } else {
    stream_->pause();
  }
}

void LineChannel::pause() {
  paused_ = true;
  if (!failed_) set_reading(false);
}

void LineChannel::resume() {
  if (!paused_) return;
  paused_ = false;
  if (!failed_) go_on_later();
}

void LineChannel::go_on_later() { reactor_.arm(later_, reactor_.now() - milliseconds(1)); }

void LineChannel::on_later() {
  if (!failed_) {
    deliver();
    return;
  }
  stream_.reset();
  const Error failure = std::exchange(failure_, {});
  tell([&] { handler_.on_failed(failure); });
}

// ---- Writing

std::size_t LineChannel::send(Bytes message) {
  if (failed_) return 0;
  if (stream_->unsent() > limits_.unsent_bytes_max) {
    fail(Errc::closed, "the peer does not read what it is sent");
    return 0;
  }
  ++counters_.messages_out;
  out_.clear();
  append_line(out_, message);
  const std::size_t room = stream_->write(out_);
  if (out_.capacity() > kept_out_bytes_max) out_ = std::string();
  return room;
}

std::size_t LineChannel::unsent() const { return stream_ ? stream_->unsent() : 0; }

void LineChannel::shutdown() {
  if (!failed_) stream_->shutdown();
}

void LineChannel::on_drained() {
  if (failed_) return;
  tell([this] { handler_.on_drained(); });
}

// ---- Failing

void LineChannel::fail(Errc code, std::string why) {
  if (failed_) return;
  failed_ = true;
  failure_ = Error(code, std::move(why));
  stream_->close();
  go_on_later();
}

void LineChannel::on_failed(const Error& error) {
  if (failed_) return;
  failed_ = true;
  later_.cancel();
  const Error failure = error;
  stream_.reset();
  tell([&] { handler_.on_failed(failure); });
}

}  // namespace sluice
