// SPDX-License-Identifier: Apache-2.0
#include "mcp/request_state.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

Sealer sealer(std::uint16_t slot = 0) {
  KeyRing ring;
  EXPECT_TRUE(ring.add(1, std::string(seal_key_bytes, 'k')).ok());
  return Sealer(std::move(ring), SealOrigin{slot, 1}, Sealer::Salt{});
}

Digest digest_of(const std::string& text) {
  const PaddedString padded(text);
  MessageScanner scanner{JsonLimits{}};
  Envelope envelope;
  EXPECT_TRUE(scanner.scan(padded.padded(), envelope).ok()) << text;
  const auto digest = request_digest(envelope);
  EXPECT_TRUE(digest.ok()) << text;
  return digest ? *digest : Digest{};
}

std::string call(const std::string& params, const std::string& method = "tools/call",
                 const std::string& id = "1") {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + R"(","params":{)" + params + "}}";
}

const WallTime now{std::chrono::milliseconds(1'800'000'000'000)};
const std::string first = call(R"("name":"book","arguments":{"b":1,"a":[1.0,"x"]})");

StateScope scope() { return {"ask", Principal{"alice"}, digest_of(first)}; }

TEST(RequestDigest, IsTheSameForTheRetry) {
  const Digest digest = digest_of(first);
  EXPECT_EQ(digest,
            digest_of(call(R"("name":"book","arguments":{"b":1,"a":[1.0,"x"]})", "tools/call", "\"2\"")));
  EXPECT_EQ(
      digest,
      digest_of(
          call(R"("arguments":{ "a" : [1, "\u0078"], "b":1 },"name":"b\u006fok","_meta":{"progressToken":9},)"
               R"("inputResponses":{"k":{}},"requestState":"s")")));
}

TEST(RequestDigest, DiffersWithTheRequest) {
  const Digest digest = digest_of(first);
  for (const std::string& other :
       {call(R"("name":"boo","arguments":{"b":1,"a":[1.0,"x"]})"),
        call(R"("name":"book","arguments":{"b":2,"a":[1.0,"x"]})"),
        call(R"("name":"book","arguments":{"b":1,"a":["x",1]})"), call(R"("name":"book")"),
        call(R"("name":"book","arguments":{"b":1,"a":[1.0,"x"]})", "prompts/get"),
        call(R"("uri":"book","arguments":{"b":1,"a":[1.0,"x"]})", "resources/read")})
    EXPECT_NE(digest, digest_of(other)) << other;
  EXPECT_EQ(digest_of(call(R"("name":"book")")), digest_of(call(R"("name":"book","arguments":{})")));
  EXPECT_NE(request_digest("ab", "c", Json()), request_digest("a", "bc", Json()));
}

TEST(RequestStates, BringTheirPayloadBackInAnyWorker) {
  RequestStates minting(sealer(0), McpLimits{}), opening(sealer(3), McpLimits{});
  const auto state = minting.seal(scope(), R"({"answers":{}})", now);
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(*opening.open(scope(), *state, now + seconds(599)), R"({"answers":{}})");
}

TEST(RequestStates, ExpireAndSaySo) {
  RequestStates states(sealer(), McpLimits{});
  const std::string state = *states.seal(scope(), "x", now);
  EXPECT_TRUE(states.open(scope(), state, now + seconds(599)).ok());
  const auto late = states.open(scope(), state, now + seconds(600));
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().number, -32602);
  EXPECT_NE(late.error().message.find("expired"), std::string::npos);
}

TEST(RequestStates, AreBoundToPurposePrincipalAndRequest) {
  RequestStates states(sealer(), McpLimits{});
  const std::string state = *states.seal(scope(), "x", now);
  StateScope purpose = scope(), principal = scope(), request = scope();
  purpose.purpose = "park";
  principal.principal = Principal{"bob"};
  request.request = digest_of(call(R"("name":"other")"));
  for (const StateScope& other : {purpose, principal, request}) {
    const auto opened = states.open(other, state, now);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, Errc::protocol);
    EXPECT_EQ(opened.error().number, -32602);
  }
}

TEST(RequestStates, ThatWereChangedAreRefused) {
  RequestStates states(sealer(), McpLimits{});
  const std::string state = *states.seal(scope(), "x", now);
  for (std::size_t i = 0; i < state.size(); ++i) {
    std::string changed = state;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(states.open(scope(), changed, now).ok()) << i;
  }
  for (const std::string& bad : {std::string(), std::string("x"), state + "A", std::string(100'000, 'A')})
    EXPECT_EQ(states.open(scope(), bad, now).error().number, -32602);
}

TEST(RequestStates, AreCappedWithANamedError) {
  RequestStates states(sealer(), McpLimits{});
  EXPECT_TRUE(states.seal(scope(), std::string(48'000, 'x'), now).ok());
  for (const std::size_t size : {std::size_t{50'000}, std::size_t{1'000'000}}) {
    const auto state = states.seal(scope(), std::string(size, 'x'), now);
    ASSERT_FALSE(state.ok());
    EXPECT_EQ(state.error().code, Errc::too_large);
    EXPECT_NE(state.error().message.find("request_state_too_large"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice
