// SPDX-License-Identifier: Apache-2.0
#include "transport/http_client.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/buffer.h"

namespace sluice {

namespace {

std::shared_ptr<void> connect_over_network(Reactor& reactor, const std::string& host, std::uint16_t port,
                                           Duration timeout, OnConnect on_connect) {
  return connect_stream(reactor, host, port, timeout, std::move(on_connect));
}

// The seconds a server says it keeps an idle connection: `Keep-Alive: timeout=5`.
std::optional<seconds> announced_keep_alive(HeaderFields fields) {
  for (ListReader list(header_value(fields, "Keep-Alive")); const auto element = list.next();) {
    constexpr Bytes name = "timeout=";
    if (element->substr(0, name.size()) != name) continue;
    const Bytes digits = element->substr(name.size());
    long long value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error == std::errc() && end == digits.data() + digits.size() && value >= 0 && value < 86'400)
      return seconds(value);
  }
  return std::nullopt;
}

}  // namespace

// One connection: connecting, answering one fetch, or idle in the pool.
class HttpClientConnection final : public StreamHandler {
 public:
  HttpClientConnection(HttpClient& client, bool pooled)
      : client_(client),
        pooled_(pooled),
        reader_(HttpRole::response, client.options_.http),
        idle_timer_([](void* self) { static_cast<HttpClientConnection*>(self)->close(); }, this) {}

  void connect(HttpFetch& fetch);
  void send(HttpFetch& fetch, const HttpFetchRequest& request);
  void pause();
  void resume();
  // The owner dropped the fetch before its response was complete.
  void abandon();
  // Counts no longer for the pool, if there is room beside it.
  void leave_pool();
  // The owner has heard enough: the rest of the response is read and thrown away, within bounds.
  void finish_unheard();
  void close();
  [[nodiscard]] bool pooled() const { return pooled_; }

 private:
  void connected(Result<StreamPtr> stream);
  void on_bytes(PaddedBytes bytes) override;
  void on_end() override;
  void on_failed(const Error& error) override;
  // Feeds the reader until the input is used up, the fetch is gone or paused. What is left over is kept.
  void read(Bytes input);
  bool handle(Http1Reader::Step step, bool more);
  // `more`: bytes follow the response, though nothing else was asked.
  void complete(bool more);
  void rest();
  // The bounded end of a response that nobody listens to any more.
  void skip(Bytes input);
  void fail(Error error);

  HttpClient& client_;
  bool pooled_;  // counts for the pool; the others serve one fetch that stays open
  std::shared_ptr<void> connecting_;
  StreamPtr stream_;
  Http1Reader reader_;
  HttpFetch* fetch_ = nullptr;
  Buffer held_;           // input behind a pause
  bool stopped_ = false;  // reading stopped at a pause: there may be events left even without input
  bool reading_ = false;  // read() is on the stack
  std::optional<std::size_t> skipped_;  // bytes thrown away, while the rest of a response goes unheard
  Timer idle_timer_;
  milliseconds idle_max_{};
  bool ended_ = false;  // the peer finished while we were paused
};

HttpFetch::~HttpFetch() { client_.forget(*this); }

void HttpFetch::finish_unheard() {
  if (connection_ != nullptr) std::exchange(connection_, nullptr)->finish_unheard();
}

void HttpFetch::leave_pool() {
  if (connection_ != nullptr) connection_->leave_pool();
}

void HttpFetch::pause() {
  paused_ = true;
  if (connection_ != nullptr) connection_->pause();
}

void HttpFetch::resume() {
  paused_ = false;
  if (connection_ != nullptr) connection_->resume();
}

void HttpClientConnection::leave_pool() {
  if (pooled_ && client_.take_out()) pooled_ = false;
}

void HttpClientConnection::connect(HttpFetch& fetch) {
  fetch_ = &fetch;
  fetch.connection_ = this;
  ++client_.counters_.connects;
  const StartConnect& door = client_.options_.start_connect;
  connecting_ = (door ? door : connect_over_network)(
      client_.reactor_, client_.origin_.host, client_.origin_.port, client_.options_.connect,
      [this](Result<StreamPtr> stream) { connected(std::move(stream)); });
}

void HttpClientConnection::connected(Result<StreamPtr> stream) {
  const std::shared_ptr<void> done = std::exchange(connecting_, nullptr);  // what made it has no more to do
  if (!stream) {
    ++client_.counters_.connect_failures;
    HttpFetch* fetch = std::exchange(fetch_, nullptr);
    fetch->connection_ = nullptr;
    HttpFetchHandler& handler = fetch->handler_;
    ++client_.counters_.failures;
    client_.closed(*this);
    handler.on_failed(stream.error(), Outcome::not_sent);
    return;
  }
  stream_ = std::move(*stream);
  stream_->set_handler(this);
  // A response may be long in coming, and nothing of this is sent again: its memory goes back now.
  const std::unique_ptr<HttpFetchRequest> request = std::move(fetch_->unsent_);
  send(*fetch_, *request);
}

void HttpClientConnection::send(HttpFetch& fetch, const HttpFetchRequest& request) {
  fetch_ = &fetch;
  fetch.connection_ = this;
  idle_timer_.cancel();
  std::vector<HeaderField> fields;
  fields.reserve(request.fields.size() + 2);
  fields.push_back(HeaderField{"Host", client_.origin_.host_field});
  const std::string length = std::to_string(request.body.size());
  if (!request.body.empty() || request.method == "POST")
    fields.push_back(HeaderField{"Content-Length", length});
  for (const HeaderPair& field : request.fields) fields.push_back(HeaderField{field.name, field.value});
  std::string& head = client_.scratch_;
  head.clear();
  if (const Status written = write_request_head(head, request.method, request.target, HeaderFields(fields));
      !written) {
    HttpFetch* failed = std::exchange(fetch_, nullptr);
    failed->connection_ = nullptr;
    client_.fail_later(*failed, written.error());
    idle_max_ = client_.options_.idle;
    return pooled_ ? rest() : close();  // the others are not the pool's
  }
  if (request.method == "HEAD") reader_.expect_no_body();
  ++client_.counters_.requests;
  idle_max_ = client_.options_.idle;
  if (fetch.paused_) stream_->pause();  // it was, while it waited
  stream_->write(head);
  stream_->write(request.body);
}

void HttpClientConnection::pause() {
  if (stream_) stream_->pause();
}

void HttpClientConnection::resume() {
  if (!stream_) return;
  stream_->resume();
  if (reading_) return;  // read() looks again when its call returns
  if (std::exchange(stopped_, false)) {
    Buffer held = std::move(held_);
    held_ = Buffer();
    read(held.view());
  }
  if (fetch_ != nullptr && !fetch_->paused_ && ended_) on_end();
}

void HttpClientConnection::abandon() {
  fetch_ = nullptr;
  close();
}

void HttpClientConnection::finish_unheard() {
  const bool may_rest =
      pooled_ && stream_ && !fetch_->paused_ && !stopped_ && !ended_ && stream_->unsent() == 0;
  if (!may_rest) return abandon();
  fetch_ = nullptr;
  skipped_ = 0;
  client_.reactor_.arm_after(idle_timer_, client_.options_.unheard);  // else it closes
  // Whether read() is on the stack or the next bytes come, it goes on with skip().
}

void HttpClientConnection::skip(Bytes input) {
  for (;;) {
    const std::size_t before = input.size();
    const Http1Reader::Step step = reader_.next(input);
    *skipped_ += before - input.size();
    if (step == Http1Reader::Step::end) {
      skipped_.reset();
      idle_timer_.cancel();
      return reader_.keep_alive() && idle_max_.count() > 0 && input.empty() ? rest() : close();
    }
    if (step == Http1Reader::Step::refused || *skipped_ > client_.options_.unheard_bytes_max) return close();
    if (step == Http1Reader::Step::need_bytes) return;
  }
}

void HttpClientConnection::close() {
  skipped_.reset();
  idle_timer_.cancel();
  connecting_.reset();
  stream_.reset();
  client_.closed(*this);
}

void HttpClientConnection::on_bytes(PaddedBytes bytes) {
  if (skipped_) return skip(bytes.bytes);
  if (fetch_ == nullptr) return close();  // a server that speaks unasked
  if (!fetch_->paused_ && !stopped_) return read(bytes.bytes);
  stopped_ = true;
  held_.append(bytes.bytes);
}

void HttpClientConnection::read(Bytes input) {
  reading_ = true;
  for (;;) {
    const Http1Reader::Step step = reader_.next(input);
    if (step == Http1Reader::Step::need_bytes || !handle(step, !input.empty())) break;
    if (!fetch_->paused_) continue;
    stopped_ = true;
    held_.append(input);
    break;
  }
  reading_ = false;
  if (skipped_) skip(input);
}

// False when the fetch is over, or was dropped.
bool HttpClientConnection::handle(Http1Reader::Step step, bool more) {
  switch (step) {
    case Http1Reader::Step::head: {
      const HttpHead& head = reader_.head();
      if (head.status < 200) return true;
      if (const auto announced = announced_keep_alive(head.fields))
        idle_max_ = std::min(idle_max_, std::max(milliseconds(0), milliseconds(*announced) - seconds(1)));
      fetch_->handler_.on_head(head);
      return fetch_ != nullptr;
    }
    case Http1Reader::Step::body: fetch_->handler_.on_body(reader_.body()); return fetch_ != nullptr;
    case Http1Reader::Step::end: complete(more); return false;
    case Http1Reader::Step::refused:
      fail(Error(Errc::invalid,
                 "the upstream's HTTP response is malformed: " + std::string(reader_.refusal().sentence)));
      return false;
    case Http1Reader::Step::need_bytes: break;
  }
  return false;
}

// Whoever said more than was asked, or has not taken the whole request, is not asked again on this
// connection.
void HttpClientConnection::complete(bool more) {
  HttpFetch* fetch = std::exchange(fetch_, nullptr);
  fetch->connection_ = nullptr;
  HttpFetchHandler& handler = fetch->handler_;
  if (pooled_ && reader_.keep_alive() && idle_max_.count() > 0 && !ended_ && !more &&
      stream_->unsent() == 0) {
    rest();
  } else {
    close();
  }
  handler.on_complete();
}

void HttpClientConnection::rest() {
  stream_->resume();
  client_.became_idle(*this);
  client_.reactor_.arm_after(idle_timer_, idle_max_);
}

void HttpClientConnection::fail(Error error) {
  HttpFetch* fetch = std::exchange(fetch_, nullptr);
  fetch->connection_ = nullptr;
  HttpFetchHandler& handler = fetch->handler_;
  ++client_.counters_.failures;
  close();
  handler.on_failed(error, Outcome::sent_unknown);
}

void HttpClientConnection::on_end() {
  if (fetch_ == nullptr) return close();
  ended_ = true;
  if (fetch_->paused_ || stopped_) return;
  switch (reader_.finish()) {
    case Http1Reader::Step::end: return complete(false);
    default:
      return fail(Error(Errc::closed, "the upstream closed the connection before its response was complete"));
  }
}

void HttpClientConnection::on_failed(const Error& error) {
  if (fetch_ == nullptr) return close();
  fail(Error(error.code, "the connection to the upstream failed: " + error.message));
}

HttpClient::HttpClient(Reactor& reactor, HttpOrigin origin, HttpClientOptions options)
    : reactor_(reactor),
      origin_(std::move(origin)),
      options_(std::move(options)),
      later_(
          [](void* self) {
            auto* client = static_cast<HttpClient*>(self);
            client->dead_.clear();
            client->dispatch();
            client->reap();
          },
          this) {}

HttpClient::~HttpClient() { DCHECK(waiting_.empty() && failing_.empty()); }

std::unique_ptr<HttpFetch> HttpClient::start(HttpFetchRequest request, HttpFetchHandler& handler) {
  std::unique_ptr<HttpFetch> fetch(new HttpFetch(*this, handler));
  if (request.stays_open) {
    if (streams_ < options_.streams_max) {
      connect(*fetch, request, false);
    } else {
      ++counters_.refusals;
      fail_later(*fetch, Error(Errc::exhausted, "too many streams of this upstream are open"));
    }
  } else if ((waiting_.empty() || request.urgent) && begin(*fetch, request)) {
    return fetch;
  } else if (request.urgent && streams_ < options_.streams_max) {
    connect(*fetch, request, false);
  } else if (waiting_.size() < options_.waiting_max) {
    fetch->unsent_ = std::make_unique<HttpFetchRequest>(std::move(request));
    fetch->waiting_ = true;
    waiting_.push_back(fetch.get());
  } else {
    ++counters_.refusals;
    fail_later(*fetch, Error(Errc::exhausted, "too many requests are waiting for this upstream"));
  }
  return fetch;
}

bool HttpClient::begin(HttpFetch& fetch, HttpFetchRequest& request) {
  if (!idle_.empty()) {
    HttpClientConnection* connection = idle_.back();
    idle_.pop_back();
    connection->send(fetch, request);
    return true;
  }
  if (connections_.size() - streams_ >= options_.connections_max) return false;
  connect(fetch, request, true);
  return true;
}

void HttpClient::connect(HttpFetch& fetch, HttpFetchRequest& request, bool pooled) {
  fetch.unsent_ = std::make_unique<HttpFetchRequest>(std::move(request));
  if (!pooled) ++streams_;
  connections_.push_back(std::make_unique<HttpClientConnection>(*this, pooled));
  connections_.back()->connect(fetch);
}

bool HttpClient::take_out() {
  if (streams_ >= options_.streams_max) return false;
  ++streams_;
  if (!waiting_.empty()) reactor_.arm_after(later_, Duration(0));
  return true;
}

void HttpClient::dispatch() {
  while (!waiting_.empty()) {
    HttpFetch* fetch = waiting_.front();
    std::unique_ptr<HttpFetchRequest> request = std::move(fetch->unsent_);
    if (!begin(*fetch, *request)) {
      fetch->unsent_ = std::move(request);
      return;
    }
    waiting_.pop_front();
    fetch->waiting_ = false;
  }
}

void HttpClient::reap() {
  // Whoever is told may drop others and start new ones; those are told in the next turn.
  for (std::size_t due = failing_.size(); due != 0 && !failing_.empty(); --due) {
    const Failing failing = std::move(failing_.front());
    failing_.pop_front();
    ++counters_.failures;
    failing.fetch->handler_.on_failed(failing.error, Outcome::not_sent);
  }
}

void HttpClient::fail_later(HttpFetch& fetch, Error error) {
  failing_.push_back(Failing{&fetch, std::move(error)});
  reactor_.arm_after(later_, Duration(0));
}

void HttpClient::forget(HttpFetch& fetch) {
  if (fetch.connection_ != nullptr) return fetch.connection_->abandon();
  if (fetch.waiting_) waiting_.erase(std::find(waiting_.begin(), waiting_.end(), &fetch));
  std::erase_if(failing_, [&fetch](const Failing& failing) { return failing.fetch == &fetch; });
}

void HttpClient::became_idle(HttpClientConnection& connection) {
  idle_.push_back(&connection);
  if (!waiting_.empty()) reactor_.arm_after(later_, Duration(0));
}

void HttpClient::closed(HttpClientConnection& connection) {
  std::erase(idle_, &connection);
  const auto at =
      std::find_if(connections_.begin(), connections_.end(),
                   [&connection](const auto& candidate) { return candidate.get() == &connection; });
  if (at == connections_.end()) return;
  if (!connection.pooled()) --streams_;
  dead_.push_back(std::move(*at));
  *at = std::move(connections_.back());
  connections_.pop_back();
  reactor_.arm_after(later_, Duration(0));
}

}  // namespace sluice
