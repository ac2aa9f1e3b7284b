// SPDX-License-Identifier: Apache-2.0
// The calls of a client at their edges: a list that is read for their headers and does not come, progress
// while a person thinks, params that fill what a message may be, and a session that a failed client leaves.
#include <gtest/gtest.h>

#include "mcp/client_engine_testing.h"

namespace sluice {
namespace {

constexpr Bytes to_w = R"({"name":"w","arguments":{"r":"us"}})";

TEST(ClientEngineCalls, ThatEndWhileTheyWaitForTheListTakeItsReadingWithThem) {
  for (const bool is_cancelled : {false, true}) {
    auto client = in_modern();
    const ClientCallId call = client->call("tools/call", std::string(to_w));
    client->reply_error(client->orders.back(), rpc::header_mismatch);
    const ClientOrder list = client->last_send("tools/list");
    EXPECT_EQ(client->orders.back().id, list.id);
    if (is_cancelled) {
      client->engine.cancel(call, client->now);
      client->settle();
    } else {
      for (int pages = 0; pages < 7; ++pages) {  // each in time, and no end
        client->pass(seconds(9));
        client->reply(client->last_send("tools/list"), R"({"tools":[],"nextCursor":"more"})");
      }
      EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.code, Errc::timed_out);
    }
    EXPECT_EQ(client->orders.back().kind, ClientOrder::Kind::drop);
    EXPECT_EQ(client->orders.back().id, client->last_send("tools/list").id);
    // The next one is read as the first was.
    client->call("tools/call", std::string(to_w));
    client->reply_error(client->orders.back(), rpc::header_mismatch);
    EXPECT_EQ(client->body()["method"].string_or(""), "tools/list");
    EXPECT_NE(client->orders.back().id, list.id);
  }
}

TEST(ClientEngineCalls, GoAgainWithoutAListThatDoesNotCome) {
  auto client = in_modern();
  client->call("tools/call", std::string(to_w));
  client->reply_error(client->orders.back(), rpc::header_mismatch);
  client->pass(ClientLimits{}.tools_wait);
  EXPECT_EQ(client->sent(), "tools/call tools/list drop tools/call");
  client->reply(client->orders.back(), R"({"content":[]})");
  EXPECT_FALSE(client->last_event(ClientEvent::Kind::answered).is_error);
}

TEST(ClientEngineCalls, LateProgressTakesNoTimeFromAPerson) {
  auto client = in_modern(true, every_capability());
  client->call("tools/call", R"({"name":"x"})", true);
  const ClientOrder sent = client->orders.back();
  client->reply(sent, R"({"resultType":"input_required","inputRequests":{"a":{"method":"roots/list"}}})");
  client->hear(make_notification("notifications/progress",
                                 R"({"progressToken":)" + std::to_string(sent.id) + R"(,"progress":1})"));
  EXPECT_EQ(client->count(ClientEvent::Kind::progress), 1U);
  client->pass(ClientLimits{}.ask - seconds(1));
  EXPECT_EQ(client->count(ClientEvent::Kind::answered), 0U);
  client->pass(seconds(1));
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.code, Errc::timed_out);
}

TEST(ClientEngineCalls, WhoseParamsLeaveNoRoomForAProgressTokenFail) {
  std::string params = R"({"name":"x")";
  for (std::size_t i = 1; i < JsonLimits{}.envelope_members_max; ++i)
    params.append(R"(,"m)").append(std::to_string(i)).append(R"(":0)");
  params += '}';
  auto client = in_session();
  client->call("tools/call", params);
  EXPECT_EQ(client->sent(), "tools/call") << "they are in order as they are";
  client->call("tools/call", params, true);
  EXPECT_EQ(client->sent(), "tools/call");
  EXPECT_EQ(client->last_event(ClientEvent::Kind::answered).error.code, Errc::too_large);

  ClientEngineOptions small = options(Era::modern);
  small.json.message_bytes_max = 200;
  EngineDriver other(small);
  other.start();
  other.call("vendor/own", R"({"x":")" + std::string(120, 'x') + R"("})", true);
  EXPECT_EQ(other.last_event(ClientEvent::Kind::answered).error.code, Errc::too_large);
}

TEST(ClientEngineCalls, OfAClientThatFailsAreOverAndSoIsItsSession) {
  auto client = in_session();
  client->call("tools/list");
  client->engine.wire_lost(error("it is gone"), client->now);
  client->settle();
  EXPECT_EQ(client->sent(), "tools/list shut end");
  EXPECT_EQ(client->field("Mcp-Session-Id"), "S");
  EXPECT_EQ(client->field("MCP-Protocol-Version"), "2025-11-25");
  client->engine.close(client->now);
  client->settle();
  EXPECT_EQ(client->sent(), "tools/list shut end") << "once";
  // A handshake that got as far as a session.
  EngineDriver slow(options(Era::legacy));
  slow.start();
  slow.engine.session_given(slow.orders[0].id, "S");
  slow.reply(slow.orders[0], welcome);
  slow.pass(ClientLimits{}.handshake);
  EXPECT_TRUE(slow.engine.is_over());
  EXPECT_EQ(slow.sent(), "initialize notifications/initialized shut end");
}

}  // namespace
}  // namespace sluice
