// SPDX-License-Identifier: Apache-2.0
#include "codec/jsonrpc.h"

#include <gtest/gtest.h>

#include <string>
#include <unordered_set>

#include "codec/json_scan.h"

namespace sluice {
namespace {

RpcId id_of(Bytes raw) {
  const Result<RpcId> id = RpcId::from_raw(raw);
  EXPECT_TRUE(id.ok()) << raw;
  return id.ok() ? *id : RpcId();
}

TEST(RpcId, KeepsWhatThePeerWrote) {
  for (const Bytes raw :
       {"9007199254740993", "123456789012345678901234567890", "-1", "-0", "\"a\\u0062\"", "\"\""}) {
    EXPECT_EQ(id_of(raw).raw(), raw);
  }
}

TEST(RpcId, RefusesWhatIsNoId) {
  for (const Bytes raw : {"", "null", "1.0", "1e3", "01", "-", "true", "{}", "[1]", "\"", "\"a", "\"a\"b\"",
                          "\"\n\"", "\"\\ud800\"", "\"\xFF\"", " 1", "1 "}) {
    EXPECT_FALSE(RpcId::from_raw(raw).ok()) << raw;
  }
}

TEST(RpcId, IsEqualByValue) {
  EXPECT_EQ(id_of(R"("a")"), id_of(R"("\u0061")"));
  EXPECT_EQ(id_of(R"("a\nb")"), RpcId::from_string("a\nb"));
  EXPECT_EQ(id_of(R"("\/")"), id_of(R"("/")"));
  EXPECT_EQ(id_of("7"), RpcId(7));
  EXPECT_EQ(id_of("-0"), RpcId(0));
  EXPECT_FALSE(id_of("1") == id_of(R"("1")"));
  EXPECT_FALSE(id_of("9007199254740993") == id_of("9007199254740992"));
  EXPECT_EQ(RpcId(), RpcId());
  EXPECT_FALSE(RpcId().present());
  EXPECT_EQ(id_of(R"("\u0061b")").canonical(), R"("ab")");
  EXPECT_EQ(id_of(R"("\u0061b")").text(), "ab");
  EXPECT_EQ(RpcId(5).text(), "5");
  EXPECT_TRUE(RpcId(5).is_integer());
  EXPECT_TRUE(RpcId::from_string("").is_string());
}

TEST(RpcId, HashesByValue) {
  std::unordered_set<RpcId> ids{id_of(R"("a")"), id_of(R"("\u0061")"), id_of("1"), id_of(R"("1")"), RpcId(1)};
  EXPECT_EQ(ids.size(), 3U);
}

TEST(JsonRpc, WritesTheFourMessages) {
  EXPECT_EQ(make_request("7", "tools/call", R"({"name":"x"})"),
            R"({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}})");
  EXPECT_EQ(make_request("\"a\"", "ping"), R"({"jsonrpc":"2.0","id":"a","method":"ping"})");
  EXPECT_EQ(make_notification("notifications/initialized"),
            R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
  EXPECT_EQ(make_response("7", "{}"), R"({"jsonrpc":"2.0","id":7,"result":{}})");
  EXPECT_EQ(make_error_response("7", rpc::parse_error, "bad \"x\"", R"({"at":1})"),
            R"({"jsonrpc":"2.0","id":7,"error":{"code":-32700,"message":"bad \"x\"","data":{"at":1}}})");
  EXPECT_EQ(make_error_response("", rpc::invalid_request, "no"),
            R"({"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}})");
}

TEST(JsonRpc, ShowsOnlyProtocolErrorsAsTheyAre) {
  EXPECT_EQ(make_error_response(
                "1", protocol_error(rpc::unsupported_protocol_version, "old", R"({"supported":[]})")),
            R"({"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"old","data":{"supported":[]}}})");
  EXPECT_EQ(make_error_response("1", error("broken")),
            R"({"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"broken"}})");
}

TEST(JsonRpc, WhatItWritesTheScannerTakes) {
  const JsonLimits limits;
  const auto kind = [&](const std::string& text) {
    Envelope envelope;
    const PaddedString padded(text);
    const ScanResult result = scan_message(padded.padded(), limits, envelope);
    EXPECT_TRUE(result.ok()) << text << ": " << result.reason;
    return envelope.kind;
  };
  EXPECT_EQ(kind(make_request("1", "ping", "{}")), MessageKind::request);
  EXPECT_EQ(kind(make_notification("a\"b")), MessageKind::notification);
  EXPECT_EQ(kind(make_response("\"x\"", "[]")), MessageKind::response);
  EXPECT_EQ(kind(make_error_response("", -1, "m")), MessageKind::error_response);
}

}  // namespace
}  // namespace sluice
