// SPDX-License-Identifier: Apache-2.0
#include "codec/json_scan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "codec/jsonrpc.h"

namespace sluice {
namespace {

// A scan whose text and scanner live as long as the envelope's views.
struct Scanned {
  explicit Scanned(Bytes message, const JsonLimits& limits = {}) : text(message), scanner(limits) {
    result = scanner.scan(text.padded(), envelope);
  }
  Bytes view(JsonSpan span) const { return envelope.view(span); }

  PaddedString text;
  MessageScanner scanner;
  Envelope envelope;
  ScanResult result;
};

void check_refused(Bytes message, int code, Bytes reason, const JsonLimits& limits = {}) {
  const Scanned scanned(message, limits);
  EXPECT_EQ(scanned.result.code, code) << message;
  EXPECT_EQ(Bytes(scanned.result.reason), reason) << message;
  EXPECT_EQ(scanned.envelope.kind, MessageKind::invalid) << message;
}

void check_kind(Bytes message, MessageKind kind) {
  const Scanned scanned(message);
  EXPECT_TRUE(scanned.result.ok()) << message << ": " << scanned.result.reason;
  EXPECT_EQ(scanned.envelope.kind, kind) << message;
}

TEST(JsonScan, TellsTheKindsApart) {
  check_kind(R"({"jsonrpc":"2.0","id":1,"method":"ping"})", MessageKind::request);
  check_kind(R"({"jsonrpc":"2.0","method":"notifications/initialized"})", MessageKind::notification);
  check_kind(R"({"jsonrpc":"2.0","id":1,"result":{}})", MessageKind::response);
  check_kind(R"({"jsonrpc":"2.0","id":1,"result":3})", MessageKind::response);
  check_kind(R"({"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m"}})", MessageKind::error_response);
  check_kind(R"({"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"m"}})", MessageKind::error_response);
  check_kind(R"({"jsonrpc":"2.0","error":{"code":-1,"message":"m","data":[1]}})",
             MessageKind::error_response);
  check_kind(R"([{"jsonrpc":"2.0","method":"x"}])", MessageKind::batch);
}

TEST(JsonScan, FindsTheMembersOfACall) {
  const Scanned call(
      " {\"jsonrpc\" : \"2.0\",\n \"id\" : \"a\\u0062\", "
      "\"method\":\"tools/call\",\"params\":{\"name\":\"add\\u0021\","
      R"("arguments":{"a":1,"_meta":{}},"requestState":"s","inputResponses":{},)"
      R"("_meta":{"progressToken":7,"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
      R"("io.modelcontextprotocol/clientCapabilities":{"x":{}},"io.modelcontextprotocol/clientInfo":{"name":"c"},)"
      R"("io.modelcontextprotocol/logLevel":"info","io.modelcontextprotocol/subscriptionId":"sub","traceparent":"00"}}} )");
  ASSERT_TRUE(call.result.ok()) << call.result.reason;
  const Envelope& e = call.envelope;
  EXPECT_EQ(e.message.begin, 1U);
  EXPECT_EQ(e.message.end, call.text.size() - 1);
  EXPECT_EQ(call.view(e.id), R"("a\u0062")");
  EXPECT_EQ(e.method, "tools/call");
  EXPECT_EQ(call.view(e.name_span), R"("add\u0021")");
  EXPECT_EQ(e.name, "add!");
  EXPECT_EQ(call.view(e.arguments), R"({"a":1,"_meta":{}})");
  EXPECT_EQ(call.view(e.request_state), "\"s\"");
  EXPECT_TRUE(e.input_responses);
  EXPECT_EQ(call.view(e.meta_progress_token), "7");
  EXPECT_EQ(e.meta_protocol_version, "2026-07-28");
  EXPECT_EQ(call.view(e.meta_client_capabilities), R"({"x":{}})");
  EXPECT_EQ(call.view(e.meta_client_info), R"({"name":"c"})");
  EXPECT_EQ(call.view(e.meta_log_level), "\"info\"");
  EXPECT_EQ(call.view(e.meta_subscription_id), "\"sub\"");
  EXPECT_EQ(call.view(e.meta_traceparent), "\"00\"");
  EXPECT_EQ(call.view(e.meta).front(), '{');
  EXPECT_EQ(call.view(e.params).back(), '}');
  EXPECT_EQ(e.text.substr(e.id.key, 4), "\"id\"");
  EXPECT_EQ(e.text.substr(e.meta.key, 7), "\"_meta\"");
  EXPECT_FALSE(e.uri_span);
  EXPECT_FALSE(e.result);
}

TEST(JsonScan, FindsTheMembersOfOtherMethods) {
  const Scanned initialize(
      R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",)"
      R"("capabilities":{"roots":{}},"clientInfo":{"name":"c","version":"1"}}})");
  EXPECT_EQ(initialize.envelope.protocol_version, "2025-11-25");
  EXPECT_EQ(initialize.view(initialize.envelope.capabilities), R"({"roots":{}})");
  EXPECT_TRUE(initialize.envelope.client_info);
  const Scanned read(R"({"jsonrpc":"2.0","id":0,"method":"resources\/read","params":{"uri":"file:\/\/x"}})");
  EXPECT_EQ(read.envelope.method, "resources/read");
  EXPECT_EQ(read.envelope.uri, "file://x");
  const Scanned progress(
      R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t"}})");
  EXPECT_EQ(progress.view(progress.envelope.progress_token), "\"t\"");
  const Scanned cancelled(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}})");
  EXPECT_EQ(cancelled.view(cancelled.envelope.request_id), "5");
  const Scanned listed(
      R"({"jsonrpc":"2.0","id":1,"method":"x","params":{"cursor":"","level":"debug","taskId":"t",)"
      R"("notifications":{},"task":{}}})");
  EXPECT_TRUE(listed.envelope.cursor);
  EXPECT_TRUE(listed.envelope.level);
  EXPECT_TRUE(listed.envelope.notifications);
  EXPECT_TRUE(listed.envelope.task);
  EXPECT_EQ(listed.envelope.task_id, "t");
}

TEST(JsonScan, FindsTheMembersOfAnswers) {
  const Scanned answer(
      R"({"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","_meta":)"
      R"({"io.modelcontextprotocol/subscriptionId":3,"io.modelcontextprotocol/serverInfo":{}}}})");
  EXPECT_EQ(answer.envelope.result_type, "complete");
  EXPECT_EQ(answer.view(answer.envelope.meta_subscription_id), "3");
  EXPECT_EQ(answer.view(answer.envelope.meta_server_info), "{}");
  const Scanned failure(
      R"({"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"no","data":{"requested":"x"}}})");
  EXPECT_EQ(failure.view(failure.envelope.error_code), "-32022");
  EXPECT_EQ(failure.view(failure.envelope.error_message), "\"no\"");
  EXPECT_EQ(failure.view(failure.envelope.error_data), R"({"requested":"x"})");
}

TEST(JsonScan, KeepsAnIdOfAnySizeAsText) {
  for (const Bytes id : {"9007199254740993", "-123456789012345678901234567890", "0", "\"\"", "\"x\\\"y\""}) {
    const Scanned scanned("{\"jsonrpc\":\"2.0\",\"id\":" + std::string(id) + ",\"method\":\"m\"}");
    ASSERT_TRUE(scanned.result.ok()) << id;
    EXPECT_EQ(scanned.view(scanned.envelope.id), id);
  }
}

TEST(JsonScan, RefusesWhatIsNoId) {
  for (const std::string id : {"1.0", "1e3", "true", "{}", "[1]", "1.5"}) {
    check_refused("{\"jsonrpc\":\"2.0\",\"id\":" + id + ",\"method\":\"m\"}", rpc::invalid_request,
                  "an id is a string or an integer");
  }
  check_refused(R"({"jsonrpc":"2.0","id":null,"method":"m"})", rpc::invalid_request,
                "the id of a request is not null");
  check_refused(R"({"jsonrpc":"2.0","id":null,"result":{}})", rpc::invalid_request, "a result without an id");
  check_refused("{\"jsonrpc\":\"2.0\",\"id\":\"" + std::string(300, 'x') + "\",\"method\":\"m\"}",
                rpc::invalid_request, "the id is too long");
}

TEST(JsonScan, RefusesWhatIsNoMessage) {
  check_refused(R"({"id":1,"method":"m"})", rpc::invalid_request, "jsonrpc is not \"2.0\"");
  check_refused(R"({"jsonrpc":"1.0","id":1,"method":"m"})", rpc::invalid_request, "jsonrpc is not \"2.0\"");
  check_refused(R"({"jsonrpc":2.0,"id":1,"method":"m"})", rpc::invalid_request, "jsonrpc is not \"2.0\"");
  check_refused("{}", rpc::invalid_request, "jsonrpc is not \"2.0\"");
  check_refused("[]", rpc::invalid_request, "an empty batch");
  check_refused("1", rpc::invalid_request, "a message is an object");
  check_refused("null", rpc::invalid_request, "a message is an object");
  check_refused(R"({"jsonrpc":"2.0","id":1})", rpc::invalid_request,
                "neither a method nor a result nor an error");
  check_refused(R"({"jsonrpc":"2.0","id":1,"method":7})", rpc::invalid_request, "the method is not a string");
  check_refused(R"({"jsonrpc":"2.0","id":1,"method":""})", rpc::invalid_request, "the method is empty");
  check_refused(R"({"jsonrpc":"2.0","id":1,"method":"m","params":[1]})", rpc::invalid_request,
                "params is not an object");
  check_refused(R"({"jsonrpc":"2.0","id":1,"method":"m","params":null})", rpc::invalid_request,
                "params is not an object");
  check_refused(R"({"jsonrpc":"2.0","id":1,"method":"m","result":1})", rpc::invalid_request,
                "a method together with a result or an error");
  check_refused(R"({"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}})",
                rpc::invalid_request, "a result together with an error");
  check_refused(R"({"jsonrpc":"2.0","id":1,"result":1,"params":{}})", rpc::invalid_request,
                "params without a method");
  for (const std::string bad :
       {"1", "{}", R"({"code":1})", R"({"code":1.5,"message":""})", R"({"code":1,"message":2})"}) {
    check_refused("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":" + bad + "}", rpc::invalid_request,
                  "an error without an integer code and a message");
  }
}

TEST(JsonScan, NamesAreCaseExactAndNothingElseIsInTheEnvelope) {
  for (const std::string name : {"Method", "ID", "param\xC5\xBF", "extra", "", "jsonrpc "}) {
    check_refused("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"" + name + "\":1}", rpc::invalid_request,
                  "a member that no JSON-RPC message has");
  }
  const Scanned scanned(R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"Name":"x","NAME":"y"}})");
  EXPECT_TRUE(scanned.result.ok());
  EXPECT_FALSE(scanned.envelope.name_span);
}

TEST(JsonScan, RefusesMembersThatOccurTwiceWhereRoutingLooks) {
  for (const Bytes message : {
           R"({"jsonrpc":"2.0","id":1,"id":2,"method":"m"})",
           R"({"jsonrpc":"2.0","id":1,"method":"m","m\u0065thod":"n"})",
           R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"name":"a","name":"b"}})",
           R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"zzz":1,"z\u007Az":2}})",
           R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"a":1,"a":1}}})",
           R"({"jsonrpc":"2.0","id":1,"result":{"_meta":{"a":1,"a":1}}})",
           R"({"jsonrpc":"2.0","id":1,"result":{"a":1,"a":1}})",
       }) {
    check_refused(message, rpc::invalid_request, "a member occurs twice");
  }
  check_kind(R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"arguments":{"a":1,"a":2}}})",
             MessageKind::request);
}

TEST(JsonScan, ReadsNamesWithEscapesAsWhatTheyMean) {
  const Scanned scanned(
      R"({"jsonrpc":"2.0","id":1,"m\u0065thod":"m","params":{"\u005fmeta":{"\u0070rogressToken":3}}})");
  ASSERT_TRUE(scanned.result.ok()) << scanned.result.reason;
  EXPECT_EQ(scanned.envelope.method, "m");
  EXPECT_EQ(scanned.view(scanned.envelope.meta_progress_token), "3");
}

TEST(JsonScan, RefusesMetaAndTokensOfAWrongType) {
  check_refused(R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":[]}})", rpc::invalid_params,
                "_meta is not an object");
  const Bytes token = "a progress token or request id is a string or an integer of bounded length";
  check_refused(R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"progressToken":1.5}}})",
                rpc::invalid_params, token);
  check_refused(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":null}})",
                rpc::invalid_params, token);
  check_refused(R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":{}}})",
                rpc::invalid_params, token);
  check_kind(R"({"jsonrpc":"2.0","method":"custom","params":{"progressToken":{},"requestId":null}})",
             MessageKind::notification);
}

TEST(JsonScan, RefusesWhatIsNoJsonWhereverItIs) {
  const auto call = [](const std::string& value) {
    return "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":{\"arguments\":{\"x\":[" + value +
           "]}}}";
  };
  EXPECT_TRUE(Scanned(call(R"({"deep":[1,"\ud83d\ude00",-0.5e+3,true,false,null,[],{}]})")).result.ok());
  for (const std::string bad : {"01",
                                "1.",
                                ".5",
                                "-",
                                "1e",
                                "+1",
                                "tru",
                                "nul",
                                "NaN",
                                "'a'",
                                "1 2",
                                "1,",
                                "{\"a\"}",
                                "{\"a\":}",
                                "{a:1}",
                                "{\"a\":1,}",
                                "[",
                                "{",
                                "\"\\x\"",
                                "\"\\u12g4\"",
                                "\"\\ud800\"",
                                "\"\\ud800\\u0041\"",
                                "\"\\udc00\"",
                                "\"\t\"",
                                "\"",
                                "1e400",
                                "]",
                                "}",
                                "[}",
                                "{]",
                                "\"\xFF\"",
                                "\"\xC0\xAF\"",
                                "\"\xED\xA0\x80\"",
                                "\x01",
                                "//"}) {
    EXPECT_EQ(Scanned(call(bad)).result.code, rpc::parse_error) << bad;
  }
  const std::string good = call("1");
  for (const std::string tail : {"x", ",", "}", "{}", "\xEF\xBB\xBF", " 1"}) {
    EXPECT_EQ(Scanned(good + tail).result.code, rpc::parse_error) << tail;
  }
  EXPECT_EQ(Scanned("\xEF\xBB\xBF" + good).result.code, rpc::parse_error);
  EXPECT_EQ(Scanned(good + std::string(1, '\0')).result.code, rpc::parse_error);
  EXPECT_EQ(Scanned("").result.code, rpc::parse_error);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(Scanned(good.substr(0, size)).result.code, rpc::parse_error) << size;
  }
}

TEST(JsonScan, LooksAtNoByteBehindTheText) {
  // The padding continues the text: only the size may say where it ends.
  const std::string text = R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"bcdefghijklmnopqrstuvw"}})";
  const PaddedString padded(text + text);
  MessageScanner scanner{JsonLimits{}};
  Envelope envelope;
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(scanner.scan(PaddedBytes::promise(padded.view().substr(0, size)), envelope).ok()) << size;
  }
  EXPECT_TRUE(scanner.scan(PaddedBytes::promise(padded.view().substr(0, text.size())), envelope).ok());
}

TEST(JsonScan, HoldsItsLimits) {
  JsonLimits limits;
  limits.depth_max = 4;
  const auto call = [](const std::string& params) {
    return "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":" + params + "}";
  };
  EXPECT_TRUE(Scanned(call(R"({"a":[[1]]})"), limits).result.ok());
  check_refused(call(R"({"a":[[[1]]]})"), rpc::parse_error, "nested too deeply", limits);
  EXPECT_EQ(Scanned(std::string(100'000, '[')).result.code, rpc::parse_error);
  limits.depth_max = 1'000'000;
  EXPECT_EQ(Scanned(std::string(100'000, '['), limits).result.code, rpc::parse_error);
  limits = JsonLimits{};
  limits.envelope_members_max = 4;
  EXPECT_TRUE(Scanned(call(R"({"a":1,"b":1,"c":1,"d":1})"), limits).result.ok());
  check_refused(call(R"({"a":1,"b":1,"c":1,"d":1,"e":1})"), rpc::invalid_request,
                "too many members in the message, its params or its _meta", limits);
  limits = JsonLimits{};
  limits.method_bytes_max = 3;
  check_refused(R"({"jsonrpc":"2.0","method":"abcd"})", rpc::invalid_request, "the method is too long",
                limits);
  limits = JsonLimits{};
  limits.message_bytes_max = 10;
  check_refused(R"({"jsonrpc":"2.0","method":"abcd"})", rpc::invalid_request, "the message is too large",
                limits);
  limits = JsonLimits{};
  limits.batch_messages_max = 2;
  check_refused("[1,2,3]", rpc::invalid_request, "too many messages in a batch", limits);
}

TEST(JsonScan, GivesTheElementsOfABatch) {
  const Scanned batch(R"( [ {"jsonrpc":"2.0","method":"a"} , 7, {"jsonrpc":"2.0","id":1,"method":"b"}] )");
  ASSERT_EQ(batch.envelope.kind, MessageKind::batch);
  const std::vector<JsonSpan> elements = batch.scanner.batch();
  ASSERT_EQ(elements.size(), 3U);
  MessageScanner scanner{JsonLimits{}};
  Envelope envelope;
  EXPECT_TRUE(scanner.scan(element_text(batch.text.padded(), elements[0]), envelope).ok());
  EXPECT_EQ(envelope.method, "a");
  EXPECT_EQ(scanner.scan(element_text(batch.text.padded(), elements[1]), envelope).code,
            rpc::invalid_request);
  EXPECT_TRUE(scanner.scan(element_text(batch.text.padded(), elements[2]), envelope).ok());
  EXPECT_EQ(envelope.kind, MessageKind::request);
}

TEST(JsonScan, GivesTheIdOfARefusedMessage) {
  const Scanned scanned(R"({"jsonrpc":"2.0","id":77,"method":"m","params":[]})");
  EXPECT_FALSE(scanned.result.ok());
  EXPECT_EQ(scanned.view(scanned.envelope.id), "77");
  // But never one that is none.
  EXPECT_FALSE(Scanned(R"({"jsonrpc":"2.0","id":{"a":1},"method":"m"})").envelope.id.present());
}

TEST(JsonScan, WalksOneLevelOfWhatWasTaken) {
  const Scanned scanned(
      R"({"jsonrpc":"2.0","id":1,"result":{"tools" : [ {"name":"a"}, {"na\u006de":"b"} ],"x":1}})");
  const Bytes text = scanned.envelope.text;
  const JsonSpan tools = json_member(text, scanned.envelope.result, "tools");
  const std::vector<JsonSpan> items = json_children(text, tools);
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].in(text), R"({"name":"a"})");
  EXPECT_EQ(json_member(text, items[1], "name").in(text), "\"b\"");
  EXPECT_FALSE(json_member(text, items[1], "none").present());
  EXPECT_FALSE(json_member(text, tools, "none").present());
  EXPECT_TRUE(json_children(text, scanned.envelope.id).empty());
  EXPECT_EQ(json_children(text, scanned.envelope.message).size(), 3U);
}

TEST(JsonScan, ScansWithoutAScanner) {
  const PaddedString text(Bytes(R"({"jsonrpc":"2.0","method":"a\u0062"})"));
  Envelope envelope;
  EXPECT_TRUE(scan_message(text.padded(), JsonLimits{}, envelope).ok());
  EXPECT_EQ(envelope.view(envelope.method_span), R"("a\u0062")");
  EXPECT_TRUE(envelope.method.empty());
}

TEST(DecodeJsonString, ReadsEveryEscape) {
  std::string out = ">";
  EXPECT_TRUE(decode_json_string(R"("\"\\\/\b\f\n\r\tx\u00E9\u20ac\ud83d\ude00\u0000")", out));
  EXPECT_EQ(out, std::string(">\"\\/\b\f\n\r\tx\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\0", 20));
  for (const Bytes bad : {"", "\"", "x", "\"a", "\"a\"b", "\"\\\"", "1"})
    EXPECT_FALSE(decode_json_string(bad, out)) << bad;
}

}  // namespace
}  // namespace sluice
