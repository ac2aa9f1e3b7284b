// SPDX-License-Identifier: Apache-2.0
#include "transport/streamable_http_client.h"

#include <algorithm>
#include <utility>

#include "codec/headers.h"
#include "codec/url.h"

namespace sluice {

namespace {

constexpr Bytes accept_both = "application/json, text/event-stream";
constexpr Bytes accept_stream = "text/event-stream";

std::string owned(const HttpHead& head, Bytes name) { return std::string(header_value(head.fields, name)); }

bool refuses_credentials(int status) { return status == 401 || status == 403; }

// A refusal that another time may not meet.
bool may_change(int status) {
  return status == 200 || status == 408 || status == 429 || (status >= 500 && status != 501);
}

// What an event stream's next request says of it: its last event id, unless no field can carry that.
void remember_id(std::string& last_event_id, const SseReader& events) {
  if (!events.last_event_id().empty() && is_field_value(events.last_event_id()))
    last_event_id = events.last_event_id();
}

std::vector<std::string> challenges_of(const HttpHead& head) {
  std::vector<std::string> values;
  for (const HeaderField& field : head.fields)
    if (equals_ignoring_case(field.name, "WWW-Authenticate")) values.emplace_back(field.value);
  return values;
}

}  // namespace

UpstreamPost::UpstreamPost(StreamableHttpClient& client, UpstreamPostHandler& handler, PostOptions options)
    : client_(client),
      handler_(handler),
      options_(std::move(options)),
      charge_(client.reactor_.budget()),
      retry_([](void* self) { static_cast<UpstreamPost*>(self)->send_resuming(); }, this) {
  if (client.options_.authorizer != nullptr) credentials_ = std::make_unique<RequestCredentials>();
}

UpstreamPost::~UpstreamPost() {
  if (answered_ && fetch_) fetch_->finish_unheard();
}

void UpstreamPost::pause() {
  paused_ = true;
  if (fetch_) fetch_->pause();
}

void UpstreamPost::resume() {
  paused_ = false;
  if (fetch_) fetch_->resume();
}

void UpstreamPost::send(std::string message, std::vector<HeaderPair> fields) {
  if (credentials_) {
    credentials_->message = message;
    credentials_->fields = fields;
  }
  fields.push_back(HeaderPair{"Content-Type", "application/json"});
  fields.push_back(HeaderPair{"Accept", std::string(accept_both)});
  begin("POST", std::move(fields), std::move(message));
}

void UpstreamPost::send_resuming() {
  std::vector<HeaderPair> fields = *options_.resumes_with;
  fields.push_back(HeaderPair{"Accept", std::string(accept_stream)});
  fields.push_back(HeaderPair{"Last-Event-ID", last_event_id_});
  events_ = std::make_unique<SseReader>(client_.options_.sse);
  begin("GET", std::move(fields), {});
}

void UpstreamPost::begin(std::string method, std::vector<HeaderPair> fields, std::string body) {
  reply_ = Reply::none;
  answer_.reset();
  HttpFetchRequest fetch =
      client_.request(std::move(method), std::move(fields), std::move(body), credentials_.get());
  fetch.stays_open = options_.stays_open || resuming_;
  fetch.urgent = options_.urgent;
  fetch_ = client_.http_.start(std::move(fetch), *this);
  if (paused_) fetch_->pause();
}

bool UpstreamPost::ask_for_credentials() {
  if (!credentials_ || !refuses_credentials(answer_->status)) return false;
  RequestCredentials& credentials = *credentials_;
  if (credentials.challenge.attempt > client_.options_.authorizations_max) return false;
  credentials.challenge.status = answer_->status;
  fetch_.reset();
  const auto done = [this, &credentials](Status got) {
    credentials.getting.reset();
    ++credentials.challenge.attempt;
    if (!got) return handler_.on_failed(got.error(), resuming_ ? Outcome::sent_unknown : Outcome::not_sent);
    if (resuming_) return send_resuming();
    send(std::move(credentials.message), std::move(credentials.fields));
  };
  credentials.getting = client_.options_.authorizer->challenged(credentials.challenge, done);
  return true;
}

// A stream that ends without its response goes on elsewhere, where the server gave its events ids.
bool UpstreamPost::take_up_again(bool broke) {
  if (!options_.resumes_with || answered_ || last_event_id_.empty()) return false;
  if (!resuming_ && reply_ != Reply::stream) return false;
  if (!broke && reply_ == Reply::other && (answer_->status == 200 || !may_change(answer_->status)))
    return false;
  failures_ = reply_ == Reply::stream ? 0 : failures_ + 1;
  fetch_.reset();
  resuming_ = true;
  client_.reactor_.arm_after(retry_, client_.reconnect_wait(failures_, events_.get()));
  return true;
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
  const auto type = parse_media_type(header_value(head.fields, "Content-Type"));
  if (head.status == 200 && type && type->is("application", "json")) {
    reply_ = Reply::json;
    if (head.framing == HttpFraming::length) expect_body(head.content_length);
  } else if (head.status == 200 && type && type->is("text", "event-stream")) {
    reply_ = Reply::stream;
    events_ = std::make_unique<SseReader>(client_.options_.sse);
  } else {
    reply_ = Reply::other;
    answer_ = std::make_unique<HttpAnswer>();
    answer_->status = head.status;
    answer_->www_authenticate = owned(head, "WWW-Authenticate");
    if (credentials_) credentials_->challenge.www_authenticate = challenges_of(head);
  }
}

// A promised length is worth memory only as far as the budget goes; without it the text grows as it comes.
void UpstreamPost::expect_body(std::uint64_t length) {
  if (length > client_.options_.json.message_bytes_max) return;
  const auto bytes = static_cast<std::size_t>(length) + padding_bytes;
  if (bytes <= UpstreamLimits{}.promised_bytes_max && charge_.resize(bytes)) body_.reserve(bytes);
}

void UpstreamPost::on_body(Bytes piece) {
  switch (reply_) {
    case Reply::none: return;
    case Reply::stream: return on_stream(piece);
    case Reply::other: {
      const std::size_t room = client_.options_.refusal_bytes_max - answer_->body.size();
      answer_->body.append(piece.substr(0, room));
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
        remember_id(last_event_id_, *events_);
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
  if (take_up_again(false)) return;
  if (reply_ == Reply::other) {
    if (ask_for_credentials()) return;
    if (resuming_)
      return handler_.on_failed(Error(Errc::closed,
                                      "the reply broke off, and asking for the rest of it was answered with "
                                      "HTTP status " +
                                          std::to_string(answer_->status)),
                                Outcome::sent_unknown);
    if (answer_->status != 200) return handler_.on_refused(*answer_);
    return handler_.on_failed(
        Error(Errc::invalid, "the upstream's reply is neither application/json nor text/event-stream"),
        Outcome::answered);
  }
  if (reply_ == Reply::json && !deliver(PaddedString(std::move(body_)))) return;
  handler_.on_done();
}

void UpstreamPost::on_failed(const Error& error, Outcome outcome) {
  if (take_up_again(true)) return;
  handler_.on_failed(error, resuming_ ? Outcome::sent_unknown : outcome);
}

UpstreamListen::UpstreamListen(StreamableHttpClient& client, SessionFields fields,
                               UpstreamListenHandler& handler)
    : client_(client),
      fields_(std::move(fields)),
      handler_(handler),
      charge_(client.reactor_.budget()),
      retry_([](void* self) { static_cast<UpstreamListen*>(self)->connect(); }, this) {
  if (client.options_.authorizer != nullptr) credentials_ = std::make_unique<RequestCredentials>();
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
  std::vector<HeaderPair> fields = *fields_;
  fields.push_back(HeaderPair{"Accept", std::string(accept_stream)});
  if (!last_event_id_.empty()) fields.push_back(HeaderPair{"Last-Event-ID", last_event_id_});
  status_ = 0;
  events_ = std::make_unique<SseReader>(client_.options_.sse);
  HttpFetchRequest request = client_.request("GET", std::move(fields), {}, credentials_.get());
  request.stays_open = true;
  fetch_ = client_.http_.start(std::move(request), *this);
  if (paused_) fetch_->pause();
}

void UpstreamListen::again() {
  fetch_.reset();
  client_.reactor_.arm_after(retry_, client_.reconnect_wait(failures_, events_.get()));
  events_.reset();
  charge_.release();
}

// The event would come again with everything that followed the one before: both are passed over.
void UpstreamListen::pass_over() {
  last_event_id_.clear();
  if (++oversized_ <= client_.options_.oversized_events_max) {
    ++failures_;
    return again();
  }
  fetch_.reset();
  constexpr int content_too_large = 413;
  handler_.on_unavailable(content_too_large);
}

void UpstreamListen::on_head(const HttpHead& head) {
  const auto type = parse_media_type(header_value(head.fields, "Content-Type"));
  status_ = head.status;
  if (credentials_ && refuses_credentials(status_))
    credentials_->challenge.www_authenticate = challenges_of(head);
  if (head.status == 200 && !(type && type->is("text", "event-stream"))) status_ = 415;
  if (status_ != 200) return;
  if (credentials_) credentials_->challenge.attempt = 1;
  handler_.on_opened();
}

void UpstreamListen::on_body(Bytes piece) {
  if (status_ != 200) return;
  const Lifetime::Watch watch(lifetime_);
  events_->feed(piece);
  for (;;) {
    SseEvent event;
    switch (events_->next(event)) {
      case SseReader::Step::need_bytes:
        remember_id(last_event_id_, *events_);
        if (charge_.resize(events_->bytes_held())) return;
        ++failures_;
        return again();
      case SseReader::Step::too_large: return pass_over();
      case SseReader::Step::comment: break;
      case SseReader::Step::event: {
        failures_ = 0;  // it is good for something: not every stream that opens is
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
  if (credentials_ && refuses_credentials(status_) &&
      credentials_->challenge.attempt <= client_.options_.authorizations_max) {
    RequestCredentials& credentials = *credentials_;
    credentials.challenge.status = status_;
    fetch_.reset();
    const auto done = [this, &credentials](Status got) {
      credentials.getting.reset();
      ++credentials.challenge.attempt;
      if (got) return connect();
      handler_.on_unavailable(status_);
    };
    credentials.getting = client_.options_.authorizer->challenged(credentials.challenge, done);
    return;
  }
  if (!may_change(status_)) return handler_.on_unavailable(status_);
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
                                               std::string body, RequestCredentials* credentials) const {
  HttpFetchRequest request;
  request.target = target_;
  request.fields = std::move(fields);
  request.fields.insert(request.fields.end(), options_.fields.begin(), options_.fields.end());
  if (options_.authorizer != nullptr) {
    std::vector<HeaderPair> laid_on;
    options_.authorizer->lay_on(method, laid_on);
    request.fields.insert(request.fields.end(), laid_on.begin(), laid_on.end());
    if (credentials != nullptr) credentials->challenge.refused = std::move(laid_on);
  }
  request.method = std::move(method);
  request.body = std::move(body);
  return request;
}

milliseconds StreamableHttpClient::reconnect_wait(int failures, const SseReader* events) {
  if (events != nullptr && events->retry())
    return std::clamp(*events->retry(), options_.retry_least, options_.retry_most);
  milliseconds most = options_.reconnect_first;
  for (int i = 0; i < failures && most < options_.reconnect_max; ++i) most *= 2;
  most = std::min(most, options_.reconnect_max);
  return milliseconds(random_.below(static_cast<std::uint64_t>(most.count()) + 1));
}

std::unique_ptr<UpstreamPost> StreamableHttpClient::post(std::string message, std::vector<HeaderPair> fields,
                                                         UpstreamPostHandler& handler, PostOptions options) {
  std::unique_ptr<UpstreamPost> post(new UpstreamPost(*this, handler, std::move(options)));
  post->send(std::move(message), std::move(fields));
  return post;
}

std::unique_ptr<UpstreamListen> StreamableHttpClient::listen(SessionFields fields,
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
