// SPDX-License-Identifier: Apache-2.0
// The loop of a client against a server whose every word the test says: what becomes of answers and calls
// when the server is gone, or is no good.
#include "sdk/client_core.h"

#include <gtest/gtest.h>

#include "codec/jsonrpc.h"

namespace sluice {
namespace {

using client_detail::Core;
using client_detail::Loop;

// What the test says for the server, on whatever connection there is.
struct Far {
  std::function<std::string(const Json& request)> answer;  // the result; empty: none
  ClientWireHandler* handler = nullptr;                    // of the last connection
  std::vector<Json> heard;

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
    const std::string result =
        said["method"].string_or("") == "initialize"
            ? R"({"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"far","version":"1"}})"
            : far_->answer(said);
    if (result.empty()) return;
    reactor_.defer([far = far_, text = make_response(said["id"].dump(), result)] {
      if (far->handler != nullptr) far->say(text);
    });
  }
  void finish() override { far_->handler = nullptr; }
  [[nodiscard]] bool is_finished() const override { return far_->handler == nullptr; }

 private:
  Reactor& reactor_;
  std::shared_ptr<Far> far_;
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

}  // namespace
}  // namespace sluice
