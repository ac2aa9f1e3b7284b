// SPDX-License-Identifier: Apache-2.0
// The loop of a client against a server whose every word the test says: what becomes of answers and calls
// when the server is gone, or is no good.
#include "sdk/client_core.h"

#include <gtest/gtest.h>

#include "codec/jsonrpc.h"
#include "transport/streamable_http_client.h"

namespace sluice {
namespace {

using client_detail::Core;
using client_detail::kept;
using client_detail::Loop;

// What the test says for the server, on whatever connection there is.
struct Far {
  std::function<std::string(const Json& request)> answer;  // the result; empty: none
  ClientWireHandler* handler = nullptr;                    // of the last connection
  std::vector<Json> heard;
  bool greets = true;
  milliseconds pause{0};  // before an answer

  void say(Bytes text) {
    ClientMessage message;
    MessageScanner scanner{JsonLimits{}};
    ASSERT_TRUE(message.take(scanner, PaddedString(text)).ok()) << text;
    handler->on_heard(0, std::move(message));
  }
};

class TestWire final : public ClientWire {
 public:
  TestWire(Reactor& reactor, std::shared_ptr<Far> far) : reactor_(reactor), far_(std::move(far)) {}
  [[nodiscard]] bool is_http() const override { return false; }
  [[nodiscard]] Status begin(ClientWireHandler& handler) override {
    far_->handler = &handler;
    return {};
  }
  void carry_out(ClientOrder order) override {
    if (order.kind != ClientOrder::Kind::send) return;
    far_->heard.push_back(*Json::parse(order.text));
    const Json& said = far_->heard.back();
    if (!said.contains("id") || !said.contains("method")) return;
    const bool is_welcome = said["method"].string_or("") == "initialize";
    if (is_welcome && !far_->greets) return;
    const std::string result =
        is_welcome
            ? R"({"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"far","version":"1"}})"
            : far_->answer(said);
    if (result.empty()) return;
    text_ = make_response(said["id"].dump(), result);
    if (!is_welcome && far_->pause.count() > 0) return reactor_.arm_after(answers_, far_->pause);
    reactor_.defer([far = far_, text = text_] {
      if (far->handler != nullptr) far->say(text);
    });
  }
  void finish() override { far_->handler = nullptr; }
  [[nodiscard]] bool is_finished() const override { return far_->handler == nullptr; }

 private:
  Reactor& reactor_;
  std::shared_ptr<Far> far_;
  std::string text_;  // of the answer that waits
  Timer answers_{[](void* self) {
                   auto* wire = static_cast<TestWire*>(self);
                   if (wire->far_->handler != nullptr) wire->far_->say(wire->text_);
                 },
                 this};
};

class ClientCoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    far->answer = [](const Json&) { return ""; };
    ClientOptions options;
    options.era = Era::legacy;
    core = std::make_shared<Core>(
        loop, options, [this](Reactor& reactor) -> Result<std::unique_ptr<ClientWire>> {
          return std::unique_ptr<ClientWire>(std::make_unique<TestWire>(reactor, far));
        });
  }
  void TearDown() override { core->close(); }
  ClientCall<Json> call(std::string_view method, Json params = Json::object()) {
    return {core, method, std::move(params), [](Json result) -> Result<Json> { return result; }};
  }
  // Whatever can happen without time passing.
  void turn() {
    for (int turns = 0; turns < 100; ++turns) loop->reactor().turn();
  }

  std::shared_ptr<Far> far = std::make_shared<Far>();
  std::shared_ptr<Loop> loop = std::make_shared<Loop>();
  std::shared_ptr<Core> core;
};

// A person who takes the time it takes the test.
struct Person {
  struct Thinking {
    Person& person;
    [[nodiscard]] bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle) { person.thinking = handle; }
    void await_resume() const {}
  };
  std::coroutine_handle<> thinking;
  std::shared_ptr<int> frames = std::make_shared<int>(0);  // one use for each question that is open
  int asked = 0;
};

Task<Result<Json>> thinks(Person& person, std::string message) {
  const std::shared_ptr<int> open = person.frames;
  ++person.asked;
  Person::Thinking thinking{person};
  co_await thinking;
  co_return Json::object({{"action", "accept"}, {"content", Json::object({{"to", message}})}});
}

Task<Result<Json>> decline() { co_return Json::object({{"action", "decline"}}); }

std::string form(std::string_view message) {
  return R"({"message":")" + std::string(message) +
         R"(","requestedSchema":{"type":"object","properties":{}}})";
}

TEST_F(ClientCoreTest, AnAnswerToAServerThatIsGoneIsNotGivenToTheNextOne) {
  Person person;
  core->forms.emplace_back(Json(), [&person](const Json& params) {
    return thinks(person, std::string(params["message"].string_or("")));
  });
  auto first = call("tools/call", Json::object({{"name", "x"}}));
  turn();
  far->say(make_request("\"q1\"", "elicitation/create", form("first")));
  turn();
  ASSERT_EQ(person.asked, 1);
  far->handler->on_lost(Error(Errc::closed, "it exited"));
  turn();
  EXPECT_FALSE(first.wait());
  EXPECT_EQ(person.frames.use_count(), 1) << "nobody waits for that answer";

  auto second = call("tools/call", Json::object({{"name", "x"}}));
  turn();
  far->say(make_request("\"q2\"", "elicitation/create", form("second")));
  turn();
  ASSERT_EQ(person.asked, 2);
  person.thinking.resume();
  turn();
  EXPECT_EQ(far->heard.back()["id"].string_or(""), "q2");
  EXPECT_EQ(far->heard.back()["result"]["content"]["to"].string_or(""), "second");
  EXPECT_EQ(person.frames.use_count(), 1);
}

TEST_F(ClientCoreTest, ACallIsNotTimedWhileItsHandlerHoldsTheThread) {
  const auto patience = milliseconds(1'000);
  bool is_asked = false;
  core->forms.emplace_back(Json(), [&](const Json&) -> Task<Result<Json>> {
    const Instant until = loop->reactor().precise_now() + patience + patience / 2;
    while (loop->reactor().precise_now() < until) continue;  // as somebody who types
    is_asked = true;
    return decline();
  });
  auto first = call("tools/call", Json::object({{"name", "x"}}));
  first.timeout(patience);
  turn();
  const std::string id = far->heard.back()["id"].dump();
  // Asked and answered within one turn of the loop, as what comes from a pipe is.
  Timer asks(
      [](void* self) {
        static_cast<Far*>(self)->say(make_request("\"q\"", "elicitation/create", form("?")));
      },
      far.get());
  loop->reactor().arm(asks, loop->reactor().now());
  while (!is_asked) turn();
  turn();
  far->say(make_response(id, "{}"));
  turn();
  const auto done = first.wait();
  EXPECT_TRUE(done) << done.error().message;
}

TEST_F(ClientCoreTest, ACallThatCannotBeSentIsOver) {
  far->answer = [](const Json&) { return "{}"; };
  ASSERT_TRUE(call("ping").wait());
  auto crooked = call("vendor/own", Json::array());
  turn();
  ASSERT_TRUE(crooked.await_ready());
  EXPECT_EQ(crooked.wait().error().code, Errc::invalid);
}

TEST_F(ClientCoreTest, AListThatHasNoEndFails) {
  far->answer = [](const Json&) { return R"({"tools":[{"name":"x"}],"nextCursor":"more"})"; };
  Pages pages(core, "tools/list", "tools");
  std::size_t seen = 0;
  for (const Listing& tool : pages) seen += tool.name == "x" ? 1U : 0U;
  ASSERT_TRUE(pages.error());
  EXPECT_EQ(pages.error()->code, Errc::too_large);
  EXPECT_EQ(seen, ClientLimits{}.tool_pages_max - 1);
}

TEST_F(ClientCoreTest, AHandlerMaySetAnotherInItsPlaceWhileItRuns) {
  far->answer = [](const Json&) { return "{}"; };
  ASSERT_TRUE(call("ping").wait());
  std::vector<std::string> seen;
  const std::string first = "the words of a handler that is replaced while it runs";
  const auto replace = [&](auto& place, auto next) {
    place = std::move(next);
    std::vector<std::string> rubble(16, std::string(first.size(), '?'));  // where it may have been
  };
  core->tools_changed = [&, first, replace] {
    replace(core->tools_changed, std::function<void()>());
    seen.push_back(first);
  };
  core->logged = [&, first, replace](const Json&) {
    replace(core->logged, std::function<void(const Json&)>());
    seen.push_back(first);
  };
  core->notified = [&, first, replace](std::string_view, const Json&) {
    replace(core->notified, std::function<void(std::string_view, const Json&)>());
    seen.push_back(first);
  };
  for (const std::string_view method :
       {"notifications/tools/list_changed", "notifications/message", "notifications/vendor"})
    far->say(make_notification(method, "{}"));
  turn();
  EXPECT_EQ(seen, std::vector<std::string>(3, first));
}

TEST_F(ClientCoreTest, AHandlerKeepsWhatItCounts) {
  far->answer = [](const Json&) { return "{}"; };
  ASSERT_TRUE(call("ping").wait());
  int last = 0;
  core->tools_changed = kept(std::function<void()>([&last, times = 0]() mutable { last = ++times; }));
  for (int times = 0; times < 3; ++times) far->say(make_notification("notifications/tools/list_changed"));
  turn();
  EXPECT_EQ(last, 3);
}

TEST_F(ClientCoreTest, AConnectionIsWaitedForAsLongAsItMayTake) {
  far->greets = false;
  for (const bool at_most : {false, true}) {
    auto connecting = call("");
    at_most ? connecting.at_most(milliseconds(20)) : connecting.timeout(milliseconds(20));
    EXPECT_EQ(connecting.wait().error().code, Errc::timed_out);
  }
}

TEST(ClientCore, EveryClientDrawsItsOwnWaits) {
  EXPECT_NE(client_detail::http_options({}).jitter_seed, client_detail::http_options({}).jitter_seed);
}

// ---- Clients, with the time in the test's hands

struct TimedClients : Clients {
  explicit TimedClients(std::shared_ptr<Loop> turned_by) : Clients(turned_by), loop(std::move(turned_by)) {}

  // A server that gives so many pages, each after a while; 0: without end.
  void serve(std::string_view name, milliseconds pause, std::size_t pages) {
    ClientOptions options;
    options.era = Era::legacy;
    const auto make = [pause, pages](Reactor& reactor) -> Result<std::unique_ptr<ClientWire>> {
      auto far = std::make_shared<Far>();
      far->pause = pause;
      far->answer = [pages, page = std::size_t{0}](const Json&) mutable {
        const bool is_last = ++page == pages;
        return R"({"tools":[{"name":"x"}])" + std::string(is_last ? "}" : R"(,"nextCursor":"more"})");
      };
      return std::unique_ptr<ClientWire>(std::make_unique<TestWire>(reactor, far));
    };
    add(name, std::make_shared<Core>(loop, std::move(options), make));
  }

  std::shared_ptr<Loop> loop;
};

TEST(Clients, WaitOnceForAllThePagesOfAList) {
  auto loop = std::make_shared<Loop>(Reactor::simulated(Limits{}, Instant(std::chrono::hours(1)), {}));
  TimedClients clients(loop);
  clients.serve("endless", seconds(4), 0);
  clients.serve("long", seconds(1), 8);
  clients.serve("short", milliseconds(1), 3);
  const Instant begun = loop->reactor().now();
  const auto tools = clients.tools(seconds(10));
  EXPECT_LT(loop->reactor().now() - begun, seconds(11));
  ASSERT_EQ(clients.failures().size(), 1U);
  EXPECT_EQ(clients.failures().at("endless").code, Errc::timed_out);
  ASSERT_EQ(tools.size(), 11U) << "those that are done in time are there, whoever else is not";
  EXPECT_EQ(tools.front().server, "long");
  EXPECT_EQ(tools.back().server, "short");
}

}  // namespace
}  // namespace sluice
