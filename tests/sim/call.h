// SPDX-License-Identifier: Apache-2.0
#pragma once
// Call and Wire: one HTTP request of a simulated client with what came for it, and the connection it is on.

#include <memory>
#include <string>
#include <vector>

#include "sim/sim_client.h"

namespace sluice::sim {

struct Call {
  enum class Kind : std::uint8_t { call, plain, initialize, listen, get, note, nonsense, batch };
  Kind kind = Kind::note;
  std::string id, token, marker, body;
  std::string last_event;
  int generation = 0;
  int status = 0;
  int responses = 0;
  double progress = 0;
  bool excused = false;    // cancelled, cut by a fault, or its session is gone: it may stay without an answer
  bool cancelled = false;  // modern: nothing may come any more
  bool over = false;       // the HTTP exchange has ended
  bool sse = false;
  bool knocks = false;  // with the session of somebody else
  std::string session;  // initialize: what the head said
  SseReader events{SseLimits{}};
  Wire* wire = nullptr;
  std::vector<Call*> members;  // of a batch; they have no wire of their own
  Call* batch = nullptr;       // that this is a member of

  void excuse() {
    excused = true;
    for (Call* member : members) member->excused = true;
  }
};

class Wire final : public StreamHandler {
 public:
  Wire(SimClient& client, StreamPtr stream);
  void carry(Call& call, const std::string& bytes);
  void stall(milliseconds time);
  void drop();      // by its owner
  void break_it();  // by a fault
  void write(Bytes bytes) {
    if (stream_) stream_->write(bytes);
  }
  [[nodiscard]] bool idle() const { return stream_ && call_ == nullptr; }
  [[nodiscard]] bool over() const { return !stream_; }

 private:
  void on_bytes(PaddedBytes bytes) override;
  void on_end() override { ended("closed by the gateway"); }
  void on_failed(const Error&) override { ended("broken"); }
  void on_body(Call& call, Bytes piece);
  void finish(Call& call);
  void ended(std::string_view why);

  SimClient& client_;
  StreamPtr stream_;
  HttpLimits limits_;
  Http1Reader reader_;
  Call* call_ = nullptr;
  Timer timer_;  // the end of a stall, or of idleness
};

}  // namespace sluice::sim
