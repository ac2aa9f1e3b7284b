// SPDX-License-Identifier: Apache-2.0
#include "sim/sim_server.h"

#include <iterator>
#include <utility>

#include "codec/headers.h"
#include "codec/sse.h"

namespace sluice::sim {

// A connection that is being made.
struct SimServer::Dial {
  Dial(SimServer& owner, OnConnect done)
      : server(owner),
        on_connect(std::move(done)),
        timer([](void* self) { static_cast<Dial*>(self)->connected(); }, this) {}
  void connected() {
    World& world = server.world_;
    const OnConnect done = std::move(on_connect);  // may end this
    if (world.faults && world.chance(4)) return done(Error(Errc::unavailable, "connection refused"));
    StreamPair pair = world.connect();
    server.connections_.push_back(std::make_unique<SimServerConnection>(server, std::move(pair.far)));
    done(std::move(pair.near));
  }

  SimServer& server;
  OnConnect on_connect;
  Timer timer;
};

SimServer::~SimServer() { connections_.clear(); }

std::shared_ptr<void> SimServer::connect(OnConnect on_connect) {
  const auto dial = std::make_shared<Dial>(*this, std::move(on_connect));
  world_.reactor.arm_after(dial->timer, world_.up_to(20));
  return dial;
}

void SimServer::strike() {
  if (connections_.empty()) return;
  auto at = connections_.begin();
  std::advance(at, static_cast<long>(world_.random.below(connections_.size())));
  (*at)->die();
}

void SimServer::sweep() {
  connections_.remove_if([](const auto& connection) { return connection->over(); });
}

SimServerConnection::SimServerConnection(SimServer& server, StreamPtr stream)
    : server_(server), stream_(std::move(stream)), reader_(HttpRole::request, limits_) {
  stream_->set_handler(this);
}

SimServerConnection::~SimServerConnection() { close(); }

void SimServerConnection::die() {
  if (stream_) break_stream(*stream_);
}

// A modern call ends with its connection; a legacy one goes on in silence.
void SimServerConnection::close() {
  if (brain_ != nullptr) brain_->forget(*this, modern_);
  brain_ = nullptr;
  open_ = false;
  stream_.reset();
}

void SimServerConnection::on_bytes(PaddedBytes bytes) {
  Bytes input = bytes.bytes;
  while (stream_) {
    switch (reader_.next(input)) {
      case Http1Reader::Step::need_bytes: return;
      case Http1Reader::Step::refused:
        return server_.world_.transcript.fail("server", "the gateway's HTTP request is malformed");
      case Http1Reader::Step::head:
        if (open_) server_.world_.transcript.fail("server", "a request came before the last was answered");
        open_ = true;
        body_.clear();
        method_ = reader_.head().method;
        session_ = header_value(reader_.head().fields, "Mcp-Session-Id");
        modern_ = find_header(reader_.head().fields, "Mcp-Method") != nullptr;
        break;
      case Http1Reader::Step::body: body_.append(reader_.body()); break;
      case Http1Reader::Step::end: on_request(); break;
    }
  }
}

void SimServerConnection::on_request() {
  World& world = server_.world_;
  streaming_ = failing_ = false;
  minted_.clear();
  brain_ = nullptr;
  if (world.faults && world.chance(2)) return die();
  if (world.faults && world.chance(2)) return answer(503, "text/plain", "try again later\n");
  if (method_ == "POST") return on_post();
  if (method_ == "GET") return on_get();
  const auto at = server_.sessions_.find(session_);
  if (at == server_.sessions_.end()) return answer(404);
  world.transcript.line("server", "ends session " + session_);
  server_.sessions_.erase(at);
  for (const auto& connection : server_.connections_)
    if (connection.get() != this && connection->session_ == session_ && connection->open_) {
      connection->brain_ = nullptr;
      connection->die();
    }
  answer(204);
}

void SimServerConnection::on_get() {
  const auto at = server_.sessions_.find(session_);
  if (at == server_.sessions_.end()) return answer(404);
  if (server_.world_.chance(20)) return answer(405);
  brain_ = at->second.get();
  begin_stream();
  brain_->set_standalone(this);
}

void SimServerConnection::on_post() {
  World& world = server_.world_;
  MessageScanner scanner{JsonLimits{}};
  ClientMessage message;
  const bool ok = message.take(scanner, PaddedString(body_)).ok();
  if (!ok) return world.transcript.fail("server", "the gateway posted what is no message");
  const bool is_request = message.envelope().kind == MessageKind::request;
  if (modern_) {
    server_.modern_.push_back(std::make_unique<Brain>(world, Era::modern, "server"));
    brain_ = server_.modern_.back().get();
  } else if (message.envelope().method == "initialize") {
    minted_ = session_ = "up-" + std::to_string(++server_.minted_);
    brain_ = (server_.sessions_[session_] = std::make_unique<Brain>(world, Era::legacy, session_)).get();
  } else {
    auto at = server_.sessions_.find(session_);
    if (at != server_.sessions_.end() && world.faults && world.chance(1)) {
      world.transcript.line("server", "forgets session " + session_);
      for (const auto& connection : server_.connections_)
        if (connection->brain_ == at->second.get()) connection->brain_ = nullptr;
      server_.sessions_.erase(at);
      at = server_.sessions_.end();
    }
    if (at == server_.sessions_.end()) return answer(404);
    brain_ = at->second.get();
  }
  failing_ = is_request && world.faults && world.chance(2);
  Brain& brain = *brain_;
  brain.hear(body_, *this);
  if (!is_request && open_) answer(202);
}

void SimServerConnection::answer(int status, Bytes type, Bytes body) {
  std::string out;
  static_cast<void>(write_response(out, status, type, body));
  open_ = false;
  brain_ = nullptr;
  if (stream_) stream_->write(out);
}

void SimServerConnection::begin_stream() {
  if (!std::exchange(streaming_, true)) {
    std::string out;
    static_cast<void>(write_response_head(
        out, 200,
        {HeaderField{"Content-Type", "text/event-stream"}, HeaderField{"Transfer-Encoding", "chunked"}}));
    if (stream_) stream_->write(out);
  }
}

void SimServerConnection::say(const std::string& message) {
  if (!open_ || !stream_) return;
  if (failing_) return;
  begin_stream();
  std::string event, out;
  SseWriter::write_message(event, message);
  write_chunk(out, event);
  stream_->write(out);
}

void SimServerConnection::finish(const std::string& response) {
  if (!open_ || !stream_) return;
  if (failing_) return answer(500, "text/plain", "something went wrong afterwards\n");
  std::string out;
  if (streaming_ || (minted_.empty() && server_.world_.chance(40))) {
    say(response);
    write_last_chunk(out);
  } else {
    const HeaderField session{"Mcp-Session-Id", minted_};
    static_cast<void>(write_response(out, 200, "application/json", response,
                                     HeaderFields(&session, minted_.empty() ? 0 : 1)));
  }
  open_ = false;
  brain_ = nullptr;
  stream_->write(out);
}

}  // namespace sluice::sim
