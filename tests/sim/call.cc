// SPDX-License-Identifier: Apache-2.0
#include "sim/call.h"

#include <utility>

namespace sluice::sim {

Wire::Wire(SimClient& client, StreamPtr stream)
    : client_(client),
      stream_(std::move(stream)),
      reader_(HttpRole::response, limits_),
      timer_(
          [](void* self) {
            auto* wire = static_cast<Wire*>(self);
            if (wire->idle()) return wire->drop();
            if (wire->stream_) wire->stream_->resume();
          },
          this) {
  limits_.body_bytes_max = SIZE_MAX;
  stream_->set_handler(this);
}

void Wire::carry(Call& call, const std::string& bytes) {
  timer_.cancel();
  call_ = &call;
  call.wire = this;
  stream_->write(bytes);
}

void Wire::stall(milliseconds time) {
  if (!stream_) return;
  stream_->pause();
  client_.world_.reactor.arm_after(timer_, time);
}

void Wire::drop() {
  timer_.cancel();
  if (call_ != nullptr) call_->wire = nullptr;
  call_ = nullptr;
  stream_.reset();
}

void Wire::break_it() {
  if (call_ != nullptr) call_->excuse();
  if (stream_) break_stream(*stream_);
}

void Wire::ended(std::string_view why) {
  timer_.cancel();
  Call* call = std::exchange(call_, nullptr);
  stream_.reset();
  if (call == nullptr) return;
  call->wire = nullptr;
  if (call->kind == Call::Kind::nonsense || reader_.finish() == Http1Reader::Step::end)
    return client_.on_end(*call);
  client_.on_lost(*call, why);
}

void Wire::on_bytes(PaddedBytes bytes) {
  Bytes input = bytes.bytes;
  while (stream_) {
    const Http1Reader::Step step = reader_.next(input);
    if (step == Http1Reader::Step::need_bytes) return;
    if (call_ == nullptr) {  // only a farewell may come unasked, before the connection is closed
      if (step != Http1Reader::Step::head || reader_.head().status != 408) client_.fail("got bytes unasked");
      return drop();
    }
    Call& call = *call_;
    switch (step) {
      case Http1Reader::Step::head: client_.on_head(call, reader_.head()); break;
      case Http1Reader::Step::body: on_body(call, reader_.body()); break;
      case Http1Reader::Step::end: finish(call); break;
      case Http1Reader::Step::refused:
        client_.fail("the gateway's HTTP is malformed: " + std::string(reader_.refusal().sentence));
        return drop();
      case Http1Reader::Step::need_bytes: return;
    }
  }
}

void Wire::on_body(Call& call, Bytes piece) {
  if (!call.sse) {
    call.body.append(piece);
    return;
  }
  call.events.feed(piece);
  for (SseEvent event; call_ == &call && call.events.next(event) == SseReader::Step::event;) {
    call.last_event = event.id;
    if (!event.data.empty()) client_.on_message(call, std::string(event.data));
  }
}

void Wire::finish(Call& call) {
  call.wire = nullptr;
  call_ = nullptr;
  if (!reader_.keep_alive() || call.kind == Call::Kind::nonsense) stream_.reset();
  if (stream_) client_.world_.reactor.arm_after(timer_, seconds(20));
  client_.on_end(call);
}

}  // namespace sluice::sim
