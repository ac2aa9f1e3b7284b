// SPDX-License-Identifier: Apache-2.0
#include "gateway/legacy_bridge_call.h"

#include "gateway/legacy_bridge_testing.h"

namespace sluice::testing_legacy_bridge {
namespace {

// What a server asks with.
std::string wants(Bytes requests, Bytes state = R"("s1")") {
  std::string result = R"({"resultType":"input_required")";
  if (!requests.empty()) result += R"(,"inputRequests":)" + std::string(requests);
  if (!state.empty()) result += R"(,"requestState":)" + std::string(state);
  return result + "}";
}
constexpr const char* form =
    R"({"user_name":{"method":"elicitation/create","params":{"mode":"form","message":"Who?","requestedSchema":{}}}})";
constexpr const char* page =
    R"({"pay":{"method":"elicitation/create","params":{"mode":"url","url":"https://pay","message":"Pay"}}})";
constexpr const char* other_page =
    R"({"sign":{"method":"elicitation/create","params":{"mode":"url","url":"https://sign","message":"Sign"}}})";
constexpr const char* three =
    R"({"a":{"method":"roots/list"},"b":{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":5}},)"
    R"("c":{"method":"elicitation/create","params":{"message":"m","requestedSchema":{}}}})";

class LegacyBridgeRounds : public LegacyBridgeTest {
 protected:
  void server_says(const std::string& result) { far.finish(far.requests.size() - 1, result); }
  [[nodiscard]] const Json& params() const { return far.last()["params"]; }
};

TEST_F(LegacyBridgeRounds, AsksTheClientOnTheSameExchangeAndCallsAgain) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session, R"(,"_meta":{"progressToken":7,"vendor/x":1.0})");
  const std::string first = far.texts.back();
  server_says(wants(form, R"("a\u00e9\/1")"));
  ASSERT_EQ(call.asks.size(), 1U);
  EXPECT_EQ(call.asks[0]["method"].string_or(""), "elicitation/create");
  EXPECT_EQ(call.asks[0]["params"]["message"].string_or(""), "Who?");
  EXPECT_FALSE(call.over());
  answer(session, call.asks[0], R"({"action":"accept","content":{"name":"Ann","n":1.50}})");
  EXPECT_EQ(far.count("tools/call"), 2U);
  EXPECT_EQ(params()["inputResponses"],
            *Json::parse(R"({"user_name":{"action":"accept","content":{"name":"Ann","n":1.50}}})"));
  EXPECT_NE(far.texts.back().find(R"("requestState":"a\u00e9\/1")"), std::string::npos);
  EXPECT_NE(far.texts.back().find(R"("n":1.50)"), std::string::npos);
  EXPECT_EQ(params()["arguments"], Json::object());
  EXPECT_EQ(params()["_meta"]["progressToken"].int64_or(0), 7);
  EXPECT_NE(far.last()["id"], (*Json::parse(first))["id"]);
  server_says(R"({"content":[{"type":"text","text":"hi Ann"}],"resultType":"complete"})");
  EXPECT_EQ(call.result()["content"][0]["text"].string_or(""), "hi Ann");
  EXPECT_EQ(far.count("tools/list"), 1U);
}

TEST_F(LegacyBridgeRounds, AsksAllAtOnceAndWaitsForTheLastAnswer) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session);
  server_says(wants(three));
  ASSERT_EQ(call.asks.size(), 3U);
  EXPECT_NE(call.asks[0]["id"], call.asks[1]["id"]);
  answer(session, call.asks[2], R"({"action":"decline"})");
  answer(session, call.asks[0], R"({"roots":[],"_meta":{"x":1}})");
  answer(session, call.asks[0], R"({"roots":[{"uri":"file:///late"}]})");  // a second answer is nobody's
  EXPECT_EQ(far.count("tools/call"), 1U);
  answer(session, call.asks[1], R"({"role":"assistant","content":{"type":"text","text":"x"},"model":"m"})");
  EXPECT_EQ(far.count("tools/call"), 2U);
  EXPECT_EQ(params()["inputResponses"],
            *Json::parse(R"({"a":{"roots":[]},"b":{"role":"assistant","content":{"type":"text","text":"x"},)"
                         R"("model":"m"},"c":{"action":"decline"}})"));
}

TEST_F(LegacyBridgeRounds, AsksForEveryMethodThatMayBeAskedAbout) {
  FakeSession& session = connect();
  for (const auto& [method, of] :
       {std::pair<Bytes, Bytes>{"prompts/get", R"({"name":"p","arguments":{"a":"1"}})"},
        std::pair<Bytes, Bytes>{"resources/read", R"({"uri":"a://b"})"}}) {
    FakeExchange& call = request(session, method, of);
    server_says(wants(form, ""));
    ASSERT_EQ(call.asks.size(), 1U);
    answer(session, call.asks[0], R"({"action":"cancel"})");
    EXPECT_FALSE(params().contains("requestState"));
    EXPECT_EQ(params()["inputResponses"]["user_name"]["action"].string_or(""), "cancel");
    server_says(R"({"messages":[],"contents":[]})");
    EXPECT_TRUE(call.over());
  }
  FakeExchange& list = request(session, "tools/list");
  server_says(wants(form));
  EXPECT_TRUE(list.asks.empty());
  EXPECT_EQ(list.code, -32603);
}

TEST_F(LegacyBridgeRounds, TakesEachRoundsStateAndNoOther) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session);
  server_says(wants(form, R"("one")"));
  answer(session, call.asks[0], R"({"action":"accept"})");
  EXPECT_EQ(params()["requestState"].string_or(""), "one");
  server_says(wants(form, R"("two")"));
  answer(session, call.asks[1], R"({"action":"accept"})");
  EXPECT_EQ(params()["requestState"].string_or(""), "two");
  server_says(wants(form, ""));
  answer(session, call.asks[2], R"({"action":"accept"})");
  EXPECT_FALSE(params().contains("requestState"));
}

TEST_F(LegacyBridgeRounds, LetsProgressOnlyIncrease) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session, R"(,"_meta":{"progressToken":1})");
  const auto progress = [&](const std::string& value) {
    far.notify(far.requests.size() - 1, "notifications/progress",
               R"({"progressToken":1,"progress":)" + value + "}");
  };
  progress("5");
  server_says(wants(form));
  answer(session, call.asks[0], R"({"action":"decline"})");
  for (const char* value : {"1", "5.0", "5.5", "6"}) progress(value);
  ASSERT_EQ(call.notified.size(), 3U);
  EXPECT_NE(call.notified[1].find("5.5"), std::string::npos);
}

TEST_F(LegacyBridgeRounds, PacesRoundsThatAskNobody) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session);
  server_says(wants("", R"("later")"));
  EXPECT_EQ(far.count("tools/call"), 1U);
  pass(milliseconds(249));
  EXPECT_EQ(far.count("tools/call"), 1U);
  pass(milliseconds(2));
  EXPECT_EQ(far.count("tools/call"), 2U);
  EXPECT_EQ(params()["requestState"].string_or(""), "later");
  EXPECT_FALSE(params().contains("inputResponses"));
  server_says(R"({"content":[]})");
  EXPECT_TRUE(call.over());

  FakeExchange& left = call_tool(session);
  server_says(wants("", R"("later")"));
  cancel(left);
  pass(seconds(1));
  EXPECT_EQ(far.count("tools/call"), 3U);
}

TEST_F(LegacyBridgeRounds, EndsAfterTenRounds) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session);
  for (int round = 0; round < 10; ++round) {
    server_says(wants(form));
    ASSERT_FALSE(call.over()) << round;
    answer(session, call.asks.back(), R"({"action":"decline"})");
  }
  server_says(wants(form));
  EXPECT_EQ(call.asks.size(), 10U);
  EXPECT_TRUE(call.result()["isError"].bool_or(false));
  EXPECT_EQ(call.result()["content"][0]["text"].string_or(""),
            "the server asked for input more than 10 times");
}

TEST_F(LegacyBridgeRounds, EndsTheCallWhenTheClientAnswersWithAnError) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session);
  server_says(wants(three));
  say(session, make_error_response(call.asks[1]["id"].dump(), -32603, "no model"));
  EXPECT_TRUE(call.result()["isError"].bool_or(false));
  EXPECT_EQ(call.result()["content"][0]["text"].string_or(""),
            "the client answered sampling/createMessage with an error: no model");
  // The others are withdrawn, before the end.
  ASSERT_EQ(call.notified.size(), 2U);
  const Json withdrawn = *Json::parse(call.notified[0]);
  EXPECT_EQ(withdrawn["method"].string_or(""), "notifications/cancelled");
  EXPECT_EQ(withdrawn["params"]["requestId"], call.asks[0]["id"]);
  answer(session, call.asks[0], R"({"roots":[]})");
  EXPECT_EQ(far.count("tools/call"), 1U);

  FakeExchange& prompt = request(session, "prompts/get", R"({"name":"p"})");
  server_says(wants(form));
  say(session, make_error_response(prompt.asks[0]["id"].dump(), -1, "no"));
  EXPECT_EQ(prompt.code, -32603);
  EXPECT_EQ(prompt.http_status, 200);
  EXPECT_EQ(bridge->calls(), 0U);
}

TEST_F(LegacyBridgeRounds, NeverAsksWhatTheClientCannotDo) {
  FakeSession& session = connect(Revision::r2025_06_18);  // knows no pages
  EXPECT_EQ(far.last()["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]["elicitation"],
            *Json::parse(R"({"form":{}})"));
  FakeExchange& call = call_tool(session);
  server_says(wants(page));
  EXPECT_TRUE(call.asks.empty());
  EXPECT_TRUE(call.result()["isError"].bool_or(false));

  FakeSession& plain = connect(latest_legacy, "{}");
  FakeExchange& read = request(plain, "resources/read", R"({"uri":"a://b"})");
  server_says(wants(three));
  EXPECT_TRUE(read.asks.empty());
  EXPECT_EQ(read.code, -32603);
}

TEST_F(LegacyBridgeRounds, WithdrawsQuestionsOfACancelledCall) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session);
  server_says(wants(three));
  const Json ask = call.asks[0];
  cancel(call, CancelReason::timed_out);
  ASSERT_EQ(session.sent.size(), 3U);
  EXPECT_EQ((*Json::parse(session.sent[0]))["params"]["requestId"], ask["id"]);
  answer(session, ask, R"({"roots":[]})");
  EXPECT_EQ(far.count("tools/call"), 1U);
  EXPECT_TRUE(far.cancels.empty());  // the server had answered
}

TEST_F(LegacyBridgeRounds, EndsWithItsSessionInTheMiddleOfAQuestion) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session);
  server_says(wants(three));
  cancel(call, CancelReason::peer_gone);
  EXPECT_TRUE(session.sent.empty());
  end(session);
  EXPECT_EQ(bridge->calls(), 0U);
}

TEST_F(LegacyBridgeRounds, KeepsQuestionsOfCallsApart) {
  FakeSession& session = connect();
  FakeExchange& one = call_tool(session);
  const std::size_t first = far.requests.size() - 1;
  FakeExchange& two = call_tool(session);
  server_says(wants(form, R"("two")"));
  far.finish(first, wants(form, R"("one")"));
  EXPECT_NE(one.asks[0]["id"], two.asks[0]["id"]);
  answer(session, two.asks[0], R"({"action":"accept","content":{"n":2}})");
  EXPECT_EQ(params()["requestState"].string_or(""), "two");
  EXPECT_EQ(params()["inputResponses"]["user_name"]["content"]["n"].int64_or(0), 2);
  // Another session's answers are not this one's.
  FakeSession& other = connect();
  const std::size_t before = far.requests.size();
  answer(other, one.asks[0], R"({"action":"accept"})");
  EXPECT_EQ(far.requests.size(), before);
}

TEST_F(LegacyBridgeRounds, SendsAClientToAPageOnceAndWaitsForIt) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session);
  server_says(wants(page));
  ASSERT_EQ(call.asks.size(), 1U);
  EXPECT_FALSE(call.asks[0]["params"]["elicitationId"].string_or("").empty());
  answer(session, call.asks[0], R"({"action":"accept"})");
  std::size_t rounds = far.count("tools/call");
  EXPECT_EQ(rounds, 2U);
  for (int again = 0; again < 20; ++again) {  // more than the rounds that may ask
    server_says(wants(page, R"("s2")"));
    pass(seconds(6));
    ASSERT_EQ(far.count("tools/call"), ++rounds);
    EXPECT_EQ(params()["inputResponses"], *Json::parse(R"({"pay":{"action":"accept"}})"));
    EXPECT_EQ(params()["requestState"].string_or(""), "s2");
  }
  EXPECT_EQ(call.asks.size(), 1U);
  server_says(R"({"content":[]})");
  EXPECT_FALSE(call.result().contains("isError"));
}

TEST_F(LegacyBridgeRounds, SaysThatAPersonIsAwayOnAPage) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session);
  server_says(wants(page));
  answer(session, call.asks[0], R"({"action":"accept"})");
  call.signs.clear();
  server_says(wants(page));
  EXPECT_EQ(call.signs, (std::vector<LifeSign>{LifeSign::work, LifeSign::person}));
}

TEST_F(LegacyBridgeRounds, DoesNotWaitForAPageForEver) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session);
  server_says(wants(page));
  answer(session, call.asks[0], R"({"action":"accept"})");
  for (int again = 0; again < 200 && !call.over(); ++again) {
    server_says(wants(page));
    pass(seconds(6));
  }
  EXPECT_TRUE(call.result()["isError"].bool_or(false));
}

TEST_F(LegacyBridgeRounds, WaitsForEachPageFromWhenTheClientWentThere) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session);
  for (const char* url : {page, other_page}) {
    server_says(wants(url));
    answer(session, call.asks.back(), R"({"action":"accept"})");
    for (int again = 0; again < 95 && !call.over(); ++again) {
      server_says(wants(url));
      pass(seconds(6));
    }
  }
  EXPECT_FALSE(call.over());
}

TEST_F(LegacyBridgeRounds, AsksAgainForAPageThatWasDeclined) {
  FakeSession& session = connect();
  FakeExchange& call = call_tool(session);
  server_says(wants(page));
  answer(session, call.asks[0], R"({"action":"decline"})");
  server_says(wants(page));
  EXPECT_EQ(call.asks.size(), 2U);
  EXPECT_NE(call.asks[0]["params"]["elicitationId"], call.asks[1]["params"]["elicitationId"]);
}

TEST_F(LegacyBridgeRounds, SaysInOneSentenceWhatIsWrongWithAQuestion) {
  FakeSession& session = connect();
  for (const std::string& result :
       {wants("", ""), wants("[]"), wants(R"({"a":{"method":"tools/call"}})"), wants(form, "3")}) {
    FakeExchange& call = call_tool(session);
    server_says(result);
    EXPECT_TRUE(call.result()["isError"].bool_or(false)) << result;
    EXPECT_TRUE(call.asks.empty());
  }
}

}  // namespace
}  // namespace sluice::testing_legacy_bridge
