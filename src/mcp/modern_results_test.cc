// SPDX-License-Identifier: Apache-2.0
#include "mcp/modern_results.h"

#include <gtest/gtest.h>

#include "codec/json.h"
#include "codec/jsonrpc.h"
#include "mcp/exchange.h"

namespace sluice {
namespace {

constexpr Revision oldest = Revision::r2024_11_05;
constexpr Revision audio = Revision::r2025_03_26;
constexpr Revision links = Revision::r2025_06_18;
constexpr Revision newest = Revision::r2025_11_25;

ClientMessage scanned(std::string text) {
  ClientMessage message;
  MessageScanner scanner{JsonLimits{}};
  EXPECT_TRUE(message.take(scanner, PaddedString(std::move(text))).ok());
  return message;
}

std::string legacy(const std::string& result, Bytes method, Revision revision = newest, bool wraps = false) {
  const ClientMessage message = scanned(make_response("77", result));
  const std::string text =
      to_legacy_response(message.envelope(), R"("mine")", ResultShape{method, revision, wraps});
  const std::string head = R"({"jsonrpc":"2.0","id":"mine","result":)";
  EXPECT_EQ(text.substr(0, head.size()), head);
  return text.substr(head.size(), text.size() - head.size() - 1);
}

Json legacy_json(const std::string& result, Bytes method, Revision revision = newest, bool wraps = false) {
  auto json = Json::parse(legacy(result, method, revision, wraps));
  EXPECT_TRUE(json);
  return json ? *json : Json();
}

TEST(ToLegacyResponse, StripsWhatOnlyTheModernEraHas) {
  EXPECT_EQ(legacy(R"({"resultType":"complete","tools":[],"ttlMs":5,"cacheScope":"public"})", "tools/list"),
            R"({"tools":[]})");
  EXPECT_EQ(legacy(R"({"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}},"resources":[]})",
                   "resources/list"),
            R"({"resources":[]})");
  EXPECT_EQ(legacy(R"({"_meta":{"a":1.0,"io.modelcontextprotocol/serverInfo":{"name":"s"}},"x":1e2})", "own"),
            R"({"_meta":{"a":1.0},"x":1e2})");
  EXPECT_EQ(legacy("{}", "completion/complete"), "{}");
}

TEST(ToLegacyResponse, LeavesEverythingElseByteForByte) {
  const std::string result =
      R"({ "content":[{"type":"text","text":"\u0061"}], "n": 12345678901234567890.10 })";
  EXPECT_EQ(legacy(result, "tools/call"), result);
}

TEST(ToLegacyResponse, WrapsOutputThatIsNoObject) {
  EXPECT_EQ(legacy(R"({"content":[],"structuredContent":[1.0,2]})", "tools/call", links),
            R"({"content":[],"structuredContent":{"result":[1.0,2]}})");
  EXPECT_EQ(legacy(R"({"content":[],"structuredContent":{"a":1}})", "tools/call", newest),
            R"({"content":[],"structuredContent":{"a":1}})");
  // The schema that the client was shown is wrapped, so this is too.
  EXPECT_EQ(legacy(R"({"content":[],"structuredContent":{"a":1}})", "tools/call", newest, true),
            R"({"content":[],"structuredContent":{"result":{"a":1}}})");
}

TEST(ToLegacyResponse, DropsStructuredOutputForOlderRevisionsButNotItsMeaning) {
  EXPECT_EQ(
      legacy(R"({"content":[{"type":"text","text":"1"}],"structuredContent":[1]})", "tools/call", audio),
      R"({"content":[{"type":"text","text":"1"}]})");
  EXPECT_EQ(legacy(R"({"content":[],"structuredContent":{"a":1}})", "tools/call", oldest),
            R"({"content":[{"type":"text","text":"{\"a\":1}"}]})");
}

TEST(ToLegacyResponse, WrapsOrDropsOutputSchemas) {
  const std::string tools =
      R"({"tools":[{"name":"list","inputSchema":{"type":"object"},"outputSchema":{"type":"array","items":)"
      R"({"$ref":"#/$defs/n"},"$defs":{"n":{"anyOf":[{"$ref":"#"},{"const":{"$ref":"#"}}]}}}},)"
      R"({"name":"object","inputSchema":{"type":"object"},"outputSchema":{"type":"object"}}]})";
  const Json wrapped = legacy_json(tools, "tools/list", links);
  EXPECT_EQ(
      wrapped["tools"][0]["outputSchema"],
      *Json::parse(R"({"type":"object","properties":{"result":{"type":"array","items":)"
                   R"({"$ref":"#/properties/result/$defs/n"},"$defs":{"n":{"anyOf":[)"
                   R"({"$ref":"#/properties/result"},{"const":{"$ref":"#"}}]}}}},"required":["result"]})"));
  EXPECT_EQ(wrapped["tools"][1]["outputSchema"], *Json::parse(R"({"type":"object"})"));
  const Json dropped = legacy_json(tools, "tools/list", audio);
  EXPECT_FALSE(dropped["tools"][0].contains("outputSchema"));
  EXPECT_FALSE(dropped["tools"][1].contains("outputSchema"));
}

TEST(ToLegacyResponse, SaysWhetherAToolIsWrapped) {
  const auto wraps = [](const std::string& tool) {
    const PaddedString text(tool);
    return wraps_output(text.view(), JsonSpan{0, 0, static_cast<std::uint32_t>(tool.size())});
  };
  EXPECT_TRUE(wraps(R"({"outputSchema":{"type":"array"}})"));
  EXPECT_TRUE(wraps(R"({"outputSchema":true})"));
  EXPECT_TRUE(wraps(R"({"outputSchema":{"anyOf":[]}})"));
  EXPECT_FALSE(wraps(R"({"outputSchema":{"type":"object"}})"));
  EXPECT_FALSE(wraps(R"({"name":"t"})"));
  EXPECT_FALSE(wraps("3"));
}

TEST(ToLegacyResponse, TurnsContentThatARevisionLacksIntoText) {
  const std::string result =
      R"({"content":[{"type":"resource_link","uri":"a://b","name":"n","description":"about"},)"
      R"({"type":"audio","data":"AA==","mimeType":"audio/wav"},{"type":"text","text":"t"}]})";
  EXPECT_EQ(legacy(result, "tools/call", links), result);
  const Json older = legacy_json(result, "tools/call", audio);
  EXPECT_EQ(older["content"][0], *Json::parse(R"({"type":"text","text":"n: a://b\nabout"})"));
  EXPECT_EQ(older["content"][1]["type"].string_or(""), "audio");
  const Json old = legacy_json(result, "tools/call", oldest);
  EXPECT_EQ(old["content"][1]["type"].string_or(""), "text");
  EXPECT_EQ(old["content"][2]["text"].string_or(""), "t");

  const Json prompt = legacy_json(
      R"({"messages":[{"role":"user","content":{"type":"audio","data":"","mimeType":"audio/wav"}}]})",
      "prompts/get", oldest);
  EXPECT_EQ(prompt["messages"][0]["content"]["type"].string_or(""), "text");
  EXPECT_EQ(prompt["messages"][0]["role"].string_or(""), "user");
}

TEST(ToLegacyResponse, TakesStrangeShapesAsTheyAre) {
  for (const char* result : {"3", "null", "[]", R"({"content":3,"structuredContent":null})", R"({"tools":3})",
                             R"({"tools":[3,{"outputSchema":3}]})", R"({"messages":[3,{"content":4}]})",
                             R"({"messages":{}})", R"({"content":[3,{"type":4}]})"})
    for (const Bytes method : {"tools/call", "tools/list", "prompts/get"})
      for (const Revision revision : {oldest, links, newest}) legacy_json(result, method, revision);
}

TEST(ToLegacyResponse, KeepsErrorsUnderTheClientsId) {
  const ClientMessage message = scanned(make_error_response("77", -32603, "no", R"({"n":1.0})"));
  EXPECT_EQ(to_legacy_response(message.envelope(), "5", ResultShape{"tools/call", newest}),
            make_error_response("5", -32603, "no", R"({"n":1.0})"));
}

TEST(ToLegacyResponse, MapsCodesThatTheLegacyErasDoNotHave) {
  const auto code = [](int sent, const std::string& data, Bytes method) {
    const ClientMessage message = scanned(make_error_response("77", sent, "no", data));
    return (*Json::parse(
        to_legacy_response(message.envelope(), "5", ResultShape{method, newest})))["error"]["code"]
        .int64_or(0);
  };
  EXPECT_EQ(code(-32602, R"({"uri":"a://b"})", "resources/read"), -32002);
  EXPECT_EQ(code(-32602, R"({"uri":3})", "resources/read"), -32602);
  EXPECT_EQ(code(-32602, R"({"uri":"a://b"})", "tools/call"), -32602);
  EXPECT_EQ(code(-32602, {}, "resources/read"), -32602);
  EXPECT_EQ(code(-32020, {}, "tools/call"), -32603);
  EXPECT_EQ(code(-32022, {}, "tools/call"), -32603);
  EXPECT_EQ(code(-32021, {}, "prompts/get"), -32602);
  EXPECT_EQ(code(-32601, {}, "own/method"), -32601);
}

TEST(ToLegacyRefusal, NeverMakesAClientBelieveThatItsSessionIsGone) {
  Refusal refusal = refusals::method_not_found("x", Era::modern);
  EXPECT_EQ(to_legacy_refusal(refusal, "x").http_status, 200);
  EXPECT_EQ(to_legacy_refusal(refusals::header_mismatch("x"), "tools/call").http_status, 200);
  EXPECT_EQ(to_legacy_refusal(refusals::upstream_lost(Outcome::not_sent), "x").http_status, 502);
}

Result<Welcome> welcome(const std::string& result, Revision revision = newest) {
  return read_discovery(scanned(make_response("1", result)).envelope(), revision, "up");
}

TEST(ReadDiscovery, MakesAnInitializeResult) {
  const auto made = welcome(
      R"({"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"resources":)"
      R"({"subscribe":true},"prompts":{},"logging":{},"completions":{},"extensions":{"a/b":{}},"tasks":{},)"
      R"("experimental":{"x":{}}},"instructions":"say \"hi\"","ttlMs":1,"_meta":)"
      R"({"io.modelcontextprotocol/serverInfo":{"name":"far","version":"2","title":"T","icons":[]}}})");
  ASSERT_TRUE(made);
  EXPECT_EQ(
      made->result_json,
      R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"resources":)"
      R"({"subscribe":true},"prompts":{},"logging":{},"completions":{},"experimental":{"x":{}}},)"
      R"("serverInfo":{"name":"far","version":"2","title":"T","icons":[]},"instructions":"say \"hi\""})");
  EXPECT_TRUE(made->offer.logging);
  EXPECT_TRUE(made->offer.subscribe);
  EXPECT_TRUE(made->offer.tools_changed);
  EXPECT_FALSE(made->offer.prompts_changed);
  EXPECT_FALSE(made->offer.resources_changed);
}

TEST(ReadDiscovery, LeavesOutWhatARevisionDoesNotKnow) {
  const std::string result =
      R"({"capabilities":{"completions":{}},"_meta":{"io.modelcontextprotocol/serverInfo":)"
      R"({"name":"far","version":"2","title":"T","icons":[],"websiteUrl":"u","description":"d"}}})";
  EXPECT_EQ(
      welcome(result, oldest)->result_json,
      R"({"protocolVersion":"2024-11-05","capabilities":{},"serverInfo":{"name":"far","version":"2"}})");
  EXPECT_EQ((*Json::parse(welcome(result, links)->result_json))["serverInfo"],
            *Json::parse(R"({"name":"far","version":"2","title":"T"})"));
}

TEST(ReadDiscovery, NamesAServerThatDoesNotNameItself) {
  for (const char* result : {"{}", R"({"_meta":{"io.modelcontextprotocol/serverInfo":3}})",
                             R"({"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"x"}}})"})
    EXPECT_EQ((*Json::parse(welcome(result)->result_json))["serverInfo"],
              *Json::parse(R"({"name":"up","version":"unknown"})"));
}

TEST(ReadDiscovery, RefusesAServerOfOtherRevisions) {
  EXPECT_FALSE(welcome(R"({"supportedVersions":["2027-01-01"]})"));
  EXPECT_FALSE(welcome("3"));
  EXPECT_FALSE(read_discovery(scanned(make_error_response("1", -32603, "no")).envelope(), newest, "up"));
}

ClientCapabilities everything() {
  return *parse_client_capabilities(
      *Json::parse(R"({"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}})"), newest);
}

Result<InputRound> input_round(const std::string& members, const ClientCapabilities& who = everything()) {
  return read_input_required(
      scanned(make_response("1", R"({"resultType":"input_required")" + members + "}")).envelope(), who, 3);
}

TEST(ReadInputRequired, ReadsQuestionsAndTheExactState) {
  const auto read = input_round(
      R"(,"requestState":"a\u00e9\/","inputRequests":{"k\u0031":{"method":"roots/list"},)"
      R"("u":{"method":"elicitation/create","params":{"mode":"url","url":"https://x","message":"m"}}})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->request_state, R"("a\u00e9\/")");
  ASSERT_EQ(read->requests.size(), 2U);
  EXPECT_EQ(read->requests[0].key, "k1");
  EXPECT_EQ(read->requests[0].params_json, "");
  EXPECT_EQ(read->requests[1].url, "https://x");
  EXPECT_TRUE(input_round(R"(,"requestState":"only")")->requests.empty());
}

TEST(ReadInputRequired, RefusesWhatBreaksTheRules) {
  for (const char* members :
       {"", R"(,"inputRequests":{})", R"(,"requestState":3)", R"(,"inputRequests":[])",
        R"(,"inputRequests":{"a":3})", R"(,"inputRequests":{"a":{"method":"tools/call"}})",
        R"(,"inputRequests":{"a":{"method":"roots/list","params":[]}})",
        R"(,"inputRequests":{"a":{"method":"sampling/createMessage","params":{"tools":[]}}})",
        R"(,"inputRequests":{"a":{"method":"roots/list"},"b":{"method":"roots/list"},)"
        R"("c":{"method":"roots/list"},"d":{"method":"roots/list"}})"}) {
    const auto read = input_round(members);
    ASSERT_FALSE(read) << members;
    EXPECT_FALSE(read.error().message.empty());
  }
  EXPECT_FALSE(input_round(R"(,"inputRequests":{"a":{"method":"roots/list"}})", ClientCapabilities{}));
}

Json asked(const std::string& method, const std::string& params, Revision revision,
           const std::string& url = {}) {
  InputRequest request;
  request.method = method;
  request.params_json = params;
  request.url = url;
  return *Json::parse(to_legacy_ask(request, "\"q\"", revision, "e1"));
}

TEST(ToLegacyAsk, IsARequestOfTheClientsRevision) {
  EXPECT_EQ(asked("roots/list", "", oldest),
            *Json::parse(R"({"jsonrpc":"2.0","id":"q","method":"roots/list"})"));
  EXPECT_EQ(asked("elicitation/create", R"({"mode":"form","message":"m"})", links)["params"],
            *Json::parse(R"({"message":"m"})"));
  EXPECT_EQ(asked("elicitation/create", R"({"mode":"form","message":"m"})", newest)["params"],
            *Json::parse(R"({"mode":"form","message":"m"})"));
  EXPECT_EQ(asked("elicitation/create", R"({"mode":"url","url":"https://x"})", newest, "https://x")["params"],
            *Json::parse(R"({"mode":"url","url":"https://x","elicitationId":"e1"})"));
}

TEST(ToLegacyAsk, SplitsSampledMessagesThatAreLists) {
  const std::string params =
      R"({"maxTokens":10,"messages":[{"role":"user","content":[{"type":"text","text":"a"},)"
      R"({"type":"audio","data":"","mimeType":"audio/wav"}]},{"role":"user","content":{"type":"text","text":"b"}}]})";
  EXPECT_EQ(asked("sampling/createMessage", params, newest)["params"], *Json::parse(params));
  const Json split = asked("sampling/createMessage", params, oldest)["params"]["messages"];
  ASSERT_EQ(split.size(), 3U);
  EXPECT_EQ(split[0], *Json::parse(R"({"role":"user","content":{"type":"text","text":"a"}})"));
  EXPECT_EQ(split[1]["content"]["type"].string_or(""), "text");
  EXPECT_EQ(split[2]["content"]["text"].string_or(""), "b");
}

TEST(ToLegacyNotification, LosesTheNameOfItsSubscription) {
  const auto told = [](const std::string& params) {
    return to_legacy_notification(scanned(make_notification("notifications/x", params)).envelope());
  };
  EXPECT_EQ(told(R"({"_meta":{"io.modelcontextprotocol/subscriptionId":1}})"),
            R"({"jsonrpc":"2.0","method":"notifications/x"})");
  EXPECT_EQ(told(R"({"uri":"a://b","_meta":{"io.modelcontextprotocol/subscriptionId":1}})"),
            make_notification("notifications/x", R"({"uri":"a://b"})"));
  EXPECT_EQ(told(R"({"_meta":{"io.modelcontextprotocol/subscriptionId":1,"a":1.0}})"),
            make_notification("notifications/x", R"({"_meta":{"a":1.0}})"));
  EXPECT_EQ(told(R"({"a":1})"), make_notification("notifications/x", R"({"a":1})"));
}

TEST(MakeToolError, IsAToolsResult) {
  EXPECT_EQ(
      make_tool_error("1", "no \"way\""),
      R"({"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"no \"way\""}],"isError":true}})");
}

}  // namespace
}  // namespace sluice
