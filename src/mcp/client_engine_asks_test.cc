// SPDX-License-Identifier: Apache-2.0
// A client that wants to know a server's era, and nothing else of it.

#include <gtest/gtest.h>

#include "mcp/client_engine_testing.h"

namespace sluice {
namespace {

ClientEngineOptions asking(bool over_http, std::optional<Era> era = {}) {
  ClientEngineOptions made = options(era, over_http);
  made.asks_only = true;
  if (!over_http) made.limits.probe_wait = milliseconds(0);
  return made;
}

TEST(ClientEngineThatAsksOnly, IsReadyWithADiscoveryAndSaysNothingMore) {
  EngineDriver client(asking(true));
  client.start();
  client.reply(client.orders[0], discovery);
  EXPECT_EQ(client.engine.server().revision, Revision::r2026_07_28);
  EXPECT_EQ(client.sent(), "server/discover");
}

TEST(ClientEngineThatAsksOnly, TakesAnErrorThatNamesModernVersionsForAnAnswer) {
  EngineDriver client(asking(true));
  client.start();
  const Bytes data = R"({"supported":["2026-07-28"],"requested":"x"})";
  client.refuse(client.orders[0], 400,
                make_error_response("1", rpc::unsupported_protocol_version, "no", data));
  EXPECT_TRUE(client.engine.is_ready());
  EXPECT_EQ(client.engine.server().revision, Revision::r2026_07_28);
  EXPECT_EQ(client.sent(), "server/discover");
}

TEST(ClientEngineThatAsksOnly, OpensNoSessionAtAServerThatDoesNotKnowDiscover) {
  EngineDriver client(asking(true));
  client.start();
  client.refuse(client.orders[0], 400, make_error_response("1", rpc::method_not_found, "no"));
  EXPECT_EQ(client.engine.server().revision, Revision::r2025_11_25);
  EXPECT_EQ(client.last_event(ClientEvent::Kind::ready).text, "it answers server/discover with error -32601");
  EXPECT_EQ(client.sent(), "server/discover");
}

TEST(ClientEngineThatAsksOnly, TakesAReplyWithoutAnAnswerForThatOfAnOldServer) {
  EngineDriver client(asking(true));
  client.start();
  client.engine.ended(client.orders[0].id, client.now);
  client.settle();
  EXPECT_EQ(client.last_event(ClientEvent::Kind::ready).text, "the server ended its reply without an answer");
}

// Where 404 and -32601 may be either era's, the handshake decides, and what it opened is ended.
TEST(ClientEngineThatAsksOnly, ShakesHandsWhereTheAnswerMayBeEitherEras) {
  for (const bool legacy : {true, false}) {
    EngineDriver client(asking(true));
    client.start();
    client.refuse(client.orders[0], 404, make_error_response("1", rpc::method_not_found, "no"));
    EXPECT_EQ(client.sent(), "server/discover initialize");
    const ClientOrder& initialize = client.orders.back();
    if (legacy) {
      client.engine.session_given(initialize.id, "S");
      client.reply(initialize, welcome);
    } else {
      client.refuse(initialize, 404, make_error_response("2", rpc::method_not_found, "no"));
    }
    ASSERT_TRUE(client.engine.is_ready());
    EXPECT_EQ(era_of(client.engine.server().revision), legacy ? Era::legacy : Era::modern);
    client.engine.close(client.now);
    client.settle();
    EXPECT_EQ(client.sent(),
              legacy ? "server/discover initialize shut end" : "server/discover initialize shut");
  }
}

TEST(ClientEngineThatAsksOnly, PinnedToLegacyLearnsWhetherASessionCanBeOpened) {
  EngineDriver can(asking(true, Era::legacy));
  can.start();
  can.reply(can.orders[0], welcome);
  EXPECT_TRUE(can.engine.is_ready());
  EXPECT_EQ(can.sent(), "initialize") << "and does not begin to use it";
  EngineDriver cannot(asking(true, Era::legacy));
  cannot.start();
  cannot.refuse(cannot.orders[0], 400, make_error_response("1", rpc::unsupported_protocol_version, "no"));
  EXPECT_EQ(cannot.last_event(ClientEvent::Kind::failed).error.code, Errc::protocol);
}

TEST(ClientEngineThatAsksOnly, AsksACommandBothAtOnceAndHearsThemInAnyOrder) {
  for (const bool modern : {true, false}) {
    EngineDriver client(asking(false));
    client.start();
    EXPECT_EQ(client.sent(), "server/discover initialize");
    client.hear(make_response(std::to_string(client.orders[1].id), welcome));
    EXPECT_FALSE(client.engine.is_ready()) << "the other answer may be on its way";
    if (modern) client.hear(make_response(std::to_string(client.orders[0].id), discovery));
    client.pass(ClientLimits{}.gate_wait);
    ASSERT_TRUE(client.engine.is_ready());
    EXPECT_EQ(era_of(client.engine.server().revision), modern ? Era::modern : Era::legacy);
  }
}

TEST(ClientEngineThatAsksOnly, TakesAnyAnswerToInitializeForThatOfAnOldServer) {
  EngineDriver client(asking(false));
  client.start();
  client.reply_error(client.orders[1], rpc::internal_error);
  client.pass(ClientLimits{}.gate_wait);
  ASSERT_TRUE(client.engine.is_ready());
  EXPECT_EQ(client.engine.server().revision, Revision::r2025_11_25);
}

TEST(ClientEngineThatAsksOnly, TakesACommandThatExitsForAnOldOneUnlessItNeverRan) {
  EngineDriver client(asking(false));
  client.start();
  client.engine.wire_lost(Error(Errc::closed, "it exited"), client.now);
  client.settle();
  EXPECT_EQ(client.last_event(ClientEvent::Kind::ready).text, "it exited");
  EXPECT_EQ(client.engine.server().revision, Revision::r2025_11_25);
  EngineDriver missing(asking(false));
  missing.start();
  missing.engine.wire_lost(Error(Errc::unavailable, "it cannot be executed"), missing.now);
  missing.settle();
  EXPECT_EQ(missing.last_event(ClientEvent::Kind::failed).error.message, "it cannot be executed");
}

TEST(ClientEngineThatAsksOnly, IsNotAnsweredBySilence) {
  for (const bool over_http : {true, false}) {
    EngineDriver client(asking(over_http));
    client.start();
    client.pass(ClientLimits{}.handshake);
    EXPECT_EQ(client.last_event(ClientEvent::Kind::failed).error.code, Errc::timed_out);
  }
}

// Whatever it is asked for.
TEST(ClientEngine, ACommandThatCannotBeExecutedIsNotStartedAgain) {
  EngineDriver client(options({}, false));
  client.start();
  client.engine.wire_lost(Error(Errc::unavailable, "it cannot be executed"), client.now);
  client.settle();
  EXPECT_EQ(client.last_event(ClientEvent::Kind::failed).error.message, "it cannot be executed");
  EXPECT_EQ(client.sent(), "server/discover");
}

}  // namespace
}  // namespace sluice
