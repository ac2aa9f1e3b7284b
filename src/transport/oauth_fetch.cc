// SPDX-License-Identifier: Apache-2.0
#include "transport/oauth_fetch.h"

#include <algorithm>
#include <utility>

#include "codec/headers.h"
#include "codec/url.h"

namespace sluice {

namespace {

// Plain text stays on this machine: a name that was loopback when it was judged may resolve elsewhere now.
std::shared_ptr<void> connect_to_loopback(Reactor& reactor, const std::string& host, std::uint16_t port,
                                          Duration timeout, OnConnect on_connect) {
  return connect_stream(reactor, host, port, timeout, std::move(on_connect),
                        [](const Address& address) { return address.is_loopback(); });
}

}  // namespace

OauthFetch::OauthFetch(Reactor& reactor, const OauthLimits& limits, StartConnect start_connect)
    : reactor_(reactor),
      limits_(limits),
      start_connect_(std::move(start_connect)),
      deadline_(
          [](void* self) {
            auto& fetch = *static_cast<OauthFetch*>(self);
            fetch.end(Error(Errc::timed_out, "'" + fetch.url_ + "' did not answer in time"));
          },
          this),
      tell_([](void* self) { static_cast<OauthFetch*>(self)->tell(); }, this) {
  if (!start_connect_) start_connect_ = connect_to_loopback;
}

OauthFetch::~OauthFetch() = default;

void OauthFetch::start(const OauthRequest& request, std::function<void(Result<OauthFetched>)> done) {
  fetch_.reset();
  client_.reset();
  done_ = std::move(done);
  fetched_ = {};
  url_ = request.url.substr(0, request.url.find('?'));  // queries hold secrets
  const auto url = parse_http_url(request.url);
  if (!url) return end(url.error());
  if (!equals_ignoring_case(url->scheme, "http")) {
    return end(Error(Errc::unavailable, "'" + url_ +
                                            "' needs TLS, which this version does not speak to authorization "
                                            "servers; use a local TLS proxy"));
  }
  HttpOrigin origin;
  origin.host = std::string(url->host.host);
  origin.port = effective_port(*url).value_or(80);
  origin.host_field = std::string(url->authority.value_or(Bytes()));
  HttpClientOptions options;
  options.connections_max = 1;
  options.start_connect = start_connect_;
  client_ = std::make_unique<HttpClient>(reactor_, std::move(origin), std::move(options));
  HttpFetchRequest fetch;
  fetch.method = request.post ? "POST" : "GET";
  fetch.target = url->path.empty() ? "/" : std::string(url->path);
  if (url->query) fetch.target.append("?").append(*url->query);
  for (const auto& [name, value] : request.fields) fetch.fields.push_back(HeaderPair{name, value});
  fetch.body = request.body;
  fetch_ = client_->start(std::move(fetch), *this);
  reactor_.arm_after(deadline_, limits_.request);
}

void OauthFetch::on_head(const HttpHead& head) {
  fetched_.status = head.status;
  fetched_.location = std::string(header_value(head.fields, "Location"));
}

void OauthFetch::on_body(Bytes piece) {
  const std::size_t room = limits_.document_bytes_max + 1 - fetched_.body.size();
  fetched_.body.append(piece.substr(0, room));
  if (piece.size() >= room) end(std::move(fetched_));
}

void OauthFetch::on_complete() { end(std::move(fetched_)); }

void OauthFetch::on_failed(const Error& error, Outcome) {
  end(Error(error.code, "'" + url_ + "' cannot be asked: " + error.message));
}

void OauthFetch::end(Result<OauthFetched> result) {
  deadline_.cancel();
  fetch_.reset();
  result_ = std::move(result);
  reactor_.arm(tell_, reactor_.now());
}

void OauthFetch::tell() {
  client_.reset();
  const auto done = std::exchange(done_, nullptr);
  done(std::move(result_));
}

}  // namespace sluice
