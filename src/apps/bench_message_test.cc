// SPDX-License-Identifier: Apache-2.0
#include "apps/bench_message.h"

#include <gtest/gtest.h>

#include "codec/http1.h"
#include "codec/json_scan.h"

namespace sluice {
namespace {

struct Read {
  std::string method;
  std::string target;
  std::string session;
  std::string mcp_name;
  std::string version;
  std::string body;
  bool whole = false;
};

// Reads a request with our own reader, as a server would.
Read read(const std::string& bytes) {
  const HttpLimits limits;
  Http1Reader reader(HttpRole::request, limits);
  Read read;
  for (Bytes input = bytes;;) {
    switch (reader.next(input)) {
      case Http1Reader::Step::head: {
        const HttpHead& head = reader.head();
        read.method = head.method;
        read.target = head.target;
        read.session = header_value(head.fields, "Mcp-Session-Id");
        read.mcp_name = header_value(head.fields, "Mcp-Name");
        read.version = header_value(head.fields, "MCP-Protocol-Version");
        break;
      }
      case Http1Reader::Step::body: read.body += reader.body(); break;
      case Http1Reader::Step::end: read.whole = input.empty(); return read;
      case Http1Reader::Step::need_bytes:
      case Http1Reader::Step::refused: return read;
    }
  }
}

Envelope scan(const PaddedString& text) {
  Envelope envelope;
  EXPECT_TRUE(scan_message(text.padded(), JsonLimits{}, envelope).ok());
  return envelope;
}

BenchTarget target(BenchCall call) {
  auto made = make_bench_target(call);
  EXPECT_TRUE(made.ok());
  return *std::move(made);
}

TEST(BenchMessage, AModernCallCarriesItsMetaAndItsHeaders) {
  BenchCall call;
  call.url = "http://example.com:8080/mcp?x=1";
  call.era = Era::modern;
  call.tool = "grüße";
  BenchRequest request = bench_call(target(call), {});
  request.set_id(1'234'567'890);
  const Read got = read(request.bytes);
  EXPECT_TRUE(got.whole);
  EXPECT_EQ(got.method, "POST");
  EXPECT_EQ(got.target, "/mcp?x=1");
  EXPECT_EQ(got.version, "2026-07-28");
  EXPECT_EQ(got.mcp_name, "=?base64?Z3LDvMOfZQ==?=");
  const PaddedString text(got.body);
  const Envelope envelope = scan(text);
  EXPECT_EQ(envelope.kind, MessageKind::request);
  EXPECT_EQ(envelope.view(envelope.id), "1234567890");
  EXPECT_EQ(envelope.view(envelope.meta_protocol_version_span), "\"2026-07-28\"");
  EXPECT_TRUE(envelope.meta_client_capabilities.present());
}

TEST(BenchMessage, ALegacyCallCarriesItsSessionAndNoMeta) {
  BenchCall call;
  call.url = "http://127.0.0.1/mcp";
  BenchRequest request = bench_call(target(call), "abc");
  request.set_id(bench_id_first);
  const Read got = read(request.bytes);
  EXPECT_TRUE(got.whole);
  EXPECT_EQ(got.session, "abc");
  EXPECT_EQ(got.version, "2025-11-25");
  EXPECT_EQ(got.mcp_name, "");
  const PaddedString text(got.body);
  EXPECT_FALSE(scan(text).meta.present());
}

TEST(BenchMessage, TheIdIsNotMistakenForAnArgumentThatLooksLikeIt) {
  BenchCall call;
  call.url = "http://127.0.0.1/mcp";
  call.arguments = R"({"a":9999999999})";
  BenchRequest request = bench_call(target(call), {});
  request.set_id(bench_id_first + 7);
  const PaddedString text(read(request.bytes).body);
  const Envelope envelope = scan(text);
  EXPECT_EQ(envelope.view(envelope.id), "1000000007");
  EXPECT_EQ(envelope.view(envelope.arguments), R"({"a":9999999999})");
}

TEST(BenchMessage, APayloadIsAddedToTheArguments) {
  BenchCall call;
  call.url = "http://127.0.0.1/mcp";
  call.payload_bytes = 4096;
  const BenchTarget made = target(call);
  EXPECT_NE(made.params.find("\"message\":\"" + std::string(4096, 'x') + "\""), std::string::npos);
}

TEST(BenchMessage, OtherMethodsTakeTheArgumentsAsTheirParams) {
  BenchCall call;
  call.url = "http://127.0.0.1/mcp";
  call.method = "resources/read";
  call.arguments = R"({"uri":"demo://1"})";
  EXPECT_EQ(target(call).params, R"({"uri":"demo://1"})");
  EXPECT_EQ(target(call).name, "demo://1");
}

TEST(BenchMessage, ASessionBeginsAndEndsWithWholeRequests) {
  BenchCall call;
  call.url = "http://127.0.0.1/mcp";
  call.bearer = "key";
  const BenchTarget made = target(call);
  BenchRequest initialize = bench_initialize(made);
  initialize.set_id(bench_id_first);
  EXPECT_TRUE(read(initialize.bytes).whole);
  EXPECT_NE(initialize.bytes.find("Authorization: Bearer key\r\n"), std::string::npos);
  EXPECT_EQ(bench_initialized(made, "s").id_at, 0U);
  EXPECT_TRUE(read(bench_initialized(made, "s").bytes).whole);
  EXPECT_EQ(read(bench_delete(made, "s").bytes).method, "DELETE");
}

TEST(BenchMessage, WhatCannotBeAskedIsRefused) {
  const auto refused = [](const char* url, const char* arguments, const char* bearer) {
    BenchCall call;
    call.url = url;
    call.arguments = arguments;
    call.bearer = bearer;
    return !make_bench_target(call).ok();
  };
  EXPECT_TRUE(refused("https://127.0.0.1/", "{}", ""));
  EXPECT_TRUE(refused("127.0.0.1", "{}", ""));
  EXPECT_TRUE(refused("http://127.0.0.1/", "[1]", ""));
  EXPECT_TRUE(refused("http://127.0.0.1/", "{", ""));
  EXPECT_TRUE(refused("http://127.0.0.1/", "{}", "a\r\nX: b"));
}

}  // namespace
}  // namespace sluice
