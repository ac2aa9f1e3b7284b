// SPDX-License-Identifier: Apache-2.0
#include "transport/oauth_redirect.h"

#include <gtest/gtest.h>

#include "support/reactor.h"

namespace sluice {
namespace {

using sluice::testing::open_reactor;
using sluice::testing::run_until;

class OauthRedirectTest : public ::testing::Test {
 protected:
  // What a browser gets at `url`: "STATUS BODY".
  std::string visit(const std::string& url, bool post = false) {
    OauthFetch fetch(*reactor, {}, {});
    OauthRequest request;
    request.url = url;
    request.post = post;
    std::string seen;
    fetch.start(request, [&seen](Result<OauthFetched> fetched) {
      seen = fetched ? std::to_string(fetched->status) + " " + fetched->body : fetched.error().message;
    });
    run_until(*reactor, [&seen] { return !seen.empty(); });
    return seen;
  }

  std::unique_ptr<Reactor> reactor = open_reactor();
};

TEST_F(OauthRedirectTest, ThePageTakesTheOneWhoIsExpectedAndTurnsOthersAway) {
  auto page = OauthRedirectPage::open(*reactor);
  ASSERT_TRUE(page.ok()) << page.error().message;
  const std::string uri = (*page)->uri();
  EXPECT_EQ(uri.substr(0, 17), "http://127.0.0.1:");
  EXPECT_EQ(visit(uri + "?code=a&state=s").substr(0, 3), "400") << "nobody is expected yet";

  std::string returned;
  (*page)->expect("s", [&returned](Result<std::string> url) { returned = *url; });
  EXPECT_EQ(visit(uri + "?code=a&state=other").substr(0, 3), "400");
  EXPECT_EQ(visit(uri + "?code=a&state=").substr(0, 3), "400");
  EXPECT_EQ(visit(uri + "?code=a&code=b&state=s").substr(0, 3), "400");
  EXPECT_EQ(visit(uri).substr(0, 3), "400");
  EXPECT_EQ(visit(uri + "x?code=a&state=s").substr(0, 3), "404");
  EXPECT_EQ(visit(uri + "?code=a&state=s", true).substr(0, 3), "405");
  EXPECT_EQ(returned, "");
  const std::string thanks = visit(uri + "?code=a%3Cb&state=s&iss=x");
  EXPECT_NE(thanks.find("may be closed"), std::string::npos);
  EXPECT_EQ(thanks.find("a%3Cb"), std::string::npos);
  EXPECT_TRUE(run_until(*reactor, [&returned] { return !returned.empty(); }));
  EXPECT_EQ(returned, uri + "?code=a%3Cb&state=s&iss=x");
  EXPECT_EQ(visit(uri + "?code=a&state=s").substr(0, 3), "400") << "a code is taken once";
}

TEST_F(OauthRedirectTest, ABrowsersUserIsWaitedForOnOnePort) {
  std::string shown;
  const ConsentWay way = browser_consent(*reactor, [&shown](const std::string& url) {
    shown = url;
    return Status();
  });
  const auto uri = way.redirect_uri();
  ASSERT_TRUE(uri.ok());
  for (const std::string state : {"one", "two"}) {
    std::string returned;
    auto asking = way.ask(OauthConsent{"https://as.example/authorize?" + state, state},
                          [&returned](Result<std::string> url) { returned = *url; });
    EXPECT_EQ(shown, "https://as.example/authorize?" + state);
    static_cast<void>(visit(*uri + "?code=a&state=" + state));
    EXPECT_TRUE(run_until(*reactor, [&returned] { return !returned.empty(); }));
    EXPECT_EQ(*way.redirect_uri(), *uri) << "a server knows it from the registration";
  }
  bool told = false;
  way.ask(OauthConsent{"https://as.example/", "three"}, [&told](Result<std::string>) { told = true; });
  EXPECT_EQ(visit(*uri + "?code=a&state=three").substr(0, 3), "400") << "who asked has gone";
  EXPECT_FALSE(told);
}

TEST_F(OauthRedirectTest, AUrlThatCannotBeShownIsAFailure) {
  const ConsentWay way =
      browser_consent(*reactor, [](const std::string&) { return Error(Errc::unavailable, "no screen"); });
  ASSERT_TRUE(way.redirect_uri().ok());
  std::string told;
  const auto asking = way.ask(OauthConsent{"https://as.example/", "s"},
                              [&told](Result<std::string> url) { told = url.error().message; });
  EXPECT_EQ(told, "") << "never from inside";
  EXPECT_TRUE(run_until(*reactor, [&told] { return !told.empty(); }));
  EXPECT_EQ(told, "no screen");
}

}  // namespace
}  // namespace sluice
