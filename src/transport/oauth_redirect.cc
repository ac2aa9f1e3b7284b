// SPDX-License-Identifier: Apache-2.0
#include "transport/oauth_redirect.h"

#include <array>
#include <utility>

#include "auth/oauth_messages.h"
#include "crypto/digest.h"

namespace sluice {

namespace {

constexpr Bytes page_path = "/callback";
constexpr std::array<HeaderField, 4> page_fields = {
    HeaderField{"Cache-Control", "no-store"}, HeaderField{"Referrer-Policy", "no-referrer"},
    HeaderField{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    HeaderField{"X-Content-Type-Options", "nosniff"}};

void show(HttpCall& call, int status, Bytes sentence) {
  const std::string page = "<!doctype html><title>Sluice</title><p>" + std::string(sentence) + "</p>\n";
  call.respond(status, "text/html; charset=utf-8", page, page_fields);
}

}  // namespace

Result<std::unique_ptr<OauthRedirectPage>> OauthRedirectPage::open(Reactor& reactor,
                                                                   const OauthLimits& limits) {
  std::unique_ptr<OauthRedirectPage> page(new OauthRedirectPage(reactor, limits));
  ListenerOptions options;
  options.connections_max = limits.redirect_connections_max;
  auto listener = Listener::open(reactor, Address{}, options, [self = page.get()](StreamPtr stream) {
    self->server_.adopt(std::move(stream));
  });
  if (!listener) return listener.error();
  page->listener_ = std::move(*listener);
  page->uri_ = "http://" + page->listener_->local_address().format() + std::string(page_path);
  return page;
}

OauthRedirectPage::OauthRedirectPage(Reactor& reactor, const OauthLimits& limits)
    : reactor_(reactor),
      limits_(limits),
      server_(reactor, *this, HttpServerOptions{}),
      tell_([](void* self) { static_cast<OauthRedirectPage*>(self)->tell(); }, this) {}

OauthRedirectPage::~OauthRedirectPage() = default;

void OauthRedirectPage::expect(std::string state, OnReturn on_return) {
  state_ = std::move(state);
  on_return_ = std::move(on_return);
}

void OauthRedirectPage::expect_nobody() {
  state_.clear();
  on_return_ = nullptr;
  tell_.cancel();
}

void OauthRedirectPage::on_request(HttpCall& call, PaddedString) {
  if (call.head().path != page_path) return show(call, 404, "There is nothing here.");
  if (call.head().method != "GET") return show(call, 405, "Only GET is answered here.");
  const std::string url = uri_ + "?" + std::string(call.head().query);
  const auto redirect = parse_redirect(url, uri_, limits_);
  if (!redirect || state_.empty() || !constant_time_equal(redirect->state, state_))
    return show(call, 400, "Nobody is waiting for this.");
  returned_ = url;
  state_.clear();
  show(call, 200, "Thank you. This window may be closed.");
  reactor_.arm(tell_, reactor_.now());
}

void OauthRedirectPage::tell() {
  const auto on_return = std::exchange(on_return_, nullptr);
  on_return(std::move(returned_));
}

ConsentWay browser_consent(Reactor& reactor, std::function<Status(const std::string&)> open_url,
                           const OauthLimits& limits) {
  // Opened for the first flow.
  auto page = std::make_shared<std::unique_ptr<OauthRedirectPage>>();
  ConsentWay way;
  way.redirect_uri = [page, &reactor, limits]() -> Result<std::string> {
    if (*page == nullptr) {
      auto opened = OauthRedirectPage::open(reactor, limits);
      if (!opened) return opened.error();
      *page = std::move(*opened);
    }
    return (*page)->uri();
  };
  way.ask = [page, show_url = std::move(open_url), &reactor](const OauthConsent& consent,
                                                             OauthRedirectPage::OnReturn done) {
    struct Asking {
      explicit Asking(std::shared_ptr<std::unique_ptr<OauthRedirectPage>> way_page)
          : page(std::move(way_page)) {}
      ~Asking() { (*page)->expect_nobody(); }
      std::shared_ptr<std::unique_ptr<OauthRedirectPage>> page;
    };
    auto asking = std::make_shared<Asking>(page);
    (*page)->expect(consent.state, done);
    const Status shown = show_url(consent.url);
    if (!shown) {
      reactor.defer([still = std::weak_ptr<Asking>(asking), tell = std::move(done), error = shown.error()] {
        if (!still.expired()) tell(error);
      });
    }
    return std::shared_ptr<void>(std::move(asking));
  };
  return way;
}

}  // namespace sluice
