// SPDX-License-Identifier: Apache-2.0
#include "mcp/multiplex.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "codec/json.h"

namespace sluice {
namespace {

using Kind = Routed::Kind;

struct Message {
  explicit Message(const std::string& json) : text(json), scanner(JsonLimits{}) {
    const ScanResult scan = scanner.scan(text.padded(), envelope);
    EXPECT_TRUE(scan.ok()) << json << ": " << scan.reason;
  }
  PaddedString text;
  MessageScanner scanner;
  Envelope envelope;
};

class MultiplexTest : public testing::Test {
 protected:
  // Sends and returns the minted id as the upstream sees it.
  std::string send(const std::string& text, ClientRef ref) {
    const auto out = plex.outbound(Message(text).envelope, ref);
    EXPECT_TRUE(out.ok());
    EXPECT_EQ(out->find('\n'), std::string::npos);
    sent = *Json::parse(*out);
    return sent["id"].dump();
  }
  Routed receive(const std::string& text) { return plex.inbound(PaddedString(text).padded()); }

  Multiplex plex{JsonLimits{}, 100};
  Json sent;
};

std::string call(const std::string& id, const std::string& meta = "") {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"tools/call","params":{"name":"x","_meta":{)" +
         meta + "}}}";
}
std::string listen(const std::string& id) {
  return R"({"jsonrpc":"2.0","id":)" + id +
         R"(,"method":"subscriptions/listen","params":{"notifications":{}}})";
}
std::string result(const std::string& id) {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{"a":[1, 2]}})";
}

TEST_F(MultiplexTest, GivesBackIdsOfEveryKindByteForByte) {
  ClientRef ref = 1;
  for (const char* id : {"1", "0", "-5", "\"1\"", "\"\"", R"("\u0061\"\\")", "123456789012345678901234567890",
                         "\"日本\"", "9007199254740993"}) {
    const std::string minted = send(call(id), ++ref);
    const Routed routed = receive(result(minted));
    EXPECT_EQ(routed.kind, Kind::response);
    EXPECT_EQ(routed.ref, ref);
    EXPECT_EQ(routed.text, result(id));
  }
  EXPECT_EQ(plex.in_flight(), 0u);
}

TEST_F(MultiplexTest, KeepsEqualIdsOfTwoClientsApart) {
  const std::string first = send(call("1"), 10), second = send(call("1"), 20);
  EXPECT_NE(first, second);
  EXPECT_EQ(receive(result(second)).ref, 20u);
  EXPECT_EQ(receive(result(first)).ref, 10u);
}

TEST_F(MultiplexTest, ChangesNothingElseInTheRequest) {
  const std::string text =
      R"({ "jsonrpc" : "2.0", "id" : "c", "method":"tools/call", "params":{"name":"x", "arguments":{"id":1,"z":1.50},"_meta":{"progressToken":"p","vendor/x":1}} })";
  const auto out = plex.outbound(Message(text).envelope, 1);
  EXPECT_EQ(
      *out,
      R"({ "jsonrpc" : "2.0", "id" : 1, "method":"tools/call", "params":{"name":"x", "arguments":{"id":1,"z":1.50},"_meta":{"progressToken":1,"vendor/x":1}} })");
}

TEST_F(MultiplexTest, SendsOneLineHoweverTheClientWroteIt) {
  const std::string text =
      "\n{\"jsonrpc\":\"2.0\",\r\n \"id\":1,\n \"method\":\"tools/list\",\n\"params\":{\"a\":\"x\\ny\"}}\n";
  const auto out = plex.outbound(Message(text).envelope, 1);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->find_first_of("\r\n"), std::string::npos);
  EXPECT_EQ((*Json::parse(*out))["params"]["a"].string_or(""), "x\ny");
}

TEST_F(MultiplexTest, PutsProgressTokensBack) {
  const std::string minted = send(call("1", R"("progressToken":"tok\u0065n")"), 5);
  EXPECT_EQ(sent["params"]["_meta"]["progressToken"].dump(), minted);
  const Routed routed =
      receive(R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":)" + minted +
              R"(,"progress":1}})");
  EXPECT_EQ(routed.kind, Kind::notification);
  EXPECT_EQ(routed.ref, 5u);
  EXPECT_EQ(
      routed.text,
      R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"tok\u0065n","progress":1}})");
}

TEST_F(MultiplexTest, DropsProgressThatNobodyAskedForOrThatIsLate) {
  const auto progress = [](const std::string& token) {
    return R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":)" + token +
           R"(,"progress":1}})";
  };
  const std::string silent = send(call("1"), 1);
  EXPECT_EQ(receive(progress(silent)).kind, Kind::dropped);
  EXPECT_EQ(receive(progress("\"x\"")).kind, Kind::dropped);
  EXPECT_EQ(plex.counts().unknown, 2u);
  const std::string done = send(call("2", R"("progressToken":0)"), 2);
  EXPECT_EQ(receive(result(done)).kind, Kind::response);
  EXPECT_EQ(receive(progress(done)).kind, Kind::dropped);
  EXPECT_EQ(plex.counts().late, 1u);
}

TEST_F(MultiplexTest, CancelsUnderTheMintedIdAndDropsTheLateAnswer) {
  const std::string minted = send(call("\"mine\""), 3);
  const auto text = plex.cancel(3, "gone");
  ASSERT_TRUE(text);
  const Json json = *Json::parse(*text);
  EXPECT_EQ(json["method"].string_or(""), "notifications/cancelled");
  EXPECT_EQ(json["params"]["requestId"].dump(), minted);
  EXPECT_EQ(json["params"]["reason"].string_or(""), "gone");
  EXPECT_FALSE(plex.cancel(3));
  EXPECT_EQ(receive(result(minted)).kind, Kind::dropped);
  EXPECT_EQ(receive(R"({"jsonrpc":"2.0","id":)" + minted + R"(,"error":{"code":1,"message":"x"}})").kind,
            Kind::dropped);
  EXPECT_EQ(plex.counts().late, 2u);
  EXPECT_EQ(plex.in_flight(), 0u);
}

TEST_F(MultiplexTest, DropsAnswersToWhatItNeverSent) {
  for (const char* id : {"1", "0", "-1", "\"1\"", "99999999999999999999999"})
    EXPECT_EQ(receive(result(id)).kind, Kind::dropped) << id;
  EXPECT_EQ(receive(R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}})").kind,
            Kind::dropped);
  EXPECT_EQ(plex.counts().unknown, 6u);
}

TEST_F(MultiplexTest, RoutesSubscriptionsByTheirIdAndPutsTheClientsBack) {
  const std::string one = send(listen("\"L1\""), 1), two = send(listen("7"), 2);
  const auto changed = [](const std::string& id) {
    return R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":)" +
           id + "}}}";
  };
  EXPECT_EQ(receive(changed(two)).text, changed("7"));
  EXPECT_EQ(receive(changed(one)).text, changed("\"L1\""));
  EXPECT_EQ(receive(changed(one)).ref, 1u);
  EXPECT_EQ(receive(changed("99")).kind, Kind::dropped);
  // The server ends a listen by a cancel of its id, or by its result; the client sees the same.
  const std::string done =
      R"({"jsonrpc":"2.0","id":@,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":@}}})";
  const auto with = [&done](const std::string& id) {
    std::string text = done;
    for (std::size_t at; (at = text.find('@')) != std::string::npos;) text.replace(at, 1, id);
    return text;
  };
  EXPECT_EQ(receive(with(two)).text, with("7"));
  const std::string cancel = R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)" +
                             one + R"(,"_meta":{"io.modelcontextprotocol/subscriptionId":)" + one + "}}}";
  const Routed ended = receive(cancel);
  EXPECT_EQ(ended.kind, Kind::response);
  EXPECT_EQ(ended.ref, 1u);
  EXPECT_EQ(ended.text, with("\"L1\""));
  EXPECT_EQ(receive(cancel).kind, Kind::dropped);
  EXPECT_EQ(plex.in_flight(), 0u);
}

TEST_F(MultiplexTest, DoesNotTakeACallForASubscription) {
  const std::string minted = send(call("1"), 1);
  EXPECT_EQ(
      receive(
          R"({"jsonrpc":"2.0","method":"notifications/x","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":)" +
          minted + "}}}")
          .kind,
      Kind::dropped);
}

TEST_F(MultiplexTest, GivesALogLineToTheOnlyOneThatAskedForLogs) {
  const std::string log =
      R"({"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}})";
  const std::string level = R"("io.modelcontextprotocol/logLevel":"info")";
  send(call("1"), 1);
  EXPECT_EQ(receive(log).kind, Kind::dropped);
  send(call("2", level), 2);
  EXPECT_EQ(receive(log).ref, 2u);
  EXPECT_EQ(receive(log).text, log);
  send(call("3", level), 3);
  EXPECT_EQ(receive(log).kind, Kind::dropped);
  EXPECT_EQ(plex.counts().unattributed, 2u);
}

TEST_F(MultiplexTest, GivesUnmarkedMessagesToNobodyUntilACancelWasRead) {
  const std::string log =
      R"({"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}})";
  const std::string vendor = R"({"jsonrpc":"2.0","method":"vendor/thing","params":{}})";
  const std::string level = R"("io.modelcontextprotocol/logLevel":"info")";
  send(call("1", level), 1);
  const std::string older = send(call("2", level), 2);
  EXPECT_TRUE(plex.cancel(1));
  EXPECT_EQ(receive(log).kind, Kind::dropped) << "it may have been written for the first";
  EXPECT_EQ(receive(vendor).kind, Kind::dropped);
  receive(result(older));
  const std::string newer = send(call("3", level), 3);
  EXPECT_EQ(receive(log).kind, Kind::dropped);
  send(call("4"), 4);
  receive(result(newer));
  send(call("5", level), 5);
  EXPECT_EQ(receive(log).ref, 5u) << "what was sent after the cancel has been answered";
}

// A subscription that ends, say: no log line can have been written for it.
TEST_F(MultiplexTest, ACancelOfWhatAskedForNoLogsLeavesThemToWhoDid) {
  const std::string log =
      R"({"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}})";
  send(call("1"), 1);
  EXPECT_TRUE(plex.cancel(1));
  send(call("2", R"("io.modelcontextprotocol/logLevel":"info")"), 2);
  EXPECT_EQ(receive(log).ref, 2u);
}

TEST_F(MultiplexTest, GivesAVendorsNotificationOnlyToAnOnlyCaller) {
  const std::string vendor = R"({"jsonrpc":"2.0","method":"vendor/thing","params":{}})";
  EXPECT_EQ(receive(vendor).kind, Kind::dropped);
  send(call("1"), 1);
  EXPECT_EQ(receive(vendor).ref, 1u);
  send(call("2"), 2);
  EXPECT_EQ(receive(vendor).kind, Kind::dropped);
}

TEST_F(MultiplexTest, AnswersWhatTheUpstreamMustNotAsk) {
  const Routed ask = receive(R"({"jsonrpc":"2.0","id":"s1","method":"sampling/createMessage","params":{}})");
  EXPECT_EQ(ask.kind, Kind::reply);
  const Json json = *Json::parse(ask.text);
  EXPECT_EQ(json["id"].string_or(""), "s1");
  EXPECT_EQ(json["error"]["code"].int64_or(0), -32601);
  EXPECT_EQ(receive(R"({"jsonrpc":"2.0","id":4,"method":"ping"})").text,
            R"({"jsonrpc":"2.0","id":4,"result":{}})");
}

TEST_F(MultiplexTest, CountsWhatIsNoMessage) {
  for (const char* text : {"", "x", "{}", "[]", "[1]", "{\"jsonrpc\":\"2.0\"}"})
    EXPECT_EQ(receive(text).kind, Kind::invalid) << text;
  EXPECT_EQ(plex.counts().invalid, 6u);
}

TEST_F(MultiplexTest, IsBounded) {
  Multiplex small(JsonLimits{}, 2);
  const Message message(call("1"));
  EXPECT_TRUE(small.outbound(message.envelope, 1).ok());
  EXPECT_EQ(small.outbound(message.envelope, 1).error().code, Errc::exists);
  EXPECT_TRUE(small.outbound(message.envelope, 2).ok());
  EXPECT_EQ(small.outbound(message.envelope, 3).error().code, Errc::exhausted);
  EXPECT_EQ(small.outbound(Message(result("1")).envelope, 4).error().code, Errc::invalid);
}

TEST_F(MultiplexTest, NamesWhoWasOpenWhenTheChannelBreaks) {
  for (const ClientRef ref : {9U, 3U, 7U}) send(call("1"), ref);
  EXPECT_TRUE(plex.cancel(3));
  EXPECT_EQ(plex.lost(), (std::vector<ClientRef>{9, 7}));
  EXPECT_EQ(plex.in_flight(), 0u);
  EXPECT_EQ(receive(result("1")).kind, Kind::dropped);
}

TEST_F(MultiplexTest, NeverMixesUpCallersInARandomRun) {
  Random random(2026);
  std::vector<std::pair<ClientRef, std::string>> open;  // and the minted id
  ClientRef next = 1;
  for (int i = 0; i < 5000; ++i) {
    if (open.size() < 50 && (open.empty() || random.one_in(2))) {
      const ClientRef ref = next++;
      open.emplace_back(ref, send(call("\"c" + std::to_string(ref) + "\""), ref));
      continue;
    }
    const std::size_t pick = random.below(open.size());
    const auto [ref, minted] = open[pick];
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(pick));
    if (random.one_in(4)) {
      ASSERT_TRUE(plex.cancel(ref));
      ASSERT_EQ(receive(result(minted)).kind, Kind::dropped);
    } else {
      const Routed routed = receive(result(minted));
      ASSERT_EQ(routed.ref, ref);
      ASSERT_EQ(routed.text, result("\"c" + std::to_string(ref) + "\""));
    }
  }
  EXPECT_EQ(plex.in_flight(), open.size());
}

}  // namespace
}  // namespace sluice
