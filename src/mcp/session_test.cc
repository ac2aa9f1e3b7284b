// SPDX-License-Identifier: Apache-2.0
#include "mcp/session.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace sluice {
namespace {

using Verdict = Admission::Verdict;

struct Message {
  explicit Message(const std::string& json) : text(json), scanner(JsonLimits{}) {
    const ScanResult scan = scanner.scan(text.padded(), envelope);
    EXPECT_TRUE(scan.ok()) << json << ": " << scan.reason;
  }
  PaddedString text;
  MessageScanner scanner;
  Envelope envelope;
};

std::string request(const std::string& method, const std::string& id = "1") {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + R"(","params":{}})";
}
std::string notification(const std::string& method, const std::string& params = "{}") {
  return R"({"jsonrpc":"2.0","method":")" + method + R"(","params":)" + params + "}";
}
const std::string initialize =
    R"({"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-06-18"}})";
const std::string answer = R"({"jsonrpc":"2.0","id":9,"result":{}})";

constexpr Instant start{};

class SessionTest : public testing::Test {
 protected:
  Admission admit(const std::string& text) { return session.admit(Message(text).envelope); }
  Verdict verdict(const std::string& text) { return admit(text).verdict; }
  void bring_to(SessionState state) {
    session = LegacySession(McpLimits{}, start);
    if (state == SessionState::uninitialized) return;
    if (state == SessionState::closed) return session.close();
    ASSERT_EQ(verdict(initialize), Verdict::pass);
    if (state == SessionState::initializing) return;
    session.initialize_answered(Revision::r2025_06_18);
    if (state == SessionState::answered) return;
    ASSERT_EQ(verdict(notification("notifications/initialized")), Verdict::pass);
  }
  void speak(Revision revision) {
    session = LegacySession(McpLimits{}, start);
    ASSERT_EQ(verdict(initialize), Verdict::pass);
    session.initialize_answered(revision);
  }

  LegacySession session{McpLimits{}, start};
};

TEST_F(SessionTest, PassesWhatTheTableSaysInEachState) {
  const std::vector<std::string> messages{initialize,
                                          notification("notifications/initialized"),
                                          request("ping"),
                                          request("tools/list"),
                                          notification("notifications/roots/list_changed"),
                                          answer};
  struct Row {
    SessionState state;
    const char* verdicts;  // p pass, d drop, r refuse
  };
  const Row rows[] = {
      {SessionState::uninitialized, "pdprdd"}, {SessionState::initializing, "rdprdd"},
      {SessionState::answered, "rppppp"},      {SessionState::initialized, "rdpppp"},
      {SessionState::closed, "rrrrrr"},
  };
  for (const Row& row : rows) {
    std::string found;
    for (const std::string& message : messages) {
      bring_to(row.state);
      ASSERT_EQ(session.state(), row.state);
      const Verdict v = verdict(message);
      found.push_back(v == Verdict::pass ? 'p' : v == Verdict::drop ? 'd' : 'r');
    }
    EXPECT_EQ(found, row.verdicts) << static_cast<int>(row.state);
  }
}

TEST_F(SessionTest, GoesFromStateToStateByTheHandshakeOnly) {
  EXPECT_EQ(session.state(), SessionState::uninitialized);
  EXPECT_EQ(verdict(initialize), Verdict::pass);
  EXPECT_EQ(session.state(), SessionState::initializing);
  EXPECT_EQ(session.revision(), Revision::r2025_06_18);
  session.initialize_answered(Revision::r2025_06_18);
  EXPECT_EQ(session.state(), SessionState::answered);
  EXPECT_FALSE(session.may_ask());
  EXPECT_EQ(verdict(request("tools/list")), Verdict::pass);
  EXPECT_EQ(session.state(), SessionState::answered);
  EXPECT_EQ(verdict(notification("notifications/initialized")), Verdict::pass);
  EXPECT_EQ(session.state(), SessionState::initialized);
  EXPECT_TRUE(session.may_ask());
}

TEST_F(SessionTest, KeepsNoIntroductionThatIsTooLong) {
  const std::string name(McpLimits{}.introduction_bytes_max, 'x');
  const Admission refused = admit(
      R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","x":")" +
      name + R"("}})");
  EXPECT_EQ(refused.verdict, Verdict::refuse);
  EXPECT_EQ(refused.refusal.code, rpc::invalid_params);
  EXPECT_EQ(verdict(initialize), Verdict::pass) << "it may say less";
}

TEST_F(SessionTest, RefusesEverythingButPingBeforeInitialize) {
  const Admission early = admit(request("tools/list"));
  ASSERT_EQ(early.verdict, Verdict::refuse);
  EXPECT_EQ(early.refusal.http_status, 400);
  EXPECT_EQ(verdict(request("ping")), Verdict::pass);
}

TEST_F(SessionTest, RefusesASecondInitialize) {
  bring_to(SessionState::initialized);
  const Admission again = admit(initialize);
  ASSERT_EQ(again.verdict, Verdict::refuse);
  EXPECT_EQ(again.refusal.code, -32600);
  EXPECT_EQ(session.state(), SessionState::initialized);
}

TEST_F(SessionTest, MayBeInitializedAgainAfterAFailure) {
  bring_to(SessionState::initializing);
  session.initialize_failed();
  EXPECT_EQ(session.state(), SessionState::uninitialized);
  EXPECT_EQ(session.in_flight(), 0u);
  EXPECT_EQ(verdict(initialize), Verdict::pass);
}

TEST_F(SessionTest, IgnoresALateAnswerToInitializeOnceClosed) {
  bring_to(SessionState::initializing);
  session.close();
  session.initialize_answered(Revision::r2025_06_18);
  session.initialize_failed();
  EXPECT_EQ(session.state(), SessionState::closed);
  EXPECT_EQ(admit(request("ping")).refusal.http_status, 404);
}

TEST_F(SessionTest, WaitsForTheHandshakeOnlySoLong) {
  const Instant deadline = start + McpLimits{}.initialize;
  EXPECT_FALSE(session.handshake_overdue(deadline - Duration(1)));
  EXPECT_TRUE(session.handshake_overdue(deadline));
  bring_to(SessionState::answered);
  EXPECT_TRUE(session.handshake_overdue(deadline));
  bring_to(SessionState::initialized);
  EXPECT_FALSE(session.handshake_overdue(deadline));
  bring_to(SessionState::closed);
  EXPECT_FALSE(session.handshake_overdue(deadline));
}

TEST_F(SessionTest, RefusesAnIdThatIsInFlightHoweverItIsSpelled) {
  bring_to(SessionState::initialized);
  EXPECT_EQ(verdict(request("tools/list", R"("a")")), Verdict::pass);
  const Admission twice = admit(request("tools/list", R"("\u0061")"));
  ASSERT_EQ(twice.verdict, Verdict::refuse);
  EXPECT_EQ(twice.refusal.code, -32600);
  EXPECT_EQ(session.in_flight(), 1u);
  EXPECT_TRUE(session.finished(*RpcId::from_raw(R"("a")")));
  EXPECT_FALSE(session.finished(*RpcId::from_raw(R"("a")")));
  EXPECT_EQ(verdict(request("tools/list", R"("a")")), Verdict::pass);
}

TEST_F(SessionTest, TellsNumbersFromStringsInIds) {
  bring_to(SessionState::initialized);
  EXPECT_EQ(verdict(request("tools/list", "1")), Verdict::pass);
  EXPECT_EQ(verdict(request("tools/list", R"("1")")), Verdict::pass);
  EXPECT_EQ(verdict(request("tools/list", "123456789012345678901234567890")), Verdict::pass);
  EXPECT_EQ(verdict(request("tools/list", "123456789012345678901234567891")), Verdict::pass);
  EXPECT_EQ(session.in_flight(), 4u);
}

TEST_F(SessionTest, KeepsAHundredThousandIdsApart) {
  bring_to(SessionState::initialized);
  for (int i = 0; i < 100'000; ++i) {
    const std::string id = i % 2 == 0 ? std::to_string(i) : "\"" + std::to_string(i) + "\"";
    ASSERT_EQ(verdict(request("ping", id)), Verdict::pass) << i;
    ASSERT_EQ(verdict(request("ping", id)), Verdict::refuse) << i;
    if (i >= 100) {
      const int old = i - 100;
      ASSERT_TRUE(session.finished(
          *RpcId::from_raw(old % 2 == 0 ? std::to_string(old) : "\"" + std::to_string(old) + "\"")));
    }
  }
  EXPECT_EQ(session.in_flight(), 100u);
}

TEST_F(SessionTest, BoundsWhatIsInFlight) {
  bring_to(SessionState::initialized);
  const std::size_t max = McpLimits{}.exchanges_per_session_max;
  for (std::size_t i = 0; i < max; ++i)
    ASSERT_EQ(verdict(request("tools/list", std::to_string(i))), Verdict::pass);
  EXPECT_EQ(admit(request("tools/list", "99999")).refusal.http_status, 429);
}

TEST_F(SessionTest, PassesACancelOnlyForWhatIsInFlight) {
  bring_to(SessionState::initialized);
  EXPECT_EQ(verdict(request("tools/call", "5")), Verdict::pass);
  EXPECT_EQ(verdict(notification("notifications/cancelled", R"({"requestId":5})")), Verdict::pass);
  EXPECT_EQ(verdict(notification("notifications/cancelled", R"({"requestId":"5"})")), Verdict::drop);
  EXPECT_EQ(verdict(notification("notifications/cancelled", R"({"requestId":6})")), Verdict::drop);
  EXPECT_EQ(verdict(notification("notifications/cancelled", "{}")), Verdict::drop);
}

TEST_F(SessionTest, TakesBatchesOnlyInTheirOneRevisionAndNeverWithInitialize) {
  const Message list(request("tools/list")), init(initialize), note(notification("notifications/x"));
  const Message modern(
      R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}})");
  const std::vector<Envelope> plain{list.envelope, note.envelope};
  for (const Revision revision : all_revisions) {
    if (era_of(revision) == Era::modern) continue;
    speak(revision);
    EXPECT_EQ(session.check_batch(plain).has_value(), revision != Revision::r2025_03_26)
        << revision_text(revision);
  }
  speak(Revision::r2025_03_26);
  EXPECT_TRUE(session.check_batch(std::vector<Envelope>{}).has_value());
  EXPECT_TRUE(session.check_batch(std::vector<Envelope>{list.envelope, init.envelope}).has_value());
  EXPECT_TRUE(session.check_batch(std::vector<Envelope>{list.envelope, modern.envelope}).has_value());
  EXPECT_TRUE(session.check_batch(std::vector<Envelope>{Envelope{}}).has_value());
  bring_to(SessionState::uninitialized);
  EXPECT_TRUE(session.check_batch(plain).has_value());
  bring_to(SessionState::closed);
  EXPECT_EQ(session.check_batch(plain)->http_status, 404);
}

TEST(VersionHeader, IsReadAsTheRevisionsSay) {
  const auto revision = [](std::optional<Bytes> header, std::optional<Revision> session) {
    const VersionHeader verdict = check_version_header(header, session);
    return verdict.refusal ? std::string(std::to_string(verdict.refusal->http_status))
                           : std::string(revision_text(verdict.revision));
  };
  EXPECT_EQ(revision({}, {}), "2025-03-26");
  EXPECT_EQ(revision({}, Revision::r2025_11_25), "2025-11-25");
  EXPECT_EQ(revision("2025-06-18", {}), "2025-06-18");
  EXPECT_EQ(revision(" 2025-06-18 ", {}), "2025-06-18");
  EXPECT_EQ(revision("2025-06-18", Revision::r2025_11_25), "2025-11-25");
  EXPECT_EQ(revision("2024-11-05", {}), "2024-11-05");
  for (const char* bad : {"", "1999-01-01", "2026-07-28", "invalid-version", "2025-6-18"})
    EXPECT_EQ(revision(bad, Revision::r2025_11_25), "400") << bad;
}

}  // namespace
}  // namespace sluice
