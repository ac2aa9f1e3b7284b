// SPDX-License-Identifier: Apache-2.0
#include "mcp/client_engine.h"

#include <gtest/gtest.h>

#include "mcp/client_engine_testing.h"

namespace sluice {
namespace {

using Client = EngineDriver;

// ---- Which era

TEST(ClientEngine, AsksForTheEraAndIsReadyWithADiscovery) {
  Client client;
  client.start();
  EXPECT_EQ(client.sent(), "server/discover");
  EXPECT_EQ(client.field("MCP-Protocol-Version"), "2026-07-28");
  EXPECT_EQ(client.field("Mcp-Method"), "server/discover");
  client.reply(client.orders[0], discovery);
  EXPECT_TRUE(client.engine.is_ready());
  EXPECT_EQ(client.engine.server().revision, Revision::r2026_07_28);
  EXPECT_EQ(client.engine.server().info["name"].string_or(""), "far");
  EXPECT_EQ(client.engine.server().instructions, "be kind");
}

TEST(ClientEngine, AnythingElseThanADiscoveryLeadsToAHandshake) {
  for (const int code : {rpc::method_not_found, rpc::invalid_request, -32000}) {
    Client client;
    client.start();
    client.reply_error(client.orders[0], code);
    EXPECT_EQ(client.sent(), "server/discover initialize") << code;
    EXPECT_EQ(client.field("MCP-Protocol-Version"), "(none)");
  }
  Client client;
  client.start();
  client.refuse(client.orders[0], 400, "Bad Request: no session");
  EXPECT_EQ(client.sent(), "server/discover initialize");
}

TEST(ClientEngine, ARefusalThatSaysNothingOfTheEraIsAFailure) {
  for (const int status : {401, 403, 429, 500, 503}) {
    Client client;
    client.start();
    client.refuse(client.orders[0], status);
    EXPECT_EQ(client.last_event(ClientEvent::Kind::failed).error.message,
              "the server answered with HTTP status " + std::to_string(status));
    EXPECT_TRUE(client.engine.is_over());
  }
}

TEST(ClientEngine, AServerThatNamesOurRevisionIsAskedAgainOnce) {
  const Bytes data = R"({"supported":["2026-07-28"],"requested":"2026-07-28"})";
  Client client;
  client.start();
  client.refuse(client.orders[0], 400,
                make_error_response("1", rpc::unsupported_protocol_version, "no", data));
  EXPECT_EQ(client.sent(), "server/discover server/discover");
  client.reply(client.orders[1], discovery);
  EXPECT_TRUE(client.engine.is_ready());
}

TEST(ClientEngine, AServerThatKnowsNeitherQuestionAndAnswers404IsModern) {
  Client client;
  client.start();
  client.refuse(client.orders[0], 404, make_error_response("1", rpc::method_not_found, "no"));
  EXPECT_EQ(client.sent(), "server/discover initialize");
  client.refuse(client.orders[1], 404, make_error_response("2", rpc::method_not_found, "no"));
  EXPECT_TRUE(client.engine.is_ready());
  EXPECT_EQ(client.engine.server().revision, Revision::r2026_07_28);
}

TEST(ClientEngine, APinnedEraIsNotAskedFor) {
  EXPECT_TRUE(in_modern()->orders.empty());
  Client client(options(Era::legacy));
  client.start();
  EXPECT_EQ(client.sent(), "initialize");
}

TEST(ClientEngine, ACommandThatExitsOnTheProbeIsStartedAgainAndShakenHandsWith) {
  Client client(options({}, false));
  client.start();
  client.engine.wire_lost(error("it exited"), client.now);
  client.settle();
  EXPECT_EQ(client.sent(), "server/discover restart");
  client.engine.restarted(client.now);
  client.settle();
  EXPECT_EQ(client.sent(), "server/discover restart initialize");
  client.reply(client.orders.back(), welcome);
  EXPECT_TRUE(client.engine.is_ready());
}

TEST(ClientEngine, ACommandThatIsSilentOnTheProbeIsAskedToInitializeToo) {
  for (const bool dual : {false, true}) {
    Client client(options({}, false));
    client.start();
    client.pass(ClientLimits{}.probe_wait);
    EXPECT_EQ(client.sent(), "server/discover initialize");
    if (dual) client.hear(make_response(std::to_string(client.orders[0].id), discovery));
    EXPECT_FALSE(client.engine.is_ready());
    client.hear(make_response(std::to_string(client.orders[1].id), welcome));
    EXPECT_TRUE(client.engine.is_ready());
    EXPECT_EQ(client.engine.server().revision, Revision::r2025_11_25);
  }
}

TEST(ClientEngine, AModernCommandThatIsSlowStaysModern) {
  Client client(options({}, false));
  client.start();
  client.pass(ClientLimits{}.probe_wait);
  client.hear(make_response(std::to_string(client.orders[0].id), discovery));
  client.hear(
      make_error_response(std::to_string(client.orders[1].id), rpc::unsupported_protocol_version, "no"));
  EXPECT_TRUE(client.engine.is_ready());
  EXPECT_EQ(client.engine.server().revision, Revision::r2026_07_28);
}

TEST(ClientEngine, AServerThatWasAskedBothAndAgainAndThenIsSilentIsGivenUpInTime) {
  const Bytes data = R"({"supported":["2026-07-28"],"requested":"2026-07-28"})";
  Client client(options({}, false));
  client.start();
  client.pass(ClientLimits{}.probe_wait);
  client.reply_error(client.orders[0], rpc::unsupported_protocol_version, data);
  EXPECT_EQ(client.sent(), "server/discover initialize server/discover");
  client.pass(ClientLimits{}.handshake);
  ASSERT_TRUE(client.engine.is_over());
  EXPECT_EQ(client.last_event(ClientEvent::Kind::failed).error.code, Errc::timed_out);
}

TEST(ClientEngine, AWelcomeThatIsNoProperJsonIsAFailure) {
  Client client(options(Era::legacy));
  client.start();
  client.reply(client.orders[0], R"({"protocolVersion":"2025-11-25","capabilities":{},)"
                                 R"("serverInfo":{"name":"old","name":"older","version":"1"}})");
  EXPECT_TRUE(client.engine.is_over());
  EXPECT_EQ(client.count(ClientEvent::Kind::failed), 1U);
}

TEST(ClientEngine, AHandshakeThatDoesNotEndFails) {
  Client client;
  client.start();
  client.pass(ClientLimits{}.handshake);
  EXPECT_EQ(client.last_event(ClientEvent::Kind::failed).error.code, Errc::timed_out);
}

// ---- Sessions

TEST(ClientEngine, ASessionCarriesItsIdAndRevisionAndOpensItsStreamBeforeItCanBeAsked) {
  Client client(options(Era::legacy, true, every_capability()));
  client.start();
  const ClientCallId early = client.call("tools/list");
  client.engine.session_given(client.orders[0].id, "S");
  client.reply(client.orders[0], welcome);
  EXPECT_EQ(client.sent(), "initialize notifications/initialized");
  EXPECT_EQ(client.field("Mcp-Session-Id"), "S");
  EXPECT_EQ(client.field("MCP-Protocol-Version"), "2025-11-25");
  client.engine.ended(client.orders[1].id, client.now);
  client.settle();
  EXPECT_EQ(client.sent(), "initialize notifications/initialized open");
  EXPECT_FALSE(client.engine.is_ready());
  client.engine.stream_unavailable(405, client.now);
  client.settle();
  EXPECT_EQ(client.sent(), "initialize notifications/initialized open tools/list");
  EXPECT_TRUE(client.orders.back().resumes);
  client.reply(client.orders.back(), R"({"tools":[]})");
  EXPECT_EQ(client.last_event(ClientEvent::Kind::answered).call, early);
}

TEST(ClientEngine, ALostSessionIsOpenedAnewAndWhatWasNotTakenIsSentAgain) {
  auto client = in_session();
  const ClientCallId call = client->call("tools/call", R"({"name":"x"})");
  client->refuse(client->orders[0], 404, make_error_response("null", -32001, "Session not found"));
  EXPECT_EQ(client->sent(), "tools/call shut initialize");
  EXPECT_EQ(client->field("Mcp-Session-Id"), "(none)");
  client->engine.session_given(client->orders.back().id, "T");
  client->reply(client->orders.back(), welcome);
  client->engine.ended(client->orders.back().id, client->now);
  client->settle();
  EXPECT_EQ(client->sent(), "tools/call shut initialize notifications/initialized open tools/call");
  EXPECT_EQ(client->field("Mcp-Session-Id"), "T");
  client->reply(client->orders.back(), "{}");
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).call, call);
}

TEST(ClientEngine, AServerThatLosesEverySessionIsGivenUp) {
  auto client = in_session();
  client->call("tools/list");
  for (int round = 0; round < 20 && !client->engine.is_over(); ++round) {
    const ClientOrder last = client->orders.back();
    if (last.text.find("\"initialize\"") != std::string::npos) {
      client->engine.session_given(last.id, "T");
      client->hear(make_response(std::to_string(last.id), welcome), last.id);
      client->engine.ended(client->last_send("notifications/initialized").id, client->now);
      client->settle();
    } else {
      client->refuse(last, 404);
    }
  }
  EXPECT_TRUE(client->engine.is_over());
  EXPECT_EQ(client->sent().find(" end"), std::string::npos) << "there is none to be ended";
}

// Opens the session that was ordered last; its stream is refused.
void open_without_stream(Client& client) {
  client.engine.session_given(client.last_send("initialize").id, "T");
  client.reply(client.last_send("initialize"), welcome);
  client.engine.ended(client.last_send("notifications/initialized").id, client.now);
  client.settle();
  client.engine.stream_unavailable(404, client.now);
  client.settle();
}

TEST(ClientEngine, AStreamThatIsNotThereIsNoLostSession) {
  Client client(options(Era::legacy));
  client.start();
  open_without_stream(client);
  EXPECT_TRUE(client.engine.is_ready());
  EXPECT_EQ(client.sent(), "initialize notifications/initialized open");
}

TEST(ClientEngine, WhatTheClientAsksByItselfIsNoSignThatSessionsHold) {
  ClientEngineOptions made = options(Era::legacy);
  made.log_level = "info";
  Client client(made);
  client.start();
  std::size_t opened = 0;
  while (!client.engine.is_over() && opened < 20) {
    open_without_stream(client);
    ++opened;
    client.reply(client.last_send("logging/setLevel"), "{}");
    client.engine.stream_opened(client.now);
    client.engine.stream_unavailable(404, client.now);
    client.settle();
  }
  EXPECT_EQ(opened, ClientLimits{}.sessions_lost_max + 1);
}

TEST(ClientEngine, AServerThatTakesSubscriptionsAndLosesEverySessionIsGivenUp) {
  Client client(options(Era::legacy));
  client.start();
  ListenFilter wanted;
  wanted.uris = {"a://1"};
  client.engine.watch(wanted, client.now);
  std::size_t opened = 0;
  const auto lose = [&](milliseconds after) {
    open_without_stream(client);
    ++opened;
    client.reply(client.last_send("resources/subscribe"), "{}");
    client.engine.stream_opened(client.now);
    client.pass(after);
    client.engine.stream_unavailable(404, client.now);
    client.settle();
  };
  for (int steady = 0; steady < 10; ++steady) lose(ClientLimits{}.listen_again_max);
  EXPECT_FALSE(client.engine.is_over()) << "each of them held for a while";
  opened = 1;
  while (!client.engine.is_over() && opened < 20) lose(milliseconds(10));
  EXPECT_EQ(opened, ClientLimits{}.sessions_lost_max + 1);
  EXPECT_NE(client.last_event(ClientEvent::Kind::failed).error.message.find("loses every session"),
            std::string::npos);
}

TEST(ClientEngine, ASessionThatIsLostBeforeItsStreamOpensWaitsForItNoMore) {
  Client client(options(Era::legacy, true, every_capability()));
  client.start();
  client.engine.session_given(client.orders[0].id, "S");
  client.reply(client.orders[0], welcome);
  client.engine.ended(client.orders[1].id, client.now);
  client.settle();
  client.hear(make_request("1", "ping"));
  client.refuse(client.orders.back(), 404);
  EXPECT_EQ(client.orders.back().id, client.last_send("initialize").id);
  client.pass(ClientLimits{}.gate_wait);
  EXPECT_FALSE(client.engine.is_ready()) << "nobody has answered to initialize";
}

TEST(ClientEngine, ClosingEndsTheSession) {
  auto client = in_session();
  client->engine.close(client->now);
  client->settle();
  EXPECT_EQ(client->sent(), "shut end");
  EXPECT_EQ(client->field("Mcp-Session-Id"), "S");
}

// ---- Calls

TEST(ClientEngine, AModernRequestCarriesItsEnvelopeAndHeaders) {
  auto client = in_modern(true, every_capability());
  client->call("tools/call", R"({"name":"grüße","arguments":{"a":1.0}})", true);
  const Json meta = client->body()["params"]["_meta"];
  EXPECT_EQ(meta["io.modelcontextprotocol/protocolVersion"].string_or(""), "2026-07-28");
  EXPECT_EQ(meta["io.modelcontextprotocol/clientInfo"]["name"].string_or(""), "sluice");
  EXPECT_TRUE(meta["io.modelcontextprotocol/clientCapabilities"].contains("sampling"));
  EXPECT_EQ(meta["progressToken"], client->body()["id"]);
  EXPECT_EQ(client->field("Mcp-Method"), "tools/call");
  EXPECT_EQ(client->field("Mcp-Name"), "=?base64?Z3LDvMOfZQ==?=");
  EXPECT_NE(client->orders.back().text.find(R"("a":1.0)"), std::string::npos) << "arguments stay as written";
}

TEST(ClientEngine, ALegacyRequestHasNoneOfThat) {
  auto client = in_session();
  client->call("tools/call", R"({"name":"x","arguments":{}})");
  EXPECT_FALSE(client->body()["params"].contains("_meta"));
  EXPECT_EQ(client->field("Mcp-Method"), "(none)");
}

TEST(ClientEngine, ToolHeadersFollowFromTheListAndBrokenToolsAreNotShown) {
  auto client = in_modern();
  client->call("tools/list");
  client->reply(
      client->orders.back(),
      R"({"tools":[{"name":"w","inputSchema":{"properties":{"r":{"type":"string","x-mcp-header":"Region"}}}},)"
      R"({"name":"bad","inputSchema":{"properties":{"r":{"type":"number","x-mcp-header":"R"}}}}]})");
  const auto list = Json::parse(client->last_event(ClientEvent::Kind::answered).json);
  EXPECT_EQ((*list)["tools"].size(), 1U);
  client->call("tools/call", R"({"name":"w","arguments":{"r":"us"}})");
  EXPECT_EQ(client->field("Mcp-Param-Region"), "us");
}

TEST(ClientEngine, AHeaderMismatchLeadsToTheListAndOneRetry) {
  auto client = in_modern();
  const ClientCallId call = client->call("tools/call", R"({"name":"w","arguments":{"r":"us"}})");
  client->reply_error(client->orders.back(), rpc::header_mismatch);
  EXPECT_EQ(client->sent(), "tools/call tools/list");
  client->reply(
      client->orders.back(),
      R"({"nextCursor":"","tools":[{"name":"w","inputSchema":{"properties":{"r":{"type":"string","x-mcp-header":"Region"}}}}]})");
  EXPECT_EQ(client->body()["params"]["cursor"].string_or("none"), "") << "the empty cursor is one";
  client->reply(client->orders.back(), R"({"tools":[]})");
  EXPECT_EQ(client->sent(), "tools/call tools/list tools/list tools/call");
  EXPECT_EQ(client->field("Mcp-Param-Region"), "us");
  client->reply_error(client->orders.back(), rpc::header_mismatch);
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).call, call);
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.number, rpc::header_mismatch);
}

TEST(ClientEngine, ProgressIsTheCallsAndKeepsItAlive) {
  for (const bool modern : {false, true}) {
    auto client = modern ? in_modern() : in_session();
    const ClientCallId call = client->call("tools/call", R"({"name":"x"})", true);
    const ClientOrder sent = client->orders.back();
    for (int i = 1; i <= 3; ++i) {
      client->pass(seconds(40));
      client->hear(R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":)" +
                       std::to_string(sent.id) + R"(,"progress":1}})",
                   sent.id);
    }
    EXPECT_EQ(client->count(ClientEvent::Kind::progress), 3U);
    EXPECT_EQ(client->last_event(ClientEvent::Kind::progress).call, call);
    EXPECT_EQ(client->count(ClientEvent::Kind::answered), 0U);
    client->pass(seconds(60));
    EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.code, Errc::timed_out);
  }
}

TEST(ClientEngine, ACancelIsWhatTheEraAndTheWireHave) {
  const auto cancelled = [](Client& client) {
    client.orders.clear();
    const ClientCallId call = client.call("tools/call", R"({"name":"x"})");
    client.engine.cancel(call, client.now);
    client.settle();
    return client.sent();
  };
  EXPECT_EQ(cancelled(*in_session()), "tools/call notifications/cancelled drop");
  EXPECT_EQ(cancelled(*in_modern()), "tools/call drop");
  EXPECT_EQ(cancelled(*in_modern(false)), "tools/call notifications/cancelled");
}

TEST(ClientEngine, ALateAnswerIsNobodys) {
  auto client = in_modern(false);
  const ClientCallId call = client->call("ping");
  client->engine.cancel(call, client->now);
  client->hear(make_response(std::to_string(client->orders[0].id), "{}"));
  EXPECT_EQ(client->count(ClientEvent::Kind::answered), 0U);
}

TEST(ClientEngine, AModernReplyThatBreaksOffIsAskedForAgainUnlessItIsATools) {
  auto client = in_modern();
  client->call("resources/list");
  client->engine.failed(client->orders[0].id, error("broke"), Outcome::sent_unknown, client->now);
  client->settle();
  EXPECT_EQ(client->sent(), "resources/list resources/list");
  client->engine.failed(client->orders[1].id, error("broke"), Outcome::sent_unknown, client->now);
  client->settle();
  EXPECT_EQ(client->count(ClientEvent::Kind::answered), 1U);
  client->call("tools/call", R"({"name":"x"})");
  client->engine.failed(client->orders.back().id, error("broke"), Outcome::sent_unknown, client->now);
  client->settle();
  EXPECT_EQ(client->count(ClientEvent::Kind::answered), 2U);
}

TEST(ClientEngine, WhatMayChangeSomethingIsNotAskedForTwice) {
  for (const std::string_view method : {"tools/call", "tasks/update", "tasks/cancel", "vendor/charge"}) {
    auto client = in_modern();
    client->call(std::string(method));
    client->engine.failed(client->orders[0].id, error("broke"), Outcome::sent_unknown, client->now);
    client->settle();
    EXPECT_EQ(client->sent(), method);
    EXPECT_EQ(client->count(ClientEvent::Kind::answered), 1U);
  }
}

TEST(ClientEngine, AResultWithoutATypeIsCompleteAndAnUnknownTypeIsNone) {
  auto client = in_modern();
  client->call("tools/call", R"({"name":"x"})");
  client->reply(client->orders.back(), R"({"content":[]})");
  EXPECT_FALSE(client->last_event(ClientEvent::Kind::answered).is_error);
  client->call("tools/call", R"({"name":"x"})");
  client->reply(client->orders.back(), R"({"resultType":"novel"})");
  EXPECT_TRUE(client->last_event(ClientEvent::Kind::answered).is_error);
}

TEST(ClientEngine, WhenTheWireIsLostEveryCallFails) {
  auto client = in_modern(false);
  client->call("ping");
  client->call("ping");
  client->engine.wire_lost(Error(Errc::closed, "'x' exited with code 1"), client->now);
  client->settle();
  EXPECT_EQ(client->count(ClientEvent::Kind::answered), 2U);
  EXPECT_EQ(client->last_event(ClientEvent::Kind::failed).error.message, "'x' exited with code 1");
  client->call("ping");
  EXPECT_EQ(client->count(ClientEvent::Kind::answered), 3U);
}

// ---- Questions

constexpr Bytes form = R"({"message":"?","requestedSchema":{"type":"object","properties":{}}})";

TEST(ClientEngine, ALegacyQuestionIsAnsweredByAMessageOfItsOwn) {
  auto client = in_session(every_capability());
  const ClientCallId call = client->call("tools/call", R"({"name":"x"})");
  const ClientOrder sent = client->orders.back();
  client->hear(make_request("\"q\"", "elicitation/create", form), sent.id);
  EXPECT_EQ(client->last_event(ClientEvent::Kind::asked).call, call);
  client->pass(seconds(300));
  EXPECT_EQ(client->count(ClientEvent::Kind::answered), 0U) << "a person is not timed as a server is";
  client->answer(std::string(R"({"action":"decline"})"));
  EXPECT_EQ(client->orders.back().text, R"({"jsonrpc":"2.0","id":"q","result":{"action":"decline"}})");
  client->reply(sent, "{}");
  EXPECT_EQ(client->count(ClientEvent::Kind::answered), 1U);
}

TEST(ClientEngine, AQuestionOfNobodyKnowsWhichCallStopsTheTimersOfAll) {
  auto client = in_legacy_lines(every_capability());
  client->call("tools/call", R"({"name":"x"})");
  client->call("tools/call", R"({"name":"y"})");
  client->hear(make_request("7", "elicitation/create", form));
  client->call("tools/list");  // may be read only when the question is answered
  client->pass(seconds(300));
  EXPECT_EQ(client->count(ClientEvent::Kind::answered), 0U) << "a person is not timed as a server is";
  client->answer(std::string(R"({"action":"decline"})"));
  client->pass(ClientLimits{}.call);
  EXPECT_EQ(client->count(ClientEvent::Kind::answered), 3U) << "the server is, again";
}

TEST(ClientEngine, TheTimerOfACallStartsAgainWithTheLastOfItsAnswers) {
  auto client = in_session(every_capability());
  client->call("tools/call", R"({"name":"x"})");
  const ClientOrder sent = client->orders.back();
  client->hear(make_request("1", "roots/list"), sent.id);
  client->hear(make_request("2", "elicitation/create", form), sent.id);
  client->engine.answer(client->events[client->events.size() - 2].ask, std::string(R"({"roots":[]})"),
                        client->now);
  client->pass(seconds(300));
  EXPECT_EQ(client->count(ClientEvent::Kind::answered), 0U);
  client->answer(std::string(R"({"action":"decline"})"));
  client->pass(ClientLimits{}.call);
  EXPECT_EQ(client->count(ClientEvent::Kind::answered), 1U);
}

TEST(ClientEngine, AQuestionThatNobodyAnswersIsRefusedAndItsCallTimedAgain) {
  for (const bool over_http : {false, true}) {
    auto client = over_http ? in_session(every_capability()) : in_legacy_lines(every_capability());
    client->call("tools/call", R"({"name":"x"})");
    client->hear(make_request("7", "elicitation/create", form), over_http ? client->orders.back().id : 0);
    client->pass(ClientLimits{}.ask);
    EXPECT_EQ(client->count(ClientEvent::Kind::withdrawn), 1U);
    EXPECT_EQ(client->body()["id"].int64_or(0), 7);
    EXPECT_TRUE(client->body().contains("error"));
    EXPECT_EQ(client->count(ClientEvent::Kind::answered), 0U);
    client->pass(ClientLimits{}.call);
    EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.code, Errc::timed_out);
  }
}

TEST(ClientEngine, AQuestionEndsWithTheCallThatItWasAskedFor) {
  auto client = in_session(every_capability());
  client->call("tools/call", R"({"name":"x"})");
  const ClientOrder sent = client->orders.back();
  client->hear(make_request("7", "elicitation/create", form), sent.id);
  client->reply(sent, "{}");
  EXPECT_EQ(client->last_event(ClientEvent::Kind::withdrawn).ask,
            client->last_event(ClientEvent::Kind::asked).ask);
  EXPECT_TRUE(client->body().contains("error")) << "every request has an answer";
  client->orders.clear();
  client->answer(std::string(R"({"action":"decline"})"));
  EXPECT_TRUE(client->orders.empty());
}

TEST(ClientEngine, WhatWasNotDeclaredIsNotAskedAndPingIsAnswered) {
  auto client = in_session();
  client->hear(make_request("1", "sampling/createMessage", "{}"));
  EXPECT_NE(client->orders.back().text.find("-32601"), std::string::npos);
  client->hear(make_request("2", "ping"));
  EXPECT_EQ(client->orders.back().text, R"({"jsonrpc":"2.0","id":2,"result":{}})");
  EXPECT_EQ(client->count(ClientEvent::Kind::asked), 0U);
}

TEST(ClientEngine, AQuestionThatTheServerTakesBackIsWithdrawn) {
  auto client = in_session(every_capability());
  client->hear(make_request("7", "roots/list"));
  const ClientAskId ask = client->last_event(ClientEvent::Kind::asked).ask;
  client->hear(make_notification("notifications/cancelled", R"({"requestId":7})"));
  EXPECT_EQ(client->last_event(ClientEvent::Kind::withdrawn).ask, ask);
  client->orders.clear();
  client->answer(std::string("{}"));
  EXPECT_TRUE(client->orders.empty());
}

TEST(ClientEngine, AModernQuestionIsAnsweredByTheCallAgainWithItsStateByteForByte) {
  auto client = in_modern(true, every_capability());
  const ClientCallId call = client->call("tools/call", R"({"name":"x","arguments":{"n":1}})");
  const ClientOrder first = client->orders.back();
  client->reply(
      first,
      R"({"resultType":"input_required","requestState":"a\u0062\/c",)"
      R"("inputRequests":{"k\"1":{"method":"roots/list"},"k2":{"method":"elicitation/create","params":)" +
          std::string(form) + "}}}");
  EXPECT_EQ(client->count(ClientEvent::Kind::asked), 2U);
  client->answer(std::string(R"({"action":"accept","content":{}})"));
  EXPECT_EQ(client->orders.size(), 1U);
  client->engine.answer(client->events[client->events.size() - 2].ask, std::string(R"({"roots":[]})"),
                        client->now);
  client->settle();
  ASSERT_EQ(client->sent(), "tools/call tools/call");
  EXPECT_NE(client->orders.back().id, first.id);
  EXPECT_NE(client->orders.back().text.find(R"("requestState":"a\u0062\/c")"), std::string::npos);
  EXPECT_TRUE(client->body()["params"]["inputResponses"]["k\"1"].contains("roots"));
  EXPECT_EQ(client->body()["params"]["arguments"]["n"].int64_or(0), 1);
  client->reply(client->orders.back(),
                R"({"resultType":"input_required","inputRequests":{"z":{"method":"roots/list"}}})");
  client->answer(std::string(R"({"roots":[]})"));
  EXPECT_FALSE(client->body()["params"].contains("requestState")) << "a round without state has none";
  client->reply(client->orders.back(), R"({"resultType":"complete","content":[]})");
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).call, call);
}

TEST(ClientEngine, ARoundThatAsksNothingIsRepeatedAfterAPauseAndRoundsAreBounded) {
  auto client = in_modern(true, every_capability());
  client->call("tools/call", R"({"name":"x"})");
  for (std::size_t round = 0; round < ClientLimits{}.ask_rounds_max; ++round) {
    client->reply(client->orders.back(), R"({"resultType":"input_required","requestState":"s"})");
    EXPECT_EQ(client->orders.size(), round + 1);
    client->pass(ClientLimits{}.round_pace);
    EXPECT_EQ(client->orders.size(), round + 2);
  }
  client->reply(client->orders.back(), R"({"resultType":"input_required","requestState":"s"})");
  EXPECT_TRUE(client->last_event(ClientEvent::Kind::answered).is_error);
}

TEST(ClientEngine, AHandlersErrorEndsTheCallAndItsOtherQuestions) {
  auto client = in_modern(true, every_capability());
  client->call("tools/call", R"({"name":"x"})");
  client->reply(
      client->orders.back(),
      R"({"resultType":"input_required","inputRequests":{"a":{"method":"roots/list"},"b":{"method":"roots/list"}}})");
  client->answer(protocol_error(rpc::internal_error, "the handler failed"));
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.message, "the handler failed");
  EXPECT_EQ(client->count(ClientEvent::Kind::withdrawn), 1U);
}

TEST(ClientEngine, APageThatALegacyServerWantsVisitedIsAskedForOnceAndTheCallRepeated) {
  const Bytes data =
      R"({"elicitations":[{"mode":"url","url":"https://far/x","elicitationId":"e","message":"go"}]})";
  auto client = in_session(every_capability());
  const ClientCallId call = client->call("tools/call", R"({"name":"x"})");
  client->reply_error(client->orders.back(), rpc::url_elicitation_required, data);
  EXPECT_EQ(client->count(ClientEvent::Kind::asked), 1U);
  client->answer(std::string(R"({"action":"accept"})"));
  EXPECT_EQ(client->sent(), "tools/call tools/call");
  client->reply_error(client->orders.back(), rpc::url_elicitation_required, data);
  EXPECT_EQ(client->count(ClientEvent::Kind::asked), 1U) << "the person is on it";
  EXPECT_EQ(client->sent(), "tools/call tools/call");
  client->hear(make_notification("notifications/elicitation/complete", R"({"elicitationId":"e"})"));
  EXPECT_EQ(client->sent(), "tools/call tools/call tools/call") << "no need to wait any longer";
  client->reply(client->orders.back(), "{}");
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).call, call);

  client->call("tools/call", R"({"name":"x"})");
  client->reply_error(client->orders.back(), rpc::url_elicitation_required, data);
  client->answer(std::string(R"({"action":"decline"})"));
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.number, rpc::url_elicitation_required);
}

// ---- Subscriptions

TEST(ClientEngine, AModernSubscriptionIsReplacedOnlyWhenTheNextOneStands) {
  auto client = in_modern();
  const auto acknowledge = [&](const ClientOrder& order) {
    client->hear(
        R"({"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{},"_meta":{"io.modelcontextprotocol/subscriptionId":)" +
            std::to_string(order.id) + "}}}",
        order.id);
  };
  ListenFilter wanted;
  wanted.tools = true;
  client->engine.watch(wanted, client->now);
  client->settle();
  EXPECT_TRUE(client->orders.back().stays_open);
  acknowledge(client->orders.back());
  wanted.uris = {"a://b"};
  client->engine.watch(wanted, client->now);
  client->settle();
  EXPECT_EQ(client->sent(), "subscriptions/listen subscriptions/listen");
  EXPECT_EQ(client->body()["params"]["notifications"]["resourceSubscriptions"][0].string_or(""), "a://b");
  const ClientOrder second = client->orders.back();
  acknowledge(second);
  EXPECT_EQ(client->sent(), "subscriptions/listen subscriptions/listen drop");
  client->engine.failed(second.id, error("broke"), Outcome::sent_unknown, client->now);
  client->pass(ClientLimits{}.listen_again_first);
  EXPECT_EQ(client->sent(), "subscriptions/listen subscriptions/listen drop subscriptions/listen");
}

TEST(ClientEngine, ASubscriptionThatEndsAsItBeginsIsOpenedLessAndLess) {
  auto client = in_modern();
  ListenFilter wanted;
  wanted.tools = true;
  client->engine.watch(wanted, client->now);
  client->settle();
  const auto lose = [&] {
    const ClientOrder last = client->last_send("subscriptions/listen");
    client->hear(
        R"({"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{},"_meta":{"io.modelcontextprotocol/subscriptionId":)" +
            std::to_string(last.id) + "}}}",
        last.id);
    client->engine.ended(last.id, client->now);
    client->settle();
  };
  const auto opened_in = [&](milliseconds time) {
    const Instant end = client->now + time;
    const ClientSendId first = client->last_send("subscriptions/listen").id;
    std::size_t times = 0;
    for (ClientSendId before = first; client->now < end;) {
      client->pass(milliseconds(50));
      if (client->last_send("subscriptions/listen").id == before) continue;
      ++times;
      lose();
      before = client->last_send("subscriptions/listen").id;
    }
    return times;
  };
  lose();
  opened_in(seconds(60));
  EXPECT_LT(opened_in(seconds(60)), 40U) << "half of eight seconds on average, not half of half a one";
}

TEST(ClientEngine, ALegacyServerIsAskedForResourcesOneByOneAndAgainInANewSession) {
  auto client = in_session();
  ListenFilter wanted;
  wanted.uris = {"a://1", "a://2"};
  client->engine.watch(wanted, client->now);
  wanted.uris = {"a://2"};
  client->engine.watch(wanted, client->now);
  client->settle();
  EXPECT_EQ(client->sent(), "resources/subscribe resources/subscribe resources/unsubscribe");
  client->engine.stream_unavailable(404, client->now);
  client->settle();
  client->reply(client->last_send("initialize"), welcome);
  client->engine.ended(client->last_send("notifications/initialized").id, client->now);
  client->settle();
  EXPECT_EQ(client->body()["method"].string_or(""), "resources/subscribe");
}

}  // namespace
}  // namespace sluice
