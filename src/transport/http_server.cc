// SPDX-License-Identifier: Apache-2.0
#include "transport/http_server.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "transport/http_server_connection.h"

namespace sluice {

namespace {

constexpr std::size_t spare_max = 64;                  // kept Busy objects of a server
constexpr std::size_t kept_text_bytes_max = 8 * 1024;  // what a recycled string may hold on to

// A string that held something large gives its memory back when it is recycled.
void recycle(std::string& text) {
  if (text.capacity() > kept_text_bytes_max) text = std::string();
  text.clear();
}

void append_two(std::string& out, unsigned value) {
  out += static_cast<char>('0' + value / 10 % 10);
  out += static_cast<char>('0' + value % 10);
}

}  // namespace

std::string http_date(WallTime time) {
  using std::chrono::days;
  constexpr std::string_view weekdays = "SunMonTueWedThuFriSat";
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const auto second = std::chrono::duration_cast<std::chrono::seconds>(time - day).count();
  std::string out;
  out.reserve(29);
  out.append(weekdays.substr(std::chrono::weekday(day).c_encoding() * 3, 3)).append(", ");
  append_two(out, static_cast<unsigned>(date.day()));
  out.append(" ").append(months.substr((static_cast<unsigned>(date.month()) - 1) * 3, 3)).append(" ");
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  append_two(out, year / 100);
  append_two(out, year % 100);
  out += ' ';
  append_two(out, static_cast<unsigned>(second / 3600));
  out += ':';
  append_two(out, static_cast<unsigned>(second / 60 % 60));
  out += ':';
  append_two(out, static_cast<unsigned>(second % 60));
  return out.append(" GMT");
}

// ---- HttpCall

std::string HttpCall::peer_name() const { return connection_->peer_name(); }

void HttpCall::respond(int status, Bytes content_type, Bytes body, HeaderFields fields) {
  CHECK(state_ == State::waiting);
  connection_->respond(*this, status, content_type, body, fields);
}

void HttpCall::start_stream(int status, Bytes content_type, HeaderFields fields) {
  CHECK(state_ == State::waiting);
  connection_->start_stream(*this, status, content_type, fields);
}

std::size_t HttpCall::write(Bytes bytes) {
  CHECK(state_ == State::streaming);
  return connection_->write(*this, {bytes});
}

std::size_t HttpCall::write(std::initializer_list<Bytes> pieces) {
  CHECK(state_ == State::streaming);
  return connection_->write(*this, pieces);
}

void HttpCall::end() {
  CHECK(state_ == State::streaming);
  connection_->end(*this);
}

void HttpCall::rest() {
  CHECK(state_ == State::streaming);
  connection_->rest(*this);
}

const HttpHead HttpCall::no_head;

// The reader's views die with its next step, so the head is copied into one text.
void HttpCall::keep_head(const HttpHead& head) {
  std::size_t bytes = head.method.size() + head.target.size() + head.path.size() + head.query.size() +
                      head.authority.size() + head.upgrade.size();
  for (const HeaderField& field : head.fields) bytes += field.name.size() + field.value.size();
  if (!request_) request_ = std::make_unique<Request>();
  HttpHead& kept = request_->head;
  std::string& text = request_->text;
  text.clear();
  text.reserve(bytes);
  const auto keep = [&text](Bytes view) {
    const std::size_t begin = text.size();
    text.append(view);
    return Bytes(text).substr(begin);
  };
  std::vector<HeaderField> fields = std::move(kept.fields);
  fields.clear();
  kept = HttpHead();
  kept.method = keep(head.method);
  without_body_ = head.method == "HEAD";
  kept.target = keep(head.target);
  const auto within_target = [&](Bytes part) {
    if (part.data() < head.target.data() ||
        part.data() + part.size() > head.target.data() + head.target.size())
      return keep(part);
    return kept.target.substr(static_cast<std::size_t>(part.data() - head.target.data()), part.size());
  };
  kept.path = within_target(head.path);
  kept.query = within_target(head.query);
  kept.authority = keep(head.authority);
  kept.upgrade = keep(head.upgrade);
  for (const HeaderField& field : head.fields) {
    const Bytes name = keep(field.name);
    fields.push_back(HeaderField{name, keep(field.value)});
  }
  kept.fields = std::move(fields);
  kept.content_length = head.content_length;
  kept.version_minor = head.version_minor;
  kept.framing = head.framing;
  kept.keep_alive = head.keep_alive;
  kept.expect_continue = head.expect_continue;
}

void HttpCall::clear() {
  attachment.reset();
  charge_.release();
  if (request_) {
    request_->head.fields.clear();
    recycle(request_->text);
  }
  state_ = State::waiting;
  chunked_ = resting_ = blocked_ = false;
}

// ---- HttpServer

HttpServer::HttpServer(Reactor& reactor, HttpHandler& handler, HttpServerOptions options)
    : reactor_(reactor),
      handler_(handler),
      options_(options),
      next_turn_([](void* self) { static_cast<HttpServer*>(self)->go_on(); }, this),
      connections_(std::make_unique<Slab<HttpConnection>>()) {}

HttpServer::~HttpServer() {
  emptied_ = nullptr;
  connections_->for_each([](Handle, HttpConnection& connection) { connection.abandon(); });
}

void HttpServer::adopt(StreamPtr stream) {
  ++counters_.connections;
  auto [handle, connection] = connections_->emplace(*this, std::move(stream));
  connection.start(handle);
}

void HttpServer::drain(std::function<void()> emptied) {
  draining_ = true;
  emptied_ = std::move(emptied);
  connections_->for_each([](Handle, HttpConnection& connection) { connection.drain(); });
  if (connections_->size() == 0 && emptied_) reactor_.defer(std::exchange(emptied_, nullptr));
}

std::size_t HttpServer::connections() const { return connections_->size(); }

bool HttpServer::serves(const HttpHandler& handler) const {
  bool found = false;
  connections_->for_each(
      [&](Handle, const HttpConnection& connection) { found |= connection.is_for(handler); });
  return found;
}

std::size_t HttpServer::idle_connection_bytes() { return sizeof(HttpConnection); }

std::unique_ptr<HttpServer::Busy> HttpServer::borrow_busy() {
  if (spare_.empty()) return std::make_unique<Busy>(options_.http);
  std::unique_ptr<Busy> busy = std::move(spare_.back());
  spare_.pop_back();
  return busy;
}

void HttpServer::return_busy(std::unique_ptr<Busy> busy) {
  busy->call.clear();
  if (spare_.size() >= spare_max) return;
  // A reader that stopped in the middle of something is of no further use.
  if (!busy->reader.idle()) busy->reader = Http1Reader(HttpRole::request, options_.http);
  recycle(busy->body);
  recycle(busy->out);
  busy->ahead.reset();
  busy->ahead_charge.release();
  spare_.push_back(std::move(busy));
}

void HttpServer::forget(Handle handle) {
  connections_->erase(handle);
  if (connections_->size() == 0 && draining_ && emptied_) reactor_.defer(std::exchange(emptied_, nullptr));
}

void HttpServer::go_on_later(Handle handle) {
  waiting_.push_back(handle);
  if (!next_turn_.armed()) reactor_.arm(next_turn_, reactor_.now() - milliseconds(1));
}

void HttpServer::go_on() {
  std::vector<Handle> due = std::exchange(waiting_, {});
  for (const Handle handle : due)
    if (HttpConnection* connection = connections_->get(handle)) connection->go_on();
}

Bytes HttpServer::date() {
  const WallTime wall = reactor_.wall();
  const auto second = std::chrono::floor<std::chrono::seconds>(wall.time_since_epoch()).count();
  if (second != date_second_) {
    date_second_ = second;
    date_ = http_date(wall);
  }
  return date_;
}

}  // namespace sluice
