// SPDX-License-Identifier: Apache-2.0
#include "mcp/to_modern.h"

#include <gtest/gtest.h>

#include "codec/json.h"
#include "mcp/exchange.h"
#include "mcp/modern.h"

namespace sluice {
namespace {

ClientMessage scanned(std::string text) {
  ClientMessage message;
  MessageScanner scanner{JsonLimits{}};
  EXPECT_TRUE(message.take(scanner, PaddedString(std::move(text))).ok());
  return message;
}

Result<Introduction> introduction(const std::string& version, const std::string& capabilities,
                                  const std::string& more = {}) {
  return read_introduction(scanned(R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":)"
                                   R"({"protocolVersion":")" +
                                   version + R"(","capabilities":)" + capabilities + more + "}}")
                               .envelope());
}

Introduction somebody() {
  auto who = introduction("2025-11-25", "{}", R"(,"clientInfo":{"name":"old","version":"1"})");
  EXPECT_TRUE(who);
  return *std::move(who);
}

std::string sent(const std::string& request, const Introduction& who, const RetryParts& retry = {}) {
  return to_modern_request(scanned(request).envelope(), "77", who, retry);
}

TEST(ReadIntroduction, MapsCapabilitiesByTheRevisionThatIsNegotiated) {
  const std::string all =
      R"({"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{"listChanged":true},)"
      R"("experimental":{"x":{"n":12345678901234567}}})";
  const auto said = [&](const std::string& version) {
    return *Json::parse(introduction(version, all)->capabilities_json);
  };
  EXPECT_EQ(
      said("2025-11-25"),
      *Json::parse(
          R"({"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{},)"
          R"("extensions":{"io.modelcontextprotocol/tasks":{}},"experimental":{"x":{"n":12345678901234567}}})"));
  EXPECT_EQ(said("2025-06-18")["elicitation"], *Json::parse(R"({"form":{}})"));
  EXPECT_EQ(said("2025-06-18")["sampling"], Json::object());
  EXPECT_FALSE(said("2025-03-26").contains("elicitation"));
  EXPECT_TRUE(said("2024-11-05").contains("roots"));
}

TEST(ReadIntroduction, AnswersAnUnknownVersionWithTheLatestLegacyOne) {
  EXPECT_EQ(introduction("1999-01-01", "{}")->revision, latest_legacy);
  EXPECT_EQ(introduction("2026-07-28", "{}")->revision, latest_legacy);
  EXPECT_EQ(introduction("2024-11-05", "{}")->revision, Revision::r2024_11_05);
}

TEST(ReadIntroduction, RefusesCapabilitiesThatBreakTheirSchema) {
  const auto who = introduction("2025-11-25", R"({"sampling":3})");
  ASSERT_FALSE(who);
  EXPECT_NE(who.error().message.find("sampling"), std::string::npos);
}

TEST(ToModernRequest, LaysTheEnvelopeOnAndIsWellFormed) {
  Introduction who = somebody();
  who.log_level_json = "\"info\"";
  for (const std::string params :
       {"", R"(,"params":{})", R"(,"params":{"name":"t"})", R"(,"params":{"_meta":{}})",
        R"(,"params":{"_meta":{"progressToken":"p","vendor/x":1.50}})"}) {
    const ClientMessage message =
        scanned(sent(R"({"jsonrpc":"2.0","id":"a","method":"tools/list")" + params + "}", who));
    const Envelope& envelope = message.envelope();
    EXPECT_EQ(message.id(), "77");
    const std::array supported{latest_modern};
    EXPECT_FALSE(check_modern_line(envelope, supported)) << message.text();
    EXPECT_EQ(envelope.view(envelope.meta_log_level), "\"info\"");
    EXPECT_EQ(envelope.view(envelope.meta_client_info), R"({"name":"old","version":"1"})");
  }
}

TEST(ToModernRequest, KeepsTheClientsKeysAndEveryByteOfTheRest) {
  const std::string text =
      sent(R"({ "jsonrpc" : "2.0","id":9007199254740993,"method":"tools/call","params":{ "name":"t",)"
           R"("arguments":{"n":123456789012345678901234567890,"f":1.10,"z":1,"a":"\u0061"},)"
           R"("_meta":{"progressToken":9007199254740993,"vendor/x":[1.0],"traceparent":"00-1"}}})",
           somebody());
  EXPECT_NE(text.find(R"("arguments":{"n":123456789012345678901234567890,"f":1.10,"z":1,"a":"\u0061"})"),
            std::string::npos);
  EXPECT_NE(text.find(R"("progressToken":9007199254740993,"vendor/x":[1.0],"traceparent":"00-1")"),
            std::string::npos);
}

TEST(ToModernRequest, ReplacesWhatAClientSaysUnderTheKeysOfTheProtocol) {
  const Json json = *Json::parse(sent(
      R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","task":{"ttl":1},"requestState":"x",)"
      R"("inputResponses":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2025-11-25",)"
      R"("io.modelcontextprotocol/logLevel":"debug","io.modelcontextprotocol/clientCapabilities":{"roots":{}},)"
      R"("io.modelcontextprotocol/related-task":{"taskId":"1"}}}})",
      somebody()));
  EXPECT_EQ(json["params"],
            *Json::parse(R"({"name":"t","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                         R"("io.modelcontextprotocol/clientInfo":{"name":"old","version":"1"},)"
                         R"("io.modelcontextprotocol/clientCapabilities":{"extensions":)"
                         R"({"io.modelcontextprotocol/tasks":{}}}}})"));
}

TEST(ToModernRequest, AddsAnswersAndTheExactStateToARetry) {
  RetryParts retry;
  retry.input_responses = R"({"k":{"action":"accept"}})";
  retry.request_state = R"("a\u00e9\/b")";
  const std::string text =
      sent(R"({"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"p"}})", somebody(), retry);
  EXPECT_NE(text.find(R"("requestState":"a\u00e9\/b")"), std::string::npos);
  EXPECT_NE(text.find(R"("inputResponses":{"k":{"action":"accept"}})"), std::string::npos);
}

TEST(MakeModernRequest, IsARequestInTheClientsName) {
  const ClientMessage message =
      scanned(make_modern_request("5", "tools/list", somebody(), R"("cursor":"c")"));
  EXPECT_EQ(message.envelope().method, "tools/list");
  EXPECT_EQ(message.envelope().view(message.envelope().cursor), "\"c\"");
  EXPECT_EQ(message.envelope().meta_protocol_version, "2026-07-28");
}

TEST(ToInputResponse, IsTheResultWithoutMeta) {
  const auto response = [](const std::string& result) {
    return to_input_response(scanned(R"({"jsonrpc":"2.0","id":"q","result":)" + result + "}").envelope());
  };
  EXPECT_EQ(response(R"({"action":"accept","content":{"n":1.50}})"),
            R"({"action":"accept","content":{"n":1.50}})");
  EXPECT_EQ(response(R"({"_meta":{"a":1},"roots":[]})"), R"({"roots":[]})");
  EXPECT_EQ(response(R"({"action":"decline","_meta":{}})"), R"({"action":"decline"})");
}

}  // namespace
}  // namespace sluice
