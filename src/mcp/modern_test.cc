// SPDX-License-Identifier: Apache-2.0
#include "mcp/modern.h"

#include <gtest/gtest.h>

#include <array>

#include "codec/json.h"

namespace sluice {
namespace {

constexpr std::array supported{Revision::r2026_07_28};

// A scanned message that owns what its views need.
struct Message {
  explicit Message(const std::string& json) : text(json), scanner(JsonLimits{}) {
    scan = scanner.scan(text.padded(), envelope);
  }
  PaddedString text;
  MessageScanner scanner;
  Envelope envelope;
  ScanResult scan;
};

const std::string good_meta =
    R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}})";

std::string request(const std::string& method, const std::string& more = "",
                    const std::string& meta = good_meta) {
  std::string text = R"({"jsonrpc":"2.0","id":1,"method":")" + method + R"(","params":{)" + more;
  if (!meta.empty()) text += (more.empty() ? "" : ",") + ("\"_meta\":" + meta);
  return text + "}}";
}

struct Case {
  const char* rule;
  std::string text;
  StandardHeaders headers;
  int code;  // 0: may be opened
  int http_status = 400;
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    Message message(c.text);
    ASSERT_TRUE(message.scan.ok()) << c.rule << ": " << c.text << " " << message.scan.reason;
    const auto refusal = check_modern(message.envelope, c.headers, supported);
    EXPECT_EQ(refusal ? refusal->code : 0, c.code)
        << c.rule << ": " << (refusal ? refusal->message : "passed");
    if (refusal && c.code != 0) {
      EXPECT_EQ(refusal->http_status, c.http_status) << c.rule;
    }
  }
}

constexpr const char* now = "2026-07-28";

TEST(DecideEra, IsTheBodysClaimFirst) {
  const StandardHeaders none;
  const StandardHeaders modern{now, {}, {}};
  const StandardHeaders old{"2025-11-25", {}, {}};
  EXPECT_EQ(decide_era(Message(request("tools/list")).envelope, none), Era::modern);
  EXPECT_EQ(decide_era(Message(request("tools/list")).envelope, old), Era::modern);
  EXPECT_EQ(decide_era(Message(request("initialize")).envelope, none), Era::modern);
  EXPECT_EQ(
      decide_era(Message(request("initialize", R"("protocolVersion":"2025-11-25")", "")).envelope, none),
      Era::legacy);
  EXPECT_EQ(decide_era(Message(request("tools/list", "", "")).envelope, none), Era::legacy);
  EXPECT_EQ(decide_era(Message(request("tools/list", "", "")).envelope, old), Era::legacy);
  EXPECT_EQ(decide_era(Message(request("tools/list", "", "")).envelope, modern), Era::modern);
  EXPECT_EQ(decide_era(Message(request("tools/list", "", R"({"progressToken":1})")).envelope, none),
            Era::legacy);
  // Even a claim that is no string is one.
  EXPECT_EQ(decide_era(Message(request("x", "", R"({"io.modelcontextprotocol/protocolVersion":1})")).envelope,
                       none),
            Era::modern);
  EXPECT_EQ(decide_era(Message(R"({"jsonrpc":"2.0","id":1,"result":{}})").envelope, none), Era::legacy);
}

TEST(CheckModern, Step2TakesOneRequestOrNotification) {
  const StandardHeaders headers{now, "tools/list", {}};
  check({
      {"request", request("tools/list"), headers, 0},
      {"response", R"({"jsonrpc":"2.0","id":1,"result":{}})", headers, -32600},
      {"error response", R"({"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}})", headers, -32600},
      {"batch", "[" + request("tools/list") + "]", headers, -32600},
      {"notification",
       R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})",
       {},
       0},
  });
}

TEST(CheckModern, Step4KeepsNoIntroductionThatIsTooLong) {
  const std::string meta = good_meta.substr(0, good_meta.size() - 1) + R"(,"x":")" +
                           std::string(McpLimits{}.introduction_bytes_max, 'x') + "\"}";
  check({{"too long", request("tools/list", "", meta), {now, "tools/list", {}}, -32602}});
}

TEST(CheckModern, Step3RefusesHeadersThatDisagreeWithTheBody) {
  check({
      {"version", request("tools/list"), {"2025-11-25", "tools/list", {}}, -32020},
      {"method", request("tools/list"), {now, "tools/call", {}}, -32020},
      {"method in another case", request("tools/list"), {now, "Tools/List", {}}, -32020},
      {"before missing keys",
       request("tools/list", "", R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28"})"),
       {"2025-11-25", "tools/list", {}},
       -32020},
      {"before an unknown version",
       request(
           "tools/list", "",
           R"({"io.modelcontextprotocol/protocolVersion":"1999-01-01","io.modelcontextprotocol/clientCapabilities":{}})"),
       {now, "tools/list", {}},
       -32020},
      {"blanks around are nothing", request("tools/list"), {" 2026-07-28\t", " tools/list ", {}}, 0},
      {"a field that came twice",
       request("tools/list"),
       {"2026-07-28, 2026-07-28", "tools/list", {}},
       -32020},
  });
}

TEST(CheckModern, Step4NeedsTheRequiredKeysOfTheEnvelope) {
  const StandardHeaders headers{now, "tools/list", {}};
  const auto with = [](const char* meta) { return request("tools/list", "", meta); };
  check({
      {"no params", R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})", headers, -32602},
      {"no _meta", with(""), headers, -32602},
      {"empty _meta", with("{}"), headers, -32602},
      {"no version", with(R"({"io.modelcontextprotocol/clientCapabilities":{}})"), headers, -32602},
      {"no capabilities", with(R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28"})"), headers,
       -32602},
      {"capabilities are no object",
       with(
           R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":[]})"),
       headers, -32602},
      {"a capability is no object",
       with(
           R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"sampling":true}})"),
       headers, -32602},
      {"the client's info is no object",
       with(
           R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":"x"})"),
       headers, -32602},
      {"the client's info is there",
       with(
           R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"}})"),
       headers, 0},
      {"before missing headers",
       with(R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28"})"),
       {},
       -32602},
      {"before an unknown version",
       with(R"({"io.modelcontextprotocol/protocolVersion":"1999-01-01"})"),
       {},
       -32602},
  });
}

TEST(CheckModern, Step4RefusesAVersionThatIsNoString) {
  check(
      {{"number",
        request(
            "tools/list", "",
            R"({"io.modelcontextprotocol/protocolVersion":20260728,"io.modelcontextprotocol/clientCapabilities":{}})"),
        {},
        -32602}});
}

TEST(CheckModern, Step5NamesTheVersionsWhenTheOneAskedForIsUnknown) {
  for (const std::string version : {"1999-01-01", "2025-11-25", "2027-01-01", "", "DRAFT-2026-v1"}) {
    const std::string meta = R"({"io.modelcontextprotocol/protocolVersion":")" + version +
                             R"(","io.modelcontextprotocol/clientCapabilities":{}})";
    Message message(request("tools/list", "", meta));
    const auto refusal = check_modern(message.envelope, {version, "tools/list", {}}, supported);
    ASSERT_TRUE(refusal) << version;
    EXPECT_EQ(refusal->code, -32022);
    EXPECT_EQ(refusal->http_status, 400);
    const Json data = *Json::parse(refusal->data_json);
    EXPECT_EQ(data["supported"].dump(), R"(["2026-07-28"])");
    EXPECT_EQ(data["requested"].string_or("?"), version);
    // Before the absence of headers.
    EXPECT_EQ(check_modern(message.envelope, {}, supported)->code, -32022);
  }
}

TEST(CheckModern, Step6AsksForTheHeadersInTheirOrder) {
  const std::string call = request("tools/call", R"("name":"add")");
  const auto message_of = [&](StandardHeaders headers) {
    return check_modern(Message(call).envelope, headers, supported).value_or(Refusal{}).message;
  };
  EXPECT_NE(message_of({}).find("MCP-Protocol-Version header is required"), std::string::npos);
  EXPECT_NE(message_of({now, {}, {}}).find("Mcp-Method header is required"), std::string::npos);
  EXPECT_NE(message_of({now, "tools/call", {}}).find("Mcp-Name header is required"), std::string::npos);
  EXPECT_EQ(message_of({now, "tools/call", "add"}), "");
}

TEST(CheckModern, Step6ComparesTheDecodedName) {
  const auto call = [](const char* json_name) {
    return request("tools/call", R"("name":)" + std::string(json_name));
  };
  check({
      {"plain", call(R"("add")"), {now, "tools/call", "add"}, 0},
      {"another", call(R"("add")"), {now, "tools/call", "sub"}, -32020},
      {"another case", call(R"("add")"), {now, "tools/call", "Add"}, -32020},
      {"blanks around", call(R"("add")"), {now, "tools/call", "  add\t"}, 0},
      {"blanks inside", call(R"("a b")"), {now, "tools/call", "a b"}, 0},
      {"base64", call(R"("add")"), {now, "tools/call", "=?base64?YWRk?="}, 0},
      {"base64 of UTF-8", call(R"("\u00e9")"), {now, "tools/call", "=?base64?w6k=?="}, 0},
      {"base64 without padding", call(R"("\u00e9")"), {now, "tools/call", "=?base64?w6k?="}, -32020},
      {"base64 of another alphabet", call(R"("???")"), {now, "tools/call", "=?base64?Pz8_?="}, -32020},
      {"base64 of no UTF-8", call(R"("x")"), {now, "tools/call", "=?base64?/w==?="}, -32020},
      {"markers in another case are literal",
       call(R"("=?BASE64?YWRk?=")"),
       {now, "tools/call", "=?BASE64?YWRk?="},
       0},
      {"one marker is literal", call(R"("=?base64?YWRk")"), {now, "tools/call", "=?base64?YWRk"}, 0},
      {"empty", call(R"("")"), {now, "tools/call", ""}, 0},
      {"name absent in the body", request("tools/call", R"("x":1)"), {now, "tools/call", "add"}, -32020},
      {"name no string", call("5"), {now, "tools/call", "5"}, -32020},
      {"uri", request("resources/read", R"("uri":"a://b")"), {now, "resources/read", "a://b"}, 0},
      {"uri of another",
       request("resources/read", R"("uri":"a://b")"),
       {now, "resources/read", "a://c"},
       -32020},
      {"prompt", request("prompts/get", R"("name":"p")"), {now, "prompts/get", "p"}, 0},
      {"prompt without", request("prompts/get", R"("name":"p")"), {now, "prompts/get", {}}, -32020},
      {"a name nobody asked for", request("tools/list"), {now, "tools/list", "whatever"}, 0},
  });
}

TEST(CheckModern, Step6ComesBeforeTheMethodIsLookedUp) {
  check({
      {"unknown method without header", request("nobody/knows"), {now, {}, {}}, -32020},
      {"removed method without header", request("ping"), {now, {}, {}}, -32020},
  });
}

TEST(CheckModern, Step9Answers404ToUnknownAndRemovedMethods) {
  for (const char* method :
       {"initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe",
        "tasks/list", "tasks/result", "nobody/knows", "roots/list", "sampling/createMessage",
        "elicitation/create", "notifications/progress", "skills/list"})
    check({{method, request(method), {now, method, {}}, -32601, 404}});
}

TEST(CheckModern, Step9ForwardsWhatItDoesNotKnowWhenToldSo) {
  const auto code = [](const char* method, StandardHeaders headers, const char* more = "") {
    Message message(request(method, more));
    const auto refusal = check_modern(message.envelope, headers, supported, UnknownMethods::forward);
    return refusal ? refusal->code : 0;
  };
  EXPECT_EQ(code("nobody/knows", {now, "nobody/knows", {}}), 0);
  EXPECT_EQ(code("skills/list", {now, "skills/list", {}}), 0);
  EXPECT_EQ(code("tasks/get", {now, "tasks/get", "t1"}, R"("taskId":"t1")"), 0);
  EXPECT_EQ(code("tasks/get", {now, "tasks/get", {}}, R"("taskId":"t1")"), -32020);
  EXPECT_EQ(code("ping", {now, "ping", {}}), -32601);
  EXPECT_EQ(code("initialize", {now, "initialize", {}}), -32601);
  EXPECT_EQ(code("notifications/message", {now, "notifications/message", {}}), -32601);
}

TEST(CheckModern, Step10AnswersABadLogLevelInBand) {
  const auto meta = [](const char* level) {
    return R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/logLevel":)" +
           std::string(level) + "}";
  };
  const StandardHeaders headers{now, "tools/list", {}};
  check({
      {"good", request("tools/list", "", meta(R"("warning")")), headers, 0},
      {"unknown", request("tools/list", "", meta(R"("loud")")), headers, -32602, 200},
      {"no string", request("tools/list", "", meta("3")), headers, -32602, 200},
  });
}

TEST(CheckModern, NotificationsAreCheckedInWhatTheyHave) {
  const std::string bare = R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})";
  check({
      {"bare", bare, {}, 0},
      {"right header", bare, {now, "notifications/cancelled", {}}, 0},
      {"wrong header", bare, {now, "tools/call", {}}, -32020},
  });
}

TEST(CheckModern, LinesHaveNoHeadersToCheck) {
  const auto code = [](const std::string& text) {
    Message message(text);
    const auto refusal = check_modern_line(message.envelope, supported);
    return refusal ? refusal->code : 0;
  };
  EXPECT_EQ(code(request("tools/call", R"("name":"add")")), 0);
  EXPECT_EQ(code(request("tools/call", R"("name":"add")", "{}")), -32602);
  EXPECT_EQ(code(request("ping")), -32601);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"result":{}})"), -32600);
}

TEST(LogLevel, IsOneOfEight) {
  for (const char* level : {"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"})
    EXPECT_TRUE(is_log_level("\"" + std::string(level) + "\""));
  for (const char* level : {"", "\"\"", "\"Debug\"", "debug", "\"trace\"", "1"})
    EXPECT_FALSE(is_log_level(level));
}

TEST(ModernResult, SaysThatItIsCompleteWhereItSaidNothing) {
  const std::string said = R"({"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required"}})";
  EXPECT_EQ(with_result_type(said), said);
  EXPECT_EQ(with_result_type(R"({"jsonrpc":"2.0","id":1,"result":{}})"),
            R"({"jsonrpc":"2.0","id":1,"result":{"resultType":"complete"}})");
  EXPECT_EQ(with_result_type(R"({"jsonrpc":"2.0","id":1,"result":{"a":[1]}})"),
            R"({"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","a":[1]}})");
  for (const char* other : {R"({"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}})",
                            R"({"jsonrpc":"2.0","id":1,"result":[1]})", "no JSON"})
    EXPECT_EQ(with_result_type(other), other);
}

}  // namespace
}  // namespace sluice
