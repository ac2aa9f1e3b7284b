// SPDX-License-Identifier: Apache-2.0
// Questions of a legacy upstream to modern clients: parking, retries, and every way it may end.
#include "gateway/bridged_call.h"

#include "gateway/modern_bridge_testing.h"

namespace sluice {
namespace {

using testing_modern_bridge::Asker;
using testing_modern_bridge::ModernBridgeTest;
using testing_modern_bridge::parsed;

class BridgedCallTest : public ModernBridgeTest {
 protected:
  void window() { wait(limits.bridge.coalesce + milliseconds(2)); }
  // A call that is parked with one question; its state.
  std::string park(const std::string& principal = "ann", Bytes id = "100", const std::string& meta = {}) {
    auto client = call(principal, meta);
    inner = &old.last();
    ask(*inner, id);
    window();
    EXPECT_TRUE(client->is_asked());
    return client->state();
  }
  static constexpr const char* yes = R"({"ask-1":{"action":"accept","content":{"a":1}}})";
  static void expect_invalid(const Asker& client) {
    ASSERT_TRUE(client.refused) << (client.answer ? *client.answer : "open");
    EXPECT_EQ(client.refused->code, rpc::invalid_params);
    EXPECT_EQ(client.refused->http_status, 200);
  }
  void progress(Bytes value) {
    const std::string token = parsed(inner->request().message.text())["id"].dump();
    inner->notify(
        make_notification("notifications/progress",
                          R"({"progressToken":)" + token + R"(,"progress":)" + std::string(value) + "}"));
  }

  Exchange* inner = nullptr;
};

TEST_F(BridgedCallTest, ParksACallThatAsksAndGoesOnWithTheRetry) {
  auto client = call();
  inner = &old.last();
  ask(*inner, "100", "first");
  ask(*inner, "\"x\"", "second");
  EXPECT_FALSE(client->over());
  window();
  ASSERT_TRUE(client->is_asked());
  const Json requests = client->result()["inputRequests"];
  EXPECT_EQ(requests["ask-1"]["method"].string_or(""), "elicitation/create");
  EXPECT_EQ(requests["ask-2"]["params"]["message"].string_or(""), "second");
  EXPECT_EQ(bridge->parked(), 1U);
  EXPECT_EQ(bridge->calls(), 1U);

  auto again = retry(client->state(),
                     R"({"ask-2":{"action":"decline"},"ask-1":{"action": "accept"},"other":{"a":1}})");
  EXPECT_EQ(old.pending.size(), 1U) << "nothing runs twice";
  EXPECT_TRUE(was_told(make_response("100", R"({"action": "accept"})")));
  EXPECT_TRUE(was_told(make_response("\"x\"", R"({"action":"decline"})")));
  EXPECT_EQ(bridge->parked(), 0U);
  old.answer(*inner, R"({"content":[]})");
  ASSERT_TRUE(again->answer);
  EXPECT_EQ(parsed(*again->answer)["id"].string_or(""), "c2");
  EXPECT_EQ(again->result()["resultType"].string_or(""), "complete");
  EXPECT_EQ(metric(R"(sluice_calls_total{upstream="up",method="tools/call",tool="t",status="ok"})"), 0U)
      << "the upstream counts its calls itself";
}

TEST_F(BridgedCallTest, DoesNotTakeTheCloseAfterAQuestionForACancel) {
  park();
  EXPECT_TRUE(old.cancels.empty());
  EXPECT_EQ(old.pending.size(), 1U);
}

TEST_F(BridgedCallTest, ChargesWhatItKeepsForNobody) {
  const std::string text(100'000, 'x');
  const std::size_t before = reactor->budget().bytes_used();
  const std::string params = R"("name":"t","arguments":{"a":")" + text + "\"}";
  auto client = send("tools/call", params, {}, elicits);
  ask(old.last(), "1");
  window();
  ASSERT_TRUE(client->is_asked());
  client.reset();
  EXPECT_GE(reactor->budget().bytes_used(), before + text.size()) << "the request, while it is parked";
  bridge->stop();
  reactor->turn();
  EXPECT_LT(reactor->budget().bytes_used(), before + 1'000);
}

TEST_F(BridgedCallTest, RefusesStatesThatAreTamperedForeignMismatchedOrMissing) {
  const std::string state = park();
  const std::size_t told = old.told.size();
  std::string tampered = state;
  tampered[tampered.size() / 2] = tampered[tampered.size() / 2] == 'A' ? 'B' : 'A';
  expect_invalid(*retry(tampered, yes));
  expect_invalid(*retry(state, yes, {}, "bob"));
  expect_invalid(*retry(state, yes, {}, "ann", R"("name":"t","arguments":{"a":2})"));
  expect_invalid(*retry("junk", yes));
  expect_invalid(*send("tools/call", std::string(call_params) + R"(,"inputResponses":{})", {}, elicits));
  expect_invalid(*send("tools/list", R"("requestState":")" + state + "\"", {}, elicits));
  EXPECT_EQ(old.pending.size(), 1U);
  EXPECT_EQ(old.told.size(), told) << "nothing was answered";
  EXPECT_EQ(bridge->parked(), 1U);
}

TEST_F(BridgedCallTest, RefusesAStateOfAnotherLifeOfTheProgram) {
  const std::string state = park();
  start();
  expect_invalid(*retry(state, yes));
  EXPECT_TRUE(old.pending.empty());
}

TEST_F(BridgedCallTest, CancelsACallThatNobodyComesBackFor) {
  const std::string state = park();
  wait(limits.mcp.request_state_age_max + milliseconds(10));
  ASSERT_EQ(old.cancels.size(), 1U);
  EXPECT_EQ(old.cancels[0], CancelReason::timed_out);
  EXPECT_NE(sink.text.find("a parked call expired"), std::string::npos);
  EXPECT_EQ(bridge->parked(), 0U);
  expect_invalid(*retry(state, yes));
}

TEST_F(BridgedCallTest, AsksAgainForAnswersThatAreMissing) {
  auto client = call();
  inner = &old.last();
  ask(*inner, "100");
  ask(*inner, "101");
  window();
  auto half = retry(client->state(), R"({"ask-2":{"action":"accept"}})");
  ASSERT_TRUE(half->is_asked()) << "at once";
  EXPECT_TRUE(half->result()["inputRequests"].contains("ask-1"));
  EXPECT_FALSE(half->result()["inputRequests"].contains("ask-2"));
  EXPECT_TRUE(was_told(R"("id":101)"));
  auto whole = retry(half->state(), yes);
  EXPECT_TRUE(was_told(R"("id":100)"));
  old.answer(*inner, "{}");
  EXPECT_TRUE(whole->answer);
}

TEST_F(BridgedCallTest, GoesThroughSeveralRounds) {
  const std::string first = park();
  auto second = retry(first, yes);
  ask(*inner, "200");
  window();
  ASSERT_TRUE(second->is_asked());
  EXPECT_TRUE(second->result()["inputRequests"].contains("ask-2"));
  // The answer of the first round again: it gets what the round led to.
  auto late = retry(first, yes);
  ASSERT_TRUE(late->is_asked());
  auto third = retry(late->state(), R"({"ask-2":{}})");
  EXPECT_TRUE(was_told(R"("id":200)"));
  expect_invalid(*retry(first, yes));
  old.answer(*inner, "{}");
  EXPECT_TRUE(third->answer);
}

TEST_F(BridgedCallTest, KeepsQuestionsThatComeMeanwhileForTheNextRound) {
  const std::string state = park();
  ask(*inner, "200");
  auto client = retry(state, yes);
  EXPECT_FALSE(client->over());
  window();
  ASSERT_TRUE(client->is_asked());
  EXPECT_TRUE(client->result()["inputRequests"].contains("ask-2"));
}

TEST_F(BridgedCallTest, KeepsAResultThatCameWhileParked) {
  const std::string state = park();
  old.answer(*inner, R"({"content":[1]})");
  EXPECT_EQ(bridge->calls(), 0U);
  auto client = retry(state, yes);
  EXPECT_EQ(client->result()["content"].size(), 1U);
  auto twice = retry(state, yes);
  EXPECT_EQ(twice->result()["content"].size(), 1U) << "within a minute the same";
  wait(limits.bridge.result_kept + milliseconds(5));
  expect_invalid(*retry(state, yes));
  EXPECT_TRUE(old.pending.empty()) << "nothing runs twice";
}

TEST_F(BridgedCallTest, KeepsTheDeathOfTheUpstreamForTheRetry) {
  const std::string state = park();
  old.die(*old.sessions[0]);
  auto client = retry(state, yes);
  ASSERT_TRUE(client->refused);
  EXPECT_EQ(client->refused->http_status, 502);
  EXPECT_TRUE(old.pending.empty());
}

TEST_F(BridgedCallTest, ForgetsAQuestionThatTheUpstreamTakesBack) {
  const std::string state = park();
  inner->notify(make_notification("notifications/cancelled", R"({"requestId":100})"));
  auto client = retry(state, yes);
  EXPECT_FALSE(was_told(R"("id":100)"));
  EXPECT_FALSE(client->over());
  old.answer(*inner, "{}");
  EXPECT_TRUE(client->answer);
}

TEST_F(BridgedCallTest, GivesASecondRetryTheSameResultAndCancelsWhenTheLastLeaves) {
  const std::string state = park();
  auto first = retry(state, yes);
  auto second = retry(state, yes);
  gone(std::move(first));
  EXPECT_TRUE(old.cancels.empty());
  old.answer(*inner, "{}");
  EXPECT_TRUE(second->answer);

  const std::string other = park("bob");
  auto only = retry(other, yes, {}, "bob");
  gone(std::move(only));
  EXPECT_EQ(old.cancels.size(), 1U);
  expect_invalid(*retry(other, yes, {}, "bob"));
}

TEST_F(BridgedCallTest, KeepsTheLastProgressAndLogLinesWhileParked) {
  const std::string state =
      park("ann", "100", R"("progressToken":"p","io.modelcontextprotocol/logLevel":"debug")");
  progress("1");
  progress("3");
  inner->notify(make_notification("notifications/message", R"({"level":"info","data":"kept"})"));
  auto client = retry(state, yes, R"("progressToken":"q","io.modelcontextprotocol/logLevel":"debug")");
  ASSERT_EQ(client->heard.size(), 2U);
  EXPECT_EQ(client->heard[0],
            make_notification("notifications/progress", R"({"progressToken":"q","progress":3})"));
  progress("2");
  progress("4");
  EXPECT_EQ(client->heard.size(), 3U) << "it only increases";
  gone(std::move(client));
}

TEST_F(BridgedCallTest, BoundsTheLogLinesItKeeps) {
  const std::string meta = R"("io.modelcontextprotocol/logLevel":"debug")";
  const std::string state = park("ann", "100", meta);
  for (int i = 0; i < 200; ++i)
    inner->notify(make_notification("notifications/message", R"({"level":"info","data":1})"));
  auto client = retry(state, yes, meta);
  EXPECT_EQ(client->heard.size(), limits.bridge.parked_logs_max);
  gone(std::move(client));
}

TEST_F(BridgedCallTest, GivesUpThePrincipalsOwnOldestCallBeyondEight) {
  std::vector<std::string> states;
  const std::string bobs = park("bob");
  for (std::size_t i = 0; i < limits.bridge.parked_per_principal_max; ++i)
    states.push_back(park("ann", std::to_string(100 + i)));
  EXPECT_TRUE(old.cancels.empty());
  park("ann", "200");
  wait(milliseconds(1));
  ASSERT_EQ(old.cancels.size(), 1U);
  EXPECT_EQ(bridge->parked(), limits.bridge.parked_per_principal_max + 1);
  expect_invalid(*retry(states[0], yes));
  EXPECT_NE(sink.text.find("too many calls parked"), std::string::npos);
  gone(retry(bobs, yes, {}, "bob"));
}

// Without keys they may be a whole team.
TEST_F(BridgedCallTest, GivesUpAnonymousCallsAtABoundOfTheirOwn) {
  for (std::size_t i = 0; i < limits.bridge.parked_anonymous_max; ++i) park("", std::to_string(100 + i));
  wait(milliseconds(1));
  EXPECT_TRUE(old.cancels.empty());
  park("", "99");
  wait(milliseconds(1));
  EXPECT_EQ(old.cancels.size(), 1U);
}

TEST_F(BridgedCallTest, AnswersTheUpstreamItselfWhenTheClientCannotBeAsked) {
  auto client = send("tools/call", call_params);
  inner = &old.last();
  ask(*inner, "100");
  EXPECT_TRUE(was_told(R"("id":100,"error")"));
  EXPECT_FALSE(client->over()) << "a server that adapts goes on";
  gone(std::move(client));
}

TEST_F(BridgedCallTest, RefusesTheCallWhenEverythingWasOfferedInTheClientsName) {
  start(CapabilitySetting::superset);
  auto client = send("tools/call", call_params);
  EXPECT_NE(old.hellos.back().find("sampling"), std::string::npos);
  inner = &old.last();
  inner->ask(make_request("100", "sampling/createMessage", R"({"messages":[],"maxTokens":1})"));
  ASSERT_TRUE(client->refused);
  EXPECT_EQ(client->refused->code, rpc::missing_client_capability);
  EXPECT_EQ(client->refused->http_status, 400);
  EXPECT_EQ(parsed(client->refused->data_json)["requiredCapabilities"].dump(), R"({"sampling":{}})");
  EXPECT_TRUE(was_told(R"("id":100,"error")"));
  wait(milliseconds(1));
  EXPECT_EQ(old.cancels.size(), 1U) << "after the upstream's own call has returned";
}

TEST_F(BridgedCallTest, RefusesQuestionsDuringWhatCannotAsk) {
  auto client = send("tools/list", {}, {}, elicits);
  inner = &old.last();
  ask(*inner, "100");
  EXPECT_TRUE(was_told(R"("id":100,"error")"));
  gone(std::move(client));
}

// As server-filesystem and many others do with roots/list.
TEST_F(BridgedCallTest, AsksInTheFirstCallWhatTheServerAskedAtTheStartOfItsSession) {
  const char* roots = R"({"roots":{}})";
  send("server/discover", {}, {}, roots);
  Session& session = *old.sessions[0];
  session.send(make_request("1", "roots/list", "{}"));
  session.send(make_request("2", "roots/list", "{}"));
  session.send(make_notification("notifications/cancelled", R"({"requestId":2})"));
  auto list = send("prompts/list", {}, {}, roots);
  EXPECT_FALSE(list->over()) << "a list cannot ask";
  EXPECT_FALSE(was_told(R"("id":1)"));
  auto client = send("tools/call", call_params, {}, roots);
  inner = &old.last();
  window();
  ASSERT_TRUE(client->is_asked());
  EXPECT_EQ(client->result()["inputRequests"].size(), 1U);
  auto again = send("tools/call",
                    std::string(call_params) + R"(,"requestState":")" + client->state() +
                        R"(","inputResponses":{"ask-1":{"roots":[]}})",
                    {}, roots);
  EXPECT_TRUE(was_told(make_response("1", R"({"roots":[]})")));
  old.answer(*inner, R"({"content":[]})");
  EXPECT_EQ(again->result()["resultType"].string_or(""), "complete");
  gone(std::move(list));
}

TEST_F(BridgedCallTest, RefusesEarlyQuestionsThatNobodyCouldAnswer) {
  send("server/discover");
  old.sessions[0]->send(make_request("1", "roots/list", "{}"));
  EXPECT_TRUE(was_told(R"("id":1,"error")"));
  EXPECT_EQ(metric(R"(sluice_questions_refused_total{upstream="up"})"), 1U);
}

TEST_F(BridgedCallTest, BindsAStrayQuestionOnlyWhenOneCallCanBeMeant) {
  gone(call());  // the session has had one
  Session& session = *old.sessions[0];
  const auto stray = [&](Bytes id) {
    session.send(make_request(id, "elicitation/create", R"({"message":"m","requestedSchema":{}})"));
  };
  stray("1");
  EXPECT_TRUE(was_told(R"("id":1,"error")"));
  session.send(make_request("2", "ping"));
  EXPECT_TRUE(was_told(make_response("2", "{}")));
  session.send(make_request("3", "vendor/own"));
  EXPECT_TRUE(was_told(R"("id":3,"error")"));

  auto own = send("vendor/own", {}, {}, elicits);  // a method we do not know takes no questions
  stray("9");
  EXPECT_TRUE(was_told(R"("id":9,"error")"));
  gone(std::move(own));
  auto one = call();
  auto other = send("tools/call", R"("name":"other")", {}, elicits);
  stray("4");
  EXPECT_TRUE(was_told(R"("id":4,"error")"));
  gone(std::move(other));
  stray("5");
  window();
  ASSERT_TRUE(one->is_asked());
}

// Both candidates of a question that could not be bound are known from then on.
TEST_F(BridgedCallTest, GivesWhoIsKnownToAskASessionOfItsOwn) {
  auto one = call();
  Session& first = *old.sessions[0];
  auto other = send("tools/call", R"("name":"other")", {}, elicits);
  EXPECT_EQ(old.sessions.size(), 1U);
  first.send(make_request("1", "elicitation/create", R"({"message":"m","requestedSchema":{}})"));
  EXPECT_TRUE(was_told(R"("id":1,"error")"));
  auto again = call();
  EXPECT_EQ(old.sessions.size(), 2U);
  auto list = send("tools/list", {}, {}, elicits);
  EXPECT_EQ(old.sessions.size(), 2U) << "what cannot ask is in nobody's way";
  gone(std::move(other));
  gone(std::move(one));
  auto third = call();
  EXPECT_EQ(old.sessions.size(), 2U) << "the first session is free again";
  for (auto* client : {&again, &list, &third}) gone(std::move(*client));
}

TEST_F(BridgedCallTest, GivesEveryCallThatMayAskASessionOfItsOwnWhereToldSo) {
  config.asks = true;
  start();
  auto one = call();
  auto list = send("tools/list", {}, {}, elicits);
  EXPECT_EQ(old.sessions.size(), 1U);
  auto other = send("tools/call", R"("name":"other")", {}, elicits);
  EXPECT_EQ(old.sessions.size(), 2U);
  old.sessions[0]->send(make_request("1", "elicitation/create", R"({"message":"m","requestedSchema":{}})"));
  window();
  EXPECT_TRUE(one->is_asked()) << "the very first question finds its call";
  for (auto* client : {&list, &other}) gone(std::move(*client));
  bridge->stop();
}

// Its own calls that wait for its own answers do not keep a principal out.
TEST_F(BridgedCallTest, GivesUpAPrincipalsParkedCallsForItsFifthClass) {
  const std::string asks = R"("elicitation":{"form":{}})";
  std::vector<std::unique_ptr<Asker>> asked;
  for (const std::string more : {"", R"(,"roots":{})", R"(,"sampling":{})", R"(,"roots":{},"sampling":{})"}) {
    asked.push_back(send("tools/call", call_params, {}, "{" + asks + more + "}"));
    ask(old.last(), std::to_string(asked.size()));
    window();
    ASSERT_TRUE(asked.back()->is_asked());
  }
  EXPECT_EQ(bridge->parked(), 4U);
  auto fifth = send("prompts/list", {}, {}, R"({"roots":{}})");
  EXPECT_FALSE(fifth->refused) << fifth->refused->message;
  EXPECT_EQ(bridge->parked(), 3U);
  wait(milliseconds(1));
  EXPECT_EQ(old.endings, 1);
  old.answer(old.last(), R"({"prompts":[]})");
}

TEST_F(BridgedCallTest, LetsNothingJoinASessionThatIsOpeningForWhoIsKnownToAsk) {
  auto one = call();
  old.sessions[0]->send(make_request("1", "elicitation/create", R"({"message":"m","requestedSchema":{}})"));
  const std::string hello = std::exchange(old.hello, {});  // the next session takes its time
  auto again = call();
  EXPECT_EQ(old.sessions.size(), 2U);
  auto other = send("tools/call", R"("name":"other")", {}, elicits);
  EXPECT_EQ(old.sessions.size(), 3U) << "the second is for a call that will ask";
  for (auto* client : {&one, &again, &other}) gone(std::move(*client));
  while (!old.pending.empty()) old.answer(old.last(), hello);
}

TEST_F(BridgedCallTest, SharesASessionRatherThanRefuseACallWhenAClassHasItsFill) {
  std::vector<std::unique_ptr<Asker>> clients;
  clients.push_back(call());
  old.sessions[0]->send(make_request("1", "elicitation/create", R"({"message":"m","requestedSchema":{}})"));
  window();
  ASSERT_TRUE(clients[0]->is_asked());
  for (std::size_t i = 1; i < limits.bridge.sessions_per_class_max; ++i) clients.push_back(call());
  EXPECT_EQ(old.sessions.size(), limits.bridge.sessions_per_class_max);
  clients.push_back(call());
  EXPECT_EQ(old.sessions.size(), limits.bridge.sessions_per_class_max);
  clients.erase(clients.begin());
  for (auto& client : clients) gone(std::move(client));
}

TEST_F(BridgedCallTest, TakesTheStreamOfAChildsQuestionForAGuess) {
  start(CapabilitySetting::mirror, true);
  auto one = call();
  Exchange& first = old.last();
  auto two = call();
  ask(old.last(), "100");
  EXPECT_TRUE(was_told(R"("id":100,"error")"));
  gone(std::move(two));
  auto list = send("tools/list", {}, {}, elicits);
  ask(old.last(), "101");  // on the stream of what cannot ask
  window();
  EXPECT_TRUE(one->is_asked());
  EXPECT_FALSE(list->over());
  EXPECT_TRUE(old.cancels.size() == 1U);
  gone(std::move(list));
  old.answer(first, "{}");
}

TEST_F(BridgedCallTest, SendsSignsOfLifeToAnUpstreamThatWantsThem) {
  auto client = call();
  old.last().ask(make_request("100", "elicitation/create",
                              R"({"message":"m","requestedSchema":{},"_meta":{"progressToken":"u"}})"));
  window();
  wait(limits.bridge.ask_progress * 2);
  EXPECT_TRUE(was_told(R"({"progressToken":"u","progress":1})"));
  EXPECT_TRUE(was_told(R"({"progressToken":"u","progress":2})"));
}

TEST_F(BridgedCallTest, SaysThatAPersonIsAwayOnAPageThatItsServerWaitsFor) {
  constexpr const char* visits = R"({"elicitation":{"url":{}}})";
  auto client = send("tools/call", call_params, {}, visits);
  Exchange& call = old.last();
  call.ask(make_request("100", "elicitation/create",
                        R"({"mode":"url","elicitationId":"e","url":"https://a","message":"m"})"));
  window();
  ASSERT_TRUE(client->is_asked());
  auto again = send("tools/call",
                    std::string(call_params) + R"(,"requestState":")" + client->state() +
                        R"(","inputResponses":{"ask-1":{"action":"accept"}})",
                    {}, visits);
  EXPECT_EQ(again->signs, std::vector{LifeSign::person});
  old.answer(call, "{}");
  EXPECT_TRUE(again->answer);
}

TEST_F(BridgedCallTest, SendsACallAgainAfterAUrlWasVisited) {
  constexpr const char* visits = R"({"elicitation":{"url":{}}})";
  const std::string urls =
      R"({"elicitations":[{"mode":"url","elicitationId":"e","url":"https://a","message":"m"}]})";
  auto client = send("tools/call", call_params, {}, visits);
  old.fail(old.last(), rpc::url_elicitation_required, "visit", urls);
  ASSERT_TRUE(client->is_asked());
  EXPECT_EQ(client->result()["inputRequests"]["ask-1"]["params"].dump(),
            R"({"mode":"url","url":"https://a","message":"m"})");
  EXPECT_EQ(bridge->parked(), 0U);
  old.sessions[0]->send(make_notification("notifications/elicitation/complete", R"({"elicitationId":"e"})"));
  auto again = send("tools/call",
                    std::string(call_params) + R"(,"requestState":")" + client->state() +
                        R"(","inputResponses":{"ask-1":{"action":"accept"}})",
                    {}, visits);
  ASSERT_EQ(old.pending.size(), 1U);
  EXPECT_EQ(old.last_text().find("requestState"), std::string::npos);
  old.answer(old.last(), "{}");
  EXPECT_TRUE(again->answer);

  auto unable = call();
  old.fail(old.last(), rpc::url_elicitation_required, "visit", urls);
  ASSERT_TRUE(unable->refused);
  EXPECT_EQ(unable->refused->code, rpc::missing_client_capability);
}

TEST_F(BridgedCallTest, DoesNotLetAFinishedCallBeCancelled) {
  auto client = call();
  inner = &old.last();
  ask(*inner, "100");
  old.answer(*inner, "{}");  // it did not wait for the answer
  EXPECT_TRUE(client->answer);
  window();
  EXPECT_TRUE(old.cancels.empty());
}

}  // namespace
}  // namespace sluice
