// SPDX-License-Identifier: Apache-2.0
#include "transport/streamable_http_client.h"

#include <algorithm>
#include <utility>

#include "codec/url.h"

namespace sluice {

namespace {

constexpr Bytes accept_both = "application/json, text/event-stream";
constexpr Bytes accept_stream = "text/event-stream";
constexpr std::size_t promised_bytes_max = 256 * 1024;  // taken at a Content-Length's word

std::string owned(const HttpHead& head, Bytes name) { return std::string(header_value(head.fields, name)); }

}  // namespace

UpstreamPost::UpstreamPost(StreamableHttpClient& client, UpstreamPostHandler& handler)
    : client_(client), handler_(handler), charge_(client.reactor_.budget()) {}

UpstreamPost::~UpstreamPost() {
  if (answered_ && fetch_) fetch_->finish_unheard();
}

void UpstreamPost::on_head(const HttpHead& head) {
  const Lifetime::Watch watch(lifetime_);
  if (head.status == 200 || head.status == 202) {
    if (const HeaderField* id = find_header(head.fields, "Mcp-Session-Id"); id != nullptr) {
      handler_.on_session_id(id->value);
      if (!watch.alive()) return;
    }
  }
  if (head.status == 202) return;
  reply_ = Reply::other;
  answer_.status = head.status;
  if (head.status != 200) {
    answer_.www_authenticate = owned(head, "WWW-Authenticate");
    return;
  }
  const auto type = parse_media_type(header_value(head.fields, "Content-Type"));
  if (type && type->is("application", "json")) reply_ = Reply::json;
  if (reply_ == Reply::json && head.framing == HttpFraming::length) expect_body(head.content_length);
  if (type && type->is("text", "event-stream")) {
    reply_ = Reply::stream;
    events_ = std::make_unique<SseReader>(client_.options_.sse);
  }
}

// A promised length is worth memory only as far as the budget goes; without it the text grows as it comes.
void UpstreamPost::expect_body(std::uint64_t length) {
  if (length > client_.options_.json.message_bytes_max) return;
  const auto bytes = static_cast<std::size_t>(length) + padding_bytes;
  if (bytes <= promised_bytes_max && charge_.resize(bytes)) body_.reserve(bytes);
}

void UpstreamPost::on_body(Bytes piece) {
  switch (reply_) {
    case Reply::none: return;
    case Reply::stream: return on_stream(piece);
    case Reply::other: {
      const std::size_t room = client_.options_.refusal_bytes_max - answer_.body.size();
      answer_.body.append(piece.substr(0, room));
      return;
    }
    case Reply::json: break;
  }
  const bool fits = body_.size() + piece.size() <= client_.options_.json.message_bytes_max;
  const std::size_t needed = body_.size() + piece.size() + padding_bytes;
  if (fits && (needed <= charge_.bytes() || charge_.resize(needed))) {
    body_.append(piece);
    return;
  }
  fetch_.reset();
  handler_.on_failed(fits ? Error(Errc::exhausted, "no memory is left for the upstream's reply")
                          : Error(Errc::too_large, "the upstream's reply is larger than a message may be"),
                     Outcome::answered);
}

void UpstreamPost::on_stream(Bytes piece) {
  const Lifetime::Watch watch(lifetime_);
  events_->feed(piece);
  for (;;) {
    SseEvent event;
    switch (events_->next(event)) {
      case SseReader::Step::need_bytes:
        if (charge_.resize(events_->bytes_held())) return;
        fetch_.reset();
        return handler_.on_failed(Error(Errc::exhausted, "no memory is left for the upstream's reply"),
                                  Outcome::answered);
      case SseReader::Step::too_large:
        fetch_.reset();
        return handler_.on_failed(
            Error(Errc::too_large, "the upstream sent an event larger than a message may be"),
            Outcome::answered);
      case SseReader::Step::comment: break;
      case SseReader::Step::event:
        if (event.type != "message" || event.data.empty()) break;
        if (!deliver(PaddedString(event.data)) || !watch.alive()) return;
        break;
    }
  }
}

bool UpstreamPost::deliver(PaddedString text) {
  ClientMessage message;
  const ScanResult scanned = message.take(client_.scanner_, std::move(text));
  const Lifetime::Watch watch(lifetime_);
  const MessageKind kind = message.envelope().kind;
  if (scanned.ok() && kind != MessageKind::batch) {
    answered_ = answered_ || kind == MessageKind::response || kind == MessageKind::error_response;
    handler_.on_message(std::move(message));
    return watch.alive();
  }
  fetch_.reset();
  handler_.on_failed(Error(Errc::invalid, std::string("the upstream's reply is no JSON-RPC message: ") +
                                              (scanned.ok() ? "a batch" : scanned.reason)),
                     Outcome::answered);
  return false;
}

void UpstreamPost::on_complete() {
  if (reply_ == Reply::other) {
    if (answer_.status != 200) return handler_.on_refused(answer_);
    return handler_.on_failed(
        Error(Errc::invalid, "the upstream's reply is neither application/json nor text/event-stream"),
        Outcome::answered);
  }
  if (reply_ == Reply::json && !deliver(PaddedString(std::move(body_)))) return;
  handler_.on_done();
}

void UpstreamPost::on_failed(const Error& error, Outcome outcome) { handler_.on_failed(error, outcome); }

UpstreamListen::UpstreamListen(StreamableHttpClient& client, std::vector<HeaderPair> fields,
                               UpstreamListenHandler& handler)
    : client_(client),
      fields_(std::move(fields)),
      handler_(handler),
      retry_([](void* self) { static_cast<UpstreamListen*>(self)->connect(); }, this) {
  fields_.push_back(HeaderPair{"Accept", std::string(accept_stream)});
}

void UpstreamListen::pause() {
  paused_ = true;
  if (fetch_) fetch_->pause();
}

void UpstreamListen::resume() {
  paused_ = false;
  if (fetch_) fetch_->resume();
}

void UpstreamListen::connect() {
  std::vector<HeaderPair> fields = fields_;
  if (!last_event_id_.empty()) fields.push_back(HeaderPair{"Last-Event-ID", last_event_id_});
  status_ = 0;
  events_ = std::make_unique<SseReader>(client_.options_.sse);
  HttpFetchRequest request = client_.request("GET", std::move(fields), {});
  request.stays_open = true;
  fetch_ = client_.http_.start(std::move(request), *this);
  if (paused_) fetch_->pause();
}

void UpstreamListen::again() {
  fetch_.reset();
  const StreamableHttpClientOptions& options = client_.options_;
  milliseconds wait = options.reconnect_first;
  for (int i = 0; i < failures_ && wait < options.reconnect_max; ++i) wait *= 2;
  wait = std::min(wait, options.reconnect_max);
  if (events_ && events_->retry()) {
    wait = std::clamp(*events_->retry(), options.retry_least, options.retry_most);
  } else {
    wait = milliseconds(client_.random_.below(static_cast<std::uint64_t>(wait.count()) + 1));
  }
  client_.reactor_.arm_after(retry_, wait);
}

void UpstreamListen::on_head(const HttpHead& head) {
  const auto type = parse_media_type(header_value(head.fields, "Content-Type"));
  status_ = head.status;
  if (head.status == 200 && !(type && type->is("text", "event-stream"))) status_ = 415;
  if (status_ != 200) return;
  failures_ = 0;
  handler_.on_opened();
}

void UpstreamListen::on_body(Bytes piece) {
  if (status_ != 200) return;
  const Lifetime::Watch watch(lifetime_);
  events_->feed(piece);
  for (;;) {
    SseEvent event;
    switch (events_->next(event)) {
      case SseReader::Step::need_bytes: last_event_id_ = events_->last_event_id(); return;
      case SseReader::Step::too_large: ++failures_; return again();
      case SseReader::Step::comment: break;
      case SseReader::Step::event: {
        if (event.type != "message" || event.data.empty()) break;
        ClientMessage message;
        if (!message.take(client_.scanner_, PaddedString(event.data)).ok()) break;
        handler_.on_message(std::move(message));
        if (!watch.alive()) return;
        break;
      }
    }
  }
}

void UpstreamListen::on_complete() {
  const bool may_change =
      status_ == 200 || status_ == 408 || status_ == 429 || (status_ >= 500 && status_ != 501);
  if (!may_change) return handler_.on_unavailable(status_);
  ++failures_;
  again();
}

void UpstreamListen::on_failed(const Error&, Outcome) {
  ++failures_;
  again();
}

// A DELETE under way. Nobody waits for it; it frees itself.
struct StreamableHttpClient::Farewell final : HttpFetchHandler {
  explicit Farewell(StreamableHttpClient& owner)
      : client(owner), timer([](void* self) { static_cast<Farewell*>(self)->finish(); }, this) {}
  void on_head(const HttpHead&) override {}
  void on_body(Bytes) override {}
  void on_complete() override { finish(); }
  void on_failed(const Error&, Outcome) override { finish(); }
  void finish() {
    std::erase_if(client.farewells_, [this](const auto& candidate) { return candidate.get() == this; });
  }

  StreamableHttpClient& client;
  std::unique_ptr<HttpFetch> fetch;
  Timer timer;  // a server that does not answer keeps no connection
};

Result<std::unique_ptr<StreamableHttpClient>> StreamableHttpClient::open(
    Reactor& reactor, const std::string& url, StreamableHttpClientOptions options) {
  const auto parsed = parse_http_url(url);
  if (!parsed) return parsed.error();
  if (!equals_ignoring_case(parsed->scheme, "http"))
    return Error(
        Errc::invalid,
        "'" + url +
            "' needs TLS, which this version does not speak to upstreams; use http or a local TLS proxy");
  HttpOrigin origin;
  origin.host = std::string(parsed->host.host);
  origin.port = effective_port(*parsed).value_or(80);
  origin.host_field = std::string(*parsed->authority);
  std::string target(parsed->path.empty() ? Bytes("/") : parsed->path);
  if (parsed->query) target += "?" + std::string(*parsed->query);
  return std::unique_ptr<StreamableHttpClient>(
      new StreamableHttpClient(reactor, std::move(origin), std::move(target), std::move(options)));
}

StreamableHttpClient::StreamableHttpClient(Reactor& reactor, HttpOrigin origin, std::string target,
                                           StreamableHttpClientOptions options)
    : reactor_(reactor),
      options_(std::move(options)),
      target_(std::move(target)),
      http_(reactor, std::move(origin), options_.http),
      scanner_(options_.json),
      random_(options_.jitter_seed) {}

StreamableHttpClient::~StreamableHttpClient() = default;

HttpFetchRequest StreamableHttpClient::request(std::string method, std::vector<HeaderPair> fields,
                                               std::string body) const {
  HttpFetchRequest request;
  request.method = std::move(method);
  request.target = target_;
  request.fields = std::move(fields);
  request.fields.insert(request.fields.end(), options_.fields.begin(), options_.fields.end());
  request.body = std::move(body);
  return request;
}

std::unique_ptr<UpstreamPost> StreamableHttpClient::post(std::string message, std::vector<HeaderPair> fields,
                                                         UpstreamPostHandler& handler, bool stays_open) {
  fields.push_back(HeaderPair{"Content-Type", "application/json"});
  fields.push_back(HeaderPair{"Accept", std::string(accept_both)});
  std::unique_ptr<UpstreamPost> post(new UpstreamPost(*this, handler));
  HttpFetchRequest fetch = request("POST", std::move(fields), std::move(message));
  fetch.stays_open = stays_open;
  post->fetch_ = http_.start(std::move(fetch), *post);
  return post;
}

std::unique_ptr<UpstreamListen> StreamableHttpClient::listen(std::vector<HeaderPair> fields,
                                                             UpstreamListenHandler& handler) {
  std::unique_ptr<UpstreamListen> listen(new UpstreamListen(*this, std::move(fields), handler));
  listen->connect();
  return listen;
}

void StreamableHttpClient::end_session(std::vector<HeaderPair> fields) {
  if (farewells_.size() >= options_.farewells_max) return;
  farewells_.push_back(std::make_unique<Farewell>(*this));
  Farewell& farewell = *farewells_.back();
  farewell.fetch = http_.start(request("DELETE", std::move(fields), {}), farewell);
  reactor_.arm_after(farewell.timer, options_.farewell);
}

}  // namespace sluice
